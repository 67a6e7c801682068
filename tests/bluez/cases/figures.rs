//! What the link costs beside bare writes and indications.

use crate::{bare, bench::Bench};

/// How many exchanges a figure rests on.
const EXCHANGES: usize = 50;

/// Bare exchanges alone: they say what the emulated machine can do.
pub(crate) async fn bare(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let figures = bare::measure(bench, EXCHANGES).await?;
    Ok(figures.to_string())
}

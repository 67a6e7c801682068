//! The diagnostic log: what explains, beside the record, which proves.
//!
//! # Never
//! It holds no identity, no secret and no dose history.

use tracing::Level;

/// Logs to standard error; warnings and errors, or from the level that `RUST_LOG` names on.
pub fn to_stderr() {
    let named = std::env::var("RUST_LOG").ok().and_then(|level| level.parse::<Level>().ok());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(named.unwrap_or(Level::WARN)).init();
}

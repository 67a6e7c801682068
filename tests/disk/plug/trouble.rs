//! Placeholder.
use crate::{Slot, machine::Parts};
pub(crate) fn all(_parts: &Parts, _slot: &Slot) -> anyhow::Result<(u32, u32)> {
    Ok((0, 0))
}

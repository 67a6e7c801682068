//! The record in one SQLite file: the core's chain made durable.
//!
//! Reading order: [`Store`] (the one writer), [`View`] (any number of readers, also of a file on a stick), [`Verification`]
//! (the whole chain in slices), [`write_export`] (the record as one file), [`prune`] (the oldest lines leave). Tables and triggers stand in `migrations/`.
//!
//! # Promises
//! - What [`Store::append`] has returned a head for survives a power cut; what it refused is not in the record.
//! - A file that is damaged, foreign or newer is left exactly as it was found.
//! - Memory doesn't grow with the record.
//!
//! # Traps
//! - The directory must be on a disk whose cache obeys a flush, which nothing here can see (`tests/disk/plug` shows what follows).
//! - A reader's open transaction keeps the write-ahead log from being folded back: readers take pages, and never hold one.

mod error;
mod export;
mod file;
pub mod prune;
mod rows;
mod schema;
mod store;
mod verification;
mod view;

pub use error::{AppendError, OpenError, ReadError};
pub use export::{ExportError, is_export, read_export, verify_export, write_export};
pub use file::set_aside;
pub use store::{Opened, Opening, SIZE_MAX_BYTES, Store, TailVerdict};
pub use verification::{Progress, Show, Verification};
pub use view::{PAGE_MAX, View};

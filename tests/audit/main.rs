//! The record: what is written stays, and what is changed is found and named.
//!
//! These tests run with the rights of whoever starts them; for root no permission bit binds, so a directory that can't be
//! written is shown by one that is a file, and the rest by the mapping of SQLite's and the system's codes. Whether the disk
//! obeys a flush can't be seen from here: `synchronous = OFF` would leave every test green; `tests/disk/plug` sees it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod common;
mod disk;
mod export;
mod hostile;
mod keys;
mod power;
mod prune;
mod retrace;
mod stick;
mod tamper;
mod tool;
mod upgrade;
mod view;

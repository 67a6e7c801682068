//! Placeholder.
pub mod adapters;

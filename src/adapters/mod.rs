//! One outside thing each: an adapter speaks only the core's types and its one library, and knows no other adapter.

pub mod keys;
pub mod sqlite;

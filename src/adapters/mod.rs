//! One module per outside thing. Each speaks only the core's types and imports no sibling.

pub mod slint;

//! May a demand dose be asked for, and if not, why and until when?

pub mod reason;

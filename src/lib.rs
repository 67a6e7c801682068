//! The patient remote: adapters to the outside, around the machine that decides.

pub mod adapters;

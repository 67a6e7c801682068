//! Use and exception cases, one file each: what holds before, what is done, what holds after.
mod dose_delivered;

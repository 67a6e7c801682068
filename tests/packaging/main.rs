//! The Yocto layers agree with the program that they build, with each other and with themselves.
//!
//! What needs BitBake is not here; what can go wrong between two files of this repository is.
//!
//! The recipe's list of crates is a plain function of `Cargo.lock`, in the form that `bitbake -c update_crates pump-remote` writes:
//! `WRITE_CRATES=1 cargo test -p pump-tests --test packaging` writes it.

#[cfg(test)]
mod crates;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod versions;

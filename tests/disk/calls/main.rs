//! A kill and an error at every system call of the writer's that touches its directory: counted, then driven one by one.
//!
//! The writer is traced (`tracer`), because no tool counts the calls of all its threads as one sequence: SQLite works on a thread
//! that is new with every connection, and `strace --inject … when=K` counts for each thread by itself.
//!
//! In `cargo test` every nth call is taken, the same ones each time. All of them:
//! `CALLS=all cargo test --release -p disk-tests --test calls -- --nocapture --test-threads 2`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod killed;
mod refused;
mod story;
mod tracer;

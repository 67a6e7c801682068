//! The programs as a person starts them: two processes, a socket, files that are not what they should be.

mod bad_files;
mod common;
mod deaf;
mod decommission;
mod headless;
mod log;
mod over_a_socket;
mod watched;

//! One outside thing each: an adapter speaks only the core's types and its one library, and knows no other adapter.
//!
//! What they share stands here: a [`Dial`] makes a link, and a link is two bounded channels of fragments.

pub mod bluez;
pub mod clock;
pub mod entropy;
pub mod gpio;
pub mod keys;
pub mod lock;
pub mod secret_file;
pub mod simulated;
#[cfg(feature = "screen")]
pub mod slint;
pub mod socket;
pub mod sqlite;

use std::{future::Future, io};

use tokio::sync::mpsc;

/// The most fragments that wait in either direction: one frame at the smallest link, and a little.
pub const FRAGMENTS_WAITING_MAX: usize = 64;

/// A link that stands: what is pushed into `to` arrives at the other end; when either end drops its half, the link is gone.
#[derive(Debug)]
pub struct Fragments {
    /// To the other end.
    pub to: mpsc::Sender<Vec<u8>>,
    /// From the other end.
    pub from: mpsc::Receiver<Vec<u8>>,
    /// The longest fragment that the link carries, in bytes.
    pub largest_write: usize,
}

/// Makes links to one pump.
pub trait Dial: Send {
    /// One attempt. An error is an ordinary thing: the pump is out of reach.
    fn dial(&mut self) -> impl Future<Output = io::Result<Fragments>> + Send;
}

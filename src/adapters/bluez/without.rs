//! What stands here where the program was built without BlueZ: nothing can be reached, and that is said.

use std::io;

use super::{LinkError, PumpAddress};
use crate::adapters::{Dial, Fragments, Serve, clock::Clock};

/// Dials nobody.
#[derive(Debug)]
pub struct Central;

impl Central {
    /// A way to no pump.
    pub fn new(_adapter: Option<String>, _pump: Option<PumpAddress>) -> Self {
        Self
    }

    /// Nowhere.
    pub const fn pump(&self) -> Option<PumpAddress> {
        None
    }

    /// There is no bond.
    #[expect(clippy::unused_async, reason = "the other one asks BlueZ")]
    pub async fn forget(&mut self) -> Result<(), LinkError> {
        Ok(())
    }
}

impl Dial for Central {
    async fn dial(&mut self) -> io::Result<Fragments> {
        Err(LinkError::NotBuilt.into())
    }
}

/// Bonds with nobody.
pub async fn bond(_adapter: Option<&str>) -> Result<Central, LinkError> {
    Err(LinkError::NotBuilt)
}

/// Serves nobody.
pub async fn serve(
    _pump: impl Serve,
    _adapter: Option<String>,
    _clock: Clock,
    _ready: impl FnOnce(&str),
) -> Result<(), LinkError> {
    Err(LinkError::NotBuilt)
}

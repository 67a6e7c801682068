//! Where the bonded pump is on the air: its address, kept beside the keys.
//!
//! BlueZ keeps no table of a pump's (`Cache = no`), so of its bonds it can't say which is one. The address is a way to the
//! pump and proves nothing.

use std::{fmt, io, path::Path, str::FromStr};

use crate::adapters::secret_file;

/// The file's place in the data directory.
const PUMP_ADDRESS: &str = "keys/pump.address";
/// `00:00:00:00:00:00`, and a line end.
const LEN_MAX: usize = 18;

/// A Bluetooth device's address: six octets, as BlueZ writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PumpAddress(pub [u8; 6]);

impl PumpAddress {
    /// The address in this data directory, if there is one.
    pub fn read(data_dir: &Path) -> io::Result<Option<Self>> {
        let bytes = match secret_file::read(&data_dir.join(PUMP_ADDRESS), LEN_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let text = str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{PUMP_ADDRESS} holds no address"));
        text.ok_or_else(damaged).map(Some)
    }

    /// Keeps it there.
    pub fn store(self, data_dir: &Path) -> io::Result<()> {
        secret_file::replace(&data_dir.join(PUMP_ADDRESS), &[self.to_string().as_bytes(), b"\n"])
    }
}

impl fmt::Display for PumpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = &self.0;
        write!(f, "{first:02X}")?;
        rest.iter().try_for_each(|octet| write!(f, ":{octet:02X}"))
    }
}

/// Not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

impl FromStr for PumpAddress {
    type Err = NoAddress;
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let mut octets = [0; 6];
        let mut written = text.split(':');
        for octet in &mut octets {
            let digits =
                written.next().filter(|digits| digits.len() == 2 && !digits.starts_with('+')).ok_or(NoAddress)?;
            *octet = u8::from_str_radix(digits, 16).map_err(|_| NoAddress)?;
        }
        written.next().map_or(Ok(Self(octets)), |_| Err(NoAddress))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_was_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(PumpAddress::read(dir.path()).unwrap(), None);
        let address = PumpAddress([0x00, 0xAA, 0x01, 0x01, 0x00, 0x01]);
        address.store(dir.path()).unwrap();
        assert_eq!(PumpAddress::read(dir.path()).unwrap(), Some(address));
        assert_eq!(address.to_string(), "00:AA:01:01:00:01");
    }

    #[test]
    fn what_is_no_address_is_an_error_and_not_another_pump() {
        for text in
            ["", "00:AA:01:01:00", "00:AA:01:01:00:01:02", "00:AA:01:01:00:0G", "0:AA:01:01:00:01", "+0:AA:01:01:00:01"]
        {
            assert_eq!(text.parse::<PumpAddress>(), Err(NoAddress), "{text}");
            let dir = tempfile::tempdir().unwrap();
            secret_file::replace(&dir.path().join(PUMP_ADDRESS), &[text.as_bytes()]).unwrap();
            assert!(PumpAddress::read(dir.path()).is_err(), "{text}");
        }
    }
}

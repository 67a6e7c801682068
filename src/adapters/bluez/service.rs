//! What the link looks like on the air: one service with a session channel and a status latch. It never changes.
//!
//! The UUIDs are our own: a UUID of the Bluetooth SIG would promise that profile's bytes.

/// The pump's service. Advertised only while the pump's pairing window is open: a pump that nobody is to find says nothing.
pub const SERVICE: u128 = 0x59d6_0001_c40b_4009_91d8_1200_5060_5d4c;
/// The session channel: fragments to the pump by write request, fragments from it by indication.
pub const SESSION: u128 = 0x59d6_0002_c40b_4009_91d8_1200_5060_5d4c;
/// The status latch: one byte, read or indicated. Worth a session's question, never an answer.
pub const STATUS: u128 = 0x59d6_0003_c40b_4009_91d8_1200_5060_5d4c;

/// Device Information, as the Bluetooth SIG has it; without a serial number, which would name its bearer.
pub const DEVICE_INFORMATION: u128 = sig(0x180A);
/// Who made it.
pub const MANUFACTURER_NAME: u128 = sig(0x2A29);
/// What it is.
pub const MODEL_NUMBER: u128 = sig(0x2A24);

/// The latch: nothing has changed since the remote last said that it knows.
pub const STATUS_QUIET: u8 = 0x0F;
/// The latch: something has. Four bits from the other, as all our code words are.
pub const STATUS_CHANGED: u8 = 0x33;

/// The MTU that two BlueZ settle on, and the largest that ATT has a use for.
pub const ATT_MTU_MAX: usize = 517;
/// The longest value of an attribute.
const VALUE_LEN_MAX: usize = 512;
/// What ATT needs of its MTU for itself in a write or an indication.
const ATT_HEADER_LEN: usize = 3;

/// The longest fragment at this MTU.
pub fn largest_write(mtu: usize) -> usize {
    mtu.saturating_sub(ATT_HEADER_LEN).min(VALUE_LEN_MAX)
}

const fn sig(short: u16) -> u128 {
    0x0000_0000_0000_1000_8000_0080_5F9B_34FB | (short as u128) << 96
}

#[cfg(test)]
mod tests {
    use pump_protocol::{
        fragment::{WRITE_LEN_MIN, fragments},
        session::{DESCRIPTION_LEN, TAG_LEN},
    };

    use super::*;

    #[test]
    fn what_is_on_the_air_never_changes() {
        let written = |id: u128| {
            let hex = format!("{id:032x}");
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        };
        assert_eq!(written(SERVICE), "59d60001-c40b-4009-91d8-120050605d4c");
        assert_eq!(written(SESSION), "59d60002-c40b-4009-91d8-120050605d4c");
        assert_eq!(written(STATUS), "59d60003-c40b-4009-91d8-120050605d4c");
        assert_eq!(written(DEVICE_INFORMATION), "0000180a-0000-1000-8000-00805f9b34fb");
        assert_eq!(written(MANUFACTURER_NAME), "00002a29-0000-1000-8000-00805f9b34fb");
        assert_eq!(written(MODEL_NUMBER), "00002a24-0000-1000-8000-00805f9b34fb");
        assert_eq!((STATUS_QUIET, STATUS_CHANGED), (0x0F, 0x33));
        assert!((STATUS_QUIET ^ STATUS_CHANGED).count_ones() >= 4);
    }

    #[test]
    fn the_smallest_mtu_carries_a_fragment_and_the_largest_one_value() {
        assert_eq!(largest_write(23), WRITE_LEN_MIN);
        assert_eq!(largest_write(247), 244);
        assert_eq!(largest_write(ATT_MTU_MAX), 512);
        assert_eq!(largest_write(0), 0);
        assert!(fragments(&[1; 96], largest_write(22)).is_err(), "a link below ATT's smallest carries nothing");
    }
    #[test]
    fn whatever_the_pump_says_of_itself_is_one_indication_at_the_largest_mtu() {
        let frame = [1; 10 + 12 + DESCRIPTION_LEN + TAG_LEN];
        assert_eq!(fragments(&frame, largest_write(ATT_MTU_MAX)).unwrap().count(), 1);
    }
}

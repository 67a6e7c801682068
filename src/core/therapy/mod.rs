//! May a demand dose be asked for, and if not, why and until when?
//!
//! [`account`] counts doses on two clocks; [`availability`] turns the accounts and everything else that is known into one
//! answer; [`reason`] names what speaks against it.
//!
//! The window dose limit over future windows, and the projection of the reservoir over time-of-day segments, are judged by
//! the pump alone so far: the remote shows the pump's refusal and has no account of its own for them.

pub mod account;
pub mod availability;
pub mod reason;
pub mod reservoir;

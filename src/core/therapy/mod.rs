//! May a demand dose be asked for, and if not, why and until when?
//!
//! [`account`] counts doses on two clocks; [`window`] judges the dose limit, over windows that reach ahead too; [`reservoir`]
//! says how long it lasts; [`availability`] turns all of it and everything else that is known into one answer; [`reason`]
//! names what speaks against it.

pub mod account;
pub mod availability;
pub mod change;
pub mod reason;
pub mod reservoir;
pub mod window;

//! What several tests of this crate begin with.

use pump_protocol::{
    clock::{BootId, Now, Uptime},
    prescription::{BasalSegment, Prescription, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Concentration, Dose, Millis, Volume},
    wire::{Bounded, Text},
};

pub(crate) fn hours(hours: u64) -> Millis {
    Millis::from_hours(hours)
}

pub(crate) fn now_at(since_boot: Millis) -> Now {
    Now { boot: BootId([1; 16]), uptime: Uptime::from_millis(since_boot.get()), wall: None }
}

/// 50 mcg over 4 min, every 2 h at most, four in 24 h.
pub(crate) fn morphine() -> Prescription {
    Prescription::check(Programmed {
        version: 1,
        drug: Text::new("morphine").expect("short"),
        concentration: Concentration::from_micrograms_per_millilitre(2000),
        demand_dose: Dose::from_micrograms(50),
        bolus_duration: Millis::from_mins(4),
        lockout_interval: hours(2),
        allotment: 4,
        window_limit: WindowDoseLimit { amount: Dose::from_micrograms(400), window: hours(24) },
        basal: Bounded::filled_from([BasalSegment { from_minute: 0, rate: BasalRate::from_nanograms_per_hour(4_000) }]),
        capacity: Volume::from_microlitres(20_000),
        low_reservoir: Volume::from_microlitres(2_000),
        reserve: Volume::from_microlitres(1_000),
        patient_code: None,
    })
    .expect("agrees")
}

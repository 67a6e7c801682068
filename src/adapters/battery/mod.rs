//! How long this machine's battery lasts: by a gauge of the MAX17048 family on an I²C bus, or else by the kernel's word.
//!
//! # Promises
//! - A reading that can't be true is refused and said, and what was believed before is counted down.
//! - A gauge that is configured and never says anything true is told as such; it is not taken for a machine on mains. Nor is
//!   a battery that was there and is gone.

pub mod belief;
pub mod max17048;
pub mod supply;

use std::{fmt, path::Path, time::Duration};

use pump_core::remote::Input;
use pump_protocol::clock::Uptime;
use tokio::sync::mpsc;

use self::{belief::Belief, max17048::Nonsense};
use crate::shell::config::BatteryConfig;

/// How often it is asked: twenty times in the quarter of an hour before which it must be told low, and one wake-up.
const ASKED_EVERY: Duration = Duration::from_secs(45);

/// How often in a row there must be no battery, from the start, for this to be a machine without one: drivers may come late.
const ABSENT_MAX: u32 = 3;

/// A reading that can be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// In thousandths of a percent, 0 to 100,000.
    pub charge: u32,
    /// How fast it empties, in thousandths of a percent an hour; `None` where nobody says.
    pub draining: Option<u32>,
    /// Whether it is charged, or needs no charging.
    pub charging: bool,
}

/// Why a reading is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There was none.
    Unread(String),
    /// It can't be true.
    Nonsense(Nonsense),
    /// It is too far from the one before, in percent.
    Jump {
        /// The one before.
        from: u32,
        /// This one.
        to: u32,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(why) => f.write_str(why),
            Self::Nonsense(nonsense) => nonsense.fmt(f),
            Self::Jump { from, to } => write!(f, "a jump from {from} to {to} %"),
        }
    }
}

/// Asks once; `None` if this machine has no battery that anybody could ask.
pub fn ask(config: BatteryConfig) -> Option<Result<Reading, Refused>> {
    ask_by(config, max17048::read, || supply::read(Path::new(supply::CLASS)))
}

/// A gauge that the kernel has taken for itself doesn't answer us; then the kernel does.
fn ask_by(
    config: BatteryConfig,
    gauge: impl Fn(u8) -> Result<Reading, Refused>,
    supply: impl Fn() -> Option<Result<Reading, Refused>>,
) -> Option<Result<Reading, Refused>> {
    match config.i2c_bus.map(gauge) {
        Some(Err(Refused::Unread(why))) => Some(supply().unwrap_or(Err(Refused::Unread(why)))),
        Some(read) => Some(read),
        None => supply(),
    }
}

// keeps R-DEV-08, R-ALM-12
/// Tells the machine how long the battery lasts, or that it is charged, until nobody listens. Ends soon where there is no battery.
pub async fn watch(config: BatteryConfig, inputs: mpsc::Sender<Input>, uptime: impl Fn() -> Uptime) {
    let asked = move || async move {
        let asked = tokio::task::spawn_blocking(move || ask(config)).await;
        asked.unwrap_or_else(|error| Some(Err(Refused::Unread(error.to_string()))))
    };
    watch_by(Belief::new(config.full.get()), asked, inputs, uptime).await;
}

async fn watch_by<F: Future<Output = Option<Result<Reading, Refused>>>>(
    mut belief: Belief,
    asked: impl Fn() -> F,
    inputs: mpsc::Sender<Input>,
    uptime: impl Fn() -> Uptime,
) {
    let (mut told, mut told_charging) = (None, None);
    let (mut refused, mut absent) = (None, 0);
    loop {
        match asked().await {
            None if belief.left(uptime()).is_none() => {
                absent += 1;
                if absent == ABSENT_MAX {
                    return;
                }
            }
            reading => {
                let gone = || Err(Refused::Unread("there is no battery any more".to_owned()));
                let why = belief.take(reading.unwrap_or_else(gone), uptime()).err();
                if let Some(why) = why.as_ref().filter(|_| why != refused) {
                    tracing::warn!(%why, "the battery's reading is not believed");
                }
                refused = why;
            }
        }
        let left = belief.left(uptime());
        if let Some(left) = left.filter(|left| told != Some(*left)) {
            if inputs.send(Input::Battery { left }).await.is_err() {
                return;
            }
            told = Some(left);
        }
        let charging = belief.charging(uptime());
        if charging != told_charging {
            if inputs.send(Input::Charging(charging)).await.is_err() {
                return;
            }
            told_charging = charging;
        }
        tokio::select! {
            () = tokio::time::sleep(ASKED_EVERY) => {}
            () = inputs.closed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        collections::VecDeque,
    };

    use pump_protocol::quantity::Millis;
    use tokio::time::{Instant, timeout};

    use super::*;

    const HALF: Reading = Reading { charge: 50_000, draining: None, charging: false };

    fn unread() -> Refused {
        Refused::Unread("no such bus".to_owned())
    }

    fn bus(i2c_bus: Option<u8>) -> BatteryConfig {
        BatteryConfig { i2c_bus, ..BatteryConfig::default() }
    }

    #[test]
    fn the_gauge_comes_first_and_the_kernel_stands_in_for_one_that_does_not_answer() {
        let kernels = Reading { charge: 70_000, ..HALF };
        assert_eq!(ask_by(bus(Some(1)), |_| Ok(HALF), || Some(Ok(kernels))), Some(Ok(HALF)));
        assert_eq!(ask_by(bus(Some(1)), |_| Err(unread()), || Some(Ok(kernels))), Some(Ok(kernels)));
        assert_eq!(ask_by(bus(Some(1)), |_| Err(unread()), || None), Some(Err(unread())), "absent is not on mains");
        let nonsense = Refused::Nonsense(Nonsense::Silence);
        assert_eq!(ask_by(bus(Some(1)), |_| Err(nonsense.clone()), || Some(Ok(kernels))), Some(Err(nonsense.clone())));
        assert_eq!(ask_by(bus(None), |_| Ok(HALF), || None), None, "a machine on mains");
    }

    /// What the machine is told of these readings, one every 45 s, and in the minutes after them, without a battery.
    async fn told(readings: Vec<Option<Result<Reading, Refused>>>, minutes: u64) -> Vec<Input> {
        let (inputs, mut heard) = mpsc::channel(256);
        let begun = Instant::now();
        let uptime = || Uptime::from_millis(u64::try_from(begun.elapsed().as_millis()).unwrap());
        let span = ASKED_EVERY * u32::try_from(readings.len()).unwrap();
        let readings = RefCell::new(VecDeque::from(readings));
        let asked = || std::future::ready(readings.borrow_mut().pop_front().flatten());
        let watch = watch_by(Belief::new(Millis::from_hours(4)), asked, inputs, uptime);
        let _ = timeout((span + Duration::from_secs(60 * minutes)).saturating_sub(Duration::from_secs(1)), watch).await;
        std::iter::from_fn(|| heard.try_recv().ok()).collect()
    }

    /// The whole minutes that are left, as told; it is an error to be told of no end.
    fn minutes(told: &[Input]) -> Vec<u64> {
        let minutes = |input: &Input| match input {
            Input::Battery { left } => left.expect("it empties").get() / 60_000,
            other => panic!("{other:?}"),
        };
        told.iter().map(minutes).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_machine_is_told_what_changes_and_never_more_for_nonsense() {
        let full = Reading { charge: 100_000, ..HALF };
        let readings = vec![
            Some(Ok(HALF)),
            Some(Ok(HALF)),
            Some(Ok(Reading { charge: 49_000, ..HALF })),
            Some(Err(Refused::Nonsense(Nonsense::Silence))),
            Some(Ok(full)),
            Some(Err(unread())),
        ];
        let minutes = minutes(&told(readings, 0).await);
        // proves R-ALM-12
        assert!(minutes.is_sorted_by(|one, next| one >= next), "{minutes:?}");
        assert_eq!(minutes, [120, 117, 116, 116, 115], "each 45 s without a belief is 45 s less");
    }

    #[tokio::test(start_paused = true)]
    async fn a_battery_that_is_gone_is_counted_down_and_not_forgotten() {
        let minutes = minutes(&told(vec![Some(Ok(HALF)), None], 130).await);
        // proves R-ALM-12
        assert_eq!((minutes.first(), minutes.last()), (Some(&120), Some(&0)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_battery_whose_driver_comes_late_is_found_and_a_machine_without_one_is_left_alone() {
        let found = told(vec![None, None, Some(Ok(HALF))], 0).await;
        assert!(
            matches!(found[..], [Input::Battery { left: Some(left) }] if left == Millis::from_hours(2)),
            "{found:?}"
        );
        let (inputs, _heard) = mpsc::channel(1);
        let asked = Cell::new(0);
        let none = || {
            asked.set(asked.get() + 1);
            std::future::ready(None)
        };
        watch_by(Belief::new(Millis::from_hours(4)), none, inputs, || Uptime::from_millis(0)).await;
        assert_eq!(asked.get(), ABSENT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_machine_is_told_when_it_is_charged_and_when_no_more() {
        let charged = |charge| Some(Ok(Reading { charge, draining: None, charging: true }));
        let readings = vec![Some(Ok(HALF)), charged(50_000), charged(50_900), charged(51_000), Some(Ok(HALF))];
        let charge = |input: &Input| if let Input::Charging(charge) = input { Some(*charge) } else { None };
        let told: Vec<_> = told(readings, 0).await.iter().filter_map(charge).collect();
        // proves R-DSP-19
        assert_eq!(told, [Some(50), Some(51), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gauge_that_never_says_anything_true_is_not_taken_for_mains() {
        // proves R-DEV-08
        let readings = vec![Some(Err(unread())), Some(Err(Refused::Nonsense(Nonsense::Silence)))];
        assert_eq!(told(readings, 0).await, []);
    }
}

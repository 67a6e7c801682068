//! The machine's clocks, sampled once a turn; and a time lapse for demonstrations.
//!
//! Uptime is `CLOCK_BOOTTIME`, which runs through suspend. A lapse lets a demonstration's waiting pass quickly: it adds to
//! uptime and wall time alike, for the remote and its simulated pump together, and only while it is told to hurry. A clock
//! that can lapse names a boot of its own, so that what it showed is never compared with a later run's uptime.
//!
//! # Promises
//! - Uptime never goes back. A clock without a lapse shows the kernel's time and nothing else.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use pump_core::{calendar, set_time::NEVER_SET_BEFORE_MS};
use pump_protocol::{
    clock::{BootId, CivilTime, Now, Uptime, WallTime},
    quantity::Millis,
};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;

/// The longest sleep without a look at the clock: timers stand still in suspend, and a page that says READY must not outlast
/// its report by what was left of one. As long as CHECKING may stand.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// The fastest lapse.
pub const SPEED_MAX: u32 = 3_600;

/// The machine's clocks. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    boot: BootId,
    zone: TimeZone,
    lapse: Mutex<Lapse>,
    changed: Notify,
}

#[derive(Debug)]
struct Lapse {
    speed: u32,
    hurrying: bool,
    /// What the lapse has added so far.
    extra_ms: u64,
    /// The kernel's uptime up to which `extra_ms` is reckoned.
    reckoned_ms: u64,
}

/// The boot-time clock and the steady one, in milliseconds: they go alike, but for a suspend.
pub fn pair() -> [u64; 2] {
    [ClockId::Boottime, ClockId::Monotonic].map(kernel_ms)
}

impl Clock {
    /// The kernel's clocks as they are.
    pub fn real() -> Self {
        Self::new(boot_id(), 1)
    }

    /// A clock that runs `speed` times faster whenever it is told to hurry; of a boot of its own.
    pub fn lapsing(speed: u32, boot: BootId) -> Self {
        Self::new(boot, speed.clamp(1, SPEED_MAX))
    }

    fn new(boot: BootId, speed: u32) -> Self {
        let lapse = Lapse { speed, hurrying: false, extra_ms: 0, reckoned_ms: kernel_uptime_ms() };
        let zone = TimeZone::system();
        Self(Arc::new(Shared { boot, zone, lapse: Mutex::new(lapse), changed: Notify::new() }))
    }

    /// One sample of all clocks.
    pub fn now(&self) -> Now {
        let extra_ms = self.with_lapse(|lapse| lapse.extra_ms);
        let uptime = Uptime::from_millis(kernel_uptime_ms().saturating_add(extra_ms));
        Now { boot: self.0.boot, uptime, wall: self.wall(extra_ms) }
    }

    /// When a clock on this machine's wall shows this, in milliseconds since 1970. Of an hour that daylight saving shows twice it is the
    /// first; of one that it leaves out, as much later.
    pub fn unix_ms(&self, civil: CivilTime) -> Option<i64> {
        Some(self.0.zone.to_ambiguous_timestamp(calendar::date_time(civil)?).compatible().ok()?.as_millisecond())
    }

    /// Hurries, or goes on as the kernel does. Does nothing on a clock without a lapse.
    pub fn hurry(&self, hurrying: bool) {
        let changed = self.with_lapse(|lapse| core::mem::replace(&mut lapse.hurrying, hurrying) != hurrying);
        if changed {
            self.0.changed.notify_waiters();
        }
    }

    /// Lets this much time pass at once: for demonstrations with a lapsing clock.
    pub fn skip(&self, span: Millis) {
        self.with_lapse(|lapse| lapse.extra_ms = lapse.extra_ms.saturating_add(span.get()));
        self.0.changed.notify_waiters();
    }

    /// Returns once `uptime` has come; after a suspend, within [`SLEEP_MAX`].
    pub async fn sleep_until(&self, uptime: Uptime) {
        self.sleep_in_slices(uptime, SLEEP_MAX).await;
    }

    /// The same for whoever may be late after a suspend, without a look in between.
    pub async fn rest_until(&self, uptime: Uptime) {
        self.sleep_in_slices(uptime, Duration::MAX).await;
    }

    async fn sleep_in_slices(&self, uptime: Uptime, slice: Duration) {
        loop {
            let changed = self.0.changed.notified();
            let left = uptime.since(self.now().uptime);
            if left == Millis::ZERO {
                return;
            }
            let speed = self.with_lapse(|lapse| if lapse.hurrying { lapse.speed } else { 1 });
            let real = Duration::from(left) / speed;
            tokio::select! {
                () = tokio::time::sleep(real.clamp(Duration::from_millis(1), slice)) => {}
                () = changed => {}
            }
        }
    }

    fn with_lapse<T>(&self, read: impl FnOnce(&mut Lapse) -> T) -> T {
        // Nothing in here panics, so a poisoned lock still holds a whole lapse.
        let mut lapse = self.0.lapse.lock().unwrap_or_else(PoisonError::into_inner);
        let kernel_ms = kernel_uptime_ms();
        if lapse.hurrying {
            let passed = kernel_ms.saturating_sub(lapse.reckoned_ms);
            lapse.extra_ms = lapse.extra_ms.saturating_add(passed.saturating_mul(u64::from(lapse.speed) - 1));
        }
        lapse.reckoned_ms = kernel_ms;
        read(&mut lapse)
    }

    fn wall(&self, extra_ms: u64) -> Option<WallTime> {
        let kernel = clock_gettime(ClockId::Realtime);
        let unix_ms = kernel.tv_sec.saturating_mul(1000).saturating_add(kernel.tv_nsec / 1_000_000);
        shown(&self.0.zone, unix_ms.saturating_add_unsigned(extra_ms))
    }
}

/// What a clock in this zone shows; `None` for one that was never set.
fn shown(zone: &TimeZone, unix_ms: i64) -> Option<WallTime> {
    let moment = Timestamp::from_millisecond(unix_ms).ok().filter(|_| unix_ms >= NEVER_SET_BEFORE_MS)?;
    let offset_s = zone.to_offset(moment).seconds();
    Some(WallTime { unix_ms, utc_offset_min: i16::try_from(offset_s / 60).ok()? })
}

// keeps R-CLK-03
fn kernel_uptime_ms() -> u64 {
    kernel_ms(ClockId::Boottime)
}

fn kernel_ms(clock: ClockId) -> u64 {
    let kernel = clock_gettime(clock);
    let seconds = u64::try_from(kernel.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(kernel.tv_nsec / 1_000_000).unwrap_or(0))
}

/// The kernel's own name for this boot. Where it can't be read every start counts as a boot of its own: no uptime from before
/// it is compared any more, and what has passed since is told by the pump's clock alone. A wait is then as long, or shorter by as
/// much as that clock runs ahead.
fn boot_id() -> BootId {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).map_or_else(
        |_| BootId((u128::from(std::process::id()) << 64 | u128::from(kernel_uptime_ms())).to_be_bytes()),
        |id| BootId(id.to_be_bytes()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_clock_does_not_hurry() {
        let clock = Clock::real();
        let before = clock.now().uptime;
        clock.hurry(true);
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now().uptime.since(before) < Millis::from_secs(5));
        assert_eq!(clock.now().boot, Clock::real().now().boot, "both name the kernel's boot");
    }

    #[test]
    fn a_lapse_moves_every_clock_alike_and_never_back() {
        let clock = Clock::lapsing(60, BootId([7; 16]));
        let before = clock.now();
        clock.skip(Millis::from_hours(2));
        let after = clock.now();
        assert!(after.uptime.since(before.uptime) >= Millis::from_hours(2));
        let walls = after.wall.zip(before.wall).map(|(after, before)| after.unix_ms - before.unix_ms);
        assert!(walls.is_some_and(|passed| passed >= 7_200_000));
    }

    #[test]
    fn what_a_person_reads_is_turned_back_into_the_moment_that_shows_it() {
        let clock = Clock::real();
        let wall = clock.now().wall.unwrap();
        // The same in whichever zone this machine is.
        assert_eq!(clock.unix_ms(wall.civil()), Some(wall.unix_ms));
        for edge in [i64::MIN, i64::MAX] {
            assert_eq!(clock.unix_ms(CivilTime::from_millis(edge)), None);
        }
    }

    #[test]
    fn summer_and_winter_have_their_own_offset() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026-07-01 and 2026-12-01, noon UTC.
        let offsets =
            [1_782_907_200_000, 1_796_126_400_000].map(|unix_ms| shown(&zone, unix_ms).unwrap().utc_offset_min);
        assert_eq!(offsets, [120, 60]);
        assert_eq!(shown(&zone, 0), None, "a clock that was never set");
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_time_is_skipped() {
        let clock = Clock::lapsing(60, BootId([7; 16]));
        let until = clock.now().uptime.after(Millis::from_hours(1));
        let (skipping, sleeping) = (clock.clone(), clock.clone());
        let skip = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            skipping.skip(Millis::from_hours(1));
        });
        tokio::time::timeout(Duration::from_secs(5), sleeping.sleep_until(until)).await.expect("woken");
        skip.await.expect("skipped");
    }
}

//! The display's backlight, through the kernel's backlight class.
//!
//! # Promises
//! - What must be seen is bright: an alarm that nobody has acknowledged, a request under way, a finger on a control.
//! - At night it wakes dim and brightens slowly.
//! - Whoever looks sees it as bright as they wish, and never too dark to be read.
//! - Nobody there: dim after a minute, and dark when the machine says so, or as dim as a clock for the night can be. A touch wakes it.
//! - A backlight that can't be set is said once, and the display stays as it is.
//! - Whoever follows nothing, as the fault page, begins with a display that shines: a remote that was killed may have left it dark.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use pump_core::{
    cues::{Wishes, quiet},
    screen::{Face, Screen},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Where the kernel lists them.
pub const CLASS: &str = "/sys/class/backlight";
/// How long it is bright after the last touch.
const BRIGHT_FOR: Duration = Duration::from_mins(1);
/// In thousandths of the brightest.
const BRIGHT: u32 = 1_000;
/// A page that can be read in a dark room and blinds nobody in it. Not verified with people.
const DIM: u32 = 60;
/// A clock that a sleeper doesn't notice, and that can be read by whoever looks for it. Not verified with people.
const CLOCK: u32 = 20;
/// No wish makes it darker than this while somebody looks. Not verified with people.
const LEAST: u32 = 300;
/// As bright as it gets at night by itself.
const NIGHT: u32 = 400;
/// How long it takes at night from dim to as bright as it gets, and in how many steps.
const BRIGHTENS_IN: Duration = Duration::from_secs(20);
const STEPS: u32 = 20;

/// A backlight.
#[derive(Debug)]
pub struct Backlight {
    brightness: PathBuf,
    most: u32,
}

impl Backlight {
    /// The backlight of this name; an error if there is none.
    pub fn open(class: &Path, name: &str) -> io::Result<Self> {
        let dir = class.join(name);
        let most = fs::read_to_string(dir.join("max_brightness"))?;
        let most = most.trim().parse().ok().filter(|most| *most > 0);
        let most = most.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its greatest brightness is none"))?;
        Ok(Self { brightness: dir.join("brightness"), most })
    }

    /// As bright as it gets.
    pub fn shine(&self) -> io::Result<()> {
        self.set(BRIGHT)
    }

    /// Sets it, in thousandths of the brightest. What isn't dark is never set to nothing.
    fn set(&self, permille: u32) -> io::Result<()> {
        let value = u64::from(self.most) * u64::from(permille) / u64::from(BRIGHT);
        fs::write(&self.brightness, value.max(u64::from(permille > 0)).to_string())
    }
}

/// Follows screens and touches until nobody shows any more; then it is bright, for whatever comes next.
pub async fn follow(
    backlight: Backlight,
    mut screens: watch::Receiver<Screen>,
    mut touched: watch::Receiver<Instant>,
    mut wishes: watch::Receiver<Wishes>,
) {
    let (mut glow, mut shown, mut said) = (Glow::new(Instant::now()), None, false);
    loop {
        let now = Instant::now();
        let (night, wished) = {
            let (screen, wishes) = (screens.borrow_and_update(), *wishes.borrow_and_update());
            let unlit = match (screen.dark, screen.night) {
                (false, _) => DIM,
                (true, Some(_)) => CLOCK,
                (true, None) => 0,
            };
            glow.see(must_be_seen(&screen), unlit, *touched.borrow_and_update(), now);
            (quiet(screen.clock.ok(), wishes.quiet), wishes.brightness)
        };
        let (permille, until) = glow.at(now, night, wished);
        if shown != Some(permille) {
            shown = Some(permille);
            if let Err(error) = backlight.set(permille).inspect_err(|_| shown = None)
                && !said
            {
                said = true;
                tracing::warn!(%error, "the backlight can't be set; it stays as it is");
            }
        }
        let waited = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let lives = tokio::select! {
            changed = screens.changed() => changed.is_ok(),
            changed = touched.changed() => changed.is_ok(),
            changed = wishes.changed() => changed.is_ok(),
            () = waited => true,
        };
        if !lives {
            // Too late to be said.
            let _ = backlight.shine();
            return;
        }
    }
}

/// What must not go dark.
fn must_be_seen(screen: &Screen) -> bool {
    let alarm = screen.alarms.iter().any(|alarm| !alarm.acknowledged);
    let open = matches!(screen.face, Face::Asking { .. } | Face::Delivering { .. } | Face::NotSure { .. });
    alarm || open || screen.hold.is_some()
}

/// How bright, by when it was woken and last touched.
#[derive(Clone, Copy, Debug)]
struct Glow {
    woken: Instant,
    last: Instant,
    must: bool,
    /// How bright it is while nobody looks.
    unlit: u32,
}

impl Glow {
    fn new(now: Instant) -> Self {
        Self { woken: now, last: now, must: false, unlit: DIM }
    }

    fn see(&mut self, must: bool, unlit: u32, touched: Instant, now: Instant) {
        // What had to be seen until now counts from now.
        let last = if must || self.must { now } else { self.last.max(touched) };
        if !self.must && last.saturating_duration_since(self.last) >= BRIGHT_FOR {
            self.woken = last;
        }
        (self.last, self.must, self.unlit) = (last, must, unlit);
    }

    /// In thousandths, and until when.
    // keeps R-ANS-23, R-DSP-18
    fn at(&self, now: Instant, night: bool, wished: u32) -> (u32, Option<Instant>) {
        let idle = now.saturating_duration_since(self.last);
        if self.must {
            return (BRIGHT, None);
        }
        // A touch that the machine has yet to hear of wakes it at once.
        if idle >= BRIGHT_FOR {
            return (self.unlit, None);
        }
        let (fades, wished) = (self.last + BRIGHT_FOR, wished.clamp(LEAST, BRIGHT));
        if !night {
            return (wished, Some(fades));
        }
        let step = BRIGHTENS_IN / STEPS;
        let steps = now.saturating_duration_since(self.woken).as_millis() / step.as_millis();
        let steps = u32::try_from(steps).unwrap_or(STEPS).min(STEPS);
        let next = if steps < STEPS { self.woken + step * (steps + 1) } else { fades };
        (DIM + (NIGHT.min(wished) - DIM) * steps / STEPS, Some(next.min(fades)))
    }
}

#[cfg(test)]
mod tests {
    use pump_core::{
        annunciation::{AlarmCondition, signal::QuietHours},
        audit::event::WallDoubt,
        screen::{Alarm, Night},
    };
    use pump_protocol::clock::WallTime;
    use tempfile::TempDir;

    use super::*;
    use crate::adapters::fixtures::page;

    fn screen(minute: Option<i64>) -> Screen {
        let wall = |minute: i64| WallTime { unix_ms: minute * 60_000, utc_offset_min: 0 };
        Screen { clock: minute.map(wall).ok_or(WallDoubt::NotSet), ..page(Face::Checking) }
    }

    struct Room {
        class: TempDir,
        screen: watch::Sender<Screen>,
        touch: watch::Sender<Instant>,
        wish: watch::Sender<Wishes>,
    }

    impl Room {
        /// A display at this minute of the day; the night is from 22:00 to 7:00.
        async fn at(minute: Option<i64>) -> Self {
            let class = tempfile::tempdir().unwrap();
            fs::create_dir(class.path().join("10-0045")).unwrap();
            fs::write(class.path().join("10-0045/max_brightness"), "500\n").unwrap();
            let backlight = Backlight::open(class.path(), "10-0045").unwrap();
            let wishes = Wishes { quiet: QuietHours::new(22 * 60, 7 * 60), ..Wishes::default() };
            let (screen, screens) = watch::channel(screen(minute));
            let (touch, touched) = watch::channel(Instant::now());
            let (wish, wishes) = watch::channel(wishes);
            tokio::spawn(follow(backlight, screens, touched, wishes));
            let room = Self { class, screen, touch, wish };
            room.pass(0).await;
            room
        }

        async fn pass(&self, secs: u64) {
            tokio::time::sleep(Duration::from_millis(secs * 1_000 + 1)).await;
        }

        /// The machine says so.
        async fn goes_dark(&self) {
            self.screen.send_modify(|screen| screen.dark = true);
            self.pass(0).await;
        }

        /// Of 500.
        fn glows(&self) -> u32 {
            fs::read_to_string(self.class.path().join("10-0045/brightness")).unwrap().parse().unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn by_day_it_is_bright_then_dim_then_dark_and_a_touch_wakes_it() {
        let room = Room::at(Some(12 * 60)).await;
        assert_eq!(room.glows(), 500);
        room.pass(60).await;
        assert_eq!(room.glows(), 30);
        room.goes_dark().await;
        assert_eq!(room.glows(), 0);
        room.touch.send_replace(Instant::now());
        room.pass(0).await;
        assert_eq!(room.glows(), 500, "before the machine has heard of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_for_the_night_is_dimmer_than_any_page_and_a_touch_wakes_it() {
        let room = Room::at(Some(12 * 60)).await;
        room.pass(120).await;
        for (night, glows) in [(None, 0), (Some(Night { charge: 83 }), 10), (None, 0), (Some(Night { charge: 84 }), 10)]
        {
            room.screen.send_modify(|screen| (screen.dark, screen.night) = (true, night));
            room.pass(0).await;
            // proves R-DSP-19
            assert_eq!(room.glows(), glows, "{night:?}");
        }
        room.touch.send_replace(Instant::now());
        room.pass(0).await;
        assert_eq!(room.glows(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn at_night_it_wakes_dim_and_brightens_slowly() {
        let room = Room::at(Some(3 * 60)).await;
        room.pass(200).await;
        room.goes_dark().await;
        assert_eq!(room.glows(), 0);
        room.touch.send_replace(Instant::now());
        let mut seen = Vec::new();
        for _ in 0..22 {
            room.pass(1).await;
            seen.push(room.glows());
        }
        // proves R-ANS-23
        assert!(seen.is_sorted() && seen[0] < 50 && seen[21] == 200, "{seen:?}");
        assert!(seen.windows(2).all(|pair| pair[1] - pair[0] <= 10), "no leap: {seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_looks_sees_it_as_bright_as_they_wish_and_an_alarm_is_bright_in_any_case() {
        let room = Room::at(Some(12 * 60)).await;
        for (brightness, glows) in [(600, 300), (300, 150), (0, 150), (5_000, 500), (600, 300)] {
            room.wish.send_modify(|wishes| wishes.brightness = brightness);
            room.pass(0).await;
            // proves R-DSP-18
            assert_eq!(room.glows(), glows, "{brightness}");
        }
        room.pass(60).await;
        assert_eq!(room.glows(), 30, "and dim is as dim as ever");
        let condition = AlarmCondition::PumpStopped;
        let alarm = Alarm { condition, priority: condition.priority(), acknowledged: false, ceased: false };
        room.screen.send_modify(|screen| screen.alarms = vec![alarm]);
        room.pass(0).await;
        // proves R-DSP-18
        assert_eq!(room.glows(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_that_nobody_has_seen_keeps_it_bright_at_night_too() {
        let room = Room::at(Some(3 * 60)).await;
        room.pass(300).await;
        let condition = AlarmCondition::PumpStopped;
        let alarm = Alarm { condition, priority: condition.priority(), acknowledged: false, ceased: false };
        room.screen.send_replace(Screen { alarms: vec![alarm], ..screen(Some(3 * 60)) });
        room.pass(600).await;
        assert_eq!(room.glows(), 500);
        let seen = Alarm { acknowledged: true, ..alarm };
        room.screen.send_replace(Screen { alarms: vec![seen], ..screen(Some(3 * 60)) });
        room.pass(50).await;
        assert_eq!(room.glows(), 200, "as long as after a touch");
        room.pass(71).await;
        assert_eq!(room.glows(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_in_doubt_knows_no_night_and_the_end_leaves_it_bright() {
        let room = Room::at(None).await;
        assert_eq!(room.glows(), 500);
        room.pass(130).await;
        room.goes_dark().await;
        assert_eq!(room.glows(), 0);
        let Room { class, screen, touch: _touch, wish: _wish } = room;
        drop(screen);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(fs::read_to_string(class.path().join("10-0045/brightness")).unwrap(), "500");
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_follows_nothing_finds_the_dark_light_of_a_killed_remote_and_makes_it_shine() {
        let room = Room::at(None).await;
        room.pass(130).await;
        room.goes_dark().await;
        assert_eq!(room.glows(), 0);
        Backlight::open(room.class.path(), "10-0045").unwrap().shine().unwrap();
        assert_eq!(room.glows(), 500);
    }

    #[test]
    fn a_backlight_that_is_not_there_or_has_no_brightness_is_an_error() {
        let class = tempfile::tempdir().unwrap();
        assert!(Backlight::open(class.path(), "10-0045").is_err());
        fs::create_dir(class.path().join("10-0045")).unwrap();
        for most in ["0", "", "-1"] {
            fs::write(class.path().join("10-0045/max_brightness"), most).unwrap();
            assert!(Backlight::open(class.path(), "10-0045").is_err(), "{most}");
        }
    }
}

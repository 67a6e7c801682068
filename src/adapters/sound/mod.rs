//! What is heard: alarms and cues, from the screens the machine shows.
//!
//! The machine says what sounds ([`Signals::sound`](pump_core::annunciation::Signals)) and [`cues`](pump_core::cues) what is told
//! without an alarm; [`synthesizer`] makes samples of it. A desktop plays them through `rodio` (feature `sound`); a
//! handheld's buzzer has one pitch and is played by `adapters::gpio`.
//!
//! # Promises
//! - An alarm begins at once, comes back after its interval for as long as it lasts, and falls silent in mid-burst when it ends.
//! - No cue is played over an alarm.
//! - Nothing wakes, and no sound device is open, while nothing sounds.

#[cfg(all(target_os = "linux", feature = "sound"))]
pub mod speaker;
pub mod synthesizer;

use std::time::Duration;

use pump_core::{
    annunciation::signal::Burst,
    cues::{Cue, Cues, Wishes},
    screen::Screen,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::uptime_since;

/// Plays samples, at [`synthesizer::RATE_HZ`] and in one channel.
pub trait Voice {
    /// Begins to play these, instead of what is played.
    fn say(&mut self, samples: Vec<i16>);
    /// Nothing is played any more.
    fn hush(&mut self);
}

/// Plays what the screens say until nobody shows any more.
pub async fn play(mut voice: impl Voice, mut screens: watch::Receiver<Screen>, wishes: watch::Receiver<Wishes>) {
    let began = Instant::now();
    let mut cues = Cues::default();
    let mut told: Option<&'static Burst> = None;
    let mut next = Next::Nothing;
    loop {
        let (alarm, cue) = {
            let screen = screens.borrow_and_update();
            (
                screen.signals.and_then(|signals| signals.sound),
                cues.heed(&screen, *wishes.borrow(), uptime_since(began)),
            )
        };
        if alarm != told {
            told = alarm;
            voice.hush();
            next = alarm.map_or(Next::Nothing, |burst| Next::Burst(burst, Instant::now()));
        }
        if let (None, Some(Cue { sound: Some(burst), soft, .. })) = (told, cue) {
            let samples = synthesizer::samples(burst);
            voice.say(if soft { synthesizer::softened(samples) } else { samples });
            next = Next::Hush(Instant::now() + length(burst), None);
        }
        let changed = async { screens.changed().await.is_ok() };
        let lives = match next {
            Next::Nothing => changed.await,
            Next::Burst(_, at) | Next::Hush(at, _) => tokio::select! {
                lives = changed => lives,
                () = sleep_until(at) => { next = next.come(&mut voice); true }
            },
        };
        if !lives {
            return voice.hush();
        }
    }
}

/// What time alone brings.
#[derive(Clone, Copy)]
enum Next {
    /// Nothing sounds.
    Nothing,
    /// A burst begins.
    Burst(&'static Burst, Instant),
    /// What sounds has ended; of an alarm, the burst that comes back.
    Hush(Instant, Option<&'static Burst>),
}

impl Next {
    fn come(self, voice: &mut impl Voice) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Burst(burst, at) => {
                voice.say(synthesizer::samples(burst));
                Self::Hush(at + length(burst), Some(burst))
            }
            Self::Hush(at, again) => {
                voice.hush();
                let interval = |burst: &Burst| Duration::from_millis(u64::from(burst.interval_ms));
                again.map_or(Self::Nothing, |burst| Self::Burst(burst, at + interval(burst)))
            }
        }
    }
}

fn length(burst: &Burst) -> Duration {
    Duration::from_millis(burst.length().get())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use pump_core::{
        annunciation::{
            Priority,
            signal::{HIGH_BURST, HIGH_INTERVAL_MS},
        },
        cues::{READY_BURST, REFUSED_BURST},
        screen::{Face, Notice, Wait},
    };
    use pump_protocol::quantity::Millis;

    use super::*;
    use crate::adapters::fixtures::{OFFER, quiet, signalled};

    /// What was said, by its length in milliseconds, and when; 0 for silence.
    type Heard = Arc<Mutex<Vec<(u128, usize)>>>;
    /// How loud the loudest of it was.
    type Peak = Arc<Mutex<u16>>;

    struct Ear(Instant, Heard, Peak);

    impl Voice for Ear {
        fn say(&mut self, samples: Vec<i16>) {
            self.1.lock().unwrap().push((self.0.elapsed().as_millis(), samples.len() / 48));
            *self.2.lock().unwrap() = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
        }
        fn hush(&mut self) {
            self.1.lock().unwrap().push((self.0.elapsed().as_millis(), 0));
        }
    }

    fn screen(face: Face, alarm: Option<Priority>, notice: Option<Notice>) -> Screen {
        Screen { face, notice, ..alarm.map_or_else(quiet, signalled) }
    }

    fn wait() -> Face {
        let wait = Wait {
            remaining: Millis::from_secs(1),
            until: None,
            reasons: Vec::new(),
            offer: OFFER,
            next_returns: None,
            pump_says: false,
        };
        Face::Wait(wait)
    }

    struct Room {
        show: watch::Sender<Screen>,
        wish: watch::Sender<Wishes>,
        heard: Heard,
        peak: Peak,
        plays: tokio::task::JoinHandle<()>,
    }

    fn room() -> Room {
        let (show, screens) = watch::channel(screen(wait(), None, None));
        let (wish, wishes) = watch::channel(Wishes::default());
        let (heard, peak) = (Heard::default(), Peak::default());
        let ear = Ear(Instant::now(), Arc::clone(&heard), Arc::clone(&peak));
        let plays = tokio::spawn(play(ear, screens, wishes));
        Room { show, wish, heard, peak, plays }
    }

    impl Room {
        /// Shows this for so long; what was heard meanwhile.
        async fn hear(&self, shown: Screen, ms: u64) -> Vec<(u128, usize)> {
            self.show.send(shown).unwrap();
            tokio::time::sleep(Duration::from_millis(ms)).await;
            std::mem::take(&mut *self.heard.lock().unwrap())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_comes_back_after_its_interval_and_falls_silent_with_its_cause() {
        let room = room();
        assert_eq!(room.hear(screen(wait(), None, None), 1_000).await, []);
        let burst = usize::try_from(HIGH_BURST.length().get()).unwrap();
        let round = burst as u128 + u128::from(HIGH_INTERVAL_MS);
        let heard = room.hear(screen(wait(), Some(Priority::High), None), 10_000).await;
        let ends = 1_000 + burst as u128;
        assert_eq!(heard, [(1_000, 0), (1_000, burst), (ends, 0), (1_000 + round, burst), (ends + round, 0)]);
        let heard = room.hear(screen(wait(), Some(Priority::Low), None), 1_000).await;
        assert_eq!(heard, [(11_000, 0), (11_000, 600), (11_600, 0)], "another alarm begins at once");
        room.hear(screen(wait(), Some(Priority::High), None), 100).await;
        assert_eq!(room.hear(screen(wait(), None, None), 60_000).await, [(12_100, 0)], "in mid-burst");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cue_is_heard_once_and_never_over_an_alarm() {
        let room = room();
        let refused = Some(Notice::Refused);
        let cue = |burst: &Burst| usize::try_from(burst.length().get()).unwrap();
        room.hear(screen(wait(), None, None), 1_000).await;
        let heard = room.hear(screen(wait(), None, refused), 1_000).await;
        assert_eq!(heard, [(1_000, cue(&REFUSED_BURST)), (1_300, 0)]);
        let heard = room.hear(screen(Face::Ready(OFFER), None, None), 1_000).await;
        assert_eq!(heard, [(2_000, cue(&READY_BURST)), (2_300, 0)]);
        room.hear(screen(wait(), Some(Priority::High), None), 100).await;
        assert_eq!(room.hear(screen(Face::Ready(OFFER), Some(Priority::High), None), 100).await, [], "over an alarm");
        room.wish.send(Wishes { ready_cue: false, ..Wishes::default() }).unwrap();
        room.hear(screen(wait(), None, None), 100).await;
        assert_eq!(room.hear(screen(Face::Ready(OFFER), None, None), 10_000).await, [], "switched off");
    }

    #[tokio::test(start_paused = true)]
    async fn a_soft_cue_is_softer_and_an_alarm_never_is() {
        let room = room();
        let peak = || *room.peak.lock().unwrap();
        let mut refusals = Vec::new();
        for soft in [false, true] {
            room.wish.send(Wishes { soft, ..Wishes::default() }).unwrap();
            room.hear(screen(wait(), None, Some(Notice::Refused)), 1_000).await;
            refusals.push(peak());
            room.hear(screen(wait(), None, None), 61_000).await;
        }
        // proves R-DSP-18
        assert!(refusals[1] > 0 && refusals[1] * 3 < refusals[0], "{refusals:?}");
        room.hear(screen(wait(), Some(Priority::Low), None), 1_000).await;
        // proves R-DSP-18
        assert!(peak() > refusals[1] * 3, "{} after {refusals:?}", peak());
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_screens() {
        let Room { show, heard, plays, wish: _wish, peak: _ } = room();
        show.send(screen(wait(), Some(Priority::High), None)).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(show);
        plays.await.unwrap();
        assert_eq!(heard.lock().unwrap().last(), Some(&(100, 0)), "silent");
    }
}

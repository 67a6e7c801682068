//! The patient remote as one machine: inputs in, outputs drained, store before transmit.
//!
//! The shell calls [`Remote::handle`], drains [`Remote::poll_output`] until it is empty, shows [`Remote::screen`], and
//! sleeps until [`Remote::poll_timeout`]. The way of one press: [`hold`] (a finger becomes a hold) → [`press`] (a hold
//! becomes a request) → [`journal`] (the request becomes durable) → [`conversation`] (PREPARE leaves) → [`hearing`] (a grant
//! becomes an intent, an answer becomes an outcome) → [`view`] (the outcome becomes a page).
//!
//! # Promises
//! - `Transmit(Prepare)` and `Transmit(Commit)` come out only after [`Input::Stored`] for that request's record.
//! - Any prefix of inputs followed by [`Remote::restore`] from what was stored brings the same open question.
//! - No second COMMIT of an id ever comes out; asking again is QUERY, ABORT or CANCEL.
//!
//! # Never
//! It chooses no amount, judges nothing about a dose by wall time, and waits for nobody: every wait has a deadline in `poll_timeout`.

mod alarms;
mod clocks;
mod code;
mod conversation;
mod copying;
mod dark;
mod hearing;
mod hold;
mod importing;
mod journal;
mod kept;
mod practice;
mod press;
mod reminders;
mod setting_time;
mod testing;
#[cfg(test)]
mod tests;
mod view;
mod weeks;

use std::collections::{BTreeSet, VecDeque};

use pump_protocol::{
    clock::{CivilTime, Now, PumpTime, Uptime},
    message::{AuditHead, Command, Denial, KeyFingerprint, Reply, RequestId, Role},
    quantity::Millis,
    report::PumpReport,
};

use self::{
    clocks::WallWatch, code::CodeEntry, conversation::Conversation, copying::RecordCopy, dark::Light,
    hold::HoldTracker, journal::Journal, kept::Ended, setting_time::TimeSetting,
};
pub use self::{
    dark::DARK_AFTER,
    hold::{DOSE_HOLD, STOP_HOLD},
    kept::Kept,
};
use crate::{
    annunciation::{AlarmCondition, Alarms, signal::QuietHours},
    audit::{
        Batch,
        event::{Doubt, Event, LinkLoss, Moment, NotCopied, Trouble},
    },
    ledger::{Outcome, PRESS_EXPIRES, Request, State},
    screen::{Day, DayLevel, Intent, Notice, Visit},
    selftest::{Asking, Measured, SelfTest},
    therapy::account::PumpClock,
};

// keeps R-ANS-02
/// How long CHECKING stands before the remote says what it is missing.
const CHECKING_MAX: Millis = Millis::from_secs(5);
/// How long GIVEN stands before the page answers the next question again.
const GIVEN_SHOWN: Millis = Millis::from_secs(20);
/// How long a notice stands.
const NOTICE_SHOWN: Millis = Millis::from_secs(4);
/// How long the pump may be silent while a dose goes in before nobody knows any more.
const SILENCE_IN_DELIVERY_MAX: Millis = Millis::from_secs(15);
/// No remote gets so far, at one request a second from the beginning of the world; as many ids again lie above it.
const ID_MAX: RequestId = RequestId(u64::MAX / 2);

/// What the machine is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A person did something.
    Intent(Intent),
    /// An encrypted session with the bonded pump is open.
    LinkUp,
    /// It is no more.
    LinkDown(LinkLoss),
    /// The pump said something in that session.
    Heard(Reply),
    /// The batch handed out is durable; the record stands here now.
    Stored(AuditHead),
    /// The batch handed out could not be stored, and nothing of it was.
    NotStored,
    /// The whole record was checked in the background.
    RecordChecked {
        /// Whether it verifies.
        good: bool,
    },
    /// The days that were asked for, newest first.
    Days(Vec<Day>),
    /// What the record holds of the reservoir, as it was asked for: a day's newest reading, in any order.
    Levels(Vec<DayLevel>),
    /// Something is wrong with this remote itself, or no longer.
    Trouble {
        /// What.
        which: Trouble,
        /// Whether it is so.
        holds: bool,
    },
    /// How long this remote's battery lasts; `None` where there is none, or while it is charged.
    Battery {
        /// By its gauge.
        left: Option<Millis>,
    },
    /// What is in this remote's battery while it is charged, in percent; `None` while it isn't.
    Charging(Option<u8>),
    /// What was measured of this remote, for its self-test.
    Measured(Measured),
    /// Whether the clock that was asked to be set was.
    ClockSet {
        /// It shows what was asked for.
        done: bool,
    },
    /// What became of the record that was to be copied: where the copy ends that was read back from the stick, or why there is none.
    RecordCopied(Result<AuditHead, NotCopied>),
    /// A person takes this remote out of use: nothing will be asked with it any more.
    Decommission,
    /// The program is about to end in good order.
    Close,
    /// Time has passed.
    Tick,
}

/// What the machine wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Make these durable in one step, then say [`Input::Stored`] or [`Input::NotStored`].
    Store(Batch),
    /// Send this to the pump in the open session.
    Transmit(Command),
    /// End the session; the link reconnects by itself.
    Hangup,
    /// End the session, and make no other.
    Rest,
    /// Make sessions again.
    Reach,
    /// Read the history page's days, then say [`Input::Days`].
    ReadDays,
    /// Read what the record holds of the reservoir, [`LEVEL_DAYS`](crate::screen::LEVEL_DAYS) back, then say [`Input::Levels`].
    ReadLevels,
    /// Measure everything that the self-test wants, then say [`Input::Measured`] of each.
    Measure,
    /// A person has heard, felt and seen what this program plays and shows: it needs to ask no more until it is another one.
    KeepConfirmed,
    /// The self-test has ended and found no fault that this version could be at: whoever waits to confirm an update may.
    Fit,
    /// Set the person's clock to this in the zone that it is in, then say [`Input::ClockSet`].
    SetClock(CivilTime),
    /// Copy the record onto the stick that is in, read it back, then say [`Input::RecordCopied`].
    CopyRecord,
}

/// What the machine begins with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Beginning {
    /// Our key, as the pump's history names us.
    pub key: KeyFingerprint,
    /// Whether a pump is bonded.
    pub bonded: bool,
    /// What was stored last; the default for a new record.
    pub kept: Kept,
    /// Where the record stands.
    pub head: AuditHead,
    /// Whether the record verifies since its last checkpoint.
    pub tail_good: bool,
    /// Whether the keys were made just now.
    pub paired_now: bool,
    /// The configuration file's digest; `None` if there is no file.
    pub configuration: Option<[u8; 32]>,
    /// Whom the self-test at the start asks; `None` for a machine without hardware, which tests nothing of itself.
    pub self_test: Option<Asking>,
    /// How long after the last touch the display goes dark; `None` for one that never does.
    pub dark_after: Option<Millis>,
}

impl Beginning {
    /// With a bond and a record that verifies, without a configuration and without hardware that it could test.
    pub const fn bonded(key: KeyFingerprint, kept: Kept, head: AuditHead) -> Self {
        let (tail_good, paired_now, configuration, self_test, dark_after) = (true, false, None, None, None);
        Self { key, bonded: true, kept, head, tail_good, paired_now, configuration, self_test, dark_after }
    }
}

/// The patient remote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remote {
    key: KeyFingerprint,
    bonded: bool,
    kept: Kept,
    journal: Journal,
    record_good: bool,
    conversation: Option<Conversation>,
    word: Option<Word>,
    foreign: bool,
    clock_in_doubt: bool,
    accounts_differ: bool,
    windows_differ: bool,
    wall_watch: WallWatch,
    troubles: BTreeSet<Trouble>,
    code: Option<CodeEntry>,
    /// Since when no patient code is taken.
    code_locked: Option<Uptime>,
    alarms: Alarms,
    /// What was found in this turn and is an alarm by itself.
    alarming: Vec<AlarmCondition>,
    uncertain_since: Option<Uptime>,
    /// A full hold was refused by a limit that still stands.
    limit_refused: bool,
    /// How long this remote's battery lasts; `None` where there is none, or while it is charged.
    battery_left: Option<Millis>,
    /// What is in it while it is charged, in percent.
    charging: Option<u8>,
    started: Uptime,
    /// The pump's last no, and when it was heard.
    denied: Option<(Denial, Uptime)>,
    link_since: Uptime,
    /// Since when the pump may be expected to say more.
    looking_since: Uptime,
    /// The last session ended without a word of the pump's.
    met_in_vain: bool,
    hold: HoldTracker,
    short_touches: u32,
    page: Visit,
    /// Since when somebody practises.
    practising: Option<Uptime>,
    self_test: Option<SelfTest>,
    /// The test at the start has not been shown yet, and is if it asks or has failed.
    test_to_show: bool,
    days: Option<Vec<Day>>,
    levels: Option<Vec<DayLevel>>,
    /// When the reservoir's volume last went into the record.
    reservoir_noted: Option<Uptime>,
    /// Since when something waits for somebody.
    waiting_since: Option<Uptime>,
    setting: TimeSetting,
    copying: RecordCopy,
    awake_since: Uptime,
    light: Light,
    notice: Option<(Notice, Uptime)>,
    /// When low alarms are not heard.
    quiet: Option<QuietHours>,
    outputs: VecDeque<Output>,
}

/// The pump's last word on itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Word {
    report: PumpReport,
    clock: PumpClock,
}

/// A touch that wakes the dark display means nothing else: nobody saw what it is on. A hold is spoiled apart, with its finger.
fn in_the_dark(intent: Intent) -> Intent {
    match intent {
        Intent::Touch { .. } | Intent::Quiet(_) => intent,
        _ => Intent::Wake,
    }
}

impl Remote {
    /// The machine as the record left it: an open question is open still, and asked again by its id.
    pub fn restore(beginning: Beginning, now: Now) -> Self {
        let mut remote = Self {
            key: beginning.key,
            bonded: beginning.bonded,
            kept: beginning.kept,
            journal: Journal::new(beginning.head),
            record_good: beginning.tail_good,
            // keeps R-CLK-04
            conversation: None,
            word: None,
            foreign: false,
            clock_in_doubt: false,
            accounts_differ: false,
            windows_differ: false,
            wall_watch: WallWatch::default(),
            troubles: BTreeSet::new(),
            code: None,
            code_locked: None,
            alarms: Alarms::default(),
            alarming: Vec::new(),
            uncertain_since: None,
            limit_refused: false,
            battery_left: None,
            charging: None,
            started: now.uptime,
            denied: None,
            link_since: now.uptime,
            looking_since: now.uptime,
            met_in_vain: false,
            hold: HoldTracker::default(),
            short_touches: 0,
            page: Visit::Patient,
            practising: None,
            self_test: None,
            test_to_show: false,
            days: None,
            levels: None,
            reservoir_noted: None,
            waiting_since: None,
            setting: TimeSetting::default(),
            copying: RecordCopy::default(),
            awake_since: now.uptime,
            light: Light::new(beginning.dark_after, now.uptime),
            notice: None,
            quiet: None,
            outputs: VecDeque::new(),
        };
        let raw = now;
        let now = remote.believed(now);
        remote.alarms = Alarms::restore(&remote.kept.alarms, now.uptime);
        remote.note(Event::Started, now);
        remote.watch_wall(raw);
        remote.note_start(beginning.paired_now, beginning.configuration, now);
        remote.restore_code_lock(now);
        // keeps R-REQ-27
        if let Some(ended) = &mut remote.kept.ended {
            ended.stands_again(now);
        }
        if let Some(request) = remote.kept.request.take() {
            remote.reopen(request, now);
        }
        if let Some(asking) = beginning.self_test {
            remote.begin_test(asking, now);
            remote.ask_again_what_failed(now);
            remote.test_to_show = true;
        }
        remote.settle_turn(now);
        remote
    }

    /// Takes in one input. Drain [`poll_output`](Self::poll_output) afterwards.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.forgive_clock(&input);
        self.watch_wall(now);
        let now = self.believed(now);
        match input {
            Input::Intent(intent) => {
                let dark = self.dark(now.uptime);
                self.light.touched(dark, now.uptime);
                self.intend(if dark { in_the_dark(intent) } else { intent }, now);
                self.spoil_waking_touch(now.uptime);
            }
            Input::LinkUp => self.link_up(now),
            Input::LinkDown(why) => self.link_down(why, now),
            Input::Heard(reply) => self.hear(reply, now),
            Input::Stored(head) => self.stored(head),
            Input::NotStored => self.not_stored(now),
            // keeps R-ANS-11
            Input::RecordChecked { good } => self.record_checked(good, now),
            Input::Trouble { which, holds } => self.trouble_told(which, holds, now),
            Input::Days(days) => self.days = Some(days),
            Input::Levels(levels) => self.levels = Some(levels),
            Input::Battery { left } => self.battery_left = left,
            Input::Charging(charge) => self.charging = charge,
            Input::Measured(measured) => self.measured(measured),
            Input::ClockSet { done } => self.clock_set(done, now),
            Input::RecordCopied(ended) => self.record_copied(ended, now),
            Input::Decommission => self.decommission(now),
            Input::Close => self.close(now),
            Input::Tick => {}
        }
        self.settle_turn(now);
    }

    /// The next thing to be done, in order; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to say [`Input::Tick`] if nothing else is to be said before, and why.
    pub fn poll_timeout(&self, now: Now) -> Option<(Uptime, &'static str)> {
        let now = self.believed(now);
        let deadlines = [
            (
                self.conversation.as_ref().and_then(|talk| talk.timeout(self)),
                "the pump owes an answer, or is due to be asked",
            ),
            (self.kept.request.as_ref().and_then(request_deadline), "the request's deadline"),
            (self.journal.retry_at(), "try the record again"),
            (self.journal.too_slow_at(now.uptime), "the record takes too long"),
            (self.hold.expires(), "a finger that tells no more levels"),
            (self.notice.map(|(_, since)| since.after(NOTICE_SHOWN)), "the notice has been shown"),
            (self.code_expires(), "the patient code lapses"),
            (self.kept.ended.filter(Ended::passes).map(|ended| ended.at.after(GIVEN_SHOWN)), "GIVEN has been shown"),
            (self.test_timeout(now.uptime), "the self-test takes too long"),
            (self.practice_timeout(), "the practice has lasted long enough"),
            (self.time_setting_timeout(), "nobody says whether the clock was set"),
            (self.copying_timeout(), "nobody says whether the record was copied"),
            (self.light_timeout(now.uptime), "the display goes dark, or the link rests no longer"),
            (self.reminder_due(now.uptime), "what waits for somebody is told again"),
            (self.view_changes_at(now), "the page shows another second, minute or answer"),
        ];
        let named = deadlines.into_iter().filter_map(|(at, why)| Some((at?, why)));
        let all = named.chain(self.alarms_timeout(now.uptime));
        all.map(|(at, why)| (at.max(now.uptime), why)).min_by_key(|(at, _)| *at)
    }

    /// The open question, if there is one.
    pub const fn request(&self) -> Option<&Request> {
        self.kept.request.as_ref()
    }

    /// Whether everything noted is on disk.
    pub const fn all_stored(&self) -> bool {
        self.journal.idle()
    }

    /// What follows from the input and from time having passed, in one order always.
    fn settle_turn(&mut self, now: Now) {
        self.pass_time(now);
        self.watch_alarms(now);
        self.watch_practice(now);
        self.judge_again(now);
        self.converse(now);
        self.watch_light(now);
        self.watch_waiting(now);
        let Self { journal, kept, alarms, .. } = self;
        let to_keep = || {
            kept.alarms = alarms.kept();
            kept.to_bytes()
        };
        if let Some(batch) = journal.batch(moment(self.word.as_ref(), now), to_keep) {
            self.outputs.push_back(Output::Store(batch));
        }
    }

    fn pass_time(&mut self, now: Now) {
        self.hold.pass_time(now.uptime);
        self.notice = self.notice.filter(|(_, since)| now.uptime.since(*since) < NOTICE_SHOWN);
        self.kept.ended = self.kept.ended.filter(|ended| !ended.passes() || now.uptime.since(ended.at) < GIVEN_SHOWN);
        self.expire_code(now);
        self.expire_press(now);
        if let Some(why) = self.conversation.as_ref().and_then(|talk| talk.overdue(now.uptime)) {
            self.hang_up(why, now);
        }
        let silent = |request: &Request| {
            matches!(request.state, State::Delivering(progress)
            if now.uptime.since(progress.heard) >= SILENCE_IN_DELIVERY_MAX)
        };
        if self.kept.request.as_ref().is_some_and(silent) {
            self.doubt(Doubt::SilentInDelivery, now);
        }
        self.watch_time_setting(now);
        self.watch_copying(now);
        self.settle_test(now);
    }

    // keeps R-REC-21
    fn note_start(&mut self, paired_now: bool, configuration: Option<[u8; 32]>, now: Now) {
        if paired_now {
            self.note(Event::Paired, now);
        }
        let first = self.journal.head() == AuditHead::default();
        if self.kept.configuration != configuration && !first {
            self.note(Event::ConfigurationChanged, now);
        }
        self.kept.configuration = configuration;
    }

    fn record_checked(&mut self, good: bool, now: Now) {
        if self.record_good && !good {
            self.note(Event::RecordCheckFailed, now);
        }
        self.record_good &= good;
    }

    fn set_trouble(&mut self, which: Trouble, holds: bool, now: Now) {
        let changed = if holds { self.troubles.insert(which) } else { self.troubles.remove(&which) };
        if changed {
            self.note(if holds { Event::TroubleBegan { which } } else { Event::TroubleEnded { which } }, now);
        }
    }

    fn reopen(&mut self, request: Request, now: Now) {
        let was_told = matches!(request.state, State::Withdrawing { .. });
        let request = request.restarted();
        match request.state {
            State::Uncertain(_) => self.note(Event::Uncertain { id: request.id, why: Doubt::Restarted }, now),
            // Who pressed has not been told what came of it.
            State::Withdrawing { why, .. } if !was_told => self.show_ended(&request, Outcome::NotGiven(why), now),
            State::Withdrawing { .. }
            | State::Created { .. }
            | State::Granted(_)
            | State::CommitIntent { .. }
            | State::Delivering(_) => {}
        }
        self.kept.request = Some(request);
    }

    // keeps R-REQ-04
    /// COMMIT may have left and nobody here knows what it did.
    fn doubt(&mut self, why: Doubt, now: Now) {
        let Some(request) = &mut self.kept.request else { return };
        let Some(doubted) = request.state.doubted() else { return };
        request.state = doubted;
        let id = request.id;
        self.note(Event::Uncertain { id, why }, now);
    }

    fn note(&mut self, event: Event, now: Now) {
        self.journal.note(moment(self.word.as_ref(), now), event);
    }

    fn tell(&mut self, notice: Notice, now: Now) {
        self.notice = Some((notice, now.uptime));
    }

    // keeps R-CAR-02
    fn role_allows(&self) -> bool {
        self.conversation.as_ref().is_none_or(|talk| talk.role != Some(Role::Viewer))
    }

    /// The earliest that the pump's clock can show; `None` until it was heard in this run.
    fn pump_now(&self, now: Now) -> Option<PumpTime> {
        self.word.as_ref().map(|word| word.clock.at_least(now.uptime))
    }

    /// The pump names an id of our key. One that no remote can have reached is no reason to go on from there: the next id would
    /// be none of its own.
    fn saw_id(&mut self, id: RequestId) {
        if id <= ID_MAX {
            self.kept.last_id = self.kept.last_id.max(id);
        }
    }

    // keeps R-REQ-20, R-REQ-23
    /// The id for a new request: above everything in our record and everything that the pump has seen of our key.
    fn next_id(&self) -> RequestId {
        RequestId(self.kept.last_id.0.saturating_add(1))
    }
}

/// When time alone changes where a request stands.
fn request_deadline(request: &Request) -> Option<Uptime> {
    let press_expires = request.pressed.uptime.after(PRESS_EXPIRES);
    match request.state {
        State::Created { asked: None, .. } => Some(press_expires),
        State::Granted(grant) | State::CommitIntent { grant, sent: false } => Some(press_expires.min(grant.deadline)),
        State::Delivering(progress) => Some(progress.heard.after(SILENCE_IN_DELIVERY_MAX)),
        State::Created { asked: Some(_), .. }
        | State::CommitIntent { sent: true, .. }
        | State::Withdrawing { .. }
        | State::Uncertain(_) => None,
    }
}

fn moment(word: Option<&Word>, now: Now) -> Moment {
    let pump = word.map(|word| word.clock.at_least(now.uptime));
    Moment { boot: now.boot, uptime: now.uptime, pump, wall: now.wall }
}

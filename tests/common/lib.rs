//! A world in which a remote and a pump meet without radio, disk or clock: every turn is decided by the test.
//!
//! The remote and the pump are the production machines. The link carries plain messages in order, at once or late, and
//! fails on script; the disk holds what was stored, and can be made to hesitate or to refuse. The remote is woken when it
//! wants to be and no sooner: a deadline that it forgets to name is a deadline missed.
//!
//! # Promises
//! - The promises of the machine are checked at every turn, in every test that uses this world: nothing leaves before its
//!   record, no id is committed twice, no more ids than holds, NOT SURE ends by the pump's word only, a restart brings the
//!   same open question, the machine never spins, and nothing leaves, stands on the page or follows from a hold that the
//!   tables of [`permitted`] don't name.
//! - Nothing here is random; whoever wants [`chance`] brings a seed, or bytes.
#![forbid(unsafe_code)]
#![expect(clippy::panic, clippy::missing_panics_doc, reason = "a broken promise ends the test where it happens")]

pub mod chance;
pub mod chronicle;
pub mod hostile;
pub mod permitted;
pub mod sealed;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use pump_core::{
    audit::{
        Batch,
        event::{Event, Happened, LinkLoss, Moment, NotCopied, read},
        retrace::{Difference, Retrace},
    },
    ledger::State,
    remote::{Beginning, DOSE_HOLD, Input, Kept, Output, Remote},
    screen::{Control, Face, Intent, Level, Screen, Source, Visit},
    selftest::Asking,
    therapy::reason::Reason,
};
use pump_protocol::{
    clock::{BootId, CivilTime, Now, PumpTime, Uptime, WallTime},
    history::{Delivered, HistoryEvent, HistorySeq, Origin},
    message::{AuditHead, Command, Fate, KeyFingerprint, Nonce, Reply, RequestId, Role},
    prescription::PrescriptionHash,
    quantity::{Dose, Millis},
    report::PumpReport,
};
use simulated_pump::{Pump, Setup};

use self::{
    chronicle::Chronicle,
    permitted::{Before, Session, assert_may_leave},
    sealed::Sealed,
};

/// The key of the remote that the world is about.
pub const OURS: KeyFingerprint = KeyFingerprint([1; 8]);
/// The key of another remote.
pub const OTHERS: KeyFingerprint = KeyFingerprint([2; 8]);
/// How soon the link comes back while the pump is in reach.
const RECONNECTS_AFTER: Millis = Millis::from_secs(1);
/// How often the pump has the chance to say something unasked.
const PUMP_NEWS_EVERY: Millis = Millis::from_secs(1);
/// The most that one input may set off: a whole history in pages, and a few questions.
const OUTPUTS_MAX: usize = 400;
/// The most turns that the machine may ask for in one second while nobody touches it.
const TURNS_A_SECOND_MAX: u32 = 12;

/// A fault of the link, at a command of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// At which command.
    pub at: CommandKind,
    /// Before or after the pump has executed it.
    pub point: Point,
    /// What happens.
    pub effect: Effect,
}

/// The commands that a fault can be scripted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the commands' own names")]
pub enum CommandKind {
    Hello,
    Prepare,
    Commit,
    Query,
    Abort,
    Cancel,
    Other,
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The pump never sees the command.
    BeforeReceipt,
    /// The pump executes the command; its answer is lost.
    AfterReceipt,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The message is lost and nothing tells.
    Drop,
    /// The link is cut.
    Disconnect,
    /// The pump is reset.
    Reset,
    /// The grant's dose is changed on the way: a pump that would give another dose.
    Echo(Dose),
    /// Another answer arrives than the pump gave: a pump that is not ours to trust.
    Answer(Box<Reply>),
}

/// What the disk does with the next batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Stores at once.
    Works,
    /// Stores when told to.
    Hesitates,
    /// Refuses.
    Refuses,
}

/// The world.
pub struct World {
    /// The remote under test.
    pub remote: Remote,
    /// The pump.
    pub pump: Pump,
    /// Whether the radio reaches.
    pub in_reach: bool,
    /// The remote wants no link.
    pub rests: bool,
    /// How often it began to want none.
    pub rested: usize,
    /// How long an answer is under way.
    pub latency: Millis,
    /// What the pump lets our key do.
    pub role: Role,
    /// Whether the remote has a bond with a pump; asked at its next start.
    pub bonded: bool,
    /// Whom the self-test asks at the next start; none begins unless somebody is named, or nobody.
    pub self_test: Option<Asking>,
    /// How long after the last touch the display goes dark, from the next start on.
    pub dark_after: Option<Millis>,
    /// How often the remote wanted itself measured.
    pub measures_wanted: usize,
    /// How often it wanted kept that a person has confirmed it.
    pub confirmations_wanted: usize,
    /// How often a self-test ended without a fault that blocks.
    pub found_fit: usize,
    /// How much faster than ours the pump's clock runs, in millionths.
    pub drift_ppm: i64,
    /// What whoever sets the person's clock says of it; `None`: nothing.
    pub sets_clock: Option<bool>,
    /// What whoever copies the record says of it; `None`: nothing.
    pub copies_record: Option<Result<AuditHead, NotCopied>>,
    /// How often the record was to be copied.
    pub copies_wanted: usize,
    /// The person's clock stands still, as one does whose battery is flat.
    pub wall_stands: bool,
    /// The pump has no power: no time passes for it.
    pub pump_is_off: bool,
    /// Whether an answer out of place is a bug: everywhere but where a test falsifies the pump.
    pub pump_is_honest: bool,
    /// Scripted faults, each used once.
    pub faults: Vec<Fault>,
    /// The session's ends, if messages go over sealed.
    pub sealed: Option<Box<Sealed>>,
    /// What the disk does.
    pub disk: Disk,
    /// Everything that was transmitted.
    pub sent: Vec<Command>,
    /// Everything that the pump's history ever held, with true times.
    pub chronicle: Chronicle,
    /// Full holds of the dose control.
    pub full_holds: usize,
    /// What the remote has heard of last: the head of the pump's history, the prescription in force, and how far the pump's
    /// calendar is ahead of its clock.
    pub heard: Option<(HistorySeq, PrescriptionHash, i64)>,
    now: Now,
    record: Vec<Happened>,
    /// Follows the record as it is stored.
    retrace: Retrace,
    chain: Vec<u64>,
    kept: Kept,
    inbound: VecDeque<(Uptime, Reply)>,
    drifted_ppm_ms: i64,
    turns: (u64, u32),
    others_id: u64,
    waiting: Option<Batch>,
    session: Session,
    connected: bool,
    reconnect_at: Uptime,
    nonces: u64,
    boots: u8,
    durable_ids: BTreeSet<u64>,
    intended_ids: BTreeSet<u64>,
    /// The commands about a request that have left, each once.
    left: BTreeSet<(&'static str, RequestId)>,
    committed: usize,
    /// Lines of the record that are no longer held here.
    told_records: u64,
    tape: Option<Vec<Batch>>,
    /// When it was last asked when the remote wants to be woken, and what it said.
    wants: Option<(Now, Option<Uptime>)>,
}

impl World {
    /// A demonstration pump, bonded, in reach and long in use: ready.
    pub fn ready() -> Self {
        let mut world = Self::with(Setup::demonstration());
        world.pass(Millis::from_secs(2));
        world
    }

    /// A pump of this setup, bonded and in reach; nothing has been said yet.
    pub fn with(setup: Setup) -> Self {
        let wall = Some(wall_of(setup.civil));
        let now = Now { boot: BootId([1; 16]), uptime: Uptime::from_millis(60_000), wall };
        let kept = Kept::default();
        let mut world = Self {
            remote: Remote::restore(beginning(&kept, AuditHead::default(), true), now),
            pump: Pump::new(setup),
            in_reach: true,
            rests: false,
            rested: 0,
            latency: Millis::ZERO,
            role: Role::Patient,
            bonded: true,
            self_test: None,
            dark_after: None,
            measures_wanted: 0,
            confirmations_wanted: 0,
            found_fit: 0,
            drift_ppm: 0,
            sets_clock: Some(true),
            copies_record: None,
            copies_wanted: 0,
            wall_stands: false,
            pump_is_off: false,
            pump_is_honest: true,
            faults: Vec::new(),
            sealed: None,
            disk: Disk::Works,
            sent: Vec::new(),
            chronicle: Chronicle::default(),
            full_holds: 0,
            heard: None,
            now,
            record: Vec::new(),
            retrace: Retrace::new(),
            chain: Vec::new(),
            kept,
            inbound: VecDeque::new(),
            drifted_ppm_ms: 0,
            turns: (0, 0),
            others_id: 0,
            waiting: None,
            session: Session::Absent,
            connected: false,
            reconnect_at: now.uptime.after(RECONNECTS_AFTER),
            nonces: 0,
            boots: 1,
            durable_ids: BTreeSet::new(),
            intended_ids: BTreeSet::new(),
            left: BTreeSet::new(),
            committed: 0,
            told_records: 0,
            tape: None,
            wants: None,
        };
        world.settle();
        world
    }

    /// One sample of the remote's clocks.
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Puts the person's clock wrong, or right again.
    pub const fn set_wall(&mut self, wall: Option<WallTime>) {
        self.now.wall = wall;
    }

    /// Somebody sets the person's clock by this much, and says how far east of UTC it is.
    pub fn move_wall(&mut self, by_ms: i64, utc_offset_min: Option<i16>) {
        self.now.wall = self.now.wall.map(|wall| WallTime {
            unix_ms: wall.unix_ms + by_ms,
            utc_offset_min: utc_offset_min.unwrap_or(wall.utc_offset_min),
        });
        self.say(Input::Tick);
    }

    /// This remote is paired with another pump, and starts from what counts there, too.
    pub fn pair_with(&mut self, pump: Pump) {
        let (kept, events) = self.kept.clone().for_another_pump(self.now);
        (self.pump, self.chronicle) = (pump, Chronicle::default());
        self.chronicle.observe(&self.pump);
        let at = Moment { boot: self.now.boot, uptime: self.now.uptime, pump: None, wall: self.now.wall };
        let last = events.len().saturating_sub(1);
        for (index, event) in events.into_iter().enumerate() {
            self.append(Happened { at, event }, index == last);
        }
        self.kept = kept;
        self.crash();
    }

    /// What stands on the display.
    pub fn screen(&self) -> Screen {
        self.remote.screen(self.now)
    }

    /// The page that stands on the display.
    pub fn face(&self) -> Face {
        self.screen().face
    }

    /// Why no dose is offered; empty on any other page.
    pub fn reasons(&self) -> Vec<Reason> {
        match self.face() {
            Face::NotAvailable { reasons } => reasons,
            Face::Wait(wait) => wait.reasons,
            _ => Vec::new(),
        }
    }

    /// The record, as it is on disk.
    pub fn record(&self) -> &[Happened] {
        &self.record
    }

    /// How many records satisfy this.
    pub fn recorded(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.record.iter().filter(|happened| which(&happened.event)).count()
    }

    /// How many commands that were transmitted satisfy this.
    pub fn transmitted(&self, which: impl Fn(&Command) -> bool) -> usize {
        self.sent.iter().filter(|command| which(command)).count()
    }

    /// What the pump has really delivered for each request of our key, by its own history.
    pub fn delivered(&self) -> BTreeMap<u64, Delivered> {
        let ended = self.pump.history().filter_map(|entry| match entry.event {
            HistoryEvent::BolusEnded { origin: Origin::Remote { key: OURS, id }, delivered, .. } => {
                Some((id.0, delivered))
            }
            _ => None,
        });
        ended.collect()
    }

    /// How many boluses the pump has started for our key.
    pub fn started(&self) -> usize {
        let ours = |event: &HistoryEvent| {
            matches!(event, HistoryEvent::BolusStarted { origin: Origin::Remote { key: OURS, .. }, .. })
        };
        self.pump.history().filter(|entry| ours(&entry.event)).count()
    }

    /// Lets time pass: the pump's and the remote's, with the remote woken exactly when it wants to be.
    pub fn pass(&mut self, span: Millis) {
        self.doze(span, Millis::ZERO);
    }

    /// Lets time pass on a remote that wakes late, by up to this much, as one that was suspended does.
    pub fn doze(&mut self, span: Millis, late: Millis) {
        let end = self.now.uptime.after(span);
        while self.now.uptime < end {
            let asked = self.wanted();
            let wanted = asked.map_or(end, |at| at.max(self.now.uptime.after(late)));
            let reconnect = if self.in_reach && !self.rests && !self.connected { self.reconnect_at } else { end };
            let answer = self.inbound.front().map_or(end, |(at, _)| *at);
            let pump_news = self.now.uptime.after(self.pump_news(end.since(self.now.uptime)).max(late));
            let next = wanted.min(reconnect).min(answer).min(pump_news).min(end);
            self.step_to(next.since(self.now.uptime).max(Millis::new(1)), asked);
        }
    }

    /// How soon the pump may have something to say unasked.
    fn pump_news(&self, most: Millis) -> Millis {
        if self.pump.has_news(OURS) { PUMP_NEWS_EVERY } else { self.pump.quiet_for(most).max(PUMP_NEWS_EVERY) }
    }

    /// Holds a control for this long, then lifts the finger.
    pub fn hold(&mut self, control: Control, source: Source, held: Millis) {
        self.full_holds += usize::from(control == Control::Dose && held >= DOSE_HOLD);
        let lift_at = self.now.uptime.after(held);
        self.touch(control, source, Level::Pressed);
        while self.now.uptime < lift_at {
            self.step(Millis::new(100).min(lift_at.since(self.now.uptime)));
            self.touch(control, source, Level::Pressed);
        }
        self.touch(control, source, Level::Released);
    }

    /// One level of a control.
    pub fn touch(&mut self, control: Control, source: Source, level: Level) {
        self.say(Input::Intent(Intent::Touch { control, level, source }));
    }

    /// A full hold on the dose control.
    pub fn hold_dose(&mut self) {
        self.hold(Control::Dose, Source::Touchscreen, Millis::new(1_600));
    }

    /// A full hold on Stop.
    pub fn hold_stop(&mut self) {
        self.hold(Control::Stop, Source::Touchscreen, Millis::new(600));
    }

    /// To another page.
    pub fn visit(&mut self, page: Visit) {
        self.say(Input::Intent(Intent::Visit(page)));
    }

    /// What stands on the page has been read.
    pub fn seen(&mut self) {
        self.say(Input::Intent(Intent::Seen));
    }

    /// Somebody taps away the notice above the page.
    pub fn notice_seen(&mut self) {
        self.say(Input::Intent(Intent::NoticeSeen));
    }

    /// One input to the remote, and everything that follows from it at this moment.
    pub fn say(&mut self, input: Input) {
        self.turn(input);
        self.settle();
        let spins = self.wanted().is_some_and(|at| at <= self.now.uptime);
        assert!(!spins, "the machine spins: {:?}", self.remote.poll_timeout(self.now));
    }

    /// The next command of this kind meets this fault.
    pub fn fault(&mut self, at: CommandKind, point: Point, effect: Effect) {
        self.faults.push(Fault { at, point, effect });
    }

    /// Cuts the link; it comes back by itself while the pump is in reach.
    pub fn cut_link(&mut self) {
        if self.connected {
            self.disconnect();
            self.say(Input::LinkDown(LinkLoss::Disconnected));
        }
    }

    /// Takes the pump out of reach.
    pub fn walk_away(&mut self) {
        self.in_reach = false;
        self.cut_link();
    }

    /// The pump is stopped and started until its history holds nothing else any more.
    pub fn history_is_pushed_out(&mut self) {
        for _ in 0..520 {
            self.pump.stop();
            self.chronicle.observe(&self.pump);
            self.pump.start();
            self.chronicle.observe(&self.pump);
        }
    }

    /// Brings the pump back into reach and lets the link come back.
    pub fn come_back(&mut self) {
        self.in_reach = true;
        self.reconnect_at = self.now.uptime;
        self.pass(Millis::from_secs(3));
    }

    /// The remote's process ends here, and starts again from what is on disk. The clock of the machine runs on.
    pub fn crash(&mut self) {
        self.restart(self.now.boot, self.now.uptime);
    }

    /// The remote loses power for this long: a new boot, a boot clock from zero.
    pub fn reboot(&mut self, off: Millis) {
        self.pump_passes(off);
        self.now.wall = self.now.wall.map(|wall| wall.after(off));
        self.boots = self.boots.wrapping_add(1);
        self.restart(BootId([self.boots; 16]), Uptime::from_millis(5_000));
    }

    /// The disk stores what it has held back.
    pub fn disk_catches_up(&mut self) {
        if let Some(batch) = self.waiting.take() {
            let head = self.store(&batch);
            self.say(Input::Stored(head));
        }
    }

    /// The disk refuses what it has held back, and works again.
    pub fn disk_gives_up(&mut self) {
        self.disk = Disk::Works;
        if self.waiting.take().is_some() {
            self.say(Input::NotStored);
        }
    }

    /// Whether the remote's last word from the pump is all there is to know of its doses and its prescription.
    pub fn is_up_to_date(&self) -> bool {
        let head = self.pump.history().next_back().map_or(HistorySeq(0), |entry| entry.seq);
        self.heard == Some((head, self.pump.prescription().hash(), calendar_ahead(self.pump.civil(), self.pump.time())))
    }

    /// The disk stores what it has held back, and the remote's process ends before it learns of it.
    pub fn store_and_die(&mut self) {
        if let Some(batch) = self.waiting.take() {
            self.store(&batch);
        }
        self.crash();
    }

    /// From now on every batch that is stored is kept as it was.
    pub fn start_tape(&mut self) {
        self.tape = Some(Vec::new());
    }

    /// The batches that were stored since the tape was started.
    pub fn tape(&self) -> &[Batch] {
        self.tape.as_deref().unwrap_or_default()
    }

    /// Lets go of what has been told and judged, so that years fit into memory. Only boluses that a window can still reach
    /// stay in the chronicle, and the record's head.
    pub fn forget(&mut self) {
        self.told_records += self.record.len() as u64;
        self.record.clear();
        self.chain.drain(..self.chain.len().saturating_sub(1));
        self.sent.clear();
        self.chronicle.forget();
    }

    /// Where what is on disk isn't what the machine can have written. Means nothing behind a record that was put back.
    pub fn differences(&self) -> Vec<Difference> {
        let lines = self.retrace.differences().cloned();
        lines.chain(self.retrace.compare(&self.kept.remembered())).collect()
    }

    /// What is on disk: what a restart begins from.
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The record is put back to an older copy, or to nothing, and the remote starts from it.
    pub fn put_back(&mut self, kept: Kept, records: usize) {
        self.kept = kept;
        self.record.truncate(records);
        self.chain.truncate(records);
        self.crash();
    }

    /// The control of another remote of this pump is held: its dose is asked for, and committed if the pump grants it.
    pub fn other_doses(&mut self) -> Reply {
        let Reply::Granted { id, nonce, .. } = self.other_prepares() else { return Reply::PairingConfirmed };
        let prescription = self.pump.prescription().hash();
        self.other_says(&Command::Commit { id, nonce, prescription })
    }

    /// Another remote asks for a dose and goes no further.
    pub fn other_prepares(&mut self) -> Reply {
        self.other_connects();
        self.others_id += 1;
        let prescription = self.pump.prescription().hash();
        let audit_head = AuditHead::default();
        self.other_says(&Command::Prepare { id: id(self.others_id), prescription, audit_head })
    }

    /// Another remote says this to the pump, in a session of its own that is open already.
    pub fn other_says(&mut self, command: &Command) -> Reply {
        self.nonces += 1;
        let reply = self.pump.handle(OTHERS, Role::Patient, command, nonce(self.nonces));
        self.one_grant_lives(&reply);
        self.chronicle.observe(&self.pump);
        reply
    }

    /// Another remote opens a session.
    pub fn other_connects(&mut self) {
        self.pump.session_opened(OTHERS);
        self.other_says(&Command::Hello { audit_head: AuditHead::default() });
    }

    fn restart(&mut self, boot: BootId, uptime: Uptime) {
        self.disconnect();
        self.turns = (0, 0);
        self.waiting = None;
        self.now = Now { boot, uptime, ..self.now };
        self.reconnect_at = uptime.after(RECONNECTS_AFTER);
        let open_before = self.kept.request.as_ref().map(|request| request.id);
        self.remote = Remote::restore(
            Beginning {
                self_test: self.self_test,
                dark_after: self.dark_after,
                ..beginning(&self.kept, self.head(), self.bonded)
            },
            self.now,
        );
        self.rests = false;
        self.wants = None;
        let open_after = self.remote.request().map(|request| request.id);
        // proves R-REQ-10
        assert_eq!(open_before, open_after, "a restart restores the same open question");
        self.settle();
    }

    /// Lets this much time pass in one step; the remote hears what there is to hear, and is woken if it wanted to be.
    pub fn step(&mut self, span: Millis) {
        let wanted = self.wanted();
        self.step_to(span, wanted);
    }

    /// The remote's machine stands still for this long: it hears nothing, and nobody wakes it.
    pub fn suspend(&mut self, span: Millis) {
        self.now.uptime = self.now.uptime.after(span);
        if !self.wall_stands {
            self.now.wall = self.now.wall.map(|wall| wall.after(span));
        }
        self.drifted_ppm_ms += self.drift_ppm * i64::try_from(span.get()).unwrap_or(0);
        let drifted_ms = self.drifted_ppm_ms.div_euclid(1_000_000);
        self.drifted_ppm_ms -= drifted_ms * 1_000_000;
        self.pump_passes(Millis::new(span.get().saturating_add_signed(drifted_ms)));
    }

    fn step_to(&mut self, span: Millis, wanted: Option<Uptime>) {
        self.suspend(span);
        if self.in_reach && !self.rests && !self.connected && self.now.uptime >= self.reconnect_at {
            match self.sealed.as_mut().map_or(Ok(()), |sealed| sealed.open(self.now.uptime)) {
                Ok(()) => {
                    self.connected = self.pump.session_opened(OURS);
                    self.say(Input::LinkUp);
                }
                Err(retry_after) => self.reconnect_at = self.now.uptime.after(retry_after),
            }
        }
        if let Some(changed) = self.pump.take_status(OURS).filter(|_| self.connected) {
            self.answer(Reply::Status { changed });
        }
        self.settle();
        if wanted.is_some_and(|at| at <= self.now.uptime) {
            self.count_turn();
            self.say(Input::Tick);
        }
    }

    fn pump_passes(&mut self, span: Millis) {
        self.chronicle.observe(&self.pump);
        if self.pump_is_off {
            return;
        }
        self.pump.advance(span);
        self.chronicle.passed(span);
        self.chronicle.observe(&self.pump);
    }

    /// When the remote wants to be woken. Asked once between two turns: this is the dearest question of the machine.
    fn wanted(&mut self) -> Option<Uptime> {
        let (now, remote) = (self.now, &self.remote);
        let fresh = self.wants.filter(|(asked, _)| *asked == now);
        let (_, at) = fresh.unwrap_or_else(|| (now, remote.poll_timeout(now).map(|(at, _)| at)));
        self.wants = Some((now, at));
        at
    }

    fn count_turn(&mut self) {
        let second = self.now.uptime.millis() / 1000;
        let count = if self.turns.0 == second { self.turns.1 + 1 } else { 1 };
        self.turns = (second, count);
        // proves R-DEV-03
        assert!(
            count <= TURNS_A_SECOND_MAX,
            "the machine wants too many turns: {:?}",
            self.remote.poll_timeout(self.now)
        );
    }

    /// One turn of the machine. NOT SURE ends by the pump's word only, or with the remote's use.
    fn turn(&mut self, input: Input) {
        let spoken = match &input {
            Input::Heard(reply) => !matches!(reply, Reply::Status { .. }),
            other => *other == Input::Decommission,
        };
        let in_doubt = |remote: &Remote| {
            remote.request().filter(|request| matches!(request.state, State::Uncertain(_))).map(|request| request.id)
        };
        let before = in_doubt(&self.remote);
        if let Input::Heard(Reply::Report(report)) = &input {
            self.heard = Some(told_by(report));
        } else if let Input::Heard(Reply::Hello(hello)) = &input {
            self.heard = Some(told_by(&hello.report));
        }
        self.session = self.session.after(&input, self.kept.pump.as_ref());
        let stood = Before::of(&self.remote, &input, self.now);
        self.remote.handle(input, self.now);
        self.wants = None;
        stood.assert_turn(&self.remote, self.now);
        let left = before.is_some() && in_doubt(&self.remote) != before;
        // proves R-REQ-07
        assert!(spoken || !left, "NOT SURE ended without the pump's word");
    }

    /// Does what the remote wants done until it wants nothing more, and lets it hear what has arrived.
    fn settle(&mut self) {
        for _ in 0..OUTPUTS_MAX {
            if let Some(output) = self.remote.poll_output() {
                match output {
                    Output::Store(batch) => self.asked_to_store(batch),
                    Output::Transmit(command) => self.carry(&command),
                    Output::Hangup => self.disconnect(),
                    Output::Rest => {
                        self.disconnect();
                        self.rests = true;
                        self.rested += 1;
                    }
                    Output::Reach => {
                        self.rests = false;
                        self.reconnect_at = self.now.uptime.after(RECONNECTS_AFTER);
                    }
                    Output::ReadDays => self.turn(Input::Days(Vec::new())),
                    Output::ReadLevels => self.turn(Input::Levels(Vec::new())),
                    // What is measured here is what a test says.
                    Output::Measure => self.measures_wanted += 1,
                    Output::KeepConfirmed => self.confirmations_wanted += 1,
                    Output::Fit => self.found_fit += 1,
                    Output::SetClock(to) => self.asked_to_set_clock(to),
                    Output::CopyRecord => self.asked_to_copy_record(),
                }
            } else if self.inbound.front().is_some_and(|(at, _)| *at <= self.now.uptime) {
                let (_, reply) = self.inbound.pop_front().expect("looked at just now");
                self.turn(Input::Heard(reply));
            } else {
                return;
            }
        }
        panic!("one input sets off more than {OUTPUTS_MAX} steps; the last: {:?}", self.sent.last());
    }

    fn asked_to_set_clock(&mut self, to: CivilTime) {
        let Some(done) = self.sets_clock else { return };
        if done {
            let utc_offset_min = self.now.wall.map_or(0, |wall| wall.utc_offset_min);
            self.now.wall =
                Some(WallTime { unix_ms: to.millis() - i64::from(utc_offset_min) * 60_000, utc_offset_min });
        }
        self.turn(Input::ClockSet { done });
    }

    fn asked_to_copy_record(&mut self) {
        self.copies_wanted += 1;
        if let Some(ended) = self.copies_record {
            self.turn(Input::RecordCopied(ended));
        }
    }

    fn asked_to_store(&mut self, batch: Batch) {
        match self.disk {
            Disk::Works => {
                let head = self.store(&batch);
                self.turn(Input::Stored(head));
            }
            Disk::Hesitates => self.waiting = Some(batch),
            Disk::Refuses => self.turn(Input::NotStored),
        }
    }

    fn store(&mut self, batch: &Batch) -> AuditHead {
        let last = batch.entries.len().saturating_sub(1);
        for (index, entry) in batch.entries.iter().enumerate() {
            let happened = read(&entry.body).unwrap_or_else(|malformed| panic!("a record can't be read: {malformed}"));
            match happened.event {
                Event::Requested { id, .. } => self.durable_ids.insert(id.0),
                Event::CommitIntended { id, .. } => self.intended_ids.insert(id.0),
                Event::AnswerOutOfPlace => {
                    assert!(!self.pump_is_honest, "the pump and the remote talk past each other: {:?}", self.sent);
                    true
                }
                _ => true,
            };
            self.append(happened, index == last);
        }
        if let Some(tape) = &mut self.tape {
            tape.push(batch.clone());
        }
        self.kept = Kept::from_bytes(&batch.kept).unwrap_or_else(|malformed| panic!("not restorable: {malformed}"));
        self.head()
    }

    fn append(&mut self, happened: Happened, ends_batch: bool) {
        self.retrace.follow_event(&happened, ends_batch);
        let mut hasher = DefaultHasher::new();
        (self.chain.last(), &happened).hash(&mut hasher);
        self.chain.push(hasher.finish());
        self.record.push(happened);
    }

    fn head(&self) -> AuditHead {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.chain.last().copied().unwrap_or_default().to_le_bytes());
        AuditHead { count: self.told_records + self.record.len() as u64, hash }
    }

    fn carry(&mut self, command: &Command) {
        let (name, about) = permitted::name(command);
        let first = about.is_none_or(|id| self.left.insert((name, id)));
        assert_may_leave(command, self.session, &self.remote, first);
        self.check_promises(command, first);
        self.sent.push(command.clone());
        if !self.connected {
            return;
        }
        if self.strikes(command, Point::BeforeReceipt).is_some() {
            return;
        }
        self.nonces += 1;
        let heard = self.sealed.as_mut().map(|sealed| sealed.command(command, self.now.uptime));
        let mut reply = self.pump.handle(OURS, self.role, heard.as_ref().unwrap_or(command), nonce(self.nonces));
        self.one_grant_lives(&reply);
        self.chronicle.observe(&self.pump);
        match self.strikes(command, Point::AfterReceipt) {
            None => {}
            Some(Effect::Echo(echo)) => {
                if let Reply::Granted { dose, .. } = &mut reply {
                    *dose = echo;
                }
            }
            Some(Effect::Answer(other)) => reply = *other,
            Some(Effect::Drop | Effect::Disconnect | Effect::Reset) => return,
        }
        self.answer(reply);
    }

    /// A grant was given: there is no other, of either remote's.
    fn one_grant_lives(&self, reply: &Reply) {
        if !matches!(reply, Reply::Granted { .. }) {
            return;
        }
        let ours = self.remote.request().map(|request| (OURS, request.id));
        let live =
            ours.into_iter().chain([(OTHERS, id(self.others_id))]).filter(|(key, id)| self.is_granted(*key, *id));
        // proves R-PMP-02
        assert!(live.count() <= 1, "two grants live: {reply:?}");
    }

    fn is_granted(&self, key: KeyFingerprint, id: RequestId) -> bool {
        self.pump.fate(key, id) == Fate::Granted
    }

    /// Puts an answer on its way, behind those that are under way.
    fn answer(&mut self, reply: Reply) {
        let reply = match &mut self.sealed {
            Some(sealed) => sealed.reply(&reply, self.now.uptime),
            None => reply,
        };
        let at = self.now.uptime.after(self.latency);
        let behind = self.inbound.back().map_or(at, |(last, _)| at.max(*last));
        self.inbound.push_back((behind, reply));
    }

    /// What must hold at the moment when something leaves.
    fn check_promises(&mut self, command: &Command, first: bool) {
        match command {
            Command::Prepare { id, .. } => {
                // proves R-REQ-01, R-REQ-11
                assert!(self.durable_ids.contains(&id.0), "PREPARE {id} before its record");
            }
            Command::Commit { id, .. } => {
                // proves R-REQ-01, R-REQ-11
                assert!(self.intended_ids.contains(&id.0), "COMMIT {id} before its record");
                // proves R-REQ-12
                assert!(first, "a second COMMIT {id}");
                self.committed += 1;
                assert!(self.committed <= self.full_holds, "COMMIT {id} without a full hold of its own");
            }
            _ => {}
        }
    }

    fn strikes(&mut self, command: &Command, point: Point) -> Option<Effect> {
        let index = self.faults.iter().position(|fault| fault.at == kind(command) && fault.point == point)?;
        let effect = self.faults.remove(index).effect;
        match &effect {
            Effect::Drop | Effect::Echo(_) | Effect::Answer(_) => {}
            Effect::Disconnect => {
                self.disconnect();
                self.turn(Input::LinkDown(LinkLoss::Disconnected));
            }
            Effect::Reset => {
                self.pump.reset();
                self.chronicle.observe(&self.pump);
                self.disconnect();
                self.turn(Input::LinkDown(LinkLoss::Disconnected));
            }
        }
        Some(effect)
    }

    fn disconnect(&mut self) {
        self.pump.session_closed(OURS);
        let outlives = self.remote.request().is_some_and(|request| self.is_granted(OURS, request.id));
        // proves R-PMP-03
        assert!(!outlives, "a grant outlives its session: {:?}", self.remote.request());
        self.connected = false;
        self.session = Session::Absent;
        self.inbound.clear();
        self.reconnect_at = self.now.uptime.after(RECONNECTS_AFTER);
    }
}

fn told_by(report: &PumpReport) -> (HistorySeq, PrescriptionHash, i64) {
    (report.history_head, report.prescription.hash, calendar_ahead(report.civil, report.time))
}

fn calendar_ahead(civil: CivilTime, time: PumpTime) -> i64 {
    civil.millis().saturating_sub_unsigned(time.since_epoch.get())
}

/// The kind of a command.
pub const fn kind(command: &Command) -> CommandKind {
    match command {
        Command::Hello { .. } => CommandKind::Hello,
        Command::Prepare { .. } => CommandKind::Prepare,
        Command::Commit { .. } => CommandKind::Commit,
        Command::Query { .. } => CommandKind::Query,
        Command::Abort { .. } => CommandKind::Abort,
        Command::Cancel { .. } => CommandKind::Cancel,
        Command::ReadHistory { .. }
        | Command::ReadReport
        | Command::ReadPrescription
        | Command::Acknowledge { .. }
        | Command::ResetStatus { .. }
        | Command::ConfirmPairing
        | Command::EndPairing => CommandKind::Other,
    }
}

/// A person's clock two hours east of UTC that shows what the pump's does.
pub const fn wall_of(civil: CivilTime) -> WallTime {
    WallTime { unix_ms: civil.millis() - 120 * 60_000, utc_offset_min: 120 }
}

/// A request id, for tests.
pub const fn id(id: u64) -> RequestId {
    RequestId(id)
}

fn nonce(count: u64) -> Nonce {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&count.to_le_bytes());
    Nonce(nonce)
}

fn beginning(kept: &Kept, head: AuditHead, bonded: bool) -> Beginning {
    Beginning { bonded, ..Beginning::bonded(OURS, kept.clone(), head) }
}

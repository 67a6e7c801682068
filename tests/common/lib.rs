//! A world in which a remote and a pump meet without radio, disk or clock: every turn is decided by the test.
//!
//! The remote and the pump are the production machines. The link carries plain messages, one at a time and in order, and
//! fails on script; the disk holds what was stored, and can be made to hesitate or to refuse.
//!
//! # Promises
//! - The three promises of the machine are checked at every turn, in every test that uses this world.
//! - Nothing here is random; whoever wants chance brings a seed.
#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "a broken promise ends the test where it happens")]

use std::collections::{BTreeMap, BTreeSet};

use pump_core::{
    audit::{
        Batch,
        event::{Event, Happened, LinkLoss, read},
    },
    remote::{Beginning, Input, Kept, Output, Remote},
    screen::{Control, Face, Intent, Level, Screen, Source, Visit},
    therapy::reason::Reason,
};
use pump_protocol::{
    clock::{BootId, Now, Uptime, WallTime},
    history::{Delivered, HistoryEvent, Origin},
    message::{AuditHead, Command, KeyFingerprint, Nonce, Reply, RequestId, Role},
    quantity::{Dose, Millis},
};
use simulated_pump::{Pump, Setup};

/// The key of the remote that the world is about.
pub const OURS: KeyFingerprint = KeyFingerprint([1; 8]);
/// The key of another remote.
pub const OTHERS: KeyFingerprint = KeyFingerprint([2; 8]);
/// How soon the link comes back while the pump is in reach.
const RECONNECTS_AFTER: Millis = Millis::from_secs(1);

/// A fault of the link, at a command of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The message is lost and nothing tells.
    Drop,
    /// The link is cut.
    Disconnect,
    /// The pump is reset.
    Reset,
    /// The grant's dose is changed on the way: a pump that would give another dose.
    Echo(Dose),
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
    /// Scripted faults, each used once.
    pub faults: Vec<Fault>,
    /// What the disk does.
    pub disk: Disk,
    /// Everything that was transmitted.
    pub sent: Vec<Command>,
    now: Now,
    record: Vec<Happened>,
    kept: Kept,
    waiting: Option<Batch>,
    connected: bool,
    reconnect_at: Uptime,
    nonces: u64,
    boots: u8,
    durable_ids: BTreeSet<u64>,
    intended_ids: BTreeSet<u64>,
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
        let wall = Some(WallTime { unix_ms: 1_790_000_000_000, utc_offset_min: 120 });
        let now = Now { boot: BootId([1; 16]), uptime: Uptime::from_millis(60_000), wall };
        let kept = Kept::default();
        let mut world = Self {
            remote: Remote::restore(beginning(&kept, AuditHead::default()), now),
            pump: Pump::new(setup),
            in_reach: true,
            faults: Vec::new(),
            disk: Disk::Works,
            sent: Vec::new(),
            now,
            record: Vec::new(),
            kept,
            waiting: None,
            connected: false,
            reconnect_at: now.uptime.after(RECONNECTS_AFTER),
            nonces: 0,
            boots: 1,
            durable_ids: BTreeSet::new(),
            intended_ids: BTreeSet::new(),
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

    /// Lets time pass: the pump's and the remote's, with the remote woken whenever it wants to be.
    pub fn pass(&mut self, span: Millis) {
        let end = self.now.uptime.after(span);
        while self.now.uptime < end {
            let wanted = self.remote.poll_timeout(self.now).map_or(end, |(at, _)| at);
            let reconnect = if self.in_reach && !self.connected { self.reconnect_at } else { end };
            let pump_news = self.now.uptime.after(Millis::from_secs(1));
            let next = wanted.min(reconnect).min(pump_news).min(end);
            self.step(next.since(self.now.uptime).max(Millis::new(1)));
        }
    }

    /// Holds a control for this long, then lifts the finger.
    pub fn hold(&mut self, control: Control, source: Source, held: Millis) {
        let touch = |level| Input::Intent(Intent::Touch { control, level, source });
        let lift_at = self.now.uptime.after(held);
        self.say(touch(Level::Pressed));
        while self.now.uptime < lift_at {
            self.step(Millis::new(100).min(lift_at.since(self.now.uptime)));
            self.say(touch(Level::Pressed));
        }
        self.say(touch(Level::Released));
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

    /// One input to the remote, and everything that follows from it at this moment.
    pub fn say(&mut self, input: Input) {
        self.remote.handle(input, self.now);
        self.settle();
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
        self.pump.advance(off);
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

    /// Another remote says this to the pump, in a session of its own that is open already.
    pub fn other_says(&mut self, command: &Command) -> Reply {
        self.nonces += 1;
        self.pump.handle(OTHERS, Role::Patient, command, nonce(self.nonces))
    }

    /// Another remote opens a session.
    pub fn other_connects(&mut self) {
        self.pump.session_opened(OTHERS);
        self.other_says(&Command::Hello { audit_head: AuditHead::default() });
    }

    fn restart(&mut self, boot: BootId, uptime: Uptime) {
        self.disconnect();
        self.waiting = None;
        self.now = Now { boot, uptime, ..self.now };
        self.reconnect_at = uptime.after(RECONNECTS_AFTER);
        let open_before = self.kept.request.as_ref().map(|request| request.id);
        self.remote = Remote::restore(beginning(&self.kept, self.head()), self.now);
        let open_after = self.remote.request().map(|request| request.id);
        assert_eq!(open_before, open_after, "promise 2: a restart restores the same open question");
        self.settle();
    }

    fn step(&mut self, span: Millis) {
        self.now.uptime = self.now.uptime.after(span);
        self.now.wall = self.now.wall.map(|wall| wall.after(span));
        self.pump.advance(span);
        if self.in_reach && !self.connected && self.now.uptime >= self.reconnect_at {
            self.connected = self.pump.session_opened(OURS);
            self.say(Input::LinkUp);
        }
        if let Some(changed) = self.pump.take_status(OURS).filter(|_| self.connected) {
            self.say(Input::Heard(Reply::Status { changed }));
        }
        self.say(Input::Tick);
    }

    /// Does what the remote wants done until it wants nothing more.
    fn settle(&mut self) {
        while let Some(output) = self.remote.poll_output() {
            match output {
                Output::Store(batch) => self.asked_to_store(batch),
                Output::Transmit(command) => self.carry(command),
                Output::Hangup => self.disconnect(),
                Output::ReadDays => self.remote.handle(Input::Days(Vec::new()), self.now),
            }
        }
        let unheard = self.record.iter().filter(|happened| matches!(happened.event, Event::AnswerOutOfPlace));
        assert_eq!(unheard.count(), 0, "the pump and the remote talk past each other: {:?}", self.record);
    }

    fn asked_to_store(&mut self, batch: Batch) {
        match self.disk {
            Disk::Works => {
                let head = self.store(&batch);
                self.remote.handle(Input::Stored(head), self.now);
            }
            Disk::Hesitates => self.waiting = Some(batch),
            Disk::Refuses => self.remote.handle(Input::NotStored, self.now),
        }
    }

    fn store(&mut self, batch: &Batch) -> AuditHead {
        for entry in &batch.entries {
            let happened = read(&entry.body).unwrap_or_else(|malformed| panic!("a record can't be read: {malformed}"));
            match happened.event {
                Event::Requested { id, .. } => self.durable_ids.insert(id.0),
                Event::CommitIntended { id, .. } => self.intended_ids.insert(id.0),
                _ => true,
            };
            self.record.push(happened);
        }
        self.kept = Kept::from_bytes(&batch.kept).unwrap_or_else(|malformed| panic!("not restorable: {malformed}"));
        self.head()
    }

    fn head(&self) -> AuditHead {
        AuditHead { count: self.record.len() as u64, hash: [0; 32] }
    }

    fn carry(&mut self, command: Command) {
        self.check_promises(&command);
        self.sent.push(command.clone());
        if !self.connected {
            return;
        }
        if self.strikes(&command, Point::BeforeReceipt).is_some() {
            return;
        }
        self.nonces += 1;
        let mut reply = self.pump.handle(OURS, Role::Patient, &command, nonce(self.nonces));
        match self.strikes(&command, Point::AfterReceipt) {
            None => {}
            Some(Effect::Echo(echo)) => {
                if let Reply::Granted { dose, .. } = &mut reply {
                    *dose = echo;
                }
            }
            Some(Effect::Drop | Effect::Disconnect | Effect::Reset) => return,
        }
        self.remote.handle(Input::Heard(reply), self.now);
    }

    /// Promises 1 and 3, at the moment when something leaves.
    fn check_promises(&self, command: &Command) {
        match command {
            Command::Prepare { id, .. } => {
                assert!(self.durable_ids.contains(&id.0), "promise 1: PREPARE {id} before its record");
            }
            Command::Commit { id, .. } => {
                assert!(self.intended_ids.contains(&id.0), "promise 1: COMMIT {id} before its record");
                let again = self.sent.iter().any(|sent| matches!(sent, Command::Commit { id: sent, .. } if sent == id));
                assert!(!again, "promise 3: a second COMMIT {id}");
            }
            _ => {}
        }
    }

    fn strikes(&mut self, command: &Command, point: Point) -> Option<Effect> {
        let index = self.faults.iter().position(|fault| fault.at == kind(command) && fault.point == point)?;
        let effect = self.faults.remove(index).effect;
        match effect {
            Effect::Drop | Effect::Echo(_) => {}
            Effect::Disconnect => {
                self.disconnect();
                self.remote.handle(Input::LinkDown(LinkLoss::Disconnected), self.now);
            }
            Effect::Reset => {
                self.pump.reset();
                self.disconnect();
                self.remote.handle(Input::LinkDown(LinkLoss::Disconnected), self.now);
            }
        }
        Some(effect)
    }

    fn disconnect(&mut self) {
        self.pump.session_closed(OURS);
        self.connected = false;
        self.reconnect_at = self.now.uptime.after(RECONNECTS_AFTER);
    }
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
        | Command::ConfirmPairing => CommandKind::Other,
    }
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

fn beginning(kept: &Kept, head: AuditHead) -> Beginning {
    Beginning { key: OURS, bonded: true, kept: kept.clone(), head, tail_good: true }
}

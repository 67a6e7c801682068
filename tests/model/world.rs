//! One state of remote, pump, air and disk, and the steps that lead to the next.

use std::collections::VecDeque;

use pump_core::{
    audit::{
        Batch,
        event::{LinkLoss, NothingBecause},
    },
    ledger::{State as RequestState, Verdict},
    remote::{Beginning, Input, Kept, Output, Remote},
    screen::{Control, Face, Intent, Level, Source, Stop},
};
use pump_protocol::{
    clock::{BootId, Now, Uptime},
    history::HistorySeq,
    message::{AuditHead, Command, DenyReason, Nonce, Reply, RequestId, Role},
    prescription::{BasalSegment, Prescription, Programmed, WindowDoseLimit},
    quantity::{BasalRate, Dose, Millis},
    wire::Bounded,
};
use pump_tests::{
    OTHERS, OURS,
    permitted::{Before, Session, may_leave, name},
};
use simulated_pump::{Pump, Setup};

use crate::{
    bounds::{Bounds, Fault},
    promises::{Broken, Promise, ensure},
    sights::{Sight, Sights},
    truth::Truth,
};

/// Where the record stands, always: it never goes back here, so its length decides nothing, and states that differ in it
/// alone are one.
const HEAD: AuditHead = AuditHead { count: 1, hash: [0; 32] };
/// How often a finger on a control tells its level.
const LEVEL_EVERY: Millis = Millis::new(300);
/// The most that one input may set off.
const OUTPUTS_MAX: usize = 50;
/// Longer than the pump keeps a dose, and more stops and starts than its history holds entries.
const AWAY: (Millis, u32) = (Millis::from_hours(8 * 24), 520);
/// The most steps that a whole history takes.
const MEETING_MAX: usize = 1_000;

/// Everything that decides what can happen next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) remote: Remote,
    pub(crate) pump: Pump,
    pub(crate) air: Air,
    /// The batch that was handed out and is not durable yet.
    pub(crate) batch: Option<Batch>,
    /// What is durable.
    kept: Kept,
    uptime: Uptime,
    boots: u8,
    nonces: u8,
    /// Another patient's remote, beside ours: how often it has asked, and its grant.
    others: (u8, Option<(RequestId, Nonce)>),
    /// The head of the pump's history, as the remote last heard it.
    heard: HistorySeq,
    session: Session,
    pub(crate) truth: Truth,
    pub(crate) left: Bounds,
    pub(crate) broken: Option<Broken>,
    /// What happened in the last step that is worth counting; no part of the state.
    pub(crate) sights: Sights,
}

/// What is under way between the two, and what each knows of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Air {
    /// The remote has a session open.
    up: bool,
    /// The pump has heard a frame of it, so that it has replaced the one before.
    proved: bool,
    /// The pump still holds the session before, which the remote has lost, for live.
    unnoticed: bool,
    to_pump: VecDeque<Command>,
    to_remote: VecDeque<Reply>,
    /// Frames of the session before, which the pump would still take.
    late: VecDeque<Command>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// The pump hears the oldest frame under way to it.
    PumpHears,
    /// The remote hears the oldest frame under way to it.
    RemoteHears,
    /// The pump hears a frame of the session that the remote has lost.
    LateFrame,
    /// The pump notices that its link is gone; what was under way is gone too.
    PumpNotices,
    /// A new session opens.
    Connect,
    /// The disk has stored the batch.
    Stored,
    /// Two seconds pass.
    Moment,
    /// Twelve seconds pass: more than a grant lives or a dose takes, less than a dose may be silent.
    Spell,
    /// A little more than a lockout passes.
    Lockout,
    /// The patient reads what stands on the page, and holds the dose control for as long as it takes, if it says READY.
    Press,
    /// The patient holds Stop.
    Stop,
    /// The clinic starts the pump again.
    PumpStarts,
    /// Another patient's remote spends its grant.
    OtherCommits,
    /// The oldest frame to the pump is lost.
    LoseToPump,
    /// The oldest frame to the remote is lost.
    LoseToRemote,
    /// The link is gone, and the remote notices.
    Cut,
    /// The pump is sent a frame that was taken before, was overtaken, or is of an older session.
    StaleFrame,
    /// The disk refuses the batch.
    NotStored,
    /// The remote's process ends and starts again.
    Crash,
    /// The remote's power fails for fifteen seconds.
    Reboot,
    /// Another patient's remote asks for a dose.
    OtherAsks,
    /// The pump loses its clock and everything volatile.
    PumpReset,
    /// The clinic stops the pump.
    PumpStops,
    /// They stay apart until the pump has forgotten what it may forget; then they meet.
    Away,
}

impl Step {
    pub(crate) const ALL: [Self; 24] = [
        Self::PumpHears,
        Self::RemoteHears,
        Self::LateFrame,
        Self::PumpNotices,
        Self::Connect,
        Self::Stored,
        Self::Moment,
        Self::Spell,
        Self::Lockout,
        Self::Press,
        Self::Stop,
        Self::PumpStarts,
        Self::OtherCommits,
        Self::LoseToPump,
        Self::LoseToRemote,
        Self::Cut,
        Self::StaleFrame,
        Self::NotStored,
        Self::Crash,
        Self::Reboot,
        Self::OtherAsks,
        Self::PumpReset,
        Self::PumpStops,
        Self::Away,
    ];

    /// How much time it takes, if it is one of those that only take time.
    const fn span(self, lockout: Millis) -> Option<Millis> {
        match self {
            Self::Moment => Some(Millis::from_secs(2)),
            Self::Spell => Some(Millis::from_secs(12)),
            Self::Lockout => Some(lockout.saturating_add(Millis::from_secs(2))),
            _ => None,
        }
    }
}

/// A lockout of 5 min, the shortest; 50 mcg over 10 s; two in 24 h, and no more than two in an hour.
pub(crate) fn small() -> Prescription {
    let demonstration = Setup::demonstration().prescription;
    let rate = BasalRate::from_nanograms_per_hour(4_000);
    Prescription::check(Programmed {
        demand_dose: Dose::from_micrograms(50),
        bolus_duration: Millis::from_secs(10),
        lockout_interval: Millis::from_mins(5),
        allotment: 2,
        window_limit: WindowDoseLimit { amount: Dose::from_micrograms(110), window: Millis::from_hours(1) },
        basal: Bounded::filled_from([BasalSegment { from_minute: 0, rate }]),
        ..demonstration.programmed().clone()
    })
    .expect("104 mcg in an hour are within 110")
}

impl State {
    /// Bonded, in session, READY: the first start and the import of the history are behind.
    pub(crate) fn ready(bounds: Bounds) -> Self {
        let pump = Pump::new(Setup { prescription: small(), ..Setup::demonstration() });
        let uptime = Uptime::from_millis(60_000);
        let kept = Kept::default();
        let remote = Remote::restore(beginning(&kept), now(1, uptime));
        let mut state = Self {
            remote,
            pump,
            air: Air::default(),
            batch: None,
            kept,
            uptime,
            boots: 1,
            nonces: 0,
            others: (0, None),
            heard: HistorySeq(0),
            session: Session::Absent,
            truth: Truth::default(),
            left: Bounds::default(),
            broken: None,
            sights: Sights::default(),
        };
        let begun = state.settle();
        assert_eq!(begun, Ok(()), "the first start");
        while let Some(step) = state.well_step() {
            assert_eq!(state.take(step), Ok(true), "{step:?} of the first start");
        }
        assert!(matches!(state.face(), Face::Ready(_)), "{:?} after the first start", state.face());
        Self { left: bounds, sights: Sights::default(), ..state }
    }

    pub(crate) const fn now(&self) -> Now {
        now(self.boots, self.uptime)
    }

    pub(crate) fn face(&self) -> Face {
        self.remote.screen(self.now()).face
    }

    /// Nothing is under way, and nothing waits for the disk.
    pub(crate) fn is_quiet(&self) -> bool {
        self.batch.is_none() && self.air.to_pump.is_empty() && self.air.to_remote.is_empty() && self.air.late.is_empty()
    }

    /// Whether the state but for what may still happen to it is the same: what decides how it goes on while all is well.
    pub(crate) fn essence(&self) -> impl core::hash::Hash + '_ {
        let machines = (&self.remote, &self.pump, &self.air, &self.batch, &self.kept);
        (machines, (self.uptime, self.boots, self.nonces, self.session, &self.truth))
    }

    /// The end of a way: a promise is broken here.
    pub(crate) fn broken_by(self, broken: Broken) -> Self {
        Self { broken: Some(broken), ..self }
    }

    /// Every step that the bounds allow. Some of them may turn out to be none.
    pub(crate) fn steps(&self, steps: &mut Vec<Step>) {
        if self.broken.is_some() {
            return;
        }
        // Once no fault is left that could tell when the disk stores, it does so at once.
        let told_by = [Fault::Disk, Fault::Crash, Fault::Delay];
        if self.batch.is_some() && !told_by.into_iter().any(|fault| self.left.allows(fault)) {
            steps.push(Step::Stored);
            return;
        }
        steps.extend(Step::ALL.into_iter().filter(|step| self.allows(*step)));
    }

    fn allows(&self, step: Step) -> bool {
        let Self { air, left, .. } = self;
        let request = self.remote.request();
        match step {
            Step::PumpHears => !air.to_pump.is_empty(),
            Step::RemoteHears => !air.to_remote.is_empty(),
            Step::LateFrame => air.unnoticed && !air.late.is_empty(),
            Step::PumpNotices => air.unnoticed,
            Step::Connect => !air.up,
            Step::Stored => self.batch.is_some(),
            Step::Moment | Step::Spell | Step::Lockout => {
                let time = match step {
                    Step::Moment => left.moments,
                    Step::Spell => left.spells,
                    _ => left.lockouts,
                };
                time > 0 && (self.is_quiet() || left.allows(Fault::Delay))
            }
            Step::Press => left.holds > 0 && request.is_none(),
            Step::Stop => left.stops > 0 && request.is_some_and(|request| request.may_run() && !request.stop_asked),
            Step::PumpStarts => self.is_pump_stopped(),
            Step::OtherCommits => self.others.1.is_some(),
            Step::LoseToPump => !air.to_pump.is_empty() && left.allows(Fault::Loss),
            Step::LoseToRemote => !air.to_remote.is_empty() && left.allows(Fault::Loss),
            Step::Cut => air.up && left.allows(Fault::Cut),
            Step::StaleFrame => air.up && left.allows(Fault::Stale),
            Step::NotStored => self.batch.is_some() && left.allows(Fault::Disk),
            Step::Crash | Step::Reboot => left.allows(Fault::Crash),
            Step::OtherAsks => left.allows(Fault::Other),
            Step::PumpReset => left.allows(Fault::Pump),
            Step::PumpStops => !self.is_pump_stopped() && left.allows(Fault::Pump),
            Step::Away => {
                let apart = !air.up && !air.unnoticed && self.is_quiet();
                apart && in_doubt(&self.remote).is_some() && left.allows(Fault::Away)
            }
        }
    }

    /// Takes one step; `false` if it is none in this state.
    pub(crate) fn take(&mut self, step: Step) -> Result<bool, Broken> {
        self.sights = Sights::default();
        self.spend(step);
        match step {
            Step::PumpHears => {
                let Some(command) = self.air.to_pump.pop_front() else { return Ok(false) };
                self.pump_hears(&command)?;
            }
            Step::LateFrame => {
                let Some(command) = self.air.late.pop_front().filter(|_| self.air.unnoticed) else { return Ok(false) };
                let started = self.truth.started();
                self.pump_answers(&command)?;
                self.sights.see_if(self.truth.started() > started, Sight::LateCommitRan);
            }
            Step::RemoteHears => {
                let Some(reply) = self.air.to_remote.pop_front() else { return Ok(false) };
                self.remote_hears(reply)?;
            }
            Step::PumpNotices => {
                if !self.air.unnoticed {
                    return Ok(false);
                }
                self.pump_forgets_session();
            }
            Step::Connect => {
                if self.air.up {
                    return Ok(false);
                }
                self.air.up = true;
                self.say(Input::LinkUp)?;
            }
            Step::Stored => {
                let Some(batch) = self.batch.take() else { return Ok(false) };
                self.kept = Kept::from_bytes(&batch.kept).expect("what the machine hands out can be restored");
                self.truth.stored(&batch);
                self.say(Input::Stored(HEAD))?;
            }
            Step::NotStored => {
                if self.batch.take().is_none() {
                    return Ok(false);
                }
                self.say(Input::NotStored)?;
            }
            Step::Moment | Step::Spell | Step::Lockout => {
                let lockout = self.pump.prescription().programmed().lockout_interval;
                let Some(span) = step.span(lockout) else { return Ok(false) };
                self.pass(span)?;
                self.say(Input::Tick)?;
            }
            Step::Press => return self.press(),
            Step::Stop => return self.hold_stop(),
            Step::LoseToPump => {
                let Some(lost) = self.air.to_pump.pop_front() else { return Ok(false) };
                self.sights.see_if(matches!(lost, Command::Commit { .. }), Sight::CommitLost);
            }
            Step::LoseToRemote => {
                let Some(lost) = self.air.to_remote.pop_front() else { return Ok(false) };
                self.sights.see_if(matches!(lost, Reply::Accepted { .. }), Sight::AcceptedLost);
            }
            Step::Cut => {
                if !self.air.up {
                    return Ok(false);
                }
                self.link_is_gone();
                self.say(Input::LinkDown(LinkLoss::Disconnected))?;
            }
            Step::StaleFrame => {
                if !self.air.up {
                    return Ok(false);
                }
                // Refused, and the session ends with it, for the pump first.
                self.link_is_gone();
                self.pump_forgets_session();
                self.say(Input::LinkDown(LinkLoss::BadFrame))?;
            }
            Step::Crash => self.restart(self.boots, self.uptime)?,
            Step::Reboot => {
                self.link_is_gone();
                self.pump_passes(Millis::from_secs(15))?;
                self.restart(self.boots + 1, Uptime::from_millis(5_000))?;
            }
            Step::OtherAsks | Step::OtherCommits | Step::PumpReset | Step::PumpStops | Step::PumpStarts => {
                if !self.at_the_pump(step)? {
                    return Ok(false);
                }
            }
            Step::Away => self.away()?,
        }
        self.truth.observe(&self.pump)?;
        self.pump_tells();
        Ok(true)
    }

    /// What others do to the pump.
    fn at_the_pump(&mut self, step: Step) -> Result<bool, Broken> {
        match step {
            Step::OtherAsks => self.other_asks()?,
            Step::OtherCommits => {
                let Some((id, nonce)) = self.others.1.take() else { return Ok(false) };
                let prescription = self.pump.prescription().hash();
                let reply = self.other_says(&Command::Commit { id, nonce, prescription })?;
                self.sights.see_if(matches!(reply, Reply::Accepted { .. }), Sight::OtherAccepted);
            }
            Step::PumpReset => {
                self.sights.see_if(self.truth.running().is_some(), Sight::ResetInADose);
                self.pump.reset();
                self.others.1 = None;
                self.link_is_gone();
                self.pump_forgets_session();
                self.truth.observe(&self.pump)?;
                self.say(Input::LinkDown(LinkLoss::Disconnected))?;
            }
            Step::PumpStops => {
                self.sights.see_if(self.truth.running().is_some(), Sight::StoppedInADose);
                self.pump.stop();
            }
            Step::PumpStarts => self.pump.start(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What happens next while all is well and nobody does anything; `None` if only time passes.
    pub(crate) fn well_step(&self) -> Option<Step> {
        let Self { air, .. } = self;
        [
            (self.batch.is_some(), Step::Stored),
            (air.unnoticed, Step::PumpNotices),
            (!air.to_pump.is_empty(), Step::PumpHears),
            (!air.to_remote.is_empty(), Step::RemoteHears),
            (!air.up, Step::Connect),
        ]
        .into_iter()
        .find_map(|(holds, step)| holds.then_some(step))
    }

    /// Time passes until the remote wants to be woken, a second at most; how much.
    pub(crate) fn doze(&mut self) -> Result<Millis, Broken> {
        let wanted = self.remote.poll_timeout(self.now()).map(|(at, _)| at.since(self.uptime));
        let span = wanted.unwrap_or(Millis::from_secs(1)).min(Millis::from_secs(1)).max(Millis::new(1));
        self.pass(span)?;
        self.say(Input::Tick)?;
        self.pump_tells();
        Ok(span)
    }

    /// READY, in a state in which the remote knows all that it can know: a copy of the pump doesn't deny for a limit.
    pub(crate) fn ready_is_kept(&self) -> Result<(), Broken> {
        let head = self.pump.history().next_back().map_or(HistorySeq(0), |entry| entry.seq);
        let up_to_date = self.air.proved && self.is_quiet() && self.heard == head;
        if !up_to_date || self.remote.request().is_some() || !matches!(self.face(), Face::Ready(_)) {
            return Ok(());
        }
        let mut copy = self.pump.clone();
        let prepare =
            Command::Prepare { id: RequestId(60), prescription: copy.prescription().hash(), audit_head: HEAD };
        let reply = copy.handle(OURS, Role::Patient, &prepare, Nonce::default());
        let Reply::Denied { denial, .. } = reply else { return Ok(()) };
        let limits = [DenyReason::WindowLimit, DenyReason::Allotment, DenyReason::Lockout, DenyReason::BolusRunning];
        let by_limit = limits.into_iter().any(|limit| denial.reasons.contains(limit));
        ensure(!by_limit, Promise::ReadyIsKept, || format!("READY, and the pump denies: {denial:?}"))
    }

    /// While COMMIT may have left there is a Stop, and a dose of ours that runs is an open question.
    pub(crate) fn stop_is_possible(&self) -> Result<(), Broken> {
        let request = self.remote.request();
        if let Some(running) = self.truth.running() {
            let known = request.is_some_and(|request| request.id == running && request.may_run());
            ensure(known, Promise::StopIsPossible, || format!("{running} runs; open: {request:?}"))?;
        }
        if request.is_some_and(pump_core::ledger::Request::may_run) {
            let face = self.face();
            let offered =
                matches!(face, Face::Asking { stop: Some(_), .. } | Face::Delivering { .. } | Face::NotSure { .. });
            ensure(offered, Promise::StopIsPossible, || format!("no Stop on {face:?}"))?;
        }
        Ok(())
    }

    fn spend(&mut self, step: Step) {
        let delayed = !self.is_quiet();
        let left = &mut self.left;
        let fault = match step {
            Step::Moment | Step::Spell | Step::Lockout => {
                let time = match step {
                    Step::Moment => &mut left.moments,
                    Step::Spell => &mut left.spells,
                    _ => &mut left.lockouts,
                };
                *time = time.saturating_sub(1);
                delayed.then_some(Fault::Delay)
            }
            Step::LoseToPump | Step::LoseToRemote => Some(Fault::Loss),
            Step::Cut => Some(Fault::Cut),
            Step::StaleFrame => Some(Fault::Stale),
            Step::NotStored => Some(Fault::Disk),
            Step::Crash | Step::Reboot => Some(Fault::Crash),
            Step::OtherAsks => Some(Fault::Other),
            Step::PumpReset | Step::PumpStops => Some(Fault::Pump),
            Step::Away => Some(Fault::Away),
            Step::Press => {
                left.holds = left.holds.saturating_sub(1);
                None
            }
            Step::Stop => {
                left.stops = left.stops.saturating_sub(1);
                None
            }
            Step::PumpHears
            | Step::RemoteHears
            | Step::LateFrame
            | Step::PumpNotices
            | Step::Connect
            | Step::Stored
            | Step::PumpStarts
            | Step::OtherCommits => None,
        };
        if let Some(fault) = fault {
            left.spend(fault);
        }
    }

    /// The pump's first frame of a session replaces the one before.
    fn pump_hears(&mut self, command: &Command) -> Result<(), Broken> {
        if !self.air.proved {
            self.pump_forgets_session();
            self.air.proved = self.pump.session_opened(OURS);
        }
        let reply = self.pump_answers(command)?;
        self.air.to_remote.push_back(reply);
        Ok(())
    }

    fn pump_answers(&mut self, command: &Command) -> Result<Reply, Broken> {
        let nonce = nonce(self.nonces);
        let reply = self.pump.handle(OURS, Role::Patient, command, nonce);
        match &reply {
            Reply::Granted { nonce: given, .. } if *given == nonce => self.nonces += 1,
            Reply::Denied { denial, .. } => {
                self.sights.see_if(denial.reasons.contains(DenyReason::GrantLive), Sight::BothWish);
            }
            _ => {}
        }
        self.truth.observe(&self.pump)?;
        Ok(reply)
    }

    /// What the pump says unasked.
    fn pump_tells(&mut self) {
        if self.air.up && self.air.proved {
            let changed = self.pump.take_status(OURS);
            self.air.to_remote.extend(changed.map(|changed| Reply::Status { changed }));
        }
    }

    fn remote_hears(&mut self, reply: Reply) -> Result<(), Broken> {
        match &reply {
            Reply::Hello(hello) => self.heard = hello.report.history_head,
            Reply::Report(report) => self.heard = report.history_head,
            _ => {}
        }
        let hello = matches!(reply, Reply::Hello(_));
        self.say(Input::Heard(reply))?;
        if hello { self.stop_is_under_way() } else { Ok(()) }
    }

    /// A Stop that was asked for is sent as soon as there is a session.
    fn stop_is_under_way(&self) -> Result<(), Broken> {
        let asked = self.remote.request().filter(|request| request.stop_asked && request.may_run());
        let Some(id) = asked.map(|request| request.id) else { return Ok(()) };
        let sent = self.air.to_pump.contains(&Command::Cancel { id });
        ensure(sent, Promise::StopIsPossible, || format!("Stop of {id} was asked for, and CANCEL has not left"))
    }

    fn press(&mut self) -> Result<bool, Broken> {
        let read = matches!(
            self.face(),
            Face::Given { .. }
                | Face::GivenInPart { .. }
                | Face::NotGiven(_)
                | Face::AssumedGiven { .. }
                | Face::Changed { .. }
        );
        if read {
            self.say(Input::Intent(Intent::Seen))?;
        }
        if !matches!(self.face(), Face::Ready(_)) {
            return Ok(false);
        }
        self.truth.holds += 1;
        self.hold(Control::Dose, 5)?;
        self.pump_tells();
        Ok(true)
    }

    fn hold_stop(&mut self) -> Result<bool, Broken> {
        let Some(id) = self.remote.request().filter(|request| request.may_run()).map(|request| request.id) else {
            return Ok(false);
        };
        self.hold(Control::Stop, 2)?;
        let asked = self.remote.request().is_none_or(|request| request.id != id || request.stop_asked);
        ensure(asked, Promise::StopIsPossible, || format!("a full hold on Stop of {id} came to nothing"))?;
        if self.session == Session::Greeted && self.air.up {
            self.stop_is_under_way()?;
        }
        self.pump_tells();
        Ok(true)
    }

    fn hold(&mut self, control: Control, levels: u32) -> Result<(), Broken> {
        let touch = |level| Input::Intent(Intent::Touch { control, level, source: Source::Touchscreen });
        self.say(touch(Level::Pressed))?;
        for _ in 0..levels {
            self.pass(LEVEL_EVERY)?;
            self.say(touch(Level::Pressed))?;
        }
        self.say(touch(Level::Released))
    }

    fn other_asks(&mut self) -> Result<(), Broken> {
        if self.others.0 == 0 {
            self.pump.session_opened(OTHERS);
            self.other_says(&Command::Hello { audit_head: HEAD })?;
        }
        self.others.0 += 1;
        let (id, prescription) = (RequestId(u64::from(self.others.0)), self.pump.prescription().hash());
        let reply = self.other_says(&Command::Prepare { id, prescription, audit_head: HEAD })?;
        match reply {
            Reply::Granted { id, nonce, .. } => self.others.1 = Some((id, nonce)),
            Reply::Denied { denial, .. } => {
                self.sights.see_if(denial.reasons.contains(DenyReason::GrantLive), Sight::BothWish);
            }
            _ => {}
        }
        Ok(())
    }

    fn other_says(&mut self, command: &Command) -> Result<Reply, Broken> {
        let nonce = nonce(0x80 + self.others.0);
        let reply = self.pump.handle(OTHERS, Role::Patient, command, nonce);
        self.truth.observe(&self.pump)?;
        Ok(reply)
    }

    /// A week on, they meet again and all is well until the question has ended: one step, because a whole history in pages is
    /// hundreds, and what goes wrong on the way to an answer is the other scopes' subject.
    fn away(&mut self) -> Result<(), Broken> {
        self.pass(AWAY.0)?;
        for _ in 0..AWAY.1 {
            self.pump.stop();
            self.pump.start();
            self.truth.observe(&self.pump)?;
        }
        self.say(Input::Tick)?;
        let mut sights = Sights::default();
        for _ in 0..MEETING_MAX {
            if self.remote.request().is_none() {
                (self.sights, self.left) = (sights, Bounds::default());
                return Ok(());
            }
            match self.well_step() {
                Some(step) => _ = self.take(step)?,
                None => _ = self.doze()?,
            }
            sights.add(self.sights);
        }
        let why = || format!("{:?} is open, a week later and long in session", self.remote.request());
        ensure(false, Promise::WellBeingEndsEveryQuestion, why)
    }

    /// The remote has no session any more. The pump may still take what is under way.
    fn link_is_gone(&mut self) {
        let air = &mut self.air;
        air.to_remote.clear();
        let under_way = core::mem::take(&mut air.to_pump);
        if air.proved {
            (air.unnoticed, air.late) = (true, under_way);
        }
        (air.up, air.proved) = (false, false);
        self.session = Session::Absent;
    }

    fn pump_forgets_session(&mut self) {
        self.pump.session_closed(OURS);
        (self.air.unnoticed, self.air.late) = (false, VecDeque::new());
    }

    fn is_pump_stopped(&self) -> bool {
        use pump_protocol::history::HistoryEvent::{Started, Stopped};
        let last = self.pump.history().rev().find(|entry| matches!(entry.event, Stopped | Started));
        last.is_some_and(|entry| matches!(entry.event, Stopped))
    }

    fn restart(&mut self, boots: u8, uptime: Uptime) -> Result<(), Broken> {
        self.see_crash();
        self.link_is_gone();
        self.batch = None;
        (self.boots, self.uptime) = (boots, uptime);
        self.remote = Remote::restore(beginning(&self.kept), self.now());
        let kept = self.kept.request.as_ref().map(|request| request.id);
        self.truth.restarted(kept, self.remote.request().map(|request| request.id))?;
        self.settle()
    }

    fn see_crash(&mut self) {
        let state = self.remote.request().map(|request| &request.state);
        let sight = match state {
            Some(RequestState::Created { durable: false, .. }) => Sight::CrashBeforeTheRecord,
            Some(RequestState::Granted(_)) => Sight::CrashBeforeTheIntent,
            Some(RequestState::CommitIntent { sent: true, .. }) => Sight::CrashAfterCommit,
            Some(RequestState::Delivering(_)) => Sight::CrashInDelivery,
            Some(RequestState::Uncertain(_)) => Sight::CrashInDoubt,
            _ => return,
        };
        self.sights.see_if(true, sight);
    }

    fn pass(&mut self, span: Millis) -> Result<(), Broken> {
        self.uptime = self.uptime.after(span);
        self.pump_passes(span)
    }

    fn pump_passes(&mut self, span: Millis) -> Result<(), Broken> {
        self.truth.observe(&self.pump)?;
        self.pump.advance(span);
        self.truth.elapsed = self.truth.elapsed.saturating_add(span);
        self.truth.observe(&self.pump)
    }

    /// One input to the remote, and everything that follows from it at this moment.
    fn say(&mut self, input: Input) -> Result<(), Broken> {
        self.turn(input)?;
        self.settle()
    }

    fn turn(&mut self, input: Input) -> Result<(), Broken> {
        let spoken = matches!(&input, Input::Heard(reply) if !matches!(reply, Reply::Status { .. }));
        let before = self.remote.request().cloned();
        let doubted = in_doubt(&self.remote);
        self.session = self.session.after(&input, self.kept.pump.as_ref());
        let stood = Before::of(&self.remote, &input, self.now());
        self.remote.handle(input, self.now());
        let turn = stood.turn(&self.remote, self.now());
        turn.or_else(|why| ensure(false, Promise::OnlyWhatIsPermitted, || why))?;
        let left = doubted.is_some() && in_doubt(&self.remote) != doubted;
        let why = || format!("{doubted:?} is NOT SURE no longer, and the pump has not answered");
        ensure(spoken || !left, Promise::NotSureEndsByTheAnswer, why)?;
        if let Some(request) = self.remote.request().filter(|_| before.is_some())
            && let RequestState::Withdrawing { why, .. } = request.state
        {
            self.truth.told_nothing(request.id)?;
            self.sights.see_if(why == NothingBecause::Expired, Sight::PressExpired);
            self.sights.see_if(why == NothingBecause::TooLate, Sight::CommitWithheld);
        }
        let ended = before.filter(|_| self.remote.request().is_none());
        if let Some(request) = ended {
            self.see_outcome(&request);
        }
        Ok(())
    }

    fn see_outcome(&mut self, request: &pump_core::ledger::Request) {
        let doubted = matches!(request.state, RequestState::Uncertain(_));
        let forgotten = matches!(request.state, RequestState::Uncertain(Verdict::Forgotten));
        let face = self.face();
        let stopped = request.stop_asked;
        let sights = [
            (matches!(face, Face::Given { .. }), Sight::Given),
            (matches!(face, Face::GivenInPart { .. }), Sight::GivenInPart),
            (matches!(face, Face::NotGiven(_)), Sight::NotGiven),
            (matches!(face, Face::AssumedGiven { .. }), Sight::AssumedGiven),
            (doubted && matches!(face, Face::Given { .. }), Sight::NotSureThenGiven),
            (doubted && matches!(face, Face::GivenInPart { .. }), Sight::NotSureThenInPart),
            (doubted && matches!(face, Face::NotGiven(_)), Sight::NotSureThenNotGiven),
            (stopped && matches!(face, Face::Given { .. }), Sight::StopTooLate),
            (stopped && matches!(face, Face::GivenInPart { .. }), Sight::StoppedInPart),
            (stopped && matches!(face, Face::NotGiven(_)), Sight::StoppedInTime),
            (forgotten, Sight::Forgotten),
            (matches!(face, Face::NotGiven(pump_core::screen::NotGiven::Denied { .. })), Sight::Denied),
        ];
        for (seen, sight) in sights {
            self.sights.see_if(seen, sight);
        }
    }

    /// Does what the remote wants done until it wants nothing more.
    fn settle(&mut self) -> Result<(), Broken> {
        for _ in 0..OUTPUTS_MAX {
            match self.remote.poll_output() {
                None => {
                    let face = self.not_stopped_yet();
                    self.sights.see_if(face, Sight::NotStoppedYet);
                    return Ok(());
                }
                Some(Output::Store(batch)) => {
                    self.truth.judge(&batch, &self.pump)?;
                    ensure(self.batch.is_none(), Promise::NoMisunderstanding, || "two batches at once".to_owned())?;
                    self.batch = Some(batch);
                }
                Some(Output::Transmit(command)) => self.leaves(command)?,
                // A display that never goes dark lets no link rest.
                Some(Output::Hangup | Output::Rest | Output::Reach) => self.link_is_gone(),
                Some(Output::ReadDays) => self.turn(Input::Days(Vec::new()))?,
                Some(Output::ReadLevels) => self.turn(Input::Levels(Vec::new()))?,
                Some(
                    Output::Measure | Output::KeepConfirmed | Output::Fit | Output::SetClock(_) | Output::CopyRecord,
                ) => {}
            }
        }
        ensure(false, Promise::NoMisunderstanding, || format!("one input sets off more than {OUTPUTS_MAX} outputs"))
    }

    fn not_stopped_yet(&self) -> bool {
        self.remote.request().is_some_and(|request| request.stop_asked && request.may_run())
            && matches!(self.face(), Face::NotSure { stop: Stop::NotStoppedYet, .. })
    }

    fn leaves(&mut self, command: Command) -> Result<(), Broken> {
        let first = !self.truth.sent.iter().any(|earlier| name(earlier) == name(&command));
        let permitted = may_leave(&command, self.session, &self.remote, first);
        permitted.or_else(|why| ensure(false, Promise::OnlyWhatIsPermitted, || why))?;
        self.truth.leaves(&command)?;
        if self.air.up {
            self.air.to_pump.push_back(command);
        }
        Ok(())
    }
}

fn in_doubt(remote: &Remote) -> Option<RequestId> {
    let doubted = remote.request().filter(|request| matches!(request.state, RequestState::Uncertain(_)));
    doubted.map(|request| request.id)
}

const fn now(boots: u8, uptime: Uptime) -> Now {
    Now { boot: BootId([boots; 16]), uptime, wall: None }
}

const fn nonce(count: u8) -> Nonce {
    Nonce([count; 16])
}

fn beginning(kept: &Kept) -> Beginning {
    Beginning::bonded(OURS, kept.clone(), HEAD)
}

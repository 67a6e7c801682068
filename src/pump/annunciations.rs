//! What the pump wants known: one annunciation a kind, until its cause is gone *and* somebody has seen it.
//!
//! While one is listed that inhibits demand doses, none is given: what the remote shows and what the pump obeys are the
//! same list.

use pump_protocol::{
    quantity::Millis,
    report::{ANNUNCIATIONS_MAX, Annunciation, AnnunciationKind, AnnunciationState},
    wire::{Bounded, wire_struct},
};

// keeps R-PMP-20
/// How long a snoozed annunciation rests before it is pending again (GIP 2.2.1: every 15 min).
const SNOOZE: Millis = Millis::from_mins(15);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Annunciations {
    list: Bounded<Standing, ANNUNCIATIONS_MAX>,
    last_id: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Standing {
    id: u16,
    kind: AnnunciationKind,
    state: AnnunciationState,
    /// The pump's age when it began.
    since: Millis,
    cause_lasts: bool,
    /// The pump's age when it was last snoozed.
    snoozed: Millis,
}

wire_struct!(Annunciations { list, last_id });
wire_struct!(Standing { id, kind, state, since, cause_lasts, snoozed });

impl Annunciations {
    /// Lists a cause; whether that changed anything.
    pub(crate) fn raise(&mut self, kind: AnnunciationKind, age: Millis) -> bool {
        if self.lasts(kind) {
            return false;
        }
        self.list.retain(|standing| standing.kind != kind);
        self.last_id = self.last_id.wrapping_add(1);
        let (id, state) = (self.last_id, AnnunciationState::Pending);
        let standing = Standing { id, kind, state, since: age, cause_lasts: true, snoozed: age };
        self.list.push(standing).expect("there are fewer kinds than places, and each kind has at most one");
        true
    }

    /// The cause is gone; what nobody has confirmed stays listed. Whether that changed anything.
    pub(crate) fn cause_gone(&mut self, kind: AnnunciationKind) -> bool {
        let changes = self.lasts(kind);
        let standings = self.list.as_mut_slice().iter_mut();
        standings.filter(|standing| standing.kind == kind).for_each(|standing| standing.cause_lasts = false);
        self.drop_settled();
        changes
    }

    /// Somebody at the pump has seen it and ended its cause. Whether it was listed.
    pub(crate) fn settle(&mut self, kind: AnnunciationKind) -> bool {
        let listed = self.list.iter().any(|standing| standing.kind == kind);
        self.list.retain(|standing| standing.kind != kind);
        listed
    }

    /// Somebody has seen it on a remote. Whether there is such a one.
    pub(crate) fn acknowledge(&mut self, id: u16, confirm: bool, age: Millis) -> bool {
        let Some(standing) = self.list.as_mut_slice().iter_mut().find(|standing| standing.id == id) else {
            return false;
        };
        standing.state = if confirm { AnnunciationState::Confirmed } else { AnnunciationState::Snoozed };
        standing.snoozed = age;
        self.drop_settled();
        true
    }

    /// Wakes those that have been snoozed long enough. Whether there were any.
    pub(crate) fn wake(&mut self, age: Millis) -> bool {
        let mut any = false;
        for standing in self.list.as_mut_slice() {
            if standing.state == AnnunciationState::Snoozed && standing.snoozed.saturating_add(SNOOZE) <= age {
                standing.state = AnnunciationState::Pending;
                any = true;
            }
        }
        any
    }

    /// How long until one wakes that is snoozed; `None` if none is.
    pub(crate) fn rest(&self, age: Millis) -> Option<Millis> {
        let snoozed = self.list.iter().filter(|standing| standing.state == AnnunciationState::Snoozed);
        snoozed.map(|standing| standing.snoozed.saturating_add(SNOOZE).saturating_sub(age)).min()
    }

    /// Whether something listed forbids a demand dose.
    pub(crate) fn inhibit_demand_doses(&self) -> bool {
        self.list.iter().any(|standing| standing.kind.inhibits_demand_doses())
    }

    /// Whether something that still lasts keeps the pump from delivering anything at all.
    pub(crate) fn halt_delivery(&self) -> bool {
        self.list.iter().any(|standing| standing.cause_lasts && halts_delivery(standing.kind))
    }

    pub(crate) fn lasts(&self, kind: AnnunciationKind) -> bool {
        self.list.iter().any(|standing| standing.kind == kind && standing.cause_lasts)
    }

    /// Whether each kind is listed at most once.
    pub(crate) fn one_a_kind(&self) -> bool {
        let kinds = || self.list.iter().map(|standing| standing.kind);
        kinds().enumerate().all(|(index, kind)| kinds().skip(index + 1).all(|other| other != kind))
    }

    pub(crate) fn report(&self, age: Millis) -> Bounded<Annunciation, ANNUNCIATIONS_MAX> {
        Bounded::filled_from(self.list.iter().map(|standing| Annunciation {
            id: standing.id,
            kind: standing.kind,
            state: standing.state,
            since: age.saturating_sub(standing.since),
        }))
    }

    fn drop_settled(&mut self) {
        self.list.retain(|standing| standing.cause_lasts || standing.state != AnnunciationState::Confirmed);
    }
}

/// A suspected occlusion doesn't stop the basal rate: it may be wrong, and no basal is a hazard of its own.
const fn halts_delivery(kind: AnnunciationKind) -> bool {
    match kind {
        AnnunciationKind::PumpStopped
        | AnnunciationKind::MotorStall
        | AnnunciationKind::EmptyReservoir
        | AnnunciationKind::Eos
        | AnnunciationKind::MemoryError => true,
        AnnunciationKind::LowReservoir | AnnunciationKind::Eri | AnnunciationKind::OcclusionSuspected => false,
    }
}

//! The lines of a request: its press, each step of its life, its outcome.

use pump_protocol::message::{Fate, RequestId};

use super::{
    super::event::{Doubt, Event, Happened},
    Open, Retrace,
    difference::What,
    possible::{Followed, Possible, Press, Standing, every_state},
};
use crate::ledger::Outcome;

impl Retrace {
    pub(super) fn follow_request(&mut self, id: RequestId, happened: &Happened) {
        let event = &happened.event;
        if let Event::Requested { dose, prescription, .. } = *event {
            return self.ask(id, Press { dose, prescription, pressed: happened.at }, event);
        }
        let known = matches!(self.open, Open::Request(followed) if followed.id == id);
        let lost_track = matches!(self.open, Open::Unknown);
        if !known && !lost_track {
            let unasked = matches!(event, Event::CommitIntended { .. });
            self.differ(if unasked { What::CommitUnasked } else { What::NotOpen }, Some(event));
            if matches!(self.open, Open::Request(_)) || Outcome::told_by(event).is_some() {
                return;
            }
        }
        if !known {
            self.begin_in_the_middle(id);
        }
        let Open::Request(mut followed) = self.open else { return };
        let started = self.starting || !matches!(event, Event::Uncertain { why: Doubt::Restarted, .. });
        let mut next = self.steps(event, &followed);
        if known && (next.is_empty() || !started) {
            self.differ_at_a_step(event);
            self.reseed();
            next = self.steps(event, &followed);
        }
        self.starting = false;
        self.possible = next;
        self.count_dose(&followed, event);
        match event {
            Event::CommitIntended { .. } => (followed.committed, followed.durable) = (true, false),
            Event::StopAsked { .. } => followed.stop_asked = Some(true),
            _ => {}
        }
        self.open = Open::Request(followed);
        if let Some(outcome) = Outcome::told_by(event) {
            self.end(outcome);
        }
        if self.possible.is_empty() {
            self.possible = every_state();
        }
    }

    fn differ_at_a_step(&mut self, event: &Event) {
        let difference = self.difference(self.why_not(event), Some(event));
        if matches!(event, Event::AssumedGiven { .. }) {
            self.unless_explained = Some(difference);
        } else {
            self.hold(difference);
        }
    }

    /// A full hold asks.
    fn ask(&mut self, id: RequestId, press: Press, event: &Event) {
        if let Open::Request(Followed { id: open, .. }) = self.open {
            self.differ(What::SecondRequest { open }, Some(event));
        }
        if id <= self.last_id {
            self.differ(What::NumberNotNew { last: self.last_id }, Some(event));
        }
        let followed = Followed { id, press: Some(press), stop_asked: Some(false), committed: false, durable: false };
        let state = followed.request().state;
        self.possible = vec![Possible { request: Some(Standing::Open(state)), shown: None }];
        self.open = Open::Request(followed);
        self.shown_known = true;
        self.last_id = self.last_id.max(id);
        self.counts.asked = self.counts.asked.saturating_add(1);
        self.doses.known_from(id);
    }

    fn begin_in_the_middle(&mut self, id: RequestId) {
        self.open = Open::Request(Followed::from_the_middle(id));
        self.possible = every_state();
        self.shown_known = false;
        if id > self.last_id {
            self.last_id = id;
            self.counts.begun_before = self.counts.begun_before.saturating_add(1);
        }
        self.take_quiet_steps();
    }

    fn steps(&self, event: &Event, followed: &Followed) -> Vec<Possible> {
        let mut next = Vec::new();
        for step in self.possible.iter().flat_map(|possible| possible.step(event, followed, self.session)) {
            if !next.contains(&step) {
                next.push(step);
            }
        }
        next
    }

    fn end(&mut self, outcome: Outcome) {
        self.counts.ended(outcome);
        self.open = Open::Nothing;
        // Of one that was taken back the patient may have been told before.
        self.shown_known |= !outcome.is_nothing();
        if self.possible.is_empty() {
            self.possible = vec![Possible { request: None, shown: Some(outcome) }];
        }
    }

    fn count_dose(&mut self, followed: &Followed, event: &Event) {
        let (id, asked) = (followed.id, followed.press.map(|press| press.dose));
        match event {
            Event::CommitIntended { latest_start, .. } => self.doses.count_ours(id, asked, Some(*latest_start)),
            Event::Accepted { bolus, .. }
            | Event::FateHeard { fate: Fate::Delivering { bolus, .. }, .. }
            | Event::Delivered { bolus, .. }
            | Event::DeliveredInPart { bolus, .. } => {
                self.doses.count_ours(id, asked.map(|asked| asked.max(bolus.dose)), Some(bolus.start));
            }
            Event::AssumedGiven { .. } => self.doses.count_ours(id, asked, None),
            Event::Denied { .. } | Event::Rejected { .. } | Event::NotGiven { .. } => self.doses.discount(id),
            _ => {}
        }
    }

    /// Why no step leads to this line.
    fn why_not(&self, event: &Event) -> What {
        let spoken =
            Outcome::told_by(event).is_some() || matches!(event, Event::Accepted { .. } | Event::FateHeard { .. });
        match event {
            _ if spoken && self.session == Some(false) => What::NoSession,
            Event::Delivered { .. } | Event::DeliveredInPart { .. } => What::GivenUnheard,
            Event::NotGiven { .. } => What::NothingUnproved,
            Event::AssumedGiven { .. } => What::AssumedUnproved,
            _ => What::OutOfPlace,
        }
    }
}

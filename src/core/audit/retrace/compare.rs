//! What the machine remembers, beside what the lines lead to.

use pump_protocol::{
    clock::PumpTime,
    history::HistorySeq,
    message::RequestId,
    wire::{Text, decode, encode},
};

use super::{
    Difference, Open, Retrace,
    difference::What,
    possible::{Followed, Possible, same},
};
use crate::{
    ledger::{Outcome, Request, State, Verdict},
    therapy::account::Account,
};

/// What of the machine's durable state the lines determine.
#[derive(Clone, Copy, Debug)]
pub struct Remembered<'a> {
    /// The open question.
    pub request: Option<&'a Request>,
    /// The last outcome, until it has been read.
    pub shown: Option<Outcome>,
    /// The highest id used, or named by the pump.
    pub last_id: RequestId,
    /// The pump that it belongs to.
    pub pump: Option<&'a Text<16>>,
    /// The doses that count.
    pub account: &'a Account,
    /// What the pump's clock showed when last heard.
    pub pump_seen: Option<PumpTime>,
    /// Whether the pump was stopped when last heard.
    pub stopped: bool,
    /// The newest entry of the pump's history that was imported.
    pub history_read: HistorySeq,
    /// Wrong patient codes in a row.
    pub wrong_codes: u8,
}

impl Retrace {
    /// Where this state is none that the lines followed so far lead to.
    // keeps R-REC-18
    pub fn compare(&self, remembered: &Remembered<'_>) -> Vec<Difference> {
        let mut found = self.compare_request(remembered);
        if remembered.last_id < self.last_id {
            found.push(What::KeptNumber { kept: remembered.last_id, last: self.last_id });
        }
        found.extend(self.rest.compare(remembered));
        found.extend(self.doses.compare(remembered.account, remembered.pump_seen));
        found.into_iter().map(|what| Difference { seq: self.seq, line: None, what }).collect()
    }

    fn compare_request(&self, remembered: &Remembered<'_>) -> Vec<What> {
        let mut found = Vec::new();
        match (&self.open, remembered.request) {
            (Open::Unknown, _) => return found,
            (Open::Nothing, None) => {}
            (Open::Nothing, Some(request)) => found.push(What::KeptOpen { id: request.id }),
            (Open::Request(followed), None) => found.push(What::KeptNotOpen { id: followed.id }),
            (Open::Request(followed), Some(request)) if followed.id != request.id => {
                found.extend([What::KeptNotOpen { id: followed.id }, What::KeptOpen { id: request.id }]);
            }
            (Open::Request(followed), Some(request)) => {
                found.extend(fields(followed, request).map(|field| What::KeptRequest { id: request.id, field }));
                if !self.possible.iter().any(|possible| stands(possible, &request.state)) {
                    found.push(What::KeptStanding { id: request.id });
                }
            }
        }
        let shows = |possible: &&Possible| {
            remembered.request.is_none_or(|request| stands(possible, &request.state))
                && possible.shown == remembered.shown
        };
        if found.is_empty() && self.shown_known && !self.possible.iter().any(|possible| shows(&possible)) {
            found.push(What::KeptOutcome);
        }
        found
    }
}

/// What of this request is not as the lines say.
fn fields(followed: &Followed, request: &Request) -> impl Iterator<Item = &'static str> {
    let press = followed.press;
    [
        ("dose", press.is_some_and(|press| press.dose != request.dose)),
        ("prescription", press.is_some_and(|press| press.prescription != request.prescription)),
        ("moment of the hold", press.is_some_and(|press| press.pressed != request.pressed)),
        ("wish to stop it", followed.stop_asked.is_some_and(|stop| stop != request.stop_asked)),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
}

/// Whether the kept state can be this one's: as it is written, so it comes back.
fn stands(possible: &Possible, kept: &State) -> bool {
    let as_kept = |state: &State| decode::<State>(&encode(state)).ok();
    match (possible.state().and_then(as_kept), as_kept(kept)) {
        (Some(State::Delivering(progress)), Some(State::Delivering(kept))) => same(progress.bolus, kept.bolus),
        (Some(State::Uncertain(Verdict::Started(bolus))), Some(State::Uncertain(Verdict::Started(kept)))) => {
            same(bolus, kept)
        }
        (state, kept) => state == kept,
    }
}

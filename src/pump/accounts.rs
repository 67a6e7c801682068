//! What counts against a demand dose: the lockout, the allotment, and every window of the dose limit.
//!
//! A dose counts in full from its start to its end, however little of it went in, unless it was stopped before anything
//! did. A clinician's bolus counts towards the lockout and the window limit, for the drug is the same; the allotment is the
//! patient's own and counts demand doses only.
//!
//! # Terms
//! - *age*: the time that the pump has counted since it was made, over all its epochs. Time off isn't in it, so an account
//!   never ends early for a reset.

use pump_protocol::{
    clock::CivilTime,
    history::{BolusEnd, Delivered, Origin},
    message::{BolusRef, KeyFingerprint, Nonce, RequestId},
    prescription::{ALLOTMENT_WINDOW, PrescriptionHash, Programmed, REACH_MAX},
    quantity::{Dose, Millis},
    report::AllotmentAccount,
    wire::{Bounded, Full, wire_struct},
};

use crate::motor::{DAY_MS, Grains, basal_in, begins_ms, bolus_after};

/// The most doses kept: 48 a day for seven days and their neighbours, and room for the clinic's. When it is full no dose
/// is given, for it could not be accounted for.
pub(crate) const DOSES_MAX: usize = 512;

/// Every bolus that any limit could still reach, oldest first. It is the account and the fate of each committed request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Doses {
    list: Bounded<DoseRecord, DOSES_MAX>,
}

/// One bolus.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DoseRecord {
    pub(crate) bolus: BolusRef,
    pub(crate) origin: Origin,
    /// The pump's age at its start.
    pub(crate) started: Millis,
    pub(crate) duration: Millis,
    /// What COMMIT carried, to know a repetition by. `None` for a bolus of the clinic's.
    pub(crate) spent: Option<Spent>,
    /// `None` while it runs.
    pub(crate) ended: Option<Ended>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spent {
    pub(crate) nonce: Nonce,
    pub(crate) prescription: PrescriptionHash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ended {
    pub(crate) delivered: Delivered,
    pub(crate) end: BolusEnd,
}

wire_struct!(Doses { list });
wire_struct!(DoseRecord { bolus, origin, started, duration, spent, ended });
wire_struct!(Spent { nonce, prescription });
wire_struct!(Ended { delivered, end });

/// The moment at which a dose is judged, and by what.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// The pump's age.
    pub(crate) age: Millis,
    /// Its civil clock at that age.
    pub(crate) civil: CivilTime,
    pub(crate) prescription: &'a Programmed,
}

impl DoseRecord {
    // keeps R-PMP-12
    /// Anything but a proven zero.
    fn counts(&self) -> bool {
        self.ended.is_none_or(|ended| ended.delivered.at_most > Dose::ZERO)
    }

    // keeps R-PMP-11
    fn is_demand_dose(&self) -> bool {
        match self.origin {
            Origin::Remote { .. } => true,
            Origin::Clinician | Origin::Unknown => false,
        }
    }

    /// When its last drop went in, or is due.
    pub(crate) fn end(&self) -> Millis {
        self.started.saturating_add(self.duration)
    }

    /// What has gone in at this age.
    pub(crate) fn given(&self, age: Millis) -> Grains {
        bolus_after(self.bolus.dose, self.duration, age.saturating_sub(self.started))
    }
}

impl Doses {
    pub(crate) fn push(&mut self, record: DoseRecord) -> Result<(), Full> {
        self.list.push(record)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= DOSES_MAX
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &DoseRecord> {
        self.list.iter()
    }

    pub(crate) fn running(&self) -> Option<&DoseRecord> {
        self.list.last().filter(|record| record.ended.is_none())
    }

    pub(crate) fn of_request(&self, key: KeyFingerprint, id: RequestId) -> Option<&DoseRecord> {
        self.list.iter().find(|record| record.origin == Origin::Remote { key, id })
    }

    /// Notes how the running bolus ended.
    ///
    /// From now on it lies where it really went in: a window that has left that behind holds nothing of it.
    pub(crate) fn end_running(&mut self, ended: Ended, age: Millis) {
        if let Some(last) = self.list.as_mut_slice().last_mut().filter(|record| record.ended.is_none()) {
            last.ended = Some(ended);
            last.duration = last.duration.min(age.saturating_sub(last.started));
        }
    }

    // keeps R-PMP-07
    /// Takes out a dose that no prescription's limit can reach any more.
    pub(crate) fn take_unreachable(&mut self, age: Millis) -> Option<DoseRecord> {
        let oldest = self.list.first()?;
        let reach_ends = oldest.end().saturating_add(REACH_MAX);
        if oldest.ended.is_some() && reach_ends <= age { self.list.remove(0) } else { None }
    }

    // keeps R-PMP-08
    /// How long the lockout still lasts, by doses alone.
    pub(crate) fn lockout_remaining(&self, now: Moment<'_>) -> Millis {
        let starts = self.list.iter().filter(|record| record.counts()).map(|record| record.started);
        let ends = starts.map(|start| start.saturating_add(now.prescription.lockout_interval));
        ends.max().map_or(Millis::ZERO, |end| end.saturating_sub(now.age))
    }

    /// The demand doses of the last 24 hours.
    pub(crate) fn allotment(&self, age: Millis) -> AllotmentAccount {
        let returns = self.returns(age);
        AllotmentAccount {
            used: u8::try_from(returns.len()).unwrap_or(u8::MAX),
            next_return: returns.first().copied().unwrap_or_default(),
        }
    }

    // keeps R-PMP-09
    /// How long until a dose of the allotment is free; nothing if one is.
    pub(crate) fn allotment_wait(&self, now: Moment<'_>) -> Millis {
        let returns = self.returns(now.age);
        let allotment = usize::from(now.prescription.allotment);
        match returns.len().checked_sub(allotment) {
            Some(over) => returns.get(over).copied().unwrap_or_default(),
            None => Millis::ZERO,
        }
    }

    /// For each demand dose that still counts, how long it does; soonest first.
    fn returns(&self, age: Millis) -> Vec<Millis> {
        let counted = self.list.iter().filter(|record| record.counts() && record.is_demand_dose());
        let left = counted.map(|record| record.started.saturating_add(ALLOTMENT_WINDOW).saturating_sub(age));
        left.filter(|left| *left > Millis::ZERO).collect()
    }

    /// All drug in the window that ends now, with the basal programme as if it had always run.
    pub(crate) fn window_used(&self, now: Moment<'_>) -> Dose {
        let window = now.prescription.window_limit.window;
        let from = ms(now.age) - ms(window);
        let counted = self.list.iter().filter(|record| record.counts() && ms(record.end()) > from);
        let doses = counted.fold(Grains(0), |sum, record| sum.plus(Grains::of_dose(record.bolus.dose)));
        doses.plus(now.basal(from, window)).dose()
    }

    /// `None` if the demand dose fits now into every window that would contain it; otherwise how long until it does.
    ///
    /// Only moments at which an older dose leaves the reach are tried, by halving, so that a full record is judged as fast
    /// as an empty one. Behind the last of them no older dose is left, and a prescription's basal with one dose always fits
    /// (`Prescription::check`). Where the basal rate changes in between, an earlier moment may be passed over; none that
    /// doesn't fit is named.
    pub(crate) fn window_wait(&self, now: Moment<'_>) -> Option<Millis> {
        if self.fits(now, now.age) {
            return None;
        }
        let window = now.prescription.window_limit.window;
        let counted = self.list.iter().filter(|record| record.counts());
        let leaves = counted.map(|record| record.end().saturating_add(window)).filter(|leaves| *leaves > now.age);
        let mut starts: Vec<Millis> = leaves.collect();
        starts.sort_unstable();
        let fitting = starts.get(starts.partition_point(|start| !self.fits(now, *start)));
        Some(fitting.map_or(Millis::MAX, |start| start.saturating_sub(now.age)))
    }

    // keeps R-PMP-10
    /// Whether no window with the demand dose in it, begun at this age, would exceed the limit.
    ///
    /// What a window holds changes its course only where the window begins or ends at a dose's or a segment's border, so
    /// those windows are tried, and the ones a millisecond beside them.
    fn fits(&self, now: Moment<'_>, start: Millis) -> bool {
        let (start, duration) = (ms(start), ms(now.prescription.bolus_duration));
        let (window, limit) = (ms(now.prescription.window_limit.window), now.prescription.window_limit.amount);
        let touches = |from: i128| from < start + duration && from + window > start;
        let borders = self.borders(now, start - window, start + duration + window);
        let froms = borders.into_iter().flat_map(|border| [border, border - window]);
        let mut froms = froms.flat_map(|from| [from - 1, from, from + 1]).filter(|from| touches(*from));
        let demand_dose = Grains::of_dose(now.prescription.demand_dose);
        froms.all(|from| self.in_window(now, from).plus(demand_dose) <= Grains::of_dose(limit))
    }

    /// Ages between these two at which a dose begins or ends, or the basal rate changes; the two themselves included.
    fn borders(&self, now: Moment<'_>, from: i128, to: i128) -> Vec<i128> {
        let doses = self.list.iter().flat_map(|record| [ms(record.started), ms(record.end())]);
        let midnight = ms(now.age) - i128::from(now.civil.millis());
        let first_day = (from - midnight).div_euclid(i128::from(DAY_MS));
        let last_day = (to - midnight).div_euclid(i128::from(DAY_MS));
        let midnights = (first_day..=last_day).map(|day| midnight + day * i128::from(DAY_MS));
        let segments = &now.prescription.basal;
        let changes = midnights.flat_map(|midnight| segments.iter().map(move |s| midnight + i128::from(begins_ms(*s))));
        let inner = doses.chain(changes).filter(|border| (from..=to).contains(border));
        inner.chain([from, to]).collect()
    }

    /// All drug in the window that begins at this age, older doses in full if any part of them lies in it.
    fn in_window(&self, now: Moment<'_>, from: i128) -> Grains {
        let window = now.prescription.window_limit.window;
        let to = from + ms(window);
        let touched = |record: &&DoseRecord| record.counts() && ms(record.started) < to && ms(record.end()) > from;
        let doses = self.list.iter().filter(touched);
        doses.fold(now.basal(from, window), |sum, record| sum.plus(Grains::of_dose(record.bolus.dose)))
    }
}

impl Moment<'_> {
    /// Basal as programmed, for the full length, beginning at this age.
    fn basal(self, from: i128, length: Millis) -> Grains {
        basal_in(&self.prescription.basal, from - ms(self.age) + i128::from(self.civil.millis()), length)
    }
}

fn ms(millis: Millis) -> i128 {
    i128::from(millis.get())
}

//! What happened in all runs together: proof that the invariants were asked in interesting places.

use std::iter::Sum;

use pump_core::audit::event::Event;

/// How often each kind of thing was recorded.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) holds: usize,
    pub(crate) commits: usize,
    pub(crate) delivered: usize,
    pub(crate) in_part: usize,
    pub(crate) not_given: usize,
    pub(crate) denied: usize,
    pub(crate) rejected: usize,
    pub(crate) assumed_given: usize,
    pub(crate) doubts: usize,
    pub(crate) withheld: usize,
    pub(crate) dose_differed: usize,
    pub(crate) refused_here: usize,
    pub(crate) stops: usize,
    pub(crate) starts: usize,
    pub(crate) pump_resets: usize,
    pub(crate) doses_of_others: usize,
    pub(crate) history_gaps: usize,
    pub(crate) records_lost: usize,
    pub(crate) accounts_differ: usize,
    pub(crate) unknown_to_record: usize,
    pub(crate) went_back: usize,
    pub(crate) wrong_codes: usize,
    pub(crate) unconfirmed: usize,
    pub(crate) alarms: usize,
    pub(crate) wall_steps: usize,
    pub(crate) pump_clock_sets: usize,
    pub(crate) other_liquids: usize,
    pub(crate) troubles: usize,
    pub(crate) changes_seen: usize,
}

impl Tally {
    pub(crate) fn count(&mut self, event: &Event) {
        let counter = match event {
            Event::Delivered { .. } => &mut self.delivered,
            Event::DeliveredInPart { .. } => &mut self.in_part,
            Event::NotGiven { .. } => &mut self.not_given,
            Event::Denied { .. } => &mut self.denied,
            Event::Rejected { .. } => &mut self.rejected,
            Event::AssumedGiven { .. } => &mut self.assumed_given,
            Event::Uncertain { .. } => &mut self.doubts,
            Event::CommitWithheld { .. } => &mut self.withheld,
            Event::DoseDiffered { .. } => &mut self.dose_differed,
            Event::AttemptRefused { .. } | Event::AttemptElsewhere => &mut self.refused_here,
            Event::StopAsked { .. } => &mut self.stops,
            Event::Started => &mut self.starts,
            Event::PumpReset { .. } => &mut self.pump_resets,
            Event::DoseOfOthers { .. } => &mut self.doses_of_others,
            Event::HistoryGap { .. } => &mut self.history_gaps,
            Event::RecordsLost { .. } => &mut self.records_lost,
            Event::AccountsDiffer { .. } | Event::WindowAccountsDiffer { .. } => &mut self.accounts_differ,
            Event::DoseUnknownToRecord { .. } => &mut self.unknown_to_record,
            Event::RecordWentBack { .. } => &mut self.went_back,
            Event::CodeWrong { .. } => &mut self.wrong_codes,
            Event::AttemptUnconfirmed => &mut self.unconfirmed,
            Event::Alarm { .. } => &mut self.alarms,
            Event::ClockStepped { .. } => &mut self.wall_steps,
            Event::PumpClockSet { .. } => &mut self.pump_clock_sets,
            Event::LiquidChanged { .. } => &mut self.other_liquids,
            Event::TroubleBegan { .. } => &mut self.troubles,
            Event::ChangesSeen => &mut self.changes_seen,
            Event::Closed
            | Event::PumpBound { .. }
            | Event::ForeignPump { .. }
            | Event::SessionOpened { .. }
            | Event::SessionLost { .. }
            | Event::PrescriptionRead { .. }
            | Event::PrescriptionContradicts { .. }
            | Event::Requested { .. }
            | Event::ShortTouches { .. }
            | Event::CommitIntended { .. }
            | Event::Accepted { .. }
            | Event::FateHeard { .. }
            | Event::HistoryImported { .. }
            | Event::Refilled { .. }
            | Event::DeliveryStopped
            | Event::DeliveryStarted
            | Event::AnswerOutOfPlace
            | Event::OffsetChanged { .. }
            | Event::WallDoubted { .. }
            | Event::WallTrusted
            | Event::OutcomeSeen
            | Event::TroubleEnded { .. }
            | Event::RecordCheckFailed
            | Event::PumpReplaced { .. }
            | Event::ConfigurationChanged
            | Event::Paired
            | Event::Pruned { .. } => return,
        };
        *counter += 1;
    }

    /// Each of these happens so often, or the simulation looks away.
    pub(crate) fn assert_that_enough_happened(&self, runs: u64) {
        let runs = usize::try_from(runs).expect("fits");
        let least = [
            ("full holds", self.holds, runs),
            ("commits", self.commits, runs / 2),
            ("doses delivered", self.delivered, runs / 4),
            ("doses given in part", self.in_part, runs / 20),
            ("requests that came to nothing", self.not_given, runs / 10),
            ("denials", self.denied, runs / 100),
            ("rejections", self.rejected, runs / 500),
            ("requests assumed given", self.assumed_given, runs / 1000),
            ("gaps in the history", self.history_gaps, runs / 500),
            ("losses of records", self.records_lost, runs / 500),
            ("doubts", self.doubts, runs / 5),
            ("commits withheld", self.withheld, runs / 100),
            ("holds refused here", self.refused_here, runs / 2),
            ("stops", self.stops, runs / 10),
            ("starts of the remote", self.starts, runs * 2),
            ("resets of the pump", self.pump_resets, runs / 10),
            ("doses of others", self.doses_of_others, runs / 10),
            ("wrong patient codes", self.wrong_codes, runs / 40),
            ("holds without their code", self.unconfirmed, runs / 100),
            ("alarms begun, seen and ended", self.alarms, runs),
            ("steps of the person's clock", self.wall_steps, runs / 20),
            ("settings of the pump's calendar", self.pump_clock_sets, runs / 20),
            ("other liquids", self.other_liquids, runs / 20),
            ("troubles of the remote's own", self.troubles, runs / 40),
            ("changes read", self.changes_seen, runs / 10),
        ];
        for (what, count, least) in least {
            assert!(count >= least, "only {count} {what} in {runs} runs, at least {least} expected");
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, more| Self {
            holds: sum.holds + more.holds,
            commits: sum.commits + more.commits,
            delivered: sum.delivered + more.delivered,
            in_part: sum.in_part + more.in_part,
            not_given: sum.not_given + more.not_given,
            denied: sum.denied + more.denied,
            rejected: sum.rejected + more.rejected,
            assumed_given: sum.assumed_given + more.assumed_given,
            doubts: sum.doubts + more.doubts,
            withheld: sum.withheld + more.withheld,
            dose_differed: sum.dose_differed + more.dose_differed,
            refused_here: sum.refused_here + more.refused_here,
            stops: sum.stops + more.stops,
            starts: sum.starts + more.starts,
            pump_resets: sum.pump_resets + more.pump_resets,
            doses_of_others: sum.doses_of_others + more.doses_of_others,
            history_gaps: sum.history_gaps + more.history_gaps,
            records_lost: sum.records_lost + more.records_lost,
            accounts_differ: sum.accounts_differ + more.accounts_differ,
            unknown_to_record: sum.unknown_to_record + more.unknown_to_record,
            went_back: sum.went_back + more.went_back,
            wrong_codes: sum.wrong_codes + more.wrong_codes,
            unconfirmed: sum.unconfirmed + more.unconfirmed,
            alarms: sum.alarms + more.alarms,
            wall_steps: sum.wall_steps + more.wall_steps,
            pump_clock_sets: sum.pump_clock_sets + more.pump_clock_sets,
            other_liquids: sum.other_liquids + more.other_liquids,
            troubles: sum.troubles + more.troubles,
            changes_seen: sum.changes_seen + more.changes_seen,
        })
    }
}

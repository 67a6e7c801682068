//! The self-test's place in the machine: when it begins, what it keeps away, and what is told of it.
//!
//! # Promises
//! - No dose is offered from the moment it begins until it has ended without a fault that blocks.
//! - It never begins over an open request, and never takes the page away from one.

use pump_protocol::clock::{Now, Uptime};

use super::{Output, Remote};
use crate::{
    annunciation::{
        AlarmCondition, Priority, Signals,
        signal::{Colour, Light, MEDIUM_BURST, MEDIUM_VIBRATION},
    },
    audit::event::{Event, Trouble},
    screen::{TestView, Visit},
    selftest::{Asking, CHECKS, Check, Finding, Measured, Question, SelfTest},
};

impl Remote {
    /// Somebody wants it tested.
    pub(super) fn test_self(&mut self, now: Now) {
        if self.may_begin_test() {
            self.begin_test(Asking::Somebody, now);
        }
    }

    // keeps R-ANS-16
    pub(super) fn begin_test(&mut self, asking: Asking, now: Now) {
        self.self_test = Some(SelfTest::begin(asking, self.record_good, now.uptime));
        self.set_trouble(Trouble::SelfTestRunning, true, now);
        self.outputs.push_back(Output::Measure);
    }

    /// What somebody did not hear, feel or see before the restart is asked anew, and a tone that failed has failed until it is heard.
    pub(super) fn ask_again_what_failed(&mut self, now: Now) {
        let stood =
            |condition| self.alarms.list().any(|standing| standing.condition() == condition && standing.cause_lasts());
        let [tone, other] = [AlarmCondition::ToneFailed, AlarmCondition::SelfTestFailed].map(stood);
        if tone {
            self.set_trouble(Trouble::ToneFailed, true, now);
        }
        if let Some(test) = self.self_test.as_mut().filter(|_| tone || other) {
            test.ask();
        }
    }

    pub(super) fn measured(&mut self, measured: Measured) {
        if let Some(test) = &mut self.self_test {
            test.take(measured);
        }
    }

    /// Something outside says that it fails, or is well again.
    pub(super) fn trouble_told(&mut self, which: Trouble, holds: bool, now: Now) {
        self.set_trouble(which, holds, now);
        if let Some(test) = self.self_test.as_mut().filter(|_| holds && which == Trouble::ToneFailed) {
            test.tone_failed();
        }
    }

    pub(super) fn answered(&mut self, yes: bool) {
        if let Some(test) = &mut self.self_test {
            test.answer(yes);
        }
    }

    /// Something was made durable.
    pub(super) fn test_stored(&mut self) {
        if let Some(test) = &mut self.self_test {
            test.stored();
        }
    }

    /// Lets time pass over the test, and tells of its end.
    pub(super) fn settle_test(&mut self, now: Now) {
        let Some(test) = &mut self.self_test else { return };
        let ended = test.pass_time(now.uptime);
        let (asks, findings, confirmed) = (test.question().is_some(), test.findings(), test.confirmed());
        let fault = |check: Check| findings.iter().any(|found| found.check == check && found.finding.is_fault());
        let any = Check::ALL.into_iter().any(fault);
        let blocks = Check::ALL.into_iter().any(|check| check.blocks() && check != Check::Sound && fault(check));
        // What failed before, or meanwhile, is well again only once somebody has heard it: a pin that obeys is no sound.
        let mute = self.troubles.contains(&Trouble::ToneFailed);
        let sound = test.finding(Check::Sound);
        let tone = fault(Check::Sound) || mute && !matches!(sound, Some(Finding::Confirmed | Finding::Absent));
        let unfit = Check::ALL.into_iter().any(|check| check.condemns() && fault(check));
        if ended {
            self.note(Event::SelfTested { findings }, now);
            // keeps R-ANS-16, R-ALM-13
            self.set_trouble(Trouble::SelfTestFailed, blocks, now);
            self.set_trouble(Trouble::ToneFailed, tone, now);
            self.set_trouble(Trouble::SelfTestRunning, false, now);
            // keeps R-DEV-14
            self.outputs.extend((!unfit && !tone).then_some(Output::Fit));
            self.outputs.extend(confirmed.then_some(Output::KeepConfirmed));
        }
        if self.test_to_show && (asks || ended) {
            self.test_to_show = asks && self.patient_is_told();
            if (asks || any) && !self.patient_is_told() {
                self.visit(Visit::SelfTest, now);
            }
        }
    }

    pub(super) fn test_timeout(&self, now: Uptime) -> Option<Uptime> {
        self.self_test.as_ref().and_then(|test| test.poll_timeout(now))
    }

    // keeps R-DEV-13
    pub(super) fn test_view(&self) -> TestView {
        let test = self.self_test.as_ref();
        let mut findings: [Option<Finding>; CHECKS] = [None; CHECKS];
        for (found, check) in findings.iter_mut().zip(Check::ALL) {
            *found = test.and_then(|test| test.finding(check));
        }
        TestView { runs: self.tests_itself(), question: self.question(), findings, may_begin: self.may_begin_test() }
    }

    /// What is played while somebody is asked whether it is heard, or felt. An alarm that is played anyway serves as well.
    pub(super) fn signals_asked_for(&self, alarms: Option<Signals>) -> Option<Signals> {
        let asked = self.question().filter(|_| self.page == Visit::SelfTest);
        let Some(question @ (Question::Heard | Question::Felt)) = asked else { return alarms };
        let silent = Signals {
            priority: Priority::Low,
            light: Light { colour: Colour::Cyan, flash: None },
            sound: None,
            vibration: None,
            audio_paused_until: None,
        };
        let mut signals = alarms.unwrap_or(silent);
        if question == Question::Heard {
            signals.sound = signals.sound.or(Some(&MEDIUM_BURST));
        } else {
            signals.vibration = signals.vibration.or(Some(&MEDIUM_VIBRATION));
        }
        Some(signals)
    }

    /// Whether a motor tells alarms, by the last self-test; one that is still being looked for counts as there.
    pub(super) fn motor(&self) -> bool {
        self.self_test.as_ref().is_some_and(|test| match test.finding(Check::Vibration) {
            None | Some(Finding::Passed | Finding::Confirmed | Finding::Unconfirmed) => true,
            Some(Finding::Failed | Finding::Absent | Finding::Silent) => false,
        })
    }

    pub(super) fn question(&self) -> Option<Question> {
        self.self_test.as_ref().and_then(SelfTest::question)
    }

    /// Neither a request is open nor a test runs.
    pub(super) fn may_begin_test(&self) -> bool {
        self.kept.request.is_none() && !self.tests_itself()
    }

    pub(super) fn tests_itself(&self) -> bool {
        self.self_test.as_ref().is_some_and(SelfTest::runs)
    }

    /// Whether the page holds something for the patient that must not be taken away.
    fn patient_is_told(&self) -> bool {
        let told = self.kept.request.is_some() || self.kept.ended.is_some() || !self.kept.changes.is_empty();
        told || self.code.is_some() || self.page != Visit::Patient
    }
}

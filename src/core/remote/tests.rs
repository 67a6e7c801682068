//! How the machine begins, and a link that comes up twice; the rest of it is told by scenarios.

use pump_protocol::message::{AuditHead, Command, KeyFingerprint};

use super::{Beginning, Input, Kept, Output, Remote};
use crate::fixtures::{hours, now_at};

fn beginning(count: u64, kept: Kept, configuration: Option<[u8; 32]>) -> Beginning {
    let head = AuditHead { count, hash: [u8::from(count > 0); 32] };
    Beginning {
        key: KeyFingerprint([2; 8]),
        bonded: true,
        kept,
        head,
        tail_good: true,
        paired_now: false,
        configuration,
    }
}

/// The words of what it wants stored, and what it wants sent.
fn drain(remote: &mut Remote) -> (Vec<&'static str>, Vec<Command>) {
    let (mut kinds, mut sent) = (Vec::new(), Vec::new());
    while let Some(output) = remote.poll_output() {
        match output {
            Output::Store(batch) => kinds.extend(batch.entries.iter().map(|entry| entry.kind)),
            Output::Transmit(command) => sent.push(command),
            Output::Hangup | Output::ReadDays => {}
        }
    }
    (kinds, sent)
}

fn noted(beginning: Beginning) -> Vec<&'static str> {
    drain(&mut Remote::restore(beginning, now_at(hours(1)))).0
}

#[test]
fn new_keys_are_on_record() {
    let usual = beginning(3, Kept::default(), None);
    assert_eq!(noted(usual.clone()), ["started", "wall_doubted"]);
    assert_eq!(noted(Beginning { paired_now: true, ..usual }), ["started", "wall_doubted", "paired"]);
}

#[test]
fn another_configuration_than_last_time_is_on_record_and_a_first_one_is_not() {
    let kept = || Kept { configuration: Some([1; 32]), ..Kept::default() };
    assert_eq!(noted(beginning(3, kept(), Some([1; 32]))), ["started", "wall_doubted"]);
    assert_eq!(noted(beginning(3, kept(), Some([2; 32]))), ["started", "wall_doubted", "configuration_changed"]);
    assert_eq!(noted(beginning(3, kept(), None)), ["started", "wall_doubted", "configuration_changed"]);
    assert_eq!(noted(beginning(0, Kept::default(), Some([2; 32]))), ["started", "wall_doubted"]);
}

#[test]
fn a_link_that_comes_up_twice_lost_the_first() {
    let now = now_at(hours(1));
    let mut remote = Remote::restore(beginning(3, Kept::default(), None), now);
    drain(&mut remote);
    remote.handle(Input::LinkUp, now);
    let (first, greeted) = drain(&mut remote);
    assert!(first.is_empty() && matches!(*greeted, [Command::Hello { .. }]), "{first:?}, {greeted:?}");
    remote.handle(Input::Stored(AuditHead { count: 4, hash: [1; 32] }), now);
    drain(&mut remote);
    remote.handle(Input::LinkUp, now);
    let (second, greeted) = drain(&mut remote);
    assert!(matches!(*greeted, [Command::Hello { .. }]), "{greeted:?}");
    assert_eq!(second, ["session_lost"]);
}

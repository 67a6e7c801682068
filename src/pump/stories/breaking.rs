//! The radio fails on script, and the clinic types.

use pump_protocol::{
    message::{AuditHead, Command, Fate, Nonce, Reply, RequestId, Role},
    prescription::PatientCode,
    quantity::Volume,
};

use super::{Bench, PATIENT, bench, mcg, prepare};
use crate::{
    console::{ConsoleAnswer, run},
    faults::{Answered, Effect, NoFault, Point, Script, answer},
};

fn script(lines: &[&str]) -> Script {
    let mut script = Script::default();
    for line in lines {
        script.parse(line).expect("a fault");
    }
    script
}

fn ask(bench: &mut Bench, script: &mut Script, command: &Command) -> Answered {
    answer(&mut bench.pump, script, PATIENT, Role::Patient, command, Nonce([5; 16]))
}

fn typed(bench: &mut Bench, line: &str) -> String {
    match run(&mut bench.pump, &mut Script::default(), line) {
        ConsoleAnswer::Say(said) | ConsoleAnswer::DropLinks(said) => said,
        ConsoleAnswer::OpenPairing(_) | ConsoleAnswer::Remotes | ConsoleAnswer::Revoke(_) | ConsoleAnswer::Quit => {
            String::new()
        }
    }
}

#[test]
fn a_commit_lost_before_and_a_lost_answer_look_alike_and_differ_by_a_dose() {
    for (line, given) in [("disconnect commit before", false), ("disconnect commit after", true)] {
        let (mut bench, mut script) = (bench(), script(&[line]));
        let nonce = bench.grant(PATIENT, 1);
        let commit = Command::Commit { id: RequestId(1), nonce, prescription: bench.hash() };
        let lost = ask(&mut bench, &mut script, &commit);
        assert_eq!(lost, Answered { reply: None, disconnect: true }, "{line}");
        bench.greet(PATIENT);
        let fate = bench.fate(PATIENT, 1);
        assert_eq!(matches!(fate, Fate::Delivering { .. }), given, "{line}: {fate:?}");
        assert_eq!(matches!(fate, Fate::Voided), !given, "{line}: {fate:?}");
    }
}

#[test]
fn a_fault_strikes_as_often_as_it_says_and_only_its_command() {
    let mut script = script(&["drop query after 2 1"]);
    let query = Command::Query { id: RequestId(1) };
    let struck = [(); 5].map(|()| script.take(&query, Point::AfterReceipt).is_some());
    assert_eq!(struck, [false, true, true, false, false]);
    script.parse("drop any before always").expect("a fault");
    assert!((0..100).all(|_| script.take(&Command::ReadReport, Point::BeforeReceipt) == Some(Effect::Drop)));
    assert_eq!(script.take(&query, Point::AfterReceipt), None);
    script.calm();
    assert_eq!(script, Script::default());
}

#[test]
fn a_reset_after_prepare_leaves_no_grant() {
    let (mut bench, mut script) = (bench(), script(&["reset prepare after"]));
    let command = prepare(1, bench.hash());
    assert_eq!(ask(&mut bench, &mut script, &command), Answered { reply: None, disconnect: true });
    bench.greet(PATIENT);
    assert_eq!((bench.fate(PATIENT, 1), bench.pump.time().epoch), (Fate::Voided, 2));
}

#[test]
fn a_grant_can_be_made_to_name_another_dose() {
    let (mut bench, mut script) = (bench(), script(&["echo 60"]));
    let command = prepare(1, bench.hash());
    let answered = ask(&mut bench, &mut script, &command);
    assert!(matches!(answered.reply, Some(Reply::Granted { dose, .. }) if dose == mcg(60)));
}

#[test]
fn without_faults_the_answer_is_the_pumps() {
    let (mut bench, mut twin) = (bench(), bench());
    let hello = Command::Hello { audit_head: AuditHead::default() };
    let reply = twin.pump.handle(PATIENT, Role::Patient, &hello, Nonce([5; 16]));
    let answered = ask(&mut bench, &mut Script::default(), &hello);
    assert_eq!(answered, Answered { reply: Some(reply), disconnect: false });
}

#[test]
fn a_line_that_is_no_fault_is_told_what_there_is() {
    let refused = |line: &str| Script::default().parse(line).expect_err("no fault").to_string();
    assert!(refused("lose commit after").contains("drop, disconnect, reset"));
    assert!(
        refused("drop kommit after").contains("prepare, commit") && refused("drop kommit after").contains("end, any")
    );
    assert!(refused("drop commit").contains("before") && refused("drop commit").contains("after"));
    assert!(refused("drop commit after 0").contains("1 or more"));
    assert!(refused("drop commit after 1 1 now").contains("now"));
    assert!(refused("echo much").contains("mcg"));
    let mut full = Script::default();
    assert!((0..16).all(|_| full.parse("drop commit after").is_ok()));
    assert_eq!(full.parse("drop commit after"), Err(NoFault::Full));
}

#[test]
fn the_console_does_what_it_is_told_and_says_so() {
    let mut bench = bench();
    assert!(typed(&mut bench, "status").contains("Delivering 3.5 mcg/h."));
    assert_eq!(typed(&mut bench, "history"), "The history is empty.");
    assert_eq!(typed(&mut bench, "refill 12.5"), "Refilled: 12.5 mL of 2000 mcg/mL.");
    assert_eq!(bench.pump.reservoir(), Volume::from_microlitres(12_500));
    assert!(typed(&mut bench, "refill 30").starts_with("Refused: 30 mL don't fit"));
    assert_eq!(typed(&mut bench, "program dose=60 lockout=180 allotment=3"), "Prescription 2 is in force.");
    assert_eq!(bench.pump.prescription().programmed().demand_dose, mcg(60));
    assert!(typed(&mut bench, "program dose=600").starts_with("Refused:"));
    assert!(typed(&mut bench, "bolus 0.5").contains("0.5 mcg is running"));
    assert!(typed(&mut bench, "bolus 1").starts_with("Refused: a bolus is running"));
    assert_eq!(typed(&mut bench, "stop"), "STOPPED for 0 s. Annunciations: pump stopped.");
    assert_eq!(typed(&mut bench, "start"), "Delivering 3.5 mcg/h. No annunciation.");
    assert_eq!(typed(&mut bench, "clock 07:30"), "The pump's civil clock stands at 07:30.");
    assert_eq!(typed(&mut bench, "clock -60"), "The pump's civil clock stands at 06:30.");
    assert!(typed(&mut bench, "clock 7.30").contains("is no time of day"));
    assert!(typed(&mut bench, "program basal=00:00/5,06:00/3.5 code=0420").ends_with("is in force."));
    let programmed = bench.pump.prescription().programmed().clone();
    assert_eq!((programmed.basal.len(), programmed.patient_code), (2, Some(PatientCode(420))));
    assert!(typed(&mut bench, "program basal=06:00/5").starts_with("Refused: basal segment 0"));
    assert!(typed(&mut bench, "program code=12345").starts_with("No change"));
    assert!(typed(&mut bench, "history 1").ends_with("prescription 3 in force"));
    assert!(typed(&mut bench, "deny alarm").contains("until calm"));
    assert!(typed(&mut bench, "reset prepare after").starts_with("Set: reset at the next Prepare"));
    assert!(typed(&mut bench, "reset").contains("full lockout"));
    assert_eq!(run(&mut bench.pump, &mut Script::default(), "magnet"), ConsoleAnswer::OpenPairing(Role::Patient));
    assert_eq!(run(&mut bench.pump, &mut Script::default(), "magnet viewer"), ConsoleAnswer::OpenPairing(Role::Viewer));
    assert_eq!(run(&mut bench.pump, &mut Script::default(), "quit"), ConsoleAnswer::Quit);
    assert_eq!(run(&mut bench.pump, &mut Script::default(), "remotes"), ConsoleAnswer::Remotes);
    assert_eq!(run(&mut bench.pump, &mut Script::default(), "revoke 2"), ConsoleAnswer::Revoke(2));
    assert!(
        matches!(run(&mut bench.pump, &mut Script::default(), "revoke x"), ConsoleAnswer::Say(said) if said.contains("no number"))
    );
}

#[test]
fn the_console_names_every_annunciation_and_what_became_of_a_bolus() {
    let mut bench = bench();
    for (line, named) in [
        ("occlusion on", "catheter occlusion suspected"),
        ("eri", "elective replacement indicator"),
        ("eos", "end of service"),
        ("memory", "memory error"),
        ("stall", "motor stall"),
    ] {
        assert!(typed(&mut bench, line).contains(named), "{line}");
    }
    let mut bench = super::bench();
    for (volume, named) in [("1.1", "low reservoir"), ("0.5", "empty reservoir")] {
        typed(&mut bench, &format!("refill {volume} 2000"));
        assert!(typed(&mut bench, "status").contains(named), "{volume}");
    }
    let mut bench = super::bench();
    assert!(!typed(&mut bench, "occlusion off").contains("occlusion"));
    assert_eq!(typed(&mut bench, "bolus 2 unknown"), "A bolus of 2 mcg is running, asked for by nobody known.");
    assert!(typed(&mut bench, "status").contains("A bolus is running: 0 mcg of 2 mcg given, "));
    typed(&mut bench, "stop");
    typed(&mut bench, "start");
    typed(&mut bench, "bolus 2");
    typed(&mut bench, "stall");
    typed(&mut bench, "unstall");
    typed(&mut bench, "start");
    typed(&mut bench, "reset");
    let history = typed(&mut bench, "history 40");
    for said in [
        "bolus 1 of 2 mcg started, asked for by nobody known",
        "bolus 1 ended, the pump was stopped: 0 mcg",
        "bolus 2 of 2 mcg started, asked for by the clinician",
        "bolus 2 ended, the motor stalled: 0 mcg",
        "pump stopped",
        "pump started",
        "pump reset",
    ] {
        assert!(history.contains(said), "{said}: {history}");
    }
}

#[test]
fn the_console_imposes_each_reason_and_forgets_them_all() {
    for reason in ["alarm", "bolus", "reservoir", "lockout", "allotment", "limit", "off", "changed", "grant"] {
        let (mut bench, mut script) = (bench(), script(&["drop commit after"]));
        let hash = bench.hash();
        assert!(typed(&mut bench, &format!("deny {reason}")).contains("until calm"), "{reason}");
        let waits = |bench: &mut Bench, script: &mut Script| {
            let ConsoleAnswer::Say(said) = run(&mut bench.pump, script, "status") else { unreachable!("it is said") };
            said.contains("Fault waiting")
        };
        assert!(waits(&mut bench, &mut script));
        assert!(
            matches!(ask(&mut bench, &mut script, &prepare(1, hash)).reply, Some(Reply::Denied { .. })),
            "{reason}"
        );
        let calm = ConsoleAnswer::Say("No fault waits, and nothing is imposed.".to_owned());
        assert_eq!(run(&mut bench.pump, &mut script, "calm"), calm);
        assert!(!waits(&mut bench, &mut script));
        assert!(
            !matches!(ask(&mut bench, &mut script, &prepare(2, hash)).reply, Some(Reply::Denied { .. })),
            "{reason}"
        );
    }
    assert!(typed(&mut bench(), "deny hunger").starts_with("No reason \"hunger\"; there are alarm"));
}

#[test]
fn the_console_answers_whatever_is_typed() {
    let mut bench = bench();
    for line in
        ["", "  ", "help", "fly", "bolus", "bolus -1", "bolus 99999999999", "refill x", "refill 1 2 3", "clock 25:00"]
    {
        let _ = typed(&mut bench, line);
    }
    assert!(typed(&mut bench, "fly").contains("refill [ML"), "an unknown word lists what there is");
    let rude = typed(&mut bench, "fly\u{1b}[2J");
    assert!(!rude.contains('\u{1b}'), "and isn't sent back to the terminal as it is");
}

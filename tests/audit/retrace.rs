//! `audit-tool retrace` on what the machine wrote, and on what somebody wrote who had the device's key.

use std::{path::Path, process::Command as Process};

use pump_core::{
    audit::{
        Batch, Entry,
        event::{Event, Happened, Moment, NothingBecause},
    },
    remote::{Beginning, Input, Kept, Output, Remote},
    screen::{Control, Intent, Level, Source},
};
use pump_protocol::{
    clock::{BootId, Now, PumpTime, Uptime},
    history::{BolusId, HistorySeq},
    message::{AuditHead, BolusRef, KeyFingerprint, Nonce, RequestId, Role},
    quantity::{Dose, Millis},
    wire::encode,
};
use pump_remote::adapters::sqlite::Store;
use simulated_pump::{Pump, Setup};
use tempfile::TempDir;

use crate::common::{entry, open, record, tamper};

const KEY: KeyFingerprint = KeyFingerprint([1; 8]);

/// Exit code, what it says, what it complains about.
fn retrace(file: &Path) -> (i32, String, String) {
    let output = Process::new(env!("CARGO_BIN_EXE_audit-tool")).arg("retrace").arg(file).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A remote and a pump, with a store on disk between them.
struct Lived {
    remote: Remote,
    pump: Pump,
    store: Store,
    now: Now,
}

impl Lived {
    async fn begin(path: &Path) -> Self {
        let now = Now { boot: BootId([1; 16]), uptime: Uptime::from_millis(60_000), wall: None };
        let beginning = Beginning::bonded(KEY, Kept::default(), AuditHead::default());
        let mut pump = Pump::new(Setup::demonstration());
        pump.session_opened(KEY);
        let store = open(path).await.unwrap().store;
        let mut lived = Self { remote: Remote::restore(beginning, now), pump, store, now };
        lived.say(Input::LinkUp).await;
        lived
    }

    async fn say(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.remote.handle(input, self.now);
            while let Some(output) = self.remote.poll_output() {
                match output {
                    Output::Store(batch) => inputs.push(Input::Stored(self.store.append(batch).await.unwrap())),
                    Output::Transmit(command) => {
                        let nonce = Nonce([self.now.uptime.millis().to_le_bytes()[0]; 16]);
                        inputs.push(Input::Heard(self.pump.handle(KEY, Role::Patient, &command, nonce)));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    async fn pass(&mut self, steps: u32, span: Millis) {
        for _ in 0..steps {
            self.now.uptime = self.now.uptime.after(span);
            self.pump.advance(span);
            self.say(Input::Tick).await;
        }
    }

    async fn hold_dose(&mut self) {
        for level in [[Level::Pressed; 17].as_slice(), &[Level::Released]].concat() {
            let source = Source::Touchscreen;
            self.say(Input::Intent(Intent::Touch { control: Control::Dose, level, source })).await;
            self.pass(1, Millis::new(100)).await;
        }
    }
}

/// A record in which one dose was given.
async fn lived() -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("record.db");
    let mut lived = Lived::begin(&path).await;
    lived.hold_dose().await;
    lived.pass(400, Millis::from_secs(2)).await;
    lived.say(Input::Close).await;
    assert!(lived.remote.request().is_none());
    lived.store.close(None).await.unwrap();
    (dir, path)
}

/// Somebody with the key writes these lines, and vouches for what he made of the kept state.
async fn forge(path: &Path, events: &[Event], change: impl FnOnce(&mut Kept)) {
    let mut opened = open(path).await.unwrap();
    let mut kept = Kept::from_bytes(&opened.kept.unwrap()).unwrap();
    change(&mut kept);
    let line = |event: &Event| Entry {
        kind: event.kind(),
        request: event.request().map(|id| id.0),
        body: encode(&Happened { at: Moment::default(), event: event.clone() }),
        ..entry(1)
    };
    let entries = events.iter().map(line).collect();
    opened.store.append(Batch { entries, kept: kept.to_bytes() }).await.unwrap();
    opened.store.close(None).await.unwrap();
}

#[tokio::test]
async fn what_the_machine_wrote_leads_to_what_it_remembers() {
    let (dir, path) = lived().await;
    let (code, said, complained) = retrace(&path);
    // proves R-REC-18
    assert_eq!((code, complained.as_str()), (0, ""), "{said}");
    assert!(said.starts_with("1 requests followed, 1 given\nthe machine's own state agrees\nverified: "), "{said}");

    let export = dir.path().join("record.export");
    let written = Process::new(env!("CARGO_BIN_EXE_audit-tool")).arg("export").arg(&path).output().unwrap();
    assert!(written.status.success());
    let (code, said, _) = retrace(&export);
    let only_lines = "1 requests followed, 1 given\nthe machine's own state is not in this file: only the lines";
    assert!(code == 0 && said.starts_with(only_lines), "{said}");
}

#[tokio::test]
async fn a_history_that_the_machine_can_t_have_written_is_told_line_by_line() {
    let (_dir, path) = lived().await;
    let start = PumpTime::new(1, Millis::ZERO);
    let bolus = BolusRef { bolus: BolusId(9), history_seq: HistorySeq(9), start, dose: Dose::from_micrograms(50) };
    let forged = [
        Event::CommitIntended { id: RequestId(7), latest_start: start },
        Event::Delivered { id: RequestId(7), bolus },
        Event::NotGiven { id: RequestId(1), why: NothingBecause::NeverRan },
    ];
    forge(&path, &forged, |_| {}).await;
    let (code, said, complained) = retrace(&path);
    // proves R-REC-18
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(": #7: granted; COMMIT may leave"), "{said}");
    assert!(said.contains(": no full hold that asked for it is open\n"), "{said}");
    assert!(said.contains(": #1: NOT GIVEN: ") && said.contains(": no request of this number is open\n"), "{said}");
    assert!(said.contains("the machine's own state takes #1 for the highest number used"), "{said}");
    assert!(complained.contains(" differences between the record and the machine"), "{complained}");
}

#[tokio::test]
async fn a_state_that_the_lines_don_t_lead_to_is_told_though_they_vouch_for_it() {
    let (_dir, path) = lived().await;
    forge(&path, &[Event::AttemptElsewhere], |kept| {
        (kept.last_id, kept.account) = (RequestId(0), pump_core::therapy::account::Account::default());
    })
    .await;
    let (code, said, complained) = retrace(&path);
    assert_eq!((code, complained.as_str()), (1, "2 differences between the record and the machine that writes it\n"));
    assert!(
        said.contains("the machine's own state takes #0 for the highest number used, and the lines use #1"),
        "{said}"
    );
    assert!(said.contains("the dose of #1 doesn't count in the machine's own state"), "{said}");
}

#[tokio::test]
async fn nothing_is_said_to_agree_that_is_not_verified() {
    let (_dir, path) = lived().await;
    tamper(&path, &["UPDATE record SET body = x'00' WHERE seq = 4"]).await;
    let (code, said, complained) = retrace(&path);
    assert!(code == 1 && !said.contains("agrees"), "{said}");
    assert!(complained.starts_with("not verified: followed up to the first bad record: record 4:"), "{complained}");
    // Lines that no machine of this version wrote: said so, and not more often than anybody reads.
    let (_dir, path) = record();
    let (code, said, complained) = retrace(&path);
    assert!(code == 1 && said.lines().count() < 80 && said.contains("record 1: it can't be read"), "{said}");
    assert!(complained.starts_with("what the remote remembers can't be read by this program"), "{complained}");
}

//! What the fuzzer begins with: messages, durable forms and stories as they really are.

use pump_core::audit::{
    Batch, Chain, Entry, Genesis, RecordId,
    event::{Event, Happened},
};
use pump_protocol::{
    clock::Now,
    fragment::fragments,
    history::HistorySeq,
    message::{AuditHead, Command, Nonce, Reply, RequestId, Role, StatusChanged},
    quantity::Millis,
    session::{CardSecret, Entropy, PairedPump, PairedRemote, PumpPins, RemotePins, StaticKey, encode_secret},
    wire::{Bounded, Text, Wire, encode},
};
use pump_tests::{CommandKind, Disk, Effect, Fault, OURS, Point, World, chance::Chance};
use simulated_pump::Pump;

/// One input: which target's, its name, and its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// All of them.
pub fn all() -> Vec<Seed> {
    let world = lived();
    let mut seeds = Vec::new();
    messages(&world, &mut seeds);
    durable_forms(&world, &mut seeds);
    typed(&mut seeds);
    stories(&mut seeds);
    seeds
}

/// A world in which most things have happened.
fn lived() -> World {
    let mut world = World::ready();
    for lost in [None, Some(Point::BeforeReceipt), Some(Point::AfterReceipt)] {
        let fault = |point| Fault { at: CommandKind::Commit, point, effect: Effect::Disconnect };
        world.faults.extend(lost.map(fault));
        world.hold_dose();
        world.pass(Millis::from_mins(1));
        world.hold_stop();
        world.pass(Millis::from_mins(130));
        world.seen();
    }
    world.other_doses();
    world.pump.stop();
    world.pass(Millis::from_secs(20));
    world.disk = Disk::Refuses;
    world.hold_dose();
    world.disk = Disk::Works;
    world.move_wall(-7_200_000, Some(60));
    world.reboot(Millis::from_mins(3));
    world.pass(Millis::from_secs(20));
    world.pump.start();
    world.hold_dose();
    world.pass(Millis::from_mins(1));
    world
}

/// Each command that was said and a few more, with the pump's answer.
fn messages(world: &World, seeds: &mut Vec<Seed>) {
    let mut pump = world.pump.clone();
    let audit_head = AuditHead { count: 9, hash: [9; 32] };
    let prescription = pump.prescription().hash();
    let id = RequestId(1_000);
    let commands = [
        Command::Hello { audit_head },
        Command::Prepare { id, prescription, audit_head },
        Command::Commit { id, nonce: Nonce([3; 16]), prescription },
        Command::Query { id },
        Command::Abort { id },
        Command::Cancel { id: RequestId(1) },
        Command::ReadHistory { from: HistorySeq(1) },
        Command::ReadReport,
        Command::ReadPrescription,
        Command::Acknowledge { annunciation: 1, confirm: true },
        Command::ResetStatus { seen: StatusChanged::HISTORY },
        Command::ConfirmPairing,
        Command::EndPairing,
    ];
    pump.session_opened(OURS);
    for (number, command) in commands.iter().enumerate() {
        seeds.push(form("wire", 0, format!("command-{number:02}"), command));
        let reply = pump.handle(OURS, Role::Patient, command, Nonce([3; 16]));
        seeds.push(form("wire", 1, format!("reply-{number:02}"), &reply));
        match reply {
            Reply::Report(report) => seeds.push(form("wire", 2, format!("report-{number:02}"), &*report)),
            Reply::History(page) => seeds.push(form("wire", 3, format!("history-{number:02}"), &page)),
            Reply::Prescription(programmed) => {
                seeds.push(form("wire", 4, "programmed".into(), &*programmed));
                seeds.push(form("wire", 5, "prescription".into(), &*programmed));
            }
            _ => {}
        }
    }
    let mut cut = vec![10];
    for fragment in fragments(&[7; 200], 60).expect("within the limits") {
        cut.extend([u8::try_from(fragment.len()).expect("short"), 1]);
        cut.extend(fragment);
    }
    seeds.push(("wire", "fragments".into(), cut));
    pins(seeds);
    seeds.push(form("wire", 8, "now".into(), &Now::default()));
}

fn pins(seeds: &mut Vec<Seed>) {
    let mut entropy = Alike;
    let (key, card) = (StaticKey::generate(&mut entropy).public(), CardSecret::generate(&mut entropy));
    let pump = PairedPump { pump: key, psk: card.psk() };
    let remote = PairedRemote { remote: key, psk: card.psk(), role: Role::Patient };
    let pump_pins = PumpPins { confirmed: Bounded::filled_from([remote.clone()]), provisional: Some(remote) };
    let remote_pins = RemotePins { confirmed: Some(pump.clone()), provisional: Some(pump) };
    seeds.push(("wire", "pump-pins".into(), [&[6], encode_secret(&pump_pins).as_slice()].concat()));
    seeds.push(("wire", "remote-pins".into(), [&[7], encode_secret(&remote_pins).as_slice()].concat()));
}

fn durable_forms(world: &World, seeds: &mut Vec<Seed>) {
    let mut young = World::ready();
    seeds.push(("kept", "kept-young".into(), [&[0], young.kept().to_bytes().as_slice()].concat()));
    young.hold_dose();
    seeds.push(("kept", "kept-asking".into(), [&[0], young.kept().to_bytes().as_slice()].concat()));
    seeds.push(("kept", "kept-lived".into(), [&[0], world.kept().to_bytes().as_slice()].concat()));
    let mut kinds = Vec::new();
    for happened in world.record() {
        let kind = happened.event.kind();
        if !kinds.contains(&kind) {
            kinds.push(kind);
            seeds.push(form("kept", 1, format!("line-{kind}"), happened));
        }
    }
    let pruned = Event::Pruned { until: 256, exported: 256, export_digest: [5; 32] };
    let at = world.record()[0].at;
    seeds.push(form("kept", 1, "line-pruned".into(), &Happened { at, event: pruned }));
    chained(world, seeds);
    for (name, pump) in [("young", &young.pump), ("lived", &world.pump)] {
        seeds.push(("kept", format!("pump-{name}"), pump_form(pump)));
    }
}

/// The pump's form without its hash, which the target puts there.
fn pump_form(pump: &Pump) -> Vec<u8> {
    let mut bytes = pump.durable();
    bytes.truncate(bytes.len() - 32);
    [&[6], bytes.as_slice()].concat()
}

fn chained(world: &World, seeds: &mut Vec<Seed>) {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let serial = Text::new("SIM-0001").expect("short");
    let genesis = Genesis { id: RecordId([1; 16]), serial, device_key: key.verifying_key().to_bytes() };
    let body = encode(&world.record()[0]);
    let entry =
        Entry { kind: "started", request: Some(3), body, wall_ms: Some(1_790_000_000_000), utc_offset_min: 120 };
    let batch = Batch { entries: vec![entry], kept: Vec::new() };
    let sealed = Chain::begin(genesis.clone()).seal(batch, &key).expect("a batch as any");
    let (record, hash) = sealed.records[0].clone().into_parts();
    let checkpoint = sealed.next.checkpoint(record.wall(), &key).expect("one line");
    seeds.push(form("kept", 2, "record".into(), &record));
    seeds.push(form("kept", 3, "stored".into(), &pump_core::audit::Stored { record, hash }));
    seeds.push(form("kept", 4, "checkpoint".into(), &checkpoint));
    seeds.push(form("kept", 5, "genesis".into(), &genesis));
    let base = pump_core::audit::Base::sign(genesis.id, sealed.next.head(), 1, [5; 32], None, &key);
    seeds.push(form("wire", 9, "base".into(), &base));
}

/// What people type, into cards and configurations.
fn typed(seeds: &mut Vec<Seed>) {
    let card = CardSecret::generate(&mut Alike).printed().to_string();
    let zeros = "000004-000001-000002-000007-000009-000008-000006-000005";
    for (name, typed) in [
        ("printed", card.as_str()),
        ("zeros", zeros),
        ("run-together", "000004000001000002000007000009000008000006000005"),
        ("other-dashes", " 000004\u{2013}000001\n000002\t000007_000009.000008 000006 000005 "),
        ("short", &card[..54]),
        ("long", "000004-000001-000002-000007-000009-000008-000006-0000050"),
        ("wrong-group", "000004-000002-000001-000007-000009-000008-000006-000005"),
        ("no-digit", "000004-00000O-000002-000007-000009-000008-000006-000005"),
        ("nothing", ""),
    ] {
        seeds.push(("card", name.into(), typed.as_bytes().to_vec()));
    }
    let whole = "data_dir = \"/var/lib/pump-remote\"\n\n[pump]\nsocket = \"/run/pump.sock\"\nspeed = 60\n\n[window]\n\
                 display = \"800x480\"\n\n[button]\npin = 17\n";
    for (name, text) in [
        ("whole", whole),
        ("empty", ""),
        ("speed", "pump.speed = 3600 # as fast as it goes\n"),
        ("too-fast", "[pump]\nspeed = 3601\n"),
        ("portrait", "window = { display = \"720x1280\" }\n"),
        ("no-such-pin", "[button]\npin = 28\n"),
        ("negative", "[button]\npin = -1\n"),
        ("unknown", "lockout = 5\n"),
        ("twice", "[pump]\nspeed = 1\n[pump]\nspeed = 2\n"),
        ("long-text", "data_dir = '''\nvar\n'''\n"),
        ("dates", "data_dir = 1979-05-27T07:32:00Z\n"),
    ] {
        seeds.push(("config", name.into(), text.as_bytes().to_vec()));
    }
}

/// Chance, and a few changes that are more than chance.
fn stories(seeds: &mut Vec<Seed>) {
    for target in ["machine", "story", "pump", "session"] {
        for seed in 0..10_u64 {
            let mut chance = Chance::new(seed);
            let mut bytes: Vec<u8> = (0..240).map(|_| u8::try_from(chance.below(256)).expect("a byte")).collect();
            if target == "session" {
                bytes[0] = u8::try_from(seed % 8).expect("small");
            }
            seeds.push((target, format!("chance-{seed}"), bytes));
        }
    }
    let mut said = vec![6];
    for number in 1..=3_u8 {
        // In good order, with this counter, of this length, in two bytes: QUERY.
        let query = encode(&Command::Query { id: RequestId(u64::from(number)) });
        let len = u8::try_from(query.len()).expect("short");
        said.extend([1, number, 0, 0, len]);
        said.extend(query);
    }
    seeds.push(("session", "faulty-remote".into(), said));
    for (name, change) in [
        ("untouched", vec![0]),
        ("untouched-cut-off", vec![1]),
        ("version", vec![0, 0, 63, 0, 0, 9]),
        ("page-count", vec![0, 0, 28, 0, 0, 0xFF]),
        ("schema-bit", vec![0, 1, 0, 1, 0, 3]),
        ("line-bit", vec![0, 1, 0, 0x80, 0, 5]),
        ("cut", vec![0, 2, 0, 0x50, 0, 0]),
        ("page-copied", vec![0, 5, 0, 0x50, 0, 3]),
        ("longer", vec![0, 6, 0, 0, 0, 40]),
        ("nothing", vec![0, 7, 0, 0, 0, 0]),
        ("log-bit", vec![1, 0x81, 0x40, 0, 0, 1]),
        ("log-cut", vec![1, 0x82, 0, 0x50, 0, 0]),
        ("log-zeros", vec![1, 0x84, 0, 0x10, 0, 200]),
    ] {
        seeds.push(("record", name.into(), change));
    }
    for (name, change) in [
        ("untouched", vec![0]),
        ("untouched-unsigned", vec![1]),
        ("untouched-part", vec![2]),
        ("version", vec![0, 0, 18, 0, 2]),
        ("genesis-bit", vec![0, 1, 40, 0, 1]),
        ("line-bit", vec![0, 1, 0, 4, 1]),
        ("cut", vec![0, 2, 0xBB, 0xFF, 0]),
        ("byte-less", vec![1, 3, 0, 4, 1]),
        ("byte-more", vec![1, 4, 0, 4, 1, 7]),
        ("part-cut", vec![2, 2, 0, 0x20, 0]),
        ("no-export", vec![0xFF, 1, 2, 3]),
    ] {
        seeds.push(("export", name.into(), change));
    }
}

fn form<T: Wire>(target: &'static str, form: u8, name: String, value: &T) -> Seed {
    (target, name, [&[form], encode(value).as_slice()].concat())
}

/// Randomness that is none.
struct Alike;

impl Entropy for Alike {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5A);
    }
}

//! Nobody looks: the display is dark, the pump is left in peace, and nothing is forgotten.
//!
//! Pre:  READY, on a remote whose display goes dark.
//! Step: nobody touches it; a wait ends; the pump is carried away; somebody touches it.
//! Post: the pump was asked every 15 min, and when the wait ended; what must be seen stayed lit; a touch brings READY within 5 s.

use pump_core::{
    annunciation::AlarmCondition,
    audit::event::{Event, LinkLoss},
    remote::{DARK_AFTER, Input, Output},
    screen::{Control, Face, Intent, Night, Source},
};
use pump_protocol::{message::Command, quantity::Millis};
use pump_tests::{CommandKind, Effect, Point, World};

use crate::words::{
    alarms, expire_one, give_one, is_ready, mins, prepares, ready_for_a_code, reprogram, secs, wait_of,
};

/// READY, on a remote whose display goes dark.
fn lit() -> World {
    lit_for(DARK_AFTER, World::ready())
}

fn lit_for(dark_after: Millis, mut world: World) -> World {
    world.dark_after = Some(dark_after);
    world.crash();
    world.pass(secs(2));
    assert!(is_ready(&world) && !world.screen().dark);
    world
}

/// The same, two minutes later.
fn dark() -> World {
    let mut world = lit();
    world.pass(DARK_AFTER);
    assert!(world.screen().dark && world.rests, "{:?}", world.face());
    world
}

fn touched(world: &mut World) {
    world.say(Input::Intent(Intent::Wake));
}

fn hellos(world: &World) -> usize {
    world.transmitted(|command| matches!(command, Command::Hello { .. }))
}

#[test]
fn nobody_looks_and_the_pump_is_asked_every_quarter_of_an_hour() {
    let mut world = dark();
    let (asked, said) = (hellos(&world), world.transmitted(|_| true));
    world.pass(mins(120));
    // proves R-LNK-20
    assert_eq!(hellos(&world) - asked, 7, "15 min and a second or two from one to the next");
    let reports = world.transmitted(|_| true) - said;
    assert!(reports <= 4 * 7, "{reports} commands in two hours");
    assert!(world.screen().dark && world.rests);
    assert_eq!(world.recorded(|event| matches!(event, Event::SessionLost { .. })), 0);
}

#[test]
fn a_pump_that_is_not_heard_is_an_alarm_in_the_dark_too() {
    let mut world = dark();
    world.walk_away();
    world.doze(mins(12 * 60 + 20), secs(10));
    // proves R-ALM-10
    assert!(alarms(&world).contains(&AlarmCondition::PumpNotHeard), "{:?}", alarms(&world));
}

#[test]
fn a_touch_ends_the_rest_and_ready_is_there_within_five_seconds() {
    let mut world = dark();
    world.pass(mins(70));
    touched(&mut world);
    assert!(!world.screen().dark && !is_ready(&world), "an old word offers nothing");
    world.pass(secs(5));
    // proves R-ANS-02
    assert!(is_ready(&world), "{:?}", world.face());
    give_one(&mut world);
}

#[test]
fn a_hold_out_of_the_dark_lights_it_and_asks_for_nothing() {
    let mut world = dark();
    world.pass(mins(70));
    world.hold(Control::Dose, Source::Button, Millis::new(6_000));
    assert!(!world.screen().dark);
    // proves R-ASK-21
    assert_eq!(prepares(&world), 0, "who held didn't see what would be asked for");
    world.pass(mins(70));
    touched(&mut world);
    world.hold(Control::Dose, Source::Touchscreen, Millis::new(6_000));
    // proves R-ASK-21
    assert_eq!(prepares(&world), 0, "a display tells of the finger first");
    world.pass(secs(5));
    assert!(is_ready(&world));
    world.hold_dose();
    assert_eq!(prepares(&world), 1);
}

#[test]
fn the_end_of_a_wait_is_met_with_a_link() {
    let mut world = lit();
    give_one(&mut world);
    let Face::Wait(wait) = world.face() else { panic!("{:?}", world.face()) };
    world.pass(Millis::new(wait.remaining.get() - 10_000));
    assert!(world.rests, "until the very end");
    world.pass(secs(13));
    // proves R-ANS-21
    assert!(is_ready(&world) && world.screen().dark, "{:?}", world.face());
    world.pass(mins(16));
    assert!(world.rests);
}

#[test]
fn a_wait_that_lasts_less_than_a_minute_is_worth_no_rest() {
    // From the last touch to the rest: until it is dark, and while the last report is new.
    let to_rest = DARK_AFTER.saturating_add(secs(5));
    for (left, rests) in [(secs(61), true), (secs(59), false)] {
        let mut world = lit();
        give_one(&mut world);
        world.pass(wait_of(&world).remaining.saturating_sub(mins(4)));
        touched(&mut world);
        world.pass(secs(3));
        while wait_of(&world).remaining > to_rest.saturating_add(left) {
            world.pass(Millis::new(100));
        }
        touched(&mut world);
        world.pass(to_rest);
        assert_eq!((world.screen().dark, world.rests), (true, rests), "{left} are left");
    }
}

#[test]
fn a_code_that_is_entered_keeps_it_lit() {
    let mut world = lit_for(secs(10), ready_for_a_code());
    world.hold_dose();
    world.pass(secs(25));
    assert!(matches!(world.face(), Face::EnterCode { .. }) && !world.screen().dark, "{:?}", world.face());
}

#[test]
fn a_link_that_was_on_its_way_when_the_rest_began_may_stay() {
    let reaches = |world: &World| {
        let mut remote = world.remote.clone();
        remote.handle(Input::LinkUp, world.now());
        std::iter::from_fn(|| remote.poll_output()).filter(|output| matches!(output, Output::Reach)).count()
    };
    assert_eq!((reaches(&dark()), reaches(&lit())), (1, 0));
}

#[test]
fn what_must_be_seen_is_lit_and_has_its_link() {
    let mut world = lit();
    world.hold_dose();
    for _ in 0..3 {
        world.pass(mins(1));
        assert!(matches!(world.face(), Face::Delivering { .. }) && !world.screen().dark, "{:?}", world.face());
    }
    world.fault(CommandKind::Other, Point::BeforeReceipt, Effect::Drop);
    world.walk_away();
    world.pass(mins(30));
    assert!(matches!(world.face(), Face::NotSure { .. }) && !world.screen().dark && !world.rests);
    world.come_back();
    world.pass(secs(30));
    world.seen();
    // A request that was uncertain for so long is an alarm until it is seen.
    for alarm in world.screen().alarms {
        world.say(Input::Intent(Intent::Acknowledge(alarm.condition)));
    }
    world.pass(mins(3));
    assert!(world.screen().dark && world.rests, "{:?} {:?}", world.face(), world.screen().alarms);
}

#[test]
fn an_alarm_that_nobody_has_seen_is_lit_and_one_that_was_seen_rests() {
    let mut world = lit();
    world.pump.stop();
    world.pass(mins(10));
    let shown = world.screen();
    assert!(!shown.dark && shown.alarms.iter().any(|alarm| alarm.condition == AlarmCondition::PumpStopped));
    world.say(Input::Intent(Intent::Acknowledge(AlarmCondition::PumpStopped)));
    world.pass(mins(3));
    assert!(world.screen().dark && world.rests);
    world.pass(mins(40));
    let again = world.screen();
    assert!(again.alarms.iter().all(|alarm| alarm.acknowledged), "a rest is no loss: {:?}", again.alarms);
}

#[test]
fn a_pump_out_of_reach_is_looked_for_a_minute_in_each_quarter_of_an_hour() {
    let mut world = dark();
    world.walk_away();
    let (mut sought, before) = (0, world.rested);
    for _ in 0..7_200 {
        world.pass(secs(1));
        sought += u32::from(!world.rests);
    }
    assert_eq!((sought, world.rested - before), (7 * 60, 7), "seconds and times in two hours");
    world.come_back();
    touched(&mut world);
    world.pass(secs(5));
    assert!(is_ready(&world), "{:?}", world.face());
}

/// The dark, on its charger.
fn charged() -> World {
    let mut world = dark();
    world.say(Input::Charging(Some(83)));
    assert_eq!(world.screen().night, Some(Night { charge: 83 }));
    world
}

#[test]
fn a_clock_stands_in_place_of_the_dark_while_it_is_charged_and_changes_once_a_minute() {
    let mut world = charged();
    let (mut changes, mut shown) = (0, world.screen().clock);
    for _ in 0..60 {
        world.pass(mins(1));
        let screen = world.screen();
        // proves R-DSP-19
        assert!(screen.dark && screen.night == Some(Night { charge: 83 }), "{screen:?}");
        changes += u32::from(screen.clock != shown);
        shown = screen.clock;
        let wanted = world.remote.poll_timeout(world.now()).map(|(at, _)| at.since(world.now().uptime));
        assert!(wanted.is_some_and(|wanted| wanted <= mins(1)), "{wanted:?}");
    }
    // proves R-DSP-19
    assert_eq!(changes, 60);
    world.say(Input::Charging(None));
    assert!(world.screen().dark && world.screen().night.is_none(), "taken off its charger");
}

#[test]
fn a_clock_for_the_night_leaves_the_pump_in_peace_and_wakes_for_nothing_else() {
    let hellos_in = |mut world: World| {
        let asked = hellos(&world);
        world.pass(mins(120));
        hellos(&world) - asked
    };
    // proves R-LNK-20, R-DSP-19
    assert_eq!(hellos_in(charged()), hellos_in(dark()));
    let mut world = charged();
    world.pass(secs(90));
    let mut wakes = Vec::new();
    while let Some((at, why)) = world.remote.poll_timeout(world.now()).filter(|_| wakes.len() < 10) {
        wakes.push(why);
        world.pass(at.since(world.now().uptime));
    }
    // proves R-DSP-19
    assert_eq!(wakes, ["the page shows another second, minute or answer"; 10]);
}

#[test]
fn a_touch_of_the_clock_for_the_night_wakes_and_asks_for_nothing() {
    let mut world = charged();
    world.pass(mins(70));
    world.hold(Control::Dose, Source::Button, Millis::new(6_000));
    // proves R-DSP-19, R-ASK-21
    assert!(prepares(&world) == 0 && world.screen().night.is_none() && !world.screen().dark);
    world.pass(secs(5));
    assert!(is_ready(&world));
    give_one(&mut world);
}

#[test]
fn an_alarm_is_no_night_clock_even_when_it_was_seen() {
    let mut world = charged();
    world.pump.stop();
    world.pass(mins(20));
    let shown = world.screen();
    // proves R-DSP-19
    assert!(!shown.dark && shown.night.is_none() && !shown.alarms.is_empty(), "{shown:?}");
    world.say(Input::Intent(Intent::Acknowledge(AlarmCondition::PumpStopped)));
    world.pass(mins(3));
    let shown = world.screen();
    // proves R-DSP-19
    assert!(shown.dark && shown.night.is_none() && !shown.alarms.is_empty(), "{shown:?}");
}

#[test]
fn the_end_of_a_wait_is_told_under_the_clock_for_the_night() {
    let mut world = lit();
    world.say(Input::Charging(Some(83)));
    give_one(&mut world);
    let Face::Wait(wait) = world.face() else { panic!("{:?}", world.face()) };
    world.pass(wait.remaining.saturating_add(secs(3)));
    // proves R-ANS-21
    assert!(is_ready(&world) && world.screen().night.is_some(), "{:?}", world.screen());
}

#[test]
fn a_restart_in_the_dark_looks_for_the_pump_at_once() {
    let mut world = dark();
    world.pass(mins(5));
    world.crash();
    assert!(!world.screen().dark);
    world.pass(secs(3));
    assert!(is_ready(&world), "{:?}", world.face());
}

#[test]
fn nobody_rests_while_the_pump_owes_an_answer() {
    let mut world = dark();
    while world.rests {
        world.pass(secs(1));
    }
    world.pass(secs(3));
    world.fault(CommandKind::Other, Point::AfterReceipt, Effect::Drop);
    reprogram(&mut world, |programmed| programmed.allotment = 3);
    world.pass(secs(20));
    assert_eq!(world.recorded(|event| *event == Event::SessionLost { why: LinkLoss::Silent }), 1);
    assert!(world.rests);
}

#[test]
fn what_was_not_read_is_not_put_away_by_the_touch_that_wakes() {
    let mut world = lit();
    expire_one(&mut world);
    let told = world.face();
    world.pass(mins(3));
    assert!(world.screen().dark, "{:?}", world.face());
    world.seen();
    // proves R-REQ-27
    assert_eq!(world.face(), told);
    assert_eq!(world.recorded(|event| matches!(event, Event::OutcomeSeen)), 0);
    world.seen();
    assert_eq!(world.recorded(|event| matches!(event, Event::OutcomeSeen)), 1, "that touch saw the page");
}

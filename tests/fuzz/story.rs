//! A story of the simulation, with the bytes in chance's place: after each step every invariant is asked.

use pump_protocol::quantity::Millis;
use pump_tests::chance::Chance;

use crate::actions::Story;

/// As many as in the simulation's own stories.
const ACTIONS: u32 = 40;

/// The target.
pub fn run(bytes: &[u8]) {
    let mut chance = Chance::from_bytes(bytes);
    let mut story = Story::begin(&mut chance);
    for _ in 0..ACTIONS {
        if chance.is_over() {
            break;
        }
        let action = story.choose(&mut chance);
        story.act(action, &mut chance);
        story.judge.hold(&story.world);
    }
    story.all_is_well_again();
    story.world.doze(Millis::from_mins(10), Millis::from_secs(2));
    story.judge.hold(&story.world);
    story.judge.every_question_is_answered_in_the_end(&story.world);
}

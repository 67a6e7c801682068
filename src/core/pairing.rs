//! The first run: how a nurse pairs this remote with a pump, step by step.
//!
//! This is a small machine of its own, and it ends before [`crate::remote`] begins: a record belongs to one pump, and there is
//! none yet. It knows no dose, and nothing comes out of it but the wish to pair with the pump whose card was typed.
//!
//! ```text
//! NOT PAIRED ──▶ CARD ──▶ WINDOW ──▶ ASKING ──▶ PAIRED ──▶ done
//!     ▲           │  ▲       │          │
//!     └───────────┴──│───────┘          ▼
//!                    └────────────── FAILED ──▶ ASKING
//! ```
//!
//! # Promises
//! - A pump is asked only when a person says so, once each time, and with a secret whose every group is as some card has it.
//! - The digits that were typed are wiped as soon as they are of no more use, and [`FORGOTTEN_AFTER`] after the last touch.
//! - Help in an emergency stays one tap away, also while a pump is being asked.

use core::fmt;

use pump_protocol::{
    clock::{Now, Uptime},
    quantity::Millis,
    session::{CARD_GROUP_LEN, CARD_GROUPS, CardSecret},
    wire::Text,
};
use zeroize::Zeroizing;

use crate::screen::{Face, Intent, LinkHealth, Screen, Visit};

/// How long what was typed is kept while nobody touches the display: long enough to fetch a magnet.
pub const FORGOTTEN_AFTER: Millis = Millis::from_mins(10);

const DIGITS: usize = CARD_GROUPS * CARD_GROUP_LEN;

/// Where a pairing stands, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PairingView {
    /// No pump is paired: what is needed for it.
    NotPaired,
    /// The card's digits are being typed.
    Card {
        /// Which group, from 1 to [`CARD_GROUPS`].
        group: u8,
        /// What of it is typed.
        typed: Typed,
        /// Whether this group was typed before, and was not as on the card.
        wrong: bool,
    },
    /// Every group is right; the pump's window is to be opened now.
    Window,
    /// The pump is being asked.
    Asking {
        /// Whether it was found, and is proving itself by the card's secret.
        found: bool,
    },
    /// It came to nothing. Nothing was changed.
    Failed(Refusal),
    /// It is done.
    Paired {
        /// The pump's serial number, to be compared with the card.
        serial: Text<16>,
    },
}

/// The digits of one group that are typed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Typed {
    digits: [u8; CARD_GROUP_LEN],
    len: u8,
}

/// Why a pairing came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// There is no radio, or it is off.
    NoRadio,
    /// No pump with an open window was found.
    NoWindow,
    /// More than one was found.
    SeveralWindows,
    /// The radios did not agree on a bond.
    NotBonded,
    /// The pump was found, and then lost.
    Lost,
    /// The pump and this remote did not agree on the secret.
    Disagreed,
    /// The pairing is good, and can't be kept on this remote's card.
    NotKept,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NoRadio,
        Self::NoWindow,
        Self::SeveralWindows,
        Self::NotBonded,
        Self::Lost,
        Self::Disagreed,
        Self::NotKept,
    ];
}

/// What happens to a pairing.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person does this.
    Intent(Intent),
    /// The pump was found; its proof is awaited.
    Found,
    /// The attempt is over.
    Ended(Result<Text<16>, Refusal>),
    /// Time has passed.
    Tick,
}

/// A pairing on its way.
#[derive(Debug)]
pub struct Pairing {
    step: Step,
    /// Somebody looks at the emergency page.
    emergency: bool,
    touched: Uptime,
    order: Option<CardSecret>,
}

#[derive(Debug)]
enum Step {
    NotPaired,
    Card { digits: Digits, wrong: bool },
    Window(CardSecret),
    Asking { card: CardSecret, found: bool },
    Failed { card: CardSecret, why: Refusal },
    Paired { serial: Text<16> },
    Done,
}

/// All that is typed so far; whole groups in it are right.
struct Digits {
    digits: Zeroizing<[u8; DIGITS]>,
    len: usize,
}

impl Pairing {
    /// Begins at the first page.
    pub const fn new(now: Now) -> Self {
        Self { step: Step::NotPaired, emergency: false, touched: now.uptime, order: None }
    }

    // keeps R-LNK-26
    /// Takes in what happens.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Intent(intent) => {
                self.touched = now.uptime;
                self.intend(intent);
            }
            Input::Found => {
                if let Step::Asking { found, .. } = &mut self.step {
                    *found = true;
                }
            }
            Input::Ended(ended) => self.ended(ended),
            Input::Tick => {
                if self.poll_timeout().is_some_and(|at| at <= now.uptime) {
                    self.step = Step::NotPaired;
                }
            }
        }
    }

    /// The card's secret to pair with now; once for each time that a person asked.
    pub const fn poll_order(&mut self) -> Option<CardSecret> {
        self.order.take()
    }

    // keeps R-LNK-27
    /// When to say [`Input::Tick`] at the latest.
    pub fn poll_timeout(&self) -> Option<Uptime> {
        let keeps = matches!(self.step, Step::Card { .. } | Step::Window(_) | Step::Failed { .. });
        keeps.then(|| self.touched.after(FORGOTTEN_AFTER))
    }

    /// Whether a pump is paired and somebody has read which.
    pub const fn done(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    /// What there is to see.
    pub fn screen(&self) -> Screen {
        if self.emergency {
            return Screen::alone(Face::Emergency { drug: None, stop: None });
        }
        let view = match &self.step {
            Step::NotPaired => PairingView::NotPaired,
            Step::Card { digits, wrong } => {
                PairingView::Card { group: digits.group(), typed: digits.typed(), wrong: *wrong }
            }
            Step::Window(_) => PairingView::Window,
            Step::Asking { found, .. } => PairingView::Asking { found: *found },
            Step::Failed { why, .. } => PairingView::Failed(*why),
            Step::Paired { serial } => PairingView::Paired { serial: serial.clone() },
            // The machine's first page comes.
            Step::Done => return Screen::alone(Face::Checking),
        };
        let link = match view {
            PairingView::Asking { found: false } => LinkHealth::Looking,
            PairingView::Asking { found: true } | PairingView::Paired { .. } => LinkHealth::Near,
            _ => LinkHealth::OutOfReach,
        };
        Screen { link, ..Screen::alone(Face::Pairing(view)) }
    }

    fn intend(&mut self, intent: Intent) {
        match intent {
            Intent::Visit(to) => self.emergency = to == Visit::Emergency,
            // A finger on a page that doesn't show what it is for.
            _ if self.emergency => {}
            Intent::Digit(digit) => self.digit(digit),
            Intent::EraseDigit => {
                if let Step::Card { digits, wrong } = &mut self.step {
                    digits.erase();
                    *wrong = false;
                }
            }
            Intent::Proceed => self.proceed(),
            Intent::Seen => self.go_back(),
            // Nothing of the machine's is on any page here.
            Intent::Touch { .. }
            | Intent::NoticeSeen
            | Intent::Acknowledge(_)
            | Intent::PauseAudio
            | Intent::Quiet(_)
            | Intent::Wake
            | Intent::TestSelf
            | Intent::Answer { .. }
            | Intent::StepTime(_)
            | Intent::TakePumpTime
            | Intent::SetClock
            | Intent::CopyRecord => {}
        }
    }

    fn digit(&mut self, digit: u8) {
        let Step::Card { digits, wrong } = &mut self.step else { return };
        if digit > 9 {
            return;
        }
        match digits.push(digit) {
            Pushed::Within => {}
            Pushed::Wrong => *wrong = true,
            Pushed::Right => *wrong = false,
            Pushed::All(card) => self.step = Step::Window(card),
        }
    }

    fn proceed(&mut self) {
        let step = core::mem::replace(&mut self.step, Step::NotPaired);
        self.step = match step {
            Step::NotPaired => Step::Card { digits: Digits::none(), wrong: false },
            Step::Window(card) | Step::Failed { card, .. } => {
                self.order = Some(card.clone());
                Step::Asking { card, found: false }
            }
            Step::Paired { .. } => Step::Done,
            step @ (Step::Card { .. } | Step::Asking { .. } | Step::Done) => step,
        };
    }

    fn go_back(&mut self) {
        match self.step {
            Step::Card { .. } | Step::Window(_) => self.step = Step::NotPaired,
            Step::Failed { .. } => self.step = Step::Card { digits: Digits::none(), wrong: false },
            // An attempt ends by itself; what is done is done.
            Step::NotPaired | Step::Asking { .. } | Step::Paired { .. } | Step::Done => {}
        }
    }

    fn ended(&mut self, ended: Result<Text<16>, Refusal>) {
        let step = core::mem::replace(&mut self.step, Step::NotPaired);
        self.step = match (step, ended) {
            (Step::Asking { .. }, Ok(serial)) => Step::Paired { serial },
            (Step::Asking { card, .. }, Err(why)) => Step::Failed { card, why },
            // Nobody asked.
            (step, _) => step,
        };
    }
}

/// What a digit made of the group.
enum Pushed {
    Within,
    Wrong,
    Right,
    All(CardSecret),
}

impl Digits {
    fn none() -> Self {
        Self { digits: Zeroizing::new([0; DIGITS]), len: 0 }
    }

    /// The group that is being typed.
    fn group(&self) -> u8 {
        u8::try_from(self.len / CARD_GROUP_LEN + 1).unwrap_or(u8::MAX)
    }

    fn typed(&self) -> Typed {
        Typed::of(&self.digits[self.len - self.len % CARD_GROUP_LEN..self.len])
    }

    fn push(&mut self, digit: u8) -> Pushed {
        self.digits[self.len] = digit;
        self.len += 1;
        if !self.len.is_multiple_of(CARD_GROUP_LEN) {
            return Pushed::Within;
        }
        let begun = self.len - CARD_GROUP_LEN;
        if !CardSecret::group_agrees(self.len / CARD_GROUP_LEN, &written(&self.digits[begun..self.len])) {
            self.len = begun;
            return Pushed::Wrong;
        }
        match CardSecret::parse(&written(&self.digits[..self.len])) {
            Ok(card) => Pushed::All(card),
            Err(_) => Pushed::Right,
        }
    }

    fn erase(&mut self) {
        self.len = self.len.saturating_sub(1);
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digits(..)")
    }
}

impl Typed {
    /// The first of these digits, as many as a group has.
    pub fn of(begun: &[u8]) -> Self {
        let mut typed = Self::default();
        for (place, digit) in typed.digits.iter_mut().zip(begun) {
            *place = *digit;
            typed.len += 1;
        }
        typed
    }

    /// The digits, 0 to 9 each.
    pub fn digits(&self) -> &[u8] {
        &self.digits[..usize::from(self.len)]
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(..)")
    }
}

/// As a card has them, without what parts the groups.
fn written(digits: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(DIGITS));
    text.extend(digits.iter().map(|digit| char::from(b'0' + digit)));
    text
}

#[cfg(test)]
mod tests {
    use pump_protocol::session::Entropy;

    use super::*;
    use crate::{fixtures::now_at, screen::Control};

    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_mul(37).wrapping_add(11);
                *byte = self.0;
            }
        }
    }

    fn card() -> CardSecret {
        CardSecret::generate(&mut Counting(3))
    }

    fn printed() -> Vec<u8> {
        card().printed().bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect()
    }

    fn start() -> Now {
        now_at(Millis::from_secs(100))
    }

    fn begun() -> Pairing {
        let mut pairing = Pairing::new(start());
        pairing.say(Intent::Proceed);
        pairing
    }

    fn typed() -> Pairing {
        let mut pairing = begun();
        pairing.types(&printed());
        pairing
    }

    fn asking() -> Pairing {
        let mut pairing = typed();
        pairing.say(Intent::Proceed);
        assert_eq!(pairing.poll_order().map(|card| card.psk()), Some(card().psk()));
        pairing
    }

    impl Pairing {
        fn say(&mut self, intent: Intent) {
            self.handle(Input::Intent(intent), start());
        }

        fn types(&mut self, digits: &[u8]) {
            for digit in digits {
                self.say(Intent::Digit(*digit));
            }
        }

        fn view(&self) -> PairingView {
            match self.screen().face {
                Face::Pairing(view) => view,
                face => panic!("{face:?}"),
            }
        }

        fn group(&self) -> (u8, Vec<u8>, bool) {
            match self.view() {
                PairingView::Card { group, typed, wrong } => (group, typed.digits().to_vec(), wrong),
                view => panic!("{view:?}"),
            }
        }
    }

    #[test]
    fn a_card_is_typed_and_a_pump_is_asked_once_when_a_person_says_so() {
        let mut pairing = typed();
        assert_eq!((pairing.view(), pairing.screen().link), (PairingView::Window, LinkHealth::OutOfReach));
        assert!(pairing.poll_order().is_none(), "nobody has said so");
        pairing.say(Intent::Proceed);
        pairing.say(Intent::Proceed);
        assert_eq!(
            (pairing.view(), pairing.screen().link),
            (PairingView::Asking { found: false }, LinkHealth::Looking)
        );
        // proves R-LNK-26
        assert!(pairing.poll_order().is_some() && pairing.poll_order().is_none());
        pairing.handle(Input::Found, start());
        assert_eq!((pairing.view(), pairing.screen().link), (PairingView::Asking { found: true }, LinkHealth::Near));
        let serial = Text::new("SIM-0001").unwrap();
        pairing.handle(Input::Ended(Ok(serial.clone())), start());
        assert_eq!((pairing.view(), pairing.screen().link), (PairingView::Paired { serial }, LinkHealth::Near));
        assert!(!pairing.done());
        pairing.say(Intent::Seen);
        assert!(!pairing.done(), "what is done is done");
        pairing.say(Intent::Proceed);
        assert!(pairing.done());
        assert_eq!(pairing.screen().face, Face::Checking, "the machine's first page");
    }

    #[test]
    fn a_wrong_group_is_told_and_typed_anew_and_the_others_stand() {
        let (mut pairing, digits) = (begun(), printed());
        pairing.types(&digits[..6]);
        assert_eq!(pairing.group(), (2, vec![], false));
        pairing.types(&digits[6..11]);
        pairing.types(&[(digits[11] + 1) % 10]);
        // proves R-LNK-27
        assert_eq!(pairing.group(), (2, vec![], true));
        pairing.types(&digits[6..8]);
        assert_eq!(pairing.group(), (2, digits[6..8].to_vec(), true), "told until it is right");
        pairing.types(&digits[8..12]);
        assert_eq!(pairing.group(), (3, vec![], false));
    }

    #[test]
    fn what_is_erased_is_typed_anew_also_across_groups() {
        let (mut pairing, digits) = (begun(), printed());
        pairing.say(Intent::EraseDigit);
        assert_eq!(pairing.group(), (1, vec![], false));
        pairing.types(&digits[..6]);
        pairing.say(Intent::EraseDigit);
        assert_eq!(pairing.group(), (1, digits[..5].to_vec(), false));
        pairing.types(&digits[5..]);
        assert_eq!(pairing.view(), PairingView::Window);
    }

    #[test]
    fn after_a_failure_the_same_card_is_tried_again_or_typed_again() {
        let mut pairing = asking();
        pairing.handle(Input::Ended(Err(Refusal::NoWindow)), start());
        assert_eq!(pairing.view(), PairingView::Failed(Refusal::NoWindow));
        pairing.say(Intent::Proceed);
        assert_eq!(pairing.poll_order().map(|card| card.psk()), Some(card().psk()));
        pairing.handle(Input::Ended(Err(Refusal::Disagreed)), start());
        pairing.say(Intent::Seen);
        assert_eq!(pairing.group(), (1, vec![], false));
        pairing.say(Intent::Seen);
        assert_eq!(pairing.view(), PairingView::NotPaired);
    }

    #[test]
    fn what_was_typed_is_forgotten_when_nobody_goes_on() {
        for mut pairing in [begun(), typed()] {
            let at = pairing.poll_timeout().unwrap();
            let now = |uptime| Now { uptime, ..start() };
            pairing.handle(Input::Tick, now(Uptime::from_millis(at.millis() - 1)));
            assert_ne!(pairing.view(), PairingView::NotPaired);
            pairing.handle(Input::Tick, now(at));
            // proves R-LNK-27
            assert_eq!(pairing.view(), PairingView::NotPaired);
            assert_eq!(pairing.poll_timeout(), None);
        }
        assert_eq!(asking().poll_timeout(), None, "an attempt ends by itself");
    }

    #[test]
    fn help_is_there_on_every_step_and_changes_nothing() {
        for mut pairing in [Pairing::new(start()), begun(), typed(), asking()] {
            let before = pairing.screen();
            pairing.say(Intent::Visit(Visit::Emergency));
            assert!(matches!(pairing.screen().face, Face::Emergency { stop: None, .. }));
            pairing.say(Intent::Proceed);
            pairing.say(Intent::Digit(1));
            pairing.say(Intent::Seen);
            assert!(pairing.poll_order().is_none());
            pairing.say(Intent::Visit(Visit::Patient));
            assert_eq!(pairing.screen(), before);
        }
    }

    #[test]
    fn nothing_that_is_typed_or_held_elsewhere_counts_here() {
        let mut pairing = begun();
        pairing.types(&[10, 255]);
        let (control, source) = (Control::Dose, crate::screen::Source::Button);
        for level in [crate::screen::Level::Pressed, crate::screen::Level::Released] {
            pairing.say(Intent::Touch { control, level, source });
        }
        assert_eq!(pairing.group(), (1, vec![], false));
        pairing.handle(Input::Found, start());
        pairing.handle(Input::Ended(Err(Refusal::Lost)), start());
        assert_eq!(pairing.group(), (1, vec![], false), "no attempt was under way");
        assert!(pairing.poll_order().is_none());
    }

    #[test]
    fn no_digit_is_in_what_a_log_could_show() {
        let mut pairing = begun();
        pairing.types(&printed()[..4]);
        let all = format!("{pairing:?} {:?} {:?} {:?}", pairing.screen(), typed(), asking());
        assert!(all.contains("Digits(..)") && all.contains("Typed(..)") && all.contains("CardSecret(..)"), "{all}");
        // proves R-LNK-27
        assert!(!all.contains(&printed()[..4].iter().map(u8::to_string).collect::<String>()), "{all}");
    }
}

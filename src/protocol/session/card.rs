//! The secret on the implant card: printed once, typed once, by the clinic.
//!
//! Eight groups of six digits. Five carry the secret, the sixth checks them and the group's place, so that the person who
//! types is told which group is wrong before anything is sent. Digits alone: they are the same in every language, and the
//! keys for them are large enough for any hand.
//!
//! # Promises
//! - 132 bits of the pump's own randomness: nobody guesses it, on the air or off it.
//! - One wrong digit, two neighbours swapped within a group, or two groups swapped: always found, and the group named.
//! - Spaces and dashes don't matter.
//! - It is never printed by `Debug`, and wiped from memory when dropped.

use core::fmt;

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    Entropy,
    keys::{Psk, derive},
};

/// How many groups are on the card.
pub const CARD_GROUPS: usize = 8;
/// How many digits make a group, its check included.
pub const CARD_GROUP_LEN: usize = 6;

const DATA_LEN: usize = CARD_GROUP_LEN - 1;
const DIGITS: usize = CARD_GROUPS * DATA_LEN;

/// What the card says: the digits without their checks, 0 to 9 each.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CardSecret([u8; DIGITS]);

/// Why a text is not a card's secret. Nothing was sent to any pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum CardError {
    /// The digits of one group don't fit together, or one of them is none.
    #[error("group {group} of {CARD_GROUPS} is not as on the card")]
    Group {
        /// Which group, from 1.
        group: usize,
    },
    /// Every whole group is right, but there are too few digits, or too many.
    #[error("{found} digits; the card has {}", CARD_GROUPS * CARD_GROUP_LEN)]
    Length {
        /// How many there are, counted up to one too many.
        found: usize,
    },
}

impl CardSecret {
    /// A new secret, for a new card.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut secret = Self([0; DIGITS]);
        let mut drawn = Zeroizing::new([0; 8]);
        for data in secret.0.chunks_exact_mut(DATA_LEN) {
            entropy.fill(drawn.as_mut_slice());
            // What is left over of 2^64 favours no group by more than one in 10^14.
            let mut rest = u64::from_le_bytes(*drawn);
            for digit in data {
                *digit = u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
            }
        }
        secret
    }

    /// Reads what was typed.
    pub fn parse(typed: &str) -> Result<Self, CardError> {
        let mut characters = typed.chars().filter(|character| !is_separator(*character));
        let mut secret = Self([0; DIGITS]);
        for (index, data) in secret.0.chunks_exact_mut(DATA_LEN).enumerate() {
            let mut group = Zeroizing::new([0; CARD_GROUP_LEN]);
            for (place, digit) in group.iter_mut().enumerate() {
                let found = index * CARD_GROUP_LEN + place;
                let character = characters.next().ok_or(CardError::Length { found })?;
                *digit = digit_of(character).ok_or(CardError::Group { group: index + 1 })?;
            }
            if !agrees(index + 1, *group) {
                return Err(CardError::Group { group: index + 1 });
            }
            data.copy_from_slice(&group[..DATA_LEN]);
        }
        match characters.next() {
            None => Ok(secret),
            Some(_) => Err(CardError::Length { found: CARD_GROUPS * CARD_GROUP_LEN + 1 }),
        }
    }

    /// Whether this is how group `group` (from 1) may read: what a page checks while the clinic types.
    pub fn group_agrees(group: usize, typed: &str) -> bool {
        let mut digits = typed.chars().filter(|character| !is_separator(*character)).map(digit_of);
        let mut whole = Zeroizing::new([0; CARD_GROUP_LEN]);
        for place in whole.iter_mut() {
            let Some(Some(digit)) = digits.next() else { return false };
            *place = digit;
        }
        digits.next().is_none() && (1..=CARD_GROUPS).contains(&group) && agrees(group, *whole)
    }

    /// As it is printed on the card: `NNNNNN-NNNNNN-…`. For the card's printer, not for a log.
    pub fn printed(&self) -> Zeroizing<String> {
        // The whole length at once: a string that grows would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(CARD_GROUPS * (CARD_GROUP_LEN + 1)));
        for (index, data) in self.0.chunks_exact(DATA_LEN).enumerate() {
            if index > 0 {
                text.push('-');
            }
            text.extend(data.iter().map(|digit| character_of(*digit)));
            text.push(character_of(check_digit(index + 1, data)));
        }
        text
    }

    /// The pairing's pre-shared key.
    pub fn psk(&self) -> Psk {
        Psk(derive("card", &[&self.0]))
    }
}

impl fmt::Debug for CardSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardSecret(..)")
    }
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn digit_of(character: char) -> Option<u8> {
    character.to_digit(10).and_then(|digit| u8::try_from(digit).ok())
}

fn character_of(digit: u8) -> char {
    char::from(b'0' + digit % 10)
}

/// Whether the last digit of this group checks the others.
fn agrees(group: usize, digits: [u8; CARD_GROUP_LEN]) -> bool {
    let (data, check) = digits.split_at(DATA_LEN);
    check == [check_digit(group, data)]
}

/// Damm's check digit, begun with the group's number instead of 0: every row and every column of the table holds each digit
/// once, so a wrong digit, or another beginning, never comes out the same; and no row gives the same for two different
/// neighbours in either order.
fn check_digit(group: usize, data: &[u8]) -> u8 {
    let began = u8::try_from(group).unwrap_or(0);
    data.iter().fold(began, |sum, digit| DAMM[usize::from(sum % 10)][usize::from(digit % 10)])
}

/// A totally anti-symmetric quasigroup of order 10 (H. M. Damm, 2004), with nothing but zeros from corner to corner.
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED_ZEROS: &str = "000004-000001-000002-000007-000009-000008-000006-000005";

    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_mul(37).wrapping_add(11);
                *byte = self.0;
            }
        }
    }

    fn card() -> (CardSecret, String) {
        let card = CardSecret::generate(&mut Counting(3));
        let printed = card.printed().to_string();
        (card, printed)
    }

    fn with(text: &str, place: usize, character: char) -> String {
        text.chars().enumerate().map(|(index, old)| if index == place { character } else { old }).collect()
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let (card, printed) = card();
        assert_eq!(printed.len(), CARD_GROUPS * (CARD_GROUP_LEN + 1) - 1);
        let back = CardSecret::parse(&printed).expect("as printed");
        assert_eq!(back.psk(), card.psk());
        assert_ne!(CardSecret::generate(&mut Counting(4)).psk(), card.psk());
        for (index, group) in printed.split('-').enumerate() {
            assert!(CardSecret::group_agrees(index + 1, group));
            assert!(!CardSecret::group_agrees(index + 2, group), "another place");
            assert!(!CardSecret::group_agrees(index, group), "another place");
            assert!(!CardSecret::group_agrees(index + 1, &group[..CARD_GROUP_LEN - 1]));
            assert!(!CardSecret::group_agrees(index + 1, &format!("{group}0")));
        }
    }

    #[test]
    fn spaces_and_dashes_do_not_matter() {
        let zeros = CardSecret([0; DIGITS]);
        let printed = zeros.printed().to_string();
        assert_eq!(printed, PRINTED_ZEROS);
        let run_together = printed.replace('-', "");
        for typed in [
            printed.replace('-', " "),
            format!(" {}\n", printed.replace('-', "\u{2013}")),
            run_together.chars().flat_map(|digit| [digit, ' ', '_', '.']).collect(),
            run_together,
        ] {
            assert_eq!(CardSecret::parse(&typed).map(|card| card.psk()), Ok(zeros.psk()), "{typed}");
        }
    }

    #[test]
    fn every_digit_is_drawn_about_as_often() {
        let mut counted = [0_u32; 10];
        for seed in 0..=255 {
            for digit in CardSecret::generate(&mut Counting(seed)).0 {
                counted[usize::from(digit)] += 1;
            }
        }
        // 10,240 digits: 1,024 of each, give or take six standard deviations.
        assert!(counted.iter().all(|count| (840..=1_210).contains(count)), "{counted:?}");
    }

    #[test]
    fn one_wrong_digit_is_found_and_its_group_named() {
        let (_, printed) = card();
        for (place, old) in printed.char_indices().filter(|(_, character)| *character != '-') {
            let group = place / (CARD_GROUP_LEN + 1) + 1;
            for new in ('0'..='9').filter(|new| *new != old).chain(['O', '!', 'é']) {
                let typed = with(&printed, place, new);
                assert_eq!(CardSecret::parse(&typed).map(|_| ()), Err(CardError::Group { group }), "{typed}");
            }
        }
    }

    #[test]
    fn two_swapped_neighbours_are_found_and_their_group_named() {
        for seed in 0..200 {
            let printed = CardSecret::generate(&mut Counting(seed)).printed().to_string();
            let groups: Vec<Vec<char>> = printed.split('-').map(|group| group.chars().collect()).collect();
            for (index, place) in
                (0..CARD_GROUPS).flat_map(|group| (1..CARD_GROUP_LEN).map(move |place| (group, place)))
            {
                let mut typed = groups.clone();
                typed[index].swap(place - 1, place);
                if typed != groups {
                    let typed: String = typed.concat().into_iter().collect();
                    assert_eq!(CardSecret::parse(&typed).map(|_| ()), Err(CardError::Group { group: index + 1 }));
                }
            }
        }
    }

    #[test]
    fn two_swapped_groups_are_found() {
        let (_, printed) = card();
        let groups: Vec<&str> = printed.split('-').collect();
        for (a, b) in (0..CARD_GROUPS).flat_map(|a| (a + 1..CARD_GROUPS).map(move |b| (a, b))) {
            let mut typed = groups.clone();
            typed.swap(a, b);
            let typed = typed.join("-");
            assert_eq!(CardSecret::parse(&typed).map(|_| ()), Err(CardError::Group { group: a + 1 }));
        }
    }

    #[test]
    fn too_few_or_too_many_digits_are_counted() {
        let (_, printed) = card();
        let all = CARD_GROUPS * CARD_GROUP_LEN;
        assert_eq!(CardSecret::parse("").map(|_| ()), Err(CardError::Length { found: 0 }));
        let short = CardSecret::parse(&printed[..printed.len() - 1]);
        assert_eq!(short.map(|_| ()), Err(CardError::Length { found: all - 1 }));
        let long = CardSecret::parse(&format!("{printed} 0"));
        assert_eq!(long.map(|_| ()), Err(CardError::Length { found: all + 1 }));
    }
}

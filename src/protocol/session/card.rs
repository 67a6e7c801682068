//! The secret on the implant card: printed once, typed once, by the clinic.
//!
//! Seven groups of five characters. Four carry the secret, the fifth checks them and the group's place, so that the person
//! who types is told which group is wrong before anything is sent. The alphabet is Crockford's: digits and letters without
//! I, L, O and U, so that nothing on the card can be read as something else.
//!
//! # Promises
//! - 140 bits of the pump's own randomness: nobody guesses it, on the air or off it.
//! - One wrong character, two swapped within a group, or two groups swapped: always found, and the group named.
//! - Case, spaces and dashes don't matter; `O` is read as 0, `I` and `L` as 1.
//! - It is never printed by `Debug`, and wiped from memory when dropped.

use core::fmt;

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    Entropy,
    keys::{Psk, derive},
};

/// How many groups are on the card.
pub const CARD_GROUPS: usize = 7;
/// How many characters make a group, its check included.
pub const CARD_GROUP_LEN: usize = 5;

const DATA_LEN: usize = CARD_GROUP_LEN - 1;
const SYMBOLS: usize = CARD_GROUPS * DATA_LEN;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What the card says, as 5-bit symbols.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CardSecret([u8; SYMBOLS]);

/// Why a text is not a card's secret. Nothing was sent to any pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum CardError {
    /// The characters of one group don't fit together, or one of them is on no card.
    #[error("group {group} of {CARD_GROUPS} is not as on the card")]
    Group {
        /// Which group, from 1.
        group: usize,
    },
    /// Every whole group is right, but there are too few characters, or too many.
    #[error("{found} characters; the card has {}", CARD_GROUPS * CARD_GROUP_LEN)]
    Length {
        /// How many there are, counted up to one too many.
        found: usize,
    },
}

impl CardSecret {
    /// A new secret, for a new card.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut symbols = [0; SYMBOLS];
        entropy.fill(&mut symbols);
        // The low five bits of a uniform byte are uniform.
        for symbol in &mut symbols {
            *symbol &= 0x1F;
        }
        Self(symbols)
    }

    /// Reads what was typed.
    pub fn parse(typed: &str) -> Result<Self, CardError> {
        let mut characters = typed.chars().filter(|character| !is_separator(*character));
        let mut secret = Self([0; SYMBOLS]);
        for (index, data) in secret.0.chunks_exact_mut(DATA_LEN).enumerate() {
            let mut group = Zeroizing::new([0; CARD_GROUP_LEN]);
            for (place, symbol) in group.iter_mut().enumerate() {
                let found = index * CARD_GROUP_LEN + place;
                let character = characters.next().ok_or(CardError::Length { found })?;
                *symbol = symbol_of(character).ok_or(CardError::Group { group: index + 1 })?;
            }
            let [a, b, c, d, check] = *group;
            if check != check_symbol(index, [a, b, c, d]) {
                return Err(CardError::Group { group: index + 1 });
            }
            data.copy_from_slice(&[a, b, c, d]);
        }
        match characters.next() {
            None => Ok(secret),
            Some(_) => Err(CardError::Length { found: CARD_GROUPS * CARD_GROUP_LEN + 1 }),
        }
    }

    /// Whether this is how group `group` (from 1) may read: what a page checks while the clinic types.
    pub fn group_agrees(group: usize, typed: &str) -> bool {
        let mut symbols = typed.chars().filter(|character| !is_separator(*character)).map(symbol_of);
        let mut next = || symbols.next().flatten();
        let (Some(a), Some(b), Some(c), Some(d), Some(check)) = (next(), next(), next(), next(), next()) else {
            return false;
        };
        symbols.next().is_none() && (1..=CARD_GROUPS).contains(&group) && check == check_symbol(group - 1, [a, b, c, d])
    }

    /// As it is printed on the card: `XXXXX-XXXXX-…`. For the card's printer, not for a log.
    pub fn printed(&self) -> Zeroizing<String> {
        // The whole length at once: a string that grows would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(CARD_GROUPS * (CARD_GROUP_LEN + 1)));
        for (index, data) in self.0.chunks_exact(DATA_LEN).enumerate() {
            if index > 0 {
                text.push('-');
            }
            text.extend(data.iter().map(|symbol| character_of(*symbol)));
            if let [a, b, c, d] = *data {
                text.push(character_of(check_symbol(index, [a, b, c, d])));
            }
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

fn symbol_of(character: char) -> Option<u8> {
    let read_as = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    (0_u8..).zip(ALPHABET).find(|(_, letter)| char::from(**letter) == read_as).map(|(symbol, _)| symbol)
}

fn character_of(symbol: u8) -> char {
    char::from(ALPHABET[usize::from(symbol & 0x1F)])
}

/// A weighted sum over the field of 32 elements. The weights (2, 4, 8, 16, and 1 for the check itself) all differ, so one
/// wrong symbol and two swapped ones always show; the group's number is added, so a group at another's place shows too.
fn check_symbol(index: usize, data: [u8; DATA_LEN]) -> u8 {
    let place = u8::try_from(index + 1).unwrap_or(0);
    // Horner's scheme: ((d·x + c)·x + b)·x + a, times x.
    data.iter().rev().fold(0, |sum, symbol| doubled(sum ^ symbol)) ^ place
}

/// Times x, modulo x^5 + x^2 + 1.
const fn doubled(symbol: u8) -> u8 {
    let shifted = symbol << 1;
    if shifted & 0x20 == 0 { shifted } else { (shifted ^ 0x25) & 0x1F }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(!CardSecret::group_agrees(index + 1, &group[..4]));
            assert!(!CardSecret::group_agrees(index + 1, &format!("{group}0")));
        }
    }

    #[test]
    fn case_spaces_dashes_and_lookalikes_do_not_matter() {
        let zeros = CardSecret([0; SYMBOLS]);
        let printed = zeros.printed().to_string();
        assert_eq!(printed, "00001-00002-00003-00004-00005-00006-00007");
        for typed in [
            "ooool 0OoO2 00003 00004 00005 00006 00007",
            " 0000i\u{2013}00002\n00003\t00004_00005.00006 00007 ",
            "00001000020000300004000050000600007",
            "0 0 0 0 L-00002-00003-00004-00005-00006-00007-",
        ] {
            assert_eq!(CardSecret::parse(typed).map(|card| card.psk()), Ok(zeros.psk()), "{typed}");
        }
        let (card, printed) = card();
        assert_eq!(CardSecret::parse(&printed.to_lowercase()).map(|card| card.psk()), Ok(card.psk()));
    }

    #[test]
    fn one_wrong_character_is_found_and_its_group_named() {
        let (_, printed) = card();
        for (place, old) in printed.char_indices().filter(|(_, character)| *character != '-') {
            let group = place / (CARD_GROUP_LEN + 1) + 1;
            for new in
                ALPHABET.iter().map(|letter| char::from(*letter)).filter(|new| *new != old).chain(['U', '!', 'é'])
            {
                let typed = with(&printed, place, new);
                assert_eq!(CardSecret::parse(&typed).map(|_| ()), Err(CardError::Group { group }), "{typed}");
            }
        }
    }

    #[test]
    fn two_swapped_characters_are_found_and_their_group_named() {
        for seed in 0..200 {
            let printed = CardSecret::generate(&mut Counting(seed)).printed().to_string();
            let groups: Vec<Vec<char>> = printed.split('-').map(|group| group.chars().collect()).collect();
            for (index, a, b) in
                (0..CARD_GROUPS).flat_map(|g| (0..4).flat_map(move |a| (a + 1..5).map(move |b| (g, a, b))))
            {
                let mut typed = groups.clone();
                typed[index].swap(a, b);
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
    fn too_few_or_too_many_characters_are_counted() {
        let (_, printed) = card();
        let all = CARD_GROUPS * CARD_GROUP_LEN;
        assert_eq!(CardSecret::parse("").map(|_| ()), Err(CardError::Length { found: 0 }));
        let short = CardSecret::parse(&printed[..printed.len() - 1]);
        assert_eq!(short.map(|_| ()), Err(CardError::Length { found: all - 1 }));
        let long = CardSecret::parse(&format!("{printed} 0"));
        assert_eq!(long.map(|_| ()), Err(CardError::Length { found: all + 1 }));
    }
}

//! Whatever is typed as the card's secret.

use pump_protocol::session::{CARD_GROUP_LEN, CARD_GROUPS, CardError, CardSecret};

/// The target.
pub fn run(bytes: &[u8]) {
    let Ok(typed) = core::str::from_utf8(bytes) else { return };
    match CardSecret::parse(typed) {
        Ok(card) => {
            let printed = card.printed();
            let again = CardSecret::parse(&printed).expect("what is printed can be typed");
            assert_eq!(again.psk(), card.psk(), "read as it would be printed");
            for (index, group) in printed.split('-').enumerate() {
                assert!(CardSecret::group_agrees(index + 1, group));
            }
        }
        Err(CardError::Group { group }) => assert!((1..=CARD_GROUPS).contains(&group)),
        Err(CardError::Length { found }) => {
            assert!(found != CARD_GROUPS * CARD_GROUP_LEN && found <= CARD_GROUPS * CARD_GROUP_LEN + 1);
        }
    }
    for group in 0..=CARD_GROUPS + 1 {
        let _ = CardSecret::group_agrees(group, typed);
    }
}

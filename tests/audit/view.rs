//! Reading beside the writer: pages, counts, and a verification that a growing record doesn't disturb.

use pump_remote::adapters::sqlite::{Progress, Verification, View};
use sqlx::Row;

use crate::common::{LINES, NEW_YEAR_MS, batch, connect, entry, open, record};

const NEW_YEAR: i64 = NEW_YEAR_MS / 86_400_000;

#[tokio::test]
async fn days_are_counted_from_the_first_that_is_asked_for() {
    let (_dir, path) = record();
    let mut view = View::open(&path).await.unwrap();
    // One line an hour from 02:00 local time on: 22 lines on the first day, 24 on the second.
    let tally = view.tally_since(NEW_YEAR).await.unwrap();
    let kinds =
        |index: usize| tally.days().nth(index).map(|(day, tally_of)| (day, tally.kinds(tally_of).collect::<Vec<_>>()));
    assert_eq!(kinds(0), Some((Some(NEW_YEAR), vec![("request_created", 15), ("refused", 7)])));
    assert_eq!(kinds(1), Some((Some(NEW_YEAR + 1), vec![("request_created", 16), ("refused", 8)])));
    let later = view.tally_since(NEW_YEAR + 1).await.unwrap();
    assert_eq!(later.days().next().map(|(day, _)| day), Some(Some(NEW_YEAR + 1)));
    assert_eq!(view.tally_since(i64::MAX).await.unwrap().days().count(), 0);
    // proves R-CLK-07
    assert_eq!(view.tally_since(i64::MIN).await.unwrap(), tally);
}

#[tokio::test]
async fn the_first_line_of_a_day_is_found_without_walking_the_lines() {
    let (_dir, path) = record();
    let mut db = connect(&path).await;
    let plan = "EXPLAIN QUERY PLAN SELECT min(+seq) FROM record WHERE day >= 1";
    let steps = sqlx::query(plan).fetch_all(&mut db).await.unwrap();
    let steps: Vec<String> = steps.iter().map(|row| row.get("detail")).collect();
    assert!(steps.iter().any(|step| step.contains("INDEX record_by_day")), "{steps:?}");
    assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:?}");
}

#[tokio::test]
async fn no_wall_clock_however_wrong_stops_the_record() {
    let (_dir, path) = record();
    let mut store = open(&path).await.unwrap().store;
    let walls = [None, Some(i64::MIN), Some(i64::MAX), Some(-1), Some(0)];
    for (number, wall_ms) in (LINES + 1..).zip(walls) {
        let mut batch = batch(number);
        batch.entries[0].wall_ms = wall_ms;
        batch.entries[0].utc_offset_min = i16::MIN;
        store.append(batch).await.unwrap();
        let mut db = connect(&path).await;
        let seq = i64::try_from(number).unwrap();
        let day: Option<i64> =
            sqlx::query_scalar("SELECT day FROM record WHERE seq = ?").bind(seq).fetch_one(&mut db).await.unwrap();
        let expected =
            wall_ms.map(|unix_ms| pump_protocol::clock::WallTime { unix_ms, utc_offset_min: i16::MIN }.day());
        // proves R-CLK-07
        assert_eq!(day, expected, "{wall_ms:?}: the table and the protocol agree about the day");
    }
}

#[tokio::test]
async fn lines_come_in_pages() {
    let (_dir, path) = record();
    let mut view = View::open(&path).await.unwrap();
    let page = view.entries(0, u16::MAX).await.unwrap();
    assert_eq!((page.len(), page[16].record.request), (256, Some(17)));
    assert_eq!(page[16].record.body.to_vec(), entry(17).body);
    assert_eq!(view.entries(299, 10).await.unwrap().len(), 1);
    assert_eq!(view.entries(u64::MAX, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_record_that_grows_while_it_is_walked_is_not_called_wrong() {
    let (_dir, path) = record();
    let mut store = open(&path).await.unwrap().store;
    let mut walk = Verification::start(View::open(&path).await.unwrap()).await.unwrap();
    let mut number = LINES;
    let verified = loop {
        match walk.slice().await.unwrap() {
            Progress::Sound(verified) => break *verified,
            Progress::More { .. } if number < LINES + 3 => {
                number += 1;
                store.append(batch(number)).await.unwrap();
            }
            Progress::More { .. } => {}
        }
    };
    assert_eq!(verified.chain.head(), store.head().unwrap());
}

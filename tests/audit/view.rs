//! Reading beside the writer: pages, counts, and a verification that a growing record doesn't disturb.

use pump_remote::adapters::sqlite::{DayCount, Progress, Verification, View};
use sqlx::Row;

use crate::common::{LINES, NEW_YEAR_MS, batch, connect, entry, open, record};

const NEW_YEAR: i64 = NEW_YEAR_MS / 86_400_000;

#[tokio::test]
async fn a_day_is_counted_as_the_person_s_clock_showed_it() {
    let (_dir, path) = record();
    let mut view = View::open(&path).await.unwrap();
    // One line an hour from 02:00 local time on: 22 lines on the first day, 24 on the second.
    let counted = view.count_by_day(&["refused", "request_created"], NEW_YEAR..=NEW_YEAR + 1).await.unwrap();
    let count = |day, kind: &str, count| DayCount { day, kind: kind.into(), count };
    let expected = [
        count(NEW_YEAR, "refused", 7),
        count(NEW_YEAR, "request_created", 15),
        count(NEW_YEAR + 1, "refused", 8),
        count(NEW_YEAR + 1, "request_created", 16),
    ];
    // proves R-CLK-07
    assert_eq!(counted, expected);
    assert_eq!(view.count_by_day(&["refused"], NEW_YEAR..=NEW_YEAR).await.unwrap(), expected[..1]);
    assert_eq!(view.count_by_day(&[], i64::MIN..=NEW_YEAR).await.unwrap().len(), 2);
    assert_eq!(view.count_by_day(&[], i64::MIN..=i64::MIN).await.unwrap(), []);
    assert_eq!(view.next_day(None).await.unwrap(), Some(NEW_YEAR));
    assert_eq!(view.next_day(Some(NEW_YEAR)).await.unwrap(), Some(NEW_YEAR + 1));
}

#[tokio::test]
async fn counts_walk_the_index_and_never_the_lines() {
    let (_dir, path) = record();
    let mut db = connect(&path).await;
    let plan = "EXPLAIN QUERY PLAN SELECT day, substr(kind, 1, 32) AS kind, count(*) FROM record \
         WHERE day BETWEEN 1 AND 2 GROUP BY day, kind ORDER BY day, kind";
    let steps = sqlx::query(plan).fetch_all(&mut db).await.unwrap();
    let steps: Vec<String> = steps.iter().map(|row| row.get("detail")).collect();
    assert!(steps[0].contains("USING INDEX record_by_day") || steps[0].contains("COVERING INDEX"), "{steps:?}");
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
            Progress::Sound(verified) => break verified,
            Progress::More { .. } if number < LINES + 3 => {
                number += 1;
                store.append(batch(number)).await.unwrap();
            }
            Progress::More { .. } => {}
        }
    };
    assert_eq!(verified.chain.head(), store.head().unwrap());
}

//! Reading beside the writer: pages, counts, and a verification that a growing record doesn't disturb.

use pump_core::{
    audit::{
        Batch, Entry,
        event::{Event, Happened, Moment},
    },
    screen::DayLevel,
};
use pump_protocol::{quantity::Volume, wire::encode};
use pump_remote::adapters::sqlite::{Progress, Verification, View};
use sqlx::{AssertSqlSafe, Row};

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
async fn each_day_gives_its_newest_reading_of_the_reservoir() {
    let (_dir, path) = record();
    let mut store = open(&path).await.unwrap().store;
    let line = |day: i64, hour: i64, microlitres| {
        let event = Event::ReservoirRead { volume: Volume::from_microlitres(microlitres) };
        let (kind, body) = (event.kind(), encode(&Happened { at: Moment::default(), event }));
        let wall_ms = Some(NEW_YEAR_MS + (day * 24 + hour - 1) * 3_600_000);
        Entry { kind, request: None, body, wall_ms, utc_offset_min: 60 }
    };
    let unreadable = Entry { body: vec![0xFF], ..line(44, 12, 0) };
    let undated = Entry { wall_ms: None, ..line(44, 12, 1) };
    let others = entry(LINES);
    let entries =
        vec![line(40, 0, 9_000), line(40, 23, 8_900), line(42, 3, 8_700), others, line(43, 5, 1), unreadable, undated];
    store.append(Batch { entries, kept: Vec::new() }).await.unwrap();
    let mut view = View::open(&path).await.unwrap();
    let levels = view.levels(NEW_YEAR, NEW_YEAR + 42).await.unwrap();
    let level = |day, microlitres| DayLevel { day: NEW_YEAR + day, volume: Volume::from_microlitres(microlitres) };
    // proves R-CAR-13
    assert_eq!(levels, [level(40, 8_900), level(42, 8_700)], "the day behind the last one is left out");
    assert_eq!(view.levels(NEW_YEAR + 44, i64::MAX).await.unwrap(), [], "what can't be read is no reading");
    assert_eq!(view.levels(i64::MAX, i64::MIN).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_asked_of_days_is_found_without_walking_the_lines() {
    let (_dir, path) = record();
    let mut db = connect(&path).await;
    for question in [
        "SELECT min(+seq) FROM record WHERE day >= 1",
        "SELECT max(seq) FROM record WHERE day BETWEEN 1 AND 2 AND kind = 'a' GROUP BY day",
    ] {
        let plan = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}"));
        let steps = sqlx::query(plan).fetch_all(&mut db).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|row| row.get("detail")).collect();
        assert!(steps.iter().any(|step| step.contains("INDEX record_by_day")), "{steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE")), "{steps:?}");
    }
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

//! How long a frame takes on the five-inch display, in memory, on one core.
//!
//! A whole page may take 2 ms and a second of the countdown 0.3 ms: only what changed is drawn again.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pump_core::{
    audit::tally::{DayCounts, NoDose},
    screen::{Day, DayView, Face, LinkHealth, Offer, Reading, Screen, Wait},
    therapy::reason::Reason,
};
use pump_protocol::{
    clock::WallTime,
    quantity::{Dose, Millis},
};
use pump_remote::adapters::slint::{Panel, Window, headless::Headless};

const OFFER: Offer = Offer { dose: Dose::from_micrograms(50), left: 3, allotment: 4 };
const NOW: WallTime = WallTime { unix_ms: 1_795_281_000_000, utc_offset_min: 60 };

fn screen(face: Face) -> Screen {
    Screen { clock: Ok(NOW), link: LinkHealth::Near, heard_min_ago: Some(2), ..Screen::alone(face) }
}

fn ready() -> Screen {
    screen(Face::Ready(OFFER))
}

fn wait(seconds: u64) -> Screen {
    screen(Face::Wait(Wait {
        remaining: Millis::from_secs(seconds),
        until: Some(NOW),
        reasons: vec![Reason::Lockout],
        offer: OFFER,
        next_returns: Some(NOW),
        pump_says: false,
    }))
}

fn day(day: i64) -> Day {
    let why = [Reason::Lockout, Reason::Allotment, Reason::OutOfReach, Reason::LowReservoir];
    let refused = why.into_iter().map(NoDose::Here).zip([7, 3, 2, 1]).collect();
    let counts =
        DayCounts { attempts: 21, given: 4, in_part: 2, refused, not_settled: 1, assumed: 1, ..DayCounts::default() };
    Day { day, counts }
}

/// The two that say the most.
fn history() -> Screen {
    screen(Face::History { days: (0..14).map(|ago| day(NOW.day() - ago)).collect(), loading: false })
}

fn one_day() -> Screen {
    let view = DayView { day: day(NOW.day()), earlier: Some(NOW.day() - 1), later: None };
    screen(Face::Reading(Reading::Day(Some(Box::new(view)))))
}

fn frames(criterion: &mut Criterion) {
    let mut display = Headless::install(Panel::FIVE_INCH).expect("a thread without a platform");
    let mut window = Window::new(|_| ()).expect("a window");
    window.fit(Panel::FIVE_INCH);
    window.show().expect("a window that shows");

    for (name, shown) in [("history", history()), ("day", one_day()), ("ready", ready()), ("wait", wait(1450))] {
        window.apply(&shown);
        display.render();
        criterion.bench_function(&format!("full redraw, {name}"), |bencher| {
            bencher.iter(|| {
                display.draw_all();
                black_box(display.pixels());
            });
        });
    }

    let mut seconds = 3_000;
    criterion.bench_function("countdown second", |bencher| {
        bencher.iter(|| {
            seconds = if seconds == 600 { 3_000 } else { seconds - 1 };
            window.apply(&wait(seconds));
            assert!(display.render(), "a second is seen");
        });
    });

    let mut there = false;
    criterion.bench_function("from page to page", |bencher| {
        bencher.iter(|| {
            there = !there;
            window.apply(&if there { ready() } else { wait(1450) });
            assert!(display.render(), "a page is seen");
        });
    });
}

criterion_group!(benches, frames);
criterion_main!(benches);

//! Measures what the machine's self-test wants, each thing in a task of its own; what the measures mean, the machine judges.
//!
//! # Promises
//! - Nothing here blocks the loop, and a measure that hangs holds up no other: the machine fails it when its time is over.
//! - A new test ends what an older one still measures.

use std::{pin::Pin, time::Duration};

use pump_core::{
    remote::Input,
    selftest::{Condition, Device, Measured},
};
use pump_protocol::quantity::Millis;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::adapters::clock;

/// How long the two clocks are watched: long enough for a twentieth of it to be more than a busy machine's delay.
const CLOCKS_WATCHED: Duration = Duration::from_millis(400);
/// How often a device that doesn't obey is tried, and how long is waited in between: a daemon that is still starting gets there.
const TRIES: u32 = 5;
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What the machine wants of the self-test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestOrder {
    /// Measure everything.
    Measure,
    /// Keep that a person has confirmed this program.
    KeepConfirmed,
    /// The test has ended, and the machine is fit for use.
    Fit,
}

/// One thing that is measured, as often as the machine wants it.
pub type Measure = Box<dyn Fn(mpsc::Sender<Input>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Obeys until nobody orders.
pub async fn serve(
    mut orders: mpsc::Receiver<TestOrder>,
    inputs: mpsc::Sender<Input>,
    measures: Vec<Measure>,
    keep: impl Fn() + Send,
    fit: impl Fn() + Send,
) {
    let mut under_way = JoinSet::new();
    while let Some(order) = orders.recv().await {
        match order {
            TestOrder::Measure => {
                under_way.abort_all();
                for measure in &measures {
                    under_way.spawn(measure(inputs.clone()));
                }
            }
            TestOrder::KeepConfirmed => keep(),
            TestOrder::Fit => fit(),
        }
    }
}

/// The boot-time clock against the steady one.
pub fn clocks() -> Measure {
    measure(|| async {
        let before = clock::pair();
        tokio::time::sleep(CLOCKS_WATCHED).await;
        let after = clock::pair();
        let [boottime, steady] = [0, 1].map(|nth: usize| Millis::new(after[nth].saturating_sub(before[nth])));
        Measured::Clocks { boottime, steady }
    })
}

/// A device whose condition somebody else knows, once it is known.
pub fn known(device: Device, condition: watch::Receiver<Option<Condition>>) -> Measure {
    measure(move || {
        let mut condition = condition.clone();
        async move {
            let known = condition.wait_for(Option::is_some).await.ok().and_then(|known| *known);
            Measured::Device { device, condition: known.unwrap_or(Condition::Broken) }
        }
    })
}

/// A device that is asked, more than once if it doesn't obey.
pub fn device<F: Future<Output = Condition> + Send + 'static>(
    device: Device,
    ask: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Measure {
    measure(move || {
        let ask = ask.clone();
        async move {
            let mut condition = ask().await;
            for _ in 1..TRIES {
                if condition != Condition::Broken {
                    break;
                }
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
                condition = ask().await;
            }
            Measured::Device { device, condition }
        }
    })
}

/// The bolus button: its level, and while it is down, the moment at which it is let go. `None` if there is none.
pub fn key(down: Option<watch::Receiver<bool>>) -> Measure {
    Box::new(move |inputs| {
        let down = down.clone();
        Box::pin(async move {
            let Some(mut down) = down else { return tell(&inputs, Measured::Key { down: None }).await };
            let is_down = *down.borrow_and_update();
            tell(&inputs, Measured::Key { down: Some(is_down) }).await;
            if is_down && down.wait_for(|down| !down).await.is_ok() {
                tell(&inputs, Measured::Key { down: Some(false) }).await;
            }
        })
    })
}

/// What is measured once a test.
pub fn measure<F: Future<Output = Measured> + Send + 'static>(measured: impl Fn() -> F + Send + 'static) -> Measure {
    Box::new(move |inputs| {
        let measured = measured();
        Box::pin(async move { tell(&inputs, measured.await).await })
    })
}

async fn tell(inputs: &mpsc::Sender<Input>, measured: Measured) {
    // Nobody there to be told means that the program ends.
    let _ = inputs.send(Input::Measured(measured)).await;
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    /// What these measures tell in one test, within this time.
    async fn told(measures: Vec<Measure>, within: Duration) -> Vec<Measured> {
        let (order, orders) = mpsc::channel(1);
        let (inputs, mut heard) = mpsc::channel(16);
        let served = tokio::spawn(serve(orders, inputs, measures, || (), || ()));
        order.send(TestOrder::Measure).await.unwrap();
        tokio::time::sleep(within).await;
        drop(order);
        served.await.unwrap();
        let mut told = Vec::new();
        while let Ok(Input::Measured(measured)) = heard.try_recv() {
            told.push(measured);
        }
        told
    }

    const fn radio(condition: Condition) -> Measured {
        Measured::Device { device: Device::Link, condition }
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_is_still_starting_is_asked_again_and_one_that_never_obeys_is_broken() {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&asked);
        let late = device(Device::Link, move || {
            let late = counted.fetch_add(1, Ordering::SeqCst) < 2;
            std::future::ready(if late { Condition::Broken } else { Condition::Works })
        });
        assert_eq!(told(vec![late], Duration::from_secs(20)).await, [radio(Condition::Works)]);
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        let dead = device(Device::Link, || std::future::ready(Condition::Broken));
        assert_eq!(told(vec![dead], Duration::from_secs(20)).await, [radio(Condition::Broken)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_measure_that_hangs_holds_up_no_other() {
        let hangs = device(Device::Battery, std::future::pending);
        let absent = device(Device::Link, || std::future::ready(Condition::Absent));
        assert_eq!(told(vec![hangs, absent], Duration::from_secs(1)).await, [radio(Condition::Absent)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_button_that_is_down_is_told_again_when_it_is_let_go() {
        let (level, down) = watch::channel(true);
        let lets_go = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(9)).await;
            level.send_replace(false);
            level
        });
        let heard = told(vec![key(Some(down))], Duration::from_secs(20)).await;
        assert_eq!(heard, [true, false].map(|down| Measured::Key { down: Some(down) }));
        drop(lets_go.await);
        assert_eq!(told(vec![key(None)], Duration::from_secs(1)).await, [Measured::Key { down: None }]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_else_knows_is_waited_for() {
        let (condition, knows) = watch::channel(None);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            condition.send_replace(Some(Condition::Works));
            tokio::time::sleep(Duration::from_mins(1)).await;
        });
        let heard = told(vec![known(Device::Link, knows)], Duration::from_secs(5)).await;
        assert_eq!(heard, [radio(Condition::Works)]);
    }

    #[tokio::test]
    async fn this_machines_clocks_go_alike() {
        let heard = told(vec![clocks()], 2 * CLOCKS_WATCHED).await;
        assert!(
            matches!(heard[..], [Measured::Clocks { boottime, steady }] if boottime.get() >= 390 && steady.get() >= 390),
            "{heard:?}"
        );
    }

    #[tokio::test]
    async fn what_a_person_confirmed_is_kept_and_a_fit_machine_is_told() {
        let (order, orders) = mpsc::channel(1);
        let kept = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&kept);
        let keep = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        let fit = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&fit);
        let tell = move || {
            told.fetch_add(1, Ordering::SeqCst);
        };
        let served = tokio::spawn(serve(orders, mpsc::channel(1).0, Vec::new(), keep, tell));
        order.send(TestOrder::KeepConfirmed).await.unwrap();
        assert_eq!(fit.load(Ordering::SeqCst), 0);
        order.send(TestOrder::Fit).await.unwrap();
        drop(order);
        served.await.unwrap();
        assert_eq!([kept, fit].map(|count| count.load(Ordering::SeqCst)), [1, 1]);
    }
}

//! What the link costs beside bare writes and indications, in one run on one machine.
//!
//! The pump is the real one; the remote's side is its link alone ([`link::keep`] over [`Central`]), because no record is to be
//! made durable here. Each session's command is one write and each answer one indication, as in a bare exchange.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pump_protocol::{
    message::{AuditHead, Command, Hello, Reply, RequestId},
    report::PumpReport,
};
use pump_remote::{
    adapters::{
        bluez::{Central, PumpAddress},
        clock::Clock,
        entropy::OsEntropy,
        keys::pins::SessionKeys,
    },
    shell::link::{self, LinkEvent, LinkOrder, SessionNo},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    bare::{self, median},
    bench::{Bench, LINK_MAX, SOON},
};

/// How many exchanges a figure rests on.
const EXCHANGES: usize = 50;
/// How many connections.
const CONNECTIONS: usize = 5;
/// How many doses: each waits for the lockout of the one before.
const DOSES: usize = 5;
/// What a report, or a dose request, may cost beside the same number of bare exchanges.
const EXCHANGE_RATIO_MAX: f64 = 1.15;
/// What a reconnection up to the first report may cost beside a bare one with two exchanges.
const RECONNECTION_RATIO_MAX: f64 = 1.5;

/// Bare exchanges, reports, doses and reconnections, and how they compare.
pub(crate) async fn beside_bare(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let bare = bare::measure(bench, CONNECTIONS, EXCHANGES).await?;
    let (bare_ready, exchange) = (median(&bare.ready), median(&bare.exchange));

    let mut pump = bench.pump().await?;
    let mut reconnected = Vec::new();
    for _ in 1..CONNECTIONS {
        let (link, _, took) = Session::open(bench).await?;
        reconnected.push(took);
        link.close(bench).await?;
    }
    let (mut link, hello, took) = Session::open(bench).await?;
    reconnected.push(took);
    let mut reports = Vec::new();
    for _ in 0..EXCHANGES {
        let (reply, took) = link.ask(Command::ReadReport).await?;
        ensure!(matches!(reply, Reply::Report(_)), "no report: {reply:?}");
        reports.push(took);
    }
    let mut doses = Vec::new();
    for id in (hello.last_id.0.max(hello.watermark.0) + 1..).take(DOSES) {
        doses.push(link.dose(RequestId(id)).await?);
    }
    link.close(bench).await?;
    let given = pump.history().await?.iter().filter(|line| line.contains("asked for by remote")).count();
    ensure!(given == DOSES, "{DOSES} doses were asked for, and {given} given");
    ensure!(pump.program.quit("quit").await?, "the pump did not end in good order");

    let (report, dose, reconnection) = (median(&reports), median(&doses), median(&reconnected));
    let beside = |ours: Duration, bare: Duration| ours.as_secs_f64() / bare.as_secs_f64();
    let ratios = [
        (beside(report, exchange), EXCHANGE_RATIO_MAX),
        (beside(dose, exchange * 2), EXCHANGE_RATIO_MAX),
        (beside(reconnection, bare_ready + exchange * 2), RECONNECTION_RATIO_MAX),
    ];
    let ms = |span: Duration| span.as_secs_f64() * 1000.0;
    let said = format!(
        "exchange {:.2} ms, report {:.2} ms ({:.2}), dose {:.2} ms ({:.2}), bare connection {:.0} ms, reconnection {:.0} ms ({:.2})",
        ms(exchange),
        ms(report),
        ratios[0].0,
        ms(dose),
        ratios[1].0,
        ms(bare_ready),
        ms(reconnection),
        ratios[2].0
    );
    ensure!(ratios.iter().all(|(ratio, max)| ratio <= max), "more than may be: {said}");
    Ok(said)
}

/// The remote's link, without a remote.
struct Session {
    keeping: JoinHandle<()>,
    orders: mpsc::Sender<LinkOrder>,
    _want: watch::Sender<bool>,
    events: mpsc::Receiver<LinkEvent>,
    number: SessionNo,
}

impl Session {
    /// Connects and says HELLO; how long that took, from the first step to the report in the answer.
    async fn open(bench: &Bench) -> anyhow::Result<(Self, Hello, Duration)> {
        let data_dir = bench.at("remote");
        let keys = SessionKeys::open(&data_dir, &mut OsEntropy)?;
        let central = Central::new(Some(bench.stack.adapters[0].clone()), PumpAddress::read(&data_dir)?);
        let ((events, heard), (orders, ordered)) = (mpsc::channel(8), mpsc::channel(8));
        let (want, wanted) = watch::channel(true);
        let begun = Instant::now();
        let keeping = tokio::spawn(link::keep(central, keys, Clock::real(), OsEntropy, ordered, wanted, events));
        let mut session = Self { keeping, orders, _want: want, events: heard, number: SessionNo::default() };
        let up = tokio::time::timeout(LINK_MAX, session.events.recv()).await.context("no session")?;
        let Some(LinkEvent::Up(number)) = up else { bail!("no session: {up:?}") };
        session.number = number;
        let (reply, _) = session.ask(Command::Hello { audit_head: AuditHead::default() }).await?;
        let Reply::Hello(hello) = reply else { bail!("no HELLO: {reply:?}") };
        Ok((session, *hello, begun.elapsed()))
    }

    /// Says something; the answer, and how long it took.
    async fn ask(&mut self, command: Command) -> anyhow::Result<(Reply, Duration)> {
        let begun = Instant::now();
        self.orders.send(LinkOrder::Say(self.number, command)).await?;
        loop {
            match tokio::time::timeout(SOON, self.events.recv()).await.context("no answer")? {
                // Unasked.
                Some(LinkEvent::Heard(_, Reply::Status { .. })) => {}
                Some(LinkEvent::Heard(_, reply)) => return Ok((reply, begun.elapsed())),
                other => bail!("no answer: {other:?}"),
            }
        }
    }

    async fn report(&mut self) -> anyhow::Result<Box<PumpReport>> {
        match self.ask(Command::ReadReport).await?.0 {
            Reply::Report(report) => Ok(report),
            other => bail!("no report: {other:?}"),
        }
    }

    /// From PREPARE to ACCEPTED; then it is stopped, and its lockout waited for.
    async fn dose(&mut self, id: RequestId) -> anyhow::Result<Duration> {
        let prescription = self.report().await?.prescription.hash;
        let prepare = Command::Prepare { id, prescription, audit_head: AuditHead::default() };
        let (granted, first) = self.ask(prepare).await?;
        let Reply::Granted { nonce, .. } = granted else { bail!("no grant: {granted:?}") };
        let (accepted, second) = self.ask(Command::Commit { id, nonce, prescription }).await?;
        ensure!(matches!(accepted, Reply::Accepted { .. }), "not accepted: {accepted:?}");
        self.ask(Command::Cancel { id }).await?;
        let lockout = self.report().await?.lockout_remaining;
        tokio::time::sleep(Duration::from(lockout) + Duration::from_secs(1)).await;
        Ok(first + second)
    }

    async fn close(self, bench: &Bench) -> anyhow::Result<()> {
        self.keeping.abort();
        let _ = self.keeping.await;
        bench.hang_up().await
    }
}

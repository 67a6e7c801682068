//! What the link costs beside bare writes and indications, in one run on one machine.
//!
//! The pump is the real one; the remote's side is its link alone ([`link::keep`] over [`Central`]), because no record is to be
//! made durable here. Each session's command is one write and each answer one indication, as in a bare exchange.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use pump_protocol::{
    message::{AuditHead, Command, Hello, Reply, RequestId},
    report::PumpReport,
    session::{ANSWER_LEN, COMMAND_LEN, DESCRIPTION_LEN},
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
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    bare::{self, Connected, Shape, median},
    bench::{Bench, LINK_MAX, SOON},
};

/// How many exchanges a figure rests on, in each connection.
const EXCHANGES: usize = 20;
/// How many connections.
const CONNECTIONS: usize = 9;
/// How many doses: each waits for the lockout of the one before.
const DOSES: usize = 5;
/// What a report, or a dose request, may cost beside the same number of bare exchanges.
const EXCHANGE_RATIO_MAX: f64 = 1.15;
/// What a reconnection up to the first report may cost beside a bare one with two exchanges.
const RECONNECTION_RATIO_MAX: f64 = 1.5;
/// Header, header again with a length, and tag: what a frame is longer than what it says. And the fragment's header.
const AROUND: usize = 10 + 12 + 16 + 1;

/// Bare exchanges, reports, doses and reconnections, and how they compare.
pub(crate) async fn beside_bare(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let shapes = [ANSWER_LEN, DESCRIPTION_LEN].map(|len| Shape { written: COMMAND_LEN + AROUND, indicated: (len + AROUND).min(512) });
    let bare = bare::measure(bench, CONNECTIONS, EXCHANGES, &shapes).await?;
    let [answer, description] = [0, 1].map(|shape| median(&bare.exchanges[shape]));

    let mut pump = bench.pump().await?;
    let (mut reconnected, mut reports) = (Vec::new(), Vec::new());
    let mut next = RequestId(0);
    for _ in 0..CONNECTIONS {
        let (mut link, hello, connected) = Session::open(bench).await?;
        reconnected.push(connected);
        for _ in 0..EXCHANGES {
            let (reply, took) = link.ask(Command::ReadReport).await?;
            ensure!(matches!(reply, Reply::Report(_)), "no report: {reply:?}");
            reports.push(took);
        }
        next = RequestId(hello.last_id.0.max(hello.watermark.0) + 1);
        link.close(bench).await?;
    }
    let (mut link, ..) = Session::open(bench).await?;
    let mut doses = Vec::new();
    for id in (next.0..).take(DOSES) {
        doses.push(link.dose(RequestId(id)).await?);
    }
    link.close(bench).await?;
    let given = pump.history().await?.iter().filter(|line| line.contains("asked for by remote")).count();
    ensure!(given == DOSES, "{DOSES} doses were asked for, and {given} given");
    ensure!(pump.program.quit("quit").await?, "the pump did not end in good order");
    let ms = |span: Duration| (span.as_secs_f64() * 100_000.0).round() / 100.0;
    let all = |spans: &[Duration]| { let mut sorted = spans.to_vec(); sorted.sort(); sorted.into_iter().map(ms).collect::<Vec<_>>() };
    println!("answers {:?}", all(&bare.exchanges[0]));
    println!("descriptions {:?}", all(&bare.exchanges[1]));
    println!("reports {:?}", all(&reports));
    println!("doses {:?}", all(&doses));
    println!("bare {:?}", bare.connections);
    println!("ours {:?}", reconnected);
    Ok(format!("{} {}", ms(answer), ms(description)))
}

/// The remote's link, without a remote.
struct Session {
    keeping: JoinHandle<()>,
    orders: mpsc::Sender<LinkOrder>,
    events: mpsc::Receiver<LinkEvent>,
    number: SessionNo,
}

impl Session {
    /// Connects and says HELLO; how long that took until the radios were linked, and until the report in the answer.
    async fn open(bench: &Bench) -> anyhow::Result<(Self, Hello, Connected)> {
        let data_dir = bench.at("remote");
        let keys = SessionKeys::open(&data_dir, &mut OsEntropy)?;
        let central = Central::new(Some(bench.stack.adapters[0].clone()), PumpAddress::read(&data_dir)?);
        let ((events, heard), (orders, ordered)) = (mpsc::channel(8), mpsc::channel(8));
        let device = bare::bonded(bench).await?;
        let begun = Instant::now();
        let linked = bare::linked(&device, begun).await?;
        let keeping = tokio::spawn(link::keep(central, keys, Clock::real(), OsEntropy, ordered, events));
        let mut session = Self { keeping, orders, events: heard, number: SessionNo::default() };
        let up = tokio::time::timeout(LINK_MAX, session.events.recv()).await.context("no session")?;
        let Some(LinkEvent::Up(number)) = up else { bail!("no session: {up:?}") };
        session.number = number;
        let (reply, _) = session.ask(Command::Hello { audit_head: AuditHead::default() }).await?;
        let Reply::Hello(hello) = reply else { bail!("no HELLO: {reply:?}") };
        let ready = begun.elapsed();
        Ok((session, *hello, Connected { linked: linked.await??, ready }))
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

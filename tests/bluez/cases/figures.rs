//! What the link costs beside bare writes and indications, in one run on one machine.
//!
//! The pump is the real one; the remote's side is its link alone ([`link::keep`] over [`Central`]), because no record is to be
//! made durable here. A bare exchange writes and indicates as many bytes as ours does, and a bare connection reads a table of
//! the same size. An emulated controller advertises when it is told to, and so how long a connection waits to hear the other
//! is left out on both sides.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use pump_protocol::{
    fragment::fragments,
    message::{AuditHead, Command, Hello, Reply, RequestId},
    report::PumpReport,
    session::{ANSWER_LEN, COMMAND_LEN, DESCRIPTION_LEN, TAG_LEN},
};
use pump_remote::{
    adapters::{
        Dial, Fragments,
        bluez::{
            Central, PumpAddress,
            service::{ATT_MTU_MAX, largest_write},
        },
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
    bare::{self, Connection, PAUSE, Shape, Watching, median},
    bench::{Bench, LINK_MAX, SOON},
};

/// How many connections.
const CONNECTIONS: usize = 9;
/// How many exchanges of a kind in each.
const EXCHANGES: usize = 9;
/// How many doses: each waits for the lockout of the one before.
const DOSES: usize = 7;
/// What a report, or a dose request, may cost beside the same number of bare exchanges.
const EXCHANGE_RATIO_MAX: f64 = 1.15;
/// What a reconnection up to the first report may cost beside a bare one with two exchanges.
const RECONNECTION_RATIO_MAX: f64 = 1.5;
/// What a frame is longer than what it says: its header, the same with a length inside, and the tag.
const AROUND: usize = 10 + 12 + TAG_LEN;

/// Bare exchanges, reports, doses and reconnections, and how they compare.
pub(crate) async fn beside_bare(bench: &mut Bench) -> anyhow::Result<String> {
    bench.paired().await?;
    let (written, answer, description) = (one(COMMAND_LEN)?, one(ANSWER_LEN)?, one(DESCRIPTION_LEN)?);
    let (answer, description) = (Shape { written, indicated: answer }, Shape { written, indicated: description });
    let wanted: [&[Shape]; 3] = [&[description], &[answer, answer], &[answer, description]];
    let bare = bare::measure(bench, CONNECTIONS, EXCHANGES, &wanted).await?;
    let [bare_report, bare_dose, bare_greeting] = [0, 1, 2].map(|kind| median(&bare.exchanges[kind]));

    let mut pump = bench.pump().await?;
    let (mut connections, mut reports, mut doses) = (Vec::new(), Vec::new(), Vec::new());
    let mut link = Session::begin(bench).await?;
    let mut last = RequestId(0);
    for _ in 0..CONNECTIONS {
        bench.hang_up().await?;
        let (connection, hello) = link.open().await?;
        connections.push(connection);
        last = hello.last_id.max(hello.watermark);
        for _ in 0..EXCHANGES {
            tokio::time::sleep(PAUSE).await;
            let (reply, took) = link.ask(Command::ReadReport).await?;
            ensure!(matches!(reply, Reply::Report(_)), "no report: {reply:?}");
            reports.push(took);
        }
    }
    for id in (last.0 + 1..).take(DOSES) {
        doses.push(link.dose(RequestId(id)).await?);
    }
    link.end(bench).await?;
    let given = pump.history().await?.iter().filter(|line| line.contains("asked for by remote")).count();
    ensure!(given == DOSES, "{DOSES} doses were asked for, and {given} given");
    ensure!(pump.program.quit("quit").await?, "the pump did not end in good order");

    let work = |connections: &[Connection]| median(&connections.iter().map(Connection::work).collect::<Vec<_>>());
    let judged = [
        ("report", median(&reports), bare_report, EXCHANGE_RATIO_MAX),
        ("dose", median(&doses), bare_dose, EXCHANGE_RATIO_MAX),
        ("reconnection", work(&connections), work(&bare.connections) + bare_greeting, RECONNECTION_RATIO_MAX),
    ];
    let mut said = Vec::new();
    for (what, ours, bare, max) in judged {
        let ratio = ours.as_secs_f64() / bare.as_secs_f64();
        let ms = |span: Duration| span.as_secs_f64() * 1000.0;
        let verdict = if ratio <= max { "" } else { ", more than may be" };
        said.push(format!("{what} {:.2} ms beside {:.2} ms ({ratio:.2}{verdict})", ms(ours), ms(bare)));
    }
    let said = said.join(", ");
    ensure!(!said.contains("more than may be"), "{said}");
    Ok(said)
}

/// How long the one fragment is that carries a message of this length at the largest MTU; an error if it needs several.
fn one(len: usize) -> anyhow::Result<usize> {
    let frame = vec![0; len + AROUND];
    let cut: Vec<_> = fragments(&frame, largest_write(ATT_MTU_MAX))?.collect();
    ensure!(cut.len() == 1, "a message of {len} bytes needs {} fragments", cut.len());
    Ok(cut[0].len())
}

/// The remote's link, without a remote.
struct Session {
    keeping: JoinHandle<()>,
    orders: mpsc::Sender<LinkOrder>,
    _want: watch::Sender<bool>,
    events: mpsc::Receiver<LinkEvent>,
    number: SessionNo,
    /// When it was dialled first since it was cut.
    dialled: Arc<Mutex<Option<Instant>>>,
    watching: Watching,
}

/// The product's central, and when it dialled first.
struct Timed {
    central: Central,
    dialled: Arc<Mutex<Option<Instant>>>,
}

impl Dial for Timed {
    async fn dial(&mut self) -> io::Result<Fragments> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        self.central.dial().await
    }
}

impl Session {
    /// Keeps a link from now on, and waits until it stands.
    async fn begin(bench: &Bench) -> anyhow::Result<Self> {
        let data_dir = bench.at("remote");
        let keys = SessionKeys::open(&data_dir, &mut OsEntropy)?;
        let central = Central::new(Some(bench.stack.adapters[0].clone()), PumpAddress::read(&data_dir)?);
        let ((events, heard), (orders, ordered)) = (mpsc::channel(8), mpsc::channel(8));
        let dialled = Arc::<Mutex<Option<Instant>>>::default();
        let watching = Watching::start(bench).await?;
        let timed = Timed { central, dialled: dialled.clone() };
        let (want, wanted) = watch::channel(true);
        let keeping = tokio::spawn(link::keep(timed, keys, Clock::real(), OsEntropy, ordered, wanted, events));
        let mut session =
            Self { keeping, orders, _want: want, events: heard, number: SessionNo::default(), dialled, watching };
        let up = tokio::time::timeout(LINK_MAX, session.events.recv()).await.context("no session")?;
        ensure!(matches!(up, Some(LinkEvent::Up(_))), "no session: {up:?}");
        Ok(session)
    }

    /// Waits until the link that was cut stands again, and says HELLO: how far that had come when, up to the report in the
    /// answer.
    async fn open(&mut self) -> anyhow::Result<(Connection, Hello)> {
        let down = tokio::time::timeout(LINK_MAX, self.events.recv()).await.context("no end of a session")?;
        ensure!(matches!(down, Some(LinkEvent::Down(..))), "no end of a session: {down:?}");
        // It waits before it dials again.
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (seen, up) = tokio::join!(self.watching.next(), tokio::time::timeout(LINK_MAX, self.events.recv()));
        let Some(LinkEvent::Up(number)) = up.context("no session")? else { bail!("no session") };
        self.number = number;
        let (reply, _) = self.ask(Command::Hello { audit_head: AuditHead::default() }).await?;
        let Reply::Hello(hello) = reply else { bail!("no HELLO: {reply:?}") };
        let ready = Instant::now();
        let begun = self.dialled.lock().unwrap_or_else(PoisonError::into_inner).context("nobody has dialled")?;
        let [asked, linked] = seen?;
        let [asked, linked, ready] = [asked, linked, ready].map(|at| at.saturating_duration_since(begun));
        Ok((Connection { asked, linked, ready }, *hello))
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
        tokio::time::sleep(PAUSE).await;
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

    async fn end(self, bench: &Bench) -> anyhow::Result<()> {
        self.keeping.abort();
        let _ = self.keeping.await;
        self.watching.end().await?;
        bench.hang_up().await
    }
}

//! A card with a volatile cache, served to the emulated machine by the NBD protocol.
//!
//! What was written since the last flush lies in the cache, every version of every sector. When the plug is pulled, the cache
//! decides by chance what has reached the flash: any sector alone may be new, old, or a version in between, whatever the order in
//! which they were written. A real card is kinder than that; none may be worse, or its flush is a lie.
//!
//! # Promises
//! - A flush that was answered has made everything durable that was written before it was asked.
//! - After the cut nothing is answered, and nothing changes any more.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rand_chacha::{ChaCha8Rng, rand_core::Rng};

const SECTOR: usize = 512;
type Sector = [u8; SECTOR];

// The protocol's numbers (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md).
const INIT_MAGIC: u64 = 0x4e42_444d_4147_4943;
const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
/// Fixed newstyle, no zeroes.
const HANDSHAKE_FLAGS: u16 = 0b11;
const OPTION_ABORT: u32 = 2;
const OPTION_GO: u32 = 7;
const REPLY_ACK: u32 = 1;
const REPLY_INFO: u32 = 3;
const REPLY_UNSUPPORTED: u32 = (1 << 31) + 1;
/// Has flags, can flush, can force unit access.
const EXPORT_FLAGS: u16 = 0b1101;
const FORCE_UNIT_ACCESS: u16 = 1;
const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;
const EIO: u32 = 5;
const EINVAL: u32 = 22;
/// The longest request that is answered.
const REQUEST_LEN_MAX: u32 = 32 << 20;

/// A card. Clones are the same card.
#[derive(Clone, Debug)]
pub(crate) struct Card(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    flash: Vec<u8>,
    /// Every version since the last flush, oldest first.
    cache: BTreeMap<usize, Vec<Sector>>,
    /// The sectors of each write since then.
    writes: Vec<(usize, usize)>,
    /// How many writes and flushes are still answered; `None` without end.
    left: Option<u32>,
    pulled: bool,
    /// How often the plug went in: a connection of an earlier time is answered no more, whatever is still on its way.
    times: u32,
    obeys_flush: bool,
    fails: bool,
    done: u32,
    flushes: u32,
}

/// What a cut did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cut {
    /// Sectors with something unflushed.
    pub(crate) unflushed: usize,
    /// Of them, those that are as they were before.
    pub(crate) old: usize,
    /// Of them, those with a version that is neither the oldest nor the newest.
    pub(crate) between: usize,
    /// Writes and flushes answered before.
    pub(crate) answered: u32,
    /// Flushes among them.
    pub(crate) flushes: u32,
}

impl Card {
    pub(crate) fn new(flash: Vec<u8>, obeys_flush: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            flash,
            cache: BTreeMap::new(),
            writes: Vec::new(),
            left: None,
            pulled: false,
            times: 0,
            obeys_flush,
            fails: false,
            done: 0,
            flushes: 0,
        })))
    }

    /// The plug goes in: so many writes and flushes are answered, and then it is pulled.
    pub(crate) fn plug_in(&self, answered: Option<u32>) {
        let mut state = self.state();
        (state.left, state.pulled, state.done, state.flushes) = (answered, false, 0, 0);
        state.times += 1;
    }

    /// From now on writes and flushes fail, or no longer.
    pub(crate) fn fails(&self, fails: bool) {
        self.state().fails = fails;
    }

    /// What the flash holds, while no machine runs.
    pub(crate) fn with_flash<T>(&self, with: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        with(&mut self.state().flash)
    }

    /// The plug is pulled, and by luck all of the cache has reached the flash.
    pub(crate) fn unplug(&self) {
        let mut state = self.state();
        state.pulled = true;
        let sectors: Vec<usize> = state.cache.keys().copied().collect();
        for sector in sectors {
            state.make_durable(sector);
        }
        state.writes.clear();
    }

    pub(crate) fn pulled(&self) -> bool {
        self.state().pulled
    }

    /// Pulls the plug, if that isn't done, and lets chance decide what the cache has written.
    pub(crate) fn cut(&self, chance: &mut ChaCha8Rng) -> Cut {
        let mut state = self.state();
        state.pulled = true;
        state.fails = false;
        let cache = std::mem::take(&mut state.cache);
        let writes = std::mem::take(&mut state.writes);
        let mut cut = Cut { unflushed: cache.len(), answered: state.done, flushes: state.flushes, ..Cut::default() };
        let lost = lost_writes(&writes, chance);
        let style = chance.next_u32() % 4;
        for (sector, versions) in cache {
            let newest = versions.len();
            let kept = match style {
                // Everything is lost; each sector by itself; whole writes; whole writes, but one in eight torn.
                0 => 0,
                1 => below(chance, newest + 1),
                2 => {
                    if lost.contains(&sector) {
                        0
                    } else {
                        newest
                    }
                }
                _ if below(chance, 8) == 0 => below(chance, newest + 1),
                _ => {
                    if lost.contains(&sector) {
                        0
                    } else {
                        newest
                    }
                }
            };
            match kept.checked_sub(1).and_then(|index| versions.get(index)) {
                None => cut.old += 1,
                Some(version) => {
                    cut.between += usize::from(kept < newest);
                    state.flash[sector * SECTOR..][..SECTOR].copy_from_slice(version);
                }
            }
        }
        cut
    }

    /// Serves one machine after the other at this socket, for ever.
    pub(crate) fn serve_at(&self, socket: &Path) -> io::Result<()> {
        let listener = UnixListener::bind(socket)?;
        let card = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (card, times) = (card.clone(), card.state().times);
                // A machine that is gone ends its connection in the middle of anything.
                std::thread::spawn(move || drop(card.serve(stream, times)));
            }
        });
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two halves of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: UnixStream, times: u32) -> io::Result<()> {
        if !self.negotiate(&mut stream)? {
            return Ok(());
        }
        loop {
            let mut header = [0; 28];
            stream.read_exact(&mut header)?;
            let Request { flags, kind, cookie, offset, len } = Request::read(&header)?;
            let mut data = vec![0; if kind == WRITE { len as usize } else { 0 }];
            stream.read_exact(&mut data)?;
            if kind == DISCONNECT {
                return Ok(());
            }
            let mut state = self.state();
            let answer = if state.times == times { state.answer(kind, flags, offset, len, &data) } else { None };
            drop(state);
            let Some(answer) = answer else {
                // Pulled: the machine hears nothing any more.
                std::thread::park();
                return Ok(());
            };
            let (error, bytes) = answer.map_or_else(|error| (error, Vec::new()), |bytes| (0, bytes));
            stream.write_all(&REPLY_MAGIC.to_be_bytes())?;
            stream.write_all(&error.to_be_bytes())?;
            stream.write_all(&cookie)?;
            stream.write_all(&bytes)?;
        }
    }

    fn negotiate(&self, stream: &mut UnixStream) -> io::Result<bool> {
        stream.write_all(&INIT_MAGIC.to_be_bytes())?;
        stream.write_all(&OPTION_MAGIC.to_be_bytes())?;
        stream.write_all(&HANDSHAKE_FLAGS.to_be_bytes())?;
        stream.read_exact(&mut [0; 4])?;
        loop {
            let mut header = [0; 16];
            stream.read_exact(&mut header)?;
            let (option, len) = (be32(&header[8..12]), be32(&header[12..16]));
            let mut data = vec![0; len.min(REQUEST_LEN_MAX) as usize];
            stream.read_exact(&mut data)?;
            let mut reply = |kind: u32, data: &[u8]| -> io::Result<()> {
                stream.write_all(&OPTION_REPLY_MAGIC.to_be_bytes())?;
                stream.write_all(&option.to_be_bytes())?;
                stream.write_all(&kind.to_be_bytes())?;
                stream.write_all(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes())?;
                stream.write_all(data)
            };
            match option {
                OPTION_GO => {
                    let size = self.state().flash.len() as u64;
                    reply(REPLY_INFO, &[&[0, 0][..], &size.to_be_bytes(), &EXPORT_FLAGS.to_be_bytes()].concat())?;
                    reply(REPLY_ACK, &[])?;
                    return Ok(true);
                }
                OPTION_ABORT => {
                    reply(REPLY_ACK, &[])?;
                    return Ok(false);
                }
                _ => reply(REPLY_UNSUPPORTED, &[])?,
            }
        }
    }
}

impl State {
    /// The answer to a request; `None` if the plug was pulled before it.
    fn answer(&mut self, kind: u16, flags: u16, offset: u64, len: u32, data: &[u8]) -> Option<Result<Vec<u8>, u32>> {
        if kind != READ && self.left == Some(0) {
            self.pulled = true;
        }
        if self.pulled {
            return None;
        }
        if kind != READ {
            if self.fails {
                return Some(Err(EIO));
            }
            self.left = self.left.map(|left| left - 1);
            self.done += 1;
        }
        let Ok(first) = usize::try_from(offset / SECTOR as u64) else { return Some(Err(EINVAL)) };
        let sectors = len as usize / SECTOR;
        let whole = offset.is_multiple_of(SECTOR as u64) && (len as usize).is_multiple_of(SECTOR);
        if !whole || (first + sectors) * SECTOR > self.flash.len() {
            return Some(Err(EINVAL));
        }
        Some(match kind {
            READ => Ok((first..first + sectors).flat_map(|sector| self.newest(sector)).collect()),
            WRITE => {
                for (sector, bytes) in (first..).zip(data.chunks_exact(SECTOR)) {
                    let version = bytes.try_into().unwrap_or([0; SECTOR]);
                    self.cache.entry(sector).or_default().push(version);
                }
                self.writes.push((first, sectors));
                if flags & FORCE_UNIT_ACCESS != 0 {
                    (first..first + sectors).for_each(|sector| self.make_durable(sector));
                }
                Ok(Vec::new())
            }
            FLUSH => {
                self.flushes += 1;
                if self.obeys_flush {
                    let sectors: Vec<usize> = self.cache.keys().copied().collect();
                    for sector in sectors {
                        self.make_durable(sector);
                    }
                    self.writes.clear();
                }
                Ok(Vec::new())
            }
            _ => Err(EINVAL),
        })
    }

    fn newest(&self, sector: usize) -> Sector {
        let cached = self.cache.get(&sector).and_then(|versions| versions.last()).copied();
        cached.unwrap_or_else(|| self.flash[sector * SECTOR..][..SECTOR].try_into().unwrap_or([0; SECTOR]))
    }

    fn make_durable(&mut self, sector: usize) {
        let newest = self.newest(sector);
        self.cache.remove(&sector);
        self.flash[sector * SECTOR..][..SECTOR].copy_from_slice(&newest);
    }
}

/// Half of the writes, or a single one: the sectors that they wrote.
fn lost_writes(writes: &[(usize, usize)], chance: &mut ChaCha8Rng) -> std::collections::BTreeSet<usize> {
    let one = below(chance, 2) == 0;
    let the_one = below(chance, writes.len().max(1));
    let mut lost = std::collections::BTreeSet::new();
    for (index, (first, sectors)) in writes.iter().enumerate() {
        if if one { index == the_one } else { below(chance, 2) == 0 } {
            lost.extend(*first..first + sectors);
        }
    }
    lost
}

fn below(chance: &mut ChaCha8Rng, end: usize) -> usize {
    chance.next_u32() as usize % end
}

struct Request {
    flags: u16,
    kind: u16,
    cookie: [u8; 8],
    offset: u64,
    len: u32,
}

impl Request {
    fn read(header: &[u8; 28]) -> io::Result<Self> {
        let mut cookie = [0; 8];
        cookie.copy_from_slice(&header[8..16]);
        let offset = u64::from(be32(&header[16..20])) << 32 | u64::from(be32(&header[20..24]));
        let len = be32(&header[24..28]);
        if be32(&header[..4]) != REQUEST_MAGIC || len > REQUEST_LEN_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no request"));
        }
        Ok(Self { flags: be16(&header[4..6]), kind: be16(&header[6..8]), cookie, offset, len })
    }
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn be16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |number, byte| number << 8 | u16::from(*byte))
}

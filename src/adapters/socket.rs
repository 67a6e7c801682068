//! A link over a Unix socket: each fragment with its length in front, two bytes, little endian.
//!
//! The socket stands in for the radio between two processes; it is trusted with nothing.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

use super::{Dial, FRAGMENTS_WAITING_MAX, Fragments};

/// As on the air: an ATT MTU of 247, less its header.
const LARGEST_WRITE: usize = 244;

/// Dials a pump that listens on this path.
#[derive(Clone, Debug)]
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// A way to the pump on this path.
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Dial for Socket {
    async fn dial(&mut self) -> io::Result<Fragments> {
        UnixStream::connect(&self.path).await.map(carry)
    }
}

/// Listens on this path, for its owner only. A socket that a dead process left behind is replaced; a live one is not.
pub async fn listen(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another pump listens on it"));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is a file, not a socket")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Makes a link of a connected socket.
pub fn carry(stream: UnixStream) -> Fragments {
    let (mut reading, mut writing) = stream.into_split();
    let (to, mut outgoing) = mpsc::channel::<Vec<u8>>(FRAGMENTS_WAITING_MAX);
    let (incoming, from) = mpsc::channel(FRAGMENTS_WAITING_MAX);
    tokio::spawn(async move {
        while let Some(fragment) = outgoing.recv().await {
            let Ok(len) = u16::try_from(fragment.len()) else { break };
            let written = async {
                writing.write_all(&len.to_le_bytes()).await?;
                writing.write_all(&fragment).await
            };
            if written.await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        // Ends when the other side closes, says something too long, or nobody here listens any more.
        loop {
            let fragment = tokio::select! {
                fragment = read_fragment(&mut reading) => fragment,
                () = incoming.closed() => break,
            };
            let Ok(fragment) = fragment else { break };
            if incoming.send(fragment).await.is_err() {
                break;
            }
        }
    });
    Fragments { to, from, largest_write: LARGEST_WRITE }
}

async fn read_fragment(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let len = usize::from(stream.read_u16_le().await?);
    if len > LARGEST_WRITE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a fragment longer than any"));
    }
    let mut fragment = vec![0; len];
    stream.read_exact(&mut fragment).await?;
    Ok(fragment)
}

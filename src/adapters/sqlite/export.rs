//! Writes the record as one signed file, and reads such a file back.
//!
//! # Promises
//! - What is exported was verified on the way; a record with a bad line is not exported as a good one.
//! - Memory is one page of lines.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    path::Path,
};

use ed25519_dalek::SigningKey;
use pump_core::audit::{
    Checkpoint, Stored, Verified,
    export::{self, BadExport, Exporter, FRAME_HEADER_LEN, Proved},
};
use pump_protocol::message::AuditHead;
use thiserror::Error;

use super::{ReadError, Verification, View};

/// Why there is no export, or none that proves anything.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The record could not be read, or doesn't verify.
    #[error(transparent)]
    Record(#[from] ReadError),
    /// The export doesn't prove what it holds.
    #[error(transparent)]
    Bad(#[from] BadExport),
    /// The file could not be read or written.
    #[error("the export could not be read or written ({0}); what is there of it is not complete")]
    Io(#[from] io::Error),
    /// The key would sign for another device.
    #[error("nothing exported: the key given is not the one that this record is bound to")]
    Key,
}

/// Writes a whole record, as it is when its last lines are read; signed, if the key is given.
pub async fn write_export(
    view: View,
    key: Option<&SigningKey>,
    out: &mut (dyn Write + Send),
) -> Result<Verified, ExportError> {
    Ok(write(view, None, key, out).await?.0)
}

/// Writes a record up to a signed line, and signs that as a part; says the digest of all that was written, too.
pub(super) async fn write_part(
    view: View,
    to: AuditHead,
    key: &SigningKey,
    out: &mut (dyn Write + Send),
) -> Result<(Verified, [u8; 32]), ExportError> {
    write(view, Some(to), Some(key), out).await
}

async fn write(
    view: View,
    to: Option<AuditHead>,
    key: Option<&SigningKey>,
    out: &mut (dyn Write + Send),
) -> Result<(Verified, [u8; 32]), ExportError> {
    let walk = Verification::start(view).await?;
    if key.is_some_and(|key| key.verifying_key().as_bytes() != &walk.genesis().device_key) {
        return Err(ExportError::Key);
    }
    let (mut exporter, first) = Exporter::begin(walk.genesis(), walk.base());
    let mut written = out.write_all(&first);
    let mut show = |line: &Stored, checkpoint: Option<&Checkpoint>| {
        if written.is_ok() {
            written = out.write_all(&exporter.line(line, checkpoint));
        }
    };
    let verified = match to {
        None => walk.run_with(&mut show).await?,
        Some(to) => walk.run_to(to, &mut show).await?,
    };
    written?;
    let (end, digest) = if to.is_some() { exporter.end_part(&verified, key) } else { exporter.end(&verified, key) };
    out.write_all(&end)?;
    out.flush()?;
    Ok((verified, digest))
}

/// Whether a file begins like an export.
pub fn is_export(path: &Path) -> io::Result<bool> {
    if !fs::metadata(path)?.is_file() {
        // A pipe would be waited for without end.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut magic = Vec::new();
    File::open(path)?.take(export::MAGIC.len() as u64).read_to_end(&mut magic)?;
    Ok(magic == export::MAGIC)
}

/// Reads an export from beginning to end and says what it proves.
pub fn verify_export(path: &Path) -> Result<Proved, ExportError> {
    read_export(path, &mut |_| {})
}

/// The same, and shows each line once it is found good.
pub fn read_export(path: &Path, show: &mut dyn FnMut(&Stored)) -> Result<Proved, ExportError> {
    let mut file = BufReader::new(File::open(path)?);
    let mut reader = export::ExportReader::new();
    let mut magic = [0; export::MAGIC.len()];
    file.read_exact(&mut magic)?;
    if magic != *export::MAGIC {
        return Err(BadExport::Magic.into());
    }
    loop {
        let seq = reader.next_line();
        let mut header = [0; FRAME_HEADER_LEN];
        match read_up_to(&mut file, &mut header)? {
            0 => return Ok(reader.finish()?),
            FRAME_HEADER_LEN => {}
            _ => return Err(BadExport::CutOff { seq }.into()),
        }
        let mut content = vec![0; export::content_len(header).ok_or(BadExport::Misplaced { seq })?];
        if read_up_to(&mut file, &mut content)? < content.len() {
            return Err(BadExport::CutOff { seq }.into());
        }
        let (next, walked) = reader.frame(header, &content)?;
        walked.as_deref().into_iter().for_each(&mut *show);
        reader = next;
    }
}

fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read(&mut buffer[len..])? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}

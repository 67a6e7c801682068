//! Takes this remote out of use: its record is exported, its pump told, then record and keys are wiped.
//!
//! # Promises
//! - Nothing is wiped before the record was read back from where it was exported to.
//! - What was cut short is finished by the same command: the record goes before the keys that it was signed with.
//! - Files that are neither the record's nor keys are left, and named.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use pump_remote::{
    adapters::{paths_in, secret_file, stick::Slot},
    shell::{link::NoSession, recorder::EXPORTS},
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::compose::{Closed, INSTANCE_LOCK, Prepared, RECORD, Which};

/// The keys' place in the data directory; nothing else is in there.
const KEYS: &str = "keys";
/// What may stand behind the record's name.
const BESIDE_RECORD: [&str; 4] = ["", "-wal", "-shm", ".lock"];
/// How often the pump is tried: over BlueZ a connection fails while the one before it is being let go of.
const TRIES: usize = 5;
/// How long after one attempt the next is made.
const TRIED_AGAIN: Duration = Duration::from_secs(2);
/// How long the pump may take to be reached and to answer, in all.
const TELLING_MAX: Duration = Duration::from_mins(1);

/// Takes the remote in this directory out of use, and says what was done; its record is exported to `to`.
// keeps R-LNK-24
pub(crate) async fn decommission(data_dir: &Path, which: Which, to: &Path) -> anyhow::Result<()> {
    ensure!(data_dir.join(KEYS).is_dir(), "there is no remote in {}: nothing was done", data_dir.display());
    ensure!(to.is_dir(), "{} is no directory: nothing was done", to.display());
    let mut prepared = Prepared::open(data_dir, which, 1, false).await?;
    // Whatever can be written to will do, a stick or not.
    let slot = Slot::new(to.to_owned(), |dir| Ok(Some(fs::metadata(dir)?.dev())));
    if let Some(Closed { copier, open }) = prepared.close_record(slot).await.context("nothing was wiped")? {
        if let Some(id) = open {
            println!("Request {id} was open: it counts as given.");
        }
        let head = spawn_blocking(move || copier.copied()).await?.context("nothing was wiped")?;
        println!("The record up to line {} is in {}, signed and read back.", head.count, to.display());
    }
    println!("{}", told(&mut prepared).await);
    if let Err(error) = prepared.forget_bond().await {
        println!("The Bluetooth bond with the pump could not be removed ({error}): remove it with bluetoothctl.");
    }
    let left = wipe(data_dir).context("not everything could be wiped: do it once more")?;
    println!("Record and keys are wiped.");
    if !left.is_empty() {
        println!("Left as they were in {}: {}.", data_dir.display(), left.join(", "));
    }
    Ok(())
}

/// Tells the pump, and says whether it has heard.
async fn told(prepared: &mut Prepared) -> String {
    let why = match timeout(TELLING_MAX, tell(prepared)).await {
        Ok(Ok(())) => return "The pump has taken this remote's key back.".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    format!("The pump could not be told: {why}. The clinic takes this remote's key back at the pump.")
}

async fn tell(prepared: &mut Prepared) -> Result<(), NoSession> {
    for _ in 1..TRIES {
        if prepared.end_pairing().await.is_ok() {
            return Ok(());
        }
        sleep(TRIED_AGAIN).await;
    }
    prepared.end_pairing().await
}

/// Wipes record and keys. Gives the names of what is left.
fn wipe(data_dir: &Path) -> io::Result<Vec<String>> {
    for ending in BESIDE_RECORD {
        secret_file::wipe(&data_dir.join(format!("{RECORD}{ending}")))?;
    }
    for dir in [EXPORTS, KEYS].map(|name| data_dir.join(name)) {
        for path in paths_in(&dir)? {
            secret_file::wipe(&path)?;
        }
        match fs::remove_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    let names =
        paths_in(data_dir)?.into_iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    Ok(names.filter(|name| name != INSTANCE_LOCK).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_the_record_is_there_its_keys_are_too() {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join(KEYS);
        fs::create_dir(&keys).unwrap();
        fs::write(keys.join("device.key"), b"a key").unwrap();
        // A record that can't be wiped: without its key nobody could export it.
        fs::create_dir_all(dir.path().join(RECORD).join("no file")).unwrap();
        assert!(wipe(dir.path()).is_err());
        assert!(keys.join("device.key").exists());
    }
}

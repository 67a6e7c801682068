//! Writes the inputs that are made of real messages into the corpus, in place of those of an earlier version.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for (target, name, bytes) in pump_fuzz::seeds::all() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(name), bytes)?;
    }
    Ok(())
}

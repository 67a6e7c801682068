//! The program that runs: its digest, what it was installed as, and under which one a person last confirmed tone and display.
//!
//! The digest is compared with the one that the installation left beside the program, in `share/pump-remote` as `sha256sum`
//! writes it. That finds a card that rots and an update that was cut short. It finds nobody who can write both.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{hex, secret_file};

/// The program that runs, whatever its file is called by now.
pub const RUNNING: &str = "/proc/self/exe";
/// Where a confirmed program's digest is kept, in the data directory.
pub const CONFIRMED: &str = "confirmed.sha256";
/// A digest in hexadecimal digits.
const HEX_LEN: usize = 64;

/// Where the installation says what the program is: `/usr/share/pump-remote/pump-remote.sha256` for `/usr/bin/pump-remote`.
pub fn installed(program: &Path) -> Option<PathBuf> {
    let name = program.file_name()?.to_str()?;
    let share = program.parent()?.parent()?.join("share/pump-remote");
    Some(share.join(format!("{name}.sha256")))
}

/// The digest in a file; `None` if there is no such file. A file that holds something else holds a digest that nothing has, so
/// that it is told as a fault.
pub fn written(path: &Path) -> Option<[u8; 32]> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(_) => return Some([0; 32]),
    };
    Some(parse(&text).unwrap_or([0; 32]))
}

/// Keeps that a person has confirmed this program.
pub fn confirm(data_dir: &Path, digest: [u8; 32]) -> io::Result<()> {
    secret_file::replace(&data_dir.join(CONFIRMED), &[hex(&digest).as_bytes(), b"\n"])
}

fn parse(text: &[u8]) -> Option<[u8; 32]> {
    let hex = text.get(..HEX_LEN)?;
    let ends = text.get(HEX_LEN).is_none_or(u8::is_ascii_whitespace);
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        let pair = str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    ends.then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::file_digest;

    /// `printf abc | sha256sum`
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  /usr/bin/pump-remote\n";

    #[test]
    fn a_program_is_the_one_that_was_installed_until_a_byte_of_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("bin/pump-remote");
        let says = installed(&program).unwrap();
        assert_eq!(says, dir.path().join("share/pump-remote/pump-remote.sha256"));
        assert_eq!(written(&says), None, "nobody says what it must be");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::create_dir_all(says.parent().unwrap()).unwrap();
        fs::write(&program, "abc").unwrap();
        fs::write(&says, ABC).unwrap();
        assert_eq!(file_digest(&program).ok(), written(&says));
        fs::write(&program, "abd").unwrap();
        assert_ne!(file_digest(&program).ok(), written(&says));
    }

    #[test]
    fn what_is_no_digest_agrees_with_no_program() {
        let dir = tempfile::tempdir().unwrap();
        let says = dir.path().join("pump-remote.sha256");
        for text in ["", "abc", &ABC[1..], &ABC.replace('b', "g"), &format!("0{ABC}"), &format!("+{}", &ABC[1..])] {
            fs::write(&says, text).unwrap();
            assert_eq!(written(&says), Some([0; 32]), "{text}");
        }
    }

    #[test]
    fn what_was_confirmed_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(written(&dir.path().join(CONFIRMED)), None);
        let ours = file_digest(Path::new(RUNNING)).unwrap();
        confirm(dir.path(), ours).unwrap();
        assert_eq!(written(&dir.path().join(CONFIRMED)), Some(ours));
    }
}

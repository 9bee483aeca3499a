//! Files that must survive a crash, files that nobody else may read, and bytes given on the command line.

use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The owner alone.
    Owner,
    /// Everybody.
    All,
}

impl Readers {
    fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::All => 0o644,
        }
    }
}

/// Replaces a file as a whole: after a crash either the old or the new content is there, and the new one once this
/// returned.
pub(crate) fn replace(path: &Path, bytes: &[u8], readers: Readers) -> Result<()> {
    let next = path.with_extension("next");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(readers.mode()).open(&next)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        sync_directory(path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Creates a file that must not exist yet.
pub(crate) fn create(path: &Path, bytes: &[u8], readers: Readers) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(readers.mode()).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync_directory(path)
    };
    write().with_context(|| format!("cannot create {}", path.display()))
}

/// Appends to a file and returns once the bytes are on disk.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(Readers::Owner.mode()).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_directory(path)
}

/// Makes a file's name durable, which its own sync does not.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Reads a file, or says which one could not be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a file of exactly this length.
pub(crate) fn read_array<const N: usize>(path: &Path) -> Result<[u8; N]> {
    let bytes = read(path)?;
    let length = bytes.len();
    bytes.try_into().ok().with_context(|| {
        format!(
            "{} holds {length} bytes instead of {N}; restore it, or enrol again into a new directory",
            path.display()
        )
    })
}

/// Bytes as given on the command line: hex digits, `@FILE` for a file of raw bytes or hex, `-` for standard input.
pub(crate) fn given_bytes(text: &str) -> Result<Vec<u8>> {
    if text == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(text_or_raw(bytes));
    }
    match text.strip_prefix('@') {
        Some(path) => Ok(text_or_raw(read(Path::new(path))?)),
        None => parse_hex(text),
    }
}

/// A file's bytes: what its hex digits say when it holds nothing else, else as they are.
pub(crate) fn text_or_raw(bytes: Vec<u8>) -> Vec<u8> {
    let decoded =
        std::str::from_utf8(&bytes).ok().filter(|text| !text.trim().is_empty()).and_then(|text| parse_hex(text).ok());
    decoded.unwrap_or(bytes)
}

fn parse_hex(text: &str) -> Result<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    if digits.is_empty() {
        bail!("no bytes given; give hex digits, @FILE, or - for standard input");
    }
    let digits = digits.strip_prefix("0x").unwrap_or(&digits);
    if let Some((position, character)) = digits.char_indices().find(|(_, character)| !character.is_ascii_hexdigit()) {
        bail!("not hex: {character:?} at position {position}; give hex digits, @FILE, or - for standard input");
    }
    hex::decode(digits).ok().context("an odd number of hex digits: one is missing or one too many")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_as_hex_or_from_a_file() {
        assert_eq!(given_bytes("01 fF\n").unwrap(), [1, 255]);
        assert_eq!(given_bytes("0x01").unwrap(), [1]);
        for wrong in ["", "012", "xy", "@/nowhere/at/all"] {
            assert!(given_bytes(wrong).is_err(), "{wrong}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bytes");
        create(&path, b"0a0b\n", Readers::Owner).unwrap();
        let given = format!("@{}", path.display());
        assert_eq!(given_bytes(&given).unwrap(), [10, 11]);
        replace(&path, &[0, 1, 2], Readers::Owner).unwrap();
        assert_eq!(given_bytes(&given).unwrap(), [0, 1, 2]);
        assert!(create(&path, &[], Readers::All).is_err());
        assert!(read_array::<4>(&path).is_err());
        append(&path, &[3]).unwrap();
        assert_eq!(read_array::<4>(&path).unwrap(), [0, 1, 2, 3]);
    }
}

//! Every way in which a sealed file can fail to open is told apart from the others.

use super::*;

/// The lowest that argon2id allows: what is tested here is not its cost.
const CHEAP: Costs = Costs { memory_kib: 8, passes: 1, lanes: 1 };

struct Counting;

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.iter_mut().zip(1..).for_each(|(byte, count)| *byte = count);
    }
}

fn passphrase(text: &str) -> Unlock {
    Unlock::Passphrase(Zeroizing::new(text.to_owned()))
}

fn key_file(byte: u8) -> Unlock {
    Unlock::KeyFile(Zeroizing::new([byte; 32]))
}

/// A sealed file in a folder of its own.
fn sealed(unlock: &Unlock) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.sealed");
    seal(&path, b"thirty-six kilobytes of scalars", unlock, CHEAP, &Counting).unwrap();
    (folder, path)
}

fn altered(path: &Path, alter: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    alter(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_sealed_opens_with_its_passphrase_or_key_file() {
    for unlock in [passphrase("correct horse"), key_file(9)] {
        let (_folder, path) = sealed(&unlock);
        assert_eq!(open(&path, &unlock).unwrap().as_slice(), b"thirty-six kilobytes of scalars");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"thirty-six"), "the secret stands in the clear");
    }
}

#[test]
fn a_wrong_key_is_not_taken_for_damage() {
    let (_folder, path) = sealed(&passphrase("correct horse"));
    assert!(matches!(open(&path, &passphrase("correct hors")), Err(CustodyError::WrongKey)));
    assert!(matches!(open(&path, &key_file(9)), Err(CustodyError::OtherKeySource("a passphrase"))));
    let (_folder, path) = sealed(&key_file(9));
    assert!(matches!(open(&path, &key_file(8)), Err(CustodyError::WrongKey)));
    assert!(matches!(open(&path, &passphrase("x")), Err(CustodyError::OtherKeySource("a key file"))));
}

#[test]
fn damage_is_not_taken_for_a_wrong_key() {
    let unlock = key_file(9);
    for position in NONCE_AT..HEADER + 31 + TAG {
        let (_folder, path) = sealed(&unlock);
        altered(&path, |bytes| bytes[position] ^= 1);
        assert!(matches!(open(&path, &unlock), Err(CustodyError::Tampered)), "byte {position}");
    }
}

#[test]
fn no_altered_byte_goes_unnoticed() {
    let unlock = passphrase("correct horse");
    for position in 0..HEADER + 31 + TAG {
        let (_folder, path) = sealed(&unlock);
        altered(&path, |bytes| bytes[position] ^= 1);
        assert!(open(&path, &unlock).is_err(), "byte {position}");
    }
}

#[test]
fn a_truncated_file_is_called_truncated() {
    let unlock = key_file(9);
    for length in 0..HEADER + TAG {
        let (_folder, path) = sealed(&unlock);
        altered(&path, |bytes| bytes.truncate(length));
        assert!(matches!(open(&path, &unlock), Err(CustodyError::Truncated)), "{length} bytes");
    }
    let (_folder, path) = sealed(&unlock);
    altered(&path, |bytes| bytes.truncate(bytes.len() - 1));
    assert!(matches!(open(&path, &unlock), Err(CustodyError::Tampered)));
}

#[test]
fn other_files_and_other_versions_are_named() {
    let unlock = key_file(9);
    let (_folder, path) = sealed(&unlock);
    altered(&path, |bytes| bytes[8] = 2);
    assert!(matches!(open(&path, &unlock), Err(CustodyError::Version(2))));
    altered(&path, |bytes| bytes[0] = b'X');
    assert!(matches!(open(&path, &unlock), Err(CustodyError::NotSealed)));
}

#[test]
fn costs_out_of_bounds_are_refused_before_they_are_paid() {
    let unlock = passphrase("correct horse");
    let (_folder, path) = sealed(&unlock);
    altered(&path, |bytes| bytes[10] = 0xff);
    assert!(matches!(open(&path, &unlock), Err(CustodyError::Costs)));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_behind() {
    let unlock = key_file(9);
    let (folder, path) = sealed(&unlock);
    let before = std::fs::read(&path).unwrap();
    let again = seal(&path, b"another", &unlock, CHEAP, &Counting);
    assert!(matches!(again, Err(CustodyError::Exists(_))));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_others_can_read_is_not_opened() {
    let unlock = key_file(9);
    let (_folder, path) = sealed(&unlock);
    std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(open(&path, &unlock), Err(CustodyError::Exposed(_))));
}

#[test]
fn key_files_hold_bytes_or_hex_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let good: [&[u8]; 2] = [&[0x2a; 32], b"2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a\n"];
    for content in good {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(Unlock::key_file(&path).unwrap(), Unlock::KeyFile(key) if *key == [0x2a; 32]));
    }
    for content in [b"".as_slice(), &[1; 31], b"not hex"] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(Unlock::key_file(&path), Err(CustodyError::KeyFile)));
    }
}

#[test]
fn an_empty_passphrase_seals_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.sealed");
    let refused = seal(&path, b"secret", &passphrase(""), CHEAP, &Counting);
    assert!(matches!(refused, Err(CustodyError::EmptyPassphrase)));
    assert!(!path.exists());
}

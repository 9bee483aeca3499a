//! The committed vector files.

use std::fs;

use symbolon_ccks::{Authority, Suite, SuiteId};
use xtask::vectors::model::{Hex, InvalidVector, SchemeFile};

/// Reads the scheme file of a suite.
pub(crate) fn scheme<S: Suite>() -> SchemeFile {
    let short_name = match S::ID {
        SuiteId::P256Sha256 => "p256",
        SuiteId::Secp256k1Sha256 => "secp256k1",
    };
    let path = xtask::vectors::folder().join(format!("scheme-{short_name}.json"));
    let scheme: SchemeFile = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(scheme.suite, S::NAME);
    scheme
}

/// The authority of a scheme file.
pub(crate) fn authority<S: Suite>(scheme: &SchemeFile) -> Authority<'static, S> {
    Authority::parse(&scheme.authority.parameters.0).unwrap()
}

/// Reads every invalid vector there is, by its file's name.
pub(crate) fn invalid() -> Vec<(String, InvalidVector)> {
    let folder = fs::read_dir(xtask::vectors::folder().join("invalid")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(path.extension().unwrap_or_default(), "json", "{name}");
        let text = fs::read_to_string(&path).unwrap();
        let vector: InvalidVector = serde_json::from_str(&text).unwrap();
        // A field that this test would not see would be lost on the way back.
        assert_eq!(serde_json::to_string_pretty(&vector).unwrap().trim(), text.trim(), "{name}");
        (name, vector)
    };
    paths.map(read).collect()
}

/// A field of fixed length.
pub(crate) fn fixed<const N: usize>(hex: &Hex) -> [u8; N] {
    hex.0.as_slice().try_into().unwrap()
}

#[test]
fn committed_files_are_as_generated() {
    let generated = xtask::vectors::generate().unwrap();
    let differing = xtask::vectors::differing_files(&generated).unwrap();
    assert!(differing.is_empty(), "run `cargo xtask vectors`, and explain why these changed: {differing:?}");
}

#[test]
fn there_are_enough_of_each() {
    for scheme in [scheme::<symbolon_ccks::P256>(), scheme::<symbolon_ccks::Secp256k1>()] {
        assert!(scheme.credentials.len() >= 8);
        assert!(scheme.institutions.len() >= 3);
        assert!(scheme.signatures.len() >= 14);
        assert!(scheme.taps.len() >= 10);
        assert!(scheme.uploads.len() >= 2);
        assert!(scheme.misuse.len() >= 4);
        let invalid = invalid();
        let of_suite = invalid.iter().filter(|(_, vector)| vector.suite == scheme.suite).count();
        assert!(of_suite >= 60 && of_suite * 2 == invalid.len(), "{of_suite} of {}", invalid.len());
    }
}

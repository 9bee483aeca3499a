//! What processes that run one role each have written down.

use super::Processes;
use crate::holder::Holder;
use std::{fs, path::Path};
use symbolon_ccks::CompressedPoint;

/// Something that some roles know and no other may.
pub(super) struct Known {
    what: &'static str,
    bytes: Vec<u8>,
    to: &'static [&'static str],
}

/// What a card, its account and its pseudonyms are known by, with the points that the wallet drew.
pub(super) fn of(card: &Holder, account: &str, pseudonyms: &[Holder], points: &[CompressedPoint]) -> Vec<Known> {
    let handle = account.rsplit('-').next().unwrap();
    let known = |what, bytes: &[u8], to| Known { what, bytes: bytes.to_vec(), to };
    let mut all = vec![
        known("the card's number", card.credential().identity().subject().as_bytes(), &["attester"]),
        known("the account's handle", &hex::decode(handle).unwrap(), &["attester", "clearing"]),
    ];
    for pseudonym in pseudonyms {
        let credential = pseudonym.credential();
        let subject = credential.identity().subject();
        all.push(known("a pseudonym's subject", subject.as_bytes(), &["issuer", "clearing", "exchange"]));
        let x = &credential.reconstruction_point().as_bytes()[1..];
        all.push(known("a pseudonym's P", x, &["issuer", "exchange"]));
    }
    all.extend(points.iter().map(|point| known("a pseudonym's U", &point.as_bytes()[1..], &["issuer"])));
    all
}

impl Processes {
    /// Holds that everything is in the files of the databases of those who know it, that nothing is in any other's, and
    /// that the log, which all write, holds none of it.
    pub(super) fn know_what_they_may(&self, all: &[Known]) {
        let log = fs::read(self.city.log_file()).unwrap();
        for Known { what, bytes, to } in all {
            assert!(!is_in(&log, bytes), "{what} is in the log");
            for (role, config) in &self.configs {
                let found = databases(config.parent().unwrap()).iter().any(|file| is_in(file, bytes));
                assert_eq!(found, to.contains(role), "{what} with the {role}");
            }
        }
    }
}

/// The files of the databases in a folder, with their logs.
fn databases(folder: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.file_name().unwrap().to_string_lossy().contains(".db"));
    files.map(|path| fs::read(path).unwrap()).collect()
}

/// Whether a text or file holds these bytes, raw or in hex.
fn is_in(text: &[u8], bytes: &[u8]) -> bool {
    let written = [bytes.to_vec(), hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()];
    written.iter().any(|written| text.windows(written.len()).any(|window| window == written))
}

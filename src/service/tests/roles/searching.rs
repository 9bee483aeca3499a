//! Searching whatever there is for whatever should not be.

use std::collections::HashMap;

use crate::secrets::Secret;

/// Something written, and where it was found.
pub(crate) struct Haystack {
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
    /// A whole database file, of which numbers cannot be told from anything else.
    pub(crate) is_file: bool,
}

impl Haystack {
    pub(crate) fn new(place: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { place: place.into(), bytes: bytes.into(), is_file: false }
    }

    pub(crate) fn file(place: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { place: place.into(), bytes, is_file: true }
    }
}

/// Bytes by which a place is looked at more closely.
const KEY: usize = 4;

/// Tells everything that is found, in words.
pub(crate) fn find<'s>(
    haystacks: &[Haystack],
    secrets: impl Iterator<Item = &'s Secret>,
) -> impl Iterator<Item = String> {
    let mut needles = HashMap::<[u8; KEY], Vec<(Vec<u8>, String)>>::new();
    let mut minutes = HashMap::new();
    for secret in secrets {
        if secret.is_time() {
            minutes.insert(secret.second() / 60, secret.to_string());
            // As the lower half of any longer number.
            let low = secret.bytes[4..].to_vec();
            needles.entry(low[..].try_into().unwrap()).or_default().push((low, secret.to_string()));
        } else {
            for written in secret.ways_of_writing() {
                let key = *written.first_chunk().unwrap();
                needles.entry(key).or_default().push((written, secret.to_string()));
            }
        }
    }
    let mut starts = vec![false; 1 << 16];
    needles.keys().for_each(|key| starts[usize::from(u16::from_be_bytes([key[0], key[1]]))] = true);
    let mut found = Vec::new();
    for Haystack { place, bytes, is_file } in haystacks {
        for (at, window) in bytes.windows(KEY).enumerate() {
            if !starts[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
                continue;
            }
            let Some(candidates) = needles.get(window) else { continue };
            let matches = candidates.iter().filter(|(written, _)| bytes[at..].starts_with(written));
            found.extend(matches.map(|(_, secret)| format!("{place}: {secret}")));
        }
        if !is_file && !minutes.is_empty() {
            let times = decimals(bytes).into_iter().filter_map(|number| minutes.get(&(number / 60)));
            found.extend(times.map(|secret| format!("{place}: {secret}")));
        }
    }
    found.into_iter()
}

/// Every number written in decimal digits.
fn decimals(bytes: &[u8]) -> Vec<u64> {
    let runs = bytes.split(|byte| !byte.is_ascii_digit()).filter(|run| !run.is_empty());
    runs.filter_map(|run| std::str::from_utf8(run).ok()?.parse().ok()).collect()
}

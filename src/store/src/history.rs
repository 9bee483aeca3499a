//! Which migrations a database went through, held against those that this program has.

use std::collections::BTreeMap;

use refinery::Migration;

/// Name and checksum of what was run, by version.
pub(crate) type Applied = BTreeMap<i64, (String, String)>;

/// What was run has to be what this program would have run, up to where it was run.
///
/// # Errors
/// What is otherwise, in words.
pub(crate) fn check(known: &[Migration], applied: &Applied) -> Result<(), String> {
    let newest = applied.keys().next_back().copied().unwrap_or_default();
    for (version, (name, checksum)) in applied {
        let migration = known.iter().find(|migration| i64::from(migration.version()) == *version);
        match migration {
            None => return Err(format!("V{version} ({name}) is of a newer program")),
            Some(known) if known.checksum().to_string() != *checksum => {
                return Err(format!("V{version} ({name}) is not what this program knows by that number"));
            }
            Some(_) => {}
        }
    }
    let left_out = known.iter().map(|migration| i64::from(migration.version()));
    match left_out.filter(|version| *version < newest).find(|version| !applied.contains_key(version)) {
        Some(version) => Err(format!("V{version} was left out")),
        None => Ok(()),
    }
}

//! The test vectors: made the same in every run, written to `tests/vectors/`, compared with what is there.

mod cast;
pub mod city;
mod commands;
mod invalid;
mod linkage;
pub mod model;
mod pseudonyms;
mod settling;
mod signing;
mod tapping;
mod terminals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use symbolon_ccks::{P256, Secp256k1};

use cast::Cast;
use model::SchemeFile;
use model::pseudonyms::PseudonymFile;
use model::terminals::TerminalFile;
use settling::Drawn;

/// The folder that the vectors are kept in.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// Writes the vectors, or with `check` compares them with the files that are there.
///
/// # Errors
/// When a file cannot be read or written, or with `check` when one differs, is missing or is left over.
pub fn run(check: bool) -> Result<()> {
    let generated = generate()?;
    if check {
        let differing = differing_files(&generated)?;
        if !differing.is_empty() {
            bail!("these files are not what `cargo xtask vectors` writes: {}", differing.join(", "));
        }
        println!("{} vector files are as generated", generated.len());
        return Ok(());
    }
    let folder = folder();
    for name in committed_files(&folder)?.into_keys().filter(|name| !generated.contains_key(name)) {
        fs::remove_file(folder.join(&name)).with_context(|| format!("cannot remove {name}"))?;
    }
    fs::create_dir_all(folder.join("invalid")).context("cannot create tests/vectors/invalid")?;
    for (name, content) in &generated {
        fs::write(folder.join(name), content).with_context(|| format!("cannot write {name}"))?;
    }
    println!("wrote {} vector files to tests/vectors", generated.len());
    Ok(())
}

/// Every vector file by its path in the folder, as it must be.
///
/// # Errors
/// When a vector cannot be written as JSON.
pub fn generate() -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut pseudonyms = PseudonymFile {
        linkage: linkage::linkage(),
        periods: linkage::periods(),
        published: linkage::published(),
        sealed_values: pseudonyms::sealed_values(),
        clearing_tags: pseudonyms::clearing_tags(),
        issuance: pseudonyms::issuance(),
        pseudonyms: Vec::new(),
        requests: Vec::new(),
        rfc_9180: pseudonyms::rfc_9180(),
    };
    let mut terminals = TerminalFile {
        rules: terminals::rules(),
        tariffs: terminals::tariffs(),
        fares: terminals::fares(),
        refused_commands: commands::refused_commands(),
        statuses: commands::statuses(),
        credits: commands::credits(),
        frames: commands::frames(),
        lines: commands::lines(),
        ..TerminalFile::default()
    };
    generate_suite::<P256>("p256", &mut files, &mut pseudonyms, &mut terminals)?;
    generate_suite::<Secp256k1>("secp256k1", &mut files, &mut pseudonyms, &mut terminals)?;
    files.insert("linkage-and-pseudonyms.json".to_owned(), pretty(&pseudonyms)?);
    files.insert("terminals.json".to_owned(), pretty(&terminals)?);
    Ok(files)
}

/// Which of the files in the folder differ from `generated`, are missing, or are left over.
///
/// # Errors
/// When the folder cannot be read.
pub fn differing_files(generated: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let committed = committed_files(&folder())?;
    let mut names: Vec<_> = generated.keys().chain(committed.keys()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.into_iter().filter(|name| generated.get(*name) != committed.get(*name)).cloned().collect())
}

fn generate_suite<S: Drawn>(
    short_name: &str,
    files: &mut BTreeMap<String, String>,
    of_both: &mut PseudonymFile,
    for_terminals: &mut TerminalFile,
) -> Result<()> {
    let cast = Cast::<S>::new();
    let scheme = SchemeFile {
        suite: S::NAME.to_owned(),
        authority: cast.city.vector(),
        credentials: cast.credential_vectors(),
        institutions: signing::institutions(&cast),
        signatures: signing::signatures(&cast),
        taps: tapping::taps(&cast),
        uploads: settling::uploads(&cast),
        misuse: settling::misuse(&cast),
    };
    files.insert(format!("scheme-{short_name}.json"), pretty(&scheme)?);
    for vector in invalid::all(&cast) {
        let name = format!("invalid/{short_name}-{}.json", vector.file_name);
        if files.insert(name.clone(), pretty(&vector)?).is_some() {
            bail!("two invalid vectors are called {name}");
        }
    }
    let pseudonyms = pseudonyms::pseudonyms(&cast.city);
    of_both.requests.push(pseudonyms::request::<S>(&pseudonyms));
    of_both.pseudonyms.extend(pseudonyms.into_iter().map(|pseudonym| pseudonym.vector));
    for_terminals.vouchers.extend(terminals::vouchers(&cast));
    for_terminals.bundles.extend(terminals::bundles(&cast));
    for_terminals.exchanges.extend(commands::card_exchanges(&cast));
    for_terminals.exchanges.extend(commands::port_exchanges(&cast));
    if for_terminals.filters.is_empty() {
        // They know no suite; a bundle, which does, is only what they are read from.
        for_terminals.filters = terminals::filters(&cast);
    }
    Ok(())
}

fn pretty(value: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

/// The JSON files that are there, by their path in the folder.
fn committed_files(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (directory, prefix) in [(folder.to_owned(), ""), (folder.join("invalid"), "invalid/")] {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot list {}", directory.display())),
        };
        for entry in entries {
            let path = entry.context("cannot list the vectors")?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let content = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                files.insert(format!("{prefix}{name}"), content);
            }
        }
    }
    Ok(files)
}

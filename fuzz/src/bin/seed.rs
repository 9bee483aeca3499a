//! Writes the seed corpus, or with `--check` says whether the committed one is what would be written.
//!
//! Inputs that a fuzzer found and somebody kept (a file called `found-*`) are left alone.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use symbolon_fuzz::seeds;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let wanted: BTreeMap<PathBuf, Vec<u8>> =
        seeds::all().into_iter().map(|seed| (corpus.join(seed.target).join(seed.name), seed.bytes)).collect();
    let present = committed(&corpus)?;
    if std::env::args().any(|argument| argument == "--check") {
        if present == wanted {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("fuzz/corpus is not what the generator writes: run `cargo run --bin seed` in fuzz/");
        return Ok(ExitCode::FAILURE);
    }
    for path in present.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(path)?;
    }
    for (path, bytes) in &wanted {
        fs::create_dir_all(path.parent().unwrap_or(&corpus))?;
        fs::write(path, bytes)?;
    }
    println!("{} seeds in {}", wanted.len(), corpus.display());
    Ok(ExitCode::SUCCESS)
}

/// The files of the corpus that the generator answers for.
fn committed(corpus: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    if !corpus.exists() {
        return Ok(files);
    }
    for target in fs::read_dir(corpus)? {
        for file in fs::read_dir(target?.path())? {
            let file = file?;
            if !file.file_name().to_string_lossy().starts_with("found-") {
                files.insert(file.path(), fs::read(file.path())?);
            }
        }
    }
    Ok(files)
}

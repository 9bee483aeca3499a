//! The key that opens the authority's sealed secrets: asked for, or out of a file.

use crate::{cli, files};
use anyhow::{Context, Result, ensure};
use symbolon_service::custody::Unlock;
use zeroize::Zeroizing;

/// Whether a passphrase is chosen or given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passphrase {
    /// It is chosen now, and asked for twice.
    New,
    /// It was chosen before.
    Known,
}

/// The passphrase or key file that the command line names; else the passphrase is asked for.
pub(super) fn unlock(arguments: &cli::Unlock, passphrase: Passphrase) -> Result<Unlock> {
    if let Some(path) = &arguments.key_file {
        return Unlock::key_file(path).with_context(|| format!("the key file {} cannot be used", path.display()));
    }
    if let Some(path) = &arguments.passphrase_file {
        let bytes = Zeroizing::new(files::read(path)?);
        let text = std::str::from_utf8(&bytes).with_context(|| format!("{} is not text", path.display()))?;
        let line = text.lines().next().unwrap_or_default();
        ensure!(!line.is_empty(), "the first line of {} is empty; put the passphrase there", path.display());
        return Ok(Unlock::Passphrase(Zeroizing::new(line.to_owned())));
    }
    let given = ask("Passphrase of the authority: ")?;
    if passphrase == Passphrase::New {
        ensure!(*ask("The same again: ")? == *given, "the two passphrases differ; nothing was made");
    }
    ensure!(!given.is_empty(), "the passphrase is empty; choose one, or give --key-file");
    Ok(Unlock::Passphrase(given))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    let answer = rpassword::prompt_password(prompt)
        .context("there is no terminal to ask for the passphrase on; give --passphrase-file or --key-file")?;
    Ok(Zeroizing::new(answer))
}

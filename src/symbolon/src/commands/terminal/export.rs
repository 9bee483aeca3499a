//! `symbolon terminal export`: what the maker of a device puts into it.

use crate::{
    cli::TerminalExport,
    files::{self, Readers},
    output::Output,
    state::terminal::TerminalFolder,
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{fs, os::unix::fs::DirBuilderExt as _, process::ExitCode};
use symbolon_ccks::{Authority, AuthorityId, Suite, prepare_parameters};
use symbolon_tap::Successor;

/// The terminal's key, which nobody but the device may have.
const SECRET: &str = "terminal.secret";

pub(super) fn run<S: Suite>(folder: &TerminalFolder, arguments: &TerminalExport, output: &Output) -> Result<ExitCode> {
    let holder = folder.holder();
    let authority = holder.authority::<S>()?;
    let key = holder.key(&authority)?;
    let mut exported = vec![
        ("authority.id", authority.id().as_bytes().to_vec()),
        ("authority.key", authority.own_key().to_vec()),
        ("authority.prepared", prepare_parameters(&holder.parameters()?)?),
        ("terminal.credential", holder.credential()?.as_bytes().to_vec()),
    ];
    exported.extend(folder.bundle()?.map(|bundle| ("bundle", bundle)));
    exported.extend(successor(arguments, &authority)?);
    let out = &arguments.out;
    let begun = fs::DirBuilder::new().mode(0o700).create(out);
    begun.with_context(|| format!("cannot create the folder {}; it must not exist yet", out.display()))?;
    for (name, bytes) in &exported {
        files::create(&out.join(name), bytes, Readers::All)?;
    }
    files::create(&out.join(SECRET), &*key.secret_bytes(), Readers::Owner)?;
    let names = exported.iter().map(|(name, _)| *name).chain([SECRET]).collect::<Vec<_>>();
    let text = format!(
        "Wrote {} to {}.\n\n{SECRET} is the terminal: put it into the device, and destroy this folder and the terminal's own. \
         Two that have it repeat each other's nonces and uploads.",
        names.join(", "),
        out.display()
    );
    output.answer(&text, &json!({ "folder": out, "files": names }))?;
    Ok(ExitCode::SUCCESS)
}

/// The next authority's parameters and the statement that names it, where they are given.
fn successor<S: Suite>(
    arguments: &TerminalExport,
    authority: &Authority<'_, S>,
) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let (Some(parameters), Some(statement)) = (&arguments.successor, &arguments.statement) else {
        return Ok(Vec::new());
    };
    let (parameters, statement) = (files::read(parameters)?, files::text_or_raw(files::read(statement)?));
    let prepared = prepare_parameters(&parameters).context("these are not the parameters of a successor")?;
    let named = Successor::parse(&statement).context("this is not a successor statement")?;
    if named.verify(authority).is_err() {
        bail!("the rotation key of the terminal's authority did not sign this statement");
    }
    let id = AuthorityId::from_bytes(Sha256::digest(&parameters).into());
    ensure!(*named.next_authority() == id, "the statement names another successor than these parameters");
    Ok(vec![
        ("successor.id", id.as_bytes().to_vec()),
        ("successor.prepared", prepared),
        ("successor.statement", statement),
    ])
}

//! `symbolon card accept-issuer-key`.

use crate::{output::Output, state::card::CardFolder};
use anyhow::{Context, Result};
use serde_json::json;
use std::process::ExitCode;
use symbolon_ccks::Suite;

pub(super) fn run<S: Suite>(folder: &CardFolder, digest: &str, output: &Output) -> Result<ExitCode> {
    let bytes = hex::decode(digest).ok().and_then(|bytes| bytes.try_into().ok());
    let bytes: [u8; 32] = bytes.context("the digest of an issuer's key has 64 hex digits")?;
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    folder.purse(&authority, &key)?.accept_issuer_key(bytes)?;
    let text = format!("From now on the card believes the issuer's key of digest {digest}, and no other.");
    output.answer(&text, &json!({ "accepted": digest }))?;
    Ok(ExitCode::SUCCESS)
}

//! `symbolon verify-proof`.

use crate::{
    cli,
    connect::parse_authority_id,
    files,
    output::Output,
    proof::{self, Checked, ProofFile},
};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::{fmt::Write, process::ExitCode};
use symbolon::calendar::{money, utc};
use symbolon_tap::misuse::{Convicts, Proves};

pub(super) fn run(arguments: &cli::VerifyProof, output: &Output) -> Result<ExitCode> {
    let file = ProofFile::read(&arguments.file)?;
    let parameters = files::read(&arguments.parameters)?;
    let checked = proof::check(&file, &parameters)?;
    if let Some(expected) = &arguments.authority_id {
        ensure!(
            parse_authority_id(expected)? == checked.authority_id,
            "{} is the authority {}, not the one you gave",
            arguments.parameters.display(),
            checked.authority_id
        );
    }
    output.answer(&to_text(&checked), &to_json(&checked))?;
    Ok(match checked.proves {
        Proves::Nothing(_) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

fn to_json(checked: &Checked) -> Value {
    let why = match checked.proves {
        Proves::Nothing(why) => Some(why.to_string()),
        _ => None,
    };
    json!({
        "authority_id": checked.authority_id.to_string(),
        "proves": checked.proves.name(),
        "why_nothing": why,
        "convicts": checked.convicts.name(),
        "items": checked.items.len(),
        "credential_digest": checked.credential.map(|credential| credential.digest().to_string()),
        "subject": checked.credential.map(|credential| credential.identity().subject().to_string()),
        "archive_binds": checked.archive_binds,
    })
}

/// The finding in words.
pub(crate) fn to_text(checked: &Checked) -> String {
    let mut text = String::new();
    let verdict = match checked.proves {
        Proves::DoubleUse => "PROVEN: double use. One credential signed two transactions under one counter.".to_owned(),
        Proves::Overspend => "PROVEN: overspend. The transactions sum to more than the credential's budget.".to_owned(),
        Proves::Nothing(why) => format!("NOT PROVEN: {why}."),
    };
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{verdict}\n");
    for (number, item) in (1..).zip(&checked.items) {
        let (terms, presentation) = (item.terms(), item.presentation());
        let _ = writeln!(
            text,
            "  {number:>3}. counter {:>6}  {}  {:<8}  {:>12}  terminal {:.16}",
            presentation.counter(),
            utc(terms.time().seconds()),
            terms.kind().name(),
            money(terms.amount().into(), terms.currency()),
            item.terminal().to_string(),
        );
    }
    if let Some(credential) = &checked.credential {
        let _ = writeln!(text, "\ncredential  {}", credential.digest());
        let _ = writeln!(text, "subject     {}", credential.identity().subject());
    }
    let _ = writeln!(text, "authority   {}", checked.authority_id);
    let _ = writeln!(text, "\n{}", conviction(checked));
    text
}

fn conviction(checked: &Checked) -> String {
    match checked.convicts {
        Convicts::Nobody => "It convicts nobody.".to_owned(),
        Convicts::Credential => format!(
            "It convicts the credential, which may be blocked, but no person: {}. An issuer could have made itself \
             a second key for the same identity.",
            checked.missing
        ),
        Convicts::Person => "It convicts the person whose registered key signed the request for this credential: \
                             the archive shows that the credential was issued over the point that this person asked for."
            .to_owned(),
    }
}

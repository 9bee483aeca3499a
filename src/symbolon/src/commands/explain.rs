//! `symbolon explain`.

use crate::{cli, files, output::Output};
use anyhow::Result;
use serde_json::{Value, json};
use std::process::ExitCode;
use symbolon::explain::{Explanation, Finding, explain, known};

pub(super) fn run(arguments: &cli::Explain, output: &Output) -> Result<ExitCode> {
    let bytes = files::given_bytes(&arguments.bytes)?;
    let finding = explain(&bytes);
    output.answer(&finding.to_string(), &to_json(&finding, bytes.len()))?;
    Ok(match finding {
        Finding::Recognised(_) => ExitCode::SUCCESS,
        Finding::Refused(_) | Finding::Unknown { .. } => ExitCode::FAILURE,
    })
}

fn to_json(finding: &Finding, length: usize) -> Value {
    let (recognised, list) = match finding {
        Finding::Recognised(list) => (true, list.as_slice()),
        Finding::Refused(list) => (false, list.as_slice()),
        Finding::Unknown { .. } => (false, [].as_slice()),
    };
    let accepted: Vec<_> = match finding {
        Finding::Unknown { .. } => known()
            .map(|(name, length, about)| json!({ "structure": name, "length": length, "about": about }))
            .collect(),
        _ => Vec::new(),
    };
    json!({
        "length": length,
        "recognised": recognised,
        "structures": list.iter().map(explanation_to_json).collect::<Vec<_>>(),
        "accepted": accepted,
    })
}

fn explanation_to_json(explanation: &Explanation) -> Value {
    let fields: Vec<_> = explanation
        .fields
        .iter()
        .map(|field| {
            json!({
                "offset": field.offset,
                "length": field.length,
                "name": field.name,
                "hex": field.hex,
                "meaning": field.meaning,
                "legal": field.legal,
            })
        })
        .collect();
    json!({
        "structure": explanation.structure,
        "about": explanation.about,
        "problem": explanation.problem,
        "fields": fields,
    })
}

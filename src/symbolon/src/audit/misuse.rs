//! Proofs of misuse: one for each offence, each proving what it says, and none of nobody's doing.

use rusqlite::Row;
use symbolon_ccks::{Authority, Credential, Suite};
use symbolon_tap::misuse::{Item, Proves, check};

use super::{
    Result,
    copies::{Databases, Place, join, short},
    records::sha256,
    report::Found,
};

/// A proof as it is kept.
struct Proof {
    id: i64,
    kind: i64,
    credential: Vec<u8>,
    items: Vec<u8>,
}

/// An offence that was recomputed.
struct Offence {
    kind: i64,
    place: i64,
    answered: Option<i64>,
}

pub(super) fn compare<S: Suite>(databases: &Databases, authority: &Authority<'_, S>, found: &mut Found) -> Result<()> {
    let mut expected = databases
        .notes
        .prepare("SELECT credential, offence, kind, place, answered FROM offences ORDER BY credential, offence")?;
    let mut kept = databases.exchange.prepare(
        "SELECT credential_digest, offence, id, kind, credential, items FROM misuse ORDER BY credential_digest, offence",
    )?;
    let key = |row: &Row<'_>| Ok::<_, rusqlite::Error>((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
    let offence =
        |row: &Row<'_>| Ok((key(row)?, Offence { kind: row.get(2)?, place: row.get(3)?, answered: row.get(4)? }));
    let proof = |row: &Row<'_>| {
        Ok((key(row)?, Proof { id: row.get(2)?, kind: row.get(3)?, credential: row.get(4)?, items: row.get(5)? }))
    };
    join(expected.query_map([], offence)?, kept.query_map([], proof)?, |(credential, offence), expected, kept| {
        match (expected.first(), kept.first()) {
            (Some(expected), Some(kept)) => {
                let place = Place(expected.place);
                if expected.answered.is_some_and(|answered| answered != kept.id) {
                    found.add("altered_proof", place, format!("proof {}", kept.id), "another one in the answer");
                }
                if expected.kind != kept.kind {
                    found.add("altered_proof", place, name(expected.kind), name(kept.kind));
                }
                if let Some(problem) = problem(authority, kept, &credential, &offence) {
                    found.add("altered_proof", format!("proof {}", kept.id), name(kept.kind), problem);
                }
            }
            (Some(expected), None) => {
                found.add("missing_proof", Place(expected.place), name(expected.kind), "no proof");
            }
            (None, Some(kept)) => {
                let place = format!("proof {} of credential {}", kept.id, short(&credential));
                found.add("unfounded_proof", place, "no misuse", name(kept.kind));
            }
            (None, None) => {}
        }
        Ok(())
    })
}

const fn name(kind: i64) -> &'static str {
    match kind {
        1 => "a double use",
        2 => "spending beyond the budget",
        _ => "an unknown kind",
    }
}

/// Why a proof is not what it is kept as.
fn problem<S: Suite>(
    authority: &Authority<'_, S>,
    proof: &Proof,
    credential: &[u8],
    offence: &[u8],
) -> Option<&'static str> {
    let Ok(items) = Item::parse_all(&proof.items) else { return Some("items that do not read") };
    let finding = check(authority, items);
    let proves = match finding.proves() {
        Proves::DoubleUse => 1,
        Proves::Overspend => 2,
        Proves::Nothing(_) => return Some("items that prove nothing"),
    };
    if proves != proof.kind {
        return Some("items that prove something else");
    }
    let of = Credential::parse(&proof.credential).ok().map(Credential::digest);
    if finding.credential_digest() != of || of.is_none_or(|of| of.as_bytes() != credential) {
        return Some("items of another credential");
    }
    let last = items.last().map(|item| {
        let agreement = sha256(&[item.terms().as_bytes(), item.terminal().as_bytes()]);
        sha256(&[&agreement, &item.presentation().counter().to_be_bytes()])
    });
    (last.is_none_or(|last| last != *offence)).then_some("items that end with another record")
}

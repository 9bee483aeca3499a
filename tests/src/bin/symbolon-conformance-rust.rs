//! The verifier in Rust behind the lines of `docs/conformance.md`: what `symbolon-conformance` is run against, and an
//! example for others.
//!
//! With `--careless` it is wrong on purpose, in a way that taps alone hardly show: it does not verify signatures.

use std::io::{self, BufRead, Write};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use symbolon_ccks::{Authority, AuthorityId, Credential, P256, Secp256k1, SigningKey, Source, Suite, Time};
use symbolon_tap::Kind;
use symbolon_tests::{
    fresh::Fresh,
    runner::{Answer, Case, Ready, Setup},
};
use symbolon_verifier::{BundleRefused, Devices, Domain, Policy, Request, Seen, Terminal};
use xtask::vectors::model::Hex;

fn main() -> io::Result<()> {
    let careless = std::env::args().any(|argument| argument == "--careless");
    let mut lines = io::stdin().lock().lines();
    let Some(first) = lines.next() else { return Ok(()) };
    let setup: Setup = serde_json::from_str(&first?)?;
    match setup.suite.as_str() {
        P256::NAME => serve::<P256>(&setup, lines, careless),
        Secp256k1::NAME => serve::<Secp256k1>(&setup, lines, careless),
        _ => say(&Ready { ready: false }),
    }
}

fn say(line: &impl serde::Serialize) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(line)?)?;
    output.flush()
}

fn serve<S: Suite>(setup: &Setup, lines: impl Iterator<Item = io::Result<String>>, careless: bool) -> io::Result<()> {
    let id = AuthorityId::from_bytes(fixed(&setup.authority_id)?);
    // As a device does: out of the prepared form, in place.
    let authority = Authority::<S>::open(Source::Memory(&setup.prepared.0), &id).map_err(other)?;
    say(&Ready { ready: true })?;
    for line in lines {
        let case: Case = serde_json::from_str(&line?)?;
        let mut reason = judge(&authority, &case)?;
        if careless && matches!(reason, Some("bad_signature" | "voucher_refused")) {
            reason = None;
        }
        let verdict = if reason.is_none() { "accepted" } else { "declined" };
        say(&Answer { case: case.case, verdict: verdict.to_owned(), reason: reason.map(str::to_owned) })?;
    }
    Ok(())
}

/// What a terminal that has just been made says to a case: the reason, or `None` when it accepts.
fn judge<S: Suite>(authority: &Authority<'_, S>, case: &Case) -> io::Result<Option<&'static str>> {
    let credential = Credential::parse(&case.credential.0).map_err(other)?;
    let key = SigningKey::from_credential(authority, credential, &fixed(&case.secret)?).map_err(other)?;
    let domain = Domain::new(authority, &key).map_err(other)?;
    let now = Time::new(case.now).map_err(other)?;
    let devices = Devices { clock: || now, random: ChaCha20Rng::seed_from_u64(1), storage: Fresh };
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = Terminal::new(domain, Policy::WITHOUT_BUNDLE, devices, &mut memory);
    match case.structure.as_str() {
        "tap" => {
            let asked = match terminal.resume(field(&case.select)?, field(&case.challenge)?) {
                Ok(asked) => asked,
                Err(reason) => return Ok(Some(reason.name())),
            };
            Ok(terminal.decide(asked, field(&case.presentation)?).reason().map(|reason| reason.name()))
        }
        "select" => {
            let sector = credential.identity().sectors().iter().next().ok_or_else(|| other("no sector"))?;
            let request = Request { kind: Kind::Purchase, sector, amount: 1, reference: [0; 16] };
            let asked = terminal.challenge(field(&case.select)?, &request);
            Ok(asked.err().map(|refusal| refusal.reason().name()))
        }
        "bundle" => match terminal.install(&[Source::Memory(field(&case.bundle)?)]) {
            Ok(()) => Ok(None),
            Err(BundleRefused::Malformed(_)) => Ok(Some("malformed")),
            Err(BundleRefused::BadSignature) => Ok(Some("bad_signature")),
            Err(BundleRefused::OtherAuthority) => Ok(Some("wrong_authority")),
            Err(refused) => Err(other(refused)),
        },
        "voucher" => {
            let asked = terminal.challenge_voucher(field(&case.select)?, field(&case.voucher)?);
            Ok(asked.err().map(|refusal| refusal.reason().name()))
        }
        unknown => Err(other(format!("there is no structure {unknown}"))),
    }
}

fn field(field: &Option<Hex>) -> io::Result<&[u8]> {
    field.as_ref().map(|hex| hex.0.as_slice()).ok_or_else(|| other("a field is missing"))
}

fn fixed<const N: usize>(hex: &Hex) -> io::Result<[u8; N]> {
    hex.0.as_slice().try_into().map_err(other)
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn other(error: impl ToString) -> io::Error {
    io::Error::other(error.to_string())
}

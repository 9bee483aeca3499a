//! Test vectors on the board: each case is given to a terminal that has just been made, and the verdict is written to
//! the console, `NUMBER accepted` or `NUMBER` and the reason's name.
//!
//! It is an image of its own: a terminal's has no way to take up a challenge that it did not make. The cases lie where
//! a terminal has its maker's block: "SYMBCASE", the authority id, the prepared parameters, how many cases there are (4
//! bytes), then each as the first letter of its structure, the clock (8 bytes), the credential, the key, and the
//! select response, challenge, presentation, bundle and voucher. What has no fixed length above follows its length in
//! 4 bytes, and so do the credential and the key; all numbers are big-endian.
#![no_std]
#![no_main]

mod cases;
mod fresh;

use board::host;
use board::random::Random;
use cases::{Case, Cases};
use cortex_m_rt::entry;
use fresh::Fresh;
use symbolon_ccks::{Authority, AuthorityId, Credential, SigningKey, Source, Time};
use symbolon_tap::Kind;
use symbolon_verifier::{BundleRefused, Devices, Domain, Policy, Request, Seen, Terminal};

#[cfg(feature = "p256")]
use symbolon_ccks::P256 as Curve;
#[cfg(feature = "secp256k1")]
use symbolon_ccks::Secp256k1 as Curve;

#[entry]
fn main() -> ! {
    let done = judge_all().is_some();
    host::exit(if done { 0 } else { 1 })
}

/// Judges every case; `None` when the memory does not hold what it must.
fn judge_all() -> Option<()> {
    let mut cases = Cases::open()?;
    let id = AuthorityId::from_bytes(cases.authority_id);
    let authority = Authority::<Curve>::open(Source::from(cases.prepared), &id).ok()?;
    let mut number = 0;
    while !cases.is_over() {
        let case = cases.next_case()?;
        let reason = judge(&authority, &case)?;
        host::write_number(number);
        host::write(" ");
        host::write(reason.unwrap_or("accepted"));
        host::write("\n");
        number = number.wrapping_add(1);
    }
    Some(())
}

/// What a terminal that has just been made says to a case: the reason, or `None` when it accepts.
#[inline(never)]
fn judge(authority: &Authority<'static, Curve>, case: &Case) -> Option<Option<&'static str>> {
    let credential = Credential::parse(case.credential).ok()?;
    let key = SigningKey::from_credential(authority, credential, case.secret.first_chunk()?).ok()?;
    let domain = Domain::new(authority, &key).ok()?;
    let now = Time::new(case.now).ok()?;
    let devices = Devices { clock: || now, random: Random::start([0; 32], 0), storage: Fresh };
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = Terminal::new(domain, Policy::WITHOUT_BUNDLE, devices, &mut memory);
    Some(match case.structure {
        b't' => match terminal.resume(case.select, case.challenge) {
            Ok(asked) => terminal.decide(asked, case.presentation).reason().map(|reason| reason.name()),
            Err(reason) => Some(reason.name()),
        },
        b's' => {
            let sector = credential.identity().sectors().iter().next()?;
            let request = Request { kind: Kind::Purchase, sector, amount: 1, reference: [0; 16] };
            terminal.challenge(case.select, &request).err().map(|refusal| refusal.reason().name())
        }
        b'b' => match terminal.install(&[Source::from(case.bundle)]) {
            Ok(()) => None,
            Err(BundleRefused::Malformed(_)) => Some("malformed"),
            Err(BundleRefused::BadSignature) => Some("bad_signature"),
            Err(BundleRefused::OtherAuthority) => Some("wrong_authority"),
            Err(_) => Some("refused"),
        },
        b'v' => terminal.challenge_voucher(case.select, case.voucher).err().map(|refusal| refusal.reason().name()),
        _ => return None,
    })
}

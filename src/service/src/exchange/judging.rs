//! What can be said of a record without the database: is it one, did the holder sign it, do the parties fit its terms.

use std::{num::NonZero, thread};

use sha2::{Digest as _, Sha256};
use symbolon_ccks::{Authority, BadSignature, Bound, Claim, Class, Credential, CredentialDigest, Suite, Time};
use symbolon_store::records::Agreement;
use symbolon_tap::{Flags, Kind, Record, RecordBytes, TerminalDigest, Upload};

use super::Refusal;

/// Claims that are worth a thread of their own: more of them verified together cost less each.
const SHARE: usize = 4_096;

/// A record as far as it can be judged by itself.
pub(super) enum Judged {
    /// Not signed by its holder, or not a record at all.
    Refused(Refusal),
    /// Signed by its holder.
    Signed {
        /// The digest of the holder's credential.
        digest: CredentialDigest,
        /// What was agreed.
        agreement: Agreement,
        /// Why it cannot settle, unless it did before.
        misfit: Option<Refusal>,
    },
}

/// An upload whose records are to be judged.
pub(super) struct Unjudged<'u> {
    pub(super) upload: Upload<'u>,
    /// No record is from later.
    pub(super) latest: Time,
}

/// Judges all records of some uploads: their signatures together, and each upload's as if it were alone. `random` is 32
/// fresh bytes.
pub(super) fn judge_all<S: Suite>(
    authority: &Authority<'_, S>,
    uploads: &[Unjudged<'_>],
    random: &[u8; 32],
) -> Vec<Vec<Judged>> {
    let terminals = uploads.iter().map(|unjudged| unjudged.upload.terminal().digest()).collect::<Vec<_>>();
    let count = uploads.iter().map(|unjudged| unjudged.upload.records().len()).sum();
    let (mut looked, mut claims) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for ((source, unjudged), terminal) in (0..).zip(uploads).zip(&terminals) {
        let hints = unjudged.upload.hints();
        for (position, record) in unjudged.upload.records().iter().enumerate() {
            let claim = look::<S>(authority, record, terminal);
            looked.push(claim.as_ref().err().copied());
            let hint = hints.and_then(|hints| hints.get(position));
            claims.extend(claim.map(|claim| claim.with_hints(hint).from_source(source)));
        }
    }
    let (mut looked, mut verdicts) = (looked.into_iter(), verify_all(authority, &claims, random).into_iter());
    let judge = |(unjudged, terminal)| judge_one(unjudged, terminal, &mut looked, &mut verdicts);
    uploads.iter().zip(&terminals).map(judge).collect()
}

/// Takes the verdicts on an upload's records off the iterators: what was refused unverified, and what of the others.
fn judge_one(
    unjudged: &Unjudged<'_>,
    terminal: &TerminalDigest,
    looked: &mut impl Iterator<Item = Option<Refusal>>,
    verdicts: &mut impl Iterator<Item = Result<(), BadSignature>>,
) -> Vec<Judged> {
    let (upload, latest) = (&unjudged.upload, unjudged.latest);
    // A record without a verdict has not been verified.
    let verdict = |looked: Option<Option<Refusal>>, verdicts: &mut dyn Iterator<Item = _>| match looked.flatten() {
        Some(refusal) => Err(refusal),
        None => verdicts.next().unwrap_or(Err(BadSignature)).map_err(|BadSignature| Refusal::BadSignature),
    };
    let judge = |record: &RecordBytes| match (verdict(looked.next(), verdicts), record.parse()) {
        (Err(refusal), _) => Judged::Refused(refusal),
        (Ok(()), Err(_)) => Judged::Refused(Refusal::Malformed),
        (Ok(()), Ok(record)) => Judged::Signed {
            digest: record.presentation().holder().digest(),
            agreement: agreement(record, terminal),
            misfit: misfit(record, upload.terminal(), latest),
        },
    };
    upload.records().iter().map(judge).collect()
}

/// What its holder claims to have signed, unless that need not be verified.
fn look<'r, S: Suite>(
    authority: &Authority<'_, S>,
    record: &'r RecordBytes,
    terminal: &'r TerminalDigest,
) -> Result<Claim<'r>, Refusal> {
    let record = record.parse().map_err(|_| Refusal::Malformed)?;
    let (terms, presentation) = (record.terms(), record.presentation());
    let holder = presentation.holder().identity();
    if holder.suite() != S::ID || holder.authority_prefix() != authority.id().prefix() {
        return Err(Refusal::WrongAuthority);
    }
    if holder.class() == Class::Terminal {
        return Err(Refusal::WrongClass);
    }
    if terms.flags() != Flags::Tap {
        return Err(Refusal::WrongKind);
    }
    presentation.claim(terms, terminal).map_err(|BadSignature| Refusal::BadSignature)
}

/// Verifies claims, many on as many threads as there are.
fn verify_all<S: Suite>(
    authority: &Authority<'_, S>,
    claims: &[Claim<'_>],
    random: &[u8; 32],
) -> Vec<Result<(), BadSignature>> {
    let verify = |share: &[Claim<'_>], number: u32| {
        // Each share has bytes of its own.
        let random = sha256(&[random, &number.to_be_bytes()]);
        authority.verify_batch(share, &random, Bound::default())
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = claims.len().div_ceil(threads).max(SHARE);
    if claims.len() <= share {
        return verify(claims, 0);
    }
    thread::scope(|scope| {
        let shares = (0..).zip(claims.chunks(share));
        let workers = shares.map(|(number, share)| scope.spawn(move || verify(share, number))).collect::<Vec<_>>();
        let verified =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        verified.flatten().collect()
    })
}

/// Why a record that its holder signed cannot settle.
fn misfit(record: &Record, terminal: &Credential, latest: Time) -> Option<Refusal> {
    let (terms, holder) = (record.terms(), record.presentation().holder().identity());
    match terms.fits(holder).and_then(|()| terms.fits(terminal.identity())) {
        Err(misfit) => Some(misfit.into()),
        Ok(()) if terms.time() > latest => Some(Refusal::TimeAhead),
        Ok(()) if terms.kind() == Kind::Refund => Some(Refusal::NotAuthorised),
        Ok(()) => None,
    }
}

fn agreement(record: &Record, terminal: &TerminalDigest) -> Agreement {
    sha256(&[record.terms().as_bytes(), terminal.as_bytes()])
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

//! What can be said of a record without the database: is it one, did the holder sign it, do the parties fit its terms.

use std::{num::NonZero, thread};

use symbolon_ccks::{Authority, Class, Credential, Suite, Time};
use symbolon_tap::{Flags, Kind, Record, RecordBytes, TerminalDigest};

use super::Refusal;

/// A record as far as it can be judged by itself.
pub(super) enum Judged {
    /// Not signed by its holder, or not a record at all.
    Refused(Refusal),
    /// Signed by its holder.
    Signed {
        /// The record.
        record: Box<Record>,
        /// Why it cannot settle, unless it did before.
        misfit: Option<Refusal>,
    },
}

/// Judges all records of an upload, on all cores.
pub(super) fn judge_all<S: Suite>(
    authority: &Authority<'_, S>,
    terminal: &Credential,
    records: &[RecordBytes],
    latest: Time,
) -> Vec<Judged> {
    let digest = terminal.digest();
    let judge = |record: &RecordBytes| judge(authority, terminal, &digest, record, latest);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = records.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let shares = records.chunks(share);
        let workers = shares.map(|share| scope.spawn(move || share.iter().map(judge).collect::<Vec<_>>()));
        let workers = workers.collect::<Vec<_>>();
        let judged =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        judged.flatten().collect()
    })
}

fn judge<S: Suite>(
    authority: &Authority<'_, S>,
    terminal: &Credential,
    digest: &TerminalDigest,
    record: &RecordBytes,
    latest: Time,
) -> Judged {
    let Ok(record) = record.parse() else {
        return Judged::Refused(Refusal::Malformed);
    };
    let (terms, presentation) = (record.terms(), record.presentation());
    let holder = presentation.holder().identity();
    if holder.suite() != S::ID || holder.authority_prefix() != authority.id().prefix() {
        return Judged::Refused(Refusal::WrongAuthority);
    }
    if holder.class() == Class::Terminal {
        return Judged::Refused(Refusal::WrongClass);
    }
    if terms.flags() != Flags::Tap {
        return Judged::Refused(Refusal::WrongKind);
    }
    if presentation.verify(authority, terms, digest).is_err() {
        return Judged::Refused(Refusal::BadSignature);
    }
    let fits = terms.fits(holder).and_then(|()| terms.fits(terminal.identity()));
    let misfit = match fits {
        Err(misfit) => Some(misfit.into()),
        Ok(()) if terms.time() > latest => Some(Refusal::TimeAhead),
        Ok(()) if terms.kind() == Kind::Refund => Some(Refusal::NotAuthorised),
        Ok(()) => None,
    };
    Judged::Signed { record: Box::new(*record), misfit }
}

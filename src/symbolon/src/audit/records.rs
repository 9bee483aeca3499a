//! Every record of every upload, judged once more in the order in which uploads were kept.

use std::{num::NonZero, thread};

use rusqlite::Row;
use sha2::{Digest as _, Sha256};
use symbolon_ccks::{Authority, Class, Identity, Subject, Suite, operator_tag};
use symbolon_ccks::{CredentialDigest, Name};
use symbolon_tap::{Flags, Kind, Record};

use super::{
    Result, Rules,
    copies::{Databases, Place, short},
    outcome::{Answer, Outcome, Reason},
    parties::{Known, Parties},
    report::Found,
};

/// An upload as it was kept.
pub(super) struct Kept {
    pub(super) sequence: i64,
    digest: Vec<u8>,
    pub(super) operator: String,
    pub(super) meter: Vec<u8>,
    pub(super) terminal: Vec<u8>,
    records: Vec<u8>,
    answer: Vec<u8>,
    pub(super) received: i64,
}

impl Kept {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get("sequence")?,
            digest: row.get("digest")?,
            operator: row.get("operator")?,
            meter: row.get("terminal")?,
            terminal: row.get("terminal_digest")?,
            records: row.get("records")?,
            answer: row.get("answer")?,
            received: row.get("received")?,
        })
    }
}

/// A record that its holder signed.
pub(super) struct Signed<'r> {
    pub(super) record: &'r Record,
    pub(super) credential: CredentialDigest,
    pub(super) agreement: [u8; 32],
    pub(super) place: Place,
    /// What was answered.
    pub(super) answered: Outcome,
}

impl Signed<'_> {
    pub(super) fn holder(&self) -> &Identity {
        self.record.presentation().holder().identity()
    }

    pub(super) fn counter(&self) -> u32 {
        self.record.presentation().counter()
    }

    /// The subject of a pseudonym.
    pub(super) fn subject(&self) -> Option<[u8; 16]> {
        (self.holder().class() == Class::Pseudonym).then(|| *self.holder().subject().as_bytes())
    }
}

/// Decides again what became of every record.
pub(super) struct Judge<'d, S: Suite> {
    pub(super) databases: &'d Databases,
    authority: &'d Authority<'d, S>,
    pub(super) rules: &'d Rules,
    pub(super) parties: Parties<'d>,
}

impl<'d, S: Suite> Judge<'d, S> {
    pub(super) fn new(databases: &'d Databases, authority: &'d Authority<'d, S>, rules: &'d Rules) -> Result<Self> {
        let refunds = "SELECT s.credential_digest, s.counter, s.upload * 8192 + s.position, p.upload * 8192 + p.position,
                 r.amount, r.authorised
             FROM refunds AS r JOIN settlements AS s ON s.id = r.settlement LEFT JOIN settlements AS p ON p.id = r.paid";
        let mut refunds = databases.exchange.prepare(refunds)?;
        let mut rows = refunds.query([])?;
        let mut note = databases.notes.prepare("INSERT OR REPLACE INTO authorised VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        while let Some(row) = rows.next()? {
            let (credential, place): (Vec<u8>, i64) = (row.get(0)?, row.get(2)?);
            let (paid, amount): (Option<i64>, i64) = (row.get(3)?, row.get(4)?);
            note.execute((credential, row.get::<_, i64>(1)?, place, paid, amount, row.get::<_, i64>(5)?))?;
        }
        Ok(Self { databases, authority, rules, parties: Parties::open(databases) })
    }

    pub(super) fn judge_all(mut self, found: &mut Found) -> Result<()> {
        // Read one at a time: an upload has up to 1.8 MB.
        let mut uploads = self.databases.exchange.prepare("SELECT * FROM uploads ORDER BY sequence")?;
        let mut rows = uploads.query([])?;
        while let Some(row) = rows.next()? {
            self.judge_upload(Kept::of(row)?, found)?;
        }
        self.settle_remaining_refunds(found)
    }

    fn judge_upload(&mut self, mut upload: Kept, found: &mut Found) -> Result<()> {
        found.counts().uploads += 1;
        found.not_checked(
            "an upload's own digest and its terminal's signature: they are not kept, what holders signed is",
        );
        let terminal = self.parties.known(&upload.terminal)?;
        self.check_terminal(&mut upload, terminal.as_ref(), found);
        let answer = std::mem::take(&mut upload.answer);
        let place = format!("upload {}", upload.sequence);
        let Some(answer) = Answer::read(&answer) else {
            found.add("answer", place, "an answer", "bytes that are none");
            return Ok(());
        };
        if let Some(problem) = answer.problem(self.authority, &upload.digest, upload.received) {
            found.add("answer", &place, "the acknowledgement that was signed", problem);
        }
        let records = std::mem::take(&mut upload.records);
        let (records, _) = records.as_chunks::<{ Record::SIZE }>();
        if records.len() != answer.outcomes.len() {
            let (records, outcomes) = (records.len(), answer.outcomes.len());
            found.add("answer", &place, format!("{records} outcomes"), format!("{outcomes}"));
        }
        let verdicts = self.verify_all(records, &upload.terminal);
        for ((position, record), verdict) in (0..).zip(records).zip(verdicts) {
            found.counts().records += 1;
            let place = Place::new(upload.sequence, position);
            let answered = answer.outcomes.get(position as usize).copied().unwrap_or(Outcome::Unreadable);
            let expected = match (verdict, Record::parse(record)) {
                (Err(reason), _) => Outcome::Refused(reason),
                (Ok(()), Err(_)) => Outcome::Refused(Reason::MALFORMED),
                (Ok(()), Ok(record)) => {
                    let credential = record.presentation().holder().digest();
                    let agreement = sha256(&[record.terms().as_bytes(), &upload.terminal]);
                    let signed = Signed { record, credential, agreement, place, answered };
                    self.decide(&signed, &upload, terminal.as_ref(), found)?
                }
            };
            if !expected.is(answered) {
                found.add("outcome", place, expected, answered);
            }
        }
        Ok(())
    }

    /// Whose terminal it is: by the attester, and by its subject, in which its operator's name is.
    fn check_terminal(&self, upload: &mut Kept, terminal: Option<&Known>, found: &mut Found) {
        let place = format!("upload {}", upload.sequence);
        let subject = <[u8; 16]>::try_from(upload.meter.as_slice()).map(Subject::from_bytes).ok();
        let tag = Name::parse(&upload.operator).ok().map(|operator| operator_tag(&operator));
        if !self.parties.has_attester() {
            if subject.map(|subject| subject.operator_tag()) != tag {
                let expected = "the operator in the name of the terminal";
                found.add("misrouted_upload", &place, expected, &upload.operator);
            }
            found.not_checked(
                "whether a terminal was ever issued, and what its credential allows: no attester's database",
            );
            return;
        }
        let Some(known) = terminal else {
            found.add("unknown_terminal", &place, "a terminal that was issued", short(&upload.terminal));
            return;
        };
        if known.identity.map(|identity| identity.subject()) != subject {
            found.add("unknown_terminal", &place, "the terminal of the credential", short(&upload.meter));
        }
        match &known.operator {
            Some(operator) if *operator != upload.operator => {
                found.add("misrouted_upload", &place, operator, &upload.operator);
                // What follows is decided as if the upload had come to whom it belongs.
                upload.operator.clone_from(operator);
            }
            Some(_) => {}
            None => found.add("unknown_terminal", &place, "a terminal", "a credential that is none's"),
        }
    }

    /// Verifies each record by itself, on as many threads as there are: never together, as the exchange does it.
    fn verify_all(&self, records: &[[u8; Record::SIZE]], terminal: &[u8]) -> Vec<std::result::Result<(), Reason>> {
        let Ok(terminal) = <[u8; 32]>::try_from(terminal).map(CredentialDigest::from_bytes) else {
            return vec![Err(Reason::BAD_SIGNATURE); records.len()];
        };
        let authority = self.authority;
        let verify = |share: &[[u8; Record::SIZE]]| {
            share.iter().map(|record| verify_one(authority, record, &terminal)).collect::<Vec<_>>()
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let share = records.len().div_ceil(threads).max(32);
        thread::scope(|scope| {
            let workers = records.chunks(share).map(|share| scope.spawn(move || verify(share))).collect::<Vec<_>>();
            let join = |worker: thread::ScopedJoinHandle<'_, Vec<_>>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().flat_map(join).collect()
        })
    }
}

/// Whether the holder of a record signed it at this terminal.
fn verify_one<S: Suite>(
    authority: &Authority<'_, S>,
    record: &[u8; Record::SIZE],
    terminal: &CredentialDigest,
) -> std::result::Result<(), Reason> {
    let record = Record::parse(record).map_err(|_| Reason::MALFORMED)?;
    let (terms, presentation) = (record.terms(), record.presentation());
    let holder = presentation.holder().identity();
    if holder.suite() != S::ID || holder.authority_prefix() != authority.id().prefix() {
        return Err(Reason::WRONG_AUTHORITY);
    }
    if holder.class() == Class::Terminal {
        return Err(Reason::WRONG_CLASS);
    }
    if terms.flags() != Flags::Tap {
        return Err(Reason::WRONG_KIND);
    }
    presentation.verify(authority, terms, terminal).map_err(|_| Reason::BAD_SIGNATURE)
}

/// Whether a kind of transaction draws on the budget.
pub(super) fn spends(kind: Kind) -> bool {
    matches!(kind, Kind::Purchase | Kind::Entry)
}

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

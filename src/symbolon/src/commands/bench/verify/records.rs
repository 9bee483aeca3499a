//! Records of a day: each signed by another card, as a terminal uploads them.

use anyhow::{Context, Result};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::thread;
use symbolon_ccks::{
    Authority, AuthoritySecret, BadSignature, Claim, Class, EnrolmentKey, GeneratorTable, Identity, IdentityFields,
    IssueRequest, Name, PossessionMessage, Sector, Sectors, Subject, Suite, Time,
};
use symbolon_tap::{Flags, Kind, Presentation, Record, RecordHint, TerminalDigest, Terms, TermsFields};

/// Pseudonyms are issued so many at a time.
const AT_ONCE: usize = 1_024;

/// An authority, records that its pseudonyms signed, each another, and the hints to them.
pub(super) struct Signed<S: Suite> {
    pub(super) authority: Authority<'static, S>,
    pub(super) records: Vec<Record>,
    hints: Vec<RecordHint>,
    terminal: TerminalDigest,
}

impl<S: Suite> Signed<S> {
    /// The claims of the first records.
    pub(super) fn claims(&self, count: usize, with_hints: bool) -> Vec<Claim<'_>> {
        let pairs = self.records.iter().zip(&self.hints).take(count);
        let claims = pairs.map(|(record, hints)| {
            let claim = record.presentation().claim(record.terms(), &self.terminal).expect("these are taps");
            claim.with_hints(with_hints.then_some(hints))
        });
        claims.collect()
    }

    pub(super) fn verify_alone(&self, index: usize) -> Result<(), BadSignature> {
        let record = &self.records[index];
        record.presentation().verify(&self.authority, record.terms(), &self.terminal)
    }
}

/// Signs so many records, on all cores.
pub(super) fn sign_records<S: Suite>(count: usize) -> Result<Signed<S>> {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let secret = AuthoritySecret::<S>::generate(&mut random);
    let name = Name::parse("bench").context("a name")?;
    let parameters = secret.parameters(Time::new(1).context("a time")?, &name);
    let authority = Authority::<S>::parse(&parameters)?;
    let terminal = TerminalDigest::from_bytes([9; 32]);
    let table = GeneratorTable::new();
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let starts = (0..count).step_by(AT_ONCE).collect::<Vec<_>>();
    let share = starts.len().div_ceil(threads).max(1);
    let parts = thread::scope(|scope| {
        let (secret, authority, table, terminal) = (&secret, &authority, &table, &terminal);
        let workers = starts.chunks(share).map(|starts| {
            scope.spawn(move || {
                let parts = starts.iter().map(|start| {
                    let end = count.min(start + AT_ONCE);
                    issue_and_sign(secret, authority, table, terminal, *start..end)
                });
                parts.collect::<Result<Vec<_>>>()
            })
        });
        let workers = workers.collect::<Vec<_>>();
        workers.into_iter().map(|worker| worker.join().expect("signing does not panic")).collect::<Result<Vec<_>>>()
    })?;
    let records = parts.into_iter().flatten().flatten().collect::<Vec<_>>();
    let hints = records.iter().map(|record| record.hint::<S>()).collect::<Result<_, _>>()?;
    Ok(Signed { authority, records, hints, terminal })
}

/// What pseudonyms of these numbers sign.
fn issue_and_sign<S: Suite>(
    secret: &AuthoritySecret<S>,
    authority: &Authority<'_, S>,
    table: &GeneratorTable<S>,
    terminal: &TerminalDigest,
    numbers: std::ops::Range<usize>,
) -> Result<Vec<Record>> {
    let mut random = ChaCha20Rng::seed_from_u64(2 + numbers.start as u64);
    let mut asked = Vec::new();
    for number in numbers {
        let mut challenge = [0; 32];
        challenge[..8].copy_from_slice(&number.to_be_bytes());
        let holder = EnrolmentKey::<S>::generate(&mut random);
        let message = PossessionMessage::Pseudonym { period: 1, challenge: &challenge };
        let possession = holder.prove_possession(authority.id(), message, &bytes(&mut random))?;
        asked.push((identity(authority, number)?, challenge, holder, possession));
    }
    let requests = asked.iter().map(|(identity, challenge, holder, possession)| IssueRequest {
        identity,
        possession_of: PossessionMessage::Pseudonym { period: 1, challenge },
        holder_point: holder.point(),
        possession,
        random: *challenge,
    });
    let issued = secret.issue_batch(authority, table, &requests.collect::<Vec<_>>(), &bytes(&mut random));
    let mut records = Vec::new();
    for ((identity, _, holder, _), issued) in asked.into_iter().zip(issued) {
        let issued = issued?;
        let key = holder.complete(authority, &identity, &issued.credential, issued.contribution.as_bytes())?;
        let terms = terms(bytes(&mut random))?;
        records.push(Record::new(terms, Presentation::sign(&key, &terms, terminal, 1, &bytes(&mut random))?));
    }
    Ok(records)
}

fn bytes<const N: usize>(random: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

fn identity<S: Suite>(authority: &Authority<'_, S>, number: usize) -> Result<Identity> {
    let mut subject = [0; 16];
    subject[..8].copy_from_slice(&number.to_be_bytes());
    Ok(Identity::new(IdentityFields {
        suite: S::ID,
        class: Class::Pseudonym,
        sectors: Sectors::ALL,
        authority_prefix: authority.id().prefix(),
        subject: Subject::from_bytes(subject),
        not_before: Time::new(1_000)?,
        not_after: Time::new(2_000)?,
        spend_limit: 500,
        budget: 5_000,
        currency: 156,
        tariff: 0,
    })?)
}

fn terms(nonce: [u8; 16]) -> Result<Terms> {
    Ok(Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce,
        time: Time::new(1_500)?,
        amount: 300,
        currency: 156,
        reference: [5; 16],
    })?)
}

//! What a purse remembers.

use core::fmt;

use symbolon_ccks::{Class, Credential, CredentialDigest, Period, Sector, Signature, Subject, Time};
use symbolon_pseudonym::{Commitment, Issuance, RequestBody};
use symbolon_tap::misuse::Item;
use symbolon_tap::{Kind, Terms};
use zeroize::Zeroizing;

use super::settings::PurseSettings;

/// Bytes of a stored [`symbolon_pseudonym::Asking`], the same for every suite.
pub(super) const ASKING: usize = 88;

/// The most taps that are remembered; the oldest go first.
pub(super) const MOST_TAPS: usize = 1_000;

/// For how long an ended journey's pseudonym may answer another exit: the first answer may have been lost on its way.
const EXIT_REPEAT_SECONDS: u64 = 600;

/// Everything that has to last.
pub(super) struct State {
    pub(super) authority_id: [u8; 32],
    /// The card's number.
    pub(super) card: Subject,
    pub(super) settings: PurseSettings,
    /// The start of the latest period of which a pseudonym was used: none of an earlier one is begun to be used.
    pub(super) floor: Time,
    /// The digest of the issuer's key that is believed, from the first one seen on.
    pub(super) pinned: Option<[u8; 32]>,
    /// How pseudonyms are issued, as believed last.
    pub(super) issuance: Option<Issuance>,
    /// In the order in which they are used.
    pub(super) pseudonyms: Vec<Held>,
    pub(super) journeys: Vec<Journey>,
    pub(super) pending: Vec<PendingRequest>,
    /// Oldest first.
    pub(super) taps: Vec<PastTap>,
}

/// How a pseudonym has been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Not at all.
    Unused,
    /// For one tap, or one journey: never for another.
    Once,
    /// For taps of one sector.
    Sector(Sector),
    /// For the taps of its period.
    Day,
}

/// A pseudonym.
pub(super) struct Held {
    pub(super) credential: Credential,
    /// d; gone when the pseudonym is not used any more.
    pub(super) secret: Option<Zeroizing<[u8; 32]>>,
    pub(super) period: Period,
    pub(super) period_end: Time,
    /// The last counter that was taken; 0 before the first.
    pub(super) counter: u32,
    /// What counts against the budget, minor units.
    pub(super) spent: u64,
    pub(super) usage: Usage,
}

/// The latest journey with an operator.
#[derive(Clone, Copy)]
pub(super) struct Journey {
    pub(super) operator: [u8; 8],
    /// What it was begun with: a pseudonym, or the card itself.
    pub(super) credential: CredentialDigest,
    /// When the credential expires.
    pub(super) expiry: Time,
    /// When it ended.
    pub(super) ended: Option<Time>,
}

impl Journey {
    /// Whether an exit at `time` belongs to it.
    pub(super) fn awaits_exit(&self, time: Time) -> bool {
        let waits = self.ended.is_none_or(|ended| time < ended.saturating_add(EXIT_REPEAT_SECONDS));
        waits && time < self.expiry
    }
}

/// A request for pseudonyms, signed and kept before it is sent: it is repeated as it is until it is answered.
pub struct PendingRequest {
    pub(super) id: [u8; 16],
    pub(super) time: Time,
    pub(super) credential: Credential,
    pub(super) body: Vec<u8>,
    pub(super) signature: Signature,
    pub(super) period: Period,
    /// How pseudonyms were issued when they were asked for.
    pub(super) issuance: Issuance,
    pub(super) commitments: Vec<Commitment>,
    /// What only the wallet knows: [`symbolon_pseudonym::Asking`] as it is stored.
    pub(super) items: Vec<Zeroizing<[u8; ASKING]>>,
}

impl PendingRequest {
    /// What it is known by again.
    pub fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// When it was signed.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The credential under which the card signed it; it may have another one since.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The exact bytes that were signed: a [`RequestBody`].
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The card's signature (purpose 8).
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The method that was signed.
    pub const fn method(&self) -> &'static str {
        RequestBody::METHOD
    }

    /// For which period.
    pub fn period(&self) -> Period {
        self.period
    }

    /// For how many pseudonyms.
    pub fn count(&self) -> usize {
        self.commitments.len()
    }
}

impl fmt::Debug for PendingRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("PendingRequest");
        debug.field("period", &self.period).field("count", &self.count()).finish_non_exhaustive()
    }
}

/// A tap that was answered: what was signed, and whose terminal it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastTap {
    pub(super) item: Item,
    pub(super) terminal: Subject,
}

impl PastTap {
    /// What was signed, and the signature.
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// What was agreed.
    pub fn terms(&self) -> &Terms {
        self.item.terms()
    }

    /// The terminal.
    pub fn terminal(&self) -> Subject {
        self.terminal
    }

    /// The pseudonym that was shown, or the card's number.
    pub fn shown(&self) -> Subject {
        self.item.presentation().holder().identity().subject()
    }

    /// Whether a pseudonym was shown.
    pub fn is_anonymous(&self) -> bool {
        self.item.presentation().holder().identity().class() == Class::Pseudonym
    }
}

/// What can be told of a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PseudonymView {
    /// Its subject.
    pub subject: Subject,
    /// Its period.
    pub period: Period,
    /// Whether it was used.
    pub used: bool,
    /// Whether its key is still there.
    pub has_key: bool,
    /// Its last counter.
    pub counter: u32,
    /// What counts against its budget, minor units.
    pub spent: u64,
    /// Its budget, minor units.
    pub budget: u32,
}

impl Held {
    pub(super) fn view(&self) -> PseudonymView {
        PseudonymView {
            subject: self.credential.identity().subject(),
            period: self.period,
            used: self.usage != Usage::Unused,
            has_key: self.secret.is_some(),
            counter: self.counter,
            spent: self.spent,
            budget: self.credential.identity().budget(),
        }
    }

    /// Whether its key is worth keeping, its journeys aside.
    fn may_be_used_again(&self, now: Time) -> bool {
        let is_spent = self.spent >= u64::from(self.credential.identity().budget());
        match self.usage {
            Usage::Unused => now < self.period_end,
            Usage::Once => false,
            Usage::Sector(_) | Usage::Day => now < self.period_end && !is_spent,
        }
    }
}

impl State {
    /// The journey that an exit at `time` with this operator belongs to.
    pub(super) fn journey(&self, operator: [u8; 8], time: Time) -> Option<&Journey> {
        self.journeys.iter().find(|journey| journey.operator == operator && journey.awaits_exit(time))
    }

    /// Remembers that a journey begins: before anything is signed, as its exit needs the same credential.
    pub(super) fn begin_journey(&mut self, operator: [u8; 8], credential: &Credential) {
        self.journeys.retain(|journey| journey.operator != operator);
        let expiry = credential.identity().not_after();
        self.journeys.push(Journey { operator, credential: credential.digest(), expiry, ended: None });
    }

    /// Remembers an answer, and with it that a journey ended.
    pub(super) fn answered(&mut self, tap: PastTap) {
        let (terms, operator) = (*tap.terms(), tap.terminal.operator_tag());
        let digest = tap.item.presentation().holder().digest();
        if terms.kind() == Kind::Exit {
            let of_this = |journey: &&mut Journey| journey.operator == operator && journey.credential == digest;
            if let Some(journey) = self.journeys.iter_mut().find(of_this) {
                journey.ended.get_or_insert(terms.time());
            }
        }
        self.taps.push(tap);
        let surplus = self.taps.len().saturating_sub(MOST_TAPS);
        self.taps.drain(..surplus);
    }

    /// Forgets journeys that are over, erases keys that are not used any more, and drops expired pseudonyms.
    pub(super) fn sweep(&mut self, now: Time) {
        self.journeys.retain(|journey| journey.awaits_exit(now));
        self.pseudonyms.retain(|held| now < held.credential.identity().not_after());
        for held in &mut self.pseudonyms {
            let digest = held.credential.digest();
            if !held.may_be_used_again(now) && !self.journeys.iter().any(|journey| journey.credential == digest) {
                held.secret = None;
            }
        }
    }
}

//! How a purse comes by pseudonyms.

use core::fmt;
use std::collections::BTreeSet;

use rand_core::CryptoRng;
use symbolon_ccks::{Credential, Period, SigningKey, Suite, Time};
use symbolon_pseudonym::{AnswerRefused, AskError, Asking, Commitment, Issuance, RequestBody, SealedAnswer};
use symbolon_tap::{RequestDigest, SignRefused};

use super::Purse;
use super::state::{Held, PendingRequest, Usage};
use super::store::{PurseError, PurseStore};
use crate::counters::CounterStore;

/// Why no pseudonyms are asked for, or no answers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefillRefused {
    /// It is not known how pseudonyms are issued: no trust bundle said it yet.
    NoIssuance,
    /// No profile of pseudonyms has the card's sectors, tariff and currency.
    NoProfile,
    /// Pseudonyms are asked for this period and the next one.
    WrongPeriod,
    /// Not 1 to 256 pseudonyms, or another number of answers than was asked for.
    WrongCount,
    /// There is no such request; its answers may have been taken before.
    UnknownRequest,
    /// Nothing could be asked for.
    Ask(AskError),
    /// The card did not sign.
    Sign(SignRefused),
    /// The purse could not be read or kept.
    Purse(PurseError),
}

impl fmt::Display for RefillRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIssuance => formatter.write_str("the authority has not said how it issues pseudonyms"),
            Self::NoProfile => formatter.write_str("no pseudonyms are issued for this card's sectors and tariff"),
            Self::WrongPeriod => formatter.write_str("pseudonyms are issued for the present period and the next one"),
            Self::WrongCount => formatter.write_str("another number of pseudonyms than can be asked for, or was"),
            Self::UnknownRequest => formatter.write_str("there is no such request for pseudonyms"),
            Self::Ask(error) => error.fmt(formatter),
            Self::Sign(refused) => refused.fmt(formatter),
            Self::Purse(error) => error.fmt(formatter),
        }
    }
}

impl core::error::Error for RefillRefused {}

impl From<PurseError> for RefillRefused {
    fn from(error: PurseError) -> Self {
        Self::Purse(error)
    }
}

impl From<AskError> for RefillRefused {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Request(_) => Self::WrongCount,
            error => Self::Ask(error),
        }
    }
}

impl From<SignRefused> for RefillRefused {
    fn from(refused: SignRefused) -> Self {
        Self::Sign(refused)
    }
}

/// What the service answered to one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemAnswer {
    /// A pseudonym, as it says.
    Sealed(SealedAnswer),
    /// None, and why.
    Refused(String),
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadReason {
    /// The service refused the item, for this reason.
    Refused(String),
    /// It is not what was asked for.
    Answer(AnswerRefused),
    /// Another pseudonym of this purse has the same subject.
    RepeatedSubject,
}

impl BadReason {
    /// Stable reason.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Answer(refused) => refused.reason(),
            Self::RepeatedSubject => "repeated_subject",
        }
    }
}

impl fmt::Display for BadReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(formatter, "the service issued none: {reason}"),
            Self::Answer(refused) => refused.fmt(formatter),
            Self::RepeatedSubject => formatter.write_str("the pseudonym's subject was given before"),
        }
    }
}

/// An answer that was not taken: evidence against the service, together with the request that the card signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAnswer {
    /// The item's place in the request, from 0.
    pub place: usize,
    /// The commitment that the card signed.
    pub commitment: Commitment,
    /// What is wrong.
    pub reason: BadReason,
    /// The credential, where the answer opened.
    pub credential: Option<Credential>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many pseudonyms are in the purse now that were not before.
    pub good: usize,
    /// The answers that were not taken.
    pub bad: Vec<BadAnswer>,
}

impl<S: Suite, C: CounterStore, P: PurseStore> Purse<'_, S, C, P> {
    /// For which period and how many pseudonyms to ask now, if any: what is there and what is asked for already counts.
    pub fn wants_refill(&self, now: Time) -> Option<(Period, u16)> {
        let issuance = self.state.issuance.as_ref()?;
        let (boundary, settings) = (issuance.boundary(), self.state.settings);
        let present = Period::at(now, boundary)?;
        let (low_water, _) = settings.refill();
        if self.unused_or_asked(present) <= usize::from(low_water)
            && let Some(count) = self.may_ask(issuance, present)
        {
            return Some((present, count));
        }
        let lead = u64::from(settings.next_period_lead_seconds);
        let is_near = now.saturating_add(lead) >= present.end(boundary);
        let next = present.next();
        if is_near && self.asked(next) == 0 { self.may_ask(issuance, next).map(|count| (next, count)) } else { None }
    }

    /// Makes a request for `count` pseudonyms of `period`, signs it, and keeps it before it is sent. `challenge` is the
    /// attester's.
    ///
    /// # Errors
    /// [`RefillRefused`]; nothing was asked then.
    pub fn prepare_request(
        &mut self,
        period: Period,
        count: u16,
        challenge: [u8; 32],
        now: Time,
        random: &mut (impl CryptoRng + ?Sized),
    ) -> Result<&PendingRequest, RefillRefused> {
        let issuance = self.state.issuance.as_ref().ok_or(RefillRefused::NoIssuance)?;
        let present = Period::at(now, issuance.boundary()).ok_or(RefillRefused::WrongPeriod)?;
        if period != present && period != present.next() {
            return Err(RefillRefused::WrongPeriod);
        }
        let profile = issuance.profile_for(self.card.credential().identity()).ok_or(RefillRefused::NoProfile)?.id();
        let authority = self.card.authority().id();
        let (asking, body) =
            Asking::<S>::begin_request(authority, issuance, period, profile, challenge, count, random)?;
        let commitments = asking.iter().map(|asking| *asking.commitment()).collect();
        let items = asking.iter().map(Asking::encode).collect();
        let (issuance, body) = (issuance.clone(), body.encode());
        let (mut id, mut hedge) = ([0; 16], [0; 32]);
        random.fill_bytes(&mut id);
        random.fill_bytes(&mut hedge);
        let digest = RequestDigest::of(RequestBody::METHOD, now, &id, &body).expect("the method's name is short ASCII");
        let signature = digest.sign(self.card.key(), &hedge)?;
        let credential = *self.card.credential();
        let request =
            PendingRequest { id, time: now, credential, body, signature, period, issuance, commitments, items };
        self.state.pending.push(request);
        if let Err(error) = self.save() {
            // Not sent, so not missed.
            self.state.pending.pop();
            return Err(error.into());
        }
        self.state.pending.last().ok_or(RefillRefused::UnknownRequest)
    }

    /// Checks every answer to a request, takes the good ones into the purse in an order of its own, and forgets the request.
    ///
    /// # Errors
    /// [`RefillRefused`]; the request is kept then.
    pub fn take_answers(
        &mut self,
        request: &[u8; 16],
        answers: &[ItemAnswer],
        random: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Taken, RefillRefused> {
        let place = self.state.pending.iter().position(|pending| pending.id == *request);
        let place = place.ok_or(RefillRefused::UnknownRequest)?;
        let pending = self.state.pending.get(place).ok_or(RefillRefused::UnknownRequest)?;
        if answers.len() != pending.count() {
            return Err(RefillRefused::WrongCount);
        }
        let known = |subject| self.state.pseudonyms.iter().any(|held| held.credential.identity().subject() == subject);
        let mut subjects = BTreeSet::new();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (place, ((asking, commitment), answer)) in
            pending.items.iter().zip(&pending.commitments).zip(answers).enumerate()
        {
            let asking = Asking::<S>::parse(asking.as_slice()).map_err(|_| PurseError::Damaged)?;
            match self.open_answer(pending, &asking, answer) {
                Ok((credential, key))
                    if !known(credential.identity().subject()) && subjects.insert(credential.identity().subject()) =>
                {
                    // The service must not choose the order in which pseudonyms are shown.
                    good.push((random.next_u64(), held(pending, credential, &key)));
                }
                other => {
                    let (reason, credential) =
                        other.map_or_else(|bad| bad, |(credential, _)| (BadReason::RepeatedSubject, Some(credential)));
                    bad.push(BadAnswer { place, commitment: *commitment, reason, credential });
                }
            }
        }
        good.sort_by_key(|(order, _)| *order);
        let taken = Taken { good: good.len(), bad };
        let pending = self.state.pending.remove(place);
        let before = self.state.pseudonyms.len();
        self.state.pseudonyms.extend(good.into_iter().map(|(_, held)| held));
        if let Err(error) = self.save() {
            // Asked again, the service gives the same answers.
            self.state.pseudonyms.truncate(before);
            self.state.pending.insert(place, pending);
            return Err(error.into());
        }
        Ok(taken)
    }

    /// Forgets a request that the service refused, with the secrets in it. One that may have been heard is rather sent again.
    ///
    /// # Errors
    /// [`PurseError`] when that could not be kept.
    pub fn forget_request(&mut self, request: &[u8; 16]) -> Result<(), PurseError> {
        self.state.pending.retain(|pending| pending.id != *request);
        self.save()
    }

    /// Checks an answer completely: its own key opens it, the credential is exactly of the profile and the period, and the
    /// contribution fits the wallet's own U.
    fn open_answer(
        &self,
        pending: &PendingRequest,
        asking: &Asking<S>,
        answer: &ItemAnswer,
    ) -> Result<(Credential, SigningKey<S>), (BadReason, Option<Credential>)> {
        let sealed = match answer {
            ItemAnswer::Sealed(sealed) => sealed,
            ItemAnswer::Refused(reason) => return Err((BadReason::Refused(reason.clone()), None)),
        };
        let credential = asking.open(sealed).ok().map(|answer| answer.credential);
        let bad = |refused| (BadReason::Answer(refused), credential);
        let key = asking.complete(self.card.authority(), &pending.issuance, sealed).map_err(bad)?;
        credential.map(|credential| (credential, key)).ok_or((BadReason::Answer(AnswerRefused::Unopened), None))
    }

    /// Pseudonyms of `period` that were asked for: issued, whether used or not, or awaited.
    fn asked(&self, period: Period) -> usize {
        self.state.pseudonyms.iter().filter(|held| held.period == period).count() + self.awaited(period)
    }

    fn awaited(&self, period: Period) -> usize {
        self.state.pending.iter().filter(|pending| pending.period == period).map(PendingRequest::count).sum()
    }

    fn unused_or_asked(&self, period: Period) -> usize {
        let unused = |held: &&Held| held.period == period && held.usage == Usage::Unused;
        self.state.pseudonyms.iter().filter(unused).count() + self.awaited(period)
    }

    /// How many to ask for at once, within what a card gets in one period; `None` when it got them all.
    fn may_ask(&self, issuance: &Issuance, period: Period) -> Option<u16> {
        let left = usize::from(issuance.per_period()).saturating_sub(self.asked(period));
        let (_, wanted) = self.state.settings.refill();
        let count = wanted.min(u16::try_from(left).unwrap_or(u16::MAX));
        (count > 0).then_some(count)
    }
}

/// A pseudonym as it comes into the purse.
fn held<S: Suite>(pending: &PendingRequest, credential: Credential, key: &SigningKey<S>) -> Held {
    Held {
        credential,
        secret: Some(key.secret_bytes()),
        period: pending.period,
        period_end: pending.period.end(pending.issuance.boundary()),
        counter: 0,
        spent: 0,
        usage: Usage::Unused,
    }
}

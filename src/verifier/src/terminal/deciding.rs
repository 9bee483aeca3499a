//! Deciding: what a presentation establishes, in the one order in which that is asked.

use rand_core::CryptoRng;
use symbolon_ccks::{Class, Identity, Suite, Time};
use symbolon_tap::{Misfit, Presentation, Record, Terms};

use super::{Asked, Terminal};
use crate::domain::Live;
use crate::memory::Known;
use crate::trust::Standing;
use crate::verdict::Knowledge;
use crate::{Accepted, Clock, Entry, Reason, Refusal, Seen, Storage, StorageError, TakenVoucher, Verdict};

/// Why a presentation does not count.
pub(super) struct Stop {
    reason: Reason,
    data_age_seconds: Option<u64>,
    is_referred: bool,
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self { reason, data_age_seconds: None, is_referred: false }
    }
}

impl Stop {
    pub(super) fn verdict(self, asked: Option<Asked>) -> Verdict {
        let refusal = Refusal::new(self.reason, self.data_age_seconds, asked);
        if self.is_referred { Verdict::Referred(refusal) } else { Verdict::Declined(refusal) }
    }
}

impl<'a, S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'a, S, C, R, T> {
    /// Decides on a presentation, the 159 bytes that a card answered.
    ///
    /// When several reasons hold, the first of this order is given: `no_challenge` (or `replayed`), `clock_wrong`,
    /// `timed_out`, `malformed`, `wrong_suite`, `wrong_authority`, `wrong_class`, `wrong_sector`, `wrong_currency`,
    /// `wrong_tariff`, `not_yet_valid`, `expired`, `over_limit` by the credential, `not_served`, `over_tier`, `revoked`,
    /// `over_limit` by the bundle, `stale_data`, `bad_signature` (or `replayed`), `revocation_unclear` and what else is
    /// referred, `already_seen`, `voucher_used`, `journal_full`. The claims come before the signature because they cost
    /// nothing to check and the answer changes nothing; what changes anything, and what sends a holder to a person, comes
    /// after it.
    pub fn decide(&mut self, asked: Asked, presentation: &[u8]) -> Verdict {
        match self.judge(&asked, presentation) {
            Ok(accepted) => Verdict::Accepted(accepted),
            Err(stop) => {
                let is_open = self.is_open(&asked);
                stop.verdict(is_open.then_some(asked))
            }
        }
    }

    /// The verdict on a presentation that nothing was asked for: declined, as `replayed` or as `no_challenge`.
    pub fn unasked(&self, presentation: &[u8]) -> Verdict {
        Stop::from(self.unless_replayed(presentation, Reason::NoChallenge)).verdict(None)
    }

    #[inline(never)]
    fn judge(&mut self, asked: &Asked, bytes: &[u8]) -> Result<Accepted, Stop> {
        if !self.is_open(asked) {
            return Err(self.unless_replayed(bytes, Reason::NoChallenge).into());
        }
        let now = self.time().map_err(Reason::from)?;
        if !asked.is_current(now) {
            self.open = None;
            return Err(Reason::TimedOut.into());
        }
        let presentation = Presentation::parse(bytes).map_err(|_| Reason::Malformed)?;
        let (terms, identity) = (asked.challenge.terms(), presentation.holder().identity());
        check_claims::<S>(asked, identity)?;
        let standing = self.standing(terms, identity, now)?;
        let domain = self.domain(&identity.authority_prefix()).ok_or(Reason::WrongAuthority)?;
        let verified = presentation.verify(domain.authority, terms, &domain.credential.digest());
        verified.map_err(|_| self.unless_replayed(bytes, Reason::BadSignature))?;
        let knowledge = settle(standing)?;
        self.accept((terms, presentation), knowledge, now, asked.voucher)
    }

    /// What the trust bundle and the policy say of a credential on these terms.
    pub(super) fn standing(&mut self, terms: &Terms, identity: &Identity, now: Time) -> Result<Standing, Stop> {
        let (prefix, policy) = (identity.authority_prefix(), self.policy);
        let domain = self.domains_mut().find(|domain| domain.id().prefix() == prefix).ok_or(Reason::WrongAuthority)?;
        let Live { trust, recognition, .. } = domain;
        let standing = match trust {
            Some(trust) => trust.standing(recognition, &policy, terms, identity, now),
            None => Standing::without_bundle(&policy, terms),
        };
        match standing {
            Standing::Declined { reason, age_seconds } => {
                Err(Stop { reason, data_age_seconds: age_seconds, is_referred: false })
            }
            open => Ok(open),
        }
    }

    /// The signature verified: from here on things change. What is made of them lies in a frame of its own, not beneath the
    /// verification's.
    #[inline(never)]
    pub(super) fn accept(
        &mut self,
        (terms, presentation): (&Terms, &Presentation),
        knowledge: Knowledge,
        now: Time,
        voucher: Option<TakenVoucher>,
    ) -> Result<Accepted, Stop> {
        let record = Record::new(*terms, *presentation);
        let credential = presentation.holder().digest();
        let seen = Seen::of_holder(&record, &credential);
        match self.memory.known_as(&seen) {
            Known::New => {}
            Known::Replay => return Err(Reason::Replayed.into()),
            Known::Used => return Err(Reason::AlreadySeen.into()),
        }
        if voucher.is_some_and(|voucher| !self.devices.storage.vouchers().takes(voucher.sequence())) {
            self.open = None;
            return Err(Reason::VoucherUsed.into());
        }
        self.devices.storage.append(&Entry::new(record, voucher)).map_err(|error| match error {
            StorageError::Full => Reason::JournalFull,
            StorageError::Failed => Reason::OutOfOrder,
        })?;
        self.memory.remember(seen, now);
        self.open = None;
        Ok(Accepted::new(record, credential, knowledge, now, voucher))
    }

    /// A replay of what was accepted here is told from everything else that cannot be accepted.
    pub(super) fn unless_replayed(&self, presentation: &[u8], otherwise: Reason) -> Reason {
        if self.memory.has_bytes(presentation) { Reason::Replayed } else { otherwise }
    }
}

/// What the signature has to be verified for first: accepting, or sending the holder to a person.
pub(super) fn settle(standing: Standing) -> Result<Knowledge, Stop> {
    match standing {
        Standing::Good(knowledge) => Ok(knowledge),
        Standing::Referred { reason, age_seconds } => {
            Err(Stop { reason, data_age_seconds: Some(age_seconds), is_referred: true })
        }
        Standing::Declined { reason, age_seconds } => {
            Err(Stop { reason, data_age_seconds: age_seconds, is_referred: false })
        }
    }
}

/// What the credential claims, against the terms and the tariff declared.
fn check_claims<S: Suite>(asked: &Asked, identity: &Identity) -> Result<(), Reason> {
    check_suite::<S>(identity)?;
    if identity.authority_prefix() != asked.challenge.terminal().identity().authority_prefix() {
        return Err(Reason::WrongAuthority);
    }
    check_class(identity)?;
    let fit = asked.challenge.terms().fits(identity);
    if let Err(misfit @ (Misfit::WrongSector | Misfit::WrongCurrency)) = fit {
        return Err(misfit.into());
    }
    if identity.tariff() != asked.tariff {
        return Err(Reason::WrongTariff);
    }
    fit.map_err(Reason::from)
}

pub(super) fn check_suite<S: Suite>(identity: &Identity) -> Result<(), Reason> {
    if identity.suite() == S::ID { Ok(()) } else { Err(Reason::WrongSuite) }
}

pub(super) fn check_class(identity: &Identity) -> Result<(), Reason> {
    if identity.class() == Class::Terminal { Err(Reason::WrongClass) } else { Ok(()) }
}

//! Deciding: what a presentation establishes, in the one order in which that is asked.

use rand_core::CryptoRng;
use symbolon_ccks::{Class, Identity, Suite, Time};
use symbolon_tap::{Misfit, Presentation, Record, Terms};

use super::{Outstanding, Terminal};
use crate::recognition::Recognised;
use crate::{Accepted, Clock, Reason, Revocation, Seen, Storage, Verdict};

impl<S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'_, S, C, R, T> {
    /// Decides on a presentation, the 159 bytes that a card answered.
    ///
    /// When several reasons hold, the first of this order is given: `no_challenge` (or `replayed`), `timed_out`,
    /// `malformed`, `wrong_suite`, `wrong_authority`, `wrong_class`, `wrong_sector`, `wrong_currency`, `wrong_tariff`,
    /// `not_yet_valid`, `expired`, `over_limit` by the credential, `revoked`, `stale_data`, `over_limit` by the bundle,
    /// `bad_signature` (or `replayed`), `already_seen`, `journal_full`. The claims come before the signature because
    /// they cost nothing to check and the answer changes nothing; what changes anything comes after it.
    pub fn decide(&mut self, presentation: &[u8]) -> Verdict {
        match self.judge(presentation) {
            Ok(accepted) => Verdict::Accepted(accepted),
            Err(reason) => Verdict::Declined(reason),
        }
    }

    fn judge(&mut self, bytes: &[u8]) -> Result<Accepted, Reason> {
        let Some(outstanding) = self.outstanding else {
            return Err(self.unless_replayed(bytes, Reason::NoChallenge));
        };
        let now = self.now();
        if !outstanding.is_current(now) {
            self.outstanding = None;
            return Err(Reason::TimedOut);
        }
        let presentation = Presentation::parse(bytes).map_err(|_| Reason::Malformed)?;
        let terms = outstanding.challenge.terms();
        self.check_claims(&outstanding, presentation.holder().identity())?;
        let revocation = self.check_trust(terms, presentation.holder().identity(), now)?;
        presentation
            .verify(self.authority, terms, &self.credential().digest())
            .map_err(|_| self.unless_replayed(bytes, Reason::BadSignature))?;
        self.accept(Record::new(*terms, *presentation), revocation)
    }

    /// What the credential claims, against the terms and the tariff declared.
    fn check_claims(&self, outstanding: &Outstanding, identity: &Identity) -> Result<(), Reason> {
        if identity.suite() != S::ID {
            return Err(Reason::WrongSuite);
        }
        if identity.authority_prefix() != self.authority.id().prefix() {
            return Err(Reason::WrongAuthority);
        }
        if identity.class() == Class::Terminal {
            return Err(Reason::WrongClass);
        }
        let fit = outstanding.challenge.terms().fits(identity);
        if let Err(misfit @ (Misfit::WrongSector | Misfit::WrongCurrency)) = fit {
            return Err(misfit.into());
        }
        if identity.tariff() != outstanding.tariff {
            return Err(Reason::WrongTariff);
        }
        fit.map_err(Reason::from)
    }

    /// What the trust bundle and the policy say.
    fn check_trust(&mut self, terms: &Terms, identity: &Identity, now: Time) -> Result<Revocation, Reason> {
        let Some(trust) = &self.trust else {
            let allowed = self.policy.without_bundle.allows(terms.spent());
            return if allowed { Ok(Revocation::Unknown) } else { Err(Reason::StaleData) };
        };
        if trust.revokes(identity) {
            return Err(Reason::Revoked);
        }
        if identity.class() == Class::Pseudonym {
            match self.recognition.recognise(trust.seeds(), identity, terms.time()) {
                Recognised::Revoked => return Err(Reason::Revoked),
                Recognised::Unknown => return Err(Reason::StaleData),
                Recognised::NotListed => {}
            }
        }
        let late_seconds = trust.seconds_past_validity(now);
        let allowed = late_seconds.is_none_or(|late_seconds| {
            late_seconds < self.policy.after_expiry_seconds && self.policy.after_expiry.allows(terms.spent())
        });
        if !allowed {
            return Err(Reason::StaleData);
        }
        if trust.cap(terms).is_some_and(|cap| terms.spent() > cap) {
            return Err(Reason::OverLimit);
        }
        Ok(Revocation::NotListed { age_seconds: now.seconds().saturating_sub(trust.issued_at().seconds()) })
    }

    /// The signature verified: from here on things change.
    fn accept(&mut self, record: Record, revocation: Revocation) -> Result<Accepted, Reason> {
        let seen = Seen::of(&record);
        if self.memory.has_transaction(&seen) {
            return Err(self.unless_replayed(record.presentation().as_bytes(), Reason::AlreadySeen));
        }
        self.devices.storage.append(&record).map_err(|_| Reason::JournalFull)?;
        self.memory.remember(seen);
        self.outstanding = None;
        Ok(Accepted::new(record, record.presentation().holder().digest(), revocation))
    }

    /// A replay of what was accepted here is told from everything else that cannot be accepted.
    fn unless_replayed(&self, presentation: &[u8], otherwise: Reason) -> Reason {
        if self.memory.has_bytes(presentation) { Reason::Replayed } else { otherwise }
    }
}

//! Codes shown on a screen: the holder fills in the terms itself, and nothing of them was asked for.

use rand_core::CryptoRng;
use symbolon_ccks::{Suite, Time};
use symbolon_tap::{Flags, Record, Terms};

use super::deciding::{Stop, check_class, check_suite, settle};
use super::{CLOCK_TOLERANCE_SECONDS, CODE_SECONDS, Terminal};
use crate::domain::Live;
use crate::memory::Known;
use crate::{Accepted, Clock, Reason, Storage, Verdict};

impl<'a, S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'a, S, C, R, T> {
    /// Decides on a code, the 209 bytes of terms and presentation that a holder's screen shows.
    ///
    /// A code is weaker than a tap: no nonce of this terminal is in it, and a copy of it can be shown at two places
    /// within the minute; settlement sees that. Here each counts once, until it expires in memory, and beyond by the
    /// journal. What it pays is the holder's to fill in: a till reads the terms ([`Record::parse`]) and compares the
    /// amount before it decides.
    ///
    /// When several reasons hold, the first of this order is given: `not_served` where no codes are taken,
    /// `clock_wrong`, `malformed`, `wrong_kind`, `other_operator`, `timed_out`, `wrong_suite`, `wrong_authority`,
    /// `not_in_use`, `wrong_class`, what the terminal's own credential does not cover, then as in [`Self::decide`] from
    /// `wrong_sector` on, without a tariff declared; after the signature `replayed`, `already_seen`, `no_room`,
    /// `journal_full`.
    pub fn decide_code(&mut self, code: &[u8]) -> Verdict {
        match self.judge_code(code) {
            Ok(accepted) => Verdict::Accepted(accepted),
            Err(stop) => stop.verdict(None),
        }
    }

    fn judge_code(&mut self, code: &[u8]) -> Result<Accepted, Stop> {
        let operator = self.policy.codes_pay.ok_or(Reason::NotServed)?;
        let now = self.time().map_err(Reason::from)?;
        let record = Record::parse(code).map_err(|_| Reason::Malformed)?;
        let (terms, presentation) = (record.terms(), record.presentation());
        self.check_code_terms(terms, &operator, now)?;
        let identity = presentation.holder().identity();
        check_suite::<S>(identity)?;
        let domain = self.domain(&identity.authority_prefix()).ok_or(Reason::WrongAuthority)?;
        self.check_code_here(domain, terms, &operator, now)?;
        check_class(identity)?;
        terms.fits(identity).map_err(Reason::from)?;
        let standing = self.standing(terms, identity, now)?;
        let domain = self.domain(&identity.authority_prefix()).ok_or(Reason::WrongAuthority)?;
        presentation.verify_code(domain.authority, terms).map_err(|_| Reason::BadSignature)?;
        let knowledge = settle(standing)?;
        self.check_unseen(record, now)?;
        let open = self.open;
        let accepted = self.accept((record.terms(), record.presentation()), knowledge, now, None);
        // A code answers nothing that was asked.
        self.open = open;
        accepted
    }

    fn check_code_terms(&self, terms: &Terms, operator: &[u8; 16], now: Time) -> Result<(), Reason> {
        if terms.flags() != Flags::ScreenCode {
            return Err(Reason::Malformed);
        }
        if !self.policy.kinds.contains(terms.kind()) {
            return Err(Reason::WrongKind);
        }
        if terms.reference() != operator {
            return Err(Reason::OtherOperator);
        }
        // Not by saturating sums: a time near the end of what can be written is as good as any other.
        let (shown, now) = (terms.time().seconds(), now.seconds());
        let is_current =
            shown <= now.saturating_add(CLOCK_TOLERANCE_SECONDS) && now < shown.saturating_add(CODE_SECONDS);
        if is_current { Ok(()) } else { Err(Reason::TimedOut) }
    }

    /// Whether this terminal may upload such a code.
    fn check_code_here(
        &self,
        domain: &Live<'a, S>,
        terms: &Terms,
        operator: &[u8; 16],
        now: Time,
    ) -> Result<(), Reason> {
        if !domain.is_in_use(now) {
            return Err(Reason::NotInUse);
        }
        let [tag @ .., _, _, _, _, _, _, _, _] = *operator;
        if domain.credential.identity().subject().operator_tag() != tag {
            return Err(Reason::OtherOperator);
        }
        Ok(self.check_own(domain, terms)?)
    }

    /// Whether the code can be told from what was accepted, and will be remembered.
    fn check_unseen(&mut self, record: &Record, now: Time) -> Result<(), Reason> {
        let credential = record.presentation().holder().digest();
        match self.memory.known(record.presentation(), &credential) {
            Known::Replay => return Err(Reason::Replayed),
            Known::Used => return Err(Reason::AlreadySeen),
            Known::New => {}
        }
        // The memory is gone after a restart, the journal is not.
        let kept = self.devices.storage.find(&credential, record.presentation().counter());
        match kept.map_err(|_| Reason::OutOfOrder)? {
            Some(entry) if entry.record() == record => return Err(Reason::Replayed),
            Some(_) => return Err(Reason::AlreadySeen),
            None => {}
        }
        if self.memory.has_room(now) { Ok(()) } else { Err(Reason::NoRoom) }
    }
}

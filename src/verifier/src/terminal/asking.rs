//! Asking: the challenge that a presentation has to answer.

use core::fmt;

use rand_core::CryptoRng;
use symbolon_ccks::{Malformed, Suite, Time};
use symbolon_tap::{Challenge, Flags, Misfit, SelectResponse, SignRefused, Terms, TermsFields};

use super::{ANSWER_WITHIN_SECONDS, CLOCK_TOLERANCE_SECONDS, Request, Terminal};
use crate::domain::Live;
use crate::{Clock, Reason, Storage, StorageError, TakenVoucher};

/// A challenge that waits for its answer. There is one of each, and deciding takes it.
///
/// ```no_run
/// # use rand_core::CryptoRng;
/// # use symbolon_ccks::Suite;
/// # use symbolon_verifier::{Clock, Request, SignedReceipt, Storage, Terminal};
/// fn tap<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
///     terminal: &mut Terminal<'_, S, C, R, T>,
///     request: &Request,
///     select: &[u8],
///     card: impl FnOnce(&[u8]) -> [u8; 159],
/// ) -> Option<SignedReceipt> {
///     let asked = terminal.challenge(select, request).ok()?;
///     let presentation = card(asked.challenge().as_bytes());
///     let verdict = terminal.decide(asked, &presentation);
///     terminal.receipt(verdict.accepted()?).ok()
/// }
/// ```
///
/// No other order compiles. One challenge is not decided on twice, nor copied:
///
/// ```compile_fail,E0382
/// # use rand_core::CryptoRng;
/// # use symbolon_ccks::Suite;
/// # use symbolon_verifier::{Asked, Clock, Storage, Terminal};
/// fn twice<S: Suite, C: Clock, R: CryptoRng, T: Storage>(terminal: &mut Terminal<'_, S, C, R, T>, asked: Asked) {
///     terminal.decide(asked, &[]);
///     terminal.decide(asked, &[]);
/// }
/// ```
///
/// ```compile_fail,E0599
/// # use symbolon_verifier::Asked;
/// fn copied(asked: &Asked) -> Asked {
///     asked.clone()
/// }
/// ```
///
/// Nothing is decided that was not asked for, and nothing has a receipt that was not decided:
///
/// ```compile_fail,E0061
/// # use rand_core::CryptoRng;
/// # use symbolon_ccks::Suite;
/// # use symbolon_verifier::{Clock, Storage, Terminal, Verdict};
/// fn unasked<S: Suite, C: Clock, R: CryptoRng, T: Storage>(terminal: &mut Terminal<'_, S, C, R, T>) -> Verdict {
///     terminal.decide(&[])
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use rand_core::CryptoRng;
/// # use symbolon_ccks::Suite;
/// # use symbolon_verifier::{Asked, Clock, Storage, Terminal};
/// fn receipt_before_the_verdict<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
///     terminal: &mut Terminal<'_, S, C, R, T>,
///     asked: Asked,
/// ) {
///     terminal.receipt(&asked);
/// }
/// ```
#[derive(Debug)]
pub struct Asked {
    pub(super) challenge: Challenge,
    pub(super) tariff: u8,
    pub(super) voucher: Option<TakenVoucher>,
}

impl Asked {
    /// What goes to the card.
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The concession group that the card declared.
    pub const fn tariff(&self) -> u8 {
        self.tariff
    }

    /// Until when, this second included, an answer is in time.
    pub fn until(&self) -> Time {
        self.challenge.terms().time().saturating_add(ANSWER_WITHIN_SECONDS)
    }

    pub(super) fn is_current(&self, now: Time) -> bool {
        let asked = self.challenge.terms().time();
        asked.saturating_sub(CLOCK_TOLERANCE_SECONDS) <= now && now <= self.until()
    }
}

/// Why nothing was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeRefused {
    /// The card's select response is malformed, or of another suite or authority; or its authority is not in use.
    Card(Reason),
    /// The policy has this terminal do no transactions of this kind.
    Kind,
    /// The terminal's own credential, or its policy, does not cover what is asked.
    Terminal(Misfit),
    /// The amount does not go with the kind.
    Request(Malformed),
    /// The terminal's clock is wrong.
    Clock(super::ClockWrong),
    /// The voucher that the card carries cannot be taken.
    Voucher(Reason),
    /// The nonce's number could not be kept as used.
    Storage(StorageError),
    /// The challenge was not signed.
    Sign(SignRefused),
}

impl ChallengeRefused {
    /// The reason out of the closed list that a log or a display shows.
    pub fn reason(self) -> Reason {
        match self {
            Self::Card(reason) | Self::Voucher(reason) => reason,
            Self::Kind => Reason::WrongKind,
            Self::Terminal(misfit) => misfit.into(),
            Self::Request(_) => Reason::Malformed,
            Self::Clock(_) => Reason::ClockWrong,
            Self::Storage(StorageError::Full) => Reason::JournalFull,
            Self::Storage(StorageError::Failed) | Self::Sign(_) => Reason::OutOfOrder,
        }
    }
}

impl fmt::Display for ChallengeRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(reason) | Self::Voucher(reason) => reason.fmt(formatter),
            Self::Kind => Reason::WrongKind.fmt(formatter),
            Self::Terminal(misfit) => write!(formatter, "this terminal may not ask that: {misfit}"),
            Self::Request(malformed) => malformed.fmt(formatter),
            Self::Clock(wrong) => wrong.fmt(formatter),
            Self::Storage(error) => write!(formatter, "no nonce: {error}"),
            Self::Sign(refused) => refused.fmt(formatter),
        }
    }
}

impl core::error::Error for ChallengeRefused {}

impl<'a, S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'a, S, C, R, T> {
    /// Asks the card that answered with `select` for `request`. The challenge is open from now on, and any earlier one
    /// void.
    ///
    /// # Errors
    /// [`ChallengeRefused`]; an earlier challenge stays open.
    #[inline(never)]
    pub fn challenge(&mut self, select: &[u8], request: &Request) -> Result<Asked, ChallengeRefused> {
        let now = self.time().map_err(ChallengeRefused::Clock)?;
        let select = self.check_select(select, now).map_err(ChallengeRefused::Card)?;
        self.ask(select, request, now, None)
    }

    pub(super) fn ask(
        &mut self,
        select: &SelectResponse,
        request: &Request,
        now: Time,
        voucher: Option<TakenVoucher>,
    ) -> Result<Asked, ChallengeRefused> {
        if !self.policy.kinds.contains(request.kind) {
            return Err(ChallengeRefused::Kind);
        }
        let unknown = ChallengeRefused::Card(Reason::WrongAuthority);
        let domain = self.domain(select.authority_prefix()).ok_or(unknown)?;
        let (key, currency) = (domain.key, domain.credential.identity().currency());
        let mut fields = TermsFields {
            kind: request.kind,
            sector: request.sector,
            flags: Flags::Tap,
            nonce: [0; 16],
            time: now,
            amount: request.amount,
            currency,
            reference: request.reference,
        };
        let terms = Terms::new(fields).map_err(ChallengeRefused::Request)?;
        self.check_own(domain, &terms).map_err(ChallengeRefused::Terminal)?;
        // Nothing that can be refused for what was asked uses up a number.
        fields.nonce = self.nonce(select.nonce()).map_err(ChallengeRefused::Storage)?;
        let terms = Terms::new(fields).map_err(ChallengeRefused::Request)?;
        let random = self.fresh();
        let challenge = Challenge::sign(key, terms, &random).map_err(ChallengeRefused::Sign)?;
        self.open = Some(challenge.terms().terminal_nonce());
        Ok(Asked { challenge, tariff: select.tariff(), voucher })
    }

    /// Takes a challenge of its own up again, as after a restart in the middle of a tap. Not for the challenge of a voucher,
    /// which nothing tells from another of its kind: it would be taken up without the voucher, and accepted without credit.
    /// The card brings the voucher again.
    ///
    /// # Errors
    /// [`Reason::Malformed`], [`Reason::WrongSuite`], [`Reason::WrongAuthority`] or [`Reason::NotInUse`] for the select
    /// response; [`Reason::NoChallenge`] when this terminal never answered it with that challenge, or remembers that the
    /// challenge was answered.
    pub fn resume(&mut self, select: &[u8], challenge: &[u8]) -> Result<Asked, Reason> {
        let select = self.check_select(select, self.latest_time())?;
        let challenge = Challenge::parse(challenge).map_err(|_| Reason::NoChallenge)?;
        let domain = self.domain(select.authority_prefix()).ok_or(Reason::WrongAuthority)?;
        let is_open = challenge.terminal() == domain.credential
            && !self.memory.has_nonce(&challenge.terms().terminal_nonce())
            && challenge.terms().holder_nonce() == *select.nonce()
            && self.check_own(domain, challenge.terms()).is_ok()
            && challenge.verify(domain.authority).is_ok();
        if !is_open {
            return Err(Reason::NoChallenge);
        }
        self.open = Some(challenge.terms().terminal_nonce());
        Ok(Asked { challenge: *challenge, tariff: select.tariff(), voucher: None })
    }

    pub(super) fn check_select<'s>(&self, select: &'s [u8], now: Time) -> Result<&'s SelectResponse, Reason> {
        let select = SelectResponse::parse(select).map_err(|_| Reason::Malformed)?;
        if select.suite() != S::ID {
            return Err(Reason::WrongSuite);
        }
        let domain = self.domain(select.authority_prefix()).ok_or(Reason::WrongAuthority)?;
        if domain.is_in_use(now) { Ok(select) } else { Err(Reason::NotInUse) }
    }

    /// Whether this terminal may ask on such terms.
    pub(super) fn check_own(&self, domain: &Live<'a, S>, terms: &Terms) -> Result<(), Misfit> {
        if !self.policy.sectors.contains(terms.sector()) {
            return Err(Misfit::WrongSector);
        }
        terms.fits(domain.credential.identity())
    }

    /// The holder's 8 bytes, then this terminal's: a number that it never used before, which makes the nonce unique,
    /// and 4 random bytes, which still tell taps apart should the storage lose count.
    fn nonce(&mut self, holder_half: &[u8; 8]) -> Result<[u8; 16], StorageError> {
        let number = self.devices.storage.next_nonce_number()?;
        let mut random = [0; 4];
        self.devices.random.fill_bytes(&mut random);
        let mut nonce = [0; 16];
        let parts = holder_half.iter().copied().chain(number.to_be_bytes()).chain(random);
        nonce.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
        Ok(nonce)
    }
}

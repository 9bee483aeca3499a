//! Asking: the challenge that a presentation has to answer.

use core::fmt;

use rand_core::CryptoRng;
use symbolon_ccks::{Malformed, Suite};
use symbolon_tap::{Challenge, Flags, Misfit, SelectResponse, SignRefused, Terms, TermsFields};

use super::{Outstanding, Request, Terminal};
use crate::{Clock, Reason, Storage, StorageError};

/// Why nothing was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeRefused {
    /// The card's select response is malformed, or of another suite or authority.
    Card(Reason),
    /// The policy has this terminal do no transactions of this kind.
    Kind,
    /// The terminal's own credential, or its policy, does not cover what is asked.
    Terminal(Misfit),
    /// The amount does not go with the kind.
    Request(Malformed),
    /// The nonce's number could not be kept as used.
    Storage(StorageError),
    /// The challenge was not signed.
    Sign(SignRefused),
}

impl ChallengeRefused {
    /// The reason out of the closed list that a log or a display shows.
    pub fn reason(self) -> Reason {
        match self {
            Self::Card(reason) => reason,
            Self::Kind => Reason::WrongKind,
            Self::Terminal(misfit) => misfit.into(),
            Self::Request(_) => Reason::Malformed,
            Self::Storage(_) => Reason::JournalFull,
            Self::Sign(_) => Reason::BadSignature,
        }
    }
}

impl fmt::Display for ChallengeRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(reason) => reason.fmt(formatter),
            Self::Kind => Reason::WrongKind.fmt(formatter),
            Self::Terminal(misfit) => write!(formatter, "this terminal may not ask that: {misfit}"),
            Self::Request(malformed) => malformed.fmt(formatter),
            Self::Storage(error) => write!(formatter, "no nonce: {error}"),
            Self::Sign(refused) => refused.fmt(formatter),
        }
    }
}

impl core::error::Error for ChallengeRefused {}

impl<S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'_, S, C, R, T> {
    /// Asks the card that answered with `select` for `request`. The challenge is outstanding from now on, and any
    /// earlier one void.
    ///
    /// # Errors
    /// [`ChallengeRefused`]; an earlier challenge stays outstanding.
    pub fn challenge(&mut self, select: &[u8], request: &Request) -> Result<Challenge, ChallengeRefused> {
        let select = self.check_select(select).map_err(ChallengeRefused::Card)?;
        if !self.policy.kinds.contains(request.kind) {
            return Err(ChallengeRefused::Kind);
        }
        let nonce = self.nonce(select.nonce()).map_err(ChallengeRefused::Storage)?;
        let own = self.credential().identity();
        let terms = Terms::new(TermsFields {
            kind: request.kind,
            sector: request.sector,
            flags: Flags::Tap,
            nonce,
            time: self.now(),
            amount: request.amount,
            currency: own.currency(),
            reference: request.reference,
        })
        .map_err(ChallengeRefused::Request)?;
        self.check_own(&terms).map_err(ChallengeRefused::Terminal)?;
        let mut random = [0; 32];
        self.devices.random.fill_bytes(&mut random);
        let challenge = Challenge::sign(self.key, terms, &random).map_err(ChallengeRefused::Sign)?;
        self.outstanding = Some(Outstanding { challenge, tariff: select.tariff() });
        Ok(challenge)
    }

    /// Takes a challenge of its own up again, as after a restart in the middle of a tap.
    ///
    /// # Errors
    /// [`Reason::Malformed`], [`Reason::WrongSuite`] or [`Reason::WrongAuthority`] for the select response;
    /// [`Reason::NoChallenge`] when this terminal never answered it with that
    /// challenge, or remembers that the challenge was answered.
    pub fn resume(&mut self, select: &[u8], challenge: &[u8]) -> Result<(), Reason> {
        let select = self.check_select(select)?;
        let challenge = Challenge::parse(challenge).map_err(|_| Reason::NoChallenge)?;
        let is_open = challenge.terminal() == self.credential()
            && !self.memory.has_nonce(&challenge.terms().terminal_nonce())
            && challenge.terms().holder_nonce() == *select.nonce()
            && self.check_own(challenge.terms()).is_ok()
            && challenge.verify(self.authority).is_ok();
        if !is_open {
            return Err(Reason::NoChallenge);
        }
        self.outstanding = Some(Outstanding { challenge: *challenge, tariff: select.tariff() });
        Ok(())
    }

    fn check_select<'s>(&self, select: &'s [u8]) -> Result<&'s SelectResponse, Reason> {
        let select = SelectResponse::parse(select).map_err(|_| Reason::Malformed)?;
        if select.suite() != S::ID {
            return Err(Reason::WrongSuite);
        }
        if *select.authority_prefix() != self.authority.id().prefix() {
            return Err(Reason::WrongAuthority);
        }
        Ok(select)
    }

    /// Whether this terminal may ask on such terms.
    fn check_own(&self, terms: &Terms) -> Result<(), Misfit> {
        if !self.policy.sectors.contains(terms.sector()) {
            return Err(Misfit::WrongSector);
        }
        terms.fits(self.credential().identity())
    }

    /// The holder's 8 bytes, then this terminal's: a number that it never used before, which makes the nonce unique,
    /// and 4 random bytes, which still tell taps apart should the storage lose count.
    fn nonce(&mut self, holder_half: &[u8; 8]) -> Result<[u8; 16], StorageError> {
        let number = self.devices.storage.next_nonce_number()?;
        let mut nonce = [0; 16];
        let (holder, own) = nonce.split_at_mut(8);
        let (counted, random) = own.split_at_mut(4);
        holder.copy_from_slice(holder_half);
        counted.copy_from_slice(&number.to_be_bytes());
        self.devices.random.fill_bytes(random);
        Ok(nonce)
    }
}

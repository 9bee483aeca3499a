//! The wallet: a holder's key, its counter, and what it knows about terminals.

use core::fmt;

use symbolon_ccks::{Authority, Class, Credential, CredentialDigest, Identity, SigningKey, Suite, Time};
use symbolon_tap::misuse::Item;
use symbolon_tap::{Presentation, Record, SelectResponse, TerminalDigest, Terms};

use crate::counters::{Account, CounterError, CounterStore};
use crate::refusal::Refused;
use crate::tap::Selected;
use crate::trust::{BundleRefused, Trust};

/// By how many seconds the terms' time may differ from the wallet's clock, either way, unless told otherwise.
///
/// Terminals run offline for days and phones are set by hand, so seconds would refuse honest taps; but a terminal
/// with a stolen key must not have terms signed for a time at which it was, or the card will be, valid.
pub const DEFAULT_CLOCK_TOLERANCE_SECONDS: u64 = 300;

/// Why a key is not a wallet's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefused {
    /// It is no card's and no pseudonym's.
    NotAHolder,
    /// It belongs to another authority.
    OtherAuthority,
}

impl fmt::Display for KeyRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotAHolder => "the key is not a card's",
            Self::OtherAuthority => "the key belongs to another authority",
        })
    }
}

impl core::error::Error for KeyRefused {}

/// One credential's wallet.
pub struct Wallet<'a, S: Suite, C> {
    authority: &'a Authority<'a, S>,
    key: &'a SigningKey<S>,
    credential: Credential,
    digest: CredentialDigest,
    counters: C,
    trust: Trust,
    clock_tolerance_seconds: u64,
}

impl<'a, S: Suite, C: CounterStore> Wallet<'a, S, C> {
    /// A wallet of this key, which counts in `counters`.
    ///
    /// # Errors
    /// [`KeyRefused`] for a key that no holder has, or of another authority.
    pub fn new(authority: &'a Authority<'a, S>, key: &'a SigningKey<S>, counters: C) -> Result<Self, KeyRefused> {
        let is_holder = |credential: &&Credential| credential.identity().class() != Class::Terminal;
        let credential = *key.credential().filter(is_holder).ok_or(KeyRefused::NotAHolder)?;
        if key.authority_id() != authority.id() {
            return Err(KeyRefused::OtherAuthority);
        }
        Ok(Self {
            authority,
            key,
            digest: credential.digest(),
            credential,
            counters,
            trust: Trust::default(),
            clock_tolerance_seconds: DEFAULT_CLOCK_TOLERANCE_SECONDS,
        })
    }

    /// Takes another tolerance than [`DEFAULT_CLOCK_TOLERANCE_SECONDS`].
    #[must_use]
    pub fn with_clock_tolerance(self, seconds: u64) -> Self {
        Self { clock_tolerance_seconds: seconds, ..self }
    }

    /// Takes a trust bundle, or another part of the one taken last: from now on the terminals that it lists as
    /// revoked are refused. A wallet without one answers every terminal of its authority.
    ///
    /// # Errors
    /// [`BundleRefused`]; what was known before stays.
    pub fn take_bundle(&mut self, bundle: &[u8]) -> Result<(), BundleRefused> {
        self.trust.take(self.authority, bundle)
    }

    /// Begins a tap. `nonce` is fresh and random; a caller that goes on with a tap in another process gives the nonce
    /// of that tap's response again.
    pub fn select(&mut self, nonce: [u8; 8]) -> Selected<'_, 'a, S, C> {
        let identity = self.credential.identity();
        let response = SelectResponse::new(S::ID, identity.tariff(), self.authority.id().prefix(), nonce);
        Selected::new(self, response)
    }

    /// The credential it presents.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// How far the credential has been used.
    ///
    /// # Errors
    /// [`CounterError`] when the account cannot be read.
    pub fn account(&self) -> Result<Account, CounterError> {
        self.counters.account(&self.digest)
    }

    pub(crate) fn authority(&self) -> &'a Authority<'a, S> {
        self.authority
    }

    pub(crate) fn key(&self) -> &'a SigningKey<S> {
        self.key
    }

    pub(crate) fn digest(&self) -> &CredentialDigest {
        &self.digest
    }

    /// Everything about a challenge that does not depend on its signature; in the order in which it is told.
    pub(crate) fn check_terms(&self, terms: &Terms, terminal: &Credential, now: Time) -> Result<(), Refused> {
        terms.fits(terminal.identity()).map_err(Refused::Terminal)?;
        terms.fits(self.credential.identity()).map_err(Refused::Holder)?;
        self.check_time_and_terminal(terms, terminal, now)?;
        self.check_budget(terms)
    }

    /// What of that does not depend on who pays.
    pub(crate) fn check_time_and_terminal(
        &self,
        terms: &Terms,
        terminal: &Credential,
        now: Time,
    ) -> Result<(), Refused> {
        if terms.time().seconds().abs_diff(now.seconds()) > self.clock_tolerance_seconds {
            return Err(Refused::ClockDiffers);
        }
        if self.trust.revokes(terminal.identity()) {
            return Err(Refused::RevokedTerminal);
        }
        Ok(())
    }

    /// Counts as a misuse proof counts, so that nothing this wallet signs can ever make one.
    pub(crate) fn check_budget(&self, terms: &Terms) -> Result<(), Refused> {
        if reaches(self.account()?.spent, terms, self.credential.identity()) {
            Ok(())
        } else {
            Err(Refused::OverBudget)
        }
    }

    /// Takes a counter durably, signs under it, and keeps the answer.
    pub(crate) fn sign(
        &mut self,
        terms: &Terms,
        terminal: TerminalDigest,
        random: &[u8; 32],
    ) -> Result<Presentation, Refused> {
        let counter = self.counters.reserve(&self.digest, terms.spent())?;
        let presentation = Presentation::sign(self.key, terms, &terminal, counter, random)?;
        self.counters.keep_answer(&self.digest, &Item::new(&Record::new(*terms, presentation), terminal))?;
        Ok(presentation)
    }
}

/// Whether a credential of which `spent` minor units are spent may spend on these terms.
pub(crate) fn reaches(spent: u64, terms: &Terms, identity: &Identity) -> bool {
    terms.spent() == 0 || spent.saturating_add(u64::from(terms.spent())) <= u64::from(identity.budget())
}

impl<S: Suite, C> fmt::Debug for Wallet<'_, S, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Wallet").field("credential", &self.digest).finish_non_exhaustive()
    }
}

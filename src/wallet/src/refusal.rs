//! Why a wallet does not sign.

use core::fmt;

use symbolon_ccks::Malformed;
use symbolon_tap::{Misfit, SignRefused};

use crate::counters::CounterError;
use crate::purse::PurseError;

/// Why a wallet did not answer a challenge. Nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The challenge is not well formed.
    Malformed(Malformed),
    /// The challenge was not made for this selection of the card: it does not have its nonce, or another challenge
    /// with that nonce was answered already.
    Replayed,
    /// The terminal's credential or its signature is not the authority's making.
    CounterfeitTerminal,
    /// The terminal's own credential does not go with what it asks.
    Terminal(Misfit),
    /// The holder's credential does not go with what is asked.
    Holder(Misfit),
    /// The terms' time is too far from the wallet's clock.
    ClockDiffers,
    /// The trust bundle lists the terminal as revoked, or no longer covers a credential as old.
    RevokedTerminal,
    /// Together with what was spent before, the amount is above the credential's budget.
    OverBudget,
    /// The holder agreed to another amount than the one that is asked.
    NotConfirmed,
    /// No pseudonym is left for this, and the holder did not say that the card's own number may be shown instead.
    NoPseudonym,
    /// The counter could not be read or kept.
    Counter(CounterError),
    /// The purse could not be read or kept.
    Purse(PurseError),
    /// The key did not sign.
    Sign(SignRefused),
}

impl Refused {
    /// Stable reason, for logs, counts and displays.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Replayed => "replayed",
            Self::CounterfeitTerminal => "counterfeit_terminal",
            Self::Terminal(misfit) | Self::Holder(misfit) => misfit.reason(),
            Self::ClockDiffers => "clock_differs",
            Self::RevokedTerminal => "revoked",
            Self::OverBudget => "over_budget",
            Self::NotConfirmed => "not_confirmed",
            Self::NoPseudonym => "no_pseudonym",
            Self::Purse(_) => "purse_unavailable",
            Self::Counter(CounterError::Exhausted) => "counters_exhausted",
            Self::Counter(_) => "counter_unavailable",
            Self::Sign(_) => "not_signed",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(formatter),
            Self::Replayed => formatter.write_str("the challenge was not made for this tap"),
            Self::CounterfeitTerminal => formatter.write_str("the terminal is not one of this authority's"),
            Self::Terminal(misfit) => write!(formatter, "the terminal may not ask this: {misfit}"),
            Self::Holder(misfit) => write!(formatter, "this card may not answer that: {misfit}"),
            Self::ClockDiffers => formatter.write_str("the terminal's time is too far from this device's"),
            Self::RevokedTerminal => formatter.write_str("the terminal is revoked"),
            Self::OverBudget => formatter.write_str("the card's budget does not reach"),
            Self::NotConfirmed => formatter.write_str("another amount was agreed to"),
            Self::NoPseudonym => formatter.write_str("no pseudonym is left for this tap"),
            Self::Counter(error) => error.fmt(formatter),
            Self::Purse(error) => error.fmt(formatter),
            Self::Sign(refused) => refused.fmt(formatter),
        }
    }
}

impl core::error::Error for Refused {}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<CounterError> for Refused {
    fn from(error: CounterError) -> Self {
        Self::Counter(error)
    }
}

impl From<PurseError> for Refused {
    fn from(error: PurseError) -> Self {
        Self::Purse(error)
    }
}

impl From<SignRefused> for Refused {
    fn from(refused: SignRefused) -> Self {
        Self::Sign(refused)
    }
}

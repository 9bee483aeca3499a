//! The trust bundle that a terminal has installed.

use core::fmt;

use sha2::{Digest, Sha256};
use symbolon_ccks::{Authority, Identity, Malformed, Sectors, Suite, Time};
use symbolon_tap::{Bundle, Limits, RevokedSeeds, RevokedSubjects, Terms};

use crate::{BundleMark, StorageError};

/// Why a trust bundle was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleRefused {
    /// The bytes are not a bundle, or have a critical section that this terminal does not know.
    Malformed(Malformed),
    /// The authority did not sign it.
    BadSignature,
    /// It is one of several parts, which this terminal does not put together.
    InParts,
    /// It is not for all of the terminal's sectors.
    OtherSectors,
    /// It is older than what the terminal has taken, or another one of the same number.
    NotNewer,
    /// Its number is further ahead than one bundle may go.
    SequenceJump,
    /// It was issued further ahead of the terminal's clock than the policy allows: the clock needs setting.
    FromTheFuture,
    /// What lets the terminal refuse older ones could not be kept.
    Storage(StorageError),
}

impl fmt::Display for BundleRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed(malformed) => return malformed.fmt(formatter),
            Self::BadSignature => "the bundle's signature is not this authority's",
            Self::InParts => "the bundle comes in several parts",
            Self::OtherSectors => "the bundle is not for all of this terminal's sectors",
            Self::NotNewer => "the bundle is not newer than the one taken before",
            Self::SequenceJump => "the bundle's sequence is too far ahead",
            Self::FromTheFuture => "the bundle was issued too far ahead of this terminal's clock",
            Self::Storage(error) => return error.fmt(formatter),
        })
    }
}

impl core::error::Error for BundleRefused {}

/// A bundle whose signature verified.
pub(crate) struct Trust<'a> {
    bundle: Bundle<'a>,
    revoked: RevokedSubjects<'a>,
    limits: Limits<'a>,
    seeds: RevokedSeeds<'a>,
}

impl<'a> Trust<'a> {
    /// Takes a bundle that the authority signed, whole, for all of `sectors`.
    pub(crate) fn check<S: Suite>(
        authority: &Authority<'_, S>,
        bundle: Bundle<'a>,
        sectors: Sectors,
    ) -> Result<Self, BundleRefused> {
        bundle.verify(authority).map_err(|_| BundleRefused::BadSignature)?;
        if bundle.header().parts() != 1 {
            return Err(BundleRefused::InParts);
        }
        if !bundle.header().sectors().contains_all(sectors) {
            return Err(BundleRefused::OtherSectors);
        }
        Ok(Self { bundle, revoked: bundle.revoked(), limits: bundle.limits(), seeds: bundle.revoked_seeds() })
    }

    /// Refuses to go back, and to go further ahead than one bundle may. The very bundle that was taken last is taken
    /// again, as after a restart.
    pub(crate) fn check_progress(&self, taken: Option<BundleMark>, latest: Time) -> Result<(), BundleRefused> {
        let header = self.bundle.header();
        if let Some(taken) = taken.filter(|taken| *taken != self.mark()) {
            if header.sequence() <= taken.sequence {
                return Err(BundleRefused::NotNewer);
            }
            if !header.may_follow(taken.sequence) {
                return Err(BundleRefused::SequenceJump);
            }
        }
        if header.issued_at() > latest {
            return Err(BundleRefused::FromTheFuture);
        }
        Ok(())
    }

    pub(crate) fn mark(&self) -> BundleMark {
        let header = self.bundle.header();
        BundleMark { sequence: header.sequence(), digest: Sha256::digest(header.as_bytes()).into() }
    }

    pub(crate) fn issued_at(&self) -> Time {
        self.bundle.header().issued_at()
    }

    /// How long the bundle has not vouched for its data any more; `None` while it does.
    pub(crate) fn seconds_past_validity(&self, now: Time) -> Option<u64> {
        now.seconds().checked_sub(self.bundle.header().valid_until().seconds())
    }

    /// Whether the credential is listed, or so old that it would no longer be listed.
    pub(crate) fn revokes(&self, identity: &Identity) -> bool {
        identity.not_before() < self.bundle.header().oldest_not_before() || self.revoked.contains(&identity.subject())
    }

    /// What recognises the pseudonyms of revoked cards.
    pub(crate) fn seeds(&self) -> &RevokedSeeds<'a> {
        &self.seeds
    }

    /// The most for one tap like this.
    pub(crate) fn cap(&self, terms: &Terms) -> Option<u32> {
        self.limits.offline_cap(terms.sector(), terms.currency())
    }
}

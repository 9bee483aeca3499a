//! What a wallet knows from trust bundles: which terminals not to answer.

use core::fmt;
use std::collections::BTreeSet;

use symbolon_ccks::{Authority, BadSignature, Identity, Malformed, Subject, Suite, Time};
use symbolon_tap::Bundle;

/// Why a trust bundle was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleRefused {
    /// It is not well formed.
    Malformed(Malformed),
    /// The authority did not sign it.
    BadSignature,
    /// Its sequence is below the one taken last, or too far above it.
    WrongSequence,
}

impl fmt::Display for BundleRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(formatter),
            Self::BadSignature => BadSignature.fmt(formatter),
            Self::WrongSequence => formatter.write_str("the bundle is older than the last, or too far ahead of it"),
        }
    }
}

impl core::error::Error for BundleRefused {}

/// What the bundle taken last says, its parts put together.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    sequence: u64,
    oldest_not_before: Time,
    revoked: BTreeSet<Subject>,
}

impl Trust {
    /// Takes a bundle, or another part of the one taken last.
    pub(crate) fn take<S: Suite>(&mut self, authority: &Authority<'_, S>, bytes: &[u8]) -> Result<(), BundleRefused> {
        let bundle = Bundle::parse(bytes).map_err(BundleRefused::Malformed)?;
        bundle.verify(authority).map_err(|BadSignature| BundleRefused::BadSignature)?;
        let header = bundle.header();
        match &mut self.current {
            Some(current) if current.sequence == header.sequence() => {
                current.revoked.extend(bundle.revoked().as_slice());
                current.oldest_not_before = current.oldest_not_before.max(header.oldest_not_before());
            }
            Some(current) if !header.may_follow(current.sequence) => return Err(BundleRefused::WrongSequence),
            current => {
                *current = Some(Current {
                    sequence: header.sequence(),
                    oldest_not_before: header.oldest_not_before(),
                    revoked: bundle.revoked().as_slice().iter().copied().collect(),
                });
            }
        }
        Ok(())
    }

    /// Whether the credential is listed, or so old that it would no longer be listed.
    pub(crate) fn revokes(&self, identity: &Identity) -> bool {
        self.current.as_ref().is_some_and(|current| {
            identity.not_before() < current.oldest_not_before || current.revoked.contains(&identity.subject())
        })
    }
}

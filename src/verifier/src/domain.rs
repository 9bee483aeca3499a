//! An authority that a terminal works under, and two of them side by side while one follows the other.

use core::fmt;

use symbolon_ccks::{Authority, AuthorityId, Class, Credential, SigningKey, Subject, Suite, Time};

use crate::recognition::Recognition;
use crate::trust::Trust;

/// Why a key cannot run a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefused {
    /// It is no terminal's: not a credential's key, or one of another class.
    NotATerminal,
    /// It belongs to another authority.
    OtherAuthority,
}

impl fmt::Display for KeyRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotATerminal => "the key is not a terminal's",
            Self::OtherAuthority => "the key belongs to another authority",
        })
    }
}

impl core::error::Error for KeyRefused {}

/// Why an authority was not taken beside the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainRefused {
    /// Two are live already, and this is neither: a second, different successor.
    OtherSuccessor,
    /// It is live already.
    AlreadyLive,
    /// The statement does not name this authority, or is not of one that is live.
    NotNamed,
    /// The present authority's rotation key did not sign the statement.
    BadSignature,
    /// Its id begins with the 8 bytes of the other's, by which cards are routed.
    SamePrefix,
    /// The terminal's key under it is not of the same operator and number.
    OtherTerminal,
}

impl fmt::Display for DomainRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OtherSuccessor => "another successor is live already",
            Self::AlreadyLive => "the authority is live already",
            Self::NotNamed => "no live authority names this one in the statement",
            Self::BadSignature => "the statement's signature is not of the authority's rotation key",
            Self::SamePrefix => "the ids of both authorities begin alike",
            Self::OtherTerminal => "the key is of another terminal",
        })
    }
}

impl core::error::Error for DomainRefused {}

/// Why an authority was not dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropRefused {
    /// It is not live.
    NotLive,
    /// No other is in use that could take its place.
    NothingInItsPlace,
}

impl fmt::Display for DropRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotLive => "the authority is not live",
            Self::NothingInItsPlace => "no other authority is in use",
        })
    }
}

impl core::error::Error for DropRefused {}

/// An authority and the terminal's key under it.
pub struct Domain<'a, S: Suite> {
    pub(crate) authority: &'a Authority<'a, S>,
    pub(crate) key: &'a SigningKey<S>,
    pub(crate) credential: &'a Credential,
    pub(crate) slots: &'a mut [Subject],
}

impl<'a, S: Suite> Domain<'a, S> {
    /// Puts them together. `authority` is one whose id the caller has compared with the digest it trusts.
    ///
    /// # Errors
    /// [`KeyRefused`] when `key` is not that of a terminal of this authority.
    pub fn new(authority: &'a Authority<'a, S>, key: &'a SigningKey<S>) -> Result<Self, KeyRefused> {
        let credential = key.credential().filter(|credential| credential.identity().class() == Class::Terminal);
        let credential = credential.ok_or(KeyRefused::NotATerminal)?;
        if key.authority_id() != authority.id() {
            return Err(KeyRefused::OtherAuthority);
        }
        Ok(Self { authority, key, credential, slots: &mut [] })
    }

    /// Gives it memory in which to recognise the pseudonyms of revoked cards exactly, by the seeds of a full trust
    /// bundle; it has none otherwise, and goes by what a compact bundle says.
    ///
    /// Every revoked card that a bundle has seeds of needs twice as many slots of 16 bytes as a card has pseudonyms in a
    /// period: entries x per_period x 2 live periods ([`subject_slots`](crate::subject_slots)). What is in `slots` does
    /// not matter.
    #[must_use]
    pub fn with_subject_slots(mut self, slots: &'a mut [Subject]) -> Self {
        self.slots = slots;
        self
    }
}

impl<S: Suite> fmt::Debug for Domain<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Domain")
            .field("authority", self.authority.id())
            .field("credential", &self.credential.digest())
            .finish_non_exhaustive()
    }
}

/// A domain as a terminal has it: with what its authority told.
pub(crate) struct Live<'a, S: Suite> {
    pub(crate) authority: &'a Authority<'a, S>,
    pub(crate) key: &'a SigningKey<S>,
    pub(crate) credential: &'a Credential,
    pub(crate) trust: Option<Trust<'a>>,
    pub(crate) recognition: Recognition<'a>,
    /// A successor is not used before this time, nor before it has a bundle of its own.
    pub(crate) from: Option<Time>,
    /// Who has named a successor is not used from this time on.
    pub(crate) until: Option<Time>,
}

impl<'a, S: Suite> Live<'a, S> {
    pub(crate) fn new(domain: Domain<'a, S>, from: Option<Time>) -> Self {
        let Domain { authority, key, credential, slots } = domain;
        let recognition = Recognition::new(slots);
        Self { authority, key, credential, trust: None, recognition, from, until: None }
    }

    /// Takes a trust bundle in the place of the one before. A function of its own, since what is passed to one is known to
    /// lie elsewhere: a device's program needs no `memmove` for it.
    #[inline(never)]
    pub(crate) fn take(&mut self, trust: Trust<'a>) {
        self.trust = Some(trust);
        self.recognition.clear();
    }

    pub(crate) fn id(&self) -> &AuthorityId {
        self.authority.id()
    }

    /// Whether taps are answered under this authority.
    pub(crate) fn is_in_use(&self, now: Time) -> bool {
        let begun = self.from.is_none_or(|from| from <= now && self.trust.is_some());
        begun && self.until.is_none_or(|until| now < until)
    }
}

//! Misuse of a credential: what proves it, and whom the proof convicts.

use core::fmt;

use symbolon_ccks::wire;
use symbolon_ccks::{Authority, BadSignature, CompressedPoint, Credential, CredentialDigest, Malformed, Suite};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::parts::Parts;
use crate::presentation::{Presentation, TerminalDigest};
use crate::record::Record;
use crate::terms::Terms;

/// One item of a proof, 241 bytes: everything that a holder's signature covers, and the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Item {
    terms: Terms,
    terminal: TerminalDigest,
    presentation: Presentation,
}

const STRUCTURE: &str = "misuse item";

impl Item {
    /// Length in bytes.
    pub const SIZE: usize = 241;

    /// An item of a record and the digest of the credential of the terminal that made it.
    pub fn new(record: &Record, terminal: TerminalDigest) -> Self {
        Self { terms: *record.terms(), terminal, presentation: *record.presentation() }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] when a field is not canonical.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let item = wire::read::<Self>(STRUCTURE, bytes).map_err(|unnamed| {
            Parts::of(bytes, Self::SIZE, unnamed)
                .part(Terms::SIZE, Terms::parse)
                .skip(size_of::<TerminalDigest>())
                .part(Presentation::SIZE, Presentation::parse)
                .problem()
        })?;
        item.check()?;
        Ok(item)
    }

    /// Reads the items of a proof, one after another, in place.
    ///
    /// # Errors
    /// [`Malformed`] when there is none, the length is no multiple of [`Self::SIZE`], or an item is not well formed.
    pub fn parse_all(bytes: &[u8]) -> Result<&[Self], Malformed> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(Self::SIZE) {
            return Err(Malformed::new(STRUCTURE, "wrong length"));
        }
        bytes.chunks_exact(Self::SIZE).try_for_each(|item| Self::parse(item).map(|_| ()))?;
        <[Self]>::try_ref_from_bytes(bytes).map_err(|_| Malformed::new(STRUCTURE, "wrong length"))
    }

    fn check(&self) -> Result<(), Malformed> {
        self.terms.check()?;
        self.presentation.check()
    }

    /// What was agreed.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The digest of the terminal's credential.
    pub fn terminal(&self) -> &TerminalDigest {
        &self.terminal
    }

    /// What the holder signed it with.
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// The 241 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }

    /// The holder's signature, whatever it was made for: blame does not ask whether a terminal would accept it.
    fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        self.presentation.verify_signature(authority, &self.terms, &self.terminal)
    }

    fn counter(&self) -> u32 {
        self.presentation.counter()
    }

    /// Same counter, but other terms or another terminal: never both by a wallet that keeps its counter.
    fn contradicts(&self, other: &Self) -> bool {
        self.counter() == other.counter() && (self.terms != other.terms || self.terminal != other.terminal)
    }
}

/// What some items prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proves {
    /// Two messages were signed under one counter.
    DoubleUse,
    /// More was spent than the credential's budget.
    Overspend,
    /// Nothing, and why.
    Nothing(Why),
}

/// Why some items prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no item.
    NoItem,
    /// The items are of more than one credential.
    SeveralCredentials,
    /// A signature does not verify.
    BadSignature,
    /// No counter was used for two messages, and the sum is within the budget.
    Honest,
}

impl Proves {
    /// Stable name: `double_use`, `overspend` or `nothing`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DoubleUse => "double_use",
            Self::Overspend => "overspend",
            Self::Nothing(_) => "nothing",
        }
    }
}

impl fmt::Display for Proves {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoItem => "there is no item",
            Self::SeveralCredentials => "the items are of more than one credential",
            Self::BadSignature => "a signature does not verify",
            Self::Honest => "no counter has two messages, and the sum is within the budget",
        })
    }
}

/// What was found in some items; only [`check`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    proves: Proves,
    credential: Option<Credential>,
}

impl Finding {
    /// What the items prove.
    pub fn proves(&self) -> Proves {
        self.proves
    }

    /// The credential that was misused; `None` when nothing is proved.
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// The digest of the credential that was misused; `None` when nothing is proved.
    pub fn credential_digest(&self) -> Option<CredentialDigest> {
        self.credential.as_ref().map(Credential::digest)
    }
}

/// Checks what `items` prove about the one credential they are of. Needs the authority's parameters and nothing else.
///
/// Every signature is verified; one that fails makes the whole prove nothing. Two signatures over one message prove
/// nothing either, since whoever signs may sign again. The budget counts each counter once, and purchases and entries
/// alone. Takes time linear in the signatures, and quadratic in 4-byte comparisons.
pub fn check<S: Suite>(authority: &Authority<'_, S>, items: &[Item]) -> Finding {
    let nothing = |why| Finding { proves: Proves::Nothing(why), credential: None };
    let Some(credential) = items.first().map(|item| *item.presentation.holder()) else {
        return nothing(Why::NoItem);
    };
    if items.iter().any(|item| *item.presentation.holder() != credential) {
        return nothing(Why::SeveralCredentials);
    }
    if items.iter().any(|item| item.verify(authority).is_err()) {
        return nothing(Why::BadSignature);
    }
    let found = |proves| Finding { proves, credential: Some(credential) };
    if pairs(items).any(|(earlier, later)| earlier.contradicts(later)) {
        return found(Proves::DoubleUse);
    }
    if spent(items) > u64::from(credential.identity().budget()) {
        return found(Proves::Overspend);
    }
    nothing(Why::Honest)
}

/// Every item with every one after it.
fn pairs(items: &[Item]) -> impl Iterator<Item = (&Item, &Item)> {
    items.iter().enumerate().flat_map(|(index, item)| items.iter().skip(index + 1).map(move |later| (item, later)))
}

/// The sum over distinct counters, where no counter has two messages.
fn spent(items: &[Item]) -> u64 {
    let is_first =
        |index: usize, item: &Item| items.iter().take(index).all(|earlier| earlier.counter() != item.counter());
    let counted = items.iter().enumerate().filter(|(index, item)| is_first(*index, item));
    counted.map(|(_, item)| u64::from(item.terms.spent())).sum()
}

/// Whether the holder's registered key is known to have asked for an issue over U.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderRequest {
    /// Its signed request over U was verified.
    Verified,
    /// There is none, or it does not verify.
    Missing,
}

/// What an authority's archive has about an issue.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    /// The holder's point U.
    pub holder_point: &'a CompressedPoint,
    /// The authority's contribution s, 32 bytes big-endian.
    pub contribution: &'a [u8; 32],
    /// Whether the holder asked for it.
    pub request: HolderRequest,
}

/// Whom a proof convicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convicts {
    /// Nobody.
    Nobody,
    /// The credential alone, which may be blocked: its issuer could have made it without any holder.
    Credential,
    /// The person who asked for the credential's key.
    Person,
}

impl Convicts {
    /// Stable name: `nobody`, `credential` or `person`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Credential => "credential",
            Self::Person => "person",
        }
    }
}

impl fmt::Display for Convicts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whom `finding` convicts, given the archive's record of the issue, if any.
///
/// Any issuer can make itself a second key for a holder's identity; the record ties this very credential to the point
/// that the holder asked for, whose secret it alone knew.
pub fn convicts<S: Suite>(authority: &Authority<'_, S>, finding: &Finding, archive: Option<&Archive<'_>>) -> Convicts {
    let Some(credential) = finding.credential() else {
        return Convicts::Nobody;
    };
    let binds = |archive: &Archive<'_>| {
        archive.request == HolderRequest::Verified
            && authority.archive_binds(credential, archive.holder_point, archive.contribution)
    };
    if archive.is_some_and(binds) { Convicts::Person } else { Convicts::Credential }
}

const _: () = assert!(size_of::<Item>() == Item::SIZE);

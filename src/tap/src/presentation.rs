//! What a card answers.

#[cfg(feature = "alloc")]
use symbolon_ccks::Claim;
use symbolon_ccks::wire::{self, Discrete, U32, Version};
use symbolon_ccks::{
    Authority, BadSignature, Credential, CredentialDigest, Malformed, Purpose, Signature, Signer, SigningKey, Suite,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::parts::Parts;
use crate::refusal::SignRefused;
use crate::terms::{Flags, Terms};

/// The digest of the challenging terminal's credential, which the holder signs along with the terms.
pub type TerminalDigest = CredentialDigest;

/// The 32 zero bytes that stand where no terminal challenged, in a code shown on a screen; refused in every tap.
pub const NO_TERMINAL: [u8; 32] = [0; 32];

/// A presentation, 159 bytes: the holder's counter, credential and signature over the terms, the terminal and the
/// counter. (credential digest, counter) is the transaction's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Presentation {
    version: Version,
    counter: U32,
    holder: Credential,
    signature: Signature,
}

const STRUCTURE: &str = "presentation";

impl Presentation {
    /// Length in bytes; fits one short APDU.
    pub const SIZE: usize = 159;

    /// Signs `terms` for `terminal` under `counter`, which the caller has stored as used. `random` is 32 fresh bytes.
    ///
    /// # Errors
    /// [`SignRefused::ScreenCode`] and [`SignRefused::NoTerminal`] for what no tap has, [`SignRefused::Key`]
    /// for a key that is no card's and no pseudonym's.
    pub fn sign<S: Suite>(
        key: &SigningKey<S>,
        terms: &Terms,
        terminal: &TerminalDigest,
        counter: u32,
        random: &[u8; 32],
    ) -> Result<Self, SignRefused> {
        if terms.flags() != Flags::Tap {
            return Err(SignRefused::ScreenCode);
        }
        if terminal.as_bytes() == &NO_TERMINAL {
            return Err(SignRefused::NoTerminal);
        }
        Self::sign_any(key, terms, terminal, counter, random)
    }

    /// Signs `terms` that the holder filled in itself, for a code shown on a screen, under `counter`, which the caller
    /// has stored as used. `random` is 32 fresh bytes.
    ///
    /// # Errors
    /// [`SignRefused::Fields`] for the terms of a tap, [`SignRefused::Key`] for a key that is no card's and no
    /// pseudonym's.
    pub fn sign_code<S: Suite>(
        key: &SigningKey<S>,
        terms: &Terms,
        counter: u32,
        random: &[u8; 32],
    ) -> Result<Self, SignRefused> {
        if terms.flags() != Flags::ScreenCode {
            return Err(SignRefused::Fields);
        }
        Self::sign_any(key, terms, &TerminalDigest::from_bytes(NO_TERMINAL), counter, random)
    }

    fn sign_any<S: Suite>(
        key: &SigningKey<S>,
        terms: &Terms,
        terminal: &TerminalDigest,
        counter: u32,
        random: &[u8; 32],
    ) -> Result<Self, SignRefused> {
        let holder = *key.credential().ok_or(SignRefused::NO_CREDENTIAL)?;
        let message: [&[u8]; 3] = [terms.as_bytes(), terminal.as_bytes(), &counter.to_be_bytes()];
        let signature = key.sign(Purpose::Transaction, &message, random)?;
        Ok(Self { version: Version::One, counter: counter.into(), holder, signature })
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] when a field, the credential's included, is not canonical.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let version = Discrete { offset: 0, legal: &[1], problem: "the version is not 1" };
        let presentation = wire::read_explained::<Self>(STRUCTURE, bytes, &[version])
            .map_err(|unnamed| Self::explain(bytes, unnamed))?;
        presentation.check()?;
        Ok(presentation)
    }

    /// Names the part that the layout refused.
    fn explain(bytes: &[u8], unnamed: Malformed) -> Malformed {
        Parts::of(bytes, Self::SIZE, unnamed)
            .skip(size_of::<Version>() + size_of::<U32>())
            .part(Credential::SIZE, Credential::parse)
            .part(Signature::SIZE, Signature::parse)
            .problem()
    }

    /// What the layout alone does not say.
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        self.holder.check(STRUCTURE)
    }

    /// Verifies the signature (purpose 2) as one of a tap, and by it that the credential is the authority's and of
    /// class card or pseudonym. Says nothing about validity, limits or revocation: see [`Terms::fits`].
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause; terms of a screen code and a terminal digest of zeros are causes too.
    pub fn verify<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        terms: &Terms,
        terminal: &TerminalDigest,
    ) -> Result<(), BadSignature> {
        if terms.flags() != Flags::Tap || terminal.as_bytes() == &NO_TERMINAL {
            return Err(BadSignature);
        }
        self.verify_signature(authority, terms, terminal)
    }

    /// Verifies the signature (purpose 2) as one of a code shown on a screen: with no terminal named.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause; terms of a tap are one.
    pub fn verify_code<S: Suite>(&self, authority: &Authority<'_, S>, terms: &Terms) -> Result<(), BadSignature> {
        if terms.flags() != Flags::ScreenCode {
            return Err(BadSignature);
        }
        self.verify_signature(authority, terms, &TerminalDigest::from_bytes(NO_TERMINAL))
    }

    /// The claim that [`Self::verify`] checks, to be verified along with others.
    ///
    /// # Errors
    /// [`BadSignature`] for terms of a screen code and a terminal digest of zeros.
    #[cfg(feature = "alloc")]
    pub fn claim<'a>(&'a self, terms: &'a Terms, terminal: &'a TerminalDigest) -> Result<Claim<'a>, BadSignature> {
        if terms.flags() != Flags::Tap || terminal.as_bytes() == &NO_TERMINAL {
            return Err(BadSignature);
        }
        Ok(self.claim_any(terms, terminal.as_bytes()))
    }

    /// The claim that [`Self::verify_code`] checks, to be verified along with others.
    ///
    /// # Errors
    /// [`BadSignature`] for terms of a tap.
    #[cfg(feature = "alloc")]
    pub fn claim_code<'a>(&'a self, terms: &'a Terms) -> Result<Claim<'a>, BadSignature> {
        if terms.flags() != Flags::ScreenCode {
            return Err(BadSignature);
        }
        Ok(self.claim_any(terms, &NO_TERMINAL))
    }

    #[cfg(feature = "alloc")]
    fn claim_any<'a>(&'a self, terms: &'a Terms, terminal: &'a [u8; 32]) -> Claim<'a> {
        let message: [&[u8]; 3] = [terms.as_bytes(), terminal, self.counter.as_bytes()];
        Claim::new(&self.holder, Purpose::Transaction, message, &self.signature)
    }

    /// Whether the holder signed this message, in a tap or not: for blame, which does not ask how terms came about.
    pub(crate) fn verify_signature<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        terms: &Terms,
        terminal: &TerminalDigest,
    ) -> Result<(), BadSignature> {
        let message: [&[u8]; 3] = [terms.as_bytes(), terminal.as_bytes(), self.counter.as_bytes()];
        authority.verify(Signer::Credential(&self.holder), Purpose::Transaction, &message, &self.signature)
    }

    /// The holder's counter, once per credential.
    pub fn counter(&self) -> u32 {
        self.counter.get()
    }

    /// The holder's credential.
    pub const fn holder(&self) -> &Credential {
        &self.holder
    }

    /// The holder's signature. Not an identity of the transaction: another may be made for the same message.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The 159 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<Presentation>() == Presentation::SIZE);

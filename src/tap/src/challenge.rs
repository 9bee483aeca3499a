//! What a terminal asks of a card.

use symbolon_ccks::wire;
use symbolon_ccks::{Authority, BadSignature, Credential, Malformed, Purpose, Signature, Signer, SigningKey, Suite};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::parts::Parts;
use crate::refusal::SignRefused;
use crate::terms::{Flags, Terms};

/// A challenge, 204 bytes: the terms, the terminal's credential, and its signature over the terms.
///
/// The signature covers the credential too, as the signer that it is made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Challenge {
    terms: Terms,
    terminal: Credential,
    signature: Signature,
}

const STRUCTURE: &str = "challenge";

impl Challenge {
    /// Length in bytes; fits one short APDU.
    pub const SIZE: usize = 204;

    /// Signs `terms` with a terminal's key. `random` is 32 fresh bytes.
    ///
    /// # Errors
    /// [`SignRefused::ScreenCode`] for terms that no tap has, [`SignRefused::Key`] for a key that is no
    /// terminal's.
    pub fn sign<S: Suite>(key: &SigningKey<S>, terms: Terms, random: &[u8; 32]) -> Result<Self, SignRefused> {
        if terms.flags() != Flags::Tap {
            return Err(SignRefused::ScreenCode);
        }
        let terminal = *key.credential().ok_or(SignRefused::NO_CREDENTIAL)?;
        let signature = key.sign(Purpose::Challenge, &[terms.as_bytes()], random)?;
        Ok(Self { terms, terminal, signature })
    }

    /// Reads exactly [`Self::SIZE`] bytes in place. Says nothing about whether the terminal may ask this: see
    /// [`Terms::fits`] for its identity and [`Self::verify`] for its signature.
    ///
    /// # Errors
    /// [`Malformed`] when a field of the terms, the credential or the signature is not canonical, or the terms are
    /// those of a screen code.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let challenge = wire::read::<Self>(STRUCTURE, bytes).map_err(|unnamed| Self::explain(bytes, unnamed))?;
        challenge.terms.check_tap()?;
        challenge.terminal.check(STRUCTURE)?;
        Ok(challenge)
    }

    /// Names the part that the layout refused.
    fn explain(bytes: &[u8], unnamed: Malformed) -> Malformed {
        Parts::of(bytes, Self::SIZE, unnamed)
            .part(Terms::SIZE, Terms::parse)
            .part(Credential::SIZE, Credential::parse)
            .part(Signature::SIZE, Signature::parse)
            .problem()
    }

    /// Verifies the signature (purpose 1), and by it that the credential is the authority's and of class terminal.
    /// Says nothing about validity or revocation.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    pub fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        let message: [&[u8]; 1] = [self.terms.as_bytes()];
        authority.verify(Signer::Credential(&self.terminal), Purpose::Challenge, &message, &self.signature)
    }

    /// What is asked.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Who asks.
    pub const fn terminal(&self) -> &Credential {
        &self.terminal
    }

    /// The terminal's signature.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The 204 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<Challenge>() == Challenge::SIZE);

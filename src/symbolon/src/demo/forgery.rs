//! Forgers of the demo: whoever makes cards and terminals without the authority.

use anyhow::{Result, anyhow};
use rand_chacha::ChaCha20Rng;
use symbolon_ccks::{
    Authority, AuthorityId, AuthoritySecret, Credential, EnrolmentKey, Identity, IdentityFields, Offer,
    PossessionMessage, SigningKey, Suite,
};
use symbolon_tap::{Challenge, Presentation, Terms, TermsFields};

/// An authority that somebody made up, with the name of the city's.
pub(super) struct Forger<S: Suite> {
    secret: AuthoritySecret<S>,
    authority: Authority<'static, S>,
    real: AuthorityId,
}

/// Signs nothing better than its tests: a forger needs no good randomness.
const RANDOM: [u8; 32] = [0x5a; 32];

impl<S: Suite> Forger<S> {
    /// Sets a workshop up that imitates `real`.
    pub(super) fn new(real: &Authority<'_, S>, random: &mut ChaCha20Rng) -> Result<Self> {
        let secret = AuthoritySecret::<S>::generate(random);
        let parameters = secret.parameters(real.created(), real.name());
        let authority = Authority::parse(&parameters)?;
        Ok(Self { secret, authority, real: *real.id() })
    }

    /// Issues itself a key for any identity it likes.
    fn key(&self, claimed: &Identity, random: &mut ChaCha20Rng) -> Result<SigningKey<S>> {
        let fields = IdentityFields { authority_prefix: self.authority.id().prefix(), ..claimed.fields() };
        let offer = Offer::new(Identity::new(fields)?, RANDOM);
        let message = PossessionMessage::Offer(&offer);
        let key = EnrolmentKey::<S>::generate(random);
        let possession = key.prove_possession(self.authority.id(), message, &RANDOM)?;
        let identity = offer.identity();
        let issued = self.secret.issue(&self.authority, identity, message, key.point(), &possession, &RANDOM)?;
        Ok(key.complete(&self.authority, identity, &issued.credential, issued.contribution.as_bytes())?)
    }

    /// A counterfeit card's answer to a real terminal.
    pub(super) fn presentation(
        &self,
        claimed: &Identity,
        challenge: &Challenge,
        random: &mut ChaCha20Rng,
    ) -> Result<Vec<u8>> {
        let key = self.key(claimed, random)?;
        let digest = challenge.terminal().digest();
        let presentation = Presentation::sign(&key, challenge.terms(), &digest, 1, &RANDOM)
            .map_err(|refused| anyhow!("the forger's key does not sign: {refused}"))?;
        Ok(self.relabelled(presentation.as_bytes(), Presentation::SIZE - 65 - Credential::SIZE))
    }

    /// A counterfeit terminal's challenge to a real card.
    pub(super) fn challenge(&self, claimed: &Identity, terms: Terms, random: &mut ChaCha20Rng) -> Result<Vec<u8>> {
        let key = self.key(claimed, random)?;
        let challenge = Challenge::sign(&key, terms, &RANDOM)
            .map_err(|refused| anyhow!("the forger's key does not sign: {refused}"))?;
        Ok(self.relabelled(challenge.as_bytes(), Terms::SIZE))
    }

    /// Puts the real authority's prefix into the credential at `offset`, so that nothing but the signature gives it away.
    fn relabelled(&self, bytes: &[u8], offset: usize) -> Vec<u8> {
        const PREFIX_IN_CREDENTIAL: usize = 4;
        let mut bytes = bytes.to_vec();
        let places = bytes.iter_mut().skip(offset + PREFIX_IN_CREDENTIAL);
        places.zip(self.real.prefix()).for_each(|(place, byte)| *place = byte);
        bytes
    }
}

/// What a manipulated wallet does: signs whatever it is told to, without any check.
pub(super) fn sign_blindly<S: Suite>(
    key: &SigningKey<S>,
    terms: &Terms,
    challenge: &Challenge,
    counter: u32,
) -> Result<Presentation> {
    Presentation::sign(key, terms, &challenge.terminal().digest(), counter, &RANDOM)
        .map_err(|refused| anyhow!("the card's key does not sign: {refused}"))
}

/// The challenge's terms, but for another amount.
pub(super) fn with_amount(challenge: &Challenge, amount: u32) -> Result<Terms> {
    Ok(Terms::new(TermsFields { amount, ..challenge.terms().fields() })?)
}

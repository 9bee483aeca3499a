//! A wallet and a purse, as the card application uses them.

use symbolon_ccks::{BadSignature, Credential, Signature, Suite, Time};
use symbolon_tap::{Challenge, Presentation, Receipt, SelectResponse};

use super::{Asked, Consent};
use crate::counters::CounterStore;
use crate::purse::Purse;
use crate::purse::store::PurseStore;
use crate::purse::tap::{Payer, PurseChecked, PurseSelected};
use crate::refusal::Refused;
use crate::tap::Checked;
use crate::wallet::Wallet;

/// Who answers challenges: a [`Wallet`], a [`Purse`], or a purse that shows the card's own number ([`Named`]).
pub trait Holder {
    /// What the card says first.
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse;

    /// Checks a challenge whole and, when the holder agrees to it, signs it: at most once for one selection's nonce. A
    /// challenge that was answered gets the stored answer.
    ///
    /// # Errors
    /// [`Refused`], the first that applies.
    fn answer(
        &mut self,
        nonce: [u8; 8],
        challenge: &[u8],
        now: Time,
        consent: &mut dyn Consent,
        random: &[u8; 32],
    ) -> Result<Presentation, Refused>;

    /// Verifies a terminal's receipt under the card's authority.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    fn verify_receipt(
        &self,
        receipt: &Receipt,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature>;

    /// Verifies a terminal's challenge under the card's authority.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    fn verify_challenge(&self, challenge: &Challenge) -> Result<(), BadSignature>;
}

impl<S: Suite, C: CounterStore> Holder for Wallet<'_, S, C> {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        *self.select(nonce).response()
    }

    fn answer(
        &mut self,
        nonce: [u8; 8],
        challenge: &[u8],
        now: Time,
        consent: &mut dyn Consent,
        random: &[u8; 32],
    ) -> Result<Presentation, Refused> {
        match self.select(nonce).check(challenge, now)? {
            Checked::Answered(presentation) => Ok(presentation),
            Checked::Question(question) => {
                let asked = Asked { terms: question.terms(), terminal: question.terminal(), payer: Payer::Card };
                let agreed = consent.agree(&asked).ok_or(Refused::NotConfirmed)?;
                question.confirm(agreed)?.sign(random)
            }
        }
    }

    fn verify_receipt(
        &self,
        receipt: &Receipt,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        receipt.verify(self.authority(), terminal, signature)
    }

    fn verify_challenge(&self, challenge: &Challenge) -> Result<(), BadSignature> {
        challenge.verify(self.authority())
    }
}

impl<S: Suite, C: CounterStore, P: PurseStore> Holder for Purse<'_, S, C, P> {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        *self.select(nonce).response()
    }

    fn answer(
        &mut self,
        nonce: [u8; 8],
        challenge: &[u8],
        now: Time,
        consent: &mut dyn Consent,
        random: &[u8; 32],
    ) -> Result<Presentation, Refused> {
        answer_with_purse(self.select(nonce), challenge, now, consent, random)
    }

    fn verify_receipt(
        &self,
        receipt: &Receipt,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        self.card().verify_receipt(receipt, terminal, signature)
    }

    fn verify_challenge(&self, challenge: &Challenge) -> Result<(), BadSignature> {
        self.card().verify_challenge(challenge)
    }
}

fn answer_with_purse<S: Suite>(
    selected: PurseSelected<'_, '_, S, impl CounterStore, impl PurseStore>,
    challenge: &[u8],
    now: Time,
    consent: &mut dyn Consent,
    random: &[u8; 32],
) -> Result<Presentation, Refused> {
    match selected.check(challenge, now)? {
        PurseChecked::Answered(presentation) => Ok(presentation),
        PurseChecked::Question(question) => {
            let asked = Asked { terms: question.terms(), terminal: question.terminal(), payer: question.payer() };
            let agreed = consent.agree(&asked).ok_or(Refused::NotConfirmed)?;
            question.confirm(agreed)?.sign(random)
        }
    }
}

impl<H: Holder + ?Sized> Holder for &mut H {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        (**self).response(nonce)
    }

    fn answer(
        &mut self,
        nonce: [u8; 8],
        challenge: &[u8],
        now: Time,
        consent: &mut dyn Consent,
        random: &[u8; 32],
    ) -> Result<Presentation, Refused> {
        (**self).answer(nonce, challenge, now, consent, random)
    }

    fn verify_receipt(
        &self,
        receipt: &Receipt,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        (**self).verify_receipt(receipt, terminal, signature)
    }

    fn verify_challenge(&self, challenge: &Challenge) -> Result<(), BadSignature> {
        (**self).verify_challenge(challenge)
    }
}

/// A purse whose card shows its own number, as the holder asked for it.
#[derive(Debug)]
pub struct Named<'p, 'a, S: Suite, C, P>(pub &'p mut Purse<'a, S, C, P>);

impl<S: Suite, C: CounterStore, P: PurseStore> Holder for Named<'_, '_, S, C, P> {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        *self.0.select_named(nonce).response()
    }

    fn answer(
        &mut self,
        nonce: [u8; 8],
        challenge: &[u8],
        now: Time,
        consent: &mut dyn Consent,
        random: &[u8; 32],
    ) -> Result<Presentation, Refused> {
        answer_with_purse(self.0.select_named(nonce), challenge, now, consent, random)
    }

    fn verify_receipt(
        &self,
        receipt: &Receipt,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        self.0.verify_receipt(receipt, terminal, signature)
    }

    fn verify_challenge(&self, challenge: &Challenge) -> Result<(), BadSignature> {
        self.0.verify_challenge(challenge)
    }
}

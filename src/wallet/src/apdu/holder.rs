//! A wallet and a purse, as the card application uses them.

use symbolon_ccks::{Authority, BadSignature, Credential, Signature, Suite, Time};
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
    fn answer(&mut self, received: &Received<'_>, consent: &mut dyn Consent) -> Result<Presentation, Refused>;

    /// Under whom terminals sign to this card.
    fn trust(&self) -> &dyn Trust;
}

/// A challenge as it came from a reader, not checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Received<'t> {
    /// The card's half of the nonce in this selection.
    pub nonce: [u8; 8],
    /// The challenge.
    pub challenge: &'t [u8],
    /// The wallet's clock.
    pub now: Time,
    /// 32 fresh random bytes for the signature.
    pub random: &'t [u8; 32],
}

/// An authority of either suite, as the judge of what terminals sign.
pub trait Trust {
    /// Verifies a terminal's receipt.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    fn verify_receipt(
        &self,
        receipt: &Receipt,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature>;

    /// Verifies a terminal's challenge.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    fn verify_challenge(&self, challenge: &Challenge) -> Result<(), BadSignature>;
}

impl<S: Suite> Trust for Authority<'_, S> {
    fn verify_receipt(
        &self,
        receipt: &Receipt,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        receipt.verify(self, terminal, signature)
    }

    fn verify_challenge(&self, challenge: &Challenge) -> Result<(), BadSignature> {
        challenge.verify(self)
    }
}

impl<S: Suite, C: CounterStore> Holder for Wallet<'_, S, C> {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        *self.select(nonce).response()
    }

    fn answer(&mut self, received: &Received<'_>, consent: &mut dyn Consent) -> Result<Presentation, Refused> {
        match self.select(received.nonce).check(received.challenge, received.now)? {
            Checked::Answered(presentation) => Ok(presentation),
            Checked::Question(question) => {
                let asked = Asked { terms: question.terms(), terminal: question.terminal(), payer: Payer::Card };
                let agreed = consent.agree(&asked).ok_or(Refused::NotConfirmed)?;
                question.confirm(agreed)?.sign(received.random)
            }
        }
    }

    fn trust(&self) -> &dyn Trust {
        self.authority()
    }
}

impl<S: Suite, C: CounterStore, P: PurseStore> Holder for Purse<'_, S, C, P> {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        *self.select(nonce).response()
    }

    fn answer(&mut self, received: &Received<'_>, consent: &mut dyn Consent) -> Result<Presentation, Refused> {
        answer_with_purse(self.select(received.nonce), received, consent)
    }

    fn trust(&self) -> &dyn Trust {
        self.card().authority()
    }
}

fn answer_with_purse<S: Suite>(
    selected: PurseSelected<'_, '_, S, impl CounterStore, impl PurseStore>,
    received: &Received<'_>,
    consent: &mut dyn Consent,
) -> Result<Presentation, Refused> {
    match selected.check(received.challenge, received.now)? {
        PurseChecked::Answered(presentation) => Ok(presentation),
        PurseChecked::Question(question) => {
            let asked = Asked { terms: question.terms(), terminal: question.terminal(), payer: question.payer() };
            let agreed = consent.agree(&asked).ok_or(Refused::NotConfirmed)?;
            question.confirm(agreed)?.sign(received.random)
        }
    }
}

impl<H: Holder + ?Sized> Holder for &mut H {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        (**self).response(nonce)
    }

    fn answer(&mut self, received: &Received<'_>, consent: &mut dyn Consent) -> Result<Presentation, Refused> {
        (**self).answer(received, consent)
    }

    fn trust(&self) -> &dyn Trust {
        (**self).trust()
    }
}

/// A purse whose card shows its own number, as the holder asked for it.
#[derive(Debug)]
pub struct Named<'p, 'a, S: Suite, C, P>(pub &'p mut Purse<'a, S, C, P>);

impl<S: Suite, C: CounterStore, P: PurseStore> Holder for Named<'_, '_, S, C, P> {
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        *self.0.select_named(nonce).response()
    }

    fn answer(&mut self, received: &Received<'_>, consent: &mut dyn Consent) -> Result<Presentation, Refused> {
        answer_with_purse(self.0.select_named(received.nonce), received, consent)
    }

    fn trust(&self) -> &dyn Trust {
        self.0.trust()
    }
}

//! A tap, a type a step.

use symbolon_ccks::{BadSignature, Credential, Suite, Time};
use symbolon_tap::misuse::Item;
use symbolon_tap::{Challenge, Presentation, SelectResponse, Terms};

use crate::counters::CounterStore;
use crate::refusal::Refused;
use crate::wallet::Wallet;

/// The card has been selected: its response is ready, and it waits for a challenge with its nonce.
#[derive(Debug)]
pub struct Selected<'w, 'a, S: Suite, C> {
    wallet: &'w mut Wallet<'a, S, C>,
    response: SelectResponse,
}

/// A challenge that the wallet would answer.
#[derive(Debug)]
pub enum Checked<'w, 'a, S: Suite, C> {
    /// A new one, to be put to the holder.
    Question(Question<'w, 'a, S, C>),
    /// The one answered last, come again since the answer was lost on its way: here is the answer, signed then.
    Answered(Presentation),
}

/// What is asked, for the holder to see and agree to.
#[derive(Debug)]
pub struct Question<'w, 'a, S: Suite, C> {
    wallet: &'w mut Wallet<'a, S, C>,
    challenge: Challenge,
}

/// The holder's consent to one transaction, good for one signature.
#[derive(Debug)]
pub struct Confirmation<'w, 'a, S: Suite, C> {
    wallet: &'w mut Wallet<'a, S, C>,
    challenge: Challenge,
}

impl<'w, 'a, S: Suite, C: CounterStore> Selected<'w, 'a, S, C> {
    pub(crate) fn new(wallet: &'w mut Wallet<'a, S, C>, response: SelectResponse) -> Self {
        Self { wallet, response }
    }

    /// What goes to the terminal.
    pub fn response(&self) -> &SelectResponse {
        &self.response
    }

    /// Checks a challenge whole; `now` is the wallet's clock.
    ///
    /// In this order: that it is well formed; has this selection's nonce; was signed by a terminal of this authority;
    /// then what the terminal's and the holder's credentials allow, at the terms' own time; that this time is near
    /// `now`; that the terminal is not revoked; that the budget reaches.
    ///
    /// # Errors
    /// [`Refused`], the first that applies.
    pub fn check(self, challenge: &[u8], now: Time) -> Result<Checked<'w, 'a, S, C>, Refused> {
        let challenge = *Challenge::parse(challenge)?;
        if challenge.terms().holder_nonce() != *self.response.nonce() {
            return Err(Refused::Replayed);
        }
        challenge.verify(self.wallet.authority()).map_err(|BadSignature| Refused::CounterfeitTerminal)?;
        if let Some(answer) = self.answer_with_this_nonce()? {
            let is_same = answer.terms() == challenge.terms() && *answer.terminal() == challenge.terminal().digest();
            return if is_same { Ok(Checked::Answered(*answer.presentation())) } else { Err(Refused::Replayed) };
        }
        self.wallet.check_terms(challenge.terms(), challenge.terminal(), now)?;
        Ok(Checked::Question(Question { wallet: self.wallet, challenge }))
    }

    /// The last answer, if it was given in this selection.
    fn answer_with_this_nonce(&self) -> Result<Option<Item>, Refused> {
        let answer = self.wallet.account()?.answer;
        Ok(answer.filter(|answer| answer.terms().holder_nonce() == *self.response.nonce()))
    }
}

impl<'w, 'a, S: Suite, C: CounterStore> Question<'w, 'a, S, C> {
    /// What is asked.
    pub fn terms(&self) -> &Terms {
        self.challenge.terms()
    }

    /// Minor units that the holder is asked to agree to.
    pub fn amount(&self) -> u32 {
        self.terms().amount()
    }

    /// Who asks.
    pub fn terminal(&self) -> &Credential {
        self.challenge.terminal()
    }

    /// Takes the holder's consent to `amount`, minor units: what was shown to the holder, or what it allowed beforehand.
    ///
    /// # Errors
    /// [`Refused::NotConfirmed`] when that is not the amount that is asked.
    pub fn confirm(self, amount: u32) -> Result<Confirmation<'w, 'a, S, C>, Refused> {
        if amount != self.amount() {
            return Err(Refused::NotConfirmed);
        }
        Ok(Confirmation { wallet: self.wallet, challenge: self.challenge })
    }
}

impl<S: Suite, C: CounterStore> Confirmation<'_, '_, S, C> {
    /// Takes a counter durably, signs under it, keeps the answer, and gives it. `random` is 32 fresh bytes.
    ///
    /// # Errors
    /// [`Refused::Counter`] when the counter or the answer could not be kept, [`Refused::Sign`] when the key did not
    /// sign. The counter is lost then, and its amount counts as spent: the wallet rather stops early than signs twice.
    pub fn sign(self, random: &[u8; 32]) -> Result<Presentation, Refused> {
        let Self { wallet, challenge } = self;
        wallet.sign(challenge.terms(), challenge.terminal().digest(), random)
    }
}

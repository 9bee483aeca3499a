//! A tap with a purse, a type a step, as with a wallet.

use symbolon_ccks::{BadSignature, Credential, SigningKey, Subject, Suite, Time};
use symbolon_tap::misuse::Item;
use symbolon_tap::{Challenge, Kind, Presentation, Record, SelectResponse, Terms};

use super::Purse;
use super::choice::Chosen;
use super::state::{PastTap, Usage};
use super::store::{PurseError, PurseStore};
use crate::counters::{CounterError, CounterStore};
use crate::refusal::Refused;

/// Who answers a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payer {
    /// A pseudonym.
    Pseudonym(Subject),
    /// The card, under its own number.
    Card,
}

/// The card has been selected: its response is ready, and it waits for a challenge with its nonce.
#[derive(Debug)]
pub struct PurseSelected<'p, 'a, S: Suite, C, P> {
    purse: &'p mut Purse<'a, S, C, P>,
    response: SelectResponse,
    named: bool,
}

/// A challenge that the purse would answer.
#[derive(Debug)]
pub enum PurseChecked<'p, 'a, S: Suite, C, P> {
    /// A new one, to be put to the holder.
    Question(PurseQuestion<'p, 'a, S, C, P>),
    /// One that was answered, come again since the answer was lost on its way: here is the answer, signed then.
    Answered(Presentation),
}

/// What is asked, for the holder to see and agree to.
#[derive(Debug)]
pub struct PurseQuestion<'p, 'a, S: Suite, C, P> {
    purse: &'p mut Purse<'a, S, C, P>,
    challenge: Challenge,
    chosen: Chosen,
}

/// The holder's consent to one transaction, good for one signature.
#[derive(Debug)]
pub struct PurseConfirmation<'p, 'a, S: Suite, C, P> {
    purse: &'p mut Purse<'a, S, C, P>,
    challenge: Challenge,
    chosen: Chosen,
}

impl<'p, 'a, S: Suite, C: CounterStore, P: PurseStore> PurseSelected<'p, 'a, S, C, P> {
    pub(super) fn new(purse: &'p mut Purse<'a, S, C, P>, response: SelectResponse, named: bool) -> Self {
        Self { purse, response, named }
    }

    /// What goes to the terminal.
    pub fn response(&self) -> &SelectResponse {
        &self.response
    }

    /// Checks a challenge whole, as [`crate::Selected::check`], and chooses who answers it; `now` is the wallet's clock.
    ///
    /// # Errors
    /// [`Refused`], the first that applies; [`Refused::NoPseudonym`] when nobody is left to answer.
    pub fn check(self, challenge: &[u8], now: Time) -> Result<PurseChecked<'p, 'a, S, C, P>, Refused> {
        let challenge = *Challenge::parse(challenge)?;
        let (terms, terminal) = (challenge.terms(), challenge.terminal());
        if terms.holder_nonce() != *self.response.nonce() {
            return Err(Refused::Replayed);
        }
        challenge.verify(self.purse.card.authority()).map_err(|BadSignature| Refused::CounterfeitTerminal)?;
        if let Some(answer) = self.purse.answer_to(self.response.nonce())? {
            let is_same = answer.terms() == terms && *answer.terminal() == terminal.digest();
            return if is_same { Ok(PurseChecked::Answered(*answer.presentation())) } else { Err(Refused::Replayed) };
        }
        terms.fits(terminal.identity()).map_err(Refused::Terminal)?;
        self.purse.card.check_time_and_terminal(terms, terminal, now)?;
        let operator = terminal.identity().subject().operator_tag();
        let chosen = self.purse.choose(terms, operator, self.named)?;
        Ok(PurseChecked::Question(PurseQuestion { purse: self.purse, challenge, chosen }))
    }
}

impl<'p, 'a, S: Suite, C: CounterStore, P: PurseStore> PurseQuestion<'p, 'a, S, C, P> {
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

    /// Who would answer.
    pub fn payer(&self) -> Payer {
        self.purse.held(self.chosen).map_or(Payer::Card, |held| Payer::Pseudonym(held.view().subject))
    }

    /// Takes the holder's consent to `amount`, minor units: what was shown to the holder, or what it allowed beforehand.
    ///
    /// # Errors
    /// [`Refused::NotConfirmed`] when that is not the amount that is asked.
    pub fn confirm(self, amount: u32) -> Result<PurseConfirmation<'p, 'a, S, C, P>, Refused> {
        if amount != self.amount() {
            return Err(Refused::NotConfirmed);
        }
        Ok(PurseConfirmation { purse: self.purse, challenge: self.challenge, chosen: self.chosen })
    }
}

impl<S: Suite, C: CounterStore, P: PurseStore> PurseConfirmation<'_, '_, S, C, P> {
    /// Counts the pseudonym as used and takes its counter, durably; signs, keeps the answer, and gives it. `random` is 32
    /// fresh bytes.
    ///
    /// # Errors
    /// [`Refused::Purse`] or [`Refused::Counter`] when something could not be kept, [`Refused::Sign`] when the key did not
    /// sign. The pseudonym and its counter are lost then: the purse rather stops early than shows one twice.
    pub fn sign(self, random: &[u8; 32]) -> Result<Presentation, Refused> {
        let Self { purse, challenge, chosen } = self;
        let presentation = match chosen {
            Chosen::Pseudonym(place) => purse.sign_with(place, &challenge, random)?,
            Chosen::Card => purse.sign_as_card(&challenge, random)?,
        };
        let record = Record::new(*challenge.terms(), presentation);
        let item = Item::new(&record, challenge.terminal().digest());
        purse.keep(PastTap { item, terminal: challenge.terminal().identity().subject() })?;
        Ok(presentation)
    }
}

impl<S: Suite, C: CounterStore, P: PurseStore> Purse<'_, S, C, P> {
    fn held(&self, chosen: Chosen) -> Option<&super::state::Held> {
        match chosen {
            Chosen::Pseudonym(place) => self.state.pseudonyms.get(place),
            Chosen::Card => None,
        }
    }

    /// The answer that was given in the selection of this nonce, whoever gave it: two answers of two pseudonyms to one
    /// challenge would link them.
    fn answer_to(&self, nonce: &[u8; 8]) -> Result<Option<Item>, Refused> {
        let is_of_it = |item: &Item| item.terms().holder_nonce() == *nonce;
        let anonymous = self.state.taps.iter().rev().map(|tap| tap.item).find(is_of_it);
        let named = || Ok::<_, CounterError>(self.card.account()?.answer.filter(is_of_it));
        Ok(match anonymous {
            Some(answer) => Some(answer),
            None => named()?,
        })
    }

    fn sign_with(&mut self, place: usize, challenge: &Challenge, random: &[u8; 32]) -> Result<Presentation, Refused> {
        let (terms, terminal) = (challenge.terms(), challenge.terminal());
        let usage = self.usage_for(terms);
        let held = self.state.pseudonyms.get_mut(place).ok_or(PurseError::Damaged)?;
        let credential = held.credential;
        let secret = held.secret.as_ref().ok_or(PurseError::Damaged)?;
        let key = SigningKey::from_credential(self.card.authority(), &credential, secret)
            .map_err(|BadSignature| PurseError::Damaged)?;
        // In memory first: when writing fails, nobody knows what is on the disk, and the pseudonym counts as used.
        let counter = held.counter.checked_add(1).ok_or(CounterError::Exhausted)?;
        held.counter = counter;
        held.spent = held.spent.checked_add(terms.spent().into()).ok_or(CounterError::Exhausted)?;
        if held.usage == Usage::Unused {
            held.usage = usage;
        }
        self.state.floor = self.state.floor.max(credential.identity().not_before());
        self.begin_journey(&credential, challenge);
        self.save()?;
        Ok(Presentation::sign(&key, terms, &terminal.digest(), counter, random)?)
    }

    fn sign_as_card(&mut self, challenge: &Challenge, random: &[u8; 32]) -> Result<Presentation, Refused> {
        let credential = *self.card.credential();
        self.begin_journey(&credential, challenge);
        self.save()?;
        self.card.sign(challenge.terms(), challenge.terminal().digest(), random)
    }

    fn begin_journey(&mut self, credential: &Credential, challenge: &Challenge) {
        if challenge.terms().kind() == Kind::Entry {
            self.state.begin_journey(challenge.terminal().identity().subject().operator_tag(), credential);
        }
    }

    /// Keeps an answer, and with it erases the keys that are not used any more.
    fn keep(&mut self, tap: PastTap) -> Result<(), Refused> {
        self.state.answered(tap);
        self.state.sweep(tap.terms().time());
        if let Err(error) = self.save() {
            // What is not durable is not given again.
            self.state.taps.pop();
            return Err(error.into());
        }
        Ok(())
    }
}

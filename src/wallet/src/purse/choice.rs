//! Which pseudonym answers.

use symbolon_ccks::{Suite, Time};
use symbolon_tap::{Kind, Terms};

use super::Purse;
use super::settings::{Fallback, PursePolicy};
use super::state::{Held, Usage};
use super::store::PurseStore;
use crate::counters::CounterStore;
use crate::refusal::Refused;
use crate::wallet::reaches;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// The pseudonym at this place of the purse.
    Pseudonym(usize),
    /// The card itself.
    Card,
}

impl<S: Suite, C: CounterStore, P: PurseStore> Purse<'_, S, C, P> {
    /// Chooses who answers these terms of an operator; `named` asks for the card's own number.
    pub(super) fn choose(&self, terms: &Terms, operator: [u8; 8], named: bool) -> Result<Chosen, Refused> {
        if let Some(chosen) = self.who_began_the_journey(terms, operator) {
            return Ok(chosen);
        }
        if named {
            return self.choose_card(terms);
        }
        match (self.choose_pseudonym(terms), self.state.settings.fallback) {
            (Err(_), Fallback::CardNumber) => self.choose_card(terms),
            (chosen, _) => chosen,
        }
    }

    fn choose_pseudonym(&self, terms: &Terms) -> Result<Chosen, Refused> {
        let present: Vec<_> = self.present_at(terms.time()).collect();
        if let Some((_, first)) = present.first() {
            // They are of one profile: what one of them may not answer, none may.
            terms.fits(first.credential.identity()).map_err(Refused::Holder)?;
        }
        let reaches = |held: &Held| reaches(held.spent, terms, held.credential.identity());
        let usage = self.usage_for(terms);
        let again = present.iter().rev().find(|(_, held)| usage != Usage::Once && held.usage == usage && reaches(held));
        let unused = || present.iter().find(|(_, held)| held.usage == Usage::Unused && reaches(held));
        let chosen = again.or_else(unused).map(|(place, _)| Chosen::Pseudonym(*place));
        chosen.ok_or(Refused::NoPseudonym)
    }

    /// How the pseudonym chosen for these terms counts as used.
    pub(super) fn usage_for(&self, terms: &Terms) -> Usage {
        match self.state.settings.policy {
            PursePolicy::Fresh => Usage::Once,
            PursePolicy::PerSector => Usage::Sector(terms.sector()),
            PursePolicy::PerDay => Usage::Day,
        }
    }

    /// The pseudonyms of the period in which `time` is, with their places; none of a period before the latest that was used.
    fn present_at(&self, time: Time) -> impl DoubleEndedIterator<Item = (usize, &Held)> {
        self.state.pseudonyms.iter().enumerate().filter(move |(_, held)| {
            let start = held.credential.identity().not_before();
            held.secret.is_some() && start <= time && time < held.period_end && start >= self.state.floor
        })
    }

    pub(super) fn unused_at(&self, time: Time) -> impl Iterator<Item = &Held> {
        self.present_at(time).map(|(_, held)| held).filter(|held| held.usage == Usage::Unused)
    }

    fn choose_card(&self, terms: &Terms) -> Result<Chosen, Refused> {
        terms.fits(self.card.credential().identity()).map_err(Refused::Holder)?;
        self.card.check_budget(terms)?;
        Ok(Chosen::Card)
    }

    /// Settlement closes the latest open entry of the credential that shows an exit: any other would be charged the most.
    fn who_began_the_journey(&self, terms: &Terms, operator: [u8; 8]) -> Option<Chosen> {
        let journey = self.state.journey(operator, terms.time()).filter(|_| terms.kind() == Kind::Exit)?;
        if journey.credential == *self.card.digest() {
            return terms.fits(self.card.credential().identity()).ok().map(|()| Chosen::Card);
        }
        let began = |held: &Held| {
            let fits = held.secret.is_some() && terms.fits(held.credential.identity()).is_ok();
            fits && held.credential.digest() == journey.credential
        };
        self.state.pseudonyms.iter().position(began).map(Chosen::Pseudonym)
    }
}

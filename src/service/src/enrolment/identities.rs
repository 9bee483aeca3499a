//! Which identity a card or terminal is offered.

use symbolon_ccks::{Class, Credential, Identity, IdentityFields, Subject, Suite, Time};
use symbolon_store::{
    Transaction,
    records::{CardRecord, CardState, HolderKey, TerminalRecord, TerminalState},
};

use crate::{
    Policy, ServiceError,
    authority::AuthorityKeys,
    cards::{self, CardEvent, present_state},
};

/// Whether credentials of this class are issued here: cards' and terminals' are, pseudonyms' are not.
pub(super) fn issuable(class: Class) -> Result<(), ServiceError> {
    match class {
        Class::Card | Class::Terminal => Ok(()),
        Class::Pseudonym => Err(ServiceError::ClassNotOffered),
    }
}

/// Whoever is to hold a credential.
pub(super) enum Holder {
    Card(Box<CardRecord>),
    Terminal(Box<TerminalRecord>),
}

impl Holder {
    pub(super) fn of(unit: &dyn Transaction, subject: &Subject) -> Result<Self, ServiceError> {
        if let Some(card) = unit.card(subject)? {
            return Ok(Self::Card(Box::new(card)));
        }
        let terminal = unit.terminal(subject)?.ok_or(ServiceError::NotFound("card or terminal"))?;
        Ok(Self::Terminal(Box::new(terminal)))
    }

    /// The key that the issuer registered.
    pub(super) fn holder_key(&self) -> Option<&HolderKey> {
        match self {
            Self::Card(card) => card.holder_key.as_ref(),
            Self::Terminal(_) => None,
        }
    }

    /// Whether a first credential may be issued.
    pub(super) fn check_enrollable(&self, now: Time) -> Result<(), ServiceError> {
        match self {
            Self::Card(card) if present_state(card, now) == CardState::Pending => Ok(()),
            Self::Card(_) => Err(ServiceError::NotEnrollable("card")),
            Self::Terminal(terminal) if terminal.state == TerminalState::Pending && now < terminal.not_after => Ok(()),
            Self::Terminal(_) => Err(ServiceError::NotEnrollable("terminal")),
        }
    }

    /// Whether it is in use.
    fn check_active(&self, now: Time) -> Result<(), ServiceError> {
        match self {
            Self::Card(card) if present_state(card, now) == CardState::Active => Ok(()),
            Self::Card(_) => Err(ServiceError::NotEnrollable("card")),
            Self::Terminal(terminal) if terminal.state == TerminalState::Active => Ok(()),
            Self::Terminal(_) => Err(ServiceError::NotEnrollable("terminal")),
        }
    }

    /// Whether `present` may be renewed: only the newest credential can, so that there is one line of succession.
    pub(super) fn check_renewable(&self, present: &Credential, now: Time) -> Result<(), ServiceError> {
        self.check_active(now)?;
        let newest = match self {
            Self::Card(card) => card.credential,
            Self::Terminal(terminal) => terminal.credential,
        };
        if newest.as_ref() == Some(present) { Ok(()) } else { Err(ServiceError::NotEnrollable("older credential")) }
    }

    /// The identity of the first credential: valid as the card or terminal was created to be.
    pub(super) fn first_identity<S: Suite>(&self, keys: &AuthorityKeys<S>) -> Result<Identity, ServiceError> {
        match self {
            Self::Card(card) => self.identity(keys, card.not_before, card.not_after),
            Self::Terminal(terminal) => self.identity(keys, terminal.not_before, terminal.not_after),
        }
    }

    /// The identity of the credential after `present`: valid from now on, for as long as the policy says.
    pub(super) fn next_identity<S: Suite>(
        &self,
        keys: &AuthorityKeys<S>,
        present: &Credential,
        now: Time,
        policy: &Policy,
    ) -> Result<Identity, ServiceError> {
        let lifetime = match self {
            Self::Card(_) => policy.card_validity_seconds,
            Self::Terminal(_) => policy.terminal_validity_seconds,
        };
        // Later by a second at least: an identity is issued once, so the next must be another.
        let not_before = now.max(present.identity().not_before().saturating_add(1));
        self.identity(keys, not_before, not_before.saturating_add(lifetime))
    }

    fn identity<S: Suite>(
        &self,
        keys: &AuthorityKeys<S>,
        not_before: Time,
        not_after: Time,
    ) -> Result<Identity, ServiceError> {
        let (class, subject, sectors, currency) = match self {
            Self::Card(card) => (Class::Card, card.number, card.sectors, card.currency),
            Self::Terminal(terminal) => (Class::Terminal, terminal.subject, terminal.sectors, terminal.currency),
        };
        let (spend_limit, budget, tariff) = match self {
            Self::Card(card) => (card.spend_limit, card.budget, card.tariff),
            Self::Terminal(_) => (0, 0, 0),
        };
        Ok(Identity::new(IdentityFields {
            suite: S::ID,
            class,
            sectors,
            authority_prefix: keys.id().prefix(),
            subject,
            not_before,
            not_after,
            spend_limit,
            budget,
            currency,
            tariff,
        })?)
    }

    /// Notes that a credential was issued.
    pub(super) fn issued(
        self,
        unit: &mut dyn Transaction,
        credential: &Credential,
        renewal: bool,
        now: Time,
    ) -> Result<(), ServiceError> {
        let not_after = credential.identity().not_after();
        match self {
            Self::Card(card) => {
                let card = CardRecord { credential: Some(*credential), not_after, ..*card };
                let event = if renewal { CardEvent::Renew } else { CardEvent::Enrol };
                cards::apply(unit, card, event, now)?;
            }
            Self::Terminal(terminal) => unit.update_terminal(&TerminalRecord {
                credential: Some(*credential),
                not_after,
                state: TerminalState::Active,
                updated: now,
                ..*terminal
            })?,
        }
        Ok(())
    }
}

//! Cards: what an issuer does with them.

mod state;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use symbolon_ccks::{Class, Name, Sectors, Subject, Time};
use symbolon_pseudonym::AccountHandle;
use symbolon_store::{
    Listed, Page, Store, Transaction,
    records::{AccountName, CardRecord, CardState, HolderKey},
};

pub use self::state::{CardEvent, is_ended_by_its_issuer, is_revoked_for_terminals, transition};
use crate::{
    Context, Request, ServiceError,
    activation::{ActivationCode, ActivationKey},
    holder_key,
    links::ClearingLink,
    requests,
    validity::{check_currency, validity},
};

/// What an issuer says of a card to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCard {
    /// What it pays for.
    pub sectors: Sectors,
    /// Concession group; 0 is the full fare.
    pub tariff: u8,
    /// The most for one transaction, minor units; at most `budget`.
    pub spend_limit: u32,
    /// The most in all over the life of one credential, minor units.
    pub budget: u32,
    /// ISO 4217 numeric, 1 to 999.
    pub currency: u16,
    /// Valid from then on; from now on, if not said.
    pub not_before: Option<Time>,
    /// No longer valid from then on; as long as the policy says, if not said.
    pub not_after: Option<Time>,
    /// An account of the same issuer and currency that pays; a new one, if not said.
    pub account: Option<AccountName>,
    /// The holder's ECDSA P-256 key, SEC 1 compressed.
    pub holder_key: Option<HolderKey>,
}

/// Something new, with its activation code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created<T> {
    /// What was created.
    pub record: T,
    /// What its holder trades for a credential.
    pub activation_code: ActivationCode,
    /// Until when the code works.
    pub activation_expires: Time,
}

/// What is kept of a [`Created`]: the code follows from the salt.
#[derive(Serialize, Deserialize)]
pub(crate) struct CreatedAnswer<T> {
    pub(crate) record: T,
    pub(crate) salt: [u8; 16],
    pub(crate) expires_seconds: u64,
}

impl<T> CreatedAnswer<T> {
    /// The answer with its code.
    pub(crate) fn reveal(self, key: &ActivationKey, subject: Subject) -> Result<Created<T>, ServiceError> {
        Ok(Created {
            activation_code: key.code(&subject, &self.salt),
            activation_expires: Time::new(self.expires_seconds)?,
            record: self.record,
        })
    }
}

/// What issuers do with cards. Each sees and touches only its own.
#[derive(Clone)]
pub struct Cards<D> {
    context: Context<D>,
    activation_key: ActivationKey,
    clearing: Arc<dyn ClearingLink>,
}

impl<D: Store> Cards<D> {
    /// The use cases on the attester's store; accounts are kept by clearing.
    pub fn new(context: Context<D>, activation_key: ActivationKey, clearing: Arc<dyn ClearingLink>) -> Self {
        Self { context, activation_key, clearing }
    }

    /// Creates a card and its activation code.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] when what is said does not go together; [`ServiceError::NotFound`] for an
    /// account that is not the issuer's or of another currency; [`ServiceError::RequestIdReused`];
    /// [`ServiceError::RoleUnavailable`] when clearing does not answer.
    pub async fn create(
        &self,
        request: Request,
        issuer: &Name,
        new: NewCard,
    ) -> Result<Created<CardRecord>, ServiceError> {
        let now = self.context.now();
        let earlier = request.clone();
        let answered = self.context.store().read(move |unit| requests::answered(unit, &earlier)).await?;
        let answer: CreatedAnswer<CardRecord> = match answered {
            Some(answer) => answer,
            None => self.add(request, issuer, new, now).await?,
        };
        let number = answer.record.number;
        answer.reveal(&self.activation_key, number)
    }

    /// Adds a card on an account that clearing has opened.
    async fn add(
        &self,
        request: Request,
        issuer: &Name,
        new: NewCard,
        now: Time,
    ) -> Result<CreatedAnswer<CardRecord>, ServiceError> {
        let number = Subject::from_bytes(self.context.random());
        // Should this end half way, the same request opens the same account again.
        let own = AccountHandle::from_bytes(self.activation_key.account_handle(&request));
        let account = new.account.clone().unwrap_or_else(|| AccountName::holder(*own.as_bytes()));
        let card = self.card(number, issuer, &new, account, now)?;
        match &new.account {
            None => self.clearing.open_account(own, *issuer, card.currency).await?,
            Some(account) => self.check_account(account, issuer, card.currency).await?,
        }
        let (salt, minting) = (self.context.random(), self.minting(now));
        let add = move |unit: &mut dyn Transaction| {
            requests::once(unit, &request, now, |unit| add_card(unit, card.clone(), salt, &minting))
        };
        self.context.store().write(add).await
    }

    /// The account that a caller named has to be a holder's, of the same issuer and currency.
    async fn check_account(&self, account: &AccountName, issuer: &Name, currency: u16) -> Result<(), ServiceError> {
        let fits = match account.handle().map(AccountHandle::from_bytes) {
            Some(handle) => self.clearing.account_fits(handle, *issuer, currency).await?,
            None => false,
        };
        if fits { Ok(()) } else { Err(ServiceError::NotFound("account of this issuer and currency")) }
    }

    fn card(
        &self,
        number: Subject,
        issuer: &Name,
        new: &NewCard,
        account: AccountName,
        now: Time,
    ) -> Result<CardRecord, ServiceError> {
        check_currency(new.currency)?;
        if new.spend_limit > new.budget {
            return Err(ServiceError::InvalidField { field: "spend_limit", problem: "above the budget" });
        }
        if let Some(key) = &new.holder_key {
            holder_key::check(key)?;
        }
        let lifetime = self.context.policy().card_validity_seconds;
        let (not_before, not_after) = validity(new.not_before, new.not_after, now, lifetime)?;
        Ok(CardRecord {
            number,
            issuer: *issuer,
            state: CardState::Pending,
            sectors: new.sectors,
            tariff: new.tariff,
            spend_limit: new.spend_limit,
            budget: new.budget,
            currency: new.currency,
            not_before,
            not_after,
            account,
            holder_key: new.holder_key,
            credential: None,
            replaces: None,
            replaced_by: None,
            created: now,
            updated: now,
        })
    }

    fn minting(&self, now: Time) -> Minting {
        let expires = now.saturating_add(self.context.policy().activation_code_lifetime_seconds);
        Minting { key: self.activation_key.clone(), expires }
    }

    /// Gives a card.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is none or it is another issuer's.
    pub async fn get(&self, issuer: &Name, number: Subject) -> Result<CardRecord, ServiceError> {
        let (issuer, now) = (*issuer, self.context.now());
        self.context.store().read(move |unit| Ok(presented(owned(unit, &issuer, &number)?, now))).await
    }

    /// Lists the issuer's cards, oldest first.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn list(&self, issuer: &Name, page: Page) -> Result<Vec<Listed<CardRecord>>, ServiceError> {
        let (issuer, now) = (*issuer, self.context.now());
        let cards =
            self.context.store().read(move |unit| Ok::<_, ServiceError>(unit.cards(Some(&issuer), page)?)).await?;
        let present = |card: Listed<CardRecord>| Listed { record: presented(card.record, now), ..card };
        Ok(cards.into_iter().map(present).collect())
    }

    /// Suspends an active card: terminals learn of it with the next bundle.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::CardState`], [`ServiceError::RequestIdReused`].
    pub async fn suspend(&self, request: Request, issuer: &Name, number: Subject) -> Result<CardRecord, ServiceError> {
        self.change(request, issuer, number, CardEvent::Suspend).await
    }

    /// Takes a suspension back.
    ///
    /// # Errors
    /// As [`Self::suspend`].
    pub async fn resume(&self, request: Request, issuer: &Name, number: Subject) -> Result<CardRecord, ServiceError> {
        self.change(request, issuer, number, CardEvent::Resume).await
    }

    /// Revokes a card for good.
    ///
    /// # Errors
    /// As [`Self::suspend`].
    pub async fn revoke(&self, request: Request, issuer: &Name, number: Subject) -> Result<CardRecord, ServiceError> {
        self.change(request, issuer, number, CardEvent::Revoke).await
    }

    async fn change(
        &self,
        request: Request,
        issuer: &Name,
        number: Subject,
        event: CardEvent,
    ) -> Result<CardRecord, ServiceError> {
        let (issuer, now) = (*issuer, self.context.now());
        let change = move |unit: &mut dyn Transaction| {
            requests::once(unit, &request, now, |unit| {
                let card = owned(unit, &issuer, &number)?;
                apply(unit, card, event, now)
            })
        };
        self.context.store().write(change).await
    }

    /// Takes a card out of use and creates another in its place, on the same account and with the same terms, valid
    /// until the same time.
    ///
    /// # Errors
    /// As [`Self::suspend`].
    pub async fn replace(
        &self,
        request: Request,
        issuer: &Name,
        number: Subject,
    ) -> Result<Created<CardRecord>, ServiceError> {
        let (issuer, now) = (*issuer, self.context.now());
        let (successor, salt) = (Subject::from_bytes(self.context.random()), self.context.random());
        let minting = self.minting(now);
        let replace = move |unit: &mut dyn Transaction| {
            requests::once(unit, &request, now, |unit| {
                let mut card = owned(unit, &issuer, &number)?;
                card.replaced_by = Some(successor);
                let card = apply(unit, card, CardEvent::Replace, now)?;
                let next = CardRecord {
                    number: successor,
                    state: CardState::Pending,
                    not_before: now,
                    credential: None,
                    replaces: Some(number),
                    replaced_by: None,
                    created: now,
                    updated: now,
                    ..card
                };
                add_card(unit, next, salt, &minting)
            })
        };
        let answer = self.context.store().write(replace).await?;
        let successor = answer.record.number;
        answer.reveal(&self.activation_key, successor)
    }

    /// Moves cards whose time ran out to [`CardState::Expired`], at most `limit`; returns how many.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn expire_run_out(&self, limit: u16) -> Result<usize, ServiceError> {
        let now = self.context.now();
        let expire = move |unit: &mut dyn Transaction| {
            let cards = unit.cards_run_out(now, limit)?;
            let count = cards.len();
            for card in cards {
                apply(unit, card, CardEvent::Expire, now)?;
            }
            Ok(count)
        };
        self.context.store().write(expire).await
    }
}

/// How an activation code is made.
struct Minting {
    key: ActivationKey,
    expires: Time,
}

/// Adds a card and its code.
fn add_card(
    unit: &mut dyn Transaction,
    card: CardRecord,
    salt: [u8; 16],
    minting: &Minting,
) -> Result<CreatedAnswer<CardRecord>, ServiceError> {
    unit.add_card(&card)?;
    let code = minting.key.code(&card.number, &salt);
    unit.add_activation_code(&minting.key.record(&code, card.number, Class::Card, minting.expires))?;
    Ok(CreatedAnswer { record: card, salt, expires_seconds: minting.expires.seconds() })
}

/// The card of this number if it is the issuer's.
fn owned(unit: &dyn Transaction, issuer: &Name, number: &Subject) -> Result<CardRecord, ServiceError> {
    let card = unit.card(number)?.filter(|card| card.issuer == *issuer);
    card.ok_or(ServiceError::NotFound("card"))
}

/// The card as it is to be shown at `now`: expired when its time ran out, though that is not yet written.
fn presented(card: CardRecord, now: Time) -> CardRecord {
    let state = present_state(&card, now);
    CardRecord { state, ..card }
}

/// The state of a card at `now`.
pub(crate) fn present_state(card: &CardRecord, now: Time) -> CardState {
    let run_out = card.not_after <= now;
    run_out.then(|| transition(card.state, CardEvent::Expire)).flatten().unwrap_or(card.state)
}

/// Lets `event` happen to a card: its state, and whether terminals are told not to accept it.
pub(crate) fn apply(
    unit: &mut dyn Transaction,
    card: CardRecord,
    event: CardEvent,
    now: Time,
) -> Result<CardRecord, ServiceError> {
    // Expiring is what the present state would be already.
    let present = if event == CardEvent::Expire { card.state } else { present_state(&card, now) };
    let state = transition(present, event).ok_or(ServiceError::CardState { state: present, event })?;
    let card = CardRecord { state, updated: now, ..card };
    unit.update_card(&card)?;
    match event {
        CardEvent::Resume => unit.lift_revocation(&card.number)?,
        _ if is_revoked_for_terminals(state) => unit.revoke(&card.number, now)?,
        _ => {}
    }
    if is_ended_by_its_issuer(state) {
        // Its outstanding pseudonyms are recognised once both linkage authorities have given their seeds.
        if let Some(known) = unit.linkage_handle(&card.number)? {
            unit.reveal_seeds(&known.handle, now)?;
        }
    }
    Ok(card)
}

//! `CardService`.

use super::{caller, page::PageTokens, status};
use crate::cards::{Cards, Created, NewCard};
use std::mem;
use symbolon_api::{
    AccountName, CardName, InvalidField, IssuerName,
    v1::{self, card_service_server::CardService},
};
use symbolon_ccks::Credential;
use symbolon_store::{
    Store,
    records::{self, CardRecord, CardState},
};
use tonic::{Request, Response, Status};

pub(super) struct Adapter<D> {
    cards: Cards<D>,
    tokens: PageTokens,
}

impl<D: Store> Adapter<D> {
    pub(super) const fn new(cards: Cards<D>, tokens: PageTokens) -> Self {
        Self { cards, tokens }
    }
}

#[tonic::async_trait]
impl<D: Store> CardService for Adapter<D> {
    async fn create_card(
        &self,
        request: Request<v1::CreateCardRequest>,
    ) -> Result<Response<v1::CreateCardResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "CreateCard", &id, &asked)?;
        let new = new_card(&asked).map_err(|invalid| status::invalid_field(&invalid))?;
        let created = self.cards.create(identified, client.name(), new).await;
        let created = created.map_err(|error| status::of_service_error_within("card", &error))?;
        let (card, activation_code, expire_time) = created_to_wire(&created);
        let activation_expire_time = Some(expire_time);
        Ok(Response::new(v1::CreateCardResponse { card: Some(card), activation_code, activation_expire_time }))
    }

    async fn get_card(&self, request: Request<v1::GetCardRequest>) -> Result<Response<v1::GetCardResponse>, Status> {
        let client = caller::client(&request)?;
        let number = card_name(&request.get_ref().name)?;
        let card = self.cards.get(client.name(), number.into_identifier()).await?;
        Ok(Response::new(v1::GetCardResponse { card: Some(card_to_wire(&card)) }))
    }

    async fn list_cards(
        &self,
        request: Request<v1::ListCardsRequest>,
    ) -> Result<Response<v1::ListCardsResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let list = format!("cards of {}", client.name());
        let page = self.tokens.page(&list, asked.page_size, &asked.page_token)?;
        let listed = self.cards.list(client.name(), page).await?;
        let next_page_token = self.tokens.next(&list, page, listed.iter().map(|listed| listed.position));
        let cards = listed.iter().map(|listed| card_to_wire(&listed.record)).collect();
        Ok(Response::new(v1::ListCardsResponse { cards, next_page_token }))
    }

    async fn suspend_card(
        &self,
        request: Request<v1::SuspendCardRequest>,
    ) -> Result<Response<v1::SuspendCardResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "SuspendCard", &id, &asked)?;
        let number = card_name(&asked.name)?.into_identifier();
        let card = self.cards.suspend(identified, client.name(), number).await?;
        Ok(Response::new(v1::SuspendCardResponse { card: Some(card_to_wire(&card)) }))
    }

    async fn resume_card(
        &self,
        request: Request<v1::ResumeCardRequest>,
    ) -> Result<Response<v1::ResumeCardResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "ResumeCard", &id, &asked)?;
        let number = card_name(&asked.name)?.into_identifier();
        let card = self.cards.resume(identified, client.name(), number).await?;
        Ok(Response::new(v1::ResumeCardResponse { card: Some(card_to_wire(&card)) }))
    }

    async fn revoke_card(
        &self,
        request: Request<v1::RevokeCardRequest>,
    ) -> Result<Response<v1::RevokeCardResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "RevokeCard", &id, &asked)?;
        let number = card_name(&asked.name)?.into_identifier();
        let card = self.cards.revoke(identified, client.name(), number).await?;
        Ok(Response::new(v1::RevokeCardResponse { card: Some(card_to_wire(&card)) }))
    }

    async fn replace_card(
        &self,
        request: Request<v1::ReplaceCardRequest>,
    ) -> Result<Response<v1::ReplaceCardResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "ReplaceCard", &id, &asked)?;
        let number = card_name(&asked.name)?.into_identifier();
        let created = self.cards.replace(identified, client.name(), number).await?;
        let (card, activation_code, expire_time) = created_to_wire(&created);
        let activation_expire_time = Some(expire_time);
        Ok(Response::new(v1::ReplaceCardResponse { card: Some(card), activation_code, activation_expire_time }))
    }
}

fn card_name(name: &str) -> Result<CardName, Status> {
    CardName::parse("name", name).map_err(|invalid| status::invalid_field(&invalid))
}

fn new_card(asked: &v1::CreateCardRequest) -> Result<NewCard, InvalidField> {
    let card = symbolon_api::required("card", asked.card.as_ref())?;
    let account = (!card.account.is_empty()).then(|| AccountName::parse("card.account", &card.account)).transpose()?;
    let holder_key = (!card.holder_key.is_empty())
        .then(|| symbolon_api::bytes::<33>("card.holder_key", &card.holder_key))
        .transpose()?;
    Ok(NewCard {
        sectors: symbolon_api::sectors_from_wire("card.sectors", &card.sectors)?,
        tariff: symbolon_api::tariff("card.tariff", card.tariff)?,
        spend_limit: card.spend_limit,
        budget: card.budget,
        currency: symbolon_api::currency("card.currency", card.currency)?,
        not_before: symbolon_api::optional_time("card.not_before_time", card.not_before_time.as_ref())?,
        not_after: symbolon_api::optional_time("card.not_after_time", card.not_after_time.as_ref())?,
        account: account.map(|account| records::AccountName::from_caller(account.identifier())),
        holder_key: holder_key.copied(),
    })
}

fn created_to_wire(created: &Created<CardRecord>) -> (v1::Card, String, prost_types::Timestamp) {
    let expires = symbolon_api::time_to_wire(created.activation_expires);
    (card_to_wire(&created.record), created.activation_code.expose().to_string(), expires)
}

fn card_to_wire(card: &CardRecord) -> v1::Card {
    let name = |number| CardName::new(number).to_string();
    v1::Card {
        name: name(card.number),
        state: state_to_wire(card.state).into(),
        sectors: symbolon_api::sectors_to_wire(card.sectors),
        tariff: card.tariff.into(),
        spend_limit: card.spend_limit,
        budget: card.budget,
        currency: card.currency.into(),
        not_before_time: Some(symbolon_api::time_to_wire(card.not_before)),
        not_after_time: Some(symbolon_api::time_to_wire(card.not_after)),
        account: AccountName::new(card.account.as_str().to_owned()).to_string(),
        holder_key: card.holder_key.map(Vec::from).unwrap_or_default(),
        issuer: IssuerName::new(card.issuer).to_string(),
        credential: card.credential.as_ref().map(credential_to_wire).unwrap_or_default(),
        replaced_by: card.replaced_by.map(name).unwrap_or_default(),
        replaces: card.replaces.map(name).unwrap_or_default(),
        create_time: Some(symbolon_api::time_to_wire(card.created)),
        update_time: Some(symbolon_api::time_to_wire(card.updated)),
    }
}

pub(super) fn credential_to_wire(credential: &Credential) -> Vec<u8> {
    credential.as_bytes().to_vec()
}

pub(super) const fn state_to_wire(state: CardState) -> v1::CardState {
    match state {
        CardState::Pending => v1::CardState::Pending,
        CardState::Active => v1::CardState::Active,
        CardState::Suspended => v1::CardState::Suspended,
        CardState::Revoked => v1::CardState::Revoked,
        CardState::Replaced => v1::CardState::Replaced,
        CardState::Expired => v1::CardState::Expired,
    }
}

//! Everybody comes by a key, through the service's gRPC interface as any wallet and terminal would.

use super::{
    city::{CURRENCY, RunningCity, request_id, stream},
    schedule::sector_of,
};
use crate::{connect::refused, enrolment};
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use std::{sync::Arc, time::Duration};
use symbolon_api::{
    sectors_to_wire, time_to_wire,
    v1::{
        Card, CreateCardRequest, CreateTerminalRequest, GetTrustBundleRequest, RevokeCardRequest, Terminal,
        TopUpAccountRequest, authority_service_client::AuthorityServiceClient, card_service_client::CardServiceClient,
        ledger_service_client::LedgerServiceClient, terminal_service_client::TerminalServiceClient,
    },
};
use symbolon_ccks::{Authority, Sectors, SigningKey, Suite, Time};
use symbolon_service::links::ServiceRole;
use symbolon_tap::Bundle;
use symbolon_wallet::MemoryPurseStore;
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::transport::Channel;

/// Enrolments under way at a time: enough that the database commits many at once.
const CONCURRENT: usize = 48;
/// How often, and after how long, is looked for what the service does by itself.
const MOST_LOOKS: u32 = 1_300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Where the random streams of terminals begin; cards have those below.
const TERMINAL_STREAMS: u64 = 1 << 40;

/// What an issuer says of a card.
#[derive(Clone, Debug)]
pub(super) struct CardPlan {
    pub(super) sectors: Sectors,
    pub(super) spend_limit: u32,
    pub(super) budget: u32,
    /// The service's default validity, if not said.
    pub(super) not_after: Option<Time>,
    /// What its holder pays in.
    pub(super) balance: u32,
}

/// A card that has its key.
pub(super) struct EnrolledCard<S: Suite> {
    pub(super) name: String,
    /// The account that pays for it.
    pub(super) account: String,
    pub(super) key: SigningKey<S>,
    /// Its pseudonyms, once it has any.
    pub(super) purse: Option<MemoryPurseStore>,
}

/// A terminal that has its key.
pub(super) struct EnrolledTerminal<S: Suite> {
    pub(super) key: SigningKey<S>,
}

/// Who enrols people: connections, the authority, the seed.
#[derive(Clone)]
pub(super) struct Registrar<S: Suite> {
    authority: Arc<Authority<'static, S>>,
    pub(super) public: Channel,
    issuer: Channel,
    /// The issuer too, as it pays in at clearing.
    payer: Channel,
    pub(super) seed: u64,
}

impl<S: Suite> Registrar<S> {
    /// Fetches the authority's parameters and checks them against the trust anchor.
    pub(super) async fn new(city: &RunningCity<'_>, seed: u64) -> Result<Self> {
        let (trust, public) = (city.trust(ServiceRole::Attester)?, city.public(ServiceRole::Attester)?);
        let parameters = enrolment::fetch_parameters(public.clone(), &trust).await?;
        let authority = Arc::new(Authority::parse(&parameters)?);
        let (issuer, payer) = (city.issuer(ServiceRole::Attester)?, city.issuer(ServiceRole::Clearing)?);
        Ok(Self { authority, public, issuer, payer, seed })
    }

    /// The authority.
    pub(super) fn authority(&self) -> Arc<Authority<'static, S>> {
        Arc::clone(&self.authority)
    }

    /// Creates, tops up and enrols a card for each plan, many at a time.
    pub(super) async fn cards(&self, plans: Vec<CardPlan>, progress: &ProgressBar) -> Result<Vec<EnrolledCard<S>>> {
        let registrar = self.clone();
        let enrol = move |number: usize, plan: CardPlan| {
            let registrar = registrar.clone();
            async move { registrar.card(number, plan).await }
        };
        many(plans, enrol, progress).await
    }

    async fn card(self, number: usize, plan: CardPlan) -> Result<EnrolledCard<S>> {
        let mut random = stream(self.seed, number as u64);
        let request = CreateCardRequest {
            card: Some(Card {
                sectors: sectors_to_wire(plan.sectors),
                spend_limit: plan.spend_limit,
                budget: plan.budget,
                currency: CURRENCY.into(),
                not_after_time: plan.not_after.map(time_to_wire),
                ..Card::default()
            }),
            request_id: request_id(&mut random),
        };
        let answer = CardServiceClient::new(self.issuer.clone()).create_card(request).await;
        let answer = answer.map_err(refused("creating a card"))?.into_inner();
        let card = answer.card.context("the service created no card")?;
        if plan.balance > 0 {
            let (name, request_id) = (card.account.clone(), request_id(&mut random));
            let request = TopUpAccountRequest { name, amount: plan.balance, request_id };
            let answer = LedgerServiceClient::new(self.payer.clone()).top_up_account(request).await;
            answer.map_err(refused("topping up an account"))?;
        }
        let key = self.enrol(&answer.activation_code, &mut random).await?;
        Ok(EnrolledCard { name: card.name, account: card.account, key, purse: None })
    }

    /// Creates and enrols terminals, the three sectors in turn.
    pub(super) async fn terminals(
        &self,
        city: &RunningCity<'_>,
        count: usize,
        progress: &ProgressBar,
    ) -> Result<Vec<EnrolledTerminal<S>>> {
        let operator = |index| city.operator(sector_of(index), ServiceRole::Attester);
        let operators: Vec<_> = (0..3).map(operator).collect::<Result<_>>()?;
        let registrar = self.clone();
        let enrol = move |number: usize, operator: Channel| {
            let registrar = registrar.clone();
            async move { registrar.terminal(number, operator).await }
        };
        let plans = operators.into_iter().cycle().take(count).collect();
        many(plans, enrol, progress).await
    }

    /// Creates and enrols the terminal of this number, which serves the sector of the number.
    pub(super) async fn terminal(self, number: usize, operator: Channel) -> Result<EnrolledTerminal<S>> {
        let mut random = stream(self.seed, TERMINAL_STREAMS + number as u64);
        let request = CreateTerminalRequest {
            terminal: Some(Terminal {
                number: Some(number as u64),
                sectors: sectors_to_wire(sector_of(number).into()),
                currency: CURRENCY.into(),
                ..Terminal::default()
            }),
            request_id: request_id(&mut random),
        };
        let answer = TerminalServiceClient::new(operator).create_terminal(request).await;
        let code = answer.map_err(refused("creating a terminal"))?.into_inner().activation_code;
        Ok(EnrolledTerminal { key: self.enrol(&code, &mut random).await? })
    }

    async fn enrol(&self, code: &str, random: &mut rand_chacha::ChaCha20Rng) -> Result<SigningKey<S>> {
        let started = enrolment::begin(self.public.clone(), self.authority.id(), code, random).await?;
        enrolment::complete(self.public.clone(), &self.authority, &started, random).await
    }

    /// Revokes a card, as its issuer does when it is reported lost.
    pub(super) async fn revoke(&self, card: &EnrolledCard<S>) -> Result<()> {
        let mut random = stream(self.seed, TERMINAL_STREAMS - 1);
        let request = RevokeCardRequest { name: card.name.clone(), request_id: request_id(&mut random) };
        let answer = CardServiceClient::new(self.issuer.clone()).revoke_card(request).await;
        answer.map(|_| ()).map_err(refused("revoking a card"))
    }

    /// The newest trust bundle.
    pub(super) async fn trust_bundle(&self) -> Result<Vec<u8>> {
        trust_bundle(self.public.clone()).await
    }

    /// The first trust bundle that recognises pseudonyms of a revoked card: both linkage authorities are asked first.
    pub(super) async fn trust_bundle_with_seeds(&self) -> Result<Vec<u8>> {
        for _ in 0..MOST_LOOKS {
            let bundle = self.trust_bundle().await?;
            let parsed = Bundle::parse(&bundle).context("the trust bundle cannot be read")?;
            if !parsed.revoked_seeds().is_empty() {
                return Ok(bundle);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        bail!("the trust bundle does not come to recognise the lost card's pseudonyms")
    }
}

/// The newest trust bundle.
pub(super) async fn trust_bundle(public: Channel) -> Result<Vec<u8>> {
    let answer = AuthorityServiceClient::new(public).get_trust_bundle(GetTrustBundleRequest::default()).await;
    Ok(answer.map_err(refused("fetching the trust bundle"))?.into_inner().bundle)
}

/// Does the same for each plan, many at a time, and gives the results in the plans' order.
pub(super) async fn many<P, T, F, W>(plans: Vec<P>, work: F, progress: &ProgressBar) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Fn(usize, P) -> W,
    W: Future<Output = Result<T>> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(CONCURRENT));
    let mut results: Vec<Option<T>> = plans.iter().map(|_| None).collect();
    let mut tasks = JoinSet::new();
    for (number, plan) in plans.into_iter().enumerate() {
        let (permits, one) = (Arc::clone(&permits), work(number, plan));
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await.context("the demo was given up")?;
            Ok::<_, anyhow::Error>((number, one.await?))
        });
    }
    while let Some(done) = tasks.join_next().await {
        let (number, result) = done.context("an enrolment was given up")??;
        if let Some(place) = results.get_mut(number) {
            *place = Some(result);
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    results.into_iter().collect::<Option<Vec<_>>>().context("an enrolment has no result")
}

//! What the exchange may know of cards and terminals.

use symbolon_ccks::{Class, Credential, CredentialDigest, Name, Time};
use symbolon_pseudonym::{AccountHandle, ClearingTag, PairwiseKey, TagUse};
use symbolon_store::{
    Store, Transaction,
    records::{AccountName, CardState, HolderRequestKind, IssuedRecord},
};
use tonic::async_trait;

use crate::{
    Context, ServiceError,
    cards::{self, CardEvent, present_state},
    links::{DeliveredVoucher, KnownCredential, PublishedSeeds, RegistryLink},
    vouchers::note_delivered,
};

/// Whatever a credential or terminal was issued to, before the account of a card is sealed.
enum Known {
    Card { issuer: Name, account: AccountHandle, revoked_since: Option<Time> },
    Terminal { operator: Name, retired: Option<Time> },
}

/// The registry of cards and terminals, as the exchange sees it: never an account, but a tag for clearing, made afresh
/// each time that it is asked for.
#[derive(Clone)]
pub struct Registry<D> {
    context: Context<D>,
    clearing_key: PairwiseKey,
}

impl<D: Store> Registry<D> {
    /// The registry on the attester's store; `clearing_key` is what attester and clearing share.
    pub fn new(context: Context<D>, clearing_key: PairwiseKey) -> Self {
        Self { context, clearing_key }
    }

    fn reveal(&self, known: &Known) -> KnownCredential {
        match *known {
            Known::Card { issuer, account, revoked_since } => {
                let tag = ClearingTag::seal(&account, TagUse::Named, &self.clearing_key, self.context.random());
                KnownCredential::Card { issuer, tag, revoked_since }
            }
            Known::Terminal { operator, retired } => KnownCredential::Terminal { operator, retired },
        }
    }
}

#[async_trait]
impl<D: Store> RegistryLink for Registry<D> {
    async fn credentials(&self, digests: Vec<CredentialDigest>) -> Result<Vec<Option<KnownCredential>>, ServiceError> {
        let look = move |unit: &dyn Transaction| digests.iter().map(|digest| known(unit, digest)).collect();
        let found: Vec<Option<Known>> = self.context.store().read::<_, ServiceError, _>(look).await?;
        Ok(found.iter().map(|known| known.as_ref().map(|known| self.reveal(known))).collect())
    }

    async fn suspend(&self, misused: CredentialDigest) -> Result<(), ServiceError> {
        let now = self.context.now();
        let suspend = move |unit: &mut dyn Transaction| {
            let Some(issued) = unit.issued(&misused)? else { return Ok(()) };
            let card = unit.card(&issued.credential.identity().subject())?;
            if let Some(card) = card.filter(|card| present_state(card, now) == CardState::Active) {
                cards::apply(unit, card, CardEvent::Suspend, now)?;
            }
            Ok(())
        };
        self.context.store().write::<_, ServiceError, _>(suspend).await
    }

    async fn issued_line(&self, digest: CredentialDigest) -> Result<Vec<IssuedRecord>, ServiceError> {
        self.context.store().read(move |unit| line(unit, digest)).await
    }

    async fn published_seeds(&self) -> Result<Vec<PublishedSeeds>, ServiceError> {
        let first = symbolon_ccks::Period::new(0)?;
        let seeds = move |unit: &dyn Transaction| Ok(unit.published_seeds_since(first)?);
        let found = self.context.store().read::<_, ServiceError, _>(seeds).await?;
        let published = |record: symbolon_store::records::PublishedSeedsRecord| PublishedSeeds {
            period: record.period,
            seeds: record.seeds,
            published: record.published,
        };
        Ok(found.into_iter().map(published).collect())
    }

    async fn delivered(&self, vouchers: Vec<DeliveredVoucher>) -> Result<(), ServiceError> {
        let unknown = self.context.store().write(move |unit| note_delivered(unit, &vouchers)).await?;
        if unknown > 0 {
            tracing::warn!(unknown, "meters took vouchers that were never sold for them");
        }
        Ok(())
    }
}

/// What was issued under this digest.
fn known(unit: &dyn Transaction, digest: &CredentialDigest) -> Result<Option<Known>, ServiceError> {
    let Some(issued) = unit.issued(digest)? else { return Ok(None) };
    let identity = issued.credential.identity();
    let subject = identity.subject();
    match identity.class() {
        Class::Card => {
            let card = unit.card(&subject)?.ok_or(ServiceError::Internal("a credential of no card was issued"))?;
            let (account, revoked_since) = (account_handle(&card.account)?, unit.revoked_since(&subject)?);
            Ok(Some(Known::Card { issuer: card.issuer, account, revoked_since }))
        }
        Class::Terminal => {
            let terminal = unit.terminal(&subject)?;
            let terminal = terminal.ok_or(ServiceError::Internal("a credential of no terminal was issued"))?;
            Ok(Some(Known::Terminal { operator: terminal.operator, retired: terminal.retired }))
        }
        Class::Pseudonym => Err(ServiceError::Internal("a pseudonym is archived as a card's credential")),
    }
}

/// What clearing knows the account of a card by.
pub(crate) fn account_handle(account: &AccountName) -> Result<AccountHandle, ServiceError> {
    let handle = account.handle().map(AccountHandle::from_bytes);
    handle.ok_or(ServiceError::Internal("a card is on an account that is no holder's"))
}

/// The archive of a credential, then of the one that it was renewed from, and so on back.
fn line(unit: &dyn Transaction, digest: CredentialDigest) -> Result<Vec<IssuedRecord>, ServiceError> {
    let mut line = Vec::new();
    let mut next = Some(digest);
    while let Some(digest) = next {
        let Some(issued) = unit.issued(&digest)? else { break };
        next = match issued.request.kind {
            HolderRequestKind::FormerCredential => Some(Credential::parse(&issued.request.key)?.digest()),
            HolderRequestKind::RegisteredKey | HolderRequestKind::PossessionOnly => None,
        };
        line.push(issued);
    }
    Ok(line)
}

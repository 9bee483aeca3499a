//! The roles that run in one process, put together: those here are linked directly, those elsewhere by gRPC.

use crate::{
    Context,
    attester::{self, Attester, AttesterKeys, Registry},
    authority::AuthorityKeys,
    bundles::Bundles,
    cards::Cards,
    clearing::{Clearing, ClearingKeys},
    enrolment::Enrolment,
    exchange::{Exchange, FareTable},
    grpc::links::{Peer, RemoteClearing, RemoteExchange, RemoteIssuer, RemoteLinkage, RemoteRegistry},
    issuer::{Issuer, IssuerKeys},
    ledger::Ledger,
    linkage::Linkage,
    links::{ClearingLink, ExchangeLink, IssuerLink, LinkageLink, RegistryLink, ServiceRole},
    terminals::Terminals,
    vouchers::Vouchers,
};
use std::sync::Arc;
use symbolon_ccks::{AuthorityId, LinkageAuthority, Suite};
use symbolon_pseudonym::{Issuance, PairwiseKey};
use symbolon_store::Store;

/// What the roles that run here are made of. Each has a store of its own; none sees what another was given.
pub(crate) struct Parts<S: Suite, D> {
    pub(crate) authority_id: AuthorityId,
    pub(crate) attester: Option<AttesterParts<S, D>>,
    pub(crate) issuer: Option<(Context<D>, Arc<AuthorityKeys<S>>, IssuerKeys)>,
    pub(crate) linkage: Vec<(LinkageAuthority, Context<D>, PairwiseKey)>,
    pub(crate) clearing: Option<(Context<D>, ClearingKeys)>,
    pub(crate) exchange: Option<(Context<D>, Arc<AuthorityKeys<S>>, FareTable)>,
}

/// What the attester is made of.
pub(crate) struct AttesterParts<S: Suite, D> {
    pub(crate) context: Context<D>,
    pub(crate) keys: Arc<AuthorityKeys<S>>,
    pub(crate) role_keys: AttesterKeys,
    /// What it publishes about pseudonyms.
    pub(crate) issuance: Arc<Issuance>,
}

/// The use cases of the roles that run here.
pub struct UseCases<S: Suite, D> {
    authority_id: AuthorityId,
    pub(crate) attester: Option<AttesterRole<S, D>>,
    pub(crate) issuer: Option<IssuerRole<S, D>>,
    pub(crate) linkage: Vec<LinkageRole<D>>,
    pub(crate) clearing: Option<ClearingRole<D>>,
    pub(crate) exchange: Option<ExchangeRole<S, D>>,
}

/// The attester's use cases.
pub(crate) struct AttesterRole<S: Suite, D> {
    pub(crate) context: Context<D>,
    pub(crate) keys: Arc<AuthorityKeys<S>>,
    pub(crate) cards: Cards<D>,
    pub(crate) terminals: Terminals<D>,
    pub(crate) enrolment: Enrolment<S, D>,
    pub(crate) bundles: Bundles<S, D>,
    pub(crate) vouchers: Vouchers<S, D>,
    pub(crate) attester: Attester<S, D>,
    pub(crate) registry: Arc<Registry<D>>,
}

/// The issuer's.
pub(crate) struct IssuerRole<S: Suite, D> {
    pub(crate) context: Context<D>,
    pub(crate) issuer: Issuer<S, D>,
}

/// A linkage authority's.
pub(crate) struct LinkageRole<D> {
    pub(crate) authority: LinkageAuthority,
    pub(crate) context: Context<D>,
    pub(crate) linkage: Linkage<D>,
}

/// Clearing's.
pub(crate) struct ClearingRole<D> {
    pub(crate) context: Context<D>,
    pub(crate) clearing: Clearing<D>,
    pub(crate) ledger: Ledger<D>,
}

/// The exchange's.
pub(crate) struct ExchangeRole<S: Suite, D> {
    pub(crate) context: Context<D>,
    pub(crate) keys: Arc<AuthorityKeys<S>>,
    pub(crate) exchange: Exchange<S, D>,
}

impl<S: Suite, D: Store> UseCases<S, D> {
    /// Puts the roles together; `peer` reaches the second role as the first.
    ///
    /// # Errors
    /// Those of `peer`.
    pub(crate) fn compose<E>(
        parts: Parts<S, D>,
        peer: impl Fn(ServiceRole, ServiceRole) -> Result<Peer, E>,
    ) -> Result<Self, E> {
        let Parts { authority_id, attester, issuer, linkage, clearing, exchange } = parts;
        let clearing = clearing.map(|(context, keys)| ClearingRole {
            clearing: Clearing::new(context.clone(), keys),
            ledger: Ledger::new(context.clone()),
            context,
        });
        let clearing_for = |asker| -> Result<Arc<dyn ClearingLink>, E> {
            Ok(match &clearing {
                Some(here) => Arc::new(here.clearing.clone()),
                None => Arc::new(RemoteClearing(peer(asker, ServiceRole::Clearing)?)),
            })
        };
        let registry = attester
            .as_ref()
            .map(|parts| Arc::new(Registry::new(parts.context.clone(), parts.role_keys.clearing.clone())));
        let exchange = exchange
            .map(|(context, keys, fares)| -> Result<_, E> {
                let asker = ServiceRole::Exchange;
                let registry: Arc<dyn RegistryLink> = match &registry {
                    Some(here) => here.clone(),
                    None => Arc::new(RemoteRegistry(peer(asker, ServiceRole::Attester)?)),
                };
                let exchange = Exchange::new(context.clone(), keys.clone(), fares, registry, clearing_for(asker)?);
                Ok(ExchangeRole { context, keys, exchange })
            })
            .transpose()?;
        let issuer = issuer
            .map(|(context, keys, role_keys)| -> Result<_, E> {
                let asker = ServiceRole::Issuer;
                let exchange: Arc<dyn ExchangeLink> = match &exchange {
                    Some(here) => Arc::new(here.exchange.clone()),
                    None => Arc::new(RemoteExchange(peer(asker, ServiceRole::Exchange)?)),
                };
                let issuer = Issuer::new(context.clone(), keys, role_keys, clearing_for(asker)?, exchange);
                Ok(IssuerRole { context, issuer })
            })
            .transpose()?;
        let linkage: Vec<_> = linkage
            .into_iter()
            .map(|(authority, context, key)| LinkageRole {
                authority,
                linkage: Linkage::new(context.clone(), authority, key),
                context,
            })
            .collect();
        let linkage_for = |authority| -> Result<Arc<dyn LinkageLink>, E> {
            Ok(match linkage.iter().find(|here| here.authority == authority) {
                Some(here) => Arc::new(here.linkage.clone()),
                None => {
                    let peer = peer(ServiceRole::Attester, ServiceRole::of_linkage(authority))?;
                    Arc::new(RemoteLinkage::new(authority, peer))
                }
            })
        };
        let attester = attester
            .zip(registry)
            .map(|(parts, registry)| -> Result<_, E> {
                let AttesterParts { context, keys, role_keys, issuance } = parts;
                let asker = ServiceRole::Attester;
                let issuer: Arc<dyn IssuerLink> = match &issuer {
                    Some(here) => Arc::new(here.issuer.clone()),
                    None => Arc::new(RemoteIssuer(peer(asker, ServiceRole::Issuer)?)),
                };
                let links = attester::Links {
                    issuer,
                    linkage: [linkage_for(LinkageAuthority::A)?, linkage_for(LinkageAuthority::B)?],
                    clearing: clearing_for(asker)?,
                };
                let activation_key = keys.activation_key().clone();
                Ok(AttesterRole {
                    cards: Cards::new(context.clone(), activation_key.clone(), links.clearing.clone()),
                    terminals: Terminals::new(context.clone(), activation_key),
                    enrolment: Enrolment::new(context.clone(), keys.clone()),
                    bundles: Bundles::new(context.clone(), keys.clone(), Some(issuance.clone())),
                    vouchers: Vouchers::new(context.clone(), keys.clone(), links.clearing.clone()),
                    attester: Attester::new(context.clone(), keys.clone(), role_keys, issuance, links),
                    registry,
                    context,
                    keys,
                })
            })
            .transpose()?;
        Ok(Self { authority_id, attester, issuer, linkage, clearing, exchange })
    }

    /// The digest of the authority parameters.
    pub fn authority_id(&self) -> &AuthorityId {
        &self.authority_id
    }

    /// The linkage authorities that run here, as the attester sees them.
    pub(crate) fn linkage_links(&self) -> Vec<(LinkageAuthority, Arc<dyn LinkageLink>)> {
        let link =
            |here: &LinkageRole<D>| -> (_, Arc<dyn LinkageLink>) { (here.authority, Arc::new(here.linkage.clone())) };
        self.linkage.iter().map(link).collect()
    }

    /// What a role that runs here works with.
    pub(crate) fn context(&self, role: ServiceRole) -> Option<&Context<D>> {
        match role {
            ServiceRole::Attester => self.attester.as_ref().map(|here| &here.context),
            ServiceRole::Issuer => self.issuer.as_ref().map(|here| &here.context),
            ServiceRole::LinkageA | ServiceRole::LinkageB => {
                let here = self.linkage.iter().find(|here| ServiceRole::of_linkage(here.authority) == role);
                here.map(|here| &here.context)
            }
            ServiceRole::Clearing => self.clearing.as_ref().map(|here| &here.context),
            ServiceRole::Exchange => self.exchange.as_ref().map(|here| &here.context),
        }
    }

    /// The roles that run here.
    pub fn roles(&self) -> Vec<ServiceRole> {
        let linkage = self.linkage.iter().map(|here| ServiceRole::of_linkage(here.authority)).collect::<Vec<_>>();
        let runs = |role: &ServiceRole| match role {
            ServiceRole::Attester => self.attester.is_some(),
            ServiceRole::Issuer => self.issuer.is_some(),
            ServiceRole::LinkageA | ServiceRole::LinkageB => linkage.contains(role),
            ServiceRole::Clearing => self.clearing.is_some(),
            ServiceRole::Exchange => self.exchange.is_some(),
        };
        ServiceRole::ALL.into_iter().filter(runs).collect()
    }
}

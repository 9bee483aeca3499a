//! Trust bundles: what the authority tells terminals and wallets, so that they can decide without it.
//!
//! A bundle lists every revoked subject that has a credential not yet expired, however old; so none of its readers has to
//! refuse a credential for its age alone. Pseudonyms of revoked cards are recognised by the seeds in it, published once
//! both linkage authorities have given them; and it carries how pseudonyms are issued, so that all are told the same.
//! A new one is made when the revocations changed, or the newest is old, or the clock went back before it; its sequence is
//! durable before the bundle leaves.

use std::sync::Arc;

use symbolon_ccks::{Period, Sectors, Suite, Time};
use symbolon_pseudonym::Issuance;
use symbolon_store::{Store, Transaction, records::BundleRecord};
use symbolon_tap::{BundleContent, BundleFields, RevokedSeed, RevokedSeeds, encode_bundle};

use crate::{Context, Policy, ServiceError, authority::AuthorityKeys};

/// Builds and gives trust bundles.
pub struct Bundles<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
    issuance: Option<Arc<Issuance>>,
}

impl<S: Suite, D: Clone> Clone for Bundles<S, D> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), keys: Arc::clone(&self.keys), issuance: self.issuance.clone() }
    }
}

impl<S: Suite, D: Store> Bundles<S, D> {
    /// The use cases of an authority on the attester's store; `issuance` is what is published about pseudonyms, where
    /// some are issued.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>, issuance: Option<Arc<Issuance>>) -> Self {
        Self { context, keys, issuance }
    }

    /// The newest bundle, made now if need be.
    ///
    /// # Errors
    /// [`ServiceError::Store`]; [`ServiceError::InvalidField`] when the policy's limits contradict each other.
    pub async fn newest(&self) -> Result<BundleRecord, ServiceError> {
        let now = self.context.now();
        let policy = self.context.policy().clone();
        let good = move |unit: &dyn Transaction| {
            let newest = unit.newest_bundle()?;
            Ok::<_, ServiceError>(
                newest.filter(|bundle| bundle_is_good(bundle, unit.revocation_revision(), now, &policy)),
            )
        };
        match self.context.store().read(good).await? {
            Some(bundle) => Ok(bundle),
            None => self.build(now).await,
        }
    }

    async fn build(&self, now: Time) -> Result<BundleRecord, ServiceError> {
        let (keys, random) = (Arc::clone(&self.keys), self.context.random());
        let policy = self.context.policy().clone();
        let issuance = self.issuance.as_ref().map(|issuance| issuance.encode());
        let build = move |unit: &mut dyn Transaction| {
            let newest = unit.newest_bundle()?;
            let revision = unit.revocation_revision();
            // Another caller may have built it meanwhile.
            if let Some(bundle) =
                newest.as_ref().filter(|bundle| bundle_is_good(bundle, revision.clone(), now, &policy))
            {
                return Ok(bundle.clone());
            }
            let valid_until = now.saturating_add(policy.bundle_validity_seconds);
            let fields = BundleFields {
                sectors: Sectors::ALL,
                sequence: newest.map_or(0, |bundle| bundle.sequence) + 1,
                issued_at: now,
                valid_until,
                oldest_not_before: Time::new(0)?,
                part: 0,
                parts: 1,
            };
            let revoked = unit.revoked_subjects(now)?;
            let (seeds, per_period) = revoked_seeds(unit, &policy, now)?;
            let content = BundleContent {
                revoked: &revoked,
                limits: &policy.offline_limits,
                seeds: RevokedSeeds::new(policy.pseudonyms.boundary, per_period, &seeds)?,
                issuance: issuance.as_deref(),
                ..BundleContent::default()
            };
            let bytes = encode_bundle(keys.own_key(), &fields, &content, &random).map_err(|_| {
                ServiceError::InvalidField { field: "offline_limits", problem: "two for one sector and currency" }
            })?;
            let bundle =
                BundleRecord { sequence: fields.sequence, revision: revision?, issued: now, valid_until, bytes };
            unit.add_bundle(&bundle)?;
            Ok(bundle)
        };
        self.context.store().write(build).await
    }
}

/// The published seeds of cards that may still have a pseudonym which has not expired, ascending; and how many
/// pseudonyms of a period any of them can have.
fn revoked_seeds(unit: &dyn Transaction, policy: &Policy, now: Time) -> Result<(Vec<RevokedSeed>, u32), ServiceError> {
    let policy = &policy.pseudonyms;
    let present = Period::at(now, policy.boundary).unwrap_or(Period::new(0)?);
    // A card has pseudonyms of two periods at most, the one that it was revoked in and the next, and the next's outlive
    // it by less than a period.
    let first = Period::new(present.number().saturating_sub(2))?;
    let seeds = unit.published_seeds_since(first)?;
    let mut seeds = seeds.iter().map(|seeds| RevokedSeed::new(seeds.period, &seeds.seeds)).collect::<Vec<_>>();
    seeds.sort_unstable();
    // More than now are recognised where the policy allowed more when they were given.
    let most = unit.most_pseudonyms_since(first)?.max(policy.per_period);
    Ok((seeds, u32::from(most).max(1)))
}

/// Whether a bundle still tells the truth and is young enough.
fn bundle_is_good(
    bundle: &BundleRecord,
    revision: Result<u64, symbolon_store::StoreError>,
    now: Time,
    policy: &Policy,
) -> bool {
    let refresh_from = bundle.issued.saturating_add(policy.bundle_refresh_seconds);
    revision.is_ok_and(|revision| revision == bundle.revision)
        && bundle.issued <= now
        && now < refresh_from.min(bundle.valid_until)
}

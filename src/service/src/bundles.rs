//! Trust bundles: what the authority tells terminals and wallets, so that they can decide without it.
//!
//! A bundle lists every revoked subject that has a credential not yet expired, however old; so none of its readers has to
//! refuse a credential for its age alone. Pseudonyms of revoked cards are recognised by the seeds in it, published once
//! both linkage authorities have given them; and it carries how pseudonyms are issued, so that all are told the same.
//! A new one is made when the revocations changed, or the newest is old, or the clock went back before it; its sequence is
//! durable before the bundle leaves.
//!
//! Each bundle has two forms of one sequence: the full one, for wallets and terminals with room, and a compact one in
//! parts, made when it is first asked for and kept as it left.

mod compact;

use std::sync::{Arc, Mutex, PoisonError};

use symbolon_ccks::{Period, Sectors, Suite, Time};
use symbolon_pseudonym::Issuance;
use symbolon_store::{
    Store, Transaction,
    records::{BundlePartRecord, BundleRecord},
};
use symbolon_tap::{BundleContent, BundleFields, RevokedSeed, RevokedSeeds, encode_bundle};

use self::compact::{Compact, Compacting, Derived};
use crate::{Context, Policy, ServiceError, authority::AuthorityKeys};

/// Builds and gives trust bundles.
pub struct Bundles<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
    issuance: Option<Arc<Issuance>>,
    /// What the compact form before was made from. Who holds it makes the next one, and the others wait for that.
    compacting: Arc<tokio::sync::Mutex<Arc<Mutex<Derived>>>>,
}

impl<S: Suite, D: Clone> Clone for Bundles<S, D> {
    fn clone(&self) -> Self {
        Self {
            context: self.context.clone(),
            keys: Arc::clone(&self.keys),
            issuance: self.issuance.clone(),
            compacting: Arc::clone(&self.compacting),
        }
    }
}

impl<S: Suite, D: Store> Bundles<S, D> {
    /// The use cases of an authority on the attester's store; `issuance` is what is published about pseudonyms, where
    /// some are issued.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>, issuance: Option<Arc<Issuance>>) -> Self {
        Self { context, keys, issuance, compacting: Arc::default() }
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

    /// The bundle of a sequence, while it is kept.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for one that is not, or never was; [`ServiceError::Store`].
    pub async fn of_sequence(&self, sequence: u64) -> Result<BundleRecord, ServiceError> {
        let bundle = self.context.store().read(move |unit| Ok::<_, ServiceError>(unit.bundle(sequence)?)).await?;
        bundle.ok_or(ServiceError::NotFound("bundle of this sequence"))
    }

    /// A part of the compact form of the bundle of a sequence, or of the newest one: always the same bytes.
    ///
    /// # Errors
    /// [`ServiceError::NoSuchPart`]; [`ServiceError::NotFound`] for a sequence that is no longer kept, or never was;
    /// [`ServiceError::Store`].
    pub async fn part(&self, sequence: Option<u64>, part: u16) -> Result<BundlePartRecord, ServiceError> {
        let sequence = match sequence {
            Some(sequence) => sequence,
            None => self.newest().await?.sequence,
        };
        let found = match self.kept_part(sequence, part).await? {
            Some(found) => found,
            None => self.compact(sequence, part).await?,
        };
        if found.part == part { Ok(found) } else { Err(ServiceError::NoSuchPart(found.parts)) }
    }

    async fn kept_part(&self, sequence: u64, part: u16) -> Result<Option<BundlePartRecord>, ServiceError> {
        self.context.store().read(move |unit| Ok(unit.bundle_part(sequence, part)?)).await
    }

    /// Makes the compact form of a bundle, unless another caller has meanwhile.
    async fn compact(&self, sequence: u64, part: u16) -> Result<BundlePartRecord, ServiceError> {
        let derived = self.compacting.lock().await;
        if let Some(found) = self.kept_part(sequence, part).await? {
            return Ok(found);
        }
        let full = self.of_sequence(sequence).await?;
        let (context, keys, derived) = (self.context.clone(), Arc::clone(&self.keys), Arc::clone(&derived));
        // Deriving what thousands of revoked cards may show would hold up every other task of this thread.
        let make = move || {
            // A panic while it was held has left nothing half done: what is missing is derived again.
            let mut derived = derived.lock().unwrap_or_else(PoisonError::into_inner);
            let policy = context.policy();
            let compacting = Compacting {
                boundary: policy.pseudonyms.boundary,
                validity_seconds: policy.publishing.compact_validity_seconds,
                part_bytes: policy.publishing.part_bytes,
            };
            Compact::of(&full, &compacting, &keys, &mut derived, &mut context.draws())
        };
        let made = tokio::task::spawn_blocking(make).await;
        let Compact { parts, valid_until, derived, attempts } =
            made.map_err(|_| ServiceError::Internal("making a compact bundle was given up"))??;
        tracing::debug!(sequence, parts = parts.len(), derived, attempts, "a compact bundle was made");
        let keep = move |unit: &mut dyn Transaction| unit.add_bundle_parts(sequence, valid_until, &parts);
        self.context.store().write(move |unit| Ok::<_, ServiceError>(keep(unit)?)).await?;
        let found = self.kept_part(sequence, part).await?;
        found.ok_or(ServiceError::Internal("a compact bundle that was kept is gone"))
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
                rules: &policy.publishing.rules,
                tariffs: &policy.publishing.tariffs,
                fares: &policy.publishing.fares,
                ..BundleContent::default()
            };
            let bytes =
                encode_bundle(keys.own_key(), &fields, &content, &random).map_err(|_| ServiceError::InvalidField {
                    field: "bundles",
                    problem: "two limits, rules, tariffs or fares of one key",
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

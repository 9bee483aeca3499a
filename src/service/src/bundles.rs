//! Trust bundles: what the authority tells terminals and wallets, so that they can decide without it.
//!
//! A bundle lists every revoked subject that has a credential not yet expired, however old; so none of its readers has to
//! refuse a credential for its age alone. A new one is made when the revocations changed, or the newest is old, or the
//! clock went back before it; its sequence is durable before the bundle leaves.

use std::sync::Arc;

use symbolon_ccks::{Sectors, Suite, Time};
use symbolon_store::{Store, Transaction, records::BundleRecord};
use symbolon_tap::{BundleContent, BundleFields, encode_bundle};

use crate::{Context, Policy, ServiceError, authority::AuthorityKeys};

/// Builds and gives trust bundles.
pub struct Bundles<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
}

impl<S: Suite, D: Clone> Clone for Bundles<S, D> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), keys: Arc::clone(&self.keys) }
    }
}

impl<S: Suite, D: Store> Bundles<S, D> {
    /// The use cases of an authority on a store.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>) -> Self {
        Self { context, keys }
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
            let content =
                BundleContent { revoked: &revoked, limits: &policy.offline_limits, ..BundleContent::default() };
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

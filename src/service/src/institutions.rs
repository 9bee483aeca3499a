//! Institution keys: name in, key out, and never more than 63 names.
//!
//! Any 63 of these keys say nothing about a 64th, and a 64th would close the system of equations that gives them all. So
//! a name is counted durably before its key leaves, whether or not the key arrives.

use std::sync::Arc;

use symbolon_ccks::{Name, SigningKey, Suite};
use symbolon_store::{Store, StoreError, Transaction, records::InstitutionRecord};

use crate::{Context, ServiceError, authority::AuthorityKeys};

/// Derives and counts institution keys.
pub struct Institutions<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
}

impl<S: Suite, D: Store> Institutions<S, D> {
    /// The use cases of an authority on a store.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>) -> Self {
        Self { context, keys }
    }

    /// Counts the authority's own name, before any other. To be done whenever the service starts: the key of that
    /// name signs bundles and acknowledgements.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn count_own_name(&self) -> Result<u8, ServiceError> {
        let own = *self.keys.name();
        self.count(own).await
    }

    /// The key of an institution; counted first, once for all times that it is asked for.
    ///
    /// # Errors
    /// [`ServiceError::InstitutionsExhausted`] for a 64th name; [`ServiceError::Store`].
    pub async fn key(&self, name: &Name) -> Result<SigningKey<S>, ServiceError> {
        self.count(*name).await?;
        Ok(self.keys.secret().institution_key(self.keys.authority(), name))
    }

    async fn count(&self, name: Name) -> Result<u8, ServiceError> {
        let (own, now) = (*self.keys.name(), self.context.now());
        let count = move |unit: &mut dyn Transaction| {
            for counted in [&own, &name] {
                if unit.institution(counted)?.is_none() {
                    unit.count_institution(counted, now).map_err(|error| match error {
                        StoreError::Full(_) => ServiceError::InstitutionsExhausted,
                        other => other.into(),
                    })?;
                }
            }
            let counted = unit.institution(&name)?;
            Ok(counted.ok_or(ServiceError::Internal("an institution was not counted"))?.ordinal)
        };
        self.context.store().write(count).await
    }

    /// The names whose keys were derived, in order.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn list(&self) -> Result<Vec<InstitutionRecord>, ServiceError> {
        self.context.store().read(|unit| Ok(unit.institutions()?)).await
    }
}

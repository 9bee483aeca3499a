//! The key authority: its public parameters and the keys that follow from its secret.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use symbolon_ccks::{Authority, AuthorityId, AuthoritySecret, Name, SigningKey, Suite, Time};
use zeroize::Zeroizing;

use crate::{ServiceError, activation::ActivationKey};

/// An authority that can issue: parameters and secret, which belong together.
pub struct AuthorityKeys<S: Suite> {
    secret: AuthoritySecret<S>,
    authority: Authority<'static, S>,
    parameters: Vec<u8>,
    own_key: SigningKey<S>,
    activation_key: ActivationKey,
    page_key: [u8; 32],
}

impl<S: Suite> AuthorityKeys<S> {
    /// The authority that this secret makes at `created` under `name`.
    ///
    /// # Errors
    /// [`ServiceError::Malformed`] should the parameters not read back.
    pub fn establish(secret: AuthoritySecret<S>, created: Time, name: &Name) -> Result<Arc<Self>, ServiceError> {
        let parameters = secret.parameters(created, name);
        let authority = Authority::parse(&parameters)?;
        let own_key = secret.institution_key(&authority, name);
        let activation_key = ActivationKey::new(Zeroizing::new(derive(&secret, b"SYMBOLON-V1-ACTIVATION-KEY")));
        let page_key = derive(&secret, b"SYMBOLON-V1-PAGE-TOKENS");
        Ok(Arc::new(Self { secret, authority, parameters, own_key, activation_key, page_key }))
    }

    /// The authority of stored parameters and the secret that should be theirs.
    ///
    /// # Errors
    /// [`ServiceError::Malformed`] when the parameters do not read; [`ServiceError::InvalidField`] when the secret is
    /// that of others.
    pub fn open(secret: AuthoritySecret<S>, parameters: &[u8]) -> Result<Arc<Self>, ServiceError> {
        let stored = Authority::<S>::parse(parameters)?;
        let keys = Self::establish(secret, stored.created(), stored.name())?;
        if keys.parameters != parameters {
            return Err(ServiceError::InvalidField {
                field: "authority secret",
                problem: "it is not the secret of these authority parameters",
            });
        }
        Ok(keys)
    }

    /// The public parameters as values.
    pub fn authority(&self) -> &Authority<'static, S> {
        &self.authority
    }

    /// The public parameters as bytes.
    pub fn parameters(&self) -> &[u8] {
        &self.parameters
    }

    /// SHA-256 of the parameters: the trust anchor.
    pub fn id(&self) -> &AuthorityId {
        self.authority.id()
    }

    /// The authority's name.
    pub fn name(&self) -> &Name {
        self.authority.name()
    }

    /// What activation codes are made and hashed with.
    pub fn activation_key(&self) -> &ActivationKey {
        &self.activation_key
    }

    /// The key of the institution that bears the authority's name: it signs bundles and acknowledgements.
    pub(crate) fn own_key(&self) -> &SigningKey<S> {
        &self.own_key
    }

    /// What page tokens are made with: the same in every process of the roles that have the secret.
    pub(crate) const fn page_key(&self) -> &[u8; 32] {
        &self.page_key
    }

    /// The secret.
    pub(crate) fn secret(&self) -> &AuthoritySecret<S> {
        &self.secret
    }
}

/// A key that needs no storage of its own, and that who has the database alone has not.
fn derive<S: Suite>(secret: &AuthoritySecret<S>, purpose: &[u8]) -> [u8; 32] {
    let bytes = secret.to_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).expect("HMAC takes keys of every length");
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

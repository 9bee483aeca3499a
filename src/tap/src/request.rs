//! What a card or a terminal signs when it asks the service for something.

use sha2::{Digest, Sha256};
use symbolon_ccks::{
    Authority, BadSignature, Credential, Malformed, Purpose, Signature, Signer, SigningKey, Suite, Time,
};

use crate::refusal::SignRefused;

/// SHA-256 over one request: the method's name preceded by its length, the time, the request's id and the exact bytes
/// of the body. It cannot serve for another method, another time, or another body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDigest([u8; 32]);

impl RequestDigest {
    /// Digests a request. `method` is its full name, 1 to 255 visible ASCII characters, such as
    /// `/package.Service/Method`.
    ///
    /// # Errors
    /// [`Malformed`] when the method's name is of another form.
    pub fn of(method: &str, time: Time, request_id: &[u8; 16], body: &[u8]) -> Result<Self, Malformed> {
        let length = u8::try_from(method.len()).ok().filter(|length| *length > 0);
        let length = length.ok_or(Malformed::new("request", "the method's name has not 1 to 255 characters"))?;
        if !method.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed::new("request", "the method's name is not visible ASCII"));
        }
        let mut hash = Sha256::new();
        hash.update([length]);
        hash.update(method);
        hash.update(time.seconds().to_be_bytes());
        hash.update(request_id);
        hash.update(body);
        Ok(Self(hash.finalize().into()))
    }

    /// Signs with a card's or a terminal's key (purpose 8). `random` is 32 fresh bytes.
    ///
    /// # Errors
    /// [`SignRefused::Key`] for every other key.
    pub fn sign<S: Suite>(&self, key: &SigningKey<S>, random: &[u8; 32]) -> Result<Signature, SignRefused> {
        Ok(key.sign(Purpose::Request, &[&self.0], random)?)
    }

    /// Verifies that the holder of `credential` made the request.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    pub fn verify<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        credential: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        authority.verify(Signer::Credential(credential), Purpose::Request, &[&self.0], signature)
    }

    /// The 32 bytes that are signed.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

//! Requests that change something: the same request gets the same answer, however often it comes.

use serde::{Serialize, de::DeserializeOwned};
use symbolon_ccks::Time;
use symbolon_store::{
    Store, Transaction,
    records::{RequestKey, RequestRecord},
};

use crate::{Context, ServiceError};

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks for which method under which identifier.
    pub key: RequestKey,
    /// SHA-256 of everything that is asked.
    pub digest: [u8; 32],
}

/// The answer given before to this request, if it took effect before.
///
/// # Errors
/// [`ServiceError::RequestIdReused`] when another request was made under its identifier.
pub(crate) fn answered<T: DeserializeOwned>(
    unit: &dyn Transaction,
    request: &Request,
) -> Result<Option<T>, ServiceError> {
    let Some(record) = unit.answered_request(&request.key)? else {
        return Ok(None);
    };
    if record.digest != request.digest {
        return Err(ServiceError::RequestIdReused);
    }
    let answer = serde_json::from_slice(&record.answer);
    answer.map(Some).map_err(|_| ServiceError::Internal("a stored answer does not read"))
}

/// Does `effect` unless the request took effect before, and keeps its answer in the same unit of work.
///
/// # Errors
/// [`ServiceError::RequestIdReused`] when another request was made under its identifier; else what `effect` returns.
pub(crate) fn once<T: Serialize + DeserializeOwned>(
    unit: &mut dyn Transaction,
    request: &Request,
    now: Time,
    effect: impl FnOnce(&mut dyn Transaction) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    if let Some(answer) = answered(unit, request)? {
        return Ok(answer);
    }
    let answer = effect(unit)?;
    let encoded = serde_json::to_vec(&answer).map_err(|_| ServiceError::Internal("an answer does not encode"))?;
    unit.add_answered_request(&RequestRecord {
        key: request.key.clone(),
        digest: request.digest,
        answer: encoded,
        time: now,
    })?;
    Ok(answer)
}

impl<D: Store> Context<D> {
    /// Forgets answers older than the policy says; returns how many.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn forget_old_requests(&self) -> Result<u64, ServiceError> {
        let before = self.now().saturating_sub(self.policy().request_memory_seconds);
        self.store().write(move |unit| Ok(unit.forget_requests_before(before)?)).await
    }
}

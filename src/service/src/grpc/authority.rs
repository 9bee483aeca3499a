//! `AuthorityService`.

use super::{roles::Denied, status};
use crate::{ServiceError, authority::AuthorityKeys, bundles::Bundles, links::ServiceRole, metrics::Metrics};
use std::sync::Arc;
use symbolon_api::{
    InvalidField, suite_to_wire, time_to_wire,
    v1::{
        GetParametersRequest, GetParametersResponse, GetTrustBundleRequest, GetTrustBundleResponse, TrustBundleForm,
        authority_service_server::AuthorityService,
    },
};
use symbolon_ccks::Suite;
use symbolon_store::Store;
use symbolon_tap::Bundle;
use tonic::{Request, Response, Status};

pub(super) struct Adapter<S: Suite, D> {
    keys: Arc<AuthorityKeys<S>>,
    /// Where the attester runs.
    bundles: Option<Bundles<S, D>>,
    metrics: Arc<Metrics>,
}

impl<S: Suite, D: Store> Adapter<S, D> {
    pub(super) const fn new(
        keys: Arc<AuthorityKeys<S>>,
        bundles: Option<Bundles<S, D>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { keys, bundles, metrics }
    }
}

#[tonic::async_trait]
impl<S: Suite, D: Store> AuthorityService for Adapter<S, D> {
    async fn get_parameters(
        &self,
        _request: Request<GetParametersRequest>,
    ) -> Result<Response<GetParametersResponse>, Status> {
        let keys = &self.keys;
        Ok(Response::new(GetParametersResponse {
            parameters: keys.parameters().to_vec(),
            authority_id: keys.id().as_bytes().to_vec(),
            suite: suite_to_wire(S::ID).into(),
            authority_name: keys.name().to_string(),
        }))
    }

    async fn get_trust_bundle(
        &self,
        request: Request<GetTrustBundleRequest>,
    ) -> Result<Response<GetTrustBundleResponse>, Status> {
        let elsewhere = || status::denied(Denied::ServedElsewhere(&[ServiceRole::Attester]));
        let bundles = self.bundles.as_ref().ok_or_else(elsewhere)?;
        let asked = asked(request.get_ref()).map_err(|invalid| status::invalid_field(&invalid))?;
        let answer = match asked.form {
            TrustBundleForm::Unspecified | TrustBundleForm::Full => full(bundles, &asked).await?,
            TrustBundleForm::Compact => compact(bundles, &asked).await?,
        };
        if asked.sequence.is_none() {
            self.metrics.bundle(answer.sequence);
        }
        Ok(Response::new(answer))
    }
}

/// Which bundle is asked for, and which part of it.
struct Asked {
    form: TrustBundleForm,
    part: u16,
    sequence: Option<u64>,
}

fn asked(request: &GetTrustBundleRequest) -> Result<Asked, InvalidField> {
    let form = TrustBundleForm::try_from(request.form);
    let part = u16::try_from(request.part);
    Ok(Asked {
        form: form.map_err(|_| InvalidField::new("form", "not a known form"))?,
        part: part.map_err(|_| InvalidField::new("part", "no bundle has so many parts"))?,
        sequence: (request.sequence != 0).then_some(request.sequence),
    })
}

async fn full<S: Suite, D: Store>(
    bundles: &Bundles<S, D>,
    asked: &Asked,
) -> Result<GetTrustBundleResponse, ServiceError> {
    if asked.part != 0 {
        return Err(ServiceError::NoSuchPart(1));
    }
    let bundle = match asked.sequence {
        Some(sequence) => bundles.of_sequence(sequence).await?,
        None => bundles.newest().await?,
    };
    Ok(GetTrustBundleResponse {
        sequence: bundle.sequence,
        issue_time: Some(time_to_wire(bundle.issued)),
        expire_time: Some(time_to_wire(bundle.valid_until)),
        part: 0,
        part_count: 1,
        bundle: bundle.bytes,
    })
}

async fn compact<S: Suite, D: Store>(
    bundles: &Bundles<S, D>,
    asked: &Asked,
) -> Result<GetTrustBundleResponse, ServiceError> {
    let found = bundles.part(asked.sequence, asked.part).await?;
    let issued = Bundle::parse(&found.bytes)?.header().issued_at();
    Ok(GetTrustBundleResponse {
        sequence: found.sequence,
        issue_time: Some(time_to_wire(issued)),
        expire_time: Some(time_to_wire(found.valid_until)),
        part: found.part.into(),
        part_count: found.parts.into(),
        bundle: found.bytes,
    })
}

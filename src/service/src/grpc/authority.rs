//! `AuthorityService`.

use super::{roles::Denied, status};
use crate::{authority::AuthorityKeys, bundles::Bundles, links::ServiceRole, metrics::Metrics};
use std::sync::Arc;
use symbolon_api::{
    suite_to_wire, time_to_wire,
    v1::{
        GetParametersRequest, GetParametersResponse, GetTrustBundleRequest, GetTrustBundleResponse,
        authority_service_server::AuthorityService,
    },
};
use symbolon_ccks::Suite;
use symbolon_store::Store;
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
        _request: Request<GetTrustBundleRequest>,
    ) -> Result<Response<GetTrustBundleResponse>, Status> {
        let elsewhere = || status::denied(Denied::ServedElsewhere(&[ServiceRole::Attester]));
        let bundle = self.bundles.as_ref().ok_or_else(elsewhere)?.newest().await?;
        self.metrics.bundle(bundle.sequence);
        Ok(Response::new(GetTrustBundleResponse {
            bundle: bundle.bytes,
            sequence: bundle.sequence,
            issue_time: Some(time_to_wire(bundle.issued)),
            expire_time: Some(time_to_wire(bundle.valid_until)),
        }))
    }
}

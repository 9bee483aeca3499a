//! `ExchangeRoleService`.

use super::{MOST, Peer, asked};
use crate::{ServiceError, links::ExchangeLink};
use std::sync::Arc;
use symbolon_api::{
    InvalidField,
    roles::{
        self as wire, exchange_role_service_client::ExchangeRoleServiceClient,
        exchange_role_service_server::ExchangeRoleService,
    },
};
use symbolon_ccks::{CredentialDigest, Period};
use tonic::{Request, Response, Status, async_trait};

/// The exchange in another process.
#[derive(Clone, Debug)]
pub(crate) struct Remote(pub(crate) Peer);

#[async_trait]
impl ExchangeLink for Remote {
    async fn register(&self, pseudonyms: Vec<(CredentialDigest, Period)>) -> Result<(), ServiceError> {
        let mut client = ExchangeRoleServiceClient::new(self.0.channel());
        for pseudonyms in pseudonyms.chunks(MOST) {
            let to_wire = |(digest, period): &(CredentialDigest, Period)| wire::RegisteredPseudonym {
                digest: digest.as_bytes().to_vec(),
                period: period.number(),
            };
            let message = wire::RegisterPseudonymsRequest { pseudonyms: pseudonyms.iter().map(to_wire).collect() };
            client.register_pseudonyms(message).await.map_err(|refusal| self.0.refused(&refusal))?;
        }
        Ok(())
    }
}

/// The exchange of this process.
pub(crate) struct Adapter(pub(crate) Arc<dyn ExchangeLink>);

#[async_trait]
impl ExchangeRoleService for Adapter {
    async fn register_pseudonyms(
        &self,
        request: Request<wire::RegisterPseudonymsRequest>,
    ) -> Result<Response<wire::RegisterPseudonymsResponse>, Status> {
        let pseudonyms = asked(symbolon_api::at_most("pseudonyms", &request.get_ref().pseudonyms, MOST))?;
        self.0.register(asked(pseudonyms.iter().map(pseudonym).collect())?).await?;
        Ok(Response::new(wire::RegisterPseudonymsResponse {}))
    }
}

fn pseudonym(message: &wire::RegisteredPseudonym) -> Result<(CredentialDigest, Period), InvalidField> {
    let digest = CredentialDigest::from_bytes(*symbolon_api::bytes("pseudonyms.digest", &message.digest)?);
    Ok((digest, symbolon_api::period("pseudonyms.period", message.period)?))
}

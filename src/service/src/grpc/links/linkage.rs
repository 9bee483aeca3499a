//! `LinkageService`.

use super::{Peer, asked, parsed};
use crate::{
    ServiceError,
    grpc::{roles::Denied, status},
    links::{LinkageHolding, LinkageLink, ServiceRole, ValuesRequest},
};
use std::sync::Arc;
use symbolon_api::{
    InvalidField,
    roles::{self as wire, linkage_service_client::LinkageServiceClient, linkage_service_server::LinkageService},
};
use symbolon_ccks::{LinkageAuthority, LinkageSeed, Period};
use symbolon_pseudonym::{Commitment, LinkageHandle, RequestBody, SealedValue};
use tonic::{Request, Response, Status, async_trait};

/// A linkage authority in another process.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    authority: LinkageAuthority,
    peer: Peer,
}

impl Remote {
    pub(crate) const fn new(authority: LinkageAuthority, peer: Peer) -> Self {
        Self { authority, peer }
    }

    fn client(&self) -> LinkageServiceClient<tonic::transport::Channel> {
        LinkageServiceClient::new(self.peer.channel())
    }
}

#[async_trait]
impl LinkageLink for Remote {
    async fn values(&self, request: ValuesRequest) -> Result<Vec<SealedValue>, ServiceError> {
        let count = request.commitments.len();
        let message = wire::GiveValuesRequest {
            authority: authority_to_wire(self.authority).into(),
            handle: request.handle.as_bytes().to_vec(),
            period: request.period.number(),
            first: request.first,
            commitments: request.commitments.iter().map(|commitment| commitment.as_bytes().to_vec()).collect(),
        };
        let answer = self.client().give_values(message).await.map_err(|refusal| self.peer.refused(&refusal))?;
        let values = answer.get_ref().values.iter().map(|value| parsed("values", SealedValue::parse(value)));
        self.peer.as_many(count, self.peer.read(values.collect())?)
    }

    async fn reveal(&self, handle: LinkageHandle, from: Period) -> Result<Option<(Period, LinkageSeed)>, ServiceError> {
        let message = wire::RevealSeedRequest {
            authority: authority_to_wire(self.authority).into(),
            handle: handle.as_bytes().to_vec(),
            period: from.number(),
        };
        let answer = self.client().reveal_seed(message).await.map_err(|refusal| self.peer.refused(&refusal))?;
        self.peer.read(answer.get_ref().revealed.as_ref().map(revealed).transpose())
    }

    async fn holding(&self, handle: LinkageHandle) -> Result<Option<LinkageHolding>, ServiceError> {
        let message = wire::GetLinkageHoldingRequest {
            authority: authority_to_wire(self.authority).into(),
            handle: handle.as_bytes().to_vec(),
        };
        let answer = self.client().get_linkage_holding(message).await.map_err(|refusal| self.peer.refused(&refusal))?;
        self.peer.read(answer.get_ref().holding.as_ref().map(holding).transpose())
    }
}

/// The linkage authorities of this process.
pub(crate) struct Adapter {
    authorities: Vec<(LinkageAuthority, Arc<dyn LinkageLink>)>,
}

impl Adapter {
    pub(crate) const fn new(authorities: Vec<(LinkageAuthority, Arc<dyn LinkageLink>)>) -> Self {
        Self { authorities }
    }

    fn authority(&self, authority: i32) -> Result<&dyn LinkageLink, Status> {
        let authority = asked(authority_from_wire("authority", authority))?;
        let here = self.authorities.iter().find(|(here, _)| *here == authority);
        here.map(|(_, link)| link.as_ref()).ok_or_else(|| {
            status::denied(Denied::ServedElsewhere(match authority {
                LinkageAuthority::A => &[ServiceRole::LinkageA],
                LinkageAuthority::B => &[ServiceRole::LinkageB],
            }))
        })
    }
}

#[async_trait]
impl LinkageService for Adapter {
    async fn give_values(
        &self,
        request: Request<wire::GiveValuesRequest>,
    ) -> Result<Response<wire::GiveValuesResponse>, Status> {
        let message = request.get_ref();
        let authority = self.authority(message.authority)?;
        let values = authority.values(asked(values_request(message))?).await?;
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        Ok(Response::new(wire::GiveValuesResponse { values }))
    }

    async fn reveal_seed(
        &self,
        request: Request<wire::RevealSeedRequest>,
    ) -> Result<Response<wire::RevealSeedResponse>, Status> {
        let message = request.get_ref();
        let authority = self.authority(message.authority)?;
        let handle = asked(handle(&message.handle))?;
        let period = asked(symbolon_api::period("period", message.period))?;
        let revealed = authority.reveal(handle, period).await?;
        let revealed = revealed
            .map(|(period, seed)| wire::RevealedSeed { period: period.number(), seed: seed.as_bytes().to_vec() });
        Ok(Response::new(wire::RevealSeedResponse { revealed }))
    }

    async fn get_linkage_holding(
        &self,
        request: Request<wire::GetLinkageHoldingRequest>,
    ) -> Result<Response<wire::GetLinkageHoldingResponse>, Status> {
        let message = request.get_ref();
        let authority = self.authority(message.authority)?;
        let holding = authority.holding(asked(handle(&message.handle))?).await?;
        let holding = holding.map(|holding| wire::LinkageHolding {
            since_time: Some(symbolon_api::time_to_wire(holding.since)),
            period: holding.period.number(),
            published_from_period: holding.published_from.map(Period::number),
        });
        Ok(Response::new(wire::GetLinkageHoldingResponse { holding }))
    }
}

const fn authority_to_wire(authority: LinkageAuthority) -> wire::LinkageAuthority {
    match authority {
        LinkageAuthority::A => wire::LinkageAuthority::A,
        LinkageAuthority::B => wire::LinkageAuthority::B,
    }
}

fn authority_from_wire(field: &'static str, authority: i32) -> Result<LinkageAuthority, InvalidField> {
    match wire::LinkageAuthority::try_from(authority) {
        Ok(wire::LinkageAuthority::A) => Ok(LinkageAuthority::A),
        Ok(wire::LinkageAuthority::B) => Ok(LinkageAuthority::B),
        Ok(wire::LinkageAuthority::Unspecified) | Err(_) => {
            Err(InvalidField::new(field, "not one of LINKAGE_AUTHORITY_A, LINKAGE_AUTHORITY_B"))
        }
    }
}

fn handle(bytes: &[u8]) -> Result<LinkageHandle, InvalidField> {
    symbolon_api::bytes("handle", bytes).copied().map(LinkageHandle::from_bytes)
}

fn values_request(message: &wire::GiveValuesRequest) -> Result<ValuesRequest, InvalidField> {
    let commitments = symbolon_api::at_most("commitments", &message.commitments, RequestBody::MAX_ITEMS)?;
    let commitment = |bytes: &Vec<u8>| Ok(Commitment::from_bytes(*symbolon_api::bytes("commitments", bytes)?));
    Ok(ValuesRequest {
        handle: handle(&message.handle)?,
        period: symbolon_api::period("period", message.period)?,
        first: message.first,
        commitments: commitments.iter().map(commitment).collect::<Result<_, _>>()?,
    })
}

fn revealed(message: &wire::RevealedSeed) -> Result<(Period, LinkageSeed), InvalidField> {
    let seed = LinkageSeed::from_bytes(*symbolon_api::bytes("revealed.seed", &message.seed)?);
    Ok((symbolon_api::period("revealed.period", message.period)?, seed))
}

fn holding(message: &wire::LinkageHolding) -> Result<LinkageHolding, InvalidField> {
    let since = symbolon_api::required("holding.since_time", message.since_time.as_ref())?;
    let published = message.published_from_period;
    Ok(LinkageHolding {
        since: symbolon_api::time_from_wire("holding.since_time", since)?,
        period: symbolon_api::period("holding.period", message.period)?,
        published_from: published
            .map(|from| symbolon_api::period("holding.published_from_period", from))
            .transpose()?,
    })
}

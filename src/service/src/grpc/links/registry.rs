//! `RegistryService`.

use super::{MOST, MOST_DIGESTS, Peer, asked, parsed};
use crate::{
    ServiceError,
    links::{DeliveredVoucher, KnownCredential, PublishedSeeds, RegistryLink},
};
use std::sync::Arc;
use symbolon_api::{
    InvalidField,
    roles::{
        self as wire, credential_answer::Known, registry_service_client::RegistryServiceClient,
        registry_service_server::RegistryService,
    },
};
use symbolon_ccks::{CompressedPoint, Credential, CredentialDigest, LinkageSeed, Signature, Subject};
use symbolon_pseudonym::ClearingTag;
use symbolon_store::records::{HolderRequest, HolderRequestKind, IssuedRecord};
use tonic::{Request, Response, Status, async_trait};

/// The attester's registry in another process.
#[derive(Clone, Debug)]
pub(crate) struct Remote(pub(crate) Peer);

impl Remote {
    fn client(&self) -> RegistryServiceClient<tonic::transport::Channel> {
        RegistryServiceClient::new(self.0.channel()).max_decoding_message_size(super::LARGEST_ANSWER)
    }
}

#[async_trait]
impl RegistryLink for Remote {
    async fn credentials(&self, digests: Vec<CredentialDigest>) -> Result<Vec<Option<KnownCredential>>, ServiceError> {
        let mut known = Vec::with_capacity(digests.len());
        for digests in digests.chunks(MOST_DIGESTS) {
            let to_wire = |digest: &CredentialDigest| digest.as_bytes().to_vec();
            let message = wire::GetCredentialsRequest { digests: digests.iter().map(to_wire).collect() };
            let answer = self.client().get_credentials(message).await.map_err(|refusal| self.0.refused(&refusal))?;
            let read = answer.get_ref().answers.iter().map(credential).collect();
            known.extend(self.0.as_many(digests.len(), self.0.read(read)?)?);
        }
        Ok(known)
    }

    async fn suspend(&self, misused: CredentialDigest) -> Result<(), ServiceError> {
        let message = wire::SuspendMisusedCardRequest { digest: misused.as_bytes().to_vec() };
        let answer = self.client().suspend_misused_card(message).await;
        answer.map(drop).map_err(|refusal| self.0.refused(&refusal))
    }

    async fn issued_line(&self, digest: CredentialDigest) -> Result<Vec<IssuedRecord>, ServiceError> {
        let message = wire::GetIssuedLineRequest { digest: digest.as_bytes().to_vec() };
        let answer = self.client().get_issued_line(message).await.map_err(|refusal| self.0.refused(&refusal))?;
        self.0.read(answer.get_ref().issued.iter().map(issued).collect())
    }

    async fn published_seeds(&self) -> Result<Vec<PublishedSeeds>, ServiceError> {
        let message = wire::ListPublishedSeedsRequest {};
        let answer = self.client().list_published_seeds(message).await.map_err(|refusal| self.0.refused(&refusal))?;
        self.0.read(answer.get_ref().published.iter().map(published).collect())
    }

    async fn delivered(&self, vouchers: Vec<DeliveredVoucher>) -> Result<(), ServiceError> {
        for vouchers in vouchers.chunks(MOST) {
            let message = wire::ReportDeliveriesRequest { vouchers: vouchers.iter().map(delivered_to_wire).collect() };
            self.client().report_deliveries(message).await.map_err(|refusal| self.0.refused(&refusal))?;
        }
        Ok(())
    }
}

/// The registry of this process.
pub(crate) struct Adapter(pub(crate) Arc<dyn RegistryLink>);

#[async_trait]
impl RegistryService for Adapter {
    async fn get_credentials(
        &self,
        request: Request<wire::GetCredentialsRequest>,
    ) -> Result<Response<wire::GetCredentialsResponse>, Status> {
        let digests = asked(symbolon_api::at_most("digests", &request.get_ref().digests, MOST_DIGESTS))?;
        let digests = asked(digests.iter().map(|bytes| digest("digests", bytes)).collect())?;
        let answers = self.0.credentials(digests).await?.iter().map(credential_to_wire).collect();
        Ok(Response::new(wire::GetCredentialsResponse { answers }))
    }

    async fn suspend_misused_card(
        &self,
        request: Request<wire::SuspendMisusedCardRequest>,
    ) -> Result<Response<wire::SuspendMisusedCardResponse>, Status> {
        self.0.suspend(asked(digest("digest", &request.get_ref().digest))?).await?;
        Ok(Response::new(wire::SuspendMisusedCardResponse {}))
    }

    async fn get_issued_line(
        &self,
        request: Request<wire::GetIssuedLineRequest>,
    ) -> Result<Response<wire::GetIssuedLineResponse>, Status> {
        let issued = self.0.issued_line(asked(digest("digest", &request.get_ref().digest))?).await?;
        Ok(Response::new(wire::GetIssuedLineResponse { issued: issued.iter().map(issued_to_wire).collect() }))
    }

    async fn list_published_seeds(
        &self,
        _request: Request<wire::ListPublishedSeedsRequest>,
    ) -> Result<Response<wire::ListPublishedSeedsResponse>, Status> {
        let published = self.0.published_seeds().await?.iter().map(published_to_wire).collect();
        Ok(Response::new(wire::ListPublishedSeedsResponse { published }))
    }

    async fn report_deliveries(
        &self,
        request: Request<wire::ReportDeliveriesRequest>,
    ) -> Result<Response<wire::ReportDeliveriesResponse>, Status> {
        let vouchers = asked(symbolon_api::at_most("vouchers", &request.get_ref().vouchers, MOST))?;
        self.0.delivered(asked(vouchers.iter().map(delivered).collect())?).await?;
        Ok(Response::new(wire::ReportDeliveriesResponse {}))
    }
}

fn delivered_to_wire(voucher: &DeliveredVoucher) -> wire::DeliveredVoucher {
    wire::DeliveredVoucher { reference: voucher.reference.to_vec(), meter: voucher.meter.as_bytes().to_vec() }
}

fn delivered(message: &wire::DeliveredVoucher) -> Result<DeliveredVoucher, InvalidField> {
    Ok(DeliveredVoucher {
        reference: *symbolon_api::bytes("vouchers.reference", &message.reference)?,
        meter: Subject::from_bytes(*symbolon_api::bytes("vouchers.meter", &message.meter)?),
    })
}

fn digest(field: &'static str, bytes: &[u8]) -> Result<CredentialDigest, InvalidField> {
    symbolon_api::bytes(field, bytes).copied().map(CredentialDigest::from_bytes)
}

fn credential_to_wire(known: &Option<KnownCredential>) -> wire::CredentialAnswer {
    let known = known.as_ref().map(|known| match known {
        KnownCredential::Card { issuer, tag, revoked_since } => Known::Card(wire::KnownCard {
            issuer: issuer.to_string(),
            tag: tag.as_bytes().to_vec(),
            revoke_time: revoked_since.map(symbolon_api::time_to_wire),
        }),
        KnownCredential::Terminal { operator, retired } => Known::Terminal(wire::KnownTerminal {
            operator: operator.to_string(),
            retire_time: retired.map(symbolon_api::time_to_wire),
        }),
    });
    wire::CredentialAnswer { known }
}

fn credential(message: &wire::CredentialAnswer) -> Result<Option<KnownCredential>, InvalidField> {
    message.known.as_ref().map(known).transpose()
}

fn known(message: &Known) -> Result<KnownCredential, InvalidField> {
    Ok(match message {
        Known::Card(card) => KnownCredential::Card {
            issuer: symbolon_api::institution_name("answers.card.issuer", &card.issuer)?,
            tag: parsed("answers.card.tag", ClearingTag::parse(&card.tag))?,
            revoked_since: symbolon_api::optional_time("answers.card.revoke_time", card.revoke_time.as_ref())?,
        },
        Known::Terminal(terminal) => KnownCredential::Terminal {
            operator: symbolon_api::institution_name("answers.terminal.operator", &terminal.operator)?,
            retired: symbolon_api::optional_time("answers.terminal.retire_time", terminal.retire_time.as_ref())?,
        },
    })
}

const fn kind_to_wire(kind: HolderRequestKind) -> wire::HolderRequestKind {
    match kind {
        HolderRequestKind::PossessionOnly => wire::HolderRequestKind::PossessionOnly,
        HolderRequestKind::RegisteredKey => wire::HolderRequestKind::RegisteredKey,
        HolderRequestKind::FormerCredential => wire::HolderRequestKind::FormerCredential,
    }
}

fn kind(field: &'static str, kind: i32) -> Result<HolderRequestKind, InvalidField> {
    let found = HolderRequestKind::ALL.into_iter().find(|known| kind_to_wire(*known) as i32 == kind);
    found.ok_or_else(|| InvalidField::new(field, "not a known kind"))
}

fn issued_to_wire(issued: &IssuedRecord) -> wire::IssuedCredential {
    wire::IssuedCredential {
        credential: issued.credential.as_bytes().to_vec(),
        enrolment_point: issued.enrolment_point.as_bytes().to_vec(),
        contribution: issued.contribution.to_vec(),
        offer_nonce: issued.offer_nonce.to_vec(),
        possession: issued.possession.as_bytes().to_vec(),
        request_kind: kind_to_wire(issued.request.kind).into(),
        request_signed: issued.request.signed.clone(),
        request_signature: issued.request.signature.clone(),
        request_key: issued.request.key.clone(),
        issue_time: Some(symbolon_api::time_to_wire(issued.issued)),
    }
}

fn issued(message: &wire::IssuedCredential) -> Result<IssuedRecord, InvalidField> {
    let issue_time = symbolon_api::required("issued.issue_time", message.issue_time.as_ref())?;
    Ok(IssuedRecord {
        credential: *parsed("issued.credential", Credential::parse(&message.credential))?,
        enrolment_point: *parsed("issued.enrolment_point", CompressedPoint::parse(&message.enrolment_point))?,
        contribution: *symbolon_api::bytes("issued.contribution", &message.contribution)?,
        offer_nonce: *symbolon_api::bytes("issued.offer_nonce", &message.offer_nonce)?,
        possession: *parsed("issued.possession", Signature::parse(&message.possession))?,
        request: HolderRequest {
            kind: kind("issued.request_kind", message.request_kind)?,
            signed: message.request_signed.clone(),
            signature: message.request_signature.clone(),
            key: message.request_key.clone(),
        },
        issued: symbolon_api::time_from_wire("issued.issue_time", issue_time)?,
    })
}

fn published_to_wire(published: &PublishedSeeds) -> wire::PublishedSeeds {
    let [seed_a, seed_b] = published.seeds.each_ref().map(|seed| seed.as_bytes().to_vec());
    wire::PublishedSeeds {
        period: published.period.number(),
        seed_a,
        seed_b,
        publish_time: Some(symbolon_api::time_to_wire(published.published)),
    }
}

fn published(message: &wire::PublishedSeeds) -> Result<PublishedSeeds, InvalidField> {
    let time = symbolon_api::required("published.publish_time", message.publish_time.as_ref())?;
    Ok(PublishedSeeds {
        period: symbolon_api::period("published.period", message.period)?,
        seeds: [
            LinkageSeed::from_bytes(*symbolon_api::bytes("published.seed_a", &message.seed_a)?),
            LinkageSeed::from_bytes(*symbolon_api::bytes("published.seed_b", &message.seed_b)?),
        ],
        published: symbolon_api::time_from_wire("published.publish_time", time)?,
    })
}

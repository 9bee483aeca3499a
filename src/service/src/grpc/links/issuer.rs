//! `IssuerService`.

use super::{super::refusal::to_role, Peer, asked, parsed};
use crate::{
    ServiceError,
    links::{ArchivedPseudonym, IssueItem, IssuerLink, ItemOutcome, ItemRefusal, TraceToken},
};
use std::sync::Arc;
use symbolon_api::{
    InvalidField,
    roles::{self as wire, issuer_service_client::IssuerServiceClient, issuer_service_server::IssuerService},
};
use symbolon_ccks::{CompressedPoint, Credential, Subject};
use symbolon_pseudonym::{ClearingTag, Commitment, ItemChallenge, ProfileId, SealedAnswer, SealedItem, SealedValue};
use tonic::{Request, Response, Status, async_trait};

/// The most items in one message.
const MOST_ITEMS: usize = 4_096;

/// The issuer in another process.
#[derive(Clone, Debug)]
pub(crate) struct Remote(pub(crate) Peer);

impl Remote {
    fn client(&self) -> IssuerServiceClient<tonic::transport::Channel> {
        IssuerServiceClient::new(self.0.channel())
    }
}

#[async_trait]
impl IssuerLink for Remote {
    async fn issue(&self, items: Vec<IssueItem>) -> Result<Vec<ItemOutcome>, ServiceError> {
        let count = items.len();
        let mut outcomes = Vec::with_capacity(count);
        for items in items.chunks(MOST_ITEMS) {
            let message = wire::IssuePseudonymsRequest { items: items.iter().map(item_to_wire).collect() };
            let answer = self.client().issue_pseudonyms(message).await.map_err(|refusal| self.0.refused(&refusal))?;
            let read = answer.get_ref().outcomes.iter().map(outcome).collect::<Result<Vec<_>, _>>();
            outcomes.extend(self.0.as_many(items.len(), self.0.read(read)?)?);
        }
        Ok(outcomes)
    }

    async fn archived(
        &self,
        subject: Subject,
        case: &str,
        token: TraceToken,
    ) -> Result<Option<ArchivedPseudonym>, ServiceError> {
        let message = wire::GetArchivedPseudonymRequest {
            subject: subject.as_bytes().to_vec(),
            case_number: case.to_owned(),
            token: token.0.to_vec(),
        };
        let answer = self.client().get_archived_pseudonym(message).await.map_err(|refusal| self.0.refused(&refusal))?;
        self.0.read(answer.get_ref().archived.as_ref().map(archived).transpose())
    }
}

/// The issuer of this process.
pub(crate) struct Adapter(pub(crate) Arc<dyn IssuerLink>);

#[async_trait]
impl IssuerService for Adapter {
    async fn issue_pseudonyms(
        &self,
        request: Request<wire::IssuePseudonymsRequest>,
    ) -> Result<Response<wire::IssuePseudonymsResponse>, Status> {
        let items = asked(symbolon_api::at_most("items", &request.get_ref().items, MOST_ITEMS))?;
        let items = asked(items.iter().map(item).collect())?;
        let outcomes = self.0.issue(items).await?.iter().map(outcome_to_wire).collect();
        Ok(Response::new(wire::IssuePseudonymsResponse { outcomes }))
    }

    async fn get_archived_pseudonym(
        &self,
        request: Request<wire::GetArchivedPseudonymRequest>,
    ) -> Result<Response<wire::GetArchivedPseudonymResponse>, Status> {
        let message = request.get_ref();
        let subject = Subject::from_bytes(*asked(symbolon_api::bytes("subject", &message.subject))?);
        let token = TraceToken(*asked(symbolon_api::bytes("token", &message.token))?);
        let archived = self.0.archived(subject, &message.case_number, token).await?;
        let archived = archived.as_ref().map(archived_to_wire);
        Ok(Response::new(wire::GetArchivedPseudonymResponse { archived }))
    }
}

fn item_to_wire(item: &IssueItem) -> wire::IssueItem {
    let [value_a, value_b] = item.values.map(|value| value.as_bytes().to_vec());
    wire::IssueItem {
        challenge: item.challenge.as_bytes().to_vec(),
        commitment: item.commitment.as_bytes().to_vec(),
        period: item.period.number(),
        profile: item.profile.0.into(),
        sealed: item.sealed.as_bytes().to_vec(),
        value_a,
        value_b,
        tag: item.tag.as_bytes().to_vec(),
    }
}

fn item(message: &wire::IssueItem) -> Result<IssueItem, InvalidField> {
    Ok(IssueItem {
        challenge: ItemChallenge::from_bytes(*symbolon_api::bytes("items.challenge", &message.challenge)?),
        commitment: Commitment::from_bytes(*symbolon_api::bytes("items.commitment", &message.commitment)?),
        period: symbolon_api::period("items.period", message.period)?,
        profile: ProfileId(symbolon_api::byte("items.profile", message.profile)?),
        sealed: parsed("items.sealed", SealedItem::parse(&message.sealed))?,
        values: [
            parsed("items.value_a", SealedValue::parse(&message.value_a))?,
            parsed("items.value_b", SealedValue::parse(&message.value_b))?,
        ],
        tag: parsed("items.tag", ClearingTag::parse(&message.tag))?,
    })
}

fn outcome_to_wire(outcome: &ItemOutcome) -> wire::ItemOutcome {
    match outcome {
        ItemOutcome::Issued(answer) => {
            wire::ItemOutcome { answer: answer.as_bytes().to_vec(), ..wire::ItemOutcome::default() }
        }
        ItemOutcome::Refused(refusal) => {
            wire::ItemOutcome { refusal: to_role(*refusal).into(), ..wire::ItemOutcome::default() }
        }
        ItemOutcome::Pending => wire::ItemOutcome::default(),
    }
}

fn outcome(message: &wire::ItemOutcome) -> Result<ItemOutcome, InvalidField> {
    let refusal = wire::ItemRefusal::try_from(message.refusal)
        .map_err(|_| InvalidField::new("outcomes.refusal", "not a known refusal"))?;
    match (message.answer.is_empty(), refusal) {
        (true, wire::ItemRefusal::Unspecified) => Ok(ItemOutcome::Pending),
        (true, refused) => {
            let found = ItemRefusal::ALL.into_iter().find(|known| to_role(*known) == refused);
            found.map(ItemOutcome::Refused).ok_or_else(|| InvalidField::new("outcomes.refusal", "not a known refusal"))
        }
        (false, wire::ItemRefusal::Unspecified) => {
            parsed("outcomes.answer", SealedAnswer::parse(&message.answer)).map(ItemOutcome::Issued)
        }
        (false, _) => Err(InvalidField::new("outcomes", "issued and refused at once")),
    }
}

fn archived_to_wire(archived: &ArchivedPseudonym) -> wire::ArchivedPseudonym {
    wire::ArchivedPseudonym {
        credential: archived.credential.as_bytes().to_vec(),
        point: archived.point.as_bytes().to_vec(),
        salt: archived.salt.to_vec(),
        contribution: archived.contribution.to_vec(),
    }
}

fn archived(message: &wire::ArchivedPseudonym) -> Result<ArchivedPseudonym, InvalidField> {
    Ok(ArchivedPseudonym {
        credential: *parsed("archived.credential", Credential::parse(&message.credential))?,
        point: *parsed("archived.point", CompressedPoint::parse(&message.point))?,
        salt: *symbolon_api::bytes("archived.salt", &message.salt)?,
        contribution: *symbolon_api::bytes("archived.contribution", &message.contribution)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_one_thing() {
        let both = wire::ItemOutcome { answer: vec![0; 137], refusal: 1 };
        assert!(outcome(&both).is_err());
        assert!(outcome(&wire::ItemOutcome { answer: vec![0; 136], refusal: 0 }).is_err());
        assert!(outcome(&wire::ItemOutcome { answer: vec![], refusal: 99 }).is_err());
    }
}

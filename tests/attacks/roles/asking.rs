//! What wallets and an attester do with each other for a pseudonym, and what a pseudonym is good for.

use super::{BUDGET, Card, PROFILE, Roles};
use crate::city::{City, TestSuite};
use symbolon_ccks::{Credential, Period, Sector, SigningKey, Subject, Time};
use symbolon_pseudonym::{Asking, ClearingTag, LinkageHandle, RequestBody, RequestItem, SealedAnswer, TagUse};
use symbolon_service::{
    ServiceError,
    attester::{CHALLENGE_METHOD, Pseudonyms},
    enrolment::SignedRequest,
    links::{ClearingLink as _, IssueItem, LinkageLink as _, Reservation, ValuesRequest},
};
use symbolon_tap::{Flags, Kind, Presentation, Record, RequestDigest, Terms, TermsFields};

/// Pseudonyms that a wallet asked for.
pub(crate) struct Asked<S: TestSuite> {
    pub(crate) asking: Vec<Asking<S>>,
    pub(crate) body: RequestBody,
    pub(crate) request: SignedRequest,
}

impl<S: TestSuite> Roles<S> {
    /// A request that a card signs now.
    pub(crate) fn signed(&self, card: &Card<S>, method: &str, body: Vec<u8>) -> SignedRequest {
        let (time, request_id) = (self.now(), self.random());
        let digest = RequestDigest::of(method, time, &request_id, &body).unwrap();
        let signature = digest.sign(&card.holder.key, &self.random()).unwrap();
        SignedRequest { credential: card.holder.issued.credential, time, request_id, body, signature }
    }

    pub(crate) async fn challenge(&self, card: &Card<S>) -> [u8; 32] {
        let request = self.signed(card, CHALLENGE_METHOD, Vec::new());
        self.attester.challenge(request).await.unwrap().challenge
    }

    /// What an honest wallet sends for so many pseudonyms of a period.
    pub(crate) async fn ask(&self, card: &Card<S>, period: Period, count: u16) -> Asked<S> {
        let challenge = self.challenge(card).await;
        let id = self.authority_keys.id();
        let (asking, body) =
            Asking::begin_request(id, &self.issuance, period, PROFILE, challenge, count, &mut self.draws()).unwrap();
        let request = self.signed(card, RequestBody::METHOD, body.encode());
        Asked { asking, body, request }
    }

    /// Pseudonyms of the present period, by way of all roles, checked as a wallet checks them.
    pub(crate) async fn pseudonyms(&self, city: &City<S>, card: &Card<S>, count: u16) -> Vec<SigningKey<S>> {
        let asked = self.ask(card, self.period(), count).await;
        let answers = ready(self.attester.request(asked.request).await);
        let complete = |(asking, answer): (&Asking<S>, &SealedAnswer)| {
            asking.complete(&city.authority, &self.issuance, answer).unwrap()
        };
        asked.asking.iter().zip(&answers).map(complete).collect()
    }

    /// Items as an attester makes them of a wallet's request, numbered from `first`.
    pub(crate) async fn items(
        &self,
        card: &Card<S>,
        handle: LinkageHandle,
        body: &RequestBody,
        first: u32,
    ) -> Vec<IssueItem> {
        let commitments = body.items().iter().map(|item| item.commitment).collect::<Vec<_>>();
        let request = ValuesRequest { handle, period: body.period(), first, commitments };
        let of_a = self.linkage[0].values(request.clone()).await.unwrap();
        let of_b = self.linkage[1].values(request).await.unwrap();
        let values = of_a.into_iter().zip(of_b);
        let item = |((j, item), (of_a, of_b)): ((u32, &RequestItem), (_, _))| IssueItem {
            challenge: body.item_challenge(j),
            commitment: item.commitment,
            period: body.period(),
            profile: PROFILE,
            sealed: item.sealed.clone(),
            values: [of_a, of_b],
            tag: self.tag(card, body.period()),
        };
        (0..).zip(body.items()).zip(values).map(item).collect()
    }

    /// Has clearing set money aside for so many pseudonyms of the present period, as an attester does.
    pub(crate) async fn reserve(&self, card: &Card<S>, count: u16) {
        let reservation = Reservation {
            id: self.random(),
            account: card.account_handle(),
            period: self.period(),
            count,
            budget: BUDGET,
            line: 0,
            currency: 156,
            until: self.now().saturating_add(5 * 86_400),
        };
        self.clearing.reserve(reservation).await.unwrap();
    }

    pub(crate) fn tag(&self, card: &Card<S>, period: Period) -> ClearingTag {
        ClearingTag::seal(&card.account_handle(), TagUse::Pseudonym(period), &self.keys.tags, self.random())
    }
}

/// A purchase of a pseudonym's at a terminal.
pub(crate) fn purchase<S: TestSuite>(
    time: Time,
    key: &SigningKey<S>,
    terminal: &Credential,
    number: u8,
    amount: u32,
) -> Record {
    let terms = Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce: [number; 16],
        time,
        amount,
        currency: 156,
        reference: [0; 16],
    })
    .unwrap();
    Record::new(terms, Presentation::sign(key, &terms, &terminal.digest(), number.into(), &[number; 32]).unwrap())
}

/// The subject of a pseudonym.
pub(crate) fn subject<S: TestSuite>(pseudonym: &SigningKey<S>) -> Subject {
    pseudonym.credential().unwrap().identity().subject()
}

/// The answers of a request that did not have to wait.
pub(crate) fn ready(answered: Result<Pseudonyms, ServiceError>) -> Vec<SealedAnswer> {
    match answered {
        Ok(Pseudonyms::Ready(outcomes)) => outcomes.into_iter().map(Result::unwrap).collect(),
        other => panic!("not ready: {other:?}"),
    }
}

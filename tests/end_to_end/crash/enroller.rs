//! An issuer that creates cards without end, and holders who enrol them, sometimes two at once with one code.

use super::{Connections, Progress, Unanswered, went_away};
use crate::{
    holder::{self, Enrolment},
    office::{card_request, reason},
};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::collections::HashMap;
use symbolon_api::v1::{
    CardState, CompleteEnrolmentResponse, CreateCardRequest, CreateCardResponse, ListCardsRequest,
    card_service_client::CardServiceClient, enrolment_service_client::EnrolmentServiceClient,
};
use tonic::Status;
use tonic_types::StatusExt;

/// A card on its way from an issuer to its holder.
struct Item {
    request: CreateCardRequest,
    created: Option<CreateCardResponse>,
    /// Those who asked for the credential, each with a U of its own; one at most is answered.
    holders: Vec<(Enrolment, Option<CompleteEnrolmentResponse>)>,
}

impl Item {
    fn answered(&self) -> Option<&CompleteEnrolmentResponse> {
        let mut answers = self.holders.iter().filter_map(|(_, answer)| answer.as_ref());
        let first = answers.next();
        assert!(answers.next().is_none(), "one activation code gave two credentials");
        first
    }
}

pub(super) struct Enroller {
    items: Vec<Item>,
    caught_up: usize,
    random: ChaCha20Rng,
}

impl Enroller {
    pub(super) fn hire(random: &mut ChaCha20Rng) -> Self {
        Self { items: Vec::new(), caught_up: 0, random: holder::random(random.next_u64()) }
    }

    /// Every card's name and credential.
    pub(super) fn cards(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.items.iter().map(|item| {
            let name = item.created.as_ref().unwrap().card.as_ref().unwrap().name.as_str();
            (name, item.answered().unwrap().credential.as_slice())
        })
    }

    /// Creates and enrols cards until the service is gone.
    pub(super) async fn work(mut self, connections: Connections, progress: Progress) -> Self {
        loop {
            if let Err(status) = self.create_and_enrol(&connections, &progress).await {
                went_away(&status);
                return self;
            }
        }
    }

    async fn create_and_enrol(&mut self, connections: &Connections, progress: &Progress) -> Result<(), Status> {
        let (public, authority) = (&connections.public, &*connections.authority);
        let request = card_request(&mut self.random);
        self.items.push(Item { request: request.clone(), created: None, holders: Vec::new() });
        let item = self.items.last_mut().unwrap();
        let created = CardServiceClient::new(connections.bank.clone()).create_card(request).await?.into_inner();
        let _ = progress.send(());
        let code = item.created.insert(created).activation_code.clone();
        let enrolment = Enrolment::begin(public, &code, &mut self.random).await?;
        let _ = progress.send(());
        if self.random.next_u32().is_multiple_of(3) {
            item.holders.push((enrolment.with_another_point(&mut self.random), None));
        }
        item.holders.push((enrolment, None));
        // Both ask at once; the requests are made one after the other because they draw from the same randomness.
        let service = EnrolmentServiceClient::new(public.clone());
        let mut asking = Vec::new();
        for (holder, _) in &item.holders {
            let (mut service, request) = (service.clone(), holder.request(authority, &mut self.random));
            asking.push(tokio::spawn(async move { service.complete_enrolment(request).await }));
        }
        let mut gone = Ok(());
        for (asked, (_, answer)) in asking.into_iter().zip(&mut item.holders) {
            match asked.await.unwrap() {
                Ok(answered) => *answer = Some(answered.into_inner()),
                Err(status) if is_refused(&status) => {}
                Err(status) => gone = Err(status),
            }
        }
        let _ = progress.send(());
        gone
    }

    /// Brings to its end what was begun since the last time.
    pub(super) async fn catch_up(&mut self, connections: &Connections) -> Unanswered {
        let mut unanswered = Unanswered::default();
        for place in self.caught_up..self.items.len() {
            self.create_again(connections, place).await;
            if self.items[place].answered().is_none() {
                if self.recover(connections, place).await {
                    unanswered.done += 1;
                } else {
                    unanswered.not_done += 1;
                }
            }
            self.check_answer(connections, place).await;
        }
        self.caught_up = self.items.len();
        unanswered
    }

    /// Creates the card again under the same request identifier.
    async fn create_again(&mut self, connections: &Connections, place: usize) {
        let item = &mut self.items[place];
        let mut cards = CardServiceClient::new(connections.bank.clone());
        let created = cards.create_card(item.request.clone()).await.unwrap().into_inner();
        assert_eq!(item.created.get_or_insert_with(|| created.clone()), &created);
    }

    /// Gets a credential for a code whose holders were not answered; whether it had been issued all the same.
    async fn recover(&mut self, connections: &Connections, place: usize) -> bool {
        let (public, authority) = (&connections.public, &*connections.authority);
        let item = &mut self.items[place];
        let code = &item.created.as_ref().unwrap().activation_code;
        let asked_before = item.holders.len();
        let newcomer = match item.holders.first() {
            Some((holder, _)) => holder.with_another_point(&mut self.random),
            None => Enrolment::begin(public, code, &mut self.random).await.unwrap(),
        };
        // The newcomer has the credential only if nobody before it has.
        let comes_first = self.random.next_u32().is_multiple_of(2);
        let newcomers_place = if comes_first { 0 } else { asked_before };
        item.holders.insert(newcomers_place, (newcomer, None));
        for asker in &mut item.holders {
            match asker.0.complete(public, authority, &mut self.random).await {
                Ok(answer) => asker.1 = Some(answer),
                Err(status) => assert!(is_refused(&status), "{status:?}"),
            }
        }
        let newcomer_got_it = item.holders[newcomers_place].1.is_some();
        assert!(item.answered().is_some(), "the code gave nobody a credential");
        asked_before > 0 && comes_first && !newcomer_got_it
    }

    /// Holds that the code gave one credential, gives it again, and gives no other.
    async fn check_answer(&mut self, connections: &Connections, place: usize) {
        let (public, authority) = (&connections.public, &*connections.authority);
        let item = &self.items[place];
        assert!(item.answered().is_some());
        for (holder, answer) in &item.holders {
            match (holder.complete(public, authority, &mut self.random).await, answer) {
                (Ok(again), Some(answer)) => {
                    assert_eq!(again, *answer);
                    holder.finish(authority, &answer.credential, &answer.contribution);
                }
                (Err(status), None) => assert!(is_refused(&status), "{status:?}"),
                (again, answer) => panic!("{again:?} instead of {answer:?}"),
            }
        }
        let code = &item.created.as_ref().unwrap().activation_code;
        match Enrolment::begin(public, code, &mut self.random).await {
            Ok(_) => panic!("an activation code worked twice"),
            Err(status) => assert_eq!(reason(&status), "ACTIVATION_CODE_USED"),
        }
    }

    /// Asks for everything once more.
    pub(super) async fn check_all_answers(&mut self, connections: &Connections) {
        for place in 0..self.items.len() {
            self.create_again(connections, place).await;
            self.check_answer(connections, place).await;
        }
    }
}

/// Whether another U had the credential.
fn is_refused(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|info| info.reason == "IDENTITY_ALREADY_ISSUED")
}

/// Holds that the issuer has exactly these cards, each with its credential, and `others` more.
pub(super) async fn check_cards(connections: &Connections, expected: &HashMap<&str, &[u8]>, others: usize) {
    let mut cards = CardServiceClient::new(connections.bank.clone());
    let mut request = ListCardsRequest { page_size: 1_000, ..ListCardsRequest::default() };
    let mut found = 0;
    let mut of_enrollers = 0;
    loop {
        let page = cards.list_cards(request).await.unwrap().into_inner();
        for card in &page.cards {
            found += 1;
            assert_eq!(card.state(), CardState::Active);
            if let Some(credential) = expected.get(card.name.as_str()) {
                of_enrollers += 1;
                assert_eq!(card.credential, *credential);
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request = ListCardsRequest { page_size: 1_000, page_token: page.next_page_token };
    }
    assert_eq!((of_enrollers, found), (expected.len(), expected.len() + others), "cards that nobody asked for");
}

//! An issuer that tops up accounts without end.

use super::{Connections, Progress, Unanswered, went_away};
use crate::{holder, office::request_id};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::collections::HashMap;
use symbolon_api::v1::{
    GetAccountRequest, TopUpAccountRequest, TopUpAccountResponse, ledger_service_client::LedgerServiceClient,
};

pub(super) struct Cashier {
    accounts: Vec<String>,
    asked: Vec<(TopUpAccountRequest, Option<TopUpAccountResponse>)>,
    caught_up: usize,
    random: ChaCha20Rng,
}

impl Cashier {
    pub(super) fn hire(accounts: Vec<String>, random: &mut ChaCha20Rng) -> Self {
        Self { accounts, asked: Vec::new(), caught_up: 0, random: holder::random(random.next_u64()) }
    }

    /// How often an account was topped up.
    pub(super) fn count(&self) -> usize {
        self.asked.len()
    }

    /// What was paid into which account.
    pub(super) fn paid_in(&self) -> HashMap<&str, i64> {
        let mut paid = HashMap::new();
        for (request, _) in &self.asked {
            *paid.entry(request.name.as_str()).or_default() += i64::from(request.amount);
        }
        paid
    }

    /// Tops up until the service is gone.
    pub(super) async fn work(mut self, connections: Connections, progress: Progress) -> Self {
        let mut ledger = LedgerServiceClient::new(connections.bank);
        loop {
            let request = TopUpAccountRequest {
                name: self.accounts[self.random.next_u32() as usize % self.accounts.len()].clone(),
                amount: 1 + self.random.next_u32() % 1_000,
                request_id: request_id(&mut self.random),
            };
            self.asked.push((request.clone(), None));
            match ledger.top_up_account(request).await {
                Ok(answer) => self.asked.last_mut().unwrap().1 = Some(answer.into_inner()),
                Err(status) => {
                    went_away(&status);
                    return self;
                }
            }
            let _ = progress.send(());
        }
    }

    /// Asks again under the same identifiers for what was asked since the last time.
    pub(super) async fn catch_up(&mut self, connections: &Connections) -> Unanswered {
        let mut ledger = LedgerServiceClient::new(connections.bank.clone());
        let mut unanswered = Unanswered::default();
        for (request, answer) in &mut self.asked[self.caught_up..] {
            let account = GetAccountRequest { name: request.name.clone() };
            let before = ledger.get_account(account).await.unwrap().into_inner().account.unwrap().balance;
            let again = ledger.top_up_account(request.clone()).await.unwrap().into_inner();
            match answer {
                Some(answer) => assert_eq!(*answer, again),
                // The answer tells the balance right after the posting; when it was posted only now, it has grown.
                None if again.account.as_ref().unwrap().balance == before + i64::from(request.amount) => {
                    unanswered.not_done += 1;
                }
                None => unanswered.done += 1,
            }
            *answer = Some(again);
        }
        self.caught_up = self.asked.len();
        unanswered
    }

    /// Asks for everything once more.
    pub(super) async fn check_all_answers(&self, connections: &Connections) {
        let mut ledger = LedgerServiceClient::new(connections.bank.clone());
        for (request, answer) in &self.asked {
            let again = ledger.top_up_account(request.clone()).await.unwrap().into_inner();
            assert_eq!(Some(&again), answer.as_ref());
        }
    }
}

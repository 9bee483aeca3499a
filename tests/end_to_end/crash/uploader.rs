//! A terminal that uploads without end, several uploads ahead of their answers.

use super::{Connections, Progress, Unanswered, went_away};
use crate::{
    holder::{self, Holder, exchange, settle},
    office::{create_card, create_terminal},
};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use symbolon_api::v1::{Outcome, UploadRequest, UploadResponse};
use symbolon_ccks::Sector;
use symbolon_tap::Record;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const CARDS: usize = 3;
const UPLOADS_AHEAD: usize = 3;
const MOST_RECORDS: u32 = 8;

/// An upload that was sent, and its answer once there was one.
struct Sent {
    upload: Vec<u8>,
    /// Who paid, by place among the cards, and what.
    records: Vec<(usize, Record)>,
    answer: Option<UploadResponse>,
}

pub(super) struct Uploader {
    gate: Holder,
    cards: Vec<Holder>,
    accounts: Vec<String>,
    /// Every record is in here once; what is sent again in another upload is not added again.
    taps: Vec<(usize, Record)>,
    sent: Vec<Sent>,
    caught_up: usize,
    random: ChaCha20Rng,
}

impl Uploader {
    pub(super) async fn hire(connections: &Connections, random: &mut ChaCha20Rng) -> Self {
        let (public, authority) = (&connections.public, &*connections.authority);
        let code = create_terminal(&connections.metro, random).await.activation_code;
        let gate = Holder::enrol(public, authority, &code, random).await;
        let (mut cards, mut accounts) = (Vec::new(), Vec::new());
        for _ in 0..CARDS {
            let made = create_card(&connections.bank, random).await;
            cards.push(Holder::enrol(public, authority, &made.activation_code, random).await);
            accounts.push(made.card.unwrap().account);
        }
        let random = holder::random(random.next_u64());
        Self { gate, cards, accounts, taps: Vec::new(), sent: Vec::new(), caught_up: 0, random }
    }

    /// The accounts that pay.
    pub(super) fn accounts(&self) -> impl Iterator<Item = String> {
        self.accounts.iter().cloned()
    }

    /// Every record that was ever sent.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.taps.iter().map(|(_, record)| record)
    }

    /// What was paid from which account, a record at a time.
    pub(super) fn spent(&self) -> impl Iterator<Item = (&str, i64)> {
        self.taps.iter().map(|(card, record)| (self.accounts[*card].as_str(), i64::from(record.terms().amount())))
    }

    fn tap(&mut self) -> (usize, Record) {
        let card = self.random.next_u32() as usize % CARDS;
        let amount = 1 + self.random.next_u32() % 100;
        let record = self.cards[card].pay(&self.gate, Sector::Transport, amount, &mut self.random);
        self.taps.push((card, record));
        (card, record)
    }

    /// Signs an upload of these records and remembers it; its place among those sent.
    fn sign(&mut self, records: Vec<(usize, Record)>) -> usize {
        let plain: Vec<_> = records.iter().map(|(_, record)| *record).collect();
        let upload = self.gate.upload(&plain, &mut self.random);
        self.sent.push(Sent { upload, records, answer: None });
        self.sent.len() - 1
    }

    /// Uploads until the service is gone.
    pub(super) async fn work(mut self, connections: Connections, progress: Progress) -> Self {
        let (sender, receiver) = mpsc::channel(UPLOADS_AHEAD);
        let mut answers = match exchange(&connections.public).upload(ReceiverStream::new(receiver)).await {
            Ok(answers) => answers.into_inner(),
            Err(status) => {
                went_away(&status);
                return self;
            }
        };
        let mut answered = self.sent.len();
        loop {
            while self.sent.len() - answered < UPLOADS_AHEAD {
                let count = 1 + self.random.next_u32() % MOST_RECORDS;
                let records = (0..count).map(|_| self.tap()).collect();
                let place = self.sign(records);
                // When the stream is gone, the next answer says so.
                let _ = sender.send(UploadRequest { upload: self.sent[place].upload.clone() }).await;
            }
            match answers.message().await {
                Ok(Some(answer)) => {
                    assert!(!answer.repeated && all(&answer, Outcome::Settled), "{answer:?}");
                    self.sent[answered].answer = Some(answer);
                    answered += 1;
                    let _ = progress.send(());
                }
                Ok(None) => return self,
                Err(status) => {
                    went_away(&status);
                    return self;
                }
            }
        }
    }

    /// Sends again what was sent since the last time: what was answered gets its answer, what was not gets one.
    pub(super) async fn catch_up(&mut self, connections: &Connections) -> Unanswered {
        let mut unanswered = Unanswered::default();
        for place in self.caught_up..self.sent.len() {
            if self.sent[place].answer.is_some() {
                self.check_answer(connections, place).await;
            } else if self.recover(connections, place).await {
                unanswered.done += 1;
            } else {
                unanswered.not_done += 1;
            }
        }
        self.caught_up = self.sent.len();
        unanswered
    }

    /// Gets an answer for an upload that had none; whether the upload had been settled all the same.
    async fn recover(&mut self, connections: &Connections, place: usize) -> bool {
        // A terminal that lost its upload may batch the same records anew, with others.
        let batched_anew = if self.random.next_u32().is_multiple_of(2) {
            let mut records = self.sent[place].records.clone();
            let old = records.len();
            records.push(self.tap());
            let anew = self.sign(records);
            let answer = settle(&connections.public, self.sent[anew].upload.clone()).await;
            assert_eq!(answer.outcomes[old].outcome(), Outcome::Settled);
            let first = answer.outcomes[0].outcome();
            assert!(answer.outcomes[..old].iter().all(|outcome| outcome.outcome() == first), "an upload in halves");
            self.sent[anew].answer = Some(answer);
            Some(first)
        } else {
            None
        };
        let mut answer = settle(&connections.public, self.sent[place].upload.clone()).await;
        let had_been_settled = std::mem::take(&mut answer.repeated);
        match batched_anew {
            Some(Outcome::Settled) => assert!(!had_been_settled && all(&answer, Outcome::Duplicate), "{answer:?}"),
            Some(Outcome::Duplicate) => assert!(had_been_settled && all(&answer, Outcome::Settled), "{answer:?}"),
            Some(other) => panic!("{other:?}"),
            None => assert!(all(&answer, Outcome::Settled), "{answer:?}"),
        }
        self.sent[place].answer = Some(answer);
        had_been_settled
    }

    async fn check_answer(&self, connections: &Connections, place: usize) {
        let sent = &self.sent[place];
        let again = settle(&connections.public, sent.upload.clone()).await;
        assert!(again.repeated);
        assert_eq!(Some(UploadResponse { repeated: false, ..again }), sent.answer);
    }

    /// Sends everything ever sent once more.
    pub(super) async fn check_all_answers(&self, connections: &Connections) {
        for place in 0..self.sent.len() {
            self.check_answer(connections, place).await;
        }
    }
}

fn all(answer: &UploadResponse, outcome: Outcome) -> bool {
    answer.outcomes.iter().all(|found| found.outcome() == outcome)
}

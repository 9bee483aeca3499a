//! The card behind a reader: commands, receipts, vouchers.

mod commands;
mod receipts;
mod repeating;
mod vouchers;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::{Subject, Suite, Time};
use symbolon_tap::apdu::{CardCommand, Response, Status};
use symbolon_tap::{
    Challenge, Flags, Kind, Outcome, Presentation, Receipt, Record, SelectResponse, Terms, TermsFields,
};
use symbolon_wallet::{
    Answer, Asked, CardApplication, Event, Holder, Keepsakes, MemoryCounterStore, MemoryPurseStore, Wallet,
};

use crate::world::{RANDOM, World, now, terms_fields};

/// A card whose holder agrees to whatever is asked up to `most`.
pub(crate) struct Card<H> {
    pub(crate) application: CardApplication<H, MemoryPurseStore>,
    pub(crate) random: ChaCha20Rng,
    pub(crate) now: Time,
    pub(crate) most: u32,
    /// How often the holder was asked.
    pub(crate) questions: u32,
}

pub(crate) type WalletCard<'a, S> = Card<Wallet<'a, S, MemoryCounterStore>>;

/// The world's card, with nothing kept.
pub(crate) fn card<S: Suite>(world: &World<S>) -> WalletCard<'_, S> {
    Card::new(world.wallet(MemoryCounterStore::new()))
}

impl<H: Holder> Card<H> {
    pub(crate) fn new(holder: H) -> Self {
        let keepsakes = Keepsakes::open(MemoryPurseStore::new()).unwrap();
        Self {
            application: CardApplication::new(holder, keepsakes),
            random: ChaCha20Rng::seed_from_u64(5),
            now: now(),
            most: u32::MAX,
            questions: 0,
        }
    }

    pub(crate) fn handle(&mut self, command: &[u8]) -> Answer {
        let (most, questions) = (self.most, &mut self.questions);
        let mut agree = |asked: &Asked<'_>| {
            *questions += 1;
            Some(asked.terms.amount()).filter(|amount| *amount <= most)
        };
        self.application.handle(command, self.now, &mut self.random, &mut agree)
    }

    pub(crate) fn select(&mut self) -> SelectResponse {
        let answer = self.handle(CardCommand::Select.encode().as_slice());
        assert_eq!(answer.event, Event::Selected);
        *SelectResponse::parse(data(&answer)).unwrap()
    }

    pub(crate) fn present(&mut self, challenge: &Challenge) -> Answer {
        self.handle(CardCommand::Present { challenge: challenge.as_bytes() }.encode().as_slice())
    }

    /// Selects the card and presents to a challenge of these terms with its nonce.
    pub(crate) fn tap<S: Suite>(&mut self, world: &World<S>, fields: TermsFields) -> (Challenge, Answer) {
        let select = self.select();
        let challenge = challenge_to(world, &select, fields);
        let answer = self.present(&challenge);
        (challenge, answer)
    }

    pub(crate) fn receive<S: Suite>(&mut self, world: &World<S>, given: &Record, outcome: Outcome) -> Answer {
        let receipt = Receipt::new(given, outcome, self.now);
        let signature = receipt.sign(&world.terminal, &RANDOM).unwrap();
        self.handle(
            CardCommand::Receipt { receipt: receipt.as_bytes(), signature: signature.as_bytes() }.encode().as_slice(),
        )
    }

    pub(crate) fn voucher(&mut self, meter: Subject) -> Answer {
        self.handle(CardCommand::Voucher { meter }.encode().as_slice())
    }
}

/// What the world's terminal asks of a card that was selected, in what else these terms say.
pub(crate) fn challenge_to<S: Suite>(world: &World<S>, select: &SelectResponse, fields: TermsFields) -> Challenge {
    let mut nonce = fields.nonce;
    nonce[..8].copy_from_slice(select.nonce());
    Challenge::sign(&world.terminal, Terms::new(TermsFields { nonce, ..fields }).unwrap(), &RANDOM).unwrap()
}

pub(crate) fn data(answer: &Answer) -> &[u8] {
    let response = Response::parse(&answer.response).unwrap();
    assert_eq!(response.status(), Status::Success, "{:?}", answer.event);
    response.data()
}

pub(crate) fn status(answer: &Answer) -> Status {
    Response::parse(&answer.response).unwrap().status()
}

pub(crate) fn presentation(answer: &Answer) -> Presentation {
    *Presentation::parse(data(answer)).unwrap()
}

pub(crate) fn record(challenge: &Challenge, answer: &Answer) -> Record {
    Record::new(*challenge.terms(), presentation(answer))
}

/// An entry, by the terminal's nonce of this number.
pub(crate) fn entry(number: u8) -> TermsFields {
    let nonce = [number; 16];
    TermsFields { kind: Kind::Entry, amount: 800, flags: Flags::Tap, nonce, ..terms_fields() }
}

//! The card's side of a tap over ISO 7816-4 commands: a reader asks, the card answers.
//!
//! [`CardApplication`] is what a phone's host card emulation, or the command line behind a socket, hands the reader's
//! commands to. It signs with the same wallet or purse as any other tap does, and keeps the receipts.

mod holder;

use core::fmt;

use rand_core::CryptoRng;
use symbolon_ccks::{Credential, Signature, Subject, Time};
use symbolon_tap::apdu::{CardCommand, Status};
use symbolon_tap::voucher::SignedVoucher;
use symbolon_tap::{Challenge, Receipt, Record, Terms};

use crate::keepsakes::{Given, Keepsakes, KeptReceipt, ReceiptNotKept};
use crate::purse::store::PurseStore;
use crate::purse::tap::Payer;
use crate::refusal::Refused;

pub use holder::{Holder, Named, Received, Trust};

/// What a challenge asks, for the holder to agree to or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'t> {
    /// What is asked.
    pub terms: &'t Terms,
    /// Who asks.
    pub terminal: &'t Credential,
    /// Who would answer.
    pub payer: Payer,
}

/// The holder's word, given at the tap or beforehand. Any closure that gives the amount agreed to is one.
pub trait Consent {
    /// The minor units that the holder agrees to; nothing is signed unless that is what is asked.
    fn agree(&mut self, asked: &Asked<'_>) -> Option<u32>;
}

impl<F: FnMut(&Asked<'_>) -> Option<u32>> Consent for F {
    fn agree(&mut self, asked: &Asked<'_>) -> Option<u32> {
        self(asked)
    }
}

/// What a command came to, for whoever shows the holder its taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A reader began a tap.
    Selected,
    /// A voucher was handed over.
    VoucherGiven(Box<SignedVoucher>),
    /// A challenge on these terms was answered.
    Presented(Terms),
    /// A challenge that was answered before, or one like it whose receipt never came, got the stored answer.
    PresentedAgain(Terms),
    /// A challenge was not answered.
    Refused(Refused),
    /// The terminal's receipt is kept.
    ReceiptKept(Box<KeptReceipt>),
    /// The command got this status word and nothing else.
    Rejected(Status),
}

/// The card's answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The bytes that go to the reader, status word included.
    pub response: Vec<u8>,
    /// What it came to.
    pub event: Event,
}

impl Answer {
    fn with(data: &[u8], event: Event) -> Self {
        Self { response: [data, &Status::Success.to_bytes()].concat(), event }
    }

    fn rejected(status: Status) -> Self {
        Self { response: status.to_bytes().to_vec(), event: Event::Rejected(status) }
    }

    fn refused(refused: Refused) -> Self {
        let status = match refused {
            Refused::Malformed(_) => Status::WrongData,
            Refused::Replayed | Refused::CounterfeitTerminal | Refused::RevokedTerminal => Status::NotAuthentic,
            Refused::Counter(_) | Refused::Purse(_) => Status::MemoryFailed,
            Refused::Sign(_) => Status::Failed,
            _ => Status::NotNow,
        };
        Self { response: status.to_bytes().to_vec(), event: Event::Refused(refused) }
    }
}

/// What goes on since the card was selected.
#[derive(Clone, Copy, Debug)]
struct Selection {
    /// The holder's half of the nonce, fresh at each.
    nonce: [u8; 8],
    /// Whether the last tap's answer was shown in it: a terminal that asks once more does not have that tap.
    is_repeated: bool,
}

/// A card, as readers see it.
///
/// A tap whose receipt never came is shown again to the terminal that it was for, when that asks for the same within
/// [`REPEAT_WITHIN_SECONDS`](crate::REPEAT_WITHIN_SECONDS): a terminal whose power failed after it had kept the tap gives
/// its receipt, and the holder does not pay twice. A terminal that does not have the tap asks once more in the same
/// selection, and gets a new answer if the holder agrees.
pub struct CardApplication<H, P> {
    holder: H,
    keepsakes: Keepsakes<P>,
    selection: Option<Selection>,
}

impl<H: Holder, P: PurseStore> CardApplication<H, P> {
    /// The application of a wallet or a purse.
    pub fn new(holder: H, keepsakes: Keepsakes<P>) -> Self {
        Self { holder, keepsakes, selection: None }
    }

    /// Answers a command, whatever it is. `now` is the wallet's clock.
    pub fn handle(
        &mut self,
        command: &[u8],
        now: Time,
        random: &mut impl CryptoRng,
        consent: &mut impl Consent,
    ) -> Answer {
        match CardCommand::parse(command) {
            Err(status) => Answer::rejected(status),
            Ok(CardCommand::Select) => self.select(random),
            Ok(CardCommand::Voucher { meter }) => self.hand_over(meter, now),
            Ok(CardCommand::Present { challenge }) => self.present(challenge, now, random, consent),
            Ok(CardCommand::Receipt { receipt, signature }) => self.receive(receipt, signature),
        }
    }

    /// The receipts and vouchers.
    pub fn keepsakes(&mut self) -> &mut Keepsakes<P> {
        &mut self.keepsakes
    }

    /// The wallet or purse.
    pub fn holder(&mut self) -> &mut H {
        &mut self.holder
    }

    /// Gives both back.
    pub fn into_parts(self) -> (H, Keepsakes<P>) {
        (self.holder, self.keepsakes)
    }

    fn select(&mut self, random: &mut impl CryptoRng) -> Answer {
        let mut nonce = [0; 8];
        random.fill_bytes(&mut nonce);
        self.selection = Some(Selection { nonce, is_repeated: false });
        Answer::with(self.holder.response(nonce).as_bytes(), Event::Selected)
    }

    fn hand_over(&mut self, meter: Subject, now: Time) -> Answer {
        if self.selection.is_none() {
            return Answer::rejected(Status::NotNow);
        }
        match self.keepsakes.hand_over(meter, now) {
            Ok(Some(voucher)) => Answer::with(voucher.as_bytes(), Event::VoucherGiven(Box::new(voucher))),
            Ok(None) => Answer::rejected(Status::NotFound),
            Err(_) => Answer::rejected(Status::MemoryFailed),
        }
    }

    fn present(&mut self, bytes: &[u8], now: Time, random: &mut impl CryptoRng, consent: &mut impl Consent) -> Answer {
        let Some(selection) = self.selection else {
            return Answer::rejected(Status::NotNow);
        };
        let challenge = match Challenge::parse(bytes) {
            Ok(challenge) => *challenge,
            Err(malformed) => return Answer::refused(malformed.into()),
        };
        if let Some(given) = self.given_before(&challenge, selection, now) {
            self.selection = Some(Selection { is_repeated: true, ..selection });
            let record = given.record();
            return Answer::with(record.presentation().as_bytes(), Event::PresentedAgain(*record.terms()));
        }
        let mut hedge = [0; 32];
        random.fill_bytes(&mut hedge);
        let received = Received { nonce: selection.nonce, challenge: bytes, now, random: &hedge };
        let presentation = match self.holder.answer(&received, consent) {
            Ok(presentation) => presentation,
            Err(refused) => return Answer::refused(refused),
        };
        let given = Given::new(*challenge.terminal(), Record::new(*challenge.terms(), presentation));
        let is_new = !self.keepsakes.knows(&given);
        if is_new && let Err(error) = self.keepsakes.give(given) {
            return Answer::refused(error.into());
        }
        let terms = *challenge.terms();
        let event = if is_new { Event::Presented(terms) } else { Event::PresentedAgain(terms) };
        Answer::with(presentation.as_bytes(), event)
    }

    /// The tap whose receipt never came, when this challenge of an earlier terminal asks for the same once more.
    fn given_before(&self, challenge: &Challenge, selection: Selection, now: Time) -> Option<Given> {
        let given = self.keepsakes.awaiting_receipt()?;
        let is_for_us = !selection.is_repeated && challenge.terms().holder_nonce() == selection.nonce;
        let is_another = given.record().terms() != challenge.terms();
        let is_asked = is_for_us && is_another && given.is_asked_again_by(challenge, now);
        (is_asked && self.holder.trust().verify_challenge(challenge).is_ok()).then_some(*given)
    }

    fn receive(&mut self, receipt: &[u8], signature: &[u8]) -> Answer {
        if self.selection.is_none() {
            return Answer::rejected(Status::NotNow);
        }
        let trust = self.holder.trust();
        let verify = |receipt: &Receipt, terminal: &Credential, signature: &Signature| {
            trust.verify_receipt(receipt, terminal, signature)
        };
        match self.keepsakes.receive(receipt, signature, verify) {
            Ok(kept) => Answer::with(&[], Event::ReceiptKept(Box::new(kept))),
            Err(ReceiptNotKept::Malformed(_)) => Answer::rejected(Status::WrongData),
            Err(ReceiptNotKept::OtherTap) => Answer::rejected(Status::NotNow),
            Err(ReceiptNotKept::BadSignature) => Answer::rejected(Status::NotAuthentic),
            Err(ReceiptNotKept::Store(_)) => Answer::rejected(Status::MemoryFailed),
        }
    }
}

impl<H, P> fmt::Debug for CardApplication<H, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keepsakes, selection, .. } = self;
        let mut debug = formatter.debug_struct("CardApplication");
        debug.field("keepsakes", keepsakes).field("selection", selection).finish_non_exhaustive()
    }
}

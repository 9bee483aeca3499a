//! What a card keeps beside its purse: receipts, vouchers, and the tap whose receipt has not come.

mod bytes;

use core::fmt;

use symbolon_ccks::{Authority, BadSignature, Credential, Malformed, Signature, Subject, Suite, Time};
use symbolon_tap::voucher::{SignedVoucher, Voucher};
use symbolon_tap::{Challenge, Outcome, Receipt, Record, Terms};

use crate::purse::store::{PurseError, PurseStore};

/// The most receipts that are kept; the oldest go first.
pub const MOST_RECEIPTS: usize = 256;
/// The most vouchers that a card carries.
pub const MOST_VOUCHERS: usize = 64;

/// For how long a tap whose receipt did not come is shown again to the terminal that it was for, seconds.
///
/// Long enough for a terminal to start again after a power cut. A terminal that has the tap gives the receipt; one
/// that does not says so, and gets a new answer.
pub const REPEAT_WITHIN_SECONDS: u64 = 600;

/// A tap that was answered: what was signed, and for which terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    terminal: Credential,
    record: Record,
}

impl Given {
    pub(crate) const fn new(terminal: Credential, record: Record) -> Self {
        Self { terminal, record }
    }

    /// The terminal's credential.
    pub const fn terminal(&self) -> &Credential {
        &self.terminal
    }

    /// What was signed.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Whether a challenge asks for the same once more: of the same terminal, for the same thing, soon after.
    pub(crate) fn is_asked_again_by(&self, challenge: &Challenge, now: Time) -> bool {
        let what = |terms: &Terms| (terms.kind(), terms.sector(), terms.amount(), terms.currency(), *terms.reference());
        let (given, asked) = (self.record.terms(), challenge.terms());
        self.terminal == *challenge.terminal()
            && what(given) == what(asked)
            && given.time().seconds().abs_diff(now.seconds()) <= REPEAT_WITHIN_SECONDS
    }
}

/// A tap and the receipt that the terminal signed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptReceipt {
    given: Given,
    receipt: Receipt,
    signature: Signature,
}

impl KeptReceipt {
    /// What was signed, and for which terminal.
    pub const fn given(&self) -> &Given {
        &self.given
    }

    /// The terminal's word.
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Its signature (purpose 5), which the terminal's credential verifies.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Whether it says that this voucher was credited; the terms name it by its digest.
    pub fn credits(&self, voucher: &SignedVoucher) -> bool {
        self.receipt.outcome() == Outcome::Credited && *self.given.record.terms().reference() == voucher.reference()
    }
}

/// A voucher on its way to its meter, and how often it was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CarriedVoucher {
    signed: SignedVoucher,
    times: u32,
}

#[derive(Debug, Default)]
struct State {
    given: Option<Given>,
    vouchers: Vec<CarriedVoucher>,
    /// Oldest first.
    receipts: Vec<KeptReceipt>,
}

/// Why a voucher is not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoucherNotKept {
    /// The bytes are not a voucher.
    Malformed(Malformed),
    /// The authority did not sign it.
    BadSignature,
    /// It is carried already.
    Known,
    /// The card carries as many as it can.
    Full,
    /// It could not be kept.
    Store(PurseError),
}

impl fmt::Display for VoucherNotKept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(formatter),
            Self::BadSignature => formatter.write_str("the voucher is not signed by this card's authority"),
            Self::Known => formatter.write_str("the card carries this voucher already"),
            Self::Full => write!(formatter, "the card carries {MOST_VOUCHERS} vouchers already"),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl core::error::Error for VoucherNotKept {}

/// Why a receipt is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptNotKept {
    /// The bytes are not a receipt and its signature.
    Malformed(Malformed),
    /// It is not of the tap that waits for one.
    OtherTap,
    /// The terminal of that tap did not sign it.
    BadSignature,
    /// It could not be kept.
    Store(PurseError),
}

/// A card's receipts and vouchers, kept in a [`PurseStore`] of their own.
pub struct Keepsakes<P> {
    store: P,
    state: State,
}

impl<P: PurseStore> Keepsakes<P> {
    /// Opens them; there are none yet where nothing was kept.
    ///
    /// # Errors
    /// [`PurseError::Damaged`] when they are not as they were written, else what reading failed with.
    pub fn open(store: P) -> Result<Self, PurseError> {
        let state = match store.read() {
            Ok(bytes) => State::parse(&bytes).map_err(|_| PurseError::Damaged)?,
            Err(PurseError::Unknown) => State::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { store, state })
    }

    /// The receipts, oldest first; the last [`MOST_RECEIPTS`] are kept.
    pub fn receipts(&self) -> &[KeptReceipt] {
        &self.state.receipts
    }

    /// The vouchers that no receipt says are credited, each as [`SignedVoucher`].
    pub fn vouchers(&self) -> impl Iterator<Item = &SignedVoucher> {
        self.state.vouchers.iter().map(|carried| &carried.signed)
    }

    /// The tap whose receipt has not come.
    pub fn awaiting_receipt(&self) -> Option<&Given> {
        self.state.given.as_ref()
    }

    /// Carries a voucher to its meter; it is kept until the meter's receipt says that it was credited.
    ///
    /// # Errors
    /// [`VoucherNotKept`].
    pub fn carry<S: Suite>(&mut self, authority: &Authority<'_, S>, voucher: &[u8]) -> Result<(), VoucherNotKept> {
        let signed = SignedVoucher::parse(voucher).map_err(VoucherNotKept::Malformed)?;
        signed.verify(authority).map_err(|BadSignature| VoucherNotKept::BadSignature)?;
        let key = |voucher: &Voucher| (*voucher.meter(), voucher.sequence());
        if self.vouchers().any(|known| key(known.voucher()) == key(signed.voucher())) {
            return Err(VoucherNotKept::Known);
        }
        if self.state.vouchers.len() >= MOST_VOUCHERS {
            return Err(VoucherNotKept::Full);
        }
        self.state.vouchers.push(CarriedVoucher { signed: *signed, times: 0 });
        self.save().map_err(VoucherNotKept::Store)
    }

    /// The voucher to hand to a meter: of those that have not expired the one that was handed over least often, so
    /// that one that the meter does not take keeps none of the others from it.
    pub(crate) fn hand_over(&mut self, meter: Subject, now: Time) -> Result<Option<SignedVoucher>, PurseError> {
        let is_for_it = |carried: &&mut CarriedVoucher| {
            let voucher = carried.signed.voucher();
            *voucher.meter() == meter && now < voucher.not_after()
        };
        let order = |carried: &&mut CarriedVoucher| (carried.times, carried.signed.voucher().sequence());
        let Some(carried) = self.state.vouchers.iter_mut().filter(is_for_it).min_by_key(order) else {
            return Ok(None);
        };
        carried.times = carried.times.saturating_add(1);
        let signed = carried.signed;
        self.save()?;
        Ok(Some(signed))
    }

    /// Whether this very answer is kept already.
    pub(crate) fn knows(&self, given: &Given) -> bool {
        let receipted = self.state.receipts.last().map(|kept| &kept.given);
        self.state.given.as_ref() == Some(given) || receipted == Some(given)
    }

    /// Keeps an answer from before it leaves the wallet, so that its receipt can be checked.
    pub(crate) fn give(&mut self, given: Given) -> Result<(), PurseError> {
        self.state.given = Some(given);
        self.save()
    }

    /// Keeps the receipt of the answer given last. `verify` verifies the terminal's signature.
    pub(crate) fn receive(
        &mut self,
        receipt: &[u8],
        signature: &[u8],
        verify: impl FnOnce(&Receipt, &Credential, &Signature) -> Result<(), BadSignature>,
    ) -> Result<KeptReceipt, ReceiptNotKept> {
        let receipt = *Receipt::parse(receipt).map_err(ReceiptNotKept::Malformed)?;
        let signature = *Signature::parse(signature).map_err(ReceiptNotKept::Malformed)?;
        let known = self.state.receipts.last().map(|kept| kept.given);
        // The receipt may come again, when the reader did not hear that it was kept.
        let of_it = |given: &Given| receipt.is_of(given.record());
        let given = self.state.given.or(known).filter(of_it).ok_or(ReceiptNotKept::OtherTap)?;
        verify(&receipt, given.terminal(), &signature).map_err(|BadSignature| ReceiptNotKept::BadSignature)?;
        let kept = KeptReceipt { given, receipt, signature };
        if self.state.given.take().is_some() {
            self.state.receipts.push(kept);
            let surplus = self.state.receipts.len().saturating_sub(MOST_RECEIPTS);
            self.state.receipts.drain(..surplus);
            self.state.vouchers.retain(|carried| !kept.credits(&carried.signed));
            self.save().map_err(ReceiptNotKept::Store)?;
        }
        Ok(kept)
    }

    /// Gives the store back.
    pub fn into_store(self) -> P {
        self.store
    }

    fn save(&mut self) -> Result<(), PurseError> {
        self.store.write(&self.state.encode())
    }
}

impl<P> fmt::Debug for Keepsakes<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { vouchers, receipts, .. } = &self.state;
        formatter
            .debug_struct("Keepsakes")
            .field("vouchers", &vouchers.len())
            .field("receipts", &receipts.len())
            .finish_non_exhaustive()
    }
}

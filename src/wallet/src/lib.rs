//! The holder's side of a tap: checks a challenge whole, counts ahead of use, signs once.
//!
//! A tap goes through four types, each of which exists only when the step before it went well:
//!
//! 1. [`Wallet::select`] with a fresh nonce gives a [`Selected`], whose response goes to the terminal;
//! 2. [`Selected::check`] of the terminal's challenge gives a [`Checked`]: a question to put to the holder, or the
//!    stored answer to a challenge that comes a second time;
//! 3. [`Question::confirm`] with the amount that the holder agreed to gives a [`Confirmation`];
//! 4. [`Confirmation::sign`] takes a counter durably, signs once, and gives the presentation.
//!
//! Time and randomness are arguments; what has to last is kept by a [`CounterStore`].
//!
//! A [`CardApplication`] does the same for a reader that sends ISO 7816-4 commands, with a wallet or a purse, and keeps the
//! receipts and vouchers ([`Keepsakes`]).
//!
//! A [`Purse`] holds a card's pseudonyms beside its [`Wallet`], and goes the same way: which of them answers a challenge is
//! decided when the challenge is checked, by the holder's [`PursePolicy`]. What it keeps is in a [`PurseStore`].
#![forbid(unsafe_code)]

mod apdu;
mod counters;
mod durable;
mod keepsakes;
mod purse;
mod refusal;
mod tap;
mod trust;
mod wallet;

pub use apdu::{Answer, Asked, CardApplication, Consent, Event, Holder, Named, Received, Trust};
pub use counters::file::FileCounterStore;
pub use counters::{Account, CounterError, CounterStore, MemoryCounterStore};
pub use keepsakes::{
    Given, Keepsakes, KeptReceipt, MOST_RECEIPTS, MOST_VOUCHERS, REPEAT_WITHIN_SECONDS, ReceiptNotKept, VoucherNotKept,
};
pub use purse::refill::{BadAnswer, BadReason, ItemAnswer, RefillRefused, Taken};
pub use purse::settings::{Fallback, PursePolicy, PurseSettings};
pub use purse::state::{PastTap, PendingRequest, PseudonymView};
pub use purse::store::file::FilePurseStore;
pub use purse::store::{MemoryPurseStore, PurseError, PurseStore};
pub use purse::tap::{Payer, PurseChecked, PurseConfirmation, PurseQuestion, PurseSelected};
pub use purse::{IssuerKeyChanged, Purse};
pub use refusal::Refused;
pub use tap::{Checked, Confirmation, Question, Selected};
pub use trust::BundleRefused;
pub use wallet::{DEFAULT_CLOCK_TOLERANCE_SECONDS, KeyRefused, Wallet};

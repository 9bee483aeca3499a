//! A purse: a card's pseudonyms, and which of them answers.

mod bytes;
mod choice;
pub(crate) mod refill;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod tap;

use core::fmt;

use sha2::{Digest, Sha256};
use symbolon_ccks::{Suite, Time};
use symbolon_pseudonym::{Issuance, SealingKey};
use symbolon_tap::SelectResponse;

pub(crate) use store::PurseError;

use crate::counters::CounterStore;
use crate::trust::BundleRefused;
use crate::wallet::Wallet;
use settings::PurseSettings;
use state::{PastTap, PendingRequest, PseudonymView, State};
use store::PurseStore;
use tap::PurseSelected;

/// The issuer's key is another one than before.
///
/// Whoever is given an issuer's key of its own can be told from all others by it. So the first key is believed, and
/// another one only after its digest was compared with what is published elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerKeyChanged {
    /// SHA-256 of the key that is believed.
    pub believed: [u8; 32],
    /// SHA-256 of the key that came.
    pub offered: [u8; 32],
}

impl fmt::Display for IssuerKeyChanged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |digest: &[u8; 32]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        write!(
            formatter,
            "the issuer's key is not the one believed before: its digest is {} and was {}",
            hex(&self.offered),
            hex(&self.believed)
        )
    }
}

impl core::error::Error for IssuerKeyChanged {}

/// Before every period.
const EPOCH: Time = match Time::new(0) {
    Ok(time) => time,
    Err(_) => unreachable!(),
};

/// The digest by which holders compare issuers' keys.
pub(crate) fn key_digest(key: &SealingKey) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// A card's pseudonyms beside its [`Wallet`].
///
/// Which pseudonym answers is chosen when a challenge is checked, and is durable before anything is signed under it. None of
/// two periods is used at the same time: from a period's first tap on, earlier pseudonyms only end the journeys that were
/// begun with them.
pub struct Purse<'a, S: Suite, C, P> {
    card: Wallet<'a, S, C>,
    store: P,
    state: State,
}

impl<'a, S: Suite, C: CounterStore, P: PurseStore> Purse<'a, S, C, P> {
    /// Begins an empty purse of the card in `card`.
    ///
    /// # Errors
    /// [`PurseError`] when it cannot be kept.
    pub fn create(card: Wallet<'a, S, C>, store: P, settings: PurseSettings) -> Result<Self, PurseError> {
        let state = State {
            authority_id: *card.authority().id().as_bytes(),
            card: card.credential().identity().subject(),
            settings,
            floor: EPOCH,
            pinned: None,
            issuance: None,
            pseudonyms: Vec::new(),
            journeys: Vec::new(),
            pending: Vec::new(),
            taps: Vec::new(),
        };
        let mut purse = Self { card, store, state };
        purse.save()?;
        Ok(purse)
    }

    /// Opens the purse of the card in `card`.
    ///
    /// # Errors
    /// [`PurseError::Unknown`] when there is none, [`PurseError::OtherCard`] when it is another card's,
    /// [`PurseError::Damaged`] when it is not as it was written.
    pub fn open(card: Wallet<'a, S, C>, store: P) -> Result<Self, PurseError> {
        let state = State::parse(&store.read()?).map_err(|_| PurseError::Damaged)?;
        let owner = (&state.authority_id, state.card);
        if owner != (card.authority().id().as_bytes(), card.credential().identity().subject()) {
            return Err(PurseError::OtherCard);
        }
        Ok(Self { card, store, state })
    }

    /// The card's own wallet.
    pub fn card(&self) -> &Wallet<'a, S, C> {
        &self.card
    }

    /// Takes a trust bundle, as [`Wallet::take_bundle`].
    ///
    /// # Errors
    /// [`BundleRefused`]; what was known before stays.
    pub fn take_bundle(&mut self, bundle: &[u8]) -> Result<(), BundleRefused> {
        self.card.take_bundle(bundle)
    }

    /// Begins a tap; see [`Wallet::select`]. Nothing that goes to the terminal says which pseudonym will answer, or whether one
    /// will: a card's pseudonyms have its tariff.
    pub fn select(&mut self, nonce: [u8; 8]) -> PurseSelected<'_, 'a, S, C, P> {
        PurseSelected::new(self, self.response(nonce), false)
    }

    /// Begins a tap under the card's own number. The exit of a journey that a pseudonym began is still that pseudonym's.
    pub fn select_named(&mut self, nonce: [u8; 8]) -> PurseSelected<'_, 'a, S, C, P> {
        PurseSelected::new(self, self.response(nonce), true)
    }

    fn response(&self, nonce: [u8; 8]) -> SelectResponse {
        let tariff = self.card.credential().identity().tariff();
        SelectResponse::new(S::ID, tariff, self.card.authority().id().prefix(), nonce)
    }

    /// The holder's settings.
    pub fn settings(&self) -> PurseSettings {
        self.state.settings
    }

    /// Takes other settings.
    ///
    /// # Errors
    /// [`PurseError`] when they could not be kept.
    pub fn set(&mut self, settings: PurseSettings) -> Result<(), PurseError> {
        self.state.settings = settings;
        self.save()
    }

    /// How pseudonyms are issued, as believed last.
    pub fn issuance(&self) -> Option<&Issuance> {
        self.state.issuance.as_ref()
    }

    /// Believes how pseudonyms are issued, as a verified trust bundle says it.
    ///
    /// # Errors
    /// [`IssuerKeyChanged`] when the issuer's key is another one than the one believed; nothing is changed then. The outer
    /// [`PurseError`] when it could not be kept.
    pub fn take_issuance(&mut self, issuance: &Issuance) -> Result<Result<(), IssuerKeyChanged>, PurseError> {
        let offered = key_digest(issuance.issuer_key());
        let believed = self.state.pinned.unwrap_or(offered);
        if believed != offered {
            return Ok(Err(IssuerKeyChanged { believed, offered }));
        }
        if self.state.pinned.is_none() || self.state.issuance.as_ref() != Some(issuance) {
            self.state.pinned = Some(offered);
            self.state.issuance = Some(issuance.clone());
            self.save()?;
        }
        Ok(Ok(()))
    }

    /// The digest of the issuer's key that is believed.
    pub fn issuer_key_digest(&self) -> Option<[u8; 32]> {
        self.state.pinned
    }

    /// Believes the issuer's key of this digest from now on, and no other: the holder compared it.
    ///
    /// # Errors
    /// [`PurseError`] when it could not be kept.
    pub fn accept_issuer_key(&mut self, digest: [u8; 32]) -> Result<(), PurseError> {
        self.state.pinned = Some(digest);
        // What is believed of the old key is of no use with the new one.
        self.state.issuance = self.state.issuance.take().filter(|known| key_digest(known.issuer_key()) == digest);
        self.save()
    }

    /// The pseudonyms that have not expired.
    pub fn pseudonyms(&self) -> impl Iterator<Item = PseudonymView> + '_ {
        self.state.pseudonyms.iter().map(state::Held::view)
    }

    /// How many unused pseudonyms there are for a tap at `time`.
    pub fn left(&self, time: Time) -> usize {
        self.unused_at(time).count()
    }

    /// Requests that wait for their answer, oldest first.
    pub fn pending(&self) -> &[PendingRequest] {
        &self.state.pending
    }

    /// The last taps, oldest first; the last 1,000 are remembered.
    pub fn taps(&self) -> &[PastTap] {
        &self.state.taps
    }

    /// Erases every key that is not used any more at `now`.
    ///
    /// # Errors
    /// [`PurseError`] when that could not be kept.
    pub fn erase_used(&mut self, now: Time) -> Result<(), PurseError> {
        self.state.sweep(now);
        self.save()
    }

    /// Gives the store back.
    pub fn into_store(self) -> P {
        self.store
    }

    fn save(&mut self) -> Result<(), PurseError> {
        self.store.write(&self.state.encode())
    }
}

impl<S: Suite, C, P> fmt::Debug for Purse<'_, S, C, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Purse").field("pseudonyms", &self.state.pseudonyms.len()).finish_non_exhaustive()
    }
}

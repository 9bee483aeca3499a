//! One entry of the journal, as it lies in flash.

use sha2::{Digest, Sha256};
use symbolon_ccks::CredentialDigest;
use symbolon_ccks::wire::U32;
use symbolon_tap::voucher::Unit;
use symbolon_tap::{Flags, Record};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Entry, TakenVoucher};

/// From one entry to the next, bytes.
pub(super) const ENTRY_SIZE: u32 = 256;
/// Where an entry has its presentation's counter, after the kind, the number, the terms and the version.
pub(super) const COUNTER_OFFSET: u32 = 1 + 4 + 50 + 1;
/// For how long after its time a code's entry keeps its page from being erased, seconds: for as long as the code can
/// be shown again, by a clock that is a little behind.
const CODE_KEPT_SECONDS: u64 = 70;

/// An entry, 256 bytes.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct KeptEntry {
    kind: u8,
    number: U32,
    record: [u8; Record::SIZE],
    sequence: U32,
    quantity: U32,
    unit: u8,
    zero: u8,
    previous: [u8; 16],
    digest: [u8; 16],
}

const TAP: u8 = 1;
const TAP_WITH_VOUCHER: u8 = 2;

impl KeptEntry {
    /// The entry of this number, after the one with the digest `previous`.
    pub(super) fn new(number: u32, entry: &Entry, previous: [u8; 16]) -> Self {
        let (kind, sequence, quantity, unit) = match entry.voucher() {
            None => (TAP, 0, 0, 0),
            Some(voucher) => (TAP_WITH_VOUCHER, voucher.sequence(), voucher.quantity(), voucher.unit() as u8),
        };
        let mut kept = Self {
            kind,
            number: number.into(),
            record: *entry.record().as_bytes(),
            sequence: sequence.into(),
            quantity: quantity.into(),
            unit,
            zero: 0,
            previous,
            digest: [0; 16],
        };
        kept.digest = kept.seal();
        kept
    }

    /// Reads an entry; `None` for what is none, torn, or damaged.
    pub(super) fn read(bytes: &[u8; ENTRY_SIZE as usize]) -> Option<Self> {
        let kept = Self::read_from_bytes(bytes).ok()?;
        let has_voucher = match (kept.kind, kept.unit, kept.zero) {
            (TAP, 0, 0) => false,
            (TAP_WITH_VOUCHER, 1 | 2, 0) => true,
            _ => return None,
        };
        let is_whole = kept.seal() == kept.digest && Record::parse(&kept.record).is_ok();
        (is_whole && has_voucher == kept.voucher().is_some()).then_some(kept)
    }

    /// The first 16 bytes of SHA-256 of everything before; the one before is in it, so that entries are a chain.
    fn seal(&self) -> [u8; 16] {
        let bytes = self.as_bytes();
        let covered = bytes.len().saturating_sub(16);
        let hash =
            Sha256::new_with_prefix(b"SYMBOLON-V1-JOURNAL").chain_update(bytes.get(..covered).unwrap_or_default());
        let mut digest = [0; 16];
        digest.iter_mut().zip(hash.finalize()).for_each(|(place, byte)| *place = byte);
        digest
    }

    pub(super) fn number(&self) -> u32 {
        self.number.get()
    }

    pub(super) fn digest(&self) -> [u8; 16] {
        self.digest
    }

    pub(super) fn previous(&self) -> [u8; 16] {
        self.previous
    }

    pub(super) fn record_bytes(&self) -> &[u8; Record::SIZE] {
        &self.record
    }

    pub(super) fn record(&self) -> Option<&Record> {
        Record::parse(&self.record).ok()
    }

    pub(super) fn voucher(&self) -> Option<TakenVoucher> {
        let unit = [Unit::WattHours, Unit::Litres].into_iter().find(|unit| *unit as u8 == self.unit)?;
        Some(TakenVoucher::new(unit, self.sequence.get(), self.quantity.get()))
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        self.record().map(|record| Entry::new(*record, self.voucher()))
    }

    /// The first bytes of the authority's id, as the holder's credential has them.
    pub(super) fn prefix(&self) -> [u8; 8] {
        self.record().map_or([0; 8], |record| record.presentation().holder().identity().authority_prefix())
    }

    pub(super) fn is_of(&self, credential: &CredentialDigest, counter: u32) -> bool {
        self.record().is_some_and(|record| {
            let presentation = record.presentation();
            presentation.counter() == counter && presentation.holder().digest() == *credential
        })
    }

    /// Whether this is a code that was shown on a screen.
    pub(super) fn is_code(&self) -> bool {
        self.record().is_some_and(|record| record.terms().flags() != Flags::Tap)
    }

    /// Whether this is a code that could still be shown again at `time_seconds`.
    pub(super) fn is_live_code(&self, time_seconds: u64) -> bool {
        let time = self.record().map(|record| record.terms().time().seconds());
        self.is_code() && time.is_some_and(|time| time_seconds < time.saturating_add(CODE_KEPT_SECONDS))
    }

    /// The number in the terminal's half of the nonce.
    pub(super) fn nonce_number(&self) -> u32 {
        let [a, b, c, d, ..] = self.record().map_or([0; 8], |record| record.terms().terminal_nonce());
        u32::from_be_bytes([a, b, c, d])
    }
}

const _: () = assert!(size_of::<KeptEntry>() == ENTRY_SIZE as usize);

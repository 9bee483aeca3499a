//! Receipts: what an accepted tap is answered with.

use rand_core::CryptoRng;
use symbolon_ccks::{Signature, Suite, Time};
use symbolon_tap::{Outcome, Presentation, Receipt, Record, SignRefused};

use super::Terminal;
use crate::{Accepted, Clock, Reason, Storage};

/// A receipt and the terminal's signature over it, 106 bytes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    signature: Signature,
}

impl SignedReceipt {
    /// Length in bytes.
    pub const SIZE: usize = Receipt::SIZE + Signature::SIZE;

    /// What is signed.
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The terminal's signature (purpose 5).
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The 106 bytes: the receipt, then the signature.
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let parts = self.receipt.as_bytes().iter().chain(self.signature.as_bytes());
        bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = *byte);
        bytes
    }
}

impl<S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'_, S, C, R, T> {
    /// The receipt of an accepted tap; of a meter's, that it took the credit.
    ///
    /// # Errors
    /// [`SignRefused`] in the one case in 2^128 that another try helps, or when the authority that the tap was under has
    /// been dropped since.
    #[inline(never)]
    pub fn receipt(&mut self, accepted: &Accepted) -> Result<SignedReceipt, SignRefused> {
        self.sign_receipt(accepted.record(), accepted.outcome(), accepted.time())
    }

    /// The receipt of a tap that the journal has, once more: for a card that repeats its answer since the power failed
    /// before the receipt reached it. Nothing is accepted anew, so that no gate opens twice for it.
    ///
    /// # Errors
    /// [`Reason::Malformed`] for what is no presentation, [`Reason::NoChallenge`] when the journal does not have just
    /// this one, [`Reason::OutOfOrder`] when it cannot be read or the receipt not be signed.
    #[inline(never)]
    pub fn again(&mut self, presentation: &[u8]) -> Result<SignedReceipt, Reason> {
        let presentation = Presentation::parse(presentation).map_err(|_| Reason::Malformed)?;
        let kept = self.devices.storage.find(&presentation.holder().digest(), presentation.counter());
        let kept = kept.map_err(|_| Reason::OutOfOrder)?.ok_or(Reason::NoChallenge)?;
        if kept.record().presentation() != presentation {
            return Err(Reason::NoChallenge);
        }
        let outcome = if kept.voucher().is_some() { Outcome::Credited } else { Outcome::Accepted };
        let time = self.time().unwrap_or(kept.record().terms().time());
        self.sign_receipt(kept.record(), outcome, time).map_err(|_| Reason::OutOfOrder)
    }

    fn sign_receipt(&mut self, record: &Record, outcome: Outcome, time: Time) -> Result<SignedReceipt, SignRefused> {
        let receipt = Receipt::new(record, outcome, time);
        let random = self.fresh();
        let prefix = record.presentation().holder().identity().authority_prefix();
        let domain = self.domain(&prefix).ok_or(SignRefused::NoTerminal)?;
        let signature = receipt.sign(domain.key, &random)?;
        Ok(SignedReceipt { receipt, signature })
    }
}

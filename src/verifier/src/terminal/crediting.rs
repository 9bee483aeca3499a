//! Vouchers: credit that a card carries to a meter.

use rand_core::CryptoRng;
use symbolon_ccks::{Suite, Time};
use symbolon_tap::Kind;
use symbolon_tap::voucher::SignedVoucher;

use super::{Asked, ChallengeRefused, Request, Terminal};
use crate::{Clock, Reason, Storage, TakenVoucher};

impl<S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'_, S, C, R, T> {
    /// Asks the card that answered with `select` to sign for the voucher that it carries, 109 bytes: a tap of kind 4
    /// whose reference is the voucher's digest. When that is accepted the voucher is taken, and
    /// [`Accepted::credited`](crate::Accepted::credited) says what to credit.
    ///
    /// The voucher is checked whole before anything is asked: that the authority sold it (this one, or the other of two
    /// that are live), for this meter, that it has not expired, and was not taken before.
    ///
    /// # Errors
    /// [`ChallengeRefused`]; an earlier challenge stays open.
    #[inline(never)]
    pub fn challenge_voucher(&mut self, select: &[u8], voucher: &[u8]) -> Result<Asked, ChallengeRefused> {
        let now = self.time().map_err(ChallengeRefused::Clock)?;
        let select = self.check_select(select, now).map_err(ChallengeRefused::Card)?;
        let signed = SignedVoucher::parse(voucher);
        let signed = signed.map_err(|_| ChallengeRefused::Voucher(Reason::VoucherRefused))?;
        self.check_voucher(signed, now).map_err(ChallengeRefused::Voucher)?;
        let voucher = signed.voucher();
        let taken = TakenVoucher::new(voucher.unit(), voucher.sequence(), voucher.quantity());
        let request =
            Request { kind: Kind::Credit, sector: voucher.sector(), amount: 0, reference: signed.reference() };
        self.ask(select, &request, now, Some(taken))
    }

    /// The claims first, then the signature: the answer changes nothing.
    fn check_voucher(&self, signed: &SignedVoucher, now: Time) -> Result<(), Reason> {
        let voucher = signed.voucher();
        if *voucher.meter() != self.credential().identity().subject() {
            return Err(Reason::VoucherOtherMeter);
        }
        if voucher.not_after() <= now {
            return Err(Reason::VoucherExpired);
        }
        if !self.devices.storage.vouchers().takes(voucher.sequence()) {
            return Err(Reason::VoucherUsed);
        }
        let mut sellers = self.domains().filter(|domain| domain.is_in_use(now));
        if sellers.any(|domain| signed.verify(domain.authority).is_ok()) { Ok(()) } else { Err(Reason::VoucherRefused) }
    }
}

//! What the port asks of a terminal and its store: state, uploads, time, and the next tap.
//!
//! Each answer has a frame of its own (`inline(never)`): put into one function they would all lie on the stack at once,
//! and a device's is small.

use rand_core::CryptoRng;
use symbolon_ccks::{Sector, Suite, Time};
use symbolon_tap::apdu::Status;
use symbolon_tap::apdu::port::{Ask, MeterCredit, PendingUpload, TerminalStatus, TerminalStatusFields, UPLOAD_BLOCK};
use symbolon_tap::voucher::Unit;
use symbolon_tap::{Acknowledgement, Flags, Kind, Terms, TermsFields};

use super::{MOST_UPLOADED, Reply, SettableClock};
use crate::flash::{DeviceFlash, FlashError, FlashStore};
use crate::reader::Wanted;
use crate::{Request, Storage, Terminal};

/// The status that a failure of the store is answered with.
pub(super) fn status_of(error: FlashError) -> Status {
    match error {
        FlashError::Device | FlashError::Layout => Status::MemoryFailed,
        FlashError::Full | FlashError::TooLarge | FlashError::TwoLive => Status::NoRoom,
        FlashError::Malformed(_) | FlashError::Parts | FlashError::Parameters | FlashError::WrongSuite => {
            Status::WrongData
        }
        FlashError::BadSignature
        | FlashError::OtherUpload
        | FlashError::OtherAuthority
        | FlashError::OtherSuccessor => Status::NotAuthentic,
        FlashError::NotBegun
        | FlashError::OutOfOrder
        | FlashError::NotNewer
        | FlashError::SequenceJump
        | FlashError::AlreadyThere
        | FlashError::NotInUse
        | FlashError::Unacknowledged
        | FlashError::VoucherTaken => Status::NotNow,
        FlashError::NoUpload => Status::NotFound,
        FlashError::Exhausted | FlashError::Sign(_) => Status::Failed,
    }
}

impl<'a, S: Suite, C: SettableClock, R: CryptoRng, F: DeviceFlash> Terminal<'a, S, C, R, FlashStore<'a, F>> {
    #[inline(never)]
    pub(super) fn status(&mut self) -> Result<TerminalStatus, Status> {
        const NEVER: u64 = 0;
        let store = &self.devices.storage;
        let (records, room) = (store.unacknowledged().map_err(status_of)?, store.room().map_err(status_of)?);
        let trust = self.first.trust.as_ref();
        let live = 1_u8.saturating_add(u8::from(self.second.is_some()));
        Ok(TerminalStatus::new(TerminalStatusFields {
            authorities: live,
            upload_pending: store.upload().is_some(),
            clock_wrong: self.time().is_err(),
            full: room == 0,
            second_successor: store.has_second_successor(),
            terminal: self.credential().identity().subject(),
            time: self.devices.clock.now(),
            authority_prefix: self.first.id().prefix(),
            bundle_sequence: trust.map_or(0, |trust| trust.header().sequence()),
            bundle_issued_at: match trust {
                Some(trust) => trust.issued_at(),
                None => Time::new(NEVER).map_err(|_| Status::Failed)?,
            },
            parts_held: trust.and_then(|trust| trust.parts_held().try_into().ok()).unwrap_or_default(),
            parts: trust.map_or(0, |trust| trust.header().parts()),
            records,
            room,
        }))
    }

    /// A meter is a terminal for water or power that takes credit.
    #[inline(never)]
    pub(super) fn meter_credit(&self) -> Result<MeterCredit, Status> {
        let sectors = self.sectors(&self.first);
        let counted = [Sector::Power, Sector::Water].into_iter().find(|sector| sectors.contains(*sector));
        let unit = counted.and_then(Unit::of).filter(|_| self.policy.kinds.contains(Kind::Credit));
        let unit = unit.ok_or(Status::NotFound)?;
        let vouchers = self.devices.storage.vouchers();
        Ok(MeterCredit::new(unit, vouchers.highest(), vouchers.total(unit)))
    }

    /// Never before the latest time that the authority has signed; whatever else it is set to, that still counts.
    #[inline(never)]
    pub(super) fn set_clock(&mut self, time: Time) -> Result<Reply, Status> {
        if self.devices.storage.clock_floor().is_some_and(|floor| time < floor) {
            return Err(Status::NotNow);
        }
        self.devices.clock.set(time).map_err(|_| Status::Failed)?;
        Ok(Reply::Done)
    }

    /// The upload that waits, or the next one: of the older authority's taps first.
    #[inline(never)]
    pub(super) fn which_upload(&mut self) -> Result<PendingUpload, Status> {
        let random = self.fresh();
        let keys = [Some(self.first.key), self.second.as_ref().map(|second| second.key)];
        for key in keys.into_iter().flatten() {
            let cut = self.devices.storage.cut_upload(key, &random, MOST_UPLOADED).map_err(status_of)?;
            if let Some(upload) = cut {
                return Ok(PendingUpload::new(upload.length(), *upload.digest()));
            }
        }
        Err(Status::NotFound)
    }

    #[inline(never)]
    pub(super) fn read_upload(&mut self, block: u16, data: &mut [u8; UPLOAD_BLOCK]) -> Result<Reply, Status> {
        let offset = u32::from(block).saturating_mul(UPLOAD_BLOCK as u32);
        match self.devices.storage.read_upload(offset, data).map_err(status_of)? {
            0 => Err(Status::NotFound),
            length => Ok(Reply::Data(length)),
        }
    }

    #[inline(never)]
    pub(super) fn take_acknowledgement(
        &mut self,
        acknowledgement: &[u8; Acknowledgement::SIZE],
        signature: &[u8; symbolon_ccks::Signature::SIZE],
    ) -> Result<Reply, Status> {
        let upload = self.devices.storage.upload().ok_or(Status::NotFound)?;
        let domain = self.domain(&upload.authority().prefix()).ok_or(Status::NotAuthentic)?;
        let authority = domain.authority;
        let mut signed = [0; Acknowledgement::SIZE + symbolon_ccks::Signature::SIZE];
        let bytes = acknowledgement.iter().chain(signature);
        signed.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.devices.storage.acknowledge(authority, &signed).map_err(status_of)?;
        Ok(Reply::Done)
    }

    /// What the next tap may be told to ask for: what this terminal does.
    #[inline(never)]
    pub(super) fn check_ask(&self, ask: &Ask) -> Result<Wanted, Status> {
        let (kind, sector) = (ask.kind(), ask.sector());
        if !self.policy.kinds.contains(kind) || !self.sectors(&self.first).contains(sector) {
            return Err(Status::NotNow);
        }
        let terms = Terms::new(TermsFields {
            kind,
            sector,
            flags: Flags::Tap,
            nonce: [0; 16],
            time: self.devices.clock.now(),
            amount: ask.amount(),
            currency: self.credential().identity().currency(),
            reference: *ask.reference(),
        });
        let terms = terms.map_err(|_| Status::WrongData)?;
        let (amount, reference) = (terms.amount(), *terms.reference());
        Ok(match kind {
            // Credit is what a voucher says, so that is what is asked for.
            Kind::Credit => Wanted::Voucher,
            _ => Wanted::Tap(Request { kind, sector, amount, reference }),
        })
    }
}

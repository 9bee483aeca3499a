//! What is brought in pieces: trust bundles, and the parameters of a successor.
//!
//! Each answer has a frame of its own, as in [`super::answers`].

use rand_core::CryptoRng;
use symbolon_ccks::{AuthorityId, Suite};
use symbolon_tap::Successor;
use symbolon_tap::apdu::Status;
use symbolon_tap::apdu::port::Piece;

use super::answers::status_of;
use super::{Reply, SettableClock};
use crate::flash::{DeviceFlash, FlashStore};
use crate::{BundleRefused, DropRefused, StorageError, Terminal};

/// Where a bundle's header has the id of its authority.
const AUTHORITY_OFFSET: usize = 4;

/// Whose a bundle says to be that begins so.
pub(super) fn authority_of(first_piece: &[u8]) -> Option<[u8; 32]> {
    let (_, rest) = first_piece.split_at_checked(AUTHORITY_OFFSET)?;
    rest.first_chunk().copied()
}

fn status_of_bundle(refused: BundleRefused) -> Status {
    match refused {
        BundleRefused::Malformed(_) | BundleRefused::Parts => Status::WrongData,
        BundleRefused::Unreadable | BundleRefused::Storage(StorageError::Failed) => Status::MemoryFailed,
        BundleRefused::Storage(StorageError::Full) => Status::NoRoom,
        BundleRefused::OtherAuthority | BundleRefused::BadSignature | BundleRefused::OtherSectors => {
            Status::NotAuthentic
        }
        BundleRefused::NotNewer | BundleRefused::SequenceJump | BundleRefused::FromTheFuture => Status::NotNow,
    }
}

impl<'a, S: Suite, C: SettableClock, R: CryptoRng, F: DeviceFlash> Terminal<'a, S, C, R, FlashStore<'a, F>> {
    #[inline(never)]
    pub(super) fn begin_bundle(&mut self, parts: u8) -> Result<Reply, Status> {
        self.devices.storage.begin_bundle(parts).map_err(status_of)?;
        Ok(Reply::Done)
    }

    #[inline(never)]
    pub(super) fn write_bundle(&mut self, piece: &Piece<'_>) -> Result<Reply, Status> {
        self.devices.storage.write_bundle(piece.offset(), piece.bytes()).map_err(status_of)?;
        Ok(Reply::Done)
    }

    /// Verifies the bundle whole and uses it from now on; what is wrong with it leaves the one before.
    #[inline(never)]
    pub(super) fn finish_bundle(&mut self, authority: Option<[u8; 32]>) -> Result<Reply, Status> {
        let id = AuthorityId::from_bytes(authority.ok_or(Status::NotNow)?);
        let domain = self.domains().find(|domain| *domain.id() == id).ok_or(Status::NotAuthentic)?;
        let authority = domain.authority;
        let parts = self.devices.storage.finish_bundle(authority).map_err(status_of)?;
        self.install(parts.as_slice()).map_err(status_of_bundle)?;
        Ok(Reply::Done)
    }

    #[inline(never)]
    pub(super) fn begin_authority(&mut self, successor: &[u8; Successor::SIZE]) -> Result<Reply, Status> {
        let successor = Successor::parse(successor).map_err(|_| Status::WrongData)?;
        let present = self.domains().find(|domain| domain.id() == successor.authority());
        let present = present.ok_or(Status::NotAuthentic)?.authority;
        self.devices.storage.begin_authority(present, successor).map_err(status_of)?;
        Ok(Reply::Done)
    }

    #[inline(never)]
    pub(super) fn write_authority(&mut self, piece: &Piece<'_>) -> Result<Reply, Status> {
        self.devices.storage.write_authority(piece.offset(), piece.bytes()).map_err(status_of)?;
        Ok(Reply::Done)
    }

    /// Verifies the parameters and holds them. The device takes the authority up once it has a key under it.
    #[inline(never)]
    pub(super) fn finish_authority(&mut self) -> Result<Reply, Status> {
        self.devices.storage.finish_authority::<S>().map_err(status_of)?;
        Ok(Reply::Done)
    }

    /// Drops the older authority, once the other is in use and everything taken under the older is acknowledged.
    #[inline(never)]
    pub(super) fn drop_authority(&mut self) -> Result<Reply, Status> {
        let now = self.latest_time();
        let is_followed = self.second.as_ref().is_some_and(|second| second.is_in_use(now));
        if !is_followed {
            return Err(Status::NotNow);
        }
        let id = *self.first.id();
        self.devices.storage.drop_authority(&id).map_err(status_of)?;
        match self.drop_domain(&id) {
            Ok(()) => Ok(Reply::Done),
            Err(DropRefused::NotLive | DropRefused::NothingInItsPlace) => Err(Status::Failed),
        }
    }
}

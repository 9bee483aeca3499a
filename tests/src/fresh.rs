//! The storage of a terminal that has just been made.

use symbolon_ccks::{AuthorityId, CredentialDigest, Time};
use symbolon_verifier::{BundleMark, Entry, Storage, StorageError, VoucherWindow};

/// Takes everything and keeps nothing: for a terminal that decides on one case and is thrown away.
#[derive(Clone, Copy, Debug)]
pub struct Fresh;

impl Storage for Fresh {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        Ok(0)
    }

    fn append(&mut self, _: &Entry) -> Result<(), StorageError> {
        Ok(())
    }

    fn find(&mut self, _: &CredentialDigest, _: u32) -> Result<Option<Entry>, StorageError> {
        Ok(None)
    }

    fn vouchers(&self) -> VoucherWindow {
        VoucherWindow::default()
    }

    fn bundle_mark(&self, _: &AuthorityId) -> Option<BundleMark> {
        None
    }

    fn keep_bundle_mark(&mut self, _: &AuthorityId, _: BundleMark) -> Result<(), StorageError> {
        Ok(())
    }

    fn clock_floor(&self) -> Option<Time> {
        None
    }

    fn raise_clock_floor(&mut self, _: Time) -> Result<(), StorageError> {
        Ok(())
    }
}

//! The lines between the service's roles, on which calls and answers get lost.

use super::draws::{Draws, Stream};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use symbolon_ccks::{CredentialDigest, Name, Subject};
use symbolon_pseudonym::{AccountHandle, SealingKey};
use symbolon_service::{
    ServiceError,
    links::{
        Binding, ClearingLink, DeliveredVoucher, KnownCredential, OpenedSubject, PostingBatch, PublishedSeeds,
        RegistryLink, Reservation, ServiceRole, VoucherPayment,
    },
};
use symbolon_store::records::IssuedRecord;
use tonic::async_trait;

/// Of a hundred calls, so many are lost, and the answers of so many.
const LOST_CALLS: u64 = 4;
const LOST_ANSWERS: u64 = 4;

/// What a test has go wrong, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "only tests tamper"))]
pub(super) enum Tampering {
    /// Every batch of charges is posted a second time, as another one.
    PostTwice,
    /// Batches of charges are said to be posted, and are not.
    PostNothing,
    /// Cards that were misused are said to be suspended, and are not.
    SuspendNobody,
    /// A terminal's flash loses the journal.
    LoseJournal,
    /// An amount in the ledger is changed by hand, past every trigger.
    ChangeAmount,
    /// Proofs of misuse are deleted by hand.
    ForgetProofs,
    /// Meters are thought to credit nothing.
    CreditNothing,
    /// An upload that never came is said to have come before.
    SayRepeated,
    /// What is given back to holders is not noted.
    ForgetRefunds,
    /// Journeys that are voided are not noted.
    ForgetVoids,
}

/// How good the lines are.
pub(super) struct Lines {
    draws: Mutex<Draws>,
    is_calm: AtomicBool,
    tampering: Option<Tampering>,
}

enum Weather {
    Good,
    CallLost,
    AnswerLost,
}

impl Lines {
    pub(super) fn new(seed: u64, generation: u8, tampering: Option<Tampering>) -> Self {
        let draws = Mutex::new(Draws::new(seed, Stream::Lines(generation)));
        Self { draws, is_calm: AtomicBool::new(true), tampering }
    }

    /// Has nothing get lost, or something.
    pub(super) fn calm(&self, is_calm: bool) {
        self.is_calm.store(is_calm, Ordering::SeqCst);
    }

    fn weather(&self) -> Weather {
        if self.is_calm.load(Ordering::SeqCst) {
            return Weather::Good;
        }
        match self.draws.lock().unwrap_or_else(PoisonError::into_inner).below(100) {
            drawn if drawn < LOST_CALLS => Weather::CallLost,
            drawn if drawn < LOST_CALLS + LOST_ANSWERS => Weather::AnswerLost,
            _ => Weather::Good,
        }
    }

    async fn carry<T>(
        &self,
        to: ServiceRole,
        call: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        match self.weather() {
            Weather::Good => call.await,
            Weather::CallLost => Err(ServiceError::RoleUnavailable(to)),
            Weather::AnswerLost => {
                // It was done or refused; who asked cannot know.
                drop(call.await);
                Err(ServiceError::RoleUnavailable(to))
            }
        }
    }
}

/// A role at the other end of a line.
pub(super) struct Wired<L> {
    pub(super) lines: Arc<Lines>,
    pub(super) to: L,
}

#[async_trait]
impl<L: ClearingLink> ClearingLink for Wired<L> {
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.open_account(account, issuer, currency)).await
    }

    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.account_fits(account, issuer, currency)).await
    }

    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.reserve(reservation)).await
    }

    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.release(reservation, count)).await
    }

    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.bind(bindings)).await
    }

    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        match self.lines.tampering {
            Some(Tampering::PostNothing) => return Ok(()),
            Some(Tampering::PostTwice) => {
                let id = batch.id.map(|byte| !byte);
                self.to.post(PostingBatch { id, ..batch.clone() }).await?;
            }
            _ => {}
        }
        self.lines.carry(ServiceRole::Clearing, self.to.post(batch)).await
    }

    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.pay_voucher(payment)).await
    }

    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.open_subject(case, subject)).await
    }

    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError> {
        self.lines.carry(ServiceRole::Clearing, self.to.export(account, holder)).await
    }
}

#[async_trait]
impl<L: RegistryLink> RegistryLink for Wired<L> {
    async fn credentials(&self, digests: Vec<CredentialDigest>) -> Result<Vec<Option<KnownCredential>>, ServiceError> {
        self.lines.carry(ServiceRole::Attester, self.to.credentials(digests)).await
    }

    async fn suspend(&self, misused: CredentialDigest) -> Result<(), ServiceError> {
        if self.lines.tampering == Some(Tampering::SuspendNobody) {
            return Ok(());
        }
        self.lines.carry(ServiceRole::Attester, self.to.suspend(misused)).await
    }

    async fn issued_line(&self, digest: CredentialDigest) -> Result<Vec<IssuedRecord>, ServiceError> {
        self.lines.carry(ServiceRole::Attester, self.to.issued_line(digest)).await
    }

    async fn published_seeds(&self) -> Result<Vec<PublishedSeeds>, ServiceError> {
        self.lines.carry(ServiceRole::Attester, self.to.published_seeds()).await
    }

    async fn delivered(&self, vouchers: Vec<DeliveredVoucher>) -> Result<(), ServiceError> {
        self.lines.carry(ServiceRole::Attester, self.to.delivered(vouchers)).await
    }
}

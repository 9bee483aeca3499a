//! The line between the attester and the other roles, which is watched and can be cut.

use std::sync::{Arc, Mutex};

use symbolon_ccks::{LinkageSeed, Name, P256, Period, Subject};
use symbolon_pseudonym::{AccountHandle, LinkageHandle, SealedValue, SealingKey};
use symbolon_service::{
    ServiceError,
    clearing::Clearing,
    issuer::Issuer,
    linkage::Linkage,
    links::{
        ArchivedPseudonym, Binding, ClearingLink, IssueItem, IssuerLink, ItemOutcome, LinkageHolding, LinkageLink,
        OpenedSubject, PostingBatch, Reservation, ServiceRole, TraceToken, ValuesRequest, VoucherPayment,
    },
};
use symbolon_store::SqliteStore;
use tonic::async_trait;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It gets lost before it arrives.
    Call,
    /// Its answer gets lost.
    Answer,
    /// The attester stops before it arrives.
    Before,
    /// The attester stops before the answer does.
    After,
}

impl Lost {
    pub(super) const ALL: [Self; 4] = [Self::Call, Self::Answer, Self::Before, Self::After];
}

/// What passes between the attester and the other roles.
#[derive(Default)]
pub(super) struct Line {
    /// Calls until one is lost.
    cut: Mutex<Option<(usize, Lost)>>,
    /// Tells that the attester is to stop.
    pub(super) stop: tokio::sync::Notify,
    /// A role that does not answer at all.
    pub(super) away: Mutex<Option<ServiceRole>>,
    /// Each call's name.
    pub(super) calls: Mutex<Vec<&'static str>>,
    /// What the issuer was passed, batch by batch.
    pub(super) passed: Mutex<Vec<Vec<IssueItem>>>,
    pub(super) reservations: Mutex<Vec<Reservation>>,
    pub(super) values: Mutex<Vec<ValuesRequest>>,
}

impl Line {
    pub(super) fn cut(&self, after: usize, lost: Lost) {
        *self.cut.lock().unwrap() = Some((after, lost));
    }

    /// Whether the cut has happened.
    pub(super) fn mend(&self) -> bool {
        self.cut.lock().unwrap().take().is_none()
    }

    async fn carry<T>(
        &self,
        role: ServiceRole,
        call: &'static str,
        answer: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        self.calls.lock().unwrap().push(call);
        let lost = {
            let mut cut = self.cut.lock().unwrap();
            match *cut {
                Some((0, lost)) => {
                    *cut = None;
                    Some(lost)
                }
                Some((calls, lost)) => {
                    *cut = Some((calls - 1, lost));
                    None
                }
                None => None,
            }
        };
        if lost == Some(Lost::Before) {
            self.stopped().await;
        }
        if lost == Some(Lost::Call) || *self.away.lock().unwrap() == Some(role) {
            return Err(ServiceError::RoleUnavailable(role));
        }
        let answer = answer.await;
        if lost == Some(Lost::After) {
            self.stopped().await;
        }
        if lost == Some(Lost::Answer) { Err(ServiceError::RoleUnavailable(role)) } else { answer }
    }

    /// Never goes on.
    async fn stopped(&self) {
        self.stop.notify_one();
        std::future::pending::<()>().await;
    }
}

/// A role at the other end of the line.
pub(super) struct Wired<L> {
    pub(super) line: Arc<Line>,
    pub(super) role: ServiceRole,
    pub(super) to: L,
}

#[async_trait]
impl LinkageLink for Wired<Linkage<SqliteStore>> {
    async fn values(&self, request: ValuesRequest) -> Result<Vec<SealedValue>, ServiceError> {
        self.line.values.lock().unwrap().push(request.clone());
        self.line.carry(self.role, "values", self.to.values(request)).await
    }
    async fn reveal(&self, handle: LinkageHandle, from: Period) -> Result<Option<(Period, LinkageSeed)>, ServiceError> {
        self.line.carry(self.role, "reveal", self.to.reveal(handle, from)).await
    }
    async fn holding(&self, handle: LinkageHandle) -> Result<Option<LinkageHolding>, ServiceError> {
        self.line.carry(self.role, "holding", self.to.holding(handle)).await
    }
}

#[async_trait]
impl IssuerLink for Wired<Issuer<P256, SqliteStore>> {
    async fn issue(&self, items: Vec<IssueItem>) -> Result<Vec<ItemOutcome>, ServiceError> {
        self.line.passed.lock().unwrap().push(items.clone());
        self.line.carry(self.role, "issue", self.to.issue(items)).await
    }
    async fn archived(
        &self,
        subject: Subject,
        case: &str,
        token: TraceToken,
    ) -> Result<Option<ArchivedPseudonym>, ServiceError> {
        self.line.carry(self.role, "archived", self.to.archived(subject, case, token)).await
    }
}

#[async_trait]
impl ClearingLink for Wired<Clearing<SqliteStore>> {
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError> {
        self.line.carry(self.role, "open_account", self.to.open_account(account, issuer, currency)).await
    }
    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError> {
        self.line.carry(self.role, "account_fits", self.to.account_fits(account, issuer, currency)).await
    }
    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError> {
        self.line.reservations.lock().unwrap().push(reservation.clone());
        self.line.carry(self.role, "reserve", self.to.reserve(reservation)).await
    }
    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError> {
        self.line.carry(self.role, "release", self.to.release(reservation, count)).await
    }
    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        self.line.carry(self.role, "bind", self.to.bind(bindings)).await
    }
    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        self.line.carry(self.role, "post", self.to.post(batch)).await
    }
    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError> {
        self.line.carry(self.role, "pay_voucher", self.to.pay_voucher(payment)).await
    }
    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError> {
        self.line.carry(self.role, "open_subject", self.to.open_subject(case, subject)).await
    }
    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError> {
        self.line.carry(self.role, "export", self.to.export(account, holder)).await
    }
}

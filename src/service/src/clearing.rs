//! Clearing: keeps the ledger, sets money aside for pseudonyms, and posts what the exchange settled.
//!
//! It knows accounts by handles that say nothing of a card. Of a card's own transactions it learns each one; of
//! pseudonyms only what each owes for a whole batch, and what operators earned by all of them together: neither a place
//! nor a minute. Who pays for a pseudonym it learns from the tag that the attester sealed for it, by way of the issuer.

mod cases;
mod export;
mod posting;
mod setting_aside;
mod vouchers;

pub(crate) use self::cases::check_number as check_case_number;

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use symbolon_ccks::{Name, Subject, Time};
use symbolon_pseudonym::{AccountHandle, PairwiseKey, SealingKey};
use symbolon_store::{
    Listed, Page, Store, Transaction,
    records::{AccountKind, AccountName, AccountRecord, CaseRecord, ReservationRecord},
};
use tonic::async_trait;
use zeroize::Zeroizing;

use crate::{
    Context, ServiceError,
    links::{Binding, ClearingLink, OpenedSubject, PostingBatch, Reservation, VoucherPayment},
};

/// How long a batch of the exchange may be repeated after the longest wait, while clearing or the network was away.
const REPEATS_SECONDS: u64 = 24 * 3_600;

/// The keys of the clearing role; erased from memory when dropped.
pub struct ClearingKeys {
    /// Shared with the attester: opens tags.
    pub attester: PairwiseKey,
    /// Shared with the issuer: shows it that a case was approved.
    pub trace: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for ClearingKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClearingKeys(..)")
    }
}

/// The clearing role.
#[derive(Clone)]
pub struct Clearing<D> {
    context: Context<D>,
    keys: Arc<ClearingKeys>,
}

impl<D: Store> Clearing<D> {
    /// The use cases on clearing's own store.
    pub fn new(context: Context<D>, role_keys: ClearingKeys) -> Self {
        Self { context, keys: Arc::new(role_keys) }
    }

    /// What page tokens are made with: the same in every process of this role.
    pub(crate) fn page_key(&self) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.keys.trace.as_slice()).expect("HMAC takes keys of every length");
        mac.update(b"SYMBOLON-V1-PAGE-TOKENS");
        mac.finalize().into_bytes().into()
    }

    /// Notes that an officer of clearing approves that a pseudonym be opened in a case; returns until when it holds.
    /// Approving again begins anew.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] for a case number that is none; [`ServiceError::NotFound`] when clearing does not
    /// know, or no longer knows, who pays for the pseudonym.
    pub async fn approve(&self, case: &str, subject: Subject, officer: &Name) -> Result<Time, ServiceError> {
        cases::check_number(case)?;
        let (case, officer, now) = (case.to_owned(), *officer, self.context.now());
        self.context.store().write(move |unit| cases::approve(unit, &case, subject, officer, now)).await?;
        Ok(now.saturating_add(self.context.policy().pseudonyms.approval_seconds))
    }

    /// Everything that was approved and opened here, oldest first.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn cases(&self, page: Page) -> Result<Vec<Listed<CaseRecord>>, ServiceError> {
        self.context.store().read(move |unit| Ok(unit.case_events(None, page)?)).await
    }

    /// Forgets who pays for pseudonyms of which no more records can come, and batches that will not be repeated; returns
    /// how many pseudonyms were forgotten.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn forget_old(&self, now: Time) -> Result<u64, ServiceError> {
        let policy = self.context.policy();
        // What came at the last moment may wait for its batch, and the batch for us.
        let ended = now.saturating_sub(policy.pseudonyms.charging.delay_seconds + REPEATS_SECONDS);
        let posted = now.saturating_sub(policy.request_memory_seconds);
        let forget = move |unit: &mut dyn Transaction| {
            unit.forget_reservations_until(ended)?;
            unit.forget_posted_batches_before(posted)?;
            Ok(unit.forget_bindings_until(ended)?)
        };
        self.context.store().write(forget).await
    }
}

#[async_trait]
impl<D: Store> ClearingLink for Clearing<D> {
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError> {
        let now = self.context.now();
        let open = move |unit: &mut dyn Transaction| {
            let name = AccountName::holder(*account.as_bytes());
            match unit.account(&name)? {
                Some(known) if fits(&known, &issuer, currency) => Ok(()),
                Some(_) => Err(ServiceError::AlreadyExists("account")),
                None => Ok(unit.open_account(&AccountRecord {
                    name,
                    kind: AccountKind::Holder,
                    owner: Some(issuer),
                    currency,
                    balance: 0,
                    created: now,
                })?),
            }
        };
        self.context.store().write(open).await
    }

    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError> {
        let look = move |unit: &dyn Transaction| {
            Ok(holder_account(unit, &account)?.is_some_and(|known| fits(&known, &issuer, currency)))
        };
        self.context.store().read(look).await
    }

    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError> {
        let Reservation { id, account, period, count, budget, line, currency, until } = reservation;
        let asked = ReservationRecord { id, account, period, count, budget, line, currency, until, release: None };
        let now = self.context.now();
        self.context.store().write(move |unit| setting_aside::reserve(unit, &asked, now)).await
    }

    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError> {
        let now = self.context.now();
        self.context.store().write(move |unit| setting_aside::release(unit, &reservation, count, now)).await
    }

    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        let (keys, now) = (Arc::clone(&self.keys), self.context.now());
        let bind = move |unit: &mut dyn Transaction| {
            bindings.iter().map(|binding| setting_aside::bind(unit, binding, &keys.attester, now)).collect()
        };
        let taken: Result<Vec<bool>, ServiceError> = self.context.store().write(bind).await;
        let taken = taken?;
        let refused = taken.iter().filter(|taken| !**taken).count();
        if refused > 0 {
            tracing::warn!(refused, "the issuer sent tags that clearing does not take");
        }
        Ok(taken)
    }

    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        posting::check(&batch)?;
        let (keys, now) = (Arc::clone(&self.keys), self.context.now());
        let post = move |unit: &mut dyn Transaction| posting::post(unit, &batch, &keys.attester, now);
        let unknown_payers = self.context.store().write(post).await?;
        if unknown_payers > 0 {
            tracing::error!(unknown_payers, "charges were posted in suspense: clearing does not know who is to pay");
        }
        Ok(())
    }

    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError> {
        let now = self.context.now();
        self.context.store().write(move |unit| vouchers::post(unit, &payment, now)).await
    }

    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError> {
        let (case, keys, now) = (case.to_owned(), Arc::clone(&self.keys), self.context.now());
        let holds_seconds = self.context.policy().pseudonyms.approval_seconds;
        let open = move |unit: &mut dyn Transaction| cases::open(unit, &case, subject, &keys.trace, holds_seconds, now);
        self.context.store().write(open).await
    }

    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError> {
        let held = self.context.store().read(move |unit| export::held(unit, &account)).await?;
        export::seal(&held, &holder, &mut self.context.draws())
    }
}

/// A holder's account, by the handle that the attester has for it.
fn holder_account(unit: &dyn Transaction, account: &AccountHandle) -> Result<Option<AccountRecord>, ServiceError> {
    Ok(unit.account(&AccountName::holder(*account.as_bytes()))?)
}

fn fits(account: &AccountRecord, issuer: &Name, currency: u16) -> bool {
    account.kind == AccountKind::Holder && account.owner == Some(*issuer) && account.currency == currency
}

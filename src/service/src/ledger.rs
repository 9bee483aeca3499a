//! The ledger as its readers and the issuers see it.
//!
//! Double entry in integer minor units, each account in one currency. A holder's account goes up by top-ups, which come
//! out of the issuer's account (its balance below zero is what the issuer received), and down by what was settled,
//! which the operator's account takes; an entry's amount waits in the journeys' account until the journey is priced. A
//! holder's account may go below zero: what a terminal accepted offline is owed to its operator, and the credential's
//! budget bounds it.

use serde::{Deserialize, Serialize};
use symbolon_ccks::{Name, Time};
use symbolon_store::{
    Listed, Page, Store, Transaction,
    records::{
        AccountKind, AccountName, AccountRecord, EntryKind, LedgerAudit, NetPosition, NewEntry, PostingRecord,
        StatementRecord, Transfer,
    },
};

use crate::{Context, Request, ServiceError, requests};

/// An account credited, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToppedUp {
    /// The account after it.
    pub account: AccountRecord,
    /// What was posted to it.
    pub posting: PostingRecord,
}

/// Accounts, entries, top-ups and the check of the whole.
#[derive(Clone)]
pub struct Ledger<D> {
    context: Context<D>,
}

impl<D: Store> Ledger<D> {
    /// The use cases on a store.
    pub fn new(context: Context<D>) -> Self {
        Self { context }
    }

    /// Gives an account; of this owner, or of any when there is none.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is none or it is another owner's.
    pub async fn account(&self, owner: Option<&Name>, name: AccountName) -> Result<AccountRecord, ServiceError> {
        let owner = owner.copied();
        self.context.store().read(move |unit| owned(unit, owner.as_ref(), &name)).await
    }

    /// Lists accounts, oldest first; of this owner, or all when there is none.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn accounts(&self, owner: Option<&Name>, page: Page) -> Result<Vec<Listed<AccountRecord>>, ServiceError> {
        let owner = owner.copied();
        self.context.store().read(move |unit| Ok(unit.accounts(owner.as_ref(), page)?)).await
    }

    /// Lists what happened to an account, oldest first.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn postings(
        &self,
        owner: Option<&Name>,
        name: AccountName,
        page: Page,
    ) -> Result<Vec<Listed<PostingRecord>>, ServiceError> {
        let owner = owner.copied();
        let list = move |unit: &dyn Transaction| {
            owned(unit, owner.as_ref(), &name)?;
            Ok(unit.postings(&name, page)?)
        };
        self.context.store().read(list).await
    }

    /// Credits a holder's account with money that its issuer received.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] for an amount of 0; [`ServiceError::NotFound`] when there is no such account of a
    /// holder of this issuer; [`ServiceError::RequestIdReused`].
    pub async fn top_up(
        &self,
        request: Request,
        issuer: &Name,
        account: AccountName,
        amount: u32,
    ) -> Result<ToppedUp, ServiceError> {
        if amount == 0 {
            return Err(ServiceError::InvalidField { field: "amount", problem: "0" });
        }
        let (issuer, now) = (*issuer, self.context.now());
        let top_up = move |unit: &mut dyn Transaction| {
            requests::once(unit, &request, now, |unit| {
                let found = owned(unit, Some(&issuer), &account)?;
                if found.kind != AccountKind::Holder {
                    return Err(ServiceError::NotFound("account of a holder"));
                }
                let funding = funding(&issuer, found.currency, now);
                unit.open_account(&funding)?;
                let transfer = Transfer { from: funding.name, to: account.clone(), amount };
                let entry = NewEntry::of_transfers(EntryKind::TopUp, found.currency, None, now, [transfer])
                    .ok_or(ServiceError::Internal("a top-up moves nothing"))?;
                let id = unit.post(&entry)?;
                let posting = PostingRecord {
                    entry: id,
                    kind: EntryKind::TopUp,
                    account: account.clone(),
                    amount: i64::from(amount),
                    record: None,
                    time: now,
                };
                Ok(ToppedUp { account: owned(unit, Some(&issuer), &account)?, posting })
            })
        };
        self.context.store().write(top_up).await
    }

    /// What was posted to the accounts of operators from `from` on and before `until`, by why; of this operator, or of all
    /// when there is none.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] when the time ends before it begins.
    pub async fn settlement_report(
        &self,
        operator: Option<&Name>,
        from: Time,
        until: Time,
    ) -> Result<Vec<StatementRecord>, ServiceError> {
        if until < from {
            return Err(ServiceError::InvalidField { field: "end_time", problem: "before start_time" });
        }
        let operator = operator.copied();
        let report = move |unit: &dyn Transaction| {
            let accounts = unit.operator_accounts(operator.as_ref())?.into_iter();
            let statements = accounts.map(|account| {
                let statement = unit.statement(&account.name, from, until)?;
                statement.ok_or(ServiceError::Internal("an account is missing"))
            });
            statements.collect()
        };
        self.context.store().read(report).await
    }

    /// What each party, operators, issuers for all of their holders, and the service's own accounts, is to get or to pay for
    /// what was posted from `from` on and before `until`, by currency. All of a currency sum to zero.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] when the time ends before it begins; [`ServiceError::Internal`] should they not sum to
    /// zero: then nothing is to be paid before the ledger was checked.
    pub async fn netting(&self, from: Time, until: Time) -> Result<Vec<NetPosition>, ServiceError> {
        if until < from {
            return Err(ServiceError::InvalidField { field: "end_time", problem: "before start_time" });
        }
        let look = move |unit: &dyn Transaction| Ok::<_, ServiceError>(unit.net_positions(from, until)?);
        let positions = self.context.store().read(look).await?;
        let is_balanced = |of_one: &[NetPosition]| of_one.iter().map(|one| i128::from(one.net())).sum::<i128>() == 0;
        if !positions.chunk_by(|one, other| one.currency == other.currency).all(is_balanced) {
            return Err(ServiceError::Internal("net positions do not sum to zero"));
        }
        Ok(positions)
    }

    /// The accounts that stand in for payers whom clearing does not know, one a currency; none while it knows all.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn in_suspense(&self) -> Result<Vec<AccountRecord>, ServiceError> {
        self.context.store().read(|unit| Ok(unit.suspense_accounts()?)).await
    }

    /// Recounts the whole ledger.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn check(&self) -> Result<LedgerAudit, ServiceError> {
        self.context.store().read(|unit| Ok(unit.audit()?)).await
    }
}

fn owned(unit: &dyn Transaction, owner: Option<&Name>, name: &AccountName) -> Result<AccountRecord, ServiceError> {
    let account = unit.account(name)?;
    let account = account.filter(|account| owner.is_none() || account.owner.as_ref() == owner);
    account.ok_or(ServiceError::NotFound("account"))
}

/// The account out of which an issuer's top-ups come.
fn funding(issuer: &Name, currency: u16, now: Time) -> AccountRecord {
    AccountRecord {
        name: AccountName::issuer(issuer, currency),
        kind: AccountKind::Issuer,
        owner: Some(*issuer),
        currency,
        balance: 0,
        created: now,
    }
}

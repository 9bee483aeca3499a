//! What a wallet has to remember of each credential, and never forget.

pub(crate) mod file;

use core::fmt;
use std::collections::BTreeMap;
use std::io;

use symbolon_ccks::CredentialDigest;
use symbolon_tap::misuse::Item;

/// How far a credential has been used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The last counter that was taken; 0 before the first.
    pub counter: u32,
    /// What was spent in all, minor units: the amounts of every purchase and entry a counter was taken for. An entry
    /// counts with the most that its journey may cost, as settlement counts it, whatever the journey cost in the end.
    pub spent: u64,
    /// The last answer, to be given again when its challenge comes again.
    pub answer: Option<Item>,
}

/// Keeps the accounts of credentials durably.
///
/// Two messages signed under one counter convict their holder. So a counter is stored as used *before* anything is
/// signed under it, one that was taken but not used is lost, and an account is never restored from a backup.
pub trait CounterStore {
    /// How far `credential` has been used.
    ///
    /// # Errors
    /// [`CounterError`] when it cannot be read, or the store has no account of this credential.
    fn account(&self, credential: &CredentialDigest) -> Result<Account, CounterError>;

    /// Takes the next counter and counts `amount` minor units as spent, both durably before it returns.
    ///
    /// # Errors
    /// [`CounterError`]; the counter may be lost then, but is never given again.
    fn reserve(&mut self, credential: &CredentialDigest, amount: u32) -> Result<u32, CounterError>;

    /// Keeps the answer that was signed under the counter taken last.
    ///
    /// # Errors
    /// [`CounterError`] when it is not durable; the answer must not leave the wallet then.
    fn keep_answer(&mut self, credential: &CredentialDigest, answer: &Item) -> Result<(), CounterError>;
}

impl<T: CounterStore + ?Sized> CounterStore for &mut T {
    fn account(&self, credential: &CredentialDigest) -> Result<Account, CounterError> {
        (**self).account(credential)
    }

    fn reserve(&mut self, credential: &CredentialDigest, amount: u32) -> Result<u32, CounterError> {
        (**self).reserve(credential, amount)
    }

    fn keep_answer(&mut self, credential: &CredentialDigest, answer: &Item) -> Result<(), CounterError> {
        (**self).keep_answer(credential, answer)
    }
}

impl Account {
    /// The account after a counter was taken for `amount`.
    fn after_reserving(self, amount: u32) -> Result<Self, CounterError> {
        let counter = self.counter.checked_add(1).ok_or(CounterError::Exhausted)?;
        let spent = self.spent.checked_add(u64::from(amount)).ok_or(CounterError::Exhausted)?;
        Ok(Self { counter, spent, ..self })
    }
}

/// Why an account could not be read or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterError {
    /// The store has no account of this credential. None is begun in its place, as its counters might be used.
    Unknown,
    /// There is an account already where one was to be created.
    Exists,
    /// Another process uses the account.
    InUse,
    /// The account's file is not as it was written.
    Damaged,
    /// Every counter of this credential is used up: it needs a new credential.
    Exhausted,
    /// Reading or writing failed.
    Io(io::ErrorKind),
}

impl fmt::Display for CounterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("no counter is kept of this credential"),
            Self::Exists => formatter.write_str("a counter is kept of this credential already"),
            Self::InUse => formatter.write_str("another process uses this credential's counter"),
            Self::Damaged => formatter.write_str("the counter's file is damaged"),
            Self::Exhausted => formatter.write_str("every counter of this credential is used up"),
            Self::Io(kind) => write!(formatter, "the counter could not be read or kept: {kind}"),
        }
    }
}

impl core::error::Error for CounterError {}

impl From<io::Error> for CounterError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// Keeps accounts in memory alone, beginning one wherever there is none: for simulations and tests. A real wallet
/// that used it would sign under a used counter after its first restart.
#[derive(Clone, Debug, Default)]
pub struct MemoryCounterStore {
    accounts: BTreeMap<CredentialDigest, Account>,
}

impl MemoryCounterStore {
    /// No account yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl CounterStore for MemoryCounterStore {
    fn account(&self, credential: &CredentialDigest) -> Result<Account, CounterError> {
        Ok(self.accounts.get(credential).copied().unwrap_or_default())
    }

    fn reserve(&mut self, credential: &CredentialDigest, amount: u32) -> Result<u32, CounterError> {
        let account = self.account(credential)?.after_reserving(amount)?;
        self.accounts.insert(*credential, account);
        Ok(account.counter)
    }

    fn keep_answer(&mut self, credential: &CredentialDigest, answer: &Item) -> Result<(), CounterError> {
        self.accounts.entry(*credential).or_default().answer = Some(*answer);
        Ok(())
    }
}

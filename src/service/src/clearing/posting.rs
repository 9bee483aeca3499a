//! Posts what the exchange settled: one entry for each record of a card, one for all that pseudonyms did.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use symbolon_ccks::{Subject, Time};
use symbolon_pseudonym::{PairwiseKey, TagUse};
use symbolon_store::{
    Transaction,
    records::{AccountKind, AccountName, AccountRecord, EntryKind, NewEntry, Transfer},
};

use super::holder_account;
use crate::{
    ServiceError,
    links::{NamedCharge, NettedCharge, Party, PostingBatch},
};

/// Refuses what no exchange may ask, before anything of it is posted.
pub(super) fn check(batch: &PostingBatch) -> Result<(), ServiceError> {
    let invalid = |field, problem| Err(ServiceError::InvalidField { field, problem });
    // Money enters the ledger by its issuers alone; and charges of pseudonyms have no record to show.
    if batch.named.iter().any(|charge| matches!(charge.kind, EntryKind::TopUp | EntryKind::Charges)) {
        return invalid("named.kind", "not one of a settled record");
    }
    for charge in &batch.netted {
        if charge.parties.iter().any(|(party, _)| *party == Party::Holder) {
            return invalid("netted.parties", "a holder that is not named");
        }
        let amounts = || {
            let subjects = charge.subjects.iter().map(|(_, amount)| *amount);
            subjects.chain(charge.parties.iter().map(|(_, amount)| *amount))
        };
        if amounts().map(i128::from).sum::<i128>() != 0 {
            return invalid("netted", "does not sum to 0");
        }
        let moved = amounts().map(|amount| u128::from(amount.unsigned_abs())).sum::<u128>();
        if moved > u128::from(i64::MAX.unsigned_abs()) {
            return invalid("netted", "more than can be counted");
        }
    }
    Ok(())
}

/// Posts a batch that was checked, once for one id; how many payers clearing does not know.
pub(super) fn post(
    unit: &mut dyn Transaction,
    batch: &PostingBatch,
    attester: &PairwiseKey,
    now: Time,
) -> Result<u64, ServiceError> {
    let digest = digest(batch);
    if let Some(known) = unit.posted_batch(&batch.id)? {
        return if known == digest { Ok(0) } else { Err(ServiceError::RequestIdReused) };
    }
    let mut posting = Posting { unit, attester, now, unknown_payers: 0 };
    batch.named.iter().try_for_each(|charge| posting.named(charge))?;
    batch.netted.iter().try_for_each(|charge| posting.netted(charge))?;
    let unknown_payers = posting.unknown_payers;
    unit.add_posted_batch(&batch.id, &digest, now)?;
    Ok(unknown_payers)
}

/// A batch that is being posted.
struct Posting<'u> {
    unit: &'u mut dyn Transaction,
    attester: &'u PairwiseKey,
    now: Time,
    unknown_payers: u64,
}

impl Posting<'_> {
    fn named(&mut self, charge: &NamedCharge) -> Result<(), ServiceError> {
        let holder = self.payer_of_card(charge)?;
        let mut transfers = Vec::new();
        for moved in &charge.moves {
            let from = self.account(&moved.from, &holder, charge.currency)?;
            let to = self.account(&moved.to, &holder, charge.currency)?;
            transfers.push(Transfer { from, to, amount: moved.amount });
        }
        let entry = NewEntry::of_transfers(charge.kind, charge.currency, charge.record, self.now, transfers);
        // A journey's entry may cost nothing; then nothing moves.
        if let Some(entry) = entry {
            self.unit.post(&entry)?;
        }
        Ok(())
    }

    fn netted(&mut self, charge: &NettedCharge) -> Result<(), ServiceError> {
        let mut gains = BTreeMap::<AccountName, i64>::new();
        for (payer, amount) in self.payers_of_pseudonyms(charge)? {
            *gains.entry(payer).or_default() += amount;
        }
        for (party, amount) in &charge.parties {
            let account = service_account(party, charge.currency, self.now)
                .ok_or(ServiceError::Internal("a holder was let through the check"))?;
            self.unit.open_account(&account)?;
            *gains.entry(account.name).or_default() += amount;
        }
        if let Some(entry) = NewEntry::of_gains(EntryKind::Charges, charge.currency, self.now, gains) {
            self.unit.post(&entry)?;
        }
        Ok(())
    }

    fn payer_of_card(&mut self, charge: &NamedCharge) -> Result<AccountName, ServiceError> {
        let account = match charge.tag.open(TagUse::Named, self.attester) {
            Ok(handle) => holder_account(self.unit, &handle)?,
            Err(_) => None,
        };
        self.known_or_suspense(account, charge.currency)
    }

    /// Who gains how much, after it was noted with their pseudonyms.
    fn payers_of_pseudonyms(&mut self, charge: &NettedCharge) -> Result<Vec<(AccountName, i64)>, ServiceError> {
        let mut gains = BTreeMap::<Subject, i64>::new();
        for (subject, amount) in &charge.subjects {
            *gains.entry(*subject).or_default() += amount;
        }
        let subjects = gains.keys().copied().collect::<Vec<_>>();
        let bindings = self.unit.bindings_of(&subjects)?;
        let bound = gains.iter().zip(&bindings).filter(|(_, binding)| binding.is_some());
        let charges = bound.map(|((subject, gain), _)| (*subject, -gain)).collect::<Vec<_>>();
        self.unit.charge_bindings(&charges)?;
        let names = bindings.iter().flatten().map(|binding| AccountName::holder(*binding.account.as_bytes()));
        let mut accounts = self.unit.accounts_named(&names.collect::<Vec<_>>())?.into_iter();
        let mut payers = Vec::with_capacity(gains.len());
        for (gain, binding) in gains.into_values().zip(bindings) {
            let account = binding.and_then(|_| accounts.next().flatten());
            payers.push((self.known_or_suspense(account, charge.currency)?, gain));
        }
        Ok(payers)
    }

    /// A charge that cannot be posted to who should pay is never lost: somebody will have to find out.
    fn known_or_suspense(
        &mut self,
        account: Option<AccountRecord>,
        currency: u16,
    ) -> Result<AccountName, ServiceError> {
        if let Some(account) = account.filter(|account| account.currency == currency) {
            return Ok(account.name);
        }
        self.unknown_payers += 1;
        let suspense = AccountRecord {
            name: AccountName::suspense(currency),
            kind: AccountKind::Suspense,
            owner: None,
            currency,
            balance: 0,
            created: self.now,
        };
        self.unit.open_account(&suspense)?;
        Ok(suspense.name)
    }

    fn account(&mut self, party: &Party, holder: &AccountName, currency: u16) -> Result<AccountName, ServiceError> {
        let Some(account) = service_account(party, currency, self.now) else {
            return Ok(holder.clone());
        };
        self.unit.open_account(&account)?;
        Ok(account.name)
    }
}

/// The account of an operator or of journeys; `None` for a holder's.
fn service_account(party: &Party, currency: u16, now: Time) -> Option<AccountRecord> {
    let (name, kind, owner) = match party {
        Party::Holder => return None,
        Party::Operator(operator) => {
            (AccountName::operator(operator, currency), AccountKind::Operator, Some(*operator))
        }
        Party::Journeys => (AccountName::journeys(currency), AccountKind::Journeys, None),
    };
    Some(AccountRecord { name, kind, owner, currency, balance: 0, created: now })
}

/// SHA-256 over everything in a batch but its id, each part with its length.
fn digest(batch: &PostingBatch) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(b"SYMBOLON-V1-POSTING-BATCH");
    let length = |hash: &mut Sha256, length: usize| hash.update((length as u64).to_be_bytes());
    length(&mut hash, batch.named.len());
    for charge in &batch.named {
        hash.update([charge.kind as u8]);
        hash.update(charge.tag.as_bytes());
        hash.update(charge.currency.to_be_bytes());
        hash.update([u8::from(charge.record.is_some())]);
        hash.update(charge.record.map_or(0, |record| record.0).to_be_bytes());
        length(&mut hash, charge.moves.len());
        for moved in &charge.moves {
            hash_party(&mut hash, &moved.from);
            hash_party(&mut hash, &moved.to);
            hash.update(moved.amount.to_be_bytes());
        }
    }
    length(&mut hash, batch.netted.len());
    for charge in &batch.netted {
        hash.update(charge.currency.to_be_bytes());
        length(&mut hash, charge.subjects.len());
        for (subject, amount) in &charge.subjects {
            hash.update(subject.as_bytes());
            hash.update(amount.to_be_bytes());
        }
        length(&mut hash, charge.parties.len());
        for (party, amount) in &charge.parties {
            hash_party(&mut hash, party);
            hash.update(amount.to_be_bytes());
        }
    }
    hash.finalize().into()
}

fn hash_party(hash: &mut Sha256, party: &Party) {
    let (number, name) = match party {
        Party::Holder => (1_u8, ""),
        Party::Operator(name) => (2, name.as_str()),
        Party::Journeys => (3, ""),
    };
    hash.update([number]);
    hash.update((name.len() as u64).to_be_bytes());
    hash.update(name);
}

//! The books while an upload is settled: all that the database says of its records is read at once before, decisions see
//! it together with what was decided for the records before, and what they add is written at once.
//!
//! Nobody else writes of these holders between: reading and writing are one unit of work about them. What needs rows that are not written yet, as
//! ends of journeys and proofs of misuse do, has them written first: [`Books::write`].

use std::collections::{HashMap, HashSet};

use symbolon_ccks::{Class, CredentialDigest};
use symbolon_store::{
    Transaction,
    records::{Agreement, AgreementKey, NewCharge, NewSettlement, SettlementId, SettlementOutcome, SettlementRecord},
};
use symbolon_tap::TerminalDigest;

use super::Signed;
use crate::ServiceError;

/// What is known of the records of one upload.
pub(super) struct Books {
    settlements: HashMap<(CredentialDigest, u32), SettlementRecord>,
    agreements: HashMap<(CredentialDigest, Agreement), SettlementRecord>,
    spent: HashMap<CredentialDigest, u64>,
    pseudonyms: HashSet<CredentialDigest>,
    new_settlements: Vec<NewSettlement>,
    new_charges: Vec<NewCharge>,
}

impl Books {
    /// Reads what concerns these records, at most `count`, all taken by one terminal.
    pub(super) fn open<'r>(
        unit: &dyn Transaction,
        count: usize,
        signed: impl Iterator<Item = Signed<'r>>,
        terminal: &TerminalDigest,
    ) -> Result<Self, ServiceError> {
        let (mut identities, mut agreements) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut holders, mut pseudonyms) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for signed in signed {
            identities.push((signed.digest, signed.counter()));
            agreements.push(AgreementKey {
                credential_digest: signed.digest,
                agreement: signed.agreement,
                terminal_digest: *terminal,
                time: signed.terms().time(),
            });
            holders.push(signed.digest);
            if signed.holder().identity().class() == Class::Pseudonym {
                pseudonyms.push(signed.digest);
            }
        }
        for digests in [&mut holders, &mut pseudonyms] {
            digests.sort_unstable_by_key(|digest| *digest.as_bytes());
            digests.dedup();
        }
        let settlements = identities.iter().copied().zip(unit.settlements_of(&identities)?);
        let settled = agreements.iter().map(|key| (key.credential_digest, key.agreement));
        let settled = settled.zip(unit.settled_agreements(&agreements)?);
        let spent = holders.iter().copied().zip(unit.spent_by(&holders)?);
        let periods = pseudonyms.iter().copied().zip(unit.pseudonym_periods(&pseudonyms)?);
        Ok(Self {
            settlements: settlements.filter_map(|(identity, found)| Some((identity, found?))).collect(),
            agreements: settled.filter_map(|(agreement, found)| Some((agreement, found?))).collect(),
            spent: spent.collect(),
            pseudonyms: periods.filter_map(|(digest, period)| period.map(|_| digest)).collect(),
            new_settlements: Vec::with_capacity(count),
            new_charges: Vec::with_capacity(count),
        })
    }

    /// The settlement of this identity.
    pub(super) fn settlement(&self, credential: &CredentialDigest, counter: u32) -> Option<&SettlementRecord> {
        self.settlements.get(&(*credential, counter))
    }

    /// The settlement that posted this agreement.
    pub(super) fn settled_agreement(
        &self,
        credential: &CredentialDigest,
        agreement: &Agreement,
    ) -> Option<&SettlementRecord> {
        self.agreements.get(&(*credential, *agreement))
    }

    /// What was settled of purchases and entries of this credential, minor units.
    pub(super) fn spent(&self, credential: &CredentialDigest) -> u64 {
        self.spent.get(credential).copied().unwrap_or_default()
    }

    /// Whether the issuer has issued this pseudonym and it is not forgotten.
    pub(super) fn is_pseudonym(&self, digest: &CredentialDigest) -> bool {
        self.pseudonyms.contains(digest)
    }

    /// Keeps a settlement: what is decided next sees it.
    pub(super) fn keep(&mut self, settlement: NewSettlement) -> SettlementId {
        let id = settlement.id();
        let credential = settlement.credential_digest;
        let record = SettlementRecord { id, settlement: settlement.clone() };
        if settlement.outcome == SettlementOutcome::Settled {
            if settlement.kind.spends() {
                *self.spent.entry(credential).or_default() += u64::from(settlement.amount);
            }
            self.agreements.insert((credential, settlement.agreement), record.clone());
        }
        self.settlements.insert((credential, settlement.counter), record);
        self.new_settlements.push(settlement);
        id
    }

    /// Adds a charge of a settlement that was kept.
    pub(super) fn charge(&mut self, charge: NewCharge) {
        self.new_charges.push(charge);
    }

    /// Writes what was added since the last time.
    pub(super) fn write(&mut self, unit: &mut dyn Transaction) -> Result<(), ServiceError> {
        unit.add_settlements(&self.new_settlements)?;
        unit.add_charges(&self.new_charges)?;
        self.new_settlements.clear();
        self.new_charges.clear();
        Ok(())
    }
}

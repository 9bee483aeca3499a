//! Misuse proofs: made of records that holders signed, kept, and told to whom they concern.

use std::collections::BTreeSet;

use symbolon_ccks::{Class, CredentialDigest, Name, Subject, Suite, Time};
use symbolon_store::{
    Page, Store, Transaction,
    records::{
        HolderRequestKind, IssuedRecord, MisuseId, MisuseKind, MisuseRecord, NewMisuse, SettlementId, SpentItem,
    },
    verbs::Concerning,
};
use symbolon_tap::{
    Record, TerminalDigest,
    misuse::{Archive, Convicts, Finding, HolderRequest, Item, check, convicts},
};

use super::Exchange;
use crate::{ServiceError, authority::AuthorityKeys};

/// A record that proves misuse together with records before it.
pub(super) struct Offence<'r> {
    pub(super) kind: MisuseKind,
    pub(super) record: &'r Record,
    /// SHA-256 of what it signed.
    pub(super) digest: [u8; 32],
    pub(super) credential_digest: CredentialDigest,
    pub(super) terminal_digest: TerminalDigest,
    pub(super) operator: Name,
    pub(super) issuer: Option<Name>,
    /// The settlement under the same counter, for a double use.
    pub(super) contradicts: Option<SettlementId>,
}

/// Keeps the proof of an offence; the one that is kept, if the offending record was seen before. Says whether it is new.
pub(super) fn prove(
    unit: &mut dyn Transaction,
    offence: &Offence<'_>,
    now: Time,
) -> Result<(MisuseId, bool), ServiceError> {
    let holder = offence.record.presentation().holder();
    if let Some(known) = unit.misuse_of(holder, &offence.digest)? {
        return Ok((known.id, false));
    }
    let earlier = match offence.contradicts {
        Some(settlement) => unit.settlement_item(settlement)?.into_iter().collect(),
        None => enough_to_overspend(unit, offence)?,
    };
    let mut items = Vec::with_capacity((earlier.len() + 1) * Item::SIZE);
    let mut operators = BTreeSet::from([offence.operator]);
    for item in &earlier {
        let record = item.record.parse()?;
        items.extend_from_slice(Item::new(record, item.terminal_digest).as_bytes());
        operators.insert(item.operator);
    }
    items.extend_from_slice(Item::new(offence.record, offence.terminal_digest).as_bytes());
    let misuse = NewMisuse {
        kind: offence.kind,
        credential: *holder,
        offence: offence.digest,
        issuer: offence.issuer,
        operators: operators.into_iter().collect(),
        items,
        found: now,
    };
    Ok((unit.add_misuse(&misuse)?, true))
}

/// Of what was settled, the largest amounts until they exceed the budget together with the offending one.
fn enough_to_overspend(unit: &dyn Transaction, offence: &Offence<'_>) -> Result<Vec<SpentItem>, ServiceError> {
    let budget = u64::from(offence.record.presentation().holder().identity().budget());
    let mut sum = u64::from(offence.record.terms().spent());
    let mut items = Vec::new();
    for item in unit.spent_items(&offence.credential_digest)? {
        if sum > budget {
            break;
        }
        sum += u64::from(item.amount);
        items.push(item);
    }
    Ok(items)
}

/// A proof, what the archive has on the credential, and whom it convicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisuseReport {
    /// The proof.
    pub record: MisuseRecord,
    /// The card that the credential was issued to; `None` for a pseudonym.
    pub card: Option<Subject>,
    /// What was archived when the credential was issued; `None` for a pseudonym.
    pub archive: Option<IssuedRecord>,
    /// Whom it convicts.
    pub convicts: Convicts,
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Gives a proof that concerns the caller.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is none or it concerns others; [`ServiceError::RoleUnavailable`] when the
    /// attester does not answer, who keeps the archive.
    pub async fn misuse(&self, concerning: MisuseReader, id: MisuseId) -> Result<MisuseReport, ServiceError> {
        let get = move |unit: &dyn Transaction| {
            let found = unit.misuse(id)?.filter(|record| concerning.may_see(record));
            found.ok_or(ServiceError::NotFound("misuse proof"))
        };
        self.report(self.context.store().read(get).await?).await
    }

    /// Lists proofs that concern the caller, oldest first; go on behind the last one's id.
    ///
    /// # Errors
    /// [`ServiceError::RoleUnavailable`] as for [`Self::misuse`]; [`ServiceError::Store`].
    pub async fn misuses(&self, concerning: MisuseReader, page: Page) -> Result<Vec<MisuseReport>, ServiceError> {
        let list = move |unit: &dyn Transaction| Ok::<_, ServiceError>(unit.misuses(concerning.concerning(), page)?);
        let mut reports = Vec::new();
        for record in self.context.store().read(list).await? {
            reports.push(self.report(record).await?);
        }
        Ok(reports)
    }

    /// A proof with what the attester's archive has. The attester is not asked about pseudonyms, of which it has
    /// nothing: who is behind one, only a case opened by law tells.
    async fn report(&self, record: MisuseRecord) -> Result<MisuseReport, ServiceError> {
        let credential = record.misuse.credential;
        let line = match credential.identity().class() {
            Class::Card => self.registry.issued_line(credential.digest()).await?,
            Class::Terminal | Class::Pseudonym => Vec::new(),
        };
        let card = (!line.is_empty()).then(|| credential.identity().subject());
        let finding = check(self.keys.authority(), Item::parse_all(&record.misuse.items)?);
        let convicts = convicted(&self.keys, &finding, &line)?;
        Ok(MisuseReport { record, card, archive: line.into_iter().next(), convicts })
    }

    /// Has the attester suspend the cards that were misused, and notes it.
    pub(super) async fn pass_on_suspensions(&self, now: Time) -> Result<(), ServiceError> {
        const AT_A_TIME: u16 = 100;
        let list = |unit: &dyn Transaction| Ok::<_, ServiceError>(unit.waiting_suspensions(AT_A_TIME)?);
        let mut outcome = Ok(());
        for suspension in self.context.store().read(list).await? {
            match self.registry.suspend(suspension.credential_digest).await {
                Ok(()) => {
                    let note = move |unit: &mut dyn Transaction| unit.mark_passed_on(suspension.misuse, now);
                    self.context.store().write(move |unit| Ok::<_, ServiceError>(note(unit)?)).await?;
                }
                Err(away @ ServiceError::RoleUnavailable(_)) => return outcome.and(Err(away)),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }
}

/// Who reads misuse proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisuseReader {
    /// Sees all.
    Auditor,
    /// Sees those of its cards.
    Issuer(Name),
    /// Sees those with a record of its own.
    Operator(Name),
}

impl MisuseReader {
    fn concerning(&self) -> Concerning<'_> {
        match self {
            Self::Auditor => Concerning::All,
            Self::Issuer(issuer) => Concerning::Issuer(issuer),
            Self::Operator(operator) => Concerning::Operator(operator),
        }
    }

    fn may_see(&self, record: &MisuseRecord) -> bool {
        match self {
            Self::Auditor => true,
            Self::Issuer(issuer) => record.misuse.issuer.as_ref() == Some(issuer),
            Self::Operator(operator) => record.misuse.operators.contains(operator),
        }
    }
}

/// Whom a finding convicts. What the archive kept was verified when it was archived; a renewal convicts whom the line of
/// requests leads to: a person only when it begins with a registered key.
fn convicted<S: Suite>(
    keys: &AuthorityKeys<S>,
    finding: &Finding,
    line: &[IssuedRecord],
) -> Result<Convicts, ServiceError> {
    let Some(issued) = line.first() else {
        return Ok(convicts(keys.authority(), finding, None));
    };
    let archive = Archive {
        holder_point: &issued.enrolment_point,
        contribution: &issued.contribution,
        request: holder_request(line)?,
    };
    Ok(convicts(keys.authority(), finding, Some(&archive)))
}

/// Follows renewals back to the first request: each record of the line is of the credential that signed for the one
/// before it.
fn holder_request(line: &[IssuedRecord]) -> Result<HolderRequest, ServiceError> {
    let mut signed_by = None;
    for issued in line {
        if signed_by.is_some_and(|former| former != issued.credential.digest()) {
            break;
        }
        match issued.request.kind {
            HolderRequestKind::RegisteredKey => return Ok(HolderRequest::Verified),
            HolderRequestKind::PossessionOnly => return Ok(HolderRequest::Missing),
            HolderRequestKind::FormerCredential => {
                signed_by = Some(symbolon_ccks::Credential::parse(&issued.request.key)?.digest());
            }
        }
    }
    Ok(HolderRequest::Missing)
}

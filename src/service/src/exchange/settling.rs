//! Settles the records of one upload, in one unit of work.

use sha2::{Digest as _, Sha256};
use symbolon_ccks::{Credential, CredentialDigest, Time};
use symbolon_store::{
    Transaction,
    records::{
        AccountKind, AccountName, AccountRecord, Agreement, CardRecord, EntryKind, JourneyRecord, JourneyRole,
        MisuseId, MisuseKind, NewEntry, NewSettlement, NewUpload, RecordPosition, SettlementId, SettlementOutcome, SettlementRecord,
        TerminalRecord, Transfer, UploadId,
    },
};
use symbolon_tap::{Kind, Record, Terms};

use super::{
    FareTable, Prepared, RecordOutcome, Refusal,
    journeys::{self, JourneyAccounts},
    judging::Judged,
    misuse::{self, Offence},
};
use crate::{ServiceError, cards, cards::CardEvent};

/// An upload that is being settled.
pub(super) struct Settling<'u> {
    unit: &'u mut dyn Transaction,
    upload: UploadId,
    terminal: TerminalRecord,
    terminal_digest: CredentialDigest,
    operator_account: AccountName,
    journeys_account: AccountName,
    fares: &'u FareTable,
    now: Time,
    bundle_validity_seconds: u64,
}

/// A record that its holder did sign, with what the database says of the holder.
struct Signed<'r> {
    record: &'r Record,
    position: u16,
    digest: CredentialDigest,
    agreement: Agreement,
}

impl Signed<'_> {
    fn terms(&self) -> &Terms {
        self.record.terms()
    }

    fn counter(&self) -> u32 {
        self.record.presentation().counter()
    }

    fn holder(&self) -> &Credential {
        self.record.presentation().holder()
    }
}

impl<'u> Settling<'u> {
    /// Keeps the upload, if its terminal is one of this authority's.
    pub(super) fn begin(
        unit: &'u mut dyn Transaction,
        prepared: &Prepared,
        fares: &'u FareTable,
        now: Time,
        bundle_validity_seconds: u64,
    ) -> Result<Self, ServiceError> {
        let terminal_digest = prepared.upload.terminal_digest;
        if unit.issued(&terminal_digest)?.is_none() {
            return Err(ServiceError::NeverIssued);
        }
        let terminal = unit.terminal(&prepared.upload.terminal)?.ok_or(ServiceError::NeverIssued)?;
        let upload = unit.add_upload(&NewUpload { operator: terminal.operator, ..prepared.upload.clone() })?;
        let currency = prepared.terminal.identity().currency();
        let operator_account = AccountName::operator(&terminal.operator, currency);
        let journeys_account = AccountName::journeys(currency);
        let accounts = [
            (&operator_account, AccountKind::Operator, Some(terminal.operator)),
            (&journeys_account, AccountKind::Journeys, None),
        ];
        for (name, kind, owner) in accounts {
            let name = name.clone();
            unit.open_account(&AccountRecord { name, kind, owner, currency, balance: 0, created: now })?;
        }
        Ok(Self {
            unit,
            upload,
            terminal,
            terminal_digest,
            operator_account,
            journeys_account,
            fares,
            now,
            bundle_validity_seconds,
        })
    }

    /// The upload that was kept.
    pub(super) fn upload(&self) -> UploadId {
        self.upload
    }

    /// Settles one record after another.
    pub(super) fn settle_all(&mut self, judged: &[Judged]) -> Result<Vec<RecordOutcome>, ServiceError> {
        let settle = |(position, judged): (u16, &Judged)| match judged {
            Judged::Refused(refusal) => Ok(RecordOutcome::Refused(*refusal)),
            Judged::Signed { record, misfit } => {
                let terms_and_terminal: [&[u8]; 2] = [record.terms().as_bytes(), self.terminal_digest.as_bytes()];
                let signed = Signed {
                    record,
                    position,
                    digest: record.presentation().holder().digest(),
                    agreement: sha256(&terms_and_terminal),
                };
                self.settle(&signed, *misfit)
            }
        };
        (0..).zip(judged).map(settle).collect()
    }

    fn settle(&mut self, signed: &Signed<'_>, misfit: Option<Refusal>) -> Result<RecordOutcome, ServiceError> {
        let issued = self.unit.issued(&signed.digest)?;
        let card = self.unit.card(&signed.holder().identity().subject())?;
        let Some((_, card)) = issued.zip(card) else {
            return Ok(RecordOutcome::Refused(Refusal::NeverIssued));
        };
        if let Some(known) = self.unit.settlement(&signed.digest, signed.counter())? {
            return self.settle_known(signed, &card, &known);
        }
        if let Some(refusal) = misfit {
            return Ok(RecordOutcome::Refused(refusal));
        }
        let after_revocation = match self.standing(signed)? {
            Standing::OutOfUse => return Ok(RecordOutcome::Refused(Refusal::Revoked)),
            Standing::RevokedUnawares => true,
            Standing::Good => false,
        };
        if let Some(settled) = self.unit.settled_agreement(&signed.digest, &signed.agreement)? {
            self.keep(signed, SettlementOutcome::AnsweredTwice, Some(settled.id), None, after_revocation)?;
            return Ok(RecordOutcome::Duplicate { amount: self.posted(&settled)? });
        }
        let spent = self.unit.spent(&signed.digest)? + u64::from(signed.terms().spent());
        if spent > u64::from(signed.holder().identity().budget()) {
            let misuse = self.prove(signed, &card, MisuseKind::Overspend, None)?;
            self.keep(signed, SettlementOutcome::Misuse, None, Some(misuse), after_revocation)?;
            return Ok(RecordOutcome::Misuse(misuse));
        }
        let id = self.keep(signed, SettlementOutcome::Settled, None, None, after_revocation)?;
        let amount = self.post(signed, &card, id)?;
        Ok(RecordOutcome::Settled { amount })
    }

    /// A counter that was seen before: the same message again, or misuse.
    fn settle_known(
        &mut self,
        signed: &Signed<'_>,
        card: &CardRecord,
        known: &SettlementRecord,
    ) -> Result<RecordOutcome, ServiceError> {
        if known.settlement.agreement != signed.agreement {
            return Ok(RecordOutcome::Misuse(self.prove(signed, card, MisuseKind::DoubleUse, Some(known.id))?));
        }
        let first = match (known.settlement.misuse, known.settlement.repeats) {
            (Some(misuse), _) => return Ok(RecordOutcome::Misuse(misuse)),
            (None, Some(first)) => self.unit.settlement_by_id(first)?,
            (None, None) => None,
        };
        Ok(RecordOutcome::Duplicate { amount: self.posted(first.as_ref().unwrap_or(known))? })
    }

    /// What was posted for a settlement.
    fn posted(&self, settled: &SettlementRecord) -> Result<u32, ServiceError> {
        match settled.settlement.kind {
            Kind::Exit => Ok(self.unit.fare_of_exit(settled.id)?.unwrap_or(0)),
            _ => Ok(settled.settlement.amount),
        }
    }

    /// Whether holder and terminal were in use at the record's time, as far as the terminal could know.
    fn standing(&self, signed: &Signed<'_>) -> Result<Standing, ServiceError> {
        let time = signed.terms().time();
        if self.terminal.retired.is_some_and(|retired| retired <= time) {
            return Ok(Standing::OutOfUse);
        }
        // By then every bundle without the revocation has run out.
        let known_to_all = |since: Time| since.saturating_add(self.bundle_validity_seconds);
        Ok(match self.unit.revoked_since(&signed.holder().identity().subject())? {
            Some(since) if known_to_all(since) <= time => Standing::OutOfUse,
            Some(since) if since <= time => Standing::RevokedUnawares,
            _ => Standing::Good,
        })
    }

    fn keep(
        &mut self,
        signed: &Signed<'_>,
        outcome: SettlementOutcome,
        repeats: Option<SettlementId>,
        misuse: Option<MisuseId>,
        after_revocation: bool,
    ) -> Result<SettlementId, ServiceError> {
        Ok(self.unit.add_settlement(&NewSettlement {
            credential_digest: signed.digest,
            counter: signed.counter(),
            agreement: signed.agreement,
            outcome,
            repeats,
            misuse,
            upload: self.upload,
            position: signed.position,
            terminal_digest: self.terminal_digest,
            kind: signed.terms().kind(),
            amount: signed.terms().amount(),
            after_revocation,
            time: signed.terms().time(),
        })?)
    }

    /// Posts what was settled; what was posted for this record, minor units.
    fn post(&mut self, signed: &Signed<'_>, card: &CardRecord, id: SettlementId) -> Result<u32, ServiceError> {
        let terms = signed.terms();
        match terms.kind() {
            Kind::Purchase => {
                self.transfer(EntryKind::Purchase, signed, card, self.operator_account.clone())?;
                Ok(terms.amount())
            }
            Kind::Entry => {
                self.transfer(EntryKind::Entry, signed, card, self.journeys_account.clone())?;
                self.travel(signed, card, id, JourneyRole::Entry)?;
                Ok(terms.amount())
            }
            Kind::Exit => {
                self.travel(signed, card, id, JourneyRole::Exit)?;
                Ok(self.unit.fare_of_exit(id)?.unwrap_or(0))
            }
            Kind::Credit => Ok(0),
            Kind::Refund => Err(ServiceError::Internal("a refund was judged to settle")),
        }
    }

    fn transfer(
        &mut self,
        kind: EntryKind,
        signed: &Signed<'_>,
        card: &CardRecord,
        to: AccountName,
    ) -> Result<(), ServiceError> {
        let terms = signed.terms();
        let transfer = Transfer { from: card.account.clone(), to, amount: terms.amount() };
        // An entry may cost nothing at most; then nothing moves.
        let record = RecordPosition::new(self.upload, signed.position);
        if let Some(entry) = NewEntry::of_transfers(kind, terms.currency(), Some(record), self.now, [transfer]) {
            self.unit.post(&entry)?;
        }
        Ok(())
    }

    fn travel(
        &mut self,
        signed: &Signed<'_>,
        card: &CardRecord,
        id: SettlementId,
        role: JourneyRole,
    ) -> Result<(), ServiceError> {
        let terms = signed.terms();
        let end = JourneyRecord {
            settlement: id,
            credential_digest: signed.digest,
            operator: self.terminal.operator,
            role,
            time: terms.time(),
            counter: signed.counter(),
            amount: terms.amount(),
            reference: *terms.reference(),
            closed: None,
        };
        let accounts = JourneyAccounts {
            holder: card.account.clone(),
            operator: self.operator_account.clone(),
            held: self.journeys_account.clone(),
            currency: terms.currency(),
        };
        journeys::add_end(self.unit, &end, &accounts, self.fares, self.now)
    }

    /// Keeps a proof, once for one offending record, and suspends the card.
    fn prove(
        &mut self,
        signed: &Signed<'_>,
        card: &CardRecord,
        kind: MisuseKind,
        contradicts: Option<SettlementId>,
    ) -> Result<MisuseId, ServiceError> {
        let offence = Offence {
            kind,
            record: signed.record,
            digest: sha256(&[&signed.agreement, &signed.counter().to_be_bytes()]),
            credential_digest: signed.digest,
            terminal_digest: self.terminal_digest,
            operator: self.terminal.operator,
            issuer: card.issuer,
            contradicts,
        };
        let (misuse, is_new) = misuse::prove(self.unit, &offence, self.now)?;
        // Only an active card can be suspended; any other is out of use already.
        let state = cards::present_state(card, self.now);
        if is_new && cards::transition(state, CardEvent::Suspend).is_some() {
            cards::apply(self.unit, card.clone(), CardEvent::Suspend, self.now)?;
        }
        Ok(misuse)
    }
}

/// How holder and terminal stood at a record's time.
enum Standing {
    Good,
    /// Revoked, but the terminal could not know.
    RevokedUnawares,
    OutOfUse,
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

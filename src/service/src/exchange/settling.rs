//! Settles the records of one upload, in one unit of work.

use sha2::{Digest as _, Sha256};
use symbolon_ccks::{Class, CredentialDigest, Name, Subject, Time};
use symbolon_store::{
    Transaction,
    records::{
        ChargeBatchId, DeliveryRecord, EntryKind, JourneyRecord, JourneyRole, MisuseId, MisuseKind, NewSettlement,
        NewUpload, Payer, SettlementId, SettlementOutcome, SettlementRecord, SuspensionRecord, UploadId,
    },
};
use symbolon_tap::Kind;

use super::{
    FareTable, Prepared, RecordOutcome, Refusal, Signed,
    books::Books,
    charging::{Charging, Moved},
    journeys,
    known::{Known, KnownCard},
    misuse::{self, Offence},
    routing::Telling,
};
use crate::{
    Policy, ServiceError,
    links::{Move, Party},
};

/// What settling goes by, beside the database.
#[derive(Clone, Copy)]
pub(super) struct Rules<'u> {
    pub(super) known: &'u Known,
    pub(super) fares: &'u FareTable,
    pub(super) policy: &'u Policy,
    /// When the upload came.
    pub(super) now: Time,
    /// The batch for what cards do under their own numbers.
    pub(super) batch: ChargeBatchId,
}

/// An upload that is being settled.
pub(super) struct Settling<'u> {
    unit: &'u mut dyn Transaction,
    books: Books,
    rules: Rules<'u>,
    upload: UploadId,
    terminal_digest: CredentialDigest,
    /// Where the credit of a voucher went.
    meter: Subject,
    charging: Charging,
    telling: Telling,
    suspends: bool,
}

/// What is to be passed on at once, when an upload is settled.
#[derive(Clone, Copy)]
pub(super) struct ToPassOn {
    pub(super) batch: Option<ChargeBatchId>,
    pub(super) suspends: bool,
}

/// Who took part, as far as it is known.
#[derive(Clone, Copy)]
enum Holder {
    Card(KnownCard),
    Pseudonym,
}

impl Holder {
    fn issuer(&self) -> Option<Name> {
        match self {
            Self::Card(card) => Some(card.issuer),
            Self::Pseudonym => None,
        }
    }
}

impl<'u> Settling<'u> {
    /// Keeps the upload.
    pub(super) fn begin(
        unit: &'u mut dyn Transaction,
        prepared: &Prepared,
        rules: Rules<'u>,
    ) -> Result<Self, ServiceError> {
        let upload = NewUpload { operator: rules.known.operator, ..prepared.upload.clone() };
        let terminal = &prepared.upload.terminal_digest;
        Ok(Self {
            upload: unit.add_upload(&upload)?,
            books: Books::open(unit, prepared.judged.len(), prepared.signed(), terminal)?,
            unit,
            rules,
            terminal_digest: prepared.upload.terminal_digest,
            meter: prepared.upload.terminal,
            charging: Charging::new(rules.batch, rules.now),
            telling: Telling::default(),
            suspends: false,
        })
    }

    /// The upload that was kept.
    pub(super) fn upload(&self) -> UploadId {
        self.upload
    }

    /// What is to be passed on at once.
    pub(super) fn to_pass_on(&self) -> ToPassOn {
        ToPassOn { batch: self.charging.batch(), suspends: self.suspends }
    }

    /// What the operator is to be told, once all is written.
    pub(super) fn into_telling(self) -> Telling {
        self.telling
    }

    /// Settles one record after another.
    pub(super) fn settle_all(&mut self, prepared: &Prepared) -> Result<Vec<RecordOutcome>, ServiceError> {
        let settle = |record| match record {
            Err(refusal) => Ok(RecordOutcome::Refused(refusal)),
            Ok(signed) => self.settle(&signed),
        };
        let outcomes = prepared.records().map(settle).collect::<Result<_, _>>()?;
        self.books.write(self.unit)?;
        Ok(outcomes)
    }

    fn settle(&mut self, signed: &Signed<'_>) -> Result<RecordOutcome, ServiceError> {
        let holder = self.holder(signed);
        if let Some(known) = self.books.settlement(&signed.digest, signed.counter()) {
            let known = known.clone();
            return self.settle_known(signed, holder.as_ref(), &known);
        }
        if let Some(refusal) = self.too_late(signed) {
            return Ok(RecordOutcome::Refused(refusal));
        }
        let Some(holder) = holder else { return Ok(RecordOutcome::Refused(Refusal::NeverIssued)) };
        if let Some(refusal) = signed.misfit {
            return Ok(RecordOutcome::Refused(refusal));
        }
        let after_revocation = match self.standing(signed, &holder) {
            Standing::OutOfUse => return Ok(RecordOutcome::Refused(Refusal::Revoked)),
            Standing::RevokedUnawares => true,
            Standing::Good => false,
        };
        if let Some(settled) = self.books.settled_agreement(&signed.digest, &signed.agreement) {
            let settled = settled.clone();
            self.keep(signed, SettlementOutcome::AnsweredTwice, Some(settled.id), None, after_revocation);
            return Ok(RecordOutcome::Duplicate { amount: self.posted(&settled)? });
        }
        let spent = self.books.spent(&signed.digest) + u64::from(signed.terms().spent());
        if spent > u64::from(signed.holder().identity().budget()) {
            let misuse = self.prove(signed, Some(&holder), MisuseKind::Overspend, None)?;
            self.keep(signed, SettlementOutcome::Misuse, None, Some(misuse), after_revocation);
            return Ok(RecordOutcome::Misuse(misuse));
        }
        let id = self.keep(signed, SettlementOutcome::Settled, None, None, after_revocation);
        let amount = self.charge(signed, &holder, id)?;
        Ok(RecordOutcome::Settled { amount })
    }

    /// Who signed, unless it was never issued, or is a pseudonym that is forgotten.
    fn holder(&self, signed: &Signed<'_>) -> Option<Holder> {
        match signed.holder().identity().class() {
            Class::Card => self.rules.known.cards.get(&signed.digest).copied().map(Holder::Card),
            Class::Pseudonym => self.books.is_pseudonym(&signed.digest).then_some(Holder::Pseudonym),
            Class::Terminal => None,
        }
    }

    /// A pseudonym's records are awaited for so long; then what was set aside for it is its holder's again, and the
    /// pseudonym itself is forgotten.
    fn too_late(&self, signed: &Signed<'_>) -> Option<Refusal> {
        let identity = signed.holder().identity();
        let awaited = identity.not_after().saturating_add(self.rules.policy.pseudonyms.late_records_seconds);
        (identity.class() == Class::Pseudonym && awaited <= self.rules.now).then_some(Refusal::TooLate)
    }

    /// A counter that was seen before: the same message again, or misuse.
    fn settle_known(
        &mut self,
        signed: &Signed<'_>,
        holder: Option<&Holder>,
        known: &SettlementRecord,
    ) -> Result<RecordOutcome, ServiceError> {
        if known.settlement.agreement != signed.agreement {
            return Ok(RecordOutcome::Misuse(self.prove(signed, holder, MisuseKind::DoubleUse, Some(known.id))?));
        }
        let first = match (known.settlement.misuse, known.settlement.repeats) {
            (Some(misuse), _) => return Ok(RecordOutcome::Misuse(misuse)),
            (None, Some(first)) => {
                self.books.write(self.unit)?;
                self.unit.settlement_by_id(first)?
            }
            (None, None) => None,
        };
        Ok(RecordOutcome::Duplicate { amount: self.posted(first.as_ref().unwrap_or(known))? })
    }

    /// What was charged for a settlement.
    fn posted(&self, settled: &SettlementRecord) -> Result<u32, ServiceError> {
        match settled.settlement.kind {
            Kind::Exit => Ok(self.unit.fare_of_exit(settled.id)?.unwrap_or(0)),
            _ => Ok(settled.settlement.amount),
        }
    }

    /// Whether holder and terminal were in use at the record's time, as far as the terminal could know.
    fn standing(&self, signed: &Signed<'_>, holder: &Holder) -> Standing {
        let (known, time) = (self.rules.known, signed.terms().time());
        if known.retired.is_some_and(|retired| retired <= time) {
            return Standing::OutOfUse;
        }
        let revoked_since = match holder {
            Holder::Card(card) => card.revoked_since,
            Holder::Pseudonym => known.recognised.get(&signed.digest).copied(),
        };
        // By then every bundle without the revocation has run out.
        let known_to_all = |since: Time| since.saturating_add(self.rules.policy.bundle_validity_seconds);
        match revoked_since {
            Some(since) if known_to_all(since) <= time => Standing::OutOfUse,
            Some(since) if since <= time => Standing::RevokedUnawares,
            _ => Standing::Good,
        }
    }

    fn keep(
        &mut self,
        signed: &Signed<'_>,
        outcome: SettlementOutcome,
        repeats: Option<SettlementId>,
        misuse: Option<MisuseId>,
        after_revocation: bool,
    ) -> SettlementId {
        self.books.keep(NewSettlement {
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
        })
    }

    /// Charges what was settled; what was charged for this record, minor units.
    fn charge(&mut self, signed: &Signed<'_>, holder: &Holder, id: SettlementId) -> Result<u32, ServiceError> {
        let (terms, operator) = (signed.terms(), self.rules.known.operator);
        match terms.kind() {
            Kind::Purchase => {
                self.take(EntryKind::Purchase, signed, holder, id, Party::Operator(operator))?;
                Ok(terms.amount())
            }
            Kind::Entry => {
                self.take(EntryKind::Entry, signed, holder, id, Party::Journeys)?;
                self.travel(signed, holder, id, JourneyRole::Entry)?;
                Ok(terms.amount())
            }
            Kind::Exit => {
                self.travel(signed, holder, id, JourneyRole::Exit)?;
                Ok(self.unit.fare_of_exit(id)?.unwrap_or(0))
            }
            Kind::Credit => {
                // Whether there is such a voucher, the attester knows.
                let (reference, meter) = (*terms.reference(), self.meter);
                self.books.write(self.unit)?;
                self.unit.add_delivery(&DeliveryRecord { settlement: id, reference, meter })?;
                Ok(0)
            }
            Kind::Refund => Err(ServiceError::Internal("a refund was judged to settle")),
        }
    }

    /// Has the holder pay the amount of the terms.
    fn take(
        &mut self,
        kind: EntryKind,
        signed: &Signed<'_>,
        holder: &Holder,
        settlement: SettlementId,
        to: Party,
    ) -> Result<(), ServiceError> {
        let moves = vec![Move { from: Party::Holder, to, amount: signed.terms().amount() }];
        self.add_charge(signed, holder, Moved { kind, settlement, moves })
    }

    fn travel(
        &mut self,
        signed: &Signed<'_>,
        holder: &Holder,
        id: SettlementId,
        role: JourneyRole,
    ) -> Result<(), ServiceError> {
        let terms = signed.terms();
        let end = JourneyRecord {
            settlement: id,
            credential_digest: signed.digest,
            operator: self.rules.known.operator,
            role,
            time: terms.time(),
            counter: signed.counter(),
            amount: terms.amount(),
            reference: *terms.reference(),
            closed: None,
            ended: None,
        };
        let group = signed.holder().identity().tariff();
        self.books.write(self.unit)?;
        for moved in journeys::add_end(self.unit, &end, group, self.rules.fares)? {
            self.add_charge(signed, holder, moved)?;
        }
        Ok(())
    }

    fn add_charge(&mut self, signed: &Signed<'_>, holder: &Holder, moved: Moved) -> Result<(), ServiceError> {
        let payer = match holder {
            Holder::Card(card) => Payer::Named(card.tag),
            Holder::Pseudonym => Payer::Pseudonym(signed.holder().identity().subject()),
        };
        self.telling.note(&moved);
        self.charging.add(self.unit, &mut self.books, moved, payer, signed.terms().currency())
    }

    /// Keeps a proof, once for one offending record. A card is to be suspended then; whose a pseudonym is, nobody here
    /// knows, and the proof waits for a case that is opened by law.
    fn prove(
        &mut self,
        signed: &Signed<'_>,
        holder: Option<&Holder>,
        kind: MisuseKind,
        contradicts: Option<SettlementId>,
    ) -> Result<MisuseId, ServiceError> {
        let offence = Offence {
            kind,
            record: signed.record,
            digest: sha256(&[&signed.agreement, &signed.counter().to_be_bytes()]),
            credential_digest: signed.digest,
            terminal_digest: self.terminal_digest,
            operator: self.rules.known.operator,
            issuer: holder.and_then(Holder::issuer),
            contradicts,
        };
        self.books.write(self.unit)?;
        let (misuse, is_new) = misuse::prove(self.unit, &offence, self.rules.now)?;
        if is_new && matches!(holder, Some(Holder::Card(_))) {
            self.unit.add_suspension(&SuspensionRecord { misuse, credential_digest: signed.digest })?;
            self.suspends = true;
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

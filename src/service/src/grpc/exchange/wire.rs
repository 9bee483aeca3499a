//! Answers of the exchange as messages.

use crate::exchange::{Answered, CollectedRecord, MisuseReport, RecordOutcome, Refusal, UploadSummary, UploadedRecord};
use symbolon_api::{CardName, InvalidField, MisuseProofName, OperatorName, RecordName, TerminalName, UploadName, v1};
use symbolon_ccks::Malformed;
use symbolon_store::records::{IssuedRecord, MisuseId, MisuseKind, RecordPosition, RouteEvent};
use symbolon_tap::{Kind, misuse::Convicts};

/// What a record is called.
pub(in crate::grpc) fn record_name(position: RecordPosition) -> RecordName {
    RecordName::new(position.0.to_string())
}

/// The place that a name is about; `Ok(None)` when no record can have the name.
pub(super) fn record_position(field: &'static str, name: &str) -> Result<Option<RecordPosition>, InvalidField> {
    let name = RecordName::parse(field, name)?;
    let position = name.identifier().parse().ok().map(RecordPosition);
    // Another spelling of a number is another name; and the store counts to 2^63.
    Ok(position.filter(|position| position.0 <= i64::MAX as u64 && position.0.to_string() == *name.identifier()))
}

fn misuse_name(id: MisuseId) -> String {
    MisuseProofName::new(id.0.to_string()).to_string()
}

/// The proof that a name is about; `Ok(None)` when no proof can have the name.
pub(super) fn misuse_id(field: &'static str, name: &str) -> Result<Option<MisuseId>, InvalidField> {
    let name = MisuseProofName::parse(field, name)?;
    let id = name.identifier().parse().ok().map(MisuseId);
    // Another spelling of a number is another name.
    Ok(id.filter(|id| id.0.to_string() == *name.identifier()))
}

pub(super) fn answered(answered: &Answered) -> v1::UploadResponse {
    let answer = &answered.answer;
    v1::UploadResponse {
        upload: UploadName::new(*answer.acknowledgement().upload_digest()).to_string(),
        acknowledgement: answer.signed_acknowledgement(),
        outcomes: answer.outcomes().iter().map(record_outcome).collect(),
        repeated: answered.repeated,
    }
}

/// What an outcome is counted under.
pub(super) const fn outcome_name(outcome: &RecordOutcome) -> &'static str {
    match outcome {
        RecordOutcome::Settled { .. } => "settled",
        RecordOutcome::Duplicate { .. } => "duplicate",
        RecordOutcome::Refused(_) => "refused",
        RecordOutcome::Misuse(_) => "misuse",
    }
}

fn record_outcome(outcome: &RecordOutcome) -> v1::RecordOutcome {
    let (kind, refusal, settled_amount, proof) = match *outcome {
        RecordOutcome::Settled { amount } => (v1::Outcome::Settled, None, amount, None),
        RecordOutcome::Duplicate { amount } => (v1::Outcome::Duplicate, None, amount, None),
        RecordOutcome::Refused(refusal) => (v1::Outcome::Refused, Some(refusal), 0, None),
        RecordOutcome::Misuse(id) => (v1::Outcome::Misuse, None, 0, Some(id)),
    };
    v1::RecordOutcome {
        outcome: kind.into(),
        refusal_reason: refusal.map_or(v1::RefusalReason::Unspecified, refusal_reason).into(),
        settled_amount,
        misuse_proof: proof.map(misuse_name).unwrap_or_default(),
    }
}

const fn refusal_reason(refusal: Refusal) -> v1::RefusalReason {
    match refusal {
        Refusal::Malformed => v1::RefusalReason::Malformed,
        Refusal::BadSignature => v1::RefusalReason::BadSignature,
        Refusal::WrongAuthority => v1::RefusalReason::WrongAuthority,
        Refusal::WrongClass => v1::RefusalReason::WrongClass,
        Refusal::WrongSector => v1::RefusalReason::WrongSector,
        Refusal::WrongCurrency => v1::RefusalReason::WrongCurrency,
        Refusal::Expired => v1::RefusalReason::Expired,
        Refusal::NotYetValid => v1::RefusalReason::NotYetValid,
        Refusal::OverLimit => v1::RefusalReason::OverLimit,
        Refusal::Revoked => v1::RefusalReason::Revoked,
        Refusal::NeverIssued => v1::RefusalReason::NeverIssued,
        Refusal::NotAuthorised => v1::RefusalReason::NotAuthorised,
        Refusal::TimeAhead => v1::RefusalReason::TimeAhead,
        Refusal::WrongKind => v1::RefusalReason::WrongKind,
        Refusal::TooLate => v1::RefusalReason::TooLate,
    }
}

pub(super) fn upload(summary: &UploadSummary) -> v1::Upload {
    let acknowledgement = summary.answer.acknowledgement();
    v1::Upload {
        name: UploadName::new(summary.digest).to_string(),
        terminal: TerminalName::new(summary.terminal).to_string(),
        operator: OperatorName::new(summary.operator).to_string(),
        number: summary.number,
        record_count: summary.record_count.into(),
        settled_count: acknowledgement.settled().into(),
        duplicate_count: acknowledgement.duplicate().into(),
        refused_count: acknowledgement.refused().into(),
        acknowledgement: summary.answer.signed_acknowledgement(),
        create_time: Some(symbolon_api::time_to_wire(summary.received)),
    }
}

/// A record that does not parse was refused as malformed; what its terms say is then left out.
pub(super) fn record(uploaded: &UploadedRecord) -> Result<v1::Record, Malformed> {
    let outcome = record_outcome(&uploaded.outcome);
    let mut record = v1::Record {
        name: record_name(uploaded.position).to_string(),
        upload: UploadName::new(uploaded.upload).to_string(),
        index: uploaded.index.into(),
        terminal: TerminalName::new(uploaded.terminal).to_string(),
        operator: OperatorName::new(uploaded.operator).to_string(),
        settled_amount: outcome.settled_amount,
        outcome: outcome.outcome,
        refusal_reason: outcome.refusal_reason,
        misuse_proof: outcome.misuse_proof,
        content: uploaded.record.as_bytes().to_vec(),
        ..v1::Record::default()
    };
    match uploaded.record.parse() {
        Ok(parsed) => {
            let terms = parsed.terms();
            record.kind = kind(terms.kind()).into();
            record.sector = symbolon_api::sector_to_wire(terms.sector()).into();
            record.amount = terms.amount();
            record.currency = terms.currency().into();
            record.tap_time = Some(symbolon_api::time_to_wire(terms.time()));
        }
        Err(_) if uploaded.outcome == RecordOutcome::Refused(Refusal::Malformed) => {}
        Err(malformed) => return Err(malformed),
    }
    Ok(record)
}

pub(super) fn collected(collected: &CollectedRecord) -> Result<v1::CollectedRecord, Malformed> {
    let event = match collected.event {
        RouteEvent::Settled => v1::RecordEvent::Settled,
        RouteEvent::Priced => v1::RecordEvent::Priced,
        RouteEvent::Closed => v1::RecordEvent::Closed,
        RouteEvent::Voided => v1::RecordEvent::Voided,
    };
    Ok(v1::CollectedRecord {
        cursor: collected.cursor.to_string(),
        event: event.into(),
        gain: collected.gain,
        record: Some(record(&collected.record)?),
        event_time: Some(symbolon_api::time_to_wire(collected.time)),
    })
}

const fn kind(kind: Kind) -> v1::RecordKind {
    match kind {
        Kind::Purchase => v1::RecordKind::Purchase,
        Kind::Entry => v1::RecordKind::Entry,
        Kind::Exit => v1::RecordKind::Exit,
        Kind::Credit => v1::RecordKind::Credit,
        Kind::Refund => v1::RecordKind::Refund,
    }
}

pub(super) fn misuse_proof(report: &MisuseReport) -> v1::MisuseProof {
    let misuse = &report.record.misuse;
    let kind = match misuse.kind {
        MisuseKind::DoubleUse => v1::MisuseKind::DoubleUse,
        MisuseKind::Overspend => v1::MisuseKind::Overspend,
    };
    let convicted = match report.convicts {
        Convicts::Nobody => v1::Convicted::Unspecified,
        Convicts::Credential => v1::Convicted::Credential,
        Convicts::Person => v1::Convicted::Person,
    };
    v1::MisuseProof {
        name: misuse_name(report.record.id),
        kind: kind.into(),
        convicted: convicted.into(),
        proof: misuse.items.clone(),
        credential: misuse.credential.as_bytes().to_vec(),
        card: report.card.map(|number| CardName::new(number).to_string()).unwrap_or_default(),
        archive: report.archive.as_ref().map(archive),
        create_time: Some(symbolon_api::time_to_wire(misuse.found)),
    }
}

fn archive(issued: &IssuedRecord) -> v1::IssueArchive {
    v1::IssueArchive {
        enrolment_point: issued.enrolment_point.as_bytes().to_vec(),
        contribution: issued.contribution.to_vec(),
        holder_request: issued.request.signed.clone(),
        holder_signature: issued.request.signature.clone(),
        holder_key: issued.request.key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_of_refusal_are_those_of_the_interface() {
        for refusal in Refusal::ALL {
            let name = refusal_reason(refusal).as_str_name();
            assert_eq!(name, format!("REFUSAL_REASON_{}", refusal.reason().to_ascii_uppercase()));
            assert_eq!(refusal_reason(refusal) as i32, i32::from(refusal as u8));
        }
    }

    #[test]
    fn a_record_has_one_name() {
        let name = record_name(RecordPosition(9)).to_string();
        assert_eq!(record_position("name", &name), Ok(Some(RecordPosition(9))));
        for wrong in ["records/09", "records/x", "records/18446744073709551615"] {
            assert_eq!(record_position("name", wrong), Ok(None));
        }
        assert!(record_position("name", "uploads/9").is_err());
    }

    #[test]
    fn a_misuse_proof_has_one_name() {
        assert_eq!(misuse_id("name", &misuse_name(MisuseId(7))), Ok(Some(MisuseId(7))));
        for wrong in ["misuseProofs/07", "misuseProofs/x", "misuseProofs/99999999999999999999"] {
            assert_eq!(misuse_id("name", wrong), Ok(None));
        }
        assert!(misuse_id("name", "misuse/7").is_err());
    }
}

//! Opening a pseudonym by law: what clearing's own officer approves, and what clearing then tells.

use symbolon_ccks::{Name, Subject, Time};
use symbolon_store::{
    Transaction,
    records::{BindingRecord, CaseEvent, CaseRecord},
};

use crate::{
    ServiceError,
    links::{OpenedSubject, ServiceRole, TraceToken},
};

/// Bytes of a case number at most.
const LONGEST_NUMBER: usize = 64;

/// Refuses what cannot be the number of a case: it is shown to people, and compared byte by byte.
pub(crate) fn check_number(case: &str) -> Result<(), ServiceError> {
    let invalid = |problem| Err(ServiceError::InvalidField { field: "case", problem });
    match case.len() {
        0 => invalid("empty"),
        length if length > LONGEST_NUMBER => invalid("longer than 64 bytes"),
        _ if case.chars().any(char::is_control) || case.trim() != case => invalid("control characters or blank ends"),
        _ => Ok(()),
    }
}

/// Notes an officer's approval.
pub(super) fn approve(
    unit: &mut dyn Transaction,
    case: &str,
    subject: Subject,
    officer: Name,
    time: Time,
) -> Result<(), ServiceError> {
    let BindingRecord { account, .. } = bound(unit, &subject)?;
    let event = CaseRecord { event: CaseEvent::Approved, case: case.to_owned(), subject, account, officer, time };
    Ok(unit.add_case_event(&event)?)
}

/// Tells who pays for a pseudonym, when an officer of clearing approved it at most `holds_seconds` ago.
pub(super) fn open(
    unit: &mut dyn Transaction,
    case: &str,
    subject: Subject,
    trace_key: &[u8; 32],
    holds_seconds: u64,
    now: Time,
) -> Result<OpenedSubject, ServiceError> {
    let approval = unit.case_approval(case, &subject)?;
    let approval = approval.filter(|approval| now <= approval.time.saturating_add(holds_seconds));
    let approval = approval.ok_or(ServiceError::NotApproved(ServiceRole::Clearing))?;
    let BindingRecord { account, .. } = bound(unit, &subject)?;
    unit.add_case_event(&CaseRecord { event: CaseEvent::Opened, account, time: now, ..approval.clone() })?;
    Ok(OpenedSubject {
        account,
        token: TraceToken::of_case(trace_key, &subject, case),
        approved_by: approval.officer.as_str().to_owned(),
        approved: approval.time,
    })
}

fn bound(unit: &dyn Transaction, subject: &Subject) -> Result<BindingRecord, ServiceError> {
    unit.binding(subject)?.ok_or(ServiceError::NotFound("pseudonym"))
}

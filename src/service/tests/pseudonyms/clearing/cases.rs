//! Approving cases and opening pseudonyms.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::Connection;
use sha2::Sha256;
use symbolon_ccks::Subject;
use symbolon_service::{
    Policy, ServiceError,
    links::{ClearingLink as _, ServiceRole},
};
use symbolon_store::records::CaseEvent;

use super::{ALL, House, START, TRACE_KEY, name};

const NOT_APPROVED: ServiceError = ServiceError::NotApproved(ServiceRole::Clearing);

impl House {
    async fn approve(&self, case: &str, subject: Subject) -> Result<(), ServiceError> {
        self.clearing().approve(case, subject, &name("officer")).await.map(drop)
    }

    async fn refusal(&self, case: &str, subject: Subject) -> ServiceError {
        self.clearing().open_subject(case, subject).await.unwrap_err()
    }
}

#[tokio::test]
async fn an_approved_case_opens_its_subject_alone() {
    let mut house = House::new();
    let account = house.account(1_000).await;
    let (subject, other) = (house.pseudonym(&account).await, house.pseudonym(&account).await);
    assert_eq!(house.refusal("case 7", subject).await, NOT_APPROVED);
    house.set(5);
    house.approve("case 7", subject).await.unwrap();
    house.reopen();
    house.set(9);
    let opened = house.clearing().open_subject("case 7", subject).await.unwrap();
    assert_eq!(opened.account, account);
    assert_eq!((opened.approved_by.as_str(), opened.approved.seconds()), ("officer", START + 5));
    let mut mac = Hmac::<Sha256>::new_from_slice(&TRACE_KEY).unwrap();
    mac.update(&[b"SYMBOLON-V1-TRACE".as_slice(), subject.as_bytes(), b"case 7"].concat());
    assert_eq!(opened.token.0.as_slice(), mac.finalize().into_bytes().as_slice());
    assert_eq!(house.refusal("case 7", other).await, NOT_APPROVED);
    assert_eq!(house.refusal("case 8", subject).await, NOT_APPROVED);
    assert_eq!(house.refusal("case", subject).await, NOT_APPROVED);
    assert_eq!(house.refusal("Case 7", subject).await, NOT_APPROVED);
    let events = house.clearing().cases(ALL).await.unwrap();
    let events = events.iter().map(|listed| (listed.record.event, listed.record.time.seconds() - START));
    assert_eq!(events.collect::<Vec<_>>(), [(CaseEvent::Approved, 5), (CaseEvent::Opened, 9)]);
}

#[tokio::test]
async fn an_approval_runs_out_and_can_be_given_anew() {
    let house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    let holds = Policy::default().pseudonyms.approval_seconds;
    house.approve("7", subject).await.unwrap();
    house.set(holds);
    assert!(house.clearing().open_subject("7", subject).await.is_ok());
    house.set(holds + 1);
    assert_eq!(house.refusal("7", subject).await, NOT_APPROVED);
    house.approve("7", subject).await.unwrap();
    assert_eq!(house.clearing().open_subject("7", subject).await.unwrap().approved.seconds(), START + holds + 1);
}

#[tokio::test]
async fn what_cannot_be_approved_is_told_apart() {
    let house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    let unknown = Subject::from_bytes([9; 16]);
    assert_eq!(house.approve("7", unknown).await, Err(ServiceError::NotFound("pseudonym")));
    for case in ["", " 7", "7 ", "7\n8", "\u{7f}", &"7".repeat(65)] {
        let refused = house.approve(case, subject).await;
        assert!(matches!(refused, Err(ServiceError::InvalidField { field: "case", .. })), "{case:?}: {refused:?}");
    }
    assert_eq!(house.approve(&"7".repeat(64), subject).await, Ok(()));
    assert_eq!(house.clearing().cases(ALL).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_done_in_a_case_stays() {
    let house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    house.approve("7", subject).await.unwrap();
    let sql = Connection::open(house.path()).unwrap();
    for statement in ["UPDATE clearing_trace SET officer = 'nobody'", "DELETE FROM clearing_trace"] {
        assert!(sql.execute_batch(statement).is_err(), "{statement}");
    }
}

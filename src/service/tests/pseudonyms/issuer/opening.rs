//! Giving a pseudonym out of the archive.

use symbolon_service::{
    Clock as _, ServiceError,
    links::{IssuerLink as _, ServiceRole, TraceToken},
};
use symbolon_store::Page;

use super::{Bureau, TRACE_KEY, TestSuite as _, answer};

const ALL: Page = Page { after: 0, limit: 100 };

#[tokio::test]
async fn the_archive_opens_for_an_approved_case_and_that_is_on_record() {
    let bureau = Bureau::new();
    let asked = bureau.asked(0);
    let issued = bureau.issue(&[&asked]).await.remove(0);
    let subject = asked.subject();
    let token = TraceToken::of_case(&TRACE_KEY, &subject, "2027-14");
    let archived = bureau.issuer().archived(subject, "2027-14", token).await.unwrap().unwrap();
    assert_eq!(archived.credential, asked.open(answer(&issued)).credential);
    assert_eq!((archived.point, archived.salt), (asked.content.point, asked.content.salt));
    let authority = symbolon_ccks::P256::keys();
    assert!(authority.authority().archive_binds(&archived.credential, &archived.point, &archived.contribution));

    bureau.scene.clock.set(60);
    bureau.issuer().archived(subject, "2027-14", token).await.unwrap().unwrap();
    let openings = bureau.issuer().openings(ALL).await.unwrap();
    let told =
        openings.iter().map(|opening| (opening.record.case.as_str(), opening.record.subject, opening.record.time));
    let now = bureau.scene.clock.now();
    assert_eq!(told.collect::<Vec<_>>(), [("2027-14", subject, now.saturating_sub(60)), ("2027-14", subject, now)]);
}

#[tokio::test]
async fn without_clearings_approval_of_just_this_it_stays_shut() {
    let bureau = Bureau::new();
    let (asked, other) = (bureau.asked(0), bureau.asked(1));
    bureau.issue(&[&asked, &other]).await;
    let subject = asked.subject();
    let good = TraceToken::of_case(&TRACE_KEY, &subject, "14");
    let mut changed = good;
    changed.0[31] ^= 1;
    let tries = [
        (subject, "14", changed),
        (subject, "15", good),
        (other.subject(), "14", good),
        (subject, "14", TraceToken::of_case(&[0; 32], &subject, "14")),
        (subject, "14", TraceToken::of_case(&TRACE_KEY, &other.subject(), "14")),
        (subject, "14", TraceToken([0; 32])),
    ];
    for (subject, case, token) in tries {
        let refused = bureau.issuer().archived(subject, case, token).await;
        assert_eq!(refused.err(), Some(ServiceError::NotApproved(ServiceRole::Clearing)));
    }
    assert!(bureau.issuer().openings(ALL).await.unwrap().is_empty());
    for case in [String::new(), "9".repeat(65)] {
        let token = TraceToken::of_case(&TRACE_KEY, &subject, &case);
        let refused = bureau.issuer().archived(subject, &case, token).await;
        assert!(matches!(refused, Err(ServiceError::InvalidField { field: "case", .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn what_was_never_released_is_not_in_it() {
    let bureau = Bureau::new();
    let (refused, unknown) = (bureau.asked(0), bureau.asked(1));
    bureau.others.state().refuses.insert(refused.subject());
    bureau.issue(&[&refused]).await;
    for subject in [refused.subject(), unknown.subject()] {
        let token = TraceToken::of_case(&TRACE_KEY, &subject, "1");
        assert_eq!(bureau.issuer().archived(subject, "1", token).await.unwrap(), None);
    }
}

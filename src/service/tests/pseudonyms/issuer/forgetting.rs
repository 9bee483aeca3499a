//! What goes with its period, and what is never kept at all.

use symbolon_ccks::PeriodBoundary;
use symbolon_service::{
    Clock as _,
    links::{IssuerLink as _, ItemOutcome, ItemRefusal, TraceToken},
};

use super::{Bureau, Fault, TRACE_KEY, answer};
use crate::scene::readable;

#[tokio::test]
async fn an_answer_is_kept_until_its_pseudonym_expires() {
    let bureau = Bureau::new();
    let (asked, present) = (bureau.asked(0), bureau.present());
    let issued = bureau.issue(&[&asked]).await;
    bureau.scene.clock.move_on(1);
    let expiry = present.expiry(PeriodBoundary::DEFAULT).seconds() - bureau.scene.clock.now().seconds();
    // The used values of the period that is over, which nothing can be issued for any more.
    assert_eq!(bureau.issuer().forget_old(bureau.scene.clock.now()).await.unwrap(), 2);
    let at = |seconds_before: u64| bureau.scene.clock.now().saturating_add(expiry - seconds_before);
    assert_eq!(bureau.issuer().forget_old(at(1)).await.unwrap(), 0);
    assert_eq!(bureau.issue(&[&asked]).await, issued);
    assert_eq!(bureau.issuer().forget_old(at(0)).await.unwrap(), 1);
    assert_eq!(bureau.issue(&[&asked]).await, [ItemOutcome::Refused(ItemRefusal::WrongPeriod)]);
    assert!(!readable(bureau.scene.folder.path(), answer(&issued[0]).as_bytes()));
    // The archive stands.
    let token = TraceToken::of_case(&TRACE_KEY, &asked.subject(), "1");
    let archived = bureau.issuer().archived(asked.subject(), "1", token).await.unwrap().unwrap();
    assert_eq!(archived.credential, asked.open(answer(&issued[0])).credential);
}

#[tokio::test]
async fn what_nobody_could_deliver_before_it_expired_is_given_up() {
    let bureau = Bureau::new();
    let (asked, unregistered) = (bureau.asked(0), bureau.asked(1));
    bureau.others.state().register_fault = Fault::Before;
    bureau.issue(&[&unregistered]).await;
    bureau.others.state().bind_fault = Fault::Before;
    bureau.issue(&[&asked]).await;
    bureau.scene.clock.move_on(2);
    bureau.issuer().forget_old(bureau.scene.clock.now()).await.unwrap();
    bureau.others.state().bind_fault = Fault::None;
    bureau.others.state().register_fault = Fault::None;
    bureau.issuer().deliver().await.unwrap();
    let outcomes = bureau.issue(&[&asked, &unregistered]).await;
    let refused = [ItemRefusal::TagRefused, ItemRefusal::WrongPeriod].map(ItemOutcome::Refused);
    assert_eq!(outcomes, refused);
    let counts = bureau.issuer().counts().await.unwrap();
    assert_eq!((counts.waiting_for_clearing, counts.waiting_for_exchange), (0, 0));
    assert!(!bureau.others.state().bound.contains_key(&asked.subject()));
}

#[tokio::test]
async fn of_what_the_attester_sends_only_commitments_stay() {
    let bureau = Bureau::new();
    let asked = (0..6).map(|j| bureau.asked(j)).collect::<Vec<_>>();
    bureau.issue(&asked.iter().collect::<Vec<_>>()).await;
    bureau.issuer().forget_old(bureau.scene.clock.now()).await.unwrap();
    let folder = bureau.scene.folder.path();
    for asked in &asked {
        let item = asked.item();
        assert!(readable(folder, item.commitment.as_bytes()), "this search finds what is there");
        assert!(readable(folder, asked.subject().as_bytes()));
        let gone: [&[u8]; 9] = [
            item.challenge.as_bytes(),
            item.sealed.as_bytes(),
            item.values[0].as_bytes(),
            item.values[1].as_bytes(),
            item.tag.as_bytes(),
            asked.values[0].as_bytes(),
            asked.values[1].as_bytes(),
            asked.content.possession.as_bytes(),
            asked.content.response_key.as_bytes(),
        ];
        for (place, bytes) in gone.into_iter().enumerate() {
            assert!(!readable(folder, bytes), "the {place}th is in the files");
        }
    }
}

#[tokio::test]
async fn nothing_in_the_database_tells_the_order_of_asking() {
    let bureau = Bureau::new();
    let mut asked = (0..40).map(|j| bureau.asked(j)).collect::<Vec<_>>();
    for one in &asked {
        bureau.scene.clock.set(u64::from(one.item().tag.as_bytes()[0]));
        bureau.issue(&[one]).await;
    }
    let sql = rusqlite::Connection::open(bureau.scene.folder.path().join(super::FILE)).unwrap();
    let mut rows = sql.prepare("SELECT subject FROM pseudonym_archive").unwrap();
    let stored = rows.query_map([], |row| row.get::<_, [u8; 16]>(0)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    asked.sort_by_key(|asked| *asked.subject().as_bytes());
    assert_eq!(stored, asked.iter().map(|asked| *asked.subject().as_bytes()).collect::<Vec<_>>());
    let rowid = sql.prepare("SELECT rowid FROM pseudonym_archive").map(drop).unwrap_err().to_string();
    assert!(rowid.contains("no such column"), "{rowid}");
    let columns = sql.prepare("SELECT * FROM pseudonym_archive").unwrap();
    let names = columns.column_names().map(str::to_owned).collect::<Vec<_>>();
    let allowed =
        ["subject", "commitment", "period", "credential", "point", "salt", "contribution", "state", "tag", "answer"];
    assert_eq!(names, allowed, "a new column has to be held against the table of who knows what");
}

//! Attack 10: one challenge, answered twice, settled twice.
//!
//! A card is made to answer one challenge under two counters, by a bug, by a rogue terminal that holds it a little longer,
//! or by the thief of attack 9. Both answers are valid, and as (credential, counter) they are two transactions: a
//! settlement that goes by that alone takes the money twice. Ours also asks whether the same credential agreed to the
//! same terms at the same terminal before, which a terminal's nonce makes the same agreement.

use crate::{
    bureau::{BUDGET, Bureau, with_bureau},
    city::{City, Holder, NOON, TestSuite},
    station,
};
use std::collections::BTreeSet;
use symbolon_ccks::{Sector, Time};
use symbolon_service::exchange::{MisuseReader, RecordOutcome};
use symbolon_tap::misuse::{Convicts, Item, Proves, check};
use symbolon_tap::{Challenge, Flags, Kind, Record, Terms, TermsFields};

for_each_suite!(
    one_challenge_under_two_counters_settles_once,
    uploading_twice_settles_once,
    a_second_answer_hides_no_misuse,
    an_overspent_budget_is_found_in_any_order,
);

fn challenge<S: TestSuite>(gate: &Holder<S>, amount: u32, number: u8) -> Challenge {
    let terms = Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce: [number; 16],
        time: Time::new(NOON).unwrap(),
        amount,
        currency: 156,
        reference: [7; 16],
    })
    .unwrap();
    Challenge::sign(&gate.key, terms, &[number; 32]).unwrap()
}

fn record<S: TestSuite>(card: &Holder<S>, challenge: &Challenge, counter: u32) -> Record {
    Record::new(*challenge.terms(), station::answer(card, challenge, counter))
}

fn one_challenge_under_two_counters_settles_once<S: TestSuite>() {
    with_bureau::<S>(async |city, bureau| {
        let ((card, account), gate) = (bureau.card(city).await, bureau.terminal(city).await);
        let asked = challenge(&gate, 200, 1);
        let twice = [record(&card, &asked, 1), record(&card, &asked, 2)];

        // A settlement that goes by (credential, counter): two transactions, both signed by the holder.
        let digest = gate.issued.credential.digest();
        let mut taken = 0;
        let mut known = BTreeSet::new();
        for record in &twice {
            let presentation = record.presentation();
            let signed = presentation.verify(&city.authority, record.terms(), &digest).is_ok();
            if signed && known.insert((presentation.holder().digest(), presentation.counter())) {
                taken += record.terms().amount();
            }
        }
        assert_eq!(taken, 400, "the weak settlement takes it twice");

        // Ours.
        let outcomes = bureau.upload(&gate, &twice).await;
        assert_eq!(outcomes, [RecordOutcome::Settled { amount: 200 }, RecordOutcome::Duplicate { amount: 200 }]);
        assert_eq!(bureau.balance(&account).await, -200);
        assert_eq!(bureau.balance(&bureau.operator_account()).await, 200);
        // The holder is not blamed for it.
        let items = twice.map(|record| Item::new(&record, digest));
        assert!(matches!(check(&city.authority, &items).proves(), Proves::Nothing(_)));
        // In two uploads, in the other order, and under a third counter, it stays at one.
        let again = [record(&card, &asked, 3), twice[1], twice[0]];
        let outcomes = bureau.upload(&gate, &again).await;
        assert!(outcomes.iter().all(RecordOutcome::is_duplicate), "{outcomes:?}");
        assert_eq!(bureau.balance(&account).await, -200);
    });
}

fn uploading_twice_settles_once<S: TestSuite>() {
    with_bureau::<S>(async |city, bureau| {
        let ((card, account), gate) = (bureau.card(city).await, bureau.terminal(city).await);
        let records: Vec<Record> =
            (1..=3).map(|number| record(&card, &challenge(&gate, 100, number), number.into())).collect();
        let first = bureau.upload(&gate, &records).await;
        assert!(first.iter().all(RecordOutcome::is_settled));
        let parts = [&records[1..], &records[..2], &records[..]];
        for part in parts {
            let outcomes = bureau.upload(&gate, part).await;
            assert!(outcomes.iter().all(RecordOutcome::is_duplicate));
        }
        assert_eq!(bureau.balance(&account).await, -300);
        // Another terminal of the same operator cannot settle them either: the holder signed for the first.
        let other = bureau.terminal(city).await;
        let stolen = bureau.upload(&other, &records).await;
        assert!(stolen.iter().all(RecordOutcome::is_refused));
        assert_eq!(bureau.balance(&account).await, -300);
    });
}

/// The one proof there is, checked without the service.
async fn only_proof<S: TestSuite>(city: &City<S>, bureau: &Bureau<S>) -> (Proves, Convicts) {
    let page = symbolon_store::Page { after: 0, limit: 10 };
    let reports = bureau.exchange.misuses(MisuseReader::Auditor, page).await.unwrap();
    assert_eq!(reports.len(), 1);
    let items = Item::parse_all(&reports[0].record.misuse.items).unwrap();
    (check(&city.authority, items).proves(), reports[0].convicts)
}

fn a_second_answer_hides_no_misuse<S: TestSuite>() {
    // Counter 2 was spent on a repetition that settled nothing. It is used all the same: another message under it is
    // misuse, and the proof holds without the service.
    with_bureau::<S>(async |city, bureau| {
        let ((card, account), gate) = (bureau.card(city).await, bureau.terminal(city).await);
        let (asked, other) = (challenge(&gate, 200, 1), challenge(&gate, 300, 2));
        bureau.upload(&gate, &[record(&card, &asked, 1), record(&card, &asked, 2)]).await;
        let outcomes = bureau.upload(&gate, &[record(&card, &other, 2)]).await;
        assert!(matches!(outcomes[..], [RecordOutcome::Misuse(_)]), "{outcomes:?}");
        assert_eq!(bureau.balance(&account).await, -200);
        // No registered key asked for this credential, so it is the credential that is convicted.
        assert_eq!(only_proof(city, bureau).await, (Proves::DoubleUse, Convicts::Credential));
    });
}

fn an_overspent_budget_is_found_in_any_order<S: TestSuite>() {
    // Five taps of 500 on a budget of 2,000, by a card that does not count: whichever comes last is the one too many.
    let orders = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]];
    for order in orders {
        with_bureau::<S>(async |city, bureau| {
            let ((card, account), gate) = (bureau.card(city).await, bureau.terminal(city).await);
            let records: Vec<Record> =
                (1..=5).map(|number| record(&card, &challenge(&gate, 500, number), number.into())).collect();
            for (index, place) in order.into_iter().enumerate() {
                let outcomes = bureau.upload(&gate, &[records[place]]).await;
                let expected_misuse = index == 4;
                assert_eq!(matches!(outcomes[..], [RecordOutcome::Misuse(_)]), expected_misuse);
            }
            assert_eq!(bureau.balance(&account).await, -i64::from(BUDGET));
            assert_eq!(only_proof(city, bureau).await, (Proves::Overspend, Convicts::Credential));
        });
    }
}

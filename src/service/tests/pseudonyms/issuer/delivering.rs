//! Clearing and exchange before the wallet.

use symbolon_ccks::Subject;
use symbolon_service::links::{ItemOutcome, ItemRefusal};

use super::{Bureau, Fault, answer};
use crate::scene::readable;

#[tokio::test]
async fn an_answer_waits_for_clearing_and_for_the_exchange() {
    let bureau = Bureau::new();
    let asked = [bureau.asked(0), bureau.asked(1)];
    let both = [&asked[0], &asked[1]];
    bureau.others.state().bind_fault = Fault::Before;
    assert_eq!(bureau.issue(&both).await, [ItemOutcome::Pending, ItemOutcome::Pending]);
    assert!(bureau.issuer().deliver().await.is_err());
    let counts = bureau.issuer().counts().await.unwrap();
    assert_eq!((counts.waiting_for_clearing, counts.waiting_for_exchange, counts.issued), (2, 0, 0));
    assert!(bureau.others.state().registered.is_empty(), "the exchange heard of a pseudonym that nobody pays for");

    bureau.others.state().bind_fault = Fault::None;
    bureau.others.state().register_fault = Fault::Before;
    assert_eq!(bureau.issue(&both).await, [ItemOutcome::Pending, ItemOutcome::Pending]);
    let counts = bureau.issuer().counts().await.unwrap();
    assert_eq!((counts.waiting_for_clearing, counts.waiting_for_exchange, counts.issued), (0, 2, 0));
    // Clearing has them, and is not asked again.
    bureau.others.state().bind_fault = Fault::Before;
    bureau.others.state().register_fault = Fault::None;
    bureau.issuer().deliver().await.unwrap();
    let counts = bureau.issuer().counts().await.unwrap();
    assert_eq!((counts.waiting_for_clearing, counts.waiting_for_exchange, counts.issued), (0, 0, 2));
    let outcomes = bureau.issue(&both).await;
    asked.iter().zip(&outcomes).for_each(|(asked, outcome)| drop(asked.complete(answer(outcome))));
    assert_eq!(bureau.others.state().binds.len(), 1);
}

#[tokio::test]
async fn a_lost_answer_of_another_role_is_asked_for_again() {
    for (bind_fault, register_fault) in [(Fault::After, Fault::None), (Fault::None, Fault::After)] {
        let bureau = Bureau::new();
        let asked = bureau.asked(0);
        bureau.others.state().bind_fault = bind_fault;
        bureau.others.state().register_fault = register_fault;
        assert_eq!(bureau.issue(&[&asked]).await, [ItemOutcome::Pending]);
        bureau.others.state().bind_fault = Fault::None;
        bureau.others.state().register_fault = Fault::None;
        asked.complete(answer(&bureau.issue(&[&asked]).await[0]));
        let state = bureau.others.state();
        assert_eq!((state.bound.len(), state.registered.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_pseudonym_whose_tag_is_refused_never_leaves() {
    let mut bureau = Bureau::new();
    let asked = [bureau.asked(0), bureau.asked(1), bureau.asked(2)];
    let all = [&asked[0], &asked[1], &asked[2]];
    bureau.others.state().refuses.insert(asked[1].subject());
    let outcomes = bureau.issue(&all).await;
    asked[0].complete(answer(&outcomes[0]));
    asked[2].complete(answer(&outcomes[2]));
    assert_eq!(outcomes[1], ItemOutcome::Refused(ItemRefusal::TagRefused));
    // For good, though clearing thinks better of it.
    bureau.others.state().refuses.clear();
    bureau.issuer().deliver().await.unwrap();
    assert_eq!(bureau.issue(&all).await, outcomes);
    bureau.reopen();
    assert_eq!(bureau.issue(&all).await, outcomes);
    let state = bureau.others.state();
    assert_eq!((state.registered.len(), state.binds.len()), (2, 1));
}

#[tokio::test]
async fn all_that_waits_goes_in_one_batch_in_an_order_that_tells_nothing() {
    let bureau = Bureau::new();
    let asked = (0..60).map(|j| bureau.asked(j)).collect::<Vec<_>>();
    bureau.others.state().bind_fault = Fault::Before;
    for three in asked.chunks(20) {
        bureau.issue(&three.iter().collect::<Vec<_>>()).await;
    }
    bureau.others.state().bind_fault = Fault::None;
    bureau.issuer().deliver().await.unwrap();
    let state = bureau.others.state();
    let told = |subjects: Vec<Subject>| {
        assert_eq!(subjects.len(), 60);
        let place = |asked: &super::Asked<_>| subjects.iter().position(|subject| *subject == asked.subject()).unwrap();
        let places = asked.iter().map(place).collect::<Vec<_>>();
        let rising = places.windows(2).filter(|pair| pair[0] < pair[1]).count();
        // Of 59 neighbours half rise in a random order, give or take; in the order of asking or its reverse all or none.
        assert!((15..45).contains(&rising), "{rising} of 59 neighbours are in order: {places:?}");
        // Nor do the three calls show: their middle places are alike.
        let middle = |chunk: &[usize]| chunk.iter().sum::<usize>() / chunk.len();
        places.chunks(20).for_each(|chunk| assert!((15..45).contains(&middle(chunk)), "{places:?}"));
        // Nor are they sorted, which would be the order of the archive.
        assert!(!subjects.is_sorted());
    };
    let [bindings] = state.binds.as_slice() else { panic!("{} calls", state.binds.len()) };
    told(bindings.iter().map(|binding| binding.subject).collect());
    let [registered] = state.registrations.as_slice() else { panic!("{} calls", state.registrations.len()) };
    assert_eq!(registered.len(), 60);
    let mut sorted = registered.clone();
    sorted.sort_by_key(|(digest, _)| *digest.as_bytes());
    assert_ne!(*registered, sorted);
}

#[tokio::test]
async fn no_tag_is_kept_once_clearing_has_it() {
    let bureau = Bureau::new();
    let asked = [bureau.asked(0), bureau.asked(1)];
    bureau.others.state().refuses.insert(asked[1].subject());
    bureau.others.state().bind_fault = Fault::Before;
    bureau.issue(&[&asked[0], &asked[1]]).await;
    let folder = bureau.scene.folder.path();
    asked.iter().for_each(|asked| assert!(readable(folder, asked.item().tag.as_bytes()), "this search finds a tag"));
    bureau.others.state().bind_fault = Fault::None;
    bureau.issuer().deliver().await.unwrap();
    bureau.issuer().forget_old(symbolon_service::Clock::now(&*bureau.scene.clock)).await.unwrap();
    asked.iter().for_each(|asked| assert!(!readable(folder, asked.item().tag.as_bytes()), "a tag lies in the files"));
}

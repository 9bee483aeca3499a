//! Units of work.

use super::{
    read,
    samples::{account, add_card, card, credential, name, settlement, subject, upload},
    write,
};
use crate::{Page, Store, StoreError, Transaction, records::NewSettlement};

/// An error of the caller's own, as use cases have.
#[derive(Debug, PartialEq)]
enum Refused {
    ByTheCaller,
    ByTheStore(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::ByTheStore(error)
    }
}

pub(super) async fn a_unit_of_work_is_all_or_nothing<D: Store>(store: D) {
    let refused = store.write::<(), _, _>(|unit| {
        add_card(unit, &card(1))?;
        assert!(unit.card(&subject(1))?.is_some(), "a unit sees what it did itself");
        Err(Refused::ByTheCaller)
    });
    assert_eq!(refused.await, Err(Refused::ByTheCaller));
    let left = read(&store, |unit| Ok((unit.card(&subject(1))?, unit.account(&account(1).name)?))).await;
    assert_eq!(left, (None, None), "something of a refused unit was kept");
}

pub(super) async fn a_refused_unit_does_not_disturb_those_beside_it<D: Store>(store: D) {
    let units = (0..60_u8).map(|number| {
        let store = store.clone();
        async move {
            store
                .write(move |unit| {
                    add_card(unit, &card(number))?;
                    if number % 3 == 0 { Err(Refused::ByTheCaller) } else { Ok(()) }
                })
                .await
        }
    });
    let running = units.map(tokio::spawn).collect::<Vec<_>>();
    for (number, unit) in (0..60_u8).zip(running) {
        let result = unit.await.expect("no unit panics");
        assert_eq!(result.is_err(), number % 3 == 0);
        let kept = read(&store, move |unit| unit.card(&subject(number))).await;
        assert_eq!(kept.is_some(), number % 3 != 0, "card {number}");
    }
}

pub(super) async fn many_at_once_all_take_effect_once<D: Store>(store: D) {
    let running = (0..200_u8).map(|number| {
        let store = store.clone();
        // Pairs contend for the same number; one of each must lose.
        tokio::spawn(
            async move { store.write::<_, StoreError, _>(move |unit| add_card(unit, &card(number / 2))).await },
        )
    });
    let mut won = 0;
    for unit in running.collect::<Vec<_>>() {
        won += u32::from(unit.await.expect("no unit panics").is_ok());
    }
    assert_eq!(won, 100);
    let page = Page { after: 0, limit: 1000 };
    let kept = read(&store, move |unit| unit.cards(Some(&name("issuer")), page)).await;
    assert_eq!(kept.len(), 100);
}

/// Settles 30 of card 1 unless that would be more than 100 in all; whether it did.
fn spend_within_budget(unit: &mut dyn Transaction, number: u8) -> Result<bool, StoreError> {
    let id = unit.add_upload(&upload(number, "metro", 1))?;
    let spent = unit.spent(&credential(1, 1000).digest())?;
    let fits = spent + 30 <= 100;
    if fits {
        unit.add_settlement(&NewSettlement { amount: 30, ..settlement(id, 1, number.into()) })?;
    }
    Ok(fits)
}

pub(super) async fn units_for_one_holder_go_one_after_another<D: Store>(store: D) {
    let holder = credential(1, 1000).digest();
    let spending = (0..16_u8).map(|number| {
        let store = store.clone();
        let spend = move |unit: &mut dyn Transaction| spend_within_budget(unit, number);
        tokio::spawn(async move { store.write_for::<_, StoreError, _>(vec![holder], spend).await })
    });
    let mut settled = 0;
    for spent in spending.collect::<Vec<_>>() {
        settled += u64::from(spent.await.expect("no unit panics").expect("no unit is refused"));
    }
    assert_eq!((settled, read(&store, move |unit| unit.spent(&holder)).await), (3, 90));
}

pub(super) async fn units_for_many_holders_never_wait_for_each_other_in_a_ring<D: Store>(store: D) {
    let holders = (0..6_u8).map(|number| credential(number, 1000).digest()).collect::<Vec<_>>();
    let running = (0..30_u8).map(|number| {
        let (store, mut holders) = (store.clone(), holders.clone());
        // In another order each time, some of them twice.
        holders.rotate_left(usize::from(number) % 6);
        if number % 2 == 0 {
            holders.reverse();
        }
        holders.extend_from_within(..2);
        let keep = move |unit: &mut dyn Transaction| {
            let id = unit.add_upload(&upload(number, "metro", 6))?;
            for place in 0..6_u8 {
                let one = settlement(id, place, number.into());
                unit.add_settlement(&NewSettlement { position: place.into(), amount: 1, ..one })?;
            }
            Ok(())
        };
        tokio::spawn(async move { store.write_for::<_, StoreError, _>(holders, keep).await })
    });
    for unit in running.collect::<Vec<_>>() {
        unit.await.expect("no unit panics").expect("no unit is refused");
    }
    let spent = read(&store, move |unit| unit.spent_by(&holders)).await;
    assert_eq!(spent, [30; 6]);
}

pub(super) async fn a_unit_for_a_holder_is_all_or_nothing<D: Store>(store: D) {
    let holder = credential(1, 1000).digest();
    let refused = store.write_for::<(), _, _>(vec![holder], |unit| {
        assert!(spend_within_budget(unit, 1)?);
        Err(Refused::ByTheCaller)
    });
    assert_eq!(refused.await, Err(Refused::ByTheCaller));
    let given_up = store.write_for::<(), StoreError, _>(vec![holder], |unit| {
        spend_within_budget(unit, 1)?;
        panic!("as a bug would");
    });
    assert_eq!(given_up.await, Err(StoreError::GivenUp));
    let twice = store.write_for::<_, StoreError, _>(vec![holder], |unit| {
        spend_within_budget(unit, 1)?;
        spend_within_budget(unit, 1)
    });
    assert!(matches!(twice.await, Err(StoreError::Conflict(_))));
    let left = read(&store, move |unit| Ok((unit.spent(&holder)?, unit.upload(&[1; 32])?))).await;
    assert_eq!(left, (0, None), "something of a refused unit was kept");
    assert_eq!(store.write_for::<_, StoreError, _>(vec![holder], |unit| spend_within_budget(unit, 1)).await, Ok(true));
}

pub(super) async fn a_panic_undoes_its_unit_alone<D: Store>(store: D) {
    let given_up = store.write::<(), StoreError, _>(|unit| {
        add_card(unit, &card(1))?;
        panic!("as a bug would");
    });
    assert_eq!(given_up.await, Err(StoreError::GivenUp));
    let missing = read(&store, |unit| unit.card(&subject(1))).await;
    assert_eq!(missing, None);
    write(&store, |unit| add_card(unit, &card(1))).await;
}

pub(super) async fn a_read_sees_one_state<D: Store>(store: D) {
    write(&store, |unit| add_card(unit, &card(1))).await;
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (written, has_written) = std::sync::mpsc::channel::<()>();
    let reader = {
        let store = store.clone();
        tokio::spawn(async move {
            read(&store, move |unit| {
                let before = unit.card(&subject(1))?;
                begun.send(()).expect("the check waits for this");
                has_written.recv().expect("the check sends this");
                Ok((before, unit.card(&subject(2))?))
            })
            .await
        })
    };
    let has_begun = tokio::task::spawn_blocking(move || has_begun.recv());
    has_begun.await.expect("no panic").expect("the read begins");
    write(&store, |unit| add_card(unit, &card(2))).await;
    written.send(()).expect("the read waits for this");
    let (before, later) = reader.await.expect("the read does not panic");
    assert!(before.is_some());
    assert_eq!(later, None, "a read saw what was written after it began");
}

//! Cards and terminals.

use super::{
    conflicts, read,
    samples::{add_card, card, credential, name, subject, terminal, time},
    write,
};
use crate::{
    Page, Store,
    records::{AccountName, CardRecord, CardState, TerminalRecord, TerminalState},
};

pub(super) async fn cards_are_kept_and_listed_by_issuer<D: Store>(store: D) {
    write(&store, |unit| {
        for number in 1..=5 {
            let issuer = if number == 3 { "another" } else { "issuer" };
            add_card(unit, &CardRecord { issuer: name(issuer), ..card(number) })?;
        }
        Ok(())
    })
    .await;
    let plain = CardRecord { holder_key: None, replaces: None, ..card(6) };
    let expected = plain.clone();
    write(&store, move |unit| add_card(unit, &plain)).await;
    assert_eq!(read(&store, |unit| unit.card(&subject(1))).await, Some(card(1)));
    assert_eq!(read(&store, |unit| unit.card(&subject(6))).await, Some(expected));
    assert_eq!(read(&store, |unit| unit.card(&subject(9))).await, None);

    let mut numbers = Vec::new();
    let mut after = 0;
    loop {
        let page = Page { after, limit: 2 };
        let cards = read(&store, move |unit| unit.cards(Some(&name("issuer")), page)).await;
        let Some(last) = cards.last() else { break };
        after = last.position;
        numbers.extend(cards.iter().map(|card| card.record.number));
    }
    assert_eq!(numbers, [1, 2, 4, 5, 6].map(subject));
    let all = read(&store, |unit| unit.cards(None, Page { after: 0, limit: 100 })).await;
    assert_eq!(all.len(), 6);

    let changed = CardRecord {
        state: CardState::Suspended,
        not_after: time(2000),
        credential: Some(credential(1, 2000)),
        replaced_by: Some(subject(9)),
        updated: time(50),
        ..card(1)
    };
    let expected = changed.clone();
    write(&store, move |unit| unit.update_card(&changed)).await;
    assert_eq!(read(&store, |unit| unit.card(&subject(1))).await, Some(expected));
    conflicts(&store, |unit| unit.update_card(&card(9))).await;
}

pub(super) async fn a_card_number_is_taken_once<D: Store>(store: D) {
    write(&store, |unit| add_card(unit, &card(1))).await;
    conflicts(&store, |unit| add_card(unit, &card(1))).await;
    let shared = CardRecord { account: AccountName::holder([1; 16]), ..card(3) };
    write(&store, move |unit| unit.add_card(&shared)).await;
}

pub(super) async fn cards_run_out_at_their_end<D: Store>(store: D) {
    write(&store, |unit| {
        for (number, state) in (1..).zip(CardState::ALL) {
            add_card(unit, &CardRecord { state, not_after: time(100), ..card(number) })?;
        }
        add_card(unit, &CardRecord { not_after: time(101), ..card(10) })
    })
    .await;
    let at = |now| move |unit: &dyn crate::Transaction| unit.cards_run_out(time(now), 10);
    assert_eq!(read(&store, at(99)).await, []);
    let states = read(&store, at(100)).await.into_iter().map(|card| card.state).collect::<Vec<_>>();
    assert_eq!(states, [CardState::Pending, CardState::Active, CardState::Suspended]);
}

pub(super) async fn terminals_are_kept_and_listed_by_operator<D: Store>(store: D) {
    write(&store, |unit| {
        for number in 1..=3 {
            unit.add_terminal(&terminal("metro", number))?;
            unit.add_terminal(&terminal("water", number))?;
        }
        Ok(())
    })
    .await;
    conflicts(&store, |unit| unit.add_terminal(&terminal("metro", 2))).await;
    let wanted = terminal("metro", 2);
    let subject = wanted.subject;
    assert_eq!(wanted.number(), 2);
    assert_eq!(read(&store, move |unit| unit.terminal(&subject)).await, Some(wanted.clone()));
    let page = Page { after: 0, limit: 100 };
    let of_metro = read(&store, move |unit| unit.terminals(Some(&name("metro")), page)).await;
    assert_eq!(of_metro.iter().map(|terminal| terminal.record.number()).collect::<Vec<_>>(), [1, 2, 3]);
    let rest = Page { after: of_metro[1].position, limit: 100 };
    assert_eq!(read(&store, move |unit| unit.terminals(Some(&name("metro")), rest)).await, of_metro[2..]);
    assert_eq!(read(&store, move |unit| unit.terminals(None, page)).await.len(), 6);

    let retired = TerminalRecord {
        state: TerminalState::Retired,
        retired: Some(time(60)),
        credential: Some(credential(4, 1000)),
        updated: time(60),
        ..wanted
    };
    let expected = retired.clone();
    write(&store, move |unit| unit.update_terminal(&retired)).await;
    assert_eq!(read(&store, move |unit| unit.terminal(&subject)).await, Some(expected));
    conflicts(&store, |unit| unit.update_terminal(&terminal("metro", 9))).await;
}

//! What operators do with terminals.

use symbolon_ccks::{Sectors, Subject};
use symbolon_service::terminals::NewTerminal;
use symbolon_store::records::TerminalState;

use crate::city::{ALL, CURRENCY, City, name, request};

fn numbered(number: u64) -> NewTerminal {
    NewTerminal { number: Some(number), sectors: Sectors::ALL, currency: CURRENCY, not_before: None, not_after: None }
}

#[tokio::test]
async fn a_terminals_subject_is_its_operators_tag_and_its_number() {
    let city = City::new();
    let metro = name("metro");
    let create = request([1; 16], [1; 32]);
    let created = city.roles().terminals.create(create.clone(), &metro, numbered(7)).await.unwrap();
    assert_eq!(created.record.subject, Subject::terminal(&metro, 7_u64.to_be_bytes()));
    assert_eq!(city.roles().terminals.create(create, &metro, numbered(7)).await.unwrap(), created);
    let taken = city.roles().terminals.create(city.request(), &metro, numbered(7)).await.unwrap_err();
    assert_eq!(taken.reason(), "already_exists");
    city.roles().terminals.create(city.request(), &name("water"), numbered(7)).await.unwrap();
    let key = city.enrol(&created.activation_code.expose()).await.unwrap();
    assert_eq!(key.credential().unwrap().identity().subject(), created.record.subject);
    let terminal = city.roles().terminals.get(&metro, created.record.subject).await.unwrap();
    assert_eq!((terminal.state, terminal.credential.as_ref()), (TerminalState::Active, key.credential()));
}

#[tokio::test]
async fn an_operator_sees_and_touches_its_own_terminals_alone() {
    let city = City::new();
    let gate = city.gate("metro").await;
    let subject = gate.terminal.subject;
    let terminals = &city.roles().terminals;
    let water = name("water");
    assert_eq!(terminals.get(&water, subject).await.unwrap_err().reason(), "not_found");
    assert_eq!(terminals.retire(city.request(), &water, subject).await.unwrap_err().reason(), "not_found");
    assert!(terminals.list(&water, ALL).await.unwrap().is_empty());
    assert_eq!(terminals.list(&name("metro"), ALL).await.unwrap().len(), 1);
}

#[tokio::test]
async fn retiring_is_for_good_and_once() {
    let city = City::new();
    let gate = city.gate("metro").await;
    let (metro, subject) = (name("metro"), gate.terminal.subject);
    let retire = request([2; 16], [1; 32]);
    city.clock.set(77);
    let retired = city.roles().terminals.retire(retire.clone(), &metro, subject).await.unwrap();
    assert_eq!(
        (retired.state, retired.retired.map(|time| time.seconds())),
        (TerminalState::Retired, Some(crate::city::START + 77))
    );
    assert_eq!(city.roles().terminals.retire(retire, &metro, subject).await.unwrap(), retired);
    let again = city.roles().terminals.retire(city.request(), &metro, subject).await.unwrap_err();
    assert_eq!(again.reason(), "terminal_retired");
}

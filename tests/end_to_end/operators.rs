//! Two operators on one exchange: each sees its own and nothing else.

use crate::{
    holder::{self, Holder, settle},
    office::{Town, all_records, balanced_ledger, create_terminal, reason},
};
use symbolon_api::v1::{
    GetTerminalRequest, GetUploadRequest, ListAccountsRequest, ListTerminalsRequest, ListUploadsRequest, Outcome,
    exchange_service_client::ExchangeServiceClient, ledger_service_client::LedgerServiceClient,
    terminal_service_client::TerminalServiceClient,
};
use symbolon_ccks::Sector;
use tonic::{Code, transport::Channel};

/// What an operator's accounts hold together.
async fn earned(operator: &Channel) -> i64 {
    let mut ledger = LedgerServiceClient::new(operator.clone());
    let accounts = ledger.list_accounts(ListAccountsRequest::default()).await.unwrap().into_inner().accounts;
    accounts.iter().map(|account| account.balance).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operator_sees_its_own_terminals_records_and_money() {
    let mut random = holder::random(1);
    let town = Town::start(|city| drop(city.add_client("operator", "ferry"))).await;
    let ferry = town.service.private(&town.city.add_client("operator", "funicular")).await;
    let mut card = town.card(&mut random).await;
    let mut metro_gate = town.terminal(&mut random).await;
    let made = create_terminal(&ferry, &mut random).await;
    let mut ferry_gate = Holder::enrol(&town.public, &town.authority, &made.activation_code, &mut random).await;

    let at_metro = card.pay(&metro_gate, Sector::Transport, 100, &mut random);
    let at_ferry = card.pay(&ferry_gate, Sector::Transport, 23, &mut random);
    let from_metro = settle(&town.public, metro_gate.upload(&[at_metro], &mut random)).await;
    let from_ferry = settle(&town.public, ferry_gate.upload(&[at_ferry], &mut random)).await;

    for (operator, own, others, amount) in
        [(&town.metro, &from_metro, &from_ferry, 100), (&ferry, &from_ferry, &from_metro, 23)]
    {
        let records = all_records(operator).await;
        assert_eq!(records.iter().map(|record| record.amount).collect::<Vec<_>>(), [amount]);
        assert_eq!(records[0].upload, own.upload);
        assert_eq!(earned(operator).await, i64::from(amount));
        let mut exchange = ExchangeServiceClient::new(operator.clone());
        let uploads = exchange.list_uploads(ListUploadsRequest::default()).await.unwrap().into_inner().uploads;
        assert_eq!(uploads.iter().map(|upload| &upload.name).collect::<Vec<_>>(), [&own.upload]);
        let foreign = exchange.get_upload(GetUploadRequest { name: others.upload.clone() }).await.unwrap_err();
        assert_eq!((foreign.code(), reason(&foreign).as_str()), (Code::NotFound, "NOT_FOUND"));
    }
    assert_eq!(all_records(&town.court).await.len(), 2, "an auditor sees both");

    let mut terminals = TerminalServiceClient::new(town.metro.clone());
    let foreign = terminals.get_terminal(GetTerminalRequest { name: made.terminal.unwrap().name }).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    let listed = terminals.list_terminals(ListTerminalsRequest::default()).await.unwrap().into_inner().terminals;
    assert_eq!(listed.len(), 1);
    balanced_ledger(&town.court).await;
    town.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_worth_nothing_to_another_terminal() {
    let mut random = holder::random(2);
    let town = Town::start(|_| ()).await;
    let mut card = town.card(&mut random).await;
    let gate = town.terminal(&mut random).await;
    let mut thief = town.terminal(&mut random).await;
    let record = card.pay(&gate, Sector::Transport, 100, &mut random);
    let answer = settle(&town.public, thief.upload(&[record], &mut random)).await;
    assert_eq!(answer.outcomes[0].outcome(), Outcome::Refused);
    assert_eq!(answer.outcomes[0].refusal_reason(), symbolon_api::v1::RefusalReason::BadSignature);
    assert_eq!(balanced_ledger(&town.court).await.posting_count, 0);
    town.service.stop().await;
}

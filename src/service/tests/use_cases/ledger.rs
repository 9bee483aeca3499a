//! The ledger as issuers and auditors use it.

use symbolon_store::records::AccountName;

use crate::city::{ALL, City, name, request};

#[tokio::test]
async fn a_top_up_is_posted_once_and_answered_the_same_again() {
    let city = City::new();
    let wallet = city.wallet().await;
    let (ledger, issuer) = (&city.roles().ledger, name("issuer"));
    let top_up = || request([1; 16], [1; 32]);
    let first = ledger.top_up(top_up(), &issuer, wallet.card.account.clone(), 700).await.unwrap();
    assert_eq!((first.account.balance, first.posting.amount), (700, 700));
    ledger.top_up(city.request(), &issuer, wallet.card.account.clone(), 50).await.unwrap();
    assert_eq!(ledger.top_up(top_up(), &issuer, wallet.card.account.clone(), 700).await.unwrap(), first);
    let reused = ledger.top_up(request([1; 16], [2; 32]), &issuer, wallet.card.account.clone(), 70).await;
    assert_eq!(reused.unwrap_err().reason(), "request_id_reused");
    assert_eq!(city.balance(wallet.account()).await, 750);
    assert_eq!(city.balance("issuer-issuer-156").await, -750);
    let postings = ledger.postings(Some(&issuer), wallet.card.account.clone(), ALL).await.unwrap();
    assert_eq!(postings.iter().map(|posting| posting.record.amount).collect::<Vec<_>>(), [700, 50]);
}

#[tokio::test]
async fn accounts_are_told_to_their_owners_and_to_auditors_alone() {
    let city = City::new();
    let wallet = city.wallet().await;
    let (ledger, issuer, other) = (&city.roles().ledger, name("issuer"), name("other"));
    let account = || wallet.card.account.clone();
    ledger.account(Some(&issuer), account()).await.unwrap();
    ledger.account(None, account()).await.unwrap();
    assert_eq!(ledger.account(Some(&other), account()).await.unwrap_err().reason(), "not_found");
    assert_eq!(ledger.postings(Some(&other), account(), ALL).await.unwrap_err().reason(), "not_found");
    assert_eq!(ledger.top_up(city.request(), &other, account(), 1).await.unwrap_err().reason(), "not_found");
    assert_eq!(ledger.top_up(city.request(), &issuer, account(), 0).await.unwrap_err().reason(), "invalid_field");
    ledger.top_up(city.request(), &issuer, account(), 1).await.unwrap();
    // Money comes out of the issuer's account, and never goes back into it as a top-up.
    let funding = AccountName::issuer(&issuer, 156);
    assert_eq!(ledger.top_up(city.request(), &issuer, funding, 1).await.unwrap_err().reason(), "not_found");
    assert_eq!(ledger.accounts(Some(&issuer), ALL).await.unwrap().len(), 2);
    assert_eq!(ledger.accounts(Some(&other), ALL).await.unwrap().len(), 0);
    let audit = ledger.check().await.unwrap();
    assert_eq!((audit.entries, audit.postings, audit.accounts, audit.sum), (1, 2, 2, 0));
}

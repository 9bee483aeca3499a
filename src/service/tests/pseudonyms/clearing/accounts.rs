//! Opening accounts, and asking whether one fits.

use symbolon_pseudonym::AccountHandle;
use symbolon_service::{ServiceError, links::ClearingLink as _};

use super::{ALL, CURRENCY, House, account_name, name};

#[tokio::test]
async fn an_account_is_opened_once_and_never_for_another() {
    let house = House::new();
    let handle = AccountHandle::from_bytes([9; 16]);
    let open = async |issuer: &str, currency| house.clearing().open_account(handle, name(issuer), currency).await;
    assert_eq!(open("issuer", CURRENCY).await, Ok(()));
    assert_eq!(open("issuer", CURRENCY).await, Ok(()));
    assert_eq!(open("other", CURRENCY).await, Err(ServiceError::AlreadyExists("account")));
    assert_eq!(open("issuer", 978).await, Err(ServiceError::AlreadyExists("account")));
    let accounts = house.ledger().accounts(Some(&name("issuer")), ALL).await.unwrap();
    assert_eq!(accounts.iter().map(|listed| &listed.record.name).collect::<Vec<_>>(), [&account_name(&handle)]);
}

#[tokio::test]
async fn an_account_fits_its_issuer_and_currency_alone() {
    let house = House::new();
    let handle = house.account(0).await;
    let fits = async |handle, issuer: &str, currency| {
        house.clearing().account_fits(handle, name(issuer), currency).await.unwrap()
    };
    assert!(fits(handle, "issuer", CURRENCY).await);
    assert!(!fits(handle, "other", CURRENCY).await);
    assert!(!fits(handle, "issuer", 978).await);
    assert!(!fits(AccountHandle::from_bytes([8; 16]), "issuer", CURRENCY).await);
}

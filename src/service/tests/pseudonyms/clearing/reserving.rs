//! Setting money aside and giving it back.

use symbolon_pseudonym::AccountHandle;
use symbolon_service::{
    ServiceError,
    links::{ClearingLink as _, Reservation},
};

use super::{House, seconds_to_end};

const POOR: Result<(), ServiceError> = Err(ServiceError::InsufficientFunds);

#[tokio::test]
async fn no_more_is_set_aside_than_there_is() {
    let house = House::new();
    let account = house.account(250).await;
    assert!(house.reserve(&account, 2).await.is_ok());
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
    // What was refused is not set aside: the half that is left can be had.
    let half = Reservation { budget: 50, ..house.reservation(&account, 1) };
    assert_eq!(house.clearing().reserve(half).await, Ok(()));
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
}

#[tokio::test]
async fn a_postpaid_line_counts_as_money_that_is_there() {
    let house = House::new();
    let account = house.account(0).await;
    let with_line = |line| Reservation { line, ..house.reservation(&account, 2) };
    assert_eq!(house.clearing().reserve(with_line(199)).await, POOR);
    assert_eq!(house.clearing().reserve(with_line(200)).await, Ok(()));
    assert_eq!(house.clearing().reserve(with_line(200)).await, POOR);
}

#[tokio::test]
async fn a_reservation_is_made_once_for_one_id() {
    let mut house = House::new();
    let account = house.account(200).await;
    let asked = house.reservation(&account, 2);
    assert_eq!(house.clearing().reserve(asked.clone()).await, Ok(()));
    house.reopen();
    assert_eq!(house.clearing().reserve(asked.clone()).await, Ok(()));
    let others = [
        Reservation { account: house.account(999).await, ..asked.clone() },
        Reservation { period: asked.period.next(), ..asked.clone() },
        Reservation { count: 1, ..asked.clone() },
        Reservation { budget: 1, ..asked.clone() },
        Reservation { line: 1, ..asked.clone() },
        Reservation { currency: 978, ..asked.clone() },
        Reservation { until: asked.until.saturating_add(1), ..asked.clone() },
    ];
    for other in others {
        assert_eq!(house.clearing().reserve(other).await, Err(ServiceError::RequestIdReused));
    }
    // Asked again after a part was given back, it is still the same.
    house.clearing().release(asked.id, 1).await.unwrap();
    assert_eq!(house.clearing().reserve(asked.clone()).await, Ok(()));
    assert!(house.reserve(&account, 1).await.is_ok());
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
}

#[tokio::test]
async fn what_cannot_be_reserved_is_told_apart() {
    let house = House::new();
    let account = house.account(1_000).await;
    let refused = async |reservation| house.clearing().reserve(reservation).await.unwrap_err();
    let asked = house.reservation(&account, 1);
    let stranger = AccountHandle::from_bytes([8; 16]);
    assert_eq!(refused(Reservation { account: stranger, ..asked.clone() }).await, ServiceError::NotFound("account"));
    let field = |error| match error {
        ServiceError::InvalidField { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(field(refused(Reservation { count: 0, ..asked.clone() }).await), "count");
    assert_eq!(field(refused(Reservation { currency: 978, ..asked.clone() }).await), "currency");
    house.set(seconds_to_end());
    assert_eq!(field(refused(asked).await), "until");
}

#[tokio::test]
async fn what_is_released_is_free_once() {
    let mut house = House::new();
    let account = house.account(300).await;
    let id = house.reserve(&account, 3).await.unwrap();
    assert!(matches!(house.clearing().release(id, 4).await, Err(ServiceError::InvalidField { field: "count", .. })));
    assert_eq!(house.clearing().release(id, 2).await, Ok(()));
    house.reopen();
    assert_eq!(house.clearing().release(id, 2).await, Ok(()));
    assert_eq!(house.clearing().release(id, 1).await, Err(ServiceError::RequestIdReused));
    assert_eq!(house.clearing().release([0; 16], 1).await, Err(ServiceError::NotFound("reservation")));
    assert!(house.reserve(&account, 2).await.is_ok());
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
}

#[tokio::test]
async fn what_is_bound_is_not_given_back() {
    let house = House::new();
    let account = house.account(200).await;
    let id = house.reserve(&account, 2).await.unwrap();
    let binding = house.binding(&account, super::today());
    assert_eq!(house.clearing().bind(vec![binding]).await.unwrap(), [true]);
    // The attester gave both up; one of them had got as far as here.
    assert_eq!(house.clearing().release(id, 2).await, Ok(()));
    assert!(house.reserve(&account, 1).await.is_ok());
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
}

#[tokio::test]
async fn a_reservation_ends() {
    let house = House::new();
    let account = house.account(100).await;
    let id = house.reserve(&account, 1).await.unwrap();
    house.set(seconds_to_end() - 1);
    assert_eq!(house.reserve(&account, 1).await, Err(ServiceError::InsufficientFunds));
    house.set(seconds_to_end());
    let later = Reservation { until: super::end().saturating_add(9), ..house.reservation(&account, 1) };
    assert_eq!(house.clearing().reserve(later).await, Ok(()));
    // Giving it back now frees nothing more.
    assert_eq!(house.clearing().release(id, 1).await, Ok(()));
    let again = Reservation { until: super::end().saturating_add(9), ..house.reservation(&account, 1) };
    assert_eq!(house.clearing().reserve(again).await, POOR);
}

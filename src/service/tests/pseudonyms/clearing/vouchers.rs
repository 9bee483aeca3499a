//! What clearing moves for vouchers: each movement once, in their order, and nothing that was not sold.

use symbolon_pseudonym::AccountHandle;
use symbolon_service::{
    ServiceError,
    links::{ClearingLink as _, VoucherPayment},
};
use symbolon_store::records::VoucherMovement::{self, GivenBack, Sold, TakenAgain};

use super::{CURRENCY, House, name};

fn payment(account: AccountHandle, movement: VoucherMovement) -> VoucherPayment {
    VoucherPayment { sale: [1; 16], movement, account, operator: name("grid"), currency: CURRENCY, amount: 60, line: 0 }
}

#[tokio::test]
async fn movements_come_in_their_order_and_each_once() {
    let house = House::new();
    let account = house.account(100).await;
    let pay = async |movement| house.clearing().pay_voucher(payment(account, movement)).await;
    assert_eq!(pay(GivenBack).await, Err(ServiceError::NotFound("sale")));
    assert_eq!(pay(TakenAgain).await, Err(ServiceError::NotFound("sale")));
    let mut seen = Vec::new();
    pay(Sold).await.unwrap();
    assert_eq!(pay(TakenAgain).await, Err(ServiceError::NotFound("sale")), "it was not given back");
    for movement in [Sold, Sold, GivenBack, Sold, GivenBack, TakenAgain, GivenBack, TakenAgain] {
        pay(movement).await.unwrap();
        seen.push(house.balance(&account).await);
    }
    assert_eq!(seen, [40, 40, 100, 100, 100, 40, 40, 40]);
}

#[tokio::test]
async fn another_payment_under_the_same_sale_is_refused() {
    let house = House::new();
    let (account, other) = (house.account(1_000).await, house.account(1_000).await);
    let sold = payment(account, Sold);
    house.clearing().pay_voucher(sold.clone()).await.unwrap();
    for (movement, what) in [(Sold, "again"), (GivenBack, "back")] {
        let same = VoucherPayment { movement, ..sold.clone() };
        for another in [
            VoucherPayment { amount: 61, ..same.clone() },
            VoucherPayment { account: other, ..same.clone() },
            VoucherPayment { operator: name("works"), ..same.clone() },
            VoucherPayment { currency: 978, ..same },
        ] {
            let refused = house.clearing().pay_voucher(another.clone()).await;
            assert_eq!(refused, Err(ServiceError::RequestIdReused), "{what}: {another:?}");
        }
    }
    assert_eq!((house.balance(&account).await, house.balance(&other).await), (940, 1_000));
}

#[tokio::test]
async fn only_what_is_there_can_be_spent() {
    let house = House::new();
    let account = house.account(59).await;
    let sold = payment(account, Sold);
    let pay = async |payment: VoucherPayment| house.clearing().pay_voucher(payment).await;
    assert_eq!(pay(sold.clone()).await, Err(ServiceError::InsufficientFunds));
    pay(VoucherPayment { line: 1, ..sold.clone() }).await.unwrap();
    let another = VoucherPayment { sale: [2; 16], ..sold };
    let nobody = AccountHandle::from_bytes([0xee; 16]);
    assert_eq!(
        pay(VoucherPayment { account: nobody, ..another.clone() }).await,
        Err(ServiceError::NotFound("account"))
    );
    let foreign = pay(VoucherPayment { currency: 978, ..another.clone() }).await;
    assert!(matches!(foreign, Err(ServiceError::InvalidField { field: "currency", .. })), "{foreign:?}");
    let nothing = pay(VoucherPayment { amount: 0, ..another }).await;
    assert!(matches!(nothing, Err(ServiceError::InvalidField { field: "amount", .. })), "{nothing:?}");
    assert_eq!(house.balance(&account).await, -1);
}

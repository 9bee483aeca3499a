//! What a holder is told of all that clearing holds.

use serde_json::json;
use symbolon_pseudonym::{AccountHandle, SealingKey, SealingSecret};
use symbolon_service::{
    ServiceError,
    links::{ClearingLink as _, NettedCharge, PostingBatch, VoucherPayment},
};
use symbolon_store::records::VoucherMovement;

use super::{CURRENCY, House, START, account_name, end, name, operator, today};

#[tokio::test]
async fn an_export_tells_its_holder_everything_and_nobody_else() {
    let house = House::new();
    let account = house.account(1_000).await;
    let other = house.account(1_000).await;
    house.pseudonym(&other).await;
    let subject = house.pseudonym(&account).await;
    let charge =
        NettedCharge { currency: CURRENCY, subjects: vec![(subject, -40)], parties: vec![(operator("metro"), 40)] };
    house.set(60);
    house.clearing().post(PostingBatch { id: [1; 16], named: Vec::new(), netted: vec![charge] }).await.unwrap();
    house.clearing().approve("7", subject, &name("officer")).await.unwrap();
    house.clearing().open_subject("7", subject).await.unwrap();

    let voucher = VoucherPayment {
        sale: [7; 16],
        movement: VoucherMovement::Sold,
        account,
        operator: name("grid"),
        currency: CURRENCY,
        amount: 60,
        line: 0,
    };
    house.clearing().pay_voucher(voucher).await.unwrap();

    let secret = SealingSecret::from_bytes(&[5; 32]);
    let sealed = house.clearing().export(account, *secret.public()).await.unwrap();
    let opened = secret.open(b"SYMBOLON-V1-EXPORT", &[], &sealed).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&opened).unwrap();
    let subject = hex::encode(subject.as_bytes());
    let (until, now) = (end().seconds(), START + 60);
    let case = |event| json!({ "event": event, "case": "7", "subject": subject, "officer": "officer", "time": now });
    let entry = |number, kind, amount, time| json!({ "number": number, "kind": kind, "amount": amount, "record": null, "time": time });
    let expected = json!({
        "role": "clearing",
        "account": {
            "name": account_name(&account).as_str(),
            "card_issuer": "issuer",
            "currency": CURRENCY,
            "balance": 900,
            "created": START,
        },
        "entries": [
            entry(1, "top_up", 1_000, START), entry(3, "charges_of_pseudonyms", -40, now), entry(4, "purchase", -60, now),
        ],
        "vouchers": [{ "sale": hex::encode([7; 16]), "movement": "sold", "operator": "grid", "entry": 4 }],
        "reservations": [{
            "period": today().number(), "count": 1, "released": 0, "budget": 100, "line": 0, "until": until,
        }],
        "pseudonyms": [{
            "subject": subject, "period": today().number(), "charged": 40, "kept_until": until,
        }],
        "cases": [case("approved"), case("opened")],
    });
    assert_eq!(told, expected);
    let stranger = SealingSecret::from_bytes(&[6; 32]);
    assert!(stranger.open(b"SYMBOLON-V1-EXPORT", &[], &sealed).is_err());
}

#[tokio::test]
async fn what_cannot_be_exported_is_told_apart() {
    let house = House::new();
    let account = house.account(1).await;
    let export = async |account, key| house.clearing().export(account, key).await.unwrap_err();
    let holder = *SealingSecret::from_bytes(&[5; 32]).public();
    assert_eq!(export(AccountHandle::from_bytes([8; 16]), holder).await, ServiceError::NotFound("account"));
    let refused = export(account, SealingKey::from_bytes([0; 32])).await;
    assert!(matches!(refused, ServiceError::InvalidField { field: "holder", .. }), "{refused:?}");
}

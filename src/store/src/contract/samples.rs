//! Records that checks begin with.

use symbolon_ccks::{
    Class, CompressedPoint, Credential, Identity, IdentityFields, Name, Sectors, Signature, Subject, SuiteId, Time,
};
use symbolon_tap::Kind;

use crate::{
    StoreError, Transaction,
    records::{
        AccountKind, AccountName, AccountRecord, CardRecord, CardState, HolderRequest, HolderRequestKind, IssuedRecord,
        NewSettlement, NewUpload, SettlementOutcome, TerminalRecord, TerminalState, UploadId,
    },
};

/// The currency of all samples.
pub(super) const CURRENCY: u16 = 156;

pub(super) fn time(seconds: u64) -> Time {
    Time::new(seconds).expect("samples have small times")
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).expect("samples have plain names")
}

pub(super) fn subject(number: u8) -> Subject {
    Subject::from_bytes([number; 16])
}

pub(super) fn account(number: u8) -> AccountRecord {
    AccountRecord {
        name: AccountName::holder([number; 16]),
        kind: AccountKind::Holder,
        owner: Some(name("issuer")),
        currency: CURRENCY,
        balance: 0,
        created: time(1),
    }
}

/// A pending card of the issuer `issuer`, on [`account`] of the same number.
pub(super) fn card(number: u8) -> CardRecord {
    CardRecord {
        number: subject(number),
        issuer: name("issuer"),
        state: CardState::Pending,
        sectors: Sectors::ALL,
        tariff: 3,
        spend_limit: 500,
        budget: 1000,
        currency: CURRENCY,
        not_before: time(10),
        not_after: time(1000),
        account: AccountName::holder([number; 16]),
        holder_key: Some([2; 33]),
        credential: None,
        replaces: Some(subject(200)),
        replaced_by: None,
        created: time(5),
        updated: time(5),
    }
}

/// Opens the account of [`card`] and adds it.
pub(super) fn add_card(unit: &mut dyn Transaction, card: &CardRecord) -> Result<(), StoreError> {
    unit.open_account(&AccountRecord { name: card.account.clone(), owner: Some(card.issuer), ..account(0) })?;
    unit.add_card(card)
}

/// A pending terminal of an operator.
pub(super) fn terminal(operator: &str, number: u64) -> TerminalRecord {
    TerminalRecord {
        subject: Subject::terminal(&name(operator), number.to_be_bytes()),
        operator: name(operator),
        state: TerminalState::Pending,
        sectors: Sectors::ALL,
        currency: CURRENCY,
        not_before: time(10),
        not_after: time(1000),
        credential: None,
        retired: None,
        created: time(5),
        updated: time(5),
    }
}

/// An identity of a card that ends at `not_after`.
pub(super) fn identity(number: u8, not_after: u64) -> Identity {
    Identity::new(IdentityFields {
        suite: SuiteId::P256Sha256,
        class: Class::Card,
        sectors: Sectors::ALL,
        authority_prefix: [9; 8],
        subject: subject(number),
        not_before: time(10),
        not_after: time(not_after),
        spend_limit: 500,
        budget: 1000,
        currency: CURRENCY,
        tariff: 0,
    })
    .expect("a sample identity is well formed")
}

/// Bytes in the form of a point; whether it is one is no matter to a store.
pub(super) fn point(x: u8) -> CompressedPoint {
    let bytes: [u8; 33] = std::array::from_fn(|index| if index == 0 { 2 } else { x });
    *CompressedPoint::parse(&bytes).expect("a sample point has a good prefix")
}

pub(super) fn credential(number: u8, not_after: u64) -> Credential {
    Credential::new(identity(number, not_after), point(number))
}

/// Bytes in the form of a signature.
pub(super) fn signature(number: u8) -> Signature {
    let bytes = [point(number).as_bytes().as_slice(), &[0; 31], &[number.max(1)]].concat();
    *Signature::parse(&bytes).expect("a sample signature is well formed")
}

pub(super) fn issued(number: u8, not_after: u64) -> IssuedRecord {
    IssuedRecord {
        credential: credential(number, not_after),
        enrolment_point: point(77),
        contribution: [number; 32],
        offer_nonce: [number; 32],
        possession: signature(number),
        request: HolderRequest {
            kind: HolderRequestKind::RegisteredKey,
            signed: vec![1, 2, 3],
            signature: vec![4; 64],
            key: vec![2; 33],
        },
        issued: time(20),
    }
}

/// An upload of `count` records, each filled with its position.
pub(super) fn upload(number: u8, operator: &str, count: u8) -> NewUpload {
    NewUpload {
        digest: [number; 32],
        operator: name(operator),
        terminal: terminal(operator, 1).subject,
        terminal_digest: credential(99, 1000).digest(),
        number: 7,
        records: (0..count).flat_map(|position| [position; 209]).collect(),
        received: time(30),
    }
}

/// A settled purchase of 100 by card `number` under `counter`.
pub(super) fn settlement(upload: UploadId, number: u8, counter: u32) -> NewSettlement {
    NewSettlement {
        credential_digest: credential(number, 1000).digest(),
        counter,
        agreement: [counter as u8; 32],
        outcome: SettlementOutcome::Settled,
        repeats: None,
        misuse: None,
        upload,
        position: 0,
        terminal_digest: credential(99, 1000).digest(),
        kind: Kind::Purchase,
        amount: 100,
        after_revocation: false,
        time: time(25),
    }
}

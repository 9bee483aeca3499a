//! What some role must never learn, and who may know it.

use std::fmt;

use symbolon_ccks::Credential;
use symbolon_service::links::ServiceRole::{self, Attester, Clearing, Exchange, Issuer, LinkageA, LinkageB};
use symbolon_store::records::VoucherRecord;
use symbolon_tap::Terms;

use crate::holder::{Holder, Pseudonym};

/// Who knows a kind of thing: the table of the roles, a line each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) what: &'static str,
    /// Who is found to have it, so that it is known to be searched for as it is written.
    pub(crate) known_to: &'static [ServiceRole],
    /// Who must never have it.
    pub(crate) kept_from: &'static [ServiceRole],
}

const CARD: Told = Told {
    what: "a card's number or key",
    known_to: &[Attester],
    kept_from: &[Issuer, LinkageA, LinkageB, Clearing, Exchange],
};
/// A card that shows its own number shows it to operators.
const NAMED_CARD: Told =
    Told { known_to: &[Attester, Exchange], kept_from: &[Issuer, LinkageA, LinkageB, Clearing], ..CARD };
/// The number of a revoked card stands in the bundle, for terminals that it might show its number to.
const REVOKED_CARD: Told =
    Told { known_to: &[Attester, Exchange], kept_from: &[Issuer, LinkageA, LinkageB, Clearing], ..CARD };
const ACCOUNT: Told = Told {
    what: "an account handle",
    known_to: &[Attester, Clearing],
    kept_from: &[Issuer, LinkageA, LinkageB, Exchange],
};
pub(crate) const LINKAGE_HANDLE: Told = Told {
    what: "a linkage handle",
    known_to: &[Attester, LinkageA, LinkageB],
    kept_from: &[Issuer, Clearing, Exchange],
};
/// Seeds of A, then of B.
pub(crate) const SEEDS: [Told; 2] = [
    Told { what: "a seed of A", known_to: &[LinkageA], kept_from: &[Attester, Issuer, LinkageB, Clearing, Exchange] },
    Told { what: "a seed of B", known_to: &[LinkageB], kept_from: &[Attester, Issuer, LinkageA, Clearing, Exchange] },
];
/// What is published of a revoked card goes through the attester to everybody; these need it for nothing.
pub(crate) const PUBLISHED: [Told; 2] = [
    Told { kept_from: &[Issuer, LinkageB, Clearing], ..SEEDS[0] },
    Told { kept_from: &[Issuer, LinkageA, Clearing], ..SEEDS[1] },
];
/// Shared by the pseudonyms of one card, it would link them.
const REQUEST: Told = Told {
    what: "what a request for several pseudonyms shares",
    known_to: &[Attester],
    kept_from: &[Issuer, LinkageA, LinkageB, Clearing, Exchange],
};
const SUBJECT: Told =
    Told { what: "a pseudonym's subject", known_to: &[Issuer, Clearing], kept_from: &[Attester, LinkageA, LinkageB] };
const CREDENTIAL: Told =
    Told { what: "a pseudonym's P", known_to: &[Issuer], kept_from: &[Attester, LinkageA, LinkageB, Clearing] };
const DIGEST: Told =
    Told { what: "a pseudonym's digest", known_to: &[Exchange], kept_from: &[Attester, LinkageA, LinkageB, Clearing] };
const POINT: Told = Told {
    what: "a pseudonym's U",
    known_to: &[Issuer],
    kept_from: &[Attester, LinkageA, LinkageB, Clearing, Exchange],
};
const COMMITMENT: Told =
    Told { what: "a pseudonym's commitment", known_to: &[Attester, Issuer], kept_from: &[Clearing, Exchange] };
const PLACE: Told = Told {
    what: "the place of a tap",
    known_to: &[Exchange],
    kept_from: &[Attester, Issuer, LinkageA, LinkageB, Clearing],
};
const TIME: Told = Told { what: "the minute of a tap", ..PLACE };
const TERMINAL: Told =
    Told { what: "a terminal", known_to: &[Attester, Exchange], kept_from: &[Issuer, LinkageA, LinkageB, Clearing] };

/// The minute of the tap that brought a voucher to its meter.
const CREDIT_TIME: Told = TIME;
const VOUCHER: Told =
    Told { what: "a voucher", known_to: &[Attester], kept_from: &[Issuer, LinkageA, LinkageB, Clearing, Exchange] };
const VOUCHER_REFERENCE: Told = Told {
    what: "a voucher's digest",
    known_to: &[Attester, Exchange],
    kept_from: &[Issuer, LinkageA, LinkageB, Clearing],
};
const SALE: Told = Told {
    what: "the sale of a voucher",
    known_to: &[Attester, Clearing],
    kept_from: &[Issuer, LinkageA, LinkageB, Exchange],
};

/// One thing that some role must never learn.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) told: Told,
    pub(crate) bytes: Vec<u8>,
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.told.what, hex::encode(&self.bytes))
    }
}

impl Secret {
    pub(crate) fn new(told: Told, bytes: &[u8]) -> Self {
        Self { told, bytes: bytes.to_vec() }
    }

    pub(crate) fn is_kept_from(&self, role: ServiceRole) -> bool {
        self.told.kept_from.contains(&role)
    }

    /// Times are searched for as numbers, in whole minutes; everything else as bytes.
    pub(crate) fn is_time(&self) -> bool {
        self.told.what == TIME.what
    }

    /// The second of a tap.
    pub(crate) fn second(&self) -> u64 {
        u64::from_be_bytes(self.bytes.as_slice().try_into().unwrap())
    }

    /// As it might be written: raw, in hex, in decimal.
    pub(crate) fn ways_of_writing(&self) -> Vec<Vec<u8>> {
        if self.is_time() {
            let minute = self.second() / 60 * 60;
            let another_second = if self.second() == minute { minute + 1 } else { minute };
            return vec![
                self.bytes.clone(),
                self.second().to_string().into_bytes(),
                format!("at {another_second}s").into_bytes(),
            ];
        }
        let bytes = &self.bytes;
        let numbers = bytes.iter().map(u8::to_string).collect::<Vec<_>>();
        vec![
            bytes.clone(),
            hex::encode(bytes).into_bytes(),
            hex::encode_upper(bytes).into_bytes(),
            numbers.join(", ").into_bytes(),
            numbers.join(",").into_bytes(),
        ]
    }
}

/// A compressed point, and its x alone.
fn point(told: Told, bytes: &[u8; 33]) -> [Secret; 1] {
    [Secret::new(told, &bytes[1..])]
}

pub(crate) fn of_pseudonym(pseudonym: &Pseudonym) -> Vec<Secret> {
    let credential = pseudonym.credential();
    let mut secrets = vec![
        Secret::new(SUBJECT, credential.identity().subject().as_bytes()),
        Secret::new(DIGEST, credential.digest().as_bytes()),
        Secret::new(COMMITMENT, pseudonym.commitment.as_bytes()),
    ];
    secrets.extend(point(CREDENTIAL, credential.reconstruction_point().as_bytes()));
    secrets.extend(point(POINT, pseudonym.point.as_bytes()));
    secrets
}

/// How a card has been shown to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Never,
    /// It has paid under its own number.
    Paying,
    /// It was revoked.
    Revoked,
}

/// Of a holder: its card, account and requests, and all its pseudonyms.
pub(crate) fn of_holder(holder: &Holder, shown: Shown) -> Vec<Secret> {
    let told = if shown == Shown::Paying { NAMED_CARD } else { CARD };
    let credential = holder.credential();
    let mut secrets = vec![
        Secret::new(
            if shown == Shown::Revoked { REVOKED_CARD } else { told },
            credential.identity().subject().as_bytes(),
        ),
        Secret::new(ACCOUNT, &holder.card.account.handle().unwrap()),
    ];
    secrets.extend(point(told, credential.reconstruction_point().as_bytes()));
    secrets.extend(holder.requests.iter().map(|shared| Secret::new(REQUEST, shared)));
    secrets.extend(holder.pseudonyms.iter().flat_map(of_pseudonym));
    secrets
}

/// Of taps: when they were, and where. Of a card's own tap, clearing is not told either.
pub(crate) fn of_taps(by_pseudonyms: &[Terms], by_card: &Terms) -> Vec<Secret> {
    let of_tap = |terms: &Terms| {
        [Secret::new(TIME, &terms.time().seconds().to_be_bytes()), Secret::new(PLACE, terms.reference())]
    };
    by_pseudonyms.iter().chain([by_card]).flat_map(of_tap).collect()
}

/// Of a voucher, and of the tap that brought it to its meter.
pub(crate) fn of_voucher(voucher: &VoucherRecord, credit: &Terms) -> Vec<Secret> {
    let issued = voucher.issued.as_ref().unwrap();
    vec![
        Secret::new(VOUCHER, &issued.bytes),
        Secret::new(VOUCHER_REFERENCE, &issued.reference),
        Secret::new(SALE, &voucher.id),
        Secret::new(CREDIT_TIME, &credit.time().seconds().to_be_bytes()),
    ]
}

pub(crate) fn of_terminals(terminals: &[&Credential]) -> Vec<Secret> {
    let of_terminal = |terminal: &&Credential| Secret::new(TERMINAL, terminal.identity().subject().as_bytes());
    terminals.iter().map(of_terminal).collect()
}

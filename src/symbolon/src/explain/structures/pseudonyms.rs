//! What is published about pseudonyms, and how they are asked for.

use std::collections::BTreeSet;

use super::{Structure, checked};
use crate::explain::{
    meaning::{amount, currency, integer, sectors, tariff, version, words, zero},
    walk::{Meaning, Walk},
};
use symbolon_ccks::{Period, PeriodBoundary};
use symbolon_pseudonym::{Issuance, Profile, RequestBody, SealedItem};

/// Items that are told one by one; the rest is counted.
const TOLD: usize = 16;
const HEAD: usize = 40;
const ITEM: usize = 32 + SealedItem::SIZE;

pub(super) const ISSUANCE: Structure = Structure {
    name: "issuance parameters",
    about: "how pseudonyms are issued; everyone has the same, in the trust bundle",
    length: "40 and 16 a profile",
    claims: |bytes| match bytes {
        [1, profiles, ..] => *profiles > 0 && bytes.len() == HEAD + usize::from(*profiles) * Profile::SIZE,
        _ => false,
    },
    walk: issuance,
    check: Some(|bytes| checked(Issuance::parse(bytes))),
};

pub(super) const REQUEST_BODY: Structure = Structure {
    name: "pseudonym request",
    about: "what a card asks the attester for, signed beside",
    length: "40 and 234 an item",
    claims: |bytes| match bytes {
        [1, _, high, low, ..] => {
            let items = usize::from(u16::from_be_bytes([*high, *low]));
            items > 0 && bytes.len() == HEAD + items * ITEM
        }
        _ => false,
    },
    walk: request,
    check: Some(|bytes| checked(RequestBody::parse(bytes))),
};

fn issuance(walk: &mut Walk<'_>) {
    walk.field("version", 1, version);
    let profiles = walk.field("profiles", 1, |bytes| match integer(bytes) {
        profiles @ 1..=64 => Ok(format!("{profiles} profiles")),
        profiles => Err(format!("{profiles} profiles; must be 1 to 64")),
    });
    walk.field("per_period", 2, |bytes| match integer(bytes) {
        0 => Err("a card would get none".to_owned()),
        pseudonyms => Ok(format!("a card gets at most {pseudonyms} pseudonyms in a period")),
    });
    walk.field("boundary", 4, |bytes| {
        PeriodBoundary::new(u32::try_from(integer(bytes)).unwrap_or(u32::MAX))
            .map(|boundary| format!("periods begin {} seconds after midnight UTC", boundary.seconds()))
            .map_err(|error| error.to_string())
    });
    walk.field("issuer_key", 32, words("the X25519 key that items are sealed to"));
    let mut previous = None;
    for index in 0..integer(profiles) {
        walk.part(&format!("profiles[{index}]"), |walk| previous = Some(profile(walk, previous)));
    }
}

/// Gives its number; that before it, if any, was `previous`.
fn profile(walk: &mut Walk<'_>, previous: Option<u64>) -> u64 {
    let of = walk.peek(12, 2).map(integer).and_then(|number| u16::try_from(number).ok());
    let budget = walk.peek(8, 4).map(integer);
    let number = walk.field("number", 1, |bytes| match integer(bytes) {
        number if previous.is_some_and(|previous| previous >= number) => Err("the numbers must ascend".to_owned()),
        number => Ok(format!("profile {number}")),
    });
    walk.field("sectors", 1, sectors);
    walk.field("tariff", 1, tariff);
    walk.field("zero", 1, zero);
    walk.field("spend_limit", 4, |bytes| {
        if budget.is_some_and(|budget| integer(bytes) > budget) {
            return Err("above the budget".to_owned());
        }
        amount("one transaction takes at most", of)(bytes)
    });
    walk.field("budget", 4, amount("one pseudonym takes in all at most", of));
    walk.field("currency", 2, currency);
    walk.field("zero", 2, zero);
    integer(number)
}

fn request(walk: &mut Walk<'_>) {
    walk.field("version", 1, version);
    walk.field("zero", 1, zero);
    let items = walk.field("count", 2, |bytes| match integer(bytes) {
        items @ 1..=256 => Ok(format!("{items} items")),
        items => Err(format!("{items} items; must be 1 to 256")),
    });
    walk.field("period", 4, period);
    walk.field("challenge", 32, words("the attester's"));
    let items = usize::try_from(integer(items)).unwrap_or_default();
    let told = items.min(TOLD);
    let mut seen = BTreeSet::new();
    for index in 0..told {
        walk.part(&format!("items[{index}]"), |walk| {
            walk.field("commitment", 32, |bytes| match seen.insert(bytes.to_vec()) {
                true => Ok("SHA-256 of U and a salt, which only wallet and issuer know".to_owned()),
                false => Err("an item before has the same".to_owned()),
            });
            walk.part("sealed", |walk| {
                walk.field("encapsulated_key", 32, words("the ephemeral X25519 key"));
                walk.field("content", SealedItem::SIZE - 48, words("readable for the issuer alone"));
                walk.field("tag", 16, words("of AES-128-GCM"));
            });
        });
    }
    if items > told {
        walk.field(&format!("items[{told}..]"), (items - told) * ITEM, |bytes| {
            let mut commitments = bytes.chunks(ITEM).filter_map(|item| item.get(..32));
            match commitments.all(|commitment| seen.insert(commitment.to_vec())) {
                true => Ok(format!("{} more items", items - told)),
                false => Err("two items have one commitment".to_owned()),
            }
        });
    }
}

fn period(bytes: &[u8]) -> Meaning {
    match Period::new(u32::try_from(integer(bytes)).unwrap_or(u32::MAX)) {
        Ok(period) => Ok(format!("period {}, counted in days from 1970", period.number())),
        Err(error) => Err(error.to_string()),
    }
}

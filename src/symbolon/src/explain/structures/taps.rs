//! A tap: select response, terms, challenge, presentation, record, receipt, and items of a misuse proof.

use super::{Structure, checked, fixed, keys::credential, signature, suite_ahead};
use crate::explain::{
    meaning::{amount, count, currency, flags, integer, kind, sector, suite, tariff, time, version, words, zero},
    walk::Walk,
};
use symbolon_ccks::Signature;
use symbolon_tap::{Challenge, Presentation, Receipt, Record, SelectResponse, Terms, misuse::Item};

pub(super) const SELECT: Structure = fixed!(
    "select response",
    "what a card says first in a tap",
    SelectResponse::SIZE,
    "20",
    |walk| {
        walk.field("version", 1, version);
        walk.field("suite", 1, suite);
        walk.field("tariff", 1, tariff);
        walk.field("zero", 1, zero);
        let prefix = words("the beginning of the authority's id");
        walk.field("authority_prefix", 8, prefix);
        walk.field("nonce", 8, words("the holder's half of the tap's nonce"));
    },
    SelectResponse::parse
);

pub(super) const TERMS: Structure = fixed!("terms", "what is agreed in a tap", Terms::SIZE, "50", terms, Terms::parse);

pub(super) const CHALLENGE: Structure = fixed!(
    "challenge",
    "what a terminal asks of a card, with the terminal's signature",
    Challenge::SIZE,
    "204",
    |walk| {
        let suite = suite_ahead(walk, Terms::SIZE + 1);
        walk.part("terms", terms_of_tap);
        walk.part("terminal", credential);
        signature(walk, "signature", "the terminal's, over the terms", suite);
    },
    Challenge::parse
);

pub(super) const PRESENTATION: Structure = fixed!(
    "presentation",
    "what a card answers a challenge with",
    Presentation::SIZE,
    "159",
    presentation,
    Presentation::parse
);

pub(super) const RECORD: Structure = fixed!(
    "record",
    "an accepted tap as a terminal keeps and uploads it",
    Record::SIZE,
    "209",
    |walk| {
        walk.part("terms", terms);
        walk.part("presentation", presentation);
    },
    Record::parse
);

pub(super) const ITEM: Structure = Structure {
    name: "item of a misuse proof",
    about: "one signed transaction; alone it proves nothing",
    length: "241",
    claims: |bytes| bytes.len() == Item::SIZE,
    walk: item,
    check: Some(|bytes| checked(Item::parse_all(bytes))),
};

pub(super) const PROOF: Structure = Structure {
    name: "misuse proof",
    about: "transactions that a holder cannot have signed honestly; check it with verify-proof",
    length: "241 times 2 and more",
    claims: |bytes| bytes.len() >= 2 * Item::SIZE && bytes.len().is_multiple_of(Item::SIZE),
    walk: |walk| {
        for index in 0..walk.left() / Item::SIZE {
            walk.part(&format!("items[{index}]"), item);
        }
    },
    check: Some(|bytes| checked(Item::parse_all(bytes))),
};

pub(super) const RECEIPT: Structure = fixed!(
    "receipt",
    "what a terminal gives the holder to keep; its signature travels beside",
    Receipt::SIZE,
    "41",
    receipt,
    Receipt::parse
);

pub(super) const SIGNED_RECEIPT: Structure = Structure {
    name: "signed receipt",
    about: "a receipt and the terminal's signature",
    length: "106",
    claims: |bytes| bytes.len() == Receipt::SIZE + Signature::SIZE,
    walk: |walk| {
        walk.part("receipt", receipt);
        signature(walk, "signature", "the terminal's, over the receipt", None);
    },
    check: None,
};

fn terms(walk: &mut Walk<'_>) {
    walk_terms(walk, true);
}

/// Terms that a terminal signs: those of a screen code are none.
fn terms_of_tap(walk: &mut Walk<'_>) {
    walk_terms(walk, false);
}

fn walk_terms(walk: &mut Walk<'_>, screen_code_allowed: bool) {
    let money = walk.peek(32, 2).and_then(|bytes| u16::try_from(integer(bytes)).ok());
    walk.field("version", 1, version);
    let kind = integer(walk.field("kind", 1, kind));
    walk.field("sector", 1, sector);
    walk.field("flags", 1, |bytes| match (integer(bytes), kind) {
        (1, 3..=5) => Err("a screen code is a purchase or an entry".to_owned()),
        (1, _) if !screen_code_allowed => Err("no terminal asks for a screen code".to_owned()),
        _ => flags(bytes),
    });
    let nonce = words("the holder's 8 bytes, then the terminal's 8");
    walk.field("nonce", 16, nonce);
    walk.field("time", 8, time);
    walk.field("amount", 4, |bytes| match (integer(bytes), kind) {
        (0, 1) => Err("a purchase of nothing".to_owned()),
        (1.., 3 | 4) => Err("an exit or a credit has no amount".to_owned()),
        (_, 2) => amount("at most", money)(bytes),
        _ => amount("exactly", money)(bytes),
    });
    walk.field("currency", 2, currency);
    walk.field("reference", 16, |bytes| {
        let text = bytes.trim_ascii_end().split(|byte| *byte == 0).next().unwrap_or_default();
        let is_text = !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
        Ok(match std::str::from_utf8(text) {
            Ok(text) if is_text => format!("\"{text}\": the operator's own, a station, a bill, a meter"),
            _ => "the operator's own: a station, a bill, a meter".to_owned(),
        })
    });
}

pub(super) fn presentation(walk: &mut Walk<'_>) {
    let suite = suite_ahead(walk, 6);
    walk.field("version", 1, version);
    walk.field("counter", 4, count("is this transaction's number under this credential"));
    walk.part("holder", credential);
    let about = "the holder's, over terms, terminal and counter";
    signature(walk, "signature", about, suite);
}

fn item(walk: &mut Walk<'_>) {
    walk.part("terms", terms);
    walk.field("terminal_digest", 32, |bytes| {
        Ok(match bytes.iter().all(|byte| *byte == 0) {
            true => "no terminal: a code shown on a screen",
            false => "SHA-256 of the terminal's credential",
        }
        .to_owned())
    });
    walk.part("presentation", presentation);
}

fn receipt(walk: &mut Walk<'_>) {
    let digest = words("SHA-256 of the tap's terms and presentation");
    walk.field("record_digest", 32, digest);
    walk.field("result", 1, |bytes| {
        Ok(match integer(bytes) {
            1 => "accepted",
            2 => "declined",
            3 => "credited to the meter",
            _ => return Err("known are 1 accepted, 2 declined, 3 credited".to_owned()),
        }
        .to_owned())
    });
    walk.field("time", 8, time);
}

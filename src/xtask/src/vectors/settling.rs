//! Uploads, and pairs of items with what they prove.

use elliptic_curve::point::AffineCoordinates;
use symbolon_ccks::{CompressedPoint, Suite};
use symbolon_tap::misuse::Item;
use symbolon_tap::{Kind, Presentation, Record, RecordHint, TermsFields, encode_upload};

use super::cast::Cast;
use super::city::{Holder, NOON, fixed_bytes, time};
use super::invalid::patched;
use super::model::{Hex, MisuseVector, UploadVector};
use super::tapping::{present, terms, terms_fields};

/// A suite whose points show their y-coordinates, as hints need them.
pub(crate) trait Drawn: Suite<Affine: AffineCoordinates> {}

impl<S: Suite<Affine: AffineCoordinates>> Drawn for S {}

/// One record without hints, then some with.
pub(crate) fn uploads<S: Drawn>(cast: &Cast<S>) -> Vec<UploadVector> {
    let records = records(cast);
    let hints: Vec<_> = records.iter().map(hint::<S>).collect();
    let encode = |number, records: &[Record], hints: Option<&[RecordHint]>| {
        let random = fixed_bytes(&format!("upload {number}"));
        let upload = encode_upload(&cast.gate.key, number, records, hints, &random);
        let upload = upload.expect("a terminal signs uploads of at least one record");
        let batch_secret = fixed_bytes(&format!("batch {number}"));
        let coefficients = coefficients(cast, records, &batch_secret);
        UploadVector { upload: Hex(upload), batch_secret: Hex(batch_secret.into()), coefficients }
    };
    vec![
        encode(0, records.get(..1).unwrap_or_default(), None),
        encode(u32::MAX, &records, None),
        encode(7, &records, Some(&hints)),
    ]
}

/// By what the signatures of records are multiplied in one equation under a secret.
fn coefficients<S: Suite>(cast: &Cast<S>, records: &[Record], secret: &[u8; 32]) -> Vec<Hex> {
    let terminal = cast.gate.credential().digest();
    let claims: Result<Vec<_>, _> =
        records.iter().map(|record| record.presentation().claim(record.terms(), &terminal)).collect();
    let coefficients = cast.city.authority.batch_coefficients(&claims.expect("all of them are taps"), secret);
    coefficients.into_iter().map(|coefficient| Hex(coefficient.to_be_bytes().into())).collect()
}

/// What a gate has at the end of its day.
fn records<S: Suite>(cast: &Cast<S>) -> Vec<Record> {
    let at = |seconds, kind, amount| TermsFields { time: time(NOON + seconds), kind, amount, ..terms_fields() };
    let taps = [
        (&cast.card, at(0, Kind::Entry, 500), 1),
        (&cast.card, at(600, Kind::Exit, 0), 2),
        (&cast.pseudonym, at(1, Kind::Purchase, 250), 0),
        (&cast.largest_card, at(2, Kind::Purchase, u32::MAX), u32::MAX),
        (&cast.other_card, at(3, Kind::Refund, 250), 9),
    ];
    taps.into_iter().map(|(holder, fields, counter)| record(holder, &cast.gate, fields, counter)).collect()
}

/// What `terminal` keeps of a tap of `holder`.
pub(crate) fn record<S: Suite>(holder: &Holder<S>, terminal: &Holder<S>, fields: TermsFields, counter: u32) -> Record {
    let terms = terms(fields);
    Record::new(terms, present(holder, terminal, &terms, counter))
}

fn hint<S: Drawn>(record: &Record) -> RecordHint {
    let presentation = record.presentation();
    RecordHint::new(
        y_of::<S>(presentation.holder().reconstruction_point()),
        y_of::<S>(presentation.signature().commitment()),
    )
}

fn y_of<S: Drawn>(point: &CompressedPoint) -> [u8; 32] {
    let point = S::decode_point(point).expect("a point that was encoded decodes");
    point.y().as_ref().try_into().expect("both curves have 32-byte coordinates")
}

/// Pairs of items: double uses, overspends, and what proves nothing.
pub(crate) fn misuse<S: Suite>(cast: &Cast<S>) -> Vec<MisuseVector> {
    let fields = |kind, amount| TermsFields { kind, amount, ..terms_fields() };
    let purchase = |amount| fields(Kind::Purchase, amount);
    let (card, gate) = (&cast.card, &cast.gate);
    let by_card = |fields, counter| item(card, gate, fields, counter);
    let (first, entry) = (by_card(purchase(250), 1), by_card(fields(Kind::Entry, 500), 2));
    let largest = |fields, counter| item(&cast.largest_card, gate, fields, counter);
    let a_second_later = TermsFields { time: time(NOON + 1), ..purchase(250) };
    let mauled = patched(&first, Item::SIZE - 1, &[first[Item::SIZE - 1] ^ 1]);
    let pairs = [
        // A clone at two gates under one counter; other terms at one gate; another amount.
        (first.clone(), item(card, &cast.other_gate, purchase(250), 1), "double_use"),
        (first.clone(), by_card(a_second_later, 1), "double_use"),
        (first.clone(), by_card(purchase(251), 1), "double_use"),
        // Also when it overspends besides.
        (entry.clone(), by_card(purchase(500), 2), "double_use"),
        // The budget is 800: 500 and 301 are too much, 500 and 300 are not.
        (entry.clone(), by_card(purchase(301), 3), "overspend"),
        (entry.clone(), by_card(purchase(300), 3), "nothing"),
        // Sums do not wrap at 32 bits.
        (largest(purchase(u32::MAX), 0), largest(fields(Kind::Entry, 1), 1), "overspend"),
        // A refund and an exit spend nothing.
        (entry.clone(), by_card(fields(Kind::Refund, 500), 3), "nothing"),
        (entry.clone(), by_card(fields(Kind::Exit, 0), 3), "nothing"),
        // One message signed twice is the holder's right.
        (first.clone(), first.clone(), "nothing"),
        (first.clone(), signed_again(cast, purchase(250)), "nothing"),
        // Two credentials, though of one currency and budget.
        (first.clone(), item(&cast.other_card, gate, purchase(251), 1), "nothing"),
        // What does not verify proves nothing.
        (first, mauled, "nothing"),
        (entry, patched(&by_card(purchase(1), 2), 28, &2_u32.to_be_bytes()), "nothing"),
    ];
    let vector = |(first, second, proves): (_, _, &str)| MisuseVector {
        first: Hex(first),
        second: Hex(second),
        proves: proves.to_owned(),
    };
    pairs.map(vector).into()
}

/// An item of evidence of a tap.
pub(crate) fn item<S: Suite>(holder: &Holder<S>, terminal: &Holder<S>, fields: TermsFields, counter: u32) -> Vec<u8> {
    Item::new(&record(holder, terminal, fields, counter), terminal.credential().digest()).as_bytes().into()
}

/// The same message under the same counter with other randomness, so with another signature.
fn signed_again<S: Suite>(cast: &Cast<S>, fields: TermsFields) -> Vec<u8> {
    let (terms, terminal) = (terms(fields), cast.gate.credential().digest());
    let presentation = Presentation::sign(&cast.card.key, &terms, &terminal, 1, &fixed_bytes("signed again"))
        .expect("a card signs presentations");
    Item::new(&Record::new(terms, presentation), terminal).as_bytes().into()
}

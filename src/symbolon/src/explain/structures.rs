//! Every structure that can be recognised: its length, its fields, its parser.

mod batches;
mod keys;
mod pseudonyms;
mod taps;
mod terminals;

use super::{
    meaning::{point, words},
    walk::Walk,
};
use symbolon_ccks::{CompressedPoint, Malformed, Signature, SuiteId};

/// A structure's own parser, giving the problem in words.
type Check = fn(&[u8]) -> Result<(), String>;

/// What is known of a structure.
pub(super) struct Structure {
    pub(super) name: &'static str,
    /// What it is for, in a sentence.
    pub(super) about: &'static str,
    /// Its length in words.
    pub(super) length: &'static str,
    /// Whether bytes have its length or beginning.
    pub(super) claims: fn(&[u8]) -> bool,
    /// Walks its fields.
    pub(super) walk: fn(&mut Walk<'_>),
    /// Its own parser, which gives the problem in words; `None` for a part that is never parsed alone and is well formed when
    /// its fields are.
    pub(super) check: Option<Check>,
}

/// A structure of fixed length.
macro_rules! fixed {
    ($name:literal, $about:literal, $size:expr, $length:literal, $walk:expr, $parse:expr) => {
        $crate::explain::structures::Structure {
            name: $name,
            about: $about,
            length: $length,
            claims: |bytes| bytes.len() == $size,
            walk: $walk,
            check: Some(|bytes| $crate::explain::structures::checked($parse(bytes))),
        }
    };
}
use fixed;

/// In the order in which they are told.
pub(super) static STRUCTURES: [Structure; 33] = [
    taps::SELECT,
    keys::POINT,
    taps::RECEIPT,
    batches::ACKNOWLEDGEMENT,
    taps::TERMS,
    keys::IDENTITY,
    keys::SIGNATURE,
    keys::OFFER,
    batches::SUCCESSOR_STATEMENT,
    keys::CREDENTIAL,
    taps::SIGNED_RECEIPT,
    batches::BUNDLE_HEADER,
    batches::SIGNED_ACKNOWLEDGEMENT,
    batches::UPLOAD_HEADER,
    keys::RENEWAL,
    batches::SUCCESSOR,
    taps::PRESENTATION,
    batches::UPLOAD_HEAD,
    taps::CHALLENGE,
    taps::RECORD,
    taps::ITEM,
    taps::PROOF,
    batches::UPLOAD,
    batches::BUNDLE,
    pseudonyms::ISSUANCE,
    pseudonyms::REQUEST_BODY,
    terminals::VOUCHER,
    terminals::SIGNED_VOUCHER,
    terminals::TERMINAL_STATUS,
    terminals::CARD_COMMAND,
    terminals::PORT_COMMAND,
    keys::PARAMETERS,
    keys::SEALED,
];

/// Drops what was parsed and puts the refusal in words.
fn checked<T>(parsed: Result<T, Malformed>) -> Result<(), String> {
    parsed.map(|_| ()).map_err(|error| error.to_string())
}

/// R and z of a signature. `suite` is that of the signer, where the structure says it.
fn signature(walk: &mut Walk<'_>, name: &str, about: &'static str, suite: Option<SuiteId>) {
    walk.part(name, |walk| {
        walk.field("R", CompressedPoint::SIZE, point(about, suite));
        walk.field(
            "z",
            Signature::SIZE - CompressedPoint::SIZE,
            words("the response; whether it verifies is not asked here"),
        );
    });
}

/// The suite that a byte ahead names, if it names one.
fn suite_ahead(walk: &Walk<'_>, ahead: usize) -> Option<SuiteId> {
    match walk.peek(ahead, 1)? {
        [byte] => SuiteId::from_byte(*byte).ok(),
        _ => None,
    }
}

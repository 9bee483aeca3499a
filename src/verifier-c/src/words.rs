//! Versions, sizes, and what people read.

use core::ptr::null;

use symbolon_verifier::{Language, Reason};

use crate::status::{self, SYMBOLON_STATUS_REFUSED, Status};
use crate::structures::{SYMBOLON_LANGUAGE_ENGLISH, Text};

/// The version of this interface. It changes when a program has to be compiled again; what is only added leaves it.
pub const SYMBOLON_INTERFACE_VERSION: u32 = 1;

const NOTHING: Text = Text { bytes: null(), length: 0 };

const fn text(words: &'static str) -> Text {
    Text { bytes: words.as_ptr().cast(), length: words.len() }
}

/// The version of the interface that the library has: compare it with `SYMBOLON_INTERFACE_VERSION` of the header.
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_interface_version() -> u32 {
    SYMBOLON_INTERFACE_VERSION
}

/// The library's version and suite, as in "0.1.0 P256-SHA256".
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_library_version() -> Text {
    #[cfg(feature = "p256")]
    let version = concat!(env!("CARGO_PKG_VERSION"), " P256-SHA256");
    #[cfg(not(feature = "p256"))]
    let version = concat!(env!("CARGO_PKG_VERSION"), " SECP256K1-SHA256");
    text(version)
}

/// The sentence of a reason, for a display; nothing for a number that is none's, or a language that there is not.
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_reason_sentence(reason: u32, language: u32) -> Text {
    let language = (language == SYMBOLON_LANGUAGE_ENGLISH).then_some(Language::English);
    let sentence = reason_of(reason).zip(language).map(|(reason, language)| reason.sentence_in(language));
    sentence.map_or(NOTHING, text)
}

/// The stable name of a reason, for logs, such as "expired"; nothing for a number that is none's.
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_reason_name(reason: u32) -> Text {
    reason_of(reason).map_or(NOTHING, |reason| text(reason.name()))
}

fn reason_of(number: u32) -> Option<Reason> {
    u8::try_from(number).ok().and_then(Reason::from_number)
}

/// What a status means, in a sentence; nothing for a number that is none's.
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_status_sentence(status: Status) -> Text {
    match status.checked_sub(SYMBOLON_STATUS_REFUSED) {
        Some(reason) => symbolon_reason_sentence(reason, SYMBOLON_LANGUAGE_ENGLISH),
        None => status::sentence(status).map_or(NOTHING, text),
    }
}

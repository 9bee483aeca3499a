//! What every function answers with.

use symbolon_verifier::Reason;

/// What a function answers with: 0 when it did what it was asked. Numbers are never given to another meaning; later
/// versions add some.
///
/// 1 to 255 say that the call was wrong or that the device underneath failed. From `SYMBOLON_STATUS_REFUSED` on the
/// terminal refused, for the reason of the number above it. `symbolon_status_sentence` has a sentence for each.
pub type Status = u32;

/// Done.
pub const SYMBOLON_STATUS_OK: u32 = 0;
/// A pointer that must not be is NULL.
pub const SYMBOLON_STATUS_NULL_POINTER: u32 = 1;
/// A buffer, or the terminal's memory, is too short.
pub const SYMBOLON_STATUS_TOO_SHORT: u32 = 2;
/// Memory is not aligned as it has to be.
pub const SYMBOLON_STATUS_MISALIGNED: u32 = 3;
/// A structure's `size` is of no version that this library knows.
pub const SYMBOLON_STATUS_WRONG_SIZE: u32 = 4;
/// This is no open terminal: it was never opened, was closed, or its memory was moved.
pub const SYMBOLON_STATUS_NOT_OPEN: u32 = 5;
/// The call came out of one of this terminal's own callbacks.
pub const SYMBOLON_STATUS_BUSY: u32 = 6;
/// A number is outside its range, such as a kind or a sector.
pub const SYMBOLON_STATUS_OUT_OF_RANGE: u32 = 7;
/// This cannot be asked now: no challenge is open, or nothing was accepted that a receipt could be for.
pub const SYMBOLON_STATUS_WRONG_ORDER: u32 = 8;
/// The regions of the flash overlap, are not whole pages, or do not fit.
pub const SYMBOLON_STATUS_LAYOUT: u32 = 9;
/// The flash failed, or does not give back what was written.
pub const SYMBOLON_STATUS_FLASH: u32 = 10;
/// The clock failed.
pub const SYMBOLON_STATUS_CLOCK: u32 = 11;
/// The source of randomness failed.
pub const SYMBOLON_STATUS_RANDOM: u32 = 12;
/// The authority's parameters are missing, malformed, or not those that are trusted.
pub const SYMBOLON_STATUS_AUTHORITY: u32 = 13;
/// The key is not that of a terminal of this authority.
pub const SYMBOLON_STATUS_KEY: u32 = 14;
/// Nothing was signed; it may go better with other randomness.
pub const SYMBOLON_STATUS_SIGN: u32 = 15;
/// The trust bundle is malformed, or has what this library does not know and may not pass over.
pub const SYMBOLON_STATUS_BUNDLE_MALFORMED: u32 = 16;
/// Numbers that never repeat are used up: the terminal needs a new key.
pub const SYMBOLON_STATUS_EXHAUSTED: u32 = 17;
/// The trust bundle's signature is not the authority's.
pub const SYMBOLON_STATUS_BUNDLE_SIGNATURE: u32 = 18;
/// The trust bundle is of another authority, not for the terminal's sectors, or not of parts that belong together.
pub const SYMBOLON_STATUS_BUNDLE_OTHER: u32 = 19;
/// The trust bundle is not newer than the one that was taken before.
pub const SYMBOLON_STATUS_BUNDLE_OLD: u32 = 20;
/// The trust bundle is too far ahead of the clock, or of the one that was taken before.
pub const SYMBOLON_STATUS_BUNDLE_AHEAD: u32 = 21;
/// The terminal refused: this, and the number of the reason.
pub const SYMBOLON_STATUS_REFUSED: u32 = 256;

/// Every status below `SYMBOLON_STATUS_REFUSED`, in the order of their numbers.
const SENTENCES: [(Status, &str); 22] = [
    (SYMBOLON_STATUS_OK, "Done."),
    (SYMBOLON_STATUS_NULL_POINTER, "A pointer that must not be is NULL."),
    (SYMBOLON_STATUS_TOO_SHORT, "A buffer, or the terminal's memory, is too short."),
    (SYMBOLON_STATUS_MISALIGNED, "Memory is not aligned as it has to be."),
    (SYMBOLON_STATUS_WRONG_SIZE, "A structure's size is of no version that this library knows."),
    (SYMBOLON_STATUS_NOT_OPEN, "This is no open terminal: it was never opened, was closed, or its memory was moved."),
    (SYMBOLON_STATUS_BUSY, "The call came out of one of this terminal's own callbacks."),
    (SYMBOLON_STATUS_OUT_OF_RANGE, "A number is outside its range, such as a kind or a sector."),
    (
        SYMBOLON_STATUS_WRONG_ORDER,
        "This cannot be asked now: no challenge is open, or nothing was accepted that a receipt could be for.",
    ),
    (SYMBOLON_STATUS_LAYOUT, "The regions of the flash overlap, are not whole pages, or do not fit."),
    (SYMBOLON_STATUS_FLASH, "The flash failed, or does not give back what was written."),
    (SYMBOLON_STATUS_CLOCK, "The clock failed."),
    (SYMBOLON_STATUS_RANDOM, "The source of randomness failed."),
    (SYMBOLON_STATUS_AUTHORITY, "The authority's parameters are missing, malformed, or not those that are trusted."),
    (SYMBOLON_STATUS_KEY, "The key is not that of a terminal of this authority."),
    (SYMBOLON_STATUS_SIGN, "Nothing was signed; it may go better with other randomness."),
    (
        SYMBOLON_STATUS_BUNDLE_MALFORMED,
        "The trust bundle is malformed, or has what this library does not know and may not pass over.",
    ),
    (SYMBOLON_STATUS_EXHAUSTED, "Numbers that never repeat are used up: the terminal needs a new key."),
    (SYMBOLON_STATUS_BUNDLE_SIGNATURE, "The trust bundle's signature is not the authority's."),
    (
        SYMBOLON_STATUS_BUNDLE_OTHER,
        "The trust bundle is of another authority, not for the terminal's sectors, or not of parts that belong together.",
    ),
    (SYMBOLON_STATUS_BUNDLE_OLD, "The trust bundle is not newer than the one that was taken before."),
    (
        SYMBOLON_STATUS_BUNDLE_AHEAD,
        "The trust bundle is too far ahead of the clock, or of the one that was taken before.",
    ),
];

/// The sentence of a status that is no refusal.
pub(crate) fn sentence(status: Status) -> Option<&'static str> {
    SENTENCES.iter().find(|(known, _)| *known == status).map(|(_, sentence)| *sentence)
}

/// The status of a refusal for a reason.
pub(crate) fn refused(reason: Reason) -> Status {
    SYMBOLON_STATUS_REFUSED.saturating_add(reason.number().into())
}

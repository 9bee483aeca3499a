//! The structures that cross the boundary.

use core::ffi::{c_char, c_void};

/// Length of a select response, bytes.
pub const SYMBOLON_SELECT_SIZE: usize = 20;
/// Length of a challenge, bytes.
pub const SYMBOLON_CHALLENGE_SIZE: usize = 204;
/// Length of a presentation, bytes.
pub const SYMBOLON_PRESENTATION_SIZE: usize = 159;
/// Length of a receipt with its signature, bytes.
pub const SYMBOLON_RECEIPT_SIZE: usize = 106;
/// Length of the longest command to a card, bytes.
pub const SYMBOLON_COMMAND_MOST: usize = 210;
/// Length of the longest answer of the service port, bytes.
pub const SYMBOLON_PORT_MOST: usize = 258;
/// How many bytes the flash is programmed at a time: offsets and lengths given to `flash_write` are multiples of it. A
/// chip with shorter words programs several.
pub const SYMBOLON_FLASH_WRITE_SIZE: usize = 32;
/// How many bytes of the flash are erased at a time: what `flash_erase` is given are multiples of it.
pub const SYMBOLON_FLASH_ERASE_SIZE: usize = 4096;

/// `language`: English.
pub const SYMBOLON_LANGUAGE_ENGLISH: u32 = 1;

/// `verdict`: the tap counts and is in the journal.
pub const SYMBOLON_VERDICT_ACCEPTED: u8 = 1;
/// `verdict`: the terminal knows too little to say, or what it knows is too old; a person may decide.
pub const SYMBOLON_VERDICT_REFERRED: u8 = 2;
/// `verdict`: the tap does not count.
pub const SYMBOLON_VERDICT_DECLINED: u8 = 3;

/// `established`: the holder signed these terms, for this terminal.
pub const SYMBOLON_ESTABLISHED_SIGNATURE: u32 = 0x01;
/// `established`: the credential is valid at the time of the tap.
pub const SYMBOLON_ESTABLISHED_VALIDITY: u32 = 0x02;
/// `established`: the credential holds the sector and the currency.
pub const SYMBOLON_ESTABLISHED_SECTOR: u32 = 0x04;
/// `established`: the concession is the one that was declared.
pub const SYMBOLON_ESTABLISHED_TARIFF: u32 = 0x08;
/// `established`: the amount is within the limits of one tap.
pub const SYMBOLON_ESTABLISHED_LIMIT: u32 = 0x10;
/// `established`: the credential was not revoked `data_age_seconds` ago; without this bit, nothing is known.
pub const SYMBOLON_ESTABLISHED_DATA: u32 = 0x20;

/// `credited_unit`: watt-hours.
pub const SYMBOLON_UNIT_WATT_HOURS: u8 = 1;
/// `credited_unit`: litres.
pub const SYMBOLON_UNIT_LITRES: u8 = 2;

/// `kind` of a step: send `command` to the card, and give what it answers to `symbolon_terminal_respond`.
pub const SYMBOLON_STEP_SEND: u8 = 1;
/// `kind` of a step: the tap is over; `outcome` says how.
pub const SYMBOLON_STEP_DONE: u8 = 2;
/// `kind` of a step: nothing to do but to wait for the card.
pub const SYMBOLON_STEP_WAIT: u8 = 3;

/// `outcome`: the tap counts; `fault` says whether the card took its receipt.
pub const SYMBOLON_OUTCOME_ACCEPTED: u8 = 1;
/// `outcome`: a tap that was accepted before; it got its receipt again. Nothing is opened or credited for it.
pub const SYMBOLON_OUTCOME_REPEATED: u8 = 2;
/// `outcome`: see `SYMBOLON_VERDICT_REFERRED`.
pub const SYMBOLON_OUTCOME_REFERRED: u8 = 3;
/// `outcome`: see `SYMBOLON_VERDICT_DECLINED`.
pub const SYMBOLON_OUTCOME_DECLINED: u8 = 4;
/// `outcome`: the terminal did not ask this card for this; the reason is in `verdict`.
pub const SYMBOLON_OUTCOME_NOT_ASKED: u8 = 5;
/// `outcome`: the card did not answer as it must; `phase`, `fault` and `status_word` say what it did.
pub const SYMBOLON_OUTCOME_FAILED: u8 = 6;

/// `phase`: SELECT.
pub const SYMBOLON_PHASE_SELECT: u8 = 1;
/// `phase`: VOUCHER.
pub const SYMBOLON_PHASE_VOUCHER: u8 = 2;
/// `phase`: PRESENT.
pub const SYMBOLON_PHASE_PRESENT: u8 = 3;
/// `phase`: RECEIPT.
pub const SYMBOLON_PHASE_RECEIPT: u8 = 4;

/// `fault`: none.
pub const SYMBOLON_FAULT_NONE: u8 = 0;
/// `fault`: the card did not answer in time.
pub const SYMBOLON_FAULT_SILENT: u8 = 1;
/// `fault`: its answer is not as long as it must be.
pub const SYMBOLON_FAULT_LENGTH: u8 = 2;
/// `fault`: it answered with `status_word`.
pub const SYMBOLON_FAULT_STATUS: u8 = 3;
/// `fault`: it answered while nothing was asked.
pub const SYMBOLON_FAULT_UNASKED: u8 = 4;
/// `fault`: the receipt was not signed, so that none was sent.
pub const SYMBOLON_FAULT_NOT_SIGNED: u8 = 5;

/// Text in UTF-8 that stays where it is for ever. It does not end with a zero byte.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Its bytes; NULL when there is none.
    pub bytes: *const c_char,
    /// How many they are.
    pub length: usize,
}

/// A part of the flash, in whole pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Where it begins, bytes.
    pub offset: u32,
    /// How long it is, bytes.
    pub length: u32,
}

/// Where in the flash what is kept.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The terminal's state: at least two pages.
    pub state: Region,
    /// Accepted taps until they are acknowledged: at least two pages, 16 taps a page.
    pub journal: Region,
    /// Trust bundles: one for each of two authorities, and one to load the next into.
    pub bundles: [Region; 3],
    /// The parameters of the authority in use and of its successor, 18 pages each; of length 0 where the parameters are
    /// in memory, and no successor is ever taken.
    pub authorities: [Region; 2],
}

/// The device underneath. Every callback answers 0 when it did what it was asked and anything else when it did not; it
/// must not call this library with the same terminal.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// `sizeof(symbolon_platform)`.
    pub size: u32,
    /// Length of the flash, bytes.
    pub flash_length: u32,
    /// Given to every callback; may be NULL.
    pub context: *mut c_void,
    /// Reads `length` bytes at `offset`.
    pub flash_read:
        Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, into: *mut u8, length: usize) -> i32>,
    /// Programs `length` bytes at `offset`. They are erased, and programmed once between two erasures; a power cut in
    /// the middle may leave any of their bits.
    pub flash_write:
        Option<unsafe extern "C" fn(context: *mut c_void, offset: u32, bytes: *const u8, length: usize) -> i32>,
    /// Erases the pages from `from` up to `to`: every byte becomes 0xFF.
    pub flash_erase: Option<unsafe extern "C" fn(context: *mut c_void, from: u32, to: u32) -> i32>,
    /// The time, seconds since 1970 UTC.
    pub now: Option<unsafe extern "C" fn(context: *mut c_void, seconds: *mut u64) -> i32>,
    /// Sets the clock; NULL when the service port may not.
    pub set_now: Option<unsafe extern "C" fn(context: *mut c_void, seconds: u64) -> i32>,
    /// Fills with randomness that nobody can predict.
    pub random: Option<unsafe extern "C" fn(context: *mut c_void, into: *mut u8, length: usize) -> i32>,
}

/// A terminal's key under one authority.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The credential, 89 bytes.
    pub credential: *const u8,
    /// The secret that goes with it, 32 bytes; copied, and erased when the terminal is closed.
    pub secret: *const u8,
}

/// What a terminal is made of. Whatever it points at may be given back after the call, but for `authority`,
/// `replay` and `subjects`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `sizeof(symbolon_settings)`.
    pub size: u32,
    /// How long a card may take for an answer, milliseconds.
    pub patience_milliseconds: u32,
    /// The digest of the authority that is trusted, 32 bytes.
    pub authority_id: *const u8,
    /// The authority's prepared parameters in memory, which stay there until the terminal is closed; NULL when they are
    /// in the flash (`symbolon_provision_authority`).
    pub authority: *const u8,
    /// How long they are, bytes.
    pub authority_length: usize,
    /// The terminal's key.
    pub key: Key,
    /// Its key under the successor of its authority, in either order; pointers of NULL without one.
    pub next_key: Key,
    /// Memory for the taps accepted last, aligned for `uint64_t`, until the terminal is closed; may be NULL.
    pub replay: *mut c_void,
    /// How many of them it holds, `symbolon_replay_slot_size()` bytes each.
    pub replay_slots: usize,
    /// Memory in which the pseudonyms of revoked cards are recognised by a full trust bundle's seeds, until the terminal is
    /// closed; NULL where compact bundles are used.
    pub subjects: *mut c_void,
    /// How many subjects it holds, 16 bytes each.
    pub subject_slots: usize,
    /// Where in the flash what is kept.
    pub layout: Layout,
    /// Where the terminal works: 1 water, 2 power, 4 transport, added. Of these, those of its credential count.
    pub sectors: u8,
    /// The kinds of transactions that it asks for: 1 << kind each, added.
    pub kinds: u8,
    /// Whether anything is accepted without a trust bundle: 0 or 1.
    pub accepts_without_bundle: u8,
    /// Whether anything is accepted after the trust bundle's time: 0 or 1.
    pub accepts_after_expiry: u8,
    /// The most for a tap without a trust bundle, minor units.
    pub most_without_bundle: u32,
    /// The most for a tap after the trust bundle's time, minor units.
    pub most_after_expiry: u32,
    /// For how long after the trust bundle's time.
    pub after_expiry_seconds: u64,
    /// How far ahead of the clock a new trust bundle may be.
    pub clock_jump_seconds: u64,
    /// How far ahead of the latest signed time the clock may be before it counts as wrong.
    pub clock_ahead_seconds: u64,
    /// Whom codes shown on a screen have to pay: the first 16 bytes of SHA-256 of the operator's name. NULL for a terminal
    /// that takes no codes.
    pub codes_pay: *const u8,
    /// The key of the institution that is called like the authority, 64 bytes, believed as `authority_id` is and kept where
    /// that is; NULL to compute it whenever the terminal is opened, nearly all that opening takes.
    pub authority_key: *const u8,
}

/// What the next card is asked for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `sizeof(symbolon_request)`.
    pub size: u32,
    /// Minor units; 0 where the kind has no amount.
    pub amount: u32,
    /// 1 purchase, 2 entry, 3 exit, 4 credit (a voucher for this meter), 5 refund.
    pub kind: u8,
    /// 1 water, 2 power, 4 transport.
    pub sector: u8,
    /// 0.
    pub zero: u16,
    /// The operator's own: a bill, a station.
    pub reference: [u8; 16],
}

/// What a terminal says to a card.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `sizeof(symbolon_verdict)`.
    pub size: u32,
    /// Accepted, referred or declined.
    pub verdict: u8,
    /// The number of the reason; 0 when accepted. `symbolon_reason_sentence` has the sentence for a display.
    pub reason: u8,
    /// What an accepted voucher credits: watt-hours or litres; 0 without one.
    pub credited_unit: u8,
    /// 1 when it was accepted on data too old, as the rules allow up to a lower cap; else 0.
    pub is_stale: u8,
    /// How much it credits.
    pub credited_quantity: u32,
    /// The voucher's number among those of this meter.
    pub credited_sequence: u32,
    /// What is established, bits; 0 unless accepted.
    pub established: u32,
    /// The amount of an accepted tap, minor units.
    pub amount: u32,
    /// The card's counter of an accepted tap.
    pub counter: u32,
    /// The currency of an accepted tap, ISO 4217 numeric.
    pub currency: u16,
    /// The kind of an accepted tap.
    pub kind: u8,
    /// The sector of an accepted tap.
    pub sector: u8,
    /// How old the revocation data are, seconds, where they were used.
    pub data_age_seconds: u64,
    /// SHA-256 of the credential of an accepted tap; with the counter, the transaction's identity.
    pub credential: [u8; 32],
}

/// What to do next in a tap.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// `sizeof(symbolon_step)`.
    pub size: u32,
    /// Send, done, or wait.
    pub kind: u8,
    /// When done: what became of the tap.
    pub outcome: u8,
    /// When failed: which command was not answered.
    pub phase: u8,
    /// What was wrong with the card's answer.
    pub fault: u8,
    /// The status word of such an answer, where it had one.
    pub status_word: u16,
    /// When sending: length of the command, bytes.
    pub command_length: u16,
    /// When sending: the command.
    pub command: [u8; SYMBOLON_COMMAND_MOST],
    /// 0.
    pub zero: u16,
    /// When done: the verdict. Its `size` is set by the library.
    pub verdict: Verdict,
}

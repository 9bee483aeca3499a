//! `terminals.json`.

use serde::{Deserialize, Serialize};

use super::Hex;

/// `terminals.json`: what a terminal is told, sold and asked.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalFile {
    /// Credit for meters, of both suites.
    pub vouchers: Vec<VoucherVector>,
    /// Whom terminals serve.
    pub rules: Vec<RuleVector>,
    /// Who pays less.
    pub tariffs: Vec<TariffVector>,
    /// What journeys cost.
    pub fares: Vec<FareVector>,
    /// Filters of revoked subjects, and what they say.
    pub filters: Vec<FilterVector>,
    /// Whole bundles with every section, of both suites.
    pub bundles: Vec<BundleVector>,
    /// Commands and what is answered.
    pub exchanges: Vec<ExchangeVector>,
    /// Commands that are refused by a status word.
    pub refused_commands: Vec<RefusedCommandVector>,
    /// How terminals are.
    pub statuses: Vec<StatusVector>,
    /// What meters were credited.
    pub credits: Vec<CreditVector>,
    /// What frames carry.
    pub frames: Vec<FrameVector>,
    /// What is found in the bytes of a line.
    pub lines: Vec<LineVector>,
}

/// A voucher and its signature.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoucherVector {
    /// The suite's name.
    pub suite: String,
    /// 1 watt-hour, 2 litre.
    pub unit: u8,
    /// The meter's subject.
    pub meter: Hex,
    /// Its number at the meter.
    pub sequence: u32,
    /// How much.
    pub quantity: u32,
    /// When it was sold.
    pub time: u64,
    /// From when on it is not taken.
    pub not_after: u64,
    /// The 32 bytes that hedge the nonce.
    pub random: Hex,
    /// The 109 bytes.
    pub signed: Hex,
    /// The reference in the terms of the tap that delivers it.
    pub reference: Hex,
}

/// A rule.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleVector {
    /// One sector.
    pub sector: u8,
    /// 1 or 3.
    pub class: u8,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// The largest spend limit.
    pub tier: u32,
    /// The most for one tap.
    pub tap_cap: u32,
    /// How long data are fresh.
    pub fresh_seconds: u32,
    /// 0 decline, 1 refer, 2 accept.
    pub stale: u8,
    /// The most for one tap then.
    pub stale_cap: u32,
    /// For how long.
    pub stale_seconds: u32,
    /// The 28 bytes.
    pub bytes: Hex,
}

/// A tariff, and what it makes of some fares.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffVector {
    /// One sector.
    pub sector: u8,
    /// The concession group.
    pub tariff: u8,
    /// Thousandths of the full fare.
    pub permille: u16,
    /// The 8 bytes.
    pub bytes: Hex,
    /// Full fares, and what the group pays of each.
    pub pays: Vec<[u32; 2]>,
}

/// A fare.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FareVector {
    /// The operator's name.
    pub operator: String,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Where the journey begins.
    pub from: Hex,
    /// Where it ends.
    pub to: Hex,
    /// Minor units.
    pub fare: u32,
    /// The 48 bytes.
    pub bytes: Hex,
}

/// A filter, and what it says of some subjects.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterVector {
    /// Where periods begin.
    pub boundary: u32,
    /// The sets, ascending by scope.
    pub sets: Vec<FilterSetVector>,
    /// The section's bytes, without its header.
    pub section: Hex,
    /// Subjects looked up.
    pub lookups: Vec<LookupVector>,
}

/// One set of a filter.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterSetVector {
    /// A period, or 4294967295 for cards.
    pub scope: u32,
    /// The subjects that were put in.
    pub subjects: Vec<Hex>,
    /// Eight bytes.
    pub seed: Hex,
    /// L.
    pub segment_length: u32,
    /// C.
    pub first_places: u32,
    /// How many there are.
    pub fingerprints: u32,
}

/// One question to a filter.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupVector {
    /// Among whom.
    pub scope: u32,
    /// Who.
    pub subject: Hex,
    /// `hit`, `absent` or `out_of_scope`.
    pub answer: String,
    /// The part to which the subject belongs, of 1, 2, 3, 16 and 65,535.
    pub parts: [u16; 5],
}

/// A whole bundle.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleVector {
    /// The suite's name.
    pub suite: String,
    /// For whose terminals.
    pub sectors: u8,
    /// Its number.
    pub sequence: u64,
    /// When it was issued.
    pub issued_at: u64,
    /// Until when it vouches.
    pub valid_until: u64,
    /// Since when revoked credentials are listed.
    pub oldest_not_before: u64,
    /// Which part.
    pub part: u16,
    /// Of how many.
    pub parts: u16,
    /// The 32 bytes that hedge the nonce.
    pub random: Hex,
    /// What is in it.
    pub sections: Vec<SectionVector>,
    /// All its bytes.
    pub bundle: Hex,
}

/// One section.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionVector {
    /// Its type.
    pub section_type: u8,
    /// Whether who does not know it refuses the bundle.
    pub critical: bool,
    /// Its bytes, without the header.
    pub bytes: Hex,
}

/// A command and its answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeVector {
    /// `card` or `port`.
    pub to: String,
    /// Which command, as the wire format calls it.
    pub command: String,
    /// P1 and P2.
    pub parameters: u16,
    /// What is sent along.
    pub data: Hex,
    /// The command's bytes.
    pub bytes: Hex,
    /// What is answered.
    pub answer: Hex,
    /// SW1 and SW2.
    pub status: Hex,
    /// The response's bytes.
    pub response: Hex,
}

/// A command that is refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedCommandVector {
    /// `card` or `port`.
    pub to: String,
    /// The command's bytes.
    pub bytes: Hex,
    /// SW1 and SW2.
    pub status: Hex,
    /// Why, in a sentence.
    pub why: String,
}

/// How a terminal is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusVector {
    /// How many are live.
    pub authorities: u8,
    /// Whether an upload is pending.
    pub upload_pending: bool,
    /// Whether the clock is known to be wrong.
    pub clock_wrong: bool,
    /// Whether there is no room.
    pub full: bool,
    /// Whether a second, different successor was named.
    pub second_successor: bool,
    /// Its subject.
    pub terminal: Hex,
    /// By its clock.
    pub time: u64,
    /// The authority's, 8 bytes.
    pub authority_prefix: Hex,
    /// Of its bundle.
    pub bundle_sequence: u64,
    /// Of its bundle.
    pub bundle_issued_at: u64,
    /// Of its bundle.
    pub parts_held: u16,
    /// Of its bundle.
    pub parts: u16,
    /// In its journal.
    pub records: u32,
    /// In its journal.
    pub room: u32,
    /// The 64 bytes.
    pub bytes: Hex,
}

/// What a meter was credited.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditVector {
    /// 1 watt-hour, 2 litre.
    pub unit: u8,
    /// The highest sequence.
    pub highest: u32,
    /// Units in all.
    pub credited: u64,
    /// The 16 bytes.
    pub bytes: Hex,
}

/// A frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameVector {
    /// What it carries.
    pub carried: Hex,
    /// Its bytes.
    pub frame: Hex,
}

/// The bytes of a line, after which it is silent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineVector {
    /// What comes over it.
    pub line: Hex,
    /// What the frames carry that are found, in order.
    pub found: Vec<Hex>,
}

//! Making a bundle: the authority's side.

use alloc::vec::Vec;

use symbolon_ccks::wire::{Version, Zero};
use symbolon_ccks::{PeriodBoundary, Purpose, Sectors, SigningKey, Subject, Suite, Time};
use zerocopy::IntoBytes;

use super::BundleHeader;
use super::fares::{Fare, Tariff};
use super::filter::building::{FilterSet, encode_filter};
use super::rules::Rule;
use super::sections::{Critical, Limit, SectionHeader, section_type};
use super::seeds::{RevokedSeeds, SeedsHead};
use super::table::Entry;
use crate::digest::sha256;
use crate::refusal::SignRefused;

/// What [`encode_bundle`] puts into the header; the suite and the authority are the key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleFields {
    /// The sectors whose terminals the bundle is for.
    pub sectors: Sectors,
    /// The bundle's number, the same for all its parts.
    pub sequence: u64,
    /// When it is issued.
    pub issued_at: Time,
    /// Until when it vouches for what it says; not before `issued_at`.
    pub valid_until: Time,
    /// Credentials that became valid before this time are no longer accepted, so they need not be listed.
    pub oldest_not_before: Time,
    /// Which part this is, from 0.
    pub part: u16,
    /// How many parts there are, at least 1.
    pub parts: u16,
}

/// What [`encode_bundle`] puts into the body, a section each; one that would be empty is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct BundleContent<'a> {
    /// Revoked subjects. Their order does not matter, nor does one given twice.
    pub revoked: &'a [Subject],
    /// Limits, in any order, at most one a sector and currency.
    pub limits: &'a [Limit],
    /// What recognises the pseudonyms of revoked cards.
    pub seeds: RevokedSeeds<'a>,
    /// How pseudonyms are issued: the bytes of that structure, which are not looked into.
    pub issuance: Option<&'a [u8]>,
    /// Whom terminals serve, in any order, at most one rule a sector, class and currency.
    pub rules: &'a [Rule],
    /// Who pays less than the full fare, in any order, at most one a sector and group.
    pub tariffs: &'a [Tariff],
    /// What journeys cost, in any order, each journey at most once.
    pub fares: &'a [Fare],
    /// The filter of revoked subjects.
    pub filter: FilterContent<'a>,
}

/// What [`encode_bundle`] makes the section of the filter from.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilterContent<'a> {
    /// Where periods begin.
    pub boundary: PeriodBoundary,
    /// The sets, in any order, at most one a scope. With no set at all there is no section: a set without a subject
    /// says that nothing of its scope is revoked, no set says nothing.
    pub sets: &'a [FilterSet],
}

/// Signs and encodes a bundle.
///
/// # Errors
/// [`SignRefused::Fields`] when the fields do not go together, a section has two entries of one key (a sector and
/// currency with two limits, for instance), or the body is longer than 2^32 - 1 bytes; [`SignRefused::Key`] for a key other than that of the institution that bears the
/// authority's name.
pub fn encode_bundle<S: Suite>(
    key: &SigningKey<S>,
    fields: &BundleFields,
    content: &BundleContent<'_>,
    random: &[u8; 32],
) -> Result<Vec<u8>, SignRefused> {
    encode_with_body(key, fields, &encode_sections(content)?, random)
}

fn encode_sections(content: &BundleContent<'_>) -> Result<Vec<u8>, SignRefused> {
    let mut revoked = Vec::from(content.revoked);
    revoked.sort_unstable();
    revoked.dedup();
    let seeds = &content.seeds;
    let head = SeedsHead::new(seeds.boundary(), seeds.per_period());
    let head = if seeds.is_empty() { &[] } else { head.as_bytes() };
    let mut body = Vec::new();
    push_section(&mut body, section_type::REVOKED_SUBJECTS, Critical::Yes, &[revoked.as_bytes()])?;
    push_section(&mut body, section_type::LIMITS, Critical::Yes, &[&sorted(content.limits)?])?;
    push_section(&mut body, section_type::REVOKED_SEEDS, Critical::Yes, &[head, seeds.entries().as_bytes()])?;
    push_section(&mut body, section_type::ISSUANCE, Critical::No, &[content.issuance.unwrap_or_default()])?;
    push_section(&mut body, section_type::RULES, Critical::Yes, &[&sorted(content.rules)?])?;
    push_section(&mut body, section_type::TARIFFS, Critical::Yes, &[&sorted(content.tariffs)?])?;
    push_section(&mut body, section_type::FARES, Critical::Yes, &[&sorted(content.fares)?])?;
    push_section(&mut body, section_type::FILTER, Critical::Yes, &[&encode_filter(&content.filter)?])?;
    Ok(body)
}

/// The bytes of entries, ascending; refused when two have one key.
fn sorted<E: Entry + IntoBytes>(entries: &[E]) -> Result<Vec<u8>, SignRefused> {
    fn key<E: Entry + IntoBytes>(entry: &E) -> Option<&[u8]> {
        entry.as_bytes().get(..E::KEY_SIZE)
    }
    let mut entries = Vec::from(entries);
    entries.sort_unstable_by(|first, second| key(first).cmp(&key(second)));
    if entries.is_sorted_by(|earlier, later| key(earlier) < key(later)) {
        Ok(Vec::from(entries.as_bytes()))
    } else {
        Err(SignRefused::Fields)
    }
}

fn push_section(body: &mut Vec<u8>, section_type: u8, critical: Critical, parts: &[&[u8]]) -> Result<(), SignRefused> {
    let bytes = parts.concat();
    if bytes.is_empty() {
        return Ok(());
    }
    let length = u32::try_from(bytes.len()).map_err(|_| SignRefused::Fields)?;
    let header = SectionHeader { section_type, critical, zero: [Zero::Zero; 2], length: length.into() };
    body.extend_from_slice(header.as_bytes());
    body.extend_from_slice(&bytes);
    Ok(())
}

/// Signs a header over `body`, whatever it holds.
pub(crate) fn encode_with_body<S: Suite>(
    key: &SigningKey<S>,
    fields: &BundleFields,
    body: &[u8],
    random: &[u8; 32],
) -> Result<Vec<u8>, SignRefused> {
    let body_length = u32::try_from(body.len()).map_err(|_| SignRefused::Fields)?;
    let header = BundleHeader {
        version: Version::One,
        suite: S::ID,
        zero: Zero::Zero,
        sectors: fields.sectors.bits(),
        authority: *key.authority_id(),
        sequence: fields.sequence.into(),
        issued_at: fields.issued_at.to_wire(),
        valid_until: fields.valid_until.to_wire(),
        oldest_not_before: fields.oldest_not_before.to_wire(),
        body_length: body_length.into(),
        part: fields.part.into(),
        parts: fields.parts.into(),
        body_digest: sha256(body),
    };
    header.check().map_err(|_| SignRefused::Fields)?;
    let signature = key.sign(Purpose::Bundle, &[header.as_bytes()], random)?;
    Ok([header.as_bytes(), signature.as_bytes().as_slice(), body].concat())
}

//! Trust bundles.

use sha2::{Digest, Sha256};
use symbolon_ccks::{Purpose, Sectors, Subject, Suite};
use symbolon_tap::{BundleContent, BundleFields, Limit, encode_bundle};

use super::{Collected, patched};
use crate::vectors::cast::Cast;
use crate::vectors::city::{NOON, fixed_bytes, name, sign_unchecked, time};
use crate::vectors::model::Step;

/// 2^40 as u64: the first time that cannot be written.
const FIRST_IMPOSSIBLE_TIME: [u8; 8] = [0, 0, 1, 0, 0, 0, 0, 0];
const UNVERIFIED: (Step, &str) = (Step::Verify, "bad_signature");

pub(super) fn collect<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let key = cast.city.secret.institution_key(&cast.city.authority, cast.city.authority.name());
    let fields = BundleFields {
        sectors: Sectors::ALL,
        sequence: 1,
        issued_at: time(NOON),
        valid_until: time(NOON + 86_400),
        oldest_not_before: time(0),
        part: 0,
        parts: 1,
    };
    let revoked = [Subject::from_bytes([1; 16]), Subject::from_bytes([2; 16])];
    let limits = [Limit::new(symbolon_ccks::Sector::Water, 156, 100)];
    let content = BundleContent { revoked: &revoked, limits: &limits, ..BundleContent::default() };
    let bundle = encode_bundle(&key, &fields, &content, &fixed_bytes("bundle")).expect("it may sign bundles");
    collected.lengths("bundle", &bundle);
    collected.wrong_fields(
        "bundle",
        &bundle,
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("suite-3", 1, &[3], "The number 3 is kept for a suite that is not there yet."),
            ("zero-byte", 2, &[1], "The third byte is not zero."),
            ("sectors-none", 3, &[0], "A bundle is for at least one sector."),
            ("sectors-unknown", 3, &[8], "The bit belongs to no sector."),
            ("issued-at-too-late", 44, &FIRST_IMPOSSIBLE_TIME, "Issued_at is 2^40."),
            ("valid-until-too-late", 52, &FIRST_IMPOSSIBLE_TIME, "Valid_until is 2^40."),
            ("oldest-not-before-too-late", 60, &FIRST_IMPOSSIBLE_TIME, "Oldest_not_before is 2^40."),
            ("body-length", 68, &[0, 0, 0, 1], "The body is longer than the header says."),
            ("part-beyond", 72, &[0, 2], "There is no part 2 of 1."),
            ("part-is-parts", 72, &[0, 1], "The parts of one are counted from 0."),
            ("valid-until-before", 52, &[0; 8], "It is valid until before it was issued."),
            ("parts-0", 74, &[0, 0], "A bundle has at least one part."),
            ("signature-prefix", 108, &[4], "The prefix of R is that of an uncompressed point."),
            ("body", 190, &[9], "The body does not have the digest in the header."),
        ],
    );
    let with_body = |body: &[u8]| {
        let length = u32::try_from(body.len()).expect("bodies here are short").to_be_bytes();
        let header = bundle.get(..108).unwrap_or_default();
        let header = patched(&patched(header, 68, &length), 76, &Sha256::digest(body));
        let signature = key.sign(Purpose::Bundle, &[&header], &fixed_bytes("bundle")).expect("it may sign bundles");
        [header.as_slice(), signature.as_bytes(), body].concat()
    };
    for (slug, body, why) in wrong_bodies().into_iter().chain(wrong_sections_for_terminals()) {
        collected.malformed("bundle", slug, why, with_body(&body));
    }
    let in_signature = patched(&bundle, 172, &[bundle[172] ^ 1]);
    collected.bytes("bundle", "flipped", UNVERIFIED, "The last bit of the signature is flipped.", in_signature);
    let later = patched(&bundle, 43, &[2]);
    collected.bytes("bundle", "sequence", UNVERIFIED, "The sequence was changed after signing.", later);
    let stranger = cast.city.secret.institution_key(&cast.city.authority, &name("waterworks"));
    let header = bundle.get(..108).unwrap_or_default();
    let signature = sign_unchecked(
        &cast.city.authority,
        &stranger.secret_bytes(),
        &[&[2], name("waterworks").encoded()].concat(),
        Purpose::Bundle,
        header,
    );
    let by_stranger = patched(&bundle, 108, signature.as_bytes());
    let why = "An institution signed it that does not bear the authority's name.";
    collected.bytes("bundle", "wrong-institution", UNVERIFIED, why, by_stranger);
    let neighbours = cast.neighbour.secret.institution_key(&cast.neighbour.authority, cast.neighbour.authority.name());
    let foreign = encode_bundle(&neighbours, &fields, &BundleContent::default(), &fixed_bytes("bundle"))
        .expect("it may sign bundles");
    collected.bytes("bundle", "wrong-authority", UNVERIFIED, "Another authority issued it.", foreign);
}

/// Bodies that become of a right length and digest, and signed: what is wrong is inside.
fn wrong_bodies() -> [(&'static str, Vec<u8>, &'static str); 21] {
    let (descending, twice) = ([[2; 16], [1; 16]].concat(), [[1; 16], [1; 16]].concat());
    let entry = |period: u32, byte: u8| [period.to_be_bytes().as_slice(), &[byte; 64]].concat();
    let seeds = |boundary: u32, per_period: u32, entries: &[Vec<u8>]| {
        [boundary.to_be_bytes(), per_period.to_be_bytes()].concat().into_iter().chain(entries.concat()).collect()
    };
    let seeds_of = |entries: &[Vec<u8>]| -> Vec<u8> { seeds(0, 20, entries) };
    let one: &[Vec<u8>] = &[entry(1, 1)];
    [
        ("critical-unknown", body(&[(9, 1, &[])]), "A critical section is of an unknown type."),
        ("critical-2", body(&[(1, 2, &[])]), "Critical is neither 0 nor 1."),
        ("section-zero-bytes", patched(&body(&[(1, 1, &[])]), 2, &[1]), "A reserved byte of a section is not zero."),
        ("section-header", vec![1, 1, 0], "A section's header is cut off."),
        ("section-length", patched(&body(&[(1, 1, &[])]), 4, &[0, 0, 0, 1]), "A section is longer than the body."),
        ("subjects-length", body(&[(1, 1, &[1; 17])]), "The revoked subjects are not 16 bytes each."),
        ("subjects-descending", body(&[(1, 1, &descending)]), "The revoked subjects are not sorted."),
        ("subjects-twice", body(&[(1, 1, &twice)]), "A revoked subject is listed twice."),
        ("seeds-empty", body(&[(3, 1, &[])]), "The revoked seeds have no head."),
        ("seeds-none", body(&[(3, 1, &seeds_of(&[]))]), "There is no revoked seed."),
        ("seeds-length", body(&[(3, 1, &[seeds_of(one), vec![0]].concat())]), "The seeds are not 68 bytes each."),
        ("seeds-boundary", body(&[(3, 1, &seeds(86_400, 20, one))]), "The period boundary is not within a day."),
        ("seeds-none-a-period", body(&[(3, 1, &seeds(0, 0, one))]), "No card has a pseudonym."),
        ("seeds-many-a-period", body(&[(3, 1, &seeds(0, 65_536, one))]), "No card has 65,536 pseudonyms."),
        ("seeds-period", body(&[(3, 1, &seeds_of(&[entry(12_725_827, 1)]))]), "The period is one beyond the last."),
        ("seeds-descending", body(&[(3, 1, &seeds_of(&[entry(2, 1), entry(1, 2)]))]), "The entries are not sorted."),
        ("seeds-twice", body(&[(3, 1, &seeds_of(&[entry(2, 1), entry(2, 1)]))]), "An entry is listed twice."),
        ("seeds-not-critical", body(&[(3, 0, &seeds_of(one))]), "The seeds are not critical."),
        ("issuance-critical", body(&[(4, 1, &[1])]), "The issuance parameters are critical."),
        ("issuance-empty", body(&[(4, 0, &[])]), "The issuance parameters have no byte."),
        ("sections-descending", body(&[(4, 0, &[1]), (3, 1, &seeds_of(one))]), "The sections are not sorted."),
    ]
}

/// Bodies whose sections for terminals are wrong inside.
fn wrong_sections_for_terminals() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let section = |section_type, bytes: &[u8]| body(&[(section_type, 1, bytes)]);
    let rule =
        [[4, 1, 0, 156].as_slice(), &[0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 2, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 9]].concat();
    let rule_with = |offset, bytes: &[u8]| section(5, &patched(&rule, offset, bytes));
    let tariff = [4, 1, 3, 232, 0, 0, 0, 0];
    let tariff_with = |offset, bytes: &[u8]| section(6, &patched(&tariff, offset, bytes));
    let fare = [&[7; 8][..], &[0, 156, 0, 0], &[1; 16], &[2; 16], &[0, 0, 0, 9]].concat();
    let fare_with = |offset, bytes: &[u8]| section(7, &patched(&fare, offset, bytes));
    let twice = |entry: &[u8]| entry.repeat(2);
    let mut bodies = vec![
        ("rules-not-critical", body(&[(5, 0, &rule)]), "The rules are not critical."),
        ("rules-empty", section(5, &[]), "There is no rule."),
        ("rules-length", section(5, rule.get(..27).unwrap_or_default()), "The rules are not 28 bytes each."),
        ("rules-twice", section(5, &twice(&rule)), "A rule is listed twice."),
        (
            "rules-descending",
            section(5, &[rule.clone(), patched(&rule, 0, &[2])].concat()),
            "The rules are not sorted.",
        ),
        (
            "rules-two-of-a-key",
            section(5, &[rule.clone(), patched(&rule, 7, &[10])].concat()),
            "Two rules differ in tier alone.",
        ),
        ("rules-sector", rule_with(0, &[6]), "A rule is for two sectors."),
        ("rules-class-terminal", rule_with(1, &[2]), "A rule is for terminals."),
        ("rules-stale-3", rule_with(16, &[3]), "There is no action 3 for old data."),
        ("rules-zero-byte", rule_with(19, &[1]), "A reserved byte is not zero."),
        ("rules-stale-cap", rule_with(23, &[10]), "The cap for old data is above that for fresh ones."),
        ("rules-refer-cap", rule_with(16, &[1]), "What is referred has a cap."),
        ("rules-decline-time", patched(&rule_with(16, &[0]), 31, &[0]), "What is declined has a time."),
        ("tariffs-not-critical", body(&[(6, 0, &tariff)]), "The tariffs are not critical."),
        ("tariffs-empty", section(6, &[]), "There is no tariff."),
        ("tariffs-length", section(6, &[4; 9]), "The tariffs are not 8 bytes each."),
        ("tariffs-twice", section(6, &twice(&tariff)), "A tariff is listed twice."),
        ("tariffs-sector", tariff_with(0, &[0]), "A tariff is for no sector."),
        ("tariffs-full-fare", tariff_with(1, &[0]), "Group 0 pays the full fare."),
        ("tariffs-permille", tariff_with(2, &[3, 233]), "A tariff is above the full fare."),
        ("tariffs-zero-byte", tariff_with(7, &[1]), "A reserved byte is not zero."),
        ("fares-not-critical", body(&[(7, 0, &fare)]), "The fares are not critical."),
        ("fares-empty", section(7, &[]), "There is no fare."),
        ("fares-length", section(7, fare.get(..47).unwrap_or_default()), "The fares are not 48 bytes each."),
        ("fares-twice", section(7, &twice(&fare)), "A fare is listed twice."),
        (
            "fares-descending",
            section(7, &[fare.clone(), patched(&fare, 0, &[6])].concat()),
            "The fares are not sorted.",
        ),
        ("fares-zero-byte", fare_with(11, &[1]), "A reserved byte is not zero."),
        ("fares-from-nowhere", fare_with(12, &[0; 16]), "A journey begins nowhere and ends somewhere."),
        ("fares-to-nowhere", fare_with(28, &[0; 16]), "A journey begins somewhere and ends nowhere."),
    ];
    bodies.extend(wrong_filters());
    bodies
}

fn wrong_filters() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let section = |bytes: &[u8]| body(&[(8, 1, bytes)]);
    let head = |sets: u16| [&[1, 0][..], &sets.to_be_bytes(), &[0, 1, 11, 48]].concat();
    let set = |scope: u32| {
        let numbers = [scope, 0, 1, 4, 4, 1, 12, 0].map(u32::to_be_bytes);
        [numbers.as_flattened(), &[9; 24]].concat()
    };
    let empty = |scope: u32| [scope.to_be_bytes().as_slice(), &[0; 28]].concat();
    let one = [head(1), set(7)].concat();
    let with = |offset, bytes: &[u8]| section(&patched(&one, offset, bytes));
    let number = |value: u32| value.to_be_bytes();
    vec![
        ("filter-not-critical", body(&[(8, 0, &one)]), "The filter is not critical."),
        ("filter-empty", section(&[]), "The filter has no head."),
        ("filter-head", section(&[1, 0, 0, 1]), "The filter's head is cut off."),
        ("filter-kind", with(0, &[2]), "The kind of filter is not known."),
        ("filter-zero-byte", with(1, &[1]), "The second byte is not zero."),
        ("filter-no-set", section(&head(0)), "There is no set."),
        ("filter-fewer-sets", with(2, &[0, 2]), "There is one set less than the head says."),
        (
            "filter-more-sets",
            section(&[head(1), empty(6), empty(7)].concat()),
            "There is one set more than the head says.",
        ),
        ("filter-boundary", with(4, &number(86_400)), "The period boundary is not within a day."),
        ("filter-scope", with(8, &number(12_725_827)), "The period is one beyond the last."),
        ("filter-sets-twice", section(&[head(2), empty(7), empty(7)].concat()), "Two sets have one scope."),
        ("filter-sets-descending", section(&[head(2), empty(8), empty(7)].concat()), "The sets are not sorted."),
        ("filter-segment-3", with(20, &number(3)), "The length of a segment is not a power of two."),
        ("filter-segment-2", with(20, &number(2)), "A segment is shorter than four."),
        ("filter-segment-long", with(20, &number(1 << 19)), "A segment is longer than 2^18."),
        ("filter-segments-partly", with(24, &number(6)), "The first places are not whole segments."),
        ("filter-no-first-place", with(24, &number(0)), "There is no first place."),
        ("filter-too-many-places", with(24, &number(u32::MAX - 3)), "The fingerprints are more than 2^32."),
        ("filter-fingerprints", with(32, &number(11)), "There are fewer fingerprints than places."),
        ("filter-keys", with(28, &number(13)), "There are more keys than fingerprints."),
        ("filter-keys-0", with(28, &number(0)), "A set of nothing has fingerprints."),
        ("filter-set-zero-byte", with(39, &[1]), "A reserved byte of a set is not zero."),
        (
            "filter-empty-seed",
            section(&patched(&[head(1), empty(7)].concat(), 19, &[1])),
            "A set of nothing has a seed.",
        ),
        (
            "filter-length",
            section(one.split_last().map_or(&[], |(_, shorter)| shorter)),
            "The last fingerprint is cut off.",
        ),
        ("filter-trailing", section(&[one.as_slice(), &[0]].concat()), "A byte follows the last fingerprint."),
    ]
}

/// Sections with whatever they hold: type, critical, bytes.
fn body(sections: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let encode = |(section_type, critical, bytes): &(u8, u8, &[u8])| {
        let length = u32::try_from(bytes.len()).expect("sections here are short");
        [&[*section_type, *critical, 0, 0], length.to_be_bytes().as_slice(), bytes].concat()
    };
    sections.iter().flat_map(encode).collect()
}

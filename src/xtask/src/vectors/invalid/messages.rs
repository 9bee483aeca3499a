//! The messages of a tap and around it.

use sha2::{Digest, Sha256};
use symbolon_ccks::{Purpose, Sectors, Subject, Suite};
use symbolon_tap::{
    BundleContent, BundleFields, Kind, Limit, Successor, SuccessorFields, TermsFields, UploadHead, encode_bundle,
    encode_upload,
};

use super::{Collected, bad_points, flipped, patched};
use crate::vectors::cast::Cast;
use crate::vectors::city::{NOON, fixed_bytes, name, sign_unchecked, time};
use crate::vectors::model::Step;
use crate::vectors::settling::record;
use crate::vectors::tapping::{self, challenge, present, terms, terms_fields};

/// 2^40 as u64: the first time that cannot be written.
const FIRST_IMPOSSIBLE_TIME: [u8; 8] = [0, 0, 1, 0, 0, 0, 0, 0];
const UNVERIFIED: (Step, &str) = (Step::Verify, "bad_signature");

pub(super) fn collect<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    selects(cast, collected);
    terms_alone(collected);
    challenges(cast, collected);
    presentations(cast, collected);
    uploads(cast, collected);
    bundles(cast, collected);
    successors(cast, collected);
}

fn selects<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let select = tapping::select(cast, 0);
    let bytes = select.as_bytes();
    collected.lengths("select", bytes);
    collected.wrong_fields(
        "select",
        bytes,
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("version-2", 0, &[2], "The version is 2."),
            ("suite-0", 1, &[0], "No suite has the number 0."),
            ("suite-3", 1, &[3], "The number 3 is kept for a suite that is not there yet."),
            ("zero-byte", 3, &[1], "The byte after the tariff is not zero."),
        ],
    );
    let other_suite = patched(bytes, 1, &[3 - S::ID.to_byte()]);
    let why = "The card is of another suite than the terminal's authority.";
    collected.bytes("select", "wrong-suite", (Step::Policy, "wrong_suite"), why, other_suite);
    let neighbour = patched(bytes, 4, &cast.neighbour.authority.id().prefix());
    let why = "The card is of another authority than the terminal.";
    collected.bytes("select", "wrong-authority", (Step::Policy, "wrong_authority"), why, neighbour);
}

fn terms_alone(collected: &mut Collected) {
    let purchase = terms(terms_fields());
    collected.lengths("terms", purchase.as_bytes());
    collected.wrong_fields(
        "terms",
        purchase.as_bytes(),
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("version-2", 0, &[2], "The version is 2."),
            ("kind-0", 1, &[0], "No kind has the number 0."),
            ("kind-6", 1, &[6], "No kind has the number 6."),
            ("sector-none", 2, &[0], "A transaction belongs to a sector."),
            ("sector-two", 2, &[3], "A transaction belongs to one sector alone."),
            ("sector-unknown", 2, &[8], "The bit belongs to no sector."),
            ("flags-unknown", 3, &[2], "The flag is not defined."),
            ("time-too-late", 20, &FIRST_IMPOSSIBLE_TIME, "The time is 2^40."),
            ("purchase-of-nothing", 28, &[0; 4], "A purchase has an amount."),
            ("exit-with-amount", 1, &[3], "An exit has no amount: settlement prices the journey."),
            ("credit-with-amount", 1, &[4], "A credit has no amount."),
        ],
    );
    let refund = terms(TermsFields { kind: Kind::Refund, ..terms_fields() });
    let why = "A code shown on a screen is a purchase or an entry.";
    collected.malformed("terms", "screen-code-refund", why, patched(refund.as_bytes(), 3, &[1]));
}

fn challenges<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let asked = challenge(&cast.gate, terms(terms_fields()));
    let bytes = asked.as_bytes();
    collected.lengths("challenge", bytes);
    collected.wrong_fields(
        "challenge",
        bytes,
        &[
            ("terms", 1, &[0], "The terms have no kind."),
            ("screen-code", 3, &[1], "A tap's terms do not have the flag of a code shown on a screen."),
            ("terminal", 50, &[0], "The terminal's credential has the version 0."),
            ("signature", 139, &[4], "The prefix of R is that of an uncompressed point."),
        ],
    );
    collected.bytes("challenge", "flipped", UNVERIFIED, "The last bit of the signature is flipped.", flipped(bytes));
    let cheaper = patched(bytes, 28, &1_u32.to_be_bytes());
    collected.bytes("challenge", "amount", UNVERIFIED, "The amount was changed after signing.", cheaper);
    let by_card = patched(bytes, 50, cast.card.credential().as_bytes());
    collected.bytes("challenge", "by-card", UNVERIFIED, "A card's credential asks.", by_card);
    let neighbours = challenge(&cast.neighbours_gate, terms(terms_fields()));
    let why = "The terminal is another authority's.";
    collected.bytes("challenge", "wrong-authority", UNVERIFIED, why, neighbours.as_bytes());
    for (slug, problem, point) in bad_points::<S>() {
        let why = format!("In R, {problem}.");
        collected.bytes("challenge", slug, UNVERIFIED, &why, patched(bytes, 139, &point));
    }
    let policies = [
        ("wrong-sector", "wrong_sector", &cast.till, terms_fields(), "The terminal does not hold the sector."),
        (
            "wrong-currency",
            "wrong_currency",
            &cast.eternal_terminal,
            terms_fields(),
            "The terminal is of another currency.",
        ),
        (
            "expired",
            "expired",
            &cast.gate,
            TermsFields { time: time(NOON + 1_000), ..terms_fields() },
            "The terminal's validity is over in that very second.",
        ),
        (
            "not-yet-valid",
            "not_yet_valid",
            &cast.gate,
            TermsFields { time: time(NOON - 1_001), ..terms_fields() },
            "The terminal's validity begins a second later.",
        ),
    ];
    for (slug, reason, terminal, fields, why) in policies {
        let asked = challenge(terminal, terms(fields));
        collected.bytes("challenge", slug, (Step::Policy, reason), why, asked.as_bytes());
    }
}

fn presentations<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let presentation = present(&cast.card, &cast.gate, &terms(terms_fields()), 1);
    collected.lengths("presentation", presentation.as_bytes());
    collected.wrong_fields(
        "presentation",
        presentation.as_bytes(),
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("version-2", 0, &[2], "The version is 2."),
            ("holder-version", 5, &[2], "The holder's credential has the version 2."),
            ("holder-sectors", 8, &[0], "The holder's credential has no sector."),
            ("holder-prefix", 61, &[0], "The prefix of the holder's P is 0."),
            ("signature-prefix", 94, &[4], "The prefix of R is that of an uncompressed point."),
            ("signature-infinity", 94, &[0; 33], "R is written as zeros, as the point at infinity."),
        ],
    );
}

fn uploads<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let records = [1, 2].map(|counter| record(&cast.card, &cast.gate, terms_fields(), counter));
    let encode = |records: &[_]| {
        encode_upload(&cast.gate.key, 1, records, None, &fixed_bytes("upload")).expect("a terminal signs uploads")
    };
    let upload = encode(&records);
    collected.lengths("upload", &upload);
    collected.wrong_fields(
        "upload",
        &upload,
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("hints-2", 1, &[2], "The hints flag is neither 0 nor 1."),
            ("hints-missing", 1, &[1], "Hints are announced and none follow."),
            ("count-0", 2, &[0, 0], "An upload has at least one record."),
            ("count-8193", 2, &8_193_u16.to_be_bytes(), "An upload has at most 8,192 records."),
            ("count-1", 2, &[0, 1], "There are more records than the header says."),
            ("count-3", 2, &[0, 3], "There are fewer records than the header says."),
            ("terminal", 8, &[2], "The terminal's credential has the version 2."),
            ("signature-prefix", 129, &[5], "The prefix of R is 5."),
            ("records", UploadHead::SIZE + 28, &[1; 4], "The records do not have the digest in the header."),
        ],
    );
    let without_records = upload.get(..UploadHead::SIZE).unwrap_or_default();
    collected.malformed("upload", "head-alone", "The records are missing.", without_records);
    let in_signature = patched(&upload, 193, &[upload[193] ^ 1]);
    collected.bytes("upload", "flipped", UNVERIFIED, "The last bit of the signature is flipped.", in_signature);
    let renumbered = patched(&upload, 4, &[0, 0, 0, 9]);
    collected.bytes("upload", "number", UNVERIFIED, "The number was changed after signing.", renumbered);
    let by_card = patched(&upload, 8, cast.card.credential().as_bytes());
    collected.bytes("upload", "by-card", UNVERIFIED, "A card's credential uploads.", by_card);
    let by_other = patched(&upload, 8, cast.other_gate.credential().as_bytes());
    collected.bytes("upload", "by-other-terminal", UNVERIFIED, "Another terminal's credential uploads.", by_other);
}

/// Sections with whatever they hold: type, critical, bytes.
fn body(sections: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let encode = |(section_type, critical, bytes): &(u8, u8, &[u8])| {
        let length = u32::try_from(bytes.len()).expect("sections here are short");
        [&[*section_type, *critical, 0, 0], length.to_be_bytes().as_slice(), bytes].concat()
    };
    sections.iter().flat_map(encode).collect()
}

fn bundles<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
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
            ("parts-0", 74, &[0, 0], "A bundle has at least one part."),
            ("signature-prefix", 108, &[4], "The prefix of R is that of an uncompressed point."),
            ("body", 190, &[9], "The body does not have the digest in the header."),
        ],
    );
    // Bodies of a right length and digest, and signed: what is wrong is inside.
    let (descending, twice) = ([[2; 16], [1; 16]].concat(), [[1; 16], [1; 16]].concat());
    let entry = |period: u32, byte: u8| [period.to_be_bytes().as_slice(), &[byte; 64]].concat();
    let seeds = |boundary: u32, per_period: u32, entries: &[Vec<u8>]| {
        [boundary.to_be_bytes(), per_period.to_be_bytes()].concat().into_iter().chain(entries.concat()).collect()
    };
    let seeds_of = |entries: &[Vec<u8>]| -> Vec<u8> { seeds(0, 20, entries) };
    let one: &[Vec<u8>] = &[entry(1, 1)];
    let bodies: [(&str, Vec<u8>, &str); 21] = [
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
    ];
    let with_body = |body: &[u8]| {
        let length = u32::try_from(body.len()).expect("bodies here are short").to_be_bytes();
        let header = bundle.get(..108).unwrap_or_default();
        let header = patched(&patched(header, 68, &length), 76, &Sha256::digest(body));
        let signature = key.sign(Purpose::Bundle, &[&header], &fixed_bytes("bundle")).expect("it may sign bundles");
        [header.as_slice(), signature.as_bytes(), body].concat()
    };
    for (slug, body, why) in bodies {
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

fn successors<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let rotation = cast.city.secret.rotation_key(&cast.city.authority);
    let fields = SuccessorFields {
        next_suite: S::ID,
        next_authority: *cast.neighbour.authority.id(),
        next_from: time(NOON),
        this_until: time(NOON + 86_400),
    };
    let successor = Successor::sign(&rotation, fields, &fixed_bytes("successor")).expect("the rotation key signs it");
    let bytes = successor.as_bytes();
    collected.lengths("successor", bytes);
    collected.wrong_fields(
        "successor",
        bytes,
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("suite-3", 1, &[3], "The number 3 is kept for a suite that is not there yet."),
            ("zero-first", 2, &[1], "The first reserved byte is not zero."),
            ("zero-last", 7, &[1], "The last reserved byte is not zero."),
            ("next-from-too-late", 72, &FIRST_IMPOSSIBLE_TIME, "Next_from is 2^40."),
            ("this-until-too-late", 80, &FIRST_IMPOSSIBLE_TIME, "This_until is 2^40."),
            ("signature-prefix", 88, &[1], "The prefix of R is 1."),
        ],
    );
    collected.bytes("successor", "flipped", UNVERIFIED, "The last bit of the signature is flipped.", flipped(bytes));
    let other_next = patched(bytes, 40, &[0; 32]);
    collected.bytes("successor", "other-next", UNVERIFIED, "The next authority was changed after signing.", other_next);
    let neighbours = cast.neighbour.secret.rotation_key(&cast.neighbour.authority);
    let foreign = SuccessorFields { next_authority: *cast.city.authority.id(), ..fields };
    let foreign = Successor::sign(&neighbours, foreign, &fixed_bytes("successor")).expect("the rotation key signs it");
    collected.bytes("successor", "wrong-authority", UNVERIFIED, "Another authority names it.", foreign.as_bytes());
}

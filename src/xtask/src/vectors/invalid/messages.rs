//! The messages of a tap and around it.

use symbolon_ccks::Suite;
use symbolon_tap::{Kind, Successor, SuccessorFields, TermsFields, UploadHead, encode_upload};

use super::{Collected, bad_points, flipped, patched};
use crate::vectors::cast::Cast;
use crate::vectors::city::{NOON, fixed_bytes, time};
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

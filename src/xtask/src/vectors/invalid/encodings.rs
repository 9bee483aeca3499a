//! What everything else is made of: points, scalars, identities, credentials, authority parameters.

use symbolon_ccks::{Identity, Offer, Suite};

use super::{Collected, bad_points, order, patched};
use crate::vectors::cast::Cast;
use crate::vectors::city::fixed_bytes;
use crate::vectors::model::Step;

/// 2^40 as u64: the first time that cannot be written.
const FIRST_IMPOSSIBLE_TIME: [u8; 8] = [0, 0, 1, 0, 0, 0, 0, 0];

pub(super) fn collect<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    points(cast, collected);
    scalars::<S>(collected);
    identities(cast, collected);
    credentials(cast, collected);
    parameters(cast, collected);
}

fn points<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let point = cast.card.enrolment.point().as_bytes();
    collected.lengths("point", point);
    collected.wrong_fields(
        "point",
        point,
        &[
            ("prefix-0", 0, &[0], "The prefix is 0, which stands for the point at infinity."),
            ("prefix-1", 0, &[1], "The prefix is 1."),
            ("prefix-4", 0, &[4], "The prefix is that of an uncompressed point."),
            ("prefix-5", 0, &[5], "The prefix is 5."),
        ],
    );
    collected.malformed("point", "infinity", "The one byte of the point at infinity is no point here.", [0]);
    collected.malformed("point", "infinity-padded", "All bytes are zero, as for the point at infinity.", [0; 33]);
    let uncompressed = [&[4], &point[1..], &[0; 32]].concat();
    collected.malformed("point", "uncompressed", "Points travel compressed.", uncompressed);
    for (slug, problem, bytes) in bad_points::<S>() {
        collected.malformed("point", slug, &sentence(problem), bytes);
    }
    collected.malformed("point", "x-largest", "The x-coordinate has every bit set.", patched(&[3; 33], 1, &[0xff; 32]));
}

fn scalars<S: Suite>(collected: &mut Collected) {
    collected.lengths("scalar", &fixed_bytes("scalar"));
    for (slug, why, bytes) in [
        ("zero", "A secret is not zero.", [0; 32]),
        ("order", "A scalar is below the group's order n, and this is n.", order::<S>(0)),
        ("order-plus-one", "A scalar is below the group's order n, and this is n + 1.", order::<S>(1)),
        ("largest", "Every bit is set.", [0xff; 32]),
    ] {
        collected.malformed("scalar", slug, why, bytes);
    }
}

/// What is wrong with an identity, whether it stands alone or begins something longer.
fn wrong_identity_fields(identity: &[u8; Identity::SIZE]) -> Vec<(&'static str, usize, Vec<u8>, &'static str)> {
    let not_before = identity.get(28..36).unwrap_or_default();
    let fields: [(_, _, &[u8], _); 14] = [
        ("version-0", 0, &[0], "The version is 0."),
        ("version-2", 0, &[2], "The version is 2."),
        ("suite-0", 1, &[0], "No suite has the number 0."),
        ("suite-3", 1, &[3], "The number 3 is kept for a suite that is not there yet."),
        ("class-0", 2, &[0], "No class has the number 0."),
        ("class-4", 2, &[4], "No class has the number 4."),
        ("sectors-none", 3, &[0], "A credential holds at least one sector."),
        ("sectors-unknown", 3, &[9], "A bit is set that belongs to no sector."),
        ("not-before-too-late", 28, &FIRST_IMPOSSIBLE_TIME, "Not_before is 2^40."),
        ("not-after-too-late", 36, &FIRST_IMPOSSIBLE_TIME, "Not_after is 2^40."),
        ("not-after-is-not-before", 36, not_before, "Not_after is not later than not_before."),
        ("not-after-zero", 36, &[0; 8], "Not_after is earlier than not_before."),
        ("limit-above-budget", 44, &801_u32.to_be_bytes(), "The spend limit is above the budget."),
        ("last-byte", 55, &[1], "The last byte is not zero."),
    ];
    fields.map(|(slug, offset, bytes, why)| (slug, offset, bytes.to_vec(), why)).into()
}

fn identities<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let identity = cast.card.credential().identity();
    collected.lengths("identity", identity.as_bytes());
    for (slug, offset, bytes, why) in wrong_identity_fields(identity.as_bytes()) {
        collected.malformed("identity", slug, why, patched(identity.as_bytes(), offset, &bytes));
    }
    let offer = Offer::new(*identity, fixed_bytes("offer"));
    collected.lengths("offer", offer.as_bytes());
    collected.malformed("offer", "identity", "The identity offered has no sector.", patched(offer.as_bytes(), 3, &[0]));
    collected.malformed("offer", "without-nonce", "An identity alone is no offer.", identity.as_bytes());
}

fn credentials<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let credential = cast.card.credential().as_bytes();
    collected.lengths("credential", credential);
    for (slug, offset, bytes, why) in wrong_identity_fields(cast.card.credential().identity().as_bytes()) {
        collected.malformed("credential", slug, why, patched(credential, offset, &bytes));
    }
    collected.wrong_fields(
        "credential",
        credential,
        &[
            ("prefix-0", 56, &[0], "The prefix of P is 0."),
            ("prefix-4", 56, &[4], "The prefix of P is that of an uncompressed point."),
        ],
    );
    let infinity = patched(credential, 56, &[0; 33]);
    collected.malformed("credential", "infinity", "P is written as zeros, as the point at infinity.", infinity);
    let refused = (Step::Verify, "bad_signature");
    for (slug, problem, bytes) in bad_points::<S>() {
        let credential = patched(credential, 56, &bytes);
        collected.bytes("credential", slug, refused, &format!("In P, {problem}."), credential);
    }
    let other_suite = patched(credential, 1, &[3 - S::ID.to_byte()]);
    collected.bytes("credential", "wrong-suite", refused, "It is of another suite than the authority.", other_suite);
    let neighbours = cast.neighbours_card.credential().as_bytes();
    collected.bytes("credential", "wrong-authority", refused, "It is of another authority.", neighbours);
}

fn parameters<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    const STRUCTURE: &str = "authority_parameters";
    let parameters = &cast.city.parameters;
    collected.malformed(STRUCTURE, "empty", "There are no bytes at all.", []);
    let header = parameters.get(..60).unwrap_or_default();
    collected.malformed(STRUCTURE, "truncated", "The matrix and the vector are missing.", header);
    collected.malformed(
        STRUCTURE,
        "trailing",
        "A byte follows the last point.",
        [parameters.as_slice(), &[0]].concat(),
    );
    let (_, _, off_curve) = bad_points::<S>()[0];
    let with_bad_point = patched(parameters, parameters.len() - 33, &off_curve);
    collected.malformed(STRUCTURE, "off-curve", "The last point is not on the curve.", with_bad_point);
    let upper_case = patched(parameters, 51, b"R");
    collected.malformed(STRUCTURE, "name-upper-case", "The name has an upper-case letter.", upper_case);
    let older = patched(parameters, 16, &[parameters[16] ^ 1]);
    let why = "Well formed, but the digest is not the one that is trusted.";
    collected.bytes(STRUCTURE, "other-digest", (Step::Verify, "wrong_authority"), why, older);
}

/// A problem as a sentence.
fn sentence(problem: &str) -> String {
    let mut characters = problem.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

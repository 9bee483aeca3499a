//! Signatures, proofs of possession, taps as a whole, and proofs of misuse.

use symbolon_ccks::{Purpose, Signer, SigningKey, Suite};
use symbolon_tap::{Kind, TermsFields};

use super::{Collected, bad_points, flipped, order, patched};
use crate::vectors::cast::Cast;
use crate::vectors::city::{City, Holder, NOON, fixed_bytes, name, sign_unchecked, time};
use crate::vectors::model::{Hex, InvalidVector, Step};
use crate::vectors::settling::item;
use crate::vectors::signing::signer_vector;
use crate::vectors::tapping::{HOLDER_OFFSET, Tap, present, select, terms, terms_fields};

const UNVERIFIED: (Step, &str) = (Step::Verify, "bad_signature");
const MESSAGE: &[u8] = b"what is signed";

pub(super) fn collect<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    signatures(cast, collected);
    pairings(cast, collected);
    possessions(cast, collected);
    taps(cast, collected);
    misuse(cast, collected);
}

/// A signature as a vector has it.
fn signature(signer: &Signer<'_>, purpose: Purpose, bytes: impl AsRef<[u8]>) -> InvalidVector {
    InvalidVector {
        bytes: Some(Hex::of(bytes)),
        signer: signer_vector(signer),
        purpose: Some(purpose as u8),
        message: Some(Hex::of(MESSAGE)),
        ..InvalidVector::default()
    }
}

/// A good signature of the card, and what becomes of it when it is changed.
fn signatures<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let (key, purpose) = (&cast.card.key, Purpose::Transaction);
    let good = key.sign(purpose, &[MESSAGE], &fixed_bytes("invalid")).expect("a card signs transactions");
    let good = good.as_bytes();
    let mut add = |slug: &str, step, why: &str, bytes: Vec<u8>| {
        collected.add(("signature", slug), step, why, signature(&key.signer(), purpose, bytes));
    };
    let unparsed = (Step::Parse, "malformed");
    add("truncated", unparsed, "The last byte is missing.", good[..64].to_vec());
    add("trailing", unparsed, "A byte follows the last one.", [good.as_slice(), &[0]].concat());
    add("empty", unparsed, "There are no bytes at all.", Vec::new());
    add("prefix-4", unparsed, "The prefix of R is that of an uncompressed point.", patched(good, 0, &[4]));
    add("infinity", unparsed, "R is written as zeros, as the point at infinity.", patched(good, 0, &[0; 33]));
    for (slug, problem, point) in bad_points::<S>() {
        add(slug, UNVERIFIED, &format!("In R, {problem}."), patched(good, 0, &point));
    }
    for (slug, why, response) in [
        ("z-zero", "The response z is zero.", [0; 32]),
        ("z-order", "The response z is the group's order n.", order::<S>(0)),
        ("z-order-plus-one", "The response z is n + 1.", order::<S>(1)),
        ("z-largest", "Every bit of the response z is set.", [0xff; 32]),
        ("z-other", "The response z is another scalar.", fixed_bytes("another scalar")),
    ] {
        add(slug, UNVERIFIED, why, patched(good, 33, &response));
    }
    add("flipped", UNVERIFIED, "The last bit of z is flipped.", flipped(good));
    add("opposite-r", UNVERIFIED, "R is replaced by -R.", patched(good, 0, &[good[0] ^ 1]));
    let of_another_message = key.sign(purpose, &[b"something else"], &fixed_bytes("invalid"));
    let of_another_message = of_another_message.expect("a card signs transactions");
    add("other-message", UNVERIFIED, "It was made over another message.", of_another_message.as_bytes().into());
    let of_another_purpose = key.sign(Purpose::Request, &[MESSAGE], &fixed_bytes("invalid"));
    let of_another_purpose = of_another_purpose.expect("a card signs requests");
    add("other-purpose", UNVERIFIED, "It was made for another purpose.", of_another_purpose.as_bytes().into());
    let of_another_card = cast.other_card.key.sign(purpose, &[MESSAGE], &fixed_bytes("invalid"));
    let of_another_card = of_another_card.expect("a card signs transactions");
    add("other-signer", UNVERIFIED, "Another card made it.", of_another_card.as_bytes().into());
    let swapped = [&good[33..], &good[..33]].concat();
    add("swapped", unparsed_or_unverified(&swapped), "R and z have changed places.", swapped);
}

/// Where bytes are refused that may happen to begin like a point.
fn unparsed_or_unverified(bytes: &[u8]) -> (Step, &'static str) {
    if matches!(bytes.first(), Some(2 | 3)) { UNVERIFIED } else { (Step::Parse, "malformed") }
}

/// Signatures of which the equation holds, by who may not sign that.
fn pairings<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let authority = &cast.city.authority;
    let own_name = *authority.name();
    let other_name = name("waterworks");
    let institution = |city: &City<S>, institution| city.secret.institution_key(&city.authority, institution);
    let own = institution(&cast.city, &own_name);
    let other = institution(&cast.city, &other_name);
    let rotation = cast.city.secret.rotation_key(authority);
    let pairs: [(&str, &SigningKey<S>, Purpose, &str); 12] = [
        ("card-challenges", &cast.card.key, Purpose::Challenge, "A card does not sign challenges."),
        ("card-uploads", &cast.card.key, Purpose::Upload, "A card does not sign uploads."),
        ("card-receipts", &cast.card.key, Purpose::Receipt, "A card does not sign receipts."),
        ("card-bundles", &cast.card.key, Purpose::Bundle, "A card does not sign bundles."),
        ("terminal-pays", &cast.gate.key, Purpose::Transaction, "A terminal does not sign transactions."),
        ("pseudonym-requests", &cast.pseudonym.key, Purpose::Request, "A pseudonym does not sign requests."),
        ("pseudonym-challenges", &cast.pseudonym.key, Purpose::Challenge, "A pseudonym does not sign challenges."),
        ("other-institution", &other, Purpose::Bundle, "The institution does not bear the authority's name."),
        ("other-institution-voucher", &other, Purpose::Voucher, "The institution does not bear the authority's name."),
        ("institution-pays", &own, Purpose::Transaction, "An institution does not sign transactions."),
        ("institution-rotates", &own, Purpose::Successor, "The rotation key alone names a successor."),
        ("rotation-bundles", &rotation, Purpose::Bundle, "The rotation key signs nothing but successors."),
    ];
    for (slug, key, purpose, why) in pairs {
        let made = sign_unchecked(authority, &key.secret_bytes(), &encoded(&key.signer()), purpose, MESSAGE);
        let slug = format!("pairing-{slug}");
        collected.add(("signature", &slug), UNVERIFIED, why, signature(&key.signer(), purpose, made.as_bytes()));
    }
    let point = Signer::Point(cast.card.enrolment.point());
    let secret = cast.card.enrolment.secret_bytes();
    let made = sign_unchecked(authority, &secret, &encoded(&point), Purpose::Transaction, MESSAGE);
    let why = "A point signs nothing but the possession of its logarithm.";
    let vector = signature(&point, Purpose::Transaction, made.as_bytes());
    collected.add(("signature", "pairing-point-pays"), UNVERIFIED, why, vector);
    foreign_signers(cast, collected);
}

/// Signatures that hold under another authority, or would under another suite.
fn foreign_signers<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let sign = |key: &SigningKey<S>, purpose| {
        key.sign(purpose, &[MESSAGE], &fixed_bytes("invalid")).expect("the pairing is one of the table")
    };
    let mut add = |slug: &str, why: &str, vector| collected.add(("signature", slug), UNVERIFIED, why, vector);
    let neighbours_card = &cast.neighbours_card.key;
    let made = sign(neighbours_card, Purpose::Transaction);
    let vector = signature(&neighbours_card.signer(), Purpose::Transaction, made.as_bytes());
    add("wrong-authority", "The card is another authority's.", vector);
    let claimed = Cast::changed(&cast.neighbours_card, 4, &cast.city.authority.id().prefix());
    let vector = signature(&Signer::Credential(&claimed), Purpose::Transaction, made.as_bytes());
    add("claimed-authority", "Another authority's card claims to be this authority's.", vector);
    let made = sign(&cast.card.key, Purpose::Transaction);
    let other_suite = Cast::changed(&cast.card, 1, &[3 - S::ID.to_byte()]);
    let vector = signature(&Signer::Credential(&other_suite), Purpose::Transaction, made.as_bytes());
    add("wrong-suite", "The card claims another suite than the authority's.", vector);
    let richer = Cast::changed(&cast.card, 48, &u32::MAX.to_be_bytes());
    let vector = signature(&Signer::Credential(&richer), Purpose::Transaction, made.as_bytes());
    add("richer", "The card's budget was raised after it was issued.", vector);
    let rotation = cast.neighbour.secret.rotation_key(&cast.neighbour.authority);
    let vector = signature(&Signer::Rotation, Purpose::Successor, sign(&rotation, Purpose::Successor).as_bytes());
    add("wrong-rotation", "The rotation key is another authority's.", vector);
}

/// A signer as it is hashed.
fn encoded(signer: &Signer<'_>) -> Vec<u8> {
    match signer {
        Signer::Credential(credential) => [&[1], credential.as_bytes().as_slice()].concat(),
        Signer::Institution(institution) => [&[2], institution.encoded()].concat(),
        Signer::Point(point) => [&[3], point.as_bytes().as_slice()].concat(),
        Signer::Rotation => vec![4],
    }
}

fn possessions<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let of = |holder: &Holder<S>| InvalidVector {
        bytes: Some(holder.vector.possession.clone()),
        holder_point: Some(holder.vector.holder_point.clone()),
        identity: Some(holder.vector.identity.clone()),
        offer_nonce: Some(holder.vector.offer_nonce.clone()),
        period: holder.vector.period,
        ..InvalidVector::default()
    };
    let (card, pseudonym) = (|| of(&cast.card), || of(&cast.pseudonym));
    let mut add = |slug: &str, step, why: &str, vector| collected.add(("possession", slug), step, why, vector);
    let unparsed = (Step::Parse, "malformed");
    let shorter = cast.card.vector.possession.0[..64].to_vec();
    add("truncated", unparsed, "The last byte is missing.", InvalidVector { bytes: Some(Hex(shorter)), ..card() });
    let changed = Hex(flipped(&cast.card.vector.possession.0));
    add("flipped", UNVERIFIED, "The last bit is flipped.", InvalidVector { bytes: Some(changed), ..card() });
    let other_point = Some(cast.other_card.vector.holder_point.clone());
    let vector = InvalidVector { holder_point: other_point, ..card() };
    add("other-point", UNVERIFIED, "It is shown for another U.", vector);
    let vector = InvalidVector { offer_nonce: Some(Hex::of([0; 32])), ..card() };
    add("other-nonce", UNVERIFIED, "It answers another offer of the same identity.", vector);
    let vector = InvalidVector { identity: Some(cast.other_card.vector.identity.clone()), ..card() };
    add("other-identity", UNVERIFIED, "It answers the offer of another identity.", vector);
    let vector = InvalidVector { period: cast.pseudonym.vector.period.map(|period| period + 1), ..pseudonym() };
    add("other-period", UNVERIFIED, "It was made for the period before.", vector);
    let vector = InvalidVector { offer_nonce: Some(Hex::of([0; 32])), ..pseudonym() };
    add("other-challenge", UNVERIFIED, "It answers another item's challenge.", vector);
}

fn taps<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let fields = terms_fields();
    let honest = || Tap::honest(cast, &cast.card, &cast.gate, fields);
    let entry = TermsFields { kind: Kind::Entry, amount: 501, ..fields };
    let original = honest().presentation;
    let with = |presentation: Vec<u8>| Tap { presentation, ..honest() };
    let in_holder = |offset: usize, bytes: &[u8]| with(patched(&original, HOLDER_OFFSET + offset, bytes));
    let early = TermsFields { nonce: [9; 16], ..fields };
    let request = cast.card.key.sign(Purpose::Request, &[terms(fields).as_bytes()], &fixed_bytes("invalid"));
    let request = request.expect("a card signs requests");
    let faults = [
        ("malformed", "truncated", with(original[..158].into()), "The presentation lacks its last byte."),
        ("wrong_suite", "suite", in_holder(1, &[3 - S::ID.to_byte()]), "The holder's credential is of another suite."),
        ("wrong_authority", "authority", in_holder(4, &[0; 8]), "The holder's credential is of another authority."),
        ("wrong_class", "class", in_holder(2, &[2]), "The holder's credential is a terminal's."),
        (
            "wrong_sector",
            "sector",
            Tap::honest(cast, &cast.water_card, &cast.gate, fields),
            "The card is for water alone.",
        ),
        (
            "wrong_currency",
            "currency",
            Tap::honest(cast, &cast.foreign_currency_card, &cast.gate, fields),
            "The card is of another currency.",
        ),
        (
            "wrong_tariff",
            "tariff",
            Tap { select: select(cast, 9).as_bytes().into(), ..honest() },
            "The card declared a concession that it does not have.",
        ),
        (
            "expired",
            "expired",
            Tap::honest(cast, &cast.expired_card, &cast.gate, fields),
            "The card expired this second.",
        ),
        (
            "not_yet_valid",
            "not-yet-valid",
            Tap::honest(cast, &cast.future_card, &cast.gate, fields),
            "The card is valid from the next second on.",
        ),
        (
            "over_limit",
            "over-limit",
            Tap::honest(cast, &cast.card, &cast.gate, entry),
            "The amount is one above the limit.",
        ),
        ("timed_out", "late", Tap { now: NOON + 61, ..honest() }, "The answer came a second too late."),
        ("timed_out", "early", Tap { now: NOON - 6, ..honest() }, "The clock was set back by more than 5 seconds."),
        ("bad_signature", "flipped", with(flipped(&original)), "The last bit of the signature is flipped."),
        ("bad_signature", "counter", with(patched(&original, 4, &[2])), "The counter was changed after signing."),
        ("bad_signature", "subject", in_holder(12, &[0; 16]), "The subject was changed after issuing."),
        ("bad_signature", "limit", in_holder(44, &800_u32.to_be_bytes()), "The limit was raised after issuing."),
        (
            "bad_signature",
            "other-terms",
            with(present(&cast.card, &cast.gate, &terms(early), 1).as_bytes().into()),
            "It answers an earlier challenge of the same terminal.",
        ),
        (
            "bad_signature",
            "other-terminal",
            with(present(&cast.card, &cast.other_gate, &terms(fields), 1).as_bytes().into()),
            "It was signed for another terminal.",
        ),
        (
            "bad_signature",
            "other-purpose",
            with(patched(&original, 94, request.as_bytes())),
            "It was signed as a request.",
        ),
        (
            "no_challenge",
            "other-nonce",
            Tap { select: patched(&honest().select, 19, &[0]), ..honest() },
            "The challenge answers another select response.",
        ),
        (
            "no_challenge",
            "amount",
            Tap { challenge: patched(&honest().challenge, 28, &[0, 0, 0, 1]), ..honest() },
            "The terminal never asked for this amount.",
        ),
    ];
    for (reason, slug, tap, why) in faults {
        let rest = InvalidVector {
            select: Some(Hex(tap.select)),
            challenge: Some(Hex(tap.challenge)),
            presentation: Some(Hex(tap.presentation)),
            now: Some(tap.now),
            ..InvalidVector::default()
        };
        collected.add(("tap", slug), (Step::Policy, reason), why, rest);
    }
}

fn misuse<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let item = |holder, fields, counter| item(holder, &cast.gate, fields, counter);
    let fields = terms_fields();
    let later = TermsFields { time: time(NOON + 1), ..fields };
    let (first, second) = (item(&cast.card, fields, 1), item(&cast.card, later, 1));
    let mut add = |slug: &str, step, why: &str, second: Vec<u8>| {
        let rest =
            InvalidVector { first: Some(Hex::of(&first)), second: Some(Hex(second)), ..InvalidVector::default() };
        collected.add(("misuse", slug), step, why, rest);
    };
    let (unparsed, nothing) = ((Step::Parse, "malformed"), (Step::Verify, "nothing"));
    add("truncated", unparsed, "The second item lacks its last byte.", second[..240].into());
    add("trailing", unparsed, "A byte follows the second item.", [second.as_slice(), &[0]].concat());
    add("terms", unparsed, "The second item's terms have no kind.", patched(&second, 1, &[0]));
    add("presentation", unparsed, "The second item's presentation has the version 0.", patched(&second, 82, &[0]));
    add("flipped", nothing, "The second item's signature does not verify.", flipped(&second));
    add("changed-terms", nothing, "The second item's amount was changed.", patched(&second, 28, &[0, 0, 0, 9]));
    add("changed-terminal", nothing, "The second item's terminal was changed.", patched(&second, 50, &[7; 32]));
    add("same", nothing, "Both items are one.", first.clone());
    add("other-card", nothing, "The items are of two cards.", item(&cast.other_card, later, 1));
    add("honest", nothing, "Two counters, and a sum within the budget.", item(&cast.card, later, 2));
}

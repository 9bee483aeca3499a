//! What is said of pseudonyms: parameters, requests, and what does not open.

use symbolon_ccks::{Identity, IdentityFields, LinkageAuthority, PeriodBoundary, PossessionMessage, Suite};
use symbolon_pseudonym::{Answer, Profile, ProfileFields, ProfileId, SealedAnswer};

use super::{Collected, flipped, patched};
use crate::vectors::cast::Cast;
use crate::vectors::city::fixed_bytes;
use crate::vectors::model::{Hex, InvalidVector, Step};
use crate::vectors::pseudonyms::{
    self, Known, Pseudonym, clearing_tags, issuer, item_associated, item_info, parameters, profile_fields,
    sealed_values,
};

const UNOPENED: (Step, &str) = (Step::Verify, "unopened");
const OTHER_IDENTITY: (Step, &str) = (Step::Policy, "other_identity");
/// The number of the first period that cannot be written.
const BEYOND_LAST_PERIOD: [u8; 4] = 12_725_827_u32.to_be_bytes();

pub(super) fn collect<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let pseudonyms = pseudonyms::pseudonyms(&cast.city);
    issuance(collected);
    requests::<S>(&pseudonyms, collected);
    if let [first, second, ..] = pseudonyms.as_slice() {
        items(cast, first, second, collected);
        answers(cast, first, second, collected);
    }
    values(collected);
    tags(collected);
}

fn issuance(collected: &mut Collected) {
    let bytes = parameters(PeriodBoundary::DEFAULT, 20, &profile_fields()).encode();
    collected.lengths("issuance", &bytes);
    let fields = [
        ("version-0", 0, [0].as_slice(), "The version is 0."),
        ("version-2", 0, &[2], "The version is 2."),
        ("fewer-profiles", 1, &[2], "A profile follows that was not announced."),
        ("more-profiles", 1, &[4], "A profile is missing."),
        ("none-a-period", 2, &[0, 0], "No pseudonym is given in a period."),
        ("boundary", 4, &86_400_u32.to_be_bytes(), "The period boundary is not within a day."),
        ("profile-twice", 56, &[1], "Two profiles have one number."),
        ("profiles-descending", 40, &[9], "The profiles' numbers do not ascend."),
        ("sectors-none", 41, &[0], "A profile has no sector."),
        ("sectors-unknown", 41, &[8], "The bit belongs to no sector."),
        ("profile-zero-byte", 43, &[1], "A reserved byte of a profile is not zero."),
        ("profile-last-byte", 55, &[1], "The last byte of a profile is not zero."),
        ("limit", 44, &2_001_u32.to_be_bytes(), "A profile's limit is above its budget."),
    ];
    collected.wrong_fields("issuance", &bytes, &fields);
    let without = patched(bytes.get(..40).unwrap_or_default(), 1, &[0]);
    collected.malformed("issuance", "no-profile", "There is no profile.", without);
    let [first, ..] = profile_fields();
    let many: Vec<_> = (0..64).map(|id| ProfileFields { id: ProfileId(id), ..first }).collect();
    let most = parameters(PeriodBoundary::DEFAULT, 20, &many).encode();
    let last = Profile::new(ProfileFields { id: ProfileId(64), ..first });
    let too_many =
        [patched(&most, 1, &[65]).as_slice(), last.expect("no limit is above its budget").as_bytes()].concat();
    collected.malformed("issuance", "too-many", "There are 65 profiles.", too_many);
}

fn requests<S: Suite>(pseudonyms: &[Pseudonym], collected: &mut Collected) {
    let body = pseudonyms::request::<S>(pseudonyms).body.0;
    collected.lengths("request_body", &body);
    let first_commitment = body.get(40..72).unwrap_or_default().to_vec();
    let fields = [
        ("version-0", 0, [0].as_slice(), "The version is 0."),
        ("zero-byte", 1, &[1], "The second byte is not zero."),
        ("fewer-items", 2, &[0, 2], "An item follows that was not announced."),
        ("more-items", 2, &[0, 4], "An item is missing."),
        ("period", 4, &BEYOND_LAST_PERIOD, "The period is one beyond the last."),
        ("commitment-twice", 40 + 234, &first_commitment, "Two items have one commitment."),
        ("commitment-twice-apart", 40 + 468, &first_commitment, "The third item has the first one's commitment."),
    ];
    collected.wrong_fields("request_body", &body, &fields);
    let without = patched(body.get(..40).unwrap_or_default(), 2, &[0, 0]);
    collected.malformed("request_body", "no-item", "There is no item.", without);
    let item = body.get(72..274).unwrap_or_default();
    let items = (0..257_u16).flat_map(|index| [&index.to_be_bytes(), [0; 30].as_slice(), item].concat());
    let head = patched(body.get(..40).unwrap_or_default(), 2, &[1, 1]);
    let many = head.into_iter().chain(items).collect::<Vec<_>>();
    collected.malformed("request_body", "too-many", "There are 257 items.", many);
}

fn items<S: Suite>(cast: &Cast<S>, first: &Pseudonym, second: &Pseudonym, collected: &mut Collected) {
    let (challenge, commitment) = (&first.challenge, first.content.commitment());
    let context = |bytes: Vec<u8>| InvalidVector {
        bytes: Some(Hex(bytes)),
        key: Some(first.vector.issuer_secret.clone()),
        offer_nonce: Some(Hex::of(challenge.as_bytes())),
        commitment: Some(Hex::of(commitment.as_bytes())),
        ..InvalidVector::default()
    };
    let mut add = |slug: &str, step, why: &str, rest| collected.add(("sealed_item", slug), step, why, rest);
    let sealed = first.sealed.as_bytes().to_vec();
    let unparsed = (Step::Parse, "malformed");
    add("truncated", unparsed, "The last byte is missing.", context(sealed[..201].to_vec()));
    add("trailing", unparsed, "A byte follows the last one.", context([sealed.as_slice(), &[0]].concat()));
    add("flipped", UNOPENED, "The last bit of the tag is flipped.", context(flipped(&sealed)));
    add(
        "ciphertext",
        UNOPENED,
        "A bit of the ciphertext is flipped.",
        context(patched(&sealed, 40, &[sealed[40] ^ 1])),
    );
    let unmasked = patched(&sealed, 31, &[sealed[31] ^ 0x80]);
    add("enc-top-bit", UNOPENED, "The bit of the encapsulated key that X25519 ignores is flipped.", context(unmasked));
    add("enc-zero", UNOPENED, "The encapsulated key is of small order.", context(patched(&sealed, 0, &[0; 32])));
    let other_key = Some(Hex::of(fixed_bytes("another sealing secret")));
    add(
        "other-key",
        UNOPENED,
        "It was sealed to another key.",
        InvalidVector { key: other_key, ..context(sealed.clone()) },
    );
    let other = Some(Hex::of(second.challenge.as_bytes()));
    let rest = InvalidVector { offer_nonce: other, ..context(sealed.clone()) };
    add("other-challenge", UNOPENED, "It was sealed for another challenge.", rest);
    let other = Some(Hex::of(second.content.commitment().as_bytes()));
    let rest = InvalidVector { commitment: other, ..context(sealed) };
    add("other-commitment", UNOPENED, "It was sealed for another commitment.", rest);
    let reseal = |info: &[u8], plain: &[u8]| {
        let associated = item_associated(challenge, &commitment);
        let mut random = Known(fixed_bytes("ephemeral key of an invalid item"));
        issuer().public().seal(info, &associated, plain, &mut random).expect("the issuer's key is of full order")
    };
    let (info, plain) = (item_info(&cast.city), &first.vector.content.0);
    let rest = context(reseal(&item_info(&cast.neighbour), plain));
    add("other-authority", UNOPENED, "It was sealed for another authority.", rest);
    let contents: [(&str, usize, &[u8], &str); 7] = [
        ("content-version", 0, &[0], "The content has the version 0."),
        ("content-suite", 1, &[3], "The content is of a suite that is not there yet."),
        ("content-zero-byte", 2, &[1], "The content's third byte is not zero."),
        ("content-last-zero-byte", 3, &[1], "The content's fourth byte is not zero."),
        ("content-period", 4, &BEYOND_LAST_PERIOD, "The content's period is one beyond the last."),
        ("content-point", 8, &[4], "The prefix of U is that of an uncompressed point."),
        ("content-possession", 41, &[0], "The prefix of the possession's R is 0."),
    ];
    for (slug, offset, replacement, why) in contents {
        add(slug, UNOPENED, why, context(reseal(&info, &patched(plain, offset, replacement))));
    }
}

fn answers<S: Suite>(cast: &Cast<S>, first: &Pseudonym, second: &Pseudonym, collected: &mut Collected) {
    let commitment = first.content.commitment();
    let published = parameters(PeriodBoundary::DEFAULT, 20, &profile_fields());
    let context = |bytes: Vec<u8>| InvalidVector {
        bytes: Some(Hex(bytes)),
        key: Some(first.vector.response_key.clone()),
        commitment: Some(Hex::of(commitment.as_bytes())),
        u: Some(first.vector.u.clone()),
        period: Some(first.content.period.number()),
        profile: Some(1),
        issuance: Some(Hex(published.encode())),
        ..InvalidVector::default()
    };
    let mut add = |slug: &str, step, why: &str, rest| collected.add(("sealed_answer", slug), step, why, rest);
    let sealed = first.sealed_answer.as_bytes().to_vec();
    let seal =
        |answer: &Answer| SealedAnswer::seal(answer, &first.content.response_key, &commitment).as_bytes().to_vec();
    let unparsed = (Step::Parse, "malformed");
    add("truncated", unparsed, "The last byte is missing.", context(sealed[..136].to_vec()));
    add("trailing", unparsed, "A byte follows the last one.", context([sealed.as_slice(), &[0]].concat()));
    add("flipped", UNOPENED, "The last bit of the tag is flipped.", context(flipped(&sealed)));
    add(
        "ciphertext",
        UNOPENED,
        "A bit of the ciphertext is flipped.",
        context(patched(&sealed, 100, &[sealed[100] ^ 1])),
    );
    let other = Some(second.vector.response_key.clone());
    let rest = InvalidVector { key: other, ..context(sealed.clone()) };
    add("other-key", UNOPENED, "It was sealed under another response key.", rest);
    let other = Some(Hex::of(second.content.commitment().as_bytes()));
    let rest = InvalidVector { commitment: other, ..context(sealed) };
    add("other-commitment", UNOPENED, "It answers another item.", rest);

    let contribution = |bytes: [u8; 32]| Answer {
        credential: first.answer.credential,
        contribution: symbolon_ccks::Contribution::from_bytes(bytes),
    };
    let s = *first.answer.contribution.as_bytes();
    let mut wrong = s;
    wrong[31] ^= 1;
    let step = (Step::Verify, "wrong_contribution");
    add("contribution", step, "S is another scalar.", context(seal(&contribution(wrong))));
    let order = super::order::<S>(0);
    add("contribution-order", step, "S is the order of the group.", context(seal(&contribution(order))));
    let other_u = Some(second.vector.u.clone());
    let rest = InvalidVector { u: other_u, ..context(seal(&first.answer)) };
    add("other-point", step, "It was issued over another U.", rest);

    // Genuine credentials, each with a field that no other card's pseudonym has.
    let honest = first.answer.credential.identity().fields();
    let marked = [
        ("sectors", IdentityFields { sectors: symbolon_ccks::Sector::Water.into(), ..honest }, "The sectors are"),
        ("not-before", IdentityFields { not_before: honest.not_before.saturating_add(1), ..honest }, "Not_before is"),
        ("not-after", IdentityFields { not_after: honest.not_after.saturating_sub(1), ..honest }, "Not_after is"),
        ("limit", IdentityFields { spend_limit: honest.spend_limit - 1, ..honest }, "The limit is"),
        ("budget", IdentityFields { budget: honest.budget + 1, ..honest }, "The budget is"),
        ("currency", IdentityFields { currency: 840, ..honest }, "The currency is"),
        ("tariff", IdentityFields { tariff: 3, ..honest }, "The tariff is"),
    ];
    for (slug, fields, what) in marked {
        let identity = Identity::new(fields).expect("the change keeps the rules");
        let answer = issue(cast, first, &identity);
        let why = format!("{what} not the profile's or period's, in a credential that is otherwise in order.");
        add(slug, OTHER_IDENTITY, &why, context(seal(&answer)));
    }
    let rest = InvalidVector { profile: Some(2), ..context(seal(&first.answer)) };
    add("other-profile", OTHER_IDENTITY, "It is of another profile than was expected.", rest);
    let rest = InvalidVector { period: Some(first.content.period.number() + 1), ..context(seal(&first.answer)) };
    add("other-period", OTHER_IDENTITY, "It is of the period before.", rest);
    let rest = InvalidVector { profile: Some(9), ..context(seal(&first.answer)) };
    add("unknown-profile", (Step::Policy, "unknown_profile"), "The profile expected is not published.", rest);
}

fn issue<S: Suite>(cast: &Cast<S>, pseudonym: &Pseudonym, identity: &Identity) -> Answer {
    let city = &cast.city;
    let content = &pseudonym.content;
    let message =
        PossessionMessage::Pseudonym { period: content.period.number(), challenge: pseudonym.challenge.as_bytes() };
    let random = fixed_bytes("issue of a marked pseudonym");
    let issued = city.secret.issue(&city.authority, identity, message, &content.point, &content.possession, &random);
    let issued = issued.expect("the possession was made for this period and challenge");
    Answer { credential: issued.credential, contribution: issued.contribution }
}

fn values(collected: &mut Collected) {
    let Some(vector) = sealed_values().into_iter().next() else { return };
    let context = |bytes: Vec<u8>| InvalidVector {
        bytes: Some(Hex(bytes)),
        key: Some(vector.key.clone()),
        authority: Some(vector.authority),
        period: Some(vector.period),
        commitment: Some(vector.commitment.clone()),
        ..InvalidVector::default()
    };
    let sealed = vector.sealed.0.clone();
    let mut add = |slug: &str, step, why: &str, rest| collected.add(("sealed_value", slug), step, why, rest);
    sealed_bytes(&sealed, &mut add, &context);
    let other = Some(LinkageAuthority::B.byte());
    let rest = InvalidVector { authority: other, ..context(sealed.clone()) };
    add("other-authority", UNOPENED, "It was sealed as the other linkage authority's.", rest);
    let rest = InvalidVector { period: Some(vector.period + 1), ..context(sealed.clone()) };
    add("other-period", UNOPENED, "It was sealed for the period before.", rest);
    let rest = InvalidVector { commitment: Some(Hex::of([0; 32])), ..context(sealed) };
    add("other-commitment", UNOPENED, "It was sealed for another item.", rest);
}

fn tags(collected: &mut Collected) {
    let vectors = clearing_tags();
    let (Some(pseudonym), Some(named)) = (vectors.first(), vectors.last()) else { return };
    let context = |bytes: Vec<u8>| InvalidVector {
        bytes: Some(Hex(bytes)),
        key: Some(pseudonym.key.clone()),
        period: pseudonym.period,
        ..InvalidVector::default()
    };
    let sealed = pseudonym.sealed.0.clone();
    let mut add = |slug: &str, step, why: &str, rest| collected.add(("clearing_tag", slug), step, why, rest);
    sealed_bytes(&sealed, &mut add, &context);
    let rest = InvalidVector { period: pseudonym.period.map(|period| period + 1), ..context(sealed.clone()) };
    add("other-period", UNOPENED, "It was sealed for the period before.", rest);
    let rest = InvalidVector { period: None, ..context(sealed) };
    add("pseudonym-as-named", UNOPENED, "It was sealed for a pseudonym, not for a card's own number.", rest);
    add("named-as-pseudonym", UNOPENED, "It was sealed for a card's own number.", context(named.sealed.0.clone()));
    if let Some(value) = sealed_values().first() {
        let rest = InvalidVector { key: Some(value.key.clone()), ..context(value.sealed.0.clone()) };
        add("linkage-value", UNOPENED, "It is a linkage value, though under the right key.", rest);
    }
}

/// What can be wrong with 44 sealed bytes, whatever they are bound to.
fn sealed_bytes(
    sealed: &[u8],
    add: &mut impl FnMut(&str, (Step, &'static str), &str, InvalidVector),
    context: &impl Fn(Vec<u8>) -> InvalidVector,
) {
    let unparsed = (Step::Parse, "malformed");
    add("truncated", unparsed, "The last byte is missing.", context(sealed[..43].to_vec()));
    add("trailing", unparsed, "A byte follows the last one.", context([sealed, &[0]].concat()));
    add("flipped", UNOPENED, "The last bit of the tag is flipped.", context(flipped(sealed)));
    add("nonce", UNOPENED, "A bit of the nonce is flipped.", context(patched(sealed, 0, &[sealed[0] ^ 1])));
    add("ciphertext", UNOPENED, "A bit of the ciphertext is flipped.", context(patched(sealed, 12, &[sealed[12] ^ 1])));
    let other = Some(Hex::of(fixed_bytes("another key of two roles")));
    add(
        "other-key",
        UNOPENED,
        "It was sealed under another key.",
        InvalidVector { key: other, ..context(sealed.to_vec()) },
    );
}

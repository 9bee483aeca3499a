//! What is said of pseudonyms: issuance parameters, request bodies, items, answers, values and tags, what a wallet stores.
//!
//! What parses is written back from its parts; nothing opens but what was sealed; a content that was sealed properly and
//! says nonsense is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use symbolon_ccks::{LinkageAuthority, Period, Suite};
use symbolon_fuzz::{
    assert_same_bytes,
    city::City,
    pseudonym::{CHALLENGE, issuance, issuer, item, item_associated, item_info, pair_key, period},
    with_city,
};
use symbolon_pseudonym::{
    Asking, ClearingTag, Issuance, ItemContent, Profile, RequestBody, RequestItem, ResponseKey, SealedAnswer,
    SealedItem, SealedValue, TagUse,
};

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    with_city!(selector, city => match selector / 2 % 7 {
        0 => parameters(bytes),
        1 => request(bytes),
        2 => sealed_item(city, bytes),
        3 => content(city, bytes),
        4 => answer(city, bytes),
        5 => pairwise(bytes),
        _ => stored(city, bytes),
    });
});

fn parameters(bytes: &[u8]) {
    if let Ok(profile) = Profile::parse(bytes) {
        let written = Profile::new(profile.fields()).expect("the fields of a legal profile");
        assert_same_bytes("profile", bytes, written.as_bytes());
    }
    let Ok(read) = Issuance::parse(bytes) else { return };
    let profiles = read.profiles().to_vec();
    let written = Issuance::new(read.boundary(), read.per_period(), *read.issuer_key(), profiles);
    assert_same_bytes("issuance", bytes, &written.expect("the parts of legal parameters").encode());
    for profile in read.profiles() {
        assert_eq!(read.profile(profile.id()), Some(profile));
    }
}

fn request(bytes: &[u8]) {
    let Ok(read) = RequestBody::parse(bytes) else { return };
    assert!((1..=RequestBody::MAX_ITEMS).contains(&read.items().len()));
    let items: Vec<RequestItem> = read.items().to_vec();
    let written = RequestBody::new(read.period(), *read.challenge(), items).expect("the parts of a legal body");
    assert_same_bytes("request body", bytes, &written.encode());
}

/// Nothing opens but the one item that was sealed.
fn sealed_item<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(sealed) = SealedItem::parse(bytes) else { return };
    let (asking, valid) = item(city);
    let opened = sealed.open(city.authority.id(), &CHALLENGE, &valid.commitment, &issuer());
    assert_eq!(opened.is_ok(), sealed == valid.sealed, "another item opens");
    if let Ok(opened) = opened {
        assert_eq!(opened.commitment(), *asking.commitment());
    }
}

/// Any bytes at all, sealed as a wallet would.
fn content<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let (_, valid) = item(city);
    let associated = item_associated(&valid.commitment);
    let mut random = ChaCha20Rng::seed_from_u64(2);
    let sealed =
        issuer().public().seal(&item_info(city), &associated, bytes, &mut random).expect("a key of full order");
    let sealed = SealedItem::parse(&sealed);
    assert_eq!(sealed.is_ok(), bytes.len() == ItemContent::SIZE);
    let Ok(sealed) = sealed else { return };
    let Ok(opened) = sealed.open(city.authority.id(), &CHALLENGE, &valid.commitment, &issuer()) else { return };
    let period = opened.period.number().to_be_bytes();
    let written = [
        &[1, opened.suite.to_byte(), 0, 0],
        period.as_slice(),
        opened.point.as_bytes(),
        opened.possession.as_bytes(),
        &opened.salt,
        opened.response_key.as_bytes(),
    ];
    assert_same_bytes("item content", bytes, &written.concat());
}

/// No answer makes a key but one that the authority issued, and here it issued none.
fn answer<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let (asking, valid) = item(city);
    if let Ok(sealed) = SealedAnswer::parse(bytes) {
        assert!(asking.complete(&city.authority, &issuance(), &sealed).is_err());
        assert!(sealed.open(&ResponseKey::from_bytes([1; 16]), &valid.commitment).is_err());
    }
}

fn pairwise(bytes: &[u8]) {
    let (Ok(value), Ok(tag)) = (SealedValue::parse(bytes), ClearingTag::parse(bytes)) else { return };
    assert_same_bytes("sealed value", bytes, value.as_bytes());
    assert_same_bytes("clearing tag", bytes, tag.as_bytes());
    let commitment = symbolon_pseudonym::Commitment::from_bytes([3; 32]);
    let valid_value = symbolon_fuzz::pseudonym::value(&commitment);
    for authority in LinkageAuthority::ALL {
        let opened = value.open(authority, period(), &commitment, &pair_key()).is_ok();
        assert_eq!(opened, value == valid_value && authority == LinkageAuthority::A);
    }
    let valid_tag = symbolon_fuzz::pseudonym::tag();
    for usage in [TagUse::Named, TagUse::Pseudonym(period()), TagUse::Pseudonym(Period::LAST)] {
        let opened = tag.open(usage, &pair_key()).is_ok();
        assert_eq!(opened, tag == valid_tag && usage == TagUse::Named);
    }
}

fn stored<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(read) = Asking::<S>::parse(bytes) else { return };
    assert_same_bytes("pseudonym being asked for", bytes, read.encode().as_slice());
    let (asking, _) = item(city);
    let same = read.encode().get(8..72) == asking.encode().get(8..72);
    assert_eq!(read.commitment() == asking.commitment(), same);
}

//! One pseudonym that is being asked for, and what the roles have for each other; all of it the same in every run.

use crate::city::City;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use symbolon_ccks::{LinkageAuthority, LinkageValue, Period, PeriodBoundary, Sectors, Suite};
use symbolon_pseudonym::{
    AccountHandle, Asking, ClearingTag, Commitment, Issuance, ItemChallenge, PairwiseKey, Profile, ProfileFields,
    ProfileId, RequestItem, SealedValue, SealingSecret, TagUse,
};

/// The challenge of the item.
pub const CHALLENGE: ItemChallenge = ItemChallenge::from_bytes([5; 32]);

/// The period of everything here.
pub fn period() -> Period {
    Period::new(20_254).expect("it is before the last")
}

/// The issuer's key pair.
pub fn issuer() -> SealingSecret {
    SealingSecret::from_bytes(&[8; 32])
}

/// The parameters, with two profiles.
pub fn issuance() -> Issuance {
    let profile = |id, tariff| {
        let fields = ProfileFields {
            id: ProfileId(id),
            sectors: Sectors::ALL,
            tariff,
            spend_limit: 2_000,
            budget: 2_000,
            currency: 156,
        };
        Profile::new(fields).expect("the limit is the budget")
    };
    Issuance::new(PeriodBoundary::DEFAULT, 20, *issuer().public(), vec![profile(1, 0), profile(2, 1)])
        .expect("the numbers ascend")
}

/// What a wallet keeps and what it sends.
pub fn item<S: Suite>(city: &City<S>) -> (Asking<S>, RequestItem) {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    Asking::begin(city.authority.id(), &issuance(), period(), ProfileId(1), &CHALLENGE, &mut random)
        .expect("the profile is published")
}

/// HPKE's info of an item.
pub fn item_info<S: Suite>(city: &City<S>) -> Vec<u8> {
    [b"SYMBOLON-V1-PSEUDONYM-ITEM".as_slice(), city.authority.id().as_bytes()].concat()
}

/// The associated data of an item.
pub fn item_associated(commitment: &Commitment) -> Vec<u8> {
    [CHALLENGE.as_bytes().as_slice(), commitment.as_bytes()].concat()
}

/// A key of two roles.
pub fn pair_key() -> PairwiseKey {
    PairwiseKey::from_bytes([6; 32])
}

/// A value of the first linkage authority.
pub fn value(commitment: &Commitment) -> SealedValue {
    let value = LinkageValue::from_bytes([7; 16]);
    SealedValue::seal(&value, LinkageAuthority::A, period(), commitment, &pair_key(), [1; 12])
}

/// A tag of a card under its own number.
pub fn tag() -> ClearingTag {
    ClearingTag::seal(&AccountHandle::from_bytes([9; 16]), TagUse::Named, &pair_key(), [2; 12])
}

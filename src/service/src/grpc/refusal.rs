//! Why an item got no pseudonym, in both interfaces: each has the same reasons, under names of its own.

use crate::links::ItemRefusal;
use symbolon_api::{roles, v1};

macro_rules! reason {
    ($refusal:expr, $wire:ty) => {
        match $refusal {
            ItemRefusal::Unopened => <$wire>::Unopened,
            ItemRefusal::WrongCommitment => <$wire>::WrongCommitment,
            ItemRefusal::WrongPeriod => <$wire>::WrongPeriod,
            ItemRefusal::UnknownProfile => <$wire>::UnknownProfile,
            ItemRefusal::BadPossession => <$wire>::BadPossession,
            ItemRefusal::BadLinkageValue => <$wire>::BadLinkageValue,
            ItemRefusal::PointUsed => <$wire>::PointUsed,
            ItemRefusal::TagRefused => <$wire>::TagRefused,
            ItemRefusal::NotIssuable => <$wire>::NotIssuable,
            ItemRefusal::Withdrawn => <$wire>::Withdrawn,
        }
    };
}

/// The reason as a wallet gets it.
pub(super) const fn to_wallet(refusal: ItemRefusal) -> v1::PseudonymRefusal {
    reason!(refusal, v1::PseudonymRefusal)
}

/// The reason as one role tells it another.
pub(super) const fn to_role(refusal: ItemRefusal) -> roles::ItemRefusal {
    reason!(refusal, roles::ItemRefusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_of_refusal_are_those_of_the_interfaces() {
        for refusal in ItemRefusal::ALL {
            let name = refusal.as_str().to_ascii_uppercase();
            assert_eq!(to_wallet(refusal).as_str_name(), format!("PSEUDONYM_REFUSAL_{name}"));
            assert_eq!(to_role(refusal).as_str_name(), format!("ITEM_REFUSAL_{name}"));
        }
    }
}

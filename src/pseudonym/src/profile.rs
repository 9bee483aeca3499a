//! Profiles: the few shapes that pseudonyms have, published, so that no field of one is a fingerprint.

use symbolon_ccks::{
    Class, Identity, IdentityFields, Malformed, Period, PeriodBoundary, Sectors, Subject, SuiteId,
    wire::{self, U16, U32, Zero},
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// The number of a profile, as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileId(pub u8);

/// What all pseudonyms of a profile have in common, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Profile {
    id: u8,
    sectors: u8,
    tariff: u8,
    zero: Zero,
    spend_limit: U32,
    budget: U32,
    currency: U16,
    zeros: [Zero; 2],
}

/// The fields of a [`Profile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileFields {
    /// Its number.
    pub id: ProfileId,
    /// What its pseudonyms pay for.
    pub sectors: Sectors,
    /// Concession group; 0 is the full fare.
    pub tariff: u8,
    /// The most for one transaction, minor units; at most the budget.
    pub spend_limit: u32,
    /// The most in all with one pseudonym, minor units.
    pub budget: u32,
    /// ISO 4217 numeric.
    pub currency: u16,
}

impl Profile {
    /// Bytes of a profile.
    pub const SIZE: usize = 16;

    /// A profile of these fields.
    ///
    /// # Errors
    /// [`Malformed`] when the spend limit is above the budget.
    pub fn new(fields: ProfileFields) -> Result<Self, Malformed> {
        let profile = Self {
            id: fields.id.0,
            sectors: fields.sectors.bits(),
            tariff: fields.tariff,
            zero: Zero::Zero,
            spend_limit: fields.spend_limit.into(),
            budget: fields.budget.into(),
            currency: fields.currency.into(),
            zeros: [Zero::Zero; 2],
        };
        profile.check().map(|()| profile)
    }

    /// Reads exactly 16 bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong length, an illegal sector set, a byte that should be zero, a limit above the budget.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let profile: &Self = wire::read("profile", bytes)?;
        profile.check().map(|()| profile)
    }

    fn check(&self) -> Result<(), Malformed> {
        Sectors::new(self.sectors)?;
        if self.spend_limit > self.budget {
            return Err(Malformed::new("profile", "the spend limit is above the budget"));
        }
        Ok(())
    }

    /// Its fields.
    pub fn fields(&self) -> ProfileFields {
        ProfileFields {
            id: self.id(),
            sectors: self.sectors(),
            tariff: self.tariff,
            spend_limit: self.spend_limit.get(),
            budget: self.budget(),
            currency: self.currency.get(),
        }
    }

    /// Its number.
    pub fn id(&self) -> ProfileId {
        ProfileId(self.id)
    }

    /// What its pseudonyms pay for.
    pub fn sectors(&self) -> Sectors {
        Sectors::new(self.sectors).expect("`check` has seen it")
    }

    /// The most in all with one pseudonym, minor units.
    pub fn budget(&self) -> u32 {
        self.budget.get()
    }

    /// Whether a card of this identity may have it: of the card's tariff and currency, and paying for nothing that the card
    /// does not. How much a card may spend does not matter; that is between its holder and clearing.
    pub fn fits(&self, card: &Identity) -> bool {
        card.class() == Class::Card
            && card.sectors().contains_all(self.sectors())
            && self.tariff == card.tariff()
            && self.currency.get() == card.currency()
    }

    /// The identity of a pseudonym of this profile: nothing in it but the subject differs from the next one's.
    ///
    /// # Errors
    /// [`Malformed`] should the fields not make an identity.
    pub fn identity(
        &self,
        suite: SuiteId,
        authority_prefix: [u8; 8],
        subject: Subject,
        period: Period,
        boundary: PeriodBoundary,
    ) -> Result<Identity, Malformed> {
        Identity::new(IdentityFields {
            suite,
            class: Class::Pseudonym,
            sectors: self.sectors(),
            authority_prefix,
            subject,
            not_before: period.start(boundary),
            not_after: period.expiry(boundary),
            spend_limit: self.spend_limit.get(),
            budget: self.budget.get(),
            currency: self.currency.get(),
            tariff: self.tariff,
        })
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

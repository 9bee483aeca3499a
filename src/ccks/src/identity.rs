//! What a holder claims to be: the 56 bytes from which its public key is computed.

use crate::{
    Malformed, Sectors, Subject, SuiteId, Time,
    wire::{self, Discrete, U16, U32, U64, Version, Zero},
};
use core::fmt;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// What kind of holder a credential is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
pub enum Class {
    /// A citizen's card.
    Card = 1,
    /// A gate, kiosk or meter.
    Terminal = 2,
    /// A card's short-lived pseudonym.
    Pseudonym = 3,
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Card => "card",
            Self::Terminal => "terminal",
            Self::Pseudonym => "pseudonym",
        })
    }
}

/// The fields of an [`Identity`], to make one from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityFields {
    /// The suite of the authority.
    pub suite: SuiteId,
    /// The kind of holder.
    pub class: Class,
    /// Where the credential can be used.
    pub sectors: Sectors,
    /// The first 8 bytes of the authority's id.
    pub authority_prefix: [u8; 8],
    /// Whom it is about.
    pub subject: Subject,
    /// Valid from this second on.
    pub not_before: Time,
    /// No longer valid from this second on; later than `not_before`.
    pub not_after: Time,
    /// The most for one transaction, minor units; at most `budget`.
    pub spend_limit: u32,
    /// The most in all over the credential's whole life, minor units.
    pub budget: u32,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Concession group; 0 is the full fare.
    pub tariff: u8,
}

/// What a holder claims to be: bytes 0 to 56 of its credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Identity {
    version: Version,
    suite: SuiteId,
    class: Class,
    sectors: u8,
    authority_prefix: [u8; 8],
    subject: Subject,
    not_before: U64,
    not_after: U64,
    spend_limit: U32,
    budget: U32,
    currency: U16,
    tariff: u8,
    zero: Zero,
}

/// What to say of each discrete byte of an identity.
pub(crate) const DISCRETE: [Discrete; 4] = [
    Discrete { offset: 0, legal: &[1], problem: "the version is not 1" },
    Discrete { offset: 1, legal: &[1, 2], problem: "the suite is not known" },
    Discrete { offset: 2, legal: &[1, 2, 3], problem: "the class is not card, terminal or pseudonym" },
    Discrete { offset: 55, legal: &[0], problem: "byte 55 is not zero" },
];

impl Identity {
    /// Bytes of an identity.
    pub const SIZE: usize = 56;

    /// Makes an identity.
    ///
    /// # Errors
    /// [`Malformed`] when `not_after` is not later than `not_before`, or `spend_limit` above `budget`.
    pub fn new(fields: IdentityFields) -> Result<Self, Malformed> {
        let identity = Self {
            version: Version::One,
            suite: fields.suite,
            class: fields.class,
            sectors: fields.sectors.bits(),
            authority_prefix: fields.authority_prefix,
            subject: fields.subject,
            not_before: fields.not_before.to_wire(),
            not_after: fields.not_after.to_wire(),
            spend_limit: U32::new(fields.spend_limit),
            budget: U32::new(fields.budget),
            currency: U16::new(fields.currency),
            tariff: fields.tariff,
            zero: Zero::Zero,
        };
        identity.check("identity")?;
        Ok(identity)
    }

    /// Reads exactly 56 bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for every encoding that [`Identity::new`] would not make.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let identity: &Self = wire::read_explained("identity", bytes, &DISCRETE)?;
        identity.check("identity")?;
        Ok(identity)
    }

    /// The rules that the layout cannot express; `structure` names what is being read.
    pub(crate) fn check(&self, structure: &'static str) -> Result<(), Malformed> {
        Sectors::new(self.sectors).map_err(|error| {
            Malformed::new(
                structure,
                match error.problem {
                    "none is set" => "no sector is set",
                    _ => "an unknown sector is set",
                },
            )
        })?;
        let not_before = Time::from_wire(structure, self.not_before)?;
        let not_after = Time::from_wire(structure, self.not_after)?;
        if not_after <= not_before {
            return Err(Malformed::new(structure, "not_after is not later than not_before"));
        }
        if self.spend_limit > self.budget {
            return Err(Malformed::new(structure, "spend_limit is above the budget"));
        }
        Ok(())
    }

    /// The suite.
    pub fn suite(&self) -> SuiteId {
        self.suite
    }

    /// The kind of holder.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Where the credential can be used.
    pub fn sectors(&self) -> Sectors {
        Sectors::from_checked_bits(self.sectors)
    }

    /// The first 8 bytes of the authority's id. They only route: the whole id is hashed into every signature.
    pub fn authority_prefix(&self) -> [u8; 8] {
        self.authority_prefix
    }

    /// Whom it is about.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Valid from this second on.
    pub fn not_before(&self) -> Time {
        Time::from_checked_wire(self.not_before)
    }

    /// No longer valid from this second on.
    pub fn not_after(&self) -> Time {
        Time::from_checked_wire(self.not_after)
    }

    /// The most for one transaction, minor units.
    pub fn spend_limit(&self) -> u32 {
        self.spend_limit.get()
    }

    /// The most in all over the credential's whole life, minor units.
    pub fn budget(&self) -> u32 {
        self.budget.get()
    }

    /// ISO 4217 numeric.
    pub fn currency(&self) -> u16 {
        self.currency.get()
    }

    /// Concession group; 0 is the full fare.
    pub fn tariff(&self) -> u8 {
        self.tariff
    }

    /// Whether the credential is valid at `time`: `not_before <= time < not_after`.
    pub fn valid_at(&self, time: Time) -> bool {
        self.not_before() <= time && time < self.not_after()
    }

    /// All fields.
    pub fn fields(&self) -> IdentityFields {
        IdentityFields {
            suite: self.suite(),
            class: self.class(),
            sectors: self.sectors(),
            authority_prefix: self.authority_prefix(),
            subject: self.subject(),
            not_before: self.not_before(),
            not_after: self.not_after(),
            spend_limit: self.spend_limit(),
            budget: self.budget(),
            currency: self.currency(),
            tariff: self.tariff(),
        }
    }

    /// The 56 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().fmt(formatter)
    }
}

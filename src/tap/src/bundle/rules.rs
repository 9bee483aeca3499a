//! The section that says whom a terminal serves, and how while what it knows is old.

use symbolon_ccks::wire::{Discrete, U16, U32, Zero};
use symbolon_ccks::{Class, Malformed, ReadFailed, Sector, wire};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::sections::STRUCTURE;
use super::table::{Entry, Table};

/// What a terminal does with a tap while its bundle is no longer fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
pub enum StaleAction {
    /// Declines it.
    Decline = 0,
    /// Refers it to somebody who can ask.
    Refer = 1,
    /// Accepts it up to a lower cap.
    Accept = 2,
}

/// What [`Rule::new`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleFields {
    /// Where it applies.
    pub sector: Sector,
    /// To whom: cards or pseudonyms.
    pub class: Class,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// The largest `spend_limit` of a credential that is served, minor units.
    pub tier: u32,
    /// The most for one tap, minor units.
    pub tap_cap: u32,
    /// For how long after the bundle's `issued_at` its data count as fresh, seconds.
    pub fresh_seconds: u32,
    /// What is done after that.
    pub stale: StaleAction,
    /// The most for one tap then, minor units: at most `tap_cap`, and 0 unless taps are accepted then.
    pub stale_cap: u32,
    /// For how long after the fresh time that is done, seconds; later every tap is declined. 0 where it is declined anyway.
    pub stale_seconds: u32,
}

/// How a class of credentials is served in a sector and currency, 28 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Rule {
    sector: Sector,
    class: Class,
    currency: U16,
    tier: U32,
    tap_cap: U32,
    fresh_seconds: U32,
    stale: StaleAction,
    zero: [Zero; 3],
    stale_cap: U32,
    stale_seconds: U32,
}

impl Rule {
    /// Length in bytes.
    pub const SIZE: usize = 28;

    /// A rule of these fields.
    ///
    /// # Errors
    /// [`Malformed`] for the class of terminals, and where the fields for old data do not go together.
    pub fn new(fields: RuleFields) -> Result<Self, Malformed> {
        let rule = Self {
            sector: fields.sector,
            class: fields.class,
            currency: fields.currency.into(),
            tier: fields.tier.into(),
            tap_cap: fields.tap_cap.into(),
            fresh_seconds: fields.fresh_seconds.into(),
            stale: fields.stale,
            zero: [Zero::Zero; 3],
            stale_cap: fields.stale_cap.into(),
            stale_seconds: fields.stale_seconds.into(),
        };
        rule.check()?;
        Ok(rule)
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for every encoding that [`Rule::new`] would not make.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        const DISCRETE: [Discrete; 6] = [
            Discrete { offset: 0, legal: &[1, 2, 4], problem: "not exactly one sector" },
            Discrete { offset: 1, legal: &[1, 2, 3], problem: "an unknown class" },
            Discrete { offset: 16, legal: &[0, 1, 2], problem: "an unknown action for old data" },
            Discrete { offset: 17, legal: &[0], problem: "a zero byte is not zero" },
            Discrete { offset: 18, legal: &[0], problem: "a zero byte is not zero" },
            Discrete { offset: 19, legal: &[0], problem: "a zero byte is not zero" },
        ];
        let rule = wire::read_explained::<Self>("rule", bytes, &DISCRETE)?;
        rule.check()?;
        Ok(rule)
    }

    /// Where it applies.
    pub fn sector(&self) -> Sector {
        self.sector
    }

    /// To whom: cards or pseudonyms.
    pub fn class(&self) -> Class {
        self.class
    }

    /// ISO 4217 numeric.
    pub fn currency(&self) -> u16 {
        self.currency.get()
    }

    /// The largest `spend_limit` of a credential that is served, minor units.
    pub fn tier(&self) -> u32 {
        self.tier.get()
    }

    /// The most for one tap, minor units.
    pub fn tap_cap(&self) -> u32 {
        self.tap_cap.get()
    }

    /// For how long after the bundle's `issued_at` its data count as fresh, seconds.
    pub fn fresh_seconds(&self) -> u32 {
        self.fresh_seconds.get()
    }

    /// What is done after that.
    pub fn stale(&self) -> StaleAction {
        self.stale
    }

    /// The most for one tap then, minor units.
    pub fn stale_cap(&self) -> u32 {
        self.stale_cap.get()
    }

    /// For how long after the fresh time that is done, seconds; later every tap is declined.
    pub fn stale_seconds(&self) -> u32 {
        self.stale_seconds.get()
    }

    /// All fields.
    pub fn fields(&self) -> RuleFields {
        RuleFields {
            sector: self.sector,
            class: self.class,
            currency: self.currency(),
            tier: self.tier(),
            tap_cap: self.tap_cap(),
            fresh_seconds: self.fresh_seconds(),
            stale: self.stale,
            stale_cap: self.stale_cap(),
            stale_seconds: self.stale_seconds(),
        }
    }

    /// The 28 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

impl Entry for Rule {
    const KEY_SIZE: usize = 4;
    const NOT_WHOLE: Malformed = Malformed::new(STRUCTURE, "the rules are not 28 bytes each of legal fields");
    const NOT_ASCENDING: Malformed = Malformed::new(STRUCTURE, "the rules do not ascend");

    fn check(&self) -> Result<(), Malformed> {
        let problem = |problem| Err(Malformed::new(STRUCTURE, problem));
        if self.class == Class::Terminal {
            return problem("a rule for terminals, which are nobody's customers");
        }
        if self.stale != StaleAction::Accept && self.stale_cap() != 0 {
            return problem("a cap for taps that are not accepted");
        }
        if self.stale_cap() > self.tap_cap() {
            return problem("a higher cap while data are old than while they are fresh");
        }
        if self.stale == StaleAction::Decline && self.stale_seconds() != 0 {
            return problem("a time in which taps are declined as they are after it");
        }
        Ok(())
    }
}

impl Table<'_, Rule> {
    /// The rule for a class of credentials in this sector and currency; `None` means that they are not served.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn rule(&self, sector: Sector, class: Class, currency: u16) -> Result<Option<Rule>, ReadFailed> {
        let [high, low] = currency.to_be_bytes();
        self.find(&[sector as u8, class as u8, high, low])
    }
}

const _: () = assert!(size_of::<Rule>() == Rule::SIZE);

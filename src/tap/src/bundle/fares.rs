//! The sections that say what a journey costs, and who pays less.

use symbolon_ccks::wire::{self, U16, U32, Zero};
use symbolon_ccks::{Malformed, ReadFailed, Sector};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::sections::STRUCTURE;
use super::table::{Entry, Table};

/// What a concession group pays of the full fare in a sector, 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Tariff {
    sector: Sector,
    tariff: u8,
    permille: U16,
    zero: [Zero; 4],
}

impl Tariff {
    /// Length in bytes.
    pub const SIZE: usize = 8;

    /// The group `tariff`, which is not 0, pays so many thousandths of the full fare, at most all of them.
    ///
    /// # Errors
    /// [`Malformed`] for group 0, which pays the full fare, and for more than 1,000 thousandths.
    pub fn new(sector: Sector, tariff: u8, permille: u16) -> Result<Self, Malformed> {
        let tariff = Self { sector, tariff, permille: permille.into(), zero: [Zero::Zero; 4] };
        tariff.check()?;
        Ok(tariff)
    }

    /// Where it applies.
    pub fn sector(&self) -> Sector {
        self.sector
    }

    /// The concession group, as credentials name it.
    pub fn tariff(&self) -> u8 {
        self.tariff
    }

    /// Thousandths of the full fare.
    pub fn permille(&self) -> u16 {
        self.permille.get()
    }

    /// What the group pays where the full fare is `full_fare` minor units: rounded down, but at least 1 where it pays
    /// anything of a fare that is not 0.
    pub fn of(&self, full_fare: u32) -> u32 {
        let part = u64::from(full_fare).saturating_mul(self.permille().into()) / 1_000;
        let least = u32::from(self.permille() > 0 && full_fare > 0);
        // At most the full fare, since there are at most 1,000 thousandths.
        u32::try_from(part).unwrap_or(full_fare).max(least)
    }

    /// The 8 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

impl Entry for Tariff {
    const KEY_SIZE: usize = 2;
    const NOT_WHOLE: Malformed = Malformed::new(STRUCTURE, "the tariffs are not 8 bytes each of legal fields");
    const NOT_ASCENDING: Malformed = Malformed::new(STRUCTURE, "the tariffs do not ascend");

    fn check(&self) -> Result<(), Malformed> {
        if self.tariff == 0 {
            return Err(Malformed::new(STRUCTURE, "a concession for the group that pays the full fare"));
        }
        if self.permille() > 1_000 {
            return Err(Malformed::new(STRUCTURE, "a tariff above the full fare"));
        }
        Ok(())
    }
}

impl Table<'_, Tariff> {
    /// The concession of a group in a sector; `None` means that it pays the full fare.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn tariff(&self, sector: Sector, tariff: u8) -> Result<Option<Tariff>, ReadFailed> {
        self.find(&[sector as u8, tariff])
    }
}

/// What [`Fare::new`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FareFields {
    /// The operator's tag: the first 8 bytes of SHA-256 over its name.
    pub operator: [u8; 8],
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Where the journey begins, the operator's own 16 bytes; zeros in both for a journey that is not listed.
    pub from: [u8; 16],
    /// Where it ends.
    pub to: [u8; 16],
    /// What it costs in full, minor units.
    pub fare: u32,
}

/// What a journey costs, 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Fare {
    operator: [u8; 8],
    currency: U16,
    zero: [Zero; 2],
    from: [u8; 16],
    to: [u8; 16],
    fare: U32,
}

/// The place of no station.
const NOWHERE: [u8; 16] = [0; 16];

impl Fare {
    /// Length in bytes.
    pub const SIZE: usize = 48;

    /// A fare of these fields.
    ///
    /// # Errors
    /// [`Malformed`] when only one of the places is zeros.
    pub fn new(fields: FareFields) -> Result<Self, Malformed> {
        let fare = Self {
            operator: fields.operator,
            currency: fields.currency.into(),
            zero: [Zero::Zero; 2],
            from: fields.from,
            to: fields.to,
            fare: fields.fare.into(),
        };
        fare.check()?;
        Ok(fare)
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for every encoding that [`Fare::new`] would not make.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let fare = wire::read::<Self>("fare", bytes)?;
        fare.check()?;
        Ok(fare)
    }

    /// The operator's tag.
    pub fn operator(&self) -> [u8; 8] {
        self.operator
    }

    /// ISO 4217 numeric.
    pub fn currency(&self) -> u16 {
        self.currency.get()
    }

    /// Where the journey begins.
    pub fn from(&self) -> &[u8; 16] {
        &self.from
    }

    /// Where it ends.
    pub fn to(&self) -> &[u8; 16] {
        &self.to
    }

    /// What it costs in full, minor units.
    pub fn fare(&self) -> u32 {
        self.fare.get()
    }

    /// Whether it is what a journey costs that is not listed.
    pub fn is_otherwise(&self) -> bool {
        self.from == NOWHERE
    }

    /// The 48 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

impl Entry for Fare {
    const KEY_SIZE: usize = 44;
    const NOT_WHOLE: Malformed = Malformed::new(STRUCTURE, "the fares are not 48 bytes each with zeros in their place");
    const NOT_ASCENDING: Malformed = Malformed::new(STRUCTURE, "the fares do not ascend");

    fn check(&self) -> Result<(), Malformed> {
        if (self.from == NOWHERE) == (self.to == NOWHERE) {
            Ok(())
        } else {
            Err(Malformed::new(STRUCTURE, "a fare between a place and none"))
        }
    }
}

impl Table<'_, Fare> {
    /// What a journey costs in full: its own fare, else what the operator takes of one that is not listed. `None` when
    /// the operator publishes neither.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn fare(
        &self,
        operator: [u8; 8],
        currency: u16,
        from: &[u8; 16],
        to: &[u8; 16],
    ) -> Result<Option<u32>, ReadFailed> {
        match self.listed(operator, currency, from, to)? {
            Some(fare) => Ok(Some(fare)),
            None => self.otherwise(operator, currency),
        }
    }

    /// What an operator takes of a journey that is not listed, and so the most that an entry names.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn otherwise(&self, operator: [u8; 8], currency: u16) -> Result<Option<u32>, ReadFailed> {
        self.listed(operator, currency, &NOWHERE, &NOWHERE)
    }

    fn listed(
        &self,
        operator: [u8; 8],
        currency: u16,
        from: &[u8; 16],
        to: &[u8; 16],
    ) -> Result<Option<u32>, ReadFailed> {
        let key =
            Fare { operator, currency: currency.into(), zero: [Zero::Zero; 2], from: *from, to: *to, fare: 0.into() };
        let key = key.as_bytes().first_chunk::<{ <Fare as Entry>::KEY_SIZE }>();
        Ok(self.find(key.map_or(&[], |key| key.as_slice()))?.map(|fare| fare.fare()))
    }
}

const _: () = assert!(size_of::<Tariff>() == Tariff::SIZE);
const _: () = assert!(size_of::<Fare>() == Fare::SIZE);

//! The sections of a bundle's body.

use symbolon_ccks::wire::{self, Discrete, U16, U32, Zero};
use symbolon_ccks::{Malformed, ReadFailed, Sector, Subject};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::filter::Filter;
use super::seeds::RevokedSeeds;
use super::table::{Entry, Table};
use super::view::{BundleUnreadable, check_terminal_section};

pub(super) const STRUCTURE: &str = "bundle section";

/// The types of section that are defined.
pub mod section_type {
    /// Revoked subjects, 16 bytes each, in strictly ascending order.
    pub const REVOKED_SUBJECTS: u8 = 1;
    /// [`Limit`](super::Limit)s, 8 bytes each, in strictly ascending order of sector and currency.
    pub const LIMITS: u8 = 2;
    /// What the pseudonyms of revoked cards are recognised by: a head of 8 bytes, then
    /// [`RevokedSeed`](crate::RevokedSeed)s, 68 bytes each, at least one, in strictly ascending order.
    pub const REVOKED_SEEDS: u8 = 3;
    /// How pseudonyms are issued, for wallets; a terminal has no use for it. Not critical; its bytes are not read here.
    pub const ISSUANCE: u8 = 4;
    /// [`Rule`](crate::Rule)s, 28 bytes each, in strictly ascending order of sector, class and currency.
    pub const RULES: u8 = 5;
    /// [`Tariff`](crate::Tariff)s, 8 bytes each, in strictly ascending order of sector and tariff.
    pub const TARIFFS: u8 = 6;
    /// [`Fare`](crate::Fare)s, 48 bytes each, in strictly ascending order of operator, currency and the two places.
    pub const FARES: u8 = 7;
    /// The [`Filter`](crate::Filter) of revoked subjects.
    pub const FILTER: u8 = 8;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
#[allow(dead_code, reason = "values come from the wire too, whichever features make them here")]
pub(super) enum Critical {
    No = 0,
    Yes = 1,
}

/// The 8 bytes before a section's own.
#[derive(Clone, Copy, Debug, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct SectionHeader {
    pub(super) section_type: u8,
    pub(super) critical: Critical,
    pub(super) zero: [Zero; 2],
    pub(super) length: U32,
}

impl SectionHeader {
    pub(super) const SIZE: usize = 8;
    const DISCRETE: [Discrete; 3] = [
        Discrete { offset: 1, legal: &[0, 1], problem: "critical is not 0 or 1" },
        Discrete { offset: 2, legal: &[0], problem: "a zero byte is not zero" },
        Discrete { offset: 3, legal: &[0], problem: "a zero byte is not zero" },
    ];

    pub(super) fn read(bytes: &[u8]) -> Result<&Self, Malformed> {
        wire::read_explained(STRUCTURE, bytes, &Self::DISCRETE)
    }

    pub(super) fn is_critical(&self) -> bool {
        self.critical == Critical::Yes
    }
}

/// What is said of sections that are not in order.
pub(super) const NOT_ASCENDING: Malformed = Malformed::new(STRUCTURE, "the sections' types do not ascend");

/// One section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    section_type: u8,
    critical: bool,
    bytes: &'a [u8],
}

impl<'a> Section<'a> {
    /// Its type: one of [`section_type`], or an unknown one that is not critical.
    pub fn section_type(&self) -> u8 {
        self.section_type
    }

    /// Whether who does not know the type refuses the whole bundle.
    pub fn is_critical(&self) -> bool {
        self.critical
    }

    /// Its bytes, header aside.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn check(&self) -> Result<(), Malformed> {
        match self.section_type {
            section_type::REVOKED_SUBJECTS => RevokedSubjects::parse(self.bytes).map(|_| ()),
            section_type::LIMITS => Limits::parse(self.bytes).map(|_| ()),
            section_type::REVOKED_SEEDS if !self.critical => {
                Err(Malformed::new(STRUCTURE, "the revoked seeds are not critical"))
            }
            section_type::REVOKED_SEEDS => RevokedSeeds::parse(self.bytes).map(|_| ()),
            section_type::ISSUANCE if self.critical => {
                Err(Malformed::new(STRUCTURE, "the issuance parameters are critical"))
            }
            section_type::ISSUANCE if self.bytes.is_empty() => {
                Err(Malformed::new(STRUCTURE, "the issuance parameters are empty"))
            }
            section_type::RULES..=section_type::FILTER => self.check_for_terminals(),
            _ if self.critical => Err(Malformed::new(STRUCTURE, "an unknown section is critical")),
            _ => Ok(()),
        }
    }

    fn check_for_terminals(&self) -> Result<(), Malformed> {
        check_terminal_section(self.section_type, self.critical, &self.bytes.into()).map_err(|unreadable| {
            match unreadable {
                BundleUnreadable::Malformed(malformed) => malformed,
                // Memory gives every byte that it has, and no other is asked of it.
                BundleUnreadable::Read(_) => Malformed::new(STRUCTURE, "shorter than it says"),
            }
        })
    }
}

/// The sections of a body, one after another.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Sections<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// Checks every section, and that their types ascend strictly: one of each, in one order.
    pub(super) fn check(mut self) -> Result<(), Malformed> {
        let mut previous = None;
        while let Some(section) = self.advance()? {
            if previous.is_some_and(|previous| previous >= section.section_type) {
                return Err(NOT_ASCENDING);
            }
            section.check()?;
            previous = Some(section.section_type);
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<Option<Section<'a>>, Malformed> {
        const WRONG_LENGTH: Malformed = Malformed::new(STRUCTURE, "longer than what is left of the body");
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (header, rest) = self.rest.split_at_checked(SectionHeader::SIZE).ok_or(WRONG_LENGTH)?;
        let header = SectionHeader::read(header)?;
        let length = usize::try_from(header.length.get()).map_err(|_| WRONG_LENGTH)?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or(WRONG_LENGTH)?;
        self.rest = rest;
        Ok(Some(Section { section_type: header.section_type, critical: header.is_critical(), bytes }))
    }

    fn find(mut self, section_type: u8) -> Option<&'a [u8]> {
        self.find_map(|section| (section.section_type == section_type).then_some(section.bytes))
    }

    pub(super) fn revoked(self) -> RevokedSubjects<'a> {
        let section = self.find(section_type::REVOKED_SUBJECTS);
        section.and_then(|bytes| RevokedSubjects::parse(bytes).ok()).unwrap_or_default()
    }

    pub(super) fn limits(self) -> Limits<'a> {
        let section = self.find(section_type::LIMITS);
        section.and_then(|bytes| Limits::parse(bytes).ok()).unwrap_or_default()
    }

    pub(super) fn revoked_seeds(self) -> RevokedSeeds<'a> {
        let section = self.find(section_type::REVOKED_SEEDS);
        section.and_then(|bytes| RevokedSeeds::parse(bytes).ok()).unwrap_or_default()
    }

    /// The entries of a section that is read where it is kept; none when there is no such section.
    pub(super) fn table<E: Entry>(self, section_type: u8) -> Table<'a, E> {
        Table::new(self.find(section_type).unwrap_or_default().into())
    }

    pub(super) fn filter(self) -> Option<Filter<'a>> {
        Filter::new(self.find(section_type::FILTER)?.into()).ok().flatten()
    }

    pub(super) fn issuance(self) -> Option<&'a [u8]> {
        self.find(section_type::ISSUANCE)
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    fn next(&mut self) -> Option<Section<'a>> {
        // Parsing the bundle has checked every section; there is nothing left to refuse here.
        self.advance().ok().flatten()
    }
}

/// Subjects whose credentials are revoked, sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevokedSubjects<'a>(&'a [Subject]);

impl<'a> RevokedSubjects<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let subjects = <[Subject]>::ref_from_bytes(bytes).map_err(|_| <Subject as Entry>::NOT_WHOLE)?;
        if subjects.is_sorted_by(|earlier, later| earlier < later) {
            Ok(Self(subjects))
        } else {
            Err(<Subject as Entry>::NOT_ASCENDING)
        }
    }

    /// Whether `subject` is revoked; a binary search.
    pub fn contains(&self, subject: &Subject) -> bool {
        self.0.binary_search(subject).is_ok()
    }

    /// All of them, ascending.
    pub fn as_slice(&self) -> &'a [Subject] {
        self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The most that a terminal of a sector accepts in one tap without asking, 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Limit {
    sector: Sector,
    zero: Zero,
    currency: U16,
    offline_cap: U32,
}

impl Limit {
    /// Length in bytes.
    pub const SIZE: usize = 8;

    /// Caps a tap of `sector` at `offline_cap` minor units of `currency` (ISO 4217 numeric).
    pub fn new(sector: Sector, currency: u16, offline_cap: u32) -> Self {
        Self { sector, zero: Zero::Zero, currency: currency.into(), offline_cap: offline_cap.into() }
    }

    /// The sector whose taps it caps.
    pub fn sector(&self) -> Sector {
        self.sector
    }

    /// ISO 4217 numeric currency code.
    pub fn currency(&self) -> u16 {
        self.currency.get()
    }

    /// The cap, minor units.
    pub fn offline_cap(&self) -> u32 {
        self.offline_cap.get()
    }

    pub(super) fn key(&self) -> (Sector, u16) {
        (self.sector, self.currency.get())
    }
}

impl Entry for Limit {
    const KEY_SIZE: usize = 4;
    const NOT_WHOLE: Malformed =
        Malformed::new(STRUCTURE, "the limits are not 8 bytes each of a sector, zero and a cap");
    const NOT_ASCENDING: Malformed = Malformed::new(STRUCTURE, "the limits do not ascend");
}

impl Table<'_, Limit> {
    /// The cap for a tap of this sector and currency; `None` when the bundle sets none.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn offline_cap(&self, sector: Sector, currency: u16) -> Result<Option<u32>, ReadFailed> {
        let [high, low] = currency.to_be_bytes();
        Ok(self.find(&[sector as u8, 0, high, low])?.map(|limit| limit.offline_cap()))
    }
}

/// Limits, at most one a sector and currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits<'a>(&'a [Limit]);

impl<'a> Limits<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let limits = <[Limit]>::try_ref_from_bytes(bytes).map_err(|_| <Limit as Entry>::NOT_WHOLE)?;
        if limits.is_sorted_by(|earlier, later| earlier.key() < later.key()) {
            Ok(Self(limits))
        } else {
            Err(<Limit as Entry>::NOT_ASCENDING)
        }
    }

    /// The cap for a tap of this sector and currency; `None` when the bundle sets none.
    pub fn offline_cap(&self, sector: Sector, currency: u16) -> Option<u32> {
        self.0.iter().find(|limit| limit.key() == (sector, currency)).map(Limit::offline_cap)
    }

    /// All of them, ascending by sector and currency.
    pub fn as_slice(&self) -> &'a [Limit] {
        self.0
    }
}

const _: () = assert!(size_of::<SectionHeader>() == SectionHeader::SIZE);
const _: () = assert!(size_of::<Limit>() == Limit::SIZE);

//! A bundle read where it is kept, in memory or in a device's flash.

use core::fmt;

use sha2::{Digest, Sha256};
use symbolon_ccks::{Authority, BadSignature, Malformed, ReadFailed, Signature, Source, Subject, Suite};

use super::fares::{Fare, Tariff};
use super::filter::Filter;
use super::rules::Rule;
use super::sections::{Limit, NOT_ASCENDING, STRUCTURE, SectionHeader, section_type};
use super::seeds::SeedTable;
use super::table::Table;
use super::{BODY_DIGEST, Bundle, BundleHeader, WRONG_LENGTH};

/// Why a bundle cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleUnreadable {
    /// It is not well formed.
    Malformed(Malformed),
    /// The device did not give its bytes.
    Read(ReadFailed),
}

impl From<Malformed> for BundleUnreadable {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<ReadFailed> for BundleUnreadable {
    fn from(failed: ReadFailed) -> Self {
        Self::Read(failed)
    }
}

impl fmt::Display for BundleUnreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(formatter),
            Self::Read(failed) => failed.fmt(formatter),
        }
    }
}

impl core::error::Error for BundleUnreadable {}

/// How many bytes of a body are in memory at a time while it is hashed.
const HASHED_AT_A_TIME: usize = 256;

/// The types of section that are read here, by their place in [`BundleSections::starts`].
const READ: [u8; 7] = [
    section_type::REVOKED_SUBJECTS,
    section_type::LIMITS,
    section_type::REVOKED_SEEDS,
    section_type::RULES,
    section_type::TARIFFS,
    section_type::FARES,
    section_type::FILTER,
];

/// A bundle, or a part of one, whose bytes stay where they are: the header is in memory, and where the sections begin.
///
/// What it gives is well formed, as [`Bundle::parse`] has it; [`Self::verify`] says whose it is.
#[derive(Clone, Copy, Debug)]
pub struct BundleView<'a> {
    header: BundleHeader,
    sections: BundleSections<'a>,
}

impl<'a> BundleView<'a> {
    /// Reads a bundle to its last byte, twice: for the digest of its body, and for its sections.
    ///
    /// # Errors
    /// [`BundleUnreadable`] for what [`Bundle::parse`] refuses, or when the device does not give the bytes.
    pub fn open(source: Source<'a>) -> Result<Self, BundleUnreadable> {
        let body_length = source.length().checked_sub(Bundle::HEAD_SIZE).ok_or(WRONG_LENGTH)?;
        let header = *BundleHeader::read(&source.array::<{ BundleHeader::SIZE }>(0)?)?;
        Signature::parse(&source.array::<{ Signature::SIZE }>(BundleHeader::SIZE)?)?;
        if u32::try_from(body_length) != Ok(header.body_length.get()) {
            return Err(WRONG_LENGTH.into());
        }
        if body_digest(&source, body_length)? != header.body_digest {
            return Err(BODY_DIGEST.into());
        }
        Ok(Self { header, sections: BundleSections::open(source)? })
    }

    /// Verifies that the authority issued this: the institution that bears its name signed it.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause; another authority's bundle is one, a device that does not give the
    /// signature another.
    pub fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        let signature = self.sections.source.array::<{ Signature::SIZE }>(BundleHeader::SIZE);
        let signature = signature.map_err(|_| BadSignature)?;
        self.header.verify(authority, Signature::parse(&signature).map_err(|_| BadSignature)?)
    }

    /// What the authority signed.
    pub fn header(&self) -> &BundleHeader {
        &self.header
    }

    /// The sections alone, a third of the view's size: enough of a part whose header is like that of another.
    pub fn sections(&self) -> BundleSections<'a> {
        self.sections
    }

    /// [`BundleSections::revoked`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn revoked(&self) -> Result<Table<'a, Subject>, ReadFailed> {
        self.sections.revoked()
    }

    /// [`BundleSections::limits`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn limits(&self) -> Result<Table<'a, Limit>, ReadFailed> {
        self.sections.limits()
    }

    /// [`BundleSections::seeds`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn seeds(&self) -> Result<Option<SeedTable<'a>>, ReadFailed> {
        self.sections.seeds()
    }

    /// [`BundleSections::rules`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn rules(&self) -> Result<Table<'a, Rule>, ReadFailed> {
        self.sections.rules()
    }

    /// [`BundleSections::tariffs`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn tariffs(&self) -> Result<Table<'a, Tariff>, ReadFailed> {
        self.sections.tariffs()
    }

    /// [`BundleSections::fares`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn fares(&self) -> Result<Table<'a, Fare>, ReadFailed> {
        self.sections.fares()
    }

    /// [`BundleSections::filter`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn filter(&self) -> Result<Option<Filter<'a>>, ReadFailed> {
        self.sections.filter()
    }
}

/// SHA-256 of the body, a piece at a time.
fn body_digest(source: &Source<'_>, body_length: usize) -> Result<[u8; 32], ReadFailed> {
    let mut digest = Sha256::new();
    let mut buffer = [0; HASHED_AT_A_TIME];
    let (mut offset, mut left) = (Bundle::HEAD_SIZE, body_length);
    while left > 0 {
        let taken = left.min(HASHED_AT_A_TIME);
        let piece = buffer.get_mut(..taken).ok_or(ReadFailed)?;
        source.read(offset, piece)?;
        digest.update(piece);
        offset = offset.checked_add(taken).ok_or(ReadFailed)?;
        left = left.saturating_sub(taken);
    }
    Ok(digest.finalize().into())
}

/// The sections of a bundle whose bytes stay where they are.
///
/// Where a section begins is remembered in four bytes; how long it is stands before it and is read again.
#[derive(Clone, Copy, Debug)]
pub struct BundleSections<'a> {
    /// The whole bundle.
    source: Source<'a>,
    /// Where the bytes of each section of [`READ`] begin; 0 where there is none, since a header is there.
    starts: [u32; READ.len()],
}

impl<'a> BundleSections<'a> {
    /// Checks every section, and that their types ascend strictly: one of each, in one order.
    fn open(source: Source<'a>) -> Result<Self, BundleUnreadable> {
        const TOO_LONG: Malformed = Malformed::new(STRUCTURE, "longer than what is left of the body");
        let mut sections = Self { source, starts: [0; READ.len()] };
        let mut previous = None;
        let mut offset = Bundle::HEAD_SIZE;
        while offset < source.length() {
            let start = offset.checked_add(SectionHeader::SIZE).filter(|start| *start <= source.length());
            let start = start.ok_or(TOO_LONG)?;
            let header = source.array::<{ SectionHeader::SIZE }>(offset)?;
            let header = SectionHeader::read(&header)?;
            let length = usize::try_from(header.length.get()).map_err(|_| TOO_LONG)?;
            let bytes = source.window(start, length).ok_or(TOO_LONG)?;
            if previous.is_some_and(|previous| previous >= header.section_type) {
                return Err(NOT_ASCENDING.into());
            }
            check_section(header.section_type, header.is_critical(), &bytes)?;
            previous = Some(header.section_type);
            let remembered = sections.starts.iter_mut().zip(READ).find(|(_, read)| *read == header.section_type);
            if let Some((remembered, _)) = remembered {
                *remembered = u32::try_from(start).map_err(|_| TOO_LONG)?;
            }
            offset = start.checked_add(length).ok_or(TOO_LONG)?;
        }
        Ok(sections)
    }

    /// The bytes of a section; none when there is no such section.
    fn section(&self, section_type: u8) -> Result<Source<'a>, ReadFailed> {
        let remembered = self.starts.iter().zip(READ).find(|(_, read)| *read == section_type);
        let start = remembered.map_or(0, |(start, _)| *start);
        let start = usize::try_from(start).map_err(|_| ReadFailed)?;
        // Before the bytes stands the section's header, which ends with their length.
        let Some(length) = start.checked_sub(size_of::<u32>()) else {
            return Ok(Source::Memory(&[]));
        };
        let length = u32::from_be_bytes(self.source.array(length)?);
        self.source.window(start, usize::try_from(length).map_err(|_| ReadFailed)?).ok_or(ReadFailed)
    }

    /// The subjects that this part lists as revoked; none when it has no such section.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn revoked(&self) -> Result<Table<'a, Subject>, ReadFailed> {
        self.section(section_type::REVOKED_SUBJECTS).map(Table::new)
    }

    /// The limits in this part; none when it has no such section.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn limits(&self) -> Result<Table<'a, Limit>, ReadFailed> {
        self.section(section_type::LIMITS).map(Table::new)
    }

    /// What recognises the pseudonyms of the revoked cards in this part; `None` when it has no such section.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn seeds(&self) -> Result<Option<SeedTable<'a>>, ReadFailed> {
        SeedTable::new(self.section(section_type::REVOKED_SEEDS)?)
    }

    /// Whom terminals serve; none when it has no such section, and then the bundle says nothing of that.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn rules(&self) -> Result<Table<'a, Rule>, ReadFailed> {
        self.section(section_type::RULES).map(Table::new)
    }

    /// Who pays less than the full fare; none when it has no such section.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn tariffs(&self) -> Result<Table<'a, Tariff>, ReadFailed> {
        self.section(section_type::TARIFFS).map(Table::new)
    }

    /// What journeys cost; none when it has no such section.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn fares(&self) -> Result<Table<'a, Fare>, ReadFailed> {
        self.section(section_type::FARES).map(Table::new)
    }

    /// The filter of revoked subjects; `None` when it has no such section.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn filter(&self) -> Result<Option<Filter<'a>>, ReadFailed> {
        Filter::new(self.section(section_type::FILTER)?)
    }
}

fn check_section(section_type: u8, critical: bool, bytes: &Source<'_>) -> Result<(), BundleUnreadable> {
    let problem = |problem| Err(Malformed::new(STRUCTURE, problem).into());
    match section_type {
        section_type::REVOKED_SUBJECTS => Table::<Subject>::check(bytes),
        section_type::LIMITS => Table::<Limit>::check(bytes),
        section_type::REVOKED_SEEDS if !critical => problem("the revoked seeds are not critical"),
        section_type::REVOKED_SEEDS => SeedTable::check(bytes),
        section_type::ISSUANCE if critical => problem("the issuance parameters are critical"),
        section_type::ISSUANCE if bytes.length() == 0 => problem("the issuance parameters are empty"),
        section_type::RULES..=section_type::FILTER => check_terminal_section(section_type, critical, bytes),
        _ if critical => problem("an unknown section is critical"),
        _ => Ok(()),
    }
}

/// Of the sections that only terminals read: critical every one, and left out rather than empty.
pub(super) fn check_terminal_section(
    section_type: u8,
    critical: bool,
    bytes: &Source<'_>,
) -> Result<(), BundleUnreadable> {
    let problem = |problem| Err(Malformed::new(STRUCTURE, problem).into());
    if !critical {
        return problem("rules, tariffs, fares or a filter that are not critical");
    }
    if bytes.length() == 0 {
        return problem("rules, tariffs, fares or a filter without an entry");
    }
    match section_type {
        section_type::RULES => Table::<Rule>::check(bytes),
        section_type::TARIFFS => Table::<Tariff>::check(bytes),
        section_type::FARES => Table::<Fare>::check(bytes),
        _ => Filter::check(bytes),
    }
}

// On the smallest terminals this is held in memory, once for the parts of a bundle and its sections for each.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<BundleView<'_>>() <= 160 && size_of::<BundleSections<'_>>() <= 48);

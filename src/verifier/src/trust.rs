//! The trust bundle that a terminal has installed for an authority.

mod standing;

use core::fmt;

use sha2::{Digest, Sha256};
use symbolon_ccks::{Authority, Malformed, ReadFailed, Sector, Sectors, Source, Suite, Time};
use symbolon_tap::{BundleHeader, BundleSections, BundleUnreadable, BundleView, SeedTable};

pub(crate) use standing::Standing;

use crate::{BundleMark, StorageError};

/// How many parts of one bundle a terminal holds at most.
pub const MAX_PARTS: usize = 16;

/// Why a trust bundle was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleRefused {
    /// The bytes are not a bundle, or have a critical section that this terminal does not know.
    Malformed(Malformed),
    /// The device did not give the bytes.
    Unreadable,
    /// It is of no authority that is live here.
    OtherAuthority,
    /// The authority did not sign it.
    BadSignature,
    /// None, more than [`MAX_PARTS`], or not parts of one bundle in their order.
    Parts,
    /// It is not for all of the terminal's sectors.
    OtherSectors,
    /// It is older than what the terminal has taken, or another one of the same number.
    NotNewer,
    /// Its number is further ahead than one bundle may go.
    SequenceJump,
    /// It was issued further ahead of the terminal's clock than the policy allows: the clock needs setting.
    FromTheFuture,
    /// What lets the terminal refuse older ones could not be kept.
    Storage(StorageError),
}

impl fmt::Display for BundleRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed(malformed) => return malformed.fmt(formatter),
            Self::Unreadable => "the bundle cannot be read where it is kept",
            Self::OtherAuthority => "the bundle is of an authority that is not live here",
            Self::BadSignature => "the bundle's signature is not this authority's",
            Self::Parts => "these are not up to 16 parts of one bundle, in their order",
            Self::OtherSectors => "the bundle is not for all of this terminal's sectors",
            Self::NotNewer => "the bundle is not newer than the one taken before",
            Self::SequenceJump => "the bundle's sequence is too far ahead",
            Self::FromTheFuture => "the bundle was issued too far ahead of this terminal's clock",
            Self::Storage(error) => return error.fmt(formatter),
        })
    }
}

impl core::error::Error for BundleRefused {}

impl From<BundleUnreadable> for BundleRefused {
    fn from(unreadable: BundleUnreadable) -> Self {
        match unreadable {
            BundleUnreadable::Malformed(malformed) => Self::Malformed(malformed),
            BundleUnreadable::Read(ReadFailed) => Self::Unreadable,
        }
    }
}

/// A part of a bundle that is held: its number, and where its sections are.
#[derive(Clone, Copy)]
struct Part<'a> {
    number: u16,
    sections: BundleSections<'a>,
}

/// A bundle whose signature verified, or the parts of one that are held.
///
/// Nothing of it is in memory but the header that all parts share and where the sections of each begin.
pub(crate) struct Trust<'a> {
    /// Of the first part that is held.
    header: BundleHeader,
    digest: [u8; 32],
    parts: [Option<Part<'a>>; MAX_PARTS],
}

impl<'a> Trust<'a> {
    /// Nothing of a bundle yet but the header of the first part that is held.
    pub(crate) const fn of(header: BundleHeader) -> Self {
        Self { header, digest: [0; 32], parts: [None; MAX_PARTS] }
    }

    /// Takes the parts of a bundle that the authority signed, whole, for all of `sectors`; `first` is the first of them.
    /// What was refused is not to be used. In place and in a frame of its own: a device's stack is small.
    #[inline(never)]
    pub(crate) fn take<S: Suite>(
        &mut self,
        authority: &Authority<'_, S>,
        first: &BundleView<'a>,
        others: &[Source<'a>],
        sectors: Sectors,
    ) -> Result<(), BundleRefused> {
        let mut places = self.parts.iter_mut();
        let mut digest = Sha256::new();
        let mut previous: Option<u16> = None;
        // One view at a time: the others of a small terminal's memory are its stack.
        for index in 0..=others.len() {
            let opened;
            let view = match index.checked_sub(1).and_then(|index| others.get(index)) {
                None => first,
                Some(source) => {
                    opened = BundleView::open(*source)?;
                    &opened
                }
            };
            view.verify(authority).map_err(|_| BundleRefused::BadSignature)?;
            let number = view.header().part();
            let follows = previous.is_none_or(|previous| previous < number) && is_part_of(&self.header, view.header());
            let place = places.next().filter(|_| follows).ok_or(BundleRefused::Parts)?;
            *place = Some(Part { number, sections: view.sections() });
            digest.update(view.header().as_bytes());
            previous = Some(number);
        }
        if !self.header.sectors().contains_all(sectors) {
            return Err(BundleRefused::OtherSectors);
        }
        self.digest = digest.finalize().into();
        Ok(())
    }

    /// Refuses to go back, and to go further ahead than one bundle may. The very bundle that was taken last is taken
    /// again, as after a restart.
    pub(crate) fn check_progress(&self, taken: Option<BundleMark>, latest: Time) -> Result<(), BundleRefused> {
        if let Some(taken) = taken.filter(|taken| *taken != self.mark()) {
            if self.header.sequence() <= taken.sequence {
                return Err(BundleRefused::NotNewer);
            }
            if !self.header.may_follow(taken.sequence) {
                return Err(BundleRefused::SequenceJump);
            }
        }
        if self.header.issued_at() > latest {
            return Err(BundleRefused::FromTheFuture);
        }
        Ok(())
    }

    pub(crate) fn mark(&self) -> BundleMark {
        BundleMark { sequence: self.header.sequence(), digest: self.digest }
    }

    pub(crate) fn header(&self) -> &BundleHeader {
        &self.header
    }

    pub(crate) fn issued_at(&self) -> Time {
        self.header.issued_at()
    }

    /// How many parts are held.
    pub(crate) fn parts_held(&self) -> usize {
        self.parts().count()
    }

    /// What recognises the pseudonyms of revoked cards: in a full bundle, which is one part.
    pub(crate) fn seeds(&self) -> Result<Option<SeedTable<'a>>, ReadFailed> {
        self.common()?.seeds()
    }

    /// What a holder of this concession group pays of a full fare.
    pub(crate) fn price(&self, tariff: u8, sector: Sector, full: u32) -> Result<u32, ReadFailed> {
        let tariff = self.common()?.tariffs()?.tariff(sector, tariff)?;
        Ok(tariff.map_or(full, |tariff| tariff.of(full)))
    }

    /// What a journey costs in full, if the operator publishes it.
    pub(crate) fn fare(
        &self,
        operator: [u8; 8],
        currency: u16,
        from: &[u8; 16],
        to: &[u8; 16],
    ) -> Result<Option<u32>, ReadFailed> {
        self.common()?.fares()?.fare(operator, currency, from, to)
    }

    /// What an operator takes of a journey that is not listed.
    pub(crate) fn entry_hold(&self, operator: [u8; 8], currency: u16) -> Result<Option<u32>, ReadFailed> {
        self.common()?.fares()?.otherwise(operator, currency)
    }

    fn parts(&self) -> impl Iterator<Item = &Part<'a>> {
        self.parts.iter().flatten()
    }

    /// The sections that every part has alike.
    fn common(&self) -> Result<&BundleSections<'a>, ReadFailed> {
        self.parts().next().map(|part| &part.sections).ok_or(ReadFailed)
    }
}

/// Whether the two headers are of parts of one bundle.
fn is_part_of(first: &BundleHeader, other: &BundleHeader) -> bool {
    let common = |header: &BundleHeader| {
        (
            (header.suite(), *header.authority(), header.sequence(), header.parts()),
            (header.issued_at(), header.valid_until(), header.oldest_not_before(), header.sectors()),
        )
    };
    common(first) == common(other)
}

//! Where in the flash everything lies.

use super::FlashError;

/// A range of a flash, in whole pages of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    offset: u32,
    length: u32,
}

impl Region {
    /// `length` bytes from `offset` on; `None` when they end beyond 4 GiB.
    pub const fn new(offset: u32, length: u32) -> Option<Self> {
        match offset.checked_add(length) {
            Some(_) => Some(Self { offset, length }),
            None => None,
        }
    }

    /// Where it begins, bytes.
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// How long it is, bytes.
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// Where it ends; `new` has seen that there is such a number.
    const fn end(&self) -> u32 {
        self.offset.saturating_add(self.length)
    }

    const fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    const fn is_in_pages_of(&self, page_size: u32) -> bool {
        matches!((self.offset.checked_rem(page_size), self.length.checked_rem(page_size)), (Some(0), Some(0)))
    }
}

/// What [`Layout::new`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// The state: at least two pages.
    pub state: Region,
    /// The journal: at least two pages. A page of 4 KiB holds 16 taps.
    pub journal: Region,
    /// Bundles: one for each of the two authorities that can be live, and one to load the next into.
    pub bundles: [Region; 3],
    /// Parameters of authorities, prepared: the present one's and its successor's. They may have no length where the
    /// parameters are linked in; such a terminal takes no successor.
    pub authorities: [Region; 2],
}

/// Where in the flash everything lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    regions: Regions,
}

impl Layout {
    /// Checks that the regions do not overlap, and that state and journal have something to turn in.
    ///
    /// # Errors
    /// [`FlashError::Layout`].
    pub fn new(regions: Regions) -> Result<Self, FlashError> {
        let layout = Self { regions };
        let all = layout.all();
        let later = |index: usize| all.iter().skip(index.saturating_add(1));
        let overlap = |(index, region): (usize, &Region)| later(index).any(|other| region.overlaps(other));
        if all.iter().enumerate().any(overlap) { Err(FlashError::Layout) } else { Ok(layout) }
    }

    /// Puts the regions one after another, from `offset` on: as many pages each as `pages` says.
    ///
    /// # Errors
    /// [`FlashError::Layout`] when that is beyond 4 GiB.
    pub fn consecutive(offset: u32, page_size: u32, pages: &Pages) -> Result<Self, FlashError> {
        let mut next = offset;
        let mut region = |pages: u32| {
            let region = pages.checked_mul(page_size).and_then(|length| Region::new(next, length));
            next = region.map_or(next, |region| region.end());
            region.ok_or(FlashError::Layout)
        };
        Self::new(Regions {
            state: region(pages.state)?,
            journal: region(pages.journal)?,
            bundles: [region(pages.bundle)?, region(pages.bundle)?, region(pages.bundle)?],
            authorities: [region(pages.authority)?, region(pages.authority)?],
        })
    }

    /// The regions.
    pub const fn regions(&self) -> &Regions {
        &self.regions
    }

    /// How much of the flash they reach to, bytes.
    pub fn end(&self) -> u32 {
        self.all().iter().map(Region::end).max().unwrap_or_default()
    }

    fn all(&self) -> [Region; 7] {
        let Regions { state, journal, bundles: [first, second, third], authorities: [one, other] } = self.regions;
        [state, journal, first, second, third, one, other]
    }

    /// Whether a flash of this capacity, page and word can be used like that.
    pub(super) fn check(&self, capacity: usize, page_size: usize, word_size: usize) -> Result<(), FlashError> {
        let page = u32::try_from(page_size).map_err(|_| FlashError::Layout)?;
        let two_pages = page.checked_mul(2).ok_or(FlashError::Layout)?;
        let all = self.all();
        let fits = all.iter().all(|region| region.is_in_pages_of(page))
            && self.regions.state.length >= two_pages
            && self.regions.journal.length >= two_pages
            && usize::try_from(self.end()).is_ok_and(|end| end <= capacity)
            && page.checked_rem(1024) == Some(0)
            && matches!(word_size, 1 | 2 | 4 | 8 | 16 | 32);
        if fits { Ok(()) } else { Err(FlashError::Layout) }
    }
}

/// How many pages each region of [`Layout::consecutive`] gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The state, at least 2.
    pub state: u32,
    /// The journal, at least 2.
    pub journal: u32,
    /// Each of the three bundle slots.
    pub bundle: u32,
    /// Each of the two authority slots; 18 pages of 4 KiB hold prepared parameters.
    pub authority: u32,
}

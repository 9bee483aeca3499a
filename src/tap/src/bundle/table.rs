//! Sections that are entries of one size, ascending by what they begin with: read in memory or in flash.

use core::marker::PhantomData;

use symbolon_ccks::wire;
use symbolon_ccks::{Malformed, ReadFailed, Source, Subject};
use zerocopy::{Immutable, KnownLayout, TryFromBytes, Unaligned};

use super::sections::STRUCTURE;
use super::view::BundleUnreadable;

/// An entry of a section: of one size, told apart by the bytes that it begins with.
pub trait Entry: TryFromBytes + KnownLayout + Immutable + Unaligned + Copy {
    /// How many of its first bytes make its key; entries ascend strictly by them.
    const KEY_SIZE: usize;
    /// What to say when a section is not a whole number of entries, or one holds a value that is not allowed.
    const NOT_WHOLE: Malformed;
    /// What to say when they do not ascend.
    const NOT_ASCENDING: Malformed;

    /// What the layout alone does not say.
    ///
    /// # Errors
    /// [`Malformed`] when fields do not go together.
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }
}

impl Entry for Subject {
    const KEY_SIZE: usize = 16;
    const NOT_WHOLE: Malformed = Malformed::new(STRUCTURE, "the revoked subjects are not 16 bytes each");
    const NOT_ASCENDING: Malformed = Malformed::new(STRUCTURE, "the revoked subjects do not ascend");
}

/// The size of the largest entry, a revoked seed's.
const LARGEST: usize = 68;

/// The entries of a section, read one by one where they are kept.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, E> {
    source: Source<'a>,
    entries: PhantomData<E>,
}

impl<E> Default for Table<'_, E> {
    /// Without an entry.
    fn default() -> Self {
        Self::new(Source::Memory(&[]))
    }
}

impl<'a, E> Table<'a, E> {
    /// Of bytes that [`Table::check`] has passed.
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, entries: PhantomData }
    }
}

impl<E: Entry> Table<'_, E> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.source.length() / size_of::<E>()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry of this number, counted from 0; `None` beyond the last.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes, or no longer those that were checked.
    pub fn get(&self, index: usize) -> Result<Option<E>, ReadFailed> {
        if index >= self.len() {
            return Ok(None);
        }
        let mut buffer = [0; LARGEST];
        let bytes = read_entry(&self.source, index, size_of::<E>(), &mut buffer)?;
        parse::<E>(bytes).map(Some).map_err(|_| ReadFailed)
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = Result<E, ReadFailed>> + use<'_, E> {
        (0..self.len()).filter_map(|index| self.get(index).transpose())
    }

    /// The entry that begins with `key`, by a binary search; `key` has the length of the entries' keys.
    pub(super) fn find(&self, key: &[u8]) -> Result<Option<E>, ReadFailed> {
        match position(&self.source, self.len(), size_of::<E>(), key)? {
            Some(index) => self.get(index),
            None => Ok(None),
        }
    }

    /// Checks every entry, and their order.
    pub(super) fn check(source: &Source<'_>) -> Result<(), BundleUnreadable> {
        if !source.length().is_multiple_of(size_of::<E>()) {
            return Err(E::NOT_WHOLE.into());
        }
        let shape = Shape {
            count: source.length() / size_of::<E>(),
            size: size_of::<E>(),
            key_size: E::KEY_SIZE,
            check: |bytes| parse::<E>(bytes).map(|_| ()),
            not_ascending: E::NOT_ASCENDING,
        };
        shape.check(source)
    }
}

impl Table<'_, Subject> {
    /// Whether `subject` is listed.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn contains(&self, subject: &Subject) -> Result<bool, ReadFailed> {
        self.find(subject.as_bytes()).map(|found| found.is_some())
    }
}

fn parse<E: Entry>(bytes: &[u8]) -> Result<E, Malformed> {
    let entry = wire::read::<E>(STRUCTURE, bytes).map_err(|_| E::NOT_WHOLE)?;
    entry.check()?;
    Ok(*entry)
}

/// What the entries of a table are like: so that the machine code that checks one is there once and not once a type.
struct Shape {
    count: usize,
    size: usize,
    key_size: usize,
    check: fn(&[u8]) -> Result<(), Malformed>,
    not_ascending: Malformed,
}

impl Shape {
    fn check(&self, source: &Source<'_>) -> Result<(), BundleUnreadable> {
        let mut previous = [0; LARGEST];
        for index in 0..self.count {
            let mut buffer = [0; LARGEST];
            let bytes = read_entry(source, index, self.size, &mut buffer)?;
            (self.check)(bytes)?;
            if index > 0 && previous.get(..self.key_size) >= bytes.get(..self.key_size) {
                return Err(self.not_ascending.into());
            }
            previous = buffer;
        }
        Ok(())
    }
}

fn read_entry<'b>(
    source: &Source<'_>,
    index: usize,
    size: usize,
    buffer: &'b mut [u8; LARGEST],
) -> Result<&'b [u8], ReadFailed> {
    let bytes = buffer.get_mut(..size).ok_or(ReadFailed)?;
    source.read(index.checked_mul(size).ok_or(ReadFailed)?, bytes)?;
    Ok(bytes)
}

/// Where the entry that begins with `key` is.
fn position(source: &Source<'_>, count: usize, size: usize, key: &[u8]) -> Result<Option<usize>, ReadFailed> {
    let (mut from, mut to) = (0, count);
    let mut buffer = [0; LARGEST];
    while from < to {
        let middle = from.midpoint(to);
        let found = buffer.get_mut(..key.len()).ok_or(ReadFailed)?;
        source.read(middle.checked_mul(size).ok_or(ReadFailed)?, found)?;
        match (*found).cmp(key) {
            core::cmp::Ordering::Less => from = middle.saturating_add(1),
            core::cmp::Ordering::Greater => to = middle,
            core::cmp::Ordering::Equal => return Ok(Some(middle)),
        }
    }
    Ok(None)
}

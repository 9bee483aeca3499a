//! Naming the part of a structure that was refused.

use symbolon_ccks::Malformed;

/// The parts of a structure one after another, to say which of them is wrong after the whole was refused.
pub(crate) struct Parts<'a> {
    rest: &'a [u8],
    unnamed: Malformed,
    found: Option<Malformed>,
}

impl<'a> Parts<'a> {
    /// Of `bytes`, which were refused with `unnamed`; they are taken apart only when their length is right.
    pub(crate) fn of(bytes: &'a [u8], size: usize, unnamed: Malformed) -> Self {
        let rest = if bytes.len() == size { bytes } else { &[] };
        Self { rest, unnamed, found: None }
    }

    /// Passes over bytes that the caller has an explanation for already.
    pub(crate) fn skip(self, size: usize) -> Self {
        Self { rest: self.rest.get(size..).unwrap_or_default(), ..self }
    }

    /// Tries the next `size` bytes with the parse of their own structure.
    pub(crate) fn part<T: 'a>(self, size: usize, parse: impl Fn(&'a [u8]) -> Result<&'a T, Malformed>) -> Self {
        let Some((part, rest)) = self.rest.split_at_checked(size) else {
            return self;
        };
        let found = self.found.or_else(|| parse(part).err());
        Self { rest, found, ..self }
    }

    /// The refusal of the first part that was refused; else the one that there was before.
    pub(crate) fn problem(self) -> Malformed {
        self.found.unwrap_or(self.unnamed)
    }
}

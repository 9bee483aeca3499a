//! In place of the exact recognition of pseudonyms, where the feature `seeds` is left out: a terminal that holds a compact
//! bundle goes by its filter, and knows nothing of the pseudonyms that a full one has seeds of.

use symbolon_ccks::{Identity, ReadFailed, Subject, Time};
use symbolon_tap::{RevokedSeeds, SeedTable};

/// How many slots a terminal needs for these seeds; without the feature `seeds` no number suffices.
pub fn subject_slots(_: &RevokedSeeds<'_>) -> usize {
    usize::MAX
}

pub(crate) fn slots_for(_: &SeedTable<'_>) -> usize {
    usize::MAX
}

/// What can be said of a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "nothing is recognised here")]
pub(crate) enum Recognised {
    Revoked,
    NotListed,
    Unknown,
}

/// No memory at all.
pub(crate) struct Recognition<'a>(core::marker::PhantomData<&'a mut [Subject]>);

impl<'a> Recognition<'a> {
    pub(crate) fn new(_: &'a mut [Subject]) -> Self {
        Self(core::marker::PhantomData)
    }

    pub(crate) fn reaches(&self, _: &SeedTable<'_>) -> bool {
        false
    }

    pub(crate) fn clear(&mut self) {}

    pub(crate) fn prepare(&mut self, _: &SeedTable<'_>, _: Time, _: Time) -> Result<(), ReadFailed> {
        Ok(())
    }

    pub(crate) fn recognise(&mut self, _: &SeedTable<'_>, _: &Identity, _: Time) -> Result<Recognised, ReadFailed> {
        Ok(Recognised::Unknown)
    }
}

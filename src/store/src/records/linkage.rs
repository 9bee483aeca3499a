//! What a linkage authority keeps.

use symbolon_ccks::{LinkageSeed, Period, Time};
use symbolon_pseudonym::LinkageHandle;

/// The seed of one card, known by its handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkageSeedRecord {
    /// Says nothing of the card.
    pub handle: LinkageHandle,
    /// The period of the seed.
    pub period: Period,
    /// The seed of that period; those of earlier periods cannot be computed from it.
    pub seed: LinkageSeed,
    /// When the handle was first met.
    pub since: Time,
    /// Whether the seed was given away to be published; then it never changes again.
    pub published: bool,
}

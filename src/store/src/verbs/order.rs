//! The order in which things are told that units of work write side by side.
//!
//! Whoever reads on behind what he saw must miss nothing, so that nothing may ever appear behind what was told. Units of
//! work that go side by side become durable in any order; so what they write has its place in the order only when
//! somebody who asks for it has given it one. A store that runs one unit after another gives the places at once.

use symbolon_ccks::Name;

use super::Result;

/// Places in what is told.
pub trait Order {
    /// Whether there are uploads that [`Settlements::uploads`](super::Settlements::uploads) does not list yet.
    fn has_unlisted_uploads(&self) -> Result<bool>;
    /// Lists every upload that is durable. Waits for the units of work that keep one, and lets no other one begin
    /// with it meanwhile: a unit that does this does nothing else.
    fn list_uploads(&mut self) -> Result<()>;
    /// Whether an operator is to be told what has no number yet.
    fn has_unnumbered_routes(&self, operator: &Name) -> Result<bool>;
    /// Gives numbers to what an operator is to be told, the oldest first, a thousand at a time at most: behind all that
    /// have one. A unit that does this does nothing else.
    fn number_routes(&mut self, operator: &Name) -> Result<()>;
}

//! What is claimed: that the holder of a credential signed a message.

use crate::{AuthorityId, Credential, Hints, MAXIMUM_MESSAGE_PARTS, Purpose, Signature, Signer, signature::Statement};

/// That the holder of a credential signed a message for a purpose: one of many to be verified at once.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub(super) credential: &'a Credential,
    pub(super) purpose: Purpose,
    message: [&'a [u8]; MAXIMUM_MESSAGE_PARTS],
    pub(super) signature: &'a Signature,
    pub(super) hints: Option<&'a Hints>,
    pub(super) source: u32,
}

impl<'a> Claim<'a> {
    /// The claim that `signature` is by the holder of `credential`, over the concatenation of the parts of `message`.
    pub fn new<const PARTS: usize>(
        credential: &'a Credential,
        purpose: Purpose,
        message: [&'a [u8]; PARTS],
        signature: &'a Signature,
    ) -> Self {
        const { assert!(PARTS <= MAXIMUM_MESSAGE_PARTS) };
        let mut parts = [[].as_slice(); MAXIMUM_MESSAGE_PARTS];
        parts.iter_mut().zip(message).for_each(|(to, from)| *to = from);
        Self { credential, purpose, message: parts, signature, hints: None, source: 0 }
    }

    /// With what makes it quicker to verify.
    #[must_use]
    pub const fn with_hints(mut self, hints: Option<&'a Hints>) -> Self {
        self.hints = hints;
        self
    }

    /// With a number for where it comes from, an upload say: what a false claim costs is bounded for each source. Claims
    /// of one source should follow each other. Without it all come from one source.
    #[must_use]
    pub const fn from_source(mut self, source: u32) -> Self {
        self.source = source;
        self
    }

    /// Whose claim it is.
    pub const fn credential(&self) -> &'a Credential {
        self.credential
    }

    pub(super) const fn signer(&self) -> Signer<'a> {
        Signer::Credential(self.credential)
    }

    /// Gives the parts of what is hashed to c.
    pub(super) fn with_statement<R>(&self, authority_id: &AuthorityId, take: impl FnOnce(&[&[u8]]) -> R) -> R {
        let statement = Statement::new(authority_id.as_bytes(), &self.signer(), self.purpose, &self.message)
            .expect("a claim has no more parts than a message may have");
        take(&statement.challenge_parts(self.signature.commitment()))
    }

    /// All parts, of which the last may be empty.
    pub(super) const fn message(&self) -> &[&'a [u8]; MAXIMUM_MESSAGE_PARTS] {
        &self.message
    }
}

/// How much work the false claims of one source may cause before the rest of its claims are verified one by one.
///
/// A batch that fails is halved, where sources meet as long as it has several, and its halves are tried, until the false claims
/// are found. One false claim costs so about two more passes over its source; many of them more than verifying one
/// by one. `n` passes let the claims of a source be in at most `n` times as many places of equations as it has
/// claims, beyond those in which they all are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub(super) passes: u8,
}

impl Bound {
    /// A source in which something is false is verified one by one.
    pub const ONE_BY_ONE: Self = Self::passes(0);

    /// At most so many passes over a source, beyond the first.
    pub const fn passes(passes: u8) -> Self {
        Self { passes }
    }
}

impl Default for Bound {
    /// Four passes: enough to find a few false claims in any source.
    fn default() -> Self {
        Self::passes(4)
    }
}

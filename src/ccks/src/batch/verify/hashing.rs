//! The hashes of a batch: those of [`crate::hash`], many times over.
//!
//! A claim takes some 24 blocks of SHA-256. What all messages begin with is compressed once, messages are laid out with
//! their padding in memory that is used again, and digests stay words, as what follows wants them.

use super::order::{Order, Words};
use crate::{AuthorityId, Identity, Suite};
use alloc::vec::Vec;
use core::slice;
use sha2::block_api::compress256;

/// The state that SHA-256 begins with (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
/// Bytes of a block.
const BLOCK: usize = 64;

/// Messages that are hashed side by side, a block of each in turn: alone, a hash waits for itself.
pub(super) const SIDE_BY_SIDE: usize = 2;

/// Hashes to scalars under one tag, as [`crate::hash_to_scalar`] does.
pub(super) struct Expander {
    /// The state after Z_pad.
    start: [u32; 8],
    /// What follows a message: the length asked for, a zero, the tag with its length.
    suffix: Vec<u8>,
    messages: [Vec<u8>; SIDE_BY_SIDE],
    /// Room for 32 bytes, their index, the tag with its length, padding.
    frames: [[[u8; BLOCK]; 2]; SIDE_BY_SIDE],
}

/// 48 bytes as a number.
pub(super) struct Expanded {
    low: Words,
    high: Words,
}

impl Expanded {
    pub(super) fn residue(&self, order: &Order) -> Words {
        order.residue(&self.low, &self.high)
    }

    pub(super) fn residue_in_form(&self, order: &Order) -> Words {
        order.residue_in_form(&self.low, &self.high)
    }
}

impl Expander {
    /// For `purpose`, of at most 48 characters.
    pub(super) fn new<S: Suite>(purpose: &str) -> Self {
        let tag = ["SYMBOLON-V1-", S::NAME, "-", purpose].concat();
        let mut suffix = [0, 48, 0].to_vec();
        suffix.extend(tag.bytes());
        suffix.push(tag.len() as u8);
        let mut frame = [[0; BLOCK]; 2];
        let bytes = frame.as_flattened_mut();
        let tag = &suffix[3..];
        bytes[33..33 + tag.len()].copy_from_slice(tag);
        seal(bytes, 33 + tag.len(), 33 + tag.len());
        let mut start = START;
        compress256(&mut start, &[[0; BLOCK]]);
        Self { start, suffix, messages: Default::default(), frames: [frame; SIDE_BY_SIDE] }
    }

    /// Takes the concatenation of `parts` for the next message in this place, below [`SIDE_BY_SIDE`].
    pub(super) fn lay_out(&mut self, place: usize, parts: &[&[u8]]) {
        let message = &mut self.messages[place];
        message.clear();
        parts.iter().for_each(|part| message.extend_from_slice(part));
        message.extend_from_slice(&self.suffix);
        let length = message.len();
        message.resize((length + 9).next_multiple_of(BLOCK), 0);
        seal(message, length, BLOCK + length);
    }

    /// expand_message_xmd of the messages in all places. Where none was laid out, what comes of it means nothing.
    pub(super) fn expand(&mut self) -> [Expanded; SIDE_BY_SIDE] {
        let mut zeroth = [self.start; SIDE_BY_SIDE];
        compress_each(&mut zeroth, self.messages.each_ref().map(|message| message.as_chunks().0));
        let first = self.finish(&zeroth, 1);
        let mut mixed = zeroth;
        let words = mixed.as_flattened_mut().iter_mut().zip(first.as_flattened());
        words.for_each(|(word, other)| *word ^= other);
        let second = self.finish(&mixed, 2);
        core::array::from_fn(|place| {
            let [a, b, c, d] = pairs(&first[place]);
            let [e, f, ..] = pairs(&second[place]);
            Expanded { low: [f, e, d, c], high: [b, a, 0, 0] }
        })
    }

    fn finish(&mut self, digests: &[[u32; 8]; SIDE_BY_SIDE], index: u8) -> [[u32; 8]; SIDE_BY_SIDE] {
        for (frame, words) in self.frames.iter_mut().zip(digests) {
            let bytes = frame.as_flattened_mut();
            bytes[..32].copy_from_slice(&digest_bytes(words));
            bytes[32] = index;
        }
        let mut states = [START; SIDE_BY_SIDE];
        compress_each(&mut states, self.frames.each_ref().map(|frame| frame.as_slice()));
        states
    }
}

/// Compresses the blocks of each into its state.
fn compress_each(states: &mut [[u32; 8]; SIDE_BY_SIDE], messages: [&[[u8; BLOCK]]; SIDE_BY_SIDE]) {
    let longest = messages.iter().map(|blocks| blocks.len()).max().unwrap_or(0);
    for index in 0..longest {
        for (state, blocks) in states.iter_mut().zip(messages) {
            if let Some(block) = blocks.get(index) {
                compress256(state, slice::from_ref(block));
            }
        }
    }
}

/// Writes what follows a message of `length` bytes in blocks that end with it, given how many bytes were hashed in all.
fn seal(blocks: &mut [u8], length: usize, hashed: usize) {
    let end = blocks.len();
    blocks[length] = 0x80;
    blocks[length + 1..end - 8].fill(0);
    blocks[end - 8..].copy_from_slice(&(8 * hashed as u64).to_be_bytes());
}

/// A digest's words, two at a time, the most significant first.
fn pairs(words: &[u32; 8]) -> [u64; 4] {
    let [a, b, c, d, e, f, g, h] = words.map(u64::from);
    [a << 32 | b, c << 32 | d, e << 32 | f, g << 32 | h]
}

fn digest_bytes(words: &[u32; 8]) -> [u8; 32] {
    zerocopy::transmute!(words.map(u32::to_be_bytes))
}

/// Hashes identities to the digits that pick their points out of an authority's matrix.
pub(super) struct Indexer([[u8; BLOCK]; 2]);

impl Indexer {
    const PREFIX: &[u8; 17] = b"SYMBOLON-V1-INDEX";
    const IDENTITY: usize = Self::PREFIX.len() + 32;

    pub(super) fn new(id: &AuthorityId) -> Self {
        let mut blocks = [[0; BLOCK]; 2];
        let bytes = blocks.as_flattened_mut();
        bytes[..Self::PREFIX.len()].copy_from_slice(Self::PREFIX);
        bytes[Self::PREFIX.len()..Self::IDENTITY].copy_from_slice(id.as_bytes());
        let length = Self::IDENTITY + Identity::SIZE;
        seal(bytes, length, length);
        Self(blocks)
    }

    /// 64 digits of four bits, the first the most significant.
    pub(super) fn digits(&mut self, identity: &Identity) -> [u8; 32] {
        let bytes = self.0.as_flattened_mut();
        bytes[Self::IDENTITY..Self::IDENTITY + Identity::SIZE].copy_from_slice(identity.as_bytes());
        let mut state = START;
        compress256(&mut state, &self.0);
        digest_bytes(&state)
    }
}

/// SHA-256 of a long message that comes in parts.
pub(super) struct Transcript {
    state: [u32; 8],
    hashed: usize,
    pending: Vec<u8>,
}

impl Transcript {
    /// So many bytes are kept before they are compressed together.
    const ENOUGH: usize = 64 * BLOCK;

    pub(super) fn new() -> Self {
        Self { state: START, hashed: 0, pending: Vec::with_capacity(Self::ENOUGH + 4 * BLOCK) }
    }

    /// Takes a part that is not long.
    pub(super) fn add(&mut self, part: &[u8]) {
        self.pending.extend_from_slice(part);
        if self.pending.len() >= Self::ENOUGH {
            let (blocks, rest) = self.pending.as_chunks::<BLOCK>();
            compress256(&mut self.state, blocks);
            self.hashed += blocks.len() * BLOCK;
            let hashed = self.pending.len() - rest.len();
            self.pending.drain(..hashed);
        }
    }

    pub(super) fn finish(mut self) -> [u8; 32] {
        let length = self.pending.len();
        self.pending.resize((length + 9).next_multiple_of(BLOCK), 0);
        seal(&mut self.pending, length, self.hashed + length);
        compress256(&mut self.state, self.pending.as_chunks().0);
        digest_bytes(&self.state)
    }
}

/// The coefficients of an equation, from a secret and everything in it:
/// SHA-256("SYMBOLON-V1-BATCH" || secret || index || digest of everything), its first 16 bytes, and 1 for 0.
pub(super) struct Coefficients([[u8; BLOCK]; 2]);

impl Coefficients {
    const PREFIX: &[u8; 17] = b"SYMBOLON-V1-BATCH";
    const INDEX: usize = Self::PREFIX.len() + 32;

    pub(super) fn new(secret: &[u8; 32], everything: &[u8; 32]) -> Self {
        let mut blocks = [[0; BLOCK]; 2];
        let bytes = blocks.as_flattened_mut();
        bytes[..Self::PREFIX.len()].copy_from_slice(Self::PREFIX);
        bytes[Self::PREFIX.len()..Self::INDEX].copy_from_slice(secret);
        bytes[Self::INDEX + 4..Self::INDEX + 36].copy_from_slice(everything);
        seal(bytes, Self::INDEX + 36, Self::INDEX + 36);
        Self(blocks)
    }

    pub(super) fn at(&mut self, index: u32) -> u128 {
        self.0.as_flattened_mut()[Self::INDEX..Self::INDEX + 4].copy_from_slice(&index.to_be_bytes());
        let mut state = START;
        compress256(&mut state, &self.0);
        let [high, low, ..] = pairs(&state);
        (u128::from(high) << 64 | u128::from(low)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, Sectors, Subject, Time};
    use crate::{IdentityFields, P256, Secp256k1, hash::sha256, hash_to_scalar};
    use std::vec;

    fn hashes_to_the_same_scalars<S: Suite>() {
        let bytes = (0..=255).collect::<Vec<u8>>();
        for purpose in ["CREDENTIAL", "SIGNATURE"] {
            let mut expander = Expander::new::<S>(purpose);
            // A long message before short ones: nothing of it may stay. Beside each another one, of another length.
            for length in (0..=256).rev() {
                let messages = core::array::from_fn::<_, SIDE_BY_SIDE, _>(|place| {
                    let (message, rest) = bytes.split_at((length + 100 * place) % 257);
                    [message, &rest[..rest.len().min(3)]]
                });
                messages.iter().enumerate().for_each(|(place, parts)| expander.lay_out(place, parts));
                for (expanded, parts) in expander.expand().iter().zip(&messages) {
                    let residue = expanded.residue(&S::ORDER);
                    let scalar = S::encode_scalar(&hash_to_scalar::<S>(purpose, parts));
                    assert_eq!(super::super::order::bytes(&residue), scalar, "{purpose} {parts:?}");
                    let one = [1, 0, 0, 0];
                    assert_eq!(S::ORDER.product(&one, &expanded.residue_in_form(&S::ORDER)), residue);
                }
            }
        }
    }

    #[test]
    fn p256_hashes_to_the_same_scalars() {
        hashes_to_the_same_scalars::<P256>();
    }

    #[test]
    fn secp256k1_hashes_to_the_same_scalars() {
        hashes_to_the_same_scalars::<Secp256k1>();
    }

    #[test]
    fn identities_hash_to_the_same_digits() {
        let id = AuthorityId::from_bytes([7; 32]);
        let mut indexer = Indexer::new(&id);
        for subject in 0..3 {
            let identity = Identity::new(IdentityFields {
                suite: crate::SuiteId::P256Sha256,
                class: Class::Card,
                sectors: Sectors::ALL,
                authority_prefix: id.prefix(),
                subject: Subject::from_bytes([subject; 16]),
                not_before: Time::new(1).unwrap(),
                not_after: Time::new(2).unwrap(),
                spend_limit: 1,
                budget: 1,
                currency: 156,
                tariff: 0,
            });
            let identity = identity.unwrap();
            let expected = sha256(&[b"SYMBOLON-V1-INDEX", id.as_bytes(), identity.as_bytes()]);
            assert_eq!(indexer.digits(&identity), expected);
        }
    }

    #[test]
    fn a_transcript_is_a_digest_of_its_parts() {
        for (part, times) in [(0, 0), (1, 1), (55, 1), (56, 1), (64, 1), (186, 23), (186, 70), (64, 64), (4_096, 3)] {
            let mut transcript = Transcript::new();
            let parts = (0..times).map(|index: u8| vec![index; part]).collect::<Vec<_>>();
            parts.iter().for_each(|part| transcript.add(part));
            assert_eq!(transcript.finish(), sha256(&[&parts.concat()]), "{part} {times}");
        }
    }

    #[test]
    fn a_coefficient_is_half_of_a_digest() {
        let mut coefficients = Coefficients::new(&[3; 32], &[4; 32]);
        for index in [0, 1, u32::MAX] {
            let digest = sha256(&[b"SYMBOLON-V1-BATCH", &[3; 32], &index.to_be_bytes(), &[4; 32]]);
            assert_eq!(coefficients.at(index).to_be_bytes(), digest[..16]);
        }
    }
}

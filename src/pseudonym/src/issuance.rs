//! What is published about pseudonyms: everyone has the same, signed in the trust bundle.

use alloc::vec::Vec;

use crate::{Profile, ProfileId, SealingKey};
use symbolon_ccks::{Identity, Malformed, PeriodBoundary};

const STRUCTURE: &str = "issuance parameters";
const VERSION: u8 = 1;
const HEAD: usize = 8 + 32;

/// How pseudonyms are issued: version 1 | profiles u8 | per period u16 | period boundary u32 | issuer's X25519 key 32 |
/// profiles of 16 bytes, in strictly ascending order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    boundary: PeriodBoundary,
    per_period: u16,
    issuer_key: SealingKey,
    profiles: Vec<Profile>,
}

impl Issuance {
    /// The most profiles that can be published.
    pub const MAX_PROFILES: usize = 64;

    /// Puts the parameters together; `per_period` is how many pseudonyms a card gets in one period at most.
    ///
    /// # Errors
    /// [`Malformed`] without a profile, with more than 64, with a number twice or out of order, or when a card gets none.
    pub fn new(
        boundary: PeriodBoundary,
        per_period: u16,
        issuer_key: SealingKey,
        profiles: Vec<Profile>,
    ) -> Result<Self, Malformed> {
        if profiles.is_empty() || profiles.len() > Self::MAX_PROFILES {
            return Err(Malformed::new(STRUCTURE, "not 1 to 64 profiles"));
        }
        if !profiles.is_sorted_by(|earlier, later| earlier.id() < later.id()) {
            return Err(Malformed::new(STRUCTURE, "the profiles' numbers do not ascend"));
        }
        if per_period == 0 {
            return Err(Malformed::new(STRUCTURE, "no pseudonym a period"));
        }
        Ok(Self { boundary, per_period, issuer_key, profiles })
    }

    /// Reads the parameters.
    ///
    /// # Errors
    /// [`Malformed`] for anything that [`Self::encode`] would not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const WRONG_LENGTH: Malformed = Malformed::new(STRUCTURE, "wrong length");
        let (head, profiles) = bytes.split_first_chunk::<HEAD>().ok_or(WRONG_LENGTH)?;
        let (numbers, key) = head.split_at(8);
        let &[version, count, p1, p0, b3, b2, b1, b0] = numbers else { return Err(WRONG_LENGTH) };
        if version != VERSION {
            return Err(Malformed::new(STRUCTURE, "unknown version"));
        }
        if profiles.len() != usize::from(count) * Profile::SIZE {
            return Err(WRONG_LENGTH);
        }
        let key = key.try_into().map_err(|_| WRONG_LENGTH)?;
        let profiles = profiles.chunks_exact(Profile::SIZE).map(|bytes| Profile::parse(bytes).copied());
        let boundary = PeriodBoundary::new(u32::from_be_bytes([b3, b2, b1, b0]))?;
        let per_period = u16::from_be_bytes([p1, p0]);
        Self::new(boundary, per_period, SealingKey::from_bytes(key), profiles.collect::<Result<_, _>>()?)
    }

    /// The parameters' bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.profiles.len() * Profile::SIZE);
        // At most 64, as `new` has checked.
        bytes.extend([VERSION, self.profiles.len() as u8]);
        bytes.extend(self.per_period.to_be_bytes());
        bytes.extend(self.boundary.seconds().to_be_bytes());
        bytes.extend(self.issuer_key.as_bytes());
        self.profiles.iter().for_each(|profile| bytes.extend(profile.as_bytes()));
        bytes
    }

    /// Where periods begin.
    pub fn boundary(&self) -> PeriodBoundary {
        self.boundary
    }

    /// How many pseudonyms a card gets in one period at most.
    pub fn per_period(&self) -> u16 {
        self.per_period
    }

    /// What items are sealed to.
    pub fn issuer_key(&self) -> &SealingKey {
        &self.issuer_key
    }

    /// The profiles, in ascending order of their numbers.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The profile of this number.
    pub fn profile(&self, id: ProfileId) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id() == id)
    }

    /// The profile that a card of this identity gets pseudonyms of, as attester and wallet both find it: of those that
    /// [fit](Profile::fits) the one that pays for most sectors, of several the first.
    pub fn profile_for(&self, card: &Identity) -> Option<&Profile> {
        // Of equals `max_by_key` gives the last, so that the list is walked from its end.
        let fitting = self.profiles.iter().rev().filter(|profile| profile.fits(card));
        fitting.max_by_key(|profile| profile.sectors().bits().count_ones())
    }
}

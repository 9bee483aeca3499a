//! What a wallet asks the attester, all of it signed by the card (purpose 8).

use alloc::vec::Vec;

use symbolon_ccks::{Malformed, Period};

use crate::{Commitment, ItemChallenge, SealedItem};

const STRUCTURE: &str = "pseudonym request";
const VERSION: u8 = 1;
const HEAD: usize = 1 + 1 + 2 + 4 + 32;
const ITEM: usize = 32 + SealedItem::SIZE;

/// One pseudonym asked for, 234 bytes: commitment 32 | sealed item 202.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestItem {
    /// The commitment to U.
    pub commitment: Commitment,
    /// The item, for the issuer alone.
    pub sealed: SealedItem,
}

/// The body of a request: version 1 | zero | count u16 | period u32 | challenge 32 | items of 234 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBody {
    period: Period,
    challenge: [u8; 32],
    items: Vec<RequestItem>,
}

impl RequestBody {
    /// The method that the card signs.
    pub const METHOD: &'static str = "/symbolon.v1.PseudonymService/RequestPseudonyms";

    /// The most pseudonyms in one request.
    pub const MAX_ITEMS: usize = 256;

    /// Asks for these items of `period`, under the attester's `challenge`.
    ///
    /// # Errors
    /// [`Malformed`] without an item, with more than 256, or with two of one commitment.
    pub fn new(period: Period, challenge: [u8; 32], items: Vec<RequestItem>) -> Result<Self, Malformed> {
        if items.is_empty() || items.len() > Self::MAX_ITEMS {
            return Err(Malformed::new(STRUCTURE, "not 1 to 256 items"));
        }
        let mut commitments = items.iter().map(|item| item.commitment).collect::<Vec<_>>();
        commitments.sort_unstable();
        if !commitments.is_sorted_by(|earlier, later| earlier < later) {
            return Err(Malformed::new(STRUCTURE, "two items have one commitment"));
        }
        Ok(Self { period, challenge, items })
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`Malformed`] for anything that [`Self::encode`] would not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const WRONG_LENGTH: Malformed = Malformed::new(STRUCTURE, "wrong length");
        let (head, items) = bytes.split_first_chunk::<HEAD>().ok_or(WRONG_LENGTH)?;
        let (numbers, challenge) = head.split_at(8);
        let &[version, zero, c1, c0, p3, p2, p1, p0] = numbers else { return Err(WRONG_LENGTH) };
        if version != VERSION {
            return Err(Malformed::new(STRUCTURE, "unknown version"));
        }
        if zero != 0 {
            return Err(Malformed::new(STRUCTURE, "a zero byte is not zero"));
        }
        if items.len() != usize::from(u16::from_be_bytes([c1, c0])) * ITEM {
            return Err(WRONG_LENGTH);
        }
        let items = items.chunks_exact(ITEM).map(|item| {
            let (commitment, sealed) = item.split_first_chunk::<32>().ok_or(WRONG_LENGTH)?;
            Ok(RequestItem { commitment: Commitment::from_bytes(*commitment), sealed: SealedItem::parse(sealed)? })
        });
        let challenge = challenge.try_into().map_err(|_| WRONG_LENGTH)?;
        Self::new(Period::new(u32::from_be_bytes([p3, p2, p1, p0]))?, challenge, items.collect::<Result<_, _>>()?)
    }

    /// The exact bytes that are signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.items.len() * ITEM);
        bytes.extend([VERSION, 0]);
        // At most 256, as `new` has checked.
        bytes.extend((self.items.len() as u16).to_be_bytes());
        bytes.extend(self.period.number().to_be_bytes());
        bytes.extend(self.challenge);
        for item in &self.items {
            bytes.extend(item.commitment.as_bytes());
            bytes.extend(item.sealed.as_bytes());
        }
        bytes
    }

    /// The period that pseudonyms are asked for.
    pub fn period(&self) -> Period {
        self.period
    }

    /// The attester's challenge.
    pub fn challenge(&self) -> &[u8; 32] {
        &self.challenge
    }

    /// The items, in order.
    pub fn items(&self) -> &[RequestItem] {
        &self.items
    }

    /// The challenge of the item at this place.
    pub fn item_challenge(&self, j: u32) -> ItemChallenge {
        ItemChallenge::of(&self.challenge, j)
    }
}

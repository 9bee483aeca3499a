//! The provisioning block: bytes, big-endian, which lie where the device reads them in place.
//!
//! | offset | bytes | |
//! | --- | --- | --- |
//! | 0 | 8 | "SYMBPROV" |
//! | 8 | 1 | version 2 |
//! | 9 | 1 | flags: bit 0 says every step, bit 1 accepts taps without a trust bundle, bit 2 has the authority's own key, bit 3 has a next key |
//! | 10 | 1 | what is asked by default: 0 nothing, 1 to 5 the number of a kind, 255 a voucher |
//! | 11 | 1 | its sector |
//! | 12 | 4 | its amount, minor units |
//! | 16 | 16 | its reference |
//! | 32 | 8 | the clock at the first start, seconds since 1970; 0: the host's clock |
//! | 40 | 4 | milliseconds from one call for a card to the next |
//! | 44 | 4 | milliseconds that a card may take for an answer |
//! | 48 | 32 | the seed of the device's random numbers |
//! | 80 | 32 | the terminal's secret key d |
//! | 112 | 89 | the terminal's credential |
//! | 201 | 1 | zero |
//! | 202 | 2 | how many power cuts follow, at most 64 |
//! | 204 | 32 | the authority id that the terminal trusts |
//! | 236 | 4 | length of the prepared authority parameters |
//! | 240 | 64 | the authority's own institution key, both coordinates, believed as the id is |
//! | 304 | 32 | the terminal's secret key under the successor of the authority |
//! | 336 | 89 | the terminal's credential under the successor |
//! | 425 | 7 | zero |
//! | 432 | 512 | power cuts, 8 bytes each |
//! | 944 | | the prepared authority parameters |

/// What the block begins with.
const MAGIC: &[u8; 8] = b"SYMBPROV";
const VERSION: u8 = 2;
const CUTS_OFFSET: usize = 432;
const PARAMETERS_OFFSET: usize = CUTS_OFFSET + MAXIMUM_CUTS * Cut::SIZE;
/// Every step of a tap is told by semihosting.
const SAYS_STEPS: u8 = 1;
/// Taps are accepted without a trust bundle.
const NEEDS_NO_BUNDLE: u8 = 2;
/// The authority's own key is there.
const HAS_OWN_KEY: u8 = 4;
/// A key under the successor is there.
const HAS_NEXT_KEY: u8 = 8;

/// The most power cuts that one block foresees.
pub const MAXIMUM_CUTS: usize = 64;

/// What a terminal asks of every card while nobody told it otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing, until the service port says what.
    Nothing,
    /// A transaction: the number of its kind, its sector's bit, the amount in minor units, the operator's reference.
    Tap {
        /// The kind's number on the wire.
        kind: u8,
        /// The sector's bit.
        sector: u8,
        /// Minor units.
        amount: u32,
        /// The operator's own: a station, a meter.
        reference: [u8; 16],
    },
    /// A voucher for this meter.
    Voucher,
}

/// The terminal's key under the authority that follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NextKey {
    /// The terminal's credential under it, 89 bytes.
    pub credential: [u8; 89],
    /// The secret key.
    pub secret: [u8; 32],
}

impl core::fmt::Debug for NextKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("NextKey").finish_non_exhaustive()
    }
}

/// A power cut: after how many operations on the flash since the device started, and how that one is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Operations that are still done whole.
    pub operations: u32,
    /// Whether `value` is a prefix of the operation's bytes, or else the seed of a subset of them.
    pub is_prefix: bool,
    /// How long a prefix, or which subset.
    pub value: u16,
}

impl Cut {
    const SIZE: usize = 8;

    fn read(bytes: [u8; Self::SIZE]) -> Self {
        let [o0, o1, o2, o3, is_prefix, _, v0, v1] = bytes;
        Self {
            operations: u32::from_be_bytes([o0, o1, o2, o3]),
            is_prefix: is_prefix != 0,
            value: u16::from_be_bytes([v0, v1]),
        }
    }

    #[cfg(feature = "std")]
    fn bytes(self) -> [u8; Self::SIZE] {
        let [o0, o1, o2, o3] = self.operations.to_be_bytes();
        let [v0, v1] = self.value.to_be_bytes();
        [o0, o1, o2, o3, u8::from(self.is_prefix), 0, v0, v1]
    }
}

/// The block, read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    bytes: &'a [u8],
    head: &'a [u8; CUTS_OFFSET],
}

impl<'a> Block<'a> {
    /// Looks at memory that begins with a block; `None` when it does not.
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.first_chunk::<CUTS_OFFSET>()?;
        (head.starts_with(MAGIC) && head.get(8) == Some(&VERSION)).then_some(Self { bytes, head })
    }

    /// Whether every step of a tap is told by semihosting.
    pub fn says_steps(&self) -> bool {
        self.byte(9) & SAYS_STEPS != 0
    }

    /// Whether taps are accepted without a trust bundle.
    pub fn needs_no_bundle(&self) -> bool {
        self.byte(9) & NEEDS_NO_BUNDLE != 0
    }

    /// What the terminal asks of every card while nobody told it otherwise.
    pub fn asks(&self) -> Asks {
        match self.byte(10) {
            0 => Asks::Nothing,
            u8::MAX => Asks::Voucher,
            kind => Asks::Tap { kind, sector: self.byte(11), amount: self.number(12), reference: self.array(16) },
        }
    }

    /// The clock at the first start, seconds since 1970; `None` when the host's clock is the terminal's.
    pub fn first_time(&self) -> Option<u64> {
        Some(u64::from_be_bytes(self.array(32))).filter(|seconds| *seconds != 0)
    }

    /// Milliseconds from one call for a card to the next.
    pub fn poll_milliseconds(&self) -> u32 {
        self.number(40)
    }

    /// Milliseconds that a card may take for an answer.
    pub fn patience_milliseconds(&self) -> u32 {
        self.number(44)
    }

    /// The seed of the device's random numbers. A real device has a source of its own.
    pub fn seed(&self) -> [u8; 32] {
        self.array(48)
    }

    /// The terminal's secret key.
    pub fn secret(&self) -> [u8; 32] {
        self.array(80)
    }

    /// The terminal's credential, 89 bytes.
    pub fn credential(&self) -> [u8; 89] {
        self.array(112)
    }

    /// The authority id that the terminal trusts.
    pub fn authority_id(&self) -> [u8; 32] {
        self.array(204)
    }

    /// The key of the institution that is called like the authority, if the maker has computed it; else the device does,
    /// at each start.
    pub fn own_key(&self) -> Option<[u8; 64]> {
        (self.byte(9) & HAS_OWN_KEY != 0).then(|| self.array(240))
    }

    /// The terminal's key under the authority that follows, if it has one.
    pub fn next_key(&self) -> Option<NextKey> {
        let has_one = self.byte(9) & HAS_NEXT_KEY != 0;
        has_one.then(|| NextKey { credential: self.array(336), secret: self.array(304) })
    }

    /// The prepared authority parameters; `None` when the memory ends before they do.
    pub fn parameters(&self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(236)).ok()?;
        self.bytes.get(PARAMETERS_OFFSET..)?.get(..length)
    }

    /// The power cut that comes after `before` others.
    pub fn cut(&self, before: u32) -> Option<Cut> {
        let index = usize::try_from(before).ok()?;
        let [high, low] = self.array(202);
        if index >= usize::from(u16::from_be_bytes([high, low])).min(MAXIMUM_CUTS) {
            return None;
        }
        let cut = self.bytes.get(CUTS_OFFSET.checked_add(index.checked_mul(Cut::SIZE)?)?..)?;
        cut.first_chunk().copied().map(Cut::read)
    }

    fn byte(&self, offset: usize) -> u8 {
        self.head.get(offset).copied().unwrap_or_default()
    }

    fn number(&self, offset: usize) -> u32 {
        u32::from_be_bytes(self.array(offset))
    }

    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        self.head.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }
}

/// What a block is made of.
#[cfg(feature = "std")]
#[derive(Clone)]
pub struct Provisioning {
    /// Whether every step of a tap is told by semihosting.
    pub says_steps: bool,
    /// Whether taps are accepted without a trust bundle.
    pub needs_no_bundle: bool,
    /// What the terminal asks of every card.
    pub asks: Asks,
    /// The clock at the first start; `None` for the host's clock.
    pub first_time: Option<u64>,
    /// Milliseconds from one call for a card to the next.
    pub poll_milliseconds: u32,
    /// Milliseconds that a card may take for an answer.
    pub patience_milliseconds: u32,
    /// The seed of the device's random numbers.
    pub seed: [u8; 32],
    /// The terminal's secret key.
    pub secret: [u8; 32],
    /// The terminal's credential.
    pub credential: [u8; 89],
    /// The authority id that the terminal trusts.
    pub authority_id: [u8; 32],
    /// The authority's own institution key; `None` leaves it to the device to compute it at each start.
    pub own_key: Option<[u8; 64]>,
    /// The terminal's key under the authority that follows.
    pub next_key: Option<NextKey>,
    /// The prepared authority parameters.
    pub parameters: std::vec::Vec<u8>,
    /// The power cuts, one after each start; those beyond [`MAXIMUM_CUTS`] are left out.
    pub cuts: std::vec::Vec<Cut>,
}

#[cfg(feature = "std")]
impl Provisioning {
    /// The bytes of the block.
    pub fn encode(&self) -> std::vec::Vec<u8> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.says_steps, SAYS_STEPS)
            | flag(self.needs_no_bundle, NEEDS_NO_BUNDLE)
            | flag(self.own_key.is_some(), HAS_OWN_KEY)
            | flag(self.next_key.is_some(), HAS_NEXT_KEY);
        let next_key = self.next_key.unwrap_or(NextKey { credential: [0; 89], secret: [0; 32] });
        let (kind, sector, amount, reference) = match self.asks {
            Asks::Nothing => (0, 0, 0, [0; 16]),
            Asks::Tap { kind, sector, amount, reference } => (kind, sector, amount, reference),
            Asks::Voucher => (u8::MAX, 0, 0, [0; 16]),
        };
        let cuts = self.cuts.get(..MAXIMUM_CUTS).unwrap_or(&self.cuts);
        let mut bytes = std::vec::Vec::with_capacity(PARAMETERS_OFFSET + self.parameters.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, flags, kind, sector]);
        bytes.extend_from_slice(&amount.to_be_bytes());
        bytes.extend_from_slice(&reference);
        bytes.extend_from_slice(&self.first_time.unwrap_or_default().to_be_bytes());
        bytes.extend_from_slice(&self.poll_milliseconds.to_be_bytes());
        bytes.extend_from_slice(&self.patience_milliseconds.to_be_bytes());
        bytes.extend_from_slice(&self.seed);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.credential);
        bytes.push(0);
        bytes.extend_from_slice(&(cuts.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&self.authority_id);
        bytes.extend_from_slice(&(self.parameters.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&self.own_key.unwrap_or([0; 64]));
        bytes.extend_from_slice(&next_key.secret);
        bytes.extend_from_slice(&next_key.credential);
        bytes.resize(CUTS_OFFSET, 0);
        for cut in cuts {
            bytes.extend_from_slice(&cut.bytes());
        }
        bytes.resize(PARAMETERS_OFFSET, 0);
        bytes.extend_from_slice(&self.parameters);
        bytes
    }
}

#[cfg(feature = "std")]
impl core::fmt::Debug for Provisioning {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Provisioning").field("asks", &self.asks).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::{Asks, Block, Cut, MAXIMUM_CUTS, NextKey, Provisioning};
    use std::{vec, vec::Vec};

    #[test]
    fn a_device_reads_what_the_maker_wrote() {
        let cut = |index: usize| Cut {
            operations: index as u32 * 7,
            is_prefix: index.is_multiple_of(2),
            value: index as u16,
        };
        let asks = Asks::Tap { kind: 2, sector: 4, amount: 300, reference: [9; 16] };
        let made = Provisioning {
            says_steps: true,
            needs_no_bundle: false,
            asks,
            first_time: Some(1_800_000_000),
            poll_milliseconds: 250,
            patience_milliseconds: 2_000,
            seed: [1; 32],
            secret: [2; 32],
            credential: [3; 89],
            authority_id: [4; 32],
            own_key: Some([6; 64]),
            next_key: Some(NextKey { credential: [7; 89], secret: [8; 32] }),
            parameters: vec![5; 1_000],
            cuts: (0..100).map(cut).collect(),
        };
        let bytes = made.encode();
        let block = Block::open(&bytes).expect("a block just made is one");
        assert!(block.says_steps() && !block.needs_no_bundle());
        assert_eq!(block.asks(), asks);
        assert_eq!(block.first_time(), Some(1_800_000_000));
        assert_eq!((block.poll_milliseconds(), block.patience_milliseconds()), (250, 2_000));
        assert_eq!((block.seed(), block.secret(), block.credential()), ([1; 32], [2; 32], [3; 89]));
        assert_eq!(block.authority_id(), [4; 32]);
        assert_eq!((block.own_key(), block.next_key()), (made.own_key, made.next_key));
        assert_eq!(block.parameters(), Some([5; 1_000].as_slice()));
        let cuts = (0..).map_while(|before| block.cut(before)).collect::<Vec<_>>();
        assert_eq!(cuts, (0..MAXIMUM_CUTS).map(cut).collect::<Vec<_>>());

        for (asks, first_time) in [(Asks::Nothing, None), (Asks::Voucher, Some(7))] {
            let bytes =
                Provisioning { asks, first_time, own_key: None, next_key: None, cuts: Vec::new(), ..made.clone() };
            let bytes = bytes.encode();
            let block = Block::open(&bytes).expect("a block just made is one");
            assert_eq!((block.asks(), block.first_time(), block.cut(0)), (asks, first_time, None));
            assert_eq!((block.own_key(), block.next_key()), (None, None));
        }
    }

    #[test]
    fn memory_without_a_block_is_none() {
        assert!(Block::open(&[0xff; 4_096]).is_none());
        assert!(Block::open(b"SYMBPROV").is_none());
    }
}

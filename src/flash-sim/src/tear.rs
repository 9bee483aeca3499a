//! What an operation leaves behind when the power fails in the middle of it.

/// How many seeded subsets of an operation's bytes there are.
pub const SUBSETS: u8 = 16;

/// An operation that changes the flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Programming this many bytes from an offset on.
    Program {
        /// Where they begin.
        offset: u32,
        /// How many there are.
        length: usize,
    },
    /// Erasing one page.
    Erase {
        /// Where it begins.
        offset: u32,
    },
}

/// What an operation leaves behind when the power fails in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// As many bytes from the first on were programmed, or erased, and the others not at all.
    Prefix(usize),
    /// Some bytes were, as the seed picks them, below [`SUBSETS`]. Of an erased page, seeds from 8 on leave single bits
    /// behind: each of its programmed bits may or may not be set.
    Subset(u8),
}

impl Tear {
    /// Every way in which programming `length` bytes can be torn: each prefix, the whole aside, and each subset.
    pub fn of_program(length: usize) -> impl Iterator<Item = Self> {
        (0..length).map(Self::Prefix).chain((0..SUBSETS).map(Self::Subset))
    }

    /// Ways in which erasing a page can be torn: not begun, some prefixes, and each subset.
    pub fn of_erase(page_size: usize) -> impl Iterator<Item = Self> {
        let prefixes = (0..8).map(move |eighth| Self::Prefix(page_size / 8 * eighth));
        prefixes.chain((0..SUBSETS).map(Self::Subset))
    }

    /// The byte at `index` of a program operation, which was `before` and was to get `programmed`.
    pub(crate) fn program(self, offset: u32, index: usize, before: u8, programmed: u8) -> u8 {
        let done = match self {
            Self::Prefix(length) => index < length,
            Self::Subset(seed) => picks(seed, offset, index) & 1 == 0,
        };
        if done { programmed } else { before }
    }

    /// The byte at `index` of a page that was to be erased, which was `before`.
    pub(crate) fn erase(self, offset: u32, index: usize, before: u8) -> u8 {
        match self {
            Self::Prefix(length) if index < length => 0xff,
            Self::Prefix(_) => before,
            Self::Subset(seed @ 0..8) if picks(seed, offset, index) & 1 == 0 => 0xff,
            Self::Subset(0..8) => before,
            Self::Subset(seed) => {
                let [bits, ..] = picks(seed, offset, index).to_le_bytes();
                before | bits
            }
        }
    }
}

/// Random bits for a byte, from the seed and where it lies: Steele, Lea and Flood's SplitMix64, which is plenty for a
/// test.
fn picks(seed: u8, offset: u32, index: usize) -> u64 {
    let place = u64::from(offset).wrapping_add(index as u64);
    let mut bits = (u64::from(seed) << 40 | place).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

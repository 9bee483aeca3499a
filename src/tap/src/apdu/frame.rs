//! Frames, which carry commands and responses on a serial line: length, bytes, checksum.

use super::MAX_COMMAND;

/// The most bytes that a frame carries: those of the longest command, which is longer than any response.
pub const MAX_FRAME: usize = MAX_COMMAND;

/// The bytes of a frame besides what it carries: two before and two after.
const AROUND: usize = 4;

/// The most bytes of a frame in all.
pub const MAX_FRAMED: usize = MAX_FRAME + AROUND;

/// CRC-16 with the polynomial 0x1021, from 0xFFFF on, nothing reflected or inverted (CRC-16/IBM-3740, also called
/// CCITT-FALSE): 0x29B1 of the digits 1 to 9.
pub fn checksum<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u16 {
    bytes.into_iter().fold(0xffff, |remainder, byte| {
        (0..8).fold(remainder ^ (u16::from(*byte) << 8), |remainder, _| {
            if remainder & 0x8000 == 0 { remainder << 1 } else { (remainder << 1) ^ 0x1021 }
        })
    })
}

/// Writes the frame of these bytes to the beginning of `into` and says how long it is; `None` when they are none, or too
/// many.
pub fn write_frame(bytes: &[u8], into: &mut [u8; MAX_FRAMED]) -> Option<usize> {
    let length = u16::try_from(bytes.len()).ok().filter(|_| (1..=MAX_FRAME).contains(&bytes.len()))?.to_be_bytes();
    let checksum = checksum(length.iter().chain(bytes)).to_be_bytes();
    let framed = length.iter().chain(bytes).chain(&checksum);
    Some(into.iter_mut().zip(framed).map(|(place, byte)| *place = *byte).count())
}

/// Finds frames in what comes over a line, byte by byte.
///
/// What is no frame is dropped from its first byte on, one at a time, until what is left may be the beginning of one: a
/// frame that follows noise or a cut one is found.
#[derive(Clone, Debug)]
pub struct FrameReader {
    waiting: [u8; MAX_FRAMED],
    length: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameReader {
    /// Waits for a frame.
    pub const fn new() -> Self {
        Self { waiting: [0; MAX_FRAMED], length: 0 }
    }

    /// Takes the next byte of the line. After it [`Self::take`] is called until it gives `None`.
    pub fn push(&mut self, byte: u8) {
        self.drop_what_is_no_frame();
        // There is room: what waits is a beginning, so shorter than a frame may be.
        if let Some(place) = self.waiting.get_mut(self.length) {
            *place = byte;
            self.length = self.length.saturating_add(1);
        }
    }

    /// Gives what the next frame carries, if a whole one is there: writes it to the beginning of `into` and says how long
    /// it is.
    pub fn take(&mut self, into: &mut [u8; MAX_FRAME]) -> Option<usize> {
        self.drop_what_is_no_frame();
        let carried = self.carried()?;
        let carried_length = carried.len();
        into.iter_mut().zip(carried).for_each(|(place, byte)| *place = *byte);
        self.drop_first(carried_length.saturating_add(AROUND));
        Some(carried_length)
    }

    /// Says that the line fell silent: what waits becomes no frame any more, unless a whole one is in it, which
    /// [`Self::take`] then gives. Whoever took one says it again, as another may follow.
    pub fn silence(&mut self) {
        while self.length > 0 && self.carried().is_none() {
            self.drop_first(1);
        }
    }

    /// Drops bytes until what waits is a whole frame, may become one, or is nothing.
    fn drop_what_is_no_frame(&mut self) {
        while self.length > 0 && !self.may_become_frame() && self.carried().is_none() {
            self.drop_first(1);
        }
    }

    /// Whether a whole frame is not there yet, and what is there does not speak against one.
    fn may_become_frame(&self) -> bool {
        match self.waiting() {
            [] => true,
            [high] => usize::from(*high) <= MAX_FRAME >> 8,
            [high, low, ..] => {
                let carried = usize::from(u16::from_be_bytes([*high, *low]));
                (1..=MAX_FRAME).contains(&carried) && self.length < carried.saturating_add(AROUND)
            }
        }
    }

    /// What the frame carries with which the waiting bytes begin, if they do.
    fn carried(&self) -> Option<&[u8]> {
        let (length, rest) = self.waiting().split_first_chunk()?;
        let carried = usize::from(u16::from_be_bytes(*length));
        if !(1..=MAX_FRAME).contains(&carried) {
            return None;
        }
        let (carried, rest) = rest.split_at_checked(carried)?;
        let (expected, _) = rest.split_first_chunk()?;
        (checksum(length.iter().chain(carried)).to_be_bytes() == *expected).then_some(carried)
    }

    fn waiting(&self) -> &[u8] {
        self.waiting.get(..self.length).unwrap_or_default()
    }

    fn drop_first(&mut self, count: usize) {
        let left = self.length.saturating_sub(count);
        for index in 0..left {
            let byte = self.waiting.get(index.saturating_add(count)).copied().unwrap_or_default();
            if let Some(place) = self.waiting.get_mut(index) {
                *place = byte;
            }
        }
        self.length = left;
    }
}

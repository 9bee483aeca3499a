//! Programs that change bytes: what a fuzzer's input is taken for where a valid structure is the starting point.
//!
//! An input of random bytes would never get past a signature or a digest. Here it is a list of small changes instead,
//! four bytes each: what to do, where, and with which value.

/// Bytes of one step.
const STEP_SIZE: usize = 4;
/// The most steps that are followed.
const MAXIMUM_STEPS: usize = 64;

/// A list of changes.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    steps: &'a [[u8; STEP_SIZE]],
}

impl<'a> Program<'a> {
    /// Takes the whole steps in `bytes`, up to [`MAXIMUM_STEPS`].
    pub fn new(bytes: &'a [u8]) -> Self {
        let (steps, _) = bytes.as_chunks::<STEP_SIZE>();
        Self { steps: &steps[..steps.len().min(MAXIMUM_STEPS)] }
    }

    /// Follows the steps; `others` are valid structures of the same kind, out of which one splices.
    pub fn apply(&self, bytes: &mut Vec<u8>, others: &[&[u8]]) {
        for [operation, high, low, value] in self.steps.iter().copied() {
            if bytes.is_empty() {
                return;
            }
            let length = bytes.len();
            let at = usize::from(u16::from_be_bytes([high, low])) % length;
            match operation % 8 {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => bytes.swap(at, usize::from(value) % length),
                3 => bytes.truncate(at),
                4 => bytes.push(value),
                5 => bytes[at] = bytes[at].wrapping_add(value),
                6 => splice(bytes, at, operation, value, others),
                _ => bytes[at..(at + usize::from(value)).min(length)].reverse(),
            }
        }
    }
}

/// Copies up to `value` bytes from the same place of another structure.
fn splice(bytes: &mut [u8], at: usize, operation: u8, value: u8, others: &[&[u8]]) {
    let Some(other) = others.get(usize::from(operation / 8) % others.len().max(1)) else {
        return;
    };
    let end = (at + usize::from(value)).min(bytes.len()).min(other.len());
    if let (Some(to), Some(from)) = (bytes.get_mut(at..end), other.get(at..end)) {
        to.copy_from_slice(from);
    }
}

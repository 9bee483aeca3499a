//! Numbers of four 64-bit words, least significant first, whatever the modulus.
//!
//! Additions wrap by name: what they add up to is known, and checking each would cost a third of the speed.

/// A word and a carry of the sum of two words and a carry of 0 or 1.
#[inline(always)]
pub(super) const fn add_with_carry(left: u64, right: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = left.overflowing_add(right);
    let (sum, second) = sum.overflowing_add(carry as u64);
    (sum, first | second)
}

/// A word and a borrow of the difference of two words, less a borrow of 0 or 1.
#[inline(always)]
pub(super) const fn sub_with_borrow(left: u64, right: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = left.overflowing_sub(right);
    let (difference, second) = difference.overflowing_sub(borrow as u64);
    (difference, first | second)
}

/// Low and high word of `addend + left * right + carry`, which is below 2^128.
#[inline(always)]
pub(super) const fn multiply_add(addend: u64, left: u64, right: u64, carry: u64) -> (u64, u64) {
    let wide = (left as u128).wrapping_mul(right as u128).wrapping_add(addend as u128).wrapping_add(carry as u128);
    (wide as u64, (wide >> 64) as u64)
}

/// The sum of four words, and what it carries.
#[inline(always)]
pub(super) const fn add_words(left: &[u64; 4], right: &[u64; 4]) -> ([u64; 4], bool) {
    let (s0, carry) = add_with_carry(left[0], right[0], false);
    let (s1, carry) = add_with_carry(left[1], right[1], carry);
    let (s2, carry) = add_with_carry(left[2], right[2], carry);
    let (s3, carry) = add_with_carry(left[3], right[3], carry);
    ([s0, s1, s2, s3], carry)
}

/// The difference of four words, and what it borrows.
#[inline(always)]
pub(super) const fn sub_words(left: &[u64; 4], right: &[u64; 4]) -> ([u64; 4], bool) {
    let (d0, borrow) = sub_with_borrow(left[0], right[0], false);
    let (d1, borrow) = sub_with_borrow(left[1], right[1], borrow);
    let (d2, borrow) = sub_with_borrow(left[2], right[2], borrow);
    let (d3, borrow) = sub_with_borrow(left[3], right[3], borrow);
    ([d0, d1, d2, d3], borrow)
}

/// All of the words where chosen, else zero.
#[inline(always)]
pub(super) const fn when(chosen: bool, words: &[u64; 4]) -> [u64; 4] {
    let mask = (chosen as u64).wrapping_neg();
    [words[0] & mask, words[1] & mask, words[2] & mask, words[3] & mask]
}

/// What is below twice the modulus, less the modulus where it is not below that. `carry` is the number's bit 256.
#[inline(always)]
pub(super) const fn reduce_once(number: &[u64; 4], carry: bool, modulus: &[u64; 4]) -> [u64; 4] {
    let (less, borrow) = sub_words(number, modulus);
    let keep = ((borrow & !carry) as u64).wrapping_neg();
    [
        less[0] ^ ((less[0] ^ number[0]) & keep),
        less[1] ^ ((less[1] ^ number[1]) & keep),
        less[2] ^ ((less[2] ^ number[2]) & keep),
        less[3] ^ ((less[3] ^ number[3]) & keep),
    ]
}

/// The sum of what is below the modulus.
#[inline(always)]
pub(super) const fn add(left: &[u64; 4], right: &[u64; 4], modulus: &[u64; 4]) -> [u64; 4] {
    let (sum, carry) = add_words(left, right);
    reduce_once(&sum, carry, modulus)
}

/// The difference of what is below the modulus.
#[inline(always)]
pub(super) const fn sub(left: &[u64; 4], right: &[u64; 4], modulus: &[u64; 4]) -> [u64; 4] {
    let (difference, borrow) = sub_words(left, right);
    add_words(&difference, &when(borrow, modulus)).0
}

/// Whether one number is below another.
#[inline(always)]
pub(in crate::field) const fn is_below(left: &[u64; 4], right: &[u64; 4]) -> bool {
    sub_words(left, right).1
}

/// 32 bytes big-endian.
pub(in crate::field) fn from_bytes(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// To 32 bytes big-endian.
pub(in crate::field) fn to_bytes(words: &[u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words.iter().rev()) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// All eight words of the product.
#[inline(always)]
pub(super) const fn product(left: &[u64; 4], right: &[u64; 4]) -> [u64; 8] {
    let mut words = [0; 8];
    let mut row = 0;
    while row < 4 {
        let mut carry = 0;
        let mut column = 0;
        while column < 4 {
            (words[row + column], carry) = multiply_add(words[row + column], left[row], right[column], carry);
            column += 1;
        }
        words[row + 4] = carry;
        row += 1;
    }
    words
}

/// All eight words of the square: each of the six mixed products once, twice them, and the four squares.
#[inline(always)]
pub(super) const fn square(a: &[u64; 4]) -> [u64; 8] {
    let (w1, carry) = multiply_add(0, a[0], a[1], 0);
    let (w2, carry) = multiply_add(0, a[0], a[2], carry);
    let (w3, w4) = multiply_add(0, a[0], a[3], carry);
    let (w3, carry) = multiply_add(w3, a[1], a[2], 0);
    let (w4, w5) = multiply_add(w4, a[1], a[3], carry);
    let (w5, w6) = multiply_add(w5, a[2], a[3], 0);
    let w7 = w6 >> 63;
    let w6 = w6 << 1 | w5 >> 63;
    let w5 = w5 << 1 | w4 >> 63;
    let w4 = w4 << 1 | w3 >> 63;
    let w3 = w3 << 1 | w2 >> 63;
    let w2 = w2 << 1 | w1 >> 63;
    let w1 = w1 << 1;
    let (w0, high) = multiply_add(0, a[0], a[0], 0);
    let (w1, carry) = add_with_carry(w1, high, false);
    let (low, high) = multiply_add(0, a[1], a[1], 0);
    let (w2, carry) = add_with_carry(w2, low, carry);
    let (w3, carry) = add_with_carry(w3, high, carry);
    let (low, high) = multiply_add(0, a[2], a[2], 0);
    let (w4, carry) = add_with_carry(w4, low, carry);
    let (w5, carry) = add_with_carry(w5, high, carry);
    let (low, high) = multiply_add(0, a[3], a[3], 0);
    let (w6, carry) = add_with_carry(w6, low, carry);
    let (w7, _) = add_with_carry(w7, high, carry);
    [w0, w1, w2, w3, w4, w5, w6, w7]
}

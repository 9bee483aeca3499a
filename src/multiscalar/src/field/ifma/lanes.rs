//! Eight 64-bit numbers side by side, and what the processor does with them.
//!
//! Every `unsafe` here but for the loads and stores is a call of an instruction that not every processor has. It rests on one
//! thing: a [`Lanes`] is only made from a [`Permit`] or from other lanes, and a `Permit` only by [`Permit::detect`].

#![allow(unsafe_code, reason = "an instruction that not every processor has can only be called so")]

use crate::field::{VectorField, Work};
use core::arch::x86_64::*;

/// The permit to use the instructions: this processor has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::field) struct Permit(());

/// Eight 64-bit numbers.
#[derive(Clone, Copy, Debug)]
pub(in crate::field) struct Lanes(__m512i);

/// Instructions that make lanes of lanes, one a line.
macro_rules! instructions {
    ($($(#[$attribute:meta])* $name:ident(self $(, $other:ident)*) = $instruction:ident;)*) => {$(
        $(#[$attribute])*
        #[inline(always)]
        pub(super) fn $name(self $(, $other: Self)*) -> Self {
            // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
            Self(unsafe { $instruction(self.0 $(, $other.0)*) })
        }
    )*};
}

/// Instructions that shift lanes, one a line.
macro_rules! shifts {
    ($($(#[$attribute:meta])* $name:ident = $instruction:ident;)*) => {$(
        $(#[$attribute])*
        #[inline(always)]
        pub(super) fn $name<const BITS: u32>(self) -> Self {
            // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
            Self(unsafe { $instruction::<BITS>(self.0) })
        }
    )*};
}

impl Lanes {
    instructions! {
        /// Plus, modulo 2^64.
        add(self, other) = _mm512_add_epi64;
        /// Minus, modulo 2^64.
        sub(self, other) = _mm512_sub_epi64;
        /// The bits that both have.
        and(self, other) = _mm512_and_si512;
        /// The bits that one has.
        or(self, other) = _mm512_or_si512;
        /// The bits that only one has.
        xor(self, other) = _mm512_xor_si512;
        /// Plus the lower half of the product of what the others have in their lower 52 bits: its lower 52 bits.
        add_low(self, left, right) = _mm512_madd52lo_epu64;
        /// Plus the upper half of the product of what the others have in their lower 52 bits: it divided by 2^52.
        add_high(self, left, right) = _mm512_madd52hi_epu64;
        /// The first of every two of these, each before the first of every two of the others.
        firsts(self, other) = _mm512_unpacklo_epi64;
        /// The second of every two of these, each before the second of every two of the others.
        seconds(self, other) = _mm512_unpackhi_epi64;
    }

    shifts! {
        /// Times 2^`BITS`, modulo 2^64.
        left = _mm512_slli_epi64;
        /// Divided by 2^`BITS`.
        right = _mm512_srli_epi64;
        /// As signed numbers, divided by 2^`BITS` and rounded down.
        right_signed = _mm512_srai_epi64;
    }

    /// Two of the four pairs of these, then two of the others': two bits each say which.
    #[inline(always)]
    pub(super) fn pairs<const WHICH: i32>(self, other: Self) -> Self {
        // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
        Self(unsafe { _mm512_shuffle_i64x2::<WHICH>(self.0, other.0) })
    }

    /// Numbers of both: 0 to 7 are these, 8 to 15 the others'.
    #[inline(always)]
    pub(super) fn numbers(self, other: Self, which: Self) -> Self {
        // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
        Self(unsafe { _mm512_permutex2var_epi64(self.0, which.0, other.0) })
    }

    /// The others' numbers where the mask has a bit.
    #[inline(always)]
    pub(super) fn select(self, mask: u8, with: Self) -> Self {
        // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
        Self(unsafe { _mm512_mask_blend_epi64(mask, self.0, with.0) })
    }

    /// Minuend minus subtrahend where the mask has a bit.
    #[inline(always)]
    pub(super) fn replaced_by_difference(self, mask: u8, minuend: Self, subtrahend: Self) -> Self {
        // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
        Self(unsafe { _mm512_mask_sub_epi64(self.0, mask, minuend.0, subtrahend.0) })
    }

    /// Which numbers are below zero, as signed ones.
    #[inline(always)]
    pub(super) fn negatives(self) -> u8 {
        // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
        unsafe { _mm512_movepi64_mask(self.0) }
    }

    /// Which numbers are at least the others.
    #[inline(always)]
    pub(super) fn at_least(self, other: Self) -> u8 {
        // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
        unsafe { _mm512_cmpge_epu64_mask(self.0, other.0) }
    }

    /// Which numbers have a bit that the others have too.
    #[inline(always)]
    pub(super) fn tests(self, other: Self) -> u8 {
        // SAFETY: there are lanes, so somebody had the permit: this processor has the instruction.
        unsafe { _mm512_test_epi64_mask(self.0, other.0) }
    }

    /// The numbers.
    #[inline(always)]
    pub(super) fn to_array(self) -> [u64; 8] {
        let mut array = [0; 8];
        // SAFETY: 64 bytes are written, which the array has; the instruction does not ask for an alignment, and this
        // processor has it, since there are lanes.
        unsafe { _mm512_storeu_si512(array.as_mut_ptr().cast(), self.0) };
        array
    }

    /// The first four numbers and the last four.
    #[inline(always)]
    pub(super) fn to_halves(self) -> [[u64; 4]; 2] {
        let [a, b, c, d, e, f, g, h] = self.to_array();
        [[a, b, c, d], [e, f, g, h]]
    }
}

impl Permit {
    /// The permit, where this processor has the instructions.
    pub(super) fn detect() -> Option<Self> {
        let has_all = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512ifma")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("bmi2")
            && std::is_x86_feature_detected!("adx");
        has_all.then_some(Self(()))
    }

    /// Does that work, compiled for the instructions together with all that is inlined into it.
    #[inline(always)]
    pub(super) fn call<F: VectorField, W: Work<F>>(self, field: F, work: W) -> W::Output {
        #[target_feature(enable = "avx512f,avx512ifma,avx512vl,avx512dq,avx512bw,bmi2,adx")]
        fn compiled<F: VectorField, W: Work<F>>(field: F, work: W) -> W::Output {
            work.run(field)
        }
        // SAFETY: there is a permit: this processor has all of these instructions.
        unsafe { compiled(field, work) }
    }

    /// The same number everywhere.
    #[inline(always)]
    pub(super) fn splat(self, number: u64) -> Lanes {
        // SAFETY: this processor has the instruction.
        Lanes(unsafe { _mm512_set1_epi64(number.cast_signed()) })
    }

    /// Eight numbers.
    #[inline(always)]
    pub(super) fn lanes(self, numbers: &[u64; 8]) -> Lanes {
        // SAFETY: 64 bytes are read, which the array has; the instruction does not ask for an alignment, and this
        // processor has it.
        Lanes(unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) })
    }

    /// Four numbers and four more.
    #[inline(always)]
    pub(super) fn halves(self, first: &[u64; 4], second: &[u64; 4]) -> Lanes {
        // SAFETY: 32 bytes are read of each, which the arrays have; the instructions do not ask for an alignment, and this
        // processor has them.
        Lanes(unsafe {
            let first = _mm256_loadu_si256(first.as_ptr().cast());
            let second = _mm256_loadu_si256(second.as_ptr().cast());
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second)
        })
    }
}

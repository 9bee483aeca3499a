//! What the fuzzing targets share: a city with a few valid taps, programs that change bytes, and the seeds.
//!
//! Everything here is deterministic: the same input does the same on every machine, and the committed corpus can be
//! written again to the byte.
#![forbid(unsafe_code)]

pub mod city;
pub mod device;
pub mod program;
pub mod pseudonym;
pub mod seeds;

/// The city of a suite, made once a process.
#[macro_export]
macro_rules! with_city {
    ($selector:expr, $city:ident => $body:expr) => {
        if $selector & 1 == 0 {
            let $city = $crate::city::p256();
            $body
        } else {
            let $city = $crate::city::secp256k1();
            $body
        }
    };
}

/// Panics unless a structure that was read gives back the bytes that it was read from.
pub fn assert_same_bytes(structure: &str, read: &[u8], written: &[u8]) {
    let difference = read.iter().zip(written).position(|(read, written)| read != written);
    assert!(
        read == written,
        "{structure}: {} bytes were read and {} written back; the first that differs is at {difference:?}",
        read.len(),
        written.len()
    );
}

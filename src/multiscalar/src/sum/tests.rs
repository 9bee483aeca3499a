use super::*;
use crate::{
    P256, Secp256k1,
    testing::{Reference, expected, multiple, multiples},
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Writes a test twice.
macro_rules! for_each_curve {
    ($($test:ident),+ $(,)?) => {
        mod p256 {
            $(#[test] fn $test() { super::$test::<super::P256>(); })+
        }
        mod secp256k1 {
            $(#[test] fn $test() { super::$test::<super::Secp256k1>(); })+
        }
    };
}

for_each_curve!(few_and_many);

/// A scalar of at most so many bits.
fn random_scalar(random: &mut ChaCha20Rng, bits: usize) -> [u8; 32] {
    let mut scalar = [0; 32];
    random.fill_bytes(&mut scalar[32 - bits / 8..]);
    scalar
}

fn few_and_many<C: Reference>() {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let points = multiples::<C>(700);
    for count in [0, 1, 2, 5, 30, 100, 300, 700] {
        let terms = points[..count].iter().map(|point| Term { point: *point, scalar: random_scalar(&mut random, 256) });
        let terms = terms.collect::<Vec<_>>();
        assert_eq!(sum_of_products_vartime(&terms), expected(&terms), "{count}");
    }
    let _ = multiple::<C>(1);
}

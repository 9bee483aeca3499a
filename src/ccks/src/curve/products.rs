//! Sums of products, zG + sum of k_i P_i, as a signature's equation takes them.
//!
//! The terms are interleaved: each scalar is written in signed digits few of which are not zero, one row of doublings
//! serves all, and a digit adds an odd multiple of its point. The multiples of G are constants; those of the other points
//! are computed and made affine with one inversion. On secp256k1 every scalar goes in two halves.

use super::{
    affine::Point,
    digits::Digits,
    endomorphism::split,
    generator,
    jacobian::Jacobian,
    multiples::{self, Multiples, odd_multiples},
};
use crate::Suite;
use core::iter::once;

/// A scalar in digits, and the multiples that they pick.
struct Strand<'m, S: Suite, const LENGTH: usize> {
    digits: Digits<LENGTH>,
    multiples: Picked<'m, S>,
}

/// Where odd multiples come from.
#[derive(Clone, Copy)]
enum Picked<'m, S: Suite> {
    /// The constants; for the image under the endomorphism, what their x is multiplied by.
    Generator(Option<&'m S::Field>),
    /// The multiples of a point; for their images, what x is multiplied by. Each is asked for a few times only, so that making
    /// the images beforehand would spare next to nothing, and take memory.
    Point(&'m Multiples<S>, Option<&'m S::Field>),
}

impl<S: Suite, const LENGTH: usize> Strand<'_, S, LENGTH> {
    /// Adds what the digit at a position says; `None` for a multiple that is not there, which no digit asks for.
    fn add_to(&self, sum: &mut Option<Jacobian<S>>, position: usize) -> Option<()> {
        let Some((index, subtract)) = self.digits.odd_multiple(position) else { return Some(()) };
        let (Point { x, y }, image) = match self.multiples {
            Picked::Generator(image) => (S::generator_multiple(index)?, image),
            Picked::Point(points, image) => (*points.get(index)?, image),
        };
        add(sum, &image.map_or(x, |factor| x * factor), &y, subtract);
        Some(())
    }
}

/// Digits of a whole scalar.
const WHOLE: usize = 257;
/// Digits of a half.
const HALF: usize = 129;

/// The sum: the outer `None` stands for no result, the inner one for the identity.
///
/// # Variable time
/// It depends on all inputs: for public data alone.
pub(crate) fn sum_of_products_vartime<S: Suite, const N: usize>(
    generator: &S::Scalar,
    terms: &[(Jacobian<S>, S::Scalar); N],
) -> Option<Option<Jacobian<S>>> {
    const { assert!(N < MOST) };
    const { assert!(N <= multiples::TOGETHER) };
    let mut multiples = [multiples::Room::<S>::POINTS; N];
    odd_multiples(terms, &mut multiples)?;
    match S::endomorphism() {
        Some(factor) => sum_of_halves(&factor, generator, terms, &multiples),
        None => sum_of_wholes(generator, terms, &multiples),
    }
}

/// With each scalar as it is. A frame of its own, which a device's stack has room for once the multiples are there.
#[inline(never)]
fn sum_of_wholes<S: Suite>(
    generator: &S::Scalar,
    terms: &[(Jacobian<S>, S::Scalar)],
    multiples: &[Multiples<S>],
) -> Option<Option<Jacobian<S>>> {
    let points = terms.iter().zip(multiples);
    let points = points.map(|((_, scalar), points)| (scalar, Picked::Point(points, None), multiples::WIDTH));
    // The one suite without an endomorphism is P-256's.
    let terms = once((generator, Picked::Generator(None), generator::P256_WIDTH)).chain(points);
    let mut strands = [const { None }; MOST];
    for (strand, (scalar, multiples, width)) in strands.iter_mut().zip(terms) {
        let digits = Digits::<WHOLE>::of(&S::encode_scalar(scalar), width, false);
        *strand = Some(Strand { digits, multiples });
    }
    interleave(&strands.iter().flatten())
}

/// With each scalar in halves, the second for the image under the endomorphism.
#[inline(never)]
fn sum_of_halves<S: Suite>(
    factor: &S::Field,
    generator: &S::Scalar,
    terms: &[(Jacobian<S>, S::Scalar)],
    multiples: &[Multiples<S>],
) -> Option<Option<Jacobian<S>>> {
    let images = [None, Some(factor)];
    let points = terms.iter().zip(multiples);
    let points = points
        .map(|((_, scalar), points)| (scalar, images.map(|image| Picked::Point(points, image)), multiples::WIDTH));
    let terms = once((generator, images.map(Picked::Generator), generator::WIDTH)).chain(points);
    let mut strands = [const { [const { None }; 2] }; MOST];
    for (strands, (scalar, multiples, width)) in strands.iter_mut().zip(terms) {
        let halves = split::<S>(scalar)?.into_iter().zip(multiples);
        for (strand, (half, multiples)) in strands.iter_mut().zip(halves) {
            *strand = Some(Strand { digits: Digits::<HALF>::of(&half.magnitude, width, half.is_negative), multiples });
        }
    }
    interleave(&strands.iter().flatten().flatten())
}

/// The most terms that there are, the generator's among them.
const MOST: usize = 3;

fn interleave<'s, S: Suite, const LENGTH: usize>(
    strands: &(impl Iterator<Item = &'s Strand<'s, S, LENGTH>> + Clone),
) -> Option<Option<Jacobian<S>>> {
    let mut sum = None;
    for position in (0..LENGTH).rev() {
        if let Some(sum) = &mut sum {
            Jacobian::double(sum);
        }
        for strand in strands.clone() {
            strand.add_to(&mut sum, position)?;
        }
    }
    Some(sum)
}

/// Adds the point (x, y), or its opposite, to a sum.
pub(crate) fn add<S: Suite>(sum: &mut Option<Jacobian<S>>, x: &S::Field, y: &S::Field, subtract: bool) {
    match sum {
        None => {
            let y = if subtract { S::weakly_settle(-*y) } else { *y };
            *sum = Some(Jacobian::from(Point { x: *x, y }));
        }
        Some(point) => {
            if point.add(x, y, subtract).is_none() {
                *sum = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1, issuing::random_scalar};
    use elliptic_curve::{CurveGroup as _, Field as _, Group as _};
    use rand_chacha::{
        ChaCha20Rng,
        rand_core::{Rng as _, SeedableRng as _},
    };
    use std::vec::Vec;

    fn jacobian<S: Suite>(point: &S::Projective, random: &mut ChaCha20Rng) -> Jacobian<S> {
        // With another Z than 1, as a sum has it.
        let point = Point::<S>::of(&point.to_affine());
        let z = S::Field::from(u64::from(random.next_u32()) + 1);
        let z_squared = z.square();
        Jacobian { x: point.x * z_squared, y: point.y * z_squared * z, z }
    }

    fn projective<S: Suite>(sum: Option<Jacobian<S>>) -> S::Projective {
        let Some(sum) = sum else { return S::Projective::identity() };
        let point = sum.to_affine().unwrap();
        assert!(point.is_on_curve());
        point.to_projective().unwrap()
    }

    /// zG + pP + dD, and zG + pP, beside what the curve's crate makes of them.
    fn compare<S: Suite>(random: &mut ChaCha20Rng, z: S::Scalar, terms: [(S::Projective, S::Scalar); 2]) {
        let generator = S::Projective::generator() * z;
        let [first, second] = terms.map(|(point, scalar)| (jacobian::<S>(&point, random), scalar));
        let [of_first, of_second] = terms.map(|(point, scalar)| point * scalar);
        let sum = projective::<S>(sum_of_products_vartime(&z, &[first]).unwrap());
        assert_eq!(sum, generator + of_first, "{z:?} {terms:?}");
        let sum = projective::<S>(sum_of_products_vartime(&z, &[first, second]).unwrap());
        assert_eq!(sum, generator + of_first + of_second, "{z:?} {terms:?}");
    }

    fn edges<S: Suite>() -> Vec<S::Scalar> {
        let one = S::Scalar::ONE;
        let mut edges = [S::Scalar::ZERO, one, one.double(), S::Scalar::from(0x7f), S::Scalar::from(0x81)].to_vec();
        let powers = core::iter::successors(Some(one), |power| Some(power.double())).take(256);
        edges.extend(powers.step_by(17).flat_map(|power| [power, power - one, power + one]));
        edges.extend(edges.clone().into_iter().map(|edge| -edge));
        edges
    }

    fn agrees_on_scalars_at_the_edges<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(5);
        let (one, g) = (S::Scalar::ONE, S::Projective::generator());
        let p = g * random_scalar::<S>(&mut random);
        let d = g * random_scalar::<S>(&mut random);
        for edge in edges::<S>() {
            let other = random_scalar::<S>(&mut random);
            for (z, k, l) in [(edge, other, other), (other, edge, other), (other, other, edge), (edge, edge, edge)] {
                compare::<S>(&mut random, z, [(p, k), (d, l)]);
            }
            // Points that meet: with themselves, their opposites, the generator, its odd multiples in the table.
            for point in [g, -g, g.double(), g * S::Scalar::from(5), -(g * S::Scalar::from(127)), p, -p] {
                compare::<S>(&mut random, edge, [(point, one), (p, -one)]);
                compare::<S>(&mut random, edge, [(point, edge), (point, edge)]);
                compare::<S>(&mut random, edge, [(point, edge), (-point, edge)]);
                compare::<S>(&mut random, edge, [(point, -edge), (point, edge)]);
                compare::<S>(&mut random, one, [(point, edge), (g, -edge)]);
            }
        }
    }

    fn agrees_on_related_points_and_scalars<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(6);
        let g = S::Projective::generator();
        for _ in 0..40 {
            let [x, y, z] = [(); 3].map(|()| random_scalar::<S>(&mut random));
            compare::<S>(&mut random, z, [(g * x, y), (g * y, x)]);
            // zG cancelled by the rest, in one term, in two, and up to one G.
            compare::<S>(&mut random, x * y, [(g * x, -y), (g * z, S::Scalar::ZERO)]);
            compare::<S>(&mut random, x * y + z, [(g * x, -y), (g, -z)]);
            compare::<S>(&mut random, x * y + z, [(g * x, -y), (-g, z)]);
            compare::<S>(&mut random, x * y + z - S::Scalar::ONE, [(g * x, -y), (g, -z)]);
            // Small multiples, whose tables overlap.
            let [k, l] = [(); 2].map(|()| S::Scalar::from(u64::from(random.next_u32() % 16) + 1));
            compare::<S>(&mut random, k, [(g * k, l), (g * l, -k)]);
            compare::<S>(&mut random, x, [(g * k, x), (g * l, -x)]);
        }
    }

    /// The images under the endomorphism meet the points themselves: lambda P beside P, with scalars that cross.
    #[test]
    fn agrees_on_images_under_the_endomorphism() {
        type Scalar = <Secp256k1 as Suite>::Scalar;
        let mut random = ChaCha20Rng::seed_from_u64(7);
        let g = <Secp256k1 as Suite>::Projective::generator();
        let lambda = super::super::endomorphism::lambda::<Secp256k1>().unwrap();
        for _ in 0..20 {
            let [x, k] = [(); 2].map(|()| random_scalar::<Secp256k1>(&mut random));
            let p = g * x;
            compare::<Secp256k1>(&mut random, k, [(p, lambda), (p * lambda, -Scalar::ONE)]);
            compare::<Secp256k1>(&mut random, k, [(p, k * lambda), (p * lambda, -k)]);
            compare::<Secp256k1>(&mut random, k * lambda, [(g * lambda, k), (g * lambda, -k.double())]);
            compare::<Secp256k1>(&mut random, lambda, [(g * lambda * lambda, k), (g, Scalar::ONE)]);
        }
    }

    #[test]
    fn p256_agrees_on_scalars_at_the_edges() {
        agrees_on_scalars_at_the_edges::<P256>();
    }

    #[test]
    fn secp256k1_agrees_on_scalars_at_the_edges() {
        agrees_on_scalars_at_the_edges::<Secp256k1>();
    }

    #[test]
    fn p256_agrees_on_related_points_and_scalars() {
        agrees_on_related_points_and_scalars::<P256>();
    }

    #[test]
    fn secp256k1_agrees_on_related_points_and_scalars() {
        agrees_on_related_points_and_scalars::<Secp256k1>();
    }

    /// Sums of points that follow each other in a column of a matrix, some of them equal or opposite.
    fn sums_points_one_by_one<S: Suite>(random: &mut ChaCha20Rng) {
        let g = S::Projective::generator();
        for length in 0..12 {
            let points = (0..length).map(|_| {
                let multiple = g * S::Scalar::from(u64::from(random.next_u32() % 3) + 1);
                if random.next_u32() & 1 == 0 { multiple } else { -multiple }
            });
            let points = points.collect::<Vec<_>>();
            let mut sum = None;
            for point in &points {
                let subtract = random.next_u32() & 1 == 0;
                let point = if subtract { -*point } else { *point };
                let Point { x, y } = Point::<S>::of(&point.to_affine());
                add::<S>(&mut sum, &x, &y, subtract);
            }
            assert_eq!(projective::<S>(sum), points.iter().sum(), "{points:?}");
        }
    }

    #[test]
    fn points_are_summed_one_by_one() {
        let mut random = ChaCha20Rng::seed_from_u64(8);
        for _ in 0..50 {
            sums_points_one_by_one::<P256>(&mut random);
            sums_points_one_by_one::<Secp256k1>(&mut random);
        }
    }
}

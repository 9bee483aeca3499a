use super::*;
use crate::{
    P256, Secp256k1,
    testing::{Reference, expected, multiples},
};
use proptest::prelude::*;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

mod counting;

const BACKENDS: [Backend; 2] = [Backend::Portable, Backend::Ifma];

/// Every backend and every number of threads gives the sum that the curve's own crate gives.
fn check<C: Reference>(terms: &[Term<C>]) {
    let expected = expected(terms);
    for backend in BACKENDS {
        for threads in [1, 3] {
            assert_eq!(sum_with(backend, threads, terms), expected, "{} terms, {backend:?}, {threads}", terms.len());
        }
    }
    assert_eq!(sum_of_products_vartime(terms), expected);
}

/// The same, whatever the plan would say: by buckets of a few widths, and by interleaved digits.
fn check_every_plan<C: Reference>(terms: &[Term<C>]) {
    let expected = expected(terms);
    let (table, _) = Table::of(terms);
    let field = Portable::<C>::default();
    let sum = interleaved::sum::<C>(&table.points(field, 0, 0), &table.factors).to_affine();
    assert_eq!(sum, expected, "interleaved");
    for width in [2, 4, 7] {
        for backend in BACKENDS {
            let sum = backend.run::<C, _>(ByBuckets { table: &table, width });
            assert_eq!(sum.to_affine(), expected, "width {width}, {backend:?}");
        }
    }
}

struct ByBuckets<'t, C: Curve> {
    table: &'t Table<'t, C>,
    width: u32,
}

impl<C: Curve> Task for ByBuckets<'_, C> {
    type Output = Jacobian<C>;

    fn run<F: VectorField>(self, field: F) -> Jacobian<C> {
        let windows = self.table.factors.iter().map(|factor| factor.windows(self.width)).max().unwrap_or(0);
        sum_by_buckets(field, 1, self.table, self.width, windows)
    }
}

/// A scalar of so many bits at most.
fn random_scalar(random: &mut ChaCha20Rng, bits: usize) -> [u8; 32] {
    let mut scalar = [0; 32];
    random.fill_bytes(&mut scalar[32 - bits / 8..]);
    scalar
}

fn small(number: u8) -> [u8; 32] {
    let mut scalar = [0; 32];
    scalar[31] = number;
    scalar
}

/// Four words, and a little more or less.
fn near(words: [u64; 4], difference: i64) -> [u8; 32] {
    let mut bytes = [0; 32];
    let [low, ..] = words;
    let words = [low.wrapping_add_signed(difference), words[1], words[2], words[3]];
    for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words.iter().rev()) {
        *bytes = word.to_be_bytes();
    }
    bytes
}

/// 0, 1, n - 1, n, n + 1, about half of n, 2^256 - 1, and powers of two and what is below them.
fn edges<C: Curve>() -> Vec<[u8; 32]> {
    let half = core::array::from_fn(|word| C::ORDER[word] >> 1 | C::ORDER.get(word + 1).map_or(0, |next| next << 63));
    let mut edges = [small(0), small(1), small(2), [0xff; 32]].to_vec();
    edges.extend([-2, -1, 0, 1].map(|difference| near(C::ORDER, difference)));
    edges.extend([-1, 0, 1, 2].map(|difference| near(half, difference)));
    for bit in [63, 64, 127, 128, 129, 192, 254, 255] {
        let mut power = [0; 4];
        power[bit / 64] = 1 << (bit % 64);
        edges.push(near(power, 0));
        edges.push(near(number::minus(&power, &[1, 0, 0, 0]).0, 0));
    }
    edges
}

fn few_and_many<C: Reference>() {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let points = multiples::<C>(600);
    for count in [0, 1, 2, 3, 9, 40, 150, 600] {
        let lengths = [256, 128].iter().cycle();
        let terms = points[..count].iter().zip(lengths);
        let terms = terms.map(|(point, bits)| Term { point: *point, scalar: random_scalar(&mut random, *bits) });
        check(&terms.collect::<Vec<_>>());
    }
}

fn scalars_at_the_edges<C: Reference>() {
    let points = multiples::<C>(3);
    let mut terms = Vec::new();
    for scalar in edges::<C>() {
        let term = Term { point: points[1], scalar };
        check(&[term]);
        check_every_plan(&[term]);
        // The same product twice, and once more of the opposite.
        check_every_plan(&[term, term, Term { point: term.point.negated(), scalar }]);
        terms.extend(points.iter().map(|point| Term { point: *point, scalar }));
    }
    check_every_plan(&terms);
}

/// All in one bucket: of equal points, of opposite ones, of points of which neighbours' sums meet.
fn points_that_meet<C: Reference>() {
    let points = multiples::<C>(16);
    let scalar = small(5);
    let term = |point: Affine<C>| Term { point, scalar };
    for count in [2, 3, 7, 8, 33, 100] {
        let equal = alloc::vec![term(points[0]); count];
        check_every_plan(&equal);
        let opposite = (0..count).map(|index| if index % 2 == 0 { points[0] } else { points[0].negated() });
        check_every_plan(&opposite.map(term).collect::<Vec<_>>());
        // 1 + 2 is 3, and 1 + 2 - 3 is nothing.
        let meeting = (0..count).map(|index| [points[0], points[1], points[2], points[2].negated()][index % 4]);
        check_every_plan(&meeting.map(term).collect::<Vec<_>>());
        let repeated = (0..count).map(|index| Term { point: points[index % 3], scalar: small(index as u8) });
        check_every_plan(&repeated.collect::<Vec<_>>());
    }
}

/// A sum and its opposite, in any order, are nothing.
fn what_cancels<C: Reference>() {
    let mut random = ChaCha20Rng::seed_from_u64(2);
    let mut terms = Vec::new();
    for point in multiples::<C>(90) {
        let scalar = random_scalar(&mut random, 256);
        terms.push(Term { point, scalar });
        terms.push(Term { point: point.negated(), scalar });
    }
    for backend in BACKENDS {
        assert_eq!(sum_with(backend, 1, &terms), None);
        terms.reverse();
        terms.sort_by_key(|term| term.scalar);
    }
    check_every_plan(&terms);
}

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

for_each_curve!(few_and_many, scalars_at_the_edges, points_that_meet, what_cancels);

/// Few points, few digits: everything meets.
fn any_terms() -> impl Strategy<Value = Vec<(usize, bool, [u8; 32])>> {
    let scalar = prop_oneof![
        any::<[u8; 32]>(),
        any::<u8>().prop_map(small),
        proptest::sample::select(edges::<P256>()),
        proptest::sample::select(edges::<Secp256k1>()),
    ];
    proptest::collection::vec((0usize..6, any::<bool>(), scalar), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_sum(terms in any_terms()) {
        any_sum_on::<P256>(&terms);
        any_sum_on::<Secp256k1>(&terms);
    }
}

fn any_sum_on<C: Reference>(terms: &[(usize, bool, [u8; 32])]) {
    let points = multiples::<C>(6);
    let term = |(index, is_negated, scalar): &(usize, bool, [u8; 32])| {
        let point = if *is_negated { points[*index].negated() } else { points[*index] };
        Term { point, scalar: *scalar }
    };
    check_every_plan(&terms.iter().map(term).collect::<Vec<_>>());
}

//! Field arithmetic, each backend beside the curves' own crates in the same run. Time is that of one multiplication of one
//! element: the throughput of independent ones, and the latency in a chain. `cargo bench -p symbolon-multiscalar --bench field`.

#![allow(missing_docs, reason = "criterion's macros make functions without any")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

use core::hint::black_box;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use elliptic_curve::{Field, PrimeField, array::Array, consts::U32, hazmat::FieldArithmetic};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use symbolon_multiscalar::{
    P256, Secp256k1,
    field::{Modulus, Portable, VectorField, Work},
};

/// How many vectors are worked on in turn.
const INDEPENDENT: usize = 16;
/// How often, in one measured call.
const ROUNDS: usize = 64;

#[derive(Clone, Copy)]
enum Operation {
    Multiply,
    Square,
    Add,
    /// An affine addition whose inverse is known: two products, a square, six additions.
    AddPoints,
    GatherAndStorePairs,
}

/// An operation in `CHAINS` independent chains, each vector coming from and going to memory as in a real loop.
struct Chains<'a, F: VectorField, const CHAINS: usize> {
    vectors: &'a mut [F::Vector; CHAINS],
    operation: Operation,
}

impl<F: VectorField, const CHAINS: usize> Work<F> for Chains<'_, F, CHAINS> {
    type Output = ();

    #[inline(always)]
    fn run(self, field: F) {
        let factor = self.vectors[0];
        let mut pairs = [[F::Packed::default(); 2]; 64];
        for round in 0..ROUNDS as u32 {
            for vector in self.vectors.iter_mut() {
                *vector = match self.operation {
                    Operation::Multiply => field.mul(*vector, factor),
                    Operation::Square => field.square(*vector),
                    Operation::Add => field.reduce(field.add(*vector, factor)),
                    Operation::AddPoints => {
                        let (x, y) = (*vector, factor);
                        let slope = field.mul(field.sub(y, x), field.sub(x, y));
                        let third = field.square_sub(slope, [x, y]);
                        field.mul_sub(slope, field.sub(x, third), y)
                    }
                    Operation::GatherAndStorePairs => {
                        let indices = [3, 60, 7, 12, 31, round % 64, 44, 19];
                        let [x, y] = field.gather_pairs(&pairs, &indices);
                        field.scatter_pairs([y, *vector], &mut pairs, &indices, 0xff);
                        x
                    }
                };
            }
        }
    }
}

fn backend<F: VectorField>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, field: F) {
    let element = F::from_bytes(&[0x5a; 32]).unwrap();
    let operations = [
        ("multiply", Operation::Multiply),
        ("square", Operation::Square),
        ("add", Operation::Add),
        ("add points", Operation::AddPoints),
        ("gather and store pairs", Operation::GatherAndStorePairs),
    ];
    for (operation_name, operation) in operations {
        let mut vectors = [field.splat(&element); INDEPENDENT];
        group.throughput(Throughput::Elements((INDEPENDENT * ROUNDS * F::WIDTH) as u64));
        group.bench_function(format!("{name}: {operation_name}"), |bencher| {
            bencher.iter(|| field.run(Chains { vectors: black_box(&mut vectors), operation }));
        });
        let mut vector = [field.splat(&element)];
        group.throughput(Throughput::Elements(ROUNDS as u64));
        group.bench_function(format!("{name}: {operation_name}, chained"), |bencher| {
            bencher.iter(|| field.run(Chains { vectors: black_box(&mut vector), operation }));
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("{name}: invert"), |bencher| bencher.iter(|| F::invert(black_box(&element))));
}

fn stock<E: Field>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
    let element = E::try_random(&mut ChaCha20Rng::seed_from_u64(1)).unwrap();

    for operation_name in ["multiply", "square"] {
        let is_square = operation_name == "square";
        let mut chained = |chains: usize, suffix: &str| {
            let mut elements = vec![element; chains];
            group.throughput(Throughput::Elements((chains * ROUNDS) as u64));
            group.bench_function(format!("{name}: {operation_name}{suffix}"), |bencher| {
                bencher.iter(|| {
                    let elements = black_box(&mut elements);
                    for _ in 0..ROUNDS {
                        for value in elements.iter_mut() {
                            *value = if is_square { value.square() } else { *value * element };
                        }
                    }
                });
            });
        };
        chained(INDEPENDENT, "");
        chained(1, ", chained");
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("{name}: invert"), |bencher| bencher.iter(|| black_box(element).invert()));
}

fn curve<M: Modulus, E: PrimeField<Repr = Array<u8, U32>>>(criterion: &mut Criterion, name: &str, stock_name: &str) {
    let mut group = criterion.benchmark_group(name);
    backend(&mut group, "portable", Portable::<M>::default());
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    if let Some(ifma) = symbolon_multiscalar::field::Ifma::<M>::detect() {
        backend(&mut group, "ifma", ifma);
    }
    stock::<E>(&mut group, stock_name);
    group.finish();
}

fn fields(criterion: &mut Criterion) {
    curve::<P256, <p256::NistP256 as FieldArithmetic>::FieldElement>(criterion, "P-256", "p256");
    curve::<Secp256k1, <k256::Secp256k1 as FieldArithmetic>::FieldElement>(criterion, "secp256k1", "k256");
}

criterion_group!(benches, fields);
criterion_main!(benches);

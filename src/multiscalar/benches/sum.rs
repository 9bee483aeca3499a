//! Sums as a batch of signatures asks for: of so many records, each with a point times 128 bits and a point times 256, and of
//! 1,090 points more; beside the curves' own crates. And decoding, with hints and without.
//! `cargo bench -p symbolon-multiscalar`.

#![allow(missing_docs, reason = "criterion's macros make functions without any")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use elliptic_curve::{
    CurveArithmetic, CurveGroup, Group,
    array::Array,
    consts::U32,
    ops::{LinearCombination, Reduce},
    point::AffineCoordinates,
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use std::hint::black_box;
use symbolon_multiscalar::{Affine, Backend, Curve, Encoded, P256, Secp256k1, Term, decode, sum_with};

/// Points of a batch that do not grow with it: an authority's matrix and the generator.
const SHARED: usize = 1_090;

/// A curve in its own crate.
trait Stock: Curve {
    type Other: CurveArithmetic<
            ProjectivePoint: LinearCombination<
                [(<Self::Other as CurveArithmetic>::ProjectivePoint, <Self::Other as CurveArithmetic>::Scalar)],
            >,
            AffinePoint: AffineCoordinates<FieldRepr = Array<u8, U32>>,
            Scalar: Reduce<Array<u8, U32>>,
            FieldBytesSize = U32,
        >;
}

impl Stock for P256 {
    type Other = p256::NistP256;
}

impl Stock for Secp256k1 {
    type Other = k256::Secp256k1;
}

type Projective<C> = <<C as Stock>::Other as CurveArithmetic>::ProjectivePoint;
type Scalar<C> = <<C as Stock>::Other as CurveArithmetic>::Scalar;

/// 1, 2, 3 and so on times the generator.
fn points<C: Stock>(count: usize) -> Vec<Affine<C>> {
    let generator = Projective::<C>::generator();
    let multiples = std::iter::successors(Some(generator), |point| Some(*point + generator));
    let affine = |point: Projective<C>| {
        let point = point.to_affine();
        Affine::from_coordinates(&point.x().into(), &point.y().into()).unwrap()
    };
    multiples.take(count).map(affine).collect()
}

fn terms<C: Stock>(points: &[Affine<C>], records: usize) -> Vec<Term<C>> {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let mut scalar = |bytes: usize| {
        let mut scalar = [0; 32];
        random.fill_bytes(&mut scalar[32 - bytes..]);
        scalar
    };
    let length = |index| if index < records { 16 } else { 32 };
    let points = points.iter().take(2 * records + SHARED);
    points.enumerate().map(|(index, point)| Term { point: *point, scalar: scalar(length(index)) }).collect()
}

fn stock_terms<C: Stock>(terms: &[Term<C>]) -> Vec<(Projective<C>, Scalar<C>)> {
    type Point<C> = <<C as Stock>::Other as CurveArithmetic>::AffinePoint;
    let stock = |term: &Term<C>| {
        let point = Point::<C>::from_coordinates(&Array(*term.point.x()), &Array(*term.point.y())).unwrap();
        (point.into(), Reduce::reduce(&Array(term.scalar)))
    };
    terms.iter().map(stock).collect()
}

fn sums<C: Stock>(criterion: &mut Criterion, name: &str) {
    let points = points::<C>(2 * 65_536 + SHARED);
    let mut group = criterion.benchmark_group(format!("{name}/sum"));
    for records in [64, 4_096, 65_536] {
        let terms = terms(&points, records);
        group.throughput(Throughput::Elements(records as u64));
        group.sample_size(if records > 10_000 { 10 } else { 20 });
        for (backend, threads) in [(Backend::Portable, 1), (Backend::Ifma, 1), (Backend::Ifma, 2)] {
            if backend.is_available() {
                let name = format!("{backend:?}, {threads} threads").to_lowercase();
                group.bench_function(BenchmarkId::new(name, records), |bencher| {
                    bencher.iter(|| sum_with(backend, threads, black_box(&terms)));
                });
            }
        }
        if records == 64 {
            let terms = stock_terms(&terms);
            group.bench_function(BenchmarkId::new("curve crate", records), |bencher| {
                bencher.iter(|| Projective::<C>::lincomb(black_box(&terms[..])));
            });
        }
    }
    group.finish();
    let group = criterion.benchmark_group(format!("{name}/decode"));
    decodings(group, &points[..4_096]);
}

fn decodings<C: Stock>(mut group: BenchmarkGroup<'_, WallTime>, points: &[Affine<C>]) {
    group.throughput(Throughput::Elements(points.len() as u64)).sample_size(20);
    for (name, is_hinted) in [("hints", true), ("no hints", false)] {
        let encoded = |point: &Affine<C>| Encoded {
            x: *point.x(),
            is_odd: point.y()[31] & 1 == 1,
            hint: is_hinted.then_some(*point.y()),
        };
        let encodings = points.iter().map(encoded).collect::<Vec<_>>();
        group.bench_function(name, |bencher| bencher.iter(|| decode::<C>(black_box(&encodings))));
    }
    group.finish();
}

fn p256_sums(criterion: &mut Criterion) {
    sums::<P256>(criterion, "p256");
}

fn secp256k1_sums(criterion: &mut Criterion) {
    sums::<Secp256k1>(criterion, "secp256k1");
}

criterion_group!(benches, p256_sums, secp256k1_sums);
criterion_main!(benches);

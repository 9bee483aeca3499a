//! What knowing the revoked subjects weighs: binary fuse filters with fingerprints of 16 and of 8 bits beside sorted
//! prefixes and the subjects themselves, for a city of 10 million cards of which one in a thousand is revoked and has 20
//! pseudonyms a period. `cargo bench -p symbolon-tap --bench revocation`.

#![allow(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use symbolon_ccks::{Authority, AuthoritySecret, SigningKey};
use symbolon_ccks::{ByteSource, Name, P256, Period, PeriodBoundary, ReadFailed, Sectors, Source, Subject, Time};
use symbolon_tap::{
    BundleContent, BundleFields, BundleView, Filter, FilterAnswer, FilterContent, FilterKey, FilterSet, Scope,
    encode_bundle,
};

/// Pseudonyms of a period that belong to revoked cards.
const REVOKED: usize = 200_000;
/// Subjects that are not revoked, looked up to count false positives.
const STRANGERS: usize = 10_000_000;

fn subjects(random: &mut ChaCha20Rng, count: usize) -> Vec<Subject> {
    let subject = |_| {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        Subject::from_bytes(bytes)
    };
    (0..count).map(subject).collect()
}

/// A device that counts what is read from it.
struct Counted {
    bytes: Vec<u8>,
    reads: AtomicUsize,
    read_bytes: AtomicUsize,
}

impl Counted {
    fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, reads: AtomicUsize::new(0), read_bytes: AtomicUsize::new(0) }
    }

    fn source(&self) -> Source<'_> {
        Source::Device { device: self, offset: 0, length: self.bytes.len() }
    }

    fn taken(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::Relaxed), self.read_bytes.swap(0, Ordering::Relaxed))
    }
}

impl ByteSource for Counted {
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(into.len(), Ordering::Relaxed);
        Source::Memory(&self.bytes).read(offset, into)
    }
}

/// One way to keep the subjects.
struct Row {
    name: &'static str,
    bytes: usize,
    built: Duration,
    reads: usize,
    bytes_read: usize,
    false_positives: usize,
    lookup: Duration,
}

impl Row {
    fn print(&self) {
        let Self { name, bytes, built, reads, bytes_read, false_positives, lookup } = self;
        let rate = match false_positives {
            0 => "none".to_owned(),
            count => format!("{count}, 1 in {}", STRANGERS / count),
        };
        println!(
            "| {name} | {bytes} | {:.1} | {reads} | {bytes_read} | {rate} | {:.1} ms | {} ns |",
            8.0 * *bytes as f64 / REVOKED as f64,
            built.as_secs_f64() * 1e3,
            lookup.as_nanos() / STRANGERS as u128,
        );
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let revoked = subjects(&mut random, REVOKED);
    let strangers = subjects(&mut random, STRANGERS);
    let city = City::new();
    println!("{REVOKED} revoked subjects, {STRANGERS} others looked up, one thread\n");
    println!("| kept as | bytes | bits a subject | reads | bytes read | false positives | made in | a lookup |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let started = Instant::now();
    let set = FilterSet::build(scope(), &revoked, 1).unwrap();
    let built = started.elapsed();
    let bundle = city.bundle(&[set]);
    for row in fuse(&bundle, built, &revoked, &strangers) {
        row.print();
    }
    prefixes(&revoked, &strangers).print();
    whole(&revoked, &strangers).print();
    println!("\n| parts | bytes of the largest | bytes of all | made in |\n| --- | --- | --- | --- |");
    for parts in [1, 4, 16, 64] {
        city.parts(&revoked, parts);
    }
}

fn scope() -> Scope {
    Scope::period(Period::new(20_000).unwrap())
}

/// Both binary fuse filters: a fingerprint of 8 bits is one of 16 bits cut short, the places are the same.
fn fuse(bundle: &[u8], built: Duration, revoked: &[Subject], strangers: &[Subject]) -> [Row; 2] {
    let device = Counted::of(bundle.to_vec());
    let view = BundleView::open(device.source()).unwrap();
    let filter = view.filter().unwrap().unwrap();
    let hit = |filter: &Filter<'_>, subject: &Subject| {
        filter.lookup(scope(), &FilterKey::of(subject)).unwrap() == FilterAnswer::Hit
    };
    assert!(revoked.iter().all(|subject| hit(&filter, subject)), "no subject is missed");
    device.taken();
    black_box(hit(&filter, &strangers[0]));
    let (reads, bytes_read) = device.taken();
    let in_memory = BundleView::open(bundle.into()).unwrap().filter().unwrap().unwrap();
    let started = Instant::now();
    let false_positives = strangers.iter().filter(|subject| hit(&in_memory, subject)).count();
    let lookup = started.elapsed();
    let section = view_bytes(bundle);
    let wide =
        Row { name: "binary fuse, 16 bits", bytes: section.len(), built, reads, bytes_read, false_positives, lookup };
    let short = ShortFuse::of(section);
    assert!(revoked.iter().all(|subject| short.hit(subject)), "no subject is missed");
    let started = Instant::now();
    let false_positives = strangers.iter().filter(|subject| short.hit(subject)).count();
    let lookup = started.elapsed();
    let bytes = 40 + short.fingerprints.len();
    let short = Row { name: "binary fuse, 8 bits", bytes, built, reads, bytes_read: 32 + 3, false_positives, lookup };
    [wide, short]
}

/// The bytes of the filter's section.
fn view_bytes(bundle: &[u8]) -> &[u8] {
    symbolon_tap::Bundle::parse(bundle).unwrap().sections().last().unwrap().bytes()
}

/// The filter with the lower half of every fingerprint, hashed here once more after docs/wire-format.md.
struct ShortFuse {
    seed: u64,
    segment: u64,
    places: u64,
    fingerprints: Vec<u8>,
}

impl ShortFuse {
    fn of(section: &[u8]) -> Self {
        let number = |from: usize, to: usize| section[from..to].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Self {
            seed: number(12, 20),
            segment: number(20, 24),
            places: number(24, 28),
            fingerprints: section[40..].chunks(2).map(|pair| pair[1]).collect(),
        }
    }

    fn hit(&self, subject: &Subject) -> bool {
        let mut hash = key(subject).wrapping_add(self.seed);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^= hash >> 33;
        let first = ((u128::from(hash) * u128::from(self.places)) >> 64) as u64;
        let mask = self.segment - 1;
        let second = (first + self.segment) ^ ((hash >> 18) & mask);
        let third = (first + 2 * self.segment) ^ (hash & mask);
        let at = |place: u64| self.fingerprints[place as usize];
        at(first) ^ at(second) ^ at(third) == (hash ^ (hash >> 32)) as u8
    }
}

fn key(subject: &Subject) -> u64 {
    use sha2::{Digest, Sha256};
    let hash = Sha256::new_with_prefix(b"SYMBOLON-V1-FILTER").chain_update(subject.as_bytes()).finalize();
    hash[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The first 32 bits of each subject's hash, sorted: as many bits as keep a binary search simple.
fn prefixes(revoked: &[Subject], strangers: &[Subject]) -> Row {
    let started = Instant::now();
    let mut sorted = revoked.iter().map(|subject| (key(subject) >> 32) as u32).collect::<Vec<_>>();
    sorted.sort_unstable();
    sorted.dedup();
    let built = started.elapsed();
    let hit = |subject: &Subject| sorted.binary_search(&((key(subject) >> 32) as u32)).is_ok();
    assert!(revoked.iter().all(hit), "no subject is missed");
    let started = Instant::now();
    let false_positives = strangers.iter().filter(|subject| hit(subject)).count();
    let lookup = started.elapsed();
    let reads = sorted.len().ilog2() as usize + 1;
    let bytes = 4 * sorted.len();
    Row { name: "sorted, 32 bits", bytes, built, reads, bytes_read: 4 * reads, false_positives, lookup }
}

/// The subjects themselves, as section 1 has them.
fn whole(revoked: &[Subject], strangers: &[Subject]) -> Row {
    let started = Instant::now();
    let mut sorted = revoked.to_vec();
    sorted.sort_unstable();
    let built = started.elapsed();
    let started = Instant::now();
    let false_positives = strangers.iter().filter(|subject| sorted.binary_search(subject).is_ok()).count();
    let lookup = started.elapsed();
    let reads = sorted.len().ilog2() as usize + 1;
    let bytes = 16 * sorted.len();
    Row { name: "sorted, whole", bytes, built, reads, bytes_read: 16 * reads, false_positives, lookup }
}

/// Who signs the bundles.
struct City {
    key: SigningKey<P256>,
}

impl City {
    fn new() -> Self {
        let secret = AuthoritySecret::<P256>::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let parameters = secret.parameters(Time::new(1).unwrap(), &Name::parse("beijing").unwrap());
        let authority = Authority::<P256>::parse(&parameters).unwrap();
        Self { key: secret.institution_key(&authority, authority.name()) }
    }

    fn bundle(&self, sets: &[FilterSet]) -> Vec<u8> {
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence: 1,
            issued_at: Time::new(1).unwrap(),
            valid_until: Time::new(2).unwrap(),
            oldest_not_before: Time::new(0).unwrap(),
            part: 0,
            parts: 1,
        };
        let filter = FilterContent { boundary: PeriodBoundary::DEFAULT, sets };
        encode_bundle(&self.key, &fields, &BundleContent { filter, ..BundleContent::default() }, &[1; 32]).unwrap()
    }

    /// What each part weighs, of a filter that has one period alone.
    fn parts(&self, revoked: &[Subject], parts: u16) {
        let started = Instant::now();
        let sizes = (0..parts).map(|part| {
            let own = revoked.iter().copied().filter(|subject| FilterKey::of(subject).part(parts) == part);
            let set = FilterSet::build(scope(), &own.collect::<Vec<_>>(), part.into()).unwrap();
            self.bundle(&[set]).len()
        });
        let sizes = sizes.collect::<Vec<_>>();
        let (largest, all) = (sizes.iter().max().unwrap(), sizes.iter().sum::<usize>());
        println!("| {parts} | {largest} | {all} | {:.0} ms |", started.elapsed().as_secs_f64() * 1e3);
    }
}

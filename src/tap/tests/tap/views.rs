//! A bundle read where it is kept says what the same bytes in memory say, and is refused where they are.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use symbolon_ccks::{ByteSource, Class, P256, Period, ReadFailed, Sector, Source, Subject};
use symbolon_tap::{
    Bundle, BundleContent, BundleSections, BundleUnreadable, BundleView, FilterAnswer, FilterKey, Scope, encode_bundle,
};

use crate::bundles::{section, with_body};
use crate::world::{OPERATOR, RANDOM, Samples, TestSuite, bundle_fields, for_each_suite};

/// A device that holds a bundle after other bytes, counts reads, and fails from some read on.
struct Device {
    bytes: Vec<u8>,
    reads: AtomicUsize,
    works_for: usize,
}

const BEFORE: usize = 4096;

impl Device {
    fn holding(bundle: &[u8]) -> Self {
        let bytes = [&[0xff; BEFORE], bundle, &[0xff; 100]].concat();
        Self { bytes, reads: AtomicUsize::new(0), works_for: usize::MAX }
    }

    fn bundle(&self) -> Source<'_> {
        Source::Device { device: self, offset: BEFORE, length: self.bytes.len() - BEFORE - 100 }
    }
}

impl ByteSource for Device {
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        if self.reads.fetch_add(1, Ordering::Relaxed) >= self.works_for {
            return Err(ReadFailed);
        }
        Source::Memory(&self.bytes).read(offset, into)
    }
}

/// Reads the bytes in all three ways, and asserts that they agree. Says whether it is a bundle.
fn agree(bytes: &[u8]) -> bool {
    let device = Device::holding(bytes);
    let parsed = Bundle::parse(bytes);
    let views = [BundleView::open(bytes.into()), BundleView::open(device.bundle())];
    for view in &views {
        match (&parsed, view) {
            (Ok(bundle), Ok(view)) => says_the_same(bundle, view),
            (Err(_), Err(BundleUnreadable::Malformed(_))) => {}
            (parsed, view) => panic!("{parsed:?} but {view:?} of {}", hex::encode(bytes)),
        }
    }
    parsed.is_ok()
}

fn says_the_same(bundle: &Bundle<'_>, view: &BundleView<'_>) {
    assert_eq!(view.header(), bundle.header());
    let revoked = view.revoked().unwrap();
    assert_eq!(revoked.iter().collect::<Result<Vec<_>, _>>().unwrap(), bundle.revoked().as_slice());
    for subject in bundle.revoked().as_slice() {
        assert_eq!(revoked.contains(subject), Ok(true));
    }
    let limits = view.limits().unwrap();
    assert_eq!(limits.iter().collect::<Result<Vec<_>, _>>().unwrap(), bundle.limits().as_slice());
    for sector in Sector::ALL {
        assert_eq!(limits.offline_cap(sector, 156), Ok(bundle.limits().offline_cap(sector, 156)));
    }
    let seeds = view.seeds().unwrap();
    assert_eq!(seeds.is_none(), bundle.revoked_seeds().is_empty());
    if let Some(seeds) = seeds {
        let parsed = bundle.revoked_seeds();
        assert_eq!((seeds.boundary(), seeds.per_period()), (parsed.boundary(), parsed.per_period()));
        assert_eq!(seeds.entries().iter().collect::<Result<Vec<_>, _>>().unwrap(), parsed.entries());
    }
    macro_rules! same_table {
        ($($table:ident),+) => {$(
            let (parsed, kept) = (bundle.$table(), view.$table().unwrap());
            assert!(parsed.iter().eq(kept.iter()) && parsed.len() == kept.len());
            assert_eq!(kept.get(kept.len()), Ok(None));
        )+};
    }
    same_table!(rules, tariffs, fares);
    assert_eq!(bundle.filter().is_some(), view.filter().unwrap().is_some());
    if let (Some(parsed), Some(kept)) = (bundle.filter(), view.filter().unwrap()) {
        assert_eq!(parsed.boundary(), kept.boundary());
        for (byte, period) in [(1, 100), (9, 100), (1, 101)] {
            let key = FilterKey::of(&Subject::from_bytes([byte; 16]));
            let scope = Scope::period(Period::new(period).unwrap());
            assert_eq!(parsed.lookup(scope, &key), kept.lookup(scope, &key));
            assert_eq!(parsed.lookup(Scope::CARDS, &key), kept.lookup(Scope::CARDS, &key));
        }
    }
}

#[test]
fn a_bundle_is_read_where_it_is_kept() {
    let world = P256::world();
    assert!(agree(&Samples::new(world).bundle));
    assert!(agree(&encode_bundle(&world.city(), &bundle_fields(), &BundleContent::default(), &RANDOM).unwrap()));
}

for_each_suite!(a_view_verifies_as_the_bundle_does);

fn a_view_verifies_as_the_bundle_does<S: TestSuite>() {
    let world = S::world();
    let bytes = Samples::new(world).bundle;
    let device = Device::holding(&bytes);
    let view = BundleView::open(device.bundle()).unwrap();
    assert_eq!(view.verify(&world.authority), Ok(()));
    let other = crate::world::World::<S>::new(2);
    assert!(view.verify(&other.authority).is_err());
    let mut forged = bytes.clone();
    forged[43] ^= 1;
    assert!(BundleView::open(Source::from(forged.as_slice())).unwrap().verify(&world.authority).is_err());
    let mut forged = bytes;
    forged[172] ^= 1;
    assert!(BundleView::open(Source::from(forged.as_slice())).unwrap().verify(&world.authority).is_err());
}

#[test]
fn every_cut_and_every_changed_byte_is_judged_alike() {
    let bytes = Samples::new(P256::world()).bundle;
    for length in 0..bytes.len() {
        assert!(!agree(&bytes[..length]), "{length}");
    }
    assert!(!agree(&[bytes.as_slice(), &[0]].concat()));
    // The head as it is; of the body, whose digest speaks for it, each byte with the digest put right.
    for bit in 0..8 * Bundle::HEAD_SIZE {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        agree(&changed);
    }
    let body = &bytes[Bundle::HEAD_SIZE..];
    let changes = (0..body.len()).flat_map(|at| [(at, 0xff), (at, 1 << (at % 8))]);
    let accepted = changes.filter(|(at, change)| {
        let mut changed = body.to_vec();
        changed[*at] ^= change;
        agree(&with_body(&changed))
    });
    let accepted = accepted.count();
    assert!((500..2 * body.len() - 200).contains(&accepted), "{accepted} of {}", 2 * body.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Bodies of sections of any kind and length.
    #[test]
    fn bodies_of_any_sections_are_judged_alike(
        sections in prop::collection::vec((0_u8..12, 0_u8..3, prop::collection::vec(any::<u8>(), 0..80)), 0..5),
        sorted: bool,
        cut in prop_oneof![4 => Just(0_usize), 1 => 1_usize..20],
    ) {
        let mut sections = sections;
        if sorted {
            sections.sort();
            sections.dedup_by_key(|section| section.0);
        }
        let body = sections.iter().flat_map(|(kind, critical, bytes)| section(*kind, *critical, bytes));
        let mut body = body.collect::<Vec<_>>();
        body.truncate(body.len().saturating_sub(cut));
        agree(&with_body(&body));
    }

    /// The sample's sections with a few bytes changed, or one section of it cut short or made longer.
    #[test]
    fn sections_with_changed_bytes_are_judged_alike(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        which in 0_usize..8,
        by in -30_isize..30,
    ) {
        let bytes = Samples::new(P256::world()).bundle;
        let bundle = Bundle::parse(&bytes).unwrap();
        let body = bundle.sections().enumerate().flat_map(|(index, this)| {
            let mut bytes = this.bytes().to_vec();
            if index == which {
                let length = bytes.len().saturating_add_signed(by);
                bytes.resize(length, 0);
            }
            section(this.section_type(), this.is_critical().into(), &bytes)
        });
        let mut body = body.collect::<Vec<_>>();
        for (index, byte) in changes {
            let index = index.index(body.len());
            body[index] = byte;
        }
        agree(&with_body(&body));
    }
}

/// A device that fails at any read makes that read's caller say so, and nothing else.
#[test]
fn a_device_that_fails_is_told() {
    let bytes = Samples::new(P256::world()).bundle;
    let mut device = Device::holding(&bytes);
    let open = |device: &Device| BundleView::open(device.bundle()).map(|_| ());
    assert_eq!(open(&device), Ok(()));
    let reads = device.reads.load(Ordering::Relaxed);
    for works_for in 0..reads {
        device.works_for = works_for;
        device.reads.store(0, Ordering::Relaxed);
        assert_eq!(open(&device), Err(BundleUnreadable::Read(ReadFailed)), "{works_for} of {reads}");
    }
    let device = Device { works_for: reads, reads: AtomicUsize::new(0), ..device };
    let view = BundleView::open(device.bundle()).unwrap();
    assert!(view.verify(&P256::world().authority).is_err());
    assert!(view.revoked().is_err() && view.seeds().is_err() && view.filter().is_err() && view.rules().is_err());
}

/// A lookup costs what is said of it: the section's length, then a read a halving; for the filter the heads of its sets and
/// three fingerprints.
#[test]
fn a_lookup_reads_little() {
    let bytes = Samples::new(P256::world()).bundle;
    let device = Device::holding(&bytes);
    let view = BundleView::open(device.bundle()).unwrap();
    let reads_of = |lookup: &dyn Fn()| {
        device.reads.store(0, Ordering::Relaxed);
        lookup();
        device.reads.load(Ordering::Relaxed)
    };
    let rules = reads_of(&|| assert!(view.rules().unwrap().rule(Sector::Transport, Class::Card, 156).is_ok()));
    assert!(rules <= 1 + 2 + 1, "{rules} reads for a rule of three");
    let fares = reads_of(&|| assert!(view.fares().unwrap().fare(OPERATOR, 156, &[7; 16], &[8; 16]).is_ok()));
    assert!(fares <= 1 + 3 + 3 + 1, "{fares} reads for two fares of four");
    let filter = view.filter().unwrap().unwrap();
    let period = Scope::period(Period::new(100).unwrap());
    let key = FilterKey::of(&Subject::from_bytes([1; 16]));
    assert_eq!(reads_of(&|| assert_eq!(filter.lookup(period, &key), Ok(FilterAnswer::Hit))), 1 + 3);
    assert_eq!(reads_of(&|| assert_eq!(filter.lookup(Scope::CARDS, &key), Ok(FilterAnswer::Absent))), 2);
}

#[test]
fn seeds_are_recognised_where_they_are_kept() {
    let bytes = Samples::new(P256::world()).bundle;
    let bundle = Bundle::parse(&bytes).unwrap();
    let device = Device::holding(&bytes);
    let seeds = BundleView::open(device.bundle()).unwrap().seeds().unwrap().unwrap();
    let period = |number| Period::new(number).unwrap();
    for subject in bundle.revoked_seeds().subjects(period(101), period(101)) {
        assert_eq!(seeds.recognises(&subject, period(101)), Ok(true));
        assert_eq!(seeds.recognises(&subject, period(102)), Ok(false));
    }
    assert_eq!(seeds.recognises(&Subject::from_bytes([1; 16]), period(101)), Ok(false));
}

/// What is remembered of a bundle is little, whatever it holds: its header, where it is, and where seven sections begin.
#[test]
fn a_view_is_small() {
    let remembered = size_of::<Source<'_>>() + 7 * size_of::<u32>();
    assert!(size_of::<BundleSections<'_>>() <= remembered.next_multiple_of(8));
    assert!(size_of::<BundleView<'_>>() <= (108 + remembered).next_multiple_of(16));
}

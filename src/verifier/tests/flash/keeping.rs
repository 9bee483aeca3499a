//! What is kept over a restart, and what keeping it costs.

use std::collections::BTreeSet;

use embedded_storage::nor_flash::NorFlash;
use symbolon_flash_sim::SimulatedFlash;
use symbolon_tap::Flags;
use symbolon_tap::voucher::Unit;
use symbolon_verifier::flash::{FlashError, FlashStore, Layout, Pages, Region, Regions, SharedFlash};
use symbolon_verifier::{BundleMark, Entry, Seen, Storage, StorageError, TakenVoucher};

use crate::city::*;

#[test]
fn nonces_never_repeat_over_restarts() {
    let flash = flash();
    let mut given = BTreeSet::new();
    for restart in 0..30 {
        let mut store = store(&flash);
        for _ in 0..restart * 37 {
            assert!(given.insert(store.next_nonce_number().unwrap()), "a number came twice");
        }
    }
    assert_eq!(given.len(), 37 * (0..30).sum::<usize>());
    let operations = flash.with(|flash| flash.counts().operations()).unwrap();
    assert!(operations < 150, "{operations} operations for {} numbers", given.len());
    assert_unmisused(&flash);
}

#[test]
fn the_floor_only_rises_and_costs_nothing_when_it_does_not() {
    let flash = flash();
    let mut before = store(&flash);
    assert_eq!(before.clock_floor(), None);
    before.raise_clock_floor(time(NOON)).unwrap();
    let operations = flash.with(|flash| flash.counts().operations()).unwrap();
    before.raise_clock_floor(time(NOON)).unwrap();
    before.raise_clock_floor(time(NOON - 1)).unwrap();
    assert_eq!(flash.with(|flash| flash.counts().operations()).unwrap(), operations);
    assert_eq!(store(&flash).clock_floor(), Some(time(NOON)));
}

#[test]
fn the_last_taps_are_recalled_at_a_start() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut before = store(&flash);
    (1..=5).for_each(|counter| before.append(&town.tap(counter)).unwrap());
    let recalled = |slots: usize| {
        let mut memory = vec![Seen::EMPTY; slots];
        store(&flash).recall(&mut memory).unwrap();
        memory
    };
    let seen = |counter: u32| Seen::of(town.tap(counter).record());
    assert_eq!(recalled(3), [3, 4, 5].map(seen));
    assert_eq!(recalled(6), [seen(1), seen(2), seen(3), seen(4), seen(5), Seen::EMPTY]);
    assert_eq!(recalled(0), []);
}

#[test]
fn a_voucher_is_kept_with_its_tap() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let entry = |counter, sequence| {
        let voucher = TakenVoucher::new(Unit::Litres, sequence, 10);
        Entry::new(*town.tap(counter).record(), Some(voucher))
    };
    let mut before = store(&flash);
    before.append(&entry(1, 5)).unwrap();
    before.append(&entry(2, 3)).unwrap();
    assert_eq!(before.append(&entry(3, 5)), Err(StorageError::Failed), "each once");
    let mut after = store(&flash);
    assert_eq!(after.vouchers(), before.vouchers());
    assert_eq!(after.vouchers().total(Unit::Litres), 20);
    assert_eq!(after.find(&town.card(), 2).unwrap(), Some(entry(2, 3)));
    assert_eq!(after.find(&town.card(), 3).unwrap(), None);
}

/// A code can be shown again for a minute; until then its entry is found, even when it has been acknowledged.
#[test]
fn a_code_is_found_while_it_can_be_shown_again() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    let code = |counter, seconds| Entry::new(town.record(counter, Flags::ScreenCode, seconds), None);
    store.append(&code(0, NOON)).unwrap();
    (1..48).for_each(|counter| store.append(&town.tap(counter)).unwrap());
    let pending = store.cut_upload(&town.gate, &[1; 32], 99).unwrap().unwrap();
    let answer = town.acknowledgement(*pending.digest(), &town.own_key()).unwrap();
    store.acknowledge(&town.authority, &answer).unwrap();
    assert_eq!(store.append(&code(48, NOON + 60)), Err(StorageError::Full));
    assert!(store.find(&town.card(), 0).unwrap().is_some());
    store.append(&code(48, NOON + 70)).unwrap();
    assert!(store.find(&town.card(), 0).unwrap().is_none());
}

#[test]
fn every_page_of_the_journal_wears_alike() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    let start = flash.with(|flash| flash.counts()).unwrap();
    let mut taps = 0;
    for _ in 0..60 {
        for _ in 0..16 {
            store.append(&town.tap(taps)).unwrap();
            taps += 1;
        }
        store.tidy().unwrap();
        let pending = store.cut_upload(&town.gate, &[1; 32], 99).unwrap().unwrap();
        let answer = town.acknowledgement(*pending.digest(), &town.own_key()).unwrap();
        store.acknowledge(&town.authority, &answer).unwrap();
    }
    let counts = flash.with(|flash| flash.counts()).unwrap();
    // One erasure for 16 taps, and one for four snapshots, two of which an upload takes.
    assert!(counts.erases - start.erases <= 61 + 31, "{counts:?}");
    assert!(store.breaks() == Ok(0) && store.unacknowledged() == Ok(0));
}

#[test]
fn layouts_that_do_not_fit_are_refused() {
    let region = |page: u32, pages: u32| Region::new(page * 4096, pages * 4096).unwrap();
    let regions = |state, journal| Regions {
        state,
        journal,
        bundles: [region(4, 1), region(5, 1), region(6, 1)],
        authorities: [region(7, 18), region(25, 18)],
    };
    let flash = flash();
    assert_eq!(Layout::new(regions(region(0, 2), region(1, 2))), Err(FlashError::Layout));
    assert_eq!(Region::new(u32::MAX, 1), None);
    let unaligned = Region::new(100, 8192).unwrap();
    for (state, journal) in [(region(0, 1), region(2, 2)), (region(0, 2), region(900, 2)), (unaligned, region(3, 1))] {
        let refused = Layout::new(regions(state, journal)).and_then(|layout| FlashStore::open(&flash, layout));
        assert!(matches!(refused, Err(FlashError::Layout)));
    }
    let fitting = Layout::new(regions(region(0, 2), region(2, 2))).unwrap();
    assert!(FlashStore::open(&flash, fitting).is_ok());
}

/// Words from one byte to 32, and of 64 none.
#[test]
fn every_word_size_will_do() {
    fn day<const WORD: usize>() -> Result<(), FlashError>
    where
        SimulatedFlash<Vec<u8>, WORD>: NorFlash,
    {
        let ([town, ..], pages) = (&*TOWNS, Pages { state: 2, journal: 2, bundle: 2, authority: 0 });
        let layout = Layout::consecutive(8192, 4096, &pages)?;
        let flash = SharedFlash::new(SimulatedFlash::<_, WORD>::erased(vec![0; layout.end() as usize]));
        let mut store = FlashStore::open(&flash, layout)?;
        store.append(&town.tap(1)).unwrap();
        store.begin_bundle(1)?;
        for (piece, offset) in town.bundle(1, 0, 1).chunks(101).zip((0..).step_by(101)) {
            store.write_bundle(offset, piece)?;
        }
        store.finish_bundle(&town.authority)?;
        let (id, mark) = store.staged_bundle().unwrap();
        store.keep_bundle_mark(&id, mark).unwrap();
        let mut after = FlashStore::open(&flash, layout)?;
        assert_eq!(after.bundle_mark(town.id()), Some(mark));
        assert!(after.find(&town.card(), 1).unwrap().is_some());
        assert!(flash.with(|flash| flash.violation()).unwrap().is_none());
        Ok(())
    }
    for done in [day::<1>(), day::<2>(), day::<8>(), day::<16>(), day::<32>()] {
        assert_eq!(done, Ok(()));
    }
    assert_eq!(day::<64>(), Err(FlashError::Layout));
}

#[test]
fn a_mark_goes_forward_alone() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    let mark = |sequence, byte| BundleMark { sequence, digest: [byte; 32] };
    store.keep_bundle_mark(town.id(), mark(5, 1)).unwrap();
    store.keep_bundle_mark(town.id(), mark(5, 1)).unwrap();
    for worse in [mark(5, 2), mark(4, 1)] {
        assert_eq!(store.keep_bundle_mark(town.id(), worse), Err(StorageError::Failed));
    }
    assert_eq!(store.bundle_mark(town.id()), Some(mark(5, 1)));
    assert!(store.active_bundle(town.id()).unwrap().is_none(), "a mark alone is no bundle");
}

#[test]
fn the_store_is_small() {
    let size = size_of::<FlashStore<'_, Flash>>();
    assert!(size <= 1_600, "{size} bytes");
}

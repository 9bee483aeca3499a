//! Damage that no cut does: a terminal goes on with what is left, and takes nothing that it did not write.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use symbolon_tap::Upload;
use symbolon_verifier::Storage;
use symbolon_verifier::flash::SharedFlash;

use crate::city::*;

/// Where the journal begins, and where it ends.
const JOURNAL: std::ops::Range<usize> = 2 * 4096..5 * 4096;

#[test]
fn a_damaged_entry_is_missed_alone() {
    let [town, ..] = &*TOWNS;
    for index in [0, 7, 19] {
        let flash = flash();
        let mut before = store(&flash);
        (0..20).for_each(|counter| before.append(&town.tap(counter)).unwrap());
        before.cut_upload(&town.gate, &[1; 32], 99).unwrap();
        flash.with(|flash| flash.bytes_mut()[JOURNAL.start + 256 * index + 100] ^= 0x10).unwrap();
        let mut store = store(&flash);
        // The upload that was cut cannot be told any more; what is left is cut anew.
        let pending = store.cut_upload(&town.gate, &[1; 32], 99).unwrap().unwrap();
        assert_eq!((pending.count(), pending.number()), (19, 2));
        let mut bytes = vec![0; pending.length() as usize];
        assert_eq!(store.read_upload(0, &mut bytes), Ok(bytes.len()));
        Upload::parse(&bytes).unwrap().verify(&town.authority).unwrap();
        assert_eq!(store.breaks(), Ok(u32::from(index == 7)), "{index}");
        store.append(&town.tap(20)).unwrap();
        assert!(store.find(&town.card(), 20).unwrap().is_some());
        assert_unmisused(&flash);
    }
}

#[test]
fn a_terminal_that_lost_its_state_repeats_no_answered_nonce_and_loses_no_tap() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut before = store(&flash);
    (0..5).for_each(|counter| before.append(&town.tap(counter)).unwrap());
    flash.with(|flash| flash.bytes_mut()[..2 * 4096].fill(0)).unwrap();
    let mut store = store(&flash);
    let answered = u32::from_be_bytes([5; 4]);
    assert!(store.next_nonce_number().unwrap() > answered);
    assert_eq!(store.unacknowledged(), Ok(5));
    assert_eq!(store.cut_upload(&town.gate, &[1; 32], 99).unwrap().unwrap().count(), 5);
}

/// Random damage anywhere: nothing panics, and whatever is found is what was written.
#[test]
fn random_damage_makes_nothing_up() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut before = store(&flash);
    (0..30).for_each(|counter| before.append(&town.tap(counter)).unwrap());
    before.cut_upload(&town.gate, &[1; 32], 10).unwrap();
    let image = flash.with(|flash| flash.bytes().to_vec()).unwrap();
    let mut random = ChaCha20Rng::seed_from_u64(4);
    for round in 0..400 {
        let mut damaged = image.clone();
        for _ in 0..1 + round % 40 {
            let place = random.next_u32() as usize % JOURNAL.end;
            damaged[place] = random.next_u32() as u8;
        }
        let flash = SharedFlash::new(Flash::new(damaged));
        let mut store = store(&flash);
        for counter in 0..31 {
            let found = store.find(&town.card(), counter).unwrap();
            assert!(found.is_none_or(|entry| entry == town.tap(counter) && counter < 30));
        }
        store.next_nonce_number().unwrap();
        store.append(&town.tap(30)).unwrap();
        let pending = store.cut_upload(&town.gate, &[1; 32], 99).unwrap().unwrap();
        let mut bytes = vec![0; pending.length() as usize];
        store.read_upload(0, &mut bytes).unwrap();
        Upload::parse(&bytes).unwrap().verify(&town.authority).unwrap();
        let answer = town.acknowledgement(*pending.digest(), &town.own_key()).unwrap();
        store.acknowledge(&town.authority, &answer).unwrap();
        assert_unmisused(&flash);
    }
}

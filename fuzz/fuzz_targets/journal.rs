//! A terminal's flash after anything has happened to it.
//!
//! A flash with taps in its journal, some of them uploaded, is changed anywhere. Whatever is left, the terminal starts;
//! it has each tap whose bytes were left alone and none that it never took, gives no nonce twice that a tap answered, takes
//! no voucher twice that is in its journal, takes another tap, and its upload verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use symbolon_ccks::{Suite, SuiteId};
use symbolon_flash_sim::ERASE_SIZE;
use symbolon_fuzz::{
    city::City,
    device::{self, layout},
    program::Program,
    with_city,
};
use symbolon_tap::{Presentation, Record, Terms, TermsFields, Upload, voucher::Unit};
use symbolon_verifier::{Entry, Storage, TakenVoucher, flash::FlashStore};

fuzz_target!(|input: &[u8]| {
    let [selector, rest @ ..] = input else {
        return;
    };
    with_city!(selector, city => damage(city, selector / 2, rest));
});

/// Taps in the journal.
const TAPS: u32 = 20;
/// Of these, so many have been uploaded and acknowledged.
const FREED: u32 = 4;
/// Bytes of an entry.
const ENTRY: usize = 256;

/// The taps are made from one that verifies: nothing in flash verifies a tap's signature again.
fn entry<S: Suite>(city: &City<S>, counter: u32) -> Entry {
    let mut fields: TermsFields = city.records[0].terms().fields();
    fields.nonce[8..12].copy_from_slice(&counter.to_be_bytes());
    let terms = Terms::new(fields).expect("another nonce changes nothing else");
    let mut bytes = *city.records[0].presentation().as_bytes();
    bytes[1..5].copy_from_slice(&counter.to_be_bytes());
    let record = Record::new(terms, *Presentation::parse(&bytes).expect("any counter is one"));
    let voucher = counter.is_multiple_of(3).then(|| TakenVoucher::new(Unit::WattHours, counter, 100 + counter));
    Entry::new(record, voucher)
}

fn image<S: Suite>(city: &City<S>) -> Vec<u8> {
    let flash = device::erased();
    let mut store = FlashStore::open(&flash, layout()).expect("the layout is that of the flash");
    store.next_nonce_number().expect("there is room");
    for counter in 0..TAPS {
        store.append(&entry(city, counter)).expect("there is room");
        if counter + 1 == FREED {
            let upload = store.cut_upload(&city.terminals[0], &[1; 32], 99).expect("there is room");
            let answer = city.acknowledge(*upload.expect("taps wait").digest());
            store.acknowledge(&city.authority, &answer).expect("the authority's answer");
        }
    }
    store.cut_upload(&city.terminals[0], &[1; 32], 5).expect("there is room");
    drop(store);
    device::bytes(&flash)
}

fn damage<S: Suite>(city: &City<S>, how: u8, program: &[u8]) {
    static IMAGES: [OnceLock<Vec<u8>>; 2] = [const { OnceLock::new() }; 2];
    let index = usize::from(S::ID == SuiteId::Secp256k1Sha256);
    let whole = IMAGES[index].get_or_init(|| image(city));
    let end = layout().regions().journal.offset() as usize + 3 * ERASE_SIZE;
    let mut damaged = whole[..end].to_vec();
    let program = Program::new(program);
    // Of the whole, or of one page, where the program reaches every byte.
    let page = usize::from(how / 2) % (end / ERASE_SIZE);
    if how & 1 == 0 {
        program.apply(&mut damaged, &[]);
    } else {
        let mut bytes = damaged[page * ERASE_SIZE..][..ERASE_SIZE].to_vec();
        program.apply(&mut bytes, &[&whole[..ERASE_SIZE], &whole[2 * ERASE_SIZE..3 * ERASE_SIZE]]);
        bytes.resize(ERASE_SIZE, 0);
        damaged[page * ERASE_SIZE..][..ERASE_SIZE].copy_from_slice(&bytes);
    }
    damaged.resize(end, 0);
    damaged.extend(&whole[end..]);
    let journal = layout().regions().journal.offset() as usize;
    let is_left = |counter: u32| {
        let place = journal + counter as usize * ENTRY..journal + (counter as usize + 1) * ENTRY;
        damaged[place.clone()] == whole[place]
    };
    let left = (0..TAPS).map(is_left).collect::<Vec<_>>();
    let card = city.cards[0].credential().expect("a card's key").digest();

    let flash = device::flash(damaged);
    let mut store = FlashStore::open(&flash, layout()).expect("the layout is that of the flash");
    for (counter, is_left) in (0..).zip(&left) {
        let found = store.find(&card, counter).expect("the flash can be read");
        assert!(found.is_none_or(|found| found == entry(city, counter)), "a tap that nobody took");
        assert!(found.is_some() || !is_left || counter < FREED, "a tap that was left alone is gone");
        if let Some(voucher) = found.and_then(|found| found.voucher()) {
            assert!(!store.vouchers().takes(voucher.sequence()), "a voucher is taken twice");
        }
    }
    assert_eq!(store.find(&card, TAPS), Ok(None), "a tap that nobody took");
    if let Ok(nonce) = store.next_nonce_number() {
        let answered = (0..TAPS).zip(&left).filter(|(_, is_left)| **is_left).map(|(counter, _)| counter).max();
        assert!(answered.is_none_or(|answered| nonce > answered), "a nonce that a tap has answered");
    }
    if store.append(&entry(city, TAPS)).is_ok() {
        assert!(store.find(&card, TAPS).is_ok_and(|found| found.is_some()));
    }
    if let Ok(Some(upload)) = store.cut_upload(&city.terminals[0], &[2; 32], 99) {
        let mut bytes = vec![0; upload.length() as usize];
        assert_eq!(store.read_upload(0, &mut bytes), Ok(bytes.len()));
        let parsed = Upload::parse(&bytes).expect("an upload is well formed");
        parsed.verify(&city.authority).expect("an upload is signed");
        let answer = city.acknowledge(*upload.digest());
        store.acknowledge(&city.authority, &answer).expect("the authority's answer");
    }
    assert_eq!(flash.with(|flash| flash.violation()), Some(None));
}

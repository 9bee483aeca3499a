//! A terminal's scripted day: what happens to it, and what the world outside knows of it.
//!
//! The store under test is [`FlashStore`]. Around it stands what a terminal, its cards and the service do, so far as it
//! matters to what is kept: a card whose tap was interrupted comes back with the same presentation, the service settles
//! each upload it gets and may have its answer lost.

use std::collections::{BTreeMap, BTreeSet};
use std::{format, string::String, vec::Vec};
use symbolon_ccks::{Suite, Time};
use symbolon_tap::{BundleView, Upload, voucher::Unit};
use symbolon_verifier::flash::{DeviceFlash, FlashError, FlashStore, Layout, Pages, PendingUpload, SharedFlash};
use symbolon_verifier::{BundleMark, Entry, Storage, StorageError, TakenVoucher};

use crate::city::{City, MORNING};
use crate::flash::ERASE_SIZE;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A card of this authority taps, and is accepted.
    Tap(usize),
    /// A challenge that nobody answers well.
    Declined,
    /// Taps until the journal is full.
    Fill,
    /// The voucher of this sequence is taken.
    Voucher(u32),
    /// So many vouchers are taken, from this sequence on.
    Vouchers(u32, u32),
    /// It is shown once more, and not taken.
    VoucherAgain(u32),
    /// A bundle of an authority arrives.
    Bundle(usize, u64),
    /// Bundles arrive that must not be taken.
    Hostile,
    /// A signed time is seen.
    Floor(u64),
    /// Nobody taps for a while.
    Idle,
    /// An upload of an authority's taps. Its acknowledgement may get lost on the way back.
    Upload { of: usize, is_answered: bool },
    /// An upload is cut and does not get through.
    Unsent(usize),
    /// Uploads and acknowledgements until nothing is left.
    UploadAll(usize),
    /// The successor's parameters arrive.
    Successor,
    /// A second, different successor is named.
    SecondSuccessor,
    /// The old authority is dropped.
    DropOld,
    /// The terminal is switched off and on.
    Restart,
}

use Step::{
    Bundle, Declined, DropOld, Fill, Floor, Hostile, Idle, Restart, SecondSuccessor, Tap, Unsent, UploadAll, Voucher,
    VoucherAgain, Vouchers,
};

const fn upload(of: usize, is_answered: bool) -> Step {
    Step::Upload { of, is_answered }
}

#[rustfmt::skip]
/// A gate's day: the journal turns round, fills up, and the authority changes.
pub(crate) const GATE: &[Step] = &[
    Bundle(0, 1), Tap(0), Tap(0), Declined, Tap(0), Tap(0), Tap(0), Floor(60), upload(0, false), Tap(0), Tap(0),
    upload(0, true), Bundle(0, 2), Hostile, Tap(0), Tap(0), Tap(0), Tap(0), Tap(0), Tap(0), Tap(0), Tap(0), Tap(0),
    Tap(0), Tap(0), Tap(0), Idle, Tap(0), Tap(0), Tap(0), Unsent(0), Restart, Fill, upload(0, true), Fill,
    upload(0, true), upload(0, false), Tap(0), UploadAll(0), Restart, Tap(0), Step::Successor, SecondSuccessor, Tap(0),
    Bundle(1, 1), Tap(0), Tap(1), Tap(0), Tap(1), Bundle(0, 3), Tap(1), Bundle(1, 2), upload(0, true), Tap(0), Tap(1),
    upload(1, false), Tap(1), upload(1, true), UploadAll(0), DropOld, Tap(1), Tap(1), Bundle(1, 3), Restart, Tap(1),
    UploadAll(1),
];

#[rustfmt::skip]
/// A meter's: vouchers in any order.
pub(crate) const METER: &[Step] = &[
    Bundle(0, 1), Voucher(3), Voucher(1), VoucherAgain(3), Voucher(2), upload(0, false), VoucherAgain(1), Voucher(70),
    VoucherAgain(6), Voucher(7), Restart, VoucherAgain(7), upload(0, true), Voucher(69), Floor(60), VoucherAgain(70),
    Voucher(60), Voucher(61), Voucher(62), Voucher(63), Voucher(64), Voucher(65), Voucher(66), Voucher(67),
    Voucher(68), upload(0, true), VoucherAgain(2), VoucherAgain(68), Voucher(71), Voucher(72), Voucher(73), Voucher(74),
    Voucher(75), Voucher(76), Voucher(77), Voucher(78), Voucher(79), Voucher(80), Voucher(140), Voucher(139),
    UploadAll(0), VoucherAgain(140), VoucherAgain(76), Voucher(141), Voucher(77 + 64), Voucher(142), UploadAll(0),
    Vouchers(143, 15), UploadAll(0), Vouchers(158, 15), upload(0, false), Vouchers(173, 8), UploadAll(0),
    Vouchers(181, 15), VoucherAgain(172), Restart, VoucherAgain(181), UploadAll(0),
];

/// The largest number of records in one of the day's uploads, so that it takes more than one.
const RECORDS: u16 = 20;

/// Where everything lies: small, so that the day turns round in it.
pub(crate) fn layout() -> Layout {
    let pages = Pages { state: 2, journal: 3, bundle: 1, authority: 18 };
    Layout::consecutive(0, ERASE_SIZE as u32, &pages).expect("the pages follow one another")
}

/// What the world outside of the terminal knows. No cut takes it away.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    taps: u32,
    /// The tap that goes on: its number, its authority and its voucher. Its card comes back with it after a cut.
    in_flight: Option<(u32, usize, Option<u32>)>,
    /// Taps that got their receipt, with their authority.
    receipts: BTreeMap<u32, usize>,
    /// Settled taps, with the upload that brought them first.
    settled: BTreeMap<u32, [u8; 32]>,
    /// The digest of each upload, by its number.
    uploads: BTreeMap<u32, [u8; 32]>,
    nonces: BTreeSet<u32>,
    /// What each voucher credited.
    credited: BTreeMap<u32, u32>,
    /// The latest bundle of each authority.
    bundles: [u64; 2],
    floor: u64,
    is_loaded: bool,
    is_dropped: bool,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
}

/// Why the day did not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The power failed.
    Cut,
    /// The terminal has power and does not do what it should.
    Stuck(String),
}

/// A moment of the day to come back to.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Operations that had been done.
    pub(crate) operations: u64,
    pub(crate) step: usize,
    pub(crate) world: World,
}

/// Flash that can say whether it has power, and how much was done to it.
pub(crate) trait Powered: DeviceFlash {
    fn has_power(&self) -> bool;
    fn operations(&self) -> u64;
}

/// A terminal in the middle of its day.
pub(crate) struct Day<'a, S: Suite, F> {
    city: &'a City<S>,
    flash: &'a SharedFlash<F>,
    store: FlashStore<'a, F>,
    pub(crate) world: World,
    step: usize,
    pub(crate) moments: Option<Vec<Moment>>,
}

type Done<T = ()> = Result<T, Stopped>;

fn voucher(sequence: u32) -> TakenVoucher {
    TakenVoucher::new(Unit::WattHours, sequence, 100 + sequence)
}

impl<'a, S: Suite, F: Powered> Day<'a, S, F> {
    /// Starts the terminal, and looks whether it still has all that it answered for.
    pub(crate) fn start(city: &'a City<S>, flash: &'a SharedFlash<F>, world: World) -> Done<Self> {
        let store = sort(flash, FlashStore::open(flash, layout()), "start")?;
        let mut day = Self { city, flash, store, world, step: 0, moments: None };
        day.check()?;
        Ok(day)
    }

    /// Goes on from this step of a script, so many steps of it.
    pub(crate) fn run(&mut self, script: &[Step], from: usize, steps: usize) -> Done {
        for (index, step) in script.iter().enumerate().skip(from).take(steps) {
            self.step = index;
            self.take(*step)?;
        }
        Ok(())
    }

    /// Two cards tap, the first of them perhaps the one that was interrupted, and the terminal is restarted: what it did
    /// not lose at the cut, it does not lose now.
    pub(crate) fn probe(&mut self) -> Done {
        let of = usize::from(self.world.is_dropped);
        self.tap(of, None)?;
        self.tap(of, None)?;
        self.take(Restart)
    }

    /// The step that goes on.
    pub(crate) const fn step(&self) -> usize {
        self.step
    }

    /// At the end, everything that got a receipt must have been settled.
    pub(crate) fn finish(&mut self) {
        let lost = self.world.receipts.keys().filter(|tap| !self.world.settled.contains_key(tap)).count();
        self.world.lost += lost as u64;
    }

    fn take(&mut self, step: Step) -> Done {
        match step {
            Tap(of) => self.tap(of, None).map(|_| ()),
            Declined => self.nonce().map(|_| ()),
            Fill => self.fill(),
            Voucher(sequence) => self.voucher(sequence),
            Vouchers(first, count) => (first..first + count).try_for_each(|sequence| self.voucher(sequence)),
            VoucherAgain(sequence) => {
                self.expect(!self.store.vouchers().takes(sequence), "a voucher could be taken twice")
            }
            Bundle(of, sequence) => self.bundle(of, sequence),
            Hostile => self.hostile(),
            Floor(seconds) => self.floor(MORNING + seconds),
            Idle => self.idle(),
            Step::Upload { of, is_answered } => self.upload(of, is_answered).map(|_| ()),
            Unsent(of) => self.cut_upload(of).map(|_| ()),
            UploadAll(of) => {
                while self.upload(of, true)? {}
                Ok(())
            }
            Step::Successor => self.successor(),
            SecondSuccessor => self.second_successor(),
            DropOld => self.drop_old(),
            Restart => {
                let again = Day::start(self.city, self.flash, self.world.clone())?;
                (self.store, self.world) = (again.store, again.world);
                Ok(())
            }
        }
    }

    /// Remembers this moment: what follows changes the flash.
    fn note(&mut self) {
        let operations = self.flash.with(|flash| flash.operations()).unwrap_or_default();
        let (step, world) = (self.step, &self.world);
        if let Some(moments) = &mut self.moments {
            moments.push(Moment { operations, step, world: world.clone() });
        }
    }

    fn sort<T, E: core::fmt::Debug>(&self, result: Result<T, E>, what: &str) -> Done<T> {
        sort(self.flash, result, what)
    }

    fn expect(&self, holds: bool, otherwise: &str) -> Done {
        if holds { Ok(()) } else { Err(Stopped::Stuck(format!("step {}: {otherwise}", self.step))) }
    }

    fn nonce(&mut self) -> Done<u32> {
        self.note();
        let number = self.store.next_nonce_number();
        let number = self.sort(number, "a nonce")?;
        let is_new = self.world.nonces.insert(number);
        self.expect(is_new, "a nonce came twice")?;
        Ok(number)
    }

    /// A tap from its challenge to its receipt; `false` when the journal is full.
    fn tap(&mut self, of: usize, sequence: Option<u32>) -> Done<bool> {
        if self.world.in_flight.is_none() {
            self.world.taps += 1;
            self.world.in_flight = Some((self.world.taps, of, sequence));
        }
        let Some((tap, of, sequence)) = self.world.in_flight else { return Ok(false) };
        let city = self.city;
        let Some(district) = city.districts.get(of) else { return Ok(false) };
        let found = self.store.find(&district.card(), tap);
        if self.sort(found, "find a tap")?.is_none() {
            let number = self.nonce()?;
            let entry = Entry::new(district.tap(tap, number), sequence.map(voucher));
            self.note();
            match self.store.append(&entry) {
                Err(StorageError::Full) => {
                    self.world.in_flight = None;
                    return Ok(false);
                }
                appended => self.sort(appended, "append")?,
            }
        }
        // The receipt is given.
        self.world.in_flight = None;
        self.world.receipts.insert(tap, of);
        if let Some(sequence) = sequence {
            let is_first = self.world.credited.insert(sequence, voucher(sequence).quantity()).is_none();
            self.world.doubled += u64::from(!is_first);
        }
        self.note();
        Ok(true)
    }

    fn fill(&mut self) -> Done {
        let mut taps = 0;
        while self.tap(0, None)? {
            taps += 1;
            self.expect(taps < 200, "the journal never fills")?;
        }
        let room = self.store.room();
        let room = self.sort(room, "ask for room")?;
        self.expect(room == 0, "a full journal has room")
    }

    fn voucher(&mut self, sequence: u32) -> Done {
        if self.world.in_flight.is_none() && !self.store.vouchers().takes(sequence) {
            return self.expect(self.world.credited.contains_key(&sequence), "a voucher was not taken");
        }
        let is_taken = self.tap(0, Some(sequence))?;
        self.expect(is_taken, "the meter's journal is full")
    }

    fn load_bundle(&mut self, of: usize, bytes: &[u8]) -> Done<Result<BundleMark, FlashError>> {
        self.note();
        let city = self.city;
        let begun = self.store.begin_bundle(1);
        self.sort(begun, "begin a bundle")?;
        for (piece, offset) in bytes.chunks(240).zip((0..).step_by(240)) {
            let written = self.store.write_bundle(offset, piece);
            self.sort(written, "write a bundle")?;
        }
        let authority = city.districts.get(of).map(|district| &district.authority);
        let Some(authority) = authority else { return Ok(Err(FlashError::OtherAuthority)) };
        let finished = self.store.finish_bundle(authority);
        if matches!(finished, Err(FlashError::Device)) {
            self.sort(finished, "finish a bundle")?;
            return Ok(Err(FlashError::Device));
        }
        let mark = finished.map(|_| self.store.staged_bundle().map(|(_, mark)| mark));
        Ok(mark.and_then(|mark| mark.ok_or(FlashError::NotBegun)))
    }

    fn bundle(&mut self, of: usize, sequence: u64) -> Done {
        let city = self.city;
        let Some(district) = city.districts.get(of) else { return Ok(()) };
        let id = district.authority.id();
        if self.store.bundle_mark(id).is_none_or(|mark| mark.sequence < sequence) {
            let bytes = city.bundles.get(of).and_then(|bundles| bundles.get(sequence as usize - 1));
            let mark = self.load_bundle(of, bytes.map_or(&[], Vec::as_slice))?;
            let mark = self.sort(mark, "verify a bundle")?;
            let kept = self.store.keep_bundle_mark(id, mark);
            self.sort(kept, "switch to a bundle")?;
        }
        let latest = self.world.bundles.get_mut(of).map(|latest| *latest = sequence);
        self.note();
        latest.map_or(Ok(()), |()| self.check_bundle(of))
    }

    fn hostile(&mut self) -> Done {
        let city = self.city;
        for bytes in &city.hostile_bundles {
            let refused = self.load_bundle(0, bytes)?.is_err();
            self.expect(refused, "a hostile bundle was taken")?;
            self.check_bundle(0)?;
        }
        Ok(())
    }

    fn floor(&mut self, seconds: u64) -> Done {
        self.note();
        let Ok(floor) = Time::new(seconds) else { return Ok(()) };
        let raised = self.store.raise_clock_floor(floor);
        self.sort(raised, "raise the floor")?;
        self.world.floor = seconds;
        self.note();
        Ok(())
    }

    fn idle(&mut self) -> Done {
        self.note();
        let tidied = self.store.tidy();
        self.sort(tidied, "tidy").map(|_| ())
    }

    /// Cuts the pending upload, or has it told again as it was.
    fn cut_upload(&mut self, of: usize) -> Done<Option<PendingUpload>> {
        self.note();
        let Some(district) = self.city.districts.get(of) else { return Ok(None) };
        let cut = self.store.cut_upload(&district.gate, &[8; 32], RECORDS);
        let cut = self.sort(cut, "cut an upload")?;
        if let Some(pending) = cut {
            let digest = *self.world.uploads.entry(pending.number()).or_insert(*pending.digest());
            self.expect(digest == *pending.digest(), "an upload has other bytes than when it was cut")?;
        }
        self.note();
        Ok(cut)
    }

    /// Cuts or tells the pending upload, brings it to the service, and its answer back. `false` when there is none.
    fn upload(&mut self, of: usize, is_answered: bool) -> Done<bool> {
        let city = self.city;
        let Some(pending) = self.cut_upload(of)? else { return Ok(false) };
        let mut bytes = Vec::new();
        while bytes.len() < pending.length() as usize {
            let mut block = [0; 256];
            let read = self.store.read_upload(bytes.len() as u32, &mut block);
            let read = self.sort(read, "read an upload")?;
            self.expect(read != 0, "an upload ends early")?;
            bytes.extend(block.iter().take(read));
        }
        self.settle(&bytes)?;
        self.note();
        let own = city.districts.iter().find(|district| district.authority.id() == pending.authority());
        if let Some(own) = own.filter(|_| is_answered) {
            let answer = own.acknowledgement(*pending.digest());
            let freed = self.store.acknowledge(&own.authority, &answer);
            self.sort(freed, "free the journal")?;
        }
        Ok(true)
    }

    /// What the service does with an upload.
    fn settle(&mut self, bytes: &[u8]) -> Done {
        let Ok(upload) = Upload::parse(bytes) else {
            return self.expect(false, "an upload is malformed");
        };
        let digest = upload.digest();
        let is_same = *self.world.uploads.entry(upload.number()).or_insert(digest) == digest;
        self.expect(is_same, "a repeated upload has other bytes")?;
        let mut in_this = BTreeSet::new();
        for record in upload.records() {
            let Ok(record) = record.parse() else { return self.expect(false, "a record is malformed") };
            let tap = record.presentation().counter();
            let first = *self.world.settled.entry(tap).or_insert(digest);
            let is_once = first == digest && in_this.insert(tap);
            self.world.doubled += u64::from(!is_once);
        }
        Ok(())
    }

    fn successor(&mut self) -> Done {
        let city = self.city;
        let [first, second] = &city.districts;
        let is_there = self.store.authorities().iter().flatten().any(|stored| stored.id() == second.authority.id());
        if !is_there {
            self.note();
            let begun = self.store.begin_authority(&first.authority, &city.successor);
            self.sort(begun, "name a successor")?;
            for (piece, offset) in second.prepared.chunks(256).zip((0..).step_by(256)) {
                let written = self.store.write_authority(offset, piece);
                self.sort(written, "write parameters")?;
            }
            let finished = self.store.finish_authority::<S>();
            self.sort(finished, "verify parameters")?;
        }
        self.world.is_loaded = true;
        self.note();
        self.check_authorities()
    }

    fn second_successor(&mut self) -> Done {
        self.note();
        let city = self.city;
        let [first, _] = &city.districts;
        let begun = self.store.begin_authority(&first.authority, &city.second_successor);
        if !matches!(begun, Err(FlashError::OtherSuccessor)) {
            self.sort(begun, "refuse a second successor")?;
            return self.expect(false, "a second successor was taken");
        }
        self.expect(self.store.has_second_successor(), "a second successor is not reported")
    }

    fn drop_old(&mut self) -> Done {
        self.note();
        let city = self.city;
        let [first, _] = &city.districts;
        let id = first.authority.id();
        if !self.store.is_dropped(id) {
            let dropped = self.store.drop_authority(id);
            self.sort(dropped, "drop an authority")?;
        }
        self.world.is_dropped = true;
        self.note();
        self.expect(self.store.bundle_mark(id).is_none(), "a dropped authority has a bundle")
    }

    /// Whether the terminal still has what it answered for.
    fn check(&mut self) -> Done {
        let city = self.city;
        let settled = &self.world.settled;
        for (tap, of) in self.world.receipts.iter().filter(|(tap, _)| !settled.contains_key(tap)) {
            let Some(district) = city.districts.get(*of) else { continue };
            let found = self.store.find(&district.card(), *tap);
            self.world.lost += u64::from(sort(self.flash, found, "find a tap")?.is_none());
        }
        self.check_credit()?;
        let breaks = self.store.breaks();
        let breaks = self.sort(breaks, "walk the journal")?;
        self.expect(breaks == 0, "the journal's chain is broken")?;
        (0..2).try_for_each(|of| self.check_bundle(of))?;
        self.check_authorities()?;
        let floor = self.store.clock_floor().map_or(0, |floor| floor.seconds());
        self.expect(floor >= self.world.floor, "the clock's floor fell")
    }

    /// Exactly the vouchers that were credited are taken; the one in flight may be.
    fn check_credit(&mut self) -> Done {
        let known = self.world.credited.values().map(|quantity| u64::from(*quantity)).sum::<u64>();
        let in_flight = self.world.in_flight.and_then(|(_, _, sequence)| sequence);
        let pending = in_flight.map_or(0, |sequence| u64::from(voucher(sequence).quantity()));
        let total = self.store.vouchers().total(Unit::WattHours);
        self.world.lost += u64::from(total < known);
        self.world.doubled += u64::from(total > known && total != known + pending);
        let taken_again = self.world.credited.keys().filter(|sequence| self.store.vouchers().takes(**sequence));
        self.world.doubled += taken_again.count() as u64;
        Ok(())
    }

    /// The bundle in use is whole and not older than the latest.
    fn check_bundle(&self, of: usize) -> Done {
        let latest = self.world.bundles.get(of).copied().unwrap_or_default();
        let Some(district) = self.city.districts.get(of) else { return Ok(()) };
        if latest == 0 || (of == 0 && (self.world.is_dropped || self.store.is_dropped(district.authority.id()))) {
            return Ok(());
        }
        let parts = self.sort(self.store.active_bundle(district.authority.id()), "find the bundle")?;
        let parts = parts.ok_or_else(|| Stopped::Stuck(format!("the bundle {latest} of {of} is gone")))?;
        for part in parts.as_slice() {
            let view = self.sort(BundleView::open(*part), "read the bundle")?;
            self.expect(view.header().sequence() >= latest, "an older bundle is in use")?;
            self.expect(view.header().authority() == district.authority.id(), "another authority's bundle is in use")?;
        }
        Ok(())
    }

    /// The successor's parameters, once loaded, are there.
    fn check_authorities(&self) -> Done {
        let [_, second] = &self.city.districts;
        let mut stored = self.store.authorities().into_iter().flatten();
        let Some(stored) = stored.find(|stored| stored.id() == second.authority.id()) else {
            return self.expect(!self.world.is_loaded, "the successor's parameters are gone");
        };
        let [_, latest] = self.world.bundles;
        self.expect(latest == 0 || stored.is_in_use(), "the successor is not in use")?;
        let mut parameters = std::vec![0; stored.parameters().length()];
        self.sort(stored.parameters().read(0, &mut parameters), "read parameters")?;
        self.expect(parameters == second.prepared, "the successor's parameters are damaged")
    }
}

/// Tells a cut from a terminal that does not do what it should.
fn sort<T, E: core::fmt::Debug, F: Powered>(flash: &SharedFlash<F>, result: Result<T, E>, what: &str) -> Done<T> {
    let has_power = flash.with(|flash| flash.has_power()).unwrap_or_default();
    result.map_err(|error| if has_power { Stopped::Stuck(format!("{what}: {error:?}")) } else { Stopped::Cut })
}

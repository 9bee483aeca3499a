//! A terminal to fuzz: over simulated flash, with a clock that can be set.

use crate::city::{City, NOON};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::{cell::Cell, rc::Rc};
use symbolon_ccks::{Suite, Time};
use symbolon_flash_sim::{ERASE_SIZE, SimulatedFlash};
use symbolon_verifier::{
    Clock, Devices, Domain, Policy, Seen, Storage, Terminal,
    flash::{FlashStore, Layout, Pages, SharedFlash},
    port::{ClockNotSet, SettableClock},
};

/// Flash in memory.
pub type Flash = SimulatedFlash<Vec<u8>>;
/// A terminal that runs.
pub type Running<'a, S> = Terminal<'a, S, TestClock, ChaCha20Rng, FlashStore<'a, Flash>>;

/// A clock that stands still until it is set.
#[derive(Clone, Debug)]
pub struct TestClock(Rc<Cell<u64>>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Rc::new(Cell::new(NOON)))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time::new(self.0.get()).expect("only times are set")
    }
}

impl SettableClock for TestClock {
    fn set(&mut self, now: Time) -> Result<(), ClockNotSet> {
        self.0.set(now.seconds());
        Ok(())
    }
}

/// Where everything lies; the first page of the journal is the third of the flash.
pub fn layout() -> Layout {
    let pages = Pages { state: 2, journal: 3, bundle: 1, authority: 0 };
    Layout::consecutive(0, ERASE_SIZE as u32, &pages).expect("the pages follow one another")
}

/// Erased flash.
pub fn erased() -> SharedFlash<Flash> {
    SharedFlash::new(Flash::erased(vec![0; layout().end() as usize]))
}

/// Flash with these bytes.
pub fn flash(image: Vec<u8>) -> SharedFlash<Flash> {
    SharedFlash::new(Flash::new(image))
}

/// What the flash holds.
pub fn bytes(flash: &SharedFlash<Flash>) -> Vec<u8> {
    flash.with(|flash| flash.bytes().to_vec()).expect("nobody else uses it")
}

/// The first terminal of the city, as it starts: `starts` tells its randomness apart.
pub fn start<'a, S: Suite>(
    city: &'a City<S>,
    flash: &'a SharedFlash<Flash>,
    clock: &TestClock,
    starts: u64,
    memory: &'a mut [Seen],
) -> Running<'a, S> {
    let storage = FlashStore::open(flash, layout()).expect("the layout is that of the flash");
    let bundle = storage.active_bundle(city.authority.id());
    let devices = Devices { clock: clock.clone(), random: ChaCha20Rng::seed_from_u64(starts), storage };
    let domain = Domain::new(&city.authority, &city.terminals[0]).expect("a terminal's key");
    let mut terminal = Terminal::new(domain, Policy::STRICT, devices, memory);
    if let Ok(Some(parts)) = bundle {
        terminal.install(parts.as_slice()).expect("what was in use is taken again");
    }
    terminal
}

/// Flash of a terminal that has the city's bundle.
pub fn image_with_bundle<S: Suite>(city: &City<S>) -> Vec<u8> {
    let flash = erased();
    let mut storage = FlashStore::open(&flash, layout()).expect("the layout is that of the flash");
    storage.begin_bundle(1).expect("a slot is free");
    for (piece, offset) in city.bundle.chunks(240).zip((0..).step_by(240)) {
        storage.write_bundle(offset, piece).expect("piece after piece");
    }
    storage.finish_bundle(&city.authority).expect("the city's bundle");
    let (id, mark) = storage.staged_bundle().expect("just verified");
    storage.keep_bundle_mark(&id, mark).expect("there is room");
    drop(storage);
    bytes(&flash)
}

/// An input as a list of messages: what to do, and up to 255 bytes to do it with.
#[derive(Clone, Copy, Debug)]
pub struct Messages<'i>(pub &'i [u8]);

impl<'i> Iterator for Messages<'i> {
    type Item = (u8, &'i [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([operation, length], rest) = self.0.split_first_chunk()?;
        let (payload, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        self.0 = rest;
        Some((*operation, payload))
    }
}

/// Puts messages together, as the seeds need them.
pub fn messages(messages: &[(u8, &[u8])]) -> Vec<u8> {
    messages.iter().flat_map(|(operation, payload)| [&[*operation, payload.len() as u8], *payload].concat()).collect()
}

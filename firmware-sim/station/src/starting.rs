//! Putting a terminal together from what the board has.

use board::flash::Flash;
use board::memory::{self, Battery};
use board::place::{Kept, Place};
use board::random::Random;
use symbolon_ccks::{Authority, AuthorityId, Credential, SigningKey, Source, Suite};
use symbolon_emulator::Block;
use symbolon_verifier::flash::{FlashStore, Layout, Pages, SharedFlash};
use symbolon_verifier::{Devices, Domain, Offline, Policy, Seen, Terminal};

use crate::clock::RealTime;
use crate::running::Station;

/// How many accepted taps the terminal remembers, besides its journal.
pub const REPLAY_SLOTS: usize = 256;

/// How the flash chip is used: pages of 4 KiB. A bundle's slot holds a share of a city of ten million cards.
const PAGES: Pages = Pages { state: 4, journal: 64, bundle: 256, authority: 18 };

/// What the terminal keeps things in.
pub(crate) type Store = FlashStore<'static, Flash>;

/// The terminal, as the board makes it.
pub(crate) type BoardTerminal<S> = Terminal<'static, S, RealTime, Random, Store>;

/// Memory for everything that lives as long as the program.
pub struct Memory<S: Suite> {
    flash: Place<SharedFlash<Flash>>,
    authority: Place<Authority<'static, S>>,
    key: Place<SigningKey<S>>,
    replay: Kept<[Seen; REPLAY_SLOTS]>,
    terminal: Place<BoardTerminal<S>>,
    pub(crate) station: Place<Station<S>>,
}

impl<S: Suite> Memory<S> {
    /// Nothing in it yet.
    pub const fn new() -> Self {
        Self {
            flash: Place::new(),
            authority: Place::new(),
            key: Place::new(),
            replay: Kept::new([Seen::EMPTY; REPLAY_SLOTS]),
            terminal: Place::new(),
            station: Place::new(),
        }
    }
}

impl<S: Suite> Default for Memory<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Suite> core::fmt::Debug for Memory<S> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Memory").finish_non_exhaustive()
    }
}

/// Why there is no terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFailed {
    /// The maker's block is missing, or not whole.
    NoBlock,
    /// The authority's parameters are not those that the block names, or of another suite than the image.
    Authority,
    /// The key in the block is not that of the credential in the block, or not of a terminal of this authority.
    Key,
    /// The flash chip does not do what it must.
    Flash,
    /// The program started twice.
    Twice,
}

impl StartFailed {
    /// One line for whoever looks at the console.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoBlock => "This device has not been provisioned.",
            Self::Authority => "The authority's parameters are damaged, or for another image.",
            Self::Key => "This device's key is not its credential's.",
            Self::Flash => "The flash memory does not work.",
            Self::Twice => "The program was started twice.",
        }
    }
}

/// Puts the terminal together. Each step has its own frame, gone before the next: what is made here is large, and the
/// stack is not.
#[inline(never)]
pub(crate) fn start<S: Suite>(
    memory: &'static Memory<S>,
    block: &Block<'static>,
) -> Result<&'static mut BoardTerminal<S>, StartFailed> {
    let mut battery = Battery::read();
    let flash = start_flash(memory, &battery, block)?;
    let clock = RealTime::start(&battery, block.first_time());
    let random = Random::start(block.seed(), battery.starts);
    battery.starts = battery.starts.wrapping_add(1);
    battery.keep();
    clock.keep();
    let authority = open_authority(memory, block)?;
    let key = open_key(memory, block, authority)?;
    let terminal = assemble(memory, block, flash, (authority, key), (clock, random))?;
    install_bundle(terminal, authority)?;
    Ok(terminal)
}

#[inline(never)]
fn start_flash<S: Suite>(
    memory: &'static Memory<S>,
    battery: &Battery,
    block: &Block<'_>,
) -> Result<&'static SharedFlash<Flash>, StartFailed> {
    // SAFETY: `Memory` hands each place out once, so that nobody comes this far twice.
    let flash = unsafe { Flash::start(battery, block) };
    memory.flash.put(SharedFlash::new(flash)).map(|flash| &*flash).ok_or(StartFailed::Twice)
}

#[inline(never)]
fn open_authority<S: Suite>(
    memory: &'static Memory<S>,
    block: &Block<'static>,
) -> Result<&'static Authority<'static, S>, StartFailed> {
    let parameters = block.parameters().ok_or(StartFailed::NoBlock)?;
    let id = AuthorityId::from_bytes(block.authority_id());
    let authority = Authority::open(Source::from(parameters), &id).map_err(|_| StartFailed::Authority)?;
    memory.authority.put(authority).map(|authority| &*authority).ok_or(StartFailed::Twice)
}

#[inline(never)]
fn open_key<S: Suite>(
    memory: &'static Memory<S>,
    block: &Block<'_>,
    authority: &Authority<'_, S>,
) -> Result<&'static SigningKey<S>, StartFailed> {
    let bytes = block.credential();
    let credential = Credential::parse(&bytes).map_err(|_| StartFailed::Key)?;
    let key = SigningKey::from_credential(authority, credential, &block.secret()).map_err(|_| StartFailed::Key)?;
    memory.key.put(key).map(|key| &*key).ok_or(StartFailed::Twice)
}

#[inline(never)]
fn assemble<S: Suite>(
    memory: &'static Memory<S>,
    block: &Block<'_>,
    flash: &'static SharedFlash<Flash>,
    (authority, key): (&'static Authority<'static, S>, &'static SigningKey<S>),
    (clock, random): (RealTime, Random),
) -> Result<&'static mut BoardTerminal<S>, StartFailed> {
    let domain = Domain::new(authority, key).map_err(|_| StartFailed::Key)?;
    let layout = Layout::consecutive(0, memory::PAGE_SIZE, &PAGES).map_err(|_| StartFailed::Flash)?;
    let storage = FlashStore::open(flash, layout).map_err(|_| StartFailed::Flash)?;
    let replay = memory.replay.take().ok_or(StartFailed::Twice)?;
    let devices = Devices { clock, random, storage };
    memory.terminal.put(Terminal::new(domain, policy(block), devices, replay)).ok_or(StartFailed::Twice)
}

#[inline(never)]
fn install_bundle<S: Suite>(terminal: &mut BoardTerminal<S>, authority: &Authority<'_, S>) -> Result<(), StartFailed> {
    let bundle = terminal.devices().storage.active_bundle(authority.id()).map_err(|_| StartFailed::Flash)?;
    if let Some(bundle) = bundle {
        // One that is refused now leaves the terminal without: it says so at every tap, until it gets another.
        let _ = terminal.install(bundle.as_slice());
    }
    Ok(())
}

fn policy(block: &Block<'_>) -> Policy {
    let without_bundle = if block.needs_no_bundle() { Offline::UpTo(u32::MAX) } else { Offline::Nothing };
    Policy { without_bundle, ..Policy::STRICT }
}

//! Putting a terminal together from what the board has.

use board::flash::Flash;
use board::memory::{self, Battery};
use board::place::{Kept, Place};
use board::random::Random;
use symbolon_ccks::{Authority, AuthorityId, Credential, SigningKey, Source, Suite};
use symbolon_emulator::Block;
use symbolon_emulator::block::NextKey;
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

/// Memory for an authority and the terminal's key under it.
struct DomainMemory<S: Suite> {
    authority: Place<Authority<'static, S>>,
    key: Place<SigningKey<S>>,
}

impl<S: Suite> DomainMemory<S> {
    const fn new() -> Self {
        Self { authority: Place::new(), key: Place::new() }
    }
}

/// Memory for everything that lives as long as the program.
pub struct Memory<S: Suite> {
    flash: Place<SharedFlash<Flash>>,
    present: DomainMemory<S>,
    next: DomainMemory<S>,
    replay: Kept<[Seen; REPLAY_SLOTS]>,
    terminal: Place<BoardTerminal<S>>,
    pub(crate) station: Place<Station<S>>,
}

impl<S: Suite> Memory<S> {
    /// Nothing in it yet.
    pub const fn new() -> Self {
        Self {
            flash: Place::new(),
            present: DomainMemory::new(),
            next: DomainMemory::new(),
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
    let replay = memory.replay.take().ok_or(StartFailed::Twice)?;
    recall(flash, replay)?;
    let present = find_present(flash, block)?;
    let domain = open_domain(&memory.present, &present)?;
    let terminal = assemble(memory, block, flash, (domain, replay), (clock, random))?;
    install_bundle(terminal, &present.id);
    take_successor(memory, block, terminal);
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

/// An authority and the terminal's key under it, before they are opened.
struct Unopened {
    id: AuthorityId,
    parameters: Source<'static>,
    own_key: Option<[u8; 64]>,
    key: NextKey,
}

#[inline(never)]
fn open_storage(flash: &'static SharedFlash<Flash>) -> Result<Store, StartFailed> {
    let layout = Layout::consecutive(0, memory::PAGE_SIZE, &PAGES).map_err(|_| StartFailed::Flash)?;
    FlashStore::open(flash, layout).map_err(|_| StartFailed::Flash)
}

/// What the terminal has seen before the restart, as its journal has it.
#[inline(never)]
fn recall(flash: &'static SharedFlash<Flash>, replay: &mut [Seen]) -> Result<(), StartFailed> {
    open_storage(flash)?.recall(replay).map_err(|_| StartFailed::Flash)
}

/// The authority in the block; or, once that was dropped, the one that followed it.
#[inline(never)]
fn find_present(flash: &'static SharedFlash<Flash>, block: &Block<'static>) -> Result<Unopened, StartFailed> {
    let storage = open_storage(flash)?;
    let id = AuthorityId::from_bytes(block.authority_id());
    if !storage.is_dropped(&id) {
        let parameters = Source::from(block.parameters().ok_or(StartFailed::NoBlock)?);
        let key = NextKey { credential: block.credential(), secret: block.secret() };
        return Ok(Unopened { id, parameters, own_key: block.own_key(), key });
    }
    // Where two are there, the present one is who has named the other.
    let names = storage.successor().map(|successor| *successor.authority());
    let mut stored = storage.authorities().into_iter().flatten();
    let followed = stored.find(|stored| names.is_none_or(|id| id == *stored.id())).ok_or(StartFailed::Authority)?;
    let key = block.next_key().ok_or(StartFailed::Key)?;
    Ok(Unopened { id: *followed.id(), parameters: followed.parameters(), own_key: None, key })
}

#[inline(never)]
fn open_domain<S: Suite>(
    memory: &'static DomainMemory<S>,
    unopened: &Unopened,
) -> Result<Domain<'static, S>, StartFailed> {
    let authority = open_authority(memory, unopened)?;
    let credential = Credential::parse(&unopened.key.credential).map_err(|_| StartFailed::Key)?;
    let key = SigningKey::from_credential(authority, credential, &unopened.key.secret).map_err(|_| StartFailed::Key)?;
    let key = memory.key.put(key).ok_or(StartFailed::Twice)?;
    Domain::new(authority, key).map_err(|_| StartFailed::Key)
}

#[inline(never)]
fn open_authority<S: Suite>(
    memory: &'static DomainMemory<S>,
    unopened: &Unopened,
) -> Result<&'static Authority<'static, S>, StartFailed> {
    let authority = match &unopened.own_key {
        Some(own_key) => Authority::open_with_key(unopened.parameters, &unopened.id, own_key),
        None => Authority::open(unopened.parameters, &unopened.id),
    };
    let authority = authority.map_err(|_| StartFailed::Authority)?;
    memory.authority.put(authority).map(|authority| &*authority).ok_or(StartFailed::Twice)
}

#[inline(never)]
fn assemble<S: Suite>(
    memory: &'static Memory<S>,
    block: &Block<'_>,
    flash: &'static SharedFlash<Flash>,
    (domain, replay): (Domain<'static, S>, &'static mut [Seen]),
    (clock, random): (RealTime, Random),
) -> Result<&'static mut BoardTerminal<S>, StartFailed> {
    let storage = open_storage(flash)?;
    let devices = Devices { clock, random, storage };
    memory.terminal.put(Terminal::new(domain, policy(block), devices, replay)).ok_or(StartFailed::Twice)
}

#[inline(never)]
fn install_bundle<S: Suite>(terminal: &mut BoardTerminal<S>, authority: &AuthorityId) {
    if let Ok(Some(bundle)) = terminal.devices().storage.active_bundle(authority) {
        // One that is refused now leaves the terminal without: it says so at every tap, until it gets another.
        let _ = terminal.install(bundle.as_slice());
    }
}

/// Takes the successor beside the present authority, once it is loaded and if the terminal has a key under it; a key of
/// somebody else's leaves the terminal as it was.
#[inline(never)]
pub(crate) fn take_successor<S: Suite>(
    memory: &'static Memory<S>,
    block: &Block<'static>,
    terminal: &mut BoardTerminal<S>,
) -> Option<()> {
    let key = block.next_key().filter(|_| memory.next.authority.is_empty())?;
    let storage = &terminal.devices().storage;
    let successor = *storage.successor()?;
    let id = *successor.next_authority();
    let parameters = storage.authorities().into_iter().flatten().find(|stored| *stored.id() == id)?.parameters();
    if Credential::parse(&key.credential).ok()?.identity().authority_prefix() != id.prefix() {
        return None;
    }
    let domain = open_domain(&memory.next, &Unopened { id, parameters, own_key: None, key }).ok()?;
    terminal.add_domain(domain, &successor).ok()?;
    install_bundle(terminal, &id);
    Some(())
}

fn policy(block: &Block<'_>) -> Policy {
    let without_bundle = if block.needs_no_bundle() { Offline::UpTo(u32::MAX) } else { Offline::Nothing };
    Policy { without_bundle, ..Policy::STRICT }
}

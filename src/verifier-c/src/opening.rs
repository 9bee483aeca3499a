//! What a terminal is made of, put together.

use core::mem::MaybeUninit;
use core::slice;

use symbolon_ccks::{AuthorityId, Sectors, Source, Subject};
use symbolon_tap::Kind;
use symbolon_verifier::flash::{FlashError, FlashStore, Layout, Region, Regions, SharedFlash, StoredAuthority};
use symbolon_verifier::port::Port;
use symbolon_verifier::reader::Reader;
use symbolon_verifier::{Devices, Domain, Kinds, Offline, Policy, Seen, Terminal};

use crate::TerminalSuite;
use crate::checking::{array, bytes};
use crate::domains::{GivenKey, Parameters};
use crate::instance::{Instance, Running, Store, Work};
use crate::platform::{DeviceClock, DeviceFlash, DeviceRandom};
use crate::status::*;
use crate::structures::{self, Settings};
use crate::tap::KINDS;

/// Opens what the settings say, and writes it to `work`.
///
/// # Safety
/// The settings point at what they say. `work` is where the instance has it, and there is none there.
pub(crate) unsafe fn furnish(
    instance: &'static Instance,
    settings: &Settings,
    work: *mut MaybeUninit<Work>,
) -> Result<(), Status> {
    // SAFETY: as this function's own contract says, here and in the block below.
    let keys = unsafe { keys(settings)? };
    // SAFETY: see above.
    let present = unsafe { put_together(instance, settings, &keys, work)? };
    // SAFETY: it was just put there, and nobody else has a reference to it.
    let terminal = unsafe { &mut (*work).assume_init_mut().terminal };
    take_bundle(terminal, &present);
    for key in keys.iter().flatten() {
        // A successor that is not loaded yet gets its key later, with `symbolon_terminal_add_key`.
        let _ = add_successor(instance, terminal, key);
    }
    Ok(())
}

/// Puts everything but the trust bundle where it stays, and gives the present authority. What is made on the way is large:
/// each of it is gone from the stack before the next.
///
/// # Safety
/// As [`furnish`].
#[inline(never)]
unsafe fn put_together(
    instance: &'static Instance,
    settings: &Settings,
    keys: &[Option<GivenKey<'_>>; 2],
    work: *mut MaybeUninit<Work>,
) -> Result<AuthorityId, Status> {
    // SAFETY: as this function's own contract says, here and in every block below.
    let present = unsafe { find_parameters(instance, settings)? };
    let key = keys.iter().flatten().find(|key| key.is_under(&present.id)).ok_or(SYMBOLON_STATUS_KEY)?;
    let [slot, _] = &instance.slots;
    // SAFETY: the instance stays where it is, and its slots are new.
    let domain = unsafe { slot.fill(&present, key)? };
    // SAFETY: see above.
    unsafe { begin_work(instance, settings, domain, work) }.inspect_err(|_| {
        // SAFETY: the terminal that used it was not made.
        unsafe { slot.clear() };
    })?;
    Ok(present.id)
}

fn open_store(instance: &'static Instance, settings: &Settings) -> Result<Store, Status> {
    FlashStore::open(&instance.flash, layout(&settings.layout)?).map_err(flash_status)
}

/// # Safety
/// As [`furnish`].
#[inline(never)]
unsafe fn find_parameters<'a>(instance: &'static Instance, settings: &'a Settings) -> Result<Parameters<'a>, Status> {
    // SAFETY: as this function's own contract says, here and below.
    unsafe { policy(settings)? };
    let store = open_store(instance, settings)?;
    // SAFETY: see above.
    let trusted = AuthorityId::from_bytes(*unsafe { array(settings.authority_id)? });
    // SAFETY: see above.
    unsafe { parameters(settings, &store, &trusted) }
}

/// # Safety
/// As [`furnish`].
#[inline(never)]
unsafe fn begin_work(
    instance: &'static Instance,
    settings: &Settings,
    domain: Domain<'static, TerminalSuite>,
    work: *mut MaybeUninit<Work>,
) -> Result<(), Status> {
    let store = open_store(instance, settings)?;
    // SAFETY: as this function's own contract says.
    let terminal = unsafe { terminal(instance, settings, domain, policy(settings)?, store)? };
    let reader = Reader::new(settings.patience_milliseconds);
    // SAFETY: see above.
    unsafe { (*work).write(Work { terminal, reader, port: Port::new(), asked: None, accepted: None }) };
    Ok(())
}

/// The parameters of the present authority: of the one that is trusted, or, once that was dropped, of who followed it.
///
/// # Safety
/// `settings.authority` is NULL, or points at `authority_length` bytes that stay until the terminal is closed;
/// `settings.authority_key` is NULL, or points at 64 bytes.
unsafe fn parameters<'a>(
    settings: &'a Settings,
    store: &Store,
    trusted: &AuthorityId,
) -> Result<Parameters<'a>, Status> {
    let stored = |id: &AuthorityId| {
        let found = store.authorities().into_iter().flatten().find(|stored| stored.id() == id);
        found.map(|stored| stored.parameters())
    };
    if store.is_dropped(trusted) {
        let is_followed = store.successor().map(|successor| *successor.authority());
        let present =
            is_followed.or_else(|| store.authorities().into_iter().flatten().next().map(|stored| *stored.id()));
        let id = present.ok_or(SYMBOLON_STATUS_AUTHORITY)?;
        let source = stored(&id).ok_or(SYMBOLON_STATUS_AUTHORITY)?;
        return Ok(Parameters { id, source, own_key: None });
    }
    let source = if settings.authority.is_null() {
        stored(trusted).ok_or(SYMBOLON_STATUS_AUTHORITY)?
    } else {
        // SAFETY: as this function's own contract says.
        Source::Memory(unsafe { bytes(settings.authority, settings.authority_length)? })
    };
    let own_key = if settings.authority_key.is_null() {
        None
    } else {
        // SAFETY: as this function's own contract says.
        Some(unsafe { array(settings.authority_key)? })
    };
    Ok(Parameters { id: *trusted, source, own_key })
}

/// # Safety
/// The keys point at what they say; the second may point at nothing.
unsafe fn keys(settings: &Settings) -> Result<[Option<GivenKey<'_>>; 2], Status> {
    let next = &settings.next_key;
    let has_next = !next.credential.is_null() || !next.secret.is_null();
    // SAFETY: as this function's own contract says.
    unsafe { Ok([Some(GivenKey::read(&settings.key)?), if has_next { Some(GivenKey::read(next)?) } else { None }]) }
}

/// # Safety
/// `settings.codes_pay` is NULL, or points at 16 bytes.
unsafe fn policy(settings: &Settings) -> Result<Policy, Status> {
    let offline = |accepts, most| match accepts {
        0 => Ok(Offline::Nothing),
        1 => Ok(Offline::UpTo(most)),
        _ => Err(SYMBOLON_STATUS_OUT_OF_RANGE),
    };
    let codes_pay = if settings.codes_pay.is_null() {
        None
    } else {
        // SAFETY: as this function's own contract says.
        Some(*unsafe { array(settings.codes_pay)? })
    };
    Ok(Policy {
        sectors: Sectors::new(settings.sectors).map_err(|_| SYMBOLON_STATUS_OUT_OF_RANGE)?,
        kinds: kinds(settings.kinds)?,
        without_bundle: offline(settings.accepts_without_bundle, settings.most_without_bundle)?,
        after_expiry: offline(settings.accepts_after_expiry, settings.most_after_expiry)?,
        after_expiry_seconds: settings.after_expiry_seconds,
        clock_jump_seconds: settings.clock_jump_seconds,
        clock_ahead_seconds: settings.clock_ahead_seconds,
        codes_pay,
    })
}

fn kinds(bits: u8) -> Result<Kinds, Status> {
    let mut chosen = [Kind::Purchase; KINDS.len()];
    let (mut count, mut known) = (0, 0);
    for kind in KINDS {
        let bit = 1_u8 << kind as u8;
        known |= bit;
        if let Some(place) = chosen.get_mut(count).filter(|_| bits & bit != 0) {
            *place = kind;
            count = count.saturating_add(1);
        }
    }
    if bits & !known != 0 {
        Err(SYMBOLON_STATUS_OUT_OF_RANGE)
    } else {
        Ok(Kinds::of(chosen.get(..count).unwrap_or_default()))
    }
}

pub(crate) fn layout(layout: &structures::Layout) -> Result<Layout, Status> {
    let region = |region: structures::Region| Region::new(region.offset, region.length).ok_or(SYMBOLON_STATUS_LAYOUT);
    let ([first, second, third], [present, next]) = (layout.bundles, layout.authorities);
    Layout::new(Regions {
        state: region(layout.state)?,
        journal: region(layout.journal)?,
        bundles: [region(first)?, region(second)?, region(third)?],
        authorities: [region(present)?, region(next)?],
    })
    .map_err(flash_status)
}

/// # Safety
/// `settings.replay` and `settings.subjects` are NULL, or memory of the caller's for so many slots that nobody else uses
/// until the terminal is closed.
unsafe fn terminal(
    instance: &'static Instance,
    settings: &Settings,
    domain: Domain<'static, TerminalSuite>,
    policy: Policy,
    store: Store,
) -> Result<Running, Status> {
    // SAFETY: as this function's own contract says; both types are made of nothing but bytes and numbers.
    let (seen, subjects) = unsafe {
        (
            memory(settings.replay.cast(), settings.replay_slots, Seen::EMPTY)?,
            memory(settings.subjects.cast(), settings.subject_slots, Subject::from_bytes([0; 16]))?,
        )
    };
    store.recall(seen).map_err(flash_status)?;
    let devices = Devices {
        clock: DeviceClock::new(instance.callbacks, &instance.witness),
        random: DeviceRandom::new(instance.callbacks, &instance.witness),
        storage: store,
    };
    Ok(Terminal::new(domain.with_subject_slots(subjects), policy, devices, seen))
}

/// Memory of the caller's as slots, each of them `empty`.
///
/// # Safety
/// `pointer` is NULL, or points at memory for `count` slots that nobody else uses while the slice is used.
unsafe fn memory<T: Copy>(pointer: *mut T, count: usize, empty: T) -> Result<&'static mut [T], Status> {
    if pointer.is_null() {
        return if count == 0 { Ok(&mut []) } else { Err(SYMBOLON_STATUS_NULL_POINTER) };
    }
    if !pointer.is_aligned() {
        return Err(SYMBOLON_STATUS_MISALIGNED);
    }
    if count.checked_mul(size_of::<T>()).and_then(|length| isize::try_from(length).ok()).is_none() {
        return Err(SYMBOLON_STATUS_OUT_OF_RANGE);
    }
    for index in 0..count {
        // SAFETY: inside of the caller's memory; what was there before does not matter.
        unsafe { pointer.wrapping_add(index).write(empty) };
    }
    // SAFETY: as this function's own contract says, and every slot is initialised.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, count) })
}

/// Takes the trust bundle that the flash has in use. A damaged one is as none: the service port brings another.
fn take_bundle(terminal: &mut Running, authority: &AuthorityId) {
    if let Ok(Some(parts)) = terminal.devices().storage.active_bundle(authority) {
        let _ = terminal.install(parts.as_slice());
    }
}

/// Takes the successor that the flash has, if this is a key under it.
pub(crate) fn add_successor(
    instance: &'static Instance,
    terminal: &mut Running,
    key: &GivenKey<'_>,
) -> Result<(), Status> {
    let store = &terminal.devices().storage;
    let successor = *store.successor().ok_or(SYMBOLON_STATUS_WRONG_ORDER)?;
    let next_id = *successor.next_authority();
    let stored = store.authorities().into_iter().flatten().find(|stored: &StoredAuthority<'_>| *stored.id() == next_id);
    let parameters = stored.ok_or(SYMBOLON_STATUS_WRONG_ORDER)?.parameters();
    if !key.is_under(&next_id) {
        return Err(SYMBOLON_STATUS_KEY);
    }
    if terminal.authorities().any(|live| *live == next_id) {
        return Err(SYMBOLON_STATUS_WRONG_ORDER);
    }
    let slot = instance.free_slot(terminal).ok_or(SYMBOLON_STATUS_WRONG_ORDER)?;
    // SAFETY: the slot is of no live authority, so that the terminal does not use what was in it.
    let domain = unsafe { slot.fill(&Parameters { id: next_id, source: parameters, own_key: None }, key)? };
    if terminal.add_domain(domain, &successor).is_err() {
        // SAFETY: the terminal has not taken what is in it.
        unsafe { slot.clear() };
        return Err(SYMBOLON_STATUS_KEY);
    }
    take_bundle(terminal, &next_id);
    Ok(())
}

/// What the flash store says, as a status.
pub(crate) fn flash_status(error: FlashError) -> Status {
    match error {
        FlashError::Layout => SYMBOLON_STATUS_LAYOUT,
        FlashError::Exhausted => SYMBOLON_STATUS_EXHAUSTED,
        FlashError::Parameters | FlashError::WrongSuite => SYMBOLON_STATUS_AUTHORITY,
        FlashError::AlreadyThere | FlashError::NotBegun | FlashError::OutOfOrder => SYMBOLON_STATUS_WRONG_ORDER,
        FlashError::TooLarge => SYMBOLON_STATUS_TOO_SHORT,
        _ => SYMBOLON_STATUS_FLASH,
    }
}

/// Loads a terminal's first authority into its flash.
pub(crate) fn provision(
    flash: &SharedFlash<DeviceFlash>,
    layout: Layout,
    id: &AuthorityId,
    prepared: &[u8],
) -> Result<(), FlashError> {
    let mut store = FlashStore::open(flash, layout)?;
    store.begin_first_authority(id, <TerminalSuite as symbolon_ccks::Suite>::ID)?;
    for (index, piece) in prepared.chunks(PIECE_SIZE).enumerate() {
        let offset = u32::try_from(index.saturating_mul(PIECE_SIZE)).map_err(|_| FlashError::TooLarge)?;
        store.write_authority(offset, piece)?;
    }
    store.finish_authority::<TerminalSuite>().map(|_| ())
}

/// As many bytes as the service port takes in one piece.
const PIECE_SIZE: usize = 240;

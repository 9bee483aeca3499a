//! The service port.

use symbolon_ccks::{AuthorityId, Sectors, Source};
use symbolon_tap::Kind;
use symbolon_verifier::flash::SharedFlash;
use symbolon_verifier::port::Port;
use symbolon_verifier::reader::Wanted;
use symbolon_verifier::{BundleRefused, MAX_PARTS};

use crate::checking::{array, bytes, readable, structure, writable, writable_structure};
use crate::domains::GivenKey;
use crate::instance::{Call, OpenTerminal, Work};
use crate::opening;
use crate::platform::{Callbacks, DeviceFlash};
use crate::status::*;
use crate::structures::{Key, Layout, Platform, Request, SYMBOLON_PORT_MOST};
use crate::tap::answer;

/// Takes a command of whoever maintains the terminal, and writes what the port answers to it to `answer`, of which the
/// length to `*answer_length`: uploads, acknowledgements, trust bundles, a successor's parameters, the time.
///
/// The port trusts nobody; whatever comes is answered, if only with a status word.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `command` is `command_length` bytes; there is room for
/// `answer_capacity` at `answer`, which are at least `SYMBOLON_PORT_MOST`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_port(
    terminal: *mut OpenTerminal,
    command: *const u8,
    command_length: usize,
    answer: *mut u8,
    answer_capacity: usize,
    answer_length: *mut usize,
) -> Status {
    // SAFETY: as this function's own contract says.
    self::answer(unsafe {
        (|| {
            let command = bytes(command, command_length)?;
            let (place, length) = (writable(answer)?, writable(answer_length)?);
            if answer_capacity < SYMBOLON_PORT_MOST {
                return Err(SYMBOLON_STATUS_TOO_SHORT);
            }
            let mut call = Call::begin(terminal)?;
            let Work { terminal, port, .. } = call.work();
            let mut answer = [0; Port::MOST];
            let written = port.handle(terminal, command, &mut answer);
            let answer = answer.get(..written).unwrap_or_default();
            for (index, byte) in answer.iter().enumerate() {
                place.wrapping_add(index).write(*byte);
            }
            length.write(answer.len());
            Ok(())
        })()
    })
}

/// Writes to `*request` what the service port was told that the next card is to be asked for. `SYMBOLON_STATUS_WRONG_ORDER`
/// when it was told nothing since this was called last.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `request` is the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_wanted(terminal: *mut OpenTerminal, request: *mut Request) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let request = writable_structure(request)?;
            let mut call = Call::begin(terminal)?;
            let work = call.work();
            let wanted = work.port.take_wanted().ok_or(SYMBOLON_STATUS_WRONG_ORDER)?;
            request.write(told(wanted, work.terminal.credential().identity().sectors()));
            Ok(())
        })()
    })
}

/// Gives an open terminal its key under the successor of its authority, which the service port has loaded. From its first
/// trust bundle on, the successor is used too. After a restart, the key is `next_key` of the settings.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; the key points at what it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_add_key(terminal: *mut OpenTerminal, key: *const Key) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let key = GivenKey::read(&*readable(key)?)?;
            let mut call = Call::begin(terminal)?;
            let instance = call.instance();
            opening::add_successor(instance, &mut call.work().terminal, &key)
        })()
    })
}

/// Takes a trust bundle that is in memory, whole or the parts of one that this terminal holds: 1 to 16, in their order. They
/// stay there, unchanged, until the next bundle was taken or the terminal is closed.
///
/// A terminal that is served at its port keeps its bundle in flash, and does not need this.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `parts` and `lengths` are `count` each, and each part is as long as
/// its length says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_install(
    terminal: *mut OpenTerminal,
    parts: *const *const u8,
    lengths: *const usize,
    count: usize,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (parts, lengths) = (readable(parts)?, readable(lengths)?);
            let mut sources = [Source::Memory(&[]); MAX_PARTS];
            let chosen = sources.get_mut(..count).ok_or(SYMBOLON_STATUS_OUT_OF_RANGE)?;
            for (index, source) in chosen.iter_mut().enumerate() {
                *source = Source::Memory(bytes(*parts.wrapping_add(index), *lengths.wrapping_add(index))?);
            }
            let mut call = Call::begin(terminal)?;
            call.work().terminal.install(chosen).map_err(bundle_status)
        })()
    })
}

fn bundle_status(refused: BundleRefused) -> Status {
    match refused {
        BundleRefused::Malformed(_) => SYMBOLON_STATUS_BUNDLE_MALFORMED,
        BundleRefused::BadSignature => SYMBOLON_STATUS_BUNDLE_SIGNATURE,
        BundleRefused::OtherAuthority | BundleRefused::Parts | BundleRefused::OtherSectors => {
            SYMBOLON_STATUS_BUNDLE_OTHER
        }
        BundleRefused::NotNewer => SYMBOLON_STATUS_BUNDLE_OLD,
        BundleRefused::SequenceJump | BundleRefused::FromTheFuture => SYMBOLON_STATUS_BUNDLE_AHEAD,
        BundleRefused::Unreadable | BundleRefused::Storage(_) => SYMBOLON_STATUS_FLASH,
    }
}

/// Does what can be done ahead: for when nobody taps, every few seconds. The next tap is the quicker for it.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_idle(terminal: *mut OpenTerminal) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let mut call = Call::begin(terminal)?;
            let terminal = &mut call.work().terminal;
            terminal.prepare();
            terminal.devices().storage.tidy().map(|_| ()).map_err(opening::flash_status)
        })()
    })
}

/// At the factory: puts the prepared parameters of the authority that the terminal is to trust into its flash, which is
/// erased, or has what an interrupted call left. Needed once, unless the parameters are in memory.
///
/// # Safety
/// `platform` and `layout` are the caller's, and the callbacks may be called; `authority_id` is 32 bytes, `prepared` is
/// `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_provision_authority(
    platform: *const Platform,
    layout: *const Layout,
    authority_id: *const u8,
    prepared: *const u8,
    length: usize,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let callbacks = Callbacks::new(structure(platform)?)?;
            let layout = opening::layout(&*readable(layout)?)?;
            let id = AuthorityId::from_bytes(*array(authority_id)?);
            let prepared = bytes(prepared, length)?;
            let flash = SharedFlash::new(DeviceFlash(callbacks));
            opening::provision(&flash, layout, &id, prepared).map_err(opening::flash_status)
        })()
    })
}

/// A request as the caller has it.
fn told(wanted: Wanted, sectors: Sectors) -> Request {
    let size = size_of::<Request>() as u32;
    match wanted {
        Wanted::Tap(symbolon_verifier::Request { kind, sector, amount, reference }) => {
            Request { size, amount, kind: kind as u8, sector: sector as u8, zero: 0, reference }
        }
        Wanted::Voucher => {
            // A voucher says itself which sector it is for.
            let sector = sectors.iter().next().map_or(0, |sector| sector as u8);
            Request { size, amount: 0, kind: Kind::Credit as u8, sector, zero: 0, reference: [0; 16] }
        }
    }
}

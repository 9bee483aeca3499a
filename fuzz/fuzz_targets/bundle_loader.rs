//! Trust bundles that arrive at a terminal in pieces, whole and changed, with power cuts in between.
//!
//! Whatever arrives, what is in use is one of the bundles that the authority signed, whole, never an older one than
//! before, and the same after a restart.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_ccks::Suite;
use symbolon_flash_sim::Tear;
use symbolon_fuzz::{
    city::City,
    device::{self, Flash, Messages, Running, TestClock},
    program::Program,
    with_city,
};
use symbolon_tap::apdu::{PortCommand, Response, port::Piece};
use symbolon_verifier::{Seen, flash::SharedFlash, port::Port};

fuzz_target!(|input: &[u8]| {
    let [selector, rest @ ..] = input else {
        return;
    };
    with_city!(selector, city => load(city, rest));
});

/// The most messages that are followed.
const MOST: usize = 96;

/// Where the maintainer is with what it brings.
#[derive(Default)]
struct Bringing {
    bytes: Vec<u8>,
    offset: usize,
}

fn load<S: Suite>(city: &City<S>, input: &[u8]) {
    let flash = device::flash(city.image.get_or_init(|| device::image_with_bundle(city)).clone());
    let clock = TestClock::default();
    let mut messages = Messages(input).take(MOST).peekable();
    let mut latest = 3;
    for starts in 1.. {
        let mut memory = [Seen::EMPTY; 1];
        let mut terminal = device::start(city, &flash, &clock, starts, &mut memory);
        latest = check(city, &mut terminal, latest);
        session(city, &flash, &mut terminal, &mut messages, &mut latest);
        drop(terminal);
        flash.with(|flash| flash.restart()).expect("nobody else uses it");
        if messages.peek().is_none() {
            break;
        }
    }
    let mut memory = [Seen::EMPTY; 1];
    let mut terminal = device::start(city, &flash, &clock, 0, &mut memory);
    check(city, &mut terminal, latest);
    assert_eq!(flash.with(|flash| flash.violation()), Some(None));
}

fn session<'i, S: Suite>(
    city: &City<S>,
    flash: &SharedFlash<Flash>,
    terminal: &mut Running<'_, S>,
    messages: &mut impl Iterator<Item = (u8, &'i [u8])>,
    latest: &mut u64,
) {
    let (mut port, mut bringing) = (Port::new(), Bringing::default());
    for (operation, payload) in messages {
        let first = payload.first().copied().unwrap_or(1);
        let command = match operation % 8 {
            // Another bundle, changed as the rest of the message says.
            0 => {
                let bundle = &city.later_bundles[usize::from(operation / 8) % city.later_bundles.len()];
                let others = city.later_bundles.iter().map(|other| other.concat()).collect::<Vec<_>>();
                bringing = Bringing { bytes: bundle.concat(), offset: 0 };
                let program = payload.get(1..).unwrap_or_default();
                let others = others.iter().map(Vec::as_slice).collect::<Vec<_>>();
                Program::new(program).apply(&mut bringing.bytes, &others);
                let parts = if payload.is_empty() { bundle.len() as u8 } else { first };
                PortCommand::BeginBundle { parts }.encode()
            }
            // So many pieces that follow.
            1 | 2 => {
                for _ in 0..first {
                    let rest = bringing.bytes.get(bringing.offset..).unwrap_or_default();
                    let piece = &rest[..rest.len().min(Piece::MAX)];
                    let Some(piece) = Piece::new(bringing.offset as u32, piece) else { break };
                    ask(terminal, &mut port, PortCommand::WriteBundle(piece).encode().as_slice());
                    bringing.offset += piece.bytes().len();
                }
                continue;
            }
            // A piece from anywhere, of any bytes.
            3 => {
                let offset = u32::from(operation / 8) * 64 + u32::from(first);
                match Piece::new(offset, &payload[..payload.len().min(Piece::MAX)]) {
                    Some(piece) => PortCommand::WriteBundle(piece).encode(),
                    None => continue,
                }
            }
            4 => PortCommand::FinishBundle.encode(),
            5 => {
                ask(terminal, &mut port, payload);
                continue;
            }
            6 => {
                let tear = if first < 200 { Tear::Prefix(usize::from(first)) } else { Tear::Subset(first - 200) };
                flash.with(|flash| flash.cut_after(u64::from(operation / 8), tear)).expect("nobody else uses it");
                continue;
            }
            _ => return,
        };
        ask(terminal, &mut port, command.as_slice());
        if flash.with(|flash| flash.has_power()) != Some(true) {
            return;
        }
        *latest = check(city, terminal, *latest);
    }
}

fn ask<S: Suite>(terminal: &mut Running<'_, S>, port: &mut Port, command: &[u8]) {
    let mut response = [0; Port::MOST];
    let length = port.handle(terminal, command, &mut response);
    Response::parse(&response[..length]).expect("an answer is data and a status word");
}

/// The bundle in use: one that was signed, at least as new as before, in the flash as in the terminal.
fn check<S: Suite>(city: &City<S>, terminal: &mut Running<'_, S>, latest: u64) -> u64 {
    let id = city.authority.id();
    let sequence = terminal.bundle(id).expect("a terminal that had a bundle has one").sequence();
    assert!(sequence >= latest, "an older bundle is in use");
    let parts = terminal.devices().storage.active_bundle(id).expect("the flash is whole").expect("it is in use");
    let parts = parts.as_slice().iter().map(|part| {
        let mut bytes = vec![0; part.length()];
        part.read(0, &mut bytes).expect("the flash is whole");
        bytes
    });
    let parts = parts.collect::<Vec<_>>();
    let is_signed = parts == [city.bundle.clone()] || city.later_bundles.contains(&parts);
    assert!(is_signed, "a bundle is in use that nobody signed");
    assert_eq!(terminal.parts_held(id), parts.len());
    sequence
}

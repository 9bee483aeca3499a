//! Commands and answers in any order: a reader with a card before it, the terminal's service port, the card.
//!
//! The input is a list of messages: to the port, to the card, as the card's answer, the card's own answer with something
//! changed in it, silence, a power cut. Whatever comes, what was asked is answered with a status word; the journal has
//! exactly the taps that the card signed and that were accepted, each once, and the next tap of an honest card works.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::collections::BTreeSet;
use symbolon_ccks::{Sector, Suite, Time};
use symbolon_fuzz::{
    city::{City, NOON},
    device::{self, Messages, Running, TestClock},
    program::Program,
    with_city,
};
use symbolon_tap::{
    Kind,
    apdu::{CardCommand, CommandBytes, Response},
};
use symbolon_verifier::{
    Request, Seen,
    port::Port,
    reader::{Outcome, Reader, Step, Wanted},
};
use symbolon_wallet::{Asked, CardApplication, Keepsakes, MemoryCounterStore, MemoryPurseStore, Wallet};

fuzz_target!(|input: &[u8]| {
    let [selector, rest @ ..] = input else {
        return;
    };
    with_city!(selector, city => talk(city, rest));
});

const PATIENCE: u32 = 100;
/// The most messages that are followed: each can cost a few signatures.
const MOST: usize = 48;
/// The most taps: fewer than the journal holds.
const MOST_TAPS: usize = 24;

type Card<'c, S> = CardApplication<Wallet<'c, S, MemoryCounterStore>, MemoryPurseStore>;

/// What the world outside of the terminal knows.
#[derive(Default)]
struct World {
    /// Presentations that the card gave.
    answered: BTreeSet<Vec<u8>>,
    /// Presentations that were accepted.
    accepted: BTreeSet<Vec<u8>>,
    starts: u64,
    milliseconds: u64,
}

fn talk<S: Suite>(city: &City<S>, input: &[u8]) {
    let flash = device::flash(city.image.get_or_init(|| device::image_with_bundle(city)).clone());
    let clock = TestClock::default();
    let wallet = Wallet::new(&city.authority, &city.cards[0], MemoryCounterStore::new()).expect("a card's key");
    let keepsakes = Keepsakes::open(MemoryPurseStore::new()).expect("an empty store");
    let mut card = CardApplication::new(wallet, keepsakes);
    let mut world = World::default();
    let mut messages = Messages(input).take(MOST).peekable();
    loop {
        world.starts += 1;
        let mut memory = [Seen::EMPTY; 8];
        let mut terminal = device::start(city, &flash, &clock, world.starts, &mut memory);
        session(city, &mut terminal, &mut card, &mut world, &mut messages);
        let waiting = terminal.devices().storage.unacknowledged();
        assert_eq!(waiting, Ok(world.accepted.len() as u32), "the journal has what was accepted");
        if messages.peek().is_none() {
            break;
        }
    }
    assert_eq!(flash.with(|flash| flash.violation()), Some(None));
    assert!(world.accepted.is_subset(&world.answered), "what the card did not sign");
}

/// Until the power fails or nothing more is said.
fn session<'i, S: Suite>(
    city: &City<S>,
    terminal: &mut Running<'_, S>,
    card: &mut Card<'_, S>,
    world: &mut World,
    messages: &mut impl Iterator<Item = (u8, &'i [u8])>,
) {
    let (mut reader, mut port) = (Reader::new(PATIENCE), Port::new());
    let mut command: Option<CommandBytes> = None;
    for (operation, payload) in messages {
        match operation % 8 {
            0 => ask_port(terminal, &mut port, payload),
            1 => {
                answer(card, world, payload);
            }
            2 if world.accepted.len() < MOST_TAPS => {
                let wanted = port.take_wanted().unwrap_or(if operation & 8 == 0 { entry() } else { Wanted::Voucher });
                command = Some(reader.start(wanted, world.milliseconds));
            }
            3 => command = step(city, &mut reader, terminal, world, payload),
            4 | 5 => {
                let Some(bytes) = &command else { continue };
                let mut response = answer(card, world, bytes.as_slice());
                Program::new(payload).apply(&mut response, &[]);
                command = step(city, &mut reader, terminal, world, &response);
            }
            6 => {
                world.milliseconds += u64::from(PATIENCE) * u64::from(operation >> 3 & 1) + 1;
                if let Some(outcome) = reader.poll(world.milliseconds) {
                    note(city, world, &outcome);
                    command = None;
                }
            }
            7 if operation & 8 == 0 => {
                let bytes = CardCommand::Select.encode();
                ask_port(terminal, &mut port, bytes.as_slice());
                answer(card, world, bytes.as_slice());
            }
            7 => return,
            _ => {}
        }
    }
}

fn entry() -> Wanted {
    Wanted::Tap(Request { kind: Kind::Entry, sector: Sector::Transport, amount: 200, reference: [4; 16] })
}

fn ask_port<S: Suite>(terminal: &mut Running<'_, S>, port: &mut Port, command: &[u8]) {
    let mut response = [0; Port::MOST];
    let length = port.handle(terminal, command, &mut response);
    let response = response.get(..length).expect("no longer than there is room");
    Response::parse(response).expect("an answer is data and a status word");
}

/// What the card answers.
fn answer<S: Suite>(card: &mut Card<'_, S>, world: &mut World, command: &[u8]) -> Vec<u8> {
    let mut random = ChaCha20Rng::seed_from_u64(world.answered.len() as u64 + 1_000);
    let mut agree = |asked: &Asked<'_>| Some(asked.terms.amount());
    let now = Time::new(NOON).expect("a legal time");
    let answer = card.handle(command, now, &mut random, &mut agree);
    let response = Response::parse(&answer.response).expect("an answer is data and a status word");
    world.answered.insert(response.data().to_vec());
    answer.response
}

fn step<S: Suite>(
    city: &City<S>,
    reader: &mut Reader,
    terminal: &mut Running<'_, S>,
    world: &mut World,
    response: &[u8],
) -> Option<CommandBytes> {
    world.milliseconds += 1;
    let step = reader.respond(terminal, response, world.milliseconds);
    if let Some(accepted) = reader.accepted() {
        world.accepted.insert(accepted.record().presentation().as_bytes().to_vec());
    }
    match step {
        Step::Send(command) => {
            CardCommand::parse(command.as_slice()).expect("a reader sends commands");
            Some(command)
        }
        Step::Done(outcome) => {
            note(city, world, &outcome);
            None
        }
    }
}

fn note<S: Suite>(city: &City<S>, world: &mut World, outcome: &Outcome) {
    let Outcome::Accepted { accepted, .. } = outcome else { return };
    let record = accepted.record();
    let terminal = city.terminals[0].credential().expect("a terminal's key").digest();
    record.presentation().verify(&city.authority, record.terms(), &terminal).expect("an accepted tap verifies");
    world.accepted.insert(record.presentation().as_bytes().to_vec());
}

//! `tests/driven.c`, a terminal in C that is driven call by call; and the same beside the verifier in Rust.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::sync::OnceLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::*;
use symbolon_flash_sim::{ERASE_SIZE, SimulatedFlash};
use symbolon_tap::apdu::{CardCommand, Status};
use symbolon_tap::*;
use symbolon_terminal::{SYMBOLON_STATUS_OK, SYMBOLON_STEP_SEND};
use symbolon_verifier::flash::{FlashStore, Layout, Pages, SharedFlash};
use symbolon_verifier::{Devices, Domain, Offline, Policy, Revocation, Seen, Terminal, Verdict};

use crate::city::{City, NOON, time};
use crate::native::{Sanitizers, build_program};

/// A terminal in C.
pub(crate) struct Driven {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What a call is answered with: the status, and the words after it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u32,
    words: Vec<String>,
}

impl Answer {
    /// Bytes that were written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        assert_eq!(self.status, SYMBOLON_STATUS_OK);
        from_hexadecimal(self.words.last().unwrap())
    }

    /// A verdict that was written.
    pub(crate) fn told(&self) -> Told {
        assert_eq!(self.status, SYMBOLON_STATUS_OK);
        Told::read(&self.words)
    }
}

/// A verdict as it crosses the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) verdict: u8,
    pub(crate) reason: u8,
    pub(crate) is_stale: bool,
    pub(crate) data_age_seconds: u64,
    pub(crate) established: u32,
    pub(crate) amount: u32,
    pub(crate) counter: u32,
}

impl Told {
    fn read(words: &[String]) -> Self {
        let number = |index: usize| words[index].parse::<u64>().unwrap();
        let small = |index| u32::try_from(number(index)).unwrap();
        Self {
            verdict: u8::try_from(number(0)).unwrap(),
            reason: u8::try_from(number(1)).unwrap(),
            is_stale: number(2) == 1,
            data_age_seconds: number(3),
            established: small(4),
            amount: small(5),
            counter: small(6),
        }
    }

    /// What a verdict of the verifier has to be told as.
    fn of(verdict: &Verdict) -> Self {
        let refused = |verdict, refusal: &symbolon_verifier::Refusal| Self {
            verdict,
            reason: refusal.reason().number(),
            is_stale: false,
            data_age_seconds: refusal.data_age_seconds().unwrap_or(0),
            established: 0,
            amount: 0,
            counter: 0,
        };
        match verdict {
            Verdict::Referred(refusal) => refused(2, refusal),
            Verdict::Declined(refusal) => refused(3, refusal),
            Verdict::Accepted(accepted) => Self {
                verdict: 1,
                reason: 0,
                is_stale: accepted.is_stale(),
                data_age_seconds: accepted.revocation().age_seconds().unwrap_or(0),
                established: if matches!(accepted.revocation(), Revocation::NotListed { .. }) { 0x3f } else { 0x1f },
                amount: accepted.record().terms().amount(),
                counter: accepted.record().presentation().counter(),
            },
        }
    }

    /// The verdict's name and its reason's.
    pub(crate) fn names(&self) -> (&'static str, &'static str) {
        let verdict = ["accepted", "referred", "declined"][usize::from(self.verdict) - 1];
        (verdict, symbolon_verifier::Reason::from_number(self.reason).map_or("", |reason| reason.name()))
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn from_hexadecimal(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|index| u8::from_str_radix(&text[index..index + 2], 16).unwrap()).collect()
}

/// The program, built once: nobody writes it anew while another test starts it.
fn program<S: Suite>() -> &'static Path {
    static PROGRAMS: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    let program = &PROGRAMS[usize::from(S::ID == SuiteId::Secp256k1Sha256)];
    program.get_or_init(|| build_program::<S>("src/verifier-c/tests/driven.c", Sanitizers::C))
}

impl Driven {
    /// Without anything given but the time.
    pub(crate) fn start<S: Suite>() -> Self {
        let mut child = Command::new(program::<S>()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut driven = Self { child, input, output };
        driven.number("now", NOON);
        driven
    }

    /// Makes a call that takes bytes.
    pub(crate) fn call(&mut self, call: &str, bytes: &[&[u8]]) -> Answer {
        let words = bytes.iter().map(|bytes| hexadecimal(bytes)).collect::<Vec<_>>();
        self.line(&format!("{call} {}", words.join(" ")))
    }

    pub(crate) fn line(&mut self, line: &str) -> Answer {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        let mut words = answer.split_whitespace().map(str::to_owned);
        let status = words.next().expect("the program ended").parse().unwrap();
        Answer { status, words: words.collect() }
    }

    /// The status of a call without arguments.
    pub(crate) fn status(&mut self, call: &str) -> u32 {
        self.line(call).status
    }

    pub(crate) fn number(&mut self, name: &str, number: impl Into<u64>) {
        self.line(&format!("number {name} {}", number.into()));
    }

    pub(crate) fn give(&mut self, name: &str, bytes: &[u8]) {
        self.call(&format!("give {name}"), &[bytes]);
    }

    /// Gives a key, or the next one with `next_` before its names.
    pub(crate) fn give_key<S: Suite>(&mut self, prefix: &str, key: &SigningKey<S>) {
        self.give(&format!("{prefix}credential"), key.credential().unwrap().as_bytes());
        self.give(&format!("{prefix}secret"), key.secret_bytes().as_slice());
    }

    /// Gives an authority in memory.
    pub(crate) fn give_authority<S: Suite>(&mut self, city: &City<S>) {
        self.give("id", city.authority.id().as_bytes());
        self.give("prepared", &prepare_parameters(&city.parameters).unwrap());
    }

    /// Holds a card to it by commands: the outcome, and the verdict with it.
    pub(crate) fn tap_by_the_reader<S: Suite>(
        &mut self,
        card: &SigningKey<S>,
        amount: u32,
        counter: u32,
    ) -> (u8, Told) {
        let mut answer = self.line(&format!("start {amount}"));
        loop {
            assert_eq!(answer.status, SYMBOLON_STATUS_OK);
            let (kind, outcome) = (&answer.words[0], &answer.words[1]);
            if *kind != SYMBOLON_STEP_SEND.to_string() {
                return (outcome.parse().unwrap(), Told::read(&answer.words[2..]));
            }
            let command = answer.bytes();
            let mut response = match CardCommand::parse(&command).unwrap() {
                CardCommand::Select => select(card).as_bytes().to_vec(),
                CardCommand::Present { challenge } => present(card, challenge, counter).as_bytes().to_vec(),
                CardCommand::Receipt { .. } | CardCommand::Voucher { .. } => Vec::new(),
            };
            response.extend(Status::Success.to_bytes());
            answer = self.call("respond", &[&response]);
        }
    }

    /// Ends it: no sanitizer has anything to say, and no memory is left.
    pub(crate) fn finish(mut self) {
        self.input = None;
        assert!(self.child.wait().unwrap().success());
    }
}

/// A failing test leaves none behind.
impl Drop for Driven {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a card says to SELECT.
pub(crate) fn select<S: Suite>(card: &SigningKey<S>) -> SelectResponse {
    SelectResponse::new(S::ID, 2, card.authority_id().prefix(), [5; 8])
}

/// What it answers to a challenge.
pub(crate) fn present<S: Suite>(card: &SigningKey<S>, challenge: &[u8], counter: u32) -> Presentation {
    let challenge = Challenge::parse(challenge).unwrap();
    Presentation::sign(card, challenge.terms(), &challenge.terminal().digest(), counter, &[6; 32]).unwrap()
}

type InMemory = SimulatedFlash<Vec<u8>, 32>;
type Rust<S> = Terminal<'static, S, Box<dyn Fn() -> Time>, ChaCha20Rng, FlashStore<'static, InMemory>>;

/// A terminal in C and one in Rust, of which all is asked that is asked of either, and which have to say the same.
///
/// What the one in Rust borrows stays until the test ends.
pub(crate) struct Pair<S: Suite> {
    pub(crate) city: &'static City<S>,
    pub(crate) driven: Driven,
    rust: Rust<S>,
    key: &'static SigningKey<S>,
    flash: &'static SharedFlash<InMemory>,
    clock: Rc<Cell<u64>>,
    policy: Policy,
    slots: u8,
}

const PAGES: Pages = Pages { state: 2, journal: 4, bundle: 1, authority: 18 };

impl<S: Suite> Pair<S> {
    pub(crate) fn new(policy: Policy, slots: u8) -> Self {
        let city = &*Box::leak(Box::new(City::<S>::new()));
        let key = &*Box::leak(Box::new(city.terminal()));
        let layout = Layout::consecutive(0, ERASE_SIZE as u32, &PAGES).unwrap();
        let flash = &*Box::leak(Box::new(SharedFlash::new(InMemory::erased(vec![0; layout.end() as usize]))));
        let clock = Rc::new(Cell::new(NOON));
        let mut driven = Driven::start::<S>();
        driven.give_authority(city);
        driven.give_key("", key);
        driven.number("replay_slots", slots);
        if let Offline::UpTo(most) = policy.without_bundle {
            driven.number("accepts_without_bundle", 1_u8);
            driven.number("most_without_bundle", most);
        }
        if let Some(operator) = &policy.codes_pay {
            driven.give("codes_pay", operator);
        }
        assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK);
        let rust = rust_terminal(city, key, flash, &clock, policy, slots);
        Self { city, driven, rust, key, flash, clock, policy, slots }
    }

    pub(crate) fn set_clock(&mut self, now: u64) {
        self.clock.set(now);
        self.driven.number("now", now);
    }

    /// The power fails, and comes back.
    pub(crate) fn restart(&mut self) {
        self.driven.status("cut");
        assert_eq!(self.driven.status("open"), SYMBOLON_STATUS_OK);
        self.rust = rust_terminal(self.city, self.key, self.flash, &self.clock, self.policy, self.slots);
    }

    /// Shows a code to both.
    pub(crate) fn code(&mut self, code: &[u8]) -> Told {
        let told = self.driven.call("code", &[code]).told();
        assert_eq!(told, Told::of(&self.rust.decide_code(code)));
        told
    }

    /// Holds a card to both, which is asked for an entry.
    pub(crate) fn tap(&mut self, card: &SigningKey<S>, amount: u32, counter: u32) -> Told {
        self.bent_tap(card, (amount, counter), |_| {})
    }

    /// Holds a card to both, of whose answer somebody changes the bytes.
    pub(crate) fn bent_tap(
        &mut self,
        card: &SigningKey<S>,
        (amount, counter): (u32, u32),
        bend: impl FnOnce(&mut [u8; Presentation::SIZE]),
    ) -> Told {
        let select = select(card);
        let challenge = self.driven.line(&format!("challenge {} {amount}", hexadecimal(select.as_bytes()))).bytes();
        let mut answer = *present(card, &challenge, counter).as_bytes();
        bend(&mut answer);
        let told = self.driven.call("decide", &[&answer]).told();
        let asked = self.rust.resume(select.as_bytes(), &challenge).unwrap();
        assert_eq!(told, Told::of(&self.rust.decide(asked, &answer)));
        told
    }

    /// Installs a bundle, from memory.
    pub(crate) fn install(&mut self, parts: &[Vec<u8>]) {
        let brought = parts.iter().map(Vec::as_slice).collect::<Vec<_>>();
        assert_eq!(self.driven.call("install", &brought).status, SYMBOLON_STATUS_OK);
        let kept = parts.iter().map(|part| Source::Memory(part.clone().leak())).collect::<Vec<_>>();
        self.rust.install(&kept).unwrap();
    }
}

fn rust_terminal<S: Suite>(
    city: &'static City<S>,
    key: &'static SigningKey<S>,
    flash: &'static SharedFlash<InMemory>,
    clock: &Rc<Cell<u64>>,
    policy: Policy,
    slots: u8,
) -> Rust<S> {
    let layout = Layout::consecutive(0, ERASE_SIZE as u32, &PAGES).unwrap();
    let storage = FlashStore::open(flash, layout).unwrap();
    let clock = Rc::clone(clock);
    let devices =
        Devices { clock: Box::new(move || time(clock.get())) as _, random: ChaCha20Rng::seed_from_u64(3), storage };
    let memory = vec![Seen::EMPTY; slots.into()].leak();
    Terminal::new(Domain::new(&city.authority, key).unwrap(), policy, devices, memory)
}

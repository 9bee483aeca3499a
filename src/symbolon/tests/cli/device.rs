//! A terminal of its own, on simulated flash behind sockets: tapped with `card pay --apdu`, looked after with
//! `terminal port`, and settled by the real service.

use crate::by_hand::City;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use symbolon_ccks::{Authority, Credential, P256, Secp256k1, SigningKey, Suite, Time};
use symbolon_flash_sim::SimulatedFlash;
use symbolon_tap::apdu::{CardCommand, FrameReader, MAX_FRAME, MAX_FRAMED, MAX_RESPONSE, write_frame};
use symbolon_verifier::{
    Clock, Devices, Domain, Policy, Request, Seen, Terminal,
    flash::{FlashStore, Layout, Pages, SharedFlash},
    port::{ClockNotSet, Port, SettableClock},
    reader::{Fault, Outcome, Reader, Step, Wanted},
};

/// The system's clock, wrong by so many seconds until it is set.
#[derive(Clone, Copy)]
struct WrongClock(&'static AtomicI64);

impl WrongClock {
    fn system() -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
    }
}

impl Clock for WrongClock {
    fn now(&self) -> Time {
        Time::new((Self::system() + self.0.load(Ordering::Relaxed)) as u64).unwrap()
    }
}

impl SettableClock for WrongClock {
    fn set(&mut self, now: Time) -> Result<(), ClockNotSet> {
        self.0.store(now.seconds() as i64 - Self::system(), Ordering::Relaxed);
        Ok(())
    }
}

/// One end of a line: frames in, frames out.
struct Line {
    stream: TcpStream,
    frames: FrameReader,
}

impl Line {
    fn accept(listener: &TcpListener) -> Self {
        Self { stream: listener.accept().unwrap().0, frames: FrameReader::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        let mut frame = [0; MAX_FRAMED];
        let length = write_frame(bytes, &mut frame).unwrap();
        self.stream.write_all(&frame[..length]).unwrap();
    }

    /// The next frame; `None` once the other end is gone.
    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut carried = [0; MAX_FRAME];
        loop {
            if let Some(length) = self.frames.take(&mut carried) {
                return Some(carried[..length].to_vec());
            }
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(1) => self.frames.push(byte[0]),
                Ok(_) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

type Flash = SimulatedFlash<Vec<u8>>;

/// The device: everything in it lasts as long as the test, but for what a restart takes.
struct Device<S: Suite> {
    authority: &'static Authority<'static, S>,
    key: &'static SigningKey<S>,
    flash: &'static SharedFlash<Flash>,
    layout: Layout,
    clock: WrongClock,
    card_line: TcpListener,
    port_line: TcpListener,
    terminal: Terminal<'static, S, WrongClock, ChaCha20Rng, FlashStore<'static, Flash>>,
    reader: Reader,
    port: Port,
}

impl<S: Suite> Device<S> {
    /// Puts the key of an enrolled terminal into a new device, whose clock is wrong.
    fn make(folder: &Path) -> Self {
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        let authority = &*Box::leak(Box::new(Authority::<S>::parse(&read("authority.params")).unwrap()));
        let (credential, secret) = (read("credential"), read("secret"));
        let credential = Credential::parse(&credential).unwrap();
        let key = SigningKey::from_credential(authority, credential, secret.as_slice().try_into().unwrap()).unwrap();
        let key = &*Box::leak(Box::new(key));
        let pages = Pages { state: 2, journal: 4, bundle: 2, authority: 18 };
        let layout = Layout::consecutive(0, 4_096, &pages).unwrap();
        let flash = SharedFlash::new(SimulatedFlash::erased(vec![0; layout.end() as usize]));
        let flash = &*Box::leak(Box::new(flash));
        let clock = WrongClock(Box::leak(Box::new(AtomicI64::new(-7_000))));
        let [card_line, port_line] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let terminal = Self::start(authority, key, flash, layout, clock);
        let (reader, port) = (Reader::new(30_000), Port::new());
        Self { authority, key, flash, layout, clock, card_line, port_line, terminal, reader, port }
    }

    fn start(
        authority: &'static Authority<'static, S>,
        key: &'static SigningKey<S>,
        flash: &'static SharedFlash<Flash>,
        layout: Layout,
        clock: WrongClock,
    ) -> Terminal<'static, S, WrongClock, ChaCha20Rng, FlashStore<'static, Flash>> {
        let storage = FlashStore::open(flash, layout).unwrap();
        let bundle = storage.active_bundle(authority.id()).unwrap();
        let seed = WrongClock::system().to_be_bytes().repeat(4);
        let devices = Devices { clock, random: ChaCha20Rng::from_seed(seed.as_slice().try_into().unwrap()), storage };
        let memory = Box::leak(vec![Seen::EMPTY; 64].into_boxed_slice());
        let mut terminal = Terminal::new(Domain::new(authority, key).unwrap(), Policy::STRICT, devices, memory);
        if let Some(bundle) = bundle {
            terminal.install(bundle.as_slice()).unwrap();
        }
        terminal
    }

    fn restart(&mut self) {
        self.terminal = Self::start(self.authority, self.key, self.flash, self.layout, self.clock);
        (self.reader, self.port) = (Reader::new(30_000), Port::new());
    }

    fn card_line(&self) -> String {
        format!("tcp:{}", self.card_line.local_addr().unwrap())
    }

    fn port_line(&self) -> String {
        format!("tcp:{}", self.port_line.local_addr().unwrap())
    }

    /// Taps the card that connects, until the tap is over or the power goes: when `power_goes` knows the command.
    fn tap(&mut self, power_goes: fn(&CardCommand<'_>) -> bool) -> Outcome {
        let (mut line, begun) = (Line::accept(&self.card_line), Instant::now());
        let wanted = self.port.take_wanted().unwrap_or(Wanted::Tap(Request {
            kind: symbolon_tap::Kind::Purchase,
            sector: symbolon_ccks::Sector::Transport,
            amount: 300,
            reference: *b"gate-1\0\0\0\0\0\0\0\0\0\0",
        }));
        let now = || u64::try_from(begun.elapsed().as_millis()).unwrap();
        let mut command = self.reader.start(wanted, now());
        loop {
            if power_goes(&CardCommand::parse(command.as_slice()).unwrap()) {
                self.restart();
                return Outcome::Failed { phase: symbolon_verifier::reader::Phase::Receipt, fault: Fault::Silent };
            }
            line.send(command.as_slice());
            let response = line.receive().unwrap_or_default();
            match self.reader.respond(&mut self.terminal, &response, now()) {
                Step::Send(next) => command = next,
                Step::Done(outcome) => return outcome,
            }
        }
    }

    /// Serves whoever connects to the port until they hang up.
    fn serve_port(&mut self) {
        let mut line = Line::accept(&self.port_line);
        while let Some(command) = line.receive() {
            let mut response = [0; MAX_RESPONSE];
            let length = self.port.handle(&mut self.terminal, &command, &mut response);
            line.send(&response[..length]);
        }
    }
}

/// Runs the device while the test does something with it.
fn meanwhile<S: Suite, D: Send, T>(
    device: &mut Device<S>,
    does: impl FnOnce(&mut Device<S>) -> D + Send,
    test: impl FnOnce() -> T,
) -> (D, T) {
    thread::scope(|scope| {
        let running = scope.spawn(|| does(device));
        let tested = test();
        (running.join().unwrap(), tested)
    })
}

fn a_terminal_of_its_own_is_tapped_and_settled<S: Suite>(suite: &str) {
    let city = City::new(suite);
    let workshop = &city.workshop;
    let mut device = Device::<S>::make(&workshop.path("gate-1"));
    let (port, card) = (device.port_line(), device.card_line());
    let ask_port = |device: &mut Device<S>, command: &str| {
        let line = format!("terminal port --apdu {port} {command}");
        meanwhile(device, Device::serve_port, || workshop.ask(&line)).1
    };
    let pay = format!("card pay my-card --apdu {card} --most 1000");

    // It comes with a wrong clock and without a bundle, and asks nobody.
    let new = ask_port(&mut device, "status");
    assert_eq!((new["bundle_sequence"].as_u64(), new["records"].as_u64()), (Some(0), Some(0)));
    let (outcome, ran) = meanwhile(&mut device, |device| device.tap(|_| false), || workshop.line(&pay));
    assert!(!matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    ran.refused(&[]);
    let synced = ask_port(&mut device, "sync --trust city/trust.toml");
    assert_eq!((synced["uploads"].as_u64(), synced["bundle"].is_u64()), (Some(0), true), "{synced}");
    let status = ask_port(&mut device, "status");
    assert_eq!((&status["bundle_sequence"], &status["clock_wrong"]), (&synced["bundle"], &false.into()));

    // A tap; and one that asks for what the port said.
    let (outcome, paid) = meanwhile(&mut device, |device| device.tap(|_| false), || workshop.ask(&pay));
    assert!(matches!(outcome, Outcome::Accepted { receipt: Ok(()), .. }), "{outcome:?}");
    assert_eq!(
        (paid["result"].as_str(), paid["amount"].as_u64(), paid["counter"].as_u64()),
        (Some("accepted"), Some(300), Some(1))
    );
    assert_eq!(paid["terminal"], status["terminal"]);
    ask_port(&mut device, "ask --kind purchase --sector transport --amount 450 --reference bill-7");
    let (_, ran) = meanwhile(
        &mut device,
        |device| device.tap(|_| false),
        || workshop.line(&format!("card pay my-card --apdu {card} --confirm 400")),
    );
    ran.refused(&["the terminal asks for 4.50 CNY", "--confirm 450"]);
    ask_port(&mut device, "ask --kind purchase --sector transport --amount 450 --reference bill-7");
    let (_, paid) = meanwhile(&mut device, |device| device.tap(|_| false), || workshop.ask(&pay));
    assert_eq!((paid["amount"].as_u64(), paid["counter"].as_u64()), (Some(450), Some(2)));

    // The power goes once the tap is in the journal and before the receipt is sent: the next tap gets the receipt.
    let cut = |device: &mut Device<S>| device.tap(|command| matches!(command, CardCommand::Receipt { .. }));
    let (_, ran) = meanwhile(&mut device, cut, || workshop.line(&pay));
    ran.refused(&["closed the line"]);
    assert_eq!(workshop.ask("card receipts my-card")["awaiting_receipt"], true);
    let (outcome, paid) = meanwhile(&mut device, |device| device.tap(|_| false), || workshop.ask(&pay));
    assert_eq!(outcome, Outcome::Repeated { receipt: Ok(()) });
    assert_eq!((paid["result"].as_str(), paid["counter"].as_u64()), (Some("accepted"), Some(3)));
    assert_eq!(workshop.ask("card show my-card")["spent"].as_u64(), Some(1_050));

    // Three taps, settled once.
    assert_eq!(ask_port(&mut device, "status")["records"].as_u64(), Some(3));
    for (uploads, settled) in [(1, 3), (0, 0)] {
        let synced = ask_port(&mut device, "sync --trust city/trust.toml --full");
        assert_eq!(
            (synced["uploads"].as_u64(), synced["settled"].as_u64()),
            (Some(uploads), Some(settled)),
            "{synced}"
        );
        let status = ask_port(&mut device, "status");
        assert_eq!((status["records"].as_u64(), &status["upload_pending"]), (Some(0), &false.into()));
        let account = workshop.ask(&format!("ledger show {} --client city/clients/issuer-bank.toml", city.account));
        assert_eq!(account["account"]["balance"], 5_000 - 1_050);
    }
    let listed = workshop.ask("card receipts my-card");
    let amounts: Vec<_> = listed["receipts"].as_array().unwrap().iter().map(|kept| kept["amount"].as_u64()).collect();
    assert_eq!((amounts, &listed["awaiting_receipt"]), (vec![Some(300), Some(450), Some(300)], &false.into()));
    assert!(listed["receipts"].as_array().unwrap().iter().all(|kept| kept["verified"] == true), "{listed}");
    workshop.ask("card export my-card --out held.json");
    let held: serde_json::Value = serde_json::from_slice(&fs::read(workshop.path("held.json")).unwrap()).unwrap();
    let receipts = held["wallet"]["receipts"].as_array().unwrap();
    assert_eq!((receipts.len(), &held["wallet"]["awaiting_receipt"]), (3, &serde_json::Value::Null));
    assert_eq!(city.serving.stop(), 0);
}

#[test]
fn a_terminal_of_its_own_is_tapped_and_settled_with_p256() {
    a_terminal_of_its_own_is_tapped_and_settled::<P256>("p256");
}

#[test]
fn a_terminal_of_its_own_is_tapped_and_settled_with_secp256k1() {
    a_terminal_of_its_own_is_tapped_and_settled::<Secp256k1>("secp256k1");
}

#[test]
fn a_line_that_is_none_is_told() {
    let city = City::new("p256");
    let workshop = &city.workshop;
    workshop.line("terminal port --apdu unix:nowhere.socket status").refused(&["cannot reach nowhere.socket"]);
    assert_eq!(workshop.line("card pay my-card --apdu serial:3").code, 2);
    // Somebody who never says a word.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap();
    workshop
        .line(&format!("card pay my-card --apdu tcp:{address} --wait 1"))
        .refused(&["the reader has been silent for 1 seconds"]);
    assert_eq!(workshop.ask("card show my-card")["counter"].as_u64(), Some(0));
}

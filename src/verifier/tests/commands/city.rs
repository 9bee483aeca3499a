//! An authority, its holders, and stations: terminals whose flash outlives them.

use std::cell::Cell;
use std::rc::Rc;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::*;
use symbolon_flash_sim::SimulatedFlash;
use symbolon_tap::apdu::{MAX_RESPONSE, PortCommand, Response, Status};
use symbolon_tap::{BundleContent, BundleFields, Kind, encode_bundle};
use symbolon_verifier::flash::{FlashStore, Layout, Pages, SharedFlash};
use symbolon_verifier::port::{ClockNotSet, Port, SettableClock};
use symbolon_verifier::reader::{Outcome, Reader, Step, Wanted};
use symbolon_verifier::{Clock, Devices, Domain, Policy, Request, Seen, Terminal};
use symbolon_wallet::{Answer, Asked, CardApplication, Keepsakes, MemoryCounterStore, MemoryPurseStore, Wallet};

use crate::issuing::issue;

pub(crate) const NOON: u64 = 1_800_000_000;
pub(crate) const PATIENCE: u32 = 1_000;

pub(crate) fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

/// An authority, for as long as the tests run.
pub(crate) struct City<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) parameters: Vec<u8>,
    pub(crate) authority: &'static Authority<'static, S>,
}

impl<S: Suite> City<S> {
    pub(crate) fn new(seed: u64) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let parameters = secret.parameters(time(NOON), &Name::parse("beijing").unwrap());
        let authority = Box::leak(Box::new(Authority::parse(&parameters).unwrap()));
        Self { secret, parameters, authority }
    }

    pub(crate) fn fields(&self, class: Class) -> IdentityFields {
        IdentityFields {
            suite: S::ID,
            class,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes([class as u8; 16]),
            not_before: time(NOON - 100_000),
            not_after: time(NOON + 100_000),
            spend_limit: 5_000,
            budget: 100_000,
            currency: 156,
            tariff: 0,
        }
    }

    pub(crate) fn key(&self, fields: IdentityFields) -> &'static SigningKey<S> {
        Box::leak(Box::new(issue(&self.secret, self.authority, fields)))
    }

    pub(crate) fn institution(&self) -> SigningKey<S> {
        self.secret.institution_key(self.authority, self.authority.name())
    }

    /// A trust bundle of this sequence that revokes these.
    pub(crate) fn bundle(&self, sequence: u64, issued_at: u64, revoked: &[Subject]) -> Vec<u8> {
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence,
            issued_at: time(issued_at),
            valid_until: time(issued_at + 86_400),
            oldest_not_before: time(0),
            part: 0,
            parts: 1,
        };
        let content = BundleContent { revoked, ..BundleContent::default() };
        encode_bundle(&self.institution(), &fields, &content, &[3; 32]).unwrap()
    }

    /// A card whose holder agrees to whatever is asked.
    pub(crate) fn card(&self) -> Card<S> {
        self.card_of(self.key(self.fields(Class::Card)))
    }

    pub(crate) fn card_of(&self, key: &'static SigningKey<S>) -> Card<S> {
        let wallet = Wallet::new(self.authority, key, MemoryCounterStore::new()).unwrap();
        let keepsakes = Keepsakes::open(MemoryPurseStore::new()).unwrap();
        Card { application: CardApplication::new(wallet, keepsakes), random: ChaCha20Rng::seed_from_u64(5), now: NOON }
    }

    /// A terminal with a trust bundle, and empty flash otherwise.
    pub(crate) fn station(&self) -> Station<S> {
        let mut station = self.new_station();
        station.bring_bundle(&self.bundle(1, NOON - 10, &[]));
        station
    }

    /// Another terminal with a trust bundle.
    pub(crate) fn station_elsewhere(&self) -> Station<S> {
        let fields = IdentityFields { subject: Subject::from_bytes([9; 16]), ..self.fields(Class::Terminal) };
        let mut station = self.station_of(self.key(fields), 1_000);
        station.bring_bundle(&self.bundle(1, NOON - 10, &[]));
        station
    }

    pub(crate) fn new_station(&self) -> Station<S> {
        self.station_of(self.key(self.fields(Class::Terminal)), 1)
    }

    fn station_of(&self, key: &'static SigningKey<S>, seed: u64) -> Station<S> {
        let pages = Pages { state: 2, journal: 2, bundle: 1, authority: 18 };
        let layout = Layout::consecutive(0, 4_096, &pages).unwrap();
        let memory = vec![0xFF; layout.end() as usize];
        let flash = &*Box::leak(Box::new(SharedFlash::new(SimulatedFlash::erased(memory))));
        Station::start(self.authority, key, None, flash, layout, seed)
    }
}

/// A card as a reader meets it.
pub(crate) struct Card<S: Suite> {
    pub(crate) application: CardApplication<Wallet<'static, S, MemoryCounterStore>, MemoryPurseStore>,
    random: ChaCha20Rng,
    pub(crate) now: u64,
}

impl<S: Suite> Card<S> {
    pub(crate) fn answer(&mut self, command: &[u8]) -> Answer {
        let mut agree = |asked: &Asked<'_>| Some(asked.terms.amount());
        self.application.handle(command, time(self.now), &mut self.random, &mut agree)
    }

    pub(crate) fn receipts(&mut self) -> usize {
        self.application.keepsakes().receipts().len()
    }

    pub(crate) fn counter(&mut self) -> u32 {
        self.application.holder().account().unwrap().counter
    }
}

#[derive(Clone)]
pub(crate) struct TestClock(Rc<Cell<u64>>);

impl Clock for TestClock {
    fn now(&self) -> Time {
        time(self.0.get())
    }
}

impl SettableClock for TestClock {
    fn set(&mut self, now: Time) -> Result<(), ClockNotSet> {
        self.0.set(now.seconds());
        Ok(())
    }
}

type Flash = SimulatedFlash<Vec<u8>>;
type Running<S> = Terminal<'static, S, TestClock, ChaCha20Rng, FlashStore<'static, Flash>>;

/// A terminal with its reader and its port; its flash outlives it.
pub(crate) struct Station<S: Suite> {
    authority: &'static Authority<'static, S>,
    key: &'static SigningKey<S>,
    flash: &'static SharedFlash<Flash>,
    layout: Layout,
    starts: u64,
    /// The authority that follows, and the terminal's key under it, once the device was given one.
    pub(crate) successor: Option<(&'static Authority<'static, S>, &'static SigningKey<S>)>,
    pub(crate) clock: TestClock,
    pub(crate) terminal: Running<S>,
    pub(crate) reader: Reader,
    pub(crate) port: Port,
    pub(crate) milliseconds: u64,
}

impl<S: Suite> Station<S> {
    fn start(
        authority: &'static Authority<'static, S>,
        key: &'static SigningKey<S>,
        successor: Option<(&'static Authority<'static, S>, &'static SigningKey<S>)>,
        flash: &'static SharedFlash<Flash>,
        layout: Layout,
        starts: u64,
    ) -> Self {
        let clock = TestClock(Rc::new(Cell::new(NOON)));
        let storage = FlashStore::open(flash, layout).unwrap();
        let bundle = storage.active_bundle(authority.id()).unwrap();
        let named = storage.successor().copied();
        let next_bundle = successor.and_then(|(next, _)| storage.active_bundle(next.id()).unwrap());
        let devices = Devices { clock: clock.clone(), random: ChaCha20Rng::seed_from_u64(starts), storage };
        let memory = Box::leak(vec![Seen::EMPTY; 32].into_boxed_slice());
        let domain = Domain::new(authority, key).unwrap();
        let mut terminal = Terminal::new(domain, Policy::STRICT, devices, memory);
        if let Some(bundle) = bundle {
            terminal.install(bundle.as_slice()).unwrap();
        }
        if let (Some((authority, key)), Some(named)) = (successor, named) {
            terminal.add_domain(Domain::new(authority, key).unwrap(), &named).unwrap();
        }
        if let Some(bundle) = next_bundle {
            terminal.install(bundle.as_slice()).unwrap();
        }
        let (reader, port) = (Reader::new(PATIENCE), Port::new());
        Self { authority, key, flash, layout, starts, successor, clock, terminal, reader, port, milliseconds: 0 }
    }

    /// The power went: whatever was not in flash is gone.
    pub(crate) fn restart(self) -> Self {
        Self::start(self.authority, self.key, self.successor, self.flash, self.layout, self.starts + 1)
    }

    pub(crate) fn set_clock(&self, seconds: u64) {
        self.clock.0.set(seconds);
    }

    /// A whole tap with whatever answers; `None` is silence.
    pub(crate) fn tap_with(&mut self, wanted: Wanted, mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Outcome {
        let mut command = self.reader.start(wanted, self.milliseconds);
        for _ in 0..8 {
            self.milliseconds += 1;
            let Some(response) = answer(command.as_slice()) else {
                assert_eq!(self.reader.poll(self.milliseconds), None, "not yet");
                self.milliseconds += u64::from(PATIENCE);
                return self.reader.poll(self.milliseconds).unwrap();
            };
            match self.reader.respond(&mut self.terminal, &response, self.milliseconds) {
                Step::Send(next) => command = next,
                Step::Done(outcome) => return outcome,
            }
        }
        panic!("the tap does not end");
    }

    pub(crate) fn tap(&mut self, card: &mut Card<S>, wanted: Wanted) -> Outcome {
        self.tap_with(wanted, |command| Some(card.answer(command).response))
    }

    /// Taps of the journal that are not acknowledged.
    pub(crate) fn waiting(&mut self) -> u32 {
        self.terminal.devices().storage.unacknowledged().unwrap()
    }

    /// A command to the port: the data of its answer, or the status.
    pub(crate) fn port(&mut self, command: &PortCommand<'_>) -> Result<Vec<u8>, Status> {
        let bytes = self.port_bytes(command.encode().as_slice());
        let response = Response::parse(&bytes).unwrap();
        match response.status() {
            Status::Success => Ok(response.data().to_vec()),
            status => Err(status),
        }
    }

    pub(crate) fn port_bytes(&mut self, command: &[u8]) -> Vec<u8> {
        let mut response = [0; MAX_RESPONSE];
        let length = self.port.handle(&mut self.terminal, command, &mut response);
        response[..length].to_vec()
    }

    pub(crate) fn bring_bundle(&mut self, bundle: &[u8]) {
        assert_eq!(self.load_bundle(bundle), Ok(()));
    }

    pub(crate) fn load_bundle(&mut self, bundle: &[u8]) -> Result<(), Status> {
        self.port(&PortCommand::BeginBundle { parts: 1 })?;
        for (number, bytes) in bundle.chunks(240).enumerate() {
            let piece = symbolon_tap::apdu::port::Piece::new(number as u32 * 240, bytes).unwrap();
            self.port(&PortCommand::WriteBundle(piece))?;
        }
        self.port(&PortCommand::FinishBundle).map(drop)
    }
}

/// What a gate asks for.
pub(crate) fn entry() -> Wanted {
    Wanted::Tap(Request { kind: Kind::Entry, sector: Sector::Transport, amount: 800, reference: [4; 16] })
}

pub(crate) fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { receipt: Ok(()), .. })
}

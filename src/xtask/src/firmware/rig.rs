//! A city that is the same in every run, with a terminal for the board and cards to hold to it.

use super::images::{Device, SuiteName};
use crate::vectors::city::{City, Holder, NOON, fixed_bytes, name, time};
use anyhow::{Context, Result, anyhow, bail};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::time::Duration;
use symbolon_ccks::{
    Class, Credential, IdentityFields, Sector, Sectors, SigningKey, Subject, Suite, Time, prepare_parameters,
};
use symbolon_emulator::block::{Asks, NextKey, Provisioning};
use symbolon_emulator::line::Line;
use symbolon_tap::apdu::CardCommand;
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};
use symbolon_tap::{
    BundleContent, BundleFields, Challenge, Fare, FareFields, FilterContent, FilterSet, Kind, Rule, RuleFields, Scope,
    StaleAction, Successor, SuccessorFields, Tariff, encode_bundle,
};
use symbolon_wallet::{Answer, Asked, CardApplication, Event, Keepsakes, MemoryCounterStore, MemoryPurseStore, Wallet};

/// When the terminal's clock starts.
pub const START: u64 = NOON;
/// For how long everything is valid, either way of [`START`].
const MONTH_SECONDS: u64 = 30 * 86_400;
/// What an entry may cost at most, minor units.
pub const FARE: u32 = 300;
/// How many cards the bundle's filter has.
const REVOKED_CARDS: usize = 1_000;
/// What a voucher credits.
pub const WATT_HOURS: u32 = 5_000;

/// How many commands a card answers while it waits for its receipt: a power cut takes a few more of them each.
const COMMANDS: usize = 200;
/// How long a terminal may say nothing, restarts and all, before it counts as stuck: far longer than the slowest machine needs
/// for anything, since what is tested does not depend on time.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// When an emulator is stopped whatever it does, seconds: nothing is left behind by whoever was killed.
pub const LONGEST_SECONDS: u32 = 3_600;

/// What a card application is made of here.
type Application<'a, S> = CardApplication<Wallet<'a, S, MemoryCounterStore>, MemoryPurseStore>;

/// The city, its terminal on the board, and its cards.
pub struct Rig<S: Suite> {
    /// The city.
    pub city: City<S>,
    /// What the board is.
    device: Device,
    terminal: Holder<S>,
    cards: Vec<Holder<S>>,
}

impl<S: Suite> Rig<S> {
    /// A city with a terminal and so many cards.
    pub fn new(device: Device, cards: usize) -> Self {
        Self::in_city(City::new("firmware", "riverside"), device, cards)
    }

    /// The same terminal, and so many cards, under the authority that follows the one of [`Self::new`].
    pub fn of_successor(device: Device, cards: usize) -> Self {
        Self::in_city(City::new("firmware, later", "riverside-2"), device, cards)
    }

    fn in_city(city: City<S>, device: Device, cards: usize) -> Self {
        let valid = |fields: IdentityFields| IdentityFields {
            not_before: time(START - MONTH_SECONDS),
            not_after: time(START + MONTH_SECONDS),
            ..fields
        };
        let sectors = Sectors::from(sector(device));
        let fields = IdentityFields { sectors, ..valid(city.terminal_fields("metro", 7)) };
        let terminal = city.issue("terminal", fields, 0);
        let card = |index: usize| {
            let label = format!("card {index}");
            let fields = IdentityFields { spend_limit: 2_000, budget: 1_000_000, ..valid(city.card_fields(&label)) };
            city.issue(&label, fields, 0)
        };
        let cards = (0..cards).map(card).collect();
        Self { city, device, terminal, cards }
    }

    /// The terminal's credential.
    pub fn terminal(&self) -> &Credential {
        self.terminal.credential()
    }

    /// What the maker writes into the device.
    pub fn provisioning(&self) -> Result<Provisioning> {
        let asks = match self.device {
            Device::Gate | Device::GateC => Asks::Tap {
                kind: Kind::Entry as u8,
                sector: Sector::Transport as u8,
                amount: FARE,
                reference: *b"station-1\0\0\0\0\0\0\0",
            },
            Device::Meter => Asks::Voucher,
        };
        Ok(Provisioning {
            says_steps: false,
            needs_no_bundle: false,
            asks,
            first_time: Some(START),
            poll_milliseconds: 20,
            patience_milliseconds: 20_000,
            seed: fixed_bytes("the board's randomness"),
            secret: *self.terminal.key.secret_bytes(),
            credential: *self.terminal.credential().as_bytes(),
            authority_id: *self.city.authority.id().as_bytes(),
            own_key: Some(self.city.authority.own_key()),
            next_key: None,
            parameters: prepare_parameters(&self.city.parameters)?,
            cuts: Vec::new(),
        })
    }

    /// The terminal's key, for a device that works under another authority before.
    pub fn next_key(&self) -> NextKey {
        NextKey { credential: *self.terminal.credential().as_bytes(), secret: *self.terminal.key.secret_bytes() }
    }

    /// The statement that `next` follows this authority, from now on and for a month beside it.
    pub fn names(&self, next: &Self) -> Result<Successor> {
        let fields = SuccessorFields {
            next_suite: S::ID,
            next_authority: *next.city.authority.id(),
            next_from: time(START - 60),
            this_until: time(START + MONTH_SECONDS),
        };
        let rotation = self.city.secret.rotation_key(&self.city.authority);
        Successor::sign(&rotation, fields, &fixed_bytes("successor")).map_err(|refused| anyhow!("{refused}"))
    }

    /// The key that signs for the authority.
    pub fn authority_key(&self) -> SigningKey<S> {
        self.city.secret.institution_key(&self.city.authority, self.city.authority.name())
    }

    /// A trust bundle with something in every section that a tap looks into.
    pub fn bundle(&self, sequence: u64) -> Result<Vec<u8>> {
        let sectors = [Sector::Water, Sector::Power, Sector::Transport];
        let rules = sectors.into_iter().map(rule).collect::<Result<Vec<_>>>()?;
        let tariffs = [Tariff::new(Sector::Transport, 1, 500)?];
        let fare = |from: &[u8], to: &[u8], fare| -> Result<Fare> {
            let [from, to] = [from, to].map(station);
            let operator = symbolon_ccks::operator_tag(&name("metro"));
            Ok(Fare::new(FareFields { operator, currency: 156, from, to, fare })?)
        };
        let fares =
            [fare(b"", b"", FARE)?, fare(b"station-1", b"station-2", 200)?, fare(b"station-2", b"station-1", 200)?];
        let subject = |index: usize| {
            let [subject @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
                fixed_bytes(&format!("revoked {index}"));
            Subject::from_bytes(subject)
        };
        let revoked = (0..REVOKED_CARDS).map(subject).collect::<Vec<_>>();
        let sets = [FilterSet::build(Scope::CARDS, &revoked, 1).context("the filter cannot be built")?];
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence,
            issued_at: time(START - 60),
            valid_until: time(START + MONTH_SECONDS),
            oldest_not_before: time(START - 2 * MONTH_SECONDS),
            part: 0,
            parts: 1,
        };
        let filter = FilterContent { sets: &sets, ..FilterContent::default() };
        let content =
            BundleContent { rules: &rules, tariffs: &tariffs, fares: &fares, filter, ..BundleContent::default() };
        encode_bundle(&self.authority_key(), &fields, &content, &fixed_bytes("bundle"))
            .map_err(|refused| anyhow!("the bundle cannot be signed: {refused}"))
    }

    /// A voucher for the meter.
    pub fn voucher(&self, sequence: u32) -> Result<SignedVoucher> {
        let voucher = Voucher::new(VoucherFields {
            unit: Unit::WattHours,
            meter: self.terminal().identity().subject(),
            sequence,
            quantity: WATT_HOURS,
            time: time(START - 60),
            not_after: time(START + MONTH_SECONDS),
        })?;
        voucher
            .sign(&self.authority_key(), &fixed_bytes(&format!("voucher {sequence}")))
            .map_err(|refused| anyhow!("the voucher cannot be signed: {refused}"))
    }

    /// One of the cards, as readers see it.
    pub fn card(&self, index: usize) -> Result<Card<'_, S>> {
        let holder = self.cards.get(index).context("the rig has no such card")?;
        let wallet = Wallet::new(&self.city.authority, &holder.key, MemoryCounterStore::new())?;
        let keepsakes = Keepsakes::open(MemoryPurseStore::default())?;
        let random = ChaCha20Rng::from_seed(fixed_bytes(&format!("card {index}'s randomness")));
        Ok(Card { application: CardApplication::new(wallet, keepsakes), random })
    }
}

/// The sector of what the board is.
fn sector(device: Device) -> Sector {
    match device {
        Device::Gate | Device::GateC => Sector::Transport,
        Device::Meter => Sector::Power,
    }
}

fn rule(sector: Sector) -> Result<Rule> {
    Ok(Rule::new(RuleFields {
        sector,
        class: Class::Card,
        currency: 156,
        tier: 20_000,
        tap_cap: 1_000,
        fresh_seconds: 10 * 86_400,
        stale: StaleAction::Accept,
        stale_cap: 500,
        stale_seconds: 3 * 86_400,
    })?)
}

/// A station's name in the 16 bytes of a reference.
fn station(text: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    bytes
}

/// A card, held to the board's reader.
pub struct Card<'a, S: Suite> {
    /// The wallet's own application, as on a phone.
    pub application: Application<'a, S>,
    random: ChaCha20Rng,
}

impl<S: Suite> Card<'_, S> {
    /// Answers a command, and agrees to whatever is asked. The wallet's clock is the terminal's: the board runs as
    /// fast as it can, and ahead of any clock on a wall.
    pub fn answer(&mut self, command: &[u8]) -> Answer {
        let now = asked_at(command).unwrap_or(time(START));
        self.application.handle(command, now, &mut self.random, &mut |asked: &Asked<'_>| Some(asked.terms.amount()))
    }
}

impl<S: Suite> Card<'_, S> {
    /// Is held to a reader until it has its receipt, through whatever the terminal does meanwhile.
    pub fn hold(&mut self, reader: &mut Line) -> Result<()> {
        let mut event = None;
        for _ in 0..COMMANDS {
            let mut command = reader.receive(PATIENCE)?.context("the reader is silent")?;
            // A terminal may have called before, and lost its power or its patience; a card hears who calls now.
            while let Some(later) = reader.receive(Duration::ZERO)? {
                command = later;
            }
            let answer = self.answer(&command);
            reader.send(&answer.response)?;
            if matches!(answer.event, Event::ReceiptKept(_)) {
                return Ok(());
            }
            event = Some(answer.event);
        }
        bail!("the card gets no receipt; it said last: {event:?}")
    }
}

/// The time in the challenge, if the command is one.
fn asked_at(command: &[u8]) -> Option<Time> {
    match CardCommand::parse(command).ok()? {
        CardCommand::Present { challenge } => {
            Challenge::parse(challenge).ok().map(|challenge| challenge.terms().time())
        }
        _ => None,
    }
}

/// Does something for a suite known by its name.
#[macro_export]
macro_rules! for_suite {
    ($name:expr, $suite:ident => $body:expr) => {
        match $name {
            $crate::firmware::SuiteName::P256 => {
                type $suite = symbolon_ccks::P256;
                $body
            }
            $crate::firmware::SuiteName::Secp256k1 => {
                type $suite = symbolon_ccks::Secp256k1;
                $body
            }
        }
    };
}

/// The name of a suite.
pub fn suite_name<S: Suite>() -> SuiteName {
    SuiteName::ALL.into_iter().find(|name| name.id() == S::ID).unwrap_or(SuiteName::P256)
}

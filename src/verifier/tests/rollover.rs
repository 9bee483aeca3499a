//! A rollover rehearsed: a fleet of 30 terminals goes from one authority to its successor, a third of it offline for
//! weeks in the middle.
//!
//! Every day each terminal starts from its flash alone, is brought what the network has if it has one, and is tapped
//! by a card of either authority. What it says is foretold by what it can know.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use symbolon_ccks::*;
use symbolon_flash_sim::{ERASE_SIZE, SimulatedFlash};
use symbolon_tap::*;
use symbolon_verifier::flash::{FlashError, FlashStore, Layout, Pages, SharedFlash};
use symbolon_verifier::{Devices, Domain, Policy, Reason, Request, Seen, Terminal, Verdict};

#[path = "support/issuing.rs"]
mod issuing;

use issuing::issue;

const BEGIN: u64 = 1_800_000_000;
const DAY: u64 = 86_400;
const TERMINALS: u64 = 30;
const LAST_DAY: u64 = 50;

/// The successor is named, and its parameters can be had.
const NAMED: u64 = 7;
/// It issues bundles.
const SPEAKS: u64 = 10;
/// Somebody with the rotation key names another.
const SECOND_NAMED: u64 = 12;
/// Its keys count.
const FROM: u64 = 14;
/// The old keys do not count any more.
const UNTIL: u64 = 42;
/// A third of the fleet hears nothing from the first of these days to the last.
const OFFLINE: std::ops::RangeInclusive<u64> = 5..=26;

/// For so many days the data count as fresh, and for so many after them a tap is referred.
const FRESH_DAYS: u64 = 2;
const REFERRED_DAYS: u64 = 10;

const PAGES: Pages = Pages { state: 2, journal: 8, bundle: 1, authority: 18 };

fn at(day: u64, seconds: u64) -> Time {
    Time::new(BEGIN + day * DAY + seconds).unwrap()
}

/// An authority with everything that it tells terminals.
struct City<S: Suite> {
    secret: AuthoritySecret<S>,
    prepared: Vec<u8>,
    authority: Authority<'static, S>,
    card: SigningKey<S>,
}

impl<S: Suite> City<S> {
    fn new(seed: u64, name: &str) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let parameters = secret.parameters(at(0, 0), &Name::parse(name).unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        let card = key(&secret, &authority, Class::Card, Subject::from_bytes([7; 16]));
        Self { secret, prepared: prepare_parameters(&parameters).unwrap(), authority, card }
    }

    fn id(&self) -> &AuthorityId {
        self.authority.id()
    }

    fn institution_key(&self) -> SigningKey<S> {
        self.secret.institution_key(&self.authority, self.authority.name())
    }

    /// The bundle of a day.
    fn bundle(&self, day: u64) -> Vec<u8> {
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence: day + 1,
            issued_at: at(day, 0),
            valid_until: at(day + 30, 0),
            oldest_not_before: Time::new(0).unwrap(),
            part: 0,
            parts: 1,
        };
        let rule = RuleFields {
            sector: Sector::Transport,
            class: Class::Card,
            currency: 156,
            tier: 500,
            tap_cap: 500,
            fresh_seconds: (FRESH_DAYS * DAY) as u32,
            stale: StaleAction::Refer,
            stale_cap: 0,
            stale_seconds: (REFERRED_DAYS * DAY) as u32,
        };
        let rules = [Rule::new(rule).unwrap()];
        let content = BundleContent { rules: &rules, ..BundleContent::default() };
        encode_bundle(&self.institution_key(), &fields, &content, &[1; 32]).unwrap()
    }

    fn names(&self, next: &Self) -> Successor {
        let fields = SuccessorFields {
            next_suite: S::ID,
            next_authority: *next.id(),
            next_from: at(FROM, 0),
            this_until: at(UNTIL, 0),
        };
        Successor::sign(&self.secret.rotation_key(&self.authority), fields, &[1; 32]).unwrap()
    }
}

fn key<S: Suite>(
    secret: &AuthoritySecret<S>,
    authority: &Authority<'_, S>,
    class: Class,
    subject: Subject,
) -> SigningKey<S> {
    let fields = IdentityFields {
        suite: S::ID,
        class,
        sectors: Sectors::from(Sector::Transport),
        authority_prefix: authority.id().prefix(),
        subject,
        not_before: at(0, 0),
        not_after: at(200, 0),
        spend_limit: if class == Class::Card { 500 } else { 0 },
        budget: if class == Class::Card { 5_000 } else { 0 },
        currency: 156,
        tariff: 0,
    };
    issue(secret, authority, fields)
}

type Flash = SimulatedFlash<Vec<u8>>;
type Gate<'a, S> = Terminal<'a, S, &'a dyn Fn() -> Time, ChaCha20Rng, FlashStore<'a, Flash>>;

/// What a terminal can know: whose parameters it holds, and the day of the bundle that it has of each.
#[derive(Clone, Copy)]
struct Known {
    holds: [bool; 2],
    bundles: [Option<u64>; 2],
}

/// A verdict's name, or `refused` where nothing was asked; and why.
type Told = (&'static str, Option<Reason>);

impl Known {
    /// What a tap of each authority's card comes to on this day.
    fn foretold(&self, day: u64) -> [Told; 2] {
        [0, 1].map(|which| {
            if !self.holds[which] {
                return ("refused", Some(Reason::WrongAuthority));
            }
            let is_over = which == 0 && self.holds[1] && day >= UNTIL;
            // Once it is alone a successor is an authority like any other.
            let is_early = which == 1 && self.holds[0] && (day < FROM || self.bundles[1].is_none());
            if is_over || is_early {
                return ("refused", Some(Reason::NotInUse));
            }
            match self.bundles[which].map(|issued| day - issued) {
                Some(age) if age < FRESH_DAYS => ("accepted", None),
                Some(age) if age < FRESH_DAYS + REFERRED_DAYS => ("referred", Some(Reason::StaleData)),
                _ => ("declined", Some(Reason::StaleData)),
            }
        })
    }
}

/// A terminal at its place.
struct Post<S: Suite> {
    number: u64,
    flash: SharedFlash<Flash>,
    keys: [SigningKey<S>; 2],
    known: Known,
}

/// Both authorities, what names the one after the other, and what settled.
struct Network<S: Suite> {
    cities: [City<S>; 2],
    successor: Successor,
    /// Another one, that the same rotation key names.
    second: Successor,
    /// Every transaction that was accepted, and how often it was uploaded.
    settled: BTreeMap<([u8; 32], u32), u32>,
    told: BTreeSet<(usize, Told)>,
}

fn layout() -> Layout {
    Layout::consecutive(0, ERASE_SIZE as u32, &PAGES).unwrap()
}

/// Brings bytes in pieces, as a service port does.
fn bring(bytes: &[u8], mut write: impl FnMut(u32, &[u8]) -> Result<(), FlashError>) {
    for (offset, piece) in (0..).step_by(240).zip(bytes.chunks(240)) {
        write(offset, piece).unwrap();
    }
}

impl<S: Suite> Post<S> {
    /// Made in the factory with the old authority's parameters.
    fn new(network: &Network<S>, number: u64) -> Self {
        let subject = Subject::terminal(&Name::parse("metro").unwrap(), number.to_be_bytes());
        let keys = network.cities.each_ref().map(|city| key(&city.secret, &city.authority, Class::Terminal, subject));
        let flash = SharedFlash::new(Flash::erased(vec![0; layout().end() as usize]));
        let [old, _] = &network.cities;
        {
            let mut store = FlashStore::open(&flash, layout()).unwrap();
            store.begin_first_authority(old.id(), S::ID).unwrap();
            bring(&old.prepared, |offset, piece| store.write_authority(offset, piece));
            assert_eq!(store.finish_authority::<S>(), Ok(*old.id()));
        }
        Self { number, flash, keys, known: Known { holds: [true, false], bundles: [None; 2] } }
    }

    fn is_online(&self, day: u64) -> bool {
        !self.number.is_multiple_of(3) || !OFFLINE.contains(&day)
    }

    /// A day, from a start out of the flash to a cut.
    fn live(&mut self, network: &mut Network<S>, day: u64) {
        let (now, is_online) = (at(day, 36_000), self.is_online(day));
        let clock: &dyn Fn() -> Time = &|| now;
        let store = FlashStore::open(&self.flash, layout()).unwrap();
        let stored = store.authorities();
        let open = |city: &City<S>| {
            let stored = stored.iter().flatten().find(|stored| stored.id() == city.id())?;
            Some(Authority::<S>::open(stored.parameters(), stored.id()).unwrap())
        };
        let authorities = network.cities.each_ref().map(open);
        assert_eq!(authorities.each_ref().map(Option::is_some), self.known.holds, "{} on {day}", self.number);
        let named = store.successor().copied();
        let domain = |which: usize| Some(Domain::new(authorities[which].as_ref()?, &self.keys[which]).unwrap());
        let mut memory = [Seen::EMPTY; 8];
        let random = ChaCha20Rng::seed_from_u64(day << 8 | self.number);
        let devices = Devices { clock, random, storage: store };
        let present = domain(0).or_else(|| domain(1)).unwrap();
        let mut gate: Gate<'_, S> = Terminal::new(present, Policy::STRICT, devices, &mut memory);
        if let (true, Some(next)) = (self.known.holds[0], domain(1)) {
            gate.add_domain(next, &named.unwrap()).unwrap();
        }
        for id in gate.authorities().copied().collect::<Vec<_>>() {
            if let Some(parts) = gate.devices().storage.active_bundle(&id).unwrap() {
                gate.install(parts.as_slice()).unwrap();
            }
        }
        let mut known = self.known;
        if is_online {
            receive(&mut gate, network, day, &mut known);
        }
        let counter = u32::try_from(day << 8 | self.number).unwrap();
        let told = [0, 1].map(|which| tap(&mut gate, network, which, counter));
        assert_eq!(told, known.foretold(day), "terminal {} on day {day}", self.number);
        network.told.extend(told.into_iter().enumerate());
        if is_online {
            upload(&mut gate.devices().storage, network, &self.keys, day);
            roll_over(&mut gate, network, day, &mut known);
        }
        drop(gate);
        self.known = known;
    }
}

/// The bundles of the day, and what a hostile network makes of them.
fn receive<S: Suite>(gate: &mut Gate<'_, S>, network: &Network<S>, day: u64, known: &mut Known) {
    for (which, city) in network.cities.iter().enumerate() {
        let speaks = if which == 0 { day < UNTIL } else { day >= SPEAKS };
        if !known.holds[which] || !speaks {
            continue;
        }
        let bundle = city.bundle(day);
        let mut altered = bundle.clone();
        altered[51] ^= 1;
        let older = known.bundles[which].map(|issued| city.bundle(issued.saturating_sub(1)));
        for (bytes, is_good) in [(Some(altered), false), (older, false), (Some(bundle), true)] {
            let Some(bytes) = bytes else { continue };
            let store = &mut gate.devices().storage;
            store.begin_bundle(1).unwrap();
            bring(&bytes, |offset, piece| store.write_bundle(offset, piece));
            let parts = store.finish_bundle(&city.authority);
            assert_eq!(parts.is_ok(), is_good, "authority {which} on day {day}");
            if let Ok(parts) = parts {
                gate.install(parts.as_slice()).unwrap();
                known.bundles[which] = Some(day);
            }
        }
    }
}

/// A tap of one authority's card, and what it comes to.
fn tap<S: Suite>(gate: &mut Gate<'_, S>, network: &mut Network<S>, which: usize, counter: u32) -> Told {
    let City { authority, card, .. } = &network.cities[which];
    let select = SelectResponse::new(S::ID, 0, authority.id().prefix(), [5; 8]);
    let request = Request { kind: Kind::Entry, sector: Sector::Transport, amount: 300, reference: [4; 16] };
    let asked = match gate.challenge(select.as_bytes(), &request) {
        Ok(asked) => asked,
        Err(refused) => return ("refused", Some(refused.reason())),
    };
    let terminal = asked.challenge().terminal().digest();
    let answer = Presentation::sign(card, asked.challenge().terms(), &terminal, counter, &[6; 32]).unwrap();
    let verdict = gate.decide(asked, answer.as_bytes());
    if let Verdict::Accepted(accepted) = &verdict {
        let signed = gate.receipt(accepted).unwrap();
        let own = gate.domain_credential(authority.id()).unwrap();
        assert_eq!(signed.receipt().verify(authority, own, signed.signature()), Ok(()));
        network.settled.insert((*accepted.credential().as_bytes(), counter), 0);
    }
    (verdict.name(), verdict.reason())
}

/// Every third day, and towards the end every day, the journal is uploaded and acknowledged.
fn upload<S: Suite>(store: &mut FlashStore<'_, Flash>, network: &mut Network<S>, keys: &[SigningKey<S>; 2], day: u64) {
    if !day.is_multiple_of(3) && day < UNTIL {
        return;
    }
    for key in keys {
        while let Some(pending) = store.cut_upload(key, &[3; 32], 5).unwrap() {
            let city = network.cities.iter().find(|city| city.id() == pending.authority()).unwrap();
            let mut bytes = vec![0; pending.length() as usize];
            assert_eq!(store.read_upload(0, &mut bytes), Ok(bytes.len()));
            let upload = Upload::parse(&bytes).unwrap();
            assert_eq!(upload.verify(&city.authority), Ok(()));
            for record in upload.records() {
                let presentation = record.parse().unwrap().presentation();
                let transaction = (*presentation.holder().digest().as_bytes(), presentation.counter());
                *network.settled.get_mut(&transaction).unwrap() += 1;
            }
            let acknowledgement = Acknowledgement::new(AcknowledgementFields {
                upload_digest: *pending.digest(),
                settled: pending.count(),
                duplicate: 0,
                refused: 0,
                time: at(day, 36_000),
            });
            let signature = acknowledgement.sign(&city.institution_key(), &[1; 32]).unwrap();
            let bytes = [acknowledgement.as_bytes().as_slice(), signature.as_bytes()].concat();
            store.acknowledge(&city.authority, &bytes).unwrap();
        }
    }
}

/// What the day brings of the rollover itself.
fn roll_over<S: Suite>(gate: &mut Gate<'_, S>, network: &Network<S>, day: u64, known: &mut Known) {
    let [old, new] = &network.cities;
    if known.holds[0] && !known.holds[1] && day >= NAMED {
        let store = &mut gate.devices().storage;
        store.begin_authority(&old.authority, &network.successor).unwrap();
        bring(&new.prepared, |offset, piece| store.write_authority(offset, piece));
        assert_eq!(store.finish_authority::<S>(), Ok(*new.id()));
        known.holds[1] = true;
    }
    if known.holds[0] && day >= SECOND_NAMED {
        let store = &mut gate.devices().storage;
        assert_eq!(network.second.verify(&old.authority), Ok(()), "the rotation key did sign it");
        assert_eq!(store.begin_authority(&old.authority, &network.second), Err(FlashError::OtherSuccessor));
        assert!(store.has_second_successor(), "and the operator is told");
        assert_eq!(store.successor(), Some(&network.successor));
    }
    if known.holds == [true, true] && day > UNTIL && gate.drop_domain(old.id()).is_ok() {
        gate.devices().storage.drop_authority(old.id()).unwrap();
        known.holds[0] = false;
    }
}

fn rehearse<S: Suite>() {
    let cities = [City::new(1, "beijing"), City::new(2, "beijing-2")];
    let stray = City::<S>::new(3, "beijing-3");
    let [old, new] = &cities;
    let (successor, second) = (old.names(new), old.names(&stray));
    let mut network = Network { cities, successor, second, settled: BTreeMap::new(), told: BTreeSet::new() };
    let mut fleet = (0..TERMINALS).map(|number| Post::new(&network, number)).collect::<Vec<_>>();
    // Every sixth day, and those on which something changes.
    let turning = [NAMED, SPEAKS, SECOND_NAMED, FROM, *OFFLINE.start(), *OFFLINE.end() + 1, UNTIL, UNTIL + 1];
    let days = (0..=LAST_DAY).filter(|day| day.is_multiple_of(6) || turning.iter().any(|turn| day.abs_diff(*turn) < 2));
    for day in days {
        for post in &mut fleet {
            post.live(&mut network, day);
        }
        let both = fleet.iter().filter(|post| post.known.holds == [true, true]).count();
        let online = fleet.iter().filter(|post| post.is_online(day)).count();
        assert_eq!(online, if OFFLINE.contains(&day) { 20 } else { 30 });
        match day {
            0..NAMED => assert_eq!(both, 0),
            SPEAKS..=26 => assert_eq!(both, 20, "those that are offline have heard nothing"),
            28..=UNTIL => assert_eq!(both, 30),
            _ => {}
        }
    }
    assert!(fleet.iter().all(|post| post.known.holds == [false, true]), "all have dropped the old");
    assert!(network.settled.values().all(|times| *times == 1), "each tap settled once");
    assert!(network.settled.len() > 600, "{} taps", network.settled.len());
    // Everything that could be said was said, of both.
    let wrong = ("refused", Some(Reason::WrongAuthority));
    let unused = ("refused", Some(Reason::NotInUse));
    let stale = [("referred", Some(Reason::StaleData)), ("declined", Some(Reason::StaleData))];
    let of_old = [("accepted", None), unused, wrong, stale[0], stale[1]].map(|told| (0, told));
    let of_new = [("accepted", None), unused, wrong].map(|told| (1, told));
    assert!(of_old.iter().chain(&of_new).all(|told| network.told.contains(told)), "{:?}", network.told);
    for post in &fleet {
        assert_eq!(post.flash.with(|flash| flash.violation()), Some(None));
    }
}

#[test]
fn a_fleet_rolls_over_on_p256() {
    rehearse::<P256>();
}

#[test]
fn a_fleet_rolls_over_on_secp256k1() {
    rehearse::<Secp256k1>();
}

//! A month in the life of 2,000 card holders: who taps where, when and for how much.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use symbolon::linking::Habit;

/// Monday, 4 January 2027, midnight in Beijing, by the clocks there.
const FIRST_DAY_SECONDS: u64 = 1_799_020_800;
const DAY_SECONDS: u64 = 86_400;
const DAYS: u64 = 30;
pub(crate) const CARDS: u32 = 2_000;

const WATER: u8 = 1;
const POWER: u8 = 2;
pub(crate) const TRANSPORT: u8 = 4;

const STATIONS: u64 = 80;
/// How far the city reaches, metres east and north.
const EXTENT: [u64; 2] = [24_000, 18_000];
const KIOSKS_PER_STATION: u64 = 3;

/// One tap that somebody plans to make. A journey is one: its end is under the same pseudonym as its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) card: u32,
    /// The number of the published profile that the card's pseudonyms have.
    pub(crate) profile: u8,
    pub(crate) habit: Habit,
}

/// What somebody does again and again.
struct Person {
    profile: u8,
    home: u64,
    work: u64,
    /// Two places for the weekend.
    leisure: [u64; 2],
    leaves_minutes: f64,
    returns_minutes: f64,
    spread_minutes: f64,
    /// How often this person goes out on a weekday, of one.
    goes: f64,
    /// The water kiosk visited, how often, and what is bought there, minor units.
    kiosk: u64,
    drinks: f64,
    bottle: u32,
    /// How often the scooter is charged at home, and for how much.
    charges: f64,
    charge: u32,
}

/// The city's map: every station, and around it the kiosks and charging posts.
struct Map {
    stations: Vec<[i32; 2]>,
}

impl Map {
    fn new(random: &mut ChaCha20Rng) -> Self {
        let mut place = |extent: u64| (random.next_u64() % extent) as i32;
        Self { stations: (0..STATIONS).map(|_| EXTENT.map(&mut place)).collect() }
    }

    fn station(&self, station: u64) -> (u32, [i32; 2]) {
        (station as u32, self.stations[station as usize])
    }

    /// A kiosk or post beside a station, some streets away.
    fn beside(&self, number: u64) -> (u32, [i32; 2]) {
        let [east, north] = self.stations[(number / KIOSKS_PER_STATION) as usize];
        let away = 150 + 100 * (number % KIOSKS_PER_STATION) as i32;
        (number as u32, [east + away, north - away])
    }

    /// The fare between two stations, minor units.
    fn fare(&self, from: u64, to: u64) -> u32 {
        let [east, north] =
            [0, 1].map(|axis| self.stations[from as usize][axis].abs_diff(self.stations[to as usize][axis]));
        300 + 100 * ((east + north) / 6_000)
    }
}

fn share(random: &mut ChaCha20Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// About a normal distribution: 0 in the mean, 1 the deviation.
fn around(random: &mut ChaCha20Rng) -> f64 {
    (0..12).map(|_| share(random)).sum::<f64>() - 6.0
}

/// A station, the first ones being far busier than the last.
fn station(random: &mut ChaCha20Rng) -> u64 {
    let drawn = share(random);
    ((drawn * drawn * STATIONS as f64) as u64).min(STATIONS - 1)
}

impl Person {
    fn new(random: &mut ChaCha20Rng) -> Self {
        let kind = share(random);
        // Seven in ten work, the others study or are retired, at the reduced tariff.
        let (tariff, leaves, returns, spread, goes) = match kind {
            ..0.7 => (0, 450.0 + 40.0 * around(random), 1_080.0 + 50.0 * around(random), 8.0, 0.92),
            ..0.85 => (1, 420.0 + 20.0 * around(random), 960.0 + 60.0 * around(random), 10.0, 0.9),
            _ => (1, 600.0 + 90.0 * around(random), 840.0 + 120.0 * around(random), 50.0, 0.5),
        };
        let transport_alone = share(random) < 0.2;
        let (home, work) = (station(random), station(random));
        let near = if share(random) < 0.5 { home } else { work };
        Self {
            profile: 1 + tariff + 2 * u8::from(transport_alone),
            home,
            work,
            leisure: [station(random), station(random)],
            leaves_minutes: leaves,
            returns_minutes: returns,
            spread_minutes: spread * (0.6 + share(random)),
            goes,
            kiosk: near * KIOSKS_PER_STATION + random.next_u64() % KIOSKS_PER_STATION,
            drinks: if transport_alone { 0.0 } else { 0.6 * share(random) },
            bottle: 100 + 50 * (random.next_u64() % 5) as u32,
            charges: if transport_alone || share(random) < 0.7 { 0.0 } else { 0.35 },
            charge: 200 + (random.next_u64() % 600) as u32,
        }
    }
}

/// Plans the taps of one person on one day.
fn day(person: &Person, number: u64, map: &Map, random: &mut ChaCha20Rng, plan: &mut impl FnMut(Habit)) {
    let start = FIRST_DAY_SECONDS + number * DAY_SECONDS;
    let at = |minutes: f64| start + (minutes.clamp(240.0, 1_430.0) * 60.0) as u64;
    let journey = |from: u64, to: u64, minutes: f64| {
        let (place, position) = map.station(from);
        let end = Some(map.station(to));
        Habit { sector: TRANSPORT, place, position, end, time_seconds: at(minutes), amount: map.fare(from, to) }
    };
    let visit = |sector, number, minutes: f64, amount| {
        let (place, position) = map.beside(number);
        Habit { sector, place, position, end: None, time_seconds: at(minutes), amount }
    };
    let is_weekend = number % 7 >= 5;
    let goes = if is_weekend { 0.45 } else { person.goes };
    if share(random) < goes {
        let usual = if is_weekend { person.leisure[(random.next_u64() % 2) as usize] } else { person.work };
        let there = if share(random) < 0.06 { station(random) } else { usual };
        let late = if is_weekend { 180.0 + 90.0 * around(random) } else { person.spread_minutes * around(random) };
        plan(journey(person.home, there, person.leaves_minutes + late));
        let late = 2.0 * person.spread_minutes * around(random);
        // Some go somewhere else before they go home.
        let (from, later) = if share(random) < 0.12 {
            let detour = person.leisure[(random.next_u64() % 2) as usize];
            plan(journey(there, detour, person.returns_minutes + late));
            (detour, 100.0)
        } else {
            (there, 0.0)
        };
        plan(journey(from, person.home, person.returns_minutes + late + later));
    }
    if share(random) < person.drinks {
        plan(visit(WATER, person.kiosk, 760.0 + 60.0 * around(random), person.bottle));
    }
    if share(random) < person.charges {
        let amount = person.charge + (random.next_u64() % 120) as u32;
        plan(visit(
            POWER,
            person.home * KIOSKS_PER_STATION,
            person.returns_minutes + 60.0 + 20.0 * around(random),
            amount,
        ));
    }
}

/// Every tap of the month, card by card, in the order of their times.
pub(crate) fn plan(seed: u64) -> Vec<Planned> {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    let map = Map::new(&mut random);
    let mut planned = Vec::new();
    for card in 0..CARDS {
        let person = Person::new(&mut random);
        let mut taps = Vec::new();
        for number in 0..DAYS {
            day(&person, number, &map, &mut random, &mut |habit| {
                taps.push(Planned { card, profile: person.profile, habit });
            });
        }
        taps.sort_by_key(|tap| tap.habit.time_seconds);
        planned.extend(taps);
    }
    planned
}

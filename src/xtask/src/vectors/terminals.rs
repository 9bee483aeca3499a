//! What a terminal is told and sold: vouchers, and the sections of bundles that are for terminals.

use symbolon_ccks::{Class, Period, PeriodBoundary, Sector, Sectors, Subject, Suite, operator_tag};
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};
use symbolon_tap::{
    Bundle, BundleContent, BundleFields, Fare, FareFields, FilterAnswer, FilterContent, FilterKey, FilterSet, Limit,
    RevokedSeed, RevokedSeeds, Rule, RuleFields, Scope, StaleAction, Tariff, encode_bundle,
};

use super::cast::{Cast, reference};
use super::city::{NOON, fixed_bytes, name, time};
use super::linkage::{seeds, today};
use super::model::Hex;
use super::model::terminals::{
    BundleVector, FareVector, FilterSetVector, FilterVector, LookupVector, RuleVector, SectionVector, TariffVector,
    VoucherVector,
};

/// The scope of cards.
const CARDS: u32 = u32::MAX;

/// Signs a voucher with the authority's key.
pub(crate) fn sign_voucher<S: Suite>(cast: &Cast<S>, fields: VoucherFields, random: &[u8; 32]) -> SignedVoucher {
    let key = cast.city.secret.institution_key(&cast.city.authority, cast.city.authority.name());
    let voucher = Voucher::new(fields).expect("the fields go together");
    voucher.sign(&key, random).expect("the authority sells vouchers")
}

/// An ordinary voucher for the meter that the till is.
pub(crate) fn voucher_fields<S: Suite>(cast: &Cast<S>) -> VoucherFields {
    VoucherFields {
        unit: Unit::WattHours,
        meter: cast.till.credential().identity().subject(),
        sequence: 1,
        quantity: 50_000,
        time: time(NOON),
        not_after: time(NOON + 30 * 86_400),
    }
}

/// Ordinary ones, and every number at its least and largest.
pub(crate) fn vouchers<S: Suite>(cast: &Cast<S>) -> Vec<VoucherVector> {
    let ordinary = voucher_fields(cast);
    let last = (1 << 40) - 1;
    let cases = [
        ordinary,
        VoucherFields { unit: Unit::Litres, sequence: 64, quantity: 1, ..ordinary },
        VoucherFields { sequence: 0, time: time(0), not_after: time(1), ..ordinary },
        VoucherFields { sequence: u32::MAX, quantity: u32::MAX, not_after: time(last), ..ordinary },
    ];
    (0..)
        .zip(cases)
        .map(|(number, fields): (u32, _)| {
            let random = fixed_bytes(&format!("voucher {number}"));
            let signed = sign_voucher(cast, fields, &random);
            VoucherVector {
                suite: S::NAME.to_owned(),
                unit: fields.unit as u8,
                meter: Hex::of(fields.meter.as_bytes()),
                sequence: fields.sequence,
                quantity: fields.quantity,
                time: fields.time.seconds(),
                not_after: fields.not_after.seconds(),
                random: Hex::of(random),
                signed: Hex::of(signed.as_bytes()),
                reference: Hex::of(signed.reference()),
            }
        })
        .collect()
}

fn rule_list() -> [Rule; 4] {
    let cards = RuleFields {
        sector: Sector::Transport,
        class: Class::Card,
        currency: 156,
        tier: 20_000,
        tap_cap: 5_000,
        fresh_seconds: 86_400,
        stale: StaleAction::Accept,
        stale_cap: 1_000,
        stale_seconds: 259_200,
    };
    let largest = RuleFields {
        currency: u16::MAX,
        tier: u32::MAX,
        tap_cap: u32::MAX,
        fresh_seconds: u32::MAX,
        stale_cap: u32::MAX,
        stale_seconds: u32::MAX,
        ..cards
    };
    [
        RuleFields {
            sector: Sector::Water,
            class: Class::Pseudonym,
            stale: StaleAction::Decline,
            stale_cap: 0,
            stale_seconds: 0,
            ..cards
        },
        RuleFields { sector: Sector::Power, stale: StaleAction::Refer, stale_cap: 0, ..cards },
        cards,
        largest,
    ]
    .map(|fields| Rule::new(fields).expect("the fields go together"))
}

pub(crate) fn rules() -> Vec<RuleVector> {
    let vector = |rule: &Rule| RuleVector {
        sector: rule.sector() as u8,
        class: rule.class() as u8,
        currency: rule.currency(),
        tier: rule.tier(),
        tap_cap: rule.tap_cap(),
        fresh_seconds: rule.fresh_seconds(),
        stale: rule.stale() as u8,
        stale_cap: rule.stale_cap(),
        stale_seconds: rule.stale_seconds(),
        bytes: Hex::of(rule.as_bytes()),
    };
    rule_list().iter().map(vector).collect()
}

fn tariff_list() -> [Tariff; 5] {
    [
        (Sector::Water, 3, 900),
        (Sector::Transport, 1, 0),
        (Sector::Transport, 2, 1),
        (Sector::Transport, 3, 500),
        (Sector::Transport, 255, 1_000),
    ]
    .map(|(sector, tariff, permille)| Tariff::new(sector, tariff, permille).expect("at most the full fare"))
}

pub(crate) fn tariffs() -> Vec<TariffVector> {
    let vector = |tariff: &Tariff| TariffVector {
        sector: tariff.sector() as u8,
        tariff: tariff.tariff(),
        permille: tariff.permille(),
        bytes: Hex::of(tariff.as_bytes()),
        pays: [0, 1, 2, 299, 999, 1_000, 1_001, u32::MAX].map(|full| [full, tariff.of(full)]).into(),
    };
    tariff_list().iter().map(vector).collect()
}

/// Fares with the names of their operators, ascending by the tags of these.
fn fare_list() -> Vec<(&'static str, Fare)> {
    let station = reference;
    let fare = |operator: &'static str, from, to, fare| {
        let fields = FareFields { operator: operator_tag(&name(operator)), currency: 156, from, to, fare };
        (operator, Fare::new(fields).expect("both places or none"))
    };
    let mut fares = vec![
        fare("metro", [0; 16], [0; 16], 900),
        fare("metro", station("north"), station("south"), 400),
        fare("metro", station("south"), station("north"), 500),
        fare("metro", station("north"), station("north"), 0),
        fare("buses", [0; 16], [0; 16], u32::MAX),
        fare("buses", station("north"), [0xff; 16], 1),
    ];
    fares.sort_by_key(|(_, fare)| *fare.as_bytes());
    fares
}

pub(crate) fn fares() -> Vec<FareVector> {
    let vector = |(operator, fare): (&str, Fare)| FareVector {
        operator: operator.to_owned(),
        currency: fare.currency(),
        from: Hex::of(fare.from()),
        to: Hex::of(fare.to()),
        fare: fare.fare(),
        bytes: Hex::of(fare.as_bytes()),
    };
    fare_list().into_iter().map(vector).collect()
}

fn subject(number: u32) -> Subject {
    Subject::from_bytes(reference(&format!("revoked subject {number}")))
}

/// The subjects of a set, counted from `first`.
type Members = (u32, u32, u32);

/// No card, one subject, some, and as many as make several segments.
const FILTERS: [(u32, &[Members]); 3] = [
    (68_400, &[(7, 1, 0)]),
    (0, &[(0, 0, 5), (1, 5, 1), (12_725_826, 6, 40)]),
    (86_399, &[(20_000, 100, 300), (20_001, 400, 12), (CARDS, 500, 3)]),
];

fn scope(number: u32) -> Scope {
    if number == CARDS { Scope::CARDS } else { Scope::period(Period::new(number).expect("a period of the vectors")) }
}

fn sets(members: &[Members]) -> Vec<FilterSet> {
    let set = |(number, first, count): &Members| {
        let subjects = (*first..first + count).map(subject).collect::<Vec<_>>();
        FilterSet::build(scope(*number), &subjects, (*first).into()).expect("so few subjects have a filter")
    };
    members.iter().map(set).collect()
}

pub(crate) fn filters<S: Suite>(cast: &Cast<S>) -> Vec<FilterVector> {
    FILTERS.iter().map(|(boundary, members)| filter(cast, *boundary, members)).collect()
}

fn filter<S: Suite>(cast: &Cast<S>, boundary: u32, members: &[Members]) -> FilterVector {
    let content =
        FilterContent { boundary: PeriodBoundary::new(boundary).expect("within a day"), sets: &sets(members) };
    let content = BundleContent { filter: content, ..BundleContent::default() };
    let bytes = encode(cast, &fields(0, 1), &content, &[0; 32]);
    let bundle = Bundle::parse(&bytes).expect("it was just made");
    let (filter, section) = (bundle.filter().expect("a filter"), bundle.sections().next().expect("a section"));
    let section = section.bytes();
    let mut described = Vec::new();
    let mut offset = 8;
    for (scope, first, count) in members {
        let number = |at: usize| {
            let bytes = section.get(offset + at..).and_then(<[u8]>::first_chunk).expect("the head of a set is there");
            u32::from_be_bytes(*bytes)
        };
        described.push(FilterSetVector {
            scope: *scope,
            subjects: (*first..first + count).map(|number| Hex::of(subject(number).as_bytes())).collect(),
            seed: Hex::of(section.get(offset + 4..offset + 12).unwrap_or_default()),
            segment_length: number(12),
            first_places: number(16),
            fingerprints: number(24),
        });
        offset += 32 + 2 * number(24) as usize;
    }
    let asked = members.iter().flat_map(|(scope, first, count)| {
        let beside = [(*scope, 1_000 + first), (scope.saturating_sub(1), *first), (scope.saturating_add(1), *first)];
        beside.into_iter().chain((*first..first + count.min(&4)).map(|number| (*scope, number)))
    });
    let mut asked = asked.filter(|(scope, _)| *scope <= Period::LAST.number() || *scope == CARDS).collect::<Vec<_>>();
    asked.extend(false_positive(&filter, members));
    let lookups = asked.into_iter().map(|(number, subject_number)| {
        let (subject, key) = (subject(subject_number), FilterKey::of(&subject(subject_number)));
        let answer = match filter.lookup(scope(number), &key).expect("memory is read") {
            FilterAnswer::OutOfScope => "out_of_scope",
            FilterAnswer::Absent => "absent",
            FilterAnswer::Hit => "hit",
        };
        LookupVector {
            scope: number,
            subject: Hex::of(subject.as_bytes()),
            answer: answer.to_owned(),
            parts: [1, 2, 3, 16, u16::MAX].map(|parts| key.part(parts)),
        }
    });
    FilterVector { boundary, sets: described, section: Hex::of(section), lookups: lookups.collect() }
}

/// A subject that is not in the last set and looks as if it were.
fn false_positive(filter: &symbolon_tap::Filter<'_>, members: &[Members]) -> Option<(u32, u32)> {
    let (number, ..) = members.last()?;
    let hit =
        |candidate: &u32| filter.lookup(scope(*number), &FilterKey::of(&subject(*candidate))) == Ok(FilterAnswer::Hit);
    (10_000..1_000_000).find(hit).map(|candidate| (*number, candidate))
}

fn fields(part: u16, parts: u16) -> BundleFields {
    BundleFields {
        sectors: Sectors::ALL,
        sequence: 258,
        issued_at: time(NOON),
        valid_until: time(NOON + 86_400),
        oldest_not_before: time(NOON - 86_400),
        part,
        parts,
    }
}

fn encode<S: Suite>(cast: &Cast<S>, fields: &BundleFields, content: &BundleContent<'_>, random: &[u8; 32]) -> Vec<u8> {
    let key = cast.city.secret.institution_key(&cast.city.authority, cast.city.authority.name());
    encode_bundle(&key, fields, content, random).expect("the authority may sign bundles")
}

/// The full form, and both parts of the compact one.
pub(crate) fn bundles<S: Suite>(cast: &Cast<S>) -> Vec<BundleVector> {
    let revoked = [1, 2, 3].map(subject);
    let limits = [Limit::new(Sector::Transport, 156, 5_000), Limit::new(Sector::Water, 156, 100)];
    let entries = [RevokedSeed::new(today(), &seeds("card"))];
    let fare_list = fare_list().into_iter().map(|(_, fare)| fare).collect::<Vec<_>>();
    let (rules, tariffs) = (rule_list(), tariff_list());
    let compact =
        BundleContent { limits: &limits, rules: &rules, tariffs: &tariffs, fares: &fare_list, ..<_>::default() };
    let full = BundleContent {
        revoked: &revoked,
        seeds: RevokedSeeds::new(PeriodBoundary::DEFAULT, 20, &entries).expect("one entry ascends"),
        issuance: Some(b"for wallets"),
        ..compact
    };
    let mut vectors = vec![bundle_vector(cast, &fields(0, 1), &full)];
    for part in 0..2 {
        let sets = [(today().number(), 0..40), (CARDS, 40..50)].map(|(number, members)| {
            let own = members.map(subject).filter(|subject| FilterKey::of(subject).part(2) == part);
            FilterSet::build(scope(number), &own.collect::<Vec<_>>(), 1).expect("so few subjects have a filter")
        });
        let filter = FilterContent { boundary: PeriodBoundary::DEFAULT, sets: &sets };
        vectors.push(bundle_vector(cast, &fields(part, 2), &BundleContent { filter, ..compact }));
    }
    vectors
}

fn bundle_vector<S: Suite>(cast: &Cast<S>, fields: &BundleFields, content: &BundleContent<'_>) -> BundleVector {
    let random = fixed_bytes(&format!("bundle {} of {}", fields.part, fields.parts));
    let bytes = encode(cast, fields, content, &random);
    let bundle = Bundle::parse(&bytes).expect("it was just made");
    let section = |section: symbolon_tap::Section<'_>| SectionVector {
        section_type: section.section_type(),
        critical: section.is_critical(),
        bytes: Hex::of(section.bytes()),
    };
    BundleVector {
        suite: S::NAME.to_owned(),
        sectors: fields.sectors.bits(),
        sequence: fields.sequence,
        issued_at: fields.issued_at.seconds(),
        valid_until: fields.valid_until.seconds(),
        oldest_not_before: fields.oldest_not_before.seconds(),
        part: fields.part,
        parts: fields.parts,
        random: Hex::of(random),
        sections: bundle.sections().map(section).collect(),
        bundle: Hex::of(bytes),
    }
}

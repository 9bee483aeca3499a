//! `terminals.json`: what a terminal is told, sold and asked.

use std::collections::BTreeSet;
use std::fs;

use symbolon_ccks::{
    Authority, AuthoritySecret, ByteSource, Class, Name, P256, Period, PeriodBoundary, ReadFailed, Secp256k1, Sector,
    Signature, Source, Subject, Suite, Time, hash_to_scalar, operator_tag,
};
use symbolon_tap::apdu::port::{MeterCredit, TerminalStatus, TerminalStatusFields};
use symbolon_tap::apdu::{
    CardCommand, FrameReader, MAX_FRAME, MAX_FRAMED, MAX_RESPONSE, PortCommand, Response, Status, write_frame,
};
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};
use symbolon_tap::{
    Bundle, BundleContent, BundleFields, BundleView, Challenge, Fare, FareFields, Filter, FilterAnswer, FilterContent,
    FilterKey, FilterSet, Presentation, Rule, RuleFields, Scope, SelectResponse, StaleAction, Tariff, encode_bundle,
};
use xtask::vectors::model::Hex;
use xtask::vectors::model::terminals::{BundleVector, ExchangeVector, FilterVector, TerminalFile, VoucherVector};

use crate::files::{authority, fixed, scheme};
use crate::for_each_suite;

for_each_suite!(sells_vouchers, reads_bundles);

fn file() -> TerminalFile {
    let path = xtask::vectors::folder().join("terminals.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The secrets of a suite's authority, made as the scheme file says.
fn secret<S: Suite>() -> (Authority<'static, S>, AuthoritySecret<S>) {
    let scheme = scheme::<S>();
    let scalars = (0..1_089_u32).flat_map(|index| {
        let message = [scheme.authority.seed.0.as_slice(), &index.to_be_bytes()];
        S::encode_scalar(&hash_to_scalar::<S>("TEST-AUTHORITY", &message))
    });
    let stored = scalars.chain([0; 32]).collect::<Vec<_>>();
    (authority(&scheme), AuthoritySecret::from_bytes(&stored).unwrap())
}

fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

fn unit(number: u8) -> Unit {
    [Unit::WattHours, Unit::Litres].into_iter().find(|unit| *unit as u8 == number).unwrap()
}

fn sector(number: u8) -> Sector {
    Sector::ALL.into_iter().find(|sector| *sector as u8 == number).unwrap()
}

fn sells_vouchers<S: Suite>() {
    let (authority, secret) = secret::<S>();
    let key = secret.institution_key(&authority, authority.name());
    let vectors = file().vouchers.into_iter().filter(|vector| vector.suite == S::NAME).collect::<Vec<_>>();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let VoucherVector { sequence, quantity, .. } = vector;
        let fields = VoucherFields {
            unit: unit(vector.unit),
            meter: Subject::from_bytes(fixed(&vector.meter)),
            sequence,
            quantity,
            time: time(vector.time),
            not_after: time(vector.not_after),
        };
        let signed = Voucher::new(fields).unwrap().sign(&key, &fixed(&vector.random)).unwrap();
        assert_eq!(signed.as_bytes(), &fixed(&vector.signed));
        let read = SignedVoucher::parse(&vector.signed.0).unwrap();
        assert_eq!((read.voucher().fields(), read.verify(&authority)), (fields, Ok(())));
        assert_eq!(read.reference(), fixed(&vector.reference));
    }
}

#[test]
fn reads_rules_tariffs_and_fares() {
    let file = file();
    for vector in &file.rules {
        let stale = [StaleAction::Decline, StaleAction::Refer, StaleAction::Accept];
        let fields = RuleFields {
            sector: sector(vector.sector),
            class: [Class::Card, Class::Pseudonym].into_iter().find(|class| *class as u8 == vector.class).unwrap(),
            currency: vector.currency,
            tier: vector.tier,
            tap_cap: vector.tap_cap,
            fresh_seconds: vector.fresh_seconds,
            stale: stale[usize::from(vector.stale)],
            stale_cap: vector.stale_cap,
            stale_seconds: vector.stale_seconds,
        };
        assert_eq!(Rule::new(fields).unwrap().as_bytes(), &fixed(&vector.bytes));
        assert_eq!(Rule::parse(&vector.bytes.0).unwrap().fields(), fields);
    }
    for vector in &file.tariffs {
        let tariff = Tariff::new(sector(vector.sector), vector.tariff, vector.permille).unwrap();
        assert_eq!(tariff.as_bytes(), &fixed(&vector.bytes));
        assert!(vector.pays.iter().all(|[full, pays]| tariff.of(*full) == *pays) && vector.pays.len() >= 5);
    }
    for vector in &file.fares {
        let fields = FareFields {
            operator: operator_tag(&Name::parse(&vector.operator).unwrap()),
            currency: vector.currency,
            from: fixed(&vector.from),
            to: fixed(&vector.to),
            fare: vector.fare,
        };
        assert_eq!(Fare::new(fields).unwrap().as_bytes(), &fixed(&vector.bytes));
        assert!(Fare::parse(&vector.bytes.0).is_ok());
    }
    assert!(file.rules.len() >= 4 && file.tariffs.len() >= 5 && file.fares.len() >= 6);
}

fn scope(number: u32) -> Scope {
    Period::new(number).map_or(Scope::CARDS, Scope::period)
}

fn check_lookups(filter: &Filter<'_>, vector: &FilterVector) -> BTreeSet<String> {
    assert_eq!(filter.boundary().seconds(), vector.boundary);
    for set in &vector.sets {
        for subject in &set.subjects {
            let key = FilterKey::of(&Subject::from_bytes(fixed(subject)));
            assert_eq!(filter.lookup(scope(set.scope), &key), Ok(FilterAnswer::Hit));
        }
    }
    let answer = |lookup: &xtask::vectors::model::terminals::LookupVector| {
        let key = FilterKey::of(&Subject::from_bytes(fixed(&lookup.subject)));
        assert_eq!([1, 2, 3, 16, u16::MAX].map(|parts| key.part(parts)), lookup.parts);
        let answer = match filter.lookup(scope(lookup.scope), &key).unwrap() {
            FilterAnswer::Hit => "hit",
            FilterAnswer::Absent => "absent",
            FilterAnswer::OutOfScope => "out_of_scope",
        };
        assert_eq!(answer, lookup.answer);
        answer.to_owned()
    };
    vector.lookups.iter().map(answer).collect()
}

/// Bytes as a device has them.
struct Device<'a>(&'a [u8]);

impl ByteSource for Device<'_> {
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        Source::Memory(self.0).read(offset, into)
    }
}

#[test]
fn looks_subjects_up() {
    let (authority, secret) = secret::<P256>();
    let key = secret.institution_key(&authority, authority.name());
    let mut answers = BTreeSet::new();
    for vector in file().filters {
        let sets = vector.sets.iter().map(|set| {
            let subjects = set.subjects.iter().map(|subject| Subject::from_bytes(fixed(subject))).collect::<Vec<_>>();
            // Which seed it is tried from first is the authority's affair: here the number of the first subject.
            let first = [0, 5, 6, 100, 400, 500].into_iter();
            let mut made = first.map(|seed| FilterSet::build(scope(set.scope), &subjects, seed).unwrap());
            let head = set.seed.0.as_slice();
            made.find(|made| encoded(&key, std::slice::from_ref(made)).windows(8).any(|window| window == head)).unwrap()
        });
        let sets = sets.collect::<Vec<_>>();
        let filter = FilterContent { boundary: PeriodBoundary::new(vector.boundary).unwrap(), sets: &sets };
        let bundle = encode_bundle(&key, &fields(), &BundleContent { filter, ..<_>::default() }, &[0; 32]).unwrap();
        assert_eq!(bundle[Bundle::HEAD_SIZE + 8..], vector.section.0, "made again");
        answers.extend(check_lookups(&Bundle::parse(&bundle).unwrap().filter().unwrap(), &vector));
        let device = Device(&bundle);
        let kept = Source::Device { device: &device, offset: 0, length: bundle.len() };
        check_lookups(&BundleView::open(kept).unwrap().filter().unwrap().unwrap(), &vector);
    }
    assert_eq!(answers.len(), 3);
}

fn encoded(key: &symbolon_ccks::SigningKey<P256>, sets: &[FilterSet]) -> Vec<u8> {
    let filter = FilterContent { boundary: PeriodBoundary::DEFAULT, sets };
    encode_bundle(key, &fields(), &BundleContent { filter, ..<_>::default() }, &[0; 32]).unwrap()
}

fn fields() -> BundleFields {
    BundleFields {
        sectors: symbolon_ccks::Sectors::ALL,
        sequence: 1,
        issued_at: time(1),
        valid_until: time(2),
        oldest_not_before: time(0),
        part: 0,
        parts: 1,
    }
}

fn reads_bundles<S: Suite>() {
    let (authority, secret) = secret::<S>();
    let key = secret.institution_key(&authority, authority.name());
    let vectors = file().bundles.into_iter().filter(|vector| vector.suite == S::NAME).collect::<Vec<_>>();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let BundleVector { sequence, part, parts, .. } = vector;
        let bundle = Bundle::parse(&vector.bundle.0).unwrap();
        assert_eq!(bundle.verify(&authority), Ok(()));
        let device = Device(&vector.bundle.0);
        let kept = Source::Device { device: &device, offset: 0, length: vector.bundle.0.len() };
        let view = BundleView::open(kept).unwrap();
        assert_eq!((view.verify(&authority), view.header()), (Ok(()), bundle.header()));
        let header = view.header();
        assert_eq!((header.sequence(), header.part(), header.parts()), (sequence, part, parts));
        let times = [header.issued_at(), header.valid_until(), header.oldest_not_before()].map(Time::seconds);
        assert_eq!(times, [vector.issued_at, vector.valid_until, vector.oldest_not_before]);
        assert_eq!(header.sectors().bits(), vector.sectors);
        let purpose = symbolon_ccks::Purpose::Bundle;
        let signature: Signature = key.sign(purpose, &[header.as_bytes()], &fixed(&vector.random)).unwrap();
        assert_eq!(bundle.signature(), &signature);
        let sections =
            bundle.sections().map(|found| (found.section_type(), found.is_critical(), found.bytes().to_vec()));
        let stated = vector.sections.into_iter().map(|stated| (stated.section_type, stated.critical, stated.bytes.0));
        assert!(sections.eq(stated));
        assert_eq!(
            (view.rules().unwrap().len(), view.tariffs().unwrap().len(), view.fares().unwrap().len()),
            (4, 5, 6)
        );
        assert_eq!(view.filter().unwrap().is_some(), parts == 2);
        assert_eq!(view.seeds().unwrap().is_some() && !view.revoked().unwrap().is_empty(), parts == 1);
        assert_eq!(view.limits().unwrap().offline_cap(Sector::Water, 156), Ok(Some(100)));
    }
}

/// The response, and the data that the command carries.
fn exchanged(vector: &ExchangeVector) {
    let mut written = [0; MAX_RESPONSE];
    let status = Status::from_bytes(fixed(&vector.status)).unwrap();
    let response = Response::parse(&vector.response.0).unwrap();
    assert_eq!((response.data(), response.status()), (vector.answer.0.as_slice(), status));
    let length = response.write(&mut written);
    assert_eq!(written[..length], vector.response.0);
    let length = vector.data.0.len();
    assert_eq!(vector.bytes.0[2..4], vector.parameters.to_be_bytes());
    assert!(length == 0 || vector.bytes.0[5..5 + length] == vector.data.0 && usize::from(vector.bytes.0[4]) == length);
}

#[test]
fn speaks_to_cards_and_ports() {
    let file = file();
    let mut commands = BTreeSet::new();
    for vector in &file.exchanges {
        exchanged(vector);
        let (data, answer, bytes) = (&vector.data.0, &vector.answer.0, vector.bytes.0.as_slice());
        let answered = !answer.is_empty();
        if vector.to == "card" {
            let command = CardCommand::parse(bytes).unwrap();
            assert_eq!(command.encode().as_slice(), bytes);
            match command {
                CardCommand::Select => assert!(SelectResponse::parse(answer).is_ok()),
                CardCommand::Present { challenge } => {
                    assert!(Challenge::parse(challenge).is_ok());
                    assert_eq!(Presentation::parse(answer).is_ok(), answered);
                }
                CardCommand::Receipt { receipt, .. } => assert!(symbolon_tap::Receipt::parse(receipt).is_ok()),
                CardCommand::Voucher { meter } => {
                    assert_eq!(meter.as_bytes(), data.as_slice());
                    assert_eq!(SignedVoucher::parse(answer).is_ok(), answered);
                }
            }
        } else {
            let command = PortCommand::parse(bytes).unwrap();
            assert_eq!(command.encode().as_slice(), bytes);
            match command {
                PortCommand::Status => assert!(TerminalStatus::parse(answer).is_ok()),
                PortCommand::Meter => assert_eq!(MeterCredit::parse(answer).is_ok(), answered),
                _ => {}
            }
        }
        commands.insert((vector.to.as_str(), vector.command.as_str()));
    }
    assert_eq!(commands.len(), 4 + 8, "{commands:?}");
}

#[test]
fn refuses_commands_by_their_status() {
    let vectors = file().refused_commands;
    let mut statuses = BTreeSet::new();
    for vector in &vectors {
        let refused = match vector.to.as_str() {
            "card" => CardCommand::parse(&vector.bytes.0).err(),
            _ => PortCommand::parse(&vector.bytes.0).err(),
        };
        assert_eq!(refused.map(Status::to_bytes), Some(fixed(&vector.status)), "{}", vector.why);
        statuses.insert(vector.status.0.clone());
    }
    assert_eq!(statuses.len(), 7);
}

#[test]
fn reads_what_ports_answer() {
    let file = file();
    for vector in &file.statuses {
        let fields = TerminalStatusFields {
            authorities: vector.authorities,
            upload_pending: vector.upload_pending,
            clock_wrong: vector.clock_wrong,
            full: vector.full,
            second_successor: vector.second_successor,
            terminal: Subject::from_bytes(fixed(&vector.terminal)),
            time: time(vector.time),
            authority_prefix: fixed(&vector.authority_prefix),
            bundle_sequence: vector.bundle_sequence,
            bundle_issued_at: time(vector.bundle_issued_at),
            parts_held: vector.parts_held,
            parts: vector.parts,
            records: vector.records,
            room: vector.room,
        };
        assert_eq!(TerminalStatus::new(fields).as_bytes(), &fixed(&vector.bytes));
        assert_eq!(TerminalStatus::parse(&vector.bytes.0).unwrap().fields(), fields);
    }
    for vector in &file.credits {
        let credit = MeterCredit::new(unit(vector.unit), vector.highest, vector.credited);
        assert_eq!(MeterCredit::parse(&vector.bytes.0), Ok(&credit));
    }
    assert!(file.statuses.len() >= 2 && file.credits.len() >= 2);
}

#[test]
fn finds_frames() {
    let file = file();
    for vector in &file.frames {
        let mut frame = [0; MAX_FRAMED];
        let length = write_frame(&vector.carried.0, &mut frame).unwrap();
        assert_eq!(frame[..length], vector.frame.0);
    }
    for vector in &file.lines {
        let (mut reader, mut frame, mut found) = (FrameReader::new(), [0; MAX_FRAME], Vec::new());
        for byte in &vector.line.0 {
            reader.push(*byte);
            while let Some(length) = reader.take(&mut frame) {
                found.push(Hex::of(&frame[..length]));
            }
        }
        reader.silence();
        while let Some(length) = reader.take(&mut frame) {
            found.push(Hex::of(&frame[..length]));
            reader.silence();
        }
        assert_eq!(found, vector.found);
    }
    assert!(file.frames.len() >= 4 && file.lines.len() >= 6);
}

#[test]
fn both_suites_are_there() {
    let suites = file().vouchers.into_iter().map(|vector| vector.suite).collect::<BTreeSet<_>>();
    assert_eq!(suites, [P256::NAME, Secp256k1::NAME].map(str::to_owned).into());
}

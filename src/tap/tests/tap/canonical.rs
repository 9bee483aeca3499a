//! Every structure has one encoding: any other is refused.

use proptest::prelude::*;
use symbolon_ccks::{Malformed, P256};
use symbolon_tap::misuse::Item;
use symbolon_tap::{
    Acknowledgement, Bundle, Challenge, Presentation, Receipt, Record, RecordBytes, SelectResponse, Successor, Terms,
    Upload,
};

use crate::world::{Samples, TestSuite, terms};

/// How a structure is parsed, and the bytes that the parsed value says it has.
type Parse = fn(&[u8]) -> Result<Vec<u8>, Malformed>;

struct Structure {
    name: &'static str,
    bytes: Vec<u8>,
    parse: Parse,
}

macro_rules! structure {
    ($name:literal, $bytes:expr, $type:ty) => {
        Structure {
            name: $name,
            bytes: $bytes.to_vec(),
            parse: |bytes| <$type>::parse(bytes).map(|value| value.as_bytes().to_vec()),
        }
    };
}

fn structures() -> Vec<Structure> {
    let world = P256::world();
    let samples = Samples::new(world);
    let item = Item::new(&samples.record, world.terminal.issued.credential.digest());
    vec![
        structure!("select response", samples.select.as_bytes(), SelectResponse),
        structure!("terms", terms().as_bytes(), Terms),
        structure!("challenge", samples.challenge.as_bytes(), Challenge),
        structure!("presentation", samples.presentation.as_bytes(), Presentation),
        structure!("record", samples.record.as_bytes(), Record),
        structure!("receipt", samples.receipt.as_bytes(), Receipt),
        structure!("acknowledgement", samples.acknowledgement.as_bytes(), Acknowledgement),
        structure!("upload", samples.upload, Upload<'_>),
        structure!("upload with hints", samples.upload_with_hints, Upload<'_>),
        structure!("bundle", samples.bundle, Bundle<'_>),
        structure!("successor", samples.successor.as_bytes(), Successor),
        structure!("misuse item", item.as_bytes(), Item),
    ]
}

#[test]
fn what_was_made_parses_to_the_same_bytes() {
    for structure in structures() {
        assert_eq!((structure.parse)(&structure.bytes).as_ref(), Ok(&structure.bytes), "{}", structure.name);
    }
}

#[test]
fn every_other_length_is_refused() {
    for structure in structures() {
        for length in 0..structure.bytes.len() {
            assert!((structure.parse)(&structure.bytes[..length]).is_err(), "{} of {length}", structure.name);
        }
        for trailing in [&[0][..], &[0xff], &[0; 64], &[0; 209], &[0; 241]] {
            let longer = [&structure.bytes, trailing].concat();
            assert!((structure.parse)(&longer).is_err(), "{} and {} more", structure.name, trailing.len());
        }
    }
}

/// A byte to put somewhere, and what the refusal then says.
type Corruption = (usize, &'static [u8], &'static str);

const TIME_LIMIT: &[u8] = &(1u64 << 40).to_be_bytes();

const TERMS: &[Corruption] = &[
    (0, &[0], "version"),
    (0, &[2], "version"),
    (1, &[0], "kind"),
    (1, &[6], "kind"),
    (2, &[0], "sector"),
    (2, &[3], "sector"),
    (2, &[7], "sector"),
    (2, &[8], "sector"),
    (3, &[2], "flag"),
    (20, TIME_LIMIT, "2^40"),
    (28, &[0, 0, 0, 0], "a purchase of nothing"),
    (1, &[3], "an exit or a credit with an amount"),
    (1, &[4], "an exit or a credit with an amount"),
    (1, &[5, 4, 1], "a screen code of a kind"),
];

const CREDENTIAL: &[Corruption] = &[
    (0, &[2], "version"),
    (1, &[0], "suite"),
    (1, &[3], "suite"),
    (2, &[0], "class"),
    (2, &[4], "class"),
    (3, &[0], "sector"),
    (3, &[8], "sector"),
    (28, TIME_LIMIT, "2^40"),
    (36, TIME_LIMIT, "2^40"),
    (36, &[0; 8], "not_after"),
    (44, &[0xff], "spend_limit"),
    (55, &[1], "zero"),
    (56, &[0], "prefix of P"),
    (56, &[4], "prefix of P"),
];

const SIGNATURE: &[Corruption] = &[(0, &[0], "prefix of R"), (0, &[1], "prefix of R"), (0, &[4], "prefix of R")];

fn refused(name: &str, at: usize, corruptions: &[Corruption]) {
    let structure = structures().into_iter().find(|structure| structure.name == name).unwrap();
    for (offset, bytes, problem) in corruptions {
        let mut corrupted = structure.bytes.clone();
        corrupted[at + offset..][..bytes.len()].copy_from_slice(bytes);
        let error = (structure.parse)(&corrupted).expect_err(name);
        assert!(error.problem.contains(problem), "{name} at {at}+{offset} := {bytes:?}: {error}");
    }
}

#[test]
fn a_field_out_of_range_is_refused_by_its_name() {
    refused("select response", 0, &[(0, &[2], "version"), (1, &[0], "suite"), (1, &[3], "suite"), (3, &[1], "zero")]);
    refused("terms", 0, TERMS);
    refused("receipt", 0, &[(32, &[0], "outcome"), (32, &[4], "outcome"), (33, TIME_LIMIT, "2^40")]);
    refused("acknowledgement", 0, &[(38, TIME_LIMIT, "2^40")]);
    refused(
        "successor",
        0,
        &[
            (0, &[0], "version"),
            (1, &[0], "suite"),
            (1, &[3], "suite"),
            (2, &[1], "zero"),
            (7, &[1], "zero"),
            (72, TIME_LIMIT, "2^40"),
            (80, TIME_LIMIT, "2^40"),
        ],
    );
    refused("successor", 88, SIGNATURE);
}

#[test]
fn a_part_out_of_range_is_refused_by_its_name() {
    refused("challenge", 0, TERMS);
    refused("challenge", 0, &[(3, &[1], "screen code")]);
    refused("challenge", 50, CREDENTIAL);
    refused("challenge", 139, SIGNATURE);
    refused("presentation", 0, &[(0, &[0], "version")]);
    refused("presentation", 5, CREDENTIAL);
    refused("presentation", 94, SIGNATURE);
    for (name, presentation) in [("record", 50), ("misuse item", 82)] {
        refused(name, 0, TERMS);
        refused(name, presentation, &[(0, &[0], "version")]);
        refused(name, presentation + 5, CREDENTIAL);
        refused(name, presentation + 94, SIGNATURE);
    }
    refused("upload", 0, &[(0, &[2], "version"), (1, &[2], "hints"), (2, &[0, 0], "8192"), (2, &[0x20, 1], "8192")]);
    refused("upload", 8, CREDENTIAL);
    refused("upload", 129, SIGNATURE);
    refused("bundle", 108, SIGNATURE);
}

#[test]
fn a_successor_is_not_its_own() {
    let structure = structures().into_iter().find(|structure| structure.name == "successor").unwrap();
    let mut bytes = structure.bytes;
    bytes.copy_within(8..40, 40);
    assert_eq!((structure.parse)(&bytes).unwrap_err().problem, "an authority that follows itself");
}

#[test]
fn a_screen_code_is_well_formed_terms_and_record() {
    let mut record = Samples::new(P256::world()).record.as_bytes().to_vec();
    record[3] = 1;
    assert!(Terms::parse(&record[..50]).is_ok());
    assert!(Record::parse(&record).is_ok());
}

proptest! {
    /// Whatever a few bytes are changed to: refused, or the value's own bytes and its fields make the same again.
    #[test]
    fn what_parses_is_the_one_encoding(
        which in 0usize..12,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let structure = structures().into_iter().nth(which).unwrap();
        let mut bytes = structure.bytes;
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        if let Ok(parsed) = (structure.parse)(&bytes) {
            prop_assert_eq!(&parsed, &bytes);
        }
        let terms = bytes.get(..50).and_then(|terms| Terms::parse(terms).ok());
        if let Some(terms) = terms {
            prop_assert_eq!(Terms::new(terms.fields()), Ok(*terms));
        }
    }

    #[test]
    fn bytes_of_no_structure_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for structure in structures() {
            if let Ok(parsed) = (structure.parse)(&bytes) {
                prop_assert_eq!(&parsed, &bytes);
            }
        }
    }

    #[test]
    fn terms_parse_exactly_when_their_fields_go_together(
        kind in 0u8..8, sector in 0u8..9, flags in 0u8..3, seconds in prop_oneof![0..1u64 << 41, any::<u64>()],
        amount in prop_oneof![Just(0u32), any::<u32>()],
    ) {
        let mut bytes = *terms().as_bytes();
        bytes[1..4].copy_from_slice(&[kind, sector, flags]);
        bytes[20..28].copy_from_slice(&seconds.to_be_bytes());
        bytes[28..32].copy_from_slice(&amount.to_be_bytes());
        let amount_fits = match kind { 1 => amount != 0, 3 | 4 => amount == 0, 2 | 5 => true, _ => false };
        let flags_fit = flags == 0 || flags == 1 && kind <= 2;
        let well_formed = amount_fits && flags_fit && matches!(sector, 1 | 2 | 4) && seconds < 1 << 40;
        prop_assert_eq!(Terms::parse(&bytes).is_ok(), well_formed);
    }
}

#[test]
fn a_record_in_an_upload_is_the_record_itself() {
    let record = Samples::new(P256::world()).record;
    assert_eq!(RecordBytes::from(record).parse(), Ok(&record));
}

//! Where each field stands.

use sha2::{Digest, Sha256};
use symbolon_tap::misuse::Item;
use symbolon_tap::{
    Acknowledgement, BundleHeader, Challenge, Fare, Limit, Presentation, Receipt, Record, RecordHint, RevokedSeed,
    Rule, SelectResponse, Successor, SuccessorStatement, Tariff, Terms, UploadHead, UploadHeader,
    apdu::port::{Ask, MeterCredit, PendingUpload, TerminalStatus},
    voucher::{SignedVoucher, Voucher},
};

use crate::world::{NOW_SECONDS, Samples, TestSuite, for_each_suite, terms};

#[test]
fn sizes_are_those_of_the_wire_format() {
    let sizes = [
        (SelectResponse::SIZE, size_of::<SelectResponse>(), 20),
        (Terms::SIZE, size_of::<Terms>(), 50),
        (Challenge::SIZE, size_of::<Challenge>(), 204),
        (Presentation::SIZE, size_of::<Presentation>(), 159),
        (Record::SIZE, size_of::<Record>(), 209),
        (UploadHeader::SIZE, size_of::<UploadHeader>(), 129),
        (UploadHead::SIZE, size_of::<UploadHead>(), 194),
        (RecordHint::SIZE, size_of::<RecordHint>(), 64),
        (Acknowledgement::SIZE, size_of::<Acknowledgement>(), 46),
        (Receipt::SIZE, size_of::<Receipt>(), 41),
        (BundleHeader::SIZE, size_of::<BundleHeader>(), 108),
        (Limit::SIZE, size_of::<Limit>(), 8),
        (SuccessorStatement::SIZE, size_of::<SuccessorStatement>(), 88),
        (Successor::SIZE, size_of::<Successor>(), 153),
        (Item::SIZE, size_of::<Item>(), 241),
        (RevokedSeed::SIZE, size_of::<RevokedSeed>(), 68),
        (Rule::SIZE, size_of::<Rule>(), 28),
        (Tariff::SIZE, size_of::<Tariff>(), 8),
        (Fare::SIZE, size_of::<Fare>(), 48),
        (Voucher::SIZE, size_of::<Voucher>(), 44),
        (SignedVoucher::SIZE, size_of::<SignedVoucher>(), 109),
        (Ask::SIZE, size_of::<Ask>(), 22),
        (TerminalStatus::SIZE, size_of::<TerminalStatus>(), 64),
        (PendingUpload::SIZE, size_of::<PendingUpload>(), 36),
        (MeterCredit::SIZE, size_of::<MeterCredit>(), 16),
    ];
    for (index, (constant, actual, expected)) in sizes.into_iter().enumerate() {
        assert_eq!((constant, actual), (expected, expected), "size {index}");
    }
}

/// Writes fields one after another, as the tables of the wire format list them.
fn fields(fields: &[&[u8]]) -> Vec<u8> {
    fields.concat()
}

fn terms_bytes() -> Vec<u8> {
    fields(&[
        &[1, 1, 4, 0],
        b"holder!!",
        b"terminal",
        &NOW_SECONDS.to_be_bytes(),
        &0x0102u32.to_be_bytes(),
        &156u16.to_be_bytes(),
        b"operator's  own.",
    ])
}

#[test]
fn terms_have_their_fields_in_order() {
    assert_eq!(terms().as_bytes().as_slice(), terms_bytes());
    assert_eq!(&terms().holder_nonce(), b"holder!!");
    assert_eq!(&terms().terminal_nonce(), b"terminal");
}

for_each_suite!(tap_structures_have_their_fields_in_order, settlement_structures_have_their_fields_in_order);

fn tap_structures_have_their_fields_in_order<S: TestSuite>() {
    let world = S::world();
    let samples = Samples::new(world);
    let prefix = world.authority.id().prefix();
    let select = fields(&[&[1, S::ID as u8, 3, 0], &prefix, b"holder!!"]);
    assert_eq!(samples.select.as_bytes().as_slice(), select);

    let terminal = world.terminal.issued.credential;
    let challenge = fields(&[&terms_bytes(), terminal.as_bytes(), samples.challenge.signature().as_bytes()]);
    assert_eq!(samples.challenge.as_bytes().as_slice(), challenge);

    let card = world.card.issued.credential;
    let presentation =
        fields(&[&[1], &1u32.to_be_bytes(), card.as_bytes(), samples.presentation.signature().as_bytes()]);
    assert_eq!(samples.presentation.as_bytes().as_slice(), presentation);
    assert_eq!(samples.record.as_bytes().as_slice(), fields(&[&terms_bytes(), &presentation]));

    let item = Item::new(&samples.record, terminal.digest());
    assert_eq!(item.as_bytes().as_slice(), fields(&[&terms_bytes(), terminal.digest().as_bytes(), &presentation]));
    let digest = Sha256::digest(samples.record.as_bytes());
    assert_eq!(samples.receipt.as_bytes().as_slice(), fields(&[&digest, &[1], &NOW_SECONDS.to_be_bytes()]));
}

/// What the sample bundle's sections 5 to 7 have, and the heads of section 8, whose fingerprints are not looked at.
fn terminal_sections() -> Vec<u8> {
    let rule = |start: [u8; 4], stale: u8, stale_cap: u32, stale_seconds: u32| {
        let [tier, tap_cap, fresh] = [6000_u32, 800, 86_400].map(u32::to_be_bytes);
        let [stale_cap, stale_seconds] = [stale_cap, stale_seconds].map(u32::to_be_bytes);
        fields(&[&start, &tier, &tap_cap, &fresh, &[stale, 0, 0, 0], &stale_cap, &stale_seconds])
    };
    let fare = |operator: &[u8], from: u8, to: u8, fare: u32| {
        fields(&[operator, &[0, 156, 0, 0], &[from; 16], &[to; 16], &fare.to_be_bytes()])
    };
    let filter = Samples::new(symbolon_ccks::P256::world()).bundle;
    let filter = &filter[filter.len() - 128..];
    fields(&[
        &[5, 1, 0, 0, 0, 0, 0, 84],
        &rule([1, 1, 0, 156], 0, 0, 0),
        &rule([4, 1, 0, 156], 1, 0, 259_200),
        &rule([4, 3, 0, 156], 2, 200, 259_200),
        &[6, 1, 0, 0, 0, 0, 0, 24],
        &[1, 3, 3, 232, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 4, 3, 1, 244, 0, 0, 0, 0],
        &[7, 1, 0, 0, 0, 0, 0, 192],
        &fare(b"another.", 1, 2, 50),
        &fare(b"operator", 0, 0, 900),
        &fare(b"operator", 1, 2, 300),
        &fare(b"operator", 2, 1, 400),
        &[8, 1, 0, 0, 0, 0, 0, 120, 1, 0, 0, 2, 0, 1, 11, 48, 0, 0, 0, 100],
        // The seed is found by trying; then segments of 8, one of them for first places, 5 keys, 24 fingerprints.
        &filter[20..28],
        &[0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 24, 0, 0, 0, 0],
        &filter[48..96],
        &[0xff; 4],
        &[0; 28],
    ])
}

fn settlement_structures_have_their_fields_in_order<S: TestSuite>() {
    let world = S::world();
    let samples = Samples::new(world);
    let records: Vec<u8> = crate::world::records(world, 3).iter().flat_map(|record| *record.as_bytes()).collect();
    let header = |hints: u8| {
        fields(&[
            &[1, hints, 0, 3],
            &77u32.to_be_bytes(),
            world.terminal.issued.credential.as_bytes(),
            &Sha256::digest(&records),
        ])
    };
    let plain = &samples.upload;
    assert_eq!(plain[..129], header(0));
    assert_eq!(plain[194..], records);
    let hints = [[5; 32], [6; 32]].as_flattened().repeat(3);
    assert_eq!(samples.upload_with_hints[..129], header(1));
    assert_eq!(samples.upload_with_hints[194..], fields(&[&records, &hints]));

    let id = world.authority.id().as_bytes();
    let body = fields(&[
        &[1, 1, 0, 0, 0, 0, 0, 48],
        [[1; 16], [2; 16], [3; 16]].as_flattened(),
        &[2, 1, 0, 0, 0, 0, 0, 16],
        &[1, 0, 0, 156, 0, 0, 2, 188],
        &[4, 0, 0, 156, 0, 0, 3, 132],
        &[3, 1, 0, 0, 0, 0, 0, 212],
        &[0, 1, 11, 48, 0, 0, 0, 20],
        &fields(&[&[0, 0, 0, 100], &[3; 32], &[7; 32]]),
        &fields(&[&[0, 0, 0, 100], &[4; 32], &[7; 32]]),
        &fields(&[&[0, 0, 0, 101], &[1; 32], &[7; 32]]),
        &[4, 0, 0, 0, 0, 0, 0, 11],
        b"for wallets",
        &terminal_sections(),
    ]);
    let header = fields(&[
        &[1, S::ID as u8, 0, 7],
        id,
        &0x0102_0304u64.to_be_bytes(),
        &NOW_SECONDS.to_be_bytes(),
        &(NOW_SECONDS + 86_400).to_be_bytes(),
        &(NOW_SECONDS - 86_400).to_be_bytes(),
        &(body.len() as u32).to_be_bytes(),
        &[0, 1, 0, 3],
        &Sha256::digest(&body),
    ]);
    assert_eq!(samples.bundle[..108], header);
    assert_eq!(samples.bundle[173..], body);

    let successor = fields(&[
        &[1, 2, 0, 0, 0, 0, 0, 0],
        id,
        &[0xaa; 32],
        &(NOW_SECONDS + 10).to_be_bytes(),
        &(NOW_SECONDS + 20).to_be_bytes(),
        samples.successor.signature().as_bytes(),
    ]);
    assert_eq!(samples.successor.as_bytes().as_slice(), successor);
    let acknowledgement = fields(&[&[4; 32], &[0, 1, 0, 2, 0, 3], &NOW_SECONDS.to_be_bytes()]);
    assert_eq!(samples.acknowledgement.as_bytes().as_slice(), acknowledgement);
}

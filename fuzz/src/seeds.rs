//! The seed corpus: a few small inputs a target, from which a fuzzer finds the rest.

use crate::{city::City, device::messages, pseudonym};
use symbolon_ccks::{Sector, Suite};
use symbolon_pseudonym::{Commitment, RequestBody};
use symbolon_tap::{
    Kind,
    apdu::{CardCommand, PortCommand, port::Ask},
};

/// One input of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The name of its file.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Every seed of every target.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    of_suite(&mut seeds, 0, "p256", crate::city::p256());
    of_suite(&mut seeds, 1, "secp256k1", crate::city::secp256k1());
    multiscalar(&mut seeds);
    field_arithmetic(&mut seeds);
    seeds
}

/// Programs that change a valid structure; see [`crate::program`].
const PROGRAMS: [(&str, &[u8]); 8] = [
    ("nothing", &[]),
    ("bit", &[1, 0, 60, 3]),
    ("byte", &[0, 0, 4, 9]),
    ("swap", &[2, 0, 90, 91]),
    ("truncate", &[3, 0, 100, 0]),
    ("append", &[4, 0, 0, 0]),
    ("splice", &[14, 0, 1, 93]),
    ("reverse", &[7, 0, 12, 16, 5, 0, 158, 1]),
];

fn of_suite<S: Suite>(seeds: &mut Vec<Seed>, suite: u8, suite_name: &str, city: &City<S>) {
    let mut add = |target, name: &str, head: &[u8], bytes: &[u8]| {
        seeds.push(Seed { target, name: format!("{suite_name}-{name}"), bytes: [head, bytes].concat() });
    };
    for (name, program) in PROGRAMS {
        add("authority_parameters", name, &[suite], program);
        add("authority_parameters", &format!("prepared-{name}"), &[suite + 2], program);
        add("authority_parameters", &format!("prepared-end-{name}"), &[suite + 6], program);
        add("misuse", &format!("pair-{name}"), &[suite, 2, 0, 1], program);
        for (which, part) in [(1, "presentation"), (2, "challenge"), (3, "both"), (4, "select")] {
            add("mutated_tap", &format!("{part}-{name}"), &[suite + 2 * which], program);
        }
        for (flags, variant) in [(0, "plain"), (2, "hints"), (4, "rehashed")] {
            add("mutated_upload", &format!("{variant}-{name}"), &[suite + flags], program);
        }
    }
    add("authority_parameters", "name", &[suite], &[0, 0, 51, b'c', 0, 0, 50, 1]);
    add("authority_parameters", "created", &[suite], &[0, 0, 16, 9]);
    add("misuse", "all", &[suite, 3, 2, 1, 0], &[]);
    add("misuse", "honest", &[suite, 3, 0, 2, 0], &[]);

    let card = city.cards[0].credential().expect("a card's key");
    let keys: [(&str, Vec<u8>); 7] = [
        ("name", b"water-company-1.a".to_vec()),
        ("identity", card.identity().as_bytes().to_vec()),
        ("credential", card.as_bytes().to_vec()),
        ("offer", city.offer().as_bytes().to_vec()),
        ("point", card.reconstruction_point().as_bytes().to_vec()),
        ("signature", city.signature().as_bytes().to_vec()),
        ("secret", city.cards[0].secret_bytes().as_slice().to_vec()),
    ];
    for (selector, (name, bytes)) in (0..).zip(keys) {
        add("keys", name, &[suite + 2 * selector], &bytes);
        add("explain", name, &[], &bytes);
    }
    let record = city.records[0];
    let challenge = city.challenges[0];
    let taps: [(&str, Vec<u8>); 9] = [
        ("select", city.selects[0].as_bytes().to_vec()),
        ("terms", record.terms().as_bytes().to_vec()),
        ("challenge", challenge.as_bytes().to_vec()),
        ("presentation", record.presentation().as_bytes().to_vec()),
        ("record", record.as_bytes().to_vec()),
        ("receipt", city.receipt().as_bytes().to_vec()),
        ("acknowledgement", city.acknowledgement().as_bytes().to_vec()),
        ("successor", city.successor.as_bytes().to_vec()),
        ("item", city.items[0].as_bytes().to_vec()),
    ];
    for (selector, (name, bytes)) in (0..).zip(taps) {
        add("taps", name, &[suite + 2 * selector], &bytes);
        add("explain", name, &[], &bytes);
    }
    pseudonyms(suite, city, &mut add);
    terminals(suite, city, &mut add);
    // An authority that follows itself: the same 32 bytes twice, which no fuzzer comes upon.
    let mut own = *city.successor.as_bytes();
    own.copy_within(8..40, 40);
    add("taps", "successor-of-itself", &[suite + 2 * 7], &own);

    let batches: [(&str, &str, Vec<u8>); 3] = [
        ("upload", "plain", city.uploads[0].clone()),
        ("upload", "hints", city.uploads[1].clone()),
        ("bundle", "plain", city.bundle.clone()),
    ];
    for (target, name, bytes) in batches {
        add(target, name, &[suite], &bytes);
        add(target, &format!("{name}-rehashed"), &[suite + 2], &bytes);
        add("explain", &format!("{target}-{name}"), &[], &bytes);
    }
}

fn pseudonyms<S: Suite>(suite: u8, city: &City<S>, add: &mut impl FnMut(&'static str, &str, &[u8], &[u8])) {
    let (asking, item) = pseudonym::item(city);
    let content = pseudonym::issuer()
        .open(&pseudonym::item_info(city), &pseudonym::item_associated(&item.commitment), item.sealed.as_bytes())
        .expect("it was sealed to this issuer");
    let sealed = item.sealed.as_bytes().to_vec();
    let body = RequestBody::new(pseudonym::period(), [4; 32], vec![item]).expect("one item is enough");
    let value = pseudonym::value(&Commitment::from_bytes([3; 32]));
    let structures: [(u8, &str, Vec<u8>); 9] = [
        (0, "issuance", pseudonym::issuance().encode()),
        (0, "profile", pseudonym::issuance().profiles()[0].as_bytes().to_vec()),
        (1, "request-body", body.encode()),
        (2, "sealed-item", sealed),
        (3, "item-content", content.to_vec()),
        (4, "sealed-answer", vec![2; 137]),
        (5, "sealed-value", value.as_bytes().to_vec()),
        (5, "clearing-tag", pseudonym::tag().as_bytes().to_vec()),
        (6, "stored", asking.encode().to_vec()),
    ];
    for (selector, name, bytes) in structures {
        add("pseudonyms", name, &[suite + 2 * selector], &bytes);
    }
    add("explain", "issuance", &[], &pseudonym::issuance().encode());
    add("explain", "request-body", &[], &body.encode());
}

/// What is said to a terminal, and what happens to its flash: see [`crate::device::Messages`].
fn terminals<S: Suite>(suite: u8, city: &City<S>, add: &mut impl FnMut(&'static str, &str, &[u8], &[u8])) {
    let port = |command: PortCommand<'_>| command.encode().as_slice().to_vec();
    let (status, time) = (port(PortCommand::Status), port(PortCommand::SetTime(city.records[0].terms().time())));
    let ask = port(PortCommand::Ask(Ask::new(Kind::Entry, Sector::Transport, 300, [7; 16])));
    let present = CardCommand::Present { challenge: city.challenges[0].as_bytes() }.encode();
    let meter = city.terminals[0].credential().expect("a terminal's key").identity().subject();
    let voucher = CardCommand::Voucher { meter }.encode();
    let given = [city.vouchers[0].as_bytes().as_slice(), &[0x90, 0x00]].concat();
    let tap: [(u8, &[u8]); 4] = [(2, &[]), (4, &[]), (4, &[]), (4, &[])];
    let talks: [(&str, Vec<u8>); 8] = [
        ("tap", messages(&tap)),
        ("two-taps", messages(&[tap, tap].concat())),
        ("lost-receipt", messages(&[&tap[..3], &[(15, &[])], &tap].concat())),
        ("changed", messages(&[(2, &[]), (4, &[]), (4, &[1, 0, 60, 3]), (4, &[]), (4, &[])])),
        ("silence", messages(&[(2, &[]), (14, &[]), (2, &[]), (4, &[]), (14, &[])])),
        ("port", messages(&[(0, &status), (0, &time), (0, &ask), (2, &[]), (4, &[]), (4, &[]), (4, &[])])),
        ("card", messages(&[(7, &[]), (1, present.as_slice()), (1, voucher.as_slice())])),
        ("voucher", messages(&[(10, &[]), (4, &[]), (3, &given), (4, &[]), (4, &[])])),
    ];
    for (name, bytes) in talks {
        add("apdu", name, &[suite], &bytes);
    }
    let whole: [(u8, &[u8]); 3] = [(8, &[]), (1, &[255]), (4, &[])];
    let loads: [(&str, Vec<u8>); 8] = [
        ("later", messages(&whole)),
        ("older", messages(&[(0, &[]), (1, &[255]), (4, &[])])),
        ("two-parts", messages(&[(24, &[]), (1, &[255]), (4, &[])])),
        ("one-of-two-parts", messages(&[(24, &[1]), (1, &[2]), (4, &[])])),
        ("all", messages(&[&whole[..], &[(16, &[]), (1, &[255]), (4, &[])]].concat())),
        ("changed", messages(&[(8, &[1, 1, 0, 200, 3]), (1, &[255]), (4, &[])])),
        ("spliced", messages(&[(8, &[1, 14, 0, 20, 200]), (1, &[255]), (4, &[])])),
        ("cut", messages(&[(46, &[17]), (8, &[]), (1, &[255]), (4, &[]), (16, &[]), (1, &[255]), (4, &[])])),
    ];
    for (name, bytes) in loads {
        add("bundle_loader", name, &[suite], &bytes);
    }
    for (name, program) in PROGRAMS {
        add("journal", name, &[suite], program);
        for page in [0, 1, 2, 3] {
            add("journal", &format!("page-{page}-{name}"), &[suite + 2 * (1 + 2 * page)], program);
        }
        add("mutated_voucher", &format!("voucher-{name}"), &[suite + 2], program);
        add("mutated_voucher", &format!("answer-{name}"), &[suite + 4], program);
        add("mutated_voucher", &format!("receipt-{name}"), &[suite + 8], program);
        if suite == 0 {
            for (which, part) in [(1, "presentation"), (2, "challenge"), (4, "select"), (7, "all")] {
                add("verifier_c", &format!("{part}-{name}"), &[which], program);
            }
        }
    }
    if suite == 0 {
        let code = city.code(&city.cards[0], 1);
        add("verifier_c", "code", &[8], &code);
        add("verifier_c", "port", &[16], &messages(&[(0, &status), (0, &time), (0, &ask)]));
    }
}

/// Sums and decodings of both curves: see the target.
fn multiscalar(seeds: &mut Vec<Seed>) {
    let long = |which, byte| [&[0, which], [byte; 32].as_slice()].concat();
    let inputs: [(u8, &str, Vec<u8>); 7] = [
        (0, "nothing", Vec::new()),
        (0, "one", long(0, 0x55)),
        (0, "cancelling", [long(3, 0xa7), long(19, 0xa7)].concat()),
        (0, "equal", [&[0xf0, 1], [0x33; 32].as_slice(), &[0xf1, 1], &[0x77; 16], &[0xf2, 2, 9]].concat()),
        (0, "order", vec![0xf3, 0, 0, 0xf3, 5, 1, 0xf3, 7, 0xff]),
        (2, "points", [&[7, 9], [0; 63].as_slice(), &[6, 200], &[0; 63], &[15, 1], &[0; 63], &[5]].concat()),
        (2, "hints", [&[2], [3; 64].as_slice(), &[3], &[0xff; 64]].concat()),
    ];
    for (selector, name, bytes) in inputs {
        for (suite, suite_name) in [(0, "p256"), (1, "secp256k1")] {
            let bytes = [&[selector + suite], bytes.as_slice()].concat();
            seeds.push(Seed { target: "multiscalar", name: format!("{suite_name}-{name}"), bytes });
        }
    }
}

/// Programs over field elements: see the target.
fn field_arithmetic(seeds: &mut Vec<Seed>) {
    let numbers = |bytes: [u8; 3]| bytes.map(|byte| [byte; 32]).concat();
    // Every operation once, each into another register, of all three.
    let every: Vec<u8> =
        (0..16).flat_map(|operation| [operation | (operation & 3) << 4, 0b10_01_00 ^ operation]).collect();
    let inputs: [(&str, Vec<u8>); 5] = [
        ("nothing", Vec::new()),
        ("every", [numbers([0x5a, 0x01, 0xc3]), every.clone()].concat()),
        ("large", [numbers([0xff, 0xff, 0x7f]), every.clone()].concat()),
        ("zero", [numbers([0, 0, 0]), every].concat()),
        ("powers", [numbers([3, 0xfe, 0x80]), [0x02, 0, 0x00, 0x04].repeat(12)].concat()),
    ];
    for (name, bytes) in inputs {
        for (suite, suite_name) in [(0, "p256"), (1, "secp256k1")] {
            let bytes = [&[suite], bytes.as_slice()].concat();
            seeds.push(Seed { target: "field_arithmetic", name: format!("{suite_name}-{name}"), bytes });
        }
    }
}

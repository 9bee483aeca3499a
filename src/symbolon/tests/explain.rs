//! Every structure is recognised, told field by field, and where it is wrong is told too.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use symbolon::explain::{Explanation, Finding, explain};
use symbolon_ccks::{
    Authority, AuthoritySecret, Class, EnrolmentKey, Identity, IdentityFields, LinkageSeed, Name, Offer, P256, Period,
    PeriodBoundary, PossessionMessage, Secp256k1, Sector, Sectors, SigningKey, Subject, Suite, Time,
};
use symbolon_pseudonym::{
    Commitment, Issuance, Profile, ProfileFields, ProfileId, RequestBody, RequestItem, SealedItem, SealingKey,
};
use symbolon_tap::{
    Acknowledgement, AcknowledgementFields, BundleContent, BundleFields, Challenge, Fare, FareFields, FilterContent,
    FilterSet, Flags, Kind, Limit, Outcome, Presentation, Receipt, Record, RevokedSeed, RevokedSeeds, Rule, RuleFields,
    Scope, SelectResponse, StaleAction, Successor, SuccessorFields, Tariff, Terms, TermsFields, UploadHead,
    UploadHeader,
    apdu::port::{TerminalStatus, TerminalStatusFields},
    apdu::{CardCommand, PortCommand},
    encode_bundle, encode_upload,
    misuse::Item,
    voucher::{Unit, Voucher, VoucherFields},
};

const RANDOM: [u8; 32] = [9; 32];

struct City<S: Suite> {
    secret: AuthoritySecret<S>,
    parameters: Vec<u8>,
    authority: Authority<'static, S>,
    random: ChaCha20Rng,
}

impl<S: Suite> City<S> {
    fn new() -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(1);
        let secret = AuthoritySecret::<S>::generate(&mut random);
        let name = Name::parse("city.example").unwrap();
        let parameters = secret.parameters(Time::new(1_700_000_000).unwrap(), &name);
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, parameters, authority, random }
    }

    fn offer(&self, class: Class) -> Offer {
        let identity = Identity::new(IdentityFields {
            suite: S::ID,
            class,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes([class as u8; 16]),
            not_before: Time::new(1_700_000_000).unwrap(),
            not_after: Time::new(1_800_000_000).unwrap(),
            spend_limit: 2_000,
            budget: 50_000,
            currency: 156,
            tariff: 0,
        });
        Offer::new(identity.unwrap(), [7; 32])
    }

    fn enrol(&mut self, class: Class) -> SigningKey<S> {
        let offer = self.offer(class);
        let key = EnrolmentKey::<S>::generate(&mut self.random);
        let message = PossessionMessage::Offer(&offer);
        let possession = key.prove_possession(self.authority.id(), message, &RANDOM).unwrap();
        let identity = offer.identity();
        let issued = self.secret.issue(&self.authority, identity, message, key.point(), &possession, &RANDOM).unwrap();
        key.complete(&self.authority, identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
    }

    /// One of each structure, by name.
    fn structures(&mut self) -> Vec<(&'static str, Vec<u8>)> {
        let (card, terminal) = (self.enrol(Class::Card), self.enrol(Class::Terminal));
        let prefix = self.authority.id().prefix();
        let select = SelectResponse::new(S::ID, 0, prefix, [1; 8]);
        let terms = Terms::new(TermsFields {
            kind: Kind::Entry,
            sector: Sector::Transport,
            flags: Flags::Tap,
            nonce: [1; 16],
            time: Time::new(1_750_000_000).unwrap(),
            amount: 800,
            currency: 156,
            reference: *b"station-7\0\0\0\0\0\0\0",
        })
        .unwrap();
        let challenge = Challenge::sign(&terminal, terms, &RANDOM).unwrap();
        let digest = terminal.credential().unwrap().digest();
        let presentation = Presentation::sign(&card, &terms, &digest, 5, &RANDOM).unwrap();
        let record = Record::new(terms, presentation);
        let item = Item::new(&record, digest);
        let now = Time::new(1_750_000_100).unwrap();
        let receipt = Receipt::new(&record, Outcome::Accepted, now);
        let receipt_signature = receipt.sign(&terminal, &RANDOM).unwrap();
        let upload = encode_upload(&terminal, 3, &[record; 20], None, &RANDOM).unwrap();
        let own_key = self.secret.institution_key(&self.authority, self.authority.name());
        let acknowledgement = Acknowledgement::new(AcknowledgementFields {
            upload_digest: [4; 32],
            settled: 19,
            duplicate: 1,
            refused: 0,
            time: now,
        });
        let acknowledgement_signature = acknowledgement.sign(&own_key, &RANDOM).unwrap();
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence: 4,
            issued_at: now,
            valid_until: now.saturating_add(86_400),
            oldest_not_before: Time::new(1_700_000_000).unwrap(),
            part: 0,
            parts: 1,
        };
        let revoked: Vec<_> = (0..40).map(|number| Subject::from_bytes([number; 16])).collect();
        let limits = [Limit::new(Sector::Transport, 156, 5_000)];
        let seeds = [1, 2].map(|byte| LinkageSeed::from_bytes([byte; 32]));
        let entries: Vec<_> = (0..20).map(|period| RevokedSeed::new(Period::new(period).unwrap(), &seeds)).collect();
        let seeds = RevokedSeeds::new(PeriodBoundary::DEFAULT, 20, &entries).unwrap();
        let content = BundleContent {
            revoked: &revoked,
            limits: &limits,
            seeds,
            issuance: Some(&[1; 56]),
            rules: &[rule()],
            tariffs: &[Tariff::new(Sector::Transport, 3, 500).unwrap()],
            fares: &[0, 1].map(|place| {
                let (from, to) = ([place; 16], [2 * place; 16]);
                Fare::new(FareFields { operator: [1; 8], currency: 156, from, to, fare: 400 }).unwrap()
            }),
            filter: FilterContent {
                boundary: PeriodBoundary::DEFAULT,
                sets: &[&revoked[..], &[]].map(|subjects| {
                    let scope = Period::new(7).map_or(Scope::CARDS, Scope::period);
                    let scope = if subjects.is_empty() { Scope::CARDS } else { scope };
                    FilterSet::build(scope, subjects, 1).unwrap()
                }),
            },
        };
        let bundle = encode_bundle(&own_key, &fields, &content, &RANDOM).unwrap();
        let successor = SuccessorFields {
            next_suite: S::ID,
            next_authority: symbolon_ccks::AuthorityId::from_bytes([8; 32]),
            next_from: now,
            this_until: now.saturating_add(1),
        };
        let voucher = VoucherFields {
            unit: Unit::Litres,
            meter: Subject::from_bytes([6; 16]),
            sequence: 1,
            quantity: 5_000,
            time: now,
            not_after: now.saturating_add(86_400),
        };
        let voucher = Voucher::new(voucher).unwrap().sign(&own_key, &RANDOM).unwrap();
        let rotation_key = self.secret.rotation_key(&self.authority);
        let successor = Successor::sign(&rotation_key, successor, &RANDOM).unwrap();
        let u = EnrolmentKey::<S>::generate(&mut self.random);
        let renewal = [&[1; 32], u.point().as_bytes().as_slice(), receipt_signature.as_bytes()].concat();
        let credential = card.credential().unwrap();
        vec![
            ("select response", select.as_bytes().to_vec()),
            ("compressed point", u.point().as_bytes().to_vec()),
            ("receipt", receipt.as_bytes().to_vec()),
            ("acknowledgement", acknowledgement.as_bytes().to_vec()),
            ("terms", terms.as_bytes().to_vec()),
            ("identity", credential.identity().as_bytes().to_vec()),
            ("signature", receipt_signature.as_bytes().to_vec()),
            ("offer", self.offer(Class::Card).as_bytes().to_vec()),
            ("successor statement", successor.as_bytes()[..88].to_vec()),
            ("credential", credential.as_bytes().to_vec()),
            ("signed receipt", [receipt.as_bytes().as_slice(), receipt_signature.as_bytes()].concat()),
            ("trust bundle header", bundle[..108].to_vec()),
            (
                "signed acknowledgement",
                [acknowledgement.as_bytes().as_slice(), acknowledgement_signature.as_bytes()].concat(),
            ),
            ("upload header", upload[..UploadHeader::SIZE].to_vec()),
            ("renewal request", renewal),
            ("successor", successor.as_bytes().to_vec()),
            ("presentation", presentation.as_bytes().to_vec()),
            ("upload head", upload[..UploadHead::SIZE].to_vec()),
            ("challenge", challenge.as_bytes().to_vec()),
            ("record", record.as_bytes().to_vec()),
            ("item of a misuse proof", item.as_bytes().to_vec()),
            ("misuse proof", [item.as_bytes().as_slice(), item.as_bytes()].concat()),
            ("upload", upload),
            ("trust bundle", bundle),
            ("issuance parameters", issuance().encode()),
            ("pseudonym request", request()),
            ("voucher", voucher.voucher().as_bytes().to_vec()),
            ("signed voucher", voucher.as_bytes().to_vec()),
            ("terminal status", status().as_bytes().to_vec()),
            (
                "command to a card",
                CardCommand::Present { challenge: challenge.as_bytes() }.encode().as_slice().to_vec(),
            ),
            ("command to a service port", PortCommand::SetTime(now).encode().as_slice().to_vec()),
            ("authority parameters", self.parameters.clone()),
            ("sealed file", sealed()),
        ]
    }
}

fn rule() -> Rule {
    Rule::new(RuleFields {
        sector: Sector::Transport,
        class: Class::Card,
        currency: 156,
        tier: 20_000,
        tap_cap: 5_000,
        fresh_seconds: 86_400,
        stale: StaleAction::Accept,
        stale_cap: 1_000,
        stale_seconds: 259_200,
    })
    .unwrap()
}

fn status() -> TerminalStatus {
    TerminalStatus::new(TerminalStatusFields {
        authorities: 1,
        upload_pending: true,
        clock_wrong: false,
        full: true,
        second_successor: false,
        terminal: Subject::from_bytes([6; 16]),
        time: Time::new(1_750_000_100).unwrap(),
        authority_prefix: [1; 8],
        bundle_sequence: 4,
        bundle_issued_at: Time::new(1_750_000_000).unwrap(),
        parts_held: 1,
        parts: 1,
        records: 7,
        room: 8,
    })
}

fn issuance() -> Issuance {
    let profile = |id| {
        let fields = ProfileFields {
            id: ProfileId(id),
            sectors: Sectors::ALL,
            tariff: 0,
            spend_limit: 2_000,
            budget: 2_000,
            currency: 156,
        };
        Profile::new(fields).unwrap()
    };
    Issuance::new(PeriodBoundary::DEFAULT, 20, SealingKey::from_bytes([9; 32]), [1, 2].map(profile).to_vec()).unwrap()
}

/// More items than are told one by one.
fn request() -> Vec<u8> {
    let sealed = SealedItem::parse(&[7; SealedItem::SIZE]).unwrap();
    let items =
        (0..20).map(|byte| RequestItem { commitment: Commitment::from_bytes([byte; 32]), sealed: sealed.clone() });
    RequestBody::new(Period::new(20_000).unwrap(), [5; 32], items.collect()).unwrap().encode()
}

/// A sealed file's layout; what is encrypted in it does not matter here.
fn sealed() -> Vec<u8> {
    let costs = [65_536u32, 3, 4].map(u32::to_be_bytes);
    [b"SYMBSEAL\x01\x01", costs.as_flattened(), &[7; 16 + 16 + 12 + 100 + 16]].concat()
}

fn explanations(bytes: &[u8]) -> Vec<Explanation> {
    match explain(bytes) {
        Finding::Recognised(list) | Finding::Refused(list) => list,
        Finding::Unknown { .. } => Vec::new(),
    }
}

fn every_structure_is_recognised<S: Suite>() {
    for (name, bytes) in City::<S>::new().structures() {
        let Finding::Recognised(list) = explain(&bytes) else { panic!("{name}: {}", explain(&bytes)) };
        let explanation = list.iter().find(|explanation| explanation.structure == name).unwrap();
        // The fields cover the bytes, each byte once.
        let mut offset = 0;
        for field in &explanation.fields {
            assert_eq!(field.offset, offset, "{name}: {}", field.name);
            assert_eq!(field.hex, hex::encode(&bytes[offset..offset + field.length]), "{name}: {}", field.name);
            assert!(field.legal, "{name}: {}", field.name);
            offset += field.length;
        }
        assert_eq!(offset, bytes.len(), "{name}");
    }
}

#[test]
fn every_structure_of_p256_is_recognised() {
    every_structure_is_recognised::<P256>();
}

#[test]
fn every_structure_of_secp256k1_is_recognised() {
    every_structure_is_recognised::<Secp256k1>();
}

#[test]
fn all_that_is_known_is_tested() {
    let tested: Vec<_> = City::<P256>::new().structures().into_iter().map(|(name, _)| name).collect();
    let known: Vec<_> = symbolon::explain::known().map(|(name, ..)| name).collect();
    assert_eq!(tested, known);
}

#[test]
fn a_structure_is_refused_exactly_when_a_field_is_wrong() {
    let mut refused = 0;
    for (name, bytes) in City::<P256>::new().structures() {
        // Each look at authority parameters decodes a thousand points.
        let positions = if name == "authority parameters" { 18 } else { 250 };
        for position in 0..bytes.len().min(positions) {
            for change in [1, 4, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[position] ^= change;
                for explanation in explanations(&changed) {
                    let wrong = explanation.fields.iter().any(|field| !field.legal);
                    let text = explanation.to_string();
                    // A point of the parameters that leaves the curve is found by the parser alone.
                    if explanation.structure != "authority parameters" {
                        assert_eq!(wrong, explanation.problem.is_some(), "{name} at {position}: {text}");
                    }
                    refused += usize::from(wrong);
                }
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

/// Copies bytes of a structure over others of it, and says whether it is still well formed and every field legal.
fn legal_after_copying(name: &str, from: std::ops::Range<usize>, to: usize) -> bool {
    let mut structures = City::<P256>::new().structures().into_iter();
    let mut bytes = structures.find(|structure| structure.0 == name).unwrap().1;
    bytes.copy_within(from, to);
    let list = explanations(&bytes);
    let explanation = list.iter().find(|explanation| explanation.structure == name).unwrap();
    let legal = explanation.fields.iter().all(|field| field.legal);
    assert_eq!(legal, explanation.problem.is_none(), "{explanation}");
    legal
}

#[test]
fn the_edges_are_the_parsers_edges() {
    assert!(!legal_after_copying("identity", 28..36, 36), "not_after at not_before");
    assert!(legal_after_copying("identity", 44..48, 48), "a budget of one spend_limit");
    assert!(legal_after_copying("trust bundle", 44..52, 52), "valid_until at issued_at");
    assert!(!legal_after_copying("trust bundle", 72..74, 74), "no part at all");
}

#[test]
fn cut_off_and_trailing_bytes_are_told() {
    let city = City::<P256>::new();
    let Finding::Refused(list) = explain(&city.parameters[..1_000]) else { panic!("recognised") };
    let text = list[0].to_string();
    assert!(text.contains("truncated") && text.contains("cut off: 937 of 33792 bytes"), "{text}");
    let mut longer = city.parameters.clone();
    longer.push(0);
    let Finding::Refused(list) = explain(&longer) else { panic!("recognised") };
    assert!(list[0].to_string().contains("nothing may follow"), "{}", list[0]);
}

#[test]
fn fields_are_told_in_words() {
    let mut city = City::<P256>::new();
    let structures = city.structures();
    let text = |name: &str| explain(&structures.iter().find(|structure| structure.0 == name).unwrap().1).to_string();
    let credential = text("credential");
    for words in ["a card", "good for water+power+transport", "2033", "500.00 CNY", "2027-01-15 08:00:00 UTC"] {
        assert_eq!(credential.contains(words), words != "2033", "{words}: {credential}");
    }
    let upload = text("upload");
    assert!(upload.contains("20 records") && upload.contains("4 more records"), "{upload}");
    let bundle = text("trust bundle");
    assert!(bundle.contains("transport: at most 50.00 CNY") && bundle.contains("24 more"), "{bundle}");
    for words in [
        "transport, a card: at most 50.00 CNY of limits up to 200.00 CNY; when older than 86400 s: at most 10.00 CNY for 259200 s",
        "transport, concession group 3: 500 thousandths of the fare",
        "a journey that is not listed costs 4.00 CNY",
        "pseudonyms of period 7",
        "40 subjects",
    ] {
        assert!(bundle.contains(words), "{words}: {bundle}");
    }
    let challenge = text("challenge");
    assert!(challenge.contains("entry: the amount is the most") && challenge.contains("\"station-7\""), "{challenge}");
}

#[test]
fn one_length_may_be_several_structures() {
    let mut city = City::<P256>::new();
    let structures = city.structures();
    let offer = &structures.iter().find(|structure| structure.0 == "offer").unwrap().1;
    let names: Vec<_> = explanations(offer).iter().map(|explanation| explanation.structure).collect();
    assert!(names.contains(&"offer"), "{names:?}");
    // An offer and a successor statement have the same length; bytes that are neither are told as both.
    let neither = explain(&[0xee; 88]);
    let Finding::Refused(list) = &neither else { panic!("{neither}") };
    assert_eq!(list.len(), 2, "{neither}");
}

#[test]
fn garbage_is_told_what_would_be_accepted() {
    let finding = explain(&[1, 2, 3]);
    assert_eq!(finding, Finding::Unknown { length: 3 });
    let text = finding.to_string();
    assert!(text.contains("has 3 bytes") && text.contains("159") && text.contains("presentation"), "{text}");
    assert_eq!(explain(&[]), Finding::Unknown { length: 0 });
}

#[test]
fn nothing_panics() {
    let mut random = ChaCha20Rng::seed_from_u64(2);
    for length in (0..800).chain([35_956, 36_018]) {
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        let _ = explain(&bytes).to_string();
        if let Some(magic) = bytes.get_mut(..6) {
            magic.copy_from_slice(b"SYMB\x01\x01");
            let _ = explain(&bytes).to_string();
        }
    }
}

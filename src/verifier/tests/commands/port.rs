//! The service port: what it does for whoever looks after the terminal, and what a stranger cannot do at it.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use symbolon_ccks::{Class, Sector, Subject, Suite};
use symbolon_tap::apdu::port::{Ask, PendingUpload, Piece, TerminalStatus, TerminalStatusFields};
use symbolon_tap::apdu::{PortCommand, Response, Status};
use symbolon_tap::{Acknowledgement, AcknowledgementFields, Kind, Successor, SuccessorFields, Upload};
use symbolon_verifier::reader::{Outcome, Wanted};
use symbolon_verifier::{Reason, Request};

use super::for_each_suite;
use crate::city::{City, NOON, Station, entry, is_accepted, time};

for_each_suite!(
    the_status_says_how_the_terminal_is,
    taps_are_uploaded_acknowledged_and_freed,
    a_forged_acknowledgement_frees_nothing,
    the_clock_is_set_but_not_before_a_signed_time,
    a_bundle_comes_in_pieces_and_counts_once_it_is_whole,
    a_bad_bundle_leaves_the_one_before,
    the_next_tap_asks_for_what_the_port_said,
    a_successor_is_loaded_and_a_second_one_refused,
    one_authority_follows_another,
    whatever_is_sent_gets_a_status_and_the_terminal_serves_on,
);

fn status<S: Suite>(station: &mut Station<S>) -> TerminalStatusFields {
    TerminalStatus::parse(&station.port(&PortCommand::Status).unwrap()).unwrap().fields()
}

fn the_status_says_how_the_terminal_is<S: Suite>() {
    let city = City::<S>::new(1);
    let mut station = city.new_station();
    let new = status(&mut station);
    assert_eq!((new.bundle_sequence, new.parts, new.records, new.authorities), (0, 0, 0, 1));
    assert_eq!(new.terminal, Subject::from_bytes([Class::Terminal as u8; 16]));
    assert_eq!(new.authority_prefix, city.authority.id().prefix());
    assert!(new.room > 0 && !new.full && !new.upload_pending && !new.clock_wrong);

    let (mut station, mut card) = (city.station(), city.card());
    station.tap(&mut card, entry());
    station.port(&PortCommand::WhichUpload).unwrap();
    let used = status(&mut station);
    assert_eq!((used.bundle_sequence, used.bundle_issued_at, used.parts_held, used.parts), (1, time(NOON - 10), 1, 1));
    assert_eq!((used.records, used.upload_pending), (1, true));
    station.tap(&mut card, entry());
    let after = status(&mut station);
    assert_eq!((after.records, after.room), (2, used.room - 1));
    station.set_clock(NOON - 1_000);
    assert!(status(&mut station).clock_wrong);
}

/// Reads the pending upload as the port gives it.
fn fetch<S: Suite>(station: &mut Station<S>) -> Vec<u8> {
    let pending = station.port(&PortCommand::WhichUpload).unwrap();
    let pending = *PendingUpload::parse(&pending).unwrap();
    let mut upload = Vec::new();
    for block in 0.. {
        match station.port(&PortCommand::ReadUpload(block)) {
            Ok(bytes) => upload.extend(bytes),
            Err(status) => {
                assert_eq!(status, Status::NotFound);
                break;
            }
        }
    }
    assert_eq!(upload.len(), pending.length() as usize);
    assert_eq!(Sha256::digest(&upload).as_slice(), pending.digest());
    upload
}

fn acknowledge<S: Suite>(city: &City<S>, upload: &[u8]) -> ([u8; 46], [u8; 65]) {
    let acknowledgement = Acknowledgement::new(AcknowledgementFields {
        upload_digest: Sha256::digest(upload).into(),
        settled: 1,
        duplicate: 0,
        refused: 0,
        time: time(NOON),
    });
    let signature = acknowledgement.sign(&city.institution(), &[8; 32]).unwrap();
    (*acknowledgement.as_bytes(), *signature.as_bytes())
}

fn taps_are_uploaded_acknowledged_and_freed<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    assert_eq!(station.port(&PortCommand::WhichUpload), Err(Status::NotFound));
    assert_eq!(station.port(&PortCommand::ReadUpload(0)), Err(Status::NotFound));
    for taps in 1..=2 {
        assert!(is_accepted(&station.tap(&mut card, entry())));
        assert_eq!(station.waiting(), taps);
    }
    let upload = fetch(&mut station);
    let read = Upload::parse(&upload).unwrap();
    read.verify(city.authority).unwrap();
    assert_eq!((read.records().len(), read.number()), (2, 1));
    // It is the same to the byte until it is acknowledged, a tap and a restart later too.
    assert!(is_accepted(&station.tap(&mut card, entry())));
    station = station.restart();
    assert_eq!(fetch(&mut station), upload);
    let (acknowledgement, signature) = acknowledge(&city, &upload);
    let command = PortCommand::Acknowledge { acknowledgement: &acknowledgement, signature: &signature };
    assert_eq!(station.port(&command), Ok(vec![]));
    assert_eq!(station.waiting(), 1, "what came after the upload still waits");
    assert_eq!(station.port(&command), Err(Status::NotFound), "once is enough");
    let rest = fetch(&mut station);
    assert_eq!((Upload::parse(&rest).unwrap().records().len(), Upload::parse(&rest).unwrap().number()), (1, 2));
}

fn a_forged_acknowledgement_frees_nothing<S: Suite>() {
    let city = City::<S>::new(1);
    let mut station = city.station();
    station.tap(&mut city.card(), entry());
    let upload = fetch(&mut station);
    let (honest, signature) = acknowledge(&city, &upload);
    let (elsewhere, foreign) = acknowledge(&City::<S>::new(2), &upload);
    let (other, of_other) = acknowledge(&city, &upload[1..]);
    let mut flipped = signature;
    flipped[64] ^= 1;
    for (acknowledgement, signature) in
        [(honest, flipped), (elsewhere, foreign), (other, of_other), ([0; 46], signature), (honest, [0; 65])]
    {
        let command = PortCommand::Acknowledge { acknowledgement: &acknowledgement, signature: &signature };
        let refused = station.port(&command).unwrap_err();
        assert!(matches!(refused, Status::NotAuthentic | Status::WrongData), "{refused}");
        assert_eq!(station.waiting(), 1);
    }
    let command = PortCommand::Acknowledge { acknowledgement: &honest, signature: &signature };
    assert_eq!((station.port(&command), station.waiting()), (Ok(vec![]), 0));
}

fn the_clock_is_set_but_not_before_a_signed_time<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let floor = NOON - 10;
    for (seconds, result) in [
        (NOON + 7, Ok(vec![])),
        (floor, Ok(vec![])),
        (floor - 1, Err(Status::NotNow)),
        (0, Err(Status::NotNow)),
        (NOON + 400 * 86_400, Ok(vec![])),
    ] {
        let before = status(&mut station).time;
        assert_eq!(station.port(&PortCommand::SetTime(time(seconds))), result);
        let expected = if result.is_ok() { time(seconds) } else { before };
        assert_eq!(status(&mut station).time, expected);
    }
    // Far ahead it declines everybody and says why; nothing signed was moved by it, so that it can be set right.
    card.now = NOON + 400 * 86_400;
    let outcome = station.tap(&mut card, entry());
    assert!(matches!(outcome, Outcome::NotAsked(refused) if refused.reason() == Reason::ClockWrong), "{outcome:?}");
    assert!(status(&mut station).clock_wrong);
    card.now = NOON;
    station.port(&PortCommand::SetTime(time(NOON))).unwrap();
    assert!(is_accepted(&station.tap(&mut card, entry())));
}

fn a_bundle_comes_in_pieces_and_counts_once_it_is_whole<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let subjects: Vec<_> = (0..40).map(|number| Subject::from_bytes([number; 16])).collect();
    let bundle = city.bundle(2, NOON - 5, &subjects);
    assert!(bundle.len() > 3 * Piece::MAX, "{}", bundle.len());
    station.port(&PortCommand::BeginBundle { parts: 1 }).unwrap();
    let write = |station: &mut Station<S>, number: usize| {
        let piece = bundle.chunks(Piece::MAX).nth(number).unwrap();
        station.port(&PortCommand::WriteBundle(Piece::new((number * Piece::MAX) as u32, piece).unwrap()))
    };
    for number in 0..bundle.len().div_ceil(Piece::MAX) {
        if let Some(later) = (number + 2 < bundle.len().div_ceil(Piece::MAX)).then_some(number + 1) {
            assert_eq!(write(&mut station, later), Err(Status::NotNow), "one is missing before it");
        }
        assert_eq!(write(&mut station, number), Ok(vec![]));
        assert_eq!(write(&mut station, number), Ok(vec![]), "a piece whose answer was lost comes again");
        // The card is in the new bundle; the old one serves until the new one is whole.
        if number == 0 {
            assert!(is_accepted(&station.tap(&mut card, entry())));
        }
    }
    assert_eq!(status(&mut station).bundle_sequence, 1);
    assert_eq!(station.port(&PortCommand::FinishBundle), Ok(vec![]));
    assert_eq!(status(&mut station).bundle_sequence, 2);
    assert_eq!(station.tap(&mut card, entry()), Outcome::Declined(Reason::Revoked));
    let mut station = station.restart();
    assert_eq!(status(&mut station).bundle_sequence, 2);
    assert_eq!(station.tap(&mut card, entry()), Outcome::Declined(Reason::Revoked));
}

fn a_bad_bundle_leaves_the_one_before<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let own = [Subject::from_bytes([Class::Card as u8; 16])];
    let good = city.bundle(2, NOON - 5, &own);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let older = city.bundle(1, NOON - 5, &own);
    let far_ahead = city.bundle(1 + 65_537, NOON - 5, &own);
    let from_the_future = city.bundle(2, NOON + 10 * 86_400, &own);
    let theirs = City::<S>::new(2).bundle(2, NOON - 5, &own);
    for (bundle, expected) in [
        (forged, Status::WrongData),
        (good[..good.len() - 1].to_vec(), Status::WrongData),
        ([good.as_slice(), &[0]].concat(), Status::WrongData),
        (vec![0; 300], Status::NotAuthentic),
        (vec![1; 20], Status::NotNow),
        (theirs, Status::NotAuthentic),
        (older, Status::NotNow),
        (far_ahead, Status::NotNow),
        (from_the_future, Status::NotNow),
    ] {
        assert_eq!(station.load_bundle(&bundle), Err(expected), "{} bytes", bundle.len());
        assert_eq!(status(&mut station).bundle_sequence, 1);
        assert_eq!(station.port(&PortCommand::FinishBundle), Err(Status::NotNow), "nothing is left to finish");
    }
    let mut station = station.restart();
    assert!(is_accepted(&station.tap(&mut card, entry())));
    assert_eq!(station.load_bundle(&good), Ok(()));
    assert_eq!(station.tap(&mut card, entry()), Outcome::Declined(Reason::Revoked));
}

fn the_next_tap_asks_for_what_the_port_said<S: Suite>() {
    let city = City::<S>::new(1);
    let mut station = city.station();
    assert_eq!(station.port.take_wanted(), None);
    let ask = |kind, amount| PortCommand::Ask(Ask::new(kind, Sector::Water, amount, [7; 16]));
    station.port(&ask(Kind::Purchase, 3)).unwrap();
    station.port(&ask(Kind::Purchase, 5)).unwrap();
    for (kind, amount) in [(Kind::Purchase, 0), (Kind::Exit, 1)] {
        assert_eq!(station.port(&ask(kind, amount)), Err(Status::WrongData));
    }
    let request = Request { kind: Kind::Purchase, sector: Sector::Water, amount: 5, reference: [7; 16] };
    let wanted = station.port.take_wanted().unwrap();
    assert_eq!((wanted, station.port.take_wanted()), (Wanted::Tap(request), None));
    let Outcome::Accepted { accepted, .. } = station.tap(&mut city.card(), wanted) else { panic!() };
    assert_eq!((accepted.record().terms().amount(), accepted.record().terms().sector()), (5, Sector::Water));
    station.port(&ask(Kind::Credit, 0)).unwrap();
    assert_eq!(station.port.take_wanted(), Some(Wanted::Voucher));
}

/// The statement by which one authority names another.
fn name<S: Suite>(from: &City<S>, to: &City<S>) -> [u8; Successor::SIZE] {
    let fields = SuccessorFields {
        next_suite: S::ID,
        next_authority: *to.authority.id(),
        next_from: time(NOON),
        this_until: time(NOON + 86_400),
    };
    *Successor::sign(&from.secret.rotation_key(from.authority), fields, &[5; 32]).unwrap().as_bytes()
}

/// Loads the parameters of the successor that was named.
fn load<S: Suite>(station: &mut Station<S>, parameters: &[u8]) -> Result<Vec<u8>, Status> {
    let prepared = symbolon_ccks::prepare_parameters(parameters).unwrap();
    for (number, bytes) in prepared.chunks(Piece::MAX).enumerate() {
        let piece = Piece::new((number * Piece::MAX) as u32, bytes).unwrap();
        station.port(&PortCommand::WriteAuthority(piece)).unwrap();
    }
    station.port(&PortCommand::FinishAuthority)
}

fn one_authority_follows_another<S: Suite>() {
    let (city, next) = (City::<S>::new(1), City::<S>::new(2));
    let (mut station, mut old_card, mut new_card) = (city.station(), city.card(), next.card());
    assert!(is_accepted(&station.tap(&mut old_card, entry())));
    let wrong =
        |outcome: Outcome| matches!(outcome, Outcome::NotAsked(refused) if refused.reason() == Reason::WrongAuthority);
    assert!(wrong(station.tap(&mut new_card, entry())));
    station.port(&PortCommand::BeginAuthority { successor: &name(&city, &next) }).unwrap();
    load(&mut station, &next.parameters).unwrap();
    station.successor = Some((next.authority, next.key(next.fields(Class::Terminal))));
    let mut station = station.restart();

    // It is held unused until it has a bundle of its own; then both are used.
    assert_eq!(status(&mut station).authorities, 2);
    assert!(matches!(station.tap(&mut new_card, entry()), Outcome::NotAsked(_)));
    assert_eq!(station.port(&PortCommand::DropAuthority), Err(Status::NotNow));
    assert_eq!(station.load_bundle(&next.bundle(1, NOON - 5, &[])), Ok(()));
    assert!(is_accepted(&station.tap(&mut new_card, entry())));
    assert!(is_accepted(&station.tap(&mut old_card, entry())));

    // Each authority acknowledges its own, and the old one goes once nothing of it waits.
    assert_eq!(station.port(&PortCommand::DropAuthority), Err(Status::NotNow));
    for (authority, records) in [(&city, 2), (&next, 1)] {
        let upload = fetch(&mut station);
        assert_eq!(Upload::parse(&upload).unwrap().verify(authority.authority), Ok(()));
        assert_eq!(Upload::parse(&upload).unwrap().records().len(), records);
        let other = if records == 2 { &next } else { &city };
        for (signer, result) in [(other, Err(Status::NotAuthentic)), (authority, Ok(vec![]))] {
            let (acknowledgement, signature) = acknowledge(signer, &upload);
            let command = PortCommand::Acknowledge { acknowledgement: &acknowledgement, signature: &signature };
            assert_eq!(station.port(&command), result);
        }
    }
    assert_eq!(station.port(&PortCommand::DropAuthority), Ok(vec![]));
    let after = status(&mut station);
    assert_eq!((after.authorities, after.authority_prefix), (1, next.authority.id().prefix()));
    assert!(wrong(station.tap(&mut old_card, entry())));
    assert!(is_accepted(&station.tap(&mut new_card, entry())));
}

fn a_successor_is_loaded_and_a_second_one_refused<S: Suite>() {
    let (city, next, second) = (City::<S>::new(1), City::<S>::new(2), City::<S>::new(3));
    let mut station = city.station();
    let begin =
        |station: &mut Station<S>, successor: &[u8; 153]| station.port(&PortCommand::BeginAuthority { successor });
    assert_eq!(station.port(&PortCommand::FinishAuthority), Err(Status::NotNow));
    assert_eq!(begin(&mut station, &name(&next, &second)), Err(Status::NotAuthentic), "a stranger's");
    let mut forged = name(&city, &next);
    forged[152] ^= 1;
    assert_eq!(begin(&mut station, &forged), Err(Status::NotAuthentic));
    assert_eq!(begin(&mut station, &[0; 153]), Err(Status::WrongData));

    assert_eq!(begin(&mut station, &name(&city, &next)), Ok(vec![]));
    assert_eq!(load(&mut station, &second.parameters), Err(Status::WrongData), "not the parameters that were named");
    assert_eq!(begin(&mut station, &name(&city, &next)), Ok(vec![]));
    assert_eq!(load(&mut station, &next.parameters), Ok(vec![]));
    assert!(!status(&mut station).second_successor, "nor does a stranger's count as one");
    assert_eq!(begin(&mut station, &name(&city, &second)), Err(Status::NotAuthentic), "a second, different one");
    assert!(status(&mut station).second_successor, "and whoever looks after the terminal is told");
    assert_eq!(begin(&mut station, &name(&city, &next)), Err(Status::NotNow), "it is there");
    // Neither is the old one dropped before the new one is in use, nor is the new one believed before the device has a
    // key under it.
    assert_eq!(station.port(&PortCommand::DropAuthority), Err(Status::NotNow));
    assert_eq!(station.load_bundle(&next.bundle(1, NOON - 5, &[])), Err(Status::NotAuthentic));
    assert!(is_accepted(&station.tap(&mut city.card(), entry())));
    let stored = station.restart().terminal.devices().storage.authorities();
    assert!(stored.iter().flatten().any(|stored| stored.id() == next.authority.id()));
}

fn whatever_is_sent_gets_a_status_and_the_terminal_serves_on<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let mut random = ChaCha20Rng::seed_from_u64(77);
    let send = |station: &mut Station<S>, bytes: &[u8]| {
        let response = station.port_bytes(bytes);
        assert!(Response::parse(&response).is_ok(), "{bytes:02x?} got {response:02x?}");
        response
    };
    let ask = Ask::new(Kind::Entry, Sector::Transport, 5, [0; 16]);
    for command in [
        PortCommand::Status,
        PortCommand::Meter,
        PortCommand::SetTime(time(NOON)),
        PortCommand::WhichUpload,
        PortCommand::ReadUpload(3),
        PortCommand::Acknowledge { acknowledgement: &[1; 46], signature: &[2; 65] },
        PortCommand::BeginBundle { parts: 2 },
        PortCommand::WriteBundle(Piece::new(0, &[7; 50]).unwrap()),
        PortCommand::FinishBundle,
        PortCommand::BeginAuthority { successor: &[1; 153] },
        PortCommand::WriteAuthority(Piece::new(9, &[7; 50]).unwrap()),
        PortCommand::FinishAuthority,
        PortCommand::DropAuthority,
        PortCommand::Ask(ask),
    ] {
        let bytes = command.encode();
        let bytes = bytes.as_slice();
        for cut in 0..bytes.len() {
            send(&mut station, &bytes[..cut]);
        }
        for bit in 0..bytes.len().min(8) * 8 {
            let mut wrong = bytes.to_vec();
            wrong[bit / 8] ^= 1 << (bit % 8);
            send(&mut station, &wrong);
        }
        send(&mut station, &[bytes, &[0]].concat());
    }
    for _ in 0..2_000 {
        let mut bytes = vec![0; random.next_u32() as usize % 300];
        random.fill_bytes(&mut bytes);
        // Half of them of the port's class.
        if let Some(class) = bytes.first_mut().filter(|_| random.next_u32() % 2 == 0) {
            *class = 0x90;
        }
        send(&mut station, &bytes);
    }
    // A chained command is none.
    assert_eq!(send(&mut station, &[0xA0, 0x20, 0, 0, 0]), [0x6E, 0x00]);
    station.set_clock(NOON);
    station.port.take_wanted();
    assert_eq!(status(&mut station).bundle_sequence, 1);
    assert!(is_accepted(&station.tap(&mut card, entry())));
    assert!(is_accepted(&station.restart().tap(&mut card, entry())));
}

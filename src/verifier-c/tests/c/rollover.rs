//! A terminal in C goes from one authority to its successor, and on to that one's: provisioned in flash, with power cuts
//! on the way.

use sha2::{Digest, Sha256};
use symbolon_ccks::*;
use symbolon_tap::apdu::port::{Piece, TerminalStatus};
use symbolon_tap::apdu::{PortCommand, Status};
use symbolon_tap::*;
use symbolon_terminal::*;
use symbolon_verifier::Reason;

use crate::city::{City, NOON, time};
use crate::driven::{Driven, hexadecimal, present, select};
use crate::for_each_suite;

for_each_suite!(provisions_an_authority, rolls_over_and_over_again);

/// What the port answers.
fn port(driven: &mut Driven, command: &PortCommand<'_>) -> (Vec<u8>, Status) {
    let mut answer = driven.call("port", &[command.encode().as_slice()]).bytes();
    let status = answer.split_off(answer.len() - 2);
    (answer, Status::from_bytes(status.try_into().unwrap()).unwrap())
}

fn told(driven: &mut Driven, command: &PortCommand<'_>) -> Status {
    port(driven, command).1
}

/// Brings bytes in pieces.
fn bring<'b>(driven: &mut Driven, bytes: &'b [u8], command: fn(Piece<'b>) -> PortCommand<'b>) {
    for (offset, piece) in (0..).step_by(Piece::MAX).zip(bytes.chunks(Piece::MAX)) {
        assert_eq!(told(driven, &command(Piece::new(offset, piece).unwrap())), Status::Success);
    }
}

fn bring_bundle<S: Suite>(driven: &mut Driven, city: &City<S>, sequence: u64) -> Status {
    let fields = BundleFields {
        sectors: Sectors::ALL,
        sequence,
        issued_at: time(NOON),
        valid_until: time(NOON + 40_000),
        oldest_not_before: time(0),
        part: 0,
        parts: 1,
    };
    let bundle = encode_bundle(&city.institution(), &fields, &BundleContent::default(), &[1; 32]).unwrap();
    assert_eq!(told(driven, &PortCommand::BeginBundle { parts: 1 }), Status::Success);
    bring(driven, &bundle, PortCommand::WriteBundle);
    told(driven, &PortCommand::FinishBundle)
}

/// Brings the statement that names the successor, and its parameters.
fn bring_successor<S: Suite>(driven: &mut Driven, present: &City<S>, next: &City<S>) {
    let fields = SuccessorFields {
        next_suite: S::ID,
        next_authority: *next.authority.id(),
        next_from: time(NOON - 10),
        this_until: time(NOON + 40_000),
    };
    let successor = Successor::sign(&present.secret.rotation_key(&present.authority), fields, &[1; 32]).unwrap();
    let begin = PortCommand::BeginAuthority { successor: successor.as_bytes() };
    assert_eq!(told(driven, &begin), Status::Success);
    bring(driven, &prepare_parameters(&next.parameters).unwrap(), PortCommand::WriteAuthority);
    assert_eq!(told(driven, &PortCommand::FinishAuthority), Status::Success);
}

fn add_key<S: Suite>(driven: &mut Driven, key: &SigningKey<S>) -> u32 {
    let secret = key.secret_bytes();
    driven.call("add_key", &[key.credential().unwrap().as_bytes(), secret.as_slice()]).status
}

/// Holds a card of the authority to the terminal: why it was not asked, or that the tap was accepted and has its receipt.
fn tap<S: Suite>(driven: &mut Driven, city: &City<S>, counter: u32) -> Result<(), Reason> {
    let card = city.key(city.card_fields());
    let asked = driven.line(&format!("challenge {} 250", hexadecimal(select(&card).as_bytes())));
    if asked.status != SYMBOLON_STATUS_OK {
        let reason = u8::try_from(asked.status - SYMBOLON_STATUS_REFUSED).unwrap();
        return Err(Reason::from_number(reason).unwrap());
    }
    let challenge = asked.bytes();
    let answer = present(&card, &challenge, counter);
    let told = driven.call("decide", &[answer.as_bytes()]).told();
    assert_eq!((told.names(), told.counter), (("accepted", ""), counter));
    let receipt = driven.line("receipt").bytes();
    let (receipt, signature) = receipt.split_at(Receipt::SIZE);
    let terminal = *Challenge::parse(&challenge).unwrap().terminal();
    let signature = Signature::parse(signature).unwrap();
    let is_own = Receipt::parse(receipt).unwrap().verify(&city.authority, &terminal, signature);
    assert_eq!(is_own, Ok(()), "signed with the key under the card's authority");
    Ok(())
}

/// Acknowledges everything in the journal: how many uploads those were.
fn settle<S: Suite>(driven: &mut Driven, cities: &[&City<S>]) -> usize {
    for uploads in 0.. {
        if told(driven, &PortCommand::WhichUpload) != Status::Success {
            return uploads;
        }
        let mut upload = Vec::new();
        for block in 0.. {
            let (bytes, status) = port(driven, &PortCommand::ReadUpload(block));
            if status != Status::Success {
                break;
            }
            upload.extend(bytes);
        }
        let parsed = Upload::parse(&upload).unwrap();
        let city = cities.iter().find(|city| parsed.verify(&city.authority).is_ok()).unwrap();
        let settled = parsed.records().len().try_into().unwrap();
        let upload_digest = Sha256::digest(&upload).into();
        let fields = AcknowledgementFields { upload_digest, settled, duplicate: 0, refused: 0, time: time(NOON) };
        let acknowledgement = Acknowledgement::new(fields);
        let signature = acknowledgement.sign(&city.institution(), &[4; 32]).unwrap();
        let (acknowledgement, signature) = (acknowledgement.as_bytes(), signature.as_bytes());
        assert_eq!(told(driven, &PortCommand::Acknowledge { acknowledgement, signature }), Status::Success);
    }
    unreachable!("there are not so many uploads")
}

fn authorities(driven: &mut Driven) -> u8 {
    let (answer, _) = port(driven, &PortCommand::Status);
    TerminalStatus::parse(&answer).unwrap().fields().authorities
}

fn provisions_an_authority<S: Suite>() {
    let city = City::<S>::new();
    let mut driven = Driven::start::<S>();
    driven.give_key("", &city.terminal());
    driven.give_authority(&city);
    let mut wrong = *city.authority.id().as_bytes();
    wrong[31] ^= 1;
    driven.give("id", &wrong);
    assert_eq!(driven.status("provision"), SYMBOLON_STATUS_AUTHORITY, "parameters of another");
    driven.give("id", city.authority.id().as_bytes());
    // The power fails on the way, early and late.
    for erases in [0_u8, 2, 9] {
        driven.number("erases_left", erases);
        assert_eq!(driven.status("provision"), SYMBOLON_STATUS_FLASH, "{erases}");
    }
    driven.number("erases_left", u64::MAX);
    driven.line("forget prepared");
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_AUTHORITY, "what is half there is not there");
    driven.give_authority(&city);
    assert_eq!(driven.status("provision"), SYMBOLON_STATUS_OK);
    assert_eq!(driven.status("provision"), SYMBOLON_STATUS_WRONG_ORDER, "once");
    driven.line("forget prepared");
    driven.give("id", &wrong);
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_AUTHORITY, "the flash has another than is trusted");
    driven.give("id", city.authority.id().as_bytes());
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK);
    assert_eq!(bring_bundle(&mut driven, &city, 1), Status::Success);
    assert_eq!(tap(&mut driven, &city, 1), Ok(()));
    assert_eq!(driven.status("close"), SYMBOLON_STATUS_OK);
    driven.finish();
}

fn rolls_over_and_over_again<S: Suite>() {
    let cities = [("harbour", 5), ("harbour-2", 6), ("harbour-3", 7)].map(|(name, seed)| City::<S>::of(name, seed));
    let [old, new, third] = &cities;
    let mut driven = Driven::start::<S>();
    driven.number("replay_slots", 8_u8);
    driven.give_authority(old);
    assert_eq!(driven.status("provision"), SYMBOLON_STATUS_OK);
    driven.line("forget prepared");
    driven.give_key("", &old.terminal());
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK);
    assert_eq!(bring_bundle(&mut driven, old, 1), Status::Success);
    assert_eq!(tap(&mut driven, old, 1), Ok(()));

    take_up(&mut driven, old, new);
    side_by_side(&mut driven, old, new);
    drop_the_old(&mut driven, old, new);
    // Without a pause: the third takes the place of the first.
    take_up(&mut driven, new, third);
    assert_eq!(bring_bundle(&mut driven, third, 1), Status::Success);
    assert_eq!((tap(&mut driven, new, 5), tap(&mut driven, third, 5)), (Ok(()), Ok(())));
    assert_eq!(settle(&mut driven, &[new, third]), 2);
    assert_eq!(told(&mut driven, &PortCommand::DropAuthority), Status::Success);
    assert_eq!(tap(&mut driven, new, 6), Err(Reason::WrongAuthority));
    assert_eq!(tap(&mut driven, third, 6), Ok(()));
    assert_eq!(driven.status("close"), SYMBOLON_STATUS_OK);
    driven.finish();
}

/// The successor is loaded and its key added, neither before its time nor for anybody else.
fn take_up<S: Suite>(driven: &mut Driven, old: &City<S>, new: &City<S>) {
    let key = new.terminal();
    assert_eq!(add_key(driven, &key), SYMBOLON_STATUS_WRONG_ORDER, "it is not loaded");
    bring_successor(driven, old, new);
    assert_eq!((authorities(driven), tap(driven, new, 1)), (1, Err(Reason::WrongAuthority)));
    let other = Subject::terminal(&Name::parse("ferry").unwrap(), [4; 8]);
    let other = new.key(IdentityFields { subject: other, ..new.terminal_fields() });
    for wrong in [&old.terminal(), &new.key(new.card_fields()), &other] {
        assert_eq!(add_key(driven, wrong), SYMBOLON_STATUS_KEY);
    }
    assert_eq!(add_key(driven, &key), SYMBOLON_STATUS_OK);
    assert_eq!(add_key(driven, &key), SYMBOLON_STATUS_WRONG_ORDER, "once");
    assert_eq!((authorities(driven), tap(driven, new, 1)), (2, Err(Reason::NotInUse)), "it has no bundle yet");
}

/// From the first bundle of the new one on, both are used, after restarts too.
fn side_by_side<S: Suite>(driven: &mut Driven, old: &City<S>, new: &City<S>) {
    assert_eq!(told(driven, &PortCommand::DropAuthority), Status::NotNow, "the new one is not in use");
    assert_eq!(bring_bundle(driven, new, 1), Status::Success);
    assert_eq!((tap(driven, old, 2), tap(driven, new, 2)), (Ok(()), Ok(())));
    driven.status("cut");
    driven.give_key("next_", &new.terminal());
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK);
    assert_eq!((tap(driven, old, 3), tap(driven, new, 3)), (Ok(()), Ok(())));
    driven.status("cut");
    // In the other order.
    driven.give_key("", &new.terminal());
    driven.give_key("next_", &old.terminal());
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK);
    assert_eq!((authorities(driven), tap(driven, old, 4), tap(driven, new, 4)), (2, Ok(()), Ok(())));
    driven.status("cut");
    // With the old key alone, and then the new one.
    driven.line("forget next_credential");
    driven.line("forget next_secret");
    driven.give_key("", &old.terminal());
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK);
    assert_eq!((authorities(driven), tap(driven, new, 20)), (1, Err(Reason::WrongAuthority)));
    assert_eq!(add_key(driven, &new.terminal()), SYMBOLON_STATUS_OK);
    assert_eq!((tap(driven, old, 20), tap(driven, new, 20)), (Ok(()), Ok(())), "its bundle is in the flash");
}

/// Once everything is acknowledged the old authority goes, for good.
fn drop_the_old<S: Suite>(driven: &mut Driven, old: &City<S>, new: &City<S>) {
    assert_eq!(told(driven, &PortCommand::DropAuthority), Status::NotNow, "its taps wait");
    assert_eq!(settle(driven, &[old, new]), 2, "an upload of each");
    assert_eq!(told(driven, &PortCommand::DropAuthority), Status::Success);
    let both = |driven: &mut Driven, counter| (tap(driven, old, counter), tap(driven, new, counter));
    assert_eq!(both(driven, 21), (Err(Reason::WrongAuthority), Ok(())));
    // After a cut too, whatever the settings have of the old one; but not with its key alone.
    driven.status("cut");
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_KEY);
    driven.give_key("next_", &new.terminal());
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK);
    assert_eq!((authorities(driven), both(driven, 22)), (1, (Err(Reason::WrongAuthority), Ok(()))));
    assert_eq!(add_key(driven, &old.terminal()), SYMBOLON_STATUS_WRONG_ORDER);
    driven.status("cut");
    driven.give_key("", &new.terminal());
    driven.line("forget next_credential");
    driven.line("forget next_secret");
    driven.give_authority(old);
    assert_eq!(driven.status("open"), SYMBOLON_STATUS_OK, "though the image still has the old parameters");
    assert_eq!(both(driven, 23), (Err(Reason::WrongAuthority), Ok(())));
    driven.line("forget prepared");
}

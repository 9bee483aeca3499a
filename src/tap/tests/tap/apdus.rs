//! Commands, responses and the frames that carry them.

use proptest::prelude::*;
use symbolon_ccks::{Sector, Subject, Time};
use symbolon_tap::Kind;
use symbolon_tap::apdu::port::{Ask, MeterCredit, PendingUpload, Piece, TerminalStatus, TerminalStatusFields};
use symbolon_tap::apdu::{
    CardCommand, FrameReader, MAX_FRAME, MAX_FRAMED, MAX_RESPONSE, PortCommand, Response, ResponseMalformed, Status,
    checksum, write_frame,
};
use symbolon_tap::voucher::Unit;

fn command(header: [u8; 4], data: &[u8], expected: &[u8]) -> Vec<u8> {
    let length = (!data.is_empty()).then_some(data.len() as u8);
    header.into_iter().chain(length).chain(data.iter().copied()).chain(expected.iter().copied()).collect()
}

#[test]
fn commands_to_a_card_have_these_bytes() {
    let select = b"\x00\xa4\x04\x00\x09\xf0SYMBOLON\x00";
    assert_eq!(CardCommand::Select.encode().as_slice(), select);
    let challenge = &[5; 204];
    let present = command([0x80, 0x10, 0, 0], challenge, &[0]);
    assert_eq!(present[4], 0xcc);
    assert_eq!(CardCommand::Present { challenge }.encode().as_slice(), present);
    let (receipt, signature) = (&[6; 41], &[7; 65]);
    let bytes = command([0x80, 0x12, 0, 0], &[receipt.as_slice(), signature].concat(), &[]);
    assert_eq!(bytes[4], 0x6a);
    assert_eq!(CardCommand::Receipt { receipt, signature }.encode().as_slice(), bytes);
    let voucher = CardCommand::Voucher { meter: Subject::from_bytes([8; 16]) };
    assert_eq!(voucher.encode().as_slice(), command([0x80, 0x14, 0, 0], &[8; 16], &[0]));
}

fn card_commands() -> [CardCommand<'static>; 4] {
    [
        CardCommand::Select,
        CardCommand::Present { challenge: &[1; 204] },
        CardCommand::Receipt { receipt: &[2; 41], signature: &[3; 65] },
        CardCommand::Voucher { meter: Subject::from_bytes([4; 16]) },
    ]
}

fn port_commands() -> Vec<PortCommand<'static>> {
    vec![
        PortCommand::Status,
        PortCommand::SetTime(Time::new(0x01_0203_0405).unwrap()),
        PortCommand::WhichUpload,
        PortCommand::ReadUpload(0),
        PortCommand::ReadUpload(0xfffe),
        PortCommand::Acknowledge { acknowledgement: &[1; 46], signature: &[2; 65] },
        PortCommand::BeginBundle { parts: 1 },
        PortCommand::BeginBundle { parts: 16 },
        PortCommand::WriteBundle(Piece::new(0x0102_0304, &[3; 240]).unwrap()),
        PortCommand::WriteBundle(Piece::new(0, &[3]).unwrap()),
        PortCommand::FinishBundle,
        PortCommand::BeginAuthority { successor: &[4; 153] },
        PortCommand::WriteAuthority(Piece::new(u32::MAX, &[5; 7]).unwrap()),
        PortCommand::FinishAuthority,
        PortCommand::DropAuthority,
        PortCommand::Ask(Ask::new(Kind::Entry, Sector::Transport, 500, [6; 16])),
        PortCommand::Meter,
    ]
}

#[test]
fn commands_to_a_port_have_these_bytes() {
    let acknowledgement = [[1; 46].as_slice(), &[2; 65]].concat();
    let ask = [&[2, 4, 0, 0, 1, 0xf4][..], &[6; 16]].concat();
    let piece = [&[1, 2, 3, 4][..], &[3; 240]].concat();
    let expected = [
        vec![0x90, 0x20, 0, 0, 0],
        command([0x90, 0x22, 0, 0], &[0, 0, 0, 1, 2, 3, 4, 5], &[]),
        vec![0x90, 0x24, 0xff, 0xff, 0],
        vec![0x90, 0x24, 0, 0, 0],
        vec![0x90, 0x24, 0xff, 0xfe, 0],
        command([0x90, 0x26, 0, 0], &acknowledgement, &[]),
        vec![0x90, 0x28, 0, 0, 1, 1],
        vec![0x90, 0x28, 0, 0, 1, 16],
        command([0x90, 0x28, 1, 0], &piece, &[]),
        vec![0x90, 0x28, 1, 0, 5, 0, 0, 0, 0, 3],
        vec![0x90, 0x28, 2, 0],
        command([0x90, 0x2a, 0, 0], &[4; 153], &[]),
        vec![0x90, 0x2a, 1, 0, 11, 255, 255, 255, 255, 5, 5, 5, 5, 5, 5, 5],
        vec![0x90, 0x2a, 2, 0],
        vec![0x90, 0x2a, 3, 0],
        command([0x90, 0x2c, 0, 0], &ask, &[]),
        vec![0x90, 0x2e, 0, 0, 0],
    ];
    for (command, expected) in port_commands().into_iter().zip(expected) {
        assert_eq!(command.encode().as_slice(), expected, "{command:?}");
    }
}

#[test]
fn commands_are_read_as_they_were_written() {
    for command in card_commands() {
        assert_eq!(CardCommand::parse(command.encode().as_slice()), Ok(command));
        // What is for a card is no command of a port.
        assert_eq!(PortCommand::parse(command.encode().as_slice()), Err(Status::UnknownClass));
    }
    for command in port_commands() {
        assert_eq!(PortCommand::parse(command.encode().as_slice()), Ok(command));
        // Its class is one that continues, for a card.
        assert_eq!(CardCommand::parse(command.encode().as_slice()), Err(Status::ChainingNotSupported));
    }
}

#[test]
fn other_commands_are_refused_by_their_status() {
    let card = |bytes: &[u8]| CardCommand::parse(bytes).unwrap_err();
    let select = CardCommand::Select.encode();
    let select = select.as_slice();
    assert_eq!(card(&[]), Status::WrongLength);
    assert_eq!(card(&select[..3]), Status::WrongLength);
    assert_eq!(card(&select[..14]), Status::WrongLength, "without what is expected");
    assert_eq!(card(&command([0, 0xa4, 4, 0], b"\xf0SYMBOLOM", &[0])), Status::NoApplication);
    assert_eq!(card(&command([0, 0xa4, 4, 0], b"\xf0SYMBOLON", &[20])), Status::WrongLength);
    assert_eq!(card(&command([0, 0xa4, 4, 0], b"\xf0SYM", &[0])), Status::NoApplication);
    assert_eq!(card(&command([0, 0xa4, 0, 0], b"\xf0SYMBOLON", &[0])), Status::WrongParameters);
    assert_eq!(card(&command([0x10, 0xa4, 4, 0], b"\xf0SYMBOLON", &[0])), Status::ChainingNotSupported);
    assert_eq!(card(&command([0x90, 0x10, 0, 0], &[1; 204], &[0])), Status::ChainingNotSupported);
    assert_eq!(card(&command([0x80, 0x10, 0, 1], &[1; 204], &[0])), Status::WrongParameters);
    assert_eq!(card(&command([0x80, 0x10, 0, 0], &[1; 203], &[0])), Status::WrongLength);
    assert_eq!(card(&command([0x80, 0x10, 0, 0], &[1; 205], &[0])), Status::WrongLength);
    assert_eq!(card(&command([0x80, 0x10, 0, 0], &[1; 204], &[])), Status::WrongLength);
    assert_eq!(card(&command([0x80, 0x10, 0, 0], &[1; 204], &[0, 0])), Status::WrongLength);
    assert_eq!(card(&command([0x80, 0x12, 0, 0], &[1; 106], &[0])), Status::WrongLength);
    assert_eq!(card(&[0x80, 0x14, 0, 0, 0]), Status::WrongLength);
    assert_eq!(card(&[0x80, 0x14, 0, 0, 0, 0, 1, 0]), Status::WrongLength, "not in short form");
    assert_eq!(card(&[0x80, 0x16, 0, 0]), Status::UnknownInstruction);
    assert_eq!(card(&[0x00, 0xb0, 0, 0, 0]), Status::UnknownInstruction);
    assert_eq!(card(&[0x84, 0x10, 0, 0]), Status::UnknownClass);
    assert_eq!(card(&[0x01, 0xa4, 4, 0]), Status::UnknownClass);

    let port = |bytes: &[u8]| PortCommand::parse(bytes).unwrap_err();
    assert_eq!(port(&[0x90, 0x20, 0, 0]), Status::WrongLength);
    assert_eq!(port(&[0x90, 0x20, 0, 1, 0]), Status::WrongParameters);
    assert_eq!(port(&[0x90, 0x20, 0, 0, 64]), Status::WrongLength);
    assert_eq!(port(&[0x90, 0x21, 0, 0, 0]), Status::UnknownInstruction);
    assert_eq!(port(&[0x80, 0x20, 0, 0, 0]), Status::UnknownClass);
    assert_eq!(port(&[0x90, 0x24, 0, 0]), Status::WrongLength);
    assert_eq!(port(&command([0x90, 0x22, 0, 0], &[0, 0, 1, 0, 0, 0, 0, 0], &[])), Status::WrongData);
    assert_eq!(port(&command([0x90, 0x28, 0, 0], &[0], &[])), Status::WrongData);
    assert_eq!(port(&command([0x90, 0x28, 0, 0], &[17], &[])), Status::WrongData);
    assert_eq!(port(&command([0x90, 0x28, 1, 0], &[0; 4], &[])), Status::WrongLength);
    assert_eq!(port(&command([0x90, 0x28, 1, 0], &[0; 245], &[])), Status::WrongLength);
    assert_eq!(port(&command([0x90, 0x28, 1, 0], &[0; 244], &[0])), Status::WrongLength);
    assert_eq!(port(&[0x90, 0x28, 3, 0]), Status::WrongParameters);
    assert_eq!(port(&[0x90, 0x28, 2, 0, 0]), Status::WrongLength);
    assert_eq!(port(&[0x90, 0x2a, 4, 0]), Status::WrongParameters);
    assert_eq!(port(&[0x90, 0x2a, 3, 1]), Status::WrongParameters);
    let ask = |change: usize, value: u8| {
        let mut bytes = PortCommand::Ask(Ask::new(Kind::Exit, Sector::Water, 0, [0; 16])).encode().as_slice().to_vec();
        bytes[5 + change] = value;
        PortCommand::parse(&bytes).err()
    };
    assert_eq!((ask(0, 0), ask(0, 6), ask(1, 3), ask(2, 9)), {
        let wrong = Some(Status::WrongData);
        (wrong, wrong, wrong, None)
    });
    assert!(Piece::new(0, &[]).is_none() && Piece::new(0, &[0; 241]).is_none());
}

#[test]
fn responses_are_read_as_they_were_written() {
    let written = |response: Response<'_>| {
        let mut bytes = [0; MAX_RESPONSE];
        let length = response.write(&mut bytes);
        assert_eq!(Response::parse(&bytes[..length]), Ok(response));
        bytes[..length].to_vec()
    };
    assert_eq!(written(Response::of(&[1, 2])), [1, 2, 0x90, 0]);
    assert_eq!(written(Response::of(&[])), [0x90, 0]);
    assert_eq!(written(Response::of(&[7; 256])).len(), 258);
    assert_eq!(Response::of(&[7; 257]), Response::without_data(Status::Failed));
    for status in Status::ALL {
        assert_eq!(Status::from_bytes(status.to_bytes()), Some(status));
        assert_eq!(written(Response::without_data(status)), status.to_bytes());
        let with_data = [&[1], status.to_bytes().as_slice()].concat();
        assert_eq!(Response::parse(&with_data).is_ok(), status == Status::Success);
    }
    let words = Status::ALL.map(|status| status as u16);
    let listed = [
        0x6581, 0x6700, 0x6884, 0x6982, 0x6985, 0x6a80, 0x6a82, 0x6a84, 0x6a86, 0x6a88, 0x6d00, 0x6e00, 0x6f00, 0x9000,
    ];
    assert_eq!(words, listed);
    for bytes in [&[][..], &[0x90], &[0x90, 1], &[0x61, 0], &[[0; 257].as_slice(), &[0x90, 0]].concat()] {
        assert_eq!(Response::parse(bytes), Err(ResponseMalformed), "{bytes:?}");
    }
}

#[test]
fn what_a_port_answers_has_one_encoding() {
    let fields = TerminalStatusFields {
        authorities: 2,
        upload_pending: true,
        clock_wrong: false,
        full: true,
        second_successor: true,
        terminal: Subject::from_bytes([1; 16]),
        time: Time::new(2).unwrap(),
        authority_prefix: [3; 8],
        bundle_sequence: 4,
        bundle_issued_at: Time::new(5).unwrap(),
        parts_held: 6,
        parts: 7,
        records: 8,
        room: 9,
    };
    let status = TerminalStatus::new(fields);
    assert_eq!(status.fields(), fields);
    let u64 = |value: u8| [0, 0, 0, 0, 0, 0, 0, value];
    let parts: [&[u8]; 8] =
        [&[1, 2, 13, 0], &[1; 16], &u64(2), &[3; 8], &u64(4), &u64(5), &[0, 6, 0, 7], &[0, 0, 0, 8, 0, 0, 0, 9]];
    assert_eq!(status.as_bytes().as_slice(), parts.concat());
    assert_eq!(TerminalStatus::parse(status.as_bytes()), Ok(&status));
    for (offset, value) in [(0, 2), (1, 0), (1, 3), (2, 16), (3, 1), (22, 1), (46, 1)] {
        let mut changed = *status.as_bytes();
        changed[offset] = value;
        assert!(TerminalStatus::parse(&changed).is_err(), "{offset} {value}");
    }
    let pending = PendingUpload::new(0x0102_0304, [5; 32]);
    assert_eq!(pending.as_bytes().as_slice(), [&[1, 2, 3, 4][..], &[5; 32]].concat());
    assert_eq!(PendingUpload::parse(pending.as_bytes()), Ok(&pending));
    let credit = MeterCredit::new(Unit::Litres, 3, 0x0102_0304_0506);
    assert_eq!(credit.as_bytes(), &[1, 2, 0, 0, 0, 0, 0, 3, 0, 0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(MeterCredit::parse(credit.as_bytes()), Ok(&credit));
    for (offset, value) in [(0, 2), (1, 0), (1, 3), (2, 1), (3, 1)] {
        let mut changed = *credit.as_bytes();
        changed[offset] = value;
        assert!(MeterCredit::parse(&changed).is_err(), "{offset} {value}");
    }
}

#[test]
fn the_checksum_is_the_one_that_others_know() {
    assert_eq!(checksum(b"123456789"), 0x29b1);
    assert_eq!(checksum(b""), 0xffff);
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = [0; MAX_FRAMED];
    let length = write_frame(bytes, &mut frame).unwrap();
    frame[..length].to_vec()
}

/// Everything that a reader finds in a line's bytes, and then in silence.
fn found(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut reader, mut frame, mut found) = (FrameReader::new(), [0; MAX_FRAME], Vec::new());
    for byte in line {
        reader.push(*byte);
        while let Some(length) = reader.take(&mut frame) {
            found.push(frame[..length].to_vec());
        }
    }
    reader.silence();
    while let Some(length) = reader.take(&mut frame) {
        found.push(frame[..length].to_vec());
        reader.silence();
    }
    assert!(reader.take(&mut frame).is_none());
    found
}

#[test]
fn frames_have_a_length_and_a_checksum() {
    assert_eq!(framed(b"\x90\x00"), [0, 2, 0x90, 0, 0xf2, 0x4b]);
    let mut frame = [0; MAX_FRAMED];
    assert_eq!(write_frame(&[], &mut frame), None);
    assert_eq!(write_frame(&[0; 262], &mut frame), None);
    assert_eq!(write_frame(&[0; 261], &mut frame), Some(265));
    assert!(found(&[0; 1000]).is_empty() && found(&[0xff; 1000]).is_empty());
}

fn carried() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 1..20), prop::collection::vec(any::<u8>(), 1..=MAX_FRAME)]
}

proptest! {
    #[test]
    fn frames_are_found_one_after_another(frames in prop::collection::vec(carried(), 0..5)) {
        let line = frames.iter().flat_map(|frame| framed(frame)).collect::<Vec<_>>();
        prop_assert_eq!(found(&line), frames);
    }

    /// After noise, which may look like the beginning of a frame, and between cut ones: every whole frame is found as soon
    /// as the line is silent, if what precedes it is not by chance a frame itself.
    #[test]
    fn frames_are_found_after_noise(
        noise in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..40),
        ],
        frames in prop::collection::vec((carried(), prop::option::of(any::<prop::sample::Index>())), 1..5),
    ) {
        let mut line = noise;
        let mut whole = Vec::new();
        for (bytes, cut) in frames {
            let mut frame = framed(&bytes);
            match cut {
                Some(cut) => { frame.remove(cut.index(frame.len())); }
                None => whole.push(bytes),
            }
            line.extend(frame);
        }
        let found = found(&line);
        let mut rest = found.iter();
        prop_assert!(whole.iter().all(|frame| rest.any(|found| found == frame)), "{found:?} of {whole:?}");
    }

    /// A frame with a changed byte is never taken for another one that it is not.
    #[test]
    fn a_changed_frame_is_dropped(bytes in carried(), at: prop::sample::Index, change in 1_u8..=255) {
        let mut frame = framed(&bytes);
        let at = at.index(frame.len());
        frame[at] ^= change;
        prop_assert!(!found(&frame).contains(&bytes));
    }

    #[test]
    fn what_parses_is_what_would_be_written(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        if let Ok(command) = CardCommand::parse(&bytes) {
            prop_assert!(command.encode().as_slice() == bytes);
        }
        if let Ok(command) = PortCommand::parse(&bytes) {
            prop_assert!(command.encode().as_slice() == bytes);
        }
    }

    /// Commands with a byte changed, lost or more: read as what they now are, or refused.
    #[test]
    fn changed_commands_have_one_encoding(
        which in 0_usize..21, at: prop::sample::Index, value: u8, length in -2_isize..3,
    ) {
        let card = card_commands().map(|command| command.encode());
        let port = port_commands().into_iter().map(|command| command.encode());
        let mut bytes = card.into_iter().chain(port).nth(which).unwrap().as_slice().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = value;
        bytes.resize(bytes.len().saturating_add_signed(length), 0);
        if let Ok(command) = CardCommand::parse(&bytes) {
            prop_assert!(command.encode().as_slice() == bytes);
        }
        if let Ok(command) = PortCommand::parse(&bytes) {
            prop_assert!(command.encode().as_slice() == bytes);
        }
    }
}

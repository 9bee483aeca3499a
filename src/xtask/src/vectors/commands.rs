//! Commands to cards and to the ports of terminals, their answers, and the frames that carry them.

use symbolon_ccks::{Sector, SuiteId, Time};
use symbolon_tap::apdu::port::{Ask, MeterCredit, PendingUpload, Piece, TerminalStatus, TerminalStatusFields};
use symbolon_tap::apdu::{
    CardCommand, CommandBytes, FrameReader, MAX_FRAME, MAX_FRAMED, MAX_RESPONSE, PortCommand, Response, Status,
    write_frame,
};
use symbolon_tap::voucher::Unit;
use symbolon_tap::{
    Acknowledgement, AcknowledgementFields, Kind, Outcome, Receipt, Record, Successor, SuccessorFields,
};

use super::cast::{Cast, reference};
use super::city::{NOON, fixed_bytes, time};
use super::model::Hex;
use super::model::terminals::{
    CreditVector, ExchangeVector, FrameVector, LineVector, RefusedCommandVector, StatusVector,
};
use super::settling::Drawn;
use super::tapping::{challenge, present, select, terms, terms_fields};
use super::terminals::{sign_voucher, voucher_fields};

fn exchange(to: &str, name: &str, command: &CommandBytes, response: Response<'_>) -> ExchangeVector {
    let bytes = command.as_slice();
    let (header, body) = bytes.split_at_checked(4).expect("a command has a header");
    let data = match body {
        [length, data @ ..] => data.get(..usize::from(*length)).unwrap_or_default(),
        [] => &[],
    };
    let mut written = [0; MAX_RESPONSE];
    let length = response.write(&mut written);
    ExchangeVector {
        to: to.to_owned(),
        command: name.to_owned(),
        parameters: header.iter().skip(2).fold(0, |sum, byte| sum << 8 | u16::from(*byte)),
        data: Hex::of(data),
        bytes: Hex::of(bytes),
        answer: Hex::of(response.data()),
        status: Hex::of(response.status().to_bytes()),
        response: Hex::of(written.get(..length).unwrap_or_default()),
    }
}

/// Bytes that count up.
fn counted<const N: usize>() -> [u8; N] {
    std::array::from_fn(|index| index as u8)
}

/// A tap of a card at a gate, and a meter's question.
pub(crate) fn card_exchanges<S: Drawn>(cast: &Cast<S>) -> Vec<ExchangeVector> {
    let terms = terms(terms_fields());
    let (select, challenge) = (select(cast, 0), challenge(&cast.gate, terms));
    let presentation = present(&cast.card, &cast.gate, &terms, 1);
    let record = Record::new(terms, presentation);
    let receipt = Receipt::new(&record, Outcome::Accepted, time(NOON));
    let signature = receipt.sign(&cast.gate.key, &fixed_bytes("receipt")).expect("a terminal signs receipts");
    let voucher = sign_voucher(cast, voucher_fields(cast), &fixed_bytes("voucher 0"));
    let card = |name, command: CardCommand<'_>, response| exchange("card", name, &command.encode(), response);
    let present = CardCommand::Present { challenge: challenge.as_bytes() };
    let meter = CardCommand::Voucher { meter: *voucher.voucher().meter() };
    vec![
        card("SELECT", CardCommand::Select, Response::of(select.as_bytes())),
        card("PRESENT", present, Response::of(presentation.as_bytes())),
        card("PRESENT", present, Response::without_data(Status::NotNow)),
        card(
            "RECEIPT",
            CardCommand::Receipt { receipt: receipt.as_bytes(), signature: signature.as_bytes() },
            Response::of(&[]),
        ),
        card("VOUCHER", meter, Response::of(voucher.as_bytes())),
        card("VOUCHER", meter, Response::without_data(Status::NotFound)),
    ]
}

/// Every command to a port of a terminal.
pub(crate) fn port_exchanges<S: Drawn>(cast: &Cast<S>) -> Vec<ExchangeVector> {
    let city = &cast.city;
    let acknowledgement = Acknowledgement::new(AcknowledgementFields {
        upload_digest: fixed_bytes("upload"),
        settled: 1,
        duplicate: 2,
        refused: 3,
        time: time(NOON),
    });
    let key = city.secret.institution_key(&city.authority, city.authority.name());
    let acknowledged = acknowledgement.sign(&key, &fixed_bytes("acknowledgement")).expect("the authority acknowledges");
    let fields = SuccessorFields {
        next_suite: SuiteId::P256Sha256,
        next_authority: *cast.neighbour.authority.id(),
        next_from: time(NOON),
        this_until: time(NOON + 86_400),
    };
    let rotation = city.secret.rotation_key(&city.authority);
    let successor = Successor::sign(&rotation, fields, &fixed_bytes("successor")).expect("it is another authority");
    let piece = counted::<240>();
    let piece = |offset, length| Piece::new(offset, piece.get(..length).unwrap_or_default()).expect("1 to 240 bytes");
    let port = |name, command: PortCommand<'_>, response| exchange("port", name, &command.encode(), response);
    let block = counted::<256>();
    let done = Response::of(&[]);
    let ask = Ask::new(Kind::Entry, Sector::Transport, 500, reference("station"));
    let acknowledge =
        PortCommand::Acknowledge { acknowledgement: acknowledgement.as_bytes(), signature: acknowledged.as_bytes() };
    vec![
        port("STATUS", PortCommand::Status, Response::of(status_list()[0].as_bytes())),
        port("TIME", PortCommand::SetTime(time(NOON)), done),
        port("TIME", PortCommand::SetTime(time(Time::LIMIT_SECONDS - 1)), Response::without_data(Status::NotNow)),
        port(
            "UPLOAD",
            PortCommand::WhichUpload,
            Response::of(PendingUpload::new(403, fixed_bytes("upload")).as_bytes()),
        ),
        port("UPLOAD", PortCommand::WhichUpload, Response::without_data(Status::NotFound)),
        port("UPLOAD", PortCommand::ReadUpload(0), Response::of(&block)),
        port("UPLOAD", PortCommand::ReadUpload(1), Response::of(block.get(..147).unwrap_or_default())),
        port("UPLOAD", PortCommand::ReadUpload(0xfffe), Response::without_data(Status::NotFound)),
        port("ACKNOWLEDGE", acknowledge, done),
        port("ACKNOWLEDGE", acknowledge, Response::without_data(Status::NotAuthentic)),
        port("BUNDLE", PortCommand::BeginBundle { parts: 1 }, done),
        port("BUNDLE", PortCommand::BeginBundle { parts: 16 }, Response::without_data(Status::NoRoom)),
        port("BUNDLE", PortCommand::WriteBundle(piece(0, 240)), done),
        port("BUNDLE", PortCommand::WriteBundle(piece(u32::MAX, 1)), Response::without_data(Status::NoRoom)),
        port("BUNDLE", PortCommand::FinishBundle, done),
        port("AUTHORITY", PortCommand::BeginAuthority { successor: successor.as_bytes() }, done),
        port("AUTHORITY", PortCommand::WriteAuthority(piece(240, 17)), Response::without_data(Status::MemoryFailed)),
        port("AUTHORITY", PortCommand::FinishAuthority, Response::without_data(Status::NotAuthentic)),
        port("AUTHORITY", PortCommand::DropAuthority, done),
        port("ASK", PortCommand::Ask(ask), done),
        port("METER", PortCommand::Meter, Response::of(MeterCredit::new(Unit::Litres, 64, 1 << 33).as_bytes())),
        port("METER", PortCommand::Meter, Response::without_data(Status::NotFound)),
    ]
}

/// Whom, the bytes, and what is wrong.
type Refused = (&'static str, &'static [u8], &'static str);

const REFUSED: [Refused; 31] = [
    ("card", b"", "There is no command."),
    ("card", b"\x00\xa4\x04", "The header is cut off."),
    ("card", b"\x00\xa4\x04\x00\x09\xf0SYMBOLON", "Nothing is expected in return."),
    ("card", b"\x00\xa4\x04\x00\x09\xf0SYMBOLON\x14", "Not as much is expected in return as there is."),
    ("card", b"\x00\xa4\x04\x00\x09\xf0SYMBOLON\x00\x00", "A byte follows the last one."),
    ("card", b"\x00\xa4\x04\x00\x0a\xf0SYMBOLON\x00", "The last byte counts as data, so that nothing is expected."),
    ("card", b"\x00\xa4\x04\x00\x00\x00\x09\xf0SYMBOLON\x00\x00", "It is in extended form."),
    ("card", b"\x00\xa4\x04\x0c\x09\xf0SYMBOLON\x00", "P2 asks for no answer."),
    ("card", b"\x00\xa4\x04\x00\x05\xa0\x00\x00\x00\x03\x00", "Another application is selected."),
    ("card", b"\x00\xa4\x04\x00\x05\xf0SYMB\x00", "Only the beginning of the application is given."),
    ("card", b"\x10\xa4\x04\x00\x09\xf0SYMBOLON\x00", "A command follows that continues it."),
    ("card", b"\x90\x10\x00\x00", "A command follows that continues it."),
    ("card", b"\x80\x10\x00\x00\x01\x01\x00", "The challenge is too short."),
    ("card", b"\x80\x10\x00\x01\x01\x01\x00", "P2 is not 0."),
    ("card", b"\x80\x14\x00\x00\x00", "The meter is not named."),
    ("card", b"\x80\x12\x00\x00", "There is no receipt."),
    ("card", b"\x80\x16\x00\x00\x00", "There is no such command."),
    ("card", b"\x00\xb0\x00\x00\x00", "There is no file to read."),
    ("card", b"\x84\x10\x00\x00\x00", "Secure messaging is another class."),
    ("card", b"\x01\xa4\x04\x00\x09\xf0SYMBOLON\x00", "There is one channel."),
    ("port", b"\x90\x20\x00", "The header is cut off."),
    ("port", b"\x90\x20\x00\x00", "Nothing is expected in return."),
    ("port", b"\x90\x20\x01\x00\x00", "P1 is not 0."),
    ("port", b"\x80\x20\x00\x00\x00", "The class is that of commands to a card."),
    ("port", b"\x90\x21\x00\x00\x00", "There is no such command."),
    ("port", b"\x90\x22\x00\x00\x08\x00\x00\x01\x00\x00\x00\x00\x00", "The time is 2^40."),
    ("port", b"\x90\x28\x00\x00\x01\x00", "No part is to come."),
    ("port", b"\x90\x28\x00\x00\x01\x11", "More parts are to come than a terminal holds."),
    ("port", b"\x90\x28\x03\x00", "A bundle has no fourth step."),
    ("port", b"\x90\x28\x01\x00\x04\x00\x00\x00\x00", "The piece is empty."),
    (
        "port",
        b"\x90\x2c\x00\x00\x16\x06\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        "There is no sixth kind.",
    ),
];

pub(crate) fn refused_commands() -> Vec<RefusedCommandVector> {
    let vector = |(to, bytes, why): Refused| {
        let status = match to {
            "card" => CardCommand::parse(bytes).err(),
            _ => PortCommand::parse(bytes).err(),
        };
        RefusedCommandVector {
            to: to.to_owned(),
            bytes: Hex::of(bytes),
            status: Hex::of(status.expect("the list has what is refused").to_bytes()),
            why: why.to_owned(),
        }
    };
    REFUSED.into_iter().map(vector).collect()
}

fn status_fields() -> [TerminalStatusFields; 2] {
    let ordinary = TerminalStatusFields {
        authorities: 1,
        upload_pending: true,
        clock_wrong: false,
        full: false,
        second_successor: false,
        terminal: symbolon_ccks::Subject::from_bytes(reference("terminal")),
        time: time(NOON),
        authority_prefix: *b"riversid",
        bundle_sequence: 258,
        bundle_issued_at: time(NOON - 600),
        parts_held: 1,
        parts: 16,
        records: 7,
        room: 1_017,
    };
    let fresh = TerminalStatusFields {
        authorities: 2,
        upload_pending: false,
        clock_wrong: true,
        full: true,
        second_successor: true,
        bundle_sequence: 0,
        bundle_issued_at: time(0),
        parts_held: 0,
        parts: 0,
        records: u32::MAX,
        room: 0,
        ..ordinary
    };
    [ordinary, fresh]
}

fn status_list() -> [TerminalStatus; 2] {
    status_fields().map(TerminalStatus::new)
}

pub(crate) fn statuses() -> Vec<StatusVector> {
    let vector = |fields: TerminalStatusFields| StatusVector {
        authorities: fields.authorities,
        upload_pending: fields.upload_pending,
        clock_wrong: fields.clock_wrong,
        full: fields.full,
        second_successor: fields.second_successor,
        terminal: Hex::of(fields.terminal.as_bytes()),
        time: fields.time.seconds(),
        authority_prefix: Hex::of(fields.authority_prefix),
        bundle_sequence: fields.bundle_sequence,
        bundle_issued_at: fields.bundle_issued_at.seconds(),
        parts_held: fields.parts_held,
        parts: fields.parts,
        records: fields.records,
        room: fields.room,
        bytes: Hex::of(TerminalStatus::new(fields).as_bytes()),
    };
    status_fields().into_iter().map(vector).collect()
}

pub(crate) fn credits() -> Vec<CreditVector> {
    let vector = |(unit, highest, credited)| CreditVector {
        unit: unit as u8,
        highest,
        credited,
        bytes: Hex::of(MeterCredit::new(unit, highest, credited).as_bytes()),
    };
    [(Unit::WattHours, 0, 0), (Unit::Litres, 64, 1 << 33)].into_iter().map(vector).collect()
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut frame = [0; MAX_FRAMED];
    let length = write_frame(bytes, &mut frame).expect("1 to 261 bytes");
    frame.get(..length).unwrap_or_default().to_vec()
}

pub(crate) fn frames() -> Vec<FrameVector> {
    let carried = [&b"\x90\x00"[..], b"123456789", &[0], &[0xff; MAX_FRAME]];
    carried.map(|carried| FrameVector { carried: Hex::of(carried), frame: Hex(framed(carried)) }).into()
}

/// Frames after each other, after noise, after a cut one, changed ones, and what begins like one that never ends.
pub(crate) fn lines() -> Vec<LineVector> {
    let (first, second) = (framed(b"\x90\x00"), framed(b"123456789"));
    let mut changed = first.clone();
    changed.iter_mut().skip(2).take(1).for_each(|byte| *byte ^= 1);
    let cut = second.get(..6).unwrap_or_default().to_vec();
    let lines = [
        [first.clone(), second.clone()].concat(),
        [b"\xff\x00\x00noise".to_vec(), first.clone()].concat(),
        [cut.clone(), first.clone(), second.clone()].concat(),
        [changed, second.clone()].concat(),
        [b"\x01\x05".to_vec(), first, cut].concat(),
        vec![0; 300],
    ];
    lines.into_iter().map(|line| LineVector { found: found(&line), line: Hex(line) }).collect()
}

fn found(line: &[u8]) -> Vec<Hex> {
    let (mut reader, mut frame, mut found) = (FrameReader::new(), [0; MAX_FRAME], Vec::new());
    let mut take = |reader: &mut FrameReader| {
        let length = reader.take(&mut frame)?;
        found.push(Hex::of(frame.get(..length)?));
        Some(())
    };
    for byte in line {
        reader.push(*byte);
        while take(&mut reader).is_some() {}
    }
    reader.silence();
    while take(&mut reader).is_some() {
        reader.silence();
    }
    found
}

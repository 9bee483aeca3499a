//! The commands to a terminal's service port: from whoever looks after it.
//!
//! Nothing that comes over the port is believed for coming over it: bundles, successors and acknowledgements are signed,
//! and uploads carry the terminal's own signature.

use symbolon_ccks::wire::{self, U16, U32, U64, Version, Zero};
use symbolon_ccks::{Malformed, Sector, Signature, Subject, Time};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::{Command, CommandBytes, Expected, Status, cut};
use crate::voucher::Unit;
use crate::{Acknowledgement, Kind, Successor};

/// The class of all commands to the port.
const CLASS: u8 = 0x90;

const STATUS: u8 = 0x20;
const TIME: u8 = 0x22;
const UPLOAD: u8 = 0x24;
const ACKNOWLEDGE: u8 = 0x26;
const BUNDLE: u8 = 0x28;
const AUTHORITY: u8 = 0x2a;
const ASK: u8 = 0x2c;
const METER: u8 = 0x2e;

/// P1 of [`BUNDLE`] and [`AUTHORITY`].
const BEGIN: u8 = 0;
const PIECE: u8 = 1;
const FINISH: u8 = 2;
const DROP: u8 = 3;

/// The block number that asks which upload is pending instead of for a block of it.
const WHICH_UPLOAD: u16 = 0xffff;

/// How many bytes a block of an upload has; the last may have fewer.
pub const UPLOAD_BLOCK: usize = 256;

/// The most parts of a bundle that a terminal holds.
pub const MAX_PARTS: u8 = 16;

/// A piece of something that is sent in pieces: where it belongs, and 1 to 240 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    offset: u32,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// The most bytes of a piece.
    pub const MAX: usize = 240;

    /// The bytes from `offset` on; `None` when they are none, or more than [`Self::MAX`].
    pub fn new(offset: u32, bytes: &'a [u8]) -> Option<Self> {
        (1..=Self::MAX).contains(&bytes.len()).then_some(Self { offset, bytes })
    }

    fn read(command: &Command<'a>) -> Result<Self, Status> {
        if command.response != Expected::Nothing {
            return Err(Status::WrongLength);
        }
        let (offset, bytes) = command.data.split_first_chunk().ok_or(Status::WrongLength)?;
        Self::new(u32::from_be_bytes(*offset), bytes).ok_or(Status::WrongLength)
    }

    /// Where it belongs, bytes from the beginning.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// What is there.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// What the next tap asks for, 22 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Ask {
    kind: Kind,
    sector: Sector,
    amount: U32,
    reference: [u8; 16],
}

impl Ask {
    /// Length in bytes.
    pub const SIZE: usize = 22;

    /// Asks for a transaction of this kind; whether the amount goes with it is for the terms to say.
    pub fn new(kind: Kind, sector: Sector, amount: u32, reference: [u8; 16]) -> Self {
        Self { kind, sector, amount: amount.into(), reference }
    }

    /// What the transaction does.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where.
    pub fn sector(&self) -> Sector {
        self.sector
    }

    /// Minor units of the terminal's currency.
    pub fn amount(&self) -> u32 {
        self.amount.get()
    }

    /// The operator's own.
    pub fn reference(&self) -> &[u8; 16] {
        &self.reference
    }

    fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// What is sent to a terminal's port. Data of fixed length have it; whether they are well formed shows their own `parse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortCommand<'a> {
    /// Asks how the terminal is; answered with a [`TerminalStatus`], 64 bytes.
    Status,
    /// Sets the terminal's clock, within what its policy allows; answered without data.
    SetTime(Time),
    /// Asks which upload is pending, and cuts one from the journal when there is none; answered with
    /// [`PendingUpload`], 36 bytes, or [`Status::NotFound`] when there is nothing to upload.
    WhichUpload,
    /// Asks for a block of the pending upload, by its number counted from 0; answered with at most [`UPLOAD_BLOCK`]
    /// bytes, or [`Status::NotFound`] beyond its end.
    ReadUpload(u16),
    /// Gives the acknowledgement of the pending upload; answered without data.
    Acknowledge {
        /// The [`Acknowledgement`].
        acknowledgement: &'a [u8; Acknowledgement::SIZE],
        /// The authority's signature over it.
        signature: &'a [u8; Signature::SIZE],
    },
    /// Begins to send a bundle of so many parts, one after another, 1 to [`MAX_PARTS`]; answered without data.
    BeginBundle {
        /// How many parts are to come.
        parts: u8,
    },
    /// A piece of the bundle; answered without data.
    WriteBundle(Piece<'a>),
    /// Says that the bundle is whole: the terminal verifies it and uses it from now on; answered without data.
    FinishBundle,
    /// Begins to send the prepared parameters of a successor; answered without data.
    BeginAuthority {
        /// The [`Successor`].
        successor: &'a [u8; Successor::SIZE],
    },
    /// A piece of the prepared parameters; answered without data.
    WriteAuthority(Piece<'a>),
    /// Says that the parameters are whole: the terminal verifies them; answered without data.
    FinishAuthority,
    /// Drops the authority that has a successor; answered without data.
    DropAuthority,
    /// Says what the next tap asks for; answered without data.
    Ask(Ask),
    /// Asks for a meter's credit; answered with a [`MeterCredit`], 16 bytes, or [`Status::NotFound`] by a terminal that
    /// is no meter.
    Meter,
}

impl<'a> PortCommand<'a> {
    /// Reads a command.
    ///
    /// # Errors
    /// The [`Status`] to answer: for one of another class, unknown, with other parameters, with data of another length,
    /// or with data that are out of their range, in this order.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        let command = Command::parse(bytes)?;
        if command.class != CLASS {
            return Err(Status::UnknownClass);
        }
        if command.instruction == UPLOAD {
            command.no_data(Expected::Data)?;
            return Ok(match u16::from_be_bytes([command.p1, command.p2]) {
                WHICH_UPLOAD => Self::WhichUpload,
                block => Self::ReadUpload(block),
            });
        }
        let step = match command.instruction {
            BUNDLE if command.p1 <= FINISH => command.p1,
            AUTHORITY if command.p1 <= DROP => command.p1,
            STATUS | TIME | ACKNOWLEDGE | BUNDLE | AUTHORITY | ASK | METER => 0,
            _ => return Err(Status::UnknownInstruction),
        };
        command.parameters(step, 0)?;
        Self::read(&command)
    }

    /// Reads a command that has the instruction and parameters of one.
    fn read(command: &Command<'a>) -> Result<Self, Status> {
        match (command.instruction, command.p1) {
            (STATUS, _) => command.no_data(Expected::Data).map(|()| Self::Status),
            (METER, _) => command.no_data(Expected::Data).map(|()| Self::Meter),
            (TIME, _) => {
                let seconds = u64::from_be_bytes(*command.exactly(Expected::Nothing)?);
                Time::new(seconds).map(Self::SetTime).map_err(|_| Status::WrongData)
            }
            (ACKNOWLEDGE, _) => {
                let data = command.exactly::<{ Acknowledgement::SIZE + Signature::SIZE }>(Expected::Nothing)?;
                let (acknowledgement, signature) = cut(data)?;
                Ok(Self::Acknowledge { acknowledgement, signature })
            }
            (BUNDLE, BEGIN) => {
                let [parts] = *command.exactly(Expected::Nothing)?;
                if (1..=MAX_PARTS).contains(&parts) { Ok(Self::BeginBundle { parts }) } else { Err(Status::WrongData) }
            }
            (BUNDLE, PIECE) => Piece::read(command).map(Self::WriteBundle),
            (BUNDLE, _) => command.no_data(Expected::Nothing).map(|()| Self::FinishBundle),
            (AUTHORITY, BEGIN) => Ok(Self::BeginAuthority { successor: command.exactly(Expected::Nothing)? }),
            (AUTHORITY, PIECE) => Piece::read(command).map(Self::WriteAuthority),
            (AUTHORITY, FINISH) => command.no_data(Expected::Nothing).map(|()| Self::FinishAuthority),
            (AUTHORITY, _) => command.no_data(Expected::Nothing).map(|()| Self::DropAuthority),
            _ => {
                let data = command.exactly::<{ Ask::SIZE }>(Expected::Nothing)?;
                wire::read::<Ask>("ask", data).map(|ask| Self::Ask(*ask)).map_err(|_| Status::WrongData)
            }
        }
    }

    /// Writes the command.
    pub fn encode(&self) -> CommandBytes {
        let none: &[&[u8]] = &[];
        let asks = |instruction, p1, p2| CommandBytes::new([CLASS, instruction, p1, p2], none, Expected::Data);
        let tells =
            |instruction, p1, data: &[&[u8]]| CommandBytes::new([CLASS, instruction, p1, 0], data, Expected::Nothing);
        match self {
            Self::Status => asks(STATUS, 0, 0),
            Self::SetTime(time) => tells(TIME, 0, &[&time.seconds().to_be_bytes()]),
            Self::WhichUpload => asks(UPLOAD, 0xff, 0xff),
            Self::ReadUpload(block) => {
                let [p1, p2] = block.to_be_bytes();
                asks(UPLOAD, p1, p2)
            }
            Self::Acknowledge { acknowledgement, signature } => tells(ACKNOWLEDGE, 0, &[*acknowledgement, *signature]),
            Self::BeginBundle { parts } => tells(BUNDLE, BEGIN, &[&[*parts]]),
            Self::WriteBundle(piece) => tells(BUNDLE, PIECE, &[&piece.offset.to_be_bytes(), piece.bytes]),
            Self::FinishBundle => tells(BUNDLE, FINISH, none),
            Self::BeginAuthority { successor } => tells(AUTHORITY, BEGIN, &[*successor]),
            Self::WriteAuthority(piece) => tells(AUTHORITY, PIECE, &[&piece.offset.to_be_bytes(), piece.bytes]),
            Self::FinishAuthority => tells(AUTHORITY, FINISH, none),
            Self::DropAuthority => tells(AUTHORITY, DROP, none),
            Self::Ask(ask) => tells(ASK, 0, &[ask.as_bytes()]),
            Self::Meter => asks(METER, 0, 0),
        }
    }
}

/// What [`TerminalStatus::new`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalStatusFields {
    /// How many authorities are live, 1 or 2.
    pub authorities: u8,
    /// Whether an upload is cut and waits for its acknowledgement.
    pub upload_pending: bool,
    /// Whether the clock is known to be wrong.
    pub clock_wrong: bool,
    /// Whether there is no room for another tap.
    pub full: bool,
    /// Whether a second, different successor was named: somebody has the rotation key who should not.
    pub second_successor: bool,
    /// The terminal's own subject.
    pub terminal: Subject,
    /// What its clock says.
    pub time: Time,
    /// The first 8 bytes of the id of the authority in use: of the older, when two are.
    pub authority_prefix: [u8; 8],
    /// The sequence of the bundle in use; 0 without one.
    pub bundle_sequence: u64,
    /// When that was issued; 0 without one.
    pub bundle_issued_at: Time,
    /// How many of its parts the terminal holds.
    pub parts_held: u16,
    /// How many parts it has.
    pub parts: u16,
    /// Records in the journal that are not acknowledged.
    pub records: u32,
    /// How many more there is room for.
    pub room: u32,
}

/// How a terminal is, 64 bytes. Nobody signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TerminalStatus {
    version: Version,
    authorities: u8,
    flags: u8,
    zero: Zero,
    terminal: Subject,
    time: U64,
    authority_prefix: [u8; 8],
    bundle_sequence: U64,
    bundle_issued_at: U64,
    parts_held: U16,
    parts: U16,
    records: U32,
    room: U32,
}

const UPLOAD_PENDING: u8 = 1;
const CLOCK_WRONG: u8 = 2;
const FULL: u8 = 4;
const SECOND_SUCCESSOR: u8 = 8;

impl TerminalStatus {
    /// Length in bytes.
    pub const SIZE: usize = 64;

    /// A status of these fields.
    pub fn new(fields: TerminalStatusFields) -> Self {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        Self {
            version: Version::One,
            authorities: fields.authorities,
            flags: flag(fields.upload_pending, UPLOAD_PENDING)
                | flag(fields.clock_wrong, CLOCK_WRONG)
                | flag(fields.full, FULL)
                | flag(fields.second_successor, SECOND_SUCCESSOR),
            zero: Zero::Zero,
            terminal: fields.terminal,
            time: fields.time.to_wire(),
            authority_prefix: fields.authority_prefix,
            bundle_sequence: fields.bundle_sequence.into(),
            bundle_issued_at: fields.bundle_issued_at.to_wire(),
            parts_held: fields.parts_held.into(),
            parts: fields.parts.into(),
            records: fields.records.into(),
            room: fields.room.into(),
        }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for another length or version, other than 1 or 2 authorities, an unknown flag or a time of 2^40 or
    /// more.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        const STRUCTURE: &str = "terminal status";
        let status = wire::read::<Self>(STRUCTURE, bytes)?;
        if !(1..=2).contains(&status.authorities) {
            return Err(Malformed::new(STRUCTURE, "not one or two authorities"));
        }
        if status.flags & !(UPLOAD_PENDING | CLOCK_WRONG | FULL | SECOND_SUCCESSOR) != 0 {
            return Err(Malformed::new(STRUCTURE, "an unknown flag"));
        }
        Time::from_wire(STRUCTURE, status.time)?;
        Time::from_wire(STRUCTURE, status.bundle_issued_at)?;
        Ok(status)
    }

    /// All fields.
    pub fn fields(&self) -> TerminalStatusFields {
        TerminalStatusFields {
            authorities: self.authorities,
            upload_pending: self.flags & UPLOAD_PENDING != 0,
            clock_wrong: self.flags & CLOCK_WRONG != 0,
            full: self.flags & FULL != 0,
            second_successor: self.flags & SECOND_SUCCESSOR != 0,
            terminal: self.terminal,
            time: Time::from_checked_wire(self.time),
            authority_prefix: self.authority_prefix,
            bundle_sequence: self.bundle_sequence.get(),
            bundle_issued_at: Time::from_checked_wire(self.bundle_issued_at),
            parts_held: self.parts_held.get(),
            parts: self.parts.get(),
            records: self.records.get(),
            room: self.room.get(),
        }
    }

    /// The 64 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// Which upload is pending, 36 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PendingUpload {
    length: U32,
    digest: [u8; 32],
}

impl PendingUpload {
    /// Length in bytes.
    pub const SIZE: usize = 36;

    /// An upload of `length` bytes whose SHA-256 is `digest`.
    pub fn new(length: u32, digest: [u8; 32]) -> Self {
        Self { length: length.into(), digest }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for another length.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        wire::read("pending upload", bytes)
    }

    /// How long the upload is, bytes.
    pub fn length(&self) -> u32 {
        self.length.get()
    }

    /// SHA-256 of the whole upload.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The 36 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// A meter's credit, 16 bytes. Nobody signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MeterCredit {
    version: Version,
    unit: Unit,
    zero: [Zero; 2],
    highest: U32,
    credited: U64,
}

impl MeterCredit {
    /// Length in bytes.
    pub const SIZE: usize = 16;

    /// A meter that took `credited` units in all; `highest` is the highest sequence among its vouchers, 0 without one.
    pub fn new(unit: Unit, highest: u32, credited: u64) -> Self {
        Self { version: Version::One, unit, zero: [Zero::Zero; 2], highest: highest.into(), credited: credited.into() }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] when a field is out of its range.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        wire::read("meter credit", bytes)
    }

    /// What the meter counts.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The highest sequence among the vouchers that it took; 0 without one.
    pub fn highest(&self) -> u32 {
        self.highest.get()
    }

    /// How much it took in all, units.
    pub fn credited(&self) -> u64 {
        self.credited.get()
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<Ask>() == Ask::SIZE);
const _: () = assert!(size_of::<TerminalStatus>() == TerminalStatus::SIZE);
const _: () = assert!(size_of::<PendingUpload>() == PendingUpload::SIZE);
const _: () = assert!(size_of::<MeterCredit>() == MeterCredit::SIZE);

//! Status words, and the responses that end with them.

use core::fmt;

use super::{MAX_RESPONSE, MAX_RESPONSE_DATA};

/// How a command ended, two bytes: the status words of ISO/IEC 7816-4 that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Status {
    /// It did what it says.
    Success = 0x9000,
    /// What was to be kept could not be: the memory failed.
    MemoryFailed = 0x6581,
    /// The data have another length than the command's, or data are expected where there are none, or the reverse.
    WrongLength = 0x6700,
    /// Commands are not continued here.
    ChainingNotSupported = 0x6884,
    /// A signature does not verify, or what was signed is not for this card or terminal.
    NotAuthentic = 0x6982,
    /// Not at this time: out of order, not confirmed by the holder, or the card has nothing to sign with.
    NotNow = 0x6985,
    /// The data are not well formed.
    WrongData = 0x6a80,
    /// No such application.
    NoApplication = 0x6a82,
    /// There is no room to keep this.
    NoRoom = 0x6a84,
    /// P1 or P2 are not the command's.
    WrongParameters = 0x6a86,
    /// There is no such thing: no voucher for this meter, nothing to upload.
    NotFound = 0x6a88,
    /// No such command.
    UnknownInstruction = 0x6d00,
    /// No such class of commands.
    UnknownClass = 0x6e00,
    /// Anything else went wrong.
    Failed = 0x6f00,
}

impl Status {
    /// Every status word, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::MemoryFailed,
        Self::WrongLength,
        Self::ChainingNotSupported,
        Self::NotAuthentic,
        Self::NotNow,
        Self::WrongData,
        Self::NoApplication,
        Self::NoRoom,
        Self::WrongParameters,
        Self::NotFound,
        Self::UnknownInstruction,
        Self::UnknownClass,
        Self::Failed,
        Self::Success,
    ];

    /// The status of these two bytes; `None` for one that is not used here.
    pub fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.to_bytes() == bytes)
    }

    /// SW1 and SW2.
    pub const fn to_bytes(self) -> [u8; 2] {
        (self as u16).to_be_bytes()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Success => "done",
            Self::MemoryFailed => "the memory failed",
            Self::WrongLength => "a wrong length",
            Self::ChainingNotSupported => "commands are not continued",
            Self::NotAuthentic => "not authentic",
            Self::NotNow => "not at this time",
            Self::WrongData => "the data are not well formed",
            Self::NoApplication => "no such application",
            Self::NoRoom => "no room",
            Self::WrongParameters => "wrong parameters",
            Self::NotFound => "not there",
            Self::UnknownInstruction => "no such command",
            Self::UnknownClass => "no such class of commands",
            Self::Failed => "it failed",
        };
        write!(formatter, "{words} ({:04X})", *self as u16)
    }
}

/// A response: data and status. Only success comes with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    data: &'a [u8],
    status: Status,
}

/// Bytes that are no response of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseMalformed;

impl fmt::Display for ResponseMalformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a response: too short, too long, or with a status word that is not used here")
    }
}

impl core::error::Error for ResponseMalformed {}

impl<'a> Response<'a> {
    /// Success with these data; more than 256 bytes cannot be answered, and say that it failed.
    pub const fn of(data: &'a [u8]) -> Self {
        if data.len() <= MAX_RESPONSE_DATA {
            Self { data, status: Status::Success }
        } else {
            Self::without_data(Status::Failed)
        }
    }

    /// A status alone.
    pub const fn without_data(status: Status) -> Self {
        Self { data: &[], status }
    }

    /// Reads a response.
    ///
    /// # Errors
    /// [`ResponseMalformed`] without a known status word, with data beside one that is not success, or with more than 256
    /// bytes of them.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ResponseMalformed> {
        let (data, status) = bytes.split_last_chunk().ok_or(ResponseMalformed)?;
        let status = Status::from_bytes(*status).ok_or(ResponseMalformed)?;
        if data.len() > MAX_RESPONSE_DATA || (status != Status::Success && !data.is_empty()) {
            return Err(ResponseMalformed);
        }
        Ok(Self { data, status })
    }

    /// Writes it to the beginning of `into` and says how many bytes it has.
    pub fn write(&self, into: &mut [u8; MAX_RESPONSE]) -> usize {
        let bytes = self.data.iter().copied().chain(self.status.to_bytes());
        into.iter_mut().zip(bytes).map(|(place, byte)| *place = byte).count()
    }

    /// The data; none unless the status is success.
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// How the command ended.
    pub const fn status(&self) -> Status {
        self.status
    }
}

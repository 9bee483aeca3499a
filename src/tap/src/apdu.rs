//! Commands and responses of ISO/IEC 7816-4 in short form: what a terminal sends a card, and what is sent to a
//! terminal's service port; and the frames that carry them on a serial line.
//!
//! Every command has one encoding. Whoever answers refuses the others with a status word: `parse` gives it.

pub mod card;
mod frame;
pub mod port;
mod status;

pub use card::CardCommand;
pub use frame::{FrameReader, MAX_FRAME, MAX_FRAMED, checksum, write_frame};
pub use port::PortCommand;
pub use status::{Response, ResponseMalformed, Status};

/// The most bytes of a command: header, length, 255 bytes of data, and the length of what is expected.
pub const MAX_COMMAND: usize = 261;

/// The most bytes of a response: 256 of data and the status word.
pub const MAX_RESPONSE: usize = 258;

/// The most bytes of data in a response.
pub const MAX_RESPONSE_DATA: usize = 256;

/// The bit of CLA that says that another command continues this one.
const CHAINING: u8 = 0x10;

/// A command's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandBytes {
    bytes: [u8; MAX_COMMAND],
    length: u16,
}

impl CommandBytes {
    /// Writes a command with `data`, at most 255 bytes in all, and says whether data are expected in return.
    fn new(header: [u8; 4], data: &[&[u8]], response: Expected) -> Self {
        let length = data.iter().map(|part| part.len()).sum::<usize>();
        let length_byte = u8::try_from(length).ok().filter(|length| *length > 0);
        let expected = (response == Expected::Data).then_some(0);
        let bytes = header.into_iter().chain(length_byte).chain(data.iter().copied().flatten().copied());
        let mut command = Self { bytes: [0; MAX_COMMAND], length: 0 };
        for (place, byte) in command.bytes.iter_mut().zip(bytes.chain(expected)) {
            *place = byte;
            command.length = command.length.saturating_add(1);
        }
        command
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for CommandBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// Whether a command asks for data in return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Nothing,
    Data,
}

/// A command taken apart: what each side's own commands are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Command<'a> {
    class: u8,
    instruction: u8,
    p1: u8,
    p2: u8,
    data: &'a [u8],
    response: Expected,
}

impl<'a> Command<'a> {
    /// Takes a command apart. Its length and what is expected have one encoding here: a length that is there is not 0,
    /// and what is expected is 0, which is as much as there is.
    fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        let (&[class, instruction, p1, p2], body) = bytes.split_first_chunk().ok_or(Status::WrongLength)?;
        let (data, rest) = match body {
            [] | [0] => (&[][..], body),
            [length, rest @ ..] => rest.split_at_checked(usize::from(*length)).ok_or(Status::WrongLength)?,
        };
        let response = match (data, rest) {
            (_, []) => Expected::Nothing,
            (_, [0]) => Expected::Data,
            _ => return Err(Status::WrongLength),
        };
        if data.is_empty() && body.len() > 1 {
            return Err(Status::WrongLength);
        }
        Ok(Self { class, instruction, p1, p2, data, response })
    }

    /// Refuses other parameters than these.
    fn parameters(&self, p1: u8, p2: u8) -> Result<(), Status> {
        if (self.p1, self.p2) == (p1, p2) { Ok(()) } else { Err(Status::WrongParameters) }
    }

    /// The data, when there are exactly so many, and a response with or without data is expected as it must be.
    fn exactly<const N: usize>(&self, response: Expected) -> Result<&'a [u8; N], Status> {
        if self.response != response {
            return Err(Status::WrongLength);
        }
        self.data.try_into().map_err(|_| Status::WrongLength)
    }

    /// Refuses data, and a response other than the command has.
    fn no_data(&self, response: Expected) -> Result<(), Status> {
        self.exactly::<0>(response).map(|_| ())
    }
}

/// The first part of a structure of known sizes, and the rest.
fn cut<const FIRST: usize, const REST: usize>(bytes: &[u8]) -> Result<(&[u8; FIRST], &[u8; REST]), Status> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Status::WrongLength)?;
    Ok((first, rest.try_into().map_err(|_| Status::WrongLength)?))
}

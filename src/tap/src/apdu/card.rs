//! The commands of a terminal to a card.

use symbolon_ccks::{Signature, Subject};

use super::{CHAINING, Command, CommandBytes, Expected, Status, cut};
use crate::{Challenge, Receipt};

/// The application's identifier: proprietary (F0), then `SYMBOLON`.
pub const APPLICATION: [u8; 9] = *b"\xf0SYMBOLON";

const SELECT: [u8; 4] = [0x00, 0xa4, 0x04, 0x00];
const PRESENT: [u8; 4] = [0x80, 0x10, 0x00, 0x00];
const RECEIPT: [u8; 4] = [0x80, 0x12, 0x00, 0x00];
const VOUCHER: [u8; 4] = [0x80, 0x14, 0x00, 0x00];

/// What a terminal sends a card. The data are of the right length; whether they are well formed shows their own `parse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardCommand<'a> {
    /// Begins a tap; answered with a [`SelectResponse`](crate::SelectResponse), 20 bytes.
    Select,
    /// Asks for a presentation; answered with it, 159 bytes.
    Present {
        /// The [`Challenge`].
        challenge: &'a [u8; Challenge::SIZE],
    },
    /// Gives the receipt of the tap; answered without data.
    Receipt {
        /// The [`Receipt`].
        receipt: &'a [u8; Receipt::SIZE],
        /// The terminal's signature over it.
        signature: &'a [u8; Signature::SIZE],
    },
    /// Asks for a voucher; answered with a [`SignedVoucher`](crate::voucher::SignedVoucher), 109 bytes, or
    /// [`Status::NotFound`].
    Voucher {
        /// The subject of the meter that asks.
        meter: Subject,
    },
}

impl<'a> CardCommand<'a> {
    /// Reads a command.
    ///
    /// # Errors
    /// The [`Status`] to answer: for one that is to be continued, of another class, unknown, with other parameters, or
    /// with data of another length, in this order; [`Status::NoApplication`] when another application is selected.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        let command = Command::parse(bytes)?;
        let class = command.class;
        if class & CHAINING != 0 {
            return Err(Status::ChainingNotSupported);
        }
        match [class, command.instruction] {
            [0x00, 0xa4] => {
                let [_, _, p1, p2] = SELECT;
                command.parameters(p1, p2)?;
                if command.data == APPLICATION && command.response == Expected::Data {
                    Ok(Self::Select)
                } else if command.data == APPLICATION {
                    Err(Status::WrongLength)
                } else {
                    Err(Status::NoApplication)
                }
            }
            [0x80, 0x10] => {
                command.parameters(0, 0)?;
                Ok(Self::Present { challenge: command.exactly(Expected::Data)? })
            }
            [0x80, 0x12] => {
                command.parameters(0, 0)?;
                let data = command.exactly::<{ Receipt::SIZE + Signature::SIZE }>(Expected::Nothing)?;
                let (receipt, signature) = cut(data)?;
                Ok(Self::Receipt { receipt, signature })
            }
            [0x80, 0x14] => {
                command.parameters(0, 0)?;
                Ok(Self::Voucher { meter: Subject::from_bytes(*command.exactly(Expected::Data)?) })
            }
            [0x00 | 0x80, _] => Err(Status::UnknownInstruction),
            _ => Err(Status::UnknownClass),
        }
    }

    /// Writes the command.
    pub fn encode(&self) -> CommandBytes {
        match self {
            Self::Select => CommandBytes::new(SELECT, &[&APPLICATION], Expected::Data),
            Self::Present { challenge } => CommandBytes::new(PRESENT, &[*challenge], Expected::Data),
            Self::Receipt { receipt, signature } => {
                CommandBytes::new(RECEIPT, &[*receipt, *signature], Expected::Nothing)
            }
            Self::Voucher { meter } => CommandBytes::new(VOUCHER, &[meter.as_bytes()], Expected::Data),
        }
    }
}

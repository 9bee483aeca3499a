//! The terminal's service port: where it is asked, by whoever maintains it, for its state and its uploads, and is
//! brought acknowledgements, trust bundles, authorities and the time.
//!
//! The port trusts nobody. What it is brought is signed by the authority and verified before it counts, but for two
//! things: the time, which is never set before the latest that the authority has signed, and what the next tap asks for.
//! So a stranger at the port can read what the terminal is going to upload, have it ask cards for something else, load
//! bytes that are refused, or set its clock ahead until it declines everybody and says that its clock is wrong. It cannot
//! take a tap back or make one up, free the journal, credit a meter, unrevoke a card, have an older bundle believed, or
//! bring an authority that the present one did not name. Whoever cannot bear the former keeps the port behind a door.

mod answers;
mod loading;

use rand_core::CryptoRng;
use symbolon_ccks::{Suite, Time};
use symbolon_tap::apdu::{MAX_RESPONSE, PortCommand, Response, Status};

use crate::flash::{DeviceFlash, FlashStore};
use crate::reader::Wanted;
use crate::{Clock, Terminal};

/// The most taps that one upload from the port has.
pub const MOST_UPLOADED: u16 = 1_024;

/// A clock that can be set.
pub trait SettableClock: Clock {
    /// Sets it.
    ///
    /// # Errors
    /// [`ClockNotSet`] when the device does not let it be set.
    fn set(&mut self, now: Time) -> Result<(), ClockNotSet>;
}

/// The device's clock was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockNotSet;

/// The service port: what it has to remember from one command to the next.
#[derive(Debug, Default)]
pub struct Port {
    wanted: Option<Wanted>,
    /// The id of the authority whose bundle is being loaded, as its first piece says it.
    bundle_of: Option<[u8; 32]>,
}

/// What a command is answered with.
enum Reply {
    /// Success without data.
    Done,
    /// Success with the first so many bytes of the answer.
    Data(usize),
}

impl Port {
    /// The longest answer: 256 bytes and a status word.
    pub const MOST: usize = MAX_RESPONSE;

    /// Nothing asked yet.
    pub const fn new() -> Self {
        Self { wanted: None, bundle_of: None }
    }

    /// What the next tap is to ask for, if the port was told so since this was called last.
    pub fn take_wanted(&mut self) -> Option<Wanted> {
        self.wanted.take()
    }

    /// Answers a command, whatever it is: writes the answer to the beginning of `response` and gives its length. Between
    /// two taps or in the middle of one.
    pub fn handle<'a, S: Suite, C: SettableClock, R: CryptoRng, F: DeviceFlash>(
        &mut self,
        terminal: &mut Terminal<'a, S, C, R, FlashStore<'a, F>>,
        command: &[u8],
        response: &mut [u8; Self::MOST],
    ) -> usize {
        let mut data = [0; 256];
        let reply = PortCommand::parse(command).and_then(|command| self.answer(terminal, &command, &mut data));
        match reply {
            Ok(Reply::Done) => Response::of(&[]).write(response),
            Ok(Reply::Data(length)) => Response::of(data.get(..length).unwrap_or_default()).write(response),
            Err(status) => Response::without_data(status).write(response),
        }
    }

    fn answer<'a, S: Suite, C: SettableClock, R: CryptoRng, F: DeviceFlash>(
        &mut self,
        terminal: &mut Terminal<'a, S, C, R, FlashStore<'a, F>>,
        command: &PortCommand<'_>,
        data: &mut [u8; 256],
    ) -> Result<Reply, Status> {
        match *command {
            PortCommand::Status => terminal.status().map(|status| put(data, status.as_bytes())),
            PortCommand::Meter => terminal.meter_credit().map(|credit| put(data, credit.as_bytes())),
            PortCommand::SetTime(time) => terminal.set_clock(time),
            PortCommand::WhichUpload => terminal.which_upload().map(|pending| put(data, pending.as_bytes())),
            PortCommand::ReadUpload(block) => terminal.read_upload(block, data),
            PortCommand::Acknowledge { acknowledgement, signature } => {
                terminal.take_acknowledgement(acknowledgement, signature)
            }
            PortCommand::BeginBundle { parts } => {
                self.bundle_of = None;
                terminal.begin_bundle(parts)
            }
            PortCommand::WriteBundle(piece) => {
                if piece.offset() == 0 {
                    self.bundle_of = loading::authority_of(piece.bytes());
                }
                terminal.write_bundle(&piece)
            }
            PortCommand::FinishBundle => terminal.finish_bundle(self.bundle_of.take()),
            PortCommand::BeginAuthority { successor } => terminal.begin_authority(successor),
            PortCommand::WriteAuthority(piece) => terminal.write_authority(&piece),
            PortCommand::FinishAuthority => terminal.finish_authority(),
            PortCommand::DropAuthority => terminal.drop_authority(),
            PortCommand::Ask(ask) => {
                self.wanted = Some(terminal.check_ask(&ask)?);
                Ok(Reply::Done)
            }
        }
    }
}

/// Puts an answer's data in place.
fn put<const N: usize>(data: &mut [u8; 256], bytes: &[u8; N]) -> Reply {
    Reply::Data(data.iter_mut().zip(bytes).map(|(place, byte)| *place = *byte).count())
}

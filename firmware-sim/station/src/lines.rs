//! Frames on the serial lines.

use board::uart::Uart;
use symbolon_tap::apdu::{FrameReader, MAX_FRAME, MAX_FRAMED, write_frame};

/// How long a line may be quiet in the middle of a frame: then what came is the beginning of none.
const QUIET_MILLISECONDS: u64 = 50;

/// A serial line that carries frames.
pub(crate) struct Line {
    uart: Uart,
    frames: FrameReader,
    /// When a byte came last, while a frame is open.
    last_byte: Option<u64>,
}

impl Line {
    pub(crate) fn start(uart: Uart) -> Self {
        uart.start();
        Self { uart, frames: FrameReader::new(), last_byte: None }
    }

    /// Sends these bytes in a frame.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut frame = [0; MAX_FRAMED];
        let length = write_frame(bytes, &mut frame).unwrap_or_default();
        self.uart.write(frame.get(..length).unwrap_or_default());
    }

    /// The next frame that came: writes what it carries to `into` and says how long that is.
    pub(crate) fn receive(&mut self, into: &mut [u8; MAX_FRAME], now_milliseconds: u64) -> Option<usize> {
        loop {
            if let Some(length) = self.frames.take(into) {
                return Some(length);
            }
            match self.uart.read() {
                Some(byte) => {
                    self.frames.push(byte);
                    self.last_byte = Some(now_milliseconds);
                }
                None if self.is_quiet(now_milliseconds) => {
                    self.frames.silence();
                    self.last_byte = None;
                }
                None => return None,
            }
        }
    }

    /// When the line has been quiet for too long, if a frame is open.
    pub(crate) fn deadline_milliseconds(&self) -> Option<u64> {
        self.last_byte.map(|last| last.saturating_add(QUIET_MILLISECONDS))
    }

    fn is_quiet(&self, now_milliseconds: u64) -> bool {
        self.deadline_milliseconds().is_some_and(|deadline| now_milliseconds >= deadline)
    }
}

//! A line to the emulated terminal: frames over a socket.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use std::vec::Vec;

use symbolon_tap::apdu::{FrameReader, MAX_FRAME, MAX_FRAMED, write_frame};

/// How long a line may be quiet in the middle of a frame: then what came is the beginning of none.
const QUIET: Duration = Duration::from_millis(100);

/// The shortest look at a line.
const GLANCE: Duration = Duration::from_millis(1);

/// One end of a line.
#[derive(Debug)]
pub struct Line {
    stream: UnixStream,
    frames: FrameReader,
    read: Vec<u8>,
}

impl Line {
    /// Speaks frames over a socket.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, frames: FrameReader::new(), read: Vec::new() }
    }

    /// Sends bytes in a frame.
    ///
    /// # Errors
    /// When the line is broken, or the bytes do not fit into a frame.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut frame = [0; MAX_FRAMED];
        let length = write_frame(bytes, &mut frame);
        let frame = length.and_then(|length| frame.get(..length)).ok_or(ErrorKind::InvalidInput)?;
        self.send_raw(frame)
    }

    /// Sends bytes as they are, whether they are a frame or not.
    ///
    /// # Errors
    /// When the line is broken.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// What the next frame carries; `None` when none came in time.
    ///
    /// # Errors
    /// When the line is broken or closed.
    pub fn receive(&mut self, patience: Duration) -> io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(carried) = self.next_frame() {
                return Ok(Some(carried));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // At least a look, however little time there is.
            self.stream.set_read_timeout(Some(left.clamp(GLANCE, QUIET)))?;
            let mut bytes = [0; 1024];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.read.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if left >= QUIET {
                        self.frames.silence();
                    }
                    if left <= QUIET {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a command and waits for what is answered.
    ///
    /// # Errors
    /// When the line is broken, or nothing came in time.
    pub fn ask(&mut self, command: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
        self.send(command)?;
        self.receive(patience)?.ok_or_else(|| ErrorKind::TimedOut.into())
    }

    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let mut carried = [0; MAX_FRAME];
        let mut taken = 0;
        let mut length = self.frames.take(&mut carried);
        for byte in &self.read {
            if length.is_some() {
                break;
            }
            taken += 1;
            self.frames.push(*byte);
            length = self.frames.take(&mut carried);
        }
        self.read.drain(..taken);
        carried.get(..length?).map(<[u8]>::to_vec)
    }
}

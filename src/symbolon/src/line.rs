//! A serial line to a reader or a terminal: the emulated firmware's, or a real one behind a socket.
//!
//! What travels on it are frames, each with its length and a checksum, as docs/wire-format.md has them.

use anyhow::{Context, Result, bail};
use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};
use symbolon_tap::apdu::{FrameReader, MAX_FRAME, MAX_FRAMED, write_frame};

/// Where a line ends: `tcp:HOST:PORT` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineAddress {
    /// A TCP port.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FromStr for LineAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_kind = |kind| text.strip_prefix(kind).filter(|rest: &&str| !rest.is_empty());
        match (of_kind("tcp:"), of_kind("unix:")) {
            (Some(address), _) if address.contains(':') => Ok(Self::Tcp(address.to_owned())),
            (_, Some(path)) => Ok(Self::Unix(path.into())),
            _ => Err("use tcp:HOST:PORT or unix:PATH"),
        }
    }
}

/// The streams that a line is made of.
trait Stream: Read + Write {
    fn set_patience(&self, patience: Duration) -> std::io::Result<()>;
}

impl Stream for TcpStream {
    fn set_patience(&self, patience: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

impl Stream for UnixStream {
    fn set_patience(&self, patience: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

/// An open line.
pub(crate) struct Line {
    stream: Box<dyn Stream>,
    frames: FrameReader,
    /// What was read and not yet looked at.
    waiting: VecDeque<u8>,
}

impl Line {
    /// Opens the line.
    pub(crate) fn open(address: &LineAddress) -> Result<Self> {
        let stream: Box<dyn Stream> = match address {
            LineAddress::Tcp(address) => {
                let stream = TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
                // A command is a few bytes that somebody waits for.
                stream.set_nodelay(true).context("cannot set up the connection")?;
                Box::new(stream)
            }
            LineAddress::Unix(path) => {
                Box::new(UnixStream::connect(path).with_context(|| format!("cannot reach {}", path.display()))?)
            }
        };
        Ok(Self::over(stream))
    }

    /// A line over a socket that is open already.
    pub(crate) fn over_socket(stream: UnixStream) -> Self {
        Self::over(Box::new(stream))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        Self { stream, frames: FrameReader::new(), waiting: VecDeque::new() }
    }

    /// Sends bytes in a frame.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let mut frame = [0; MAX_FRAMED];
        let length = write_frame(bytes, &mut frame).context("the bytes do not fit into a frame")?;
        let frame = frame.get(..length).unwrap_or_default();
        self.stream.write_all(frame).and_then(|()| self.stream.flush()).context("the line is broken")
    }

    /// The content of the next frame; `None` when none came in time.
    pub(crate) fn receive(&mut self, patience: Duration) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(content) = self.next_frame() {
                return Ok(Some(content));
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Ok(None);
            };
            self.stream.set_patience(left).context("cannot set up the connection")?;
            let mut bytes = [0; 512];
            match self.stream.read(&mut bytes) {
                Ok(0) => bail!("the other end closed the line"),
                Ok(count) => self.waiting.extend(bytes.iter().take(count)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the line is broken"),
            }
        }
    }
}

impl Line {
    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let mut content = [0; MAX_FRAME];
        loop {
            if let Some(length) = self.frames.take(&mut content) {
                return content.get(..length).map(<[u8]>::to_vec);
            }
            self.frames.push(self.waiting.pop_front()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_of_what_kind_it_is() {
        assert_eq!("tcp:localhost:7".parse(), Ok(LineAddress::Tcp("localhost:7".to_owned())));
        assert_eq!("unix:/a:b".parse(), Ok(LineAddress::Unix("/a:b".into())));
        for wrong in ["", "tcp:", "tcp:localhost", "unix:", "localhost:7", "udp:localhost:7"] {
            assert!(wrong.parse::<LineAddress>().is_err(), "{wrong}");
        }
    }
}

//! Names of authorities and institutions.

use crate::Malformed;
use core::{fmt, str::FromStr};

/// A name of 1 to 63 characters out of `a-z`, `0-9`, `-` and `.`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The length in the first byte, then the ASCII bytes; the rest is zero, so that comparing compares names.
    bytes: [u8; 1 + Name::MAXIMUM_LENGTH],
}

impl Name {
    /// The most characters a name has.
    pub const MAXIMUM_LENGTH: usize = 63;

    /// Takes the characters of a name.
    ///
    /// # Errors
    /// [`Malformed`] when it is empty, too long, or has a character that names do not have.
    pub fn parse(characters: impl AsRef<[u8]>) -> Result<Self, Malformed> {
        let characters = characters.as_ref();
        if characters.is_empty() {
            return Err(Malformed::new("name", "empty"));
        }
        if !characters.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')) {
            return Err(Malformed::new("name", "a character other than a-z, 0-9, '-' and '.'"));
        }
        let mut bytes = [0; 1 + Self::MAXIMUM_LENGTH];
        let room = bytes.get_mut(1..=characters.len()).ok_or(Malformed::new("name", "longer than 63 characters"))?;
        room.iter_mut().zip(characters).for_each(|(place, character)| *place = *character);
        bytes[0] = characters.len() as u8;
        Ok(Self { bytes })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_ascii()).unwrap_or_default()
    }

    /// The ASCII bytes alone.
    pub fn as_ascii(&self) -> &[u8] {
        self.encoded().get(1..).unwrap_or_default()
    }

    /// The length in one byte, then the ASCII bytes: how a name travels and is hashed.
    pub fn encoded(&self) -> &[u8] {
        self.bytes.get(..=usize::from(self.bytes[0])).unwrap_or_default()
    }
}

impl FromStr for Name {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Name({})", self.as_str())
    }
}

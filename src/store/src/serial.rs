//! How records are written where a whole one is kept as an answer: byte strings as hex, times as seconds.

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
use symbolon_ccks::{Credential, Name, Period, Sectors, Subject, Time};

/// A value that is written as text or a number.
pub(crate) trait Written: Sized {
    /// The text of the value.
    fn written(&self) -> String;
    /// The value of the text.
    fn read(text: &str) -> Option<Self>;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

impl<const N: usize> Written for [u8; N] {
    fn written(&self) -> String {
        hex(self)
    }
    fn read(text: &str) -> Option<Self> {
        unhex(text)?.try_into().ok()
    }
}

impl Written for Subject {
    fn written(&self) -> String {
        hex(self.as_bytes())
    }
    fn read(text: &str) -> Option<Self> {
        <[u8; 16]>::read(text).map(Self::from_bytes)
    }
}

impl Written for Credential {
    fn written(&self) -> String {
        hex(self.as_bytes())
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(&unhex(text)?).ok().copied()
    }
}

impl Written for Name {
    fn written(&self) -> String {
        self.as_str().to_owned()
    }
    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Written for Time {
    fn written(&self) -> String {
        self.seconds().to_string()
    }
    fn read(text: &str) -> Option<Self> {
        Self::new(text.parse().ok()?).ok()
    }
}

impl Written for Period {
    fn written(&self) -> String {
        self.number().to_string()
    }
    fn read(text: &str) -> Option<Self> {
        Self::new(text.parse().ok()?).ok()
    }
}

impl Written for Sectors {
    fn written(&self) -> String {
        self.bits().to_string()
    }
    fn read(text: &str) -> Option<Self> {
        Self::new(text.parse().ok()?).ok()
    }
}

/// `#[serde(with = "serial::plain")]` for a [`Written`] value.
pub(crate) mod plain {
    use super::*;

    pub(crate) fn serialize<T: Written, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.written())
    }

    pub(crate) fn deserialize<'de, T: Written, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::read(&text).ok_or_else(|| D::Error::custom("not a value of its kind"))
    }
}

/// `#[serde(with = "serial::option")]` for a [`Written`] value that may be absent.
pub(crate) mod option {
    use super::*;

    pub(crate) fn serialize<T: Written, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_some(&value.written()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Written, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        T::read(&text).map(Some).ok_or_else(|| D::Error::custom("not a value of its kind"))
    }
}

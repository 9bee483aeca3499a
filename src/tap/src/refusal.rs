//! Why something is not signed.

use core::fmt;

use symbolon_ccks::SignError;

/// Why a message of this crate was not signed. Nothing left the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignRefused {
    /// The key does not sign this, for instance since it is of another class.
    Key(SignError),
    /// The terms are those of a code shown on a screen, which no tap has.
    ScreenCode,
    /// The terminal digest is 32 zero bytes, which no tap has.
    NoTerminal,
    /// An upload of no record or of more than [`MAX_RECORDS`](crate::MAX_RECORDS), or with hints for others.
    RecordCount,
    /// The fields do not go together: their own `parse` would refuse them.
    Fields,
}

impl SignRefused {
    /// For a key that belongs to no credential where a credential goes into the message.
    pub(crate) const NO_CREDENTIAL: Self = Self::Key(SignError::WrongSigner);
}

impl From<SignError> for SignRefused {
    fn from(error: SignError) -> Self {
        Self::Key(error)
    }
}

impl fmt::Display for SignRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(formatter),
            Self::ScreenCode => formatter.write_str("the terms are those of a screen code"),
            Self::NoTerminal => formatter.write_str("no terminal is named"),
            Self::RecordCount => formatter.write_str("an upload has 1 to 8192 records, and a hint for each or none"),
            Self::Fields => formatter.write_str("the fields do not go together"),
        }
    }
}

impl core::error::Error for SignRefused {}

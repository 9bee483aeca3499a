//! Resource names, as the Google AIPs shape them: `cards/{card}`.

use crate::InvalidField;
use std::fmt;
use symbolon_ccks::{Name, Subject};

/// Reads exactly `2 * N` lower-case hex digits.
fn lower_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn write_hex(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

/// An identifier that only the service understands. It may have a name of 63 characters within.
fn opaque(text: &str) -> Option<String> {
    let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    ((1..=128).contains(&text.len()) && text.bytes().all(legal)).then(|| text.to_owned())
}

/// Declares one kind of resource name: its pattern, what it holds, how that is read and written.
macro_rules! resource_name {
    ($(#[$documentation:meta])* $type:ident($inner:ty), $collection:literal, $shape:literal, $parse:expr, $write:expr) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type($inner);

        impl $type {
            /// Names the resource with this identifier.
            pub const fn new(identifier: $inner) -> Self {
                Self(identifier)
            }

            /// Reads the name out of a request's field.
            ///
            /// # Errors
            /// [`InvalidField`] naming `field` when the name is not of the documented shape.
            pub fn parse(field: &'static str, name: &str) -> Result<Self, InvalidField> {
                let parse: fn(&str) -> Option<$inner> = $parse;
                name.strip_prefix(concat!($collection, "/"))
                    .and_then(parse)
                    .map(Self)
                    .ok_or_else(|| InvalidField::new(field, concat!("not of the form ", $collection, "/", $shape)))
            }

            /// The identifier alone.
            pub const fn identifier(&self) -> &$inner {
                &self.0
            }

            /// The identifier alone, by value.
            pub fn into_identifier(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!($collection, "/"))?;
                let write: fn(&mut fmt::Formatter<'_>, &$inner) -> fmt::Result = $write;
                write(formatter, &self.0)
            }
        }
    };
}

resource_name!(
    /// `cards/{card number in 32 lower-case hex digits}`
    CardName(Subject),
    "cards",
    "{32 lower-case hex digits}",
    |text| lower_hex(text).map(Subject::from_bytes),
    |formatter, subject| write_hex(formatter, subject.as_bytes())
);
resource_name!(
    /// `terminals/{subject in 32 lower-case hex digits}`
    TerminalName(Subject),
    "terminals",
    "{32 lower-case hex digits}",
    |text| lower_hex(text).map(Subject::from_bytes),
    |formatter, subject| write_hex(formatter, subject.as_bytes())
);
resource_name!(
    /// `operators/{name}`
    OperatorName(Name),
    "operators",
    "{1 to 63 of a-z 0-9 - .}",
    |text| Name::parse(text).ok(),
    |formatter, name| formatter.write_str(name.as_str())
);
resource_name!(
    /// `issuers/{name}`
    IssuerName(Name),
    "issuers",
    "{1 to 63 of a-z 0-9 - .}",
    |text| Name::parse(text).ok(),
    |formatter, name| formatter.write_str(name.as_str())
);
resource_name!(
    /// `accounts/{opaque}`
    AccountName(String),
    "accounts",
    "{1 to 128 of a-z 0-9 - .}",
    opaque,
    |formatter, identifier| formatter.write_str(identifier)
);
resource_name!(
    /// `uploads/{SHA-256 of the upload in 64 lower-case hex digits}`
    UploadName([u8; 32]),
    "uploads",
    "{64 lower-case hex digits}",
    lower_hex,
    |formatter, digest| write_hex(formatter, digest)
);
resource_name!(
    /// `records/{opaque}`
    RecordName(String),
    "records",
    "{1 to 128 of a-z 0-9 - .}",
    opaque,
    |formatter, identifier| formatter.write_str(identifier)
);
resource_name!(
    /// `misuseProofs/{opaque}`
    MisuseProofName(String),
    "misuseProofs",
    "{1 to 128 of a-z 0-9 - .}",
    opaque,
    |formatter, identifier| formatter.write_str(identifier)
);

/// `accounts/{account}/entries/{entry}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName {
    account: AccountName,
    entry: String,
}

impl EntryName {
    /// Names the entry of an account.
    pub fn new(account: AccountName, entry: String) -> Self {
        Self { account, entry }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/entries/{}", self.account, self.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_card_name_is_exactly_32_lower_case_hex_digits() {
        let name = "cards/00112233445566778899aabbccddeeff";
        assert_eq!(CardName::parse("name", name).unwrap().to_string(), name);
        for wrong in [
            "",
            "cards/",
            "cards",
            "00112233445566778899aabbccddeeff",
            "cards/00112233445566778899AABBCCDDEEFF",
            "cards/00112233445566778899aabbccddeef",
            "cards/00112233445566778899aabbccddeeff0",
            "cards/00112233445566778899aabbccddeeff/",
            "cards//0112233445566778899aabbccddeeff",
            "terminals/00112233445566778899aabbccddeeff",
            "cards/0x112233445566778899aabbccddeeff",
            "cards/\u{e9}0112233445566778899aabbccddeef",
        ] {
            let refused = CardName::parse("name", wrong).unwrap_err();
            assert_eq!(refused.field(), "name");
            assert_eq!(refused.problem(), "not of the form cards/{32 lower-case hex digits}");
        }
    }

    #[test]
    fn opaque_identifiers_have_a_small_alphabet() {
        assert!(AccountName::parse("name", "accounts/holder-1").is_ok());
        for wrong in ["accounts/", "accounts/A", "accounts/a/entries/b", "accounts/-", "accounts/a b"] {
            let parsed = AccountName::parse("name", wrong);
            assert_eq!(parsed.is_ok(), wrong == "accounts/-", "{wrong}");
        }
        assert!(AccountName::parse("name", &format!("accounts/{}", "a".repeat(128))).is_ok());
        assert!(AccountName::parse("name", &format!("accounts/{}", "a".repeat(129))).is_err());
    }

    proptest! {
        #[test]
        fn names_read_back(digest: [u8; 32], subject: [u8; 16]) {
            let upload = UploadName::new(digest);
            prop_assert_eq!(UploadName::parse("name", &upload.to_string()).unwrap(), upload);
            let terminal = TerminalName::new(Subject::from_bytes(subject));
            prop_assert_eq!(TerminalName::parse("name", &terminal.to_string()).unwrap(), terminal);
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = CardName::parse("name", &text);
            let _ = UploadName::parse("name", &format!("uploads/{text}"));
            let _ = OperatorName::parse("name", &format!("operators/{text}"));
        }
    }
}

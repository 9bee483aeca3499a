//! Activation codes: what an issuer hands out once, for a holder to trade for a credential.
//!
//! A code is 24 characters of base 32 in groups of four: 40 bits by which it is found, and 80 secret ones. It is computed
//! from the subject and a stored salt under a key that follows from the authority's secret, so that a retried request
//! can be given the same code again while the database holds nothing but its keyed hash.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use symbolon_ccks::{Class, Subject, Time};
use symbolon_store::records::{ActivationCodeRecord, CodeLocator};
use zeroize::Zeroizing;

use crate::Request;

/// Crockford's base 32: no I, L, O or U, which are misread or misspell.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Bytes of a code: the locator's 5 and the secret 10.
const CODE_BYTES: usize = 15;

/// Characters of a code without its hyphens.
const CODE_CHARACTERS: usize = CODE_BYTES * 8 / 5;

/// What activation codes are made and hashed with.
#[derive(Clone)]
pub struct ActivationKey(Arc<Zeroizing<[u8; 32]>>);

impl ActivationKey {
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(Arc::new(key))
    }

    fn mac(&self, label: &[u8], parts: [&[u8]; 2]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes keys of every length");
        mac.update(label);
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// The handle of the account that a request opens: random to everybody else, and the same when it comes again.
    pub(crate) fn account_handle(&self, request: &Request) -> [u8; 16] {
        let mut parts = Sha256::new();
        for part in [request.key.principal.as_bytes(), request.key.method.as_bytes()] {
            parts.update((part.len() as u64).to_be_bytes());
            parts.update(part);
        }
        let parts: [u8; 32] = parts.chain_update(request.key.id).finalize().into();
        let mut handle = [0; 16];
        handle.copy_from_slice(&self.mac(b"account", [&parts, &request.digest])[..16]);
        handle
    }

    /// The code of a subject and a salt.
    pub(crate) fn code(&self, subject: &Subject, salt: &[u8; 16]) -> ActivationCode {
        let mac = Zeroizing::new(self.mac(b"code", [subject.as_bytes(), salt]));
        let mut bytes = Zeroizing::new([0; CODE_BYTES]);
        bytes.copy_from_slice(&mac[..CODE_BYTES]);
        ActivationCode { bytes }
    }

    /// What is stored of a code.
    pub(crate) fn record(
        &self,
        code: &ActivationCode,
        subject: Subject,
        class: Class,
        expires: Time,
    ) -> ActivationCodeRecord {
        ActivationCodeRecord {
            locator: code.locator(),
            subject,
            class,
            hash: self.hash(code),
            expires,
            failed_attempts: 0,
            used: None,
        }
    }

    /// Whether a stored hash is that of `code`.
    pub(crate) fn matches(&self, record: &ActivationCodeRecord, code: &ActivationCode) -> bool {
        self.hash(code).ct_eq(&record.hash).into()
    }

    fn hash(&self, code: &ActivationCode) -> [u8; 32] {
        self.mac(b"hash", [code.bytes.as_slice(), &[]])
    }
}

impl fmt::Debug for ActivationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ActivationKey(..)")
    }
}

/// A one-time activation code. Debugging shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ActivationCode {
    bytes: Zeroizing<[u8; CODE_BYTES]>,
}

impl ActivationCode {
    /// Reads a code as a person types it: case, hyphens and spaces do not matter, O is 0, I and L are 1.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; CODE_BYTES]);
        let mut characters = 0;
        for character in text.bytes().filter(|character| !matches!(character, b'-' | b' ')) {
            let canonical = match character.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            };
            let value = ALPHABET.iter().position(|letter| *letter == canonical)?;
            for bit in 0..5 {
                let place = characters * 5 + bit;
                *bytes.get_mut(place / 8)? |= ((value >> (4 - bit) & 1) as u8) << (7 - place % 8);
            }
            characters += 1;
        }
        (characters == CODE_CHARACTERS).then_some(Self { bytes })
    }

    /// The code as a person reads it, `XXXX-XXXX-XXXX-XXXX-XXXX-XXXX`; for the answer to who asked for it alone.
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CODE_CHARACTERS + CODE_CHARACTERS / 4));
        for character in 0..CODE_CHARACTERS {
            if character > 0 && character % 4 == 0 {
                text.push('-');
            }
            let value = (character * 5..character * 5 + 5)
                .fold(0, |value, place| value << 1 | usize::from(self.bytes[place / 8] >> (7 - place % 8) & 1));
            text.push(char::from(ALPHABET[value]));
        }
        text
    }

    /// The part that finds it.
    pub(crate) fn locator(&self) -> CodeLocator {
        let [locator @ .., _, _, _, _, _, _, _, _, _, _] = *self.bytes;
        locator
    }
}

impl fmt::Debug for ActivationCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ActivationCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ActivationKey {
        ActivationKey::new(Zeroizing::new([7; 32]))
    }

    #[test]
    fn a_code_reads_back_however_it_is_typed() {
        let code = key().code(&Subject::from_bytes([1; 16]), &[2; 16]);
        let text = code.expose();
        assert_eq!(text.len(), 29);
        assert_eq!(ActivationCode::parse(&text).as_ref(), Some(&code));
        assert_eq!(ActivationCode::parse(&text.to_lowercase().replace('-', " ")), Some(code.clone()));
        let misread = text.replace('0', "o").replace('1', "l");
        assert_eq!(ActivationCode::parse(&misread), Some(code));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in [
            "",
            "0000",
            "0000-0000-0000-0000-0000-000",
            "0000-0000-0000-0000-0000-000U",
            "0000-0000-0000-0000-0000-0000-0",
        ] {
            assert_eq!(ActivationCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn codes_differ_by_subject_and_by_salt_and_their_hashes_by_code() {
        let key = key();
        let subject = Subject::from_bytes([1; 16]);
        let code = key.code(&subject, &[2; 16]);
        let other = key.code(&subject, &[3; 16]);
        assert_ne!(code, other);
        assert_ne!(code, key.code(&Subject::from_bytes([2; 16]), &[2; 16]));
        let record = key.record(&code, subject, Class::Card, Time::new(9).unwrap());
        assert!(key.matches(&record, &code));
        assert!(!key.matches(&record, &other));
    }

    #[test]
    fn debugging_a_code_shows_nothing_of_it() {
        let code = key().code(&Subject::from_bytes([1; 16]), &[2; 16]);
        assert_eq!(format!("{code:?} {:?}", key()), "ActivationCode(..) ActivationKey(..)");
    }
}

//! Between what is in a column and what it means, whatever the database.

use symbolon_ccks::{Credential, CredentialDigest, Identity, Name, Period, Sectors, Signature, Subject, Time};

use crate::StoreError;

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

pub(crate) fn damaged(column: &str) -> StoreError {
    StoreError::Corrupt(format!("column {column} does not hold what it should"))
}

/// The member of a closed list that is numbered so.
pub(crate) fn numbered<T: Copy, const N: usize>(all: [T; N], number: impl Fn(T) -> u8, wanted: u8) -> Option<T> {
    all.into_iter().find(|member| number(*member) == wanted)
}

/// A row number or sequence as databases count.
pub(crate) fn counted(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Full("a number above 2^63".to_owned()))
}

pub(crate) fn seconds(time: Time) -> i64 {
    // Times are below 2^40.
    time.seconds() as i64
}

pub(crate) fn time(seconds: i64) -> Option<Time> {
    Time::new(u64::try_from(seconds).ok()?).ok()
}

pub(crate) fn name(text: String) -> Option<Name> {
    Name::parse(text).ok()
}

pub(crate) fn subject(bytes: [u8; 16]) -> Option<Subject> {
    Some(Subject::from_bytes(bytes))
}

pub(crate) fn digest(bytes: [u8; 32]) -> Option<CredentialDigest> {
    Some(CredentialDigest::from_bytes(bytes))
}

pub(crate) fn sectors(bits: u8) -> Option<Sectors> {
    Sectors::new(bits).ok()
}

pub(crate) fn identity<const N: usize>(bytes: [u8; N]) -> Option<Identity> {
    Identity::parse(&bytes).ok().copied()
}

pub(crate) fn credential<const N: usize>(bytes: [u8; N]) -> Option<Credential> {
    Credential::parse(&bytes).ok().copied()
}

pub(crate) fn signature<const N: usize>(bytes: [u8; N]) -> Option<Signature> {
    Signature::parse(&bytes).ok().copied()
}

pub(crate) fn period(number: u32) -> Option<Period> {
    Period::new(number).ok()
}

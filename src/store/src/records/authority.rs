//! Institutions, bundles, and answered requests.

use symbolon_ccks::{Name, Time};

/// An institution whose key was derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstitutionRecord {
    /// From 1; the authority's own name is the first.
    pub ordinal: u8,
    /// Its name.
    pub name: Name,
    /// When its key was first derived.
    pub derived: Time,
}

/// A trust bundle as it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRecord {
    /// Rises strictly.
    pub sequence: u64,
    /// The revision of the revocations that it tells.
    pub revision: u64,
    /// When it was issued.
    pub issued: Time,
    /// Until when it may be relied on.
    pub valid_until: Time,
    /// Header, signature and body.
    pub bytes: Vec<u8>,
}

/// One part of a trust bundle's compact form, as it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundlePartRecord {
    /// That of the bundle.
    pub sequence: u64,
    /// Which, counted from 0.
    pub part: u16,
    /// How many there are.
    pub parts: u16,
    /// Until when it may be relied on.
    pub valid_until: Time,
    /// Header, signature and body.
    pub bytes: Vec<u8>,
}

/// 16 bytes that a caller chose for one request.
pub type RequestId = [u8; 16];

/// Which request of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The caller, as it was authenticated.
    pub principal: String,
    /// The method called.
    pub method: &'static str,
    /// The caller's identifier of the request.
    pub id: RequestId,
}

/// A request that took effect, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Which request of whom.
    pub key: RequestKey,
    /// SHA-256 of what was asked.
    pub digest: [u8; 32],
    /// What was answered.
    pub answer: Vec<u8>,
    /// When.
    pub time: Time,
}

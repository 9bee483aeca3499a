//! Leases.

/// Who holds a lease: 16 bytes that a process drew when it started.
pub type LeaseHolder = [u8; 16];

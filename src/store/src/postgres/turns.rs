//! Whose turn it is with a holder's credential: units of work about the same one go one after another, others side by side.
//!
//! A unit begins by taking the row of `spending` of each of its credentials, in the order of their digests, so that two
//! never wait for each other. It runs READ COMMITTED: what it looks at after that is at least as new as what it waited
//! for, and nothing of these credentials changes until it has committed. Nothing of it is ever taken back because of
//! others; SERIALIZABLE would take back nearly every one of two units that read and write a thousand random places of
//! an index.

use symbolon_ccks::CredentialDigest;

use super::{
    session::{Connected, Failure},
    values::Value,
};

/// The row is written, not only locked: a unit that looked at it before and means to write it is run again then, at
/// whichever level it runs.
const TAKE: &str = "INSERT INTO spending (credential_digest, spent)
     SELECT credential, 0 FROM unnest(CAST(?1 AS BYTEA[])) AS asked (credential) ORDER BY credential
     ON CONFLICT (credential_digest) DO UPDATE SET spent = spending.spent";

/// The credentials of a unit of work, each once and in order.
pub(super) struct Turns(Vec<CredentialDigest>);

impl Turns {
    pub(super) fn of(mut holders: Vec<CredentialDigest>) -> Self {
        holders.sort_unstable_by_key(|digest| *digest.as_bytes());
        holders.dedup();
        Self(holders)
    }

    /// Begins a transaction that has its turn with all of them.
    pub(super) fn begin(&self, connected: &Connected) -> Result<(), Failure> {
        connected.batch("BEGIN ISOLATION LEVEL READ COMMITTED")?;
        if self.0.is_empty() {
            return Ok(());
        }
        let digests = self.0.iter().map(|digest| digest.as_bytes().as_slice()).collect::<Vec<_>>();
        let digests = [Value::ByteStrings(&digests)];
        connected.with(TAKE, &digests, |client, statement, values| client.execute(statement, values)).map(drop)
    }
}

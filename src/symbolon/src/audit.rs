//! An auditor that believes nothing that was decided: from copies of the databases it takes what terminals uploaded, what
//! was issued and what operators ordered, decides everything once more, and says where the copies say otherwise.
//!
//! It shares no code with the roles but the bytes of the wire (`ccks`, `tap`), the form of the configuration and the price
//! of a journey: it reads the tables itself, verifies each signature by itself, and has its own account of what an outcome
//! is. What it keeps for each record is in a temporary database on disk, so that its memory grows with accounts, terminals
//! and the journeys of one card, not with records.
//!
//! What the copies cannot tell is counted as not checked, by why. The copies are to be of one moment: taken together, or
//! while the service is stopped.

mod batches;
mod charges;
mod copies;
mod deciding;
mod journeys;
mod ledger;
mod misuse;
mod outcome;
mod parties;
mod records;
mod report;
mod routes;
mod settlements;
mod vouchers;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use symbolon_ccks::{Authority, Malformed, PeriodBoundary, SuiteId};
use symbolon_service::{Policy, exchange::FareTable};

pub use self::report::{Counts, Finding, Report};
use self::{copies::Databases, records::Judge, report::Found};
use crate::with_suite;

/// Where the copies are.
#[derive(Clone, Copy, Debug)]
pub struct Copies<'a> {
    /// The exchange's database.
    pub exchange: &'a Path,
    /// Clearing's database.
    pub clearing: &'a Path,
    /// The attester's database, without which nobody can say which cards and terminals there were.
    pub attester: Option<&'a Path>,
}

/// What the service decided by, beside its databases. Durations are in seconds.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What journeys cost; `None` when the auditor does not know, and then only that it is never above what was held.
    pub fares: Option<FareTable>,
    /// How far a record's time may be ahead of the service's clock.
    pub record_lead_seconds: u64,
    /// How long after a pseudonym expired its records are taken.
    pub late_records_seconds: u64,
    /// How long after a revocation a terminal could not have known of it.
    pub bundle_validity_seconds: u64,
    /// Where the periods of pseudonyms begin.
    pub boundary: PeriodBoundary,
    /// How many pseudonyms a card gets in one period.
    pub per_period: u32,
}

impl Rules {
    /// The rules of a service with this policy and these fares.
    pub fn of(policy: &Policy, fares: Option<FareTable>) -> Self {
        Self {
            fares,
            record_lead_seconds: policy.record_lead_seconds,
            late_records_seconds: policy.pseudonyms.late_records_seconds,
            bundle_validity_seconds: policy.bundle_validity_seconds,
            boundary: policy.pseudonyms.boundary,
            per_period: policy.pseudonyms.per_period.into(),
        }
    }
}

/// Why nothing could be audited.
#[derive(Debug)]
pub enum AuditError {
    /// A copy, or the auditor's own temporary database, could not be read or written.
    Database(rusqlite::Error),
    /// A copy was made before there was what is audited.
    Outdated {
        /// Which.
        path: PathBuf,
        /// The version of its tables.
        version: i64,
    },
    /// The authority's parameters are none.
    Parameters(Malformed),
}

impl fmt::Display for AuditError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => write!(formatter, "a copy of a database does not read: {error}"),
            Self::Outdated { path, version } => write!(
                formatter,
                "{} is of version {version} of the tables, and only version {} and later are audited: start the service \
                 of this program once on the database, which brings it up to date, and copy it anew; or audit the copy with \
                 the program that made it",
                path.display(),
                copies::FIRST_VERSION
            ),
            Self::Parameters(malformed) => write!(formatter, "these are not authority parameters: {malformed}"),
        }
    }
}

impl std::error::Error for AuditError {}

impl From<rusqlite::Error> for AuditError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Malformed> for AuditError {
    fn from(malformed: Malformed) -> Self {
        Self::Parameters(malformed)
    }
}

type Result<T> = std::result::Result<T, AuditError>;

/// Audits the copies, with the bytes of the authority's parameters.
///
/// # Errors
/// [`AuditError`] when a copy does not read, or the parameters are none. What is wrong in the copies is never an error.
pub fn audit(copies: Copies<'_>, parameters: &[u8], rules: &Rules) -> Result<Report> {
    const NONE: Malformed = Malformed::new("authority parameters", "they do not begin with SYMB");
    let suite = parameters.strip_prefix(b"SYMB").and_then(|rest| rest.get(1)).ok_or(NONE)?;
    let databases = Databases::open(copies)?;
    let mut found = Found::default();
    with_suite!(SuiteId::from_byte(*suite)?, S => {
        let authority = Authority::<S>::parse(parameters)?;
        Judge::new(&databases, &authority, rules)?.judge_all(&mut found)?;
        misuse::compare(&databases, &authority, &mut found)?;
    });
    settlements::compare(&databases, &mut found)?;
    journeys::compare(&databases, rules, &mut found)?;
    charges::compare(&databases, &mut found)?;
    journeys::compare_charges(&databases, &mut found)?;
    routes::compare(&databases, &mut found)?;
    ledger::check(&databases, &mut found)?;
    ledger::compare(&databases, &mut found)?;
    batches::compare(&databases, &mut found)?;
    vouchers::compare(&databases, &mut found)?;
    Ok(found.into_report())
}

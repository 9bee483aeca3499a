//! Who took part, as the attester's database tells it.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{OptionalExtension as _, Row};
use symbolon_ccks::{Credential, Identity, LinkageSeed, Period, Subject};
use symbolon_tap::RevokedSeed;

use super::{Result, Rules, copies::Databases};

/// The periods kept; records of more do not come at a time.
const MOST_PERIODS: usize = 8;

/// What the attester knows of a credential.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) identity: Option<Identity>,
    /// Of a terminal.
    pub(super) operator: Option<String>,
    pub(super) retired: Option<i64>,
    /// Of a card.
    pub(super) account: Option<String>,
    pub(super) revoked_since: Option<i64>,
}

/// What is looked up of cards, terminals and pseudonyms.
pub(super) struct Parties<'d> {
    databases: &'d Databases,
    periods: BTreeMap<Period, HashMap<Subject, i64>>,
}

impl<'d> Parties<'d> {
    pub(super) fn open(databases: &'d Databases) -> Self {
        Self { databases, periods: BTreeMap::new() }
    }

    /// Whether the attester can be asked at all.
    pub(super) fn has_attester(&self) -> bool {
        self.databases.attester.is_some()
    }

    /// What was issued under a digest, as far as the attester knows.
    pub(super) fn known(&self, digest: &[u8]) -> Result<Option<Known>> {
        let Some(attester) = &self.databases.attester else { return Ok(None) };
        let known = |row: &Row<'_>| {
            let credential = row.get::<_, Vec<u8>>("credential")?;
            Ok(Known {
                identity: Credential::parse(&credential).ok().map(|credential| *credential.identity()),
                operator: row.get("operator")?,
                retired: row.get("retired")?,
                account: row.get("account")?,
                revoked_since: row.get("since")?,
            })
        };
        let mut look = attester.prepare_cached(
            "SELECT i.credential, t.operator, t.retired, c.account, r.since FROM issued AS i
             LEFT JOIN terminals AS t ON t.subject = i.subject
             LEFT JOIN cards AS c ON c.number = i.subject
             LEFT JOIN revocations AS r ON r.subject = i.subject
             WHERE i.digest = ?1",
        )?;
        Ok(look.query_row([digest], known).optional()?)
    }

    /// The period of a pseudonym that the issuer registered with the exchange and that is not forgotten.
    pub(super) fn is_pseudonym(&self, digest: &[u8]) -> Result<bool> {
        let mut look = self.databases.exchange.prepare_cached("SELECT 1 FROM pseudonyms WHERE digest = ?1")?;
        Ok(look.exists([digest])?)
    }

    /// Whether the exchange cannot have forgotten the pseudonyms of a period: it forgets the oldest first.
    pub(super) fn remembers(&self, period: Period) -> Result<bool> {
        let mut look = self.databases.exchange.prepare_cached("SELECT 1 FROM pseudonyms WHERE period <= ?1 LIMIT 1")?;
        Ok(look.exists([period.number()])?)
    }

    /// Since when everyone can tell that a pseudonym is of a revoked card; `None` when none can, or could.
    pub(super) fn recognised(&mut self, pseudonym: &Identity, rules: &Rules) -> Result<Option<i64>> {
        let Some(period) = Period::at(pseudonym.not_before(), rules.boundary) else { return Ok(None) };
        if !self.periods.contains_key(&period) {
            let subjects = self.subjects(period, rules.per_period)?;
            if self.periods.len() == MOST_PERIODS {
                self.periods.pop_first();
            }
            self.periods.insert(period, subjects);
        }
        Ok(self.periods.get(&period).and_then(|subjects| subjects.get(&pseudonym.subject()).copied()))
    }

    /// Every subject of a period that follows from seeds that are published.
    fn subjects(&self, period: Period, per_period: u32) -> Result<HashMap<Subject, i64>> {
        let mut subjects = HashMap::new();
        let Some(attester) = &self.databases.attester else { return Ok(subjects) };
        let mut seeds = attester.prepare_cached(
            "SELECT period, seed_a, seed_b, published FROM published_seeds WHERE period <= ?1 ORDER BY published DESC",
        )?;
        let mut rows = seeds.query([period.number()])?;
        while let Some(row) = rows.next()? {
            let first = Period::new(row.get::<_, u32>("period")?);
            let (a, b) = (row.get::<_, [u8; 32]>("seed_a")?, row.get::<_, [u8; 32]>("seed_b")?);
            let published = row.get::<_, i64>("published")?;
            let Ok(first) = first else { continue };
            let seed = RevokedSeed::new(first, &[LinkageSeed::from_bytes(a), LinkageSeed::from_bytes(b)]);
            // The earliest comes last, and counts.
            subjects.extend(seed.subjects(period, per_period).map(|subject| (subject, published)));
        }
        Ok(subjects)
    }
}

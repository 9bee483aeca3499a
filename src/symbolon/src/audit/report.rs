//! What an audit found.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// From 1.
    pub number: u64,
    /// What kind of thing, `snake_case`; stable.
    pub kind: &'static str,
    /// Where it was found.
    pub place: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, kind, place, expected, found } = self;
        write!(formatter, "{number}. {kind}: {place}: expected {expected}, found {found}")
    }
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Uploads judged again.
    pub uploads: u64,
    /// Records judged again.
    pub records: u64,
    /// Settlements compared.
    pub settlements: u64,
    /// Charges compared.
    pub charges: u64,
    /// Entries compared.
    pub entries: u64,
    /// Accounts whose balance was summed.
    pub accounts: u64,
}

/// What an audit found, and what it could not look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How much was looked at.
    pub counts: Counts,
    /// The first findings.
    pub findings: Vec<Finding>,
    /// How many there are, those that are not listed included.
    pub finding_count: u64,
    /// What was not checked and why, and how often.
    pub not_checked: BTreeMap<&'static str, u64>,
}

impl Report {
    /// The most findings that are listed; all are counted.
    pub const MOST_FINDINGS: usize = 10_000;

    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.finding_count == 0
    }

    /// As one JSON object.
    pub fn to_json(&self) -> Value {
        let finding = |finding: &Finding| {
            let Finding { number, kind, place, expected, found } = finding;
            json!({ "number": number, "kind": kind, "place": place, "expected": expected, "found": found })
        };
        let not_checked = |(what, count): (&&str, &u64)| json!({ "what": what, "count": count });
        let Counts { uploads, records, settlements, charges, entries, accounts } = self.counts;
        json!({
            "checked": {
                "uploads": uploads, "records": records, "settlements": settlements,
                "charges": charges, "entries": entries, "accounts": accounts,
            },
            "finding_count": self.finding_count,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "not_checked": self.not_checked.iter().map(not_checked).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { uploads, records, settlements, charges, entries, accounts } = self.counts;
        writeln!(
            formatter,
            "checked: {records} records of {uploads} uploads, {settlements} settlements, {charges} charges"
        )?;
        writeln!(formatter, "         {entries} entries, {accounts} accounts")?;
        for (what, count) in &self.not_checked {
            writeln!(formatter, "not checked ({count}): {what}")?;
        }
        for finding in &self.findings {
            writeln!(formatter, "{finding}")?;
        }
        match self.finding_count - self.findings.len() as u64 {
            0 => write!(formatter, "{} findings", self.finding_count),
            more => write!(formatter, "and {more} more; {} findings", self.finding_count),
        }
    }
}

/// Collects what is found.
#[derive(Debug, Default)]
pub(super) struct Found {
    report: Report,
}

impl Found {
    pub(super) fn add(
        &mut self,
        kind: &'static str,
        place: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) {
        self.report.finding_count += 1;
        if self.report.findings.len() < Report::MOST_FINDINGS {
            self.report.findings.push(Finding {
                number: self.report.finding_count,
                kind,
                place: place.to_string(),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }

    /// Notes that something was not checked, once more.
    pub(super) fn not_checked(&mut self, what: &'static str) {
        self.not_checked_times(what, 1);
    }

    /// Notes that something was not checked so many times.
    pub(super) fn not_checked_times(&mut self, what: &'static str, times: u64) {
        if times > 0 {
            *self.report.not_checked.entry(what).or_default() += times;
        }
    }

    pub(super) fn counts(&mut self) -> &mut Counts {
        &mut self.report.counts
    }

    pub(super) fn into_report(self) -> Report {
        self.report
    }
}

//! What is kept of records that settled, were answered twice or prove misuse; and what of budgets is spent.

use rusqlite::Row;

use super::{
    Result,
    copies::{Databases, Place, join, short},
    report::Found,
};

/// What is compared of a settlement.
#[derive(PartialEq, Eq)]
struct Settlement {
    agreement: Vec<u8>,
    outcome: i64,
    repeats: Option<i64>,
    place: i64,
    terminal: Vec<u8>,
    kind: i64,
    amount: i64,
    time: i64,
    after_revocation: Option<i64>,
}

impl Settlement {
    fn of(row: &Row<'_>) -> rusqlite::Result<((Vec<u8>, i64), Self)> {
        let settlement = Self {
            agreement: row.get(2)?,
            outcome: row.get(3)?,
            repeats: row.get(4)?,
            place: row.get(5)?,
            terminal: row.get(6)?,
            kind: row.get(7)?,
            amount: row.get(8)?,
            time: row.get(9)?,
            after_revocation: row.get(10)?,
        };
        Ok(((row.get(0)?, row.get(1)?), settlement))
    }

    /// The first thing that differs: what it is, here, and there.
    fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let numbers = [
            ("outcome", self.outcome, other.outcome),
            ("kind", self.kind, other.kind),
            ("amount", self.amount, other.amount),
            ("time", self.time, other.time),
        ];
        if let Some((name, one, other)) = numbers.into_iter().find(|(_, one, other)| one != other) {
            return Some((name, one.to_string(), other.to_string()));
        }
        if self.place != other.place {
            return Some(("record", Place(self.place).to_string(), Place(other.place).to_string()));
        }
        if self.repeats != other.repeats {
            let text = |place: Option<i64>| place.map_or_else(|| "none".to_owned(), |place| Place(place).to_string());
            return Some(("what it repeats", text(self.repeats), text(other.repeats)));
        }
        for (name, one, other) in
            [("agreement", &self.agreement, &other.agreement), ("terminal", &self.terminal, &other.terminal)]
        {
            if one != other {
                return Some((name, short(one), short(other)));
            }
        }
        match (self.after_revocation, other.after_revocation) {
            (Some(one), Some(other)) if one != other => {
                Some(("mark of a revocation", one.to_string(), other.to_string()))
            }
            _ => None,
        }
    }
}

/// Compares settlements and spending with what was recomputed.
pub(super) fn compare(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut expected = databases.notes.prepare(
        "SELECT credential, counter, agreement, outcome, repeats, place, terminal, kind, amount, time, after_revocation
         FROM settled ORDER BY credential, counter",
    )?;
    let mut kept = databases.exchange.prepare(
        "SELECT s.credential_digest, s.counter, s.agreement, s.outcome, f.upload * 8192 + f.position,
             s.upload * 8192 + s.position, s.terminal_digest, s.kind, s.amount, s.time, s.after_revocation
         FROM settlements AS s LEFT JOIN settlements AS f ON f.id = s.repeats ORDER BY s.credential_digest, s.counter",
    )?;
    let (expected, kept) = (expected.query_map([], Settlement::of)?, kept.query_map([], Settlement::of)?);
    join(expected, kept, |(credential, counter), expected, kept| {
        found.counts().settlements += 1;
        let identity = format!("credential {} counter {counter}", short(&credential));
        match (expected.first(), kept.first()) {
            (Some(expected), Some(kept)) => {
                if let Some((what, expected, kept)) = expected.difference(kept) {
                    found.add("altered_settlement", identity, format!("{what} {expected}"), kept);
                }
            }
            (Some(expected), None) => {
                found.add("missing_settlement", identity, format!("one of {}", Place(expected.place)), "none");
            }
            (None, Some(kept)) => {
                found.add("unfounded_settlement", identity, "none", format!("one of {}", Place(kept.place)));
            }
            (None, None) => {}
        }
        Ok(())
    })?;
    compare_spending(databases, found)?;
    compare_deliveries(databases, found)?;
    compare_refunds(databases, found)
}

fn compare_spending(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut expected = databases.notes.prepare("SELECT credential, amount FROM spent ORDER BY credential")?;
    // The settlement with the highest counter says it.
    let mut kept = databases.exchange.prepare(
        "SELECT credential_digest, coalesce(spent, 0), max(counter) FROM settlements
         GROUP BY credential_digest ORDER BY credential_digest",
    )?;
    let spent = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?));
    join(expected.query_map([], spent)?, kept.query_map([], spent)?, |credential, expected, kept| {
        let (expected, kept) = (expected.first().unwrap_or(&0), kept.first().unwrap_or(&0));
        if expected != kept {
            found.add("altered_spending", format!("credential {}", short(&credential)), expected, kept);
        }
        Ok(())
    })
}

/// Credit that meters took, as the attester is told of it.
fn compare_deliveries(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut expected = databases
        .notes
        .prepare("SELECT place, reference, meter FROM settled WHERE kind = 4 AND outcome = 1 ORDER BY place")?;
    let mut kept = databases.exchange.prepare(
        "SELECT coalesce(s.upload * 8192 + s.position, d.settlement) AS place, d.reference, d.meter
         FROM deliveries AS d LEFT JOIN settlements AS s ON s.id = d.settlement ORDER BY 1",
    )?;
    let delivery = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, (row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?)));
    join(expected.query_map([], delivery)?, kept.query_map([], delivery)?, |place, expected, kept| {
        let text = |deliveries: &[(Vec<u8>, Vec<u8>)]| {
            let text = |(voucher, meter): &(Vec<u8>, Vec<u8>)| format!("{} to {}", short(voucher), short(meter));
            deliveries.first().map_or_else(|| "none".to_owned(), text)
        };
        if expected != kept {
            found.add("altered_delivery", Place(place), text(&expected), text(&kept));
        }
        Ok(())
    })
}

/// What refunds give back: for a purchase of the same operator and currency that settled, and never more than it.
fn compare_refunds(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut refunds = databases.notes.prepare(
        "SELECT a.place, a.amount, r.amount, r.operator = p.operator AND r.currency = p.currency FROM authorised AS a
             LEFT JOIN settled AS r ON r.place = a.place AND r.kind = 5
             LEFT JOIN settled AS p ON p.place = a.paid AND p.kind = 1 AND p.outcome = 1",
    )?;
    let mut rows = refunds.query([])?;
    while let Some(row) = rows.next()? {
        let (place, said, amount) = (Place(row.get(0)?), row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?);
        if row.get::<_, Option<bool>>(3)? != Some(true) {
            found.add("refund", place, "a settled purchase of the same operator and currency", "none");
        }
        if let Some(amount) = amount.filter(|amount| *amount != said) {
            found.add("refund", place, amount, said);
        }
    }
    let mut sums = databases.notes.prepare(
        "SELECT a.paid, p.amount, sum(a.amount) FROM authorised AS a JOIN settled AS p ON p.place = a.paid
         GROUP BY a.paid HAVING sum(a.amount) > p.amount",
    )?;
    let mut rows = sums.query([])?;
    while let Some(row) = rows.next()? {
        let (paid, amount) = (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
        found.add("refund", Place(row.get(0)?), format!("at most {paid} given back"), amount);
    }
    Ok(())
}

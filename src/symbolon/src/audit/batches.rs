//! What pseudonyms spent, which clearing knows in sums alone: by batch, what operators got; by subject, who paid.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row};

use super::{
    Result,
    charges::{Party, gains},
    copies::{Databases, short},
    ledger::{Gains, account, in_words, is_holders, is_posted},
    report::Found,
};

pub(super) fn compare(databases: &Databases, found: &mut Found) -> Result<()> {
    sum_charges(databases, found)?;
    sum_entries(databases)?;
    let mut sums = databases
        .notes
        .prepare("SELECT parties, expected, found, place FROM sums WHERE expected <> found ORDER BY place")?;
    let mut rows = sums.query([])?;
    while let Some(row) = rows.next()? {
        let (parties, expected, posted) = (row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
        let kind = match (expected, posted) {
            (expected, posted) if expected > posted => "missing_sum",
            (0, _) => "unfounded_sum",
            _ => "doubled_sum",
        };
        let entries = |count: i64| format!("{count} entries of {parties}");
        found.add(kind, row.get::<_, String>(3)?, entries(expected), entries(posted));
    }
    compare_payers(databases, found)?;
    find_unknown_batches(databases, found)
}

/// Sums the charges of pseudonyms, by batch and by subject, of all batches that clearing has posted.
fn sum_charges(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut charges = databases.exchange.prepare(
        "SELECT b.sequence, b.id, b.delivered, c.currency, c.subject, c.moves FROM charges AS c
         JOIN charge_batches AS b ON b.sequence = c.batch WHERE c.subject IS NOT NULL ORDER BY b.sequence, c.sequence",
    )?;
    let mut rows = charges.query([])?;
    let (mut last, mut sums) = (None, BTreeMap::<i64, Gains>::new());
    while let Some(row) = rows.next()? {
        let batch = row.get::<_, i64>(0)?;
        if last != Some(batch) {
            note_sums(databases, last, &mut sums)?;
            last = Some(batch);
        }
        if !is_posted(databases, &row.get::<_, Vec<u8>>(1)?, row.get(2)?)? {
            found.not_checked("who pays for charges that are not posted yet");
            continue;
        }
        let (currency, subject) = (row.get::<_, i64>(3)?, row.get::<_, Vec<u8>>(4)?);
        let mut gains = gains(&row.get::<_, String>(5)?).unwrap_or_default();
        let holder = gains.remove(&Party::Holder).unwrap_or_default();
        let mut note = databases.notes.prepare_cached(
            "INSERT INTO subjects VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET gain = gain + excluded.gain",
        )?;
        note.execute((subject, holder, currency))?;
        let sum = sums.entry(currency).or_default();
        for (party, gain) in gains {
            *sum.entry(account(&party, currency)).or_default() += gain;
        }
    }
    note_sums(databases, last, &mut sums)
}

fn note_sums(databases: &Databases, batch: Option<i64>, sums: &mut BTreeMap<i64, Gains>) -> Result<()> {
    for (_, mut gains) in std::mem::take(sums) {
        gains.retain(|_, gain| *gain != 0);
        // Where operators got nothing, holders may have paid nothing, and then there is no entry.
        if !gains.is_empty() {
            let place = format!("batch {}", batch.unwrap_or_default());
            note_sum(databases, &gains, (1, 0), &place)?;
        }
    }
    Ok(())
}

fn note_sum(databases: &Databases, gains: &Gains, (expected, found): (i64, i64), place: &str) -> Result<()> {
    let mut note = databases.notes.prepare_cached(
        "INSERT INTO sums VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET expected = expected + excluded.expected, found = found + excluded.found",
    )?;
    note.execute((in_words(gains), expected, found, place))?;
    Ok(())
}

/// Notes what operators got by each entry of sums.
fn sum_entries(databases: &Databases) -> Result<()> {
    let mut postings = databases.clearing.prepare(
        "SELECT e.id, a.name, a.kind, p.amount FROM entries AS e JOIN postings AS p ON p.entry = e.id
         LEFT JOIN accounts AS a ON a.sequence = p.account WHERE e.kind = 7 ORDER BY e.id",
    )?;
    let mut rows = postings.query([])?;
    let (mut last, mut gains) = (None::<i64>, Gains::new());
    let note = |entry: Option<i64>, gains: &Gains| match entry {
        Some(entry) if !gains.is_empty() => note_sum(databases, gains, (0, 1), &format!("entry {entry}")),
        _ => Ok(()),
    };
    while let Some(row) = rows.next()? {
        let entry = row.get::<_, i64>(0)?;
        if last != Some(entry) {
            note(last, &gains)?;
            (last, gains) = (Some(entry), Gains::new());
        }
        if !is_holders(row.get(2)?) {
            let account = row.get::<_, Option<String>>(1)?.unwrap_or_else(|| "no account".to_owned());
            *gains.entry(account).or_default() += row.get::<_, i64>(3)?;
        }
    }
    note(last, &gains)
}

/// Compares what the accounts of holders paid with what their pseudonyms spent.
fn compare_payers(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut bindings = databases.clearing.prepare("SELECT subject, account, charged FROM bindings")?;
    let mut rows = bindings.query([])?;
    // By account: what its pseudonyms gained, by what is bound to it.
    let mut owed = BTreeMap::<String, i64>::new();
    while let Some(row) = rows.next()? {
        let (subject, handle) = (row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?);
        let charged = row.get::<_, i64>(2)?;
        let mut take = databases.notes.prepare_cached("DELETE FROM subjects WHERE subject = ?1 RETURNING gain")?;
        let gain = take.query_row([&subject], |row| row.get::<_, i64>(0)).optional()?.unwrap_or_default();
        if gain != -charged {
            found.add("altered_binding", format!("pseudonym {}", short(&subject)), -gain, charged);
        }
        *owed.entry(format!("holder-{}", hex::encode(handle))).or_default() += gain;
    }
    let (forgotten, gain) = databases.notes.query_row(
        "SELECT count(*), coalesce(sum(gain), 0) FROM subjects WHERE gain <> 0",
        [],
        |row: &Row<'_>| Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?)),
    )?;
    const FORGOTTEN: &str =
        "which account paid for a pseudonym, but that all of them together did: clearing has forgotten it";
    found.not_checked_times(FORGOTTEN, forgotten);
    let mut paid = databases.clearing.prepare(
        "SELECT a.name, sum(CASE WHEN e.kind = 7 THEN p.amount ELSE 0 END) FROM accounts AS a
             LEFT JOIN postings AS p ON p.account = a.sequence LEFT JOIN entries AS e ON e.id = p.entry
         WHERE a.kind IN (1, 5) GROUP BY a.sequence ORDER BY a.name",
    )?;
    let mut rows = paid.query([])?;
    let mut others = 0;
    while let Some(row) = rows.next()? {
        let (account, paid) = (row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?.unwrap_or_default());
        let owed = owed.remove(&account).unwrap_or_default();
        if forgotten == 0 && owed != paid {
            found.add("wrong_payer", format!("account {account}"), format!("{owed} by its pseudonyms"), paid);
        }
        others += paid - owed;
    }
    if forgotten > 0 && others != gain {
        found.add("wrong_payer", "accounts of pseudonyms that are forgotten", gain, others);
    }
    for (account, owed) in owed.into_iter().filter(|(_, owed)| *owed != 0) {
        found.add("wrong_payer", format!("account {account}"), format!("{owed} by its pseudonyms"), "no such account");
    }
    Ok(())
}

/// What clearing posted is of batches that the exchange formed.
fn find_unknown_batches(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut posted = databases.clearing.prepare("SELECT id FROM posted_batches")?;
    let mut rows = posted.query([])?;
    let mut look = databases.exchange.prepare("SELECT 1 FROM charge_batches WHERE id = ?1")?;
    while let Some(row) = rows.next()? {
        let id = row.get::<_, Vec<u8>>(0)?;
        if !look.exists([&id])? {
            found.add("unfounded_batch", format!("posted batch {}", short(&id)), "a batch of the exchange", "none");
        }
    }
    Ok(())
}

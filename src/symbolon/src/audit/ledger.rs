//! The ledger by itself, and what it has of the records of cards.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{OptionalExtension as _, Row};

use super::{
    Result,
    charges::{Party, gains, name},
    copies::{Databases, Place, join, short},
    parties::Parties,
    report::Found,
};

/// What must not be in a ledger: what kind of finding it is, and a query for the place, what should be there, what is.
const PROBLEMS: [(&str, &str); 8] = [
    (
        "unbalanced_entry",
        "SELECT 'entry ' || entry || ' currency ' || currency, '0', sum(amount) FROM postings GROUP BY entry, currency
         HAVING sum(amount) <> 0",
    ),
    ("unsealed_entry", "SELECT 'entry ' || id, 'sealed', 'open' FROM entries WHERE sealed <> 1"),
    (
        "empty_entry",
        "SELECT 'entry ' || id, 'postings', 'none' FROM entries AS e
         WHERE NOT EXISTS (SELECT 1 FROM postings WHERE entry = e.id)",
    ),
    (
        "stray_posting",
        "SELECT 'posting ' || sequence, 'entry ' || entry, 'none' FROM postings AS p
         WHERE NOT EXISTS (SELECT 1 FROM entries WHERE id = p.entry)",
    ),
    (
        "stray_posting",
        "SELECT 'posting ' || sequence, 'account ' || account, 'none' FROM postings AS p
         WHERE NOT EXISTS (SELECT 1 FROM accounts AS a WHERE a.sequence = p.account)",
    ),
    (
        "wrong_currency",
        "SELECT 'posting ' || p.sequence, a.currency, p.currency FROM postings AS p
         JOIN accounts AS a ON a.sequence = p.account WHERE a.currency <> p.currency",
    ),
    (
        "wrong_balance",
        "SELECT 'account ' || a.name, coalesce(sum(p.amount), 0), a.balance FROM accounts AS a
         LEFT JOIN postings AS p ON p.account = a.sequence GROUP BY a.sequence HAVING a.balance <> coalesce(sum(p.amount), 0)",
    ),
    (
        "unfounded_top_up",
        "SELECT 'entry ' || e.id, 'from an issuer to a holder of its own', 'something else' FROM entries AS e
         WHERE e.kind = 1 AND (e.upload IS NOT NULL OR (SELECT count(*) FROM postings WHERE entry = e.id) <> 2
             OR NOT EXISTS (SELECT 1 FROM postings AS f JOIN accounts AS i ON i.sequence = f.account,
                 postings AS t JOIN accounts AS h ON h.sequence = t.account
                 WHERE f.entry = e.id AND t.entry = e.id AND i.kind = 3 AND h.kind = 1 AND i.owner = h.owner
                     AND t.amount > 0 AND f.amount = -t.amount))",
    ),
];

/// Sums every entry and every account.
pub(super) fn check(databases: &Databases, found: &mut Found) -> Result<()> {
    let clearing = &databases.clearing;
    let count = |sql: &str| clearing.query_row(sql, [], |row| row.get::<_, u64>(0));
    found.counts().entries = count("SELECT count(*) FROM entries")?;
    found.counts().accounts = count("SELECT count(*) FROM accounts")?;
    for (kind, sql) in PROBLEMS {
        let mut problems = clearing.prepare(sql)?;
        let mut rows = problems.query([])?;
        while let Some(row) = rows.next()? {
            let text = |column: usize| -> rusqlite::Result<String> {
                Ok(match row.get_ref(column)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    other => other.as_str().unwrap_or("?").to_owned(),
                })
            };
            found.add(kind, text(0)?, text(1)?, text(2)?);
        }
    }
    let top_ups = count("SELECT count(*) FROM entries WHERE kind = 1")?;
    found.not_checked_times("whether an issuer asked for a top-up: requests are not kept for good", top_ups);
    Ok(())
}

/// Whether clearing has posted a batch: it was delivered, or clearing remembers it.
pub(super) fn is_posted(databases: &Databases, id: &[u8], delivered: Option<i64>) -> Result<bool> {
    if delivered.is_some() {
        return Ok(true);
    }
    Ok(databases.clearing.prepare_cached("SELECT 1 FROM posted_batches WHERE id = ?1")?.exists([id])?)
}

/// What accounts of operators and journeys gain, and what holders do, by the names of the accounts.
pub(super) type Gains = BTreeMap<String, i64>;

/// Stands for whoever pays.
pub(super) const HOLDER: &str = "holder";

/// The account of a party.
pub(super) fn account(party: &Party, currency: i64) -> String {
    match party {
        Party::Holder => HOLDER.to_owned(),
        Party::Operator(operator) => format!("operator-{operator}-{currency}"),
        Party::Journeys => format!("journeys-{currency}"),
    }
}

/// Gains in words.
pub(super) fn in_words(gains: &Gains) -> String {
    let text = gains.iter().map(|(account, gain)| format!("{account} {gain:+}")).collect::<Vec<_>>();
    if text.is_empty() { "nothing".to_owned() } else { text.join(", ") }
}

/// An account of a holder, or one that stands in for it.
pub(super) fn is_holders(kind: Option<i64>) -> bool {
    matches!(kind, Some(1 | 5))
}

/// A charge of a card that clearing was sent.
struct Charge {
    moves: String,
    currency: i64,
    id: Vec<u8>,
    delivered: Option<i64>,
}

/// A posting of an entry that names a record.
struct Posting {
    entry: i64,
    account: Option<String>,
    account_kind: Option<i64>,
    amount: i64,
}

/// An entry, put together again.
#[derive(Default)]
struct Entry {
    id: i64,
    gains: Gains,
    holders: Vec<(String, bool)>,
}

/// Compares the charges of cards with the entries that name their records.
pub(super) fn compare(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut charges = databases.exchange.prepare(
        "SELECT coalesce(s.upload * 8192 + s.position, c.settlement) AS place, c.kind, c.moves, c.currency, b.id, b.delivered
         FROM charges AS c JOIN charge_batches AS b ON b.sequence = c.batch
             LEFT JOIN settlements AS s ON s.id = c.settlement
         WHERE c.tag IS NOT NULL ORDER BY place, c.kind, c.sequence",
    )?;
    let mut postings = databases.clearing.prepare(
        "SELECT e.upload * 8192 + e.position AS place, e.kind, e.id, a.name, a.kind, p.amount
         FROM entries AS e JOIN postings AS p ON p.entry = e.id LEFT JOIN accounts AS a ON a.sequence = p.account
         WHERE e.upload IS NOT NULL ORDER BY place, e.kind, e.id",
    )?;
    let key = |row: &Row<'_>| Ok::<_, rusqlite::Error>((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let charge = |row: &Row<'_>| {
        let charge = Charge { moves: row.get(2)?, currency: row.get(3)?, id: row.get(4)?, delivered: row.get(5)? };
        Ok((key(row)?, charge))
    };
    let posting = |row: &Row<'_>| {
        let (entry, account) = (row.get(2)?, row.get(3)?);
        Ok((key(row)?, Posting { entry, account, account_kind: row.get(4)?, amount: row.get(5)? }))
    };
    let mut payers = Payers { databases, parties: Parties::open(databases), accounts: HashMap::new() };
    join(charges.query_map([], charge)?, postings.query_map([], posting)?, |(place, kind), charges, postings| {
        let place = Place(place);
        let mut expected = Vec::new();
        for charge in &charges {
            if is_posted(databases, &charge.id, charge.delivered)? {
                let gains = gains(&charge.moves).unwrap_or_default();
                expected.push(gains.iter().map(|(party, gain)| (account(party, charge.currency), *gain)).collect());
            }
        }
        expected.retain(|gains: &Gains| !gains.is_empty());
        let entries = together(postings);
        for entry in &entries {
            payers.check(place, entry, found)?;
        }
        compare_entries((place, kind), expected, entries, found);
        Ok(())
    })
}

/// Puts the postings of entries together.
fn together(postings: Vec<Posting>) -> Vec<Entry> {
    let mut entries = Vec::<Entry>::new();
    for Posting { entry, account, account_kind, amount } in postings {
        if entries.last().is_none_or(|last| last.id != entry) {
            entries.push(Entry { id: entry, ..Entry::default() });
        }
        let Some(last) = entries.last_mut() else { continue };
        let account = account.unwrap_or_else(|| "an account that there is not".to_owned());
        if is_holders(account_kind) {
            last.holders.push((account, account_kind == Some(5)));
            *last.gains.entry(HOLDER.to_owned()).or_default() += amount;
        } else {
            *last.gains.entry(account).or_default() += amount;
        }
    }
    entries
}

/// Finds for each charge its entry, and for each entry its charge.
fn compare_entries((place, kind): (Place, i64), mut expected: Vec<Gains>, entries: Vec<Entry>, found: &mut Found) {
    let all = expected.clone();
    let mut left = Vec::new();
    for entry in entries {
        match expected.iter().position(|expected| *expected == entry.gains) {
            Some(index) => drop(expected.swap_remove(index)),
            None => left.push(entry),
        }
    }
    let (mut expected, kind) = (expected.into_iter(), name(kind));
    for entry in left {
        let at = format!("{place} entry {}", entry.id);
        let kept = || format!("{kind} {}", in_words(&entry.gains));
        if all.contains(&entry.gains) {
            found.add("doubled_entry", at, "no other entry of this charge", kept());
        } else if let Some(expected) = expected.next() {
            found.add("altered_entry", at, format!("{kind} {}", in_words(&expected)), kept());
        } else {
            found.add("unfounded_entry", at, "none, since nothing was charged", kept());
        }
    }
    for expected in expected {
        found.add("missing_entry", place, format!("{kind} {}", in_words(&expected)), "none");
    }
}

/// Who pays for cards.
struct Payers<'d> {
    databases: &'d Databases,
    parties: Parties<'d>,
    /// By credential: its account is always the same.
    accounts: HashMap<Vec<u8>, String>,
}

impl Payers<'_> {
    fn check(&mut self, place: Place, entry: &Entry, found: &mut Found) -> Result<()> {
        let mut look = self.databases.notes.prepare_cached("SELECT credential FROM settled WHERE place = ?1")?;
        // An entry of a record that did not settle is found elsewhere.
        let Some(credential) = look.query_row([place.0], |row| row.get::<_, Vec<u8>>(0)).optional()? else {
            return Ok(());
        };
        let at = format!("{place} entry {}", entry.id);
        let (payer, is_suspense) = match entry.holders.as_slice() {
            [payer] => payer,
            // What comes back and what is taken may be the same.
            [] => return Ok(()),
            several => {
                found.add("wrong_payer", at, "one holder", format!("{} of them", several.len()));
                return Ok(());
            }
        };
        let expected = match self.accounts.get(&credential) {
            Some(known) => Some(known.clone()),
            None => self.parties.known(&credential)?.and_then(|known| known.account),
        };
        match expected {
            Some(expected) if expected != *payer => {
                found.add("wrong_payer", at, format!("{expected}, as of credential {}", short(&credential)), payer);
            }
            _ if *is_suspense => found.not_checked("who pays for a charge in suspense"),
            Some(_) => {}
            None => {
                found.not_checked("which account a card's is, but that it is always the same: no attester's database");
            }
        }
        self.accounts.entry(credential).or_insert_with(|| payer.clone());
        Ok(())
    }
}

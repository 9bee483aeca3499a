//! What the ledger has of vouchers: each movement of a sale once, in order, and each entry of a movement.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension as _;

use super::{
    Result,
    charges::{CORRECTION, PURCHASE, name},
    copies::{Databases, short},
    ledger::{Gains, in_words},
    report::Found,
};

/// A movement of a sale, as clearing keeps it.
struct Movement {
    sale: Vec<u8>,
    movement: i64,
    account: Vec<u8>,
    operator: String,
    currency: i64,
    amount: i64,
    entry: i64,
}

const SOLD: i64 = 1;
const GIVEN_BACK: i64 = 2;

pub(super) fn compare(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut movements = databases.clearing.prepare("SELECT * FROM voucher_postings ORDER BY sale, movement")?;
    let mut rows = movements.query([])?;
    let mut last = None::<Movement>;
    while let Some(row) = rows.next()? {
        let movement = Movement {
            sale: row.get("sale")?,
            movement: row.get("movement")?,
            account: row.get("account")?,
            operator: row.get("operator")?,
            currency: row.get("currency")?,
            amount: row.get("amount")?,
            entry: row.get("entry")?,
        };
        let place = format!("sale {} movement {}", short(&movement.sale), movement.movement);
        let before = last.as_ref().filter(|last| last.sale == movement.sale);
        if before.map_or(0, |before| before.movement) + 1 != movement.movement {
            found.add("voucher", &place, "the movement before it", "none");
        }
        if before.is_some_and(|before| before.amount != movement.amount || before.account != movement.account) {
            found.add("voucher", &place, "account and price of the sale", "others");
        }
        compare_entry(databases, &movement, &place, found)?;
        compare_sale(databases, &movement, &place, found)?;
        last = Some(movement);
    }
    find_strays(databases, found)?;
    find_unpaid(databases, found)
}

fn compare_entry(databases: &Databases, movement: &Movement, place: &str, found: &mut Found) -> Result<()> {
    let mut postings = databases.clearing.prepare_cached(
        "SELECT e.kind, a.name, p.amount FROM entries AS e JOIN postings AS p ON p.entry = e.id
         LEFT JOIN accounts AS a ON a.sequence = p.account WHERE e.id = ?1 AND e.upload IS NULL",
    )?;
    let mut rows = postings.query([movement.entry])?;
    let (mut gains, mut kind) = (Gains::new(), 0);
    while let Some(row) = rows.next()? {
        kind = row.get::<_, i64>(0)?;
        *gains.entry(row.get::<_, Option<String>>(1)?.unwrap_or_default()).or_default() += row.get::<_, i64>(2)?;
    }
    let gain = if movement.movement == GIVEN_BACK { -movement.amount } else { movement.amount };
    let expected = BTreeMap::from([
        (format!("holder-{}", hex::encode(&movement.account)), -gain),
        (format!("operator-{}-{}", movement.operator, movement.currency), gain),
    ]);
    let expected_kind = if movement.movement == SOLD { PURCHASE } else { CORRECTION };
    if (kind, &gains) != (expected_kind, &expected) {
        let at = format!("{place} entry {}", movement.entry);
        let text = |kind: i64, gains: &Gains| format!("{} {}", name(kind), in_words(gains));
        found.add("altered_entry", at, text(expected_kind, &expected), text(kind, &gains));
    }
    Ok(())
}

/// Compares a movement with the sale at the attester.
fn compare_sale(databases: &Databases, movement: &Movement, place: &str, found: &mut Found) -> Result<()> {
    let Some(attester) = &databases.attester else {
        found.not_checked("whether a voucher was sold: no attester's database");
        return Ok(());
    };
    let mut look = attester.prepare_cached(
        "SELECT account = ?2 AND operator = ?3 AND currency = ?4 AND amount = ?5 FROM vouchers WHERE id = ?1",
    )?;
    let key = (&movement.sale, &movement.account, &movement.operator, movement.currency, movement.amount);
    match look.query_row(key, |row| row.get::<_, bool>(0)).optional()? {
        Some(true) => {}
        Some(false) => found.add("voucher", place, "account, operator and price of the sale", "others"),
        None => found.add("voucher", place, "a sale", "none"),
    }
    Ok(())
}

/// Purchases and corrections that are neither of a record nor of a sale.
fn find_strays(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut strays = databases.clearing.prepare(
        "SELECT id, kind FROM entries AS e WHERE upload IS NULL AND kind NOT IN (1, 7)
             AND (SELECT count(*) FROM voucher_postings WHERE entry = e.id) <> 1 ORDER BY id",
    )?;
    let mut rows = strays.query([])?;
    while let Some(row) = rows.next()? {
        let (entry, kind) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
        found.add("unfounded_entry", format!("entry {entry}"), "a record or one movement of a sale", name(kind));
    }
    Ok(())
}

/// Vouchers that were issued, or refunded, and never posted.
fn find_unpaid(databases: &Databases, found: &mut Found) -> Result<()> {
    let Some(attester) = &databases.attester else { return Ok(()) };
    // Issued, delivered, refunded and owed ones were paid for; of these refunded ones were given back.
    let mut vouchers =
        attester.prepare("SELECT id, state FROM vouchers WHERE state IN (2, 3, 6, 7) ORDER BY position")?;
    let mut rows = vouchers.query([])?;
    let mut look = databases.clearing.prepare("SELECT 1 FROM voucher_postings WHERE sale = ?1 AND movement = ?2")?;
    while let Some(row) = rows.next()? {
        const REFUNDED: i64 = 6;
        let (sale, state) = (row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?);
        let last = if state == REFUNDED { GIVEN_BACK } else { SOLD };
        if !look.exists((&sale, last))? {
            found.add("voucher", format!("sale {}", short(&sale)), format!("movement {last}"), "none");
        }
    }
    Ok(())
}

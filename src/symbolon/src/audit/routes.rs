//! What operators are told: each record that settled once, to whom it belongs, and together what they gained.

use rusqlite::{OptionalExtension as _, Row};

use super::{
    Result,
    copies::{Databases, Place, join},
    report::Found,
};

/// An item: what happened, the record's place, what was gained.
const ITEM: usize = 17;
const SETTLED: u8 = 1;
const EVENTS: std::ops::RangeInclusive<u8> = 1..=4;

pub(super) fn compare(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut routes =
        databases.exchange.prepare("SELECT operator, number, items FROM routes ORDER BY operator, number")?;
    let mut rows = routes.query([])?;
    let (mut last, mut gains) = (None::<(String, i64)>, Vec::<(String, i64)>::new());
    while let Some(row) = rows.next()? {
        let (operator, number, items) = (row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?);
        let place = format!("route {number} of {operator}");
        let next = match &last {
            Some((before, number)) if *before == operator => number + 1,
            _ => {
                gains.push((operator.clone(), 0));
                1
            }
        };
        if number != next {
            found.add("route_gap", &place, format!("number {next}"), number);
        }
        let (items, more) = items.as_chunks::<ITEM>();
        if !more.is_empty() {
            found.add("altered_route", &place, "whole items", "a part of one");
        }
        for item in items {
            let gain = tell(databases, &operator, &place, item, found)?;
            if let Some((_, gains)) = gains.last_mut() {
                *gains += gain;
            }
        }
        last = Some((operator, number));
    }
    compare_gains(databases, &gains, found)?;
    find_untold(databases, found)
}

/// Notes an item, and gives what it says was gained.
fn tell(databases: &Databases, operator: &str, route: &str, item: &[u8; ITEM], found: &mut Found) -> Result<i64> {
    let [event, a, b, c, d, e, f, g, h, gain @ ..] = *item;
    let place = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let gain = i64::from_be_bytes(gain);
    let Some(place) = i64::try_from(place).ok().filter(|_| EVENTS.contains(&event)) else {
        found.add("altered_route", route, "an item", "one that does not read");
        return Ok(gain);
    };
    let mut look = databases.notes.prepare_cached("SELECT operator FROM settled WHERE place = ?1 AND outcome = 1")?;
    let whose = look.query_row([place], |row| row.get::<_, String>(0)).optional()?;
    let at = format!("{route}: {}", Place(place));
    match whose {
        None => found.add("unfounded_route", at, "a record that settled", "one that did not"),
        Some(whose) if whose != operator => found.add("misrouted_record", at, format!("told to {whose}"), operator),
        Some(_) if event == SETTLED => {
            let mut note = databases.notes.prepare_cached("INSERT OR IGNORE INTO told VALUES (?1, ?2)")?;
            if note.execute((place, operator))? == 0 {
                found.add("doubled_route", at, "told once that it settled", "told again");
            }
        }
        Some(_) => {}
    }
    Ok(gain)
}

fn compare_gains(databases: &Databases, told: &[(String, i64)], found: &mut Found) -> Result<()> {
    let mut charged = databases.notes.prepare("SELECT operator, gain FROM gains ORDER BY operator")?;
    let charged = charged.query_map([], |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    join(charged, told.iter().cloned().map(Ok), |operator, charged, told| {
        let (charged, told) = (charged.first().unwrap_or(&0), told.first().unwrap_or(&0));
        if charged != told {
            found.add("route_gain", format!("all routes of {operator}"), format!("{charged} gained, by charges"), told);
        }
        Ok(())
    })
}

fn find_untold(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut untold = databases.notes.prepare(
        "SELECT s.place, s.operator FROM settled AS s LEFT JOIN told AS t ON t.place = s.place
         WHERE s.outcome = 1 AND t.place IS NULL ORDER BY s.place",
    )?;
    let mut rows = untold.query([])?;
    while let Some(row) = rows.next()? {
        let operator = row.get::<_, String>(1)?;
        found.add("missing_route", Place(row.get(0)?), format!("told to {operator} that it settled"), "not told");
    }
    Ok(())
}

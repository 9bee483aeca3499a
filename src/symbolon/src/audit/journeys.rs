//! Journeys: which exit ends which entry follows from all settled ends of a credential with an operator; what it costs
//! from the published fares.

use rusqlite::Row;
use symbolon_ccks::Name;

use super::{
    Result, Rules,
    copies::{Databases, Place, join, short},
    report::Found,
};

/// One end of a journey, as it was recomputed.
struct End {
    place: i64,
    exits: bool,
    time: i64,
    counter: i64,
    amount: u32,
    tariff: u8,
    station: [u8; 16],
    /// Of an exit: at which places it was answered, and with what.
    answered: Vec<(i64, u32)>,
}

/// One end as it is kept.
#[derive(Clone)]
struct Kept {
    place: i64,
    exits: bool,
    time: i64,
    counter: i64,
    amount: i64,
    station: Vec<u8>,
    closed_by: Option<i64>,
    fare: Option<i64>,
    ended: Option<i64>,
}

const VOIDED: i64 = 2;

type Key = (Vec<u8>, String);

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Compares the ends of journeys, and what was answered for exits.
pub(super) fn compare(databases: &Databases, rules: &Rules, found: &mut Found) -> Result<()> {
    let mut expected = databases.notes.prepare(
        "SELECT credential, operator, place, kind, time, counter, amount, tariff, reference
         FROM settled WHERE outcome = 1 AND kind IN (2, 3) ORDER BY credential, operator, place",
    )?;
    let mut kept = databases.exchange.prepare(
        "SELECT j.credential_digest, j.operator, coalesce(s.upload * 8192 + s.position, j.settlement) AS place, j.exits,
             j.time, j.counter, j.amount, j.reference, coalesce(c.upload * 8192 + c.position, j.closed_by), j.fare, j.ended
         FROM journeys AS j LEFT JOIN settlements AS s ON s.id = j.settlement
             LEFT JOIN settlements AS c ON c.id = j.closed_by
         ORDER BY j.credential_digest, j.operator, place",
    )?;
    let end = |row: &Row<'_>| {
        let end = End {
            place: row.get(2)?,
            exits: row.get::<_, i64>(3)? == 3,
            time: row.get(4)?,
            counter: row.get(5)?,
            amount: row.get(6)?,
            tariff: row.get(7)?,
            station: row.get(8)?,
            answered: Vec::new(),
        };
        Ok((key(row)?, end))
    };
    let kept_end = |row: &Row<'_>| {
        let kept = Kept {
            place: row.get(2)?,
            exits: row.get(3)?,
            time: row.get(4)?,
            counter: row.get(5)?,
            amount: row.get(6)?,
            station: row.get(7)?,
            closed_by: row.get(8)?,
            fare: row.get(9)?,
            ended: row.get(10)?,
        };
        Ok((key(row)?, kept))
    };
    if rules.fares.is_none() {
        found.not_checked("fares, but that they are never above what was held: no configuration");
    }
    join(expected.query_map([], end)?, kept.query_map([], kept_end)?, |key, mut ends, kept| {
        read_answers(databases, &key, &mut ends)?;
        Holder { key: &key, rules, found }.compare(&ends, &kept);
        Ok(())
    })
}

/// Puts what was answered for exits to the exits.
fn read_answers(databases: &Databases, (credential, operator): &Key, ends: &mut [End]) -> Result<()> {
    let mut answers = databases
        .notes
        .prepare_cached("SELECT exit, place, amount FROM answered_exits WHERE credential = ?1 AND operator = ?2")?;
    let mut rows = answers.query((credential, operator))?;
    while let Some(row) = rows.next()? {
        let exit = row.get::<_, i64>(0)?;
        if let Ok(index) = ends.binary_search_by_key(&exit, |end| end.place) {
            ends[index].answered.push((row.get(1)?, row.get(2)?));
        }
    }
    Ok(())
}

/// The journeys of a credential with an operator.
struct Holder<'a> {
    key: &'a Key,
    rules: &'a Rules,
    found: &'a mut Found,
}

impl Holder<'_> {
    fn compare(&mut self, ends: &[End], kept: &[Kept]) {
        let closed = closings(ends, i64::MAX);
        for kept in kept.iter().filter(|kept| ends.binary_search_by_key(&kept.place, |end| end.place).is_err()) {
            self.found.add("unfounded_journey", Place(kept.place), "no settled end of one with this operator", "one");
        }
        for (index, end) in ends.iter().enumerate() {
            match kept.binary_search_by_key(&end.place, |kept| kept.place) {
                Ok(place) => {
                    let exit = closed.iter().find(|(entry, _)| *entry == index).map(|(_, exit)| &ends[*exit]);
                    self.compare_end(end, exit, &kept[place]);
                }
                Err(_) => {
                    let operator = &self.key.1;
                    self.found.add("missing_journey", Place(end.place), format!("one with {operator}"), "none");
                }
            }
        }
        self.compare_answers(ends, kept);
    }

    fn compare_end(&mut self, end: &End, exit: Option<&End>, kept: &Kept) {
        let place = Place(end.place);
        let same = (end.exits, end.time, end.counter, i64::from(end.amount), end.station.as_slice())
            == (kept.exits, kept.time, kept.counter, kept.amount, kept.station.as_slice());
        if !same {
            self.found.add("altered_journey", place, "what its record says", "something else");
        }
        let text =
            |exit: Option<i64>| exit.map_or_else(|| "open".to_owned(), |exit| format!("closed by {}", Place(exit)));
        let closed_by = exit.map(|exit| exit.place);
        if closed_by != kept.closed_by {
            self.found.add("altered_journey", place, text(closed_by), text(kept.closed_by));
        } else if let (Some(exit), Some(fare)) = (exit, kept.fare) {
            match self.fare(end, exit, kept.ended == Some(VOIDED)) {
                Some(expected) if i64::from(expected) != fare => {
                    self.found.add("altered_journey", place, format!("a fare of {expected}"), fare);
                }
                None if fare > i64::from(end.amount) => {
                    self.found.add("altered_journey", place, format!("a fare of at most {}", end.amount), fare);
                }
                _ => {}
            }
        }
    }

    /// What a journey costs; `None` when the auditor does not know the fares.
    fn fare(&self, entry: &End, exit: &End, voided: bool) -> Option<u32> {
        if voided {
            return Some(0);
        }
        let fares = self.rules.fares.as_ref()?;
        let operator = Name::parse(&self.key.1).ok()?;
        Some(fares.for_group(entry.tariff, fares.fare(&operator, &entry.station, &exit.station)).min(entry.amount))
    }

    /// What was answered for exits is what they cost by all that had come by then.
    fn compare_answers(&mut self, ends: &[End], kept: &[Kept]) {
        if self.rules.fares.is_none() {
            return;
        }
        let is_void = |place: i64| kept.iter().any(|kept| kept.place == place && kept.ended == Some(VOIDED));
        for (index, exit) in ends.iter().enumerate() {
            for (place, answered) in &exit.answered {
                let closed = closings(ends, *place);
                let entry = closed.iter().find(|(_, exit)| *exit == index).map(|(entry, _)| &ends[*entry]);
                let expected = entry.map_or(Some(0), |entry| self.fare(entry, exit, false));
                // When its journey was voided is not kept with it.
                let is_either = *answered == 0 && entry.is_some_and(|entry| is_void(entry.place));
                if expected.is_some_and(|expected| expected != *answered) && !is_either {
                    let expected = expected.unwrap_or_default();
                    self.found.add("outcome", Place(*place), format!("an exit with {expected}"), answered);
                }
            }
        }
    }
}

/// Which exit closes which entry by what came until a place, in the order in which the holder signed.
fn closings(ends: &[End], until: i64) -> Vec<(usize, usize)> {
    let mut order = (0..ends.len()).filter(|index| ends[*index].place <= until).collect::<Vec<_>>();
    order.sort_by_key(|index| (ends[*index].time, ends[*index].counter));
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for index in order {
        if !ends[index].exits {
            open.push(index);
        } else if let Some(entry) = open.pop() {
            closed.push((entry, index));
        }
    }
    closed
}

/// Compares what all charges of journeys moved with where the money of each belongs now.
pub(super) fn compare_charges(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut expected = databases.exchange.prepare(
        "SELECT credential_digest, operator,
             sum(CASE WHEN closed_by IS NULL AND ended IS NULL THEN amount ELSE 0 END),
             sum(CASE WHEN ended = 2 THEN 0 WHEN closed_by IS NOT NULL THEN fare WHEN ended = 1 THEN amount ELSE 0 END)
         FROM journeys WHERE exits = 0 GROUP BY credential_digest, operator ORDER BY credential_digest, operator",
    )?;
    let mut moved = databases
        .notes
        .prepare("SELECT credential, operator, held, earned FROM moved ORDER BY credential, operator")?;
    let sums = |row: &Row<'_>| Ok((key(row)?, (row.get::<_, i64>(2)?, row.get::<_, i64>(3)?)));
    join(expected.query_map([], sums)?, moved.query_map([], sums)?, |(credential, operator), expected, moved| {
        let (expected, moved) = (expected.first().unwrap_or(&(0, 0)), moved.first().unwrap_or(&(0, 0)));
        if expected != moved {
            let place = format!("journeys of credential {} with {operator}", short(&credential));
            let text = |(held, earned): &(i64, i64)| format!("{held} held and {earned} earned");
            found.add("journey_charges", place, text(expected), text(moved));
        }
        Ok(())
    })
}

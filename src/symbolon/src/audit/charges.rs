//! Charges: each record that settled is charged once, from its holder and to its operator.

use std::collections::BTreeMap;

use rusqlite::Row;
use serde::Deserialize;

use super::{
    Result,
    copies::{Databases, Place, join, short},
    report::Found,
};

/// Who takes part in a charge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum Party {
    Holder,
    Operator(String),
    Journeys,
}

/// Money moved, minor units.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Move {
    from: Party,
    to: Party,
    amount: u32,
}

/// What each party gains by moves, as they are kept; nothing of 0. `None` when they do not read.
pub(super) fn gains(moves: &str) -> Option<BTreeMap<Party, i64>> {
    let mut gains = BTreeMap::new();
    for Move { from, to, amount } in serde_json::from_str::<Vec<Move>>(moves).ok()? {
        *gains.entry(from).or_default() -= i64::from(amount);
        *gains.entry(to).or_default() += i64::from(amount);
    }
    gains.retain(|_, gain| *gain != 0);
    Some(gains)
}

pub(super) const PURCHASE: i64 = 2;
const ENTRY: i64 = 3;
const EXIT: i64 = 4;
const REFUND: i64 = 5;
pub(super) const CORRECTION: i64 = 6;

pub(super) const fn name(kind: i64) -> &'static str {
    match kind {
        1 => "top_up",
        PURCHASE => "purchase",
        ENTRY => "entry",
        EXIT => "exit",
        REFUND => "refund",
        CORRECTION => "correction",
        7 => "charges",
        _ => "unknown",
    }
}

/// What settled.
struct Settled {
    kind: i64,
    amount: i64,
    currency: i64,
    operator: String,
    credential: Vec<u8>,
    subject: Option<Vec<u8>>,
}

/// A charge as it is kept.
struct Charge {
    sequence: i64,
    kind: i64,
    currency: i64,
    subject: Option<Vec<u8>>,
    moves: String,
    batch: Option<i64>,
}

pub(super) fn compare(databases: &Databases, found: &mut Found) -> Result<()> {
    let mut settled = databases.notes.prepare(
        "SELECT place, kind, amount, currency, operator, credential, subject FROM settled WHERE outcome = 1 ORDER BY place",
    )?;
    let mut charges = databases.exchange.prepare(
        "SELECT coalesce(s.upload * 8192 + s.position, c.settlement) AS place, c.sequence, c.kind, c.currency, c.subject,
             c.moves, c.batch
         FROM charges AS c LEFT JOIN settlements AS s ON s.id = c.settlement ORDER BY place, c.sequence",
    )?;
    let is_settled = |row: &Row<'_>| {
        let settled = Settled {
            kind: row.get(1)?,
            amount: row.get(2)?,
            currency: row.get(3)?,
            operator: row.get(4)?,
            credential: row.get(5)?,
            subject: row.get(6)?,
        };
        Ok((row.get::<_, i64>(0)?, settled))
    };
    let is_charge = |row: &Row<'_>| {
        let charge = Charge {
            sequence: row.get(1)?,
            kind: row.get(2)?,
            currency: row.get(3)?,
            subject: row.get(4)?,
            moves: row.get(5)?,
            batch: row.get(6)?,
        };
        Ok((row.get::<_, i64>(0)?, charge))
    };
    join(settled.query_map([], is_settled)?, charges.query_map([], is_charge)?, |place, settled, charges| {
        found.counts().charges += charges.len() as u64;
        let place = Place(place);
        match settled.first() {
            Some(settled) => Comparing { databases, place, settled, found }.compare(&charges)?,
            None => {
                for charge in &charges {
                    let kept = format!("charge {} of kind {}", charge.sequence, name(charge.kind));
                    found.add("unfounded_charge", place, "none, since it did not settle", kept);
                }
            }
        }
        Ok(())
    })
}

/// A record that settled, and its charges.
struct Comparing<'a> {
    databases: &'a Databases,
    place: Place,
    settled: &'a Settled,
    found: &'a mut Found,
}

impl Comparing<'_> {
    fn compare(&mut self, charges: &[Charge]) -> Result<()> {
        let settled = self.settled;
        for charge in charges {
            let place = format!("{} charge {}", self.place, charge.sequence);
            if charge.subject != settled.subject {
                let payer = |subject: &Option<Vec<u8>>| {
                    subject
                        .as_ref()
                        .map_or_else(|| "a card".to_owned(), |subject| format!("pseudonym {}", short(subject)))
                };
                self.found.add("altered_charge", &place, payer(&settled.subject), payer(&charge.subject));
            }
            if charge.currency != settled.currency {
                self.found.add("altered_charge", &place, settled.currency, charge.currency);
            }
            let Some(gains) = gains(&charge.moves) else {
                self.found.add("altered_charge", &place, "moves", "what does not read as any");
                continue;
            };
            for party in gains.keys() {
                if let Party::Operator(operator) = party
                    && *operator != settled.operator
                {
                    self.found.add("misrouted_charge", &place, &settled.operator, operator);
                }
            }
            self.note(charge, &gains)?;
        }
        self.compare_single(charges);
        Ok(())
    }

    /// The one charge that a purchase, an entry or a refund has.
    fn compare_single(&mut self, charges: &[Charge]) {
        let settled = self.settled;
        let operator = || Party::Operator(settled.operator.clone());
        // By the kind of the record.
        let (kind, gainer, gain) = match settled.kind {
            1 => (PURCHASE, operator(), settled.amount),
            2 => (ENTRY, Party::Journeys, settled.amount),
            5 => (REFUND, operator(), -settled.amount),
            _ => (0, Party::Holder, 0),
        };
        let is_of_journey = matches!(settled.kind, 2 | 3);
        for charge in charges {
            let may_be = charge.kind == kind || (is_of_journey && matches!(charge.kind, EXIT | CORRECTION));
            if !may_be {
                let kept = format!("charge {} of kind {}", charge.sequence, name(charge.kind));
                self.found.add("unfounded_charge", self.place, "none of this kind", kept);
            }
        }
        let charges = charges.iter().filter(|charge| charge.kind == kind).collect::<Vec<_>>();
        if gain == 0 {
            if let Some(charge) = charges.first() {
                let kept = format!("charge {}", charge.sequence);
                self.found.add("unfounded_charge", self.place, "none, since nothing is moved", kept);
            }
            return;
        }
        let expected = BTreeMap::from([(Party::Holder, -gain), (gainer, gain)]);
        let Some((first, more)) = charges.split_first() else {
            self.found.add("missing_charge", self.place, format!("{} {}", name(kind), settled.amount), "none");
            return;
        };
        let found = gains(&first.moves).unwrap_or_default();
        if found != expected {
            let place = format!("{} charge {}", self.place, first.sequence);
            self.found.add("altered_charge", place, text(&expected), text(&found));
        }
        for charge in more {
            let batch =
                |batch: Option<i64>| batch.map_or_else(|| "no batch".to_owned(), |batch| format!("batch {batch}"));
            let expected = format!("charge {} in {} alone", first.sequence, batch(first.batch));
            let kept = format!("charge {} in {} too", charge.sequence, batch(charge.batch));
            self.found.add("doubled_charge", self.place, expected, kept);
        }
    }

    /// Notes what a charge moves: of a journey, to compare their sums, and to its operator, to compare what it was told.
    fn note(&self, charge: &Charge, gains: &BTreeMap<Party, i64>) -> Result<()> {
        let earned =
            gains.iter().filter_map(|(party, gain)| matches!(party, Party::Operator(_)).then_some(*gain)).sum::<i64>();
        let mut note = self.databases.notes.prepare_cached(
            "INSERT INTO gains VALUES (?1, ?2) ON CONFLICT DO UPDATE SET gain = gain + excluded.gain",
        )?;
        note.execute((&self.settled.operator, earned))?;
        if matches!(charge.kind, ENTRY | EXIT | CORRECTION) {
            let held = gains.get(&Party::Journeys).copied().unwrap_or_default();
            let mut note = self.databases.notes.prepare_cached(
                "INSERT INTO moved VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET held = held + excluded.held, earned = earned + excluded.earned",
            )?;
            note.execute((&self.settled.credential, &self.settled.operator, held, earned))?;
        }
        Ok(())
    }
}

/// Gains in words.
pub(super) fn text(gains: &BTreeMap<Party, i64>) -> String {
    let text = |(party, gain): (&Party, &i64)| match party {
        Party::Holder => format!("holder {gain:+}"),
        Party::Operator(operator) => format!("{operator} {gain:+}"),
        Party::Journeys => format!("journeys {gain:+}"),
    };
    let gains = gains.iter().map(text).collect::<Vec<_>>();
    if gains.is_empty() { "nothing".to_owned() } else { gains.join(", ") }
}

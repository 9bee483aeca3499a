//! The published fares of journeys.

use super::{ConfigError, refused, within};
use crate::exchange::{FareTable, Station};
use serde::Deserialize;
use std::collections::BTreeMap;
use symbolon_ccks::{Name, operator_tag};
use symbolon_tap::{Fare, FareFields};

/// What journeys cost, minor units. A journey never costs more than the amount that its holder signed at the entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fares {
    /// The fare of every journey that is not listed.
    pub default_fare: u32,
    /// In which currency, ISO 4217 numeric: terminals are told with it.
    pub currency: u16,
    /// The fares of journeys.
    pub journeys: Vec<Journey>,
}

/// The fare from one station to another; the way back has its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// The operator.
    pub operator: String,
    /// Where it begins: up to 16 ASCII characters, as they stand in the reference of a tap with zeros behind them; or the
    /// whole reference in 32 hex digits.
    pub from: String,
    /// Where it ends; likewise.
    pub to: String,
    /// Minor units.
    pub fare: u32,
}

impl Default for Fares {
    fn default() -> Self {
        const RENMINBI: u16 = 156;
        Self { default_fare: 0, currency: RENMINBI, journeys: Vec::new() }
    }
}

impl Fares {
    /// As trust bundles carry them: what is listed; and for an operator of listed journeys, what those cost that are not,
    /// unless one that is costs more: terminals take that as the most that a journey can cost.
    pub(super) fn published(&self) -> Result<Vec<Fare>, ConfigError> {
        within("fares.currency", &self.currency, 1..=999)?;
        let mut fares = BTreeMap::new();
        let mut dearest = BTreeMap::<[u8; 8], u32>::new();
        for (operator, from, to, fare) in self.listed()? {
            let operator = operator_tag(&operator);
            // Of a journey that is listed twice the last counts, as in the exchange's table.
            fares.insert((operator, from, to), fare);
            let dearest = dearest.entry(operator).or_default();
            *dearest = fare.max(*dearest);
        }
        let covers = |dearest: u32| self.default_fare > 0 && dearest <= self.default_fare;
        let otherwise = dearest.into_iter().filter(|(_, dearest)| covers(*dearest));
        fares.extend(otherwise.map(|(operator, _)| ((operator, [0; 16], [0; 16]), self.default_fare)));
        let fare =
            |((operator, from, to), fare)| Fare::new(FareFields { operator, currency: self.currency, from, to, fare });
        let fares = fares.into_iter().map(fare).collect::<Result<Vec<_>, _>>();
        fares.map_err(|malformed| {
            refused("fares.journeys", &"a station of zeros", format!("it would be {}", malformed.problem))
        })
    }

    /// As the exchange prices by them.
    pub(super) fn table(&self) -> Result<FareTable, ConfigError> {
        let mut table = FareTable::new(self.default_fare);
        for (operator, from, to, fare) in self.listed()? {
            table.set(operator, from, to, fare);
        }
        Ok(table)
    }

    /// Operator, both stations and fare of each journey that is listed.
    fn listed(&self) -> Result<Vec<(Name, Station, Station, u32)>, ConfigError> {
        let listed = |journey: &Journey| {
            let operator = Name::parse(&journey.operator).map_err(|malformed| {
                let remedy = format!("use the operator's name, which cannot be {}", malformed.problem);
                refused("fares.journeys.operator", &journey.operator, remedy)
            })?;
            let from = station("fares.journeys.from", &journey.from)?;
            let to = station("fares.journeys.to", &journey.to)?;
            Ok((operator, from, to, journey.fare))
        };
        self.journeys.iter().map(listed).collect()
    }
}

fn station(key: &'static str, text: &str) -> Result<[u8; 16], ConfigError> {
    let mut reference = [0; 16];
    if text.len() == 32 && hex::decode_to_slice(text, &mut reference).is_ok() {
        return Ok(reference);
    }
    let is_text = text.is_ascii() && !text.is_empty();
    match reference.get_mut(..text.len()).filter(|_| is_text) {
        Some(room) => room.copy_from_slice(text.as_bytes()),
        None => return Err(refused(key, &text, "use up to 16 ASCII characters, or 32 hex digits")),
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_journey_has_the_fare_that_is_listed() {
        let text = r#"
            [fares]
            default_fare = 200
            journeys = [
                { operator = "metro", from = "central", to = "airport", fare = 450 },
                { operator = "metro", from = "00112233445566778899aabbccddeeff", to = "central", fare = 300 },
            ]
        "#;
        let table = Config::parse(text).unwrap().fare_table().unwrap();
        let metro = Name::parse("metro").unwrap();
        let (central, airport) = (*b"central\0\0\0\0\0\0\0\0\0", *b"airport\0\0\0\0\0\0\0\0\0");
        let hex = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
        assert_eq!(table.fare(&metro, &central, &airport), 450);
        assert_eq!(table.fare(&metro, &hex, &central), 300);
        assert_eq!(table.fare(&metro, &airport, &central), 200);
    }

    #[test]
    fn terminals_are_told_what_is_listed_and_what_else_can_be() {
        let text = |default_fare: u32| {
            format!(
                "[fares]\ndefault_fare = {default_fare}\ncurrency = 978\njourneys = [
                    {{ operator = \"metro\", from = \"b\", to = \"a\", fare = 450 }},
                    {{ operator = \"metro\", from = \"a\", to = \"b\", fare = 300 }},
                    {{ operator = \"bus\", from = \"a\", to = \"b\", fare = 200 }},
                    {{ operator = \"metro\", from = \"a\", to = \"b\", fare = 350 }},
                ]"
            )
        };
        let tag = |name: &str| operator_tag(&Name::parse(name).unwrap());
        let told = |default_fare: u32| {
            let fares = Config::parse(&text(default_fare)).unwrap().policy().publishing.fares;
            assert!(fares.iter().all(|fare| fare.currency() == 978));
            let mut of_metro = fares.iter().filter(|fare| fare.operator() == tag("metro")).collect::<Vec<_>>();
            of_metro.sort_by_key(|fare| (*fare.from(), *fare.to()));
            let of_metro = of_metro.iter().map(|fare| (fare.is_otherwise(), fare.fare())).collect::<Vec<_>>();
            (of_metro, fares.len())
        };
        let listed = [(false, 350), (false, 450)];
        assert_eq!(told(500), ([&[(true, 500)], &listed[..]].concat(), 5));
        assert_eq!(told(450).1, 5);
        // No journey must be thought to cost less than it does.
        assert_eq!(told(449), (listed.to_vec(), 4));
        assert_eq!(told(0), (listed.to_vec(), 3));
    }

    #[test]
    fn a_station_that_cannot_be_is_refused() {
        for station in ["", "seventeen letters", "z\u{fc}rich", "00112233445566778899aabbccddeefg"] {
            let text = format!("[[fares.journeys]]\noperator = \"m\"\nfrom = \"{station}\"\nto = \"b\"\nfare = 1");
            assert!(Config::parse(&text).unwrap_err().to_string().starts_with("fares.journeys.from"), "{station}");
        }
    }
}

//! The published fares of journeys.

use super::{ConfigError, refused};
use crate::exchange::FareTable;
use serde::Deserialize;
use symbolon_ccks::Name;

/// What journeys cost, minor units. A journey never costs more than the amount that its holder signed at the entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fares {
    /// The fare of every journey that is not listed.
    pub default_fare: u32,
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

impl Fares {
    /// As the exchange prices by them.
    pub(super) fn table(&self) -> Result<FareTable, ConfigError> {
        let mut table = FareTable::new(self.default_fare);
        for journey in &self.journeys {
            let operator = Name::parse(&journey.operator).map_err(|malformed| {
                let remedy = format!("use the operator's name, which cannot be {}", malformed.problem);
                refused("fares.journeys.operator", &journey.operator, remedy)
            })?;
            let from = station("fares.journeys.from", &journey.from)?;
            let to = station("fares.journeys.to", &journey.to)?;
            table.set(operator, from, to, journey.fare);
        }
        Ok(table)
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
    fn a_station_that_cannot_be_is_refused() {
        for station in ["", "seventeen letters", "z\u{fc}rich", "00112233445566778899aabbccddeefg"] {
            let text = format!("[[fares.journeys]]\noperator = \"m\"\nfrom = \"{station}\"\nto = \"b\"\nfare = 1");
            assert!(Config::parse(&text).unwrap_err().to_string().starts_with("fares.journeys.from"), "{station}");
        }
    }
}

//! What trust bundles tell terminals to do.

use super::{ConfigError, refused, within};
use serde::Deserialize;
use symbolon_ccks::{Class, Malformed, Sector};
use symbolon_tap::{Rule as TapRule, RuleFields, StaleAction, Tariff as TapTariff};

const HOUR_SECONDS: u32 = 3_600;

/// How terminals of a sector serve cards or pseudonyms in a currency. Money is in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `water`, `power` or `transport`.
    pub sector: String,
    /// `card` or `pseudonym`.
    pub class: String,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// The largest spend limit of a credential that is served; any, if not said.
    #[serde(default = "most")]
    pub tier: u32,
    /// The most for one tap.
    pub tap_cap: u32,
    /// For how long after a bundle was issued its data count as fresh.
    pub fresh_hours: u32,
    /// What is done with a tap after that: `decline` (if not said), `refer` or `accept`.
    #[serde(default)]
    pub stale: Stale,
    /// The most for one tap then; for `accept` alone.
    #[serde(default)]
    pub stale_cap: u32,
    /// For how long that is done; then every tap is declined.
    #[serde(default)]
    pub stale_hours: u32,
}

/// What is done with a tap while data are old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stale {
    /// It is declined.
    #[default]
    Decline,
    /// It is referred to somebody who can ask.
    Refer,
    /// It is accepted up to a lower cap.
    Accept,
}

/// What a concession group pays of the full fare.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// `water`, `power` or `transport`.
    pub sector: String,
    /// The group, as cards name it; not 0, which pays the full fare.
    pub tariff: u8,
    /// Thousandths of the full fare, 0 to 1,000.
    pub permille: u16,
}

const fn most() -> u32 {
    u32::MAX
}

impl Rule {
    /// As a bundle carries it.
    fn rule(&self) -> Result<TapRule, ConfigError> {
        let class = match self.class.as_str() {
            "card" => Class::Card,
            "pseudonym" => Class::Pseudonym,
            _ => return Err(refused("bundles.rules.class", &self.class, "use card or pseudonym")),
        };
        within("bundles.rules.currency", &self.currency, 1..=999)?;
        within("bundles.rules.fresh_hours", &self.fresh_hours, 1..=8_760)?;
        within("bundles.rules.stale_hours", &self.stale_hours, 0..=8_760)?;
        let fields = RuleFields {
            sector: sector("bundles.rules.sector", &self.sector)?,
            class,
            currency: self.currency,
            tier: self.tier,
            tap_cap: self.tap_cap,
            fresh_seconds: self.fresh_hours * HOUR_SECONDS,
            stale: match self.stale {
                Stale::Decline => StaleAction::Decline,
                Stale::Refer => StaleAction::Refer,
                Stale::Accept => StaleAction::Accept,
            },
            stale_cap: self.stale_cap,
            stale_seconds: self.stale_hours * HOUR_SECONDS,
        };
        let named = format_args!("{} {} {}", self.sector, self.class, self.currency);
        TapRule::new(fields).map_err(|malformed| contradiction("bundles.rules", &named, malformed))
    }
}

impl Tariff {
    fn tariff(&self) -> Result<TapTariff, ConfigError> {
        let sector = sector("bundles.tariffs.sector", &self.sector)?;
        let named = format_args!("{} {}", self.sector, self.tariff);
        TapTariff::new(sector, self.tariff, self.permille)
            .map_err(|malformed| contradiction("bundles.tariffs", &named, malformed))
    }
}

fn contradiction(key: &'static str, named: &dyn std::fmt::Display, malformed: Malformed) -> ConfigError {
    refused(key, named, format!("it would be {}", malformed.problem))
}

fn sector(key: &'static str, text: &str) -> Result<Sector, ConfigError> {
    text.parse().map_err(|_| refused(key, &text, "use water, power or transport"))
}

/// The rules as a bundle carries them.
pub(super) fn rules(listed: &[Rule]) -> Result<Vec<TapRule>, ConfigError> {
    let mut rules = listed.iter().map(Rule::rule).collect::<Result<Vec<_>, _>>()?;
    let key = |rule: &TapRule| (rule.sector(), rule.class(), rule.currency());
    rules.sort_by_key(key);
    match rules.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
        Some([twice, ..]) => Err(refused(
            "bundles.rules",
            &format_args!("{} {}", twice.sector(), twice.currency()),
            "name each sector, class and currency once",
        )),
        _ => Ok(rules),
    }
}

/// The tariffs as a bundle carries them.
pub(super) fn tariffs(listed: &[Tariff]) -> Result<Vec<TapTariff>, ConfigError> {
    let mut tariffs = listed.iter().map(Tariff::tariff).collect::<Result<Vec<_>, _>>()?;
    let key = |tariff: &TapTariff| (tariff.sector(), tariff.tariff());
    tariffs.sort_by_key(key);
    match tariffs.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
        Some([twice, ..]) => Err(refused(
            "bundles.tariffs",
            &format_args!("{} {}", twice.sector(), twice.tariff()),
            "name each sector and group once",
        )),
        _ => Ok(tariffs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn rules_and_tariffs_are_those_that_are_listed() {
        let text = r#"
            [bundles]
            compact_validity_hours = 30
            part_kib = 48
            rules = [
                { sector = "transport", class = "pseudonym", currency = 156, tier = 2000, tap_cap = 1500, fresh_hours = 24,
                  stale = "accept", stale_cap = 500, stale_hours = 48 },
                { sector = "power", class = "card", currency = 156, tap_cap = 1, fresh_hours = 1 },
            ]
            tariffs = [{ sector = "transport", tariff = 2, permille = 500 }]
        "#;
        let publishing = Config::parse(text).unwrap().policy().publishing;
        assert_eq!((publishing.compact_validity_seconds, publishing.part_bytes), (108_000, 49_152));
        let [power, transport] = publishing.rules[..] else { panic!("two rules") };
        let plain = power.fields();
        assert_eq!((plain.tier, plain.stale, plain.stale_seconds), (u32::MAX, StaleAction::Decline, 0));
        let fields = transport.fields();
        assert_eq!((fields.class, fields.tier, fields.tap_cap), (Class::Pseudonym, 2_000, 1_500));
        assert_eq!((fields.fresh_seconds, fields.stale), (86_400, StaleAction::Accept));
        assert_eq!((fields.stale_cap, fields.stale_seconds), (500, 172_800));
        assert_eq!(publishing.tariffs, [TapTariff::new(Sector::Transport, 2, 500).unwrap()]);
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let rule = |more: &str| {
            format!("[[bundles.rules]]\nsector = \"power\"\ncurrency = 156\ntap_cap = 9\nfresh_hours = 1\n{more}\n")
        };
        let tariff = |sector: &str, number: u8, permille: u16| {
            format!("[[bundles.tariffs]]\nsector = \"{sector}\"\ntariff = {number}\npermille = {permille}\n")
        };
        for (text, key) in [
            (rule("class = \"terminal\""), "bundles.rules.class"),
            (rule("class = \"card\"\nstale_hours = 9000"), "bundles.rules.stale_hours"),
            (rule("class = \"card\"\nstale_cap = 5"), "bundles.rules = power card 156"),
            (rule("class = \"card\"\nstale_hours = 5"), "bundles.rules = power card 156"),
            (rule("class = \"card\"\nstale = \"accept\"\nstale_cap = 10"), "bundles.rules = power card 156"),
            (rule("class = \"card\"") + &rule("class = \"card\""), "bundles.rules = power 156"),
            (tariff("gas", 1, 1), "bundles.tariffs.sector"),
            (tariff("power", 0, 1), "bundles.tariffs = power 0"),
            (tariff("power", 1, 1_001), "bundles.tariffs = power 1"),
            (tariff("power", 1, 1) + &tariff("power", 1, 2), "bundles.tariffs = power 1"),
            ("[bundles]\npart_kib = 3".to_owned(), "bundles.part_kib"),
            ("[bundles]\ncompact_validity_hours = 0".to_owned(), "bundles.compact_validity_hours"),
        ] {
            let refused = Config::parse(&text).unwrap_err().to_string();
            assert!(refused.starts_with(key) && refused.contains("cannot be: "), "{refused}");
        }
    }

    #[test]
    fn parts_have_to_hold_more_than_what_all_of_them_repeat() {
        let mut text = "[bundles]\npart_kib = 16\n[fares]\ndefault_fare = 300\n".to_owned();
        for number in 0..200 {
            text += &format!("[[fares.journeys]]\noperator = \"metro\"\nfrom = \"a\"\nto = \"{number}\"\nfare = 200\n");
        }
        let refused = Config::parse(&text).unwrap_err().to_string();
        assert!(refused.starts_with("bundles.part_kib = 16 cannot be: "), "{refused}");
        Config::parse(&text.replace("part_kib = 16", "part_kib = 32")).unwrap();
    }
}

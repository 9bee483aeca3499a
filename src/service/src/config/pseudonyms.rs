//! How pseudonyms are issued and charged.

use super::{ConfigError, refused, within};
use crate::{Batching, PseudonymPolicy};
use serde::Deserialize;
use symbolon_ccks::{PeriodBoundary, Sector, Sectors};
use symbolon_pseudonym::{Issuance, Profile, ProfileFields, ProfileId};

const HOUR_SECONDS: u64 = 3_600;
const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;

/// How pseudonyms are issued and charged. Every process of a service has the same.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pseudonyms {
    /// The second of the UTC day at which periods begin. Never changed once pseudonyms were issued.
    pub period_boundary_seconds: u32,
    /// How many pseudonyms a card gets in one period.
    pub per_period: u16,
    /// The shapes that pseudonyms have, in ascending order of their numbers: few, so that none is a fingerprint.
    pub profiles: Vec<PublishedProfile>,
    /// How long the attester's challenge is good.
    pub challenge_seconds: u64,
    /// When the attester passes items of different cards on to the issuer.
    pub mixing: Waiting,
    /// When items of the next period are passed on.
    pub mixing_ahead: Waiting,
    /// When the exchange passes what pseudonyms spent on to clearing.
    pub charging: Waiting,
    /// How long after a pseudonym expired its records are awaited.
    pub late_records_hours: u64,
    /// How long an officer's approval of a case holds.
    pub approval_hours: u64,
    /// How far below zero an account may go, by tariff; at most one a tariff.
    pub postpaid_lines: Vec<PostpaidLine>,
}

/// When things that wait for each other are passed on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// As soon as so many wait,
    pub items: u32,
    /// or the oldest has waited so long.
    pub delay_seconds: u64,
}

/// A shape that pseudonyms have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedProfile {
    /// Its number. What a number means is never changed.
    pub id: u8,
    /// `water`, `power`, `transport`.
    pub sectors: Vec<String>,
    /// Concession group; 0 is the full fare.
    pub tariff: u8,
    /// The most for one transaction, minor units.
    pub spend_limit: u32,
    /// The most in all with one pseudonym, minor units: so much is set aside for each.
    pub budget: u32,
    /// ISO 4217 numeric.
    pub currency: u16,
}

/// How far below zero accounts of a tariff may go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostpaidLine {
    /// The tariff.
    pub tariff: u8,
    /// Minor units.
    pub amount: u32,
}

impl Default for Pseudonyms {
    fn default() -> Self {
        let policy = PseudonymPolicy::default();
        Self {
            period_boundary_seconds: policy.boundary.seconds(),
            per_period: policy.per_period,
            profiles: policy.profiles.iter().map(PublishedProfile::of).collect(),
            challenge_seconds: policy.challenge_lifetime_seconds,
            mixing: Waiting::of(policy.mixing),
            mixing_ahead: Waiting::of(policy.mixing_ahead),
            charging: Waiting::of(policy.charging),
            late_records_hours: policy.late_records_seconds / HOUR_SECONDS,
            approval_hours: policy.approval_seconds / HOUR_SECONDS,
            postpaid_lines: Vec::new(),
        }
    }
}

impl Pseudonyms {
    /// As the use cases go by it.
    pub(super) fn policy(&self) -> Result<PseudonymPolicy, ConfigError> {
        const BOUNDARY: &str = "pseudonyms.period_boundary_seconds";
        within(BOUNDARY, &self.period_boundary_seconds, 0..=DAY_SECONDS as u32 - 1)?;
        within("pseudonyms.per_period", &self.per_period, 1..=1_024)?;
        within("pseudonyms.challenge_seconds", &self.challenge_seconds, 10..=DAY_SECONDS)?;
        within("pseudonyms.mixing.items", &self.mixing.items, 1..=65_536)?;
        within("pseudonyms.mixing.delay_seconds", &self.mixing.delay_seconds, 0..=HOUR_SECONDS)?;
        within("pseudonyms.mixing_ahead.items", &self.mixing_ahead.items, 1..=4_194_304)?;
        within("pseudonyms.mixing_ahead.delay_seconds", &self.mixing_ahead.delay_seconds, 0..=DAY_SECONDS)?;
        within("pseudonyms.charging.items", &self.charging.items, 1..=65_536)?;
        within("pseudonyms.charging.delay_seconds", &self.charging.delay_seconds, 0..=DAY_SECONDS)?;
        within("pseudonyms.late_records_hours", &self.late_records_hours, 1..=90 * 24)?;
        within("pseudonyms.approval_hours", &self.approval_hours, 1..=31 * 24)?;
        Ok(PseudonymPolicy {
            boundary: PeriodBoundary::new(self.period_boundary_seconds)
                .map_err(|malformed| refused(BOUNDARY, &self.period_boundary_seconds, malformed.problem))?,
            per_period: self.per_period,
            profiles: self.profiles()?,
            challenge_lifetime_seconds: self.challenge_seconds,
            mixing: self.mixing.batching(),
            mixing_ahead: self.mixing_ahead.batching(),
            charging: self.charging.batching(),
            late_records_seconds: self.late_records_hours * HOUR_SECONDS,
            approval_seconds: self.approval_hours * HOUR_SECONDS,
            postpaid_lines: self.lines()?,
        })
    }

    fn profiles(&self) -> Result<Vec<Profile>, ConfigError> {
        let profiles = &self.profiles;
        if profiles.is_empty() || profiles.len() > Issuance::MAX_PROFILES {
            return Err(refused("pseudonyms.profiles", &profiles.len(), "publish 1 to 64 profiles"));
        }
        if let Some(pair) = profiles.windows(2).find(|pair| pair[0].id >= pair[1].id) {
            return Err(refused("pseudonyms.profiles.id", &pair[1].id, "let the numbers ascend"));
        }
        profiles.iter().map(PublishedProfile::profile).collect()
    }

    fn lines(&self) -> Result<Vec<(u8, u32)>, ConfigError> {
        let mut lines: Vec<_> = self.postpaid_lines.iter().map(|line| (line.tariff, line.amount)).collect();
        lines.sort_unstable();
        match lines.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(refused("pseudonyms.postpaid_lines.tariff", &pair[0].0, "name each tariff once")),
            None => Ok(lines),
        }
    }
}

impl Waiting {
    const fn of(batching: Batching) -> Self {
        Self { items: batching.items, delay_seconds: batching.delay_seconds }
    }

    const fn batching(&self) -> Batching {
        Batching { items: self.items, delay_seconds: self.delay_seconds }
    }
}

impl PublishedProfile {
    fn of(profile: &Profile) -> Self {
        let fields = profile.fields();
        Self {
            id: fields.id.0,
            sectors: fields.sectors.iter().map(|sector| sector.to_string()).collect(),
            tariff: fields.tariff,
            spend_limit: fields.spend_limit,
            budget: fields.budget,
            currency: fields.currency,
        }
    }

    fn profile(&self) -> Result<Profile, ConfigError> {
        within("pseudonyms.profiles.currency", &self.currency, 1..=999)?;
        within("pseudonyms.profiles.budget", &self.budget, 1..=u32::MAX)?;
        within("pseudonyms.profiles.spend_limit", &self.spend_limit, 1..=self.budget)?;
        let fields = ProfileFields {
            id: ProfileId(self.id),
            sectors: self.sectors()?,
            tariff: self.tariff,
            spend_limit: self.spend_limit,
            budget: self.budget,
            currency: self.currency,
        };
        Profile::new(fields).map_err(|malformed| refused("pseudonyms.profiles", &self.id, malformed.problem))
    }

    fn sectors(&self) -> Result<Sectors, ConfigError> {
        const KEY: &str = "pseudonyms.profiles.sectors";
        let mut all: Option<Sectors> = None;
        for name in &self.sectors {
            let sector = name.parse::<Sector>().map_err(|_| refused(KEY, name, "use water, power or transport"))?;
            all = Some(match all {
                Some(sectors) if sectors.contains(sector) => return Err(refused(KEY, name, "name each sector once")),
                Some(sectors) => sectors | sector.into(),
                None => sector.into(),
            });
        }
        all.ok_or_else(|| refused(KEY, &"[]", "name at least one sector"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_default_is_the_policy_by_default() {
        assert_eq!(Pseudonyms::default().policy().unwrap(), PseudonymPolicy::default());
    }

    #[test]
    fn everything_can_be_set() {
        let config = Config::parse(
            r#"
            [pseudonyms]
            period_boundary_seconds = 3_600
            per_period = 5
            challenge_seconds = 60
            late_records_hours = 24
            approval_hours = 12
            mixing = { items = 8, delay_seconds = 2 }
            mixing_ahead = { items = 10, delay_seconds = 4 }
            charging = { items = 9, delay_seconds = 3 }
            profiles = [
                { id = 4, sectors = ["water", "power"], tariff = 2, spend_limit = 10, budget = 30, currency = 978 },
                { id = 7, sectors = ["transport"], tariff = 0, spend_limit = 20, budget = 20, currency = 156 },
            ]
            postpaid_lines = [{ tariff = 2, amount = 5_000 }, { tariff = 1, amount = 700 }]
            "#,
        )
        .unwrap();
        let policy = config.policy().pseudonyms;
        assert_eq!(policy.boundary.seconds(), 3_600);
        assert_eq!((policy.per_period, policy.challenge_lifetime_seconds), (5, 60));
        assert_eq!((policy.late_records_seconds, policy.approval_seconds), (86_400, 43_200));
        assert_eq!(policy.mixing, Batching { items: 8, delay_seconds: 2 });
        assert_eq!(policy.mixing_ahead, Batching { items: 10, delay_seconds: 4 });
        assert_eq!(policy.charging, Batching { items: 9, delay_seconds: 3 });
        assert_eq!(policy.postpaid_lines, [(1, 700), (2, 5_000)]);
        let fields: Vec<_> = policy.profiles.iter().map(Profile::fields).collect();
        assert_eq!((fields[0].id, fields[0].sectors.bits(), fields[0].budget), (ProfileId(4), 3, 30));
        assert_eq!((fields[1].id, fields[1].tariff, fields[1].currency), (ProfileId(7), 0, 156));
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let profile = |changes: &str| {
            let mut fields = vec!["id = 1", "sectors = [\"water\"]", "tariff = 0", "spend_limit = 1", "budget = 2"];
            fields.push("currency = 156");
            let name = changes.split(' ').next().unwrap();
            fields.retain(|field| !field.starts_with(name));
            format!("{{ {}, {changes} }}", fields.join(", "))
        };
        let profiles = |profiles: &[String]| format!("profiles = [{}]", profiles.join(", "));
        for (text, key) in [
            ("period_boundary_seconds = 86_400".to_owned(), "period_boundary_seconds"),
            ("per_period = 0".to_owned(), "per_period"),
            ("challenge_seconds = 1".to_owned(), "challenge_seconds"),
            ("mixing = { items = 0, delay_seconds = 1 }".to_owned(), "mixing.items"),
            ("mixing = { items = 1, delay_seconds = 86_400 }".to_owned(), "mixing.delay_seconds"),
            ("mixing_ahead = { items = 0, delay_seconds = 1 }".to_owned(), "mixing_ahead.items"),
            ("mixing_ahead = { items = 1, delay_seconds = 86_401 }".to_owned(), "mixing_ahead.delay_seconds"),
            ("charging = { items = 0, delay_seconds = 1 }".to_owned(), "charging.items"),
            ("charging = { items = 1, delay_seconds = 86_401 }".to_owned(), "charging.delay_seconds"),
            ("late_records_hours = 0".to_owned(), "late_records_hours"),
            ("approval_hours = 0".to_owned(), "approval_hours"),
            (
                "postpaid_lines = [{ tariff = 1, amount = 1 }, { tariff = 1, amount = 2 }]".to_owned(),
                "postpaid_lines.tariff",
            ),
            (profiles(&[]), "profiles"),
            (profiles(&[profile("id = 2"), profile("id = 2")]), "profiles.id"),
            (profiles(&[profile("sectors = []")]), "profiles.sectors"),
            (profiles(&[profile("sectors = [\"gas\"]")]), "profiles.sectors"),
            (profiles(&[profile("sectors = [\"water\", \"water\"]")]), "profiles.sectors"),
            (profiles(&[profile("spend_limit = 3")]), "profiles.spend_limit"),
            (profiles(&[profile("budget = 0")]), "profiles.budget"),
            (profiles(&[profile("currency = 0")]), "profiles.currency"),
        ] {
            let refused = Config::parse(&format!("[pseudonyms]\n{text}")).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("pseudonyms.{key} = ")), "{text}: {refused}");
        }
        assert!(Config::parse("[pseudonyms]\nlate_records_days = 1").is_err());
    }
}

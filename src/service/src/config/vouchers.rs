//! What vouchers cost, and how long they are good.

use super::{ConfigError, refused, within};
use crate::vouchers::{VoucherPolicy, VoucherPrice};
use serde::Deserialize;
use symbolon_ccks::{Name, Sector};

const DAY_SECONDS: u64 = 24 * 3_600;

/// Vouchers for meters. The attester alone goes by it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vouchers {
    /// How long a meter takes a voucher after it was issued.
    pub validity_days: u64,
    /// How long after that a meter's record is awaited; then what was paid for a voucher that none took goes back.
    pub late_records_days: u64,
    /// How many undelivered vouchers a card may have for one meter; a meter can take 64.
    pub outstanding_per_card: u32,
    /// What is sold; without any, nothing is.
    pub prices: Vec<Price>,
}

/// What an operator asks for water or power.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Whose meters it is for.
    pub operator: String,
    /// `water` or `power`.
    pub sector: String,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// For 1,000 litres or 1,000 watt-hours, minor units.
    pub per_thousand: u32,
}

impl Default for Vouchers {
    fn default() -> Self {
        let policy = VoucherPolicy::default();
        Self {
            validity_days: policy.validity_seconds / DAY_SECONDS,
            late_records_days: policy.late_records_seconds / DAY_SECONDS,
            outstanding_per_card: policy.outstanding_per_card,
            prices: Vec::new(),
        }
    }
}

impl Vouchers {
    /// As the use cases go by it.
    pub(super) fn policy(&self) -> Result<VoucherPolicy, ConfigError> {
        within("vouchers.validity_days", &self.validity_days, 1..=3_660)?;
        within("vouchers.late_records_days", &self.late_records_days, 1..=3_660)?;
        within("vouchers.outstanding_per_card", &self.outstanding_per_card, 1..=64)?;
        let prices = self.prices.iter().map(Price::price).collect::<Result<Vec<_>, _>>()?;
        let what = |price: &VoucherPrice| (price.operator, price.sector, price.currency);
        if let Some(twice) =
            (0..prices.len()).find(|index| prices[..*index].iter().any(|other| what(other) == what(&prices[*index])))
        {
            let named = &self.prices[twice];
            return Err(refused(
                "vouchers.prices",
                &format_args!("{} {} {}", named.operator, named.sector, named.currency),
                "name each operator, sector and currency once",
            ));
        }
        Ok(VoucherPolicy {
            prices,
            validity_seconds: self.validity_days * DAY_SECONDS,
            late_records_seconds: self.late_records_days * DAY_SECONDS,
            outstanding_per_card: self.outstanding_per_card,
        })
    }
}

impl Price {
    fn price(&self) -> Result<VoucherPrice, ConfigError> {
        let operator = Name::parse(&self.operator).map_err(|malformed| {
            let remedy = format!("use the operator's name, which cannot be {}", malformed.problem);
            refused("vouchers.prices.operator", &self.operator, remedy)
        })?;
        let sector = match self.sector.parse() {
            Ok(sector @ (Sector::Water | Sector::Power)) => sector,
            _ => return Err(refused("vouchers.prices.sector", &self.sector, "use water or power")),
        };
        within("vouchers.prices.currency", &self.currency, 1..=999)?;
        within("vouchers.prices.per_thousand", &self.per_thousand, 1..=1_000_000_000)?;
        Ok(VoucherPrice { operator, sector, currency: self.currency, per_thousand: self.per_thousand })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn prices_are_those_that_are_listed() {
        let text = r#"
            [vouchers]
            validity_days = 10
            prices = [
                { operator = "grid", sector = "power", currency = 156, per_thousand = 52 },
                { operator = "works", sector = "water", currency = 156, per_thousand = 400 },
            ]
        "#;
        let policy = Config::parse(text).unwrap().policy().vouchers;
        assert_eq!(policy.validity_seconds, 864_000);
        assert_eq!(policy.late_records_seconds, VoucherPolicy::default().late_records_seconds);
        let grid = Name::parse("grid").unwrap();
        let power = VoucherPrice { operator: grid, sector: Sector::Power, currency: 156, per_thousand: 52 };
        assert_eq!(policy.prices[0], power);
        assert_eq!(policy.prices.len(), 2);
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let price = |operator: &str, sector: &str, currency: u16, per_thousand: u32| {
            format!(
                "[[vouchers.prices]]\noperator = \"{operator}\"\nsector = \"{sector}\"\ncurrency = {currency}\n\
                 per_thousand = {per_thousand}\n"
            )
        };
        let twice = price("grid", "power", 156, 1) + &price("grid", "power", 156, 2);
        for (text, key) in [
            (price("Grid", "power", 156, 1), "vouchers.prices.operator"),
            (price("grid", "transport", 156, 1), "vouchers.prices.sector"),
            (price("grid", "power", 0, 1), "vouchers.prices.currency"),
            (price("grid", "power", 156, 0), "vouchers.prices.per_thousand"),
            (twice, "vouchers.prices = grid power 156"),
            ("[vouchers]\nvalidity_days = 0".to_owned(), "vouchers.validity_days"),
            ("[vouchers]\nlate_records_days = 0".to_owned(), "vouchers.late_records_days"),
            ("[vouchers]\noutstanding_per_card = 65".to_owned(), "vouchers.outstanding_per_card"),
        ] {
            let refused = Config::parse(&text).unwrap_err().to_string();
            assert!(refused.starts_with(key) && refused.contains("cannot be: "), "{refused}");
        }
    }
}

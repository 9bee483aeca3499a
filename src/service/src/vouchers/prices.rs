//! What water and power cost.

use symbolon_ccks::{Name, Sector};

/// What an operator asks, minor units for 1,000 litres or watt-hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoucherPrice {
    /// Whose meters it is for.
    pub operator: Name,
    /// Water or power.
    pub sector: Sector,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Minor units; not 0.
    pub per_thousand: u32,
}

impl VoucherPrice {
    /// The price of a quantity, minor units, rounded up; `None` above what one payment can be.
    pub fn of(&self, quantity: u32) -> Option<u32> {
        let thousandths = u64::from(quantity) * u64::from(self.per_thousand);
        u32::try_from(thousandths.div_ceil(1_000)).ok()
    }
}

/// What is decided of vouchers. Durations are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherPolicy {
    /// What is sold; at most one price an operator, sector and currency.
    pub prices: Vec<VoucherPrice>,
    /// How long a meter takes a voucher after it was issued.
    pub validity_seconds: u64,
    /// How long after that the record of a meter that took it is awaited; then what was paid goes back.
    pub late_records_seconds: u64,
    /// How many undelivered vouchers a card may have for one meter.
    pub outstanding_per_card: u32,
}

impl Default for VoucherPolicy {
    fn default() -> Self {
        const DAY: u64 = 24 * 3_600;
        Self {
            prices: Vec::new(),
            validity_seconds: 90 * DAY,
            late_records_seconds: 30 * DAY,
            outstanding_per_card: 16,
        }
    }
}

impl VoucherPolicy {
    /// The price of an operator.
    pub(super) fn price(&self, operator: &Name, sector: Sector, currency: u16) -> Option<&VoucherPrice> {
        let is_it =
            |price: &&VoucherPrice| (price.operator, price.sector, price.currency) == (*operator, sector, currency);
        self.prices.iter().find(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_minor_unit_is_a_whole_one() {
        let operator = Name::parse("grid").unwrap();
        let price = |per_thousand| VoucherPrice { operator, sector: Sector::Power, currency: 156, per_thousand };
        assert_eq!(price(50).of(10_000), Some(500));
        assert_eq!(price(50).of(10_001), Some(501));
        assert_eq!(price(1).of(1), Some(1), "nothing is given away");
        assert_eq!(price(1_000).of(u32::MAX), Some(u32::MAX));
        assert_eq!(price(1_001).of(u32::MAX), None);
    }
}

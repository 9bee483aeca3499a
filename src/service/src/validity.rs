//! What callers say of validity and currency.

use symbolon_ccks::Time;

use crate::ServiceError;

/// The validity that was asked for, or the default one from now on.
pub(crate) fn validity(
    not_before: Option<Time>,
    not_after: Option<Time>,
    now: Time,
    lifetime_seconds: u64,
) -> Result<(Time, Time), ServiceError> {
    let not_before = not_before.unwrap_or(now);
    let not_after = not_after.unwrap_or_else(|| not_before.saturating_add(lifetime_seconds));
    if not_after <= not_before {
        return Err(ServiceError::InvalidField { field: "not_after", problem: "not later than not_before" });
    }
    Ok((not_before, not_after))
}

/// ISO 4217 numeric codes have three digits.
pub(crate) fn check_currency(currency: u16) -> Result<(), ServiceError> {
    match currency {
        1..=999 => Ok(()),
        _ => Err(ServiceError::InvalidField { field: "currency", problem: "not an ISO 4217 numeric code, 1 to 999" }),
    }
}

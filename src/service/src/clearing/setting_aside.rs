//! Money set aside for pseudonyms, and who pays for them.
//!
//! A pseudonym can spend its budget where nobody asks clearing, so that much has to be there beforehand. What its holder
//! then spends is posted and leaves the balance; so much less of it is still set aside.

use symbolon_ccks::Time;
use symbolon_pseudonym::{PairwiseKey, TagUse};
use symbolon_store::{
    Transaction,
    records::{BindingRecord, Release, ReservationRecord, SetAside},
};

use super::holder_account;
use crate::{ServiceError, links::Binding};

/// What an account can still have set aside, minor units.
pub(super) fn available(balance: i64, set_aside: &[SetAside], line: u32) -> i128 {
    let held = |period: &SetAside| {
        // What came back beyond what was paid does not raise what the pseudonyms can spend.
        let charged = u64::try_from(period.charged).unwrap_or_default();
        i128::from(period.exposure.saturating_sub(charged))
    };
    i128::from(balance) + i128::from(line) - set_aside.iter().map(held).sum::<i128>()
}

/// Sets money aside, once for one id.
pub(super) fn reserve(unit: &mut dyn Transaction, asked: &ReservationRecord, now: Time) -> Result<(), ServiceError> {
    if let Some(known) = unit.reservation(&asked.id)? {
        let same = ReservationRecord { release: None, ..known } == *asked;
        return if same { Ok(()) } else { Err(ServiceError::RequestIdReused) };
    }
    if asked.count == 0 {
        return Err(ServiceError::InvalidField { field: "count", problem: "0" });
    }
    if asked.until <= now {
        return Err(ServiceError::InvalidField { field: "until", problem: "passed" });
    }
    let account = holder_account(unit, &asked.account)?.ok_or(ServiceError::NotFound("account"))?;
    if account.currency != asked.currency {
        return Err(ServiceError::InvalidField { field: "currency", problem: "not that of the account" });
    }
    let exposure = i128::from(asked.count) * i128::from(asked.budget);
    if exposure > available(account.balance, &unit.set_aside(&asked.account, now)?, asked.line) {
        return Err(ServiceError::InsufficientFunds);
    }
    Ok(unit.add_reservation(asked)?)
}

/// Gives back what was set aside for pseudonyms that were never issued, once for one id. What is bound stays set aside:
/// its holder may have it.
pub(super) fn release(unit: &mut dyn Transaction, id: &[u8; 16], count: u16, now: Time) -> Result<(), ServiceError> {
    let known = unit.reservation(id)?.ok_or(ServiceError::NotFound("reservation"))?;
    if let Some(release) = known.release {
        return if release.asked == count { Ok(()) } else { Err(ServiceError::RequestIdReused) };
    }
    if count > known.count {
        return Err(ServiceError::InvalidField { field: "count", problem: "more than was reserved" });
    }
    let of_period = unit.set_aside(&known.account, now)?.into_iter().find(|period| period.period == known.period);
    // Once it has ended nothing is set aside, and nothing is given back.
    let unbound = of_period.map_or(0, |period| period.pseudonyms.saturating_sub(period.bound));
    let released = u16::try_from(unbound).unwrap_or(u16::MAX).min(count);
    Ok(unit.release_reservation(id, Release { asked: count, released })?)
}

/// Learns who pays for a subject; whether it did.
pub(super) fn bind(
    unit: &mut dyn Transaction,
    binding: &Binding,
    attester: &PairwiseKey,
    now: Time,
) -> Result<bool, ServiceError> {
    let Ok(account) = binding.tag.open(TagUse::Pseudonym(binding.period), attester) else {
        return Ok(false);
    };
    let (nonce, _) = binding.tag.as_bytes().split_first_chunk().expect("a tag begins with its nonce");
    if let Some(known) = unit.binding(&binding.subject)? {
        return Ok((known.account, known.period, known.nonce) == (account, binding.period, *nonce));
    }
    let set_aside = unit.set_aside(&account, now)?;
    let of_period = set_aside.into_iter().find(|period| period.period == binding.period);
    let Some(of_period) = of_period.filter(|period| period.bound < period.pseudonyms) else {
        return Ok(false);
    };
    if unit.is_tag_used(nonce)? {
        return Ok(false);
    }
    unit.add_binding(&BindingRecord {
        subject: binding.subject,
        account,
        period: binding.period,
        nonce: *nonce,
        charged: 0,
        until: of_period.until,
    })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use symbolon_ccks::Period;

    use super::*;

    fn any_set_aside() -> impl Strategy<Value = SetAside> {
        (any::<u32>(), -5_000_000_000..5_000_000_000_i64).prop_map(|(exposure, charged)| SetAside {
            period: Period::new(7).expect("a small period"),
            pseudonyms: 1,
            bound: 1,
            exposure: exposure.into(),
            charged,
            until: Time::new(1).expect("a small time"),
        })
    }

    proptest! {
        #[test]
        fn what_is_available_is_never_more_than_balance_and_line(
            balance: i64, line: u32, set_aside in prop::collection::vec(any_set_aside(), 0..5),
        ) {
            let most = i128::from(balance) + i128::from(line);
            prop_assert!(available(balance, &set_aside, line) <= most);
            let exposure: i128 = set_aside.iter().map(|period| i128::from(period.exposure)).sum();
            prop_assert!(available(balance, &set_aside, line) >= most - exposure);
        }

        /// A charge within what is set aside changes nothing for what else the account can do.
        #[test]
        fn a_charge_eats_what_was_set_aside_for_it(
            balance in -1_000_000_000..1_000_000_000_i64,
            (exposure, charged, more) in any::<(u32, u32, u32)>().prop_map(|(exposure, charged, more)| {
                let charged = charged.min(exposure);
                (exposure, charged, more.min(exposure - charged))
            }),
        ) {
            let template = SetAside {
                period: Period::new(7).expect("a small period"),
                pseudonyms: 1,
                bound: 1,
                exposure: exposure.into(),
                charged: charged.into(),
                until: Time::new(1).expect("a small time"),
            };
            let after = SetAside { charged: i64::from(charged) + i64::from(more), ..template };
            prop_assert_eq!(
                available(balance, &[template], 0),
                available(balance - i64::from(more), &[after], 0)
            );
        }
    }
}

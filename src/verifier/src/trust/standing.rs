//! What a trust bundle says of a credential.

use symbolon_ccks::{Class, Identity, ReadFailed, Time};
use symbolon_tap::{FilterAnswer, FilterKey, Rule, Scope, StaleAction, Terms};

use super::Trust;
use crate::recognition::{Recognised, Recognition};
use crate::verdict::Knowledge;
use crate::{Policy, Reason, Revocation};

/// What the data and the rules say of a credential on some terms, before its signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing against it.
    Good(Knowledge),
    /// Others may know more.
    Referred { reason: Reason, age_seconds: u64 },
    /// It does not count.
    Declined { reason: Reason, age_seconds: Option<u64> },
}

impl Standing {
    pub(crate) fn without_bundle(policy: &Policy, terms: &Terms) -> Self {
        if policy.without_bundle.allows(terms.spent()) {
            Self::Good(Knowledge { revocation: Revocation::Unknown, is_stale: false })
        } else {
            Self::Declined { reason: Reason::StaleData, age_seconds: None }
        }
    }
}

/// What is found of a credential among the revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It is one of them.
    Revoked,
    /// It is one of them, or looks like one.
    Unclear,
    /// It is none of them.
    NotListed,
    /// The data that are held say nothing of it.
    NotCovered,
}

/// What is done, the age of the data considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Fresh,
    Accept,
    Refer,
    Decline,
}

/// A tap as the data look at it.
struct Asking<'t> {
    terms: &'t Terms,
    identity: &'t Identity,
    now: Time,
    age_seconds: u64,
}

impl Trust<'_> {
    /// What is known of a credential, and what is done about it: by the rules of the bundle, or by the device's policy
    /// when it has none.
    pub(crate) fn standing(
        &self,
        recognition: &mut Recognition<'_>,
        policy: &Policy,
        terms: &Terms,
        identity: &Identity,
        now: Time,
    ) -> Standing {
        let age_seconds = now.seconds().saturating_sub(self.issued_at().seconds());
        let asking = Asking { terms, identity, now, age_seconds };
        self.judge(recognition, policy, &asking)
            .unwrap_or(Standing::Declined { reason: Reason::OutOfOrder, age_seconds: Some(age_seconds) })
    }

    fn judge(
        &self,
        recognition: &mut Recognition<'_>,
        policy: &Policy,
        asking: &Asking<'_>,
    ) -> Result<Standing, ReadFailed> {
        let Asking { terms, identity, age_seconds, .. } = *asking;
        let declined = |reason| Ok(Standing::Declined { reason, age_seconds: Some(age_seconds) });
        let rules = self.common()?.rules()?;
        let rule = match rules.is_empty() {
            true => None,
            false => match rules.rule(terms.sector(), identity.class(), terms.currency())? {
                Some(rule) if identity.spend_limit() > rule.tier() => return declined(Reason::OverTier),
                Some(rule) => Some(rule),
                None => return declined(Reason::NotServed),
            },
        };
        let found = self.look_up(recognition, asking)?;
        if found == Found::Revoked {
            return declined(Reason::Revoked);
        }
        let is_covered = found != Found::NotCovered;
        let freshness = match &rule {
            Some(rule) => self.by_rule(rule, asking, is_covered),
            None => self.by_policy(policy, asking, is_covered),
        };
        if freshness == Freshness::Decline {
            return declined(Reason::StaleData);
        }
        let limit = self.common()?.limits()?.offline_cap(terms.sector(), terms.currency())?;
        let caps = [limit, rule.map(|rule| rule.tap_cap())];
        if caps.into_iter().flatten().any(|cap| terms.spent() > cap) {
            return declined(Reason::OverLimit);
        }
        let referred = |reason| Ok(Standing::Referred { reason, age_seconds });
        if found == Found::Unclear {
            return referred(Reason::RevocationUnclear);
        }
        if freshness == Freshness::Refer {
            return referred(Reason::StaleData);
        }
        let revocation =
            if is_covered { Revocation::NotListed { age_seconds } } else { Revocation::NotCovered { age_seconds } };
        Ok(Standing::Good(Knowledge { revocation, is_stale: freshness == Freshness::Accept }))
    }

    /// By the rule for the credential's class. What the data do not cover counts as stale from the beginning.
    fn by_rule(&self, rule: &Rule, asking: &Asking<'_>, is_covered: bool) -> Freshness {
        let fresh_seconds = u64::from(rule.fresh_seconds());
        let is_vouched = asking.now < self.header().valid_until();
        if is_covered && is_vouched && asking.age_seconds < fresh_seconds {
            return Freshness::Fresh;
        }
        let is_within = asking.age_seconds < fresh_seconds.saturating_add(rule.stale_seconds().into());
        match rule.stale() {
            StaleAction::Accept if is_within && asking.terms.spent() <= rule.stale_cap() => Freshness::Accept,
            StaleAction::Refer if is_within => Freshness::Refer,
            _ => Freshness::Decline,
        }
    }

    /// By the policy of the device.
    fn by_policy(&self, policy: &Policy, asking: &Asking<'_>, is_covered: bool) -> Freshness {
        let late_seconds = asking.now.seconds().checked_sub(self.header().valid_until().seconds());
        if is_covered && late_seconds.is_none() {
            return Freshness::Fresh;
        }
        let is_within = late_seconds.is_none_or(|late_seconds| late_seconds < policy.after_expiry_seconds);
        if is_within && policy.after_expiry.allows(asking.terms.spent()) {
            Freshness::Accept
        } else {
            Freshness::Decline
        }
    }

    /// Looks a credential up: first where the answer is exact.
    fn look_up(&self, recognition: &mut Recognition<'_>, asking: &Asking<'_>) -> Result<Found, ReadFailed> {
        let identity = asking.identity;
        // So old that it would no longer be listed.
        if identity.not_before() < self.header().oldest_not_before() {
            return Ok(Found::Revoked);
        }
        for part in self.parts() {
            if part.sections.revoked()?.contains(&identity.subject())? {
                return Ok(Found::Revoked);
            }
        }
        let seeds = self.seeds()?.filter(|_| identity.class() == Class::Pseudonym);
        if let Some(seeds) = &seeds {
            match recognition.recognise(seeds, identity, asking.terms.time())? {
                Recognised::Revoked => return Ok(Found::Revoked),
                Recognised::NotListed => return Ok(Found::NotListed),
                Recognised::Unknown => {}
            }
        }
        self.filtered(identity, seeds.is_some())
    }

    /// What the filter says, in the part of the bundle that would have the subject.
    fn filtered(&self, identity: &Identity, has_seeds: bool) -> Result<Found, ReadFailed> {
        let key = FilterKey::of(&identity.subject());
        let number = key.part(self.header().parts());
        let Some(part) = self.parts().find(|part| part.number == number) else {
            return Ok(Found::NotCovered);
        };
        let Some(filter) = part.sections.filter()? else {
            // A full bundle lists what it knows, and is one part; seeds that were not searched are no list.
            let is_full = self.header().parts() == 1 && !has_seeds;
            return Ok(if is_full { Found::NotListed } else { Found::NotCovered });
        };
        let Some(scope) = Scope::of(identity, filter.boundary()) else {
            return Ok(Found::NotCovered);
        };
        Ok(match filter.lookup(scope, &key)? {
            FilterAnswer::Hit => Found::Unclear,
            FilterAnswer::Absent => Found::NotListed,
            FilterAnswer::OutOfScope => Found::NotCovered,
        })
    }
}

//! What the demo must come to, and what it came to.

use super::{
    Lived, Seen, attempt,
    cloning::CLONES,
    collectors,
    firmware::Played,
    leftovers::LEFTOVERS,
    offline::median,
    settling::Settled,
    story::{Story, grouped},
};
use crate::{cli, proof::Checked};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use symbolon::calendar::money;
use symbolon_api::v1::AccountKind;
use symbolon_ccks::Sector;
use symbolon_tap::{
    Bundle, Presentation,
    misuse::{Convicts, Proves},
};

/// Every one of these has to be seen.
const MUST_DECLINE: [&str; 8] = [
    "replayed",
    "bad_signature",
    "counterfeit_terminal",
    "expired",
    "revoked",
    "over_limit",
    "wrong_sector",
    "already_seen",
];

/// What came of the demo.
pub(super) struct Report {
    suite: &'static str,
    seed: u64,
    cards: u64,
    terminals: u64,
    taps: u64,
    day_accepted: u64,
    day_declined: u64,
    accepted: u64,
    declined: BTreeMap<&'static str, u64>,
    /// Accepted records by sector.
    sectors: Vec<(Sector, u64)>,
    settled: Settled,
    proofs: Vec<Checked>,
    verify_median: Duration,
    tap_median: Duration,
    pseudonyms_issued: u64,
    /// Different numbers that were shown during the day.
    pseudonyms_shown: u64,
    revoked_refused: u64,
    seen: Seen,
    /// What the gate in the emulator came to, when there was one.
    firmware: Option<Played>,
}

impl Report {
    pub(super) fn new(
        arguments: &cli::Demo,
        lived: Lived,
        pseudonyms_issued: u64,
        settled: Settled,
        seen: Seen,
        proofs: Vec<Checked>,
        firmware: Option<Played>,
    ) -> Self {
        let Lived { mut day, shown, journals } = lived;
        let day_declined = day.declined.values().sum();
        let mut declined = day.declined;
        for (reason, count) in shown.declined {
            *declined.entry(reason).or_default() += count;
        }
        let records = || journals.iter().flatten();
        let of_sector = |sector| records().filter(|record| record.terms().sector() == sector).count() as u64;
        Self {
            suite: arguments.suite.name(),
            seed: arguments.seed,
            cards: arguments.cards.into(),
            terminals: arguments.terminals.into(),
            taps: arguments.taps.into(),
            day_accepted: day.accepted,
            day_declined,
            accepted: day.accepted + shown.accepted,
            declined,
            sectors: Sector::ALL.into_iter().map(|sector| (sector, of_sector(sector))).collect(),
            settled,
            proofs,
            verify_median: median(&mut day.verifying),
            tap_median: median(&mut day.whole),
            pseudonyms_issued,
            pseudonyms_shown: day.cards.len() as u64,
            revoked_refused: shown.revoked_refused,
            seen,
            firmware,
        }
    }

    /// What an operator collected, minor units.
    fn collected(&self, operator: &str) -> i64 {
        self.settled.balance(AccountKind::Operator, Some(operator))
    }

    /// What was declined to be shown, and not during the day.
    fn scenes_declined(&self) -> u64 {
        self.declined.values().sum::<u64>() - self.day_declined
    }

    /// Whether every credential that was proven to be misused is in the trust bundle that terminals get next.
    fn is_listed(&self) -> bool {
        let bundle = Bundle::parse(&self.settled.bundle).ok();
        let is_revoked = |checked: &Checked| {
            let subject = checked.credential.map(|credential| credential.identity().subject());
            bundle.zip(subject).is_some_and(|(bundle, subject)| bundle.revoked().contains(&subject))
        };
        self.proofs.iter().all(is_revoked)
    }

    fn ledger_sum(&self) -> i64 {
        self.settled.check.sum
    }

    /// Everything that is not as it must be, in words.
    pub(super) fn failures(&self) -> Vec<String> {
        let (first, second) = (&self.settled.first, &self.settled.second);
        let total: i64 = self.settled.accounts.iter().map(|account| account.balance).sum();
        let proven = |checked: &&Checked| {
            checked.proves == Proves::DoubleUse
                && checked.convicts == Convicts::Credential
                && checked.archive_binds == Some(true)
        };
        let mut checks = vec![
            (
                self.day_accepted == self.taps && self.day_declined == 0,
                "every honest tap of the day is accepted".to_owned(),
            ),
            (self.settled.uploaded == self.accepted, "every accepted tap is uploaded".to_owned()),
            (
                first.settled + CLONES == self.settled.uploaded && first.misuse == CLONES,
                "every accepted tap but the clone's settles".to_owned(),
            ),
            (first.duplicates == 0 && first.refused.is_empty(), "nothing honest is refused at settlement".to_owned()),
            (self.settled.same_answers, "an upload sent again gets the same answer".to_owned()),
            (
                second.settled == 0
                    && second.duplicates == first.settled
                    && second.misuse == CLONES
                    && second.refused.is_empty(),
                "the same taps in other uploads settle nothing".to_owned(),
            ),
            (self.settled.check.balanced && self.ledger_sum() == 0 && total == 0, "the ledger sums to zero".to_owned()),
            (self.settled.balance(AccountKind::Clearing, None) == 0, "no journey is left open".to_owned()),
            (
                self.settled.balance(AccountKind::Operator, None) == self.settled.owed,
                "the operators collect what was settled".to_owned(),
            ),
            (
                self.pseudonyms_issued == self.pseudonyms_shown + u64::from(LEFTOVERS),
                "every tap is under a pseudonym of its own, but for the ends of a journey".to_owned(),
            ),
            (self.seen.clearing_is_blind, "clearing sees nothing of a citizen but sums".to_owned()),
            (
                !self.seen.linking.is_some_and(|figures| attempt::leaks(&figures.protocol)),
                "what cards send links no two taps".to_owned(),
            ),
            (self.revoked_refused == u64::from(LEFTOVERS), "a lost card's pseudonyms are refused".to_owned()),
            (self.settled.proofs.len() as u64 == CLONES, "every clone is caught, and nobody else".to_owned()),
            (self.is_listed(), "the next trust bundle lists the cloned card".to_owned()),
            (
                self.proofs.iter().filter(proven).count() as u64 == CLONES,
                "every misuse proof checks without the service".to_owned(),
            ),
        ];
        if let Some(played) = &self.firmware {
            let is_kept = *played == Played { accepted: 1, receipts: 1, records_after_power_cut: 1, settled: 1 };
            checks.push((is_kept, "the emulated gate keeps its tap through a power cut, and it settles".to_owned()));
        }
        for reason in MUST_DECLINE {
            let seen = self.declined.get(reason).is_some_and(|count| *count > 0);
            checks.push((seen, format!("something is declined as {reason}")));
        }
        checks.into_iter().filter(|(holds, _)| !holds).map(|(_, what)| what).collect()
    }

    /// The closing figures.
    pub(super) fn tell(&self, story: &Story<'_>, failures: &[String]) {
        const CURRENCY: u16 = super::city::CURRENCY;
        story.chapter(if self.firmware.is_some() { 14 } else { 13 }, "The books");
        story.say(
            "Every amount was taken from one account and given to another, so that the whole ledger must sum to zero. \
             Journeys were priced from the published fares, and what had been held at the gates was released.",
        );
        let collected: Vec<_> = collectors()
            .map(|(sector, operator)| {
                (format!("{operator} ({sector}) collected"), money(self.collected(operator), CURRENCY))
            })
            .collect();
        let balance = |kind| money(self.settled.balance(kind, None), CURRENCY);
        let mut figures: Vec<(&str, String)> = vec![
            ("paid in at the bank", balance(AccountKind::Issuer).replace('-', "")),
            ("left on citizens' accounts", balance(AccountKind::Holder)),
            ("still held for open journeys", balance(AccountKind::Clearing)),
        ];
        figures.extend(collected.iter().map(|(name, amount)| (name.as_str(), amount.clone())));
        figures.push(("postings", grouped(self.settled.check.posting_count)));
        figures.push(("the sum of everything", money(self.ledger_sum(), CURRENCY)));
        story.figures(&figures);
        match failures {
            [] => story.say("Everything is as it must be."),
            failures => story.say(&format!("NOT as it must be: {}.", failures.join("; "))),
        }
    }

    /// The same counts for programs.
    pub(super) fn to_json(&self, failures: &[String]) -> Value {
        let sectors: serde_json::Map<_, _> = collectors()
            .zip(&self.sectors)
            .map(|((sector, operator), (_, count))| {
                (sector.to_string(), json!({ "count": count, "amount": self.collected(operator) }))
            })
            .collect();
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let mut report = json!({
            "suite": self.suite,
            "seed": self.seed,
            "cards": self.cards,
            "terminals": self.terminals,
            "taps": self.taps,
            "accepted": self.accepted,
            "declined": self.declined,
            "scenes": { "accepted": self.accepted - self.day_accepted, "declined": self.scenes_declined() },
            "uploaded": self.settled.uploaded,
            "uploads": self.settled.uploads,
            "settled": self.settled.first.settled,
            "duplicates": self.settled.second.duplicates,
            "refused": self.settled.first.refused_count(),
            "misuse_proofs": self.settled.proofs.len(),
            "pseudonyms_issued": self.pseudonyms_issued,
            "revoked_refused": self.revoked_refused,
            "linking_advantage_protocol": self.seen.linking.map(|figures| figures.protocol.value()),
            "linking_advantage_habits": self.seen.linking.map(|figures| figures.habits.value()),
            "ledger_sum": self.ledger_sum(),
            "ledger_postings": self.settled.check.posting_count,
            "sectors": sectors,
            "presentation_bytes": Presentation::SIZE,
            "verify_median_ns": nanoseconds(self.verify_median),
            "tap_median_ns": nanoseconds(self.tap_median),
            "failures": failures,
        });
        if let (Some(played), Some(report)) = (&self.firmware, report.as_object_mut()) {
            report.insert("firmware".to_owned(), played.to_json());
        }
        report
    }
}

//! What a bus company sees of its passengers, and what clearing sees of its accounts.

use super::{
    city::{CURRENCY, RunningCity},
    enrolment::EnrolledCard,
    story::{Story, grouped},
};
use crate::connect::refused;
use anyhow::{Context, Result};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};
use symbolon::calendar::{money, utc};
use symbolon_api::v1::{
    Entry, ListEntriesRequest, ListRecordsRequest, PostingKind, RecordKind,
    exchange_service_client::ExchangeServiceClient, ledger_service_client::LedgerServiceClient,
};
use symbolon_ccks::{Class, Sector, Subject, Suite};
use symbolon_service::links::ServiceRole;
use symbolon_tap::Record;
use tonic::transport::Channel;

/// Asked for in one answer.
const PAGE_SIZE: i32 = 1_000;
/// Rows of a table that is shown.
const SHOWN: usize = 4;

/// A record as an operator gets it.
pub(super) struct Seen {
    pub(super) subject: Subject,
    kind: RecordKind,
    seconds: u64,
    station: String,
}

/// What the metro has of a day.
pub(super) async fn metro_records(city: &RunningCity<'_>) -> Result<Vec<Seen>> {
    let mut exchange = ExchangeServiceClient::new(city.operator(Sector::Transport, ServiceRole::Exchange)?);
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListRecordsRequest { upload: String::new(), page_size: PAGE_SIZE, page_token };
        let page = exchange.list_records(request).await.map_err(refused("listing the metro's records"))?.into_inner();
        for record in page.records {
            let parsed = Record::parse(&record.content).context("the metro's record cannot be read")?;
            let holder = parsed.presentation().holder().identity();
            // What was uploaded again settled nothing.
            if holder.class() == Class::Pseudonym && record.outcome() == symbolon_api::v1::Outcome::Settled {
                let station = String::from_utf8_lossy(parsed.terms().reference()).trim_end_matches('\0').to_owned();
                let seconds = parsed.terms().time().seconds();
                seen.push(Seen { subject: holder.subject(), kind: record.kind(), seconds, station });
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            seen.sort_by_key(|seen| (seen.seconds, seen.subject));
            return Ok(seen);
        }
    }
}

/// What clearing has on the account of a card.
pub(super) async fn entries(auditor: Channel, account: &str) -> Result<Vec<Entry>> {
    let request = ListEntriesRequest { parent: account.to_owned(), page_size: PAGE_SIZE, page_token: String::new() };
    let answer = LedgerServiceClient::new(auditor).list_entries(request).await;
    Ok(answer.map_err(refused("looking at an account"))?.into_inner().entries)
}

/// Tells what the metro sees of one citizen's journeys, and of all.
pub(super) fn tell_the_metros<S: Suite>(
    seen: &[Seen],
    traveller: usize,
    cards: &HashMap<Subject, usize>,
    citizens: &[EnrolledCard<S>],
    story: &Story<'_>,
) {
    if seen.is_empty() {
        return story.say("The bus company sees nothing: nobody travelled today.");
    }
    story.say(
        "This is what the bus company gets of one citizen's journeys, and all that it gets; that they are one citizen's, \
         only the wallet knows. In and out of one journey show the same pseudonym, since it has to be priced. Nothing ties \
         it to the citizen's next journey, to a water bill, or to a card:",
    );
    let rows = seen.iter().filter(|seen| cards.get(&seen.subject) == Some(&traveller)).take(SHOWN).map(|seen| {
        let what = if seen.kind == RecordKind::Entry { "in " } else { "out" };
        let pseudonym = seen.subject.to_string();
        format!("{}  {:<13}  {what}  pseudonym {pseudonym}", utc(seen.seconds), seen.station)
    });
    story.quote(&rows.collect::<Vec<_>>().join("\n"));
    let pseudonyms: BTreeSet<_> = seen.iter().map(|seen| seen.subject).collect();
    let travellers: BTreeSet<_> = pseudonyms.iter().filter_map(|subject| cards.get(subject)).collect();
    story.figures(&[
        ("taps at the metro's gates", grouped(seen.len() as u64)),
        ("pseudonyms shown there", grouped(pseudonyms.len() as u64)),
        ("citizens behind them, whom the metro cannot count", grouped(travellers.len() as u64)),
        ("of all citizens", grouped(citizens.len() as u64)),
    ]);
}

/// The citizen with the most taps at the metro's gates, the first of several.
pub(super) fn traveller(seen: &[Seen], cards: &HashMap<Subject, usize>) -> Option<usize> {
    let mut taps = BTreeMap::<usize, usize>::new();
    for card in seen.iter().filter_map(|seen| cards.get(&seen.subject)) {
        *taps.entry(*card).or_default() += 1;
    }
    taps.into_iter().max_by_key(|(card, count)| (*count, Reverse(*card))).map(|(card, _)| card)
}

/// Tells what clearing sees of one account.
pub(super) fn tell_clearings(account: &str, entries: &[Entry], story: &Story<'_>) {
    story.say(
        "Clearing keeps the accounts. Of the account of one citizen it knows how much was charged in all, together with \
         everybody else's charges; it sees no terminal, no station, no operator of it, and no time but its own:",
    );
    let rows = entries.iter().map(|entry| {
        let kind = match entry.kind() {
            PostingKind::TopUp => "paid in",
            PostingKind::Charges => "what pseudonyms spent",
            _ => "a tap",
        };
        let posted = entry.create_time.and_then(|time| u64::try_from(time.seconds).ok()).unwrap_or_default();
        format!("{}  {kind:<22}  {:>14}", utc(posted), money(entry.amount, CURRENCY))
    });
    story.quote(&format!("{account:.30}..\n{}", rows.collect::<Vec<_>>().join("\n")));
}

/// Whether clearing sees nothing of a citizen but sums: no entry that names a record.
pub(super) fn is_blind(entries: &[Entry]) -> bool {
    entries
        .iter()
        .all(|entry| entry.record.is_empty() && matches!(entry.kind(), PostingKind::TopUp | PostingKind::Charges))
}

//! `symbolon card privacy`: who could link what, for this card, today.

mod roles;

use super::PurseView;
use crate::{
    connect::refused,
    output::Output,
    refilling::signed_request,
    source,
    state::card::{CardFolder, Paying},
};
use anyhow::{Error, Result};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Write, process::ExitCode};
use symbolon::calendar::utc;
use symbolon_api::v1::{
    CardState, GetPrivacyRequest, GetPrivacyResponse, OpenedTrace, pseudonym_service_client::PseudonymServiceClient,
};
use symbolon_ccks::{Subject, Suite};
use symbolon_wallet::{PastTap, PursePolicy};

const METHOD: &str = "/symbolon.v1.PseudonymService/GetPrivacy";

pub(super) async fn run<S: Suite>(folder: &CardFolder, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let own = {
        let paying = folder.paying(&authority, &key)?;
        Own::of(&paying)?
    };
    let asked = async {
        let request = signed_request(&key, METHOD, Vec::new(), source::now()?, &mut source::random()?)?;
        let mut client = PseudonymServiceClient::new(folder.holder().trust()?.connect()?);
        let answer = client.get_privacy(GetPrivacyRequest { signed_request: Some(request) }).await;
        answer.map(tonic::Response::into_inner).map_err(refused("asking what the service can tell of the card"))
    };
    let told: Result<GetPrivacyResponse> = asked.await;
    let card = folder.holder().credential()?.identity().subject();
    let text = format!("card       {card}\n{}\n{}\n{}", own.to_text(), told_text(&told), roles::TABLE);
    output.answer(
        &text,
        &json!({
            "card": card.to_string(),
            "purse": own.purse.as_ref().map(PurseView::to_json),
            "linkable": own.linkable().iter().map(Linkable::to_json).collect::<Vec<_>>(),
            "service": told.as_ref().ok().map(told_json),
            "service_error": told.as_ref().err().map(ToString::to_string),
            "roles": roles::to_json(),
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What the folder itself tells.
struct Own {
    purse: Option<PurseView>,
    policy: Option<PursePolicy>,
    taps: Vec<PastTap>,
}

/// Taps that show the same, one at least.
struct Linkable {
    shown: Subject,
    is_anonymous: bool,
    taps: usize,
    operators: usize,
    first: u64,
    last: u64,
}

impl Own {
    fn of<S: Suite>(paying: &Paying<'_, S>) -> Result<Self> {
        Ok(match paying {
            Paying::Card(_) => Self { purse: None, policy: None, taps: Vec::new() },
            Paying::Purse(purse) => Self {
                purse: Some(PurseView::of(purse)?),
                policy: Some(purse.settings().policy),
                taps: purse.taps().to_vec(),
            },
        })
    }

    /// Groups of two taps and more that show one pseudonym, and every tap that shows the card's number, in the order
    /// in which the card made the first of each.
    fn linkable(&self) -> Vec<Linkable> {
        let mut groups = Vec::<Vec<&PastTap>>::new();
        for tap in &self.taps {
            match groups.iter_mut().find(|group| group[0].shown() == tap.shown()) {
                Some(group) => group.push(tap),
                None => groups.push(vec![tap]),
            }
        }
        let groups = groups.iter().filter(|taps| taps.len() > 1 || taps.iter().any(|tap| !tap.is_anonymous()));
        groups.map(|taps| Linkable::of(taps)).collect()
    }

    fn to_text(&self) -> String {
        let Some((purse, policy)) = self.purse.as_ref().zip(self.policy) else {
            return format!(
                "{}\nEvery tap shows the card's number: whoever sees two of them can link them.",
                PurseView::NONE
            );
        };
        let mut text = format!("{}\n{}\n", purse.to_text(), explain(policy));
        let linkable = self.linkable();
        let alone = self.taps.len() - linkable.iter().map(|group| group.taps).sum::<usize>();
        // Writing into a String cannot fail.
        let _ = writeln!(text, "\nOf the last {} taps {alone} show a pseudonym that no other shows.", self.taps.len());
        for group in &linkable {
            let _ = writeln!(text, "{}", group.to_text());
        }
        text
    }
}

impl Linkable {
    fn of(taps: &[&PastTap]) -> Self {
        let operators: BTreeSet<_> = taps.iter().map(|tap| tap.terminal().operator_tag()).collect();
        let times = taps.iter().map(|tap| tap.terms().time().seconds());
        Self {
            shown: taps[0].shown(),
            is_anonymous: taps.iter().all(|tap| tap.is_anonymous()),
            taps: taps.len(),
            operators: operators.len(),
            first: times.clone().min().unwrap_or_default(),
            last: times.max().unwrap_or_default(),
        }
    }

    fn to_text(&self) -> String {
        let whose = if self.is_anonymous { "the pseudonym" } else { "the card's own number" };
        let who = match (self.operators, self.is_anonymous) {
            (1, true) => "the operator of both ends, and settlement",
            (_, true) => "these operators together, and settlement",
            (_, false) => {
                "every operator that sees two of them, settlement, and the card's issuer, who knows whose it is"
            }
        };
        format!(
            "  {} taps from {} to {} show {whose} {}: {who} can link them.",
            self.taps,
            utc(self.first),
            utc(self.last),
            self.shown
        )
    }

    fn to_json(&self) -> Value {
        json!({
            "shown": self.shown.to_string(),
            "anonymous": self.is_anonymous,
            "taps": self.taps,
            "operators": self.operators,
            "first": self.first,
            "last": self.last,
        })
    }
}

fn explain(policy: PursePolicy) -> &'static str {
    match policy {
        PursePolicy::Fresh => {
            "           Each tap shows a fresh pseudonym; entry and exit of one journey share theirs."
        }
        PursePolicy::PerSector => {
            "           All taps of a sector in one period show one pseudonym: its operators can follow them for that long."
        }
        PursePolicy::PerDay => {
            "           All taps of one period show one pseudonym: all operators together can follow them for that long."
        }
    }
}

fn told_text(told: &Result<GetPrivacyResponse, Error>) -> String {
    let told = match told {
        Ok(told) => told,
        Err(error) => return format!("The service was not asked: {error}\n"),
    };
    let mut text = String::new();
    for used in &told.uses {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "The attester counts {} of at most {} pseudonyms asked for in period {}, {} of them issued.",
            used.asked_count, told.per_period, used.period, used.issued_count
        );
    }
    if told.card_state() != CardState::Active {
        let state = told.card_state().as_str_name().trim_start_matches("CARD_STATE_").to_ascii_lowercase();
        let _ = writeln!(text, "The card is {state}: it gets no pseudonyms.");
    }
    if let Some(period) = told.published_from_period {
        let _ = writeln!(text, "The card is revoked: everybody can recognise its pseudonyms from period {period} on.");
    }
    let _ = match told.roles_together.as_slice() {
        [] | [_] => writeln!(text, "Each role that was asked runs in a process of its own."),
        together => writeln!(
            text,
            "In one process run {}. Whoever runs it could {}.",
            together.join(", "),
            roles::together_could(together)
        ),
    };
    match told.opened.as_slice() {
        [] => text.push_str("No case has opened a pseudonym of this card.\n"),
        opened => opened.iter().for_each(|opened| {
            let _ = writeln!(
                text,
                "Case {} opened a pseudonym of period {} at {}; approved by {} of the attester and {} of clearing.",
                opened.case_number,
                opened.period,
                utc(seconds(opened)),
                opened.attester_officer,
                opened.clearing_officer
            );
        }),
    }
    text
}

fn seconds(opened: &OpenedTrace) -> u64 {
    opened.open_time.as_ref().and_then(|time| u64::try_from(time.seconds).ok()).unwrap_or_default()
}

fn told_json(told: &GetPrivacyResponse) -> Value {
    json!({
        "card_state": told.card_state().as_str_name().trim_start_matches("CARD_STATE_").to_ascii_lowercase(),
        "period": told.period,
        "per_period": told.per_period,
        "uses": told.uses.iter().map(|used| json!({
            "period": used.period,
            "asked": used.asked_count,
            "issued": used.issued_count,
            "outstanding": used.outstanding,
        })).collect::<Vec<_>>(),
        "published_from_period": told.published_from_period,
        "roles_together": told.roles_together,
        "together_could": roles::together_could(&told.roles_together),
        "opened": told.opened.iter().map(|opened| json!({
            "case": opened.case_number,
            "period": opened.period,
            "opened": seconds(opened),
            "opened_by": opened.opened_by,
            "attester_officer": opened.attester_officer,
            "clearing_officer": opened.clearing_officer,
        })).collect::<Vec<_>>(),
    })
}

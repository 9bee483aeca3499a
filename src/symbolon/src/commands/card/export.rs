//! `symbolon card export`: all that is held on a card, by its wallet and by each role (ISO 37156, 8.3.5).

use super::PurseView;
use crate::{
    connect::refused,
    files::{self, Readers},
    output::Output,
    refilling::signed_request,
    source,
    state::card::{CardFolder, Paying},
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use std::{path::Path, process::ExitCode};
use symbolon_api::v1::{ExportHoldingsRequest, RoleHoldings, pseudonym_service_client::PseudonymServiceClient};
use symbolon_ccks::Suite;
use symbolon_pseudonym::SealingSecret;
use symbolon_service::links::EXPORT_INFO;
use symbolon_wallet::{KeptReceipt, PastTap};

const METHOD: &str = "/symbolon.v1.PseudonymService/ExportHoldings";

/// Roles that hold nothing that can be found by a card, and why.
const NOTHING: [(&str, &str); 2] = [
    (
        "issuer",
        "It holds pseudonyms, and nothing that says of which card they are: nothing there can be found by this card. What it \
         holds of one pseudonym comes out only when two officers open it.",
    ),
    (
        "exchange",
        "It holds taps by the pseudonym that was shown. The taps in `wallet` are those; nothing there can be found by this \
         card. Taps under the card's own number are in what clearing holds.",
    ),
];

pub(super) async fn run<S: Suite>(folder: &CardFolder, out: &Path, output: &Output) -> Result<ExitCode> {
    ensure!(!out.exists(), "{} exists already and is never overwritten", out.display());
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let wallet = own::<S>(folder, &folder.paying(&authority, &key)?)?;
    let mut random = source::random()?;
    // Clearing seals its part to this key, so that the attester, which passes it on, does not read it.
    let holder = SealingSecret::generate(&mut random);
    let body = holder.public().as_bytes().to_vec();
    let request = signed_request(&key, METHOD, body, source::now()?, &mut random)?;
    let answer = PseudonymServiceClient::new(folder.holder().trust()?.connect()?)
        .export_holdings(ExportHoldingsRequest { signed_request: Some(request) })
        .await
        .map_err(refused("asking for what is held on the card"))?
        .into_inner();
    let mut roles = Map::new();
    for part in &answer.holdings {
        roles.insert(part.role.clone(), read(part, &holder)?);
    }
    for (role, why) in NOTHING {
        roles.entry(role).or_insert_with(|| json!({ "held": null, "why": why }));
    }
    let exported = json!({
        "card": folder.holder().credential()?.identity().subject().to_string(),
        "exported": source::now()?.seconds(),
        "wallet": wallet,
        "roles": roles,
    });
    files::create(out, serde_json::to_string_pretty(&exported)?.as_bytes(), Readers::Owner)?;
    let names: Vec<_> = roles.keys().cloned().collect();
    let text = format!(
        "Wrote what the wallet and {} hold on this card to {}.\nNo key is in it, but every tap: keep it to yourself.",
        names.join(", "),
        out.display()
    );
    output.answer(&text, &json!({ "out": out, "roles": names }))?;
    Ok(ExitCode::SUCCESS)
}

/// What a role holds, opened where it was sealed.
fn read(part: &RoleHoldings, holder: &SealingSecret) -> Result<Value> {
    let unreadable = || format!("what {} holds cannot be read", part.role);
    if part.sealed.is_empty() {
        return serde_json::from_str(&part.json).with_context(unreadable);
    }
    let Ok(opened) = holder.open(EXPORT_INFO, &[], &part.sealed) else {
        bail!("what {} holds does not open: it was sealed to another key, or changed on its way", part.role);
    };
    serde_json::from_slice(&opened).with_context(unreadable)
}

/// What the wallet itself has, keys aside.
fn own<S: Suite>(folder: &CardFolder, paying: &Paying<'_, S>) -> Result<Value> {
    let credential = hex::encode(folder.holder().credential()?.as_bytes());
    let (account, purse) = match paying {
        Paying::Card(wallet) => (wallet.account()?, Value::Null),
        Paying::Purse(purse) => {
            let pseudonyms = purse.pseudonyms().map(|held| {
                json!({
                    "subject": held.subject.to_string(),
                    "period": held.period.number(),
                    "used": held.used,
                    "has_key": held.has_key,
                    "counter": held.counter,
                    "spent": held.spent,
                    "budget": held.budget,
                })
            });
            let pending = purse.pending().iter().map(|pending| {
                json!({
                    "request_id": hex::encode(pending.id()),
                    "time": pending.time().seconds(),
                    "period": pending.period().number(),
                    "count": pending.count(),
                })
            });
            let held = json!({
                "settings": PurseView::of(purse)?.to_json(),
                "pseudonyms": pseudonyms.collect::<Vec<_>>(),
                "pending": pending.collect::<Vec<_>>(),
                "taps": purse.taps().iter().map(tap).collect::<Vec<_>>(),
            });
            (purse.card().account()?, held)
        }
    };
    let keepsakes = folder.keepsakes()?;
    let receipts: Vec<_> = keepsakes.receipts().iter().map(receipt).collect();
    let vouchers: Vec<_> = keepsakes.vouchers().map(|voucher| hex::encode(voucher.as_bytes())).collect();
    let given = keepsakes.awaiting_receipt().map(|given| hex::encode(given.record().as_bytes()));
    Ok(json!({
        "receipts": receipts,
        "awaiting_receipt": given,
        "vouchers": vouchers,
        "credential": credential,
        "counter": account.counter,
        "spent": account.spent,
        "last_answer": account.answer.map(|answer| hex::encode(answer.as_bytes())),
        "purse": purse,
    }))
}

fn receipt(kept: &KeptReceipt) -> Value {
    json!({
        "time": kept.receipt().time().seconds(),
        "terminal": hex::encode(kept.given().terminal().as_bytes()),
        "record": hex::encode(kept.given().record().as_bytes()),
        "receipt": hex::encode(kept.receipt().as_bytes()),
        "signature": hex::encode(kept.signature().as_bytes()),
    })
}

fn tap(tap: &PastTap) -> Value {
    let terms = tap.terms();
    json!({
        "time": terms.time().seconds(),
        "kind": terms.kind().name(),
        "sector": terms.sector().to_string(),
        "amount": terms.amount(),
        "currency": terms.currency(),
        "reference": hex::encode(terms.reference()),
        "terminal": tap.terminal().to_string(),
        "shown": tap.shown().to_string(),
        "anonymous": tap.is_anonymous(),
        "counter": tap.item().presentation().counter(),
        "signed": hex::encode(tap.item().as_bytes()),
    })
}

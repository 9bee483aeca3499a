//! A tap with a card that is kept in a folder: with its pseudonyms once it has some, else under its own number.

use super::refill;
use crate::{
    cli::Pay,
    commands::terminal,
    files,
    output::Output,
    source,
    state::card::{CardFolder, FilePurse, Paying},
};
use anyhow::{Context, Error, Result, anyhow, ensure};
use rand_core::Rng;
use serde_json::json;
use std::{path::Path, process::ExitCode};
use symbolon::calendar::money;
use symbolon_ccks::{Authority, SigningKey, Suite};
use symbolon_tap::{Presentation, SelectResponse, Terms};
use symbolon_wallet::{
    Checked, CounterStore, Holder, Named, Payer, PurseChecked, PurseSelected, PurseSettings, PurseStore, Refused,
    Selected,
};

fn fresh_nonce() -> Result<[u8; 8]> {
    let mut nonce = [0; 8];
    source::random()?.fill_bytes(&mut nonce);
    Ok(nonce)
}

pub(super) fn select<S: Suite>(folder: &CardFolder, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let nonce = fresh_nonce()?;
    let digits = hex::encode(Tap::begin(folder, &authority, &key)?.response(nonce).as_bytes());
    folder.keep_select_nonce(&nonce)?;
    output.answer(&digits, &json!({ "select": digits }))?;
    Ok(ExitCode::SUCCESS)
}

/// A tap of a card.
pub(super) struct Tap<'a, S: Suite> {
    paying: Paying<'a, S>,
}

impl<'a, S: Suite> Tap<'a, S> {
    pub(super) fn begin(folder: &CardFolder, authority: &'a Authority<'a, S>, key: &'a SigningKey<S>) -> Result<Self> {
        Ok(Self { paying: folder.paying(authority, key)? })
    }

    /// What the card says first; the same whoever is going to pay.
    fn response(&mut self, nonce: [u8; 8]) -> SelectResponse {
        match &mut self.paying {
            Paying::Card(wallet) => *wallet.select(nonce).response(),
            Paying::Purse(purse) => *purse.select(nonce).response(),
        }
    }

    /// Checks a challenge and signs it when the holder agreed to its amount.
    fn answer(
        &mut self,
        nonce: [u8; 8],
        challenge: &[u8],
        amount: u32,
        arguments: &Pay,
        output: &Output,
    ) -> Result<Presentation> {
        match &mut self.paying {
            Paying::Card(wallet) => {
                ensure!(arguments.policy.is_none(), "the card has no pseudonyms; `symbolon card refill` gets some");
                sign(wallet.select(nonce), challenge, amount)
            }
            Paying::Purse(purse) => {
                settle_policy(purse, arguments)?;
                let selected = if arguments.named { purse.select_named(nonce) } else { purse.select(nonce) };
                let (presentation, is_named) = sign_with_purse(selected, challenge, amount)?;
                if is_named && !arguments.named {
                    output.remark("No pseudonym could pay: the card's own number was shown, as its settings allow.");
                }
                Ok(presentation)
            }
        }
    }

    /// Has `answer` answer a reader with whatever pays.
    pub(super) fn with_holder<T>(&mut self, arguments: &Pay, answer: impl FnOnce(&mut dyn Holder) -> T) -> Result<T> {
        match &mut self.paying {
            Paying::Card(wallet) => {
                ensure!(arguments.policy.is_none(), "the card has no pseudonyms; `symbolon card refill` gets some");
                Ok(answer(&mut **wallet))
            }
            Paying::Purse(purse) => {
                settle_policy(purse, arguments)?;
                Ok(if arguments.named { answer(&mut Named(purse)) } else { answer(&mut **purse) })
            }
        }
    }

    /// Has more pseudonyms fetched, should few be left: by another process, as no tap waits for the network.
    pub(super) fn refill(self, arguments: &Pay) -> Result<()> {
        let wanted = match &self.paying {
            Paying::Card(_) => false,
            Paying::Purse(purse) => !purse.pending().is_empty() || purse.wants_refill(source::now()?).is_some(),
        };
        // The card is free again before the other process wants it.
        drop(self);
        if wanted && !arguments.no_refill {
            refill::in_background(&arguments.card);
        }
        Ok(())
    }
}

fn settle_policy<S: Suite>(purse: &mut FilePurse<'_, S>, arguments: &Pay) -> Result<()> {
    if let Some(policy) = arguments.policy {
        purse.set(PurseSettings { policy, ..purse.settings() })?;
    }
    Ok(())
}

pub(super) fn refused(refused: Refused) -> Error {
    let remedy = match refused {
        Refused::NoPseudonym => {
            "; `symbolon card refill` gets more, and --named pays under the card's own number, which can be recognised"
        }
        _ => "",
    };
    anyhow!("the card does not sign ({}): {refused}{remedy}", refused.reason())
}

fn asked(terms: &Terms) -> String {
    format!("the terminal asks for {}", money(terms.amount().into(), terms.currency()))
}

fn hedge() -> Result<[u8; 32]> {
    let mut random = [0; 32];
    source::random()?.fill_bytes(&mut random);
    Ok(random)
}

fn sign<S: Suite>(
    selected: Selected<'_, '_, S, impl CounterStore>,
    challenge: &[u8],
    amount: u32,
) -> Result<Presentation> {
    match selected.check(challenge, source::now()?).map_err(refused)? {
        Checked::Answered(presentation) => Ok(presentation),
        Checked::Question(question) => {
            let asked = asked(question.terms());
            question.confirm(amount).map_err(refused).context(asked)?.sign(&hedge()?).map_err(refused)
        }
    }
}

/// As [`sign`], and says whether the card's own number is shown now.
fn sign_with_purse<S: Suite>(
    selected: PurseSelected<'_, '_, S, impl CounterStore, impl PurseStore>,
    challenge: &[u8],
    amount: u32,
) -> Result<(Presentation, bool)> {
    match selected.check(challenge, source::now()?).map_err(refused)? {
        PurseChecked::Answered(presentation) => Ok((presentation, false)),
        PurseChecked::Question(question) => {
            let (asked, is_named) = (asked(question.terms()), question.payer() == Payer::Card);
            let confirmed = question.confirm(amount).map_err(refused).context(asked)?;
            Ok((confirmed.sign(&hedge()?).map_err(refused)?, is_named))
        }
    }
}

pub(super) fn answer<S: Suite>(
    folder: &CardFolder,
    challenge: &str,
    arguments: &Pay,
    output: &Output,
) -> Result<ExitCode> {
    let challenge = files::given_bytes(challenge)?;
    let amount = arguments.confirm.context("--confirm says the amount that you agree to")?;
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let nonce = folder.select_nonce()?;
    let mut tap = Tap::begin(folder, &authority, &key)?;
    let presentation = tap.answer(nonce, &challenge, amount, arguments, output)?;
    let digits = hex::encode(presentation.as_bytes());
    output.answer(&digits, &json!({ "presentation": digits, "counter": presentation.counter() }))?;
    tap.refill(arguments)?;
    Ok(ExitCode::SUCCESS)
}

/// A whole tap on this machine.
pub(super) fn pay_here<S: Suite>(
    folder: &CardFolder,
    terminal: &Path,
    arguments: &Pay,
    output: &Output,
) -> Result<ExitCode> {
    let terminal_folder = terminal::open(terminal)?;
    ensure!(
        terminal_folder.holder().suite()? == S::ID,
        "card and terminal are of different suites: they have different authorities"
    );
    let own_sectors = terminal_folder.holder().credential()?.identity().sectors();
    let request = terminal::request_of(&arguments.sale, own_sectors)?;
    let mut running = terminal::Running::<S>::load(&terminal_folder)?;
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let mut tap = Tap::begin(folder, &authority, &key)?;

    let nonce = fresh_nonce()?;
    let challenge = running.challenge(tap.response(nonce).as_bytes(), &request)?;
    let presentation = tap.answer(nonce, challenge.as_bytes(), request.amount, arguments, output)?;
    let verdict = running.decide(presentation.as_bytes())?;
    output.answer(&terminal::verdict_text(&verdict), &terminal::verdict_to_json(&verdict))?;
    tap.refill(arguments)?;
    Ok(if verdict.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

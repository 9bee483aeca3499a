//! Citizens fetch pseudonyms before the day begins, each wallet by itself through the service's interface.

use super::{
    city::{City, stream},
    enrolment::{EnrolledCard, Registrar, many},
    offline::wallet,
};
use crate::refilling::{self, Progress};
use anyhow::{Context, Result, anyhow, ensure};
use indicatif::ProgressBar;
use rand_chacha::ChaCha20Rng;
use symbolon_ccks::{Period, Suite, Time};
use symbolon_pseudonym::Issuance;
use symbolon_service::Clock;
use symbolon_tap::Bundle;
use symbolon_wallet::{MemoryCounterStore, MemoryPurseStore, Purse, PurseSettings};

/// Where the random streams of wallets that fetch begin.
const FETCH_STREAMS: u64 = 1 << 42;
/// A request has no more.
const MOST_IN_A_REQUEST: u16 = 256;
/// What waits to be mixed goes on after so long, as the service is configured by default.
const MIXING_SECONDS: u64 = 30;
/// So often is asked again before something is wrong.
const MOST_ROUNDS: u64 = 20;

/// How pseudonyms are issued, as the trust bundle signs it.
pub(super) fn published(bundle: &[u8]) -> Result<Issuance> {
    let bundle = Bundle::parse(bundle).context("the trust bundle cannot be read")?;
    let issuance = bundle.issuance().context("the trust bundle does not say how pseudonyms are issued")?;
    Issuance::parse(issuance).context("the trust bundle does not say how pseudonyms are issued")
}

/// A wallet that is fetching.
struct Fetching<S: Suite> {
    number: usize,
    card: EnrolledCard<S>,
    /// How many it has still to ask for.
    wanted: u16,
}

/// Has every card fetch so many pseudonyms. Those whose requests wait to be mixed with others ask again later.
pub(super) async fn fetch<S: Suite>(
    city: &City,
    registrar: &Registrar<S>,
    cards: Vec<EnrolledCard<S>>,
    wanted: &[u16],
    issuance: &Issuance,
    progress: &ProgressBar,
) -> Result<Vec<EnrolledCard<S>>> {
    let count = cards.len();
    let fetching = |(number, (card, wanted))| Fetching { number, card, wanted };
    let mut waiting: Vec<_> = cards.into_iter().zip(wanted.iter().copied()).enumerate().map(fetching).collect();
    let mut done: Vec<Option<EnrolledCard<S>>> = (0..count).map(|_| None).collect();
    for round in 0..MOST_ROUNDS {
        let (asker, now) = (registrar.clone(), city.clock().now());
        let issuance = issuance.clone();
        let ask = move |_, fetching| ask(asker.clone(), fetching, issuance.clone(), round, now);
        let mut again = Vec::new();
        for (fetched, is_ready) in many(std::mem::take(&mut waiting), ask, &ProgressBar::hidden()).await? {
            if is_ready {
                progress.inc(1);
                let place = done.get_mut(fetched.number).context("the demo has no such card")?;
                *place = Some(fetched.card);
            } else {
                again.push(fetched);
            }
        }
        if again.is_empty() {
            progress.finish_and_clear();
            return done.into_iter().collect::<Option<_>>().context("a card was lost");
        }
        waiting = again;
        city.clock().advance(MIXING_SECONDS);
    }
    Err(anyhow!("{} cards still wait for their pseudonyms", waiting.len()))
}

/// Asks for what a card wants, or asks again for what it has asked; whether everything is there.
async fn ask<S: Suite>(
    registrar: Registrar<S>,
    mut fetching: Fetching<S>,
    issuance: Issuance,
    round: u64,
    now: Time,
) -> Result<(Fetching<S>, bool)> {
    let authority = registrar.authority();
    let mut random = stream(registrar.seed, FETCH_STREAMS + (round << 32) + fetching.number as u64);
    let card = wallet(&authority, &fetching.card.key, MemoryCounterStore::new())?;
    let mut purse = match fetching.card.purse.take() {
        Some(store) => Purse::open(card, store)?,
        None => {
            let mut purse = Purse::create(card, MemoryPurseStore::new(), PurseSettings::default())?;
            purse.take_issuance(&issuance)??;
            purse
        }
    };
    let period = Period::at(now, issuance.boundary()).context("the demo's day is in a period")?;
    while fetching.wanted > 0 {
        let count = fetching.wanted.min(MOST_IN_A_REQUEST);
        let challenge = refilling::challenge(registrar.public.clone(), &fetching.card.key, now, &mut random).await?;
        purse.prepare_request(period, count, challenge, now, &mut random)?;
        fetching.wanted -= count;
    }
    let requests: Vec<_> = purse.pending().iter().map(|pending| (*pending.id(), refilling::to_wire(pending))).collect();
    for (id, request) in requests {
        let answered =
            refilling::send(registrar.public.clone(), request).await.map_err(|unanswered| unanswered.error)?;
        if let Progress::Ready(answers) = answered {
            take(&mut purse, &id, &answers, &mut random)?;
        }
    }
    let is_ready = purse.pending().is_empty();
    fetching.card.purse = Some(purse.into_store());
    Ok((fetching, is_ready))
}

/// Takes the answers to a request, every one of which has to be good.
fn take<S: Suite>(
    purse: &mut super::offline::DemoPurse<'_, S>,
    id: &[u8; 16],
    answers: &[symbolon_wallet::ItemAnswer],
    random: &mut ChaCha20Rng,
) -> Result<()> {
    let taken = purse.take_answers(id, answers, random)?;
    ensure!(taken.bad.is_empty(), "a pseudonym is not what was asked for: {:?}", taken.bad.first());
    Ok(())
}

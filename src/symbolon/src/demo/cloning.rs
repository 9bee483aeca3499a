//! A clone: a card's folder is copied, and both copies pay, each at a terminal that knows nothing of the other.

use super::{
    city::CURRENCY,
    offline::{tap, wallet},
    refusals::{POWER_KIOSK, Stage, WATER_COUNTER, answer_of, water_bill},
    schedule::reference,
};
use anyhow::{Context, Result, anyhow};
use symbolon::calendar::{money, utc};
use symbolon_ccks::{Sector, Suite};
use symbolon_tap::Kind;
use symbolon_verifier::{Request, Verdict};
use symbolon_wallet::MemoryCounterStore;

/// How many cards are cloned, and so how many misuse proofs settlement must find.
pub(super) const CLONES: u64 = 1;

/// Plays the scene.
pub(super) fn play<S: Suite>(stage: &mut Stage<'_, '_, S>) -> Result<()> {
    let story = stage.story;
    let key = &stage.cast.cloned.key;
    let identity = *key.credential().context("a card has a credential")?.identity();
    // The copy has everything that the original has: credential, secret key, counter.
    let mut original = wallet(stage.authority, key, MemoryCounterStore::new())?;
    let mut copy = wallet(stage.authority, key, MemoryCounterStore::new())?;
    let power =
        Request { kind: Kind::Purchase, sector: Sector::Power, amount: 5_000, reference: reference("meter-00001") };
    let scenes = [
        ("The original pays a water bill at a counter.", &mut original, WATER_COUNTER, water_bill(4_000)),
        ("The copy buys power credit at a kiosk.", &mut copy, POWER_KIOSK, power),
        (
            "The copy then tries the counter where the original paid.",
            &mut copy_at_start(stage)?,
            WATER_COUNTER,
            water_bill(4_500),
        ),
    ];
    for (what, wallet, terminal, request) in scenes {
        let mut terminal = stage.terminals.at(terminal, stage.now)?;
        let tapped = tap(wallet, &mut terminal, &request, &mut stage.random)
            .map_err(|reason| anyhow!("the wallet refused: {reason}"))?;
        stage.shown.count(&tapped.verdict);
        let answer = match &tapped.verdict {
            Verdict::Accepted(accepted) => format!("accepted, counter {}", accepted.record().presentation().counter()),
            Verdict::Referred(_) | Verdict::Declined(_) => answer_of(&tapped.verdict),
        };
        story.shown(what, &answer);
    }
    story.say(
        "Two offline terminals cannot know of each other, and whoever copies a card copies everything that makes it \
         the card. No signature can prevent that; only a network or a chip that cannot be copied could. What it can \
         cost is capped, by figures that the authority signed into the card:",
    );
    story.figures(&[
        ("most for one tap", money(identity.spend_limit().into(), CURRENCY)),
        ("budget for its whole life", money(identity.budget().into(), CURRENCY)),
        ("the card's life ends", utc(identity.not_after().seconds())),
    ]);
    story.say("And both copies signed under the same counter: as soon as both terminals have uploaded, settlement pays the one, \
         proves the other to be misuse, and has the card suspended.");
    Ok(())
}

fn copy_at_start<'s, S: Suite>(stage: &Stage<'s, '_, S>) -> Result<super::offline::DemoWallet<'s, S>> {
    wallet(stage.authority, &stage.cast.cloned.key, MemoryCounterStore::new())
}

//! A lost card's leftover pseudonyms: its finder shows each of them, and every terminal knows it.

use super::{
    offline::{purse, tap_under_a_pseudonym},
    refusals::{GATE, POWER_KIOSK, Stage, WATER_COUNTER, water_bill},
    schedule::{MOST_FOR_A_JOURNEY, reference, station},
};
use anyhow::{Result, anyhow};
use symbolon_ccks::{Sector, Suite};
use symbolon_tap::Kind;
use symbolon_verifier::{Reason, Request};

/// How many pseudonyms the lost card had left.
pub(super) const LEFTOVERS: u16 = 3;

/// Plays the scene.
pub(super) fn play<S: Suite>(stage: &mut Stage<'_, '_, S>) -> Result<()> {
    stage.story.say(
        "The lost card had three pseudonyms left, which nobody has ever seen. When it was revoked, both linkage \
         authorities gave this day's seed of it away. The trust bundle carries the two seeds and no name; a terminal \
         computes from them what the card may show today and later, and can compute nothing of the days before.",
    );
    let entry =
        Request { kind: Kind::Entry, sector: Sector::Transport, amount: MOST_FOR_A_JOURNEY, reference: station(GATE) };
    let power =
        Request { kind: Kind::Purchase, sector: Sector::Power, amount: 3_000, reference: reference("meter-00001") };
    let scenes = [
        ("The finder holds it to the metro's gate.", GATE, entry),
        ("The finder pays a water bill.", WATER_COUNTER, water_bill(2_000)),
        ("The finder buys power credit.", POWER_KIOSK, power),
    ];
    let mut leftovers = purse(stage.authority, &stage.cast.revoked)?;
    for (what, terminal, request) in scenes {
        let mut terminal = stage.terminals.at(terminal, stage.now)?;
        let tapped = tap_under_a_pseudonym(&mut leftovers, &mut terminal, &request, &mut stage.random)
            .map_err(|reason| anyhow!("the lost card's wallet did not sign: {reason}"))?;
        if tapped.verdict.reason() == Some(Reason::Revoked) {
            stage.shown.revoked_refused += 1;
        }
        stage.conclude(what, &tapped.verdict);
    }
    Ok(())
}

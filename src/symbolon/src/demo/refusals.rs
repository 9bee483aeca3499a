//! What is refused, each shown for real: replays, forgeries, and honest keys where they may not be used.

use super::{
    city::CURRENCY,
    enrolment::EnrolledCard,
    forgery::{Forger, sign_blindly, with_amount},
    offline::{DemoTerminal, Tapped, Terminals, tap, wallet},
    schedule::{reference, station},
    story::Story,
};
use anyhow::{Context, Result, anyhow};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::collections::BTreeMap;
use symbolon::calendar::money;
use symbolon_ccks::{Authority, Sector, SigningKey, Suite, Time};
use symbolon_tap::{Flags, Kind, SelectResponse, Terms, TermsFields};
use symbolon_verifier::{Asked, Request, Verdict};
use symbolon_wallet::MemoryCounterStore;

/// The terminals of the scenes: the first of each sector, which every demo has.
pub(super) const GATE: usize = 0;
pub(super) const WATER_COUNTER: usize = 1;
pub(super) const POWER_KIOSK: usize = 2;

/// Those who play in the scenes; nobody of them taps during the day.
pub(super) struct Cast<S: Suite> {
    /// An honest card.
    pub(super) honest: EnrolledCard<S>,
    /// Expires an hour into the day.
    pub(super) expiring: EnrolledCard<S>,
    /// Reported lost, and revoked before the service stopped.
    pub(super) revoked: EnrolledCard<S>,
    /// Good for water alone.
    pub(super) water_only: EnrolledCard<S>,
    /// Will be cloned.
    pub(super) cloned: EnrolledCard<S>,
}

/// Taps of the scenes, by what became of them.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) accepted: u64,
    pub(super) declined: BTreeMap<&'static str, u64>,
    /// Pseudonyms of the lost card that were refused as revoked.
    pub(super) revoked_refused: u64,
}

impl Shown {
    pub(super) fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Accepted(_) => self.accepted += 1,
            Verdict::Referred(refusal) | Verdict::Declined(refusal) => {
                *self.declined.entry(refusal.reason().name()).or_default() += 1;
            }
        }
    }
}

/// The stage: everybody, and what time it is.
pub(super) struct Stage<'s, 'a, S: Suite> {
    pub(super) story: &'s Story<'s>,
    pub(super) authority: &'s Authority<'s, S>,
    pub(super) terminals: &'s Terminals<'a, S>,
    pub(super) cast: &'s Cast<S>,
    pub(super) now: Time,
    pub(super) random: ChaCha20Rng,
    pub(super) shown: Shown,
}

/// A water bill over so much.
pub(super) fn water_bill(amount: u32) -> Request {
    Request { kind: Kind::Purchase, sector: Sector::Water, amount, reference: reference("bill-000001") }
}

pub(super) fn answer_of(verdict: &Verdict) -> String {
    match verdict.reason() {
        None => verdict.name().to_owned(),
        Some(reason) => format!("{} ({}). {}", verdict.name(), reason.name(), reason.sentence()),
    }
}

impl<S: Suite> Stage<'_, '_, S> {
    /// Plays every scene.
    pub(super) fn play(&mut self) -> Result<()> {
        self.replay()?;
        self.tampered_amount()?;
        self.counterfeit_card()?;
        self.counterfeit_terminal()?;
        let (expiring, revoked, honest, water_only) =
            (&self.cast.expiring, &self.cast.revoked, &self.cast.honest, &self.cast.water_only);
        let paying = money(2_000, CURRENCY);
        self.misused(
            "A card that expired this morning pays a water bill.",
            expiring,
            WATER_COUNTER,
            water_bill(2_000),
        )?;
        self.misused(
            &format!("A card that was reported lost yesterday pays {paying}. Its finder got it to sign; the counter is offline."),
            revoked,
            WATER_COUNTER,
            water_bill(2_000),
        )?;
        let limit = honest_limit(honest)?;
        self.misused(
            &format!(
                "A wallet was changed so as to sign {}, though its card allows {} a tap.",
                money(i64::from(limit) + 1, CURRENCY),
                money(limit.into(), CURRENCY)
            ),
            honest,
            WATER_COUNTER,
            water_bill(limit + 1),
        )?;
        let through_the_gate =
            Request { kind: Kind::Entry, sector: Sector::Transport, amount: 800, reference: station(GATE) };
        self.misused("A card for water alone is held to the metro's gate.", water_only, GATE, through_the_gate)
    }

    /// Has a terminal ask whatever card it is held to.
    fn ask(&mut self, terminal: &mut DemoTerminal<'_, S>, request: &Request) -> Result<Asked> {
        let mut nonce = [0; 8];
        self.random.fill_bytes(&mut nonce);
        let select = SelectResponse::new(S::ID, 0, self.authority.id().prefix(), nonce);
        terminal
            .challenge(select.as_bytes(), request)
            .map_err(|refused| anyhow!("the terminal does not ask: {refused}"))
    }

    pub(super) fn conclude(&mut self, what: &str, verdict: &Verdict) {
        self.shown.count(verdict);
        self.story.shown(what, &answer_of(verdict));
    }

    fn replay(&mut self) -> Result<()> {
        let mut terminal = self.terminals.at(WATER_COUNTER, self.now)?;
        let mut honest = wallet(self.authority, &self.cast.honest.key, MemoryCounterStore::new())?;
        let bill = water_bill(2_000);
        let Tapped { presentation, verdict, .. } = tap(&mut honest, &mut terminal, &bill, &mut self.random)
            .map_err(|reason| anyhow!("an honest tap was refused: {reason}"))?;
        self.shown.count(&verdict);
        let asked = self.ask(&mut terminal, &bill)?;
        let replayed = terminal.decide(asked, presentation.as_bytes());
        self.conclude("Somebody recorded what a card answered, and plays it to the same terminal again.", &replayed);
        Ok(())
    }

    fn tampered_amount(&mut self) -> Result<()> {
        let mut terminal = self.terminals.at(WATER_COUNTER, self.now)?;
        let asked = self.ask(&mut terminal, &water_bill(15_000))?;
        let cheaper = with_amount(asked.challenge(), 100)?;
        let signed = sign_blindly(&self.cast.honest.key, &cheaper, asked.challenge(), 1_000)?;
        let verdict = terminal.decide(asked, signed.as_bytes());
        self.conclude(
            &format!(
                "The bill is {}; on the way the amount was changed, and the card signed {}.",
                money(15_000, CURRENCY),
                money(100, CURRENCY)
            ),
            &verdict,
        );
        Ok(())
    }

    fn counterfeit_card(&mut self) -> Result<()> {
        let mut terminal = self.terminals.at(WATER_COUNTER, self.now)?;
        let forger = Forger::new(self.authority, &mut self.random)?;
        let asked = self.ask(&mut terminal, &water_bill(2_000))?;
        let claimed = *self.cast.honest.key.credential().context("a card has a credential")?.identity();
        let presentation = forger.presentation(&claimed, asked.challenge(), &mut self.random)?;
        let verdict = terminal.decide(asked, &presentation);
        self.conclude(
            "A forger made a card with an honest citizen's number, limits and dates, and a key of its own.",
            &verdict,
        );
        Ok(())
    }

    fn counterfeit_terminal(&mut self) -> Result<()> {
        let forger = Forger::new(self.authority, &mut self.random)?;
        let real = *self.terminals.at(WATER_COUNTER, self.now)?.credential().identity();
        let mut honest = wallet(self.authority, &self.cast.honest.key, MemoryCounterStore::new())?;
        let mut nonce = [0; 16];
        self.random.fill_bytes(&mut nonce);
        let terms = Terms::new(TermsFields {
            kind: Kind::Purchase,
            sector: Sector::Water,
            flags: Flags::Tap,
            nonce,
            time: self.now,
            amount: 2_000,
            currency: CURRENCY,
            reference: reference("bill-000001"),
        })?;
        let challenge = forger.challenge(&real, terms, &mut self.random)?;
        let selected = honest.select(terms.holder_nonce());
        let refused = selected.check(&challenge, self.now).err();
        let reason = refused.map_or("accepted", |refused| refused.reason());
        *self.shown.declined.entry(reason).or_default() += 1;
        let answer =
            refused.map_or("signed".to_owned(), |refused| format!("the card does not sign ({reason}): {refused}."));
        self.story
            .shown("A till that somebody built at home asks a card for money, in a real terminal's name.", &answer);
        Ok(())
    }

    /// An honest key is used where it may not be: the wallet is made to sign anyway, the terminal has to notice.
    fn misused(&mut self, what: &str, card: &EnrolledCard<S>, terminal: usize, request: Request) -> Result<()> {
        let mut terminal = self.terminals.at(terminal, self.now)?;
        let asked = self.ask(&mut terminal, &request)?;
        let challenge = asked.challenge();
        let signed = sign_blindly(&card.key, challenge.terms(), challenge, 1_001)?;
        let verdict = terminal.decide(asked, signed.as_bytes());
        self.conclude(what, &verdict);
        Ok(())
    }
}

fn honest_limit<S: Suite>(card: &EnrolledCard<S>) -> Result<u32> {
    let key: &SigningKey<S> = &card.key;
    Ok(key.credential().context("a card has a credential")?.identity().spend_limit())
}

//! Taps, and what a fresh terminal without a bundle says to each.

use symbolon_ccks::{Sector, Suite, SuiteId};
use symbolon_tap::{Challenge, Flags, Kind, Presentation, SelectResponse, Terms, TermsFields};

use super::cast::{Cast, reference};
use super::city::{Holder, NOON, fixed_bytes, time};
use super::invalid::patched;
use super::model::{Hex, TapVector};

/// Where the holder's credential begins in a presentation.
pub(crate) const HOLDER_OFFSET: usize = 5;

/// The holder's half of every nonce.
pub(crate) fn holder_nonce() -> [u8; 8] {
    *fixed_bytes("holder's nonce").first_chunk().expect("8 are fewer than 32")
}

/// Ordinary terms: a purchase in transport at noon.
pub(crate) fn terms_fields() -> TermsFields {
    let mut nonce = *fixed_bytes("terminal's nonce").first_chunk::<16>().expect("16 are fewer than 32");
    let (holder, _terminal) = nonce.split_at_mut(8);
    holder.copy_from_slice(&holder_nonce());
    TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce,
        time: time(NOON),
        amount: 250,
        currency: 156,
        reference: reference("station"),
    }
}

/// Terms of these fields.
pub(crate) fn terms(fields: TermsFields) -> Terms {
    Terms::new(fields).expect("the generator writes terms that keep the rules")
}

/// The select response of a card with this tariff.
pub(crate) fn select<S: Suite>(cast: &Cast<S>, tariff: u8) -> SelectResponse {
    SelectResponse::new(S::ID, tariff, cast.city.authority.id().prefix(), holder_nonce())
}

/// A terminal's challenge on these terms.
pub(crate) fn challenge<S: Suite>(terminal: &Holder<S>, terms: Terms) -> Challenge {
    Challenge::sign(&terminal.key, terms, &fixed_bytes("challenge")).expect("a terminal signs challenges")
}

/// A holder's answer under a counter.
pub(crate) fn present<S: Suite>(holder: &Holder<S>, terminal: &Holder<S>, terms: &Terms, counter: u32) -> Presentation {
    let random = fixed_bytes(&format!("presentation {counter}"));
    Presentation::sign(&holder.key, terms, &terminal.credential().digest(), counter, &random)
        .expect("a card or a pseudonym signs presentations")
}

/// One tap in the making: what is true of it before something is changed.
pub(crate) struct Tap {
    /// The select response.
    pub(crate) select: Vec<u8>,
    /// The challenge.
    pub(crate) challenge: Vec<u8>,
    /// The presentation.
    pub(crate) presentation: Vec<u8>,
    /// When it arrives.
    pub(crate) now: u64,
}

impl Tap {
    /// An honest tap of `holder` at `terminal`, answered two seconds after it was asked.
    pub(crate) fn honest<S: Suite>(
        cast: &Cast<S>,
        holder: &Holder<S>,
        terminal: &Holder<S>,
        fields: TermsFields,
    ) -> Self {
        let terms = terms(fields);
        Self {
            select: select(cast, holder.credential().identity().tariff()).as_bytes().into(),
            challenge: challenge(terminal, terms).as_bytes().into(),
            presentation: present(holder, terminal, &terms, 1).as_bytes().into(),
            now: fields.time.seconds() + 2,
        }
    }

    fn accepted(self) -> TapVector {
        self.vector(None)
    }

    fn declined(self, reason: &str) -> TapVector {
        self.vector(Some(reason.to_owned()))
    }

    fn vector(self, reason: Option<String>) -> TapVector {
        TapVector {
            select: Hex(self.select),
            challenge: Hex(self.challenge),
            presentation: Hex(self.presentation),
            now: self.now,
            accepted: reason.is_none(),
            reason,
        }
    }
}

/// Accepted taps of every kind, then one or more for each reason that such a terminal has.
pub(crate) fn taps<S: Suite>(cast: &Cast<S>) -> Vec<TapVector> {
    let mut vectors: Vec<_> = accepted(cast).into_iter().map(Tap::accepted).collect();
    vectors.extend(declined(cast).into_iter().map(|(reason, tap)| tap.declined(reason)));
    vectors
}

fn accepted<S: Suite>(cast: &Cast<S>) -> Vec<Tap> {
    let purchase = terms_fields();
    let of = |kind, amount| TermsFields { kind, amount, ..purchase };
    let credit = TermsFields { sector: Sector::Power, ..of(Kind::Credit, 0) };
    let bill = TermsFields { sector: Sector::Water, amount: 1, ..purchase };
    let largest = of(Kind::Purchase, u32::MAX);
    let mut taps = vec![
        Tap::honest(cast, &cast.card, &cast.gate, of(Kind::Entry, 500)),
        Tap::honest(cast, &cast.card, &cast.gate, of(Kind::Exit, 0)),
        Tap::honest(cast, &cast.water_card, &cast.till, bill),
        Tap::honest(cast, &cast.card, &cast.till, credit),
        Tap::honest(cast, &cast.card, &cast.gate, of(Kind::Refund, u32::MAX)),
        Tap::honest(cast, &cast.pseudonym, &cast.gate, purchase),
        Tap::honest(cast, &cast.largest_card, &cast.gate, largest),
    ];
    // The edges of the time that an answer may take.
    for now in [NOON - 5, NOON, NOON + 60] {
        taps.push(Tap { now, ..Tap::honest(cast, &cast.card, &cast.gate, purchase) });
    }
    // Valid in the very second asked about, whatever the clock says when the answer comes.
    let first_second = TermsFields { time: time(NOON + 1), ..purchase };
    taps.push(Tap::honest(cast, &cast.future_card, &cast.gate, first_second));
    let last_second = TermsFields { time: time(NOON - 1), ..purchase };
    taps.push(Tap::honest(cast, &cast.expired_card, &cast.gate, last_second));
    taps
}

fn declined<S: Suite>(cast: &Cast<S>) -> Vec<(&'static str, Tap)> {
    let purchase = terms_fields();
    let over_limit = TermsFields { kind: Kind::Entry, amount: 501, ..purchase };
    let power = TermsFields { sector: Sector::Power, ..purchase };
    let honest = |holder| Tap::honest(cast, holder, &cast.gate, purchase);
    let mut taps = vec![
        ("wrong_sector", Tap::honest(cast, &cast.water_card, &cast.till, power)),
        ("wrong_currency", honest(&cast.foreign_currency_card)),
        ("wrong_tariff", Tap { select: select(cast, 1).as_bytes().into(), ..honest(&cast.card) }),
        ("expired", honest(&cast.expired_card)),
        ("not_yet_valid", honest(&cast.future_card)),
        ("over_limit", Tap::honest(cast, &cast.card, &cast.gate, over_limit)),
        ("timed_out", Tap { now: NOON + 3_600, ..honest(&cast.card) }),
        ("timed_out", Tap { now: NOON - 3_600, ..honest(&cast.card) }),
    ];
    taps.extend(declined_for_bytes(cast));
    taps.extend(declined_for_challenge(cast));
    taps
}

/// An honest tap of which the presentation was changed afterwards, or made for something else.
fn declined_for_bytes<S: Suite>(cast: &Cast<S>) -> Vec<(&'static str, Tap)> {
    let purchase = terms_fields();
    let honest = || Tap::honest(cast, &cast.card, &cast.gate, purchase);
    let with = |presentation: Vec<u8>| Tap { presentation, ..honest() };
    let original = honest().presentation;
    let in_holder = |offset: usize, bytes: &[u8]| with(patched(&original, HOLDER_OFFSET + offset, bytes));
    let (other_suite, zeros) = (SuiteId::from_byte(3 - S::ID.to_byte()).expect("1 and 2 are suites"), [0; 16]);
    let cheaper = terms(TermsFields { amount: 1, ..purchase });
    vec![
        ("malformed", with(original[..158].into())),
        ("malformed", with([original.as_slice(), &[0]].concat())),
        ("malformed", with(patched(&original, 0, &[2]))),
        ("wrong_suite", in_holder(1, &[other_suite.to_byte()])),
        ("wrong_authority", in_holder(4, &cast.neighbour.authority.id().prefix())),
        ("wrong_authority", with(present(&cast.neighbours_card, &cast.gate, &terms(purchase), 1).as_bytes().into())),
        ("wrong_class", in_holder(0, cast.gate.credential().as_bytes())),
        // The claims come before the signature: a forged subject shows there, a forged limit before.
        ("bad_signature", in_holder(12, &zeros)),
        ("bad_signature", in_holder(0, cast.other_card.credential().as_bytes())),
        ("bad_signature", with(patched(&original, 1, &[0, 0, 0, 2]))),
        ("bad_signature", with(patched(&original, 158, &[original[158] ^ 1]))),
        ("bad_signature", with(present(&cast.card, &cast.gate, &cheaper, 1).as_bytes().into())),
        ("bad_signature", with(present(&cast.card, &cast.other_gate, &terms(purchase), 1).as_bytes().into())),
    ]
}

/// An honest tap, but the terminal never asked like that.
fn declined_for_challenge<S: Suite>(cast: &Cast<S>) -> Vec<(&'static str, Tap)> {
    let purchase = terms_fields();
    let honest = || Tap::honest(cast, &cast.card, &cast.gate, purchase);
    let challenge = honest().challenge;
    let (other_suite, prefix) = (3 - S::ID.to_byte(), cast.neighbour.authority.id().prefix());
    let with_select = |offset, bytes: &[u8]| Tap { select: patched(&honest().select, offset, bytes), ..honest() };
    let with_challenge = |challenge| Tap { challenge, ..honest() };
    vec![
        ("malformed", with_select(3, &[1])),
        ("wrong_suite", with_select(1, &[other_suite])),
        ("wrong_authority", with_select(4, &prefix)),
        ("no_challenge", with_select(12, &[0; 8])),
        // A cheaper amount, the terminal's signature untouched: it did not ask for that.
        ("no_challenge", with_challenge(patched(&challenge, 28, &1_u32.to_be_bytes()))),
        ("no_challenge", with_challenge(patched(&challenge, 203, &[challenge[203] ^ 1]))),
        ("no_challenge", with_challenge(challenge[..203].into())),
        // A terminal for water and power has no business in transport.
        ("no_challenge", Tap::honest(cast, &cast.card, &cast.till, purchase)),
        ("no_challenge", Tap::honest(cast, &cast.card, &cast.neighbours_gate, purchase)),
    ]
}

//! The reader's side of a tap over ISO 7816-4 commands: it asks, the card answers.
//!
//! [`Reader`] does no input or output. It gives the bytes of the next command, takes the bytes that the card answered,
//! and says in the end what became of the tap. In between it has the [`Terminal`] challenge, decide, and keep the tap
//! in its journal before the card sees a receipt. Whatever the card sends, and whenever it falls silent, the tap ends
//! and the next one can begin.

#![expect(clippy::result_large_err, reason = "there is no heap to put an outcome on, and one exists at a time")]

use rand_core::CryptoRng;
use symbolon_ccks::Suite;
use symbolon_tap::apdu::{CardCommand, CommandBytes, Status};
use symbolon_tap::voucher::SignedVoucher;
use symbolon_tap::{Kind, Presentation, SelectResponse, SignRefused};

use crate::{Accepted, Asked, ChallengeRefused, Clock, Reason, Request, SignedReceipt, Storage, Terminal, Verdict};

/// What is wanted of the next card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// That it answers a challenge: pays, enters, exits.
    Tap(Request),
    /// At a meter: that it hands over a voucher for this meter, and the meter takes the credit.
    Voucher,
}

/// Which command a card had to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// SELECT.
    Select = 1,
    /// VOUCHER.
    Voucher = 2,
    /// PRESENT.
    Present = 3,
    /// RECEIPT.
    Receipt = 4,
}

/// How a card failed to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing came in time.
    Silent,
    /// What came is not as long as the answer to that command is.
    Length,
    /// A status word other than 90 00.
    Status(u16),
    /// The answer came while nothing was asked.
    Unasked,
    /// The terminal's key did not sign the receipt, so that none was sent.
    NotSigned,
}

/// What became of a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put it on, and one exists at a time")]
pub enum Outcome {
    /// The tap counts and is in the journal.
    Accepted {
        /// What was accepted.
        accepted: Accepted,
        /// Whether the card took its receipt; else the fault. Either way the tap counts.
        receipt: Result<(), Fault>,
    },
    /// The card showed again what the journal has already, because its receipt was lost, and got its receipt once
    /// more. Nothing is opened, sold or credited for it: whoever overheard the tap can show the same bytes.
    Repeated {
        /// Whether the card took its receipt; else the fault.
        receipt: Result<(), Fault>,
    },
    /// To be settled by a person: what the terminal knows is too old, or not enough, to accept or decline.
    Referred(Reason),
    /// The tap does not count.
    Declined(Reason),
    /// The terminal would not ask this card for this.
    NotAsked(ChallengeRefused),
    /// The card did not answer as it must. Nothing was accepted.
    Failed {
        /// What it had to answer.
        phase: Phase,
        /// What came instead.
        fault: Fault,
    },
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes to the card.
    Send(CommandBytes),
    /// The tap is over.
    Done(Outcome),
}

/// Where a tap is.
#[derive(Debug)]
enum State {
    /// Between taps.
    Idle,
    /// SELECT is out.
    Selecting(Wanted),
    /// VOUCHER is out; this is what the card said to SELECT.
    AskingVoucher([u8; SelectResponse::SIZE]),
    /// PRESENT is out.
    Asking { asked: Asked, tries: Tries },
    /// The tap is in the journal, and RECEIPT is out.
    Giving(Given),
}

/// How often a card is asked the same.
///
/// A card whose last tap here got no receipt shows that tap first, in case it is in the journal. Where it is not, the
/// same challenge goes out once more, and the card answers it anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tries {
    First,
    Last,
    /// For a voucher that the meter has taken: what is answered is looked up in the journal and not decided on.
    JournalOnly,
}

/// What a receipt is for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put it on, and one exists at a time")]
enum Given {
    Accepted(Accepted),
    Repeated,
}

impl Given {
    fn outcome(self, receipt: Result<(), Fault>) -> Outcome {
        match self {
            Self::Accepted(accepted) => Outcome::Accepted { accepted, receipt },
            Self::Repeated => Outcome::Repeated { receipt },
        }
    }
}

impl State {
    const fn phase(&self) -> Option<Phase> {
        match self {
            Self::Idle => None,
            Self::Selecting(_) => Some(Phase::Select),
            Self::AskingVoucher(_) => Some(Phase::Voucher),
            Self::Asking { .. } => Some(Phase::Present),
            Self::Giving(_) => Some(Phase::Receipt),
        }
    }

    /// How the tap ends when the card does not answer as it must.
    fn fail(self, fault: Fault) -> Outcome {
        match self {
            Self::Giving(given) => given.outcome(Err(fault)),
            Self::Idle => Outcome::Failed { phase: Phase::Select, fault: Fault::Unasked },
            other => Outcome::Failed { phase: other.phase().unwrap_or(Phase::Select), fault },
        }
    }
}

/// The reader's side of one tap at a time.
#[derive(Debug)]
pub struct Reader {
    patience_milliseconds: u32,
    deadline_milliseconds: u64,
    state: State,
    data_age_seconds: Option<u64>,
}

impl Reader {
    /// A reader that waits so long for each answer, by the caller's clock.
    pub const fn new(patience_milliseconds: u32) -> Self {
        Self { patience_milliseconds, deadline_milliseconds: 0, state: State::Idle, data_age_seconds: None }
    }

    /// Begins a tap, and gives the first command. A tap that went on is given up; one that was accepted counts.
    ///
    /// `now_milliseconds` is any clock that only goes forward, such as the time since the device started.
    pub fn start(&mut self, wanted: Wanted, now_milliseconds: u64) -> CommandBytes {
        self.state = State::Selecting(wanted);
        self.wait(now_milliseconds);
        CardCommand::Select.encode()
    }

    /// Takes what the card answered to the command sent last, status word included.
    ///
    /// What comes after the deadline ends the tap as silence does.
    pub fn respond<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
        &mut self,
        terminal: &mut Terminal<'_, S, C, R, T>,
        response: &[u8],
        now_milliseconds: u64,
    ) -> Step {
        let state = core::mem::replace(&mut self.state, State::Idle);
        self.data_age_seconds = None;
        let next = if now_milliseconds > self.deadline_milliseconds {
            Err(state.fail(Fault::Silent))
        } else {
            advance(terminal, state, response, &mut self.data_age_seconds)
        };
        match next {
            Ok((state, command)) => {
                self.state = state;
                self.wait(now_milliseconds);
                Step::Send(command)
            }
            Err(outcome) => Step::Done(outcome),
        }
    }

    /// Ends the tap when the card has been silent for too long; called whenever nothing comes.
    pub fn poll(&mut self, now_milliseconds: u64) -> Option<Outcome> {
        let is_over = self.deadline_milliseconds().is_some_and(|deadline| now_milliseconds > deadline);
        is_over.then(|| core::mem::replace(&mut self.state, State::Idle).fail(Fault::Silent))
    }

    /// Until when the card has time for its answer; `None` while no tap goes on.
    pub fn deadline_milliseconds(&self) -> Option<u64> {
        self.state.phase().map(|_| self.deadline_milliseconds)
    }

    /// What was accepted, while the card is still to take its receipt: the gate may open already.
    pub fn accepted(&self) -> Option<&Accepted> {
        match &self.state {
            State::Giving(Given::Accepted(accepted)) => Some(accepted),
            _ => None,
        }
    }

    /// How old the terminal's data were, seconds, when the answer that was taken last was referred or declined for them.
    pub const fn data_age_seconds(&self) -> Option<u64> {
        self.data_age_seconds
    }

    fn wait(&mut self, now_milliseconds: u64) {
        self.deadline_milliseconds = now_milliseconds.saturating_add(self.patience_milliseconds.into());
    }
}

/// What follows from an answer: the next command, or the end.
type Next = Result<(State, CommandBytes), Outcome>;

fn advance<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
    terminal: &mut Terminal<'_, S, C, R, T>,
    state: State,
    response: &[u8],
    data_age_seconds: &mut Option<u64>,
) -> Next {
    match state {
        State::Idle => Err(state.fail(Fault::Unasked)),
        State::Selecting(wanted) => {
            let select = match data::<{ SelectResponse::SIZE }>(response) {
                Ok(select) => select,
                Err(fault) => return Err(state.fail(fault)),
            };
            match wanted {
                Wanted::Tap(request) => ask(terminal.challenge(select, &request)),
                Wanted::Voucher => {
                    let meter = terminal.credential().identity().subject();
                    let command = CardCommand::Voucher { meter }.encode();
                    Ok((State::AskingVoucher(*select), command))
                }
            }
        }
        State::AskingVoucher(select) => match data::<{ SignedVoucher::SIZE }>(response) {
            Ok(voucher) => ask_for_voucher(terminal, &select, voucher),
            Err(fault) => Err(state.fail(fault)),
        },
        State::Asking { asked, tries: Tries::JournalOnly } => match data::<{ Presentation::SIZE }>(response) {
            Ok(presentation) => repeat_voucher(terminal, presentation),
            Err(fault) => Err(State::Asking { asked, tries: Tries::JournalOnly }.fail(fault)),
        },
        State::Asking { asked, tries } => match data::<{ Presentation::SIZE }>(response) {
            Ok(presentation) => decide(terminal, asked, tries, presentation, data_age_seconds),
            Err(fault) => Err(State::Asking { asked, tries }.fail(fault)),
        },
        State::Giving(given) => match data::<0>(response) {
            Ok(_) => Err(given.outcome(Ok(()))),
            Err(fault) => Err(given.outcome(Err(fault))),
        },
    }
}

fn present(asked: &Asked) -> CommandBytes {
    CardCommand::Present { challenge: asked.challenge().as_bytes() }.encode()
}

fn ask(asked: Result<Asked, ChallengeRefused>) -> Next {
    let asked = asked.map_err(Outcome::NotAsked)?;
    let command = present(&asked);
    Ok((State::Asking { asked, tries: Tries::First }, command))
}

const USED: ChallengeRefused = ChallengeRefused::Voucher(Reason::VoucherUsed);

/// Asks for the delivery of a voucher. A card brings one that was taken when the receipt never reached it: it is asked
/// for its answer of then, on which nothing is credited again.
#[inline(never)]
fn ask_for_voucher<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
    terminal: &mut Terminal<'_, S, C, R, T>,
    select: &[u8; SelectResponse::SIZE],
    voucher: &[u8; SignedVoucher::SIZE],
) -> Next {
    let asked = terminal.challenge_voucher(select, voucher);
    let (Err(USED), Ok(signed)) = (&asked, SignedVoucher::parse(voucher)) else {
        return ask(asked);
    };
    let reference = signed.reference();
    let request = Request { kind: Kind::Credit, sector: signed.voucher().sector(), amount: 0, reference };
    let asked = terminal.challenge(select, &request).map_err(Outcome::NotAsked)?;
    let command = present(&asked);
    Ok((State::Asking { asked, tries: Tries::JournalOnly }, command))
}

#[inline(never)]
fn repeat_voucher<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
    terminal: &mut Terminal<'_, S, C, R, T>,
    presentation: &[u8; Presentation::SIZE],
) -> Next {
    terminal.abandon();
    let receipt = terminal.again(presentation).map_err(|_| Outcome::NotAsked(USED))?;
    give(Given::Repeated, Ok(receipt))
}

#[inline(never)]
fn decide<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
    terminal: &mut Terminal<'_, S, C, R, T>,
    asked: Asked,
    tries: Tries,
    presentation: &[u8; Presentation::SIZE],
    data_age_seconds: &mut Option<u64>,
) -> Next {
    let refusal = match terminal.decide(asked, presentation) {
        Verdict::Accepted(accepted) => return give_receipt(terminal, accepted),
        Verdict::Referred(refusal) => {
            *data_age_seconds = refusal.data_age_seconds();
            return Err(Outcome::Referred(refusal.reason()));
        }
        Verdict::Declined(refusal) => refusal,
    };
    if let Ok(receipt) = terminal.again(presentation) {
        return give(Given::Repeated, Ok(receipt));
    }
    *data_age_seconds = refusal.data_age_seconds();
    let reason = refusal.reason();
    match refusal.into_asked() {
        Some(asked) if reason == Reason::BadSignature && tries == Tries::First => {
            let command = present(&asked);
            Ok((State::Asking { asked, tries: Tries::Last }, command))
        }
        _ => Err(Outcome::Declined(reason)),
    }
}

/// Signs the receipt of an accepted tap and hands it over.
#[inline(never)]
fn give_receipt<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
    terminal: &mut Terminal<'_, S, C, R, T>,
    accepted: Accepted,
) -> Next {
    let receipt = terminal.receipt(&accepted);
    give(Given::Accepted(accepted), receipt)
}

/// Hands over a receipt. The tap counts whether or not one could be signed.
#[inline(never)]
fn give(given: Given, receipt: Result<SignedReceipt, SignRefused>) -> Next {
    match receipt {
        Ok(receipt) => {
            let command = CardCommand::Receipt {
                receipt: receipt.receipt().as_bytes(),
                signature: receipt.signature().as_bytes(),
            }
            .encode();
            Ok((State::Giving(given), command))
        }
        Err(_) => Err(given.outcome(Err(Fault::NotSigned))),
    }
}

/// The data of an answer of status 90 00, which are exactly as long as that answer's are.
fn data<const N: usize>(response: &[u8]) -> Result<&[u8; N], Fault> {
    let (data, status) = response.split_last_chunk().ok_or(Fault::Length)?;
    if *status != Status::Success.to_bytes() {
        return Err(Fault::Status(u16::from_be_bytes(*status)));
    }
    data.try_into().map_err(|_| Fault::Length)
}

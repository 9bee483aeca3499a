//! The tap: by the reader, or step by step.

use symbolon_ccks::Sector;
use symbolon_tap::Kind;
use symbolon_verifier::reader::{self, Fault, Outcome, Phase, Wanted};
use symbolon_verifier::{Accepted, Asked, Established, Reason, Revocation, Verdict};

use crate::checking::{bytes, structure, writable, writable_structure};
use crate::instance::{Call, OpenTerminal, Work};
use crate::status::*;
use crate::structures::{self, *};

pub(crate) fn answer(result: Result<(), Status>) -> Status {
    match result {
        Ok(()) => SYMBOLON_STATUS_OK,
        Err(status) => status,
    }
}

/// Begins a tap, as `request` says, and writes the first step to `*step`. A tap that went on is given up.
///
/// `now_milliseconds`, here and in the calls that follow, is any clock that only goes forward.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; the structures are the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_start(
    terminal: *mut OpenTerminal,
    request: *const Request,
    now_milliseconds: u64,
    step: *mut Step,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (request, step) = (structure(request)?, writable_structure(step)?);
            let wanted = wanted(request)?;
            let mut call = Call::begin(terminal)?;
            let work = call.work();
            work.give_up();
            let command = work.reader.start(wanted, now_milliseconds);
            step.write(sending(command.as_slice(), None));
            Ok(())
        })()
    })
}

/// Takes what the card answered, status word included, and writes the next step to `*step`.
///
/// When a step that sends has an accepted verdict, the tap counts already: the gate may open while the card takes its
/// receipt.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `response` is `length` bytes; `step` is the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_respond(
    terminal: *mut OpenTerminal,
    response: *const u8,
    length: usize,
    now_milliseconds: u64,
    step: *mut Step,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (response, step) = (bytes(response, length)?, writable_structure(step)?);
            let mut call = Call::begin(terminal)?;
            let Work { terminal, reader, .. } = call.work();
            let next = match reader.respond(terminal, response, now_milliseconds) {
                reader::Step::Send(command) => sending(command.as_slice(), reader.accepted()),
                reader::Step::Done(outcome) => done(&outcome, reader.data_age_seconds()),
            };
            step.write(next);
            Ok(())
        })()
    })
}

/// Ends a tap whose card has been silent for too long; called now and then while nothing comes. Writes to `*step` that it
/// is done, or that there is nothing to do but to wait.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `step` is the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_poll(
    terminal: *mut OpenTerminal,
    now_milliseconds: u64,
    step: *mut Step,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let step = writable_structure(step)?;
            let mut call = Call::begin(terminal)?;
            let outcome = call.work().reader.poll(now_milliseconds);
            step.write(outcome.map_or(Step { kind: SYMBOLON_STEP_WAIT, ..EMPTY_STEP }, |outcome| done(&outcome, None)));
            Ok(())
        })()
    })
}

/// Asks the card that answered with `select`, 20 bytes, for what `request` says, and writes the challenge, 204 bytes, to
/// `challenge`. For a program that speaks with its card in another way than by ISO 7816-4 commands.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `select` is `select_length` bytes; there is room for 204 at
/// `challenge`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_challenge(
    terminal: *mut OpenTerminal,
    select: *const u8,
    select_length: usize,
    request: *const Request,
    challenge: *mut u8,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (select, request) = (bytes(select, select_length)?, structure(request)?);
            let challenge = writable(challenge.cast::<[u8; SYMBOLON_CHALLENGE_SIZE]>())?;
            let Wanted::Tap(request) = wanted(request)? else { return Err(SYMBOLON_STATUS_OUT_OF_RANGE) };
            let mut call = Call::begin(terminal)?;
            let work = call.work();
            let asked = work.terminal.challenge(select, &request).map_err(|refusal| refused(refusal.reason()))?;
            challenge.write(*asked.challenge().as_bytes());
            work.begin(asked);
            Ok(())
        })()
    })
}

/// At a meter: as `symbolon_terminal_challenge`, for the voucher of 109 bytes that the card carries.
///
/// # Safety
/// As `symbolon_terminal_challenge`; `voucher` is `voucher_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_challenge_voucher(
    terminal: *mut OpenTerminal,
    select: *const u8,
    select_length: usize,
    voucher: *const u8,
    voucher_length: usize,
    challenge: *mut u8,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (select, voucher) = (bytes(select, select_length)?, bytes(voucher, voucher_length)?);
            let challenge = writable(challenge.cast::<[u8; SYMBOLON_CHALLENGE_SIZE]>())?;
            let mut call = Call::begin(terminal)?;
            let work = call.work();
            let asked = work.terminal.challenge_voucher(select, voucher);
            let asked = asked.map_err(|refusal| refused(refusal.reason()))?;
            challenge.write(*asked.challenge().as_bytes());
            work.begin(asked);
            Ok(())
        })()
    })
}

/// Takes up a challenge that this terminal gave before, as after a restart in the middle of a tap. Never hand it the
/// challenge of a voucher, which nothing tells from another of its kind: it would be taken up without the voucher, and
/// accepted without credit. The card brings the voucher again: `symbolon_terminal_challenge_voucher`.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `select` and `challenge` are as long as said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_resume(
    terminal: *mut OpenTerminal,
    select: *const u8,
    select_length: usize,
    challenge: *const u8,
    challenge_length: usize,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (select, challenge) = (bytes(select, select_length)?, bytes(challenge, challenge_length)?);
            let mut call = Call::begin(terminal)?;
            let work = call.work();
            let asked = work.terminal.resume(select, challenge).map_err(refused)?;
            work.begin(asked);
            Ok(())
        })()
    })
}

/// Decides on what a card answered to the challenge, 159 bytes, and writes the verdict to `*verdict`. Bytes of a stranger
/// leave the challenge open.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `presentation` is `length` bytes; `verdict` is the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_decide(
    terminal: *mut OpenTerminal,
    presentation: *const u8,
    length: usize,
    verdict: *mut structures::Verdict,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (presentation, verdict) = (bytes(presentation, length)?, writable_structure(verdict)?);
            let mut call = Call::begin(terminal)?;
            let work = call.work();
            let Some(asked) = work.asked.take() else {
                verdict.write(told(&work.terminal.unasked(presentation)));
                return Ok(());
            };
            let decided = work.terminal.decide(asked, presentation);
            verdict.write(told(&decided));
            work.accepted = decided.accepted().copied();
            work.asked = decided.into_asked();
            Ok(())
        })()
    })
}

/// Decides on a code shown on a screen, 209 bytes, and writes the verdict to `*verdict`.
///
/// # Safety
/// As `symbolon_terminal_decide`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_decide_code(
    terminal: *mut OpenTerminal,
    code: *const u8,
    length: usize,
    verdict: *mut structures::Verdict,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let (code, verdict) = (bytes(code, length)?, writable_structure(verdict)?);
            let mut call = Call::begin(terminal)?;
            let decided = call.work().terminal.decide_code(code);
            verdict.write(told(&decided));
            Ok(())
        })()
    })
}

/// Writes the receipt of what `symbolon_terminal_decide` accepted last, 106 bytes, to `receipt`.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; there is room for 106 bytes at `receipt`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_receipt(terminal: *mut OpenTerminal, receipt: *mut u8) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let receipt = writable(receipt.cast::<[u8; SYMBOLON_RECEIPT_SIZE]>())?;
            let mut call = Call::begin(terminal)?;
            let Work { terminal, accepted, .. } = call.work();
            let accepted = accepted.as_ref().ok_or(SYMBOLON_STATUS_WRONG_ORDER)?;
            let signed = terminal.receipt(accepted).map_err(|_| SYMBOLON_STATUS_SIGN)?;
            receipt.write(signed.to_bytes());
            Ok(())
        })()
    })
}

/// Writes once more the receipt of a tap that the journal has, for a card that repeats its answer, 159 bytes, since the
/// power failed before the receipt reached it. Nothing is opened or credited for it.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote; `presentation` is `length` bytes; there is room for 106 at
/// `receipt`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_again(
    terminal: *mut OpenTerminal,
    presentation: *const u8,
    length: usize,
    receipt: *mut u8,
) -> Status {
    // SAFETY: as this function's own contract says.
    answer(unsafe {
        (|| {
            let presentation = bytes(presentation, length)?;
            let receipt = writable(receipt.cast::<[u8; SYMBOLON_RECEIPT_SIZE]>())?;
            let mut call = Call::begin(terminal)?;
            let signed = call.work().terminal.again(presentation).map_err(refused)?;
            receipt.write(signed.to_bytes());
            Ok(())
        })()
    })
}

impl Work {
    /// A challenge of `symbolon_terminal_challenge` is open now, and what the reader did is over.
    fn begin(&mut self, asked: Asked) {
        self.asked = Some(asked);
        self.accepted = None;
    }

    /// Forgets what was asked step by step.
    fn give_up(&mut self) {
        self.asked = None;
        self.accepted = None;
    }
}

/// Every kind.
pub(crate) const KINDS: [Kind; 5] = [Kind::Purchase, Kind::Entry, Kind::Exit, Kind::Credit, Kind::Refund];

/// What a request of the caller's asks for.
pub(crate) fn wanted(request: &Request) -> Result<Wanted, Status> {
    let kind = KINDS.into_iter().find(|kind| *kind as u8 == request.kind).ok_or(SYMBOLON_STATUS_OUT_OF_RANGE)?;
    let sector = Sector::ALL.into_iter().find(|sector| *sector as u8 == request.sector);
    let sector = sector.ok_or(SYMBOLON_STATUS_OUT_OF_RANGE)?;
    if request.zero != 0 {
        return Err(SYMBOLON_STATUS_OUT_OF_RANGE);
    }
    if kind == Kind::Credit {
        return Ok(Wanted::Voucher);
    }
    let (amount, reference) = (request.amount, request.reference);
    Ok(Wanted::Tap(symbolon_verifier::Request { kind, sector, amount, reference }))
}

const EMPTY_VERDICT: structures::Verdict = structures::Verdict {
    size: size_of::<structures::Verdict>() as u32,
    verdict: 0,
    reason: 0,
    credited_unit: 0,
    is_stale: 0,
    credited_quantity: 0,
    credited_sequence: 0,
    established: 0,
    amount: 0,
    counter: 0,
    currency: 0,
    kind: 0,
    sector: 0,
    data_age_seconds: 0,
    credential: [0; 32],
};

const EMPTY_STEP: Step = Step {
    size: size_of::<Step>() as u32,
    kind: 0,
    outcome: 0,
    phase: 0,
    fault: SYMBOLON_FAULT_NONE,
    status_word: 0,
    command_length: 0,
    command: [0; SYMBOLON_COMMAND_MOST],
    zero: 0,
    verdict: EMPTY_VERDICT,
};

fn declined(reason: Reason, data_age_seconds: Option<u64>) -> structures::Verdict {
    refusal(SYMBOLON_VERDICT_DECLINED, reason, data_age_seconds)
}

fn referred(reason: Reason, data_age_seconds: Option<u64>) -> structures::Verdict {
    refusal(SYMBOLON_VERDICT_REFERRED, reason, data_age_seconds)
}

fn refusal(verdict: u8, reason: Reason, data_age_seconds: Option<u64>) -> structures::Verdict {
    let data_age_seconds = data_age_seconds.unwrap_or_default();
    structures::Verdict { verdict, reason: reason.number(), data_age_seconds, ..EMPTY_VERDICT }
}

fn accepted(accepted: &Accepted) -> structures::Verdict {
    let terms = accepted.record().terms();
    let credited = accepted.credited();
    structures::Verdict {
        verdict: SYMBOLON_VERDICT_ACCEPTED,
        credited_unit: credited.map_or(0, |credited| credited.unit() as u8),
        is_stale: accepted.is_stale().into(),
        credited_quantity: credited.map_or(0, |credited| credited.quantity()),
        credited_sequence: credited.map_or(0, |credited| credited.sequence()),
        established: established(accepted),
        amount: terms.amount(),
        counter: accepted.record().presentation().counter(),
        currency: terms.currency(),
        kind: terms.kind() as u8,
        sector: terms.sector() as u8,
        data_age_seconds: accepted.revocation().age_seconds().unwrap_or_default(),
        credential: *accepted.credential().as_bytes(),
        ..EMPTY_VERDICT
    }
}

fn established(accepted: &Accepted) -> u32 {
    let bit = |established: Established| match established {
        Established::Signature => SYMBOLON_ESTABLISHED_SIGNATURE,
        Established::Validity => SYMBOLON_ESTABLISHED_VALIDITY,
        Established::Sector => SYMBOLON_ESTABLISHED_SECTOR,
        Established::Tariff => SYMBOLON_ESTABLISHED_TARIFF,
        Established::Limit => SYMBOLON_ESTABLISHED_LIMIT,
    };
    let bits = accepted.established().into_iter().fold(0, |bits, established| bits | bit(established));
    match accepted.revocation() {
        Revocation::NotListed { .. } => bits | SYMBOLON_ESTABLISHED_DATA,
        Revocation::Unknown | Revocation::NotCovered { .. } => bits,
    }
}

fn told(verdict: &Verdict) -> structures::Verdict {
    match verdict {
        Verdict::Accepted(tap) => accepted(tap),
        Verdict::Referred(refusal) => referred(refusal.reason(), refusal.data_age_seconds()),
        Verdict::Declined(refusal) => declined(refusal.reason(), refusal.data_age_seconds()),
    }
}

/// The step that sends a command, with what is accepted already.
fn sending(command: &[u8], tap: Option<&Accepted>) -> Step {
    let mut bytes = [0; SYMBOLON_COMMAND_MOST];
    bytes.iter_mut().zip(command).for_each(|(place, byte)| *place = *byte);
    Step {
        kind: SYMBOLON_STEP_SEND,
        command_length: u16::try_from(command.len()).unwrap_or_default(),
        command: bytes,
        verdict: tap.map_or(EMPTY_VERDICT, accepted),
        ..EMPTY_STEP
    }
}

/// The end of a tap, with how old the data were for which it was refused.
fn done(outcome: &Outcome, data_age_seconds: Option<u64>) -> Step {
    let step = Step { kind: SYMBOLON_STEP_DONE, ..EMPTY_STEP };
    match outcome {
        Outcome::Accepted { accepted: tap, receipt } => {
            let step = with_fault(step, receipt.err());
            Step { outcome: SYMBOLON_OUTCOME_ACCEPTED, verdict: accepted(tap), ..step }
        }
        Outcome::Repeated { receipt } => Step { outcome: SYMBOLON_OUTCOME_REPEATED, ..with_fault(step, receipt.err()) },
        Outcome::Referred(reason) => {
            Step { outcome: SYMBOLON_OUTCOME_REFERRED, verdict: referred(*reason, data_age_seconds), ..step }
        }
        Outcome::Declined(reason) => {
            Step { outcome: SYMBOLON_OUTCOME_DECLINED, verdict: declined(*reason, data_age_seconds), ..step }
        }
        Outcome::NotAsked(refusal) => {
            Step { outcome: SYMBOLON_OUTCOME_NOT_ASKED, verdict: declined(refusal.reason(), None), ..step }
        }
        Outcome::Failed { phase, fault } => {
            let phase = match phase {
                Phase::Select => SYMBOLON_PHASE_SELECT,
                Phase::Voucher => SYMBOLON_PHASE_VOUCHER,
                Phase::Present => SYMBOLON_PHASE_PRESENT,
                Phase::Receipt => SYMBOLON_PHASE_RECEIPT,
            };
            Step { outcome: SYMBOLON_OUTCOME_FAILED, phase, ..with_fault(step, Some(*fault)) }
        }
    }
}

fn with_fault(step: Step, fault: Option<Fault>) -> Step {
    let (fault, status_word) = match fault {
        None => (SYMBOLON_FAULT_NONE, 0),
        Some(Fault::Silent) => (SYMBOLON_FAULT_SILENT, 0),
        Some(Fault::Length) => (SYMBOLON_FAULT_LENGTH, 0),
        Some(Fault::Status(word)) => (SYMBOLON_FAULT_STATUS, word),
        Some(Fault::Unasked) => (SYMBOLON_FAULT_UNASKED, 0),
        Some(Fault::NotSigned) => (SYMBOLON_FAULT_NOT_SIGNED, 0),
    };
    Step { fault, status_word, ..step }
}

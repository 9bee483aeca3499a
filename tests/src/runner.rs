//! Runs the vector files through another program: one JSON object a line, a case in, a verdict out.
//!
//! `docs/conformance.md` describes the lines for whoever writes such a program around a terminal of their own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use symbolon_ccks::prepare_parameters;
use xtask::vectors::model::terminals::TerminalFile;
use xtask::vectors::model::{CredentialVector, Hex, InvalidVector, SchemeFile, TapVector};

/// The short names of the suites that there are vectors of.
pub const SUITES: [&str; 2] = ["p256", "secp256k1"];

/// The first line to a program: under which authority all cases are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The suite's name.
    pub suite: String,
    /// The digest that is trusted.
    pub authority_id: Hex,
    /// The authority parameters.
    pub parameters: Hex,
    /// The same in the form that a device reads in place.
    pub prepared: Hex,
}

/// The answer to [`Setup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// `false` when the program does not have this suite.
    pub ready: bool,
}

/// What a fresh terminal, without a trust bundle, is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// What it is called; the answer repeats it.
    pub case: String,
    /// What it is about: `tap`, `select`, `bundle`, `voucher`.
    pub structure: String,
    /// The terminal's clock, seconds since 1970 UTC.
    pub now: u64,
    /// The terminal's credential.
    pub credential: Hex,
    /// The secret key that goes with it.
    pub secret: Hex,
    /// The card's select response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Hex>,
    /// The terminal's challenge, which is outstanding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Hex>,
    /// What the card answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation: Option<Hex>,
    /// A trust bundle, to be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Hex>,
    /// A voucher that a card carries, with its signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<Hex>,
}

/// What a program says to a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The case's name.
    pub case: String,
    /// `accepted`, `referred` or `declined`.
    pub verdict: String,
    /// The stable name of the reason, `null` when accepted.
    pub reason: Option<String>,
}

/// A case with the answers that conform: more than one where the vectors leave the order of two checks open.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The case.
    pub case: Case,
    /// The reasons that conform; `None` is accepted.
    pub reasons: Vec<Option<String>>,
}

impl Expected {
    /// Why an answer does not conform; `None` when it does.
    pub fn fault(&self, answer: &Answer) -> Option<String> {
        let verdict = if answer.reason.is_none() { "accepted" } else { "declined" };
        let conforms =
            answer.case == self.case.case && answer.verdict == verdict && self.reasons.contains(&answer.reason);
        (!conforms).then(|| {
            let told = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "accepted".to_owned());
            let expected: Vec<_> = self.reasons.iter().map(told).collect();
            format!("{}: expected {}, got {answer:?}", self.case.case, expected.join(" or "))
        })
    }
}

/// The cases of a suite, out of `tests/vectors`.
///
/// # Errors
/// When the files are missing or say something unforeseen.
pub fn cases(suite: &str) -> io::Result<(Setup, Vec<Expected>)> {
    let folder = xtask::vectors::folder();
    let scheme: SchemeFile = serde_json::from_str(&fs::read_to_string(folder.join(format!("scheme-{suite}.json")))?)?;
    let parameters = scheme.authority.parameters.clone();
    let prepared = prepare_parameters(&parameters.0).map_err(|_| io::Error::other("the parameters are malformed"))?;
    let setup = Setup {
        suite: scheme.suite.clone(),
        authority_id: scheme.authority.authority_id.clone(),
        parameters,
        prepared: Hex(prepared),
    };
    let mut expected = Vec::new();
    for (index, tap) in scheme.taps.iter().enumerate() {
        expected.push(Expected {
            case: tap_case(&scheme, format!("taps/{index}"), tap),
            reasons: vec![tap.reason.clone()],
        });
    }
    let terminals: TerminalFile = serde_json::from_str(&fs::read_to_string(folder.join("terminals.json"))?)?;
    expected.extend(good_ones(&scheme, &terminals));
    for (name, vector) in invalid_vectors(&scheme.suite)? {
        expected.extend(refusal(&scheme, &name, &vector));
    }
    Ok((setup, expected))
}

/// When what is sold and issued at noon is looked at.
const SHORTLY_AFTER: u64 = 1_800_000_010;

/// Vouchers and bundles with nothing wrong, but perhaps their time.
fn good_ones(scheme: &SchemeFile, terminals: &TerminalFile) -> Vec<Expected> {
    let mut expected = Vec::new();
    let of_suite = terminals.vouchers.iter().filter(|vector| vector.suite == scheme.suite);
    for (index, vector) in of_suite.enumerate() {
        let case = voucher_case(scheme, format!("vouchers/{index}"), Some(vector.signed.clone()));
        let is_over = vector.not_after <= SHORTLY_AFTER;
        expected
            .extend(case.map(|case| Expected { case, reasons: vec![is_over.then(|| "voucher_expired".to_owned())] }));
    }
    let of_suite = terminals.bundles.iter().filter(|vector| vector.suite == scheme.suite);
    for (index, vector) in of_suite.enumerate() {
        let case = bundle_case(scheme, format!("bundles/{index}"), Some(vector.bundle.clone()));
        expected.extend(case.map(|case| Expected { case, reasons: vec![None] }));
    }
    expected
}

fn bundle_case(scheme: &SchemeFile, name: String, bundle: Option<Hex>) -> Option<Case> {
    let case = tap_case(scheme, name, scheme.taps.first()?);
    let (select, challenge, presentation) = (None, None, None);
    Some(Case { structure: "bundle".to_owned(), now: SHORTLY_AFTER, bundle, select, challenge, presentation, ..case })
}

/// At the meter: the terminal that is not for transport.
fn voucher_case(scheme: &SchemeFile, name: String, voucher: Option<Hex>) -> Option<Case> {
    let is_meter = |vector: &&CredentialVector| matches!(vector.identity.0.get(2..4), Some([2, 3]));
    let meter = scheme.credentials.iter().find(is_meter)?;
    let case = tap_case(scheme, name, scheme.taps.first()?);
    Some(Case {
        structure: "voucher".to_owned(),
        now: SHORTLY_AFTER,
        credential: meter.credential.clone(),
        secret: meter.d.clone(),
        challenge: None,
        presentation: None,
        voucher,
        ..case
    })
}

/// Every invalid vector of a suite, in the order of their names.
fn invalid_vectors(suite: &str) -> io::Result<BTreeMap<String, InvalidVector>> {
    let mut vectors = BTreeMap::new();
    for entry in fs::read_dir(xtask::vectors::folder().join("invalid"))? {
        let path = entry?.path();
        let vector: InvalidVector = serde_json::from_str(&fs::read_to_string(&path)?)?;
        if vector.suite == suite {
            vectors.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), vector);
        }
    }
    Ok(vectors)
}

/// The case of a vector that must be refused, if a terminal ever meets such a structure.
fn refusal(scheme: &SchemeFile, name: &str, vector: &InvalidVector) -> Option<Expected> {
    let honest = scheme.taps.first()?;
    let bytes = vector.bytes.clone();
    let reason = vector.reason.clone();
    let mut case = tap_case(scheme, name.to_owned(), honest);
    match vector.structure.as_str() {
        "tap" => {
            let tap = TapVector {
                select: vector.select.clone()?,
                challenge: vector.challenge.clone()?,
                presentation: vector.presentation.clone()?,
                now: vector.now?,
                accepted: false,
                reason: Some(reason.clone()),
            };
            case = tap_case(scheme, name.to_owned(), &tap);
        }
        "presentation" => case.presentation = bytes,
        "select" => {
            case = Case { structure: "select".to_owned(), select: bytes, challenge: None, presentation: None, ..case };
        }
        "bundle" => case = bundle_case(scheme, name.to_owned(), bytes)?,
        "voucher" => case = voucher_case(scheme, name.to_owned(), bytes)?,
        _ => return None,
    }
    // What a claim says may be looked at before who signed it, and a point off its curve may already count as malformed.
    let early = match (vector.structure.as_str(), reason.as_str()) {
        ("bundle", "bad_signature") => &["malformed", "wrong_authority"][..],
        ("voucher", "malformed") => &["voucher_refused"],
        ("voucher", "bad_signature") => &["voucher_refused", "voucher_other_meter", "voucher_expired"],
        _ => &[],
    };
    let early = early.iter().map(|reason| Some((*reason).to_owned()));
    Some(Expected { case, reasons: std::iter::once(Some(reason)).chain(early).collect() })
}

fn tap_case(scheme: &SchemeFile, case: String, tap: &TapVector) -> Case {
    // A challenge that no terminal of this city made is outstanding at none of them.
    let asked_by = tap.challenge.0.get(50..139).unwrap_or_default();
    let terminals = scheme.credentials.iter().filter(|vector| vector.identity.0.get(2) == Some(&2));
    let own = terminals.max_by_key(|vector| vector.credential.0 == asked_by);
    let (credential, secret) =
        own.map_or((Hex(Vec::new()), Hex(Vec::new())), |own| (own.credential.clone(), own.d.clone()));
    Case {
        case,
        structure: "tap".to_owned(),
        now: tap.now,
        credential,
        secret,
        select: Some(tap.select.clone()),
        challenge: Some(tap.challenge.clone()),
        presentation: Some(tap.presentation.clone()),
        bundle: None,
        voucher: None,
    }
}

/// What a program said to the cases of one suite.
#[derive(Debug, Default)]
pub struct Report {
    /// The answers that conform.
    pub passed: usize,
    /// What does not.
    pub faults: Vec<String>,
    /// Whether the program does not have the suite; there are no answers then.
    pub skipped: bool,
}

/// Starts `program` and gives it every case of the suite with this short name, `p256` or `secp256k1`.
///
/// # Errors
/// When the vectors cannot be read or the program cannot be started. That it stops, or answers with something else
/// than such lines, is a fault and in the report.
pub fn run(program: &mut Command, suite: &str) -> io::Result<Report> {
    let (setup, expected) = cases(suite)?;
    let mut conversation = Conversation::start(program)?;
    let mut report = Report::default();
    match conversation.ask::<Ready>(&setup) {
        Ok(Ready { ready: true }) => {}
        Ok(Ready { ready: false }) => return Ok(Report { skipped: true, ..report }),
        Err(error) => {
            report.faults.push(format!("the first line: {error}"));
            report.faults.extend(conversation.end()?);
            return Ok(report);
        }
    }
    for expected in &expected {
        match conversation.ask::<Answer>(&expected.case) {
            Ok(answer) => match expected.fault(&answer) {
                None => report.passed += 1,
                Some(fault) => report.faults.push(fault),
            },
            Err(error) => {
                report.faults.push(format!("{}: {error}", expected.case.case));
                break;
            }
        }
    }
    report.faults.extend(conversation.end()?);
    Ok(report)
}

/// For how long a program may think about a case.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program, line by line. Threads hold its pipes, so that one that answers before it has read, or never, keeps
/// nobody waiting.
struct Conversation {
    child: Child,
    questions: Sender<String>,
    answers: Receiver<io::Result<String>>,
}

impl Conversation {
    fn start(program: &mut Command) -> io::Result<Self> {
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let missing = || io::Error::other("no pipe");
        let mut input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let (questions, asked) = mpsc::channel::<String>();
        let (answered, answers) = mpsc::channel();
        // Whoever is not listened to any more is told so by its answer that does not come.
        thread::spawn(move || asked.iter().try_for_each(|line| input.write_all(line.as_bytes()).map_err(drop)));
        thread::spawn(move || output.lines().try_for_each(|line| answered.send(line).map_err(drop)));
        Ok(Self { child, questions, answers })
    }

    fn ask<T: for<'a> Deserialize<'a>>(&mut self, line: &impl Serialize) -> io::Result<T> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let _ = self.questions.send(text);
        let answer = self.answers.recv_timeout(PATIENCE).map_err(|error| {
            io::Error::other(match error {
                RecvTimeoutError::Timeout => "no answer within a minute",
                RecvTimeoutError::Disconnected => "the program stopped without an answer",
            })
        })??;
        serde_json::from_str(&answer).map_err(|error| {
            let shown: String = answer.chars().take(200).collect();
            io::Error::other(format!("{error} in: {shown}"))
        })
    }

    /// Closes its input, upon which it is to end well.
    fn end(self) -> io::Result<Option<String>> {
        let Self { mut child, questions, answers } = self;
        drop(questions);
        // Its output ends when it does.
        let is_over = loop {
            match answers.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(error) => break error == RecvTimeoutError::Disconnected,
            }
        };
        if !is_over {
            child.kill()?;
            child.wait()?;
            return Ok(Some("the program did not end with its input".to_owned()));
        }
        let status = child.wait()?;
        Ok((!status.success()).then(|| format!("the program ended with {status}")))
    }
}

//! `examples/gate.c` tapped through its sockets, and every verdict of it compared with the verifier in Rust.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};
use symbolon_ccks::*;
use symbolon_flash_sim::{ERASE_SIZE, SimulatedFlash};
use symbolon_tap::apdu::port::{Ask, PendingUpload, TerminalStatus, UPLOAD_BLOCK};
use symbolon_tap::apdu::{CardCommand, FrameReader, MAX_FRAME, MAX_FRAMED, PortCommand, Status, write_frame};
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};
use symbolon_tap::*;
use symbolon_verifier::flash::{FlashStore, Layout, Pages, SharedFlash};
use symbolon_verifier::{Devices, Domain, Offline, Policy, Seen, Terminal, Verdict};

use crate::city::{City, NOON, time};
use crate::for_each_suite;
use crate::native::{Sanitizers, build_program};

for_each_suite!(takes_what_the_verifier_takes);

/// A running gate.
struct Gate<'f> {
    folder: &'f Path,
    child: Child,
    output: BufReader<ChildStdout>,
}

impl<'f> Gate<'f> {
    fn start(program: &Path, folder: &'f Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg(folder).args(["--now", &NOON.to_string()]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut gate = Self { folder, child, output };
        assert_eq!(gate.line(), "ready");
        gate
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn connect(&self, name: &str) -> Frames {
        let stream = UnixStream::connect(self.folder.join(name)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Frames { stream, reader: FrameReader::new() }
    }

    /// Holds a card to the gate until that is done with it: what the gate said.
    fn tap(&mut self, card: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>) -> String {
        let mut frames = self.connect("card.sock");
        while let Some(command) = frames.receive() {
            match card(&command) {
                Some(answer) => frames.send(&answer),
                None => break,
            }
        }
        self.line()
    }

    /// Cuts the power.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it after its last tap: no sanitizer has anything to say, and no memory is left.
    fn finish(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

/// A failing test leaves none behind, which would keep its pipes open.
impl Drop for Gate<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A serial line.
struct Frames {
    stream: UnixStream,
    reader: FrameReader,
}

impl Frames {
    fn send(&mut self, bytes: &[u8]) {
        let mut framed = [0; MAX_FRAMED];
        let length = write_frame(bytes, &mut framed).unwrap();
        // Whoever hung up has heard enough.
        let _ = self.stream.write_all(&framed[..length]);
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut frame = [0; MAX_FRAME];
        loop {
            if let Some(length) = self.reader.take(&mut frame) {
                return Some(frame[..length].to_vec());
            }
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(1) => self.reader.push(byte[0]),
                _ => return None,
            }
        }
    }

    /// Asks the service port, which answers everything.
    fn ask(&mut self, command: &PortCommand<'_>) -> (Vec<u8>, Status) {
        self.send(command.encode().as_slice());
        let mut answer = self.receive().unwrap();
        let status = answer.split_off(answer.len() - 2);
        (answer, Status::from_bytes(status.try_into().unwrap()).unwrap())
    }

    fn status(&mut self) -> TerminalStatus {
        let (answer, status) = self.ask(&PortCommand::Status);
        assert_eq!(status, Status::Success);
        *TerminalStatus::parse(&answer).unwrap()
    }
}

/// What a card showed in a tap, as it went over the line.
#[derive(Default)]
struct Shown {
    select: Vec<u8>,
    challenge: Vec<u8>,
    presentation: Vec<u8>,
}

/// A card: honest, but for what a test has it do.
struct Card<'c, S: Suite> {
    key: &'c SigningKey<S>,
    tariff: u8,
    counter: u32,
    voucher: Option<SignedVoucher>,
    /// What becomes of its presentation on the way.
    bend: fn(&mut Vec<u8>),
    /// Given in place of an answer of its own.
    instead: Option<Vec<u8>>,
}

impl<'c, S: Suite> Card<'c, S> {
    fn new(key: &'c SigningKey<S>, counter: u32) -> Self {
        Self { key, tariff: 2, counter, voucher: None, bend: |_| {}, instead: None }
    }

    fn answer(&self, command: &[u8], shown: &mut Shown) -> Vec<u8> {
        let data = match CardCommand::parse(command).unwrap() {
            CardCommand::Select => {
                let prefix = self.key.authority_id().prefix();
                shown.select = SelectResponse::new(S::ID, self.tariff, prefix, [5; 8]).as_bytes().to_vec();
                shown.select.clone()
            }
            CardCommand::Voucher { meter } => {
                let voucher = self.voucher.unwrap();
                assert_eq!(*voucher.voucher().meter(), meter);
                voucher.as_bytes().to_vec()
            }
            CardCommand::Present { challenge } => {
                shown.challenge = challenge.to_vec();
                shown.presentation = match &self.instead {
                    Some(other) => other.clone(),
                    None => self.present(challenge),
                };
                (self.bend)(&mut shown.presentation);
                shown.presentation.clone()
            }
            CardCommand::Receipt { .. } => Vec::new(),
        };
        [data.as_slice(), &Status::Success.to_bytes()].concat()
    }

    fn present(&self, challenge: &[u8]) -> Vec<u8> {
        let challenge = Challenge::parse(challenge).unwrap();
        let terminal = challenge.terminal().digest();
        let signed = Presentation::sign(self.key, challenge.terms(), &terminal, self.counter, &[6; 32]);
        signed.unwrap().as_bytes().to_vec()
    }
}

type InMemory = SimulatedFlash<Vec<u8>, 32>;
type Rust<'a, S> = Terminal<'a, S, fn() -> Time, ChaCha20Rng, FlashStore<'a, InMemory>>;

/// What the verifier in Rust says to what a card showed, in the words of the gate.
fn expected<S: Suite>(terminal: &mut Rust<'_, S>, shown: &Shown) -> String {
    let declined = |reason: symbolon_verifier::Reason| format!("declined {}: {}", reason.name(), reason.sentence());
    if shown.challenge.is_empty() {
        let (sector, reference) = (Sector::Transport, [0; 16]);
        let request = symbolon_verifier::Request { kind: Kind::Purchase, sector, amount: 250, reference };
        return declined(terminal.challenge(&shown.select, &request).unwrap_err().reason());
    }
    let asked = terminal.resume(&shown.select, &shown.challenge).unwrap();
    match terminal.decide(asked, &shown.presentation) {
        Verdict::Accepted(accepted) => {
            let (terms, counter) = (accepted.record().terms(), accepted.record().presentation().counter());
            format!("accepted {} counter {counter} receipt taken", terms.amount())
        }
        Verdict::Referred(refusal) => format!("referred {}: {}", refusal.reason().name(), refusal.reason().sentence()),
        Verdict::Declined(_) if terminal.again(&shown.presentation).is_ok() => {
            "repeated: the receipt was given once more".to_owned()
        }
        Verdict::Declined(refusal) => declined(refusal.reason()),
    }
}

/// As `gate.c` has it in its flash and in its settings.
const PAGES: Pages = Pages { state: 2, journal: 8, bundle: 16, authority: 18 };

fn policy() -> Policy {
    Policy { without_bundle: Offline::UpTo(1000), ..Policy::STRICT }
}

fn takes_what_the_verifier_takes<S: Suite>() {
    let city = City::<S>::new();
    let folder = tempfile::tempdir().unwrap();
    city.provision(folder.path());
    let program = build_program::<S>("src/verifier-c/examples/gate.c", Sanitizers::C);

    let key = city.terminal();
    let layout = Layout::consecutive(0, ERASE_SIZE as u32, &PAGES).unwrap();
    let flash = SharedFlash::new(InMemory::erased(vec![0; layout.end() as usize]));
    let storage = FlashStore::open(&flash, layout).unwrap();
    let clock: fn() -> Time = || time(NOON);
    let devices = Devices { clock, random: ChaCha20Rng::seed_from_u64(3), storage };
    let mut memory = [Seen::EMPTY; 256];
    let domain = Domain::new(&city.authority, &key).unwrap();
    let mut rust = Terminal::new(domain, policy(), devices, &mut memory);

    let mut gate = Gate::start(&program, folder.path(), &["--amount", "250"]);
    let first = every_verdict(&city, &mut gate, &mut rust);
    misbehaving_cards(&city, &mut gate);
    let upload = an_upload(&city, &gate, 3);
    // The power fails; what was accepted is there, and so is the upload, to the byte.
    gate.kill();
    let mut gate = Gate::start(&program, folder.path(), &["--amount", "250", "--taps", "4"]);
    assert_eq!(an_upload(&city, &gate, 3), upload);
    let honest = city.key(city.card_fields());
    let replay = Card { instead: Some(first), ..Card::new(&honest, 1) };
    assert_eq!(tap(&mut gate, &mut rust, &replay).0, "repeated: the receipt was given once more");
    acknowledge(&city, &gate, &upload);
    assert!(tap(&mut gate, &mut rust, &Card::new(&honest, 20)).0.starts_with("accepted 250 counter 20 "));
    vouchers(&city, &mut gate);
    gate.finish();
}

/// Taps both, which have to say the same: what they say, and what was presented.
fn tap<S: Suite>(gate: &mut Gate<'_>, rust: &mut Rust<'_, S>, card: &Card<'_, S>) -> (String, Vec<u8>) {
    let mut shown = Shown::default();
    let said = gate.tap(&mut |command| Some(card.answer(command, &mut shown)));
    assert_eq!(said, expected(rust, &shown));
    (said, shown.presentation)
}

/// One card for each thing that there is to say. Gives the first presentation.
fn every_verdict<S: Suite>(city: &City<S>, gate: &mut Gate<'_>, rust: &mut Rust<'_, S>) -> Vec<u8> {
    let fields = city.card_fields();
    let honest = city.key(fields);
    let expired = city.key(IdentityFields { not_after: time(NOON - 1), ..fields });
    let later = city.key(IdentityFields { not_before: time(NOON + 1), ..fields });
    let poor = city.key(IdentityFields { spend_limit: 249, ..fields });
    let water = city.key(IdentityFields { sectors: Sectors::from(Sector::Water), ..fields });
    let foreign = city.key(IdentityFields { currency: 978, ..fields });

    let (said, first) = tap(gate, rust, &Card::new(&honest, 1));
    assert_eq!(said, "accepted 250 counter 1 receipt taken");
    let cards = [
        ("accepted 250 counter 2", Card::new(&honest, 2)),
        ("declined bad_signature", Card { bend: |bytes| bytes[158] ^= 1, ..Card::new(&honest, 3) }),
        ("declined bad_signature", Card { bend: |bytes| bytes[4] ^= 1, ..Card::new(&honest, 3) }),
        ("declined wrong_tariff", Card { tariff: 1, ..Card::new(&honest, 3) }),
        ("declined expired", Card::new(&expired, 3)),
        ("declined not_yet_valid", Card::new(&later, 3)),
        ("declined over_limit", Card::new(&poor, 3)),
        ("declined wrong_sector", Card::new(&water, 3)),
        ("declined wrong_currency", Card::new(&foreign, 3)),
        ("declined malformed", Card { bend: |bytes| bytes[0] = 2, ..Card::new(&honest, 3) }),
        ("declined wrong_class", Card { bend: |bytes| bytes[7] = 2, ..Card::new(&honest, 3) }),
        ("declined wrong_suite", Card { bend: |bytes| bytes[6] ^= 3, ..Card::new(&honest, 3) }),
        ("declined already_seen", Card::new(&honest, 2)),
        ("accepted 250 counter 3", Card::new(&honest, 3)),
    ];
    for (start, card) in &cards {
        let (said, _) = tap(gate, rust, card);
        assert!(said.starts_with(start), "{start}: {said}");
    }
    first
}

/// Cards that do not do what a card does: the gate says what was wrong, and the next tap goes well.
fn misbehaving_cards<S: Suite>(city: &City<S>, gate: &mut Gate<'_>) {
    let other = city.key(IdentityFields { subject: Subject::from_bytes([8; 16]), ..city.card_fields() });
    let card = Card::new(&other, 1);
    let mut shown = Shown::default();
    assert_eq!(gate.tap(&mut |_| Some(vec![0x6a, 0x82])), "failed in phase 1: fault 3, status word 6a82");
    assert_eq!(gate.tap(&mut |_| Some(vec![0x90])), "failed in phase 1: fault 2, status word 0000");
    let mut cut_short = |command: &[u8]| {
        let mut answer = card.answer(command, &mut shown);
        if command[1] == 0x10 {
            answer.remove(0);
        }
        Some(answer)
    };
    assert_eq!(gate.tap(&mut cut_short), "failed in phase 3: fault 2, status word 0000");
    let mut gone = |command: &[u8]| (command[1] != 0x10).then(|| card.answer(command, &mut Shown::default()));
    assert_eq!(gate.tap(&mut gone), "failed in phase 3: fault 1, status word 0000");
    let unknown = |bytes: &mut [u8]| bytes[4] ^= 0xff;
    let mut elsewhere = |command: &[u8]| {
        let mut answer = card.answer(command, &mut Shown::default());
        unknown(&mut answer);
        Some(answer)
    };
    assert!(gate.tap(&mut elsewhere).starts_with("declined wrong_authority: "));
}

/// The upload that waits, read block by block; its records are as many as expected and verify.
fn an_upload<S: Suite>(city: &City<S>, gate: &Gate<'_>, records: usize) -> Vec<u8> {
    let mut port = gate.connect("service.sock");
    assert_eq!(port.status().fields().records as usize, records);
    let (answer, status) = port.ask(&PortCommand::WhichUpload);
    assert_eq!(status, Status::Success);
    let pending = PendingUpload::parse(&answer).unwrap();
    let mut upload = Vec::new();
    for block in 0.. {
        let (bytes, status) = port.ask(&PortCommand::ReadUpload(block));
        if status != Status::Success {
            break;
        }
        assert!(bytes.len() <= UPLOAD_BLOCK);
        upload.extend(bytes);
    }
    assert_eq!(upload.len(), pending.length() as usize);
    let parsed = Upload::parse(&upload).unwrap();
    parsed.verify(&city.authority).unwrap();
    let terminal = parsed.terminal().digest();
    for record in parsed.records() {
        let record = record.parse().unwrap();
        record.presentation().verify(&city.authority, record.terms(), &terminal).unwrap();
    }
    assert_eq!(parsed.records().len(), records);
    upload
}

/// A forged acknowledgement frees nothing; the authority's does.
fn acknowledge<S: Suite>(city: &City<S>, gate: &Gate<'_>, upload: &[u8]) {
    let mut port = gate.connect("service.sock");
    let upload_digest = Sha256::digest(upload).into();
    let fields = AcknowledgementFields { upload_digest, settled: 3, duplicate: 0, refused: 0, time: time(NOON) };
    let acknowledgement = Acknowledgement::new(fields);
    let signature = acknowledgement.sign(&city.institution(), &[4; 32]).unwrap();
    let mut forged = *signature.as_bytes();
    forged[64] ^= 1;
    for (signature, status, left) in [(&forged, Status::NotAuthentic, 3), (signature.as_bytes(), Status::Success, 0)] {
        let acknowledgement = acknowledgement.as_bytes();
        let (_, answered) = port.ask(&PortCommand::Acknowledge { acknowledgement, signature });
        assert_eq!(answered, status);
        assert_eq!(port.status().fields().records, left);
    }
}

/// The gate is asked to be a meter: a voucher is credited once.
fn vouchers<S: Suite>(city: &City<S>, gate: &mut Gate<'_>) {
    let mut port = gate.connect("service.sock");
    let ask = Ask::new(Kind::Credit, Sector::Power, 0, [0; 16]);
    assert_eq!(port.ask(&PortCommand::Ask(ask)).1, Status::Success);
    let voucher = Voucher::new(VoucherFields {
        unit: Unit::WattHours,
        meter: city.terminal_fields().subject,
        sequence: 9,
        quantity: 25_000,
        time: time(NOON - 100),
        not_after: time(NOON + 100_000),
    });
    let signed = voucher.unwrap().sign(&city.institution(), &[7; 32]).unwrap();
    let key = city.key(city.card_fields());
    let card = |counter| Card { voucher: Some(signed), ..Card::new(&key, counter) };
    let said = gate.tap(&mut |command| Some(card(30).answer(command, &mut Shown::default())));
    assert_eq!(said, "accepted 0 counter 30 receipt taken credited 25000 Wh");
    assert_eq!(port.ask(&PortCommand::Meter).1, Status::Success);
    let said = gate.tap(&mut |command| Some(card(31).answer(command, &mut Shown::default())));
    assert!(said.starts_with("declined voucher_used: "), "{said}");
}

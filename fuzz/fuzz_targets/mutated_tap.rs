//! A valid tap with something changed in it is never accepted.
//!
//! The input chooses which of the select response, the challenge and the presentation are changed, and how. A fresh
//! terminal takes its challenge up again and decides. It accepts exactly the valid answers to exactly that challenge.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;
use symbolon_ccks::{AuthorityId, CredentialDigest, Suite, Time};
use symbolon_fuzz::{
    city::{City, NOON},
    program::Program,
    with_city,
};
use symbolon_tap::Challenge;
use symbolon_verifier::{BundleMark, Devices, Domain, Entry, Policy, Storage, StorageError, Terminal, VoucherWindow};

fuzz_target!(|input: &[u8]| {
    let [selector, rest @ ..] = input else {
        return;
    };
    with_city!(selector, city => tap(city, selector / 2, rest));
});

/// A device whose storage takes everything.
#[derive(Default)]
struct Device {
    appended: usize,
}

impl Storage for Device {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        Ok(1)
    }

    fn append(&mut self, _: &Entry) -> Result<(), StorageError> {
        self.appended += 1;
        Ok(())
    }

    fn find(&mut self, _: &CredentialDigest, _: u32) -> Result<Option<Entry>, StorageError> {
        Ok(None)
    }

    fn vouchers(&self) -> VoucherWindow {
        VoucherWindow::default()
    }

    fn bundle_mark(&self, _: &AuthorityId) -> Option<BundleMark> {
        None
    }

    fn keep_bundle_mark(&mut self, _: &AuthorityId, _: BundleMark) -> Result<(), StorageError> {
        Ok(())
    }

    fn clock_floor(&self) -> Option<Time> {
        None
    }

    fn raise_clock_floor(&mut self, _: Time) -> Result<(), StorageError> {
        Ok(())
    }
}

/// The terminal draws no randomness when it decides.
struct NoRandom;

impl rand_chacha::rand_core::TryRng for NoRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl rand_chacha::rand_core::TryCryptoRng for NoRandom {}

fn tap<S: Suite>(city: &City<S>, which: u8, program: &[u8]) {
    // Everything valid that is around: two terminals, two terms, two cards.
    let (challenges, answers, strangers) = (&city.challenges, &city.answers, &city.other_answers);
    let mut select = city.selects[0].as_bytes().to_vec();
    let mut challenge = challenges[0].as_bytes().to_vec();
    let mut presentation = answers[0].as_bytes().to_vec();
    let program = Program::new(program);
    if which & 1 != 0 {
        let others: Vec<&[u8]> = answers.iter().chain(strangers).map(|other| other.as_bytes().as_slice()).collect();
        program.apply(&mut presentation, &others);
    }
    if which & 2 != 0 {
        let others: Vec<&[u8]> = challenges.iter().map(|other| other.as_bytes().as_slice()).collect();
        program.apply(&mut challenge, &others);
    }
    if which & 4 != 0 {
        program.apply(&mut select, &[city.selects[1].as_bytes()]);
    }

    // What a wallet would take for a challenge.
    let genuine = challenges.iter().any(|valid| valid.as_bytes().as_slice() == challenge);
    let verified = Challenge::parse(&challenge).is_ok_and(|challenge| challenge.verify(&city.authority).is_ok());
    assert_eq!(verified, genuine, "a challenge that no terminal made");

    // What a terminal takes for an answer.
    let devices =
        Devices { clock: || Time::new(NOON).expect("a legal time"), random: NoRandom, storage: Device::default() };
    let domain = Domain::new(&city.authority, &city.terminals[0]).expect("a terminal's key");
    let mut terminal = Terminal::new(domain, Policy::WITHOUT_BUNDLE, devices, &mut []);
    let accepted = match terminal.resume(&select, &challenge) {
        Ok(asked) => terminal.decide(asked, &presentation).is_accepted(),
        Err(_) => false,
    };
    let expected = challenges.iter().position(|valid| valid.as_bytes().as_slice() == challenge);
    let answered = match expected {
        // The second card has another tariff than the first, whose select response this is.
        Some(0) if select == city.selects[0].as_bytes() => {
            presentation == answers[0].as_bytes() || presentation == answers[2].as_bytes()
        }
        Some(0) if select == city.selects[1].as_bytes() => presentation == answers[1].as_bytes(),
        Some(1) if select == city.selects[0].as_bytes() => presentation == strangers[0].as_bytes(),
        _ => false,
    };
    assert_eq!(accepted, answered, "accepted is not what was answered");
    assert_eq!(terminal.devices().storage.appended, usize::from(accepted));
}

//! The same vectors through the verifier on a Cortex-M4 that QEMU emulates.

use symbolon_emulator::qemu::{Emulator, Qemu};
use symbolon_tests::runner::{Answer, Case, Expected, Setup, cases};
use xtask::firmware::{SuiteName, images};
use xtask::vectors::model::Hex;

/// How long the image may run, seconds: each case is some ten million instructions.
const SECONDS: u32 = 300;

/// What the image reads where a terminal has its maker's block: `firmware-sim/conformance` has the layout.
fn encode(setup: &Setup, cases: &[&Case]) -> Vec<u8> {
    fn field(bytes: &mut Vec<u8>, field: &[u8]) {
        bytes.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        bytes.extend(field);
    }
    let mut bytes = b"SYMBCASE".to_vec();
    bytes.extend(&setup.authority_id.0);
    field(&mut bytes, &setup.prepared.0);
    bytes.extend(u32::try_from(cases.len()).unwrap().to_be_bytes());
    for case in cases {
        bytes.extend(case.structure.as_bytes().first());
        bytes.extend(case.now.to_be_bytes());
        field(&mut bytes, &case.credential.0);
        field(&mut bytes, &case.secret.0);
        for optional in [&case.select, &case.challenge, &case.presentation, &case.bundle, &case.voucher] {
            field(&mut bytes, optional.as_ref().map(|Hex(bytes)| bytes.as_slice()).unwrap_or_default());
        }
    }
    bytes
}

/// What the image says to each case.
fn judge(qemu: &Qemu, suite: SuiteName, setup: &Setup, cases: &[&Case]) -> Vec<Answer> {
    let image = images::build_conformance(suite).unwrap();
    let mut emulator = Emulator::start(qemu, &image.path, &encode(setup, cases), SECONDS).unwrap();
    let is_whole = emulator.wait().unwrap();
    let console = emulator.console();
    assert!(is_whole, "the image gave up:\n{console}");
    // What the emulator itself has to say begins with its name.
    let said = || console.lines().filter(|line| !line.starts_with("qemu-system-arm: "));
    let lines = said().zip(cases).enumerate().map(|(index, (line, case))| {
        let verdict = line.strip_prefix(&format!("{index} ")).unwrap_or_else(|| panic!("the image said `{line}`"));
        let reason = (verdict != "accepted").then(|| verdict.to_owned());
        let verdict = if reason.is_none() { "accepted" } else { "declined" };
        Answer { case: case.case.clone(), verdict: verdict.to_owned(), reason }
    });
    let answers: Vec<_> = lines.collect();
    assert_eq!((answers.len(), said().count()), (cases.len(), cases.len()), "{console}");
    answers
}

#[test]
fn the_verifier_in_the_emulator_says_what_the_vectors_say() {
    images::set_up().unwrap();
    let qemu = xtask::setup::qemu().unwrap();
    for suite in SuiteName::ALL {
        let (setup, expected) = cases(&suite.to_string()).unwrap();
        let given: Vec<&Case> = expected.iter().map(|expected: &Expected| &expected.case).collect();
        let answers = judge(&qemu, suite, &setup, &given);
        let faults: Vec<_> =
            expected.iter().zip(&answers).filter_map(|(expected, answer)| expected.fault(answer)).collect();
        assert!(faults.is_empty(), "{suite}:\n{}", faults.join("\n"));
        for structure in ["tap", "select", "bundle", "voucher"] {
            let of_structure = given.iter().filter(|case| case.structure == structure).count();
            assert!(of_structure > 0, "{suite}: no {structure} was judged");
        }
    }
}

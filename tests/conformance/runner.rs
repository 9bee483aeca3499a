//! The runner that terminal makers try their own library with, tried on ours: in Rust, in C, and on one that is wrong.

use std::process::Command;

use symbolon_ccks::Suite;
use symbolon_tests::runner::{self, Report};

use crate::for_each_suite;
use crate::native::{Sanitizers, build_program, short_name};

for_each_suite!(the_library_in_c_conforms);

const RUST: &str = env!("CARGO_BIN_EXE_symbolon-conformance-rust");

/// As many cases as there are at least: were the vectors not found, nothing would fail either.
const CASES: usize = 100;

fn run(program: &mut Command, suite: &str) -> Report {
    runner::run(program, suite).unwrap()
}

#[test]
fn the_verifier_in_rust_conforms() {
    for suite in runner::SUITES {
        let report = run(&mut Command::new(RUST), suite);
        assert_eq!(report.faults, Vec::<String>::new());
        assert!(report.passed >= CASES && !report.skipped, "{suite}: {report:?}");
    }
}

fn the_library_in_c_conforms<S: Suite>() {
    let program = build_program::<S>("src/verifier-c/examples/conformance.c", Sanitizers::C);
    let report = run(&mut Command::new(&program), short_name::<S>());
    assert_eq!(report.faults, Vec::<String>::new());
    assert!(report.passed >= CASES && !report.skipped, "{report:?}");
    // It has one suite, and says so of the other.
    let other = runner::SUITES.into_iter().find(|other| *other != short_name::<S>()).unwrap();
    assert!(run(&mut Command::new(&program), other).skipped);
}

#[test]
fn one_that_verifies_no_signature_does_not() {
    for suite in runner::SUITES {
        let report = run(Command::new(RUST).arg("--careless"), suite);
        assert!(report.faults.len() >= 5 && report.passed >= CASES, "{report:?}");
        // It is told of what it accepts, and of nothing else.
        assert!(report.faults.iter().all(|fault| fault.contains(r#"verdict: "accepted""#)), "{report:?}");
    }
}

#[test]
fn the_program_tells_by_its_exit_code() {
    let told = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_symbolon-conformance")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = told(&[RUST]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().all(|line| line.ends_with(" conform, 0 do not")) && said.lines().count() == 2, "{said}");
    assert_eq!(told(&[RUST, "--careless"]).0, Some(1));
    // One that says nothing, and one that answers with something else.
    assert_eq!(told(&["true"]).0, Some(1));
    assert_eq!(told(&["cat"]).0, Some(1));
    assert_eq!(told(&[]).0, Some(2));
}

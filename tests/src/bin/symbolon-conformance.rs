//! `symbolon-conformance PROGRAM [ARGUMENT...]`: gives every vector that a terminal meets to a program, one JSON object
//! a line, and says where its verdicts differ. `docs/conformance.md` describes the lines.

use std::process::{Command, ExitCode};

use symbolon_tests::runner;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: symbolon-conformance PROGRAM [ARGUMENT...]");
        return ExitCode::from(2);
    };
    let arguments: Vec<_> = arguments.collect();
    let mut passed = 0;
    let mut faults = 0;
    for suite in runner::SUITES {
        match runner::run(Command::new(&program).args(&arguments), suite) {
            Err(error) => {
                eprintln!("{suite}: {error}");
                return ExitCode::from(2);
            }
            Ok(report) if report.skipped => println!("{suite}: the program does not have this suite"),
            Ok(report) => {
                for fault in &report.faults {
                    println!("{suite}: {fault}");
                }
                println!("{suite}: {} conform, {} do not", report.passed, report.faults.len());
                passed += report.passed;
                faults += report.faults.len();
            }
        }
    }
    // A program that has no suite at all has shown nothing.
    if faults == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

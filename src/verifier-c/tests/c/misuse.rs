//! `tests/misuse.c`, in which every function is called as nobody should.

use std::process::Command;

use symbolon_ccks::Suite;

use crate::city::City;
use crate::for_each_suite;
use crate::native::{Sanitizers, build_program};

for_each_suite!(is_answered_with_numbers);

fn is_answered_with_numbers<S: Suite>() {
    let folder = tempfile::tempdir().unwrap();
    City::<S>::new().provision(folder.path());
    for sanitizers in [Sanitizers::C, Sanitizers::Both] {
        let program = build_program::<S>("src/verifier-c/tests/misuse.c", sanitizers);
        let output = Command::new(program).arg(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{sanitizers:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        let checks: usize = said.split(' ').next().unwrap().parse().unwrap();
        assert!(said.ends_with(" checks, 0 failed\n") && checks > 5_000, "{said}");
    }
}

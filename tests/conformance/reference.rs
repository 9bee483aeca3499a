//! The second implementation, in Python, reads the same vectors.

use std::path::Path;
use std::process::Command;

#[test]
fn the_reference_implementation_agrees() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3")
        .arg(tests.join("reference/check_vectors.py"))
        .arg(tests.join("vectors"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the test suite needs python3 (3.10 or later) on the PATH to run tests/reference");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.trim_end().ends_with(" passed, 0 failed"), "{shown}");
}

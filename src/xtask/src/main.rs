//! Development commands: test, lint, vectors.
fn main() {}

//! `cargo xtask lint`: everything that is checked without running the product.

use crate::{
    header,
    process::{cargo, program, root, run as run_program},
    setup,
};
use anyhow::Result;

const CARGO_DENY_VERSION: &str = "0.20.2";
const BUF: &str = "@bufbuild/buf@1.75.0";
/// The packages that terminals link: they build without std and without an allocator.
const WITHOUT_STD: [&str; 6] = [
    "symbolon-multiscalar",
    "symbolon-ccks",
    "symbolon-tap",
    "symbolon-verifier",
    "symbolon-emulator",
    "symbolon-flash-sim",
];

pub(crate) fn run() -> Result<()> {
    run_program(cargo().args(["fmt", "--all", "--check"]))?;
    // A workspace of its own, whose compiler has no clippy.
    run_program(cargo().args(["fmt", "--all", "--check"]).current_dir(root().join("firmware-sim")))?;
    run_program(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    for package in WITHOUT_STD {
        // One package at a time: a workspace build would unify features and prove nothing.
        run_program(cargo().args(["clippy", "--package", package, "--no-default-features", "--", "-D", "warnings"]))?;
    }
    for suite in ["p256", "secp256k1"] {
        // The terminal's library as a device links it: the panic handler is its own.
        let mut clippy = cargo();
        clippy.args(["clippy", "--package", "symbolon-verifier-c", "--no-default-features", "--features"]);
        clippy.arg(format!("{suite},panic-handler")).args(["--", "-D", "warnings"]);
        run_program(clippy.env("CARGO_PROFILE_DEV_PANIC", "abort"))?;
    }
    header::run(true)?;
    run_program(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    let cargo_deny = setup::cargo_tool("cargo-deny", CARGO_DENY_VERSION)?;
    run_program(program(cargo_deny).args(["deny", "check", "bans", "licenses", "sources"]))?;
    setup::npm()?;
    run_program(program("npx").args(["--yes", BUF, "lint"]).current_dir(root().join("proto")))
}

//! Building the gate whose main is in C: the static library for C, and what `firmware-sim/gate-c` has beside it.

use super::images::{SuiteName, cargo, folder};
use crate::process::{program, root, run};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf};

/// The compiler of the image.
const COMPILER: &str = "arm-none-eabi-gcc";
/// The language, and every warning an error.
const LANGUAGE: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// The target as Rust's `thumbv7em-none-eabihf` has it, numbers with a point passed in the processor's own registers.
const TARGET: [&str; 4] = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"];
/// Small, and nothing beneath: no start files, no C library, so no allocator. What a compiler calls by itself, such as
/// `memcpy`, the library for C brings.
const OUTPUT: [&str; 10] = [
    "-Os",
    // A loop that moves a few bytes stays one.
    "-fno-tree-loop-distribute-patterns",
    "-g",
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-nostdlib",
    "-Wl,--gc-sections",
    "-Wl,--fatal-warnings",
    "-Wl,-z,noexecstack",
];

/// Builds the image and says where it is; it links only when no panic can be reached in it.
pub(super) fn build(suite: SuiteName) -> Result<PathBuf> {
    let workspace = root().join("firmware-sim");
    let mut library = cargo(&workspace);
    library.args(["build", "--quiet", "--locked", "--release", "--package", "gate-c"]);
    run(library.args(["--features", &suite.to_string()]))?;
    fs::create_dir_all(folder())?;
    let image = folder().join(format!("gate-c-{suite}.elf"));
    let mut compiler = program(COMPILER);
    compiler.current_dir(workspace.join("gate-c")).args(LANGUAGE).args(TARGET).args(OUTPUT);
    compiler.arg("-I").arg(root().join("src/verifier-c/include")).args(["-T", "image.ld", "main.c", "board.c"]);
    compiler.arg(workspace.join("target/thumbv7em-none-eabihf/release/libgate_c.a")).arg("-o").arg(&image);
    run(&mut compiler).context(
        "the image `gate-c` does not link. The undefined reference to `symbolon_terminal_cannot_panic` means that a panic \
         can be reached",
    )?;
    Ok(image)
}

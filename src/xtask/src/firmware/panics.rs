//! `cargo xtask firmware panics`: from where in an image a panic can be reached.

use super::images::{self, Device, SuiteName};
use crate::process::program;
use anyhow::{Context, Result, ensure};
use std::{path::Path, process::Command};

/// What the names of functions have that begin a panic.
const BEGINNINGS: [&str; 6] = ["panic", "_fail", "expect_failed", "unwrap_failed", "len_mismatch", "rust_begin_unwind"];

/// Builds an image whatever it has, and prints every place that calls one of those functions, innermost first.
pub fn list(device: Device, suite: SuiteName) -> Result<()> {
    images::set_up()?;
    let image = images::build_with_panics(device, suite)?;
    let mut objdump = program("arm-none-eabi-objdump");
    objdump.args(["--disassemble", "--no-show-raw-insn", "--demangle"]).arg(&image.path);
    let listing = text_of(&mut objdump)?;
    let mut function = "";
    let mut sites = 0;
    for line in listing.lines() {
        if let Some(name) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            function = name.1;
            continue;
        }
        let Some((address, called)) = call(line) else { continue };
        let is_beginning = |name: &str| BEGINNINGS.iter().any(|beginning| name.contains(beginning));
        if is_beginning(called) && !is_beginning(function) {
            sites += 1;
            println!("\n{called}\n  in {function}");
            print_lines(&image.path, address)?;
        }
    }
    println!("\n{sites} places from where a panic can be reached");
    Ok(())
}

/// The address of a branch to the beginning of a function, and that function.
fn call(line: &str) -> Option<(&str, &str)> {
    let (address, instruction) = line.trim_start().split_once(":\t")?;
    let (mnemonic, target) = instruction.split_once('\t')?;
    let (_, name) = target.split_once(" <")?;
    let name = name.strip_suffix('>').filter(|name| !name.contains("+0x"))?;
    mnemonic.starts_with('b').then_some((address, name))
}

fn print_lines(image: &Path, address: &str) -> Result<()> {
    let mut addr2line = program("arm-none-eabi-addr2line");
    addr2line.args(["--functions", "--demangle", "--inlines", "--exe"]).arg(image).arg(format!("0x{address}"));
    let said = text_of(&mut addr2line)?;
    let lines = said.lines().collect::<Vec<_>>();
    for pair in lines.chunks_exact(2) {
        if let [function, place] = pair {
            println!("    {place}  {function}");
        }
    }
    Ok(())
}

fn text_of(command: &mut Command) -> Result<String> {
    let output = command.output().context("the binutils for Arm come with the compiler that was set up")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

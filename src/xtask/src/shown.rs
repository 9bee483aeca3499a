//! `cargo xtask shown`: runs every command that README.md and docs/ show, so that none of them goes stale.
//!
//! The `sh` blocks of a file run one after another in one shell, in an empty folder or in the root of the checkout, with
//! the release build of `symbolon` on PATH. A block whose fence says more than `sh`, such as `sh (longer than a minute)`, is shown to
//! readers and not run here.

use crate::process::{self, cargo, program, root};
use anyhow::{Context, Result, bail};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The pages whose commands are shown for the root of a checkout.
const IN_A_CHECKOUT: [&str; 4] = ["README.md", "CONTRIBUTING.md", "conformance.md", "terminal-integration.md"];

pub(crate) fn run() -> Result<()> {
    process::run(cargo().args(["build", "--release", "--package", "symbolon"]))?;
    let mut commands = 0;
    for file in files()? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let blocks = shell_blocks(&text);
        commands += blocks.len();
        if !blocks.is_empty() {
            println!("Running the commands of {}", file.display());
            run_blocks(&file, &blocks).with_context(|| format!("the commands of {} failed", file.display()))?;
        }
    }
    if commands == 0 {
        bail!("no shown command was found");
    }
    println!("{commands} blocks of shown commands ran");
    Ok(())
}

/// README.md and every page of docs/.
fn files() -> Result<Vec<PathBuf>> {
    let mut files = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for entry in fs::read_dir(root().join("docs")).context("cannot read docs/")? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    Ok(files)
}

fn shell_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(information) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        if information == "sh" {
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

fn run_blocks(file: &Path, blocks: &[String]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut script = String::from("set -euo pipefail\ntrap 'jobs -p | xargs -r kill; wait' EXIT\n");
    if file.file_name().is_some_and(|name| IN_A_CHECKOUT.iter().any(|shown| name == *shown)) {
        writeln!(script, "cd '{}'", root().display())?;
    }
    for block in blocks {
        writeln!(script, "{block}")?;
    }
    let path = folder.path().join("commands.sh");
    fs::write(&path, script)?;
    let search = format!("{}:{}", root().join("target/release").display(), std::env::var("PATH").unwrap_or_default());
    process::run(program("bash").arg("-x").arg(&path).current_dir(folder.path()).env("PATH", search))
}

#[cfg(test)]
mod tests {
    use super::shell_blocks;

    #[test]
    fn takes_plain_shell_blocks_alone() {
        let text =
            "a\n```sh\none\ntwo\n```\n```text\nthree\n```\n```sh (longer than a minute)\nfour\n```\n```sh\nfive\n```\n";
        assert_eq!(shell_blocks(text), ["one\ntwo", "five"]);
    }
}

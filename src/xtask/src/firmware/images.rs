//! Building the images of `firmware-sim/` and measuring them.

use super::images_c;
use crate::{
    process::{program, root, run},
    setup,
};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};
use symbolon_ccks::SuiteId;

/// What an image makes of the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A transport gate.
    Gate,
    /// A meter for water or power, as its settings say.
    Meter,
    /// The gate once more, its main in C.
    GateC,
}

impl Device {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Gate, Self::Meter, Self::GateC];
}

/// Which curve an image is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SuiteName {
    /// NIST P-256.
    P256,
    /// secp256k1.
    Secp256k1,
}

impl SuiteName {
    /// Both.
    pub const ALL: [Self; 2] = [Self::P256, Self::Secp256k1];

    /// The suite of this name.
    pub fn id(self) -> SuiteId {
        match self {
            Self::P256 => SuiteId::P256Sha256,
            Self::Secp256k1 => SuiteId::Secp256k1Sha256,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gate => "gate",
            Self::Meter => "meter",
            Self::GateC => "gate-c",
        })
    }
}

impl fmt::Display for SuiteName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::P256 => "p256",
            Self::Secp256k1 => "secp256k1",
        })
    }
}

/// A built image.
#[derive(Clone, Debug)]
pub struct Image {
    /// The ELF file.
    pub path: PathBuf,
    /// What it occupies.
    pub size: Size,
}

impl Image {
    fn open(path: PathBuf) -> Result<Self> {
        let size = size(&fs::read(&path)?).with_context(|| format!("{} is no image", path.display()))?;
        Ok(Self { path, size })
    }
}

/// Bytes that an image occupies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Code, constants and the initial values of variables.
    pub flash: u64,
    /// Variables; the stack is besides.
    pub ram: u64,
}

/// Sets up the compilers, once for all images.
pub fn set_up() -> Result<()> {
    setup::firmware_compilers()
}

/// Builds an image; it links only when no panic can be reached in it.
pub fn build(device: Device, suite: SuiteName) -> Result<Image> {
    match device {
        Device::Gate | Device::Meter => build_package(&device.to_string(), suite),
        Device::GateC => Image::open(images_c::build(suite)?),
    }
}

/// Builds the image that judges test vectors, and is no terminal.
pub fn build_conformance(suite: SuiteName) -> Result<Image> {
    build_package("conformance", suite)
}

fn build_package(package: &str, suite: SuiteName) -> Result<Image> {
    let suite = suite.to_string();
    let workspace = root().join("firmware-sim");
    let images = folder();
    fs::create_dir_all(&images)?;
    // Both suites' images come out under one name: nobody else builds until this one is copied.
    let building = fs::File::create(images.join("building"))?;
    building.lock()?;
    let mut cargo = cargo(&workspace);
    cargo.args(["build", "--quiet", "--locked", "--release", "--package", package, "--features", &suite]);
    run(&mut cargo).with_context(|| {
        format!(
            "the image `{package}` does not build. The undefined symbol `a_panic_can_be_reached` means what it says: \
             `cargo xtask firmware panics {package} --suite {suite}` tells from where"
        )
    })?;
    let path = images.join(format!("{package}-{suite}.elf"));
    fs::copy(workspace.join("target/thumbv7em-none-eabihf/release").join(package), &path)?;
    Image::open(path)
}

/// Builds an image whether or not a panic can be reached in it, to look for those.
pub fn build_with_panics(device: Device, suite: SuiteName) -> Result<Image> {
    let (package, suite) = (device.to_string(), suite.to_string());
    let workspace = root().join("firmware-sim");
    let mut cargo = cargo(&workspace);
    cargo.args(["rustc", "--quiet", "--locked", "--release", "--package", &package, "--features", &suite]);
    cargo.args(["--target-dir", "target/panics", "--", "-C", "link-arg=--defsym=a_panic_can_be_reached=0"]);
    run(&mut cargo)?;
    Image::open(workspace.join("target/panics/thumbv7em-none-eabihf/release").join(&package))
}

/// What the linker says to a gate in which a panic can be reached; `None` when it links.
pub fn link_with_a_panic(suite: SuiteName) -> Result<Option<String>> {
    let mut cargo = cargo(&root().join("firmware-sim"));
    let features = format!("{suite},with-a-panic");
    cargo.args(["build", "--quiet", "--locked", "--release", "--package", "gate", "--features", &features]);
    let output = cargo.output()?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Where the built images are.
pub fn folder() -> PathBuf {
    root().join("target/firmware")
}

/// Debian's cargo with its own compiler, and nothing of what this program was started with.
pub fn cargo(workspace: &Path) -> Command {
    let mut command = program(setup::CARGO);
    command.current_dir(workspace);
    for variable in
        ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(variable);
    }
    // `core` is built for the target, from Debian's source of the same compiler.
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", setup::RUSTC).env("RUSTDOC", "/usr/bin/rustdoc");
    command
}

/// Adds up the sections of an ELF file (32 bits, little-endian) that are in the device's memory.
fn size(elf: &[u8]) -> Result<Size> {
    /// SHF_ALLOC and SHT_NOBITS of the ELF specification.
    const ALLOCATED: u32 = 2;
    const WITHOUT_CONTENT: u32 = 8;
    /// Where the board's own memory begins; below is flash.
    const RAM_BEGINS: u32 = 0x2000_0000;

    ensure!(elf.starts_with(b"\x7fELF\x01\x01"), "not a little-endian ELF file of 32 bits");
    let half =
        |offset: usize| elf.get(offset..offset + 2).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let word = |offset: usize| {
        let bytes = elf.get(offset..).and_then(|rest| rest.first_chunk()).context("truncated")?;
        Ok::<u32, anyhow::Error>(u32::from_le_bytes(*bytes))
    };
    let start = usize::try_from(word(0x20)?)?;
    let (Some(entry_size), Some(entries)) = (half(0x2e), half(0x30)) else { bail!("truncated") };
    let mut size = Size::default();
    for header in (0..entries).map(|index| start + index * entry_size) {
        let [kind, flags, address, length] =
            [word(header + 4)?, word(header + 8)?, word(header + 12)?, word(header + 20)?];
        if flags & ALLOCATED == 0 {
            continue;
        }
        if kind != WITHOUT_CONTENT {
            size.flash += u64::from(length);
        }
        if address >= RAM_BEGINS {
            size.ram += u64::from(length);
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::{Size, size};

    #[test]
    fn sections_count_where_they_lie() {
        // Section headers alone: (kind, flags, address, length).
        let sections =
            [(1u32, 6u32, 0u32, 1_000u32), (1, 3, 0x2000_0000, 30), (8, 3, 0x2000_0020, 500), (1, 0, 0, 9_999)];
        let mut elf = b"\x7fELF\x01\x01".to_vec();
        elf.resize(0x34, 0);
        elf[0x20..0x24].copy_from_slice(&0x34u32.to_le_bytes());
        elf[0x2e..0x30].copy_from_slice(&40u16.to_le_bytes());
        elf[0x30..0x32].copy_from_slice(&4u16.to_le_bytes());
        for (kind, flags, address, length) in sections {
            for word in [0, kind, flags, address, 0, length, 0, 0, 0, 0] {
                elf.extend_from_slice(&word.to_le_bytes());
            }
        }
        assert_eq!(size(&elf).ok(), Some(Size { flash: 1_030, ram: 530 }));
        assert!(size(&elf[..190]).is_err() && size(b"#!/bin/sh").is_err());
    }
}

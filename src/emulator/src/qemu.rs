//! Starting an image in QEMU.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::string::String;
use std::time::{Duration, Instant};
use std::vec::Vec;
use std::{env, fs, thread};

use tempfile::TempDir;

/// The program that emulates the board.
const PROGRAM: &str = "qemu-system-arm";
/// Where the firmware reads the provisioning block: `memory.rs` of the board.
const BLOCK_ADDRESS: u32 = 0x21c0_0000;
/// How long an emulator may take until its lines can be connected to.
const START_PATIENCE: Duration = Duration::from_secs(180);

/// The socket of the emulator's monitor: the power switch.
const SWITCH: &str = "power";

/// A QEMU that emulates the board.
#[derive(Clone, Debug)]
pub struct Qemu {
    program: PathBuf,
    libraries: Vec<PathBuf>,
}

impl Qemu {
    /// Finds one: on PATH, or unpacked in `target/tools/qemu` of the checkout at `root`.
    pub fn find(root: &Path) -> Option<Self> {
        let on_path = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
        if let Some(program) = on_path.map(|folder| folder.join(PROGRAM)).find(|program| program.is_file()) {
            return Some(Self { program, libraries: Vec::new() });
        }
        let unpacked = Self::folder(root);
        let program = unpacked.join("usr/bin").join(PROGRAM);
        program.is_file().then(|| Self { program, libraries: libraries(&unpacked) })
    }

    /// Where it is unpacked when it cannot be installed.
    pub fn folder(root: &Path) -> PathBuf {
        root.join("target/tools/qemu")
    }

    /// The command that runs `image` with a block, its two lines on these sockets, for `seconds` at the longest.
    pub fn command(&self, image: &Path, block: &Path, card: &Path, service: &Path, seconds: u32) -> Command {
        let socket = |path: &Path| {
            let mut option = OsString::from("unix:");
            option.push(path);
            option.push(",server=on,wait=off");
            option
        };
        let mut loader = OsString::from("loader,force-raw=on,file=");
        loader.push(block);
        loader.push(std::format!(",addr={BLOCK_ADDRESS:#x}"));
        // Whatever happens to whoever started it, it ends.
        let mut command = Command::new("timeout");
        command.arg(std::format!("{seconds}")).arg(&self.program);
        command.args(["-M", "mps2-an386", "-cpu", "cortex-m4", "-icount", "shift=6"]);
        command.args(["-nodefaults", "-display", "none", "-monitor", "none"]);
        command.args(["-semihosting-config", "enable=on,target=native"]);
        command.arg("-serial").arg(socket(card)).arg("-serial").arg(socket(service));
        command.arg("-device").arg(loader).arg("-kernel").arg(image);
        if !self.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", env::join_paths(&self.libraries).unwrap_or_default());
        }
        command.stdin(Stdio::null());
        command
    }
}

/// The folders of shared libraries in a tree of unpacked packages.
fn libraries(unpacked: &Path) -> Vec<PathBuf> {
    let parents = ["usr/lib", "lib"].map(|folder| unpacked.join(folder));
    let mut found = Vec::new();
    for parent in parents {
        let entries = fs::read_dir(&parent).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(entries.filter(|path| path.is_dir()));
        found.push(parent);
    }
    found
}

/// A running image.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    longest_seconds: u32,
    folder: TempDir,
}

impl Emulator {
    /// Starts `image` with a provisioning block, for `seconds` at the longest.
    ///
    /// # Errors
    /// What kept it from starting.
    pub fn start(qemu: &Qemu, image: &Path, block: &[u8], seconds: u32) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path();
        fs::write(path.join("block"), block)?;
        let output = File::create(path.join("console"))?;
        let sockets = [path.join("card"), path.join("service")];
        let [card, service] = &sockets;
        let mut switch = OsString::from("unix:");
        switch.push(path.join(SWITCH));
        switch.push(",server=on,wait=off");
        let child = qemu
            .command(image, &path.join("block"), card, service, seconds)
            .arg("-monitor")
            .arg(switch)
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { child, longest_seconds: seconds, folder })
    }

    /// The line to the terminal's reader, where a card answers.
    ///
    /// # Errors
    /// When the emulator does not offer it in time.
    pub fn card_line(&mut self) -> io::Result<UnixStream> {
        self.connect("card")
    }

    /// The line to the terminal's service port.
    ///
    /// # Errors
    /// When the emulator does not offer it in time.
    pub fn service_line(&mut self) -> io::Result<UnixStream> {
        self.connect("service")
    }

    /// Cuts the power and switches it on again: the memory is gone, the flash is not.
    ///
    /// # Errors
    /// When the emulator has ended, or does not say in time that it did so.
    pub fn cut_power(&mut self) -> io::Result<()> {
        let mut monitor = self.connect(SWITCH)?;
        monitor.set_read_timeout(Some(START_PATIENCE))?;
        until_prompt(&mut monitor)?;
        // The emulator resets the board once it has answered, and before it looks at the next command.
        for command in ["system_reset\n", "info status\n"] {
            monitor.write_all(command.as_bytes())?;
            until_prompt(&mut monitor)?;
        }
        Ok(())
    }

    /// What the image has said by semihosting, and the emulator itself, so far.
    pub fn console(&self) -> String {
        let bytes = fs::read(self.folder.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether the emulation has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// How the emulation has ended, if it has.
    pub fn ending(&mut self) -> Option<String> {
        /// What `timeout` ends with when the time was up.
        const TIME_IS_UP: i32 = 124;
        let status = self.child.try_wait().ok().flatten()?;
        Some(match status.code() {
            Some(TIME_IS_UP) => std::format!("it was stopped after {} s", self.longest_seconds),
            _ => std::format!("{status}"),
        })
    }

    /// Waits for the emulation to end by itself; whether the image called that a success.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<bool> {
        Ok(self.child.wait()?.success())
    }

    fn connect(&mut self, name: &str) -> io::Result<UnixStream> {
        let path = self.folder.path().join(name);
        let begun = Instant::now();
        loop {
            match UnixStream::connect(&path) {
                Ok(line) => return Ok(line),
                Err(error) if self.has_ended() || begun.elapsed() > START_PATIENCE => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

/// Reads what the monitor says, up to and with its prompt.
fn until_prompt(monitor: &mut UnixStream) -> io::Result<()> {
    let mut said = Vec::new();
    while !said.ends_with(b"(qemu) ") {
        let mut bytes = [0; 256];
        match monitor.read(&mut bytes)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => said.extend(bytes.iter().take(count)),
        }
    }
    Ok(())
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if !self.has_ended() {
            // `timeout` passes this on to the emulator; killed outright it would leave the emulator running.
            let id = std::format!("{}", self.child.id());
            if Command::new("kill").arg(id).status().is_err() {
                let _ = self.child.kill();
            }
            let _ = self.child.wait();
        }
    }
}

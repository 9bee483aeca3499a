//! `cargo xtask firmware run`: a terminal in the emulator, for cards and for whoever looks after it, until it is stopped.

use super::images::{self, Device, SuiteName};
use super::trial::Trial;
use crate::process::root;
use crate::{for_suite, setup};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf, absolute};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};
use symbolon_ccks::{Authority, AuthorityId, Credential, Sector, Source};
use symbolon_emulator::block::{Asks, NextKey, Provisioning};
use symbolon_tap::Kind;
use tokio::signal::unix::{SignalKind, signal};

/// How long a terminal runs that nobody stops, seconds: whatever becomes of this program, the emulator ends.
const DAY_SECONDS: u32 = 86_400;
/// How often it is looked whether the emulator has ended by itself.
const GLANCE: Duration = Duration::from_millis(100);
/// How long the emulator may take until its lines can be connected to.
const START_PATIENCE: Duration = Duration::from_secs(180);
/// From one call for a card to the next, and how long a card may take.
const POLL_MILLISECONDS: u32 = 250;
const PATIENCE_MILLISECONDS: u32 = 2_000;
/// What a socket's path may have at most, on Linux.
const LONGEST_SOCKET: usize = 107;

/// Arguments of `firmware run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What the board is.
    #[arg(value_enum)]
    device: Device,
    /// The curve; that of the folder with --from, else p256.
    #[arg(long, value_enum)]
    suite: Option<SuiteName>,
    /// What is paid for: transport at a gate and power at a meter, unless said.
    #[arg(long)]
    sector: Option<Sector>,
    /// What a gate asks every card for, minor units.
    #[arg(long, default_value_t = 250)]
    amount: u32,
    /// Be the terminal that `symbolon terminal export` wrote to this folder; without, a city is founded for this run.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Have the key under the authority that follows, too: of the same terminal's export under that authority.
    #[arg(long, value_name = "FOLDER", requires = "from")]
    next: Option<PathBuf>,
    /// Where the lines' sockets are made; target/firmware/gate for a gate, unless said.
    #[arg(long, value_name = "FOLDER")]
    sockets: Option<PathBuf>,
    /// Stop after so long.
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
}

/// Arguments of `firmware cut`.
#[derive(Debug, Args)]
pub struct Cut {
    /// What runs.
    #[arg(value_enum)]
    device: Device,
    /// Where its sockets are, if `run` was told.
    #[arg(long, value_name = "FOLDER")]
    sockets: Option<PathBuf>,
}

/// The sockets of a running terminal.
struct Sockets {
    folder: PathBuf,
}

impl Sockets {
    fn of(device: Device, folder: Option<&Path>) -> Result<Self> {
        let folder = folder.map_or_else(|| images::folder().join(device.to_string()), Path::to_path_buf);
        Ok(Self { folder: absolute(folder).context("the folder has no absolute path")? })
    }

    /// Towards the card.
    fn card(&self) -> PathBuf {
        self.folder.join("card.sock")
    }

    /// The service port.
    fn service(&self) -> PathBuf {
        self.folder.join("service.sock")
    }

    /// The emulator's own: the power switch.
    fn power(&self) -> PathBuf {
        self.folder.join("power.sock")
    }

    fn make_room(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {}", self.folder.display()))?;
        for socket in [self.card(), self.service(), self.power()] {
            ensure!(
                socket.as_os_str().len() <= LONGEST_SOCKET,
                "{} is too long for a socket; choose another folder with --sockets",
                socket.display()
            );
            ensure!(UnixStream::connect(&socket).is_err(), "a terminal is running at {} already", socket.display());
        }
        Ok(())
    }
}

/// Runs a terminal until it is stopped.
pub fn run(arguments: &Run) -> Result<()> {
    images::set_up()?;
    let qemu = setup::qemu()?;
    let sockets = Sockets::of(arguments.device, arguments.sockets.as_deref())?;
    sockets.make_room()?;
    let sector = arguments.sector.unwrap_or(match arguments.device {
        Device::Gate | Device::GateC => Sector::Transport,
        Device::Meter => Sector::Power,
    });
    let trial = match arguments.from {
        Some(_) => None,
        None => Some(Trial::found(arguments.device, arguments.suite.unwrap_or(SuiteName::P256), sector)?),
    };
    let exported = trial.as_ref().map(Trial::exported).or(arguments.from.clone()).context("no terminal to be")?;
    let export = Export::read(&exported)?;
    ensure!(
        arguments.suite.is_none_or(|suite| suite == export.suite),
        "{} is a terminal of {}; leave --suite out",
        exported.display(),
        export.suite
    );
    let mut provisioning = export.provisioning(arguments.device, sector, arguments.amount)?;
    provisioning.next_key =
        arguments.next.as_deref().map(|folder| Export::read(folder)?.next_key(&export)).transpose()?;
    let image = images::build(arguments.device, export.suite)?;

    let folder = tempfile::tempdir()?;
    let block = folder.path().join("block");
    fs::write(&block, provisioning.encode())?;
    let most = arguments.seconds.unwrap_or(DAY_SECONDS).saturating_add(10);
    let mut command = qemu.command(&image.path, &block, &sockets.card(), &sockets.service(), most);
    command.arg("-monitor").arg(format!("unix:{},server=on,wait=off", sockets.power().display()));
    tell(arguments, &sockets, trial.as_ref());
    let mut emulator = Running::start(&mut command)?;
    emulator.wait_for(&sockets.service())?;
    if let Some(trial) = &trial {
        trial.bring_bundle(&sockets.service())?;
    }
    let ended = emulator.until_stopped(arguments.seconds);
    for socket in [sockets.card(), sockets.service(), sockets.power()] {
        let _ = fs::remove_file(socket);
    }
    ended
}

/// Cuts the power of a running terminal and switches it on again: its memory is gone, its flash is not.
pub fn cut(arguments: &Cut) -> Result<()> {
    let socket = Sockets::of(arguments.device, arguments.sockets.as_deref())?.power();
    let mut switch = UnixStream::connect(&socket).with_context(|| {
        format!("no terminal runs at {}: start one with `cargo xtask firmware run`", socket.display())
    })?;
    switch.set_read_timeout(Some(Duration::from_secs(10)))?;
    switch.write_all(b"system_reset\n")?;
    // The monitor shows its prompt before the command and after it.
    const PROMPT: &[u8] = b"(qemu) ";
    let mut told = Vec::<u8>::new();
    while told.windows(PROMPT.len()).filter(|bytes| *bytes == PROMPT).count() < 2 {
        let mut bytes = [0; 256];
        match switch.read(&mut bytes)? {
            0 => bail!("the emulator has ended"),
            count => told.extend(bytes.iter().take(count)),
        }
    }
    println!("The power was cut, and is back.");
    Ok(())
}

/// What is told before the terminal starts: everything that can be done with it.
fn tell(arguments: &Run, sockets: &Sockets, trial: Option<&Trial>) {
    let (card, service) = (sockets.card(), sockets.service());
    let (card, service) = (card.display(), service.display());
    let folder =
        arguments.sockets.as_ref().map(|folder| format!(" --sockets {}", folder.display())).unwrap_or_default();
    let (symbolon, my_card, trust) = match trial {
        Some(trial) => (
            trial.symbolon().display().to_string(),
            trial.card().display().to_string(),
            trial.trust().display().to_string(),
        ),
        None => ("symbolon".to_owned(), "CARD".to_owned(), "TRUST".to_owned()),
    };
    let most = if arguments.device == Device::Meter { String::new() } else { format!(" --most {}", arguments.amount) };
    println!(
        "\nTap it:          {symbolon} card pay {my_card} --apdu unix:{card}{most} --named\n\
         Ask it:          {symbolon} terminal port --apdu unix:{service} status\n\
         Look after it:   {symbolon} terminal port --apdu unix:{service} sync --trust {trust}\n\
         Cut its power:   cargo xtask firmware cut {device}{folder}\n\
         Stop it:         Ctrl-C{until}\n",
        device = arguments.device,
        until = arguments.seconds.map(|seconds| format!(", or {seconds} seconds")).unwrap_or_default(),
    );
}

/// What `symbolon terminal export` wrote.
struct Export {
    suite: SuiteName,
    authority_id: [u8; 32],
    parameters: Vec<u8>,
    own_key: [u8; 64],
    credential: Credential,
    secret: [u8; 32],
}

impl Export {
    fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path)
                .with_context(|| format!("cannot read {}: `symbolon terminal export` writes it", path.display()))
        };
        let digest = |name: &str| -> Result<[u8; 32]> {
            read(name)?.try_into().ok().with_context(|| format!("{name} in {} has not 32 bytes", folder.display()))
        };
        let (authority_id, secret) = (digest("authority.id")?, digest("terminal.secret")?);
        let parameters = read("authority.prepared")?;
        let id = AuthorityId::from_bytes(authority_id);
        let own_key = |suite: SuiteName| for_suite!(suite, S => Authority::<S>::open(Source::from(parameters.as_slice()), &id).map(|authority| authority.own_key()).ok());
        let opened = SuiteName::ALL.into_iter().find_map(|suite| Some((suite, own_key(suite)?)));
        let (suite, own_key) = opened.with_context(|| {
            format!("authority.prepared in {} is not the authority's of authority.id", folder.display())
        })?;
        let credential = *Credential::parse(&read("terminal.credential")?).context("the credential cannot be read")?;
        Ok(Self { suite, authority_id, parameters, own_key, credential, secret })
    }

    /// As the key that follows another.
    fn next_key(&self, present: &Self) -> Result<NextKey> {
        ensure!(self.suite == present.suite, "an image is built for one suite, and these are two");
        Ok(NextKey { credential: *self.credential.as_bytes(), secret: self.secret })
    }

    fn provisioning(&self, device: Device, sector: Sector, amount: u32) -> Result<Provisioning> {
        let own = self.credential.identity().sectors();
        ensure!(own.iter().any(|own| own == sector), "this terminal is not for {sector}; --sector says for what it is");
        let kind = if sector == Sector::Transport { Kind::Entry } else { Kind::Purchase };
        let asks = match device {
            Device::Gate | Device::GateC => {
                Asks::Tap { kind: kind as u8, sector: sector as u8, amount, reference: *b"station-1\0\0\0\0\0\0\0" }
            }
            Device::Meter => Asks::Voucher,
        };
        Ok(Provisioning {
            says_steps: false,
            needs_no_bundle: false,
            asks,
            first_time: None,
            poll_milliseconds: POLL_MILLISECONDS,
            patience_milliseconds: PATIENCE_MILLISECONDS,
            seed: random()?,
            secret: self.secret,
            credential: *self.credential.as_bytes(),
            authority_id: self.authority_id,
            own_key: Some(self.own_key),
            next_key: None,
            parameters: self.parameters.clone(),
            cuts: Vec::new(),
        })
    }
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).context("no random numbers")?;
    Ok(bytes)
}

/// An emulator that ends with this program.
struct Running {
    child: Child,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        Ok(Self { child: command.current_dir(root()).spawn().context("cannot start the emulator")? })
    }

    fn wait_for(&mut self, socket: &Path) -> Result<()> {
        let begun = Instant::now();
        while UnixStream::connect(socket).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the terminal has ended by itself: {status}");
            }
            ensure!(begun.elapsed() < START_PATIENCE, "the emulator does not offer {}", socket.display());
            thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Waits until the time is over, somebody stops this program, or the image ends by itself, which is a failure.
    fn until_stopped(mut self, seconds: Option<u32>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut glances = tokio::time::interval(GLANCE);
            let over = tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(DAY_SECONDS).into()));
            tokio::pin!(over);
            loop {
                tokio::select! {
                    _ = terminate.recv() => return Ok(()),
                    _ = interrupt.recv() => return Ok(()),
                    () = &mut over => return Ok(()),
                    _ = glances.tick() => if let Some(status) = self.child.try_wait()? {
                        bail!("the terminal has ended by itself: {status}");
                    },
                }
            }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // `timeout` passes this on to the emulator; killed outright it would leave the emulator running.
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let _ = self.child.wait();
        }
    }
}

//! A city founded for one run of a terminal: a service, a card with money, and the terminal's key.

use super::images::{Device, SuiteName};
use crate::process::{cargo, program, root, run};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use symbolon_ccks::{Credential, Sector};
use tempfile::TempDir;

/// What is on the card's account, minor units.
const BALANCE: u32 = 5_000;
/// What the card carries to a meter, watt-hours or litres.
const QUANTITY: u32 = 5_000;
/// What power and water cost.
const PRICES: &str = "
[[vouchers.prices]]
operator = \"operator\"
sector = \"power\"
currency = 156
per_thousand = 52

[[vouchers.prices]]
operator = \"operator\"
sector = \"water\"
currency = 156
per_thousand = 5
";

/// The city; it ends with this value.
pub struct Trial {
    folder: TempDir,
    service: Option<Child>,
}

impl Trial {
    /// Founds it, and enrols a card and a terminal.
    pub fn found(device: Device, suite: SuiteName, sector: Sector) -> Result<Self> {
        println!("Founding a city for this run; --from FOLDER takes a terminal of yours.");
        run(cargo().args(["build", "--quiet", "--release", "--package", "symbolon"]))?;
        let mut trial = Self { folder: tempfile::tempdir()?, service: None };
        trial.establish(suite)?;
        trial.enrol(device, sector)?;
        Ok(trial)
    }

    /// The program that speaks with terminals.
    pub fn symbolon(&self) -> PathBuf {
        root().join("target/release/symbolon")
    }

    /// The card's folder.
    pub fn card(&self) -> PathBuf {
        self.folder.path().join("card")
    }

    /// What wallets and terminals are given.
    pub fn trust(&self) -> PathBuf {
        self.folder.path().join("city/trust.toml")
    }

    /// What goes into the device.
    pub fn exported(&self) -> PathBuf {
        self.folder.path().join("device")
    }

    /// Brings the terminal its first trust bundle.
    pub fn bring_bundle(&self, port: &Path) -> Result<()> {
        let line = format!("unix:{}", port.display());
        self.ask(&format!("terminal port --apdu {line} sync --trust city/trust.toml")).map(drop)
    }

    fn establish(&mut self, suite: SuiteName) -> Result<()> {
        let passphrase = self.folder.path().join("passphrase.txt");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(passphrase);
        file.and_then(|mut file| file.write_all(b"for one run alone\n")).context("cannot keep a passphrase")?;
        let [public, private] = free_ports()?;
        let sealed = "--passphrase-file passphrase.txt";
        let listeners = format!("--public 127.0.0.1:{public} --private 127.0.0.1:{private}");
        self.ask(&format!("init city --name city.example --suite {suite} {sealed} {listeners}"))?;
        self.ask("client add bank --role issuer --config city/symbolon.toml")?;
        self.ask("client add operator --role operator --config city/symbolon.toml")?;
        let config = self.folder.path().join("city/symbolon.toml");
        let text = fs::read_to_string(&config)? + PRICES;
        fs::write(&config, text)?;
        let mut serve = self.command(&format!("serve --config city/symbolon.toml {sealed}"));
        let log = fs::File::create(self.folder.path().join("serve.log"))?;
        let mut service = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let output = service.stdout.take().context("the service has no output")?;
        self.service = Some(service);
        let is_running = BufReader::new(output).lines().map_while(Result::ok).any(|line| line.contains("Running"));
        let log = || fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default();
        ensure!(is_running, "the service does not start:\n{}", log());
        Ok(())
    }

    fn enrol(&self, device: Device, sector: Sector) -> Result<()> {
        let (bank, operator) = ("city/clients/issuer-bank.toml", "city/clients/operator-operator.toml");
        let card = self.ask(&format!("card create --client {bank} --sectors {sector}"))?;
        let terminal = self.ask(&format!("terminal create --client {operator} --sectors {sector} --number 1"))?;
        for (command, folder, made) in [("card", "card", &card), ("terminal", "terminal", &terminal)] {
            let code = text(made, "activation_code")?;
            self.ask(&format!("{command} enrol {folder} --trust city/trust.toml --code {code}"))?;
        }
        self.ask(&format!("ledger top-up {} --amount {BALANCE} --client {bank}", text(&card, "account")?))?;
        self.ask("terminal export terminal --out device")?;
        if device == Device::Meter {
            let credential = fs::read(self.exported().join("terminal.credential"))?;
            let meter = Credential::parse(&credential)?.identity().subject();
            self.ask(&format!(
                "card voucher buy card --meter {meter} --sector {sector} --quantity {QUANTITY} --most {BALANCE}"
            ))?;
        }
        Ok(())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = program(self.symbolon());
        command.current_dir(self.folder.path()).args(line.split(' '));
        command
    }

    /// Runs a command and reads its answer.
    fn ask(&self, line: &str) -> Result<Value> {
        let mut command = program(self.symbolon());
        let output = command.current_dir(self.folder.path()).arg("--json").args(line.split(' ')).output()?;
        if !output.status.success() {
            bail!("`symbolon {line}` failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("`symbolon {line}` answers with no JSON"))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = Command::new("kill").arg(service.id().to_string()).status();
            let _ = service.wait();
        }
    }
}

fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).with_context(|| format!("there is no {name} in the answer"))
}

/// Two ports that nobody listens on, as far as one can tell beforehand.
fn free_ports() -> Result<[u16; 2]> {
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [public, private] = &listeners;
    Ok([public.local_addr()?.port(), private.local_addr()?.port()])
}

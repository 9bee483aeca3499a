//! The service as six processes: every role by itself, in a folder with nothing but what it needs, talking mTLS.
//!
//! A process is this program again. It is told on standard input what to be, in one line of JSON, then what its secrets
//! are sealed with, and then, a line each, what time it is; when its input ends it stops.

use super::city::{SimulatedClock, config};
use crate::source::SystemEntropy;
use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
    sync::Arc,
};
use symbolon_service::{config::Listener, custody::Unlock, links::ServiceRole, setup};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// The hidden subcommand that a process is started with.
const SUBCOMMAND: &str = "demo-role";

/// What a process is to be.
#[derive(Debug, Serialize, Deserialize)]
struct Orders {
    role: String,
    folder: PathBuf,
    /// Where the private listener of each role is, its own among them.
    private: BTreeMap<String, SocketAddr>,
    gates: usize,
    per_period: u16,
    seconds: u64,
}

/// What all roles of a city have in common.
pub(super) struct Plan<'p> {
    /// Where each role has its folder.
    pub(super) folder: &'p Path,
    pub(super) gates: usize,
    pub(super) per_period: u16,
    pub(super) sealing_key: &'p [u8; 32],
}

/// A role that runs.
pub(super) struct RoleProcess {
    pub(super) role: ServiceRole,
    pub(super) private: SocketAddr,
    pub(super) public: Option<SocketAddr>,
    child: Child,
}

/// Gives each role its folder, with what it needs of what the ceremony made.
pub(super) fn set_apart(ceremony: &Path, folder: &Path) -> Result<()> {
    for role in ServiceRole::ALL {
        for file in needs(role) {
            let (from, to) = (ceremony.join(&file), folder.join(role.as_str()).join(&file));
            let parent = to.parent().context("a file is in a folder")?;
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(())
}

/// What a role needs of the folder that the ceremony made, as docs/operating.md has it.
fn needs(role: ServiceRole) -> Vec<String> {
    use ServiceRole::{Attester, Clearing, Exchange, Issuer};
    let mut files = vec!["authority.params".to_owned(), "pki/authority.crt".to_owned()];
    files.extend(["crt", "key"].map(|kind| format!("pki/roles/{role}.{kind}")));
    let mut when =
        |needed: bool, more: &[&str]| files.extend(more.iter().filter(|_| needed).map(|file| (*file).to_owned()));
    when(role != Exchange, &[&format!("roles/{role}.sealed")]);
    when(matches!(role, Attester | Issuer | Exchange), &["authority.sealed"]);
    when(matches!(role, Attester | Issuer), &["issuer.pub"]);
    when(matches!(role, Attester | Exchange), &["pki/public.crt", "pki/public.key"]);
    when(matches!(role, Attester | Clearing | Exchange), &["pki/private.crt", "pki/private.key"]);
    files
}

/// Starts every role, each in a process of its own; they follow the clock, and stop when it lets go of them.
pub(super) fn start(plan: &Plan<'_>, clock: &SimulatedClock) -> Result<Vec<RoleProcess>> {
    let program = env::current_exe().context("the demo does not find its own program")?;
    // Taken all at once, so that no two are the same; free again when the processes take them.
    let taken = ServiceRole::ALL.map(|role| Ok((role, TcpListener::bind("127.0.0.1:0")?.local_addr()?)));
    let private = taken.into_iter().collect::<io::Result<BTreeMap<_, _>>>().context("no port is free")?;
    let begin = |(role, address): (&ServiceRole, &SocketAddr)| -> Result<(RoleProcess, ChildStdin)> {
        let mut child = Command::new(&program)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("the {role} cannot be started"))?;
        let mut input = child.stdin.take().context("a process has an input")?;
        let orders = Orders {
            role: role.to_string(),
            folder: plan.folder.join(role.as_str()),
            private: private.iter().map(|(role, address)| (role.to_string(), *address)).collect(),
            gates: plan.gates,
            per_period: plan.per_period,
            seconds: clock.seconds(),
        };
        writeln!(input, "{}", serde_json::to_string(&orders)?)?;
        writeln!(input, "{}", *Zeroizing::new(hex::encode(plan.sealing_key)))?;
        Ok((RoleProcess { role: *role, private: *address, public: None, child }, input))
    };
    let mut processes = Vec::new();
    for (mut process, input) in private.iter().map(begin).collect::<Result<Vec<_>>>()? {
        let output = process.child.stdout.take().context("a process has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        process.public = serde_json::from_str(&line).with_context(|| format!("the {} did not start", process.role))?;
        clock.lead(input);
        processes.push(process);
    }
    Ok(processes)
}

/// Waits until every process has stopped, once the clock has let go of them.
pub(super) fn wait(processes: &mut [RoleProcess]) -> Result<()> {
    for process in processes {
        let status = process.child.wait().with_context(|| format!("the {} was lost", process.role))?;
        ensure!(status.success(), "the {} did not stop well: {status}", process.role);
    }
    Ok(())
}

/// Is one role, as the process that started this one says.
pub(super) fn be_a_role() -> Result<ExitCode> {
    let mut lines = io::stdin().lines();
    let orders = lines.next().context("nobody says which role to be")??;
    let orders: Orders = serde_json::from_str(&orders).context("the orders cannot be read")?;
    let sealing_key = Zeroizing::new(lines.next().context("nobody gives the sealing key")??);
    let role = orders.role.parse::<ServiceRole>()?;
    let mut config = config(orders.folder, orders.gates, orders.per_period);
    let own = *orders.private.get(&orders.role).context("the orders do not say where to listen")?;
    config.private = Listener { address: own };
    config.roles.run = vec![role];
    for (other, address) in &orders.private {
        config.roles.peers.insert(other.parse()?, format!("https://{address}"));
    }
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(sealing_key.as_bytes(), key.as_mut_slice())
        .map_err(|_| anyhow!("the sealing key cannot be read"))?;
    let clock = Arc::new(SimulatedClock::at(orders.seconds));
    let runtime = Runtime::new().context("cannot start the role's threads")?;
    let start = async {
        let service = setup::open(&config, &Unlock::KeyFile(key), clock.clone(), Arc::new(SystemEntropy)).await?;
        Ok::<_, anyhow::Error>(service.start(&config).await?)
    };
    let running = runtime.block_on(start).with_context(|| format!("the {role} cannot start"))?;
    writeln!(io::stdout().lock(), "{}", serde_json::to_string(&running.public_address())?)?;
    for line in lines {
        let seconds = line?.parse().map_err(|_| anyhow!("the time cannot be read"))?;
        clock.set_to(seconds);
    }
    runtime.block_on(running.shutdown())?;
    Ok(ExitCode::SUCCESS)
}

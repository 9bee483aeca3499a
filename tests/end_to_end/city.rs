//! A city in a temporary folder: its authority, its configuration and its clients, made by the binary.

use crate::program;
use serde::Deserialize;
use serde_json::Value;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Every role of the service.
pub(crate) const ROLES: [&str; 6] = ["attester", "issuer", "linkage-a", "linkage-b", "clearing", "exchange"];

/// A founded city; its folder goes when it does.
pub(crate) struct City {
    folder: TempDir,
}

/// What a client of the private listener holds, as `client add` wrote it.
#[derive(Clone, Deserialize)]
pub(crate) struct ClientFile {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) authority: String,
}

impl City {
    /// Holds the key ceremony on P-256.
    pub(crate) fn found() -> Self {
        Self::found_with_suite("p256")
    }

    /// Holds the key ceremony. The secrets are sealed under a key file: a passphrase would take its time at every start.
    pub(crate) fn found_with_suite(suite: &str) -> Self {
        Self::found_with(&["--suite", suite])
    }

    /// Holds the key ceremony of a city whose databases are in PostgreSQL.
    pub(crate) fn found_over(database: &str) -> Self {
        Self::found_with(&["--database", database])
    }

    fn found_with(arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("symbolon-").tempdir().unwrap();
        let city = Self { folder };
        fs::write(city.key_file(), [7; 32]).unwrap();
        let mut init = Command::new(program::path());
        init.arg("init").arg(city.home()).args(["--name", "city.example"]).args(arguments);
        run(init.arg("--key-file").arg(city.key_file()));
        for listener in ["public", "private"] {
            city.configure(listener, "address", "127.0.0.1:0");
        }
        city
    }

    /// The folder that `init` made.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("city")
    }

    /// The configuration that `init` wrote.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.home().join("symbolon.toml")
    }

    /// The key that opens the sealed secrets.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("city.key")
    }

    /// What the service logged, over all its lives.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }

    /// Where the clients' files are.
    pub(crate) fn clients_folder(&self) -> PathBuf {
        self.home().join("clients")
    }

    /// Sets one key of the configuration, for the next start.
    pub(crate) fn configure(&self, section: &str, key: &str, value: impl Into<toml::Value>) {
        let text = fs::read_to_string(self.config_file()).unwrap();
        let mut config: toml::Table = text.parse().unwrap();
        let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
        section.as_table_mut().unwrap().insert(key.to_owned(), value.into());
        fs::write(self.config_file(), config.to_string()).unwrap();
    }

    /// Makes for each role a folder with what it needs and nothing else, and a configuration; where those are.
    pub(crate) fn take_apart(&self) -> Vec<(&'static str, PathBuf)> {
        // Taken all at once, so that no two are the same; free again when the processes take them.
        let taken: Vec<_> = ROLES.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
        let addresses: Vec<_> = taken.iter().map(address).collect();
        let mut peers = toml::Table::new();
        for (role, address) in ROLES.iter().zip(&addresses) {
            peers.insert((*role).to_owned(), format!("https://{address}").into());
        }
        let configured = |(role, address): (&'static str, &String)| {
            let mut config: toml::Table = fs::read_to_string(self.config_file()).unwrap().parse().unwrap();
            let home = self.folder.path().join(role);
            config.insert("data_directory".to_owned(), home.to_str().unwrap().into());
            config.insert(
                "private".to_owned(),
                toml::Table::from_iter([("address".to_owned(), address.clone().into())]).into(),
            );
            let run = toml::Value::Array(vec![role.into()]);
            let roles = toml::Table::from_iter([("run".to_owned(), run), ("peers".to_owned(), peers.clone().into())]);
            config.insert("roles".to_owned(), roles.into());
            self.give_out(role, &home);
            let path = home.join("symbolon.toml");
            fs::write(&path, config.to_string()).unwrap();
            (role, path)
        };
        ROLES.into_iter().zip(&addresses).map(configured).collect()
    }

    /// Copies what a role needs into its own folder, as docs/operating.md says.
    fn give_out(&self, role: &str, home: &Path) {
        let own = [format!("roles/{role}.sealed"), format!("pki/roles/{role}.crt"), format!("pki/roles/{role}.key")];
        let mut files = vec!["authority.params".to_owned(), "pki/authority.crt".to_owned()];
        files.extend(own.into_iter().filter(|file| file != "roles/exchange.sealed"));
        for (file, roles) in [
            ("authority.sealed", ["attester", "issuer", "exchange"].as_slice()),
            ("issuer.pub", &["attester", "issuer"]),
            ("pki/public.crt", &["attester", "exchange"]),
            ("pki/public.key", &["attester", "exchange"]),
            ("pki/private.crt", &["attester", "clearing", "exchange"]),
            ("pki/private.key", &["attester", "clearing", "exchange"]),
        ] {
            files.extend(roles.contains(&role).then(|| file.to_owned()));
        }
        for file in files {
            let target = home.join(&file);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(self.home().join(file), target).unwrap();
        }
    }

    /// Makes a client of the private listener with `symbolon client add`.
    pub(crate) fn add_client(&self, role: &str, name: &str) -> ClientFile {
        let mut add = Command::new(program::path());
        add.args(["client", "add", name, "--role", role, "--config"]).arg(self.config_file());
        run(&mut add);
        let path = self.clients_folder().join(format!("{role}-{name}.toml"));
        toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The certificate by which the listeners are known, PEM.
    pub(crate) fn certificate_authority(&self) -> String {
        #[derive(Deserialize)]
        struct Trust {
            certificate: String,
        }
        let text = fs::read_to_string(self.home().join("trust.toml")).unwrap();
        toml::from_str::<Trust>(&text).unwrap().certificate
    }
}

/// Runs a command of the binary to its end; its answer in JSON.
fn run(command: &mut Command) -> Value {
    let output = command.arg("--json").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The root of the checkout.
pub(crate) fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

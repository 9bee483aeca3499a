//! A folder to work in, the binary to work with, and a service that stops by itself.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Exit code 0, and no word on standard error that says otherwise.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Exit code 1, with these words in the explanation.
    pub(crate) fn refused(self, words: &[&str]) -> Self {
        assert_eq!(self.code, 1, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word}: {self:?}");
        }
        self
    }

    /// The one JSON object on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A folder of its own, in which the binary is run.
pub(crate) struct Workshop {
    pub(crate) folder: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
        command.current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs the binary.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the binary on words that a space parts, and gives the JSON that it answers.
    pub(crate) fn ask(&self, line: &str) -> Value {
        let arguments: Vec<_> = ["--json"].into_iter().chain(line.split_whitespace()).collect();
        self.run(&arguments).well().json()
    }

    /// Runs the binary on words that a space parts.
    pub(crate) fn line(&self, line: &str) -> Ran {
        self.run(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs the binary with something on its standard input.
    pub(crate) fn pipe(&self, line: &str, input: &str) -> Ran {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Makes an authority in `city`, sealed under a key file, on ports that were free just now.
    pub(crate) fn init(&self, suite: &str) -> Value {
        fs::write(self.path("city.key"), [7; 32]).unwrap();
        let free: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let [public, private] = [0, 1].map(|index: usize| free[index].local_addr().unwrap());
        drop(free);
        self.ask(&format!(
            "init city --name city.example --suite {suite} --key-file city.key --public {public} --private {private}"
        ))
    }

    /// Starts the service of `city`; when this returns, it listens.
    pub(crate) fn serve(&self) -> Serving {
        let line = "--json serve --config city/symbolon.toml --key-file city.key";
        let arguments: Vec<_> = line.split_whitespace().collect();
        let mut child = self.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut announced = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
        if announced.is_empty() {
            let mut explained = String::new();
            child.stderr.as_mut().unwrap().read_to_string(&mut explained).unwrap();
            panic!("the service did not start: {explained}");
        }
        Serving { child, announced: serde_json::from_str(&announced).unwrap() }
    }
}

/// A service that runs until this is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) announced: Value,
}

impl Serving {
    /// Asks it to stop, as an operator would, and gives its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let terminated = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(terminated.success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

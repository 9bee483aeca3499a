//! What a command says: one JSON object, or text, on standard output; everything else on standard error.

use serde_json::{Value, json};
use std::io::{self, Write};

/// Where and how a command answers.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Answers in JSON, or in text.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads the answer.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The answer of the command, in both forms; the one that was asked for is printed.
    ///
    /// # Errors
    /// When standard output cannot be written to.
    pub(crate) fn answer(&self, text: &str, value: &Value) -> io::Result<()> {
        let answer = if self.json { value.to_string() } else { text.trim_end().to_owned() };
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{answer}").and_then(|()| stdout.flush()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// The answer for programs alone, of a command that told people in other ways.
    ///
    /// # Errors
    /// When standard output cannot be written to.
    pub(crate) fn answer_json(&self, value: &Value) -> io::Result<()> {
        if self.json { self.answer("", value) } else { Ok(()) }
    }

    /// A remark beside the answer.
    pub(crate) fn remark(&self, text: &str) {
        // Nothing to be done where standard error is gone.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Why the command failed, and what led to it.
    pub(crate) fn failure(&self, error: &anyhow::Error) {
        let mut causes = error.chain().map(ToString::to_string);
        let mut text = format!("error: {}", causes.next().unwrap_or_default());
        for cause in causes {
            // A cause often repeats what its effect says already.
            if !text.ends_with(&cause) {
                text.push_str("\n  because: ");
                text.push_str(&cause);
            }
        }
        self.remark(&text);
        if self.json {
            let message = error.to_string();
            let causes: Vec<_> = error.chain().skip(1).map(ToString::to_string).collect();
            let _ = self.answer("", &json!({ "error": message, "causes": causes }));
        }
    }
}

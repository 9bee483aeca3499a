//! How the demo is told: paragraphs and figures on standard output, progress bars on a terminal.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};

/// Widest line of a paragraph.
const WIDTH: usize = 88;

/// Tells the story as it happens, or keeps silent when a program listens.
pub(super) struct Story<'o> {
    output: &'o Output,
}

impl<'o> Story<'o> {
    pub(super) fn new(output: &'o Output) -> Self {
        Self { output }
    }

    /// A chapter's title.
    pub(super) fn chapter(&self, number: u8, title: &str) {
        let heading = format!("{number}. {title}");
        self.write(&format!("\n{heading}\n{}\n", "-".repeat(heading.len())));
    }

    /// A paragraph, its lines broken.
    pub(super) fn say(&self, text: &str) {
        self.write(&format!("{}\n", wrap(text, "", "")));
    }

    /// Figures, a line each, aligned.
    pub(super) fn figures(&self, figures: &[(&str, String)]) {
        let names = figures.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let values = figures.iter().map(|(_, value)| value.chars().count()).max().unwrap_or_default();
        let lines: String =
            figures.iter().map(|(name, value)| format!("    {name:<names$}  {value:>values$}\n")).collect();
        self.write(&lines);
    }

    /// One step of a list: what was tried, and what was answered.
    pub(super) fn shown(&self, what: &str, answer: &str) {
        self.write(&format!("{}\n{}\n", wrap(what, "  * ", "    "), wrap(answer, "    -> ", "       ")));
    }

    /// Something said by another, set in. Lines that fit, or are set in already, stay as they are.
    pub(super) fn quote(&self, text: &str) {
        let set_in = |line: &str| match line {
            "" => "\n".to_owned(),
            line if line.starts_with(' ') || line.len() < WIDTH => format!("    {line}\n"),
            line => format!("{}\n", wrap(line, "    ", "    ")),
        };
        self.write(&text.trim_end().lines().map(set_in).collect::<String>());
    }

    fn write(&self, text: &str) {
        if !self.output.is_json() {
            // A reader that went away does not change what is shown to be true.
            let _ = io::stdout().lock().write_all(format!("{text}\n").as_bytes());
        }
    }

    /// A progress bar; visible on a terminal alone.
    pub(super) fn progress(&self, what: &'static str, length: u64) -> ProgressBar {
        let target =
            if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("    {msg:<28} {bar:30} {pos:>7}/{len} {elapsed}");
        let bar = ProgressBar::with_draw_target(Some(length), target).with_message(what);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// Breaks a paragraph into lines that begin with `indent`, the first with `first`.
fn wrap(text: &str, first: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{indent}{word}")),
            None => lines.push(format!("{first}{word}")),
        }
    }
    lines.join("\n")
}

/// A count with its thousands apart.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(grouped).as_slice());
    }

    #[test]
    fn paragraphs_are_broken_between_words() {
        let text = wrap(&"word ".repeat(40), "* ", "  ");
        assert!(text.lines().all(|line| line.len() <= WIDTH && !line.ends_with(' ')));
        assert!(text.starts_with("* word word") && text.contains("\n  word word"));
        assert_eq!(text.split_whitespace().count(), 41);
    }
}

//! docs/terminal-integration.md, as far as a program can read it.

use std::fs;
use std::path::Path;

use symbolon_verifier::Reason;

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/terminal-integration.md");
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_manual_has_every_reason_as_it_is_shown() {
    let text = manual();
    let rows = text.lines().skip_while(|line| !line.starts_with("| number | name |")).skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    let expected =
        Reason::ALL.map(|reason| format!("| {} | `{}` | {} |", reason.number(), reason.name(), reason.sentence()));
    assert_eq!(rows, expected);
}

#[test]
fn the_manual_names_what_is_there() {
    let text = manual();
    let header = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("include/symbolon.h")).unwrap();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_name(letter)).filter(|word| {
        word.starts_with("symbolon_") && !word.starts_with("symbolon_ccks") && !word.starts_with("symbolon_verifier")
            || word.starts_with("SYMBOLON_")
    });
    let mut count = 0;
    for word in words {
        assert!(header.contains(word), "there is no {word}");
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

//! Taking any byte string apart: no input panics it, the fields cover the bytes, and what it recognises has a parser that
//! agrees.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_explain::explain::{Explanation, Finding, explain};

fuzz_target!(|input: &[u8]| {
    match explain(input) {
        Finding::Recognised(explanations) => {
            assert!(!explanations.is_empty());
            for explanation in &explanations {
                assert!(explanation.problem.is_none());
                covers(explanation, input);
            }
        }
        Finding::Refused(explanations) => {
            assert!(!explanations.is_empty());
            assert!(explanations.iter().all(|explanation| explanation.problem.is_some()));
        }
        Finding::Unknown { length } => assert_eq!(length, input.len()),
    }
});

/// The fields stand side by side from the first byte to the last, and say what is there.
fn covers(explanation: &Explanation, input: &[u8]) {
    let mut shown = String::new();
    let mut end = 0;
    for field in &explanation.fields {
        assert_eq!(field.offset, end, "{}: a gap before {}", explanation.structure, field.name);
        end += field.length;
        shown.push_str(&field.hex);
    }
    assert_eq!(end, input.len(), "{}: bytes left over", explanation.structure);
    let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown, hex, "{}", explanation.structure);
    let _: String = explanation.to_string();
}

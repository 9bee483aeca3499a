//! Misuse proofs: valid items chosen, repeated, reordered and changed. What convicts is only ever what was signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_ccks::Suite;
use symbolon_fuzz::{assert_same_bytes, city::City, program::Program, with_city};
use symbolon_tap::misuse::{Item, Proves, Why, check};

/// The most items put together.
const MAXIMUM_ITEMS: usize = 8;

fuzz_target!(|input: &[u8]| {
    // Selector, how many items, which ones; then the program that changes them.
    let [selector, count, rest @ ..] = input else {
        return;
    };
    let Some((choice, program)) = rest.split_at_checked(usize::from(*count) % (MAXIMUM_ITEMS + 1)) else {
        return;
    };
    with_city!(selector, city => judge(city, choice, program));
});

fn judge<S: Suite>(city: &City<S>, choice: &[u8], program: &[u8]) {
    let valid = &city.items;
    let chosen: Vec<&Item> = choice.iter().map(|index| &valid[usize::from(*index) % valid.len()]).collect();
    let original: Vec<u8> = chosen.iter().flat_map(|item| *item.as_bytes()).collect();
    let mut bytes = original.clone();
    let others = [valid[0].as_bytes().as_slice(), valid[1].as_bytes(), valid[2].as_bytes()];
    Program::new(program).apply(&mut bytes, &others);

    let Ok(items) = Item::parse_all(&bytes) else {
        assert!(bytes != original || chosen.is_empty(), "valid items were refused");
        return;
    };
    let written: Vec<u8> = items.iter().flat_map(|item| *item.as_bytes()).collect();
    assert_same_bytes("misuse proof", &bytes, &written);

    let proves = check(&city.authority, items).proves();
    let holder = items[0].presentation().holder();
    if items.iter().any(|item| item.presentation().holder() != holder) {
        assert_eq!(proves, Proves::Nothing(Why::SeveralCredentials));
    } else if items.iter().any(|item| !valid.contains(item)) {
        assert_eq!(proves, Proves::Nothing(Why::BadSignature), "something that nobody signed");
    } else if items.contains(&valid[0]) && items.contains(&valid[1]) {
        assert_eq!(proves, Proves::DoubleUse);
    } else {
        assert_eq!(proves, Proves::Nothing(Why::Honest));
    }
}

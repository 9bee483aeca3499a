//! What is linked, and what cannot be.

use std::fs;
use xtask::firmware::{Device, SuiteName, images};

#[test]
fn an_image_in_which_a_panic_can_be_reached_does_not_link() {
    images::set_up().unwrap();
    let said = images::link_with_a_panic(SuiteName::P256).unwrap().expect("an image with a panic in it links");
    assert!(said.contains("undefined symbol: a_panic_can_be_reached"), "{said}");
}

#[test]
fn no_allocator_is_linked() {
    images::set_up().unwrap();
    for (device, suite) in [(Device::Gate, SuiteName::P256), (Device::Meter, SuiteName::Secp256k1)] {
        let image = images::build(device, suite).unwrap();
        let elf = fs::read(&image.path).unwrap();
        let has = |symbol: &str| elf.windows(symbol.len()).any(|bytes| bytes == symbol.as_bytes());
        assert!(has("sha2"), "the image of {device} has no names of functions");
        for symbol in ["__rust_alloc", "__rust_realloc", "__rg_alloc", "__rdl_alloc", "malloc"] {
            assert!(!has(symbol), "the image of {device} has {symbol}");
        }
    }
}

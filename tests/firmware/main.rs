//! The terminals' images, built for a Cortex-M4 and run in QEMU: what they occupy and how long they take, what they do
//! when the power fails, and what they do when nobody behaves.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod hostile;
mod linking;
mod rollover;

use xtask::firmware::{powercuts, report};

#[test]
fn every_image_keeps_within_its_budget() {
    let figures = report::measure(None).unwrap();
    assert_eq!(figures.len(), 6, "three images, two curves");
    report::check(&figures).unwrap();
}

#[test]
fn whenever_the_power_fails_no_tap_is_lost_and_none_counts_twice() {
    let outcome = powercuts::cut().unwrap();
    outcome.check().unwrap();
    assert!(outcome.cuts > 10_000, "{} cuts", outcome.cuts);
}

//! The power of a gate and a meter, cut at every operation of their days.

use symbolon_ccks::P256;
use symbolon_flash_sim::{Effort, Image, PowerCuts, power_cuts};

fn assert_well(cuts: &PowerCuts, least: u64) {
    assert!(cuts.is_well(), "{cuts:#?}");
    println!("{} cuts at {} operations", cuts.cuts, cuts.operations);
    assert!(cuts.cuts >= least, "only {} cuts", cuts.cuts);
}

#[test]
fn a_gate_loses_nothing_whenever_its_power_fails() {
    assert_well(&power_cuts::<P256>(Image::Gate, Effort::Quick), 20_000);
}

#[test]
fn a_meter_loses_nothing_whenever_its_power_fails() {
    assert_well(&power_cuts::<P256>(Image::Meter, Effort::Quick), 10_000);
}

#[test]
#[ignore = "takes many minutes: every cut to the end of the day, and cut again"]
fn nothing_is_lost_in_a_long_run() {
    for image in [Image::Gate, Image::Meter] {
        assert_well(&power_cuts::<P256>(image, Effort::Thorough), 100_000);
    }
}

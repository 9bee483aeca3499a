//! The simulated city from outside.

use crate::workshop::Workshop;

#[test]
fn a_seed_gives_the_same_log_in_two_processes() {
    let workshop = Workshop::new();
    for suite in ["p256", "secp256k1"] {
        let line = format!("sim --city --seed 3 --days 1 --cards 2 --terminals 1 --suite {suite}");
        let [first, second] = [(); 2].map(|()| workshop.ask(&line));
        assert_eq!(first, second);
        assert_eq!(first["log_digest"].as_str().map(str::len), Some(64));
        assert!(first["taps_accepted"].as_u64() > Some(0), "{first}");
    }
    let usage = workshop.line("sim");
    assert!(usage.code == 1 && usage.stderr.contains("--city"), "{usage:?}");
}

//! Field by field: what may differ between two taps of one period and profile.

use std::collections::BTreeMap;

use symbolon_ccks::{Class, Credential, Identity, Signature};
use symbolon_pseudonym::ProfileId;
use symbolon_tap::{Presentation, SelectResponse};

use crate::city::{MADE, Made, SHOWN_BEFORE, SUBJECT};

/// The bytes of a tap that are drawn at random, or are as good as random: the holder's nonce, twice; the subject; x and
/// parity of P; x and parity of R; z.
fn is_random_looking(at: usize) -> bool {
    let reconstruction = SHOWN_BEFORE + 5 + Identity::SIZE;
    let signature = SHOWN_BEFORE + 5 + Credential::SIZE;
    let nonce = SelectResponse::SIZE - 8..SHOWN_BEFORE;
    let drawn =
        [nonce, SUBJECT..SUBJECT + 16, reconstruction..reconstruction + 33, signature..signature + Signature::SIZE];
    drawn.iter().any(|range| range.contains(&at))
}

fn crowds() -> Vec<Vec<&'static Made>> {
    let mut crowds: BTreeMap<_, Vec<&Made>> = BTreeMap::new();
    for made in &*MADE {
        crowds.entry((made.period, made.planned.profile)).or_default().push(made);
    }
    crowds.into_values().collect()
}

#[test]
fn two_taps_of_a_crowd_differ_in_nothing_but_what_looks_random() {
    let crowds = crowds();
    assert!(crowds.len() >= 100, "30 days of four profiles");
    for crowd in &crowds {
        let first = crowd[0];
        for made in crowd {
            let differing = (0..made.shown.len()).filter(|&at| made.shown[at] != first.shown[at]);
            assert!(differing.clone().all(is_random_looking), "{:?}", differing.collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_looks_random_is_even() {
    let taps = MADE.len() as f64;
    for at in (0..MADE[0].shown.len()).filter(|&at| is_random_looking(at)) {
        let first_of_point = [Identity::SIZE, Credential::SIZE].map(|offset| SHOWN_BEFORE + 5 + offset).contains(&at);
        for bit in 0..8 {
            let set = MADE.iter().filter(|made| made.shown[at] >> bit & 1 == 1).count() as f64;
            // A compressed point begins with 2 or 3: only its last bit is drawn.
            let expected = match (first_of_point, bit) {
                (true, 1) => 1.0,
                (true, 2..) => 0.0,
                _ => 0.5,
            };
            let deviation = (0.25 / taps).sqrt();
            assert!((set / taps - expected).abs() < 6.0 * deviation, "bit {bit} of byte {at} is set {set} times");
        }
    }
}

#[test]
fn a_pseudonym_says_nothing_but_its_profile_and_period() {
    for made in MADE.iter().step_by(97) {
        let presentation = Presentation::parse(&made.shown[SHOWN_BEFORE..]).unwrap();
        let identity = presentation.holder().identity();
        let policy = symbolon_service::PseudonymPolicy::default();
        let profile = policy.profiles.iter().find(|profile| profile.id() == ProfileId(made.planned.profile)).unwrap();
        let subject = made.values[0].subject_with(&made.values[1]);
        let prefix = identity.authority_prefix();
        let expected = profile.identity(identity.suite(), prefix, subject, made.period, policy.boundary).unwrap();
        assert_eq!(*identity, expected);
        assert_eq!((identity.class(), presentation.counter()), (Class::Pseudonym, 1));
    }
}

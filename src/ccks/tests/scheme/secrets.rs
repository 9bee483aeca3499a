//! Secrets are kept, restored and never shown.

use symbolon_ccks::*;

use crate::city::TestSuite;
use crate::for_each_suite;

for_each_suite!(stores_and_restores_secrets, redacts_secrets);

fn stores_and_restores_secrets<S: TestSuite>() {
    let city = S::city();
    let bytes = city.secret.to_bytes();
    assert_eq!(bytes.len(), AuthoritySecret::<S>::SIZE);
    let restored = AuthoritySecret::<S>::from_bytes(&bytes).unwrap();
    assert_eq!(*restored.to_bytes(), *bytes);
    assert!(AuthoritySecret::<S>::from_bytes(&bytes[1..]).is_err());
    for bad in [[0; 32], [0xff; 32]] {
        let mut bytes = bytes.to_vec();
        bytes[500 * 32..501 * 32].copy_from_slice(&bad);
        assert!(AuthoritySecret::<S>::from_bytes(&bytes).is_err());
    }
    let (key, enrolment, issued) = city.issue(&city.identity(Class::Card, 1), 1);
    assert!(SigningKey::from_credential(&city.authority, &issued.credential, &key.secret_bytes()).is_ok());
    let wrong = enrolment.secret_bytes();
    assert!(SigningKey::from_credential(&city.authority, &issued.credential, &wrong).is_err());
    assert!(EnrolmentKey::<S>::from_bytes(&enrolment.secret_bytes()).is_some());
    assert!(EnrolmentKey::<S>::from_bytes(&[0; 32]).is_none());
    assert!(EnrolmentKey::<S>::from_bytes(&[0xff; 32]).is_none());
}

fn redacts_secrets<S: TestSuite>() {
    let city = S::city();
    let (key, enrolment, issued) = city.issue(&city.identity(Class::Card, 1), 1);
    let shown = format!("{key:?} {enrolment:?} {:?} {:?}", issued, city.secret);
    let s = *issued.contribution.as_bytes();
    for secret in [*key.secret_bytes(), *enrolment.secret_bytes(), s] {
        assert!(!shown.contains(&hex::encode(secret)));
        assert!(!shown.contains(&format!("{secret:?}")));
    }
}

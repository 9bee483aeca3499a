//! The data folder: made once, opened with the right key alone.

use crate::city::City;
use std::{fs, os::unix::fs::PermissionsExt};
use symbolon_ccks::{Name, SuiteId};
use symbolon_service::{
    config::Config,
    custody::{Costs, CustodyError, Unlock},
    setup::{Ceremony, SetupError},
};
use zeroize::Zeroizing;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_twice() {
    let city = City::found().await;
    let sealed = city.config.data_directory.join("authority.sealed");
    let before = fs::read(&sealed).unwrap();
    let refused = city.initialise_again(SuiteId::P256Sha256).unwrap_err();
    assert!(matches!(refused, SetupError::Exists(_)), "{refused}");
    assert_eq!(fs::read(&sealed).unwrap(), before);
    assert_eq!(fs::metadata(&sealed).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_key_that_sealed_opens() {
    let mut city = City::found().await;
    city.stop().await;
    let wrong = Unlock::KeyFile(Zeroizing::new([8; 32]));
    let refused = city.open_with(&city.config, &wrong).await.unwrap_err();
    assert!(matches!(refused, SetupError::Custody(CustodyError::WrongKey)), "{refused}");
    let elsewhere = Config::on_any_port(city.folder().join("nowhere"));
    let refused = city.open_with(&elsewhere, &wrong).await.unwrap_err();
    assert!(matches!(refused, SetupError::NotInitialised(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_the_other_suite_starts_too() {
    let city = City::found().await;
    let config = Config::on_any_port(city.folder().join("other"));
    let unlock = Unlock::KeyFile(Zeroizing::new([7; 32]));
    let ceremony = Ceremony {
        suite: SuiteId::Secp256k1Sha256,
        name: Name::parse("other").unwrap(),
        server_names: &["city.example".to_owned()],
        unlock: &unlock,
        costs: Costs::default(),
    };
    let id = city.initialise(&config, &ceremony).unwrap();
    let service = city.open_with(&config, &unlock).await.unwrap();
    assert_eq!(*service.authority_id(), id);
    service.start(&config).await.unwrap().shutdown().await.unwrap();
}

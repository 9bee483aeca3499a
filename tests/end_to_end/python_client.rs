//! A client that nobody here wrote: Python's grpcio, from `proto/` alone.

use crate::{
    city::{City, checkout},
    pseudonyms::at_once,
    service::Service,
};
use tokio::process::Command;

/// Runs the Python client against a city on `suite`.
async fn drive(suite: &str) {
    let python = std::env::var_os("SYMBOLON_PYTHON")
        .expect("SYMBOLON_PYTHON names no Python with grpcio; run `cargo xtask test`, which makes one");
    let city = City::found_with_suite(suite);
    at_once(&city);
    let price = toml::Table::from_iter([
        ("operator".to_owned(), "metro".into()),
        ("sector".to_owned(), "power".into()),
        ("currency".to_owned(), 156.into()),
        ("per_thousand".to_owned(), toml::Value::from(50)),
    ]);
    city.configure("vouchers", "prices", vec![price]);
    for (role, name) in [
        ("issuer", "bank"),
        ("issuer", "post"),
        ("operator", "metro"),
        ("operator", "waterworks"),
        ("auditor", "court"),
        ("administrator", "office"),
    ] {
        city.add_client(role, name);
    }
    let service = Service::start(&city).await;
    let tests = checkout().join("tests");
    let mut client = Command::new(python);
    client.arg("-B").arg(tests.join("end_to_end/client/main.py"));
    client.arg("--proto").arg(checkout().join("proto")).arg("--reference").arg(tests.join("reference"));
    client.arg("--clients").arg(city.clients_folder());
    client.args(["--public", &service.public_address().to_string()]);
    client.args(["--private", &service.private_address().to_string()]);
    let output = client.kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{complained}");
    let last = said.lines().last().unwrap();
    assert!(last.ends_with(" passed, 0 failed"), "{last}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_drives_a_city_on_p256() {
    drive("p256").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_drives_a_city_on_secp256k1() {
    drive("secp256k1").await;
}

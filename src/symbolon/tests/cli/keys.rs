//! The key ceremony, and what opens its secrets.

use crate::workshop::Workshop;
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn init_says_what_it_made_and_never_overwrites() {
    let workshop = Workshop::new();
    fs::write(workshop.path("passphrase"), "correct horse\n").unwrap();
    let init = "init city --name city.example --passphrase-file passphrase";
    let ran = workshop.line(init).well();
    for words in ["authority id", "symbolon.toml", "trust.toml", "What to do next", "symbolon serve --config city/"] {
        assert!(ran.stdout.contains(words), "{words}: {ran:?}");
    }
    let sealed = workshop.path("city/authority.sealed");
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(sealed.clone()), 0o600);
    assert_eq!(mode(workshop.path("city")), 0o700);
    let before: Vec<_> = ["authority.sealed", "authority.params", "symbolon.toml", "trust.toml"]
        .map(|name| fs::read(workshop.path("city").join(name)).unwrap())
        .into();

    workshop.line(init).refused(&["is there already and is never overwritten"]);
    // Nor when only the configuration, or only the secrets, are left.
    let other = init.replace("init city", "init other");
    fs::create_dir(workshop.path("other")).unwrap();
    fs::copy(workshop.path("city/symbolon.toml"), workshop.path("other/symbolon.toml")).unwrap();
    workshop.line(&other).refused(&["other/symbolon.toml is there already"]);
    assert_eq!(fs::read_dir(workshop.path("other")).unwrap().count(), 1);
    fs::rename(workshop.path("city/symbolon.toml"), workshop.path("symbolon.toml")).unwrap();
    fs::rename(workshop.path("city/trust.toml"), workshop.path("trust.toml")).unwrap();
    workshop.line(init).refused(&["never overwritten"]);
    assert_eq!(fs::read(sealed).unwrap(), before[0]);
    assert_eq!(fs::read(workshop.path("city/authority.params")).unwrap(), before[1]);
    assert_eq!(fs::read(workshop.path("symbolon.toml")).unwrap(), before[2]);
    assert!(!workshop.path("city/symbolon.toml").exists());
}

#[test]
fn a_wrong_passphrase_a_truncated_and_an_altered_file_are_told_apart() {
    let workshop = Workshop::new();
    fs::write(workshop.path("passphrase"), "correct horse\n").unwrap();
    fs::write(workshop.path("wrong"), "battery staple\n").unwrap();
    fs::write(workshop.path("empty"), "\n").unwrap();
    fs::write(workshop.path("key"), [1; 32]).unwrap();
    workshop.line("init city --name city.example --passphrase-file passphrase").well();
    let serve = |unlock: &str| workshop.line(&format!("serve --config city/symbolon.toml {unlock}"));
    serve("--passphrase-file wrong").refused(&["the service cannot start", "wrong passphrase"]);
    serve("--passphrase-file empty").refused(&["the first line of empty is empty"]);
    serve("--key-file key").refused(&["sealed with a passphrase"]);
    serve("--passphrase-file nowhere").refused(&["cannot read nowhere"]);

    let sealed = workshop.path("city/authority.sealed");
    let whole = fs::read(&sealed).unwrap();
    fs::write(&sealed, &whole[..20]).unwrap();
    serve("--passphrase-file passphrase").refused(&["truncated"]);
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&sealed, altered).unwrap();
    serve("--passphrase-file passphrase").refused(&["altered or damaged"]);
}

#[test]
fn without_a_terminal_a_passphrase_has_to_come_from_a_file() {
    let workshop = Workshop::new();
    workshop.line("init city --name city.example --public 127.0.0.1:0").refused(&["port 0"]);
    workshop.line("init city --name city.example --key-file nowhere").refused(&["nowhere"]);
    assert!(!workshop.path("city").exists());
}

#[test]
fn a_client_is_added_once() {
    let workshop = Workshop::new();
    workshop.init("p256");
    let add = "client add bank --role issuer --config city/symbolon.toml";
    let client = workshop.ask(add);
    let path = client["client"].as_str().unwrap();
    assert!(path.ends_with("city/clients/issuer-bank.toml"), "{path}");
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    workshop.line(add).refused(&["never overwritten"]);
    // Another role is another client.
    workshop.ask("client add bank --role auditor --config city/symbolon.toml");
    workshop.line("client add bank --role mayor --config city/symbolon.toml").code.eq(&2).then_some(()).unwrap();
}

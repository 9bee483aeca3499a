use super::*;
use crate::Role;
use std::{fs, os::unix::fs::PermissionsExt};
use symbolon_ccks::Name;

fn now() -> Time {
    Time::new(1_800_000_000).unwrap()
}

fn initialised() -> (tempfile::TempDir, Pki) {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::at(folder.path().join("pki"));
    pki.initialise(&["city.example".to_owned(), "192.0.2.1".to_owned()], now()).unwrap();
    (folder, pki)
}

fn issuer() -> Client {
    Client::new(Role::Issuer, Name::parse("city-bank").unwrap())
}

#[test]
fn a_client_certificate_names_its_client() {
    let (_folder, pki) = initialised();
    let files = pki.add_client(&issuer(), now()).unwrap();
    let certificates = read_certificates(&files.certificate).unwrap();
    assert_eq!(caller_of_certificate(&certificates[0]), Some(Caller::Client(issuer())));
    let server = read_certificates(&pki.folder.file("public.crt")).unwrap();
    assert_eq!(caller_of_certificate(&server[0]), None);
}

#[test]
fn the_certificate_of_a_role_names_the_role_and_its_host() {
    let (_folder, pki) = initialised();
    for role in ServiceRole::ALL {
        let certificates = read_certificates(&pki.role_files(role).certificate).unwrap();
        assert_eq!(caller_of_certificate(&certificates[0]), Some(Caller::Service(role)));
        let certificate = webpki::EndEntityCert::try_from(&certificates[0]).unwrap();
        assert_eq!(certificate.valid_dns_names().collect::<Vec<_>>(), [role_host(role)]);
    }
}

#[test]
fn a_process_needs_the_keys_of_its_own_roles_alone() {
    let (_folder, pki) = initialised();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let kept = ServiceRole::LinkageA;
    for role in ServiceRole::ALL.into_iter().filter(|role| *role != kept) {
        fs::remove_file(pki.role_files(role).key).unwrap();
    }
    fs::remove_file(pki.folder.file("private.key")).unwrap();
    pki.server_config(Domain::Private, &[kept], &provider).unwrap();
    pki.server_config(Domain::Private, &[ServiceRole::LinkageB], &provider).unwrap_err();
    pki.server_config(Domain::Private, &[kept, ServiceRole::Clearing], &provider).unwrap_err();
}

#[test]
fn a_certificate_with_two_uris_names_nobody() {
    let mut parameters = leaf("two", ExtendedKeyUsagePurpose::ClientAuth, 1, now());
    let uri = |client: Client| SanType::URI(client.to_uri().try_into().unwrap());
    parameters.subject_alt_names =
        vec![uri(issuer()), uri(Client::new(Role::Auditor, Name::parse("city-bank").unwrap()))];
    let certificate = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(caller_of_certificate(certificate.der()), None);
}

#[test]
fn keys_are_for_their_owner_alone() {
    let (_folder, pki) = initialised();
    let files = pki.add_client(&issuer(), now()).unwrap();
    let folder = &pki.folder;
    for key in [folder.file("authority.key"), folder.file("public.key"), folder.file("private.key"), files.key] {
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }
}

#[test]
fn nothing_is_overwritten() {
    let (_folder, pki) = initialised();
    let before = fs::read(pki.folder.file("authority.key")).unwrap();
    assert!(matches!(pki.initialise(&[], now()), Err(PkiError::Exists(_))));
    assert_eq!(fs::read(pki.folder.file("authority.key")).unwrap(), before);

    let files = pki.add_client(&issuer(), now()).unwrap();
    let before = fs::read(&files.key).unwrap();
    assert!(matches!(pki.add_client(&issuer(), now()), Err(PkiError::Exists(_))));
    assert_eq!(fs::read(&files.key).unwrap(), before);
}

#[test]
fn both_domains_can_be_served() {
    let (_folder, pki) = initialised();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    for domain in Domain::ALL {
        pki.server_config(domain, &ServiceRole::ALL, &provider).unwrap();
    }
    fs::write(pki.folder.file("public.key"), "nothing").unwrap();
    let refused = pki.server_config(Domain::Public, &[], &provider).unwrap_err();
    assert!(refused.to_string().ends_with("public.key does not hold a private key in PEM"), "{refused}");
}

#[test]
fn a_server_name_is_a_dns_name_or_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::at(folder.path());
    let refused = pki.initialise(&["not a name".to_owned()], now()).unwrap_err();
    assert!(matches!(refused, PkiError::ServerName(_)));
    assert!(!is_initialised(folder.path()));
}

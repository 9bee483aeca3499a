//! A city whose roles run each in a process of its own, in a folder with nothing but what that role needs.

use crate::city::City;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};
use symbolon_service::{
    config::{Config, Listener},
    custody::Unlock,
    links::ServiceRole,
    setup::SetupError,
};
use zeroize::Zeroizing;

/// What a role needs of the folder that the ceremony made, as docs/operating.md has it.
pub(crate) fn needs(role: ServiceRole) -> Vec<String> {
    let mut files = vec!["authority.params".to_owned(), "pki/authority.crt".to_owned()];
    files.extend(["crt", "key"].map(|kind| format!("pki/roles/{role}.{kind}")));
    if role != ServiceRole::Exchange {
        files.push(format!("roles/{role}.sealed"));
    }
    if matches!(role, ServiceRole::Attester | ServiceRole::Issuer | ServiceRole::Exchange) {
        files.push("authority.sealed".to_owned());
    }
    if matches!(role, ServiceRole::Attester | ServiceRole::Issuer) {
        files.push("issuer.pub".to_owned());
    }
    if matches!(role, ServiceRole::Attester | ServiceRole::Exchange) {
        files.extend(["pki/public.crt", "pki/public.key"].map(str::to_owned));
    }
    if matches!(role, ServiceRole::Attester | ServiceRole::Clearing | ServiceRole::Exchange) {
        files.extend(["pki/private.crt", "pki/private.key"].map(str::to_owned));
    }
    files
}

/// The configuration of a role's own process, in its own folder.
pub(crate) fn configs(city: &City) -> Vec<(ServiceRole, Config)> {
    // Taken all at once, so that no two are the same; free again when the processes take them.
    let taken: Vec<_> = ServiceRole::ALL.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<_> = taken.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let peers =
        ServiceRole::ALL.into_iter().zip(&addresses).map(|(role, address)| (role, format!("https://{address}")));
    let peers: std::collections::BTreeMap<_, _> = peers.collect();
    let config_of = |(role, address): (ServiceRole, &std::net::SocketAddr)| {
        let mut config = city.config.clone();
        config.data_directory = city.folder().join(role.as_str());
        config.private = Listener { address: *address };
        config.roles.run = vec![role];
        config.roles.peers = peers.clone();
        (role, config)
    };
    ServiceRole::ALL.into_iter().zip(&addresses).map(config_of).collect()
}

fn copy(from: &Path, to: &Path, file: &str) {
    let target: PathBuf = to.join(file);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(from.join(file), target).unwrap();
}

/// Founds a city and starts its roles, each on its own.
pub(crate) async fn found(configure: impl FnOnce(&mut Config)) -> City {
    let mut city = City::founded(configure);
    for (role, config) in configs(&city) {
        for file in needs(role) {
            copy(&city.config.data_directory, &config.data_directory, &file);
        }
        city.start_process(config).await;
    }
    city
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_has_its_own_database_alone() {
    let mut city = found(|_| {}).await;
    city.stop().await;
    for role in ServiceRole::ALL {
        let databases = fs::read_dir(city.folder().join(role.as_str())).unwrap();
        let databases = databases.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let databases: Vec<_> = databases.filter(|name| name.ends_with(".db")).collect();
        assert_eq!(databases, [format!("{role}.db")]);
    }
}

/// Whatever is taken away of what a role needs, it does not start, and says what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_does_not_start_without_what_it_needs() {
    let city = City::founded(|_| {});
    let unlock = Unlock::KeyFile(Zeroizing::new([9; 32]));
    for (role, config) in configs(&city) {
        for missing in needs(role) {
            let _ = fs::remove_dir_all(&config.data_directory);
            needs(role).iter().filter(|file| **file != missing).for_each(|file| {
                copy(&city.config.data_directory, &config.data_directory, file);
            });
            let problem = match city.open_with(&config, &unlock).await {
                Ok(service) => match service.start(&config).await {
                    Ok(_) => panic!("the {role} started without {missing}"),
                    Err(error) => format!("{error}: {:?}", std::error::Error::source(&error)),
                },
                Err(error) => error.to_string(),
            };
            let named = missing == "authority.params" || problem.contains(&missing);
            assert!(named, "the {role} without {missing}: {problem}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sealed_file_is_taken_for_that_of_another_role() {
    let city = City::founded(|_| {});
    let unlock = Unlock::KeyFile(Zeroizing::new([9; 32]));
    let roles = city.config.data_directory.join("roles");
    fs::rename(roles.join("linkage-a.sealed"), roles.join("linkage-b.sealed")).unwrap();
    let mut config = city.config.clone();
    config.roles.run = vec![ServiceRole::LinkageB];
    let refused = city.open_with(&config, &unlock).await.unwrap_err();
    assert!(matches!(&refused, SetupError::Foreign(path) if path.ends_with("roles/linkage-b.sealed")), "{refused}");
    config.roles.run = vec![ServiceRole::LinkageA];
    let refused = city.open_with(&config, &unlock).await.unwrap_err();
    assert!(
        matches!(refused, SetupError::RoleMissing(_)) && refused.to_string().contains("symbolon init"),
        "{refused}"
    );
}

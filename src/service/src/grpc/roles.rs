//! Who may call what: the one table. What is not in it is denied.

use crate::{Client, Role, pki::Domain};

/// From where, and by whom, a method may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// On the public listener; the method authenticates its caller itself, where it needs to.
    Public,
    /// On the private listener by clients of these roles.
    Private(&'static [Role]),
    /// On the public listener, and on the private one by every client.
    Everywhere,
}

/// A method and who may call it.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    path: &'static str,
    access: Access,
}

impl Method {
    /// The path of its requests: `/package.Service/Method`.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// From where and by whom it may be called.
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Whether it is one of the service's own, rather than health or reflection.
    pub(crate) fn is_own(&self) -> bool {
        self.path.starts_with("/symbolon.")
    }
}

const ISSUER: Access = Access::Private(&[Role::Issuer]);
const OPERATOR: Access = Access::Private(&[Role::Operator]);
const SETTLEMENT: Access = Access::Private(&[Role::Operator, Role::Auditor]);
const MISUSE: Access = Access::Private(&[Role::Issuer, Role::Operator, Role::Auditor]);
const LEDGER_CHECK: Access = Access::Private(&[Role::Auditor, Role::Administrator]);
const EVERY_CLIENT: Access = Access::Private(&Role::ALL);

const fn method(path: &'static str, access: Access) -> Method {
    Method { path, access }
}

/// The table.
pub const METHODS: &[Method] = &[
    method("/symbolon.v1.AuthorityService/GetParameters", Access::Everywhere),
    method("/symbolon.v1.AuthorityService/GetTrustBundle", Access::Everywhere),
    method("/symbolon.v1.CardService/CreateCard", ISSUER),
    method("/symbolon.v1.CardService/GetCard", ISSUER),
    method("/symbolon.v1.CardService/ListCards", ISSUER),
    method("/symbolon.v1.CardService/SuspendCard", ISSUER),
    method("/symbolon.v1.CardService/ResumeCard", ISSUER),
    method("/symbolon.v1.CardService/RevokeCard", ISSUER),
    method("/symbolon.v1.CardService/ReplaceCard", ISSUER),
    method("/symbolon.v1.TerminalService/CreateTerminal", OPERATOR),
    method("/symbolon.v1.TerminalService/GetTerminal", OPERATOR),
    method("/symbolon.v1.TerminalService/ListTerminals", OPERATOR),
    method("/symbolon.v1.TerminalService/RetireTerminal", OPERATOR),
    method("/symbolon.v1.EnrolmentService/BeginEnrolment", Access::Public),
    method("/symbolon.v1.EnrolmentService/CompleteEnrolment", Access::Public),
    method("/symbolon.v1.EnrolmentService/BeginRenewal", Access::Public),
    method("/symbolon.v1.EnrolmentService/CompleteRenewal", Access::Public),
    method("/symbolon.v1.ExchangeService/Upload", Access::Public),
    method("/symbolon.v1.ExchangeService/GetUpload", SETTLEMENT),
    method("/symbolon.v1.ExchangeService/ListUploads", SETTLEMENT),
    method("/symbolon.v1.ExchangeService/ListRecords", SETTLEMENT),
    method("/symbolon.v1.ExchangeService/GetMisuseProof", MISUSE),
    method("/symbolon.v1.ExchangeService/ListMisuseProofs", MISUSE),
    method("/symbolon.v1.LedgerService/GetAccount", EVERY_CLIENT),
    method("/symbolon.v1.LedgerService/ListAccounts", EVERY_CLIENT),
    method("/symbolon.v1.LedgerService/ListEntries", EVERY_CLIENT),
    method("/symbolon.v1.LedgerService/TopUpAccount", ISSUER),
    method("/symbolon.v1.LedgerService/CheckLedger", LEDGER_CHECK),
    method("/grpc.health.v1.Health/Check", Access::Everywhere),
    method("/grpc.health.v1.Health/Watch", Access::Everywhere),
    method("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EVERY_CLIENT),
    method("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", EVERY_CLIENT),
];

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No such method is in the table.
    UnknownMethod,
    /// The method is not for this listener.
    WrongListener,
    /// The connection has no client certificate.
    NoClient,
    /// The client's role is not among these.
    RoleRequired(&'static [Role]),
}

/// The method of a path, for a caller that may call it.
pub(crate) fn admit(path: &str, domain: Domain, client: Option<&Client>) -> Result<&'static Method, Denied> {
    let method = METHODS.iter().find(|method| method.path == path).ok_or(Denied::UnknownMethod)?;
    match (method.access, domain, client) {
        (Access::Public | Access::Everywhere, Domain::Public, _) | (Access::Everywhere, Domain::Private, Some(_)) => {
            Ok(method)
        }
        (Access::Private(_), Domain::Public, _) | (Access::Public, Domain::Private, _) => Err(Denied::WrongListener),
        (Access::Private(_) | Access::Everywhere, Domain::Private, None) => Err(Denied::NoClient),
        (Access::Private(roles), Domain::Private, Some(client)) if roles.contains(&client.role()) => Ok(method),
        (Access::Private(roles), Domain::Private, Some(_)) => Err(Denied::RoleRequired(roles)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use prost_types::FileDescriptorSet;
    use std::collections::BTreeSet;
    use symbolon_ccks::Name;

    /// The paths of every method that some encoded descriptor set declares.
    fn declared(descriptors: &[u8]) -> Vec<String> {
        let set = FileDescriptorSet::decode(descriptors).unwrap();
        let mut paths = Vec::new();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    paths.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
        paths
    }

    #[test]
    fn every_method_that_is_served_is_in_the_table_once_and_nothing_else_is() {
        let served: BTreeSet<String> = [
            symbolon_api::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]
        .into_iter()
        .flat_map(declared)
        .collect();
        let table: BTreeSet<String> = METHODS.iter().map(|method| method.path.to_owned()).collect();
        assert_eq!(served, table);
        assert_eq!(table.len(), METHODS.len(), "a method is in the table twice");
    }

    #[test]
    fn what_is_not_in_the_table_is_denied() {
        let client = Client::new(Role::Administrator, Name::parse("a").unwrap());
        for path in [
            "",
            "/",
            "/symbolon.v1.CardService/",
            "/symbolon.v1.CardService/GetCard/",
            "/symbolon.v1.cardservice/getcard",
        ] {
            for domain in Domain::ALL {
                assert_eq!(admit(path, domain, Some(&client)), Err(Denied::UnknownMethod));
            }
        }
    }

    #[test]
    fn without_a_certificate_the_private_listener_admits_nothing() {
        for method in METHODS {
            assert!(admit(method.path, Domain::Private, None).is_err(), "{}", method.path);
        }
    }

    #[test]
    fn a_certificate_opens_nothing_more_on_the_public_listener() {
        for role in Role::ALL {
            let client = Client::new(role, Name::parse("a").unwrap());
            for method in METHODS {
                let with = admit(method.path, Domain::Public, Some(&client));
                assert_eq!(with, admit(method.path, Domain::Public, None));
                assert_eq!(with.is_ok(), !matches!(method.access, Access::Private(_)), "{}", method.path);
            }
        }
    }
}

//! Who may call what: the one table. What is not in it is denied.

use crate::{
    Caller, Role,
    links::ServiceRole::{self, Attester, Clearing, Exchange, Issuer, LinkageA, LinkageB},
    pki::Domain,
};

/// From where, and by whom, a method may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// On the public listener; the method authenticates its caller itself, where it needs to.
    Public,
    /// On the private listener by clients of these roles.
    Private(&'static [Role]),
    /// On the public listener, and on the private one by every client.
    Everywhere,
    /// On the private listener by these roles of the service, and by no client.
    Roles(&'static [ServiceRole]),
}

/// A method and who may call it.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    path: &'static str,
    served_by: &'static [ServiceRole],
    access: Access,
}

impl Method {
    /// The path of its requests: `/package.Service/Method`.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The roles of the service that answer it; where none of them runs it is not served.
    pub const fn served_by(&self) -> &'static [ServiceRole] {
        self.served_by
    }

    /// From where and by whom it may be called.
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Whether it is one of the service's own, rather than health or reflection.
    pub(crate) fn is_own(&self) -> bool {
        self.path.starts_with("/symbolon.")
    }

    /// Whether it is served where these roles run.
    pub(crate) fn is_served_by(&self, roles: &[ServiceRole]) -> bool {
        self.served_by.iter().any(|role| roles.contains(role))
    }
}

const ISSUER: Access = Access::Private(&[Role::Issuer]);
const OPERATOR: Access = Access::Private(&[Role::Operator]);
const SETTLEMENT: Access = Access::Private(&[Role::Operator, Role::Auditor]);
const MISUSE: Access = Access::Private(&[Role::Issuer, Role::Operator, Role::Auditor]);
const ACCOUNTS: Access = Access::Private(&[Role::Issuer, Role::Operator, Role::Auditor, Role::Administrator]);
const LEDGER_CHECK: Access = Access::Private(&[Role::Auditor, Role::Administrator]);
const REPORTS: Access = Access::Private(&[Role::Operator, Role::Auditor, Role::Administrator]);
const NETTING: Access = Access::Private(&[Role::ClearingOfficer, Role::Auditor, Role::Administrator]);
const OFFICERS: Access = Access::Private(&[Role::AttesterOfficer, Role::ClearingOfficer]);
const ATTESTER_OFFICER: Access = Access::Private(&[Role::AttesterOfficer]);
const TRACES: Access = Access::Private(&[Role::AttesterOfficer, Role::ClearingOfficer, Role::Auditor]);
const EVERY_CLIENT: Access = Access::Private(&Role::ALL);
const BY_ATTESTER: Access = Access::Roles(&[Attester]);
const BY_ISSUER: Access = Access::Roles(&[Issuer]);
const BY_EXCHANGE: Access = Access::Roles(&[Exchange]);

const ATTESTER: &[ServiceRole] = &[Attester];
const ISSUING: &[ServiceRole] = &[Issuer];
const LINKAGE: &[ServiceRole] = &[LinkageA, LinkageB];
const CLEARING: &[ServiceRole] = &[Clearing];
const EXCHANGE: &[ServiceRole] = &[Exchange];
const TRACING: &[ServiceRole] = &[Attester, Clearing];
const EVERY_ROLE: &[ServiceRole] = &ServiceRole::ALL;

const fn method(path: &'static str, served_by: &'static [ServiceRole], access: Access) -> Method {
    Method { path, served_by, access }
}

/// The table.
pub const METHODS: &[Method] = &[
    method("/symbolon.v1.AuthorityService/GetParameters", &[Attester, Exchange], Access::Everywhere),
    method("/symbolon.v1.AuthorityService/GetTrustBundle", ATTESTER, Access::Everywhere),
    method("/symbolon.v1.CardService/CreateCard", ATTESTER, ISSUER),
    method("/symbolon.v1.CardService/GetCard", ATTESTER, ISSUER),
    method("/symbolon.v1.CardService/ListCards", ATTESTER, ISSUER),
    method("/symbolon.v1.CardService/SuspendCard", ATTESTER, ISSUER),
    method("/symbolon.v1.CardService/ResumeCard", ATTESTER, ISSUER),
    method("/symbolon.v1.CardService/RevokeCard", ATTESTER, ISSUER),
    method("/symbolon.v1.CardService/ReplaceCard", ATTESTER, ISSUER),
    method("/symbolon.v1.TerminalService/CreateTerminal", ATTESTER, OPERATOR),
    method("/symbolon.v1.TerminalService/GetTerminal", ATTESTER, OPERATOR),
    method("/symbolon.v1.TerminalService/ListTerminals", ATTESTER, OPERATOR),
    method("/symbolon.v1.TerminalService/RetireTerminal", ATTESTER, OPERATOR),
    method("/symbolon.v1.EnrolmentService/BeginEnrolment", ATTESTER, Access::Public),
    method("/symbolon.v1.EnrolmentService/CompleteEnrolment", ATTESTER, Access::Public),
    method("/symbolon.v1.EnrolmentService/BeginRenewal", ATTESTER, Access::Public),
    method("/symbolon.v1.EnrolmentService/CompleteRenewal", ATTESTER, Access::Public),
    method("/symbolon.v1.PseudonymService/GetIssuance", ATTESTER, Access::Public),
    method("/symbolon.v1.PseudonymService/GetChallenge", ATTESTER, Access::Public),
    method("/symbolon.v1.PseudonymService/RequestPseudonyms", ATTESTER, Access::Public),
    method("/symbolon.v1.PseudonymService/GetPrivacy", ATTESTER, Access::Public),
    method("/symbolon.v1.PseudonymService/ExportHoldings", ATTESTER, Access::Public),
    method("/symbolon.v1.VoucherService/ListVoucherPrices", ATTESTER, Access::Public),
    method("/symbolon.v1.VoucherService/BuyVoucher", ATTESTER, Access::Public),
    method("/symbolon.v1.VoucherService/ListVouchers", ATTESTER, Access::Public),
    method("/symbolon.v1.TraceService/ApproveTrace", TRACING, OFFICERS),
    method("/symbolon.v1.TraceService/OpenTrace", ATTESTER, ATTESTER_OFFICER),
    method("/symbolon.v1.TraceService/ListTraces", TRACING, TRACES),
    method("/symbolon.v1.ExchangeService/Upload", EXCHANGE, Access::Public),
    method("/symbolon.v1.ExchangeService/GetUpload", EXCHANGE, SETTLEMENT),
    method("/symbolon.v1.ExchangeService/ListUploads", EXCHANGE, SETTLEMENT),
    method("/symbolon.v1.ExchangeService/ListRecords", EXCHANGE, SETTLEMENT),
    method("/symbolon.v1.ExchangeService/GetMisuseProof", EXCHANGE, MISUSE),
    method("/symbolon.v1.ExchangeService/ListMisuseProofs", EXCHANGE, MISUSE),
    method("/symbolon.v1.ExchangeService/CollectRecords", EXCHANGE, OPERATOR),
    method("/symbolon.v1.ExchangeService/AuthoriseRefund", EXCHANGE, OPERATOR),
    method("/symbolon.v1.ExchangeService/VoidJourney", EXCHANGE, OPERATOR),
    method("/symbolon.v1.LedgerService/GetAccount", CLEARING, ACCOUNTS),
    method("/symbolon.v1.LedgerService/ListAccounts", CLEARING, ACCOUNTS),
    method("/symbolon.v1.LedgerService/ListEntries", CLEARING, ACCOUNTS),
    method("/symbolon.v1.LedgerService/TopUpAccount", CLEARING, ISSUER),
    method("/symbolon.v1.LedgerService/CheckLedger", CLEARING, LEDGER_CHECK),
    method("/symbolon.v1.LedgerService/GetSettlementReport", CLEARING, REPORTS),
    method("/symbolon.v1.LedgerService/GetNetting", CLEARING, NETTING),
    method("/symbolon.roles.v1.LinkageService/GiveValues", LINKAGE, BY_ATTESTER),
    method("/symbolon.roles.v1.LinkageService/RevealSeed", LINKAGE, BY_ATTESTER),
    method("/symbolon.roles.v1.LinkageService/GetLinkageHolding", LINKAGE, BY_ATTESTER),
    method("/symbolon.roles.v1.IssuerService/IssuePseudonyms", ISSUING, BY_ATTESTER),
    method("/symbolon.roles.v1.IssuerService/GetArchivedPseudonym", ISSUING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/OpenAccount", CLEARING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/CheckAccount", CLEARING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/Reserve", CLEARING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/Release", CLEARING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/PayVoucher", CLEARING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/OpenSubject", CLEARING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/ExportAccount", CLEARING, BY_ATTESTER),
    method("/symbolon.roles.v1.ClearingService/Bind", CLEARING, BY_ISSUER),
    method("/symbolon.roles.v1.ClearingService/Post", CLEARING, BY_EXCHANGE),
    method("/symbolon.roles.v1.RegistryService/GetCredentials", ATTESTER, BY_EXCHANGE),
    method("/symbolon.roles.v1.RegistryService/SuspendMisusedCard", ATTESTER, BY_EXCHANGE),
    method("/symbolon.roles.v1.RegistryService/GetIssuedLine", ATTESTER, BY_EXCHANGE),
    method("/symbolon.roles.v1.RegistryService/ListPublishedSeeds", ATTESTER, BY_EXCHANGE),
    method("/symbolon.roles.v1.RegistryService/ReportDeliveries", ATTESTER, BY_EXCHANGE),
    method("/symbolon.roles.v1.ExchangeRoleService/RegisterPseudonyms", EXCHANGE, BY_ISSUER),
    method("/grpc.health.v1.Health/Check", EVERY_ROLE, Access::Everywhere),
    method("/grpc.health.v1.Health/Watch", EVERY_ROLE, Access::Everywhere),
    method("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EVERY_ROLE, EVERY_CLIENT),
    method("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", EVERY_ROLE, EVERY_CLIENT),
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
    /// The method is for these roles of the service alone.
    ServiceRoleRequired(&'static [ServiceRole]),
    /// None of the roles that answer the method runs in this process.
    ServedElsewhere(&'static [ServiceRole]),
}

/// The method of a path, for a caller that may call it, where these roles run.
pub(crate) fn admit(
    path: &str,
    domain: Domain,
    caller: Option<&Caller>,
    here: &[ServiceRole],
) -> Result<&'static Method, Denied> {
    let method = METHODS.iter().find(|method| method.path == path).ok_or(Denied::UnknownMethod)?;
    allow(method.access, domain, caller)?;
    if method.is_served_by(here) { Ok(method) } else { Err(Denied::ServedElsewhere(method.served_by)) }
}

fn allow(access: Access, domain: Domain, caller: Option<&Caller>) -> Result<(), Denied> {
    match (access, domain, caller) {
        (Access::Public | Access::Everywhere, Domain::Public, _) => Ok(()),
        (Access::Private(_) | Access::Roles(_), Domain::Public, _) | (Access::Public, Domain::Private, _) => {
            Err(Denied::WrongListener)
        }
        (_, Domain::Private, None) => Err(Denied::NoClient),
        (Access::Everywhere, Domain::Private, Some(Caller::Client(_))) => Ok(()),
        (Access::Private(roles), Domain::Private, Some(Caller::Client(client))) if roles.contains(&client.role()) => {
            Ok(())
        }
        (Access::Roles(roles), Domain::Private, Some(Caller::Service(role))) if roles.contains(role) => Ok(()),
        (Access::Private(roles), Domain::Private, Some(_)) => Err(Denied::RoleRequired(roles)),
        (Access::Everywhere, Domain::Private, Some(Caller::Service(_))) => Err(Denied::RoleRequired(&Role::ALL)),
        (Access::Roles(roles), Domain::Private, Some(_)) => Err(Denied::ServiceRoleRequired(roles)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;
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

    fn client(role: Role) -> Caller {
        Caller::Client(Client::new(role, Name::parse("a").unwrap()))
    }

    /// Every caller that the private listener can have.
    fn callers() -> Vec<Caller> {
        Role::ALL.into_iter().map(client).chain(ServiceRole::ALL.map(Caller::Service)).collect()
    }

    #[test]
    fn what_is_not_in_the_table_is_denied() {
        for path in [
            "",
            "/",
            "/symbolon.v1.CardService/",
            "/symbolon.v1.CardService/GetCard/",
            "/symbolon.v1.cardservice/getcard",
            "/symbolon.roles.v1.ClearingService/Open",
        ] {
            for (domain, caller) in
                Domain::ALL.into_iter().flat_map(|domain| callers().into_iter().map(move |c| (domain, c)))
            {
                assert_eq!(admit(path, domain, Some(&caller), &ServiceRole::ALL), Err(Denied::UnknownMethod));
            }
        }
    }

    #[test]
    fn without_a_certificate_the_private_listener_admits_nothing() {
        for method in METHODS {
            assert!(admit(method.path, Domain::Private, None, &ServiceRole::ALL).is_err(), "{}", method.path);
        }
    }

    #[test]
    fn a_certificate_opens_nothing_more_on_the_public_listener() {
        for (caller, method) in callers().iter().flat_map(|caller| METHODS.iter().map(move |method| (caller, method))) {
            let with = admit(method.path, Domain::Public, Some(caller), &ServiceRole::ALL);
            assert_eq!(with, admit(method.path, Domain::Public, None, &ServiceRole::ALL));
            let open = matches!(method.access, Access::Public | Access::Everywhere);
            assert_eq!(with.is_ok(), open, "{}", method.path);
        }
    }

    #[test]
    fn what_roles_ask_of_each_other_no_client_may() {
        for method in METHODS {
            let internal = method.path.starts_with("/symbolon.roles.v1.");
            assert_eq!(matches!(method.access, Access::Roles(_)), internal, "{}", method.path);
            for caller in callers() {
                let admitted = admit(method.path, Domain::Private, Some(&caller), &ServiceRole::ALL).is_ok();
                let is_role = matches!(caller, Caller::Service(_));
                assert!(!admitted || is_role == internal, "{} by {caller}", method.path);
            }
        }
    }

    #[test]
    fn a_role_asks_only_those_that_it_has_a_link_to() {
        for from in ServiceRole::ALL {
            let asked = METHODS.iter().filter(|method| {
                admit(method.path, Domain::Private, Some(&Caller::Service(from)), &ServiceRole::ALL).is_ok()
            });
            let asked: BTreeSet<_> = asked.flat_map(|method| method.served_by).copied().collect();
            assert_eq!(asked, from.asks().iter().copied().collect(), "{from}");
        }
    }

    #[test]
    fn a_process_serves_the_methods_of_its_roles_alone() {
        for (here, method) in ServiceRole::ALL.into_iter().flat_map(|here| METHODS.iter().map(move |m| (here, m))) {
            let served = [None].into_iter().chain(callers().into_iter().map(Some)).any(|caller| {
                Domain::ALL.iter().any(|domain| admit(method.path, *domain, caller.as_ref(), &[here]).is_ok())
            });
            assert_eq!(served, method.served_by.contains(&here), "{} at {here}", method.path);
        }
    }
}

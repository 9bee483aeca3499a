//! Bad input at every role boundary: a clear error that names the field, and nothing changed.

use crate::{
    asking,
    city::{City, reason_of},
    pseudonyms::at_once,
};
use std::collections::BTreeMap;
use symbolon_api::{
    roles::{
        self, clearing_service_client::ClearingServiceClient, exchange_role_service_client::ExchangeRoleServiceClient,
        issuer_service_client::IssuerServiceClient, linkage_service_client::LinkageServiceClient, party,
        registry_service_client::RegistryServiceClient,
    },
    v1::{self, trace_service_client::TraceServiceClient},
};
use symbolon_service::{Role, links::ServiceRole};
use tonic::{Code, Response, Status, transport::Channel};
use tonic_types::StatusExt;

/// Beyond the times that can be written.
const NO_PERIOD: u32 = u32::MAX;

/// How many rows every table of every role has.
fn rows(city: &City) -> BTreeMap<(ServiceRole, String), u64> {
    let mut rows = BTreeMap::new();
    for role in ServiceRole::ALL {
        let path = city.config.data_directory.join(format!("{role}.db"));
        let database = rusqlite::Connection::open(path).unwrap();
        let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(|name| name.unwrap()).collect();
        for table in tables {
            let count = database.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap();
            rows.insert((role, table), count);
        }
    }
    rows
}

fn refuses<T: std::fmt::Debug>(answer: Result<Response<T>, Status>, field: &str) {
    let status = answer.expect_err(field);
    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"), "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, field);
}

fn bytes(length: usize) -> Vec<u8> {
    vec![2; length]
}

async fn linkage(channel: Channel) {
    let mut service = LinkageServiceClient::new(channel);
    let sound = roles::GiveValuesRequest {
        handle: bytes(16),
        period: 20_000,
        first: 0,
        commitments: vec![bytes(32)],
        authority: 65,
    };
    for (field, request) in [
        ("authority", roles::GiveValuesRequest { authority: 0, ..sound.clone() }),
        ("authority", roles::GiveValuesRequest { authority: 67, ..sound.clone() }),
        ("handle", roles::GiveValuesRequest { handle: bytes(15), ..sound.clone() }),
        ("period", roles::GiveValuesRequest { period: NO_PERIOD, ..sound.clone() }),
        ("commitments", roles::GiveValuesRequest { commitments: vec![bytes(33)], ..sound.clone() }),
        ("commitments", roles::GiveValuesRequest { commitments: vec![bytes(32); 257], ..sound.clone() }),
    ] {
        refuses(service.give_values(request).await, field);
    }
    let sound = roles::RevealSeedRequest { handle: bytes(16), period: 20_000, authority: 66 };
    for (field, request) in [
        ("handle", roles::RevealSeedRequest { handle: Vec::new(), ..sound.clone() }),
        ("period", roles::RevealSeedRequest { period: NO_PERIOD, ..sound.clone() }),
        ("authority", roles::RevealSeedRequest { authority: 1, ..sound }),
    ] {
        refuses(service.reveal_seed(request).await, field);
    }
    let request = roles::GetLinkageHoldingRequest { handle: bytes(17), authority: 65 };
    refuses(service.get_linkage_holding(request).await, "handle");
}

async fn issuer(channel: Channel) {
    let mut service = IssuerServiceClient::new(channel);
    let sound = roles::IssueItem {
        challenge: bytes(32),
        commitment: bytes(32),
        period: 20_000,
        profile: 1,
        sealed: bytes(202),
        value_a: bytes(44),
        value_b: bytes(44),
        tag: bytes(44),
    };
    for (field, item) in [
        ("items.challenge", roles::IssueItem { challenge: bytes(31), ..sound.clone() }),
        ("items.commitment", roles::IssueItem { commitment: bytes(33), ..sound.clone() }),
        ("items.period", roles::IssueItem { period: NO_PERIOD, ..sound.clone() }),
        ("items.profile", roles::IssueItem { profile: 256, ..sound.clone() }),
        ("items.sealed", roles::IssueItem { sealed: bytes(201), ..sound.clone() }),
        ("items.value_a", roles::IssueItem { value_a: bytes(45), ..sound.clone() }),
        ("items.value_b", roles::IssueItem { value_b: Vec::new(), ..sound.clone() }),
        ("items.tag", roles::IssueItem { tag: bytes(43), ..sound.clone() }),
    ] {
        // A sound item beside it is not issued either.
        let request = roles::IssuePseudonymsRequest { items: vec![sound.clone(), item] };
        refuses(service.issue_pseudonyms(request).await, field);
    }
    let request = roles::IssuePseudonymsRequest { items: vec![sound; 4_097] };
    refuses(service.issue_pseudonyms(request).await, "items");
    let sound =
        roles::GetArchivedPseudonymRequest { subject: bytes(16), case_number: "1".to_owned(), token: bytes(32) };
    for (field, request) in [
        ("subject", roles::GetArchivedPseudonymRequest { subject: bytes(17), ..sound.clone() }),
        ("token", roles::GetArchivedPseudonymRequest { token: bytes(31), ..sound }),
    ] {
        refuses(service.get_archived_pseudonym(request).await, field);
    }
}

async fn clearing_for_the_attester(channel: Channel) {
    let mut service = ClearingServiceClient::new(channel);
    let sound = roles::OpenAccountRequest { account: bytes(16), issuer: "bank".to_owned(), currency: 156 };
    for (field, request) in [
        ("account", roles::OpenAccountRequest { account: bytes(15), ..sound.clone() }),
        ("issuer", roles::OpenAccountRequest { issuer: "The Bank".to_owned(), ..sound.clone() }),
        ("currency", roles::OpenAccountRequest { currency: 1_000, ..sound }),
    ] {
        let check = roles::CheckAccountRequest {
            account: request.account.clone(),
            issuer: request.issuer.clone(),
            currency: request.currency,
        };
        refuses(service.open_account(request).await, field);
        refuses(service.check_account(check).await, field);
    }
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let sound = roles::ReserveRequest {
        id: bytes(16),
        account: bytes(16),
        period: 20_000,
        count: 1,
        budget: 1,
        line: 0,
        currency: 156,
        until_time: time(1_900_000_000),
    };
    for (field, request) in [
        ("id", roles::ReserveRequest { id: bytes(15), ..sound.clone() }),
        ("account", roles::ReserveRequest { account: bytes(17), ..sound.clone() }),
        ("period", roles::ReserveRequest { period: NO_PERIOD, ..sound.clone() }),
        ("count", roles::ReserveRequest { count: 0, ..sound.clone() }),
        ("count", roles::ReserveRequest { count: 65_536, ..sound.clone() }),
        ("currency", roles::ReserveRequest { currency: 0, ..sound.clone() }),
        ("until_time", roles::ReserveRequest { until_time: None, ..sound.clone() }),
        ("until_time", roles::ReserveRequest { until_time: time(-1), ..sound }),
    ] {
        refuses(service.reserve(request).await, field);
    }
    refuses(service.release(roles::ReleaseRequest { id: bytes(16), count: 0 }).await, "count");
    refuses(service.release(roles::ReleaseRequest { id: bytes(1), count: 1 }).await, "id");
    let request = roles::OpenSubjectRequest { case_number: "1".to_owned(), subject: bytes(15) };
    refuses(service.open_subject(request).await, "subject");
    let sound = roles::ExportAccountRequest { account: bytes(16), holder_key: bytes(32) };
    let request = roles::ExportAccountRequest { account: Vec::new(), ..sound.clone() };
    refuses(service.export_account(request).await, "account");
    refuses(service.export_account(roles::ExportAccountRequest { holder_key: bytes(33), ..sound }).await, "holder_key");
    let sound = roles::PayVoucherRequest {
        sale: bytes(16),
        movement: roles::VoucherMovement::Sold.into(),
        account: bytes(16),
        operator: "grid".to_owned(),
        currency: 156,
        amount: 1,
        line: 0,
    };
    for (field, request) in [
        ("sale", roles::PayVoucherRequest { sale: bytes(15), ..sound.clone() }),
        ("movement", roles::PayVoucherRequest { movement: 0, ..sound.clone() }),
        ("movement", roles::PayVoucherRequest { movement: 4, ..sound.clone() }),
        ("account", roles::PayVoucherRequest { account: bytes(17), ..sound.clone() }),
        ("operator", roles::PayVoucherRequest { operator: String::new(), ..sound.clone() }),
        ("currency", roles::PayVoucherRequest { currency: 0, ..sound.clone() }),
        ("amount", roles::PayVoucherRequest { amount: 0, ..sound }),
    ] {
        refuses(service.pay_voucher(request).await, field);
    }
}

async fn clearing_for_the_issuer(channel: Channel) {
    let mut service = ClearingServiceClient::new(channel);
    let sound = roles::Binding { subject: bytes(16), period: 20_000, tag: bytes(44) };
    for (field, binding) in [
        ("bindings.subject", roles::Binding { subject: bytes(15), ..sound.clone() }),
        ("bindings.period", roles::Binding { period: NO_PERIOD, ..sound.clone() }),
        ("bindings.tag", roles::Binding { tag: bytes(45), ..sound.clone() }),
    ] {
        let request = roles::BindRequest { bindings: vec![sound.clone(), binding] };
        refuses(service.bind(request).await, field);
    }
    refuses(service.bind(roles::BindRequest { bindings: vec![sound; 8_193] }).await, "bindings");
}

async fn clearing_for_the_exchange(channel: Channel) {
    let mut service = ClearingServiceClient::new(channel);
    let holder = || Some(roles::Party { party: Some(party::Party::Holder(true)) });
    let metro = || Some(roles::Party { party: Some(party::Party::Operator("metro".to_owned())) });
    let moved = roles::Move { from: holder(), to: metro(), amount: 5 };
    let sound =
        roles::NamedCharge { kind: 1, tag: bytes(44), currency: 156, record: Some(1), moves: vec![moved.clone()] };
    let nobody = Some(roles::Party { party: None });
    let not_holder = Some(roles::Party { party: Some(party::Party::Holder(false)) });
    let shouted = Some(roles::Party { party: Some(party::Party::Operator("METRO".to_owned())) });
    for (field, charge) in [
        ("named.kind", roles::NamedCharge { kind: 0, ..sound.clone() }),
        ("named.kind", roles::NamedCharge { kind: 6, ..sound.clone() }),
        ("named.tag", roles::NamedCharge { tag: bytes(43), ..sound.clone() }),
        ("named.currency", roles::NamedCharge { currency: 0, ..sound.clone() }),
        (
            "named.moves.from",
            roles::NamedCharge { moves: vec![roles::Move { from: None, ..moved.clone() }], ..sound.clone() },
        ),
        (
            "named.moves.from",
            roles::NamedCharge { moves: vec![roles::Move { from: not_holder, ..moved.clone() }], ..sound.clone() },
        ),
        (
            "named.moves.to",
            roles::NamedCharge { moves: vec![roles::Move { to: nobody.clone(), ..moved.clone() }], ..sound.clone() },
        ),
        ("named.moves.to", roles::NamedCharge { moves: vec![roles::Move { to: shouted, ..moved }], ..sound.clone() }),
    ] {
        let request = roles::PostRequest { id: bytes(16), named: vec![sound.clone(), charge], netted: Vec::new() };
        refuses(service.post(request).await, field);
    }
    let subject = roles::SubjectGain { subject: bytes(16), amount: -5 };
    let sound = roles::NettedCharge {
        currency: 156,
        subjects: vec![subject],
        parties: vec![roles::PartyGain { party: metro(), amount: 5 }],
    };
    let gain = |party| vec![roles::PartyGain { party, amount: 5 }];
    for (field, charge) in [
        ("netted.currency", roles::NettedCharge { currency: 1_000, ..sound.clone() }),
        (
            "netted.subjects.subject",
            roles::NettedCharge {
                subjects: vec![roles::SubjectGain { subject: bytes(15), amount: -5 }],
                ..sound.clone()
            },
        ),
        ("netted.parties.party", roles::NettedCharge { parties: gain(nobody), ..sound.clone() }),
        ("netted.parties.party", roles::NettedCharge { parties: gain(holder()), ..sound.clone() }),
    ] {
        let request = roles::PostRequest { id: bytes(16), named: Vec::new(), netted: vec![charge] };
        refuses(service.post(request).await, field);
    }
    let request = roles::PostRequest { id: bytes(15), named: Vec::new(), netted: vec![sound] };
    refuses(service.post(request).await, "id");
}

async fn registry(channel: Channel) {
    let mut service = RegistryServiceClient::new(channel);
    let request = roles::GetCredentialsRequest { digests: vec![bytes(32), bytes(31)] };
    refuses(service.get_credentials(request).await, "digests");
    let request = roles::GetCredentialsRequest { digests: vec![bytes(32); 16_385] };
    refuses(service.get_credentials(request).await, "digests");
    let request = roles::SuspendMisusedCardRequest { digest: bytes(33) };
    refuses(service.suspend_misused_card(request).await, "digest");
    refuses(service.get_issued_line(roles::GetIssuedLineRequest { digest: Vec::new() }).await, "digest");
    let sound = roles::DeliveredVoucher { reference: bytes(16), meter: bytes(16) };
    for (field, voucher) in [
        ("vouchers.reference", roles::DeliveredVoucher { reference: bytes(15), ..sound.clone() }),
        ("vouchers.meter", roles::DeliveredVoucher { meter: bytes(17), ..sound.clone() }),
    ] {
        let request = roles::ReportDeliveriesRequest { vouchers: vec![sound.clone(), voucher] };
        refuses(service.report_deliveries(request).await, field);
    }
    let request = roles::ReportDeliveriesRequest { vouchers: vec![sound; 8_193] };
    refuses(service.report_deliveries(request).await, "vouchers");
}

async fn exchange(channel: Channel) {
    let mut service = ExchangeRoleServiceClient::new(channel);
    let sound = roles::RegisteredPseudonym { digest: bytes(32), period: 20_000 };
    for (field, pseudonym) in [
        ("pseudonyms.digest", roles::RegisteredPseudonym { digest: bytes(31), ..sound.clone() }),
        ("pseudonyms.period", roles::RegisteredPseudonym { period: NO_PERIOD, ..sound.clone() }),
    ] {
        let request = roles::RegisterPseudonymsRequest { pseudonyms: vec![sound.clone(), pseudonym] };
        refuses(service.register_pseudonyms(request).await, field);
    }
    let request = roles::RegisterPseudonymsRequest { pseudonyms: vec![sound; 8_193] };
    refuses(service.register_pseudonyms(request).await, "pseudonyms");
}

async fn wallets_and_officers(city: &City) {
    let mut service = asking::service(city).await;
    let signed = v1::SignedRequest {
        credential: bytes(89),
        time_seconds: 1,
        request_id: bytes(16),
        body: Vec::new(),
        signature: bytes(65),
    };
    let none = || None;
    refuses(service.get_challenge(v1::GetChallengeRequest { signed_request: none() }).await, "signed_request");
    refuses(service.get_privacy(v1::GetPrivacyRequest { signed_request: none() }).await, "signed_request");
    refuses(service.export_holdings(v1::ExportHoldingsRequest { signed_request: none() }).await, "signed_request");
    let request = v1::RequestPseudonymsRequest { signed_request: Some(signed) };
    refuses(service.request_pseudonyms(request).await, "signed_request.credential");

    let officer = city.private(Role::AttesterOfficer, "li").await;
    let mut service = TraceServiceClient::new(officer);
    let approve = v1::ApproveTraceRequest { case_number: "2026-1".to_owned(), subject: bytes(15) };
    refuses(service.approve_trace(approve).await, "subject");
    let open = v1::OpenTraceRequest { case_number: "2026-1".to_owned(), subject: bytes(17) };
    refuses(service.open_trace(open).await, "subject");
    let list = v1::ListTracesRequest { page_size: -1, ..v1::ListTracesRequest::default() };
    refuses(service.list_traces(list).await, "page_size");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named_and_changes_nothing() {
    let city = City::found_with(at_once).await;
    // The chores make the first bundle too; after this one there is no other for a while.
    let mut authority = v1::authority_service_client::AuthorityServiceClient::new(city.public().await);
    authority.get_trust_bundle(v1::GetTrustBundleRequest::default()).await.unwrap();
    let before = rows(&city);
    linkage(city.as_service(ServiceRole::Attester).await).await;
    issuer(city.as_service(ServiceRole::Attester).await).await;
    clearing_for_the_attester(city.as_service(ServiceRole::Attester).await).await;
    clearing_for_the_issuer(city.as_service(ServiceRole::Issuer).await).await;
    clearing_for_the_exchange(city.as_service(ServiceRole::Exchange).await).await;
    registry(city.as_service(ServiceRole::Exchange).await).await;
    exchange(city.as_service(ServiceRole::Issuer).await).await;
    wallets_and_officers(&city).await;
    assert_eq!(rows(&city), before);
}

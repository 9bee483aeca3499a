//! Uploads, what becomes of their records, and who may look at them.

use crate::city::{CURRENCY, City, reason, reason_of};
use symbolon_api::v1;
use symbolon_ccks::{P256, Signature, SigningKey};
use symbolon_service::Role;
use symbolon_tap::Acknowledgement;
use tonic::Code;

async fn holder_and_terminal(city: &mut City) -> (v1::Card, SigningKey<P256>, SigningKey<P256>) {
    let card = city.create_card("bank").await;
    let terminal = city.create_terminal("metro").await;
    let holder = city.enrol(&card.activation_code).await;
    let terminal = city.enrol(&terminal.activation_code).await;
    (card.card.unwrap(), holder, terminal)
}

fn outcomes(answer: &v1::UploadResponse) -> Vec<v1::Outcome> {
    answer.outcomes.iter().map(v1::RecordOutcome::outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_is_settled_once() {
    let mut city = City::found().await;
    let (card, holder, terminal) = holder_and_terminal(&mut city).await;
    let mut ledger = city.ledger(Role::Issuer, "bank").await;
    let top_up = v1::TopUpAccountRequest { name: card.account.clone(), amount: 500, request_id: city.request_id() };
    let topped_up = ledger.top_up_account(top_up.clone()).await.unwrap().into_inner();
    assert_eq!(topped_up, ledger.top_up_account(top_up).await.unwrap().into_inner());
    assert_eq!(topped_up.account.unwrap().balance, 500);

    let records = [city.pay(&holder, &terminal, 1, 120), city.pay(&holder, &terminal, 2, 30)];
    let upload = city.upload_of(&terminal, 1, &records);
    let next = city.upload_of(&terminal, 2, &records);
    let answers = city.send(vec![upload.clone(), upload, next]).await.unwrap();
    let settled = [v1::Outcome::Settled, v1::Outcome::Settled];
    assert_eq!((outcomes(&answers[0]).as_slice(), answers[0].repeated), (settled.as_slice(), false));
    assert_eq!((outcomes(&answers[1]).as_slice(), answers[1].repeated), (settled.as_slice(), true));
    assert_eq!(answers[0].acknowledgement, answers[1].acknowledgement);
    assert_eq!(outcomes(&answers[2]), [v1::Outcome::Duplicate, v1::Outcome::Duplicate]);

    let (message, signature) = answers[0].acknowledgement.split_at(Acknowledgement::SIZE);
    let acknowledgement = Acknowledgement::parse(message).unwrap();
    acknowledgement.verify(&city.authority, Signature::parse(signature).unwrap()).unwrap();
    assert_eq!((acknowledgement.settled(), acknowledgement.duplicate(), acknowledgement.refused()), (2, 0, 0));

    let account = ledger.get_account(v1::GetAccountRequest { name: card.account.clone() }).await.unwrap();
    assert_eq!(account.into_inner().account.unwrap().balance, 350);
    let entries = ledger.list_entries(v1::ListEntriesRequest { parent: card.account, ..Default::default() }).await;
    let entries = entries.unwrap().into_inner().entries;
    assert_eq!(entries.iter().map(|entry| entry.amount).collect::<Vec<_>>(), [500, -120, -30]);
    let mut operator = city.ledger(Role::Operator, "metro").await;
    let accounts = operator.list_accounts(v1::ListAccountsRequest::default()).await.unwrap().into_inner().accounts;
    assert_eq!(accounts.iter().map(|account| account.balance).collect::<Vec<_>>(), [150]);
    assert_eq!((accounts[0].kind(), accounts[0].owner.as_str()), (v1::AccountKind::Operator, "operators/metro"));
    assert_eq!(accounts[0].currency, CURRENCY);
    let mut auditor = city.ledger(Role::Auditor, "auditor").await;
    let check = auditor.check_ledger(v1::CheckLedgerRequest {}).await.unwrap().into_inner();
    assert!(check.balanced && check.sum == 0 && check.posting_count == 3, "{check:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_use_is_proved_to_those_whom_it_concerns() {
    let mut city = City::found().await;
    let (card, holder, terminal) = holder_and_terminal(&mut city).await;
    let records = [city.pay(&holder, &terminal, 1, 120), city.pay(&holder, &terminal, 1, 130)];
    let upload = city.upload_of(&terminal, 1, &records);
    let answers = city.send(vec![upload]).await.unwrap();
    assert_eq!(outcomes(&answers[0]), [v1::Outcome::Settled, v1::Outcome::Misuse]);
    let name = answers[0].outcomes[1].misuse_proof.clone();
    for (role, who) in [(Role::Issuer, "bank"), (Role::Operator, "metro"), (Role::Auditor, "auditor")] {
        let mut exchange = city.exchange(role, who).await;
        let get = v1::GetMisuseProofRequest { name: name.clone() };
        let proof = exchange.get_misuse_proof(get).await.unwrap().into_inner().misuse_proof.unwrap();
        assert_eq!((proof.kind(), proof.proof.len()), (v1::MisuseKind::DoubleUse, 2 * 241));
        assert_eq!((proof.card.as_str(), proof.convicted()), (card.name.as_str(), v1::Convicted::Credential));
        assert!(proof.archive.is_some());
        let listed = exchange.list_misuse_proofs(v1::ListMisuseProofsRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.misuse_proofs, [proof]);
    }
    for (role, who) in [(Role::Issuer, "other-bank"), (Role::Operator, "bus"), (Role::Operator, "bank")] {
        let mut exchange = city.exchange(role, who).await;
        assert_eq!(
            reason(exchange.get_misuse_proof(v1::GetMisuseProofRequest { name: name.clone() }).await),
            "NOT_FOUND"
        );
        let listed = exchange.list_misuse_proofs(v1::ListMisuseProofsRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.misuse_proofs, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_its_own_uploads_and_an_auditor_all() {
    let mut city = City::found().await;
    let (_, holder, terminal) = holder_and_terminal(&mut city).await;
    let records: Vec<_> = (1..=3).map(|counter| city.pay(&holder, &terminal, counter, 10)).collect();
    let upload = city.upload_of(&terminal, 9, &records);
    let name = city.send(vec![upload]).await.unwrap()[0].upload.clone();
    for (role, who) in [(Role::Operator, "metro"), (Role::Auditor, "auditor")] {
        let mut exchange = city.exchange(role, who).await;
        let upload = exchange.get_upload(v1::GetUploadRequest { name: name.clone() }).await.unwrap().into_inner();
        let upload = upload.upload.unwrap();
        assert_eq!((upload.number, upload.record_count, upload.settled_count), (9, 3, 3));
        let listed = exchange.list_uploads(v1::ListUploadsRequest::default()).await.unwrap().into_inner();
        assert_eq!(listed.uploads, [upload]);
        let mut seen = Vec::new();
        let mut request = v1::ListRecordsRequest { upload: name.clone(), page_size: 2, page_token: String::new() };
        loop {
            let page = exchange.list_records(request.clone()).await.unwrap().into_inner();
            seen.extend(page.records);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let contents: Vec<_> = seen.iter().map(|record| record.content.as_slice()).collect();
        assert_eq!(contents, records.iter().map(|record| record.as_bytes().as_slice()).collect::<Vec<_>>());
        assert!(seen.iter().all(|record| record.outcome() == v1::Outcome::Settled && record.amount == 10));
        let all = exchange.list_records(v1::ListRecordsRequest::default()).await.unwrap().into_inner();
        assert_eq!(all.records, seen);
    }
    let mut other = city.exchange(Role::Operator, "bus").await;
    assert_eq!(reason(other.get_upload(v1::GetUploadRequest { name: name.clone() }).await), "NOT_FOUND");
    let listed = other.list_uploads(v1::ListUploadsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.uploads, []);
    let request = v1::ListRecordsRequest { upload: name, ..Default::default() };
    assert_eq!(reason(other.list_records(request).await), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_upload_ends_the_stream_and_what_came_before_stays() {
    let mut city = City::found().await;
    let (_, holder, terminal) = holder_and_terminal(&mut city).await;
    let record = city.pay(&holder, &terminal, 1, 10);
    let good = city.upload_of(&terminal, 1, &[record]);
    let mut bad = city.upload_of(&terminal, 2, &[record]);
    bad[150] ^= 1;
    let refused = city.send(vec![good.clone(), bad]).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::Unauthenticated, "BAD_SIGNATURE"));
    let refused = city.send(vec![vec![1, 2, 3]]).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::InvalidArgument, "MALFORMED"));
    assert!(city.send(vec![good]).await.unwrap()[0].repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_and_an_operator_of_one_name_do_not_see_each_others_accounts() {
    let mut city = City::found().await;
    let card = city.create_card("metro").await.card.unwrap();
    let mut operator = city.ledger(Role::Operator, "metro").await;
    let get = v1::GetAccountRequest { name: card.account.clone() };
    assert_eq!(reason(operator.get_account(get).await), "NOT_FOUND");
    let list = v1::ListEntriesRequest { parent: card.account, ..Default::default() };
    assert_eq!(reason(operator.list_entries(list).await), "NOT_FOUND");
    let accounts = operator.list_accounts(v1::ListAccountsRequest::default()).await.unwrap().into_inner().accounts;
    assert_eq!(accounts, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trust_bundle_tells_what_was_revoked() {
    let mut city = City::found().await;
    let (card, holder, _) = holder_and_terminal(&mut city).await;
    let mut authority = v1::authority_service_client::AuthorityServiceClient::new(city.public().await);
    let parameters = authority.get_parameters(v1::GetParametersRequest {}).await.unwrap().into_inner();
    assert_eq!(parameters.authority_id, city.authority.id().as_bytes());
    assert_eq!((parameters.suite(), parameters.authority_name.as_str()), (v1::Suite::P256Sha256, "city"));
    let before = authority.get_trust_bundle(v1::GetTrustBundleRequest::default()).await.unwrap().into_inner();
    let revoke = v1::RevokeCardRequest { name: card.name, request_id: city.request_id() };
    city.cards("bank").await.revoke_card(revoke).await.unwrap();
    let after = authority.get_trust_bundle(v1::GetTrustBundleRequest::default()).await.unwrap().into_inner();
    assert!(after.sequence > before.sequence);
    let bundle = symbolon_tap::Bundle::parse(&after.bundle).unwrap();
    bundle.verify(&city.authority).unwrap();
    let subject = holder.credential().unwrap().identity().subject();
    let holds = |bundle: &[u8]| bundle.windows(16).any(|window| window == subject.as_bytes());
    assert!(holds(&after.bundle) && !holds(&before.bundle));
}

/// Everything that an operator is sent behind a cursor.
async fn collected(city: &City, operator: &str, cursor: &str) -> Vec<v1::CollectedRecord> {
    let request = v1::CollectRecordsRequest { cursor: cursor.to_owned(), follow: false };
    let mut exchange = city.exchange(Role::Operator, operator).await;
    let mut stream = exchange.collect_records(request).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        all.extend(message.collected_records);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_collects_over_grpc_and_goes_on_where_it_stopped() {
    let mut city = City::found().await;
    let (_, holder, terminal) = holder_and_terminal(&mut city).await;
    let records: Vec<_> = (1..=3).map(|counter| city.pay(&holder, &terminal, counter, 10)).collect();
    let first = city.upload_of(&terminal, 1, &records[..2]);
    let second = city.upload_of(&terminal, 2, &records[1..]);
    city.send(vec![first]).await.unwrap();
    let before = collected(&city, "metro", "").await;
    assert_eq!(
        before.iter().map(|one| (one.event(), one.gain)).collect::<Vec<_>>(),
        [(v1::RecordEvent::Settled, 10); 2]
    );
    // One that follows is sent what is settled while it does.
    let cursor = before[1].cursor.clone();
    let mut follower = city.exchange(Role::Operator, "metro").await;
    let request = v1::CollectRecordsRequest { cursor: cursor.clone(), follow: true };
    let mut followed = follower.collect_records(request).await.unwrap().into_inner();
    city.send(vec![second]).await.unwrap();
    let pushed = followed.message().await.unwrap().unwrap().collected_records;
    let after = collected(&city, "metro", &cursor).await;
    assert_eq!(pushed, after);
    let contents = before.iter().chain(&after).map(|one| one.record.clone().unwrap().content).collect::<Vec<_>>();
    assert_eq!(contents, records.iter().map(|record| record.as_bytes().to_vec()).collect::<Vec<_>>());
    assert_eq!(collected(&city, "metro", &after[0].cursor).await, []);
    assert_eq!(collected(&city, "bus", "").await, []);
    for wrong in ["x", "0", "6553600"] {
        let request = v1::CollectRecordsRequest { cursor: wrong.to_owned(), follow: false };
        assert_eq!(reason(follower.collect_records(request).await), "INVALID_FIELD");
    }

    // What it refunds and what it voids is another operator's to nobody, and what is no record is none.
    let purchase = before[0].record.clone().unwrap().name;
    let refund = v1::AuthoriseRefundRequest { name: purchase.clone(), purchase: purchase.clone() };
    let void = v1::VoidJourneyRequest { name: purchase };
    assert_eq!(reason(follower.authorise_refund(refund.clone()).await), "INVALID_FIELD");
    assert_eq!(reason(follower.void_journey(void.clone()).await), "INVALID_FIELD");
    let mut other = city.exchange(Role::Operator, "bus").await;
    assert_eq!(reason(other.authorise_refund(refund).await), "NOT_FOUND");
    assert_eq!(reason(other.void_journey(void).await), "NOT_FOUND");
    let nothing = v1::VoidJourneyRequest { name: "records/x".to_owned() };
    assert_eq!(reason(other.void_journey(nothing).await), "NOT_FOUND");

    // The report of the day says the same.
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let request = |operator: &str| v1::GetSettlementReportRequest {
        operator: operator.to_owned(),
        start_time: time(0),
        end_time: time(1 << 39),
    };
    let mut statements = Vec::new();
    for (role, who, operator) in
        [(Role::Operator, "metro", ""), (Role::Auditor, "auditor", ""), (Role::Auditor, "auditor", "operators/metro")]
    {
        let report = city.ledger(role, who).await.get_settlement_report(request(operator)).await.unwrap().into_inner();
        statements.extend(report.statements);
    }
    assert_eq!(statements.len(), 3);
    for statement in statements {
        let line = &statement.lines[0];
        assert_eq!((statement.opening_balance, statement.closing_balance), (0, 30));
        assert_eq!((line.kind(), line.entry_count, line.credited), (v1::PostingKind::Purchase, 3, 30));
    }
    let refused = city.ledger(Role::Operator, "bus").await.get_settlement_report(request("operators/metro")).await;
    assert_eq!(reason(refused), "NOT_FOUND");

    // So do the net positions, which are for those who see to settlement.
    let request = v1::GetNettingRequest { start_time: time(0), end_time: time(1 << 39) };
    for (role, who) in [(Role::ClearingOfficer, "officer"), (Role::Auditor, "auditor"), (Role::Administrator, "root")] {
        let answer = city.ledger(role, who).await.get_netting(request).await.unwrap().into_inner();
        let told = answer.positions.iter().map(|one| (one.kind(), one.party.as_str(), one.currency, one.net));
        let expected = [
            (v1::AccountKind::Operator, "operators/metro", 156, 30),
            (v1::AccountKind::Issuer, "issuers/bank", 156, -30),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
    for (role, who) in [(Role::Operator, "metro"), (Role::Issuer, "bank"), (Role::AttesterOfficer, "officer")] {
        let refused = city.ledger(role, who).await.get_netting(request).await;
        assert_eq!(reason(refused), "ROLE_REQUIRED");
    }
    let backwards = v1::GetNettingRequest { start_time: time(2), end_time: time(1) };
    let refused = city.ledger(Role::Auditor, "auditor").await.get_netting(backwards).await;
    assert_eq!(reason(refused), "INVALID_FIELD");
    let refused = city.ledger(Role::Auditor, "auditor").await.get_netting(v1::GetNettingRequest::default()).await;
    assert_eq!(reason(refused), "INVALID_FIELD");
}

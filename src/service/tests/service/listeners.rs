//! Connections: certificates, limits, reloading, health, metrics, stopping.

use crate::{
    admission::never_sent,
    city::{City, connect, reason, reason_of},
};
use std::{fs, net::SocketAddr};
use symbolon_api::v1;
use symbolon_ccks::Name;
use symbolon_service::{Client, Role, pki::Pki};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{
    Code,
    transport::{ClientTlsConfig, Identity},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

/// Whether a request is answered. With TLS 1.3 a client believes itself connected before its certificate was looked at.
async fn is_served(address: SocketAddr, tls: ClientTlsConfig) -> bool {
    match connect(address, tls).await {
        Ok(channel) => HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_private_listener_takes_nobody_without_a_certificate_of_its_authority() {
    let city = City::found().await;
    let address = city.running().private_address();
    assert!(!is_served(address, city.tls()).await);

    let other = Pki::at(city.folder().join("other"));
    other.initialise(&[], symbolon_service::Clock::now(&*city.clock)).unwrap();
    let client = Client::new(Role::Administrator, Name::parse("stranger").unwrap());
    let files = other.add_client(&client, symbolon_service::Clock::now(&*city.clock)).unwrap();
    let identity = Identity::from_pem(fs::read(files.certificate).unwrap(), fs::read(files.key).unwrap());
    assert!(!is_served(address, city.tls().identity(identity)).await);
    assert!(is_served(address, city.tls_of(Role::Auditor, "auditor")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_certificate_is_no_client_certificate() {
    let city = City::found().await;
    let pki = city.config.pki_directory();
    let identity =
        Identity::from_pem(fs::read(pki.join("public.crt")).unwrap(), fs::read(pki.join("public.key")).unwrap());
    assert!(!is_served(city.running().private_address(), city.tls().identity(identity)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_listeners_tell_their_health() {
    let city = City::found().await;
    for channel in [city.public().await, city.private(Role::Auditor, "auditor").await] {
        for service in ["", "symbolon.v1.CardService"] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let health = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
            assert_eq!(health.status(), ServingStatus::Serving, "{service:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_again_on_demand_and_bad_ones_change_nothing() {
    let city = City::found().await;
    let pki = city.config.pki_directory();
    let old = city.tls();
    fs::write(pki.join("public.crt"), "nothing").unwrap();
    city.running().reload_certificates().unwrap_err();
    connect(city.running().public_address().unwrap(), old.clone()).await.unwrap();

    fs::remove_dir_all(&pki).unwrap();
    city.pki().initialise(&[], symbolon_service::Clock::now(&*city.clock)).unwrap();
    connect(city.running().public_address().unwrap(), city.tls()).await.unwrap_err();
    city.running().reload_certificates().unwrap();
    connect(city.running().public_address().unwrap(), city.tls()).await.unwrap();
    connect(city.running().public_address().unwrap(), old).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_not_taken() {
    let city = City::found_with(|config| config.limits.connections = 1).await;
    let first = city.public().await;
    connect(city.running().public_address().unwrap(), city.tls()).await.unwrap_err();
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_come_ends() {
    let city = City::found_with(|config| config.limits.handshake_seconds = 1).await;
    let mut silent = TcpStream::connect(city.running().public_address().unwrap()).await.unwrap();
    // Done when the service hangs up.
    let mut byte = [0];
    let read = silent.read(&mut byte).await;
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_at_a_time_are_refused_and_the_place_is_free_again_after() {
    let mut city = City::found_with(|config| config.limits.requests = 1).await;
    let terminal = city.create_terminal("metro").await;
    let terminal = city.enrol(&terminal.activation_code).await;
    assert!(terminal.credential().is_some());
    // An open upload stream takes the one place of the public listener.
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let open = city
        .upload_exchange()
        .await
        .upload(tokio_stream::wrappers::ReceiverStream::new(receiver))
        .await
        .unwrap()
        .into_inner();
    let mut enrolment = city.enrolment().await;
    let begin = v1::BeginEnrolmentRequest { activation_code: "x".to_owned() };
    let refused = enrolment.begin_enrolment(begin.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::ResourceExhausted, "TOO_MANY_REQUESTS"));

    drop::<tokio::sync::mpsc::Sender<v1::UploadRequest>>(sender);
    let mut open = open;
    assert!(open.message().await.unwrap().is_none());
    drop(open);
    // The place is given back when the service has seen the stream end, which may be a moment later.
    loop {
        match reason(enrolment.begin_enrolment(begin.clone()).await).as_str() {
            "TOO_MANY_REQUESTS" => tokio::task::yield_now().await,
            other => return assert_eq!(other, "ACTIVATION_CODE_INVALID"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_or_none_is_refused_with_a_reason() {
    let city = City::found().await;
    let mut enrolment = city.enrolment().await;
    let activation_code = "x".repeat(city.config.limits.message_bytes + 1);
    let refused = enrolment.begin_enrolment(v1::BeginEnrolmentRequest { activation_code }).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    let refused = city.send(vec![vec![0; city.config.limits.message_bytes + 1]]).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_try_codes_without_end() {
    let city = City::found_with(|config| config.enrolment.failed_attempts_per_minute = 2).await;
    let mut enrolment = city.enrolment().await;
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let request = v1::BeginEnrolmentRequest { activation_code: "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA".to_owned() };
        reasons.push(reason(enrolment.begin_enrolment(request).await));
    }
    assert_eq!(reasons, ["ACTIVATION_CODE_INVALID", "ACTIVATION_CODE_INVALID", "TOO_MANY_ATTEMPTS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_shown_over_http() {
    let mut city = City::found().await;
    city.create_card("bank").await;
    let mut connection = TcpStream::connect(city.running().metrics_address().unwrap()).await.unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    let line = r#"symbolon_requests_total{method="/symbolon.v1.CardService/CreateCard",code="ok"} 1"#;
    assert!(text.contains(line), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_what_is_under_way_and_keeps_what_was_acknowledged() {
    let mut city = City::found().await;
    let card = city.create_card("bank").await;
    let terminal = city.create_terminal("metro").await;
    let holder = city.enrol(&card.activation_code).await;
    let terminal = city.enrol(&terminal.activation_code).await;
    let record = city.pay(&holder, &terminal, 1, 100);
    let upload = city.upload_of(&terminal, 1, &[record]);

    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let uploads = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = city.upload_exchange().await.upload(uploads).await.unwrap().into_inner();
    sender.send(v1::UploadRequest { upload: upload.clone() }).await.unwrap();
    let first = answers.message().await.unwrap().unwrap();
    let stopping = tokio::spawn(city.take_running().shutdown());
    let ended = answers.message().await.unwrap_err();
    assert_eq!((ended.code(), reason_of(&ended).as_str()), (Code::Unavailable, "STOPPING"));
    drop((answers, sender));
    stopping.await.unwrap().unwrap();

    city.start().await;
    let again = city.send(vec![upload]).await.unwrap();
    assert!(again[0].repeated);
    assert_eq!(again[0].acknowledgement, first.acknowledgement);
    let mut ledger = city.ledger(Role::Auditor, "auditor").await;
    let check = ledger.check_ledger(v1::CheckLedgerRequest {}).await.unwrap().into_inner();
    assert!(check.balanced && check.posting_count == 1, "{check:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_comes_whole_takes_too_long() {
    let city = City::found_with(|config| config.limits.request_seconds = 1).await;
    let path = "/symbolon.v1.EnrolmentService/BeginEnrolment";
    let refused = never_sent(city.public().await, path).await;
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::DeadlineExceeded, "TOOK_TOO_LONG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_private_listener_describes_its_interface() {
    let city = City::found().await;
    let channel = city.private(Role::Administrator, "keeper").await;
    let mut reflection = ServerReflectionClient::new(channel);
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = reflection.server_reflection_info(tokio_stream::once(asked)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = services.service.into_iter().map(|service| service.name).collect();
    for name in ["symbolon.v1.CardService", "symbolon.v1.LedgerService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|served| served == name), "{name} in {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_pauses_too_long_ends() {
    let city = City::found_with(|config| config.limits.upload_idle_seconds = 1).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<v1::UploadRequest>(1);
    let uploads = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = city.upload_exchange().await.upload(uploads).await.unwrap().into_inner();
    let ended = answers.message().await.unwrap_err();
    assert_eq!((ended.code(), reason_of(&ended).as_str()), (Code::DeadlineExceeded, "PAUSED_TOO_LONG"));
    drop(sender);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_named() {
    let mut city = City::found().await;
    let taken = city.running().public_address().unwrap();
    let mut config = city.config.clone();
    config.public.address = taken;
    let problem = city.try_start_beside(&config).await;
    assert!(problem.contains(&taken.to_string()) && problem.contains("public.address"), "{problem}");
    city.stop().await;
}

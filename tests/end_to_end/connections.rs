//! Who may connect: TLS with the right certificates, and nothing else.

use crate::{
    city::City,
    holder,
    office::{Town, reason},
    service::{Service, connect},
    within_patience,
};
use symbolon_api::v1::{
    BeginEnrolmentRequest, GetParametersRequest, ListCardsRequest, authority_service_client::AuthorityServiceClient,
    card_service_client::CardServiceClient, enrolment_service_client::EnrolmentServiceClient,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::{Code, transport::Endpoint};

#[tokio::test(flavor = "multi_thread")]
async fn only_certificates_of_the_city_itself_are_believed() {
    let (city, other) = (City::found(), City::found());
    let bank = city.add_client("issuer", "bank");
    let stranger = other.add_client("issuer", "bank");
    let service = Service::start(&city).await;

    for address in [service.public_address(), service.private_address()] {
        let wrong = connect(address, &other.certificate_authority(), Some(&bank)).await;
        assert!(wrong.is_err(), "a client believes another city's authority");
    }
    // With TLS 1.3 a refused client certificate shows only when the connection is used.
    for (client, why) in [(Some(&stranger), "another city's certificate"), (None, "no certificate")] {
        let listed = match connect(service.private_address(), &bank.authority, client).await {
            Ok(channel) => {
                CardServiceClient::new(channel).list_cards(ListCardsRequest::default()).await.map_err(|_| ())
            }
            Err(_) => Err(()),
        };
        assert!(listed.is_err(), "{why} was let in");
    }
    let own = service.private(&bank).await;
    CardServiceClient::new(own).list_cards(ListCardsRequest::default()).await.unwrap();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_is_refused() {
    let town = Town::start(|_| ()).await;
    for address in [town.service.public_address(), town.service.private_address()] {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let asked = async {
            let mut service = AuthorityServiceClient::new(endpoint.connect().await.map_err(|_| ())?);
            service.get_parameters(GetParametersRequest {}).await.map_err(|_| ())
        };
        assert!(within_patience("plaintext is refused", asked).await.is_err());

        let mut raw = tokio::net::TcpStream::connect(address).await.unwrap();
        raw.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // Whether it ends by a reset or in order, there is no HTTP in what came.
        let _ = within_patience("the connection is closed", raw.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    town.service.stop().await;
}

/// The two listeners are two security domains: a method of one is refused on the other, whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn each_listener_has_its_own_methods() {
    let town = Town::start(|_| ()).await;
    let mut cards = CardServiceClient::new(town.public.clone());
    let status = cards.list_cards(ListCardsRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "WRONG_LISTENER"));

    // An office's certificate opens nothing on the public listener either.
    let bank = town.city.add_client("issuer", "bank-2");
    let channel = connect(town.service.public_address(), &bank.authority, Some(&bank)).await.unwrap();
    let status = CardServiceClient::new(channel).list_cards(ListCardsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&status), "WRONG_LISTENER");

    let mut enrolment = EnrolmentServiceClient::new(town.bank.clone());
    let request = BeginEnrolmentRequest { activation_code: "x".to_owned() };
    let status = enrolment.begin_enrolment(request).await.unwrap_err();
    assert_eq!(reason(&status), "WRONG_LISTENER");
    town.service.stop().await;
}

/// What the service logged through creating, enrolling and paying names no card, and holds no activation code.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_secret_and_no_card_number() {
    let mut random = holder::random(31);
    let town = Town::start(|city| city.configure("log", "filter", "trace")).await;
    let made = crate::office::create_card(&town.bank, &mut random).await;
    let code = made.activation_code;
    let mut card = holder::Holder::enrol(&town.public, &town.authority, &code, &mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let record = card.pay(&gate, symbolon_ccks::Sector::Transport, 5, &mut random);
    holder::settle(&town.public, gate.upload(&[record], &mut random)).await;
    let city = town.city;
    town.service.stop().await;

    let log = std::fs::read_to_string(city.log_file()).unwrap().to_lowercase();
    assert!(log.contains("/symbolon.v1.exchangeservice/upload"), "the log tells of requests");
    let number = made.card.unwrap().name.replace("cards/", "");
    let plain_code = code.replace('-', "");
    for secret in [&number, &code, &plain_code] {
        assert!(!log.contains(&secret.to_lowercase()), "the log holds {secret}");
    }
}

//! Callers that are slow, many or silent.

use crate::{
    holder::exchange,
    office::{Town, reason},
    within_patience,
};
use std::{io, time::Duration};
use symbolon_api::v1::{
    GetParametersRequest, GetParametersResponse, ListCardsRequest, UploadRequest,
    authority_service_client::AuthorityServiceClient, card_service_client::CardServiceClient,
};
use tokio::{io::AsyncReadExt, net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_stream_that_pauses_too_long_is_ended() {
    let town = Town::start(|city| city.configure("limits", "upload_idle_seconds", 1)).await;
    let silent = tokio_stream::pending::<UploadRequest>();
    let ended = within_patience("the stream is ended", async {
        exchange(&town.public).upload(silent).await?.into_inner().message().await
    });
    let status = ended.await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "PAUSED_TOO_LONG"));
    town.service.stop().await;
}

/// The headers of a request come, its message never does.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_comes_to_its_end_is_ended() {
    let town = Town::start(|city| city.configure("limits", "request_seconds", 1)).await;
    let mut connection = Grpc::new(town.public.clone());
    connection.ready().await.unwrap();
    let silent = tokio_stream::pending::<GetParametersRequest>();
    let method = PathAndQuery::from_static("/symbolon.v1.AuthorityService/GetParameters");
    let codec = ProstCodec::<GetParametersRequest, GetParametersResponse>::default();
    let answered = connection.client_streaming(tonic::Request::new(silent), method, codec);
    let status = within_patience("the request is ended", answered).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "TOOK_TOO_LONG"));
    assert!(status.get_details_retry_info().is_some());
    town.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_handshake_is_closed() {
    let town = Town::start(|city| city.configure("limits", "handshake_seconds", 1)).await;
    for address in [town.service.public_address(), town.service.private_address()] {
        let mut silent = TcpStream::connect(address).await.unwrap();
        let ended = within_patience("the connection is closed", silent.read(&mut [0; 64])).await;
        assert!(matches!(&ended, Ok(0)) || ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset));
    }
    town.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_too_many_is_told_to_come_again() {
    let town = Town::start(|city| city.configure("limits", "requests", 1)).await;
    // An open stream takes the public listener's only place.
    let (uploads, silent) = mpsc::channel::<UploadRequest>(1);
    let mut answers = exchange(&town.public).upload(ReceiverStream::new(silent)).await.unwrap().into_inner();
    let mut service = AuthorityServiceClient::new(town.public.clone());
    let status = service.get_parameters(GetParametersRequest {}).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "TOO_MANY_REQUESTS"));
    let after = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(after > Duration::ZERO);
    let mut cards = CardServiceClient::new(town.bank.clone());
    cards.list_cards(ListCardsRequest::default()).await.expect("the private listener has places of its own");
    drop(uploads);
    assert!(within_patience("the stream ends", answers.message()).await.unwrap().is_none());
    // The place is free once the service has let go of the stream.
    let freed = async { while service.get_parameters(GetParametersRequest {}).await.is_err() {} };
    within_patience("the place is free again", freed).await;
    town.service.stop().await;
}

/// A connection above the limit is closed; those that are open go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_is_closed() {
    // The three offices' connections leave one place on the private listener.
    let town = Town::start(|city| city.configure("limits", "connections", 4)).await;
    let address = town.service.private_address();
    let fourth = TcpStream::connect(address).await.unwrap();
    let mut fifth = TcpStream::connect(address).await.unwrap();
    let ended = within_patience("the fifth is closed", fifth.read(&mut [0; 64])).await;
    assert!(matches!(&ended, Ok(0)) || ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset));
    let mut cards = CardServiceClient::new(town.bank.clone());
    cards.list_cards(ListCardsRequest::default()).await.unwrap();
    drop(fourth);
    town.service.stop().await;
}

//! Every method, every role, both listeners: exactly what the table says.

use crate::city::{City, reason_of};
use bytes::{Buf, BufMut};
use http::uri::PathAndQuery;
use symbolon_service::{Access, METHODS, Method, Role, links::ServiceRole};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// Messages as bytes: an empty one is a message of every type.
#[derive(Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// Why a method did not let the caller in; `None` when it did, whatever it then thought of the empty message.
async fn denied(channel: Channel, path: &'static str) -> Option<String> {
    const DENIALS: [&str; 6] = [
        "UNKNOWN_METHOD",
        "WRONG_LISTENER",
        "CLIENT_CERTIFICATE_REQUIRED",
        "ROLE_REQUIRED",
        "SERVICE_ROLE_REQUIRED",
        "SERVED_ELSEWHERE",
    ];
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let message = Request::new(tokio_stream::once(Vec::new()));
    let answered = client.streaming(message, PathAndQuery::from_static(path), Bytes).await;
    let status = answered.err()?;
    let reason = reason_of(&status);
    DENIALS.contains(&reason.as_str()).then_some(reason)
}

/// How a request ends whose message never comes.
pub(crate) async fn never_sent(channel: Channel, path: &'static str) -> Status {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let never = Request::new(tokio_stream::pending());
    client.streaming(never, PathAndQuery::from_static(path), Bytes).await.unwrap_err()
}

async fn is_let_in(channel: &Channel, method: &Method) -> bool {
    denied(channel.clone(), method.path()).await.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_lets_in_whom_the_table_names() {
    let city = City::found().await;
    let public = city.public().await;
    for method in METHODS {
        let allowed = matches!(method.access(), Access::Public | Access::Everywhere);
        assert_eq!(is_let_in(&public, method).await, allowed, "{} on the public listener", method.path());
    }
    for role in Role::ALL {
        let private = city.private(role, "somebody").await;
        for method in METHODS {
            let allowed = match method.access() {
                Access::Public | Access::Roles(_) => false,
                Access::Private(roles) => roles.contains(&role),
                Access::Everywhere => true,
            };
            assert_eq!(is_let_in(&private, method).await, allowed, "{} for {role}", method.path());
        }
    }
    for role in ServiceRole::ALL {
        let private = city.as_service(role).await;
        for method in METHODS {
            let allowed = matches!(method.access(), Access::Roles(roles) if roles.contains(&role));
            assert_eq!(is_let_in(&private, method).await, allowed, "{} for the {role}", method.path());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_which_kind_it_is() {
    let city = City::found().await;
    let public = city.public().await;
    let operator = city.private(Role::Operator, "metro").await;
    let denial = async |channel: &Channel, path| denied(channel.clone(), path).await.unwrap();
    assert_eq!(denial(&public, "/symbolon.v1.CardService/GetCard").await, "WRONG_LISTENER");
    assert_eq!(denial(&operator, "/symbolon.v1.EnrolmentService/BeginEnrolment").await, "WRONG_LISTENER");
    assert_eq!(denial(&operator, "/symbolon.v1.CardService/GetCard").await, "ROLE_REQUIRED");
    assert_eq!(denial(&operator, "/symbolon.v1.CardService/DropAll").await, "UNKNOWN_METHOD");
    assert_eq!(denial(&operator, "/symbolon.roles.v1.ClearingService/Post").await, "SERVICE_ROLE_REQUIRED");
    let issuer = city.as_service(ServiceRole::Issuer).await;
    assert_eq!(denial(&issuer, "/symbolon.roles.v1.ClearingService/Post").await, "SERVICE_ROLE_REQUIRED");
    assert_eq!(denial(&issuer, "/symbolon.v1.CardService/GetCard").await, "ROLE_REQUIRED");
}

//! Who calls, and under which identifier.

use super::{roles::Denied, status};
use crate::{Client, Request, server::ConnectionInfo};
use prost::Message;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use symbolon_store::records::RequestKey;
use tonic::Status;

/// The client that the connection belongs to.
pub(super) fn client<T>(request: &tonic::Request<T>) -> Result<Client, Status> {
    let connection = request.extensions().get::<ConnectionInfo>();
    let client = connection.and_then(|connection| connection.caller.as_ref()?.client().cloned());
    client.ok_or_else(|| status::denied(Denied::NoClient))
}

/// The address that the connection comes from.
pub(super) fn address<T>(request: &tonic::Request<T>) -> Option<IpAddr> {
    request.extensions().get::<ConnectionInfo>().map(|connection| connection.peer.ip())
}

/// The request as the use cases tell requests apart: `asked` is the message without its identifier.
pub(super) fn identified(
    client: &Client,
    method: &'static str,
    request_id: &str,
    asked: &impl Message,
) -> Result<Request, Status> {
    let id = symbolon_api::request_id("request_id", request_id).map_err(|invalid| status::invalid_field(&invalid))?;
    let key = RequestKey { principal: client.to_uri(), method, id };
    Ok(Request { key, digest: Sha256::digest(asked.encode_to_vec()).into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use symbolon_api::v1::GetCardRequest;
    use symbolon_ccks::Name;

    #[test]
    fn another_caller_method_or_message_is_another_request() {
        let client = |role| Client::new(role, Name::parse("a").unwrap());
        let asked = |name: &str| GetCardRequest { name: name.to_owned() };
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        let request = identified(&client(Role::Issuer), "GetCard", id, &asked("x")).unwrap();
        assert_eq!(request, identified(&client(Role::Issuer), "GetCard", id, &asked("x")).unwrap());
        assert_ne!(request.key, identified(&client(Role::Operator), "GetCard", id, &asked("x")).unwrap().key);
        assert_ne!(request.key, identified(&client(Role::Issuer), "RevokeCard", id, &asked("x")).unwrap().key);
        assert_ne!(request.digest, identified(&client(Role::Issuer), "GetCard", id, &asked("y")).unwrap().digest);
        assert!(identified(&client(Role::Issuer), "GetCard", "", &asked("x")).is_err());
    }

    #[test]
    fn a_connection_that_is_nobodys_calls_as_nobody() {
        assert!(client(&tonic::Request::new(())).is_err());
    }
}

//! Where errors become gRPC statuses; nowhere else.
//!
//! Every status of the service carries a `google.rpc.ErrorInfo` of domain `symbolon` whose reason is stable and in
//! upper snake case; an invalid field also a `BadRequest` that names it, and what is worth trying again a `RetryInfo`.
//! The words are for people and may change.

use super::roles::Denied;
use crate::{Role, ServiceError, links::ServiceRole};
use std::time::Duration;
use symbolon_api::InvalidField;
use symbolon_store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every reason.
const DOMAIN: &str = "symbolon";
/// The key under which a reason names the role that it is about.
pub(super) const ROLE: &str = "role";
/// The key under which a reason names the thing that it is about.
pub(super) const THING: &str = "thing";
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(60);

fn info(reason: impl Into<String>) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, [])
}

fn about(reason: &str, key: &str, value: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, [(key.to_owned(), value.to_owned())])
}

fn plain(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, info(reason))
}

fn retriable(code: Code, reason: &str, message: impl Into<String>, after: Duration) -> Status {
    let mut details = info(reason);
    details.set_retry_info(Some(after));
    Status::with_error_details(code, message, details)
}

fn field(reason: &str, name: &str, problem: &str) -> Status {
    let mut details = info(reason);
    details.add_bad_request_violation(name, problem);
    Status::with_error_details(Code::InvalidArgument, format!("{name}: {problem}"), details)
}

/// A field of a request cannot be understood.
pub(super) fn invalid_field(invalid: &InvalidField) -> Status {
    field("INVALID_FIELD", invalid.field(), invalid.problem())
}

/// A page token is not one that the service gave for this list and caller.
pub(super) fn invalid_page_token() -> Status {
    let problem = "not a token of this list; leave it empty to begin with the first page";
    field("INVALID_PAGE_TOKEN", "page_token", problem)
}

/// A page cannot have less than nothing in it.
pub(super) fn negative_page_size() -> Status {
    field("INVALID_FIELD", "page_size", "below 0")
}

/// A request was not let in.
pub(crate) fn denied(denied: Denied) -> Status {
    match denied {
        Denied::UnknownMethod => plain(Code::Unimplemented, "UNKNOWN_METHOD", "there is no such method"),
        Denied::WrongListener => {
            plain(Code::PermissionDenied, "WRONG_LISTENER", "the method is not for this listener; use the other one")
        }
        Denied::NoClient => {
            plain(Code::Unauthenticated, "CLIENT_CERTIFICATE_REQUIRED", "the method needs a client certificate")
        }
        Denied::RoleRequired(roles) => {
            let roles = roles.iter().copied().map(Role::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("the client certificate's role may not call the method, only: {roles}");
            of_roles(Code::PermissionDenied, "ROLE_REQUIRED", message, roles)
        }
        Denied::ServiceRoleRequired(roles) => {
            let roles = listed(roles);
            let message = format!("the method is for roles of the service alone: {roles}");
            of_roles(Code::PermissionDenied, "SERVICE_ROLE_REQUIRED", message, roles)
        }
        Denied::ServedElsewhere(roles) => {
            let roles = listed(roles);
            let message = format!("the method is served where one of these roles runs: {roles}");
            of_roles(Code::Unimplemented, "SERVED_ELSEWHERE", message, roles)
        }
    }
}

fn listed(roles: &[ServiceRole]) -> String {
    roles.iter().copied().map(ServiceRole::as_str).collect::<Vec<_>>().join(", ")
}

fn of_roles(code: Code, reason: &str, message: String, roles: String) -> Status {
    let details = ErrorDetails::with_error_info(reason, DOMAIN, [("roles".to_owned(), roles)]);
    Status::with_error_details(code, message, details)
}

/// As many requests as the configuration allows are under way.
pub(crate) fn too_many_requests() -> Status {
    retriable(Code::ResourceExhausted, "TOO_MANY_REQUESTS", "too many requests at a time; try again", SOON)
}

/// As many records as the configuration allows are being settled. Nothing was done about the upload.
pub(super) fn overloaded(after: Duration) -> Status {
    let message = "too many records are being settled; send the upload again, not sooner than is advised";
    retriable(Code::ResourceExhausted, "OVERLOADED", message, after)
}

/// Too many activation codes that are none came from one address.
pub(super) fn too_many_attempts() -> Status {
    let message = "too many wrong activation codes from this address; try again later";
    retriable(Code::ResourceExhausted, "TOO_MANY_ATTEMPTS", message, LATER)
}

/// A request took longer than the configuration allows.
pub(crate) fn took_too_long() -> Status {
    let message = "the request took too long; whether it took effect shows when it is repeated under its identifier";
    retriable(Code::DeadlineExceeded, "TOOK_TOO_LONG", message, SOON)
}

/// A stream paused longer than the configuration allows.
pub(super) fn paused_too_long() -> Status {
    plain(Code::DeadlineExceeded, "PAUSED_TOO_LONG", "no upload came for too long; open another stream")
}

/// The service is stopping; what was acknowledged is kept.
pub(super) fn stopping() -> Status {
    let message = "the service is stopping; what was acknowledged is kept, send the rest again";
    retriable(Code::Unavailable, "STOPPING", message, SOON)
}

/// Puts in our words what the transport found by itself; `None` for our own statuses and for those that need none.
pub(crate) fn of_transport(found: &Status) -> Option<Status> {
    match found.code() {
        _ if !found.details().is_empty() => None,
        // Where it refuses to read a message for its size. By the gRPC conventions that is an exhausted resource.
        Code::OutOfRange => {
            Some(plain(Code::ResourceExhausted, "MESSAGE_TOO_LARGE", "the message is larger than the service takes"))
        }
        // Where a message does not decode.
        Code::Internal => {
            Some(plain(Code::InvalidArgument, "MALFORMED_MESSAGE", "the message is not of the method's type"))
        }
        _ => None,
    }
}

/// A use case refused.
impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        of_service_error(&error)
    }
}

fn of_service_error(error: &ServiceError) -> Status {
    let reason = error.reason().to_ascii_uppercase();
    match error {
        ServiceError::InvalidField { field: name, problem } => field(&reason, name, problem),
        ServiceError::Malformed(malformed) => field(&reason, malformed.structure, malformed.problem),
        ServiceError::Internal(_) | ServiceError::Store(_) => concealed(error, &reason),
        ServiceError::RoleUnavailable(role) => {
            let mut details = about(&reason, ROLE, role.as_str());
            details.set_retry_info(Some(SOON));
            Status::with_error_details(Code::Unavailable, error.to_string(), details)
        }
        ServiceError::NotApproved(role) => {
            Status::with_error_details(code_of(error), error.to_string(), about(&reason, ROLE, role.as_str()))
        }
        ServiceError::NotFound(thing) | ServiceError::AlreadyExists(thing) => {
            Status::with_error_details(code_of(error), error.to_string(), about(&reason, THING, thing))
        }
        refused => plain(code_of(refused), &reason, refused.to_string()),
    }
}

/// A use case refused fields that stand in the message `parent` of the request.
pub(super) fn of_service_error_within(parent: &str, error: &ServiceError) -> Status {
    match error {
        ServiceError::InvalidField { field: name, problem } => {
            // The use cases speak of times without saying so in the name.
            let name = if *name == "not_after" { "not_after_time" } else { name };
            field(&error.reason().to_ascii_uppercase(), &format!("{parent}.{name}"), problem)
        }
        other => of_service_error(other),
    }
}

/// What went wrong inside is for the log; the caller learns whether to try again.
fn concealed(error: &ServiceError, reason: &str) -> Status {
    tracing::error!(%error, reason, "a request failed");
    match error {
        ServiceError::Store(StoreError::Unavailable(_) | StoreError::GivenUp | StoreError::Conflict(_)) => {
            retriable(Code::Unavailable, reason, "the service cannot reach its store; try again", SOON)
        }
        ServiceError::Store(StoreError::Full(_)) => {
            retriable(Code::Unavailable, reason, "the service's store is full", LATER)
        }
        _ => plain(Code::Internal, reason, "the service failed; its log says why"),
    }
}

const fn code_of(error: &ServiceError) -> Code {
    match error {
        ServiceError::Malformed(_) | ServiceError::InvalidField { .. } | ServiceError::NoSuchPart(_) => {
            Code::InvalidArgument
        }
        ServiceError::NotFound(_) | ServiceError::OfferUnknown => Code::NotFound,
        ServiceError::AlreadyExists(_) | ServiceError::RequestIdReused | ServiceError::IdentityIssued => {
            Code::AlreadyExists
        }
        ServiceError::CardState { .. }
        | ServiceError::NotEnrollable(_)
        | ServiceError::ActivationCodeExpired
        | ServiceError::ActivationCodeUsed
        | ServiceError::OfferExpired
        | ServiceError::TerminalRetired
        | ServiceError::HolderSignatureRequired
        | ServiceError::HolderSignatureUnexpected
        | ServiceError::ClassNotOffered
        | ServiceError::InsufficientFunds
        | ServiceError::RefundExceeds(_)
        | ServiceError::RecordTooLate
        | ServiceError::NoProfile
        | ServiceError::PriceAbove(_)
        | ServiceError::ChallengeUnknown
        | ServiceError::CardNotActive(_) => Code::FailedPrecondition,
        ServiceError::NotApproved(_) => Code::PermissionDenied,
        ServiceError::RoleUnavailable(_) => Code::Unavailable,
        ServiceError::ActivationCodeInvalid
        | ServiceError::BadSignature(_)
        | ServiceError::StaleRequest
        | ServiceError::NeverIssued => Code::Unauthenticated,
        ServiceError::ActivationCodeLocked
        | ServiceError::InstitutionsExhausted
        | ServiceError::QuotaExceeded(_)
        | ServiceError::MeterFull
        | ServiceError::VouchersOutstanding(_) => Code::ResourceExhausted,
        ServiceError::Internal(_) | ServiceError::Store(_) => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_ccks::{BadSignature, Malformed};

    #[test]
    fn every_status_has_a_stable_reason() {
        let statuses = [
            invalid_field(&InvalidField::new("card.sectors", "none")),
            invalid_page_token(),
            denied(Denied::UnknownMethod),
            denied(Denied::WrongListener),
            denied(Denied::NoClient),
            denied(Denied::RoleRequired(&[Role::Issuer])),
            denied(Denied::ServiceRoleRequired(&[ServiceRole::Issuer])),
            denied(Denied::ServedElsewhere(&[ServiceRole::Issuer])),
            too_many_requests(),
            too_many_attempts(),
            overloaded(SOON),
            took_too_long(),
            paused_too_long(),
            stopping(),
            of_service_error(&ServiceError::NotFound("card")),
            of_service_error(&ServiceError::Malformed(Malformed::new("offer", "short"))),
            of_service_error(&ServiceError::Internal("a secret detail")),
        ];
        for status in statuses {
            let details = status.get_details_error_info().unwrap();
            assert_eq!(details.domain, "symbolon");
            let upper_snake = |character: char| character.is_ascii_uppercase() || character == '_';
            assert!(!details.reason.is_empty() && details.reason.chars().all(upper_snake), "{}", details.reason);
            assert!(!status.message().is_empty() && !status.message().contains("secret"));
        }
    }

    #[test]
    fn an_invalid_field_is_named() {
        let status = invalid_field(&InvalidField::new("card.sectors", "must name at least one sector"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "card.sectors");
        assert_eq!(violations[0].description, "must name at least one sector");
    }

    #[test]
    fn what_is_worth_trying_again_says_when() {
        for status in [too_many_requests(), overloaded(LATER), stopping(), too_many_attempts()] {
            assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
        }
        assert!(denied(Denied::WrongListener).get_details_retry_info().is_none());
    }

    #[test]
    fn a_signature_says_nothing_of_the_cause() {
        let status = of_service_error(&ServiceError::BadSignature(BadSignature));
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(status.get_details_error_info().unwrap().reason, "BAD_SIGNATURE");
    }

    #[test]
    fn the_transport_speaks_as_we_do() {
        let large = of_transport(&Status::out_of_range("decoded message length too large")).unwrap();
        assert_eq!(large.code(), Code::ResourceExhausted);
        let garbled = of_transport(&Status::internal("failed to decode")).unwrap();
        assert_eq!(garbled.code(), Code::InvalidArgument);
        assert!(of_transport(&of_service_error(&ServiceError::Internal("x"))).is_none());
        assert!(of_transport(&Status::cancelled("")).is_none());
    }
}

use super::*;

/// The issuer, as it is reached where nobody listens.
fn nowhere() -> Peer {
    Peer { role: ServiceRole::Issuer, channel: Endpoint::from_static("http://127.0.0.1:1").connect_lazy() }
}

#[tokio::test]
async fn what_a_role_refused_is_what_the_other_is_told() {
    let peer = nowhere();
    for error in [
        ServiceError::InsufficientFunds,
        ServiceError::NotApproved(ServiceRole::Clearing),
        ServiceError::RoleUnavailable(ServiceRole::Exchange),
        ServiceError::NotFound("pseudonym"),
        ServiceError::AlreadyExists("account"),
        ServiceError::NeverIssued,
    ] {
        assert_eq!(peer.refused(&Status::from(error.clone())), error);
    }
    assert_eq!(peer.refused(&Status::from(ServiceError::NotFound("unheard-of"))), ServiceError::NotFound("thing"));
}

/// Whatever may pass is worth trying again; whatever cannot is not, and is for somebody to look at.
#[tokio::test]
async fn what_may_pass_is_told_from_what_will_not() {
    let peer = nowhere();
    let unavailable = ServiceError::RoleUnavailable(ServiceRole::Issuer);
    let passing = [
        Status::unavailable("connection refused"),
        Status::deadline_exceeded(""),
        Status::cancelled("the deadline"),
        Status::unknown("the connection broke"),
        status::too_many_requests(),
        status::took_too_long(),
        Status::from(ServiceError::Store(symbolon_store::StoreError::Full("disk".to_owned()))),
    ];
    for refusal in passing {
        assert_eq!(peer.refused(&refusal), unavailable, "{refusal:?}");
    }
    let lasting = [
        status::invalid_field(&InvalidField::new("items.tag", "43 bytes, must be 44")),
        status::denied(super::super::roles::Denied::ServiceRoleRequired(&[ServiceRole::Attester])),
        status::denied(super::super::roles::Denied::UnknownMethod),
        Status::from(ServiceError::Internal("x")),
    ];
    for refusal in lasting {
        assert!(matches!(peer.refused(&refusal), ServiceError::Internal(_)), "{refusal:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_one_for_each_question_is_none() {
    let peer = nowhere();
    assert_eq!(peer.as_many(2, vec![1, 2]), Ok(vec![1, 2]));
    assert!(peer.as_many(2, vec![1]).is_err() && peer.as_many(0, vec![1]).is_err());
}

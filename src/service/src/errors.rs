//! Why the service did not do what it was asked.

use symbolon_ccks::{BadSignature, Malformed};
use symbolon_store::{StoreError, records::CardState};

use crate::{cards::CardEvent, links::ServiceRole};

/// Why a use case refused. [`ServiceError::reason`] is stable; the words are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Bytes that do not encode what they should.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A field holds what it must not.
    #[error("{field}: {problem}")]
    InvalidField {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no such thing, or the caller may not know of it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// There is one already.
    #[error("there is such a {0} already")]
    AlreadyExists(&'static str),
    /// Another request was made under this identifier.
    #[error("another request was made under this request id")]
    RequestIdReused,
    /// The card is in a state that does not allow it.
    #[error("a card that is {} cannot {}", state_name(*.state), .event.as_str())]
    CardState {
        /// The state it is in.
        state: CardState,
        /// What was to happen.
        event: CardEvent,
    },
    /// The terminal was retired, which is for good.
    #[error("the terminal is retired")]
    TerminalRetired,
    /// The card or terminal cannot be enrolled or renewed in the state it is in.
    #[error("the {0} cannot be issued a credential in its present state")]
    NotEnrollable(&'static str),
    /// No such activation code; whether the locator or the rest is wrong is not said.
    #[error("the activation code is not valid")]
    ActivationCodeInvalid,
    /// The activation code came too late.
    #[error("the activation code has expired: ask for another")]
    ActivationCodeExpired,
    /// A credential was issued by this activation code.
    #[error("the activation code was used")]
    ActivationCodeUsed,
    /// Too many wrong codes were tried under this locator.
    #[error("the activation code is locked after too many wrong attempts")]
    ActivationCodeLocked,
    /// No offer has this nonce.
    #[error("there is no such offer")]
    OfferUnknown,
    /// The offer came too late.
    #[error("the offer has expired: ask for another")]
    OfferExpired,
    /// This identity was issued over another U; one issue an identity.
    #[error("this identity was issued to another enrolment point")]
    IdentityIssued,
    /// The holder's registered key has to sign the request.
    #[error("the holder's registered key has to sign")]
    HolderSignatureRequired,
    /// There is no registered key that could have signed.
    #[error("no holder's key is registered")]
    HolderSignatureUnexpected,
    /// A class that is not issued here.
    #[error("credentials of this class are not issued here")]
    ClassNotOffered,
    /// A signature does not hold, whatever the cause.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
    /// The request was signed too long ago, or in the future.
    #[error("the request was signed too long ago or ahead of time: check the clock")]
    StaleRequest,
    /// A valid signature under a credential that was never issued: an alarm, not an accident.
    #[error("the credential was never issued")]
    NeverIssued,
    /// All institution keys of this authority are derived.
    #[error("this authority has derived all 63 institution keys it may")]
    InstitutionsExhausted,
    /// Balance and postpaid line of the account do not reach.
    #[error("the account does not have enough: top it up")]
    InsufficientFunds,
    /// The card has had as many pseudonyms of this period as it may.
    #[error("the card has had its {0} pseudonyms of this period")]
    QuotaExceeded(u16),
    /// A bundle has no such part; how many it has.
    #[error("the bundle has {0} parts, counted from 0")]
    NoSuchPart(u16),
    /// A voucher costs more than the card agreed to pay.
    #[error("the price is {0} minor units, more than was agreed to: ask again")]
    PriceAbove(u32),
    /// So many vouchers for a meter are sold and not delivered that it could not take another.
    #[error("the meter has as many undelivered vouchers as it can take: bring it one of them first")]
    MeterFull,
    /// The card has as many undelivered vouchers for the meter as it may.
    #[error("the card has {0} vouchers for this meter that are not delivered, which is as many as it may have")]
    VouchersOutstanding(u32),
    /// More would be given back than was paid; how much can be, minor units.
    #[error("of the purchase only {0} minor units are left to give back")]
    RefundExceeds(u32),
    /// Nobody knows any more whose pseudonym it was.
    #[error("the records of this pseudonym are no longer awaited")]
    RecordTooLate,
    /// No published profile is for cards like this.
    #[error("no profile of pseudonyms is published for this card's sectors, tariff and currency")]
    NoProfile,
    /// The challenge was never given to this card, was used, or is too old.
    #[error("the challenge is not one given to this card, or too old: ask for another")]
    ChallengeUnknown,
    /// The card may not do this in the state it is in.
    #[error("the card is {}", state_name(*.0))]
    CardNotActive(CardState),
    /// The case was not approved by an officer of each of two roles, or too long ago.
    #[error("an officer of {0} has not approved this case, or too long ago")]
    NotApproved(ServiceRole),
    /// Another role of the service does not answer.
    #[error("the {0} does not answer: try again")]
    RoleUnavailable(ServiceRole),
    /// A stored answer or secret is not what it should be, or a computation came out as it cannot.
    #[error("internal: {0}")]
    Internal(&'static str),
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
}

impl ServiceError {
    /// The stable reason, `snake_case`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::InvalidField { .. } => "invalid_field",
            Self::NotFound(_) => "not_found",
            Self::AlreadyExists(_) => "already_exists",
            Self::RequestIdReused => "request_id_reused",
            Self::CardState { .. } => "invalid_state_transition",
            Self::TerminalRetired => "terminal_retired",
            Self::NotEnrollable(_) => "not_enrollable",
            Self::ActivationCodeInvalid => "activation_code_invalid",
            Self::ActivationCodeExpired => "activation_code_expired",
            Self::ActivationCodeUsed => "activation_code_used",
            Self::ActivationCodeLocked => "activation_code_locked",
            Self::OfferUnknown => "offer_unknown",
            Self::OfferExpired => "offer_expired",
            Self::IdentityIssued => "identity_already_issued",
            Self::HolderSignatureRequired => "holder_signature_required",
            Self::HolderSignatureUnexpected => "holder_signature_unexpected",
            Self::ClassNotOffered => "class_not_offered",
            Self::BadSignature(_) => "bad_signature",
            Self::StaleRequest => "stale_request",
            Self::NeverIssued => "never_issued",
            Self::InstitutionsExhausted => "institutions_exhausted",
            Self::InsufficientFunds => "insufficient_funds",
            Self::QuotaExceeded(_) => "quota_exceeded",
            Self::NoSuchPart(_) => "no_such_part",
            Self::PriceAbove(_) => "price_above",
            Self::MeterFull => "meter_full",
            Self::VouchersOutstanding(_) => "vouchers_outstanding",
            Self::RefundExceeds(_) => "refund_exceeds",
            Self::RecordTooLate => "too_late",
            Self::NoProfile => "no_profile",
            Self::ChallengeUnknown => "challenge_unknown",
            Self::CardNotActive(_) => "card_not_active",
            Self::NotApproved(_) => "not_approved",
            Self::RoleUnavailable(_) => "role_unavailable",
            Self::Internal(_) => "internal",
            Self::Store(StoreError::Full(_)) => "storage_full",
            Self::Store(StoreError::Unavailable(_) | StoreError::GivenUp) => "storage_unavailable",
            Self::Store(StoreError::Conflict(_)) => "storage_conflict",
            Self::Store(StoreError::Corrupt(_)) => "storage_damaged",
        }
    }
}

/// A card's state in a sentence.
const fn state_name(state: CardState) -> &'static str {
    match state {
        CardState::Pending => "pending",
        CardState::Active => "active",
        CardState::Suspended => "suspended",
        CardState::Revoked => "revoked",
        CardState::Replaced => "replaced",
        CardState::Expired => "expired",
    }
}

//! What became of an upload and of each of its records.

use symbolon_ccks::{Malformed, Signature};
use symbolon_store::records::MisuseId;
use symbolon_tap::{Acknowledgement, Misfit};

use crate::ServiceError;

/// Why a record was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// Not a record by the wire format.
    Malformed = 1,
    /// The holder's signature does not verify, whatever the cause.
    BadSignature = 2,
    /// Of another authority or suite.
    WrongAuthority = 3,
    /// A terminal's credential, which pays nothing.
    WrongClass = 4,
    /// The sector is not in both credentials.
    WrongSector = 5,
    /// The currency is not that of both credentials.
    WrongCurrency = 6,
    /// One of the credentials had expired at the record's time.
    Expired = 7,
    /// One of the credentials was not yet valid at the record's time.
    NotYetValid = 8,
    /// Above the holder's limit for one transaction.
    OverLimit = 9,
    /// Holder or terminal was out of use at the record's time, and the terminal knew or could have known.
    Revoked = 10,
    /// The signature verifies under a credential that was never issued.
    NeverIssued = 11,
    /// A refund that the operator did not authorise.
    NotAuthorised = 13,
    /// The record's time lies in the future.
    TimeAhead = 14,
    /// A kind of transaction that is not settled here.
    WrongKind = 15,
    /// It came after the records of its pseudonym were no longer awaited.
    TooLate = 16,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::BadSignature,
        Self::WrongAuthority,
        Self::WrongClass,
        Self::WrongSector,
        Self::WrongCurrency,
        Self::Expired,
        Self::NotYetValid,
        Self::OverLimit,
        Self::Revoked,
        Self::NeverIssued,
        Self::NotAuthorised,
        Self::TimeAhead,
        Self::WrongKind,
        Self::TooLate,
    ];

    /// The stable reason, `snake_case`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::WrongAuthority => "wrong_authority",
            Self::WrongClass => "wrong_class",
            Self::WrongSector => "wrong_sector",
            Self::WrongCurrency => "wrong_currency",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::OverLimit => "over_limit",
            Self::Revoked => "revoked",
            Self::NeverIssued => "never_issued",
            Self::NotAuthorised => "not_authorised",
            Self::TimeAhead => "time_ahead",
            Self::WrongKind => "wrong_kind",
            Self::TooLate => "too_late",
        }
    }
}

impl From<Misfit> for Refusal {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::WrongSector => Self::WrongSector,
            Misfit::WrongCurrency => Self::WrongCurrency,
            Misfit::NotYetValid => Self::NotYetValid,
            Misfit::Expired => Self::Expired,
            Misfit::OverLimit => Self::OverLimit,
        }
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOutcome {
    /// Settled now.
    Settled {
        /// What was charged, minor units: a purchase's or an entry's amount, an exit's fare; 0 for an exit whose entry has
        /// not arrived, and for a credit.
        amount: u32,
    },
    /// Settled before.
    Duplicate {
        /// What was charged then, minor units.
        amount: u32,
    },
    /// Not settled.
    Refused(Refusal),
    /// Not settled: it proves misuse, with records before it.
    Misuse(MisuseId),
}

impl RecordOutcome {
    /// Bytes of an encoded outcome: which, why, the amount, the proof.
    const SIZE: usize = 1 + 1 + 4 + 8;

    /// Whether it was settled now.
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Settled { .. })
    }

    /// Whether it was settled before.
    pub const fn is_duplicate(&self) -> bool {
        matches!(self, Self::Duplicate { .. })
    }

    /// Whether it was not settled, misuse included.
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Misuse(_))
    }

    fn encode(&self) -> [u8; Self::SIZE] {
        let (which, why, amount, proof) = match *self {
            Self::Settled { amount } => (1, 0, amount, 0),
            Self::Duplicate { amount } => (2, 0, amount, 0),
            Self::Refused(refusal) => (3, refusal as u8, 0, 0),
            Self::Misuse(MisuseId(proof)) => (4, 0, 0, proof),
        };
        let mut bytes = [which; Self::SIZE];
        bytes[1] = why;
        bytes[2..6].copy_from_slice(&u32::to_be_bytes(amount));
        bytes[6..].copy_from_slice(&proof.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let [which, why, a, b, c, d, proof @ ..] = *bytes;
        let amount = u32::from_be_bytes([a, b, c, d]);
        match which {
            1 => Some(Self::Settled { amount }),
            2 => Some(Self::Duplicate { amount }),
            3 => Refusal::ALL.into_iter().find(|refusal| *refusal as u8 == why).map(Self::Refused),
            4 => Some(Self::Misuse(MisuseId(u64::from_be_bytes(proof)))),
            _ => None,
        }
    }
}

/// The answer to an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadAnswer {
    acknowledgement: Acknowledgement,
    signature: Signature,
    outcomes: Vec<RecordOutcome>,
}

impl UploadAnswer {
    pub(super) fn new(acknowledgement: Acknowledgement, signature: Signature, outcomes: Vec<RecordOutcome>) -> Self {
        Self { acknowledgement, signature, outcomes }
    }

    /// The counts, as the authority signed them.
    pub fn acknowledgement(&self) -> &Acknowledgement {
        &self.acknowledgement
    }

    /// The authority's signature (purpose 9).
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Acknowledgement and signature, 111 bytes.
    pub fn signed_acknowledgement(&self) -> Vec<u8> {
        [self.acknowledgement.as_bytes().as_slice(), self.signature.as_bytes()].concat()
    }

    /// One for every record, in order.
    pub fn outcomes(&self) -> &[RecordOutcome] {
        &self.outcomes
    }

    /// How many records were refused for this reason.
    pub fn count_refused(&self, refusal: Refusal) -> usize {
        self.outcomes.iter().filter(|outcome| **outcome == RecordOutcome::Refused(refusal)).count()
    }

    /// As it is kept: acknowledgement, signature, outcomes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.signed_acknowledgement();
        bytes.extend(self.outcomes.iter().flat_map(RecordOutcome::encode));
        bytes
    }

    /// Reads what the store kept. Where that is damaged, it is not the caller's fault.
    pub(super) fn kept(bytes: &[u8]) -> Result<Self, ServiceError> {
        Self::decode(bytes).map_err(|_| ServiceError::Internal("the answer to an upload was not kept whole"))
    }

    /// Reads [`Self::encode`] back.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        const WRONG: Malformed = Malformed::new("upload answer", "not as it was kept");
        let (acknowledgement, rest) = bytes.split_at_checked(Acknowledgement::SIZE).ok_or(WRONG)?;
        let (signature, outcomes) = rest.split_at_checked(Signature::SIZE).ok_or(WRONG)?;
        let (outcomes, more) = outcomes.as_chunks::<{ RecordOutcome::SIZE }>();
        if !more.is_empty() {
            return Err(WRONG);
        }
        Ok(Self {
            acknowledgement: *Acknowledgement::parse(acknowledgement)?,
            signature: *Signature::parse(signature)?,
            outcomes: outcomes
                .iter()
                .map(|outcome| RecordOutcome::decode(outcome).ok_or(WRONG))
                .collect::<Result<_, _>>()?,
        })
    }
}

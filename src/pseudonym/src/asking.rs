//! The wallet's half of one pseudonym: what it keeps between asking and the answer.

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use symbolon_ccks::{
    Authority, AuthorityId, CompressedPoint, EnrolmentKey, IssueRefused, Malformed, Period, PossessionMessage,
    SignError, SigningKey, Suite, SuiteId,
    wire::{self, U32, Version, Zero},
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Answer, Commitment, Issuance, ItemChallenge, ItemContent, ProfileId, RequestBody, RequestItem, ResponseKey, Salt,
    SealedAnswer, Unopened,
};

const STRUCTURE: &str = "pseudonym being asked for";

/// Why nothing could be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// No profile of this number is published.
    UnknownProfile,
    /// Nothing can be sealed to the issuer's key as it is published.
    BadIssuerKey,
    /// The possession could not be signed, once in 2^256.
    Sign(SignError),
    /// Not 1 to 256 pseudonyms, or the same twice.
    Request(Malformed),
}

impl fmt::Display for AskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownProfile => formatter.write_str("no such profile of pseudonyms is published"),
            Self::BadIssuerKey => formatter.write_str("nothing can be sealed to the issuer's key"),
            Self::Sign(error) => error.fmt(formatter),
            Self::Request(malformed) => malformed.fmt(formatter),
        }
    }
}

impl core::error::Error for AskError {}

impl From<Unopened> for AskError {
    fn from(Unopened: Unopened) -> Self {
        Self::BadIssuerKey
    }
}

impl From<SignError> for AskError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}

impl From<Malformed> for AskError {
    fn from(malformed: Malformed) -> Self {
        Self::Request(malformed)
    }
}

/// Why an answer is no pseudonym. What was asked for stays asked for: the right answer may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerRefused {
    /// It does not open: it answers another item, or was changed.
    Unopened,
    /// The profile that was expected is no longer published.
    UnknownProfile,
    /// Something in the identity, its subject aside, is not as every pseudonym of the profile and period has it: it
    /// would tell this card from others.
    OtherIdentity,
    /// The contribution does not fit the credential: it was not issued over this U, or not by this authority.
    WrongContribution,
}

impl AnswerRefused {
    /// Stable reason, for logs and displays.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unopened => "unopened",
            Self::UnknownProfile => "unknown_profile",
            Self::OtherIdentity => "other_identity",
            Self::WrongContribution => "wrong_contribution",
        }
    }
}

impl fmt::Display for AnswerRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unopened => "the answer does not open: it belongs to another item, or was changed",
            Self::UnknownProfile => "the profile that was expected is no longer published",
            Self::OtherIdentity => "the pseudonym is not of the profile and period that were asked for",
            Self::WrongContribution => "the authority's contribution does not fit the pseudonym",
        })
    }
}

impl core::error::Error for AnswerRefused {}

impl From<Unopened> for AnswerRefused {
    fn from(Unopened: Unopened) -> Self {
        Self::Unopened
    }
}

impl From<IssueRefused> for AnswerRefused {
    fn from(refused: IssueRefused) -> Self {
        match refused {
            IssueRefused::OtherIdentity => Self::OtherIdentity,
            IssueRefused::WrongContribution => Self::WrongContribution,
        }
    }
}

/// A pseudonym that was asked for and is not there yet: u, salt and response key, and what it is to be. Erased from
/// memory when dropped.
///
/// A wallet stores [`Self::encode`] before it sends the request, together with the request: then no crash loses a
/// pseudonym that was paid for.
pub struct Asking<S: Suite> {
    period: Period,
    profile: ProfileId,
    enrolment: EnrolmentKey<S>,
    salt: Zeroizing<Salt>,
    response_key: ResponseKey,
    commitment: Commitment,
}

/// How it is stored: version 1 | suite | profile u8 | zero | period u32 | u 32 | salt 32 | response key 16.
#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Layout {
    version: Version,
    suite: SuiteId,
    profile: u8,
    zero: Zero,
    period: U32,
    secret: [u8; 32],
    salt: Salt,
    response_key: [u8; 16],
}

impl Drop for Layout {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.salt.zeroize();
        self.response_key.zeroize();
    }
}

impl<S: Suite> Asking<S> {
    /// Bytes of the stored form.
    pub const SIZE: usize = 88;

    /// Draws what one pseudonym needs, and seals its item. `profile` is the one that this card's pseudonyms have, see
    /// [`Issuance::profile_for`]; no other will be taken.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn begin(
        authority: &AuthorityId,
        issuance: &Issuance,
        period: Period,
        profile: ProfileId,
        challenge: &ItemChallenge,
        random: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Self, RequestItem), AskError> {
        issuance.profile(profile).ok_or(AskError::UnknownProfile)?;
        let enrolment = EnrolmentKey::generate(random);
        let mut salt = Zeroizing::new([0; 32]);
        random.fill_bytes(salt.as_mut_slice());
        let mut response_key = Zeroizing::new([0; 16]);
        random.fill_bytes(response_key.as_mut_slice());
        let mut hedge = Zeroizing::new([0; 32]);
        random.fill_bytes(hedge.as_mut_slice());

        let message = PossessionMessage::Pseudonym { period: period.number(), challenge: challenge.as_bytes() };
        let content = ItemContent {
            suite: S::ID,
            period,
            point: *enrolment.point(),
            possession: enrolment.prove_possession(authority, message, &hedge)?,
            salt: *salt,
            response_key: ResponseKey::from_bytes(*response_key),
        };
        let sealed = content.seal(authority, challenge, issuance.issuer_key(), random)?;
        let asking = Self::new(period, profile, enrolment, salt, ResponseKey::from_bytes(*response_key));
        let item = RequestItem { commitment: asking.commitment, sealed };
        Ok((asking, item))
    }

    /// Asks for `count` pseudonyms at once, in the order of the request's items; `challenge` is the attester's.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn begin_request(
        authority: &AuthorityId,
        issuance: &Issuance,
        period: Period,
        profile: ProfileId,
        challenge: [u8; 32],
        count: u16,
        random: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Vec<Self>, RequestBody), AskError> {
        let (asking, items): (Vec<_>, Vec<_>) = (0..u32::from(count))
            .map(|j| Self::begin(authority, issuance, period, profile, &ItemChallenge::of(&challenge, j), random))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .unzip();
        Ok((asking, RequestBody::new(period, challenge, items)?))
    }

    fn new(
        period: Period,
        profile: ProfileId,
        enrolment: EnrolmentKey<S>,
        salt: Zeroizing<Salt>,
        response_key: ResponseKey,
    ) -> Self {
        let commitment = Commitment::to(enrolment.point(), &salt);
        Self { period, profile, enrolment, salt, response_key, commitment }
    }

    /// Opens the answer, checks that it is exactly the pseudonym that was asked for, and combines its key. Nothing is
    /// used up: a wrong answer does not cost the wallet the right one. Once the key is stored, drop this.
    ///
    /// Of the identity the authority chose the subject alone; every other field is what `issuance` publishes for all.
    ///
    /// # Errors
    /// [`AnswerRefused`].
    pub fn complete(
        &self,
        authority: &Authority<'_, S>,
        issuance: &Issuance,
        answer: &SealedAnswer,
    ) -> Result<SigningKey<S>, AnswerRefused> {
        let answer = self.open(answer)?;
        let profile = issuance.profile(self.profile).ok_or(AnswerRefused::UnknownProfile)?;
        let subject = answer.credential.identity().subject();
        let expected = profile
            .identity(S::ID, authority.id().prefix(), subject, self.period, issuance.boundary())
            .map_err(|_| AnswerRefused::OtherIdentity)?;
        Ok(self.enrolment.complete(authority, &expected, &answer.credential, answer.contribution.as_bytes())?)
    }

    /// Opens the answer and checks nothing: for a wallet that shows what was wrong with it.
    ///
    /// # Errors
    /// [`Unopened`] when it belongs to another item, or was changed.
    pub fn open(&self, answer: &SealedAnswer) -> Result<Answer, Unopened> {
        answer.open(&self.response_key, &self.commitment)
    }

    /// What the item and its answer are known by.
    pub fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// U.
    pub fn point(&self) -> &CompressedPoint {
        self.enrolment.point()
    }

    /// For which period it is.
    pub fn period(&self) -> Period {
        self.period
    }

    /// Which profile it is to have.
    pub fn profile(&self) -> ProfileId {
        self.profile
    }

    /// The stored form; secret.
    pub fn encode(&self) -> Zeroizing<[u8; 88]> {
        let layout = Layout {
            version: Version::One,
            suite: S::ID,
            profile: self.profile.0,
            zero: Zero::Zero,
            period: self.period.number().into(),
            secret: *self.enrolment.secret_bytes(),
            salt: *self.salt,
            response_key: *self.response_key.as_bytes(),
        };
        let bytes: &[u8; 88] = zerocopy::transmute_ref!(&layout);
        Zeroizing::new(*bytes)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong length, another suite, or a u that is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let layout: &Layout = wire::read(STRUCTURE, bytes)?;
        if layout.suite != S::ID {
            return Err(Malformed::new(STRUCTURE, "it is of another suite"));
        }
        let enrolment = EnrolmentKey::from_bytes(&layout.secret)
            .ok_or(Malformed::new(STRUCTURE, "u is zero or not below the order"))?;
        let period = Period::new(layout.period.get())?;
        let response_key = ResponseKey::from_bytes(layout.response_key);
        Ok(Self::new(period, ProfileId(layout.profile), enrolment, Zeroizing::new(layout.salt), response_key))
    }
}

impl<S: Suite> fmt::Debug for Asking<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Asking")
            .field("period", &self.period)
            .field("profile", &self.profile)
            .field("commitment", &self.commitment)
            .finish_non_exhaustive()
    }
}

const _: () = assert!(size_of::<Layout>() == 88);

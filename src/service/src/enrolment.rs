//! Enrolment: an activation code, or the present key, is traded for a credential in one round trip of issuing.
//!
//! One issue an identity: the identity that a code stands for is fixed with its first offer, and an answer is archived in
//! the unit of work that uses up the code. The same U gets the archived answer, however late; another U is refused.
//! What k was is known to nobody afterwards: when two requests race, the loser's credential and contribution, made
//! with a k of their own, are dropped unseen.
//!
//! Whom a misuse proof convicts depends on who signed for U (scheme, section 4). At a first enrolment there is no
//! earlier key than U, so the possession signature alone convicts a credential; with a key that the issuer registered
//! for the holder, its signature over offer and U convicts the person. At a renewal the former credential's signed
//! request (purpose 8) over the offer's nonce, U and possession stands in its place, and convicts as far as that did.

mod identities;
mod signed;

use std::sync::Arc;

use symbolon_ccks::{
    CompressedPoint, Contribution, Credential, CredentialDigest, IssueError, Issued, Offer, PossessionMessage,
    Signature, Suite, Time,
};
use symbolon_store::{
    Store, Transaction,
    records::{HolderRequest, HolderRequestKind, IssuedRecord, OfferRecord},
};

use self::identities::{Holder, issuable};
pub use self::signed::{BEGIN_RENEWAL_METHOD, COMPLETE_RENEWAL_METHOD, RenewalBody, SignedRequest};
use crate::{Context, ServiceError, activation::ActivationCode, authority::AuthorityKeys, holder_key};

/// An offer, and what its holder needs to know to take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Identity and nonce.
    pub offer: Offer,
    /// Until when it stands.
    pub expires: Time,
    /// Whether the holder's registered key has to sign.
    pub holder_signature_required: bool,
}

/// What enrolment ends with.
#[derive(Debug)]
pub struct Enrolled {
    /// The credential.
    pub credential: Credential,
    /// The authority's contribution s to the holder's key.
    pub contribution: Contribution,
}

impl Enrolled {
    fn archived(record: &IssuedRecord) -> Self {
        Self { credential: record.credential, contribution: Contribution::from_bytes(record.contribution) }
    }
}

/// What wallets and terminals do to come by their keys.
pub struct Enrolment<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
}

impl<S: Suite, D: Clone> Clone for Enrolment<S, D> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), keys: Arc::clone(&self.keys) }
    }
}

/// A request for a credential: what completes an offer.
struct Completion {
    nonce: [u8; 32],
    point: CompressedPoint,
    possession: Signature,
    signed_by: SignedBy,
}

/// Who, besides U, signed for a completion.
enum SignedBy {
    /// At enrolment: the registered key, where there is one.
    RegisteredKey(Option<[u8; 64]>),
    /// At renewal: the former credential, by a request that verified.
    Former(Box<SignedRequest>),
}

impl<S: Suite, D: Store> Enrolment<S, D> {
    /// The use cases of an authority on a store.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>) -> Self {
        Self { context, keys }
    }

    /// Trades an activation code for an offer: the standing one, or a fresh one of the same identity.
    ///
    /// # Errors
    /// [`ServiceError::ActivationCodeInvalid`] for a wrong code, which counts as an attempt where the locator exists;
    /// [`ServiceError::ActivationCodeLocked`], [`ServiceError::ActivationCodeUsed`],
    /// [`ServiceError::ActivationCodeExpired`]; [`ServiceError::NotEnrollable`] when card or terminal is not pending.
    pub async fn begin(&self, code: &str) -> Result<Offered, ServiceError> {
        let code = ActivationCode::parse(code).ok_or(ServiceError::ActivationCodeInvalid)?;
        let (now, nonce) = (self.context.now(), self.context.random());
        let (keys, offer_lifetime, attempts) = (
            Arc::clone(&self.keys),
            self.context.policy().offer_lifetime_seconds,
            self.context.policy().activation_attempts,
        );
        let begin = move |unit: &mut dyn Transaction| {
            let Some(record) = unit.activation_code(&code.locator())? else {
                return Ok(Err(ServiceError::ActivationCodeInvalid));
            };
            if record.failed_attempts >= attempts {
                return Ok(Err(ServiceError::ActivationCodeLocked));
            }
            if !keys.activation_key().matches(&record, &code) {
                // The attempt has to stay counted, so this unit of work succeeds at being refused.
                unit.count_failed_attempt(&code.locator())?;
                return Ok(Err(ServiceError::ActivationCodeInvalid));
            }
            if record.used.is_some() {
                return Ok(Err(ServiceError::ActivationCodeUsed));
            }
            if record.expires <= now {
                return Ok(Err(ServiceError::ActivationCodeExpired));
            }
            let holder = Holder::of(unit, &record.subject)?;
            let identity = match unit.last_unused_offer(&record.subject)? {
                Some(earlier) => earlier.identity,
                None => holder.first_identity(&keys)?,
            };
            holder.check_enrollable(now)?;
            let expires = now.saturating_add(offer_lifetime);
            let offer = OfferRecord { nonce, identity, former: None, expires, used: None };
            Ok(Ok(offered(&standing_or_new(unit, offer, now)?, holder.holder_key().is_some())))
        };
        self.context.store().write::<_, ServiceError, _>(begin).await?
    }

    /// Trades U with its possession for the credential offered under `nonce`.
    ///
    /// # Errors
    /// [`ServiceError::OfferUnknown`], [`ServiceError::OfferExpired`]; [`ServiceError::IdentityIssued`] when the
    /// identity was issued over another U; [`ServiceError::BadSignature`] when possession or the holder's signature does
    /// not verify; [`ServiceError::HolderSignatureRequired`] and [`ServiceError::HolderSignatureUnexpected`];
    /// [`ServiceError::NotEnrollable`] when card or terminal was taken out meanwhile.
    pub async fn complete(
        &self,
        nonce: [u8; 32],
        point: CompressedPoint,
        possession: Signature,
        holder_signature: Option<[u8; 64]>,
    ) -> Result<Enrolled, ServiceError> {
        let signed_by = SignedBy::RegisteredKey(holder_signature);
        self.issue(Completion { nonce, point, possession, signed_by }).await
    }

    /// Gives an offer of a new credential for the subject of the present one, valid from now on.
    ///
    /// # Errors
    /// [`ServiceError::BadSignature`], [`ServiceError::StaleRequest`], [`ServiceError::NeverIssued`] and
    /// [`ServiceError::ClassNotOffered`] of the signed request; [`ServiceError::NotEnrollable`] when card or terminal is
    /// not active; [`ServiceError::InvalidField`] when the signed body is not empty.
    pub async fn begin_renewal(&self, request: SignedRequest) -> Result<Offered, ServiceError> {
        let now = self.authenticate(&request, BEGIN_RENEWAL_METHOD)?;
        if !request.body.is_empty() {
            return Err(ServiceError::InvalidField { field: "body", problem: "not empty" });
        }
        let (keys, nonce, policy) = (Arc::clone(&self.keys), self.context.random(), self.context.policy().clone());
        let begin = move |unit: &mut dyn Transaction| {
            let former = known(unit, &request.credential)?;
            let holder = Holder::of(unit, &request.credential.identity().subject())?;
            holder.check_renewable(&request.credential, now)?;
            let expires = now.saturating_add(policy.offer_lifetime_seconds);
            let identity = holder.next_identity(&keys, &request.credential, now, &policy)?;
            let offer = OfferRecord { nonce, identity, former: Some(former), expires, used: None };
            Ok(offered(&standing_or_new(unit, offer, now)?, false))
        };
        self.context.store().write(begin).await
    }

    /// Trades U with its possession, in a request that the present key signed, for a new credential. The former one
    /// stays valid until it expires.
    ///
    /// # Errors
    /// As [`Self::begin_renewal`] and [`Self::complete`].
    pub async fn complete_renewal(&self, request: SignedRequest) -> Result<Enrolled, ServiceError> {
        self.authenticate(&request, COMPLETE_RENEWAL_METHOD)?;
        let RenewalBody { nonce, point, possession } = RenewalBody::parse(&request.body)?;
        self.issue(Completion { nonce, point, possession, signed_by: SignedBy::Former(Box::new(request)) }).await
    }

    /// Verifies a signed request and gives the time by which it was judged.
    fn authenticate(&self, request: &SignedRequest, method: &'static str) -> Result<Time, ServiceError> {
        let now = self.context.now();
        request.verify(self.keys.authority(), method, now, self.context.policy().request_time_tolerance_seconds)?;
        Ok(now)
    }

    /// Issues for a completion, or gives what was issued for it before.
    async fn issue(&self, completion: Completion) -> Result<Enrolled, ServiceError> {
        let now = self.context.now();
        let nonce = completion.nonce;
        let found = self.context.store().read(move |unit| {
            let offer = unit.offer(&nonce)?.ok_or(ServiceError::OfferUnknown)?;
            let issued = unit.issued_for(&offer.identity)?;
            let key = Holder::of(unit, &offer.identity.subject())?.holder_key().copied();
            Ok::<_, ServiceError>((offer, issued, key))
        });
        let (offer, issued, holder_key) = found.await?;
        if let Some(issued) = issued {
            return answer_again(&issued, &completion);
        }
        if offer.expires <= now {
            return Err(ServiceError::OfferExpired);
        }
        let request = self.holder_request(&offer, &completion, holder_key.as_ref())?;
        let Issued { credential, contribution } = self.combine(&offer, &completion)?;
        let record = IssuedRecord {
            credential,
            enrolment_point: completion.point,
            contribution: *contribution.as_bytes(),
            offer_nonce: offer.nonce,
            possession: completion.possession,
            request,
            issued: now,
        };
        let archive = move |unit: &mut dyn Transaction| archive(unit, &offer, &record, &completion, now);
        self.context.store().write(archive).await
    }

    /// What is kept of who signed for U.
    fn holder_request(
        &self,
        offer: &OfferRecord,
        completion: &Completion,
        holder_key: Option<&[u8; 33]>,
    ) -> Result<HolderRequest, ServiceError> {
        match (&completion.signed_by, offer.former) {
            (SignedBy::RegisteredKey(None), None) if holder_key.is_some() => Err(ServiceError::HolderSignatureRequired),
            (SignedBy::RegisteredKey(None), None) => Ok(HolderRequest {
                kind: HolderRequestKind::PossessionOnly,
                signed: Vec::new(),
                signature: Vec::new(),
                key: Vec::new(),
            }),
            (SignedBy::RegisteredKey(Some(signature)), None) => {
                let key = holder_key.ok_or(ServiceError::HolderSignatureUnexpected)?;
                let offer = Offer::new(offer.identity, offer.nonce);
                let signed = holder_key::holder_request(self.keys.id(), &offer, &completion.point);
                holder_key::verify(key, &signed, signature)?;
                let (signature, key) = (signature.to_vec(), key.to_vec());
                Ok(HolderRequest { kind: HolderRequestKind::RegisteredKey, signed, signature, key })
            }
            (SignedBy::Former(request), Some(former)) if request.credential.digest() == former => Ok(HolderRequest {
                kind: HolderRequestKind::FormerCredential,
                signed: request.signed_bytes(COMPLETE_RENEWAL_METHOD),
                signature: request.signature.as_bytes().to_vec(),
                key: request.credential.as_bytes().to_vec(),
            }),
            // An offer of the other kind, or of another holder: for this caller there is none.
            _ => Err(ServiceError::OfferUnknown),
        }
    }

    /// Verifies possession and issues. A degenerate outcome has odds of 2^-256; other randomness helps.
    fn combine(&self, offer: &OfferRecord, completion: &Completion) -> Result<Issued, ServiceError> {
        let message = Offer::new(offer.identity, offer.nonce);
        let issued = self.keys.secret().issue(
            self.keys.authority(),
            &offer.identity,
            PossessionMessage::Offer(&message),
            &completion.point,
            &completion.possession,
            &self.context.random(),
        );
        issued.map_err(|error| match error {
            IssueError::BadPossession => ServiceError::BadSignature(symbolon_ccks::BadSignature),
            IssueError::WrongAuthority | IssueError::OtherIdentity => {
                ServiceError::Internal("an offer of another authority")
            }
            IssueError::Degenerate => ServiceError::Internal("issuing degenerated: try again"),
        })
    }
}

/// Gives what was issued for this identity to the same U, and nothing to another.
fn answer_again(issued: &IssuedRecord, completion: &Completion) -> Result<Enrolled, ServiceError> {
    if issued.enrolment_point == completion.point {
        Ok(Enrolled::archived(issued))
    } else {
        Err(ServiceError::IdentityIssued)
    }
}

/// Archives what was issued, uses up offer and code, and moves card or terminal on: all or nothing.
fn archive(
    unit: &mut dyn Transaction,
    offer: &OfferRecord,
    record: &IssuedRecord,
    completion: &Completion,
    now: Time,
) -> Result<Enrolled, ServiceError> {
    if let Some(issued) = unit.issued_for(&offer.identity)? {
        return answer_again(&issued, completion);
    }
    let holder = Holder::of(unit, &offer.identity.subject())?;
    if !unit.use_offer(&offer.nonce, now)? {
        return Err(ServiceError::OfferUnknown);
    }
    match &completion.signed_by {
        // Of two offers to one credential, the first taken makes it a former one.
        SignedBy::Former(request) => holder.check_renewable(&request.credential, now)?,
        SignedBy::RegisteredKey(_) => {
            holder.check_enrollable(now)?;
            if !unit.use_activation_code(&offer.identity.subject(), now)? {
                return Err(ServiceError::ActivationCodeUsed);
            }
        }
    }
    unit.add_issued(record)?;
    holder.issued(unit, &record.credential, offer.former.is_some(), now)?;
    Ok(Enrolled::archived(record))
}

/// The standing offer of the same identity to the same asker, or this one.
fn standing_or_new(unit: &mut dyn Transaction, offer: OfferRecord, now: Time) -> Result<OfferRecord, ServiceError> {
    let standing = unit.standing_offer(&offer.identity.subject(), now)?;
    if let Some(standing) = standing.filter(|standing| standing.former == offer.former) {
        return Ok(standing);
    }
    unit.add_offer(&offer)?;
    Ok(offer)
}

fn offered(offer: &OfferRecord, holder_signature_required: bool) -> Offered {
    Offered { offer: Offer::new(offer.identity, offer.nonce), expires: offer.expires, holder_signature_required }
}

/// The digest of a credential that verified, which has to be one that was issued.
fn known(unit: &dyn Transaction, credential: &Credential) -> Result<CredentialDigest, ServiceError> {
    let digest = credential.digest();
    issuable(credential.identity().class())?;
    match unit.issued(&digest)? {
        Some(_) => Ok(digest),
        None => Err(ServiceError::NeverIssued),
    }
}

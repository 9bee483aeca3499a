//! Opening one pseudonym to its card, by law: only with an approval of the attester's officer and one of clearing's.
//!
//! An approval names its pseudonym by a hash of it and the case, so that no pseudonym is kept here. What is opened leaves
//! an entry that the card's owner is shown.

use sha2::{Digest as _, Sha256};
use symbolon_ccks::{Name, Subject, Suite, Time};
use symbolon_pseudonym::Commitment;
use symbolon_store::{
    Listed, Page, Store, Transaction,
    records::{AccountName, PseudonymRequestRecord, TraceApprovalRecord, TraceAuditRecord},
};

use super::Attester;
use crate::{
    ServiceError,
    clearing::check_case_number,
    enrolment::SignedRequest,
    links::{ArchivedPseudonym, OpenedSubject, ServiceRole},
};

const APPROVAL: &[u8] = b"SYMBOLON-V1-TRACE-APPROVAL";

/// The card of a pseudonym, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedCase {
    /// The card's number.
    pub card: Subject,
    /// What proves that its holder asked for the pseudonym.
    pub evidence: TraceEvidence,
    /// What the card's owner will be shown.
    pub audit: TraceAuditRecord,
}

/// What ties a pseudonym to a signature of the card: SHA-256(U || salt) stands in the signed request, and U with s gives
/// the credential's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvidence {
    /// The request in which the card signed the commitment.
    pub request: SignedRequest,
    /// The commitment.
    pub commitment: Commitment,
    /// The place of the item in the request.
    pub position: u32,
    /// What the issuer archived: credential, U, salt and s.
    pub archived: ArchivedPseudonym,
}

impl<S: Suite, D: Store> Attester<S, D> {
    /// Notes that an officer of the attester approves that a pseudonym be opened in a case; returns until when it holds.
    /// Approving again begins anew.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] for a case number that is none.
    pub async fn approve(&self, case: &str, subject: Subject, officer: &Name) -> Result<Time, ServiceError> {
        check_case_number(case)?;
        let approved = self.context.now();
        let approval = TraceApprovalRecord {
            digest: approval_digest(case, &subject),
            case_number: case.to_owned(),
            officer: officer.as_str().to_owned(),
            approved,
        };
        let approve = move |unit: &mut dyn Transaction| Ok(unit.approve_trace(&approval)?);
        self.context.store().write::<_, ServiceError, _>(approve).await?;
        Ok(approved.saturating_add(self.context.policy().pseudonyms.approval_seconds))
    }

    /// The approvals of the attester's officers that are remembered, oldest first.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn approvals(&self, page: Page) -> Result<Vec<Listed<TraceApprovalRecord>>, ServiceError> {
        self.context.store().read(move |unit| Ok(unit.trace_approvals_listed(page)?)).await
    }

    /// Opens a pseudonym to its card, and has it on record before it says so.
    ///
    /// # Errors
    /// [`ServiceError::NotApproved`] without an approval that still holds by an officer of the attester, and by another
    /// person at clearing; [`ServiceError::NotFound`] when clearing or the issuer has no such pseudonym, or no card has signed
    /// for it; [`ServiceError::Internal`] when what the roles kept does not go together, [`ServiceError::BadSignature`]
    /// when the card's signature does not hold: then nothing is proved.
    pub async fn open(&self, case: &str, subject: Subject, officer: &Name) -> Result<OpenedCase, ServiceError> {
        check_case_number(case)?;
        let now = self.context.now();
        let since = now.saturating_sub(self.context.policy().pseudonyms.approval_seconds);
        let digest = approval_digest(case, &subject);
        let look = move |unit: &dyn Transaction| Ok(unit.trace_approvals(&digest, since)?);
        let approvals = self.context.store().read::<_, ServiceError, _>(look).await?;
        if approvals.is_empty() {
            return Err(ServiceError::NotApproved(ServiceRole::Attester));
        }
        let opened = self.links.clearing.open_subject(case, subject).await?;
        // Two officers are two persons.
        let other = approvals.into_iter().find(|approval| approval.officer != opened.approved_by);
        let approval = other.ok_or(ServiceError::NotApproved(ServiceRole::Attester))?;
        let archived = self.links.issuer.archived(subject, case, opened.token).await?;
        let archived = archived.ok_or(ServiceError::NotFound("pseudonym"))?;
        let evidence = self.evidence(subject, archived, &opened).await?;
        let audit = TraceAuditRecord {
            card: evidence.request.credential.identity().subject(),
            case_number: case.to_owned(),
            period: self.period_of(&evidence)?,
            attester_officer: approval.officer,
            attester_approved: approval.approved,
            clearing_officer: opened.approved_by,
            clearing_approved: opened.approved,
            opened_by: officer.as_str().to_owned(),
            opened: now,
        };
        let kept = audit.clone();
        let keep = move |unit: &mut dyn Transaction| Ok(unit.add_trace_audit(&kept)?);
        self.context.store().write::<_, ServiceError, _>(keep).await?;
        Ok(OpenedCase { card: audit.card, evidence, audit })
    }

    /// Finds the request in which a card signed for the pseudonym, and checks every step from the credential to the
    /// card.
    async fn evidence(
        &self,
        subject: Subject,
        archived: ArchivedPseudonym,
        opened: &OpenedSubject,
    ) -> Result<TraceEvidence, ServiceError> {
        let authority = self.keys.authority();
        let binds = archived.credential.identity().subject() == subject
            && authority.archive_binds(&archived.credential, &archived.point, &archived.contribution);
        if !binds {
            return Err(ServiceError::Internal("the issuer's archive does not go with the credential"));
        }
        let commitment = Commitment::to(&archived.point, &archived.salt);
        let look = move |unit: &dyn Transaction| {
            let signed = unit.request_of_commitment(&commitment)?;
            let (request, position) = signed.ok_or(ServiceError::NotFound("request signed for this pseudonym"))?;
            let card = unit.card(&request.card)?.ok_or(ServiceError::NotFound("card"))?;
            Ok((request, position, card.account))
        };
        let (request, position, account) = self.context.store().read::<_, ServiceError, _>(look).await?;
        // Whoever swapped tags or answers would have another pay than who signed.
        if account != AccountName::holder(*opened.account.as_bytes()) {
            return Err(ServiceError::Internal("the card that signed is on another account than the one that pays"));
        }
        let request = signed_request(request);
        request.verify_signature(authority, symbolon_pseudonym::RequestBody::METHOD)?;
        Ok(TraceEvidence { request, commitment, position, archived })
    }

    fn period_of(&self, evidence: &TraceEvidence) -> Result<symbolon_ccks::Period, ServiceError> {
        Ok(symbolon_pseudonym::RequestBody::parse(&evidence.request.body)?.period())
    }
}

/// A request as it was signed.
fn signed_request(record: PseudonymRequestRecord) -> SignedRequest {
    SignedRequest {
        credential: record.credential,
        time: record.signed,
        request_id: record.id,
        body: record.body,
        signature: record.signature,
    }
}

fn approval_digest(case: &str, subject: &Subject) -> [u8; 32] {
    let hash = Sha256::new_with_prefix(APPROVAL).chain_update(subject.as_bytes()).chain_update(case);
    hash.finalize().into()
}

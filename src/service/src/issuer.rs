//! The issuer of pseudonyms: it knows every pseudonym, and of none which card asked.
//!
//! An item is opened, checked and issued, and archived in one unit of work together with what clearing has still to be
//! told. Only when clearing knows who pays and the exchange that the credential exists does the answer leave; a
//! stopped service goes on where it was, so that an item never gets two credentials, an unpaid one or none.
//!
//! What the issuer keeps is in the order of subjects, which are as good as random, and has no times. Linkage values are
//! kept as keyed hashes, apart from what they made, and go with their period; a clearing tag goes when it was taken.

mod checking;
mod delivering;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use symbolon_ccks::{GeneratorTable, Period, Subject, Suite, Time};
use symbolon_pseudonym::{Commitment, PairwiseKey, SealingKey, SealingSecret};
use symbolon_store::{
    Listed, Page, Store, Transaction,
    records::{ArchiveOpening, ArchivedPseudonymRecord, PseudonymState},
};
use tokio::sync::Mutex;
use tonic::async_trait;
use zeroize::Zeroizing;

use self::checking::{Checked, Desk};
use crate::{
    Context, ServiceError,
    authority::AuthorityKeys,
    clearing::check_case_number,
    links::{
        ArchivedPseudonym, ClearingLink, ExchangeLink, IssueItem, IssuerLink, ItemOutcome, ItemRefusal, ServiceRole,
        TraceToken,
    },
};

/// The most items in one call.
const MAX_ITEMS: usize = 4_096;

/// The issuer's keys.
pub struct IssuerKeys {
    /// What wallets seal items to.
    pub sealing: SealingSecret,
    /// What the linkage authorities A and B seal values under.
    pub linkage: [PairwiseKey; 2],
    /// What clearing approves cases under.
    pub trace: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IssuerKeys").field("sealing", self.sealing.public()).finish_non_exhaustive()
    }
}

/// How much there was to do, and is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerCounts {
    /// Issued since the service started.
    pub issued: u64,
    /// Refused since the service started.
    pub refused: BTreeMap<&'static str, u64>,
    /// Issued, and clearing does not know yet who pays.
    pub waiting_for_clearing: u64,
    /// Issued, and the exchange does not know of them yet.
    pub waiting_for_exchange: u64,
}

/// The issuer of pseudonyms.
pub struct Issuer<S: Suite, D> {
    context: Context<D>,
    parts: Arc<Parts<S>>,
}

struct Parts<S: Suite> {
    desk: Desk<S>,
    trace: Zeroizing<[u8; 32]>,
    clearing: Arc<dyn ClearingLink>,
    exchange: Arc<dyn ExchangeLink>,
    /// One delivery at a time: whoever comes second finds its own items delivered.
    delivery: Mutex<()>,
    issued: AtomicU64,
    refused: [AtomicU64; ItemRefusal::ALL.len()],
}

impl<S: Suite, D: Clone> Clone for Issuer<S, D> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), parts: Arc::clone(&self.parts) }
    }
}

impl<S: Suite, D: Store> Issuer<S, D> {
    /// The issuer of an authority on a store of its own.
    pub fn new(
        context: Context<D>,
        keys: Arc<AuthorityKeys<S>>,
        role_keys: IssuerKeys,
        clearing: Arc<dyn ClearingLink>,
        exchange: Arc<dyn ExchangeLink>,
    ) -> Self {
        let pseudonyms = &context.policy().pseudonyms;
        let desk = Desk {
            keys,
            table: GeneratorTable::new(),
            values_key: values_key(&role_keys.sealing),
            sealing: role_keys.sealing,
            linkage: role_keys.linkage,
            profiles: pseudonyms.profiles.clone(),
            boundary: pseudonyms.boundary,
        };
        let parts = Parts {
            desk,
            trace: role_keys.trace,
            clearing,
            exchange,
            delivery: Mutex::new(()),
            issued: AtomicU64::new(0),
            refused: Default::default(),
        };
        Self { context, parts: Arc::new(parts) }
    }

    /// What wallets seal items to.
    pub fn sealing_key(&self) -> &SealingKey {
        self.parts.desk.sealing.public()
    }

    /// Forgets what was of use in periods that are over: which linkage values were used, and the answers to pseudonyms
    /// that have expired. Says how many of both.
    ///
    /// # Errors
    /// [`ServiceError::Store`]; what is not forgotten yet is when asked again.
    pub async fn forget_old(&self, now: Time) -> Result<u64, ServiceError> {
        let _turn = self.parts.delivery.lock().await;
        let present = self.period_at(now)?;
        let boundary = self.parts.desk.boundary;
        // While the last period's journeys end its pseudonyms are good, and may be asked for again.
        let previous = present.number().checked_sub(1).and_then(|number| Period::new(number).ok());
        let unexpired = previous.filter(|previous| now < previous.expiry(boundary)).unwrap_or(present);
        let forget = move |unit: &mut dyn Transaction| {
            Ok::<_, ServiceError>(unit.forget_linkage_values_before(present)? + unit.forget_answers_before(unexpired)?)
        };
        let forgotten = self.context.store().write(forget).await?;
        // The tags that were taken meanwhile, too.
        self.context.store().erase_deleted().await?;
        Ok(forgotten)
    }

    /// How much there was to do since the service started, and is.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn counts(&self) -> Result<IssuerCounts, ServiceError> {
        let under_way = |unit: &dyn Transaction| Ok::<_, ServiceError>(unit.count_pseudonyms_under_way()?);
        let (waiting_for_clearing, waiting_for_exchange) = self.context.store().read(under_way).await?;
        let refused = ItemRefusal::ALL.iter().zip(&self.parts.refused);
        Ok(IssuerCounts {
            issued: self.parts.issued.load(Ordering::Relaxed),
            refused: refused.map(|(refusal, count)| (refusal.as_str(), count.load(Ordering::Relaxed))).collect(),
            waiting_for_clearing,
            waiting_for_exchange,
        })
    }

    /// What was given out of the archive, oldest first.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn openings(&self, page: Page) -> Result<Vec<Listed<ArchiveOpening>>, ServiceError> {
        self.context.store().read(move |unit: &dyn Transaction| Ok(unit.archive_openings(page)?)).await
    }

    fn period_at(&self, now: Time) -> Result<Period, ServiceError> {
        Period::at(now, self.parts.desk.boundary).ok_or(ServiceError::Internal("the clock is before the first period"))
    }

    /// Checks and issues what is not archived yet, off the threads that answer; `None` for what is.
    async fn check(&self, items: &Arc<[IssueItem]>) -> Result<Vec<Option<Result<Checked, ItemRefusal>>>, ServiceError> {
        let commitments = items.iter().map(|item| item.commitment).collect::<Vec<_>>();
        let known = move |unit: &dyn Transaction| {
            let known = commitments.iter().map(|commitment| Ok(unit.archived_for(commitment)?.is_some()));
            known.collect::<Result<Vec<_>, ServiceError>>()
        };
        let known = self.context.store().read(known).await?;
        let present = self.period_at(self.context.now())?;
        let (context, parts, items) = (self.context.clone(), Arc::clone(&self.parts), Arc::clone(items));
        let check = move || {
            let unknown = items.iter().zip(&known).filter(|(_, known)| !**known).map(|(item, _)| item);
            let mut checked = parts.desk.check_all(unknown, present, || context.random()).into_iter();
            known.iter().map(|known| if *known { None } else { checked.next() }).collect()
        };
        tokio::task::spawn_blocking(check).await.map_err(|_| ServiceError::Internal("issuing was given up"))
    }

    /// Archives what was issued, unless its subject, U or linkage values were used before; says why not.
    async fn archive(
        &self,
        checked: Vec<Option<Result<Checked, ItemRefusal>>>,
    ) -> Result<Vec<Option<ItemRefusal>>, ServiceError> {
        let archive = move |unit: &mut dyn Transaction| {
            let one = |checked: &Option<Result<Checked, ItemRefusal>>| match checked {
                Some(Ok(checked)) => Ok::<_, ServiceError>(checked.archive(unit)?.err()),
                Some(Err(refusal)) => Ok(Some(*refusal)),
                None => Ok(None),
            };
            checked.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        self.context.store().write(archive).await
    }

    /// What became of items that were not refused when they came.
    async fn outcomes(
        &self,
        items: &[IssueItem],
        refusals: Vec<Option<ItemRefusal>>,
    ) -> Result<Vec<ItemOutcome>, ServiceError> {
        let commitments = items.iter().map(|item| item.commitment).collect::<Vec<_>>();
        let outcomes = move |unit: &dyn Transaction| {
            let one = |(commitment, refusal): (&Commitment, &Option<ItemRefusal>)| match refusal {
                Some(refusal) => Ok(ItemOutcome::Refused(*refusal)),
                None => {
                    let archived = unit.archived_for(commitment)?;
                    archived.map(outcome).ok_or(ServiceError::Internal("an archived pseudonym is gone"))
                }
            };
            commitments.iter().zip(&refusals).map(one).collect::<Result<Vec<_>, _>>()
        };
        self.context.store().read(outcomes).await
    }

    fn count(&self, outcomes: &[ItemOutcome]) {
        for outcome in outcomes {
            if let ItemOutcome::Refused(refusal) = outcome {
                let refused = ItemRefusal::ALL.iter().zip(&self.parts.refused).find(|(known, _)| *known == refusal);
                if let Some((_, count)) = refused {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

#[async_trait]
impl<S: Suite, D: Store> IssuerLink for Issuer<S, D> {
    async fn issue(&self, items: Vec<IssueItem>) -> Result<Vec<ItemOutcome>, ServiceError> {
        if items.len() > MAX_ITEMS {
            return Err(ServiceError::InvalidField { field: "items", problem: "more than 4,096" });
        }
        let items = Arc::<[IssueItem]>::from(items);
        let checked = self.check(&items).await?;
        let refusals = self.archive(checked).await?;
        if let Err(error) = self.deliver().await {
            tracing::warn!(reason = error.reason(), "pseudonyms wait to be delivered");
        }
        let outcomes = self.outcomes(&items, refusals).await?;
        self.count(&outcomes);
        Ok(outcomes)
    }

    async fn archived(
        &self,
        subject: Subject,
        case: &str,
        token: TraceToken,
    ) -> Result<Option<ArchivedPseudonym>, ServiceError> {
        check_case_number(case)?;
        let expected = TraceToken::of_case(&self.parts.trace, &subject, case);
        if !bool::from(expected.0.ct_eq(&token.0)) {
            return Err(ServiceError::NotApproved(ServiceRole::Clearing));
        }
        let (case, now) = (case.to_owned(), self.context.now());
        let open = move |unit: &mut dyn Transaction| {
            unit.note_archive_opening(&case, &subject, now)?;
            Ok::<_, ServiceError>(unit.archived_pseudonym(&subject)?)
        };
        let archived = self.context.store().write(open).await?;
        // What was never released cannot have been used.
        Ok(archived.filter(|record| record.state == PseudonymState::Released).map(|record| ArchivedPseudonym {
            credential: record.credential,
            point: record.point,
            salt: record.salt,
            contribution: record.contribution,
        }))
    }
}

fn outcome(archived: ArchivedPseudonymRecord) -> ItemOutcome {
    match (archived.state, archived.answer) {
        (PseudonymState::Released, Some(answer)) => ItemOutcome::Issued(answer),
        (PseudonymState::Refused, _) => ItemOutcome::Refused(ItemRefusal::TagRefused),
        // Its answer went when it had expired.
        (_, None) => ItemOutcome::Refused(ItemRefusal::WrongPeriod),
        (PseudonymState::Waiting | PseudonymState::Bound, Some(_)) => ItemOutcome::Pending,
    }
}

/// What used linkage values are hashed under: it needs no storage of its own, and who has the database alone has it not.
fn values_key(sealing: &SealingSecret) -> Zeroizing<[u8; 32]> {
    let secret = sealing.to_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_slice()).expect("HMAC takes keys of every length");
    mac.update(b"SYMBOLON-V1-USED-VALUES-KEY");
    Zeroizing::new(mac.finalize().into_bytes().into())
}

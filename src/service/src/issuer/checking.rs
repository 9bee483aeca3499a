//! From an item to what is archived of it.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use symbolon_ccks::{
    GeneratorTable, Identity, IssueError, IssueRequest, Issued, LinkageAuthority, LinkageValue, Period, PeriodBoundary,
    PossessionMessage, Suite,
};
use symbolon_pseudonym::{Answer, ItemContent, PairwiseKey, Profile, SealedAnswer, SealedValue, SealingSecret};
use symbolon_store::{
    StoreError, Transaction,
    records::{ArchivedPseudonymRecord, PseudonymState},
};
use zeroize::Zeroizing;

use crate::{
    authority::AuthorityKeys,
    links::{IssueItem, ItemRefusal},
};

/// All that checking and issuing an item takes; no database.
pub(super) struct Desk<S: Suite> {
    pub(super) keys: Arc<AuthorityKeys<S>>,
    pub(super) table: GeneratorTable<S>,
    pub(super) sealing: SealingSecret,
    pub(super) linkage: [PairwiseKey; 2],
    pub(super) values_key: Zeroizing<[u8; 32]>,
    pub(super) profiles: Vec<Profile>,
    pub(super) boundary: PeriodBoundary,
}

/// An item that opened to something to be issued.
struct Opened<'i> {
    item: &'i IssueItem,
    content: ItemContent,
    identity: Identity,
    values: [[u8; 32]; 2],
    random: [u8; 32],
}

/// An item that was issued, and is of no account until it is archived.
pub(super) struct Checked {
    record: ArchivedPseudonymRecord,
    /// Keyed hashes of the linkage values of A and B.
    values: [[u8; 32]; 2],
}

impl<S: Suite> Desk<S> {
    /// Checks and issues items; results in their order. What is refused does not hurt the others.
    pub(super) fn check_all<'i>(
        &self,
        items: impl Iterator<Item = &'i IssueItem>,
        present: Period,
        random: impl Fn() -> [u8; 32],
    ) -> Vec<Result<Checked, ItemRefusal>> {
        let opened = items.map(|item| self.open(item, present, random())).collect::<Vec<_>>();
        let mut issued = self.issue(&opened, &random()).into_iter();
        let checked = opened.into_iter().map(|opened| {
            let opened = opened?;
            // There is one for every item that opened.
            issued.next().ok_or(ItemRefusal::NotIssuable)?.map(|issued| opened.issued(issued)).map_err(refusal)
        });
        checked.collect()
    }

    fn issue(&self, opened: &[Result<Opened<'_>, ItemRefusal>], random: &[u8; 32]) -> Vec<Result<Issued, IssueError>> {
        let requests = opened.iter().flatten().map(Opened::request).collect::<Vec<_>>();
        self.keys.secret().issue_batch(self.keys.authority(), &self.table, &requests, random)
    }

    fn open<'i>(&self, item: &'i IssueItem, present: Period, random: [u8; 32]) -> Result<Opened<'i>, ItemRefusal> {
        let profile = self.profiles.iter().find(|profile| profile.id() == item.profile);
        let profile = profile.ok_or(ItemRefusal::UnknownProfile)?;
        if item.period != present && item.period != present.next() {
            return Err(ItemRefusal::WrongPeriod);
        }
        let opened = item.sealed.open(self.keys.id(), &item.challenge, &item.commitment, &self.sealing);
        let content = opened.map_err(|_| ItemRefusal::Unopened)?;
        if content.commitment() != item.commitment {
            return Err(ItemRefusal::WrongCommitment);
        }
        if content.suite != S::ID || content.period != item.period {
            return Err(ItemRefusal::WrongPeriod);
        }
        let [of_a, of_b] = self.values_of(item)?;
        let subject = of_a.subject_with(&of_b);
        let identity = profile.identity(S::ID, self.keys.id().prefix(), subject, item.period, self.boundary);
        let identity = identity.map_err(|_| ItemRefusal::NotIssuable)?;
        let values = [(LinkageAuthority::A, of_a), (LinkageAuthority::B, of_b)]
            .map(|(authority, value)| self.hash(authority, item.period, &value));
        Ok(Opened { item, content, identity, values, random })
    }

    fn values_of(&self, item: &IssueItem) -> Result<[LinkageValue; 2], ItemRefusal> {
        let [key_a, key_b] = &self.linkage;
        let [of_a, of_b] = &item.values;
        let open = |value: &SealedValue, authority, key| {
            value.open(authority, item.period, &item.commitment, key).map_err(|_| ItemRefusal::BadLinkageValue)
        };
        Ok([open(of_a, LinkageAuthority::A, key_a)?, open(of_b, LinkageAuthority::B, key_b)?])
    }

    /// What is kept of a linkage value.
    fn hash(&self, authority: LinkageAuthority, period: Period, value: &LinkageValue) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.values_key.as_slice()).expect("HMAC takes keys of every length");
        mac.update(&[authority.byte()]);
        mac.update(&period.number().to_be_bytes());
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl Opened<'_> {
    fn request(&self) -> IssueRequest<'_> {
        IssueRequest {
            identity: &self.identity,
            possession_of: PossessionMessage::Pseudonym {
                period: self.item.period.number(),
                challenge: self.item.challenge.as_bytes(),
            },
            holder_point: &self.content.point,
            possession: &self.content.possession,
            random: self.random,
        }
    }

    fn issued(self, issued: Issued) -> Checked {
        let contribution = *issued.contribution.as_bytes();
        let answer = Answer { credential: issued.credential, contribution: issued.contribution };
        let record = ArchivedPseudonymRecord {
            credential: answer.credential,
            commitment: self.item.commitment,
            period: self.item.period,
            point: self.content.point,
            salt: self.content.salt,
            contribution,
            state: PseudonymState::Waiting,
            tag: Some(self.item.tag),
            answer: Some(SealedAnswer::seal(&answer, &self.content.response_key, &self.item.commitment)),
        };
        Checked { record, values: self.values }
    }
}

impl Checked {
    /// Archives the pseudonym. One archived meanwhile for the same commitment stands, and this one is never seen.
    pub(super) fn archive(&self, unit: &mut dyn Transaction) -> Result<Result<(), ItemRefusal>, StoreError> {
        if unit.archived_for(&self.record.commitment)?.is_some() {
            return Ok(Ok(()));
        }
        if unit.point_archived(&self.record.point)? {
            return Ok(Err(ItemRefusal::PointUsed));
        }
        // Two authorities together can make a subject of another period out of values that are new in this one.
        let subject_taken = unit.archived_pseudonym(&self.record.subject())?.is_some();
        let [of_a, of_b] = &self.values;
        let period = self.record.period;
        if subject_taken || unit.linkage_value_used(period, of_a)? || unit.linkage_value_used(period, of_b)? {
            return Ok(Err(ItemRefusal::BadLinkageValue));
        }
        self.values.iter().try_for_each(|hash| unit.use_linkage_value(period, hash))?;
        unit.archive_pseudonym(&self.record).map(Ok)
    }
}

fn refusal(error: IssueError) -> ItemRefusal {
    match error {
        IssueError::BadPossession => ItemRefusal::BadPossession,
        IssueError::WrongAuthority | IssueError::OtherIdentity | IssueError::Degenerate => ItemRefusal::NotIssuable,
    }
}

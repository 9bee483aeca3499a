//! Attack 18: a clearing tag is used again, or made up.
//!
//! The issuer passes tags on. A rogue issuer keeps the tag of a card and puts it to a pseudonym of its own, so that the
//! card pays; or it writes one itself. A clearing that opens the tag and books whoever stands in it lets it. Ours takes a
//! tag for one subject, in the period that it is sealed for, and no more of them than money was set aside for.

use crate::{
    city::TestSuite,
    roles::{purchase, subject, with_roles},
};
use std::sync::{Arc, Mutex};
use symbolon_ccks::{CredentialDigest, Identity, Name, Period, Subject};
use symbolon_pseudonym::{AccountHandle, ClearingTag, PairwiseKey, SealingKey, TagUse};
use symbolon_service::{
    ServiceError,
    exchange::RecordOutcome,
    links::{Binding, ClearingLink, ExchangeLink as _, OpenedSubject, PostingBatch, Reservation, VoucherPayment},
};

for_each_suite!(
    a_tag_is_good_for_one_pseudonym,
    a_tag_that_attester_did_not_seal_is_none,
    nobody_pays_for_an_unbound_one
);

/// A clearing that opens a tag and goes by what stands in it.
fn weak_bind(binding: &Binding, key: &PairwiseKey) -> Option<AccountHandle> {
    binding.tag.open(TagUse::Pseudonym(binding.period), key).ok()
}

/// What a rogue issuer sees of the tags that pass: clearing, with ears.
struct Overheard {
    inner: Arc<dyn ClearingLink>,
    bindings: Mutex<Vec<Binding>>,
}

#[tonic::async_trait]
impl ClearingLink for Overheard {
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError> {
        self.inner.open_account(account, issuer, currency).await
    }

    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError> {
        self.inner.account_fits(account, issuer, currency).await
    }

    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError> {
        self.inner.reserve(reservation).await
    }

    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError> {
        self.inner.release(reservation, count).await
    }

    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        self.bindings.lock().unwrap().extend(bindings.iter().cloned());
        self.inner.bind(bindings).await
    }

    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        self.inner.post(batch).await
    }

    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError> {
        self.inner.pay_voucher(payment).await
    }

    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError> {
        self.inner.open_subject(case, subject).await
    }

    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError> {
        self.inner.export(account, holder).await
    }
}

fn another(subject: &Subject, number: u8) -> Subject {
    let mut bytes = *subject.as_bytes();
    bytes[0] ^= number;
    Subject::from_bytes(bytes)
}

fn a_tag_is_good_for_one_pseudonym<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 6).await;
        let overheard = Arc::new(Overheard { inner: roles.clearing.clone(), bindings: Mutex::default() });
        let issuer = roles.issuer_with(overheard.clone(), "another-issuer");
        let attester = roles.attester_with(|links| links.issuer = Arc::new(issuer));
        let asked = roles.ask(&card, roles.period(), 3).await;
        crate::roles::ready(attester.request(asked.request).await);
        let seen = overheard.bindings.lock().unwrap().clone();
        assert_eq!(seen.len(), 3);
        // Money for one more, so that nothing but the tag decides.
        roles.reserve(&card, 1).await;

        let replayed = Binding { subject: another(&seen[0].subject, 1), ..seen[0].clone() };
        assert_eq!(weak_bind(&replayed, &roles.keys.tags), Some(card.account_handle()), "the card pays for another's");
        let in_next = Binding { period: roles.period().next(), ..replayed.clone() };
        assert_eq!(roles.clearing.bind(vec![replayed, in_next]).await.unwrap(), [false, false]);
        // Nor does a subject change hands: another card's tag for it is refused, its own is taken as before.
        let thief = roles.card(city, 3).await;
        roles.reserve(&thief, 3).await;
        let moved = Binding { tag: roles.tag(&thief, roles.period()), ..seen[1].clone() };
        assert_eq!(roles.clearing.bind(vec![moved, seen[1].clone()]).await.unwrap(), [false, true]);

        // Fresh tags beyond what was set aside: one is taken, and no more.
        let fresh = |number| Binding {
            subject: another(&seen[2].subject, number),
            period: roles.period(),
            tag: roles.tag(&card, roles.period()),
        };
        let taken = roles.clearing.bind((2..8).map(fresh).collect()).await.unwrap();
        assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    });
}

fn a_tag_that_attester_did_not_seal_is_none<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 3).await;
        roles.reserve(&card, 3).await;
        let (period, account) = (roles.period(), card.account_handle());
        let good = roles.tag(&card, period);
        // The weak tag is the handle in the clear: whoever knows one writes another.
        assert_eq!(AccountHandle::from_bytes(*account.as_bytes()), account);

        let mut tags = Vec::new();
        for position in 0..ClearingTag::SIZE {
            let mut bytes = *good.as_bytes();
            bytes[position] ^= 0x10;
            tags.push(ClearingTag::parse(&bytes).unwrap());
        }
        let own_key = PairwiseKey::from_bytes([1; 32]);
        tags.push(ClearingTag::seal(&account, TagUse::Pseudonym(period), &own_key, roles.random()));
        tags.push(ClearingTag::seal(&account, TagUse::Named, &roles.keys.tags, roles.random()));
        tags.push(ClearingTag::seal(&account, TagUse::Pseudonym(period.next()), &roles.keys.tags, roles.random()));
        let nobody = AccountHandle::from_bytes([0x77; 16]);
        tags.push(ClearingTag::seal(&nobody, TagUse::Pseudonym(period), &roles.keys.tags, roles.random()));
        let mut shuffled = *good.as_bytes();
        shuffled.reverse();
        tags.push(ClearingTag::parse(&shuffled).unwrap());
        let bindings =
            tags.iter().map(|tag| Binding { subject: Subject::from_bytes(roles.random()), period, tag: *tag });
        let bindings = bindings.collect::<Vec<_>>();
        let taken = roles.clearing.bind(bindings).await.unwrap();
        assert!(taken.iter().all(|taken| !taken), "{taken:?}");
        // 43 and 45 bytes are no tag at all; and the good one has suffered nothing.
        assert!(ClearingTag::parse(&good.as_bytes()[1..]).is_err());
        assert!(ClearingTag::parse(&[good.as_bytes().as_slice(), &[0]].concat()).is_err());
        let binding = Binding { subject: Subject::from_bytes(roles.random()), period, tag: good };
        assert_eq!(roles.clearing.bind(vec![binding]).await.unwrap(), [true]);
    });
}

fn nobody_pays_for_an_unbound_one<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        // The rogue issuer has made itself a pseudonym, and told the exchange that it exists; no tag for it is good. It
        // taps. Whom does that cost?
        let (card, gate) = (roles.card(city, 3).await, roles.terminal(city).await);
        let honest = roles.pseudonyms(city, &card, 1).await.remove(0);
        let before = roles.balance(&card.account).await;
        let mut bytes = *honest.credential().unwrap().identity().as_bytes();
        bytes[12] ^= 1;
        let own = Identity::parse(&bytes).unwrap();
        assert_ne!(own.subject(), subject(&honest));
        let rogue = city.issue(own, 77);
        let pseudonyms: Vec<(CredentialDigest, Period)> = vec![(rogue.issued.credential.digest(), roles.period())];
        roles.exchange.register(pseudonyms).await.unwrap();
        let record = purchase(roles.now(), &rogue.key, &gate.issued.credential, 1, 200);
        assert_eq!(roles.upload(&gate, &[record]).await, [RecordOutcome::Settled { amount: 200 }]);
        assert_eq!(roles.balance(&card.account).await, before, "the card pays for a pseudonym that is not its own");
        // The operator has its money; that nobody has paid it stands in the ledger for all to see.
        let suspense = roles.ledger.in_suspense().await.unwrap();
        assert_eq!(suspense.iter().map(|account| account.balance).collect::<Vec<_>>(), [-200]);
    });
}

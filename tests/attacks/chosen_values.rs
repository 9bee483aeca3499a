//! Attack 16: a linkage authority returns values that are not its own.
//!
//! It wants pseudonyms that a revocation does not reach, two under one subject, or one under a subject of its choice: then
//! somebody else pays, and somebody else is recognised. An issuer that takes any value that opens gives it the second, and
//! both authorities together the third. Ours takes a value once a period, and a subject once for ever; and as neither
//! authority can read or foresee the other's values, none chooses a subject by itself. What no issuer can see is a fresh
//! value that follows from no seed; it shows when the card is revoked, and it is the other authority's half that keeps
//! even then what belongs together apart.

use crate::{
    city::{City, TestSuite},
    roles::{Card, Roles, with_roles},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};
use symbolon_ccks::{LinkageAuthority, LinkageSeed, LinkageValue, Period, PossessionMessage, Subject};
use symbolon_pseudonym::{LinkageHandle, PairwiseKey, SealedAnswer, SealedValue, Unopened};
use symbolon_service::{
    ServiceError,
    attester::Pseudonyms,
    links::{ItemRefusal, LinkageHolding, LinkageLink, ValuesRequest},
};

for_each_suite!(
    a_repeated_value_makes_no_pseudonym,
    two_authorities_together_take_no_subject_over,
    one_authority_chooses_no_subject,
);

/// An authority that gives what it likes.
struct Rogue {
    authority: LinkageAuthority,
    key: PairwiseKey,
    choose: Box<dyn Fn(u8) -> [u8; 16] + Send + Sync>,
    given: AtomicU8,
}

impl Rogue {
    fn new<S: TestSuite>(
        roles: &Roles<S>,
        authority: LinkageAuthority,
        choose: impl Fn(u8) -> [u8; 16] + Send + Sync + 'static,
    ) -> Arc<Self> {
        let key = roles.keys.linkage[usize::from(authority.byte() - 0x41)].clone();
        Arc::new(Self { authority, key, choose: Box::new(choose), given: AtomicU8::new(0) })
    }
}

#[tonic::async_trait]
impl LinkageLink for Rogue {
    async fn values(&self, request: ValuesRequest) -> Result<Vec<SealedValue>, ServiceError> {
        let seal = |commitment| {
            let number = self.given.fetch_add(1, Ordering::SeqCst);
            let value = LinkageValue::from_bytes((self.choose)(number));
            let nonce = [number, self.authority.byte(), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
            SealedValue::seal(&value, self.authority, request.period, commitment, &self.key, nonce)
        };
        Ok(request.commitments.iter().map(seal).collect())
    }

    async fn reveal(&self, _: LinkageHandle, _: Period) -> Result<Option<(Period, LinkageSeed)>, ServiceError> {
        Ok(None)
    }

    async fn holding(&self, _: LinkageHandle) -> Result<Option<LinkageHolding>, ServiceError> {
        Ok(None)
    }
}

/// What a card gets of three pseudonyms with rogue authorities in the places of ours.
async fn get<S: TestSuite>(
    city: &City<S>,
    roles: &Roles<S>,
    card: &Card<S>,
    rogues: &[Arc<Rogue>],
) -> Vec<Result<Subject, ItemRefusal>> {
    let attester = roles.attester_with(|links| {
        for rogue in rogues {
            links.linkage[usize::from(rogue.authority.byte() - 0x41)] = rogue.clone();
        }
    });
    let asked = roles.ask(card, roles.period(), 3).await;
    let Pseudonyms::Ready(outcomes) = attester.request(asked.request).await.unwrap() else { panic!("nothing waits") };
    let subject = |(asking, outcome): (&symbolon_pseudonym::Asking<S>, Result<SealedAnswer, ItemRefusal>)| {
        let key = asking.complete(&city.authority, &roles.issuance, &outcome?).unwrap();
        Ok(key.credential().unwrap().identity().subject())
    };
    asked.asking.iter().zip(outcomes).map(subject).collect()
}

fn a_repeated_value_makes_no_pseudonym<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 6).await;
        let same = |_| [1; 16];
        let repeating =
            [Rogue::new(roles, LinkageAuthority::A, same), Rogue::new(roles, LinkageAuthority::B, |_| [2; 16])];
        // The weak issuer xors what opens: every pseudonym of every card has one subject, and whose binding comes first
        // at clearing pays for all.
        let values = repeating.each_ref().map(|rogue| (0..3).map(|number| (rogue.choose)(number)).collect::<Vec<_>>());
        let xored = values[0]
            .iter()
            .zip(&values[1])
            .map(|(a, b)| LinkageValue::from_bytes(*a).subject_with(&LinkageValue::from_bytes(*b)));
        assert_eq!(xored.collect::<BTreeSet<_>>().len(), 1);

        // Ours: one, and no more; nor another card's later, nor with an honest second half.
        let got = get(city, roles, &card, &repeating).await;
        assert_eq!(got.iter().filter(|one| one.is_ok()).count(), 1);
        assert_eq!(got.iter().filter(|one| **one == Err(ItemRefusal::BadLinkageValue)).count(), 2);
        for rogues in [&repeating[..], &repeating[..1], &repeating[1..]] {
            let other = roles.card(city, 6).await;
            assert_eq!(get(city, roles, &other, rogues).await, [Err(ItemRefusal::BadLinkageValue); 3]);
        }
        // What was refused is no loss: the money is free again, and ours give it values.
        assert_eq!(roles.pseudonyms(city, &card, 2).await.len(), 2);
    });
}

fn two_authorities_together_take_no_subject_over<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (victim, thief) = (roles.card(city, 3).await, roles.card(city, 3).await);
        let of_victim = roles.pseudonyms(city, &victim, 1).await.remove(0);
        let target = of_victim.credential().unwrap().identity().subject();
        // Both choose values that nobody had: 5 and so on, and what is missing to the subject.
        let half = |number: u8| [number.wrapping_add(5); 16];
        let rest = move |number: u8| target.as_bytes().map(|byte| byte ^ number.wrapping_add(5));
        let together = [Rogue::new(roles, LinkageAuthority::A, half), Rogue::new(roles, LinkageAuthority::B, rest)];
        let chosen = LinkageValue::from_bytes(half(0)).subject_with(&LinkageValue::from_bytes(rest(0)));
        assert_eq!(chosen, target);

        // The weak issuer issues it: a second credential under the victim's subject, whose key the thief has.
        let identity = of_victim.credential().unwrap().identity();
        let own = symbolon_ccks::EnrolmentKey::<S>::generate(&mut roles.draws());
        let message = PossessionMessage::Pseudonym { period: roles.period().number(), challenge: &[1; 32] };
        let possession = own.prove_possession(city.authority.id(), message, &[2; 32]).unwrap();
        let issued = city.secret.issue(&city.authority, identity, message, own.point(), &possession, &[3; 32]).unwrap();
        own.complete(&city.authority, identity, &issued.credential, issued.contribution.as_bytes()).unwrap();

        // Ours does not.
        assert_eq!(get(city, roles, &thief, &together).await, [Err(ItemRefusal::BadLinkageValue); 3]);
    });
}

fn one_authority_chooses_no_subject<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        // The weak construction: the subject is what one authority gives. It names the pseudonyms as it likes, 0 to 2.
        let card = roles.card(city, 3).await;
        let counting = Rogue::new(roles, LinkageAuthority::A, |number| [number; 16]);
        let named = (0..3).map(|number| Subject::from_bytes((counting.choose)(number))).collect::<BTreeSet<_>>();
        // With the other's half in it, what comes out is none of these, nor of any pattern that it knows.
        let got = get(city, roles, &card, std::slice::from_ref(&counting)).await;
        let subjects = got.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert!(subjects.iter().all(|subject| !named.contains(subject)));
        let apart = |one: &Subject, other: &Subject| {
            one.as_bytes().iter().zip(other.as_bytes()).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>()
        };
        // Its own values differ in 16 or 32 of 128 bits; independent ones in 64, give or take 28.
        for pair in subjects.windows(2) {
            assert!((36..=92).contains(&apart(&pair[0], &pair[1])), "{} bits", apart(&pair[0], &pair[1]));
        }
        // It cannot read the other's either: it passes by under another key.
        let asked = roles.ask(&card, roles.period(), 1).await;
        let handle = LinkageHandle::from_bytes([9; 16]);
        let item = roles.items(&card, handle, &asked.body, 0).await.remove(0);
        let opened = item.values[1].open(LinkageAuthority::B, item.period, &item.commitment, &counting.key);
        assert_eq!(opened, Err(Unopened));
    });
}

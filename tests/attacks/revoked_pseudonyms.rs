//! Attack 20: a thief spends the pseudonyms that are left on a revoked card.
//!
//! A list of revoked card numbers recognises no pseudonym: that is what they are for. Ours publishes, without saying
//! whose they are, the seeds from which the subjects of the present period and of later ones follow: a terminal that has
//! the bundle declines them, settlement refuses what a terminal took that could have known, and no new ones come. What
//! the holder did in earlier periods stays apart, even for who has every seed that was ever published.

use crate::{
    city::{City, NOON, TestSuite},
    roles::{PER_PERIOD, Roles, card_issuer, purchase, subject, with_roles},
    station::{self, FARE, Memory, select},
};
use std::collections::BTreeSet;
use symbolon_ccks::{Period, SigningKey, Source, Subject};
use symbolon_service::{
    ServiceError,
    exchange::{RecordOutcome, Refusal},
};
use symbolon_tap::Bundle;
use symbolon_verifier::{Reason, Seen};

for_each_suite!(
    a_terminal_with_the_bundle_declines_them,
    settlement_refuses_them,
    no_more_are_given,
    earlier_taps_stay_apart,
);

const DAY: u64 = 86_400;

async fn revoke<S: TestSuite>(roles: &Roles<S>, number: Subject) {
    roles.cards.revoke(roles.office_request(), &card_issuer(), number).await.unwrap();
    roles.attester.tend().await.unwrap();
}

async fn bundle<S: TestSuite>(roles: &Roles<S>) -> Vec<u8> {
    roles.bundles.newest().await.unwrap().bytes
}

/// The subjects that anyone with the bundle can compute, over a month.
fn recognised(bundle: &[u8], first: Period) -> BTreeSet<Subject> {
    let seeds = Bundle::parse(bundle).unwrap().revoked_seeds();
    let last = Period::new(first.number() + 30).unwrap();
    seeds.subjects(first, last).collect()
}

/// Whether a terminal with this bundle takes a tap by a pseudonym.
fn decide<S: TestSuite>(city: &City<S>, bundle: &[u8], pseudonym: &SigningKey<S>) -> Option<Reason> {
    let key = station::terminal_key(city, 1);
    let (mut memory, mut seen) = (Memory::default(), [Seen::EMPTY; 4]);
    let mut slots = vec![Subject::from_bytes([0; 16]); usize::from(PER_PERIOD) * 4];
    let terminal = station::terminal(city, &key, &mut memory, &mut seen);
    let mut terminal = terminal.with_subject_slots(&mut slots);
    terminal.install(&[Source::from(bundle)]).unwrap();
    let select = select::<S>(pseudonym.credential().unwrap(), [1; 8]);
    let asked = terminal.challenge(select.as_bytes(), &FARE).unwrap();
    let challenge = asked.challenge();
    let presentation =
        symbolon_tap::Presentation::sign(pseudonym, challenge.terms(), &challenge.terminal().digest(), 1, &[4; 32]);
    terminal.decide(asked, presentation.unwrap().as_bytes()).reason()
}

fn a_terminal_with_the_bundle_declines_them<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (stolen, other) = (roles.card(city, 6).await, roles.card(city, 6).await);
        let left = roles.pseudonyms(city, &stolen, PER_PERIOD).await;
        let of_other = roles.pseudonyms(city, &other, 2).await;
        let before = bundle(roles).await;
        assert!(left.iter().all(|pseudonym| decide(city, &before, pseudonym).is_none()));

        revoke(roles, stolen.number).await;
        let bundle = bundle(roles).await;
        // The weak list has the card, and recognises nothing by it.
        let list = Bundle::parse(&bundle).unwrap().revoked();
        assert!(list.contains(&stolen.number));
        assert!(left.iter().all(|pseudonym| !list.contains(&subject(pseudonym))), "the weak terminal takes them");

        for pseudonym in &left {
            assert_eq!(decide(city, &bundle, pseudonym), Some(Reason::Revoked));
        }
        for pseudonym in &of_other {
            assert_eq!(decide(city, &bundle, pseudonym), None, "another card's is declined");
        }
        // Nothing in the seeds says whose they are.
        let seeds = Bundle::parse(&bundle).unwrap().revoked_seeds();
        assert_eq!(seeds.entries().len(), 1);
        assert_eq!(size_of_val(&seeds.entries()[0]), 68);
    });
}

fn settlement_refuses_them<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (stolen, gate) = (roles.card(city, 12).await, roles.terminal(city).await);
        let later = roles.period().next();
        let left = roles.pseudonyms(city, &stolen, PER_PERIOD).await;
        let asked = roles.ask(&stolen, later, PER_PERIOD).await;
        let answers = crate::roles::ready(roles.attester.request(asked.request).await);
        let of_later = asked
            .asking
            .iter()
            .zip(&answers)
            .map(|(asking, answer)| asking.complete(&city.authority, &roles.issuance, answer).unwrap());
        let of_later = of_later.collect::<Vec<_>>();
        let terminal = &gate.issued.credential;
        let before = purchase(roles.now(), &left[0], terminal, 1, 200);

        revoke(roles, stolen.number).await;
        // A terminal that has not heard of it yet is paid, whatever the thief does with it.
        let unheard = purchase(roles.now().saturating_add(60), &left[1], terminal, 2, 200);
        // So are those of the next period, for as long as a terminal may go by its last bundle.
        roles.clock.set(NOON + 5 * 3_600);
        let of_next = purchase(roles.now(), &of_later[0], terminal, 3, 200);
        let outcomes = roles.upload(&gate, &[before, unheard, of_next]).await;
        assert!(outcomes.iter().all(RecordOutcome::is_settled), "{outcomes:?}");
        assert_eq!(roles.balance(&stolen.account).await, 12 * 2_000 - 600);
        // With bundles that live an hour that is over: the terminal must have heard of it. Today's and tomorrow's are
        // recognised alike.
        let strict = roles.exchange_with(|policy| policy.bundle_validity_seconds = 3_600, "strict-exchange");
        let digests = left.iter().chain(&of_later).map(|key| key.credential().unwrap().digest());
        let digests = digests.map(|digest| (digest, later)).collect();
        symbolon_service::links::ExchangeLink::register(&strict, digests).await.unwrap();
        let records =
            [(&left[2], 4), (&of_later[1], 5)].map(|(key, number)| purchase(roles.now(), key, terminal, number, 200));
        let outcomes = roles.upload_to(&strict, &gate, &records).await;
        assert_eq!(outcomes, [RecordOutcome::Refused(Refusal::Revoked); 2]);
        assert_eq!(roles.balance(&stolen.account).await, 12 * 2_000 - 600);
    });
}

fn no_more_are_given<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let stolen = roles.card(city, 6).await;
        // One request that was signed, and not sent, before.
        let kept = roles.ask(&stolen, roles.period(), 2).await.request;
        roles.pseudonyms(city, &stolen, 1).await;
        revoke(roles, stolen.number).await;
        let refused = roles.attester.request(kept).await;
        assert!(matches!(refused, Err(ServiceError::CardNotActive(_))), "{refused:?}");
        assert_eq!(roles.exchange.count_pseudonyms().await.unwrap(), 1);
    });
}

fn earlier_taps_stay_apart<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        roles.clock.set(NOON - DAY);
        let (card, idle) = (roles.card(city, 12).await, roles.card(city, 6).await);
        let yesterday = roles.period();
        let mut earlier = roles.pseudonyms(city, &card, PER_PERIOD).await;
        // One that does not ask again, so that nothing but the revocation itself moves its seeds on.
        earlier.extend(roles.pseudonyms(city, &idle, PER_PERIOD).await);
        roles.clock.set(NOON);
        let present = roles.pseudonyms(city, &card, PER_PERIOD).await;
        revoke(roles, card.number).await;
        revoke(roles, idle.number).await;
        let recognised = recognised(&bundle(roles).await, yesterday);
        assert!(present.iter().all(|pseudonym| recognised.contains(&subject(pseudonym))));
        assert!(earlier.iter().all(|pseudonym| !recognised.contains(&subject(pseudonym))));

        // With seeds that stay the same from period to period, the weak construction, today's would have been
        // yesterday's, and all would be found.
        let bundle = bundle(roles).await;
        let entries = Bundle::parse(&bundle).unwrap().revoked_seeds().entries().to_vec();
        assert_eq!(entries.len(), 2);
        let weak = entries.iter().flat_map(|entry| {
            assert_eq!((entry.period(), entry.seeds_at(yesterday)), (yesterday.next(), None));
            let [a, b] = entry.seeds_at(yesterday.next()).unwrap();
            (0..u32::from(PER_PERIOD)).map(move |j| a.value(j).subject_with(&b.value(j))).collect::<Vec<_>>()
        });
        let weak = weak.collect::<BTreeSet<_>>();
        assert!(present.iter().all(|pseudonym| weak.contains(&subject(pseudonym))));
    });
}

//! How a purse is filled, and what it does not take.

use symbolon_ccks::{IdentityFields, Period, Subject};
use symbolon_pseudonym::{AnswerRefused, RequestBody};
use symbolon_tap::{Kind, RequestDigest};
use symbolon_wallet::{
    BadReason, IssuerKeyChanged, ItemAnswer, MemoryCounterStore, MemoryPurseStore, Purse, PursePolicy, PurseSettings,
    RefillRefused,
};

use super::issuing::{
    PER_PERIOD, ask, boundary, fill, honest_answers, identity, issuance, issue, present, purse, random,
};
use crate::world::{TestSuite, for_each_suite, now};

for_each_suite!(
    a_request_is_signed_and_kept_until_it_is_answered,
    each_answer_is_checked_and_the_good_ones_are_taken,
    the_service_does_not_choose_the_order,
    more_are_wanted_when_few_are_left_and_before_a_period_begins,
    fewer_are_wanted_where_each_is_shown_more_often,
    another_issuers_key_is_refused_until_the_holder_accepts_it,
    what_cannot_be_asked_is_refused,
);

fn a_request_is_signed_and_kept_until_it_is_answered<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 0);
    let asked = purse.prepare_request(present(), 3, [4; 32], now(), &mut random(1)).unwrap();
    let digest = RequestDigest::of(asked.method(), asked.time(), asked.id(), asked.body()).unwrap();
    let card = *world.card.credential().unwrap();
    assert_eq!(digest.verify(&world.authority, &card, asked.signature()), Ok(()));
    let body = RequestBody::parse(asked.body()).unwrap();
    assert_eq!((body.period(), body.challenge(), body.items().len()), (present(), &[4; 32], 3));
    let (id, answers) = (*asked.id(), honest_answers(world, asked));
    let (body, signature) = (asked.body().to_vec(), *asked.signature());

    let mut purse = Purse::open(world.wallet(MemoryCounterStore::new()), purse.into_store()).unwrap();
    let kept = &purse.pending()[0];
    assert_eq!((kept.id(), kept.body(), kept.signature(), kept.count()), (&id, body.as_slice(), &signature, 3));
    assert_eq!(kept.credential(), &card);
    assert_eq!(purse.take_answers(&id, &answers[1..], &mut random(2)), Err(RefillRefused::WrongCount));
    assert_eq!(purse.take_answers(&[0; 16], &answers, &mut random(2)), Err(RefillRefused::UnknownRequest));
    assert_eq!(purse.take_answers(&id, &answers, &mut random(2)).unwrap().good, 3);
    // Once.
    assert_eq!(purse.take_answers(&id, &answers, &mut random(2)), Err(RefillRefused::UnknownRequest));
    assert_eq!((purse.left(now()), purse.pending().len()), (3, 0));

    let asked = purse.prepare_request(present(), 1, [4; 32], now(), &mut random(3)).unwrap();
    let id = *asked.id();
    purse.forget_request(&id).unwrap();
    assert_eq!(purse.pending().len(), 0);
}

fn each_answer_is_checked_and_the_good_ones_are_taken<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 0);
    let asked = purse.prepare_request(present(), 9, [4; 32], now(), &mut random(1)).unwrap();
    let body = RequestBody::parse(asked.body()).unwrap();
    let id = *asked.id();
    let good = honest_answers(world, asked);
    let marked = |j, mark: fn(&mut IdentityFields)| {
        ItemAnswer::Sealed(issue(world, &body, j, |period, subject| {
            let mut fields = identity(world, period, subject).fields();
            mark(&mut fields);
            symbolon_ccks::Identity::new(fields).unwrap()
        }))
    };
    let answers = [
        good[0].clone(),
        // Another item's.
        good[0].clone(),
        marked(2, |fields| fields.tariff = 0),
        marked(3, |fields| fields.spend_limit -= 1),
        marked(4, |fields| fields.not_after = fields.not_after.saturating_sub(1)),
        marked(5, |fields| fields.not_before = fields.not_before.saturating_sub(86_400)),
        // A subject that the purse has, of the right shape otherwise.
        ItemAnswer::Sealed(issue(world, &body, 6, |period, _| {
            let mut first = [0; 16];
            first.copy_from_slice(&body.items()[0].commitment.as_bytes()[..16]);
            identity(world, period, Subject::from_bytes(first))
        })),
        ItemAnswer::Refused("tag_refused".to_owned()),
        good[8].clone(),
    ];
    let taken = purse.take_answers(&id, &answers, &mut random(2)).unwrap();
    assert_eq!((taken.good, purse.left(now())), (2, 2));
    let bad: Vec<_> = taken.bad.iter().map(|bad| (bad.place, bad.reason.as_str(), bad.credential.is_some())).collect();
    assert_eq!(
        bad,
        [
            (1, "unopened", false),
            (2, "other_identity", true),
            (3, "other_identity", true),
            (4, "other_identity", true),
            (5, "other_identity", true),
            (6, "repeated_subject", true),
            (7, "refused", false),
        ]
    );
    assert_eq!(taken.bad[0].reason, BadReason::Answer(AnswerRefused::Unopened));
    assert_eq!(taken.bad[0].commitment, body.items()[1].commitment);
    // The two can be used.
    for selection in 0..2 {
        ask(selection, Kind::Purchase, 1).tap(world, &mut purse).unwrap();
    }
}

fn the_service_does_not_choose_the_order<S: TestSuite>() {
    let world = S::world();
    let mut orders = Vec::new();
    for seed in 0..4 {
        let mut purse = purse(world, PursePolicy::Fresh, 0);
        let asked = purse.prepare_request(present(), 8, [4; 32], now(), &mut random(1)).unwrap();
        let (id, answers) = (*asked.id(), honest_answers(world, asked));
        purse.take_answers(&id, &answers, &mut random(seed)).unwrap();
        orders.push(purse.pseudonyms().map(|held| held.subject).collect::<Vec<_>>());
    }
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), 4);
}

fn more_are_wanted_when_few_are_left_and_before_a_period_begins<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 0);
    let six = PurseSettings::default().per_refill;
    assert_eq!(purse.wants_refill(now()), Some((present(), six)));
    fill(world, &mut purse, present(), 6);
    assert_eq!(purse.wants_refill(now()), None);
    for selection in 1..=4 {
        assert_eq!(purse.wants_refill(now()), None, "{selection}");
        ask(selection, Kind::Purchase, 1).tap(world, &mut purse).unwrap();
    }
    assert_eq!(purse.wants_refill(now()), Some((present(), six)));
    // What is asked for already counts.
    let asked = *purse.prepare_request(present(), 5, [4; 32], now(), &mut random(1)).unwrap().id();
    assert_eq!(purse.wants_refill(now()), None);
    purse.forget_request(&asked).unwrap();
    fill(world, &mut purse, present(), 5);
    for selection in 5..=9 {
        ask(selection, Kind::Purchase, 1).tap(world, &mut purse).unwrap();
    }
    // No more than a card gets in a period.
    assert_eq!(purse.wants_refill(now()), Some((present(), PER_PERIOD - 11)));
    fill(world, &mut purse, present(), 1);
    assert_eq!(purse.wants_refill(now()), None);

    let next = present().next();
    let end = present().end(boundary());
    let lead = u64::from(PurseSettings::default().next_period_lead_seconds);
    assert_eq!(purse.wants_refill(end.saturating_sub(lead + 1)), None);
    assert_eq!(purse.wants_refill(end.saturating_sub(lead)), Some((next, six)));
    fill(world, &mut purse, next, 6);
    assert_eq!(purse.wants_refill(end.saturating_sub(1)), None);
    assert_eq!(purse.wants_refill(end), None, "the next period's are there");
}

fn fewer_are_wanted_where_each_is_shown_more_often<S: TestSuite>() {
    let world = S::world();
    for (policy, count, enough) in [(PursePolicy::PerSector, 3, 2), (PursePolicy::PerDay, 2, 1)] {
        let mut purse = purse(world, policy, 0);
        assert_eq!(purse.wants_refill(now()), Some((present(), count)), "{policy}");
        fill(world, &mut purse, present(), enough);
        assert_eq!(purse.wants_refill(now()), None, "{policy}");
        ask(1, Kind::Purchase, 1).tap(world, &mut purse).unwrap();
        assert_eq!(purse.wants_refill(now()), Some((present(), count)), "{policy}: none is spare");
    }
}

fn another_issuers_key_is_refused_until_the_holder_accepts_it<S: TestSuite>() {
    let world = S::world();
    let mut purse = purse(world, PursePolicy::Fresh, 1);
    let believed = purse.issuer_key_digest().unwrap();
    let Err(IssuerKeyChanged { believed: told, offered }) = purse.take_issuance(&issuance(2)).unwrap() else {
        panic!("another key was believed");
    };
    assert_eq!(told, believed);
    assert_ne!(offered, believed);
    assert_eq!(purse.issuance(), Some(&issuance(1)));

    let mut purse = Purse::open(world.wallet(MemoryCounterStore::new()), purse.into_store()).unwrap();
    assert!(purse.take_issuance(&issuance(2)).unwrap().is_err(), "it is remembered");
    purse.accept_issuer_key(offered).unwrap();
    assert_eq!(purse.issuance(), None);
    assert!(purse.take_issuance(&issuance(1)).unwrap().is_err(), "the old key is not believed any more");
    assert_eq!(purse.take_issuance(&issuance(2)).unwrap(), Ok(()));
    assert_eq!(purse.issuance(), Some(&issuance(2)));
}

fn what_cannot_be_asked_is_refused<S: TestSuite>() {
    let world = S::world();
    let wallet = world.wallet(MemoryCounterStore::new());
    let mut purse = Purse::create(wallet, MemoryPurseStore::new(), PurseSettings::default()).unwrap();
    let ask = |purse: &mut super::issuing::MemoryPurse<'_, S>, period, count| {
        purse.prepare_request(period, count, [4; 32], now(), &mut random(1)).map(|_| ()).unwrap_err()
    };
    assert_eq!(ask(&mut purse, present(), 1), RefillRefused::NoIssuance);
    assert_eq!(purse.wants_refill(now()), None);
    purse.take_issuance(&issuance(1)).unwrap().unwrap();
    let number = present().number();
    for other in [number - 1, number + 2] {
        assert_eq!(ask(&mut purse, Period::new(other).unwrap(), 1), RefillRefused::WrongPeriod);
    }
    for count in [0, 257] {
        assert_eq!(ask(&mut purse, present(), count), RefillRefused::WrongCount);
    }
    let all = issuance(1);
    let others = symbolon_pseudonym::Issuance::new(boundary(), 5, *all.issuer_key(), all.profiles()[..2].to_vec());
    purse.take_issuance(&others.unwrap()).unwrap().unwrap();
    assert_eq!(ask(&mut purse, present(), 1), RefillRefused::NoProfile);
    assert_eq!(purse.pending().len(), 0);
}

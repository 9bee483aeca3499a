//! Attack 17: a card asks many times at once, to get more than its due.
//!
//! A quota that is looked up, and written back when the pseudonyms are there, counts every request that comes meanwhile
//! from the same number. Ours counts in the unit of work that takes the request; and clearing sets money aside, or not,
//! in one of its own.

use crate::{
    city::TestSuite,
    roles::{PER_PERIOD, with_roles},
};
use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};
use symbolon_service::{ServiceError, attester::Pseudonyms};

for_each_suite!(the_quota_holds, the_money_is_spent_once, one_request_many_times_at_once);

/// So many at once.
const REQUESTS: usize = 8;

/// A quota that is read before and written after.
async fn weak_request(used: Arc<AtomicU16>, count: u16) -> u16 {
    let before = used.load(Ordering::SeqCst);
    if before + count > PER_PERIOD {
        return 0;
    }
    // Clearing, linkage authorities and issuer are asked.
    tokio::task::yield_now().await;
    used.store(before + count, Ordering::SeqCst);
    count
}

/// What became of requests for `each` that came at once.
async fn at_once<S: TestSuite>(
    roles: &crate::roles::Roles<S>,
    card: &crate::roles::Card<S>,
    each: u16,
) -> Vec<Result<Pseudonyms, ServiceError>> {
    let mut requests = Vec::new();
    for _ in 0..REQUESTS {
        requests.push(roles.ask(card, roles.period(), each).await.request);
    }
    let asked = requests.into_iter().map(|request| {
        let attester = roles.attester.clone();
        tokio::spawn(async move { attester.request(request).await })
    });
    let asked = asked.collect::<Vec<_>>();
    let mut outcomes = Vec::new();
    for one in asked {
        outcomes.push(one.await.unwrap());
    }
    outcomes
}

async fn registered<S: TestSuite>(roles: &crate::roles::Roles<S>) -> u64 {
    roles.exchange.count_pseudonyms().await.unwrap()
}

fn the_quota_holds<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let used = Arc::new(AtomicU16::new(0));
        let weak = tokio::task::LocalSet::new();
        let requests = (0..REQUESTS).map(|_| weak.spawn_local(weak_request(used.clone(), PER_PERIOD)));
        let requests = requests.collect::<Vec<_>>();
        weak.await;
        let mut got = 0;
        for request in requests {
            got += request.await.unwrap();
        }
        assert_eq!(usize::from(got), REQUESTS * usize::from(PER_PERIOD), "the weak quota gives all of it");

        let card = roles.card(city, 100).await;
        let outcomes = at_once(roles, &card, PER_PERIOD / 2).await;
        let ready = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Pseudonyms::Ready(_)))).count();
        assert_eq!(ready, 2);
        let refused = outcomes.iter().filter(|one| **one == Err(ServiceError::QuotaExceeded(PER_PERIOD))).count();
        assert_eq!(refused, REQUESTS - 2);
        assert_eq!(registered(roles).await, u64::from(PER_PERIOD));
        // Nor later, nor one.
        let late = roles.ask(&card, roles.period(), 1).await;
        let refused = roles.attester.request(late.request).await;
        assert_eq!(refused, Err(ServiceError::QuotaExceeded(PER_PERIOD)));
    });
}

fn the_money_is_spent_once<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        // Enough for five pseudonyms, and quota for six: two requests for two, and no third.
        let card = roles.card(city, 5).await;
        let outcomes = at_once(roles, &card, 2).await;
        let ready = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Pseudonyms::Ready(_)))).count();
        assert_eq!(ready, 2, "{outcomes:?}");
        for outcome in outcomes.iter().filter(|outcome| outcome.is_err()) {
            let reason = outcome.as_ref().unwrap_err().reason();
            assert!(["insufficient_funds", "quota_exceeded"].contains(&reason), "{reason}");
        }
        assert_eq!(registered(roles).await, 4);
        // What could not be paid has not used the quota up.
        assert_eq!(roles.pseudonyms(city, &card, 1).await.len(), 1);
    });
}

fn one_request_many_times_at_once<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 100).await;
        let request = roles.ask(&card, roles.period(), 3).await.request;
        let sent = (0..REQUESTS).map(|_| {
            let (attester, request) = (roles.attester.clone(), request.clone());
            tokio::spawn(async move { attester.request(request).await.unwrap() })
        });
        let sent = sent.collect::<Vec<_>>();
        for one in sent {
            one.await.unwrap();
        }
        let last = roles.attester.request(request).await.unwrap();
        assert!(matches!(last, Pseudonyms::Ready(_)));
        assert_eq!(registered(roles).await, 3);
        assert_eq!(roles.pseudonyms(city, &card, 3).await.len(), 3);
    });
}

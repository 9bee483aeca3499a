//! A linkage authority by itself.

use std::collections::BTreeSet;

use symbolon_ccks::{LinkageAuthority, LinkageSeed, LinkageValue, Period, PeriodBoundary};
use symbolon_pseudonym::{Commitment, LinkageHandle, PairwiseKey, SealedValue};
use symbolon_service::{
    ServiceError,
    linkage::Linkage,
    links::{LinkageHolding, LinkageLink as _, ValuesRequest},
};
use symbolon_store::{SqliteStore, Store as _, StoreError};

use crate::scene::{DAY, Scene, readable};

const AUTHORITY: LinkageAuthority = LinkageAuthority::B;
const FILE: &str = "linkage-b.db";

fn key() -> PairwiseKey {
    PairwiseKey::from_bytes([0x42; 32])
}

fn handle(number: u8) -> LinkageHandle {
    LinkageHandle::from_bytes([number; 16])
}

/// Commitments as good as any.
fn commitments(count: u8) -> Vec<Commitment> {
    (0..count).map(|number| Commitment::from_bytes([number ^ 0x5c; 32])).collect()
}

fn after(period: Period, periods: u32) -> Period {
    Period::new(period.number() + periods).unwrap()
}

struct Office {
    scene: Scene,
    linkage: Option<Linkage<SqliteStore>>,
}

impl Office {
    fn new() -> Self {
        let mut office = Self { scene: Scene::new(3), linkage: None };
        office.reopen();
        office
    }

    fn reopen(&mut self) {
        self.linkage = None;
        self.linkage = Some(Linkage::new(self.scene.context(FILE), AUTHORITY, key()));
    }

    fn linkage(&self) -> &Linkage<SqliteStore> {
        self.linkage.as_ref().unwrap()
    }

    fn present(&self) -> Period {
        self.scene.clock.period()
    }

    async fn sealed(
        &self,
        handle: LinkageHandle,
        period: Period,
        first: u32,
        count: u8,
    ) -> Result<Vec<SealedValue>, ServiceError> {
        let request = ValuesRequest { handle, period, first, commitments: commitments(count) };
        self.linkage().values(request).await
    }

    /// Values as the issuer sees them.
    async fn values(
        &self,
        handle: LinkageHandle,
        period: Period,
        first: u32,
        count: u8,
    ) -> Result<Vec<LinkageValue>, ServiceError> {
        let sealed = self.sealed(handle, period, first, count).await?;
        assert_eq!(sealed.len(), usize::from(count));
        let open =
            |(sealed, commitment): (&SealedValue, &Commitment)| sealed.open(AUTHORITY, period, commitment, &key());
        Ok(sealed.iter().zip(&commitments(count)).map(open).collect::<Result<_, _>>().unwrap())
    }

    /// The seed that somebody finds who takes the database.
    async fn stolen(&self, handle: LinkageHandle) -> (Period, LinkageSeed) {
        let store = SqliteStore::open(self.scene.folder.path().join(FILE)).unwrap();
        let record = store.read::<_, StoreError, _>(move |unit| unit.linkage_seed(&handle)).await.unwrap().unwrap();
        (record.period, record.seed)
    }

    async fn advance(&self) -> u64 {
        use symbolon_service::Clock as _;
        self.linkage().advance(self.scene.clock.now()).await.unwrap()
    }
}

fn refused_for<T: std::fmt::Debug>(result: Result<T, ServiceError>, expected: &str) {
    match result {
        Err(ServiceError::InvalidField { field, .. }) => assert_eq!(field, expected),
        other => panic!("{expected}: {other:?}"),
    }
}

#[tokio::test]
async fn the_same_request_gives_the_same_values_sealed_anew() {
    let mut office = Office::new();
    let present = office.present();
    let first = office.sealed(handle(1), present, 0, 20).await.unwrap();
    let values = office.values(handle(1), present, 0, 20).await.unwrap();
    assert_ne!(office.sealed(handle(1), present, 0, 20).await.unwrap(), first);
    office.reopen();
    assert_eq!(office.values(handle(1), present, 0, 20).await.unwrap(), values);
    // In any portions.
    let mut portions = office.values(handle(1), present, 0, 7).await.unwrap();
    portions.extend(office.values(handle(1), present, 7, 13).await.unwrap());
    assert_eq!(portions, values);
    // Other numbers, periods and cards have other values.
    let mut all = values;
    all.extend(office.values(handle(1), present, 20, 20).await.unwrap());
    all.extend(office.values(handle(1), present.next(), 0, 20).await.unwrap());
    all.extend(office.values(handle(2), present, 0, 20).await.unwrap());
    assert_eq!(all.iter().map(LinkageValue::as_bytes).collect::<BTreeSet<_>>().len(), 80);
}

#[tokio::test]
async fn a_value_opens_for_its_own_item_alone() {
    let office = Office::new();
    let (present, items) = (office.present(), commitments(2));
    let sealed = office.sealed(handle(1), present, 0, 2).await.unwrap();
    assert!(sealed[0].open(AUTHORITY, present, &items[0], &key()).is_ok());
    assert!(sealed[0].open(AUTHORITY, present, &items[1], &key()).is_err());
    assert!(sealed[0].open(AUTHORITY, present.next(), &items[0], &key()).is_err());
    assert!(sealed[0].open(LinkageAuthority::A, present, &items[0], &key()).is_err());
    assert!(sealed[0].open(AUTHORITY, present, &items[0], &PairwiseKey::from_bytes([1; 32])).is_err());
}

#[tokio::test]
async fn values_are_given_for_the_present_period_and_the_next() {
    let office = Office::new();
    let present = office.present();
    refused_for(office.sealed(handle(1), after(present, 2), 0, 1).await, "period");
    refused_for(office.sealed(handle(1), Period::new(present.number() - 1).unwrap(), 0, 1).await, "period");
    assert_eq!(office.linkage().holding(handle(1)).await.unwrap(), None, "a refused request leaves no seed");
    let next = office.values(handle(1), present.next(), 0, 3).await.unwrap();
    office.scene.clock.move_on(1);
    assert_eq!(office.values(handle(1), present.next(), 0, 3).await.unwrap(), next);
    refused_for(office.sealed(handle(1), present, 0, 1).await, "period");
    // A clock put back by a day finds the seed of that day gone.
    office.scene.clock.put_back(DAY);
    refused_for(office.sealed(handle(1), present, 0, 1).await, "period");
    assert_eq!(office.values(handle(1), present.next(), 0, 3).await.unwrap(), next);
}

#[tokio::test]
async fn numbers_and_counts_have_an_end() {
    let office = Office::new();
    let present = office.present();
    let request = |first, count| ValuesRequest {
        handle: handle(1),
        period: present,
        first,
        commitments: vec![Commitment::from_bytes([1; 32]); count],
    };
    refused_for(office.linkage().values(request(u32::MAX, 1)).await, "first");
    refused_for(office.linkage().values(request(0, 257)).await, "commitments");
    assert_eq!(office.linkage().values(request(u32::MAX - 1, 1)).await.unwrap().len(), 1);
    assert_eq!(office.linkage().values(request(0, 256)).await.unwrap().len(), 256);
}

#[tokio::test]
async fn who_takes_the_database_learns_nothing_of_earlier_periods() {
    let office = Office::new();
    let start = office.present();
    let mut earlier = BTreeSet::new();
    let mut seeds = Vec::new();
    for day in 0..3 {
        let period = after(start, day);
        earlier.extend(office.values(handle(1), period, 0, 20).await.unwrap().iter().map(|value| *value.as_bytes()));
        let (of, seed) = office.stolen(handle(1)).await;
        assert_eq!(of, period);
        assert!(readable(office.scene.folder.path(), seed.as_bytes()), "this search finds a seed that is there");
        seeds.push(seed);
        office.scene.clock.move_on(1);
    }
    // The third seed was not used since: the chore moves it on.
    assert_eq!((office.advance().await, office.advance().await), (1, 0));
    for seed in &seeds {
        assert!(!readable(office.scene.folder.path(), seed.as_bytes()), "an earlier seed lies in the files");
    }
    let (of, stolen) = office.stolen(handle(1)).await;
    assert_eq!((of, &stolen), (after(start, 3), &seeds[0].after(AUTHORITY, 3)));
    let computable = (0..30).flat_map(|on| {
        let seed = stolen.after(AUTHORITY, on);
        (0..20).map(move |j| *seed.value(j).as_bytes()).collect::<Vec<_>>()
    });
    assert_eq!(computable.filter(|value| earlier.contains(value)).count(), 0);
    // The same reach forwards from the first day's seed would have found them all.
    let first_day = (0..3).flat_map(|on| (0..20).map(move |j| (on, j)));
    let found = first_day.filter(|(on, j)| earlier.contains(seeds[0].after(AUTHORITY, *on).value(*j).as_bytes()));
    assert_eq!(found.count(), 60);
}

#[tokio::test]
async fn the_chore_moves_every_seed_on() {
    let office = Office::new();
    let start = office.present();
    let handles = (0..1_203u16).map(|number| {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        LinkageHandle::from_bytes(bytes)
    });
    let handles = handles.collect::<Vec<_>>();
    for handle in &handles {
        office.sealed(*handle, start, 0, 1).await.unwrap();
    }
    let revealed = office.linkage().reveal(handles[7], start).await.unwrap().unwrap();
    office.scene.clock.move_on(4);
    assert_eq!(office.advance().await, 1_202);
    for handle in handles.iter().step_by(100) {
        assert_eq!(office.linkage().holding(*handle).await.unwrap().unwrap().period, after(start, 4));
    }
    assert_eq!(office.stolen(handles[7]).await, revealed);
}

#[tokio::test]
async fn a_revealed_seed_gives_the_values_from_then_on_and_none_before() {
    let mut office = Office::new();
    let start = office.present();
    let yesterday = office.values(handle(1), start, 0, 10).await.unwrap();
    office.scene.clock.move_on(1);
    let today = office.values(handle(1), start.next(), 0, 10).await.unwrap();
    let tomorrow = office.values(handle(1), after(start, 2), 0, 10).await.unwrap();
    // Whatever earlier period is asked for, it is the present one that is revealed.
    let (from, seed) = office.linkage().reveal(handle(1), start).await.unwrap().unwrap();
    assert_eq!(from, start.next());
    assert_eq!((0..10).map(|j| seed.value(j)).collect::<Vec<_>>(), today);
    assert_eq!((0..10).map(|j| seed.next(AUTHORITY).value(j)).collect::<Vec<_>>(), tomorrow);
    let reach = (0..30).flat_map(|on| {
        let seed = seed.after(AUTHORITY, on);
        (0..10).map(move |j| seed.value(j)).collect::<Vec<_>>()
    });
    assert_eq!(reach.filter(|value| yesterday.contains(value)).count(), 0);
    // Asked again, days later and after a restart, the answer is the same; there are no more values.
    office.reopen();
    office.scene.clock.move_on(5);
    office.advance().await;
    let present = office.present();
    assert_eq!(office.linkage().reveal(handle(1), present).await.unwrap(), Some((from, seed)));
    for period in [present, present.next()] {
        let refused = office.sealed(handle(1), period, 0, 1).await;
        assert_eq!(refused, Err(ServiceError::NotFound("linkage handle")));
    }
    assert!(office.sealed(handle(2), present, 0, 1).await.is_ok());
}

#[tokio::test]
async fn a_seed_can_be_revealed_from_the_next_period_on_at_the_latest() {
    let office = Office::new();
    let present = office.present();
    assert_eq!(office.linkage().reveal(handle(1), present).await.unwrap(), None);
    let next = office.values(handle(1), present.next(), 0, 1).await.unwrap();
    refused_for(office.linkage().reveal(handle(1), after(present, 2)).await, "from");
    assert!(office.sealed(handle(1), present, 0, 1).await.is_ok(), "a refused request reveals nothing");
    let (from, seed) = office.linkage().reveal(handle(1), present.next()).await.unwrap().unwrap();
    assert_eq!((from, seed.value(0)), (present.next(), next[0]));
}

#[tokio::test]
async fn a_seed_that_nobody_used_for_days_is_revealed_from_the_present_period_on() {
    let office = Office::new();
    let start = office.present();
    let (_, first) = (office.values(handle(1), start, 0, 1).await.unwrap(), office.stolen(handle(1)).await.1);
    office.scene.clock.move_on(2);
    let revealed = office.linkage().reveal(handle(1), start).await.unwrap();
    assert_eq!(revealed, Some((after(start, 2), first.after(AUTHORITY, 2))));
}

#[tokio::test]
async fn a_holder_is_told_what_is_held() {
    use symbolon_service::Clock as _;
    let office = Office::new();
    let (since, present) = (office.scene.clock.now(), office.present());
    assert_eq!(office.linkage().holding(handle(1)).await.unwrap(), None);
    office.sealed(handle(1), present, 0, 1).await.unwrap();
    office.scene.clock.move_on(1);
    office.advance().await;
    let held = LinkageHolding { since, period: present.next(), published_from: None };
    assert_eq!(office.linkage().holding(handle(1)).await.unwrap(), Some(held.clone()));
    office.linkage().reveal(handle(1), present.next()).await.unwrap();
    let published = LinkageHolding { published_from: Some(present.next()), ..held };
    assert_eq!(office.linkage().holding(handle(1)).await.unwrap(), Some(published));
}

#[tokio::test(flavor = "multi_thread")]
async fn first_requests_at_the_same_time_meet_one_seed() {
    let office = Office::new();
    let present = office.present();
    let ask = |_| {
        let linkage = office.linkage().clone();
        let request = ValuesRequest { handle: handle(9), period: present, first: 0, commitments: commitments(1) };
        tokio::spawn(async move { linkage.values(request).await.unwrap()[0] })
    };
    let asked = (0..16).map(ask).collect::<Vec<_>>();
    let mut values = BTreeSet::new();
    for one in asked {
        let value = one.await.unwrap().open(AUTHORITY, present, &commitments(1)[0], &key()).unwrap();
        values.insert(*value.as_bytes());
    }
    assert_eq!(values.len(), 1);
}

#[tokio::test]
async fn no_item_leaves_a_trace_in_the_database() {
    let office = Office::new();
    let present = office.present();
    let sealed = office.sealed(handle(1), present, 0, 5).await.unwrap();
    let values = office.values(handle(1), present, 0, 5).await.unwrap();
    let path = office.scene.folder.path();
    assert!(readable(path, handle(1).as_bytes()), "this search finds what is there");
    for ((sealed, value), commitment) in sealed.iter().zip(values).zip(commitments(5)) {
        assert!(!readable(path, commitment.as_bytes()));
        assert!(!readable(path, value.as_bytes()));
        assert!(!readable(path, sealed.as_bytes()));
    }
}

#[tokio::test]
async fn before_the_first_period_nothing_is_given() {
    let office = Office::new();
    office.scene.clock.put_back(crate::scene::START);
    let first = Period::new(0).unwrap();
    assert!(first.start(PeriodBoundary::DEFAULT).seconds() > 0);
    assert!(matches!(office.sealed(handle(1), first, 0, 1).await, Err(ServiceError::Internal(_))));
}

//! Whatever is asked in whatever order, clearing sets aside what a plain model of it does.

use proptest::prelude::*;
use symbolon_ccks::{Period, Subject};
use symbolon_service::{
    ServiceError,
    links::{Binding, ClearingLink as _, NettedCharge, PostingBatch, Reservation},
};

use super::{CURRENCY, DAY, House, end, operator, today};

#[derive(Clone, Debug)]
enum Step {
    Reserve { tomorrow: bool, count: u16, budget: u32, line: u32 },
    Release { which: usize, count: u16 },
    Bind { tomorrow: bool },
    Charge { which: usize, amount: i64 },
    Wait { days: u64 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 0..4_u16, 0..60_u32, 0..50_u32)
            .prop_map(|(tomorrow, count, budget, line)| Step::Reserve { tomorrow, count, budget, line }),
        2 => (any::<usize>(), 0..4_u16).prop_map(|(which, count)| Step::Release { which, count }),
        4 => any::<bool>().prop_map(|tomorrow| Step::Bind { tomorrow }),
        4 => (any::<usize>(), -30..60_i64).prop_map(|(which, amount)| Step::Charge { which, amount }),
        1 => (0..3_u64).prop_map(|days| Step::Wait { days }),
    ]
}

struct Reserved {
    id: [u8; 16],
    day: usize,
    count: u16,
    budget: u32,
    released: Option<(u16, u16)>,
}

/// What clearing should know, kept as simply as can be: everything is counted anew each time.
#[derive(Default)]
struct Model {
    now: u64,
    balance: i64,
    reserved: Vec<Reserved>,
    bound: Vec<(Subject, usize, i64)>,
}

impl Model {
    fn is_live(&self, day: usize) -> bool {
        self.now < until(day)
    }

    fn places(&self, day: usize) -> i64 {
        let left = |reserved: &&Reserved| i64::from(reserved.count - reserved.released.map_or(0, |(_, given)| given));
        self.reserved.iter().filter(|reserved| reserved.day == day).map(|reserved| left(&reserved)).sum()
    }

    fn count_bound(&self, day: usize) -> i64 {
        self.bound.iter().filter(|(_, bound, _)| *bound == day).count() as i64
    }

    fn held(&self, day: usize) -> i64 {
        let of_day = self.reserved.iter().filter(|reserved| reserved.day == day);
        let exposure: i64 = of_day
            .map(|reserved| {
                let given = reserved.released.map_or(0, |(_, given)| given);
                i64::from(reserved.count - given) * i64::from(reserved.budget)
            })
            .sum();
        let charged: i64 = self.bound.iter().filter(|(_, bound, _)| *bound == day).map(|(_, _, charged)| charged).sum();
        if self.is_live(day) { (exposure - charged.max(0)).max(0) } else { 0 }
    }
}

/// Seconds after 1970 at which what is set aside for today, or tomorrow, is free.
fn until(day: usize) -> u64 {
    end().seconds() + day as u64 * DAY
}

fn period(day: usize) -> Period {
    if day == 0 { today() } else { today().next() }
}

async fn run(steps: Vec<Step>) {
    let house = House::new();
    let account = house.account(300).await;
    let mut model = Model { now: super::START, balance: 300, ..Model::default() };
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Wait { days } => {
                model.now += days * DAY;
                house.set(model.now - super::START);
            }
            Step::Reserve { tomorrow, count, budget, line } => {
                let (id, day) = (house.random(), usize::from(tomorrow));
                let until = symbolon_ccks::Time::new(until(day)).unwrap();
                let asked =
                    Reservation { id, account, period: period(day), count, budget, line, currency: CURRENCY, until };
                let free = model.balance + i64::from(line) - model.held(0) - model.held(1);
                let answer = house.clearing().reserve(asked).await;
                if count == 0 || !model.is_live(day) {
                    assert!(matches!(answer, Err(ServiceError::InvalidField { .. })), "{number}: {answer:?}");
                } else if i64::from(count) * i64::from(budget) > free {
                    assert_eq!(answer, Err(ServiceError::InsufficientFunds), "{number}");
                } else {
                    assert_eq!(answer, Ok(()), "{number}");
                    model.reserved.push(Reserved { id, day, count, budget, released: None });
                }
            }
            Step::Release { which, count } => {
                let Some(which) = which.checked_rem(model.reserved.len()) else { continue };
                let day = model.reserved[which].day;
                let free = if model.is_live(day) { model.places(day) - model.count_bound(day) } else { 0 };
                let reserved = &mut model.reserved[which];
                let answer = house.clearing().release(reserved.id, count).await;
                match reserved.released {
                    Some((asked, _)) if asked == count => assert_eq!(answer, Ok(()), "{number}"),
                    Some(_) => assert_eq!(answer, Err(ServiceError::RequestIdReused), "{number}"),
                    None if count > reserved.count => assert!(answer.is_err(), "{number}"),
                    None => {
                        assert_eq!(answer, Ok(()), "{number}");
                        reserved.released = Some((count, count.min(u16::try_from(free).unwrap())));
                    }
                }
            }
            Step::Bind { tomorrow } => {
                let day = usize::from(tomorrow);
                let binding: Binding = house.binding(&account, period(day));
                let subject = binding.subject;
                let taken = house.clearing().bind(vec![binding]).await.unwrap()[0];
                assert_eq!(taken, model.is_live(day) && model.count_bound(day) < model.places(day), "{number}");
                if taken {
                    model.bound.push((subject, day, 0));
                }
            }
            Step::Charge { which, amount } => {
                let Some(which) = which.checked_rem(model.bound.len()) else { continue };
                let (subject, _, charged) = &mut model.bound[which];
                let netted = NettedCharge {
                    currency: CURRENCY,
                    subjects: vec![(*subject, -amount)],
                    parties: vec![(operator("metro"), amount)],
                };
                let batch = PostingBatch { id: house.random(), named: Vec::new(), netted: vec![netted] };
                house.clearing().post(batch).await.unwrap();
                *charged += amount;
                model.balance -= amount;
                assert_eq!(house.balance(&account).await, model.balance, "{number}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn clearing_sets_aside_what_its_model_does(steps in prop::collection::vec(any_step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}

//! Attack 12: everybody against an honest holder.
//!
//! Terminals repeat challenges, ask for anything, and upload what they got as often and in whatever order they like; the
//! phone loses power at the worst moment. Whatever happens, nothing that an honest wallet signed adds up to a proof of
//! misuse. Two wallets that are not honest show what the rules are for: one that is restored from a backup, and one that
//! counts a journey with its fare instead of with what it may cost.

use crate::{
    bureau::{BUDGET, with_bureau},
    city::{City, Holder, NOON, TestSuite},
    station,
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use symbolon_ccks::{Class, CredentialDigest, Identity, IdentityFields, Sector, Suite, Time};
use symbolon_service::exchange::{RecordOutcome, Refusal};
use symbolon_tap::misuse::{Item, Proves, Why, check};
use symbolon_tap::{Challenge, Flags, Kind, Presentation, Record, Terms, TermsFields};
use symbolon_wallet::{Account, Checked, CounterError, CounterStore, MemoryCounterStore, Refused, Wallet};

for_each_suite!(
    an_honest_wallet_is_never_convicted,
    nor_by_settlement_in_any_order,
    a_wallet_from_a_backup_convicts_its_holder,
    a_wallet_that_counts_fares_convicts_its_holder,
);

/// Where the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    Never,
    /// The counter was kept, nothing was signed.
    AfterCounter,
    /// The answer was signed, but not kept.
    BeforeAnswer,
    /// The answer was kept, but did not leave.
    AfterAnswer,
}

/// A tap that somebody brings about.
#[derive(Clone, Copy, Debug)]
struct Step {
    kind: Kind,
    amount: u32,
    terminal: u64,
    crash: Crash,
    /// Which earlier challenge is put to the wallet again instead, and whether with the nonce it was made for.
    repeats: Option<(prop::sample::Index, bool)>,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(Kind::Purchase), Just(Kind::Entry), Just(Kind::Exit), Just(Kind::Refund)];
    let crash = prop_oneof![
        6 => Just(Crash::Never),
        1 => Just(Crash::AfterCounter),
        1 => Just(Crash::BeforeAnswer),
        1 => Just(Crash::AfterAnswer),
    ];
    let repeats = prop::option::weighted(0.3, any::<(prop::sample::Index, bool)>());
    (kind, 1u32..=500, 1u64..=2, crash, repeats).prop_map(|(kind, amount, terminal, crash, repeats)| Step {
        kind,
        amount: if kind == Kind::Exit { 0 } else { amount },
        terminal,
        crash,
        repeats,
    })
}

/// A store that survives the crashes that it causes.
struct Crashing<'a> {
    kept: &'a mut MemoryCounterStore,
    crash: Crash,
}

const POWER_LOST: CounterError = CounterError::Io(std::io::ErrorKind::Other);

impl CounterStore for Crashing<'_> {
    fn account(&self, credential: &CredentialDigest) -> Result<Account, CounterError> {
        self.kept.account(credential)
    }

    fn reserve(&mut self, credential: &CredentialDigest, amount: u32) -> Result<u32, CounterError> {
        let counter = self.kept.reserve(credential, amount)?;
        if self.crash == Crash::AfterCounter { Err(POWER_LOST) } else { Ok(counter) }
    }

    fn keep_answer(&mut self, credential: &CredentialDigest, answer: &Item) -> Result<(), CounterError> {
        if self.crash == Crash::BeforeAnswer {
            return Err(POWER_LOST);
        }
        self.kept.keep_answer(credential, answer)?;
        if self.crash == Crash::AfterAnswer { Err(POWER_LOST) } else { Ok(()) }
    }
}

/// A card with a budget that twenty taps run into.
fn card<S: TestSuite>(city: &City<S>) -> Holder<S> {
    let fields = IdentityFields { budget: BUDGET, ..city.fields(Class::Card, 1) };
    city.issue(&Identity::new(fields).unwrap(), 1)
}

fn challenge<S: TestSuite>(gate: &Holder<S>, kind: Kind, amount: u32, number: u8) -> Challenge {
    let terms = Terms::new(TermsFields {
        kind,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce: [number; 16],
        time: Time::new(NOON).unwrap(),
        amount,
        currency: 156,
        reference: [7; 16],
    })
    .unwrap();
    Challenge::sign(&gate.key, terms, &[number; 32]).unwrap()
}

/// One selection of a wallet that was switched on for it; the holder agrees to everything.
fn tap<S: Suite>(
    city: &City<S>,
    card: &Holder<S>,
    store: impl CounterStore,
    nonce: [u8; 8],
    challenge: &Challenge,
) -> Result<Presentation, Refused> {
    let mut wallet = Wallet::new(&city.authority, &card.key, store).unwrap();
    match wallet.select(nonce).check(challenge.as_bytes(), Time::new(NOON).unwrap())? {
        Checked::Question(question) => {
            let amount = question.amount();
            question.confirm(amount)?.sign(&[1; 32])
        }
        Checked::Answered(answer) => Ok(answer),
    }
}

/// Everything that left the wallet, as it can be uploaded.
fn live<S: TestSuite>(city: &City<S>, card: &Holder<S>, gates: &[Holder<S>; 2], steps: &[Step]) -> Vec<Item> {
    let mut kept = MemoryCounterStore::new();
    let mut asked: Vec<Challenge> = Vec::new();
    let mut left = Vec::new();
    for (step, number) in steps.iter().zip(1..) {
        let fresh = challenge(&gates[step.terminal as usize - 1], step.kind, step.amount, number);
        let (challenge, nonce) = match step.repeats {
            Some((index, true)) if !asked.is_empty() => {
                let earlier = *index.get(&asked);
                (earlier, earlier.terms().holder_nonce())
            }
            Some((index, false)) if !asked.is_empty() => (*index.get(&asked), [number; 8]),
            _ => (fresh, [number; 8]),
        };
        asked.push(challenge);
        let store = Crashing { kept: &mut kept, crash: step.crash };
        let answer = tap(city, card, store, nonce, &challenge);
        if let Ok(presentation) = answer {
            let record = Record::new(*challenge.terms(), presentation);
            left.push(Item::new(&record, challenge.terminal().digest()));
        }
    }
    left
}

fn an_honest_wallet_is_never_convicted<S: TestSuite>() {
    let city = S::city();
    let card = card(city);
    let gates = [1, 2].map(|number| station::terminal_key(city, number));
    let mut config = ProptestConfig::with_cases(48);
    config.failure_persistence = None;
    let signed = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(
        &(vec(step(), 1..24), vec(any::<prop::sample::Index>(), 0..48)),
        |(steps, order)| {
            let left = live(city, &card, &gates, &steps);
            signed.set(signed.get() + left.len());
            // Some of it, repeatedly, in any order; then all of it.
            let uploaded: Vec<Item> =
                order.iter().filter(|_| !left.is_empty()).map(|index| *index.get(&left)).collect();
            for items in [&uploaded, &left] {
                let why = if items.is_empty() { Why::NoItem } else { Why::Honest };
                prop_assert_eq!(check(&city.authority, items).proves(), Proves::Nothing(why));
            }
            Ok(())
        },
    );
    result.unwrap();
    assert!(signed.get() > 200, "the wallet signed {} times", signed.get());
}

fn nor_by_settlement_in_any_order<S: TestSuite>() {
    let mut config = ProptestConfig::with_cases(6);
    config.failure_persistence = None;
    let inputs = (vec(step(), 8..20), vec(any::<prop::sample::Index>(), 0..40), 1usize..6);
    let result = TestRunner::new(config).run(&inputs, |(steps, order, size)| {
        with_bureau::<S>(async |city, bureau| {
            let (card, account) = bureau.card(city).await;
            let gates = [bureau.terminal(city).await, bureau.terminal(city).await];
            let left = live(city, &card, &gates, &steps);
            // Some of it first, repeatedly and in any order; then all of it. Each gate uploads its own.
            let some = order.iter().filter(|_| !left.is_empty()).map(|index| index.get(&left));
            let everything: Vec<&Item> = some.chain(left.iter().rev()).collect();
            for items in everything.chunks(size) {
                for gate in &gates {
                    let own = items.iter().filter(|item| *item.terminal() == gate.issued.credential.digest());
                    let records: Vec<Record> =
                        own.map(|item| Record::new(*item.terms(), *item.presentation())).collect();
                    if records.is_empty() {
                        continue;
                    }
                    for (record, outcome) in records.iter().zip(bureau.upload(gate, &records).await) {
                        let refused = record.terms().kind() == Kind::Refund;
                        let expected = RecordOutcome::Refused(Refusal::NotAuthorised);
                        let fits = outcome.is_settled() || outcome.is_duplicate();
                        assert!(if refused { outcome == expected } else { fits }, "{record:?}: {outcome:?}");
                    }
                }
            }
            let balance = bureau.balance(&account).await;
            assert!((-i64::from(BUDGET)..=0).contains(&balance), "{balance}");
        });
        Ok(())
    });
    result.unwrap();
}

fn a_wallet_from_a_backup_convicts_its_holder<S: TestSuite>() {
    // The weak wallet: its counter is part of a backup, and comes back with it.
    let city = S::city();
    let card = card(city);
    let gate = station::terminal_key(city, 1);
    let backup = MemoryCounterStore::new();
    let items = [1, 2].map(|number| {
        let challenge = challenge(&gate, Kind::Purchase, 200, number);
        let presentation = tap(city, &card, backup.clone(), [number; 8], &challenge).unwrap();
        Item::new(&Record::new(*challenge.terms(), presentation), gate.issued.credential.digest())
    });
    assert_eq!(check(&city.authority, &items).proves(), Proves::DoubleUse);
}

fn a_wallet_that_counts_fares_convicts_its_holder<S: TestSuite>() {
    // The weak wallet: five entries of 500 on a budget of 2,000, each journey priced at 100 afterwards. Settlement counts
    // an entry with its amount, since the exit may never be uploaded; a wallet that counted 100 would go on.
    let city = S::city();
    let card = card(city);
    let gate = station::terminal_key(city, 1);
    let entries: Vec<Challenge> = (1..=5).map(|number| challenge(&gate, Kind::Entry, 500, number)).collect();
    let item = |entry: &Challenge, presentation| {
        Item::new(&Record::new(*entry.terms(), presentation), gate.issued.credential.digest())
    };
    let careless: Vec<Item> =
        entries.iter().zip(1..).map(|(entry, counter)| item(entry, station::answer(&card, entry, counter))).collect();
    assert_eq!(check(&city.authority, &careless).proves(), Proves::Overspend);

    // Ours stops at the fifth.
    let mut kept = MemoryCounterStore::new();
    let mut signed = Vec::new();
    for (entry, number) in entries.iter().zip(1..) {
        match tap(city, &card, &mut kept, [number; 8], entry) {
            Ok(presentation) => signed.push(item(entry, presentation)),
            Err(refused) => assert_eq!((refused, number), (Refused::OverBudget, 5)),
        }
    }
    assert_eq!(signed.len(), 4);
    assert_eq!(check(&city.authority, &signed).proves(), Proves::Nothing(Why::Honest));
}

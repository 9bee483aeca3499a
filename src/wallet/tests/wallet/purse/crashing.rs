//! The power goes at every moment of a day's taps: no pseudonym is shown for two things, no counter used twice.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use symbolon_ccks::{CredentialDigest, Suite};
use symbolon_tap::misuse::{Item, Proves, Why, check};
use symbolon_tap::{Kind, Presentation, Record};
use symbolon_wallet::{
    MemoryCounterStore, MemoryPurseStore, Payer, Purse, PurseChecked, PurseError, PursePolicy, PurseStore, Refused,
};
use zeroize::Zeroizing;

use super::issuing::{Ask, ask, honest_answers, issuance, present, purse, random};
use crate::world::{RANDOM, TestSuite, World, for_each_suite, now};

for_each_suite!(
    whenever_the_power_goes_no_two_taps_show_one_pseudonym,
    whenever_the_power_goes_a_request_is_asked_once,
);

const GONE: PurseError = PurseError::Io(std::io::ErrorKind::BrokenPipe);

/// A disk that outlives the device, whose power goes before or after the write of a given number.
#[derive(Clone)]
struct Disk {
    kept: Rc<RefCell<MemoryPurseStore>>,
    writes_left: Rc<RefCell<Option<u32>>>,
    after: bool,
}

impl Disk {
    fn new(kept: MemoryPurseStore, writes: Option<u32>, after: bool) -> Self {
        Self { kept: Rc::new(RefCell::new(kept)), writes_left: Rc::new(RefCell::new(writes)), after }
    }

    /// The power is back, and stays.
    fn restarted(&self) -> Self {
        Self { writes_left: Rc::new(RefCell::new(None)), ..self.clone() }
    }

    fn crashed(&self) -> bool {
        *self.writes_left.borrow() == Some(0)
    }
}

impl PurseStore for Disk {
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, PurseError> {
        self.kept.borrow().read()
    }

    fn write(&mut self, state: &[u8]) -> Result<(), PurseError> {
        let mut left = self.writes_left.borrow_mut();
        let goes = match left.as_mut() {
            None => false,
            Some(0) => return Err(GONE),
            Some(left) => {
                *left -= 1;
                *left == 0
            }
        };
        if !goes || self.after {
            self.kept.borrow_mut().write(state)?;
        }
        if goes { Err(GONE) } else { Ok(()) }
    }
}

/// What happened on a device until its power went.
#[derive(Default)]
struct Seen {
    /// Whom a signature was attempted with, by selection, where the choice was durable.
    attempted: Vec<(u8, Payer)>,
    answers: BTreeMap<u8, Presentation>,
}

fn tap<S: Suite>(
    world: &World<S>,
    purse: &mut Purse<'_, S, MemoryCounterStore, Disk>,
    disk: &Disk,
    ask: &Ask,
    seen: &mut Seen,
) -> Result<(), Refused> {
    let challenge = ask.challenge(world);
    let presentation = match purse.select([ask.selection; 8]).check(challenge.as_bytes(), ask.at)? {
        PurseChecked::Answered(presentation) => presentation,
        PurseChecked::Question(question) => {
            let payer = question.payer();
            let before = disk.read()?.to_vec();
            let signed = question.confirm(ask.amount)?.sign(&RANDOM);
            if signed.is_ok() || *disk.read()? != before {
                seen.attempted.push((ask.selection, payer));
            }
            signed?
        }
    };
    if let Some(first) = seen.answers.insert(ask.selection, presentation) {
        assert_eq!(first, presentation, "one challenge, one answer");
    }
    Ok(())
}

fn day() -> [Ask; 6] {
    [
        ask(1, Kind::Entry, 800),
        ask(2, Kind::Exit, 0),
        ask(3, Kind::Purchase, 300),
        ask(4, Kind::Entry, 500).of(9),
        ask(5, Kind::Purchase, 300),
        ask(6, Kind::Exit, 0).of(9),
    ]
}

/// A day of taps, during which the power goes once, and each tap that failed is tried again.
fn live<S: TestSuite>(world: &'static World<S>, writes: Option<u32>, after: bool) -> (Seen, bool) {
    let disk = Disk::new(purse(world, PursePolicy::Fresh, 8).into_store(), writes, after);
    let wallet = || world.wallet(MemoryCounterStore::new());
    let mut running = Purse::open(wallet(), disk.clone()).unwrap();
    let mut seen = Seen::default();
    let mut crashed = false;
    for ask in day() {
        if tap(world, &mut running, &disk, &ask, &mut seen).is_err() {
            assert!(disk.crashed() && !crashed, "only a crash stops a tap");
            crashed = true;
            running = Purse::open(wallet(), disk.restarted()).unwrap();
            tap(world, &mut running, &disk, &ask, &mut seen).unwrap();
        }
        // Come again, as on a bad connection.
        tap(world, &mut running, &disk, &ask, &mut seen).unwrap();
    }
    (seen, crashed)
}

fn whenever_the_power_goes_no_two_taps_show_one_pseudonym<S: TestSuite>() {
    let world = S::world();
    for after in [false, true] {
        for write in 1..=12 {
            let (seen, crashed) = live(world, Some(write), after);
            assert!(crashed, "each tap writes twice: write {write}");
            check_day(world, &seen);
        }
    }
    let (seen, crashed) = live(world, None, false);
    assert!(!crashed);
    check_day(world, &seen);
}

fn check_day<S: Suite>(world: &World<S>, seen: &Seen) {
    // Journeys apart, whom a signature was attempted with is never tried again, whatever came of it.
    let journeys = [(1, 2), (4, 6)];
    let mut tried = BTreeSet::new();
    for (selection, payer) in &seen.attempted {
        let Payer::Pseudonym(subject) = payer else { panic!("nobody asked for the card") };
        let is_exit = journeys.iter().any(|(_, exit)| exit == selection);
        assert_eq!(tried.insert(*subject), !is_exit, "selection {selection}");
    }
    let shown = |selection: u8| seen.answers[&selection].holder().identity().subject();
    for (entry, exit) in journeys {
        assert_eq!(shown(entry), shown(exit));
    }
    // Nothing that left proves misuse.
    let mut items = BTreeMap::<CredentialDigest, Vec<Item>>::new();
    for ask in day() {
        let (challenge, answer) = (ask.challenge(world), seen.answers[&ask.selection]);
        let item = Item::new(&Record::new(*challenge.terms(), answer), challenge.terminal().digest());
        items.entry(answer.holder().digest()).or_default().push(item);
    }
    assert_eq!(items.len(), 4);
    for items in items.values() {
        assert_eq!(check(&world.authority, items).proves(), Proves::Nothing(Why::Honest));
        let counters: BTreeSet<_> = items.iter().map(|item| item.presentation().counter()).collect();
        assert_eq!(counters.len(), items.len());
    }
}

fn whenever_the_power_goes_a_request_is_asked_once<S: TestSuite>() {
    let world = S::world();
    for after in [false, true] {
        for write in 1..=2 {
            let disk = Disk::new(purse(world, PursePolicy::Fresh, 0).into_store(), Some(write), after);
            let wallet = || world.wallet(MemoryCounterStore::new());
            let mut running = Purse::open(wallet(), disk.clone()).unwrap();
            let asked = running.prepare_request(present(), 3, [9; 32], now(), &mut random(5)).map(|asked| {
                let answers = honest_answers(world, asked);
                (*asked.id(), asked.body().to_vec(), answers)
            });
            let Ok((id, body, answers)) = asked else {
                assert_eq!(write, 1);
                // It never left; what is on the disk may be sent or not, but is whole.
                let running = Purse::open(wallet(), disk.restarted()).unwrap();
                assert_eq!(running.pending().len(), usize::from(after));
                continue;
            };
            running.take_answers(&id, &answers, &mut random(6)).unwrap_err();
            assert_eq!((running.pending().len(), running.left(now())), (1, 0), "what is not durable is not used");
            let mut running = Purse::open(wallet(), disk.restarted()).unwrap();
            if after {
                assert_eq!((running.pending().len(), running.left(now())), (0, 3));
            } else {
                // Asked again as it was, byte for byte, it gets the same answers.
                assert_eq!((running.pending()[0].body(), running.left(now())), (body.as_slice(), 0));
                assert_eq!(running.take_answers(&id, &answers, &mut random(7)).unwrap().good, 3);
            }
            assert_eq!(running.issuance(), Some(&issuance(1)));
        }
    }
}

//! Mixtures of records: what honest terminals take of honest holders, and what comes of those that are neither.

use proptest::{
    prelude::{Just, Strategy, prop_oneof},
    sample::select,
};
use symbolon_ccks::{Class, Identity, IdentityFields, Period, Subject};
use symbolon_pseudonym::AccountHandle;
use symbolon_service::{
    Policy,
    links::{ExchangeLink as _, PublishedSeeds},
};
use symbolon_tap::{Flags, Kind, Record, RecordBytes, Terms, TermsFields};
use zerocopy::FromBytes as _;

use super::{BUDGET, CURRENCY, Gate, HOUR, Holder, House, Town, identity, issue, linked, seeds, time, today};

/// When everything is uploaded, seconds after today began.
const NOW: u64 = 3 * HOUR;
/// Since when what is out of use is, and the seeds of the revoked card are published, seconds after today began.
pub(super) const OUT_OF_USE: u64 = HOUR;
/// How long a terminal may not know it yet.
pub(super) const BUNDLE_VALIDITY: u64 = HOUR / 2;

/// Who taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Card,
    OtherCard,
    Pseudonym,
    OtherPseudonym,
    RevokedCard,
    /// Of a card that is revoked, so that its seeds tell it.
    RevokedPseudonym,
    /// Its records are no longer awaited.
    LatePseudonym,
    UnissuedCard,
    UnissuedPseudonym,
}

impl Who {
    const GOOD: [Self; 4] = [Self::Card, Self::OtherCard, Self::Pseudonym, Self::OtherPseudonym];
    const OTHERS: [Self; 5] =
        [Self::RevokedCard, Self::RevokedPseudonym, Self::LatePseudonym, Self::UnissuedCard, Self::UnissuedPseudonym];
}

/// Two terminals of one operator and one of another; the last is retired.
pub(super) const OPERATORS: [&str; 3] = ["metro", "water", "metro"];

/// What becomes of terms before the holder signs them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Twist {
    None,
    OtherCurrency,
    /// From later than is allowed.
    Ahead,
    /// From before a pseudonym's period.
    Early,
    AboveTheLimit,
}

#[derive(Clone, Debug)]
pub(super) struct Tap {
    pub(super) who: Who,
    pub(super) kind: Kind,
    pub(super) amount: u32,
    pub(super) seconds: u64,
    pub(super) station: u8,
    pub(super) twist: Twist,
}

/// A change to a record that its holder did not sign.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    OtherAuthority,
    ToATerminal,
    ToAScreenCode,
    /// A bit of this byte is changed: often no record is left.
    Bit(usize),
    /// What flash holds that was never written.
    Blank,
}

/// A record of an upload. Numbers name one of those that were signed for the terminal before, counted round and round.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Tap(Tap),
    Again(usize),
    /// The same terms, under another counter.
    AnsweredTwice(usize),
    /// Other terms, under the same counter.
    DoubleUse(usize, u32),
    /// A record that was signed for whichever terminal.
    Elsewhere(usize),
    /// Other terms, under a counter that was used at whichever terminal.
    DoubleUseElsewhere(usize, u32),
    Changed(usize, Change),
}

/// The records of one terminal, by its place among [`OPERATORS`].
pub(super) type Leg = (usize, Vec<Act>);

pub(super) fn legs() -> impl Strategy<Value = Vec<Leg>> {
    proptest::collection::vec((0..OPERATORS.len(), proptest::collection::vec(act(), 1..10)), 1..6)
}

fn act() -> impl Strategy<Value = Act> {
    let index = || 0..64_usize;
    prop_oneof![
        10 => tap().prop_map(Act::Tap),
        2 => index().prop_map(Act::Again),
        2 => index().prop_map(Act::AnsweredTwice),
        2 => (index(), 1..900_u32).prop_map(|(which, amount)| Act::DoubleUse(which, amount)),
        1 => index().prop_map(Act::Elsewhere),
        1 => (index(), 1..900_u32).prop_map(|(which, amount)| Act::DoubleUseElsewhere(which, amount)),
        2 => (index(), change()).prop_map(|(which, change)| Act::Changed(which, change)),
    ]
}

fn tap() -> impl Strategy<Value = Tap> {
    let who = prop_oneof![4 => select(&Who::GOOD[..]), 1 => select(&Who::OTHERS[..])];
    let kind = prop_oneof![
        3 => Just(Kind::Purchase), 4 => Just(Kind::Entry), 4 => Just(Kind::Exit), 1 => Just(Kind::Credit), 1 => Just(Kind::Refund)
    ];
    // Two dear ones are above the budget.
    let amount = prop_oneof![1..300_u32, 700..1_200_u32];
    let twist = prop_oneof![
        12 => Just(Twist::None),
        1 => select(&[Twist::OtherCurrency, Twist::Ahead, Twist::Early, Twist::AboveTheLimit][..]),
    ];
    (who, kind, amount, 0..NOW, 0..3_u8, twist).prop_map(|(who, kind, amount, seconds, station, twist)| Tap {
        who,
        kind,
        amount,
        seconds,
        station,
        twist,
    })
}

fn change() -> impl Strategy<Value = Change> {
    let named = [Change::OtherAuthority, Change::ToATerminal, Change::ToAScreenCode, Change::Blank];
    prop_oneof![select(named.to_vec()), (0..Record::SIZE).prop_map(Change::Bit)]
}

/// Who takes part, known to every [`House`] alike.
pub(super) struct Cast {
    pub(super) town: Town,
    pub(super) gates: Vec<Gate>,
    holders: Vec<(Who, Holder)>,
}

impl Cast {
    pub(super) fn new() -> Self {
        let mut town = Town::new();
        let gates = OPERATORS.map(|operator| town.gate(operator));
        let mut holders = Vec::new();
        for who in Who::GOOD.into_iter().chain(Who::OTHERS) {
            let (account, subject) = (AccountHandle::from_bytes([who as u8; 16]), Subject::from_bytes([who as u8; 16]));
            let holder = match who {
                Who::Card | Who::OtherCard | Who::RevokedCard => town.card(),
                Who::Pseudonym | Who::OtherPseudonym => town.pseudonym(),
                Who::RevokedPseudonym => town.pseudonym_of(account, linked(1, 0, 3), today()),
                Who::LatePseudonym => town.forged(account, subject, late()),
                Who::UnissuedPseudonym => town.forged(account, subject, today()),
                Who::UnissuedCard => {
                    Holder { key: issue(&identity(Class::Card, subject), &mut town.random), account, counter: 0 }
                }
            };
            holders.push((who, holder));
        }
        Self { town, gates: gates.into(), holders }
    }

    fn holder(&mut self, who: Who) -> &mut Holder {
        self.holders.iter_mut().find_map(|(other, holder)| (*other == who).then_some(holder)).unwrap()
    }

    /// A house in which nothing was uploaded yet.
    pub(super) async fn house(&mut self) -> House {
        let policy = Policy { bundle_validity_seconds: BUNDLE_VALIDITY, ..Policy::default() };
        let house = House::with_policy(&self.town, policy).await;
        house.set(NOW);
        let published = PublishedSeeds { period: today(), seeds: seeds(1), published: time(OUT_OF_USE) };
        house.registry.seeds.lock().unwrap().push(published);
        let (revoked, retired) = (self.holder(Who::RevokedCard).digest(), self.gates.last().unwrap().digest());
        house.registry.out_of_use.lock().unwrap().extend([revoked, retired].map(|digest| (digest, time(OUT_OF_USE))));
        let late_digest = self.holder(Who::LatePseudonym).digest();
        house.exchange().register(vec![(late_digest, late())]).await.unwrap();
        house
    }

    /// The records of each leg.
    pub(super) fn records(&mut self, legs: &[Leg]) -> Vec<(usize, Vec<RecordBytes>)> {
        self.holders.iter_mut().for_each(|(_, holder)| holder.counter = 0);
        let mut signed = Vec::<Signed>::new();
        let mut records = Vec::new();
        for (gate, acts) in legs {
            let records_of = acts.iter().filter_map(|act| self.record(*gate, act, &mut signed));
            records.push((*gate, records_of.collect::<Vec<_>>()));
        }
        records.retain(|(_, records)| !records.is_empty());
        records
    }

    fn record(&mut self, gate: usize, act: &Act, signed: &mut Vec<Signed>) -> Option<RecordBytes> {
        let one_of = |which: &usize, all: &[Signed]| which.checked_rem(all.len()).map(|which| all[which]);
        let here = signed.iter().filter(|signed| signed.gate == gate).copied().collect::<Vec<_>>();
        let new = match act {
            Act::Tap(tap) => {
                let terms = self.terms(gate, tap);
                self.holder(tap.who).counter += 1;
                let counter = self.holder(tap.who).counter;
                self.sign(gate, tap.who, counter, terms)
            }
            Act::Again(which) => return one_of(which, &here).map(|again| again.record.into()),
            Act::Elsewhere(which) => return one_of(which, signed).map(|again| again.record.into()),
            Act::Changed(which, change) => return one_of(which, &here).map(|signed| change.of(&signed.record)),
            Act::AnsweredTwice(which) => {
                let Signed { who, record, .. } = one_of(which, &here)?;
                self.holder(who).counter += 1;
                let counter = self.holder(who).counter;
                self.sign(gate, who, counter, *record.terms())
            }
            Act::DoubleUse(which, amount) => self.used_twice(gate, one_of(which, &here)?, *amount),
            Act::DoubleUseElsewhere(which, amount) => self.used_twice(gate, one_of(which, signed)?, *amount),
        };
        signed.push(new);
        Some(new.record.into())
    }

    fn used_twice(&mut self, gate: usize, first: Signed, amount: u32) -> Signed {
        let terms = self.gates[gate].terms(Kind::Purchase, amount, first.record.terms().time());
        self.sign(gate, first.who, first.record.presentation().counter(), terms)
    }

    fn sign(&mut self, gate: usize, who: Who, counter: u32, terms: Terms) -> Signed {
        let (_, holder) = self.holders.iter().find(|(other, _)| *other == who).unwrap();
        Signed { gate, who, record: self.gates[gate].answered(holder, counter, terms) }
    }

    fn terms(&mut self, gate: usize, tap: &Tap) -> Terms {
        let amount = match tap.kind {
            Kind::Exit | Kind::Credit => 0,
            _ => tap.amount,
        };
        let mut fields = self.gates[gate].terms(tap.kind, amount, time(tap.seconds)).fields();
        fields.reference = [tap.station; 16];
        match tap.twist {
            Twist::None => {}
            Twist::OtherCurrency => fields.currency = CURRENCY + 1,
            Twist::Ahead => fields.time = time(NOW + Policy::default().record_lead_seconds + 1),
            Twist::Early => fields.time = time(0).saturating_sub(1),
            Twist::AboveTheLimit if fields.amount > 0 => fields.amount = BUDGET + 1,
            Twist::AboveTheLimit => {}
        }
        Terms::new(fields).unwrap()
    }
}

/// The period of the pseudonym whose records are no longer awaited.
fn late() -> Period {
    Period::new(today().number() - 10).unwrap()
}

/// A record that its holder signed.
#[derive(Clone, Copy)]
struct Signed {
    gate: usize,
    who: Who,
    record: Record,
}

impl Change {
    fn of(self, record: &Record) -> RecordBytes {
        match self {
            Self::OtherAuthority => with_holder(record, |holder| holder.authority_prefix = [0; 8]),
            Self::ToATerminal => with_holder(record, |holder| holder.class = Class::Terminal),
            Self::ToAScreenCode => {
                let fields = TermsFields { flags: Flags::ScreenCode, ..record.terms().fields() };
                // No screen shows one of every kind; of another the record stays as it is.
                Terms::new(fields)
                    .map_or_else(|_| (*record).into(), |terms| Record::new(terms, *record.presentation()).into())
            }
            Self::Bit(byte) => {
                let mut bytes = *record.as_bytes();
                bytes[byte] ^= 1;
                RecordBytes::read_from_bytes(&bytes).unwrap()
            }
            Self::Blank => RecordBytes::read_from_bytes(&[0xff; Record::SIZE]).unwrap(),
        }
    }
}

/// The record with its holder's identity changed.
fn with_holder(record: &Record, change: impl FnOnce(&mut IdentityFields)) -> RecordBytes {
    // Behind the terms, the presentation's version and its counter.
    const IDENTITY_AT: usize = Terms::SIZE + 1 + 4;
    let mut fields = record.presentation().holder().identity().fields();
    change(&mut fields);
    let mut bytes = *record.as_bytes();
    bytes[IDENTITY_AT..][..Identity::SIZE].copy_from_slice(Identity::new(fields).unwrap().as_bytes());
    RecordBytes::read_from_bytes(&bytes).unwrap()
}

//! Two authorities side by side.

use symbolon_ccks::*;
use symbolon_tap::voucher::{Unit, Voucher, VoucherFields};
use symbolon_tap::{BundleContent, BundleFields, Kind, SelectResponse, Successor, SuccessorFields};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    holds_a_successor_unused_until_it_has_its_bundle,
    answers_each_card_under_its_own_authority,
    keeps_trust_and_marks_apart,
    takes_only_the_successor_that_was_named,
    drops_the_old_once_the_new_is_in_use,
    refuses_keys_of_another_authority_or_terminal,
    takes_vouchers_of_either,
);

/// The present authority names the other one, to be used from noon for so many seconds.
fn statement<S: TestSuite>(seconds: u64) -> Successor {
    let (from, to) = (S::city(), S::elsewhere());
    let fields = SuccessorFields {
        next_suite: S::ID,
        next_authority: *to.authority.id(),
        next_from: time(NOON),
        this_until: time(NOON + seconds),
    };
    Successor::sign(&from.secret.rotation_key(&from.authority), fields, &[1; 32]).unwrap()
}

fn gates<S: TestSuite>() -> [SigningKey<S>; 2] {
    [S::city().gate(), S::elsewhere().gate()]
}

fn domain<'a, S: TestSuite>(city: &'static City<S>, key: &'a SigningKey<S>) -> Domain<'a, S> {
    Domain::new(&city.authority, key).unwrap()
}

fn bundle<S: TestSuite>(city: &City<S>, sequence: u64, revoked: &[Subject]) -> Vec<u8> {
    let fields = BundleFields { issued_at: time(NOON - 100), ..bundle_fields(sequence) };
    bundle_with(city, &fields, &BundleContent { revoked, ..BundleContent::default() })
}

/// Why a tap of this card is not accepted, or not even asked for.
fn told<S: TestSuite>(
    terminal: &mut TestTerminal<'_, S>,
    city: &City<S>,
    card: &SigningKey<S>,
    counter: u32,
) -> Option<Reason> {
    let select = SelectResponse::new(S::ID, 0, city.authority.id().prefix(), [5; 8]);
    let asked = match terminal.challenge(select.as_bytes(), &request(Kind::Entry, 1)) {
        Ok(asked) => asked,
        Err(refused) => return Some(refused.reason()),
    };
    let answered = answer(card, &asked, counter);
    terminal.decide(asked, answered.as_bytes()).reason()
}

fn holds_a_successor_unused_until_it_has_its_bundle<S: TestSuite>() {
    let ([old, new], clock) = (gates::<S>(), TestClock::at(NOON - 50));
    let bundle = bundle(S::elsewhere(), 1, &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&old, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let card = S::elsewhere().card();
    assert_eq!(told(&mut terminal, S::elsewhere(), &card, 1), Some(Reason::WrongAuthority));
    terminal.add_domain(domain(S::elsewhere(), &new), &statement::<S>(1_000)).unwrap();
    assert_eq!(terminal.authorities().count(), 2);
    // Even where a terminal accepts without a bundle, a successor is not used before it has spoken here itself.
    clock.set(NOON);
    assert_eq!(told(&mut terminal, S::elsewhere(), &card, 1), Some(Reason::NotInUse));
    clock.set(NOON - 50);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    assert_eq!(told(&mut terminal, S::elsewhere(), &card, 1), Some(Reason::NotInUse), "its time has not come");
    clock.set(NOON);
    assert_eq!(told(&mut terminal, S::elsewhere(), &card, 1), None);
}

fn answers_each_card_under_its_own_authority<S: TestSuite>() {
    let ([old, new], clock) = (gates::<S>(), TestClock::at(NOON));
    let bundle = bundle(S::elsewhere(), 1, &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&old, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    terminal.add_domain(domain(S::elsewhere(), &new), &statement::<S>(500)).unwrap();
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    for (city, own, other) in [(S::city(), &old, S::elsewhere()), (S::elsewhere(), &new, S::city())] {
        let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
        assert_eq!(asked.challenge().terminal(), own.credential().unwrap());
        // The other's card answers what was not asked of it.
        let crossed = answer(&other.card(), &asked, 1);
        let verdict = terminal.decide(asked, crossed.as_bytes());
        assert_eq!(verdict.reason(), Some(Reason::WrongAuthority));
        let asked = verdict.into_asked().unwrap();
        let answered = answer(&city.card(), &asked, 1);
        let verdict = terminal.decide(asked, answered.as_bytes());
        let signed = terminal.receipt(verdict.accepted().unwrap()).unwrap();
        let (receipt, signature) = (signed.receipt(), signed.signature());
        assert_eq!(receipt.verify(&city.authority, own.credential().unwrap(), signature), Ok(()));
        assert_eq!(receipt.verify(&other.authority, own.credential().unwrap(), signature), Err(BadSignature));
    }
    // The statement says until when the old one is used; then its cards are told so, and do not count as expired.
    clock.set(NOON + 499);
    assert_eq!(told(&mut terminal, S::city(), &S::city().card(), 2), None);
    clock.set(NOON + 500);
    assert_eq!(told(&mut terminal, S::city(), &S::city().card(), 3), Some(Reason::NotInUse));
    assert_eq!(told(&mut terminal, S::elsewhere(), &S::elsewhere().card(), 2), None);
}

fn keeps_trust_and_marks_apart<S: TestSuite>() {
    let ([old, new], clock) = (gates::<S>(), TestClock::at(NOON));
    let listed = [Subject::from_bytes([7; 16])];
    let of_old = [bundle(S::city(), 70_000, &[]), bundle(S::city(), 70_001, &listed)];
    let of_new = [bundle(S::elsewhere(), 1, &listed), bundle(S::elsewhere(), 2, &[])];
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&old, Policy::STRICT, &clock, &mut memory);
    terminal.add_domain(domain(S::elsewhere(), &new), &statement::<S>(500)).unwrap();
    let install = |terminal: &mut TestTerminal<'_, S>, bundle: &'static [u8]| terminal.install(&[Source::from(bundle)]);
    let of_old = of_old.map(|bundle| &*bundle.leak());
    let of_new = of_new.map(|bundle| &*bundle.leak());
    assert_eq!(install(&mut terminal, of_old[0]), Ok(()));
    assert_eq!(install(&mut terminal, of_new[0]), Ok(()), "numbers of one authority say nothing of the other's");
    let both = |terminal: &mut TestTerminal<'_, S>, counter| {
        [S::city(), S::elsewhere()].map(|city| told(terminal, city, &city.card(), counter))
    };
    assert_eq!(both(&mut terminal, 1), [None, Some(Reason::Revoked)]);
    assert_eq!(install(&mut terminal, of_old[1]), Ok(()));
    assert_eq!(install(&mut terminal, of_new[1]), Ok(()));
    assert_eq!(both(&mut terminal, 2), [Some(Reason::Revoked), None]);
    for older in [of_old[0], of_new[0]] {
        assert_eq!(install(&mut terminal, older), Err(BundleRefused::NotNewer));
    }
    assert_eq!(terminal.bundle(S::city().authority.id()).unwrap().sequence(), 70_001);
    assert_eq!(terminal.bundle(S::elsewhere().authority.id()).unwrap().sequence(), 2);
}

fn takes_only_the_successor_that_was_named<S: TestSuite>() {
    let ([old, new], clock) = (gates::<S>(), TestClock::at(NOON));
    let good = statement::<S>(500);
    let third = S::another();
    let third_key = third.gate();
    let mut terminal = terminal::<S>(&old, Policy::STRICT, &clock, &mut []);
    let mut flipped = *good.as_bytes();
    flipped[87] ^= 1;
    let flipped = *Successor::parse(&flipped).unwrap();
    let mut add = |city, key, successor: &Successor| terminal.add_domain(domain(city, key), successor);
    assert_eq!(add(S::elsewhere(), &new, &flipped), Err(DomainRefused::BadSignature));
    assert_eq!(add(third, &third_key, &good), Err(DomainRefused::NotNamed));
    assert_eq!(add(S::city(), &old, &good), Err(DomainRefused::AlreadyLive));
    let backwards = SuccessorFields {
        next_suite: S::ID,
        next_authority: *third.authority.id(),
        next_from: time(NOON),
        this_until: time(NOON + 500),
    };
    // A stranger's rotation key names what it likes.
    let by_other = S::elsewhere();
    let strangers = Successor::sign(&by_other.secret.rotation_key(&by_other.authority), backwards, &[1; 32]).unwrap();
    assert_eq!(add(third, &third_key, &strangers), Err(DomainRefused::NotNamed));
    assert_eq!(add(S::elsewhere(), &new, &good), Ok(()));
    assert_eq!(add(S::elsewhere(), &new, &good), Err(DomainRefused::AlreadyLive));
    // And a second, different one that the same rotation key names: refused, whichever is the true one.
    let from = S::city();
    let second = Successor::sign(&from.secret.rotation_key(&from.authority), backwards, &[1; 32]).unwrap();
    assert_eq!(second.verify(&from.authority), Ok(()));
    assert_eq!(add(third, &third_key, &second), Err(DomainRefused::OtherSuccessor));
}

fn drops_the_old_once_the_new_is_in_use<S: TestSuite>() {
    let ([old, new], clock) = (gates::<S>(), TestClock::at(NOON));
    let (old_id, new_id) = (*S::city().authority.id(), *S::elsewhere().authority.id());
    let of_new = bundle(S::elsewhere(), 1, &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&old, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    assert_eq!(terminal.drop_domain(&old_id), Err(DropRefused::NothingInItsPlace));
    assert_eq!(terminal.drop_domain(&new_id), Err(DropRefused::NotLive));
    terminal.add_domain(domain(S::elsewhere(), &new), &statement::<S>(500)).unwrap();
    assert_eq!(terminal.drop_domain(&old_id), Err(DropRefused::NothingInItsPlace), "held is not used");
    // A successor that is not wanted after all leaves everything as it was.
    assert_eq!(terminal.drop_domain(&new_id), Ok(()));
    clock.set(NOON + 600);
    assert_eq!(told(&mut terminal, S::city(), &S::city().card(), 1), None);
    clock.set(NOON);
    terminal.add_domain(domain(S::elsewhere(), &new), &statement::<S>(500)).unwrap();
    terminal.install(&[Source::from(of_new.as_slice())]).unwrap();
    let asked = terminal.challenge(&S::city().select(0), &request(Kind::Entry, 1)).unwrap();
    assert_eq!(terminal.drop_domain(&old_id), Ok(()));
    let answered = answer(&S::city().card(), &asked, 2);
    assert_eq!(terminal.decide(asked, answered.as_bytes()).reason(), Some(Reason::NoChallenge));
    assert_eq!(terminal.authorities().copied().collect::<Vec<_>>(), [new_id]);
    assert_eq!(terminal.credential(), new.credential().unwrap());
    assert_eq!(told(&mut terminal, S::city(), &S::city().card(), 3), Some(Reason::WrongAuthority));
    assert_eq!(told(&mut terminal, S::elsewhere(), &S::elsewhere().card(), 1), None);
    assert_eq!(terminal.drop_domain(&new_id), Err(DropRefused::NothingInItsPlace), "one stays");
}

fn refuses_keys_of_another_authority_or_terminal<S: TestSuite>() {
    let ([old, _], clock) = (gates::<S>(), TestClock::at(NOON));
    let card = S::elsewhere().card();
    assert_eq!(Domain::new(&S::elsewhere().authority, &old).err(), Some(KeyRefused::OtherAuthority));
    assert_eq!(Domain::new(&S::elsewhere().authority, &card).err(), Some(KeyRefused::NotATerminal));
    let subject = Subject::terminal(&Name::parse("metro").unwrap(), [9; 8]);
    let others = S::elsewhere().key(IdentityFields { subject, ..S::elsewhere().gate_fields() });
    let mut terminal = terminal::<S>(&old, Policy::STRICT, &clock, &mut []);
    let refused = terminal.add_domain(domain(S::elsewhere(), &others), &statement::<S>(500));
    assert_eq!(refused, Err(DomainRefused::OtherTerminal));
}

fn takes_vouchers_of_either<S: TestSuite>() {
    // Sold before the rollover, delivered by a card of the successor; and the meter goes on counting.
    let ([old, new], clock) = (gates::<S>(), TestClock::at(NOON));
    let of_new = bundle(S::elsewhere(), 1, &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut meter = terminal::<S>(&old, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    meter.add_domain(domain(S::elsewhere(), &new), &statement::<S>(500)).unwrap();
    let voucher = |city: &City<S>, sequence| {
        let fields = VoucherFields {
            unit: Unit::Litres,
            meter: city.gate_fields().subject,
            sequence,
            quantity: 10,
            time: time(NOON - 50),
            not_after: time(NOON + 5_000),
        };
        let key = city.secret.institution_key(&city.authority, city.authority.name());
        *Voucher::new(fields).unwrap().sign(&key, &[2; 32]).unwrap().as_bytes()
    };
    let select = S::city().select(0);
    let early = meter.challenge_voucher(&select, &voucher(S::elsewhere(), 1)).unwrap_err();
    assert_eq!(early.reason(), Reason::VoucherRefused, "a successor that is not in use sells nothing");
    meter.install(&[Source::from(of_new.as_slice())]).unwrap();
    for (counter, (seller, carrier)) in
        (1..).zip([(S::city(), S::elsewhere()), (S::elsewhere(), S::city()), (S::elsewhere(), S::elsewhere())])
    {
        let asked = meter.challenge_voucher(&carrier.select(0), &voucher(seller, counter)).unwrap();
        let answered = answer(&carrier.card(), &asked, counter);
        assert!(meter.decide(asked, answered.as_bytes()).is_accepted());
        let again = meter.challenge_voucher(&carrier.select(0), &voucher(carrier, counter)).unwrap_err();
        assert_eq!(again.reason(), Reason::VoucherUsed);
    }
}

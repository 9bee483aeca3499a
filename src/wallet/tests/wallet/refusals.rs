//! What a wallet signs, and each thing that it refuses.

use symbolon_ccks::{Class, IdentityFields, LinkageSeed, Period, PeriodBoundary, Sector, Sectors, Subject, Suite};
use symbolon_tap::{
    BundleContent, BundleFields, Challenge, Kind, Misfit, RevokedSeed, RevokedSeeds, SelectResponse, TermsFields,
    encode_bundle,
};
use symbolon_wallet::{
    BundleRefused, Checked, DEFAULT_CLOCK_TOLERANCE_SECONDS, KeyRefused, MemoryCounterStore, Refused, Wallet,
};

use crate::world::{
    NONCE, NOW_SECONDS, RANDOM, TestSuite, World, challenge, for_each_suite, now, pay, terms_fields, time,
};

for_each_suite!(
    a_good_challenge_is_shown_and_signed,
    a_recorded_challenge_is_refused,
    a_counterfeit_terminal_is_refused,
    what_the_credentials_do_not_allow_is_refused,
    a_time_far_from_the_wallets_clock_is_refused,
    a_revoked_terminal_is_refused,
    bundles_are_taken_in_order,
    only_the_amount_agreed_to_is_signed,
    a_repeated_challenge_gets_the_stored_answer,
    only_a_holders_key_makes_a_wallet,
);

/// What the wallet of a fresh card says to a challenge.
fn verdict<S: Suite>(world: &World<S>, challenge: &[u8]) -> Result<(), Refused> {
    world.wallet(MemoryCounterStore::new()).select(NONCE).check(challenge, now()).map(|_| ())
}

fn a_good_challenge_is_shown_and_signed<S: TestSuite>() {
    let world = S::world();
    let mut wallet = world.wallet(MemoryCounterStore::new());
    let challenge = challenge(&world.terminal, terms_fields());
    let selected = wallet.select(NONCE);
    let response = SelectResponse::new(S::ID, 3, world.authority.id().prefix(), NONCE);
    assert_eq!(selected.response(), &response);
    let Ok(Checked::Question(question)) = selected.check(challenge.as_bytes(), now()) else {
        panic!("a new challenge is a question");
    };
    assert_eq!((question.amount(), question.terminal()), (500, challenge.terminal()));
    let presentation = question.confirm(500).unwrap().sign(&RANDOM).unwrap();
    assert_eq!(presentation.counter(), 1);
    let terminal = challenge.terminal().digest();
    assert_eq!(presentation.verify(&world.authority, challenge.terms(), &terminal), Ok(()));
    assert_eq!(wallet.account().unwrap().spent, 500);
}

fn a_recorded_challenge_is_refused<S: TestSuite>() {
    let world = S::world();
    let mut wallet = world.wallet(MemoryCounterStore::new());
    let recorded = challenge(&world.terminal, terms_fields());
    pay(&mut wallet, &recorded).unwrap();
    let refused = wallet.select(*b"another!").check(recorded.as_bytes(), now()).unwrap_err();
    assert_eq!((refused, refused.reason()), (Refused::Replayed, "replayed"));
    // Nor can a terminal have a second transaction out of one selection.
    let second = challenge(&world.terminal, TermsFields { amount: 1, ..terms_fields() });
    assert_eq!(wallet.select(NONCE).check(second.as_bytes(), now()).unwrap_err(), Refused::Replayed);
    assert_eq!(wallet.account().unwrap().counter, 1);
}

fn a_counterfeit_terminal_is_refused<S: TestSuite>() {
    let world = S::world();
    let good = challenge(&world.terminal, terms_fields());
    assert_eq!(verdict(world, good.as_bytes()), Ok(()));

    let mut changed = *good.as_bytes();
    changed[31] ^= 1;
    assert_eq!(verdict(world, &changed), Err(Refused::CounterfeitTerminal));
    let stranger = World::<S>::new(2);
    let foreign = challenge(&stranger.terminal, terms_fields());
    assert_eq!(verdict(world, foreign.as_bytes()), Err(Refused::CounterfeitTerminal));
    // A card's credential in the terminal's place: its holder cannot sign as one, whatever the bytes.
    let mut card = *good.as_bytes();
    card[50..139].copy_from_slice(world.card.credential().unwrap().as_bytes());
    assert_eq!(verdict(world, &card), Err(Refused::CounterfeitTerminal));
    assert_eq!(Refused::CounterfeitTerminal.reason(), "counterfeit_terminal");

    assert!(matches!(verdict(world, &good.as_bytes()[1..]), Err(Refused::Malformed(_))));
    let mut screen_code = *good.as_bytes();
    screen_code[3] = 1;
    assert!(matches!(verdict(world, &screen_code), Err(Refused::Malformed(_))));
}

fn what_the_credentials_do_not_allow_is_refused<S: TestSuite>() {
    let world = S::world();
    let refused = |terminal: IdentityFields, terms: TermsFields| {
        verdict(world, challenge(&world.issue(terminal), terms).as_bytes()).unwrap_err()
    };
    let terminal = world.fields(Class::Terminal);
    let terms = terms_fields();
    let power = TermsFields { sector: Sector::Power, ..terms };
    assert_eq!(refused(terminal, power), Refused::Terminal(Misfit::WrongSector));
    let everywhere = IdentityFields { sectors: Sectors::ALL, ..terminal };
    assert_eq!(refused(everywhere, power), Refused::Holder(Misfit::WrongSector));
    assert_eq!(refused(everywhere, power).reason(), "wrong_sector");
    let euro = TermsFields { currency: 978, ..terms };
    assert_eq!(refused(terminal, euro), Refused::Terminal(Misfit::WrongCurrency));
    let euro_terminal = IdentityFields { currency: 978, ..terminal };
    assert_eq!(refused(euro_terminal, euro), Refused::Holder(Misfit::WrongCurrency));
    let ended = IdentityFields { not_after: now(), ..terminal };
    assert_eq!(refused(ended, terms), Refused::Terminal(Misfit::Expired));
    let later = IdentityFields { not_before: time(NOW_SECONDS + 1), ..terminal };
    assert_eq!(refused(later, terms), Refused::Terminal(Misfit::NotYetValid));
    let forever = IdentityFields { not_after: time(NOW_SECONDS * 2), ..terminal };
    let after_the_card = TermsFields { time: time(NOW_SECONDS + 100_000), ..terms };
    assert_eq!(refused(forever, after_the_card), Refused::Holder(Misfit::Expired));
    let too_much = TermsFields { amount: 6001, ..terms };
    assert_eq!(refused(terminal, too_much), Refused::Holder(Misfit::OverLimit));
}

fn a_time_far_from_the_wallets_clock_is_refused<S: TestSuite>() {
    let world = S::world();
    let at = |seconds, tolerance: Option<u64>| {
        let challenge = challenge(&world.terminal, TermsFields { time: time(seconds), ..terms_fields() });
        let mut wallet = world.wallet(MemoryCounterStore::new());
        if let Some(tolerance) = tolerance {
            wallet = wallet.with_clock_tolerance(tolerance);
        }
        wallet.select(NONCE).check(challenge.as_bytes(), now()).map(|_| ())
    };
    let tolerance = DEFAULT_CLOCK_TOLERANCE_SECONDS;
    assert_eq!(at(NOW_SECONDS + tolerance, None), Ok(()));
    assert_eq!(at(NOW_SECONDS - tolerance, None), Ok(()));
    assert_eq!(at(NOW_SECONDS + tolerance + 1, None), Err(Refused::ClockDiffers));
    assert_eq!(at(NOW_SECONDS - tolerance - 1, None), Err(Refused::ClockDiffers));
    assert_eq!(at(NOW_SECONDS + 1, Some(0)), Err(Refused::ClockDiffers));
}

fn bundle<S: Suite>(world: &World<S>, sequence: u64, revoked: &[Subject], oldest_not_before: u64) -> Vec<u8> {
    let fields = BundleFields {
        sectors: Sectors::ALL,
        sequence,
        issued_at: now(),
        valid_until: now(),
        oldest_not_before: time(oldest_not_before),
        part: 0,
        parts: 1,
    };
    let city = world.secret.institution_key(&world.authority, world.authority.name());
    // What terminals recognise pseudonyms by, and what a wallet asks for them with, is in every bundle.
    let entries = [RevokedSeed::new(Period::new(1).unwrap(), &[[1; 32], [2; 32]].map(LinkageSeed::from_bytes))];
    let seeds = RevokedSeeds::new(PeriodBoundary::DEFAULT, 20, &entries).unwrap();
    let content = BundleContent { revoked, seeds, issuance: Some(b"issuance"), ..BundleContent::default() };
    encode_bundle(&city, &fields, &content, &RANDOM).unwrap()
}

fn a_revoked_terminal_is_refused<S: TestSuite>() {
    let world = S::world();
    let challenge = challenge(&world.terminal, terms_fields());
    let own = world.terminal.credential().unwrap().identity().subject();
    let with = |revoked: &[Subject], oldest_not_before| {
        let mut wallet = world.wallet(MemoryCounterStore::new());
        wallet.take_bundle(&bundle(world, 1, revoked, oldest_not_before)).unwrap();
        wallet.select(NONCE).check(challenge.as_bytes(), now()).map(|_| ())
    };
    assert_eq!(with(&[Subject::from_bytes([9; 16])], 0), Ok(()));
    assert_eq!(with(&[Subject::from_bytes([9; 16]), own], 0), Err(Refused::RevokedTerminal));
    assert_eq!(with(&[], NOW_SECONDS - 100_000), Ok(()));
    assert_eq!(with(&[], NOW_SECONDS - 99_999), Err(Refused::RevokedTerminal));
}

fn bundles_are_taken_in_order<S: TestSuite>() {
    let world = S::world();
    let challenge = challenge(&world.terminal, terms_fields());
    let own = [world.terminal.credential().unwrap().identity().subject()];
    let mut wallet = world.wallet(MemoryCounterStore::new());
    let mut take = |bundle: &[u8]| {
        let taken = wallet.take_bundle(bundle);
        (taken, wallet.select(NONCE).check(challenge.as_bytes(), now()).is_ok())
    };
    let mut forged = bundle(world, 9, &own, 0);
    forged[43] ^= 1;
    assert_eq!(take(&forged), (Err(BundleRefused::BadSignature), true));
    assert!(matches!(take(&forged[1..]), (Err(BundleRefused::Malformed(_)), true)));
    assert_eq!(take(&bundle(world, 5, &own, 0)), (Ok(()), false));
    assert_eq!(take(&bundle(world, 4, &[], 0)), (Err(BundleRefused::WrongSequence), false));
    assert_eq!(take(&bundle(world, 5 + 65_537, &[], 0)), (Err(BundleRefused::WrongSequence), false));
    // Another part of the same bundle adds to it, and does not take away.
    assert_eq!(take(&bundle(world, 5, &[], 0)), (Ok(()), false));
    assert_eq!(take(&bundle(world, 6, &[], 0)), (Ok(()), true));
}

fn only_the_amount_agreed_to_is_signed<S: TestSuite>() {
    let world = S::world();
    let mut wallet = world.wallet(MemoryCounterStore::new());
    let challenge = challenge(&world.terminal, terms_fields());
    for amount in [0, 499, 501] {
        let Ok(Checked::Question(question)) = wallet.select(NONCE).check(challenge.as_bytes(), now()) else {
            panic!("nothing was answered yet");
        };
        assert_eq!(question.confirm(amount).unwrap_err(), Refused::NotConfirmed);
    }
    assert_eq!(wallet.account().unwrap().counter, 0);
}

fn a_repeated_challenge_gets_the_stored_answer<S: TestSuite>() {
    let world = S::world();
    let mut wallet = world.wallet(MemoryCounterStore::new());
    let terms = *challenge(&world.terminal, terms_fields()).terms();
    // The terminal may have signed anew: what counts is what the holder would sign.
    let again = Challenge::sign(&world.terminal, terms, &[8; 32]).unwrap();
    let first = pay(&mut wallet, &Challenge::sign(&world.terminal, terms, &RANDOM).unwrap()).unwrap();
    for _ in 0..2 {
        let Ok(Checked::Answered(repeated)) = wallet.select(NONCE).check(again.as_bytes(), now()) else {
            panic!("it was answered before");
        };
        assert_eq!(repeated, first);
    }
    let account = wallet.account().unwrap();
    assert_eq!((account.counter, account.spent), (1, 500));
    // The same terms from another terminal are not the same message.
    let other = world.issue(IdentityFields { subject: Subject::from_bytes([8; 16]), ..world.fields(Class::Terminal) });
    let elsewhere = challenge(&other, terms.fields());
    assert_eq!(wallet.select(NONCE).check(elsewhere.as_bytes(), now()).unwrap_err(), Refused::Replayed);
}

fn only_a_holders_key_makes_a_wallet<S: TestSuite>() {
    let world = S::world();
    let city = world.secret.institution_key(&world.authority, world.authority.name());
    let stranger = World::<S>::new(2);
    for (key, refused) in [
        (&world.terminal, KeyRefused::NotAHolder),
        (&city, KeyRefused::NotAHolder),
        (&stranger.card, KeyRefused::OtherAuthority),
    ] {
        assert_eq!(Wallet::new(&world.authority, key, MemoryCounterStore::new()).unwrap_err(), refused);
    }
    assert_eq!(pay(&mut world.wallet(MemoryCounterStore::new()), &exit(world)).map(|answer| answer.counter()), Ok(1));
}

fn exit<S: Suite>(world: &World<S>) -> Challenge {
    challenge(&world.terminal, TermsFields { kind: Kind::Exit, amount: 0, ..terms_fields() })
}

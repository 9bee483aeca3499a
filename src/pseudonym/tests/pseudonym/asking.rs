//! The wallet's part: what it takes for a pseudonym, and what it can lose.

use symbolon_ccks::{
    Class, Identity, IdentityFields, PeriodBoundary, Purpose, Sector, Sectors, Signer, Subject, Suite, Time,
};
use symbolon_pseudonym::{
    Answer, AnswerRefused, AskError, Asking, Issuance, ItemChallenge, ProfileFields, ProfileId, RequestBody,
    SealedAnswer, SealingKey,
};

use crate::world::{CHALLENGE, PERIOD, PROFILE, TestSuite, for_each_suite, issuance, period, profile_fields, random};

for_each_suite!(
    makes_a_key_of_an_answer,
    refuses_an_answer_to_another_item,
    refuses_every_fingerprint,
    refuses_another_point_and_another_authority,
    loses_nothing_when_it_is_stored,
    asks_for_many_in_order,
    refuses_to_ask_for_the_impossible,
    tells_nothing_when_printed,
);

fn makes_a_key_of_an_answer<S: TestSuite>() {
    let world = S::world();
    let (asking, item) = world.ask(1);
    let answer = world.answer(&item, &world.identity(5));
    let key = asking.complete(&world.authority, &world.issuance, &answer).unwrap();
    let credential = key.credential().unwrap();
    assert_eq!(credential.identity(), &world.identity(5));
    let signature = key.sign(Purpose::Transaction, &[b"terms"], &[1; 32]).unwrap();
    let signer = Signer::Credential(credential);
    assert_eq!(world.authority.verify(signer, Purpose::Transaction, &[b"terms"], &signature), Ok(()));
}

fn refuses_an_answer_to_another_item<S: TestSuite>() {
    let world = S::world();
    let ((first, first_item), (second, second_item)) = (world.ask(1), world.ask(2));
    let answer = world.answer(&first_item, &world.identity(5));
    let completed = |asking: &Asking<S>, answer: &SealedAnswer| {
        asking.complete(&world.authority, &world.issuance, answer).map(|_| ())
    };
    assert_eq!(completed(&second, &answer), Err(AnswerRefused::Unopened));
    // Even when its issuer seals it to the other item's key: it is bound to the commitment.
    let (content, other) = (world.opened(&first_item), world.opened(&second_item));
    let issued = world.issue(&content, &world.identity(5));
    let swapped = SealedAnswer::seal(&issued, &other.response_key, &first_item.commitment);
    assert_eq!(completed(&second, &swapped), Err(AnswerRefused::Unopened));
    // And when it is sealed to the other item altogether, s does not fit the other U.
    let swapped = SealedAnswer::seal(&issued, &other.response_key, &second_item.commitment);
    assert_eq!(completed(&second, &swapped), Err(AnswerRefused::WrongContribution));
    // None of it cost the first its answer.
    assert_eq!(completed(&first, &answer), Ok(()));
}

/// An issuer that marks a card by any field at all, in a credential that is otherwise in order.
fn refuses_every_fingerprint<S: TestSuite>() {
    let world = S::world();
    let (asking, item) = world.ask(1);
    let honest = world.identity(5).fields();
    let later = |time: Time| time.saturating_add(1);
    let marked = [
        IdentityFields { sectors: Sectors::ALL, ..honest },
        IdentityFields { not_before: later(honest.not_before), ..honest },
        IdentityFields { not_before: honest.not_before.saturating_sub(1), ..honest },
        IdentityFields { not_after: later(honest.not_after), ..honest },
        IdentityFields { not_after: honest.not_after.saturating_sub(1), ..honest },
        IdentityFields { spend_limit: honest.spend_limit - 1, ..honest },
        IdentityFields { budget: honest.budget + 1, ..honest },
        IdentityFields { currency: 840, ..honest },
        IdentityFields { tariff: 0, ..honest },
    ];
    for fields in marked {
        let answer = world.answer(&item, &Identity::new(fields).unwrap());
        let completed = asking.complete(&world.authority, &world.issuance, &answer).map(|_| ());
        assert_eq!(completed, Err(AnswerRefused::OtherIdentity), "{fields:?}");
    }
    // A class, suite or prefix that differs cannot even be issued here; as an answer they are refused all the same.
    let issued = world.issue(&world.opened(&item), &world.identity(5));
    let mut credential = *issued.credential.as_bytes();
    for (place, values) in [(1, [1, 2]), (2, [1, 2]), (4, [0, 1])] {
        for value in values.into_iter().filter(|value| *value != issued.credential.as_bytes()[place]) {
            credential[place] = value;
            let credential = *symbolon_ccks::Credential::parse(&credential).unwrap();
            let answer = Answer { credential, contribution: issued.contribution.clone() };
            let answer = SealedAnswer::seal(&answer, &world.opened(&item).response_key, &item.commitment);
            let completed = asking.complete(&world.authority, &world.issuance, &answer).map(|_| ());
            assert_eq!(completed, Err(AnswerRefused::OtherIdentity), "byte {place} is {value}");
        }
        credential = *issued.credential.as_bytes();
    }
    // Another published profile is another one still.
    let second = Issuance::new(
        world.issuance.boundary(),
        20,
        *world.sealing.public(),
        vec![symbolon_pseudonym::Profile::new(ProfileFields { budget: 3_000, ..profile_fields(7) }).unwrap()],
    );
    let answer = world.answer(&item, &world.identity(5));
    let completed = asking.complete(&world.authority, &second.unwrap(), &answer).map(|_| ());
    assert_eq!(completed, Err(AnswerRefused::OtherIdentity));
    let gone = issuance(&world.sealing, vec![profile_fields(8)]);
    let completed = asking.complete(&world.authority, &gone, &answer).map(|_| ());
    assert_eq!(completed, Err(AnswerRefused::UnknownProfile));
    let shifted = PeriodBoundary::new(0).unwrap();
    let shifted = Issuance::new(shifted, 20, *world.sealing.public(), world.issuance.profiles().to_vec()).unwrap();
    let completed = asking.complete(&world.authority, &shifted, &answer).map(|_| ());
    assert_eq!(completed, Err(AnswerRefused::OtherIdentity));
}

fn refuses_another_point_and_another_authority<S: TestSuite>() {
    let (world, elsewhere) = (S::world(), S::elsewhere());
    let (asking, item) = world.ask(1);
    let (other, other_item) = world.ask(2);
    // The attester, or anyone, substitutes an item of its own: the answer is over its U.
    let issued = world.issue(&world.opened(&other_item), &world.identity(5));
    let answer = SealedAnswer::seal(&issued, &world.opened(&item).response_key, &item.commitment);
    let completed = asking.complete(&world.authority, &world.issuance, &answer).map(|_| ());
    assert_eq!(completed, Err(AnswerRefused::WrongContribution));
    let answer = world.answer(&other_item, &world.identity(5));
    let completed = other.complete(&elsewhere.authority, &world.issuance, &answer).map(|_| ());
    assert_eq!(completed, Err(AnswerRefused::OtherIdentity));
}

fn loses_nothing_when_it_is_stored<S: TestSuite>() {
    let world = S::world();
    let (asking, item) = world.ask(1);
    let stored = asking.encode();
    assert_eq!(stored.len(), Asking::<S>::SIZE);
    drop(asking);
    let restored = Asking::<S>::parse(stored.as_slice()).unwrap();
    assert_eq!((restored.commitment(), restored.period(), restored.profile()), (&item.commitment, period(), PROFILE));
    assert_eq!(restored.encode(), stored);
    let answer = world.answer(&item, &world.identity(5));
    let key = restored.complete(&world.authority, &world.issuance, &answer).unwrap();
    assert_eq!(key.credential().unwrap().identity(), &world.identity(5));

    for length in [0, stored.len() - 1, stored.len() + 1] {
        let mut bytes = stored.to_vec();
        bytes.resize(length, 0);
        assert!(Asking::<S>::parse(&bytes).is_err(), "{length} bytes");
    }
    let another_suite = 3 - S::ID.to_byte();
    for (place, value) in [(0, 2), (1, another_suite), (1, 3), (3, 1), (4, 0xff)] {
        let mut bytes = stored.to_vec();
        bytes[place] = value;
        assert!(Asking::<S>::parse(&bytes).is_err(), "byte {place} is {value}");
    }
    for secret in [[0; 32], [0xff; 32]] {
        let mut bytes = stored.to_vec();
        bytes[8..40].copy_from_slice(&secret);
        assert!(Asking::<S>::parse(&bytes).is_err(), "u is {}", secret[0]);
    }
}

fn asks_for_many_in_order<S: TestSuite>() {
    let world = S::world();
    let id = world.authority.id();
    let challenge = [0x33; 32];
    let (asking, request) =
        Asking::<S>::begin_request(id, &world.issuance, period(), PROFILE, challenge, 5, &mut random(3)).unwrap();
    assert_eq!((request.period(), request.challenge()), (period(), &challenge));
    assert_eq!((asking.len(), request.items().len()), (5, 5));
    for (j, (asking, item)) in (0..).zip(asking.iter().zip(request.items())) {
        assert_eq!(asking.commitment(), &item.commitment);
        let item_challenge = request.item_challenge(j);
        assert_eq!(item_challenge, ItemChallenge::of(&challenge, j));
        let content = item.sealed.open(id, &item_challenge, &item.commitment, &world.sealing).unwrap();
        assert_eq!((content.period, &content.point, content.suite), (period(), asking.point(), S::ID));
        assert!(item.sealed.open(id, &request.item_challenge(j + 1), &item.commitment, &world.sealing).is_err());
    }
    // Nothing is shared by two items.
    let parts = request.items().iter().flat_map(|item| {
        let content = item.sealed.as_bytes();
        [item.commitment.as_bytes().to_vec(), content[..32].to_vec(), content[32..].to_vec()]
    });
    let parts = parts.collect::<std::collections::BTreeSet<_>>();
    assert_eq!(parts.len(), 3 * 5);
}

fn refuses_to_ask_for_the_impossible<S: TestSuite>() {
    let world = S::world();
    let id = world.authority.id();
    let begin = |issuance: &Issuance, profile| {
        Asking::<S>::begin(id, issuance, period(), profile, &CHALLENGE, &mut random(1)).map(|_| ())
    };
    assert_eq!(begin(&world.issuance, ProfileId(1)), Err(AskError::UnknownProfile));
    let small_order = SealingKey::from_bytes([0; 32]);
    let profiles = world.issuance.profiles().to_vec();
    let weak = Issuance::new(PeriodBoundary::DEFAULT, 20, small_order, profiles).unwrap();
    assert_eq!(begin(&weak, PROFILE), Err(AskError::BadIssuerKey));
    for count in [0, RequestBody::MAX_ITEMS as u16 + 1] {
        let asked = Asking::<S>::begin_request(id, &world.issuance, period(), PROFILE, [0; 32], count, &mut random(1));
        assert!(matches!(asked, Err(AskError::Request(_))), "{count}");
    }
}

fn tells_nothing_when_printed<S: TestSuite>() {
    let world = S::world();
    let (asking, item) = world.ask(1);
    let (stored, content) = (asking.encode(), world.opened(&item));
    let answer = world.answer(&item, &world.identity(5));
    let printed = format!("{asking:?} {content:?} {answer:?} {item:?} {:?}", world.sealing);
    for secret in [&stored[8..40], &stored[40..72], &stored[72..], content.point.as_bytes(), &content.salt] {
        assert!(!printed.contains(&hex::encode(secret)) && !printed.contains(&format!("{secret:?}")), "{printed}");
    }
    assert!(printed.contains(&PERIOD.to_string()));
}

/// The profile that a card gets is found alike by attester and wallet.
#[test]
fn finds_the_profile_for_a_card() {
    let world = symbolon_ccks::P256::world();
    let transport = profile_fields(7);
    let wide = ProfileFields { sectors: Sectors::ALL, ..transport };
    let profiles = [(2, wide), (4, transport), (6, ProfileFields { budget: 9_000, ..transport })];
    let issuance =
        issuance(&world.sealing, profiles.map(|(id, fields)| ProfileFields { id: ProfileId(id), ..fields }).to_vec());
    let card = IdentityFields {
        suite: symbolon_ccks::P256::ID,
        class: Class::Card,
        sectors: Sectors::from(Sector::Transport),
        authority_prefix: [0; 8],
        subject: Subject::from_bytes([1; 16]),
        not_before: Time::new(1).unwrap(),
        not_after: Time::new(2).unwrap(),
        spend_limit: 7,
        budget: 70,
        currency: 156,
        tariff: 3,
    };
    let found = |fields| issuance.profile_for(&Identity::new(fields).unwrap()).map(|profile| profile.id().0);
    assert_eq!(found(card), Some(4));
    assert_eq!(found(IdentityFields { sectors: Sectors::ALL, ..card }), Some(2));
    // A card that pays for more than the profile has it too; one that pays for less does not.
    let two = Sectors::from(Sector::Transport) | Sector::Water.into();
    assert_eq!(found(IdentityFields { sectors: two, ..card }), Some(4));
    assert_eq!(found(IdentityFields { sectors: Sectors::from(Sector::Water), ..card }), None);
    assert_eq!(found(IdentityFields { tariff: 0, ..card }), None);
    assert_eq!(found(IdentityFields { currency: 840, ..card }), None);
    assert_eq!(found(IdentityFields { class: Class::Terminal, ..card }), None);
}

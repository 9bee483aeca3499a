//! Attack 13: the attester puts its own point in the holder's place.
//!
//! The attester stands between wallet and issuer. It wants a pseudonym whose key it knows and for which a card's holder
//! answers; or at least to have honest pseudonyms end with the wrong wallet. An issuer that believes the attester about
//! whose point it is gives it just that. Ours issues over the U alone that the wallet committed to and sealed, and a
//! case is proved by what the card signed, not by what the attester says.

use crate::{
    city::{City, TestSuite},
    roles::{Card, PROFILE, Roles, with_roles},
};
use symbolon_ccks::{EnrolmentKey, IssueError, Name, PossessionMessage, SigningKey, Subject, Suite};
use symbolon_pseudonym::{Answer, AnswerRefused, Asking, ItemContent, LinkageHandle, ResponseKey, SealedItem};
use symbolon_service::links::{IssueItem, IssuerLink as _, ItemOutcome, ItemRefusal};

for_each_suite!(
    a_point_of_the_attesters_under_the_holders_commitment,
    a_point_of_the_attesters_under_its_own_commitment,
    answers_end_with_whom_they_are_for,
);

const HANDLE: LinkageHandle = LinkageHandle::from_bytes([7; 16]);

/// What the attester seals in place of what the wallet sealed: its own U, proved as it must be.
fn own_content<S: TestSuite>(city: &City<S>, roles: &Roles<S>, item: &IssueItem) -> (EnrolmentKey<S>, ItemContent) {
    let own = EnrolmentKey::<S>::generate(&mut roles.draws());
    let message = PossessionMessage::Pseudonym { period: item.period.number(), challenge: item.challenge.as_bytes() };
    let content = ItemContent {
        suite: S::ID,
        period: item.period,
        point: *own.point(),
        possession: own.prove_possession(city.authority.id(), message, &roles.random()).unwrap(),
        salt: roles.random(),
        response_key: ResponseKey::from_bytes(roles.random()),
    };
    (own, content)
}

/// An issuer that asks for a proof of possession and goes by the attester's word for the rest.
fn weak_issue<S: TestSuite>(city: &City<S>, item: &IssueItem, content: &ItemContent) -> Result<Answer, IssueError> {
    let identity = city.identity(symbolon_ccks::Class::Pseudonym, 1);
    let message = PossessionMessage::Pseudonym { period: item.period.number(), challenge: item.challenge.as_bytes() };
    let issued =
        city.secret.issue(&city.authority, &identity, message, &content.point, &content.possession, &[5; 32])?;
    Ok(Answer { credential: issued.credential, contribution: issued.contribution })
}

fn key<S: Suite>(city: &City<S>, own: &EnrolmentKey<S>, answer: &Answer) -> SigningKey<S> {
    let identity = answer.credential.identity();
    own.complete(&city.authority, identity, &answer.credential, answer.contribution.as_bytes()).unwrap()
}

/// Seals bytes as an item of any commitment: what HPKE lets everyone do who has the issuer's key.
fn seal_as<S: TestSuite>(city: &City<S>, roles: &Roles<S>, item: &IssueItem, content: &ItemContent) -> SealedItem {
    let own = content.seal(city.authority.id(), &item.challenge, roles.issuance.issuer_key(), &mut roles.draws());
    let info = [b"SYMBOLON-V1-PSEUDONYM-ITEM".as_slice(), city.authority.id().as_bytes()].concat();
    let bound = |commitment: &[u8; 32]| [item.challenge.as_bytes().as_slice(), commitment].concat();
    // The attester knows what it sealed; that the plaintext is read back here saves writing its layout out.
    let plaintext =
        roles.keys.sealing.open(&info, &bound(content.commitment().as_bytes()), own.unwrap().as_bytes()).unwrap();
    let associated = bound(item.commitment.as_bytes());
    let sealed = roles.issuance.issuer_key().seal(&info, &associated, &plaintext, &mut roles.draws()).unwrap();
    SealedItem::parse(&sealed).unwrap()
}

async fn asked<S: TestSuite>(roles: &Roles<S>, card: &Card<S>) -> (Vec<Asking<S>>, Vec<IssueItem>) {
    let asked = roles.ask(card, roles.period(), 3).await;
    let items = roles.items(card, HANDLE, &asked.body, 0).await;
    (asked.asking, items)
}

fn a_point_of_the_attesters_under_the_holders_commitment<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 3).await;
        let (_, items) = asked(roles, &card).await;
        roles.reserve(&card, 3).await;
        let (own, content) = own_content(city, roles, &items[0]);

        // The weak issuer: the attester has a key to a pseudonym on the holder's account, and the court finds the holder
        // behind the commitment that stands beside it.
        let answer = weak_issue(city, &items[0], &content).unwrap();
        key(city, &own, &answer);

        // Ours, whichever way the attester seals it: with its own commitment inside, or another's outside.
        let honest_seal =
            content.seal(city.authority.id(), &items[0].challenge, roles.issuance.issuer_key(), &mut roles.draws());
        let sealed = [honest_seal.unwrap(), seal_as(city, roles, &items[0], &content)];
        let refused = [ItemRefusal::Unopened, ItemRefusal::WrongCommitment];
        for (sealed, refusal) in sealed.into_iter().zip(refused) {
            let item = IssueItem { sealed, ..items[0].clone() };
            assert_eq!(roles.issuer.issue(vec![item]).await.unwrap(), [ItemOutcome::Refused(refusal)]);
        }
        // And the wallet's own item is none the worse for it.
        assert!(matches!(roles.issuer.issue(items).await.unwrap()[0], ItemOutcome::Issued(_)));
    });
}

fn a_point_of_the_attesters_under_its_own_commitment<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 8).await;
        // The attester vouches for cards: what it asks for in the name of one it gets, and it knows the key.
        let asked = roles.ask(&card, roles.period(), 1).await;
        let honest = roles.items(&card, HANDLE, &asked.body, 0).await.remove(0);
        let (own, content) = own_content(city, roles, &honest);
        let commitment = content.commitment();
        let sealed =
            content.seal(city.authority.id(), &honest.challenge, roles.issuance.issuer_key(), &mut roles.draws());
        let item = symbolon_pseudonym::RequestItem { commitment, sealed: sealed.unwrap() };
        let body = symbolon_pseudonym::RequestBody::new(roles.period(), *asked.body.challenge(), vec![item]).unwrap();
        roles.reserve(&card, 1).await;
        let own_item = roles.items(&card, HANDLE, &body, 7).await.remove(0);
        assert_eq!((own_item.profile, own_item.challenge), (PROFILE, honest.challenge));
        let outcome = roles.issuer.issue(vec![own_item]).await.unwrap().remove(0);
        let ItemOutcome::Issued(sealed) = outcome else { panic!("{outcome:?}") };
        let answer = sealed.open(&content.response_key, &commitment).unwrap();
        let subject = key(city, &own, &answer).credential().unwrap().identity().subject();

        // A court that asks the attester alone whose it is convicts the holder.
        let tables = roles.database("clearing");
        assert!(contains(&tables, card.account_handle().as_bytes()) && contains(&tables, subject.as_bytes()));

        // Ours asks for the card's signature over the commitment. There is none, and the case opens to nobody.
        let opened = open_case(roles, subject).await;
        assert_eq!(opened.unwrap_err().reason(), "not_found");
        // Nor has the wallet got it: its own item is answered by itself, or not at all.
        assert_eq!(asked.asking[0].open(&sealed).map(drop), Err(symbolon_pseudonym::Unopened));
        // An honest pseudonym of the same card opens to the card, with the proof.
        let pseudonym = roles.pseudonyms(city, &card, 1).await.remove(0);
        let opened = open_case(roles, pseudonym.credential().unwrap().identity().subject()).await.unwrap();
        assert_eq!(opened.card, card.number);
        let archived = &opened.evidence.archived;
        assert!(city.authority.archive_binds(&archived.credential, &archived.point, &archived.contribution));
    });
}

async fn open_case<S: TestSuite>(
    roles: &Roles<S>,
    subject: Subject,
) -> Result<symbolon_service::attester::OpenedCase, symbolon_service::ServiceError> {
    let officers = ["officer-a", "officer-b"].map(|name| Name::parse(name).unwrap());
    roles.clearing.approve("2025-1", subject, &officers[0]).await?;
    roles.attester.approve("2025-1", subject, &officers[1]).await?;
    roles.attester.open("2025-1", subject, &officers[1]).await
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn answers_end_with_whom_they_are_for<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let cards = [roles.card(city, 3).await, roles.card(city, 3).await];
        let (mut wallets, mut answers) = (Vec::new(), Vec::new());
        for (card, number) in cards.iter().zip([1, 2]) {
            let asked = roles.ask(card, roles.period(), 3).await;
            // Each card passes through the real attester, so that money is set aside.
            let ready = crate::roles::ready(roles.attester.request(asked.request.clone()).await);
            assert_eq!(ready.len(), 3, "card {number}");
            answers.extend(ready);
            wallets.extend(asked.asking);
        }
        for (place, wallet) in wallets.iter().enumerate() {
            for (other, answer) in answers.iter().enumerate().filter(|(other, _)| *other != place) {
                let refused = wallet.complete(&city.authority, &roles.issuance, answer);
                assert_eq!(refused.err(), Some(AnswerRefused::Unopened), "{other} to {place}");
            }
            // Bytes of the right answer exchanged for others do not pass either, and the right one still does.
            let mut mixed = *answers[place].as_bytes();
            mixed[..89].copy_from_slice(&answers[(place + 1) % 6].as_bytes()[..89]);
            let mixed = symbolon_pseudonym::SealedAnswer::parse(&mixed).unwrap();
            let refused = wallet.complete(&city.authority, &roles.issuance, &mixed);
            assert_eq!(refused.err(), Some(AnswerRefused::Unopened));
            wallet.complete(&city.authority, &roles.issuance, &answers[place]).unwrap();
        }
        // The weak seal is under one key and says not for which item: exchanged, the answers open, and a wallet reads which
        // pseudonyms another has.
        let shared = ResponseKey::from_bytes([3; 16]);
        let list = wallets.iter().zip(&answers).map(|(wallet, answer)| wallet.open(answer).unwrap());
        let none = symbolon_pseudonym::Commitment::from_bytes([0; 32]);
        let list = list.map(|answer| symbolon_pseudonym::SealedAnswer::seal(&answer, &shared, &none));
        let list = list.collect::<Vec<_>>();
        assert!(list.iter().all(|answer| answer.open(&shared, &none).is_ok()));
    });
}

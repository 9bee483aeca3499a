//! Attack 14: the issuer marks a card.
//!
//! The issuer does not know which card asks, but it could make a pseudonym known again: by a tier that few have, by a
//! validity that begins a second later, by the order in which it issues. A wallet that checks no more than that its key
//! fits takes the mark and shows it at every tap. Ours takes nothing but the published profile to the last bit; and as
//! items come to the issuer mixed with those of other cards, an order that it notes is no card's.
//!
//! What is left to the issuer are the fields that are as good as random in every pseudonym, subject and P: in them it can
//! hide a number that only it can read. What it hides there is not which card asked, for it does not know that.

use crate::{
    city::{City, TestSuite},
    roles::{Roles, with_mixing, with_roles},
};
use std::sync::{Arc, Mutex};
use symbolon_ccks::{Class, EnrolmentKey, Identity, IdentityFields, PossessionMessage, Subject, Time};
use symbolon_pseudonym::{
    Answer, AnswerRefused, Asking, Commitment, ItemChallenge, ItemContent, RequestItem, SealedAnswer,
};
use symbolon_service::{
    Batching, ServiceError,
    attester::Pseudonyms,
    links::{ArchivedPseudonym, IssueItem, IssuerLink, ItemOutcome, TraceToken},
};

for_each_suite!(a_marked_field_is_refused, the_order_of_issuing_tells_no_card);

type Mark = (&'static str, fn(&mut IdentityFields));

/// What tells one card from others: tier, validity, and whatever else there is to set.
const MARKS: [Mark; 10] = [
    ("a limit of its own", |fields| fields.spend_limit -= 1),
    ("a budget of its own", |fields| fields.budget += 1),
    ("another tier's budget", |fields| fields.budget *= 2),
    ("another tariff", |fields| fields.tariff = 1),
    ("fewer sectors", |fields| fields.sectors = symbolon_ccks::Sectors::from(symbolon_ccks::Sector::Transport)),
    ("another currency", |fields| fields.currency = 978),
    ("valid a second later", |fields| fields.not_before = fields.not_before.saturating_add(1)),
    ("valid since long", |fields| fields.not_before = Time::new(0).unwrap()),
    ("expires a second earlier", |fields| fields.not_after = fields.not_after.saturating_sub(1)),
    ("of another class", |fields| fields.class = Class::Card),
];

/// An item as the issuer opens it, and what the wallet keeps.
fn asked<S: TestSuite>(city: &City<S>, roles: &Roles<S>) -> (Asking<S>, ItemContent, ItemChallenge) {
    let challenge = ItemChallenge::from_bytes(roles.random());
    let (id, profile) = (city.authority.id(), crate::roles::PROFILE);
    let (asking, item) =
        Asking::begin(id, &roles.issuance, roles.period(), profile, &challenge, &mut roles.draws()).unwrap();
    let RequestItem { commitment, sealed } = item;
    let content = sealed.open(id, &challenge, &commitment, &roles.keys.sealing).unwrap();
    (asking, content, challenge)
}

/// What the issuer answers who may put anything into the identity.
fn answer<S: TestSuite>(
    city: &City<S>,
    content: &ItemContent,
    challenge: &ItemChallenge,
    identity: &Identity,
) -> SealedAnswer {
    let pseudonym = PossessionMessage::Pseudonym { period: content.period.number(), challenge: challenge.as_bytes() };
    let issue = |message, possession| {
        city.secret.issue(&city.authority, identity, message, &content.point, possession, &[7; 32]).unwrap()
    };
    let issued = if identity.class() == Class::Pseudonym {
        issue(pseudonym, &content.possession)
    } else {
        // A rogue issuer needs no possession; ours asks for one, so that it is given one over the same point here: the
        // arithmetic of the answer is that of any class.
        rogue_issue(city, identity, content)
    };
    let answer = Answer { credential: issued.credential, contribution: issued.contribution };
    SealedAnswer::seal(&answer, &content.response_key, &content.commitment())
}

/// P = U + kG and s = ek + m, without asking for anything.
fn rogue_issue<S: TestSuite>(city: &City<S>, identity: &Identity, content: &ItemContent) -> symbolon_ccks::Issued {
    use crate::forger::{decode, factor, scalar, times_generator};
    let k = scalar::<S>("a rogue issuer's nonce");
    let point = decode::<S>(&times_generator::<S>(&k)) + decode::<S>(&content.point);
    let credential = symbolon_ccks::Credential::new(*identity, S::encode_point(&point).unwrap());
    let s = factor::<S>(city.authority.id(), &credential) * k + city.matrix_secret(identity);
    let contribution = symbolon_ccks::Contribution::from_bytes(S::encode_scalar(&s));
    symbolon_ccks::Issued { credential, contribution }
}

fn fields<S: TestSuite>(roles: &Roles<S>, city: &City<S>) -> IdentityFields {
    let profile = roles.issuance.profile(crate::roles::PROFILE).unwrap().fields();
    let (period, boundary) = (roles.period(), roles.issuance.boundary());
    IdentityFields {
        suite: S::ID,
        class: Class::Pseudonym,
        sectors: profile.sectors,
        authority_prefix: city.authority.id().prefix(),
        subject: Subject::from_bytes(roles.random()),
        not_before: period.start(boundary),
        not_after: period.expiry(boundary),
        spend_limit: profile.spend_limit,
        budget: profile.budget,
        currency: profile.currency,
        tariff: profile.tariff,
    }
}

/// A wallet that checks that the key fits, and takes the identity that it is given.
fn weak_wallet<S: TestSuite>(city: &City<S>, asking: &Asking<S>, answer: &SealedAnswer) -> bool {
    let opened = asking.open(answer).unwrap();
    let stored = asking.encode();
    let enrolment = EnrolmentKey::<S>::from_bytes(stored[8..40].try_into().unwrap()).unwrap();
    let identity = opened.credential.identity();
    enrolment.complete(&city.authority, identity, &opened.credential, opened.contribution.as_bytes()).is_ok()
}

fn a_marked_field_is_refused<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (asking, content, challenge) = asked(city, roles);
        for (mark, set) in MARKS {
            let mut fields = fields(roles, city);
            set(&mut fields);
            let marked = answer(city, &content, &challenge, &Identity::new(fields).unwrap());
            assert!(weak_wallet(city, &asking, &marked), "the weak wallet takes {mark}");
            let refused = asking.complete(&city.authority, &roles.issuance, &marked);
            assert_eq!(refused.err(), Some(AnswerRefused::OtherIdentity), "{mark}");
        }
        // Every byte but the subject's, whatever it means.
        let honest = Identity::new(fields(roles, city)).unwrap();
        for position in (0..Identity::SIZE).filter(|position| !(12..28).contains(position)) {
            for bit in 0..8 {
                let mut bytes = [0; 89];
                bytes[..56].copy_from_slice(honest.as_bytes());
                bytes[56..].copy_from_slice(content.point.as_bytes());
                bytes[position] ^= 1 << bit;
                let Ok(credential) = symbolon_ccks::Credential::parse(&bytes) else { continue };
                let marked = rogue_issue(city, credential.identity(), &content);
                let marked = Answer { credential: marked.credential, contribution: marked.contribution };
                let marked = SealedAnswer::seal(&marked, &content.response_key, &content.commitment());
                let refused = asking.complete(&city.authority, &roles.issuance, &marked).err();
                assert!(refused.is_some(), "bit {bit} of byte {position} marks a card");
            }
        }
        let unmarked = answer(city, &content, &challenge, &honest);
        asking.complete(&city.authority, &roles.issuance, &unmarked).unwrap();
    });
}

/// An issuer that notes in which order items come.
struct Noting {
    inner: Arc<dyn IssuerLink>,
    order: Arc<Mutex<Vec<Commitment>>>,
}

#[tonic::async_trait]
impl IssuerLink for Noting {
    async fn issue(&self, items: Vec<IssueItem>) -> Result<Vec<ItemOutcome>, ServiceError> {
        self.order.lock().unwrap().extend(items.iter().map(|item| item.commitment));
        self.inner.issue(items).await
    }

    async fn archived(
        &self,
        subject: Subject,
        case: &str,
        token: TraceToken,
    ) -> Result<Option<ArchivedPseudonym>, ServiceError> {
        self.inner.archived(subject, case, token).await
    }
}

const CARDS: usize = 8;
const EACH: usize = 6;

/// How often neighbours in an order are of one card: what an issuer would go by that marks by order.
fn neighbours_of_one_card(order: &[Commitment], asked: &[Vec<Commitment>]) -> usize {
    let card = |commitment| asked.iter().position(|of_card| of_card.contains(commitment)).unwrap();
    order.windows(2).filter(|pair| card(&pair[0]) == card(&pair[1])).count()
}

fn the_order_of_issuing_tells_no_card<S: TestSuite>() {
    let all = (CARDS * EACH) as u32;
    with_mixing::<S>(Batching { items: all, delay_seconds: 3_600 }, async |city, roles| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let issuer = Noting { inner: Arc::new(roles.issuer.clone()), order: order.clone() };
        let attester = roles.attester_with(|links| links.issuer = Arc::new(issuer));
        let (mut commitments, mut requests) = (Vec::new(), Vec::new());
        for _ in 0..CARDS {
            let card = roles.card(city, EACH as u32).await;
            let asked = roles.ask(&card, roles.period(), EACH as u16).await;
            commitments.push(asked.body.items().iter().map(|item| item.commitment).collect::<Vec<_>>());
            requests.push(asked.request);
        }
        for request in &requests[..CARDS - 1] {
            let waiting = attester.request(request.clone()).await.unwrap();
            assert!(matches!(waiting, Pseudonyms::Waiting { .. }), "{waiting:?}");
            assert!(order.lock().unwrap().is_empty(), "items of few cards went by themselves");
        }
        attester.request(requests[CARDS - 1].clone()).await.unwrap();
        let order = order.lock().unwrap().clone();
        assert_eq!(order.len(), CARDS * EACH);

        // The weak attester passes on what comes as it comes: 5 of 6 neighbours are of one card.
        let as_asked = commitments.concat();
        assert_eq!(neighbours_of_one_card(&as_asked, &commitments), CARDS * (EACH - 1));
        // Ours: 5 of 47 by chance, with a deviation of 2.1.
        let told = neighbours_of_one_card(&order, &commitments);
        assert!(told <= 15, "{told} of 47 neighbours are of one card");
        // Nor does the order within a card's own show.
        let rising = |of_card: &Vec<Commitment>| {
            let place = |commitment| order.iter().position(|other| other == commitment).unwrap();
            of_card.iter().map(place).is_sorted()
        };
        assert!(commitments.iter().filter(|of_card| rising(of_card)).count() <= 2);
        // Everyone gets its pseudonyms all the same.
        for request in requests {
            assert!(matches!(attester.request(request).await.unwrap(), Pseudonyms::Ready(_)));
        }
    });
}

//! Attack 4, in the tap: an answer or a credential at a terminal, in a sector or in a role that it was not meant for.

use crate::{
    city::{City, Holder, NOON, TestSuite},
    forger::{self, holds_under},
    station::{self, FARE, Memory, TestTerminal, answer, select},
};
use symbolon_ccks::{
    BadSignature, Class, Credential, Identity, IdentityFields, Purpose, Sector, Sectors, SuiteId, Time,
};
use symbolon_tap::{Challenge, Misfit, Presentation, Record, SelectResponse, Terms, TermsFields};
use symbolon_verifier::{ChallengeRefused, Reason, Request, Seen};

for_each_suite!(
    the_answer_to_another_terminal,
    the_answer_to_other_terms,
    a_credential_of_another_kind,
    claims_written_into_a_true_credential,
    a_terminal_outside_its_sector,
);

/// Runs a test with a terminal of its own.
fn with_terminal<S: TestSuite>(test: impl FnOnce(&City<S>, &Holder<S>, &mut TestTerminal<'_, S>)) {
    let city = S::city();
    let key = station::terminal_key(city, 1);
    let (mut memory, mut seen) = (Memory::default(), [Seen::EMPTY; 4]);
    test(city, &key, &mut station::terminal(city, &key, &mut memory, &mut seen));
}

fn the_answer_to_another_terminal<S: TestSuite>() {
    // A rogue operator has true terminals. One of them takes the terms that an honest terminal has just asked for and
    // asks the holder for them in its own name, then carries the answer to the honest one: the holder pays for a
    // stranger's ride. If the terms alone are signed, the answer fits both.
    with_terminal::<S>(|city, _, honest| {
        let rogue = station::terminal_key(city, 2);
        let card = city.issue(&city.identity(Class::Card, 1), 1);
        let select = select::<S>(&card.issued.credential, [1; 8]);
        let asked = honest.challenge(select.as_bytes(), &FARE).unwrap();
        let terms = *asked.challenge().terms();
        let copied = Challenge::sign(&rogue.key, terms, &[5; 32]).unwrap();
        assert_eq!(copied.verify(&city.authority), Ok(()), "for the holder it looks right");

        let secret = S::decode_scalar(&card.key.secret_bytes()).unwrap();
        let public = forger::decode::<S>(&card.key.public_key().unwrap());
        let (id, signer, purpose) = (city.authority.id(), card.key.signer(), Purpose::Transaction);
        let terms_alone = forger::sign::<S>(id, signer, purpose, copied.terms().as_bytes(), &secret);
        assert!(holds_under::<S>(&public, id, signer, purpose, terms.as_bytes(), &terms_alone));

        // Ours signs the terminal too.
        let carried = answer(&card, &copied, 1);
        assert_eq!(carried.verify(&city.authority, copied.terms(), &copied.terminal().digest()), Ok(()));
        let verdict = honest.decide(asked, carried.as_bytes());
        assert_eq!(verdict.reason(), Some(Reason::BadSignature));
        let asked = verdict.into_asked().unwrap();
        let answered = answer(&card, asked.challenge(), 2);
        assert!(honest.decide(asked, answered.as_bytes()).is_accepted());
    });
}

fn the_answer_to_other_terms<S: TestSuite>() {
    // A terminal's operator changes what was signed before it uploads: every field of the terms, one by one.
    with_terminal::<S>(|city, key, terminal| {
        let card = city.issue(&city.identity(Class::Card, 1), 1);
        let select = select::<S>(&card.issued.credential, [1; 8]);
        let challenge = *terminal.challenge(select.as_bytes(), &FARE).unwrap().challenge();
        let presentation = answer(&card, &challenge, 1);
        let digest = key.issued.credential.digest();
        let changes: [fn(&mut TermsFields); 7] = [
            |fields| fields.kind = symbolon_tap::Kind::Entry,
            |fields| fields.sector = Sector::Water,
            |fields| fields.nonce[15] ^= 1,
            |fields| fields.time = Time::new(NOON + 1).unwrap(),
            |fields| fields.amount += 1,
            |fields| fields.currency = 978,
            |fields| fields.reference[0] ^= 1,
        ];
        for change in changes {
            let mut fields = challenge.terms().fields();
            change(&mut fields);
            let changed = Terms::new(fields).unwrap();
            let record = Record::new(changed, presentation);
            let verdict = record.presentation().verify(&city.authority, record.terms(), &digest);
            assert_eq!(verdict, Err(BadSignature), "{changed:?}");
        }
        assert_eq!(presentation.verify(&city.authority, challenge.terms(), &digest), Ok(()));
    });
}

/// Issues a card with other fields.
fn odd_card<S: TestSuite>(city: &City<S>, change: impl FnOnce(&mut IdentityFields)) -> Holder<S> {
    let mut fields = city.fields(Class::Card, 9);
    change(&mut fields);
    city.issue(&Identity::new(fields).unwrap(), 9)
}

/// What the terminal says to a tap in which the card declares what its credential has.
fn tap<S: TestSuite>(
    terminal: &mut TestTerminal<'_, S>,
    holder: &Holder<S>,
    credential: &Credential,
) -> Option<Reason> {
    let select = SelectResponse::new(S::ID, credential.identity().tariff(), authority_prefix::<S>(), [1; 8]);
    let asked = terminal.challenge(select.as_bytes(), &FARE).unwrap();
    let presented = present::<S>(holder, credential, asked.challenge());
    terminal.decide(asked, &presented).reason()
}

fn authority_prefix<S: TestSuite>() -> [u8; 8] {
    S::city().authority.id().prefix()
}

/// A presentation made by a forger: any credential, signed with the holder's secret.
fn present<S: TestSuite>(holder: &Holder<S>, credential: &Credential, challenge: &Challenge) -> Vec<u8> {
    let secret = S::decode_scalar(&holder.key.secret_bytes()).unwrap();
    let counter = 1u32.to_be_bytes();
    let digest = challenge.terminal().digest();
    let message = [challenge.terms().as_bytes().as_slice(), digest.as_bytes(), &counter].concat();
    let signer = symbolon_ccks::Signer::Credential(credential);
    let id = S::city().authority.id();
    let signature = forger::sign::<S>(id, signer, Purpose::Transaction, &message, &secret);
    let presentation = [&[1], counter.as_slice(), credential.as_bytes(), signature.as_bytes()].concat();
    assert!(Presentation::parse(&presentation).is_ok());
    presentation
}

fn a_credential_of_another_kind<S: TestSuite>() {
    // True credentials with true keys, each in a place that is not theirs.
    with_terminal::<S>(|city, other_terminal, terminal| {
        let cases = [
            (odd_card(city, |_| {}), None),
            (odd_card(city, |fields| fields.sectors = Sector::Water.into()), Some(Reason::WrongSector)),
            (odd_card(city, |fields| fields.currency = 978), Some(Reason::WrongCurrency)),
            (odd_card(city, |fields| fields.spend_limit = 199), Some(Reason::OverLimit)),
            (odd_card(city, |fields| fields.not_after = Time::new(NOON).unwrap()), Some(Reason::Expired)),
            (odd_card(city, |fields| fields.not_before = Time::new(NOON + 1).unwrap()), Some(Reason::NotYetValid)),
        ];
        for (holder, reason) in &cases {
            assert_eq!(tap(terminal, holder, &holder.issued.credential), *reason);
        }
        // A terminal's credential pays for nothing, its own least of all.
        assert_eq!(tap(terminal, other_terminal, &other_terminal.issued.credential), Some(Reason::WrongClass));
        // A card of another city, and one of the same city that is not of this authority's making.
        let stranger = S::elsewhere().issue(&S::elsewhere().identity(Class::Card, 1), 1);
        assert_eq!(tap(terminal, &stranger, &stranger.issued.credential), Some(Reason::WrongAuthority));
    });
}

fn claims_written_into_a_true_credential<S: TestSuite>() {
    // The same cards, made to fit with a pen: now the claims are right and the signature is not.
    with_terminal::<S>(|city, _, terminal| {
        let cases = [
            odd_card(city, |fields| fields.sectors = Sector::Water.into()),
            odd_card(city, |fields| fields.currency = 978),
            odd_card(city, |fields| fields.spend_limit = 199),
            odd_card(city, |fields| fields.not_after = Time::new(NOON).unwrap()),
            odd_card(city, |fields| fields.class = Class::Pseudonym),
            station::terminal_key(city, 2),
            S::elsewhere().issue(&S::elsewhere().identity(Class::Card, 9), 9),
        ];
        for holder in &cases {
            let point = *holder.issued.credential.reconstruction_point();
            let written = Credential::new(city.identity(Class::Card, 9), point);
            assert_eq!(tap(terminal, holder, &written), Some(Reason::BadSignature));
        }
        // The other suite's number does not even get that far.
        let holder = odd_card(city, |_| {});
        let suite = if S::ID == SuiteId::P256Sha256 { SuiteId::Secp256k1Sha256 } else { SuiteId::P256Sha256 };
        let fields = IdentityFields { suite, ..holder.issued.credential.identity().fields() };
        let identity = Identity::new(fields).unwrap();
        let written = Credential::new(identity, *holder.issued.credential.reconstruction_point());
        assert_eq!(tap(terminal, &holder, &written), Some(Reason::WrongSuite));
    });
}

fn a_terminal_outside_its_sector<S: TestSuite>() {
    // A gate asks for a water bill. Its own software refuses; a challenge that it signs all the same names terms that
    // its credential does not fit, which is what the wallet looks at.
    let city = S::city();
    let mut fields = city.fields(Class::Terminal, 3);
    fields.sectors = Sectors::from(Sector::Transport);
    let gate = city.issue(&Identity::new(fields).unwrap(), 3);
    let (mut memory, mut seen) = (Memory::default(), []);
    let mut terminal = station::terminal(city, &gate, &mut memory, &mut seen);
    let select = SelectResponse::new(S::ID, 0, authority_prefix::<S>(), [1; 8]);
    let bill = Request { sector: Sector::Water, ..FARE };
    let refused = terminal.challenge(select.as_bytes(), &bill).err();
    assert_eq!(refused, Some(ChallengeRefused::Terminal(Misfit::WrongSector)));

    let asked = terminal.challenge(select.as_bytes(), &FARE).unwrap();
    let terms = Terms::new(TermsFields { sector: Sector::Water, ..asked.challenge().terms().fields() }).unwrap();
    let challenge = Challenge::sign(&gate.key, terms, &[5; 32]).unwrap();
    assert_eq!(challenge.verify(&city.authority), Ok(()));
    assert_eq!(challenge.terms().fits(challenge.terminal().identity()), Err(Misfit::WrongSector));
}

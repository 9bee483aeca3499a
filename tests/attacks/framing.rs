//! Attack 11: an issuer frames a holder.
//!
//! Whoever issues can make itself a second key for any holder's identity, misuse it, and hold up the proof. A court that
//! reads the name in the credential convicts the innocent. Ours convicts a person only together with the archive: the
//! point U that the holder asked for with its registered key, and the s that belongs to it. Only the credential that was
//! combined over that U satisfies the equation.

use crate::{
    bureau::with_bureau,
    city::{City, Holder, NOON, TestSuite},
    forger::{self, decode, factor, times_generator},
    station,
};
use symbolon_ccks::{Class, CompressedPoint, Credential, Sector, Time};
use symbolon_service::exchange::{RecordOutcome, Refusal};
use symbolon_tap::misuse::{Archive, Convicts, Finding, HolderRequest, Item, Proves, Why, check, convicts};
use symbolon_tap::{Flags, Kind, Presentation, Record, RequestDigest, Terms, TermsFields};

for_each_suite!(
    a_second_key_convicts_its_credential_alone,
    a_credential_over_the_holders_point_cannot_be_used,
    the_holder_signs_for_its_own_point_alone,
    settlement_knows_what_was_issued,
    a_proof_of_something_that_nobody_signed,
);

const HOLDER_SEED: u64 = 1;
const FRAMER_SEED: u64 = 666;

fn terms(nonce: u8) -> Terms {
    Terms::new(TermsFields {
        kind: Kind::Purchase,
        sector: Sector::Transport,
        flags: Flags::Tap,
        nonce: [nonce; 16],
        time: Time::new(NOON).unwrap(),
        amount: 200,
        currency: 156,
        reference: [0; 16],
    })
    .unwrap()
}

/// Two presentations under one counter, at one terminal.
fn double_use<S: TestSuite>(city: &City<S>, holder: &Holder<S>) -> [Item; 2] {
    let terminal = station::terminal_key(city, 1).issued.credential.digest();
    [1, 2].map(|nonce| {
        let terms = terms(nonce);
        let presentation = Presentation::sign(&holder.key, &terms, &terminal, 1, &[nonce; 32]).unwrap();
        Item::new(&Record::new(terms, presentation), terminal)
    })
}

/// A court that looks no further than the name in the credential.
fn convicts_by_name(finding: &Finding, holder: &Credential) -> bool {
    let accused = finding.credential().map(|credential| credential.identity().subject());
    finding.proves() == Proves::DoubleUse && accused == Some(holder.identity().subject())
}

fn archive<S: TestSuite>(holder: &Holder<S>, request: HolderRequest) -> Archive<'_> {
    Archive { holder_point: holder.enrolment.point(), contribution: holder.issued.contribution.as_bytes(), request }
}

fn a_second_key_convicts_its_credential_alone<S: TestSuite>() {
    let city = S::city();
    let authority = &city.authority;
    let identity = city.identity(Class::Card, 1);
    let holder = city.issue(&identity, HOLDER_SEED);
    let framer = city.issue(&identity, FRAMER_SEED);
    assert_ne!(holder.issued.credential.digest(), framer.issued.credential.digest());

    // The proof is sound as far as it goes: the credential was misused.
    let framed = check(authority, &double_use(city, &framer));
    assert_eq!(framed.proves(), Proves::DoubleUse);
    assert_eq!(framed.credential(), Some(&framer.issued.credential));
    assert!(convicts_by_name(&framed, &holder.issued.credential), "the innocent is convicted");

    // Whatever the framer takes out of the archive, the person is not.
    let mixed = Archive {
        holder_point: holder.enrolment.point(),
        contribution: framer.issued.contribution.as_bytes(),
        request: HolderRequest::Verified,
    };
    let submitted = [
        None,
        Some(archive(&holder, HolderRequest::Verified)),
        Some(archive(&framer, HolderRequest::Missing)),
        Some(mixed),
    ];
    for archive in &submitted {
        assert_eq!(convicts(authority, &framed, archive.as_ref()), Convicts::Credential);
    }

    // Which is not to say that nobody ever is: the holder, had it done the same, would be.
    let guilty = check(authority, &double_use(city, &holder));
    let archive = archive(&holder, HolderRequest::Verified);
    assert_eq!(convicts(authority, &guilty, Some(&archive)), Convicts::Person);
    assert_eq!(convicts(authority, &guilty, None), Convicts::Credential);
}

fn a_credential_over_the_holders_point_cannot_be_used<S: TestSuite>() {
    // A cleverer issuer combines a second credential over the holder's own U, for which there is a signed request. Its
    // archive binds. But d = e*u + s has u in it, which never left the holder: with all its secrets the issuer has no
    // key for what it made, and signs nothing with it that could be held against anybody.
    let city = S::city();
    let identity = city.identity(Class::Card, 1);
    let holder = city.issue(&identity, HOLDER_SEED);
    let nonce = forger::scalar::<S>("the issuer's second nonce");
    let point = decode::<S>(&times_generator::<S>(&nonce)) + decode::<S>(holder.enrolment.point());
    let second = Credential::new(identity, S::encode_point(&point).unwrap());
    let e = factor::<S>(city.authority.id(), &second);
    let matrix_secret = city.matrix_secret(&identity);
    let contribution = e * nonce + matrix_secret;
    let s = S::encode_scalar(&contribution);
    assert!(city.authority.archive_binds(&second, holder.enrolment.point(), &s));

    let first = S::decode_scalar(holder.issued.contribution.as_bytes()).unwrap();
    for secret in [contribution, matrix_secret, nonce, contribution + first, contribution - first, e * nonce] {
        assert!(!forger::opens(&city.authority, &second, &secret));
    }
    // The holder alone could.
    let u = S::decode_scalar(&holder.enrolment.secret_bytes()).unwrap();
    assert!(forger::opens(&city.authority, &second, &(e * u + contribution)));
}

fn the_holder_signs_for_its_own_point_alone<S: TestSuite>() {
    // The request that makes an archive count is signed by the key that the holder had before, over a body with U in it:
    // the framer cannot put its own U in the holder's mouth.
    let city = S::city();
    let registered = city.issue(&city.identity(Class::Card, 1), HOLDER_SEED);
    let (own, framers) = (registered.enrolment.point(), times_generator::<S>(&forger::scalar::<S>("u")));
    let digest = |point: &CompressedPoint| {
        let time = Time::new(NOON).unwrap();
        RequestDigest::of("/symbolon.v1.EnrolmentService/Renew", time, &[1; 16], point.as_bytes()).unwrap()
    };
    let signature = digest(own).sign(&registered.key, &[6; 32]).unwrap();
    let credential = &registered.issued.credential;
    assert!(digest(own).verify(&city.authority, credential, &signature).is_ok());
    assert!(digest(&framers).verify(&city.authority, credential, &signature).is_err());
    // Nor is a second key of the framer's the registered one: its credential is another.
    let framer = city.issue(&city.identity(Class::Card, 1), FRAMER_SEED);
    let signature = digest(&framers).sign(&framer.key, &[6; 32]).unwrap();
    assert!(digest(&framers).verify(&city.authority, credential, &signature).is_err());
}

fn settlement_knows_what_was_issued<S: TestSuite>() {
    // The framer does not get as far as a proof: a valid signature under a credential that is not in the archive is an
    // alarm at settlement, and takes nothing from the holder whose name it bears.
    with_bureau::<S>(async |city, bureau| {
        let ((holder, account), gate) = (bureau.card(city).await, bureau.terminal(city).await);
        let framer = city.issue(holder.issued.credential.identity(), FRAMER_SEED);
        let digest = gate.issued.credential.digest();
        let record = |nonce| {
            let terms = terms(nonce);
            Record::new(terms, Presentation::sign(&framer.key, &terms, &digest, 1, &[nonce; 32]).unwrap())
        };
        assert_eq!(record(1).presentation().verify(&city.authority, record(1).terms(), &digest), Ok(()));
        let outcomes = bureau.upload(&gate, &[record(1), record(2)]).await;
        assert_eq!(outcomes, [RecordOutcome::Refused(Refusal::NeverIssued); 2]);
        assert_eq!(bureau.balance(&account).await, 0);
    });
}

fn a_proof_of_something_that_nobody_signed<S: TestSuite>() {
    // Without any key: one honest item of the holder's, and a copy of it in which something is changed. The counters are
    // equal and the messages are not, which is all that a court looks at that does not verify. Ours verifies every item.
    let city = S::city();
    let holder = city.issue(&city.identity(Class::Card, 1), HOLDER_SEED);
    let [honest, _] = double_use(city, &holder);
    let copied = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = *honest.as_bytes();
        change(&mut bytes);
        *Item::parse(&bytes).unwrap()
    };
    let reference = |bytes: &mut [u8]| bytes[49] ^= 1;
    let amount = |bytes: &mut [u8]| bytes[31] += 1;
    let terminal = |bytes: &mut [u8]| bytes[50] ^= 1;
    let response = |bytes: &mut [u8]| {
        bytes[49] ^= 1;
        bytes[240] ^= 1;
    };
    for change in [&reference as &dyn Fn(&mut [u8]), &amount, &terminal, &response] {
        let forged = copied(change);
        let presentations = [honest.presentation(), forged.presentation()];
        assert_eq!(presentations[0].counter(), presentations[1].counter());
        assert!(
            honest.terms() != forged.terms() || honest.terminal() != forged.terminal(),
            "it looks like a double use"
        );
        for items in [[honest, forged], [forged, honest]] {
            let finding = check(&city.authority, &items);
            assert_eq!(finding.proves(), Proves::Nothing(Why::BadSignature));
            let archive = archive(&holder, HolderRequest::Verified);
            assert_eq!(convicts(&city.authority, &finding, Some(&archive)), Convicts::Nobody);
        }
    }
    // The same item twice, or with a second signature over the same message, is no double use either.
    let item_terms = honest.terms();
    let again = Presentation::sign(&holder.key, item_terms, honest.terminal(), 1, &[77; 32]).unwrap();
    let again = Item::new(&Record::new(*item_terms, again), *honest.terminal());
    assert_ne!(again, honest);
    for items in [[honest, honest], [honest, again]] {
        assert_eq!(check(&city.authority, &items).proves(), Proves::Nothing(Why::Honest));
    }
}

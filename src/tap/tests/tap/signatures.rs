//! What verifies, and what does not.

use sha2::{Digest, Sha256};
use symbolon_ccks::{Authority, Class, Name, Purpose, SignError, Signer, SigningKey, Suite};
use symbolon_tap::{
    Bundle, BundleContent, Challenge, Flags, Presentation, RequestDigest, SignRefused, Successor, SuccessorFields,
    TerminalDigest, TermsFields, Upload, encode_bundle, sign_upload_header,
};

use crate::world::{
    RANDOM, Samples, TestSuite, World, bundle_fields, for_each_suite, holder_fields, issue, records, successor_fields,
    terms, terms_fields, time,
};

for_each_suite!(
    what_was_signed_verifies,
    the_messages_are_those_of_the_table,
    no_byte_can_be_changed,
    another_authority_verifies_nothing,
    nothing_is_said_for_another_authority,
    only_the_right_signer_signs,
    the_terms_and_the_terminal_are_bound,
    a_pseudonym_presents_too,
    a_screen_code_is_refused_in_a_tap,
);

const WRONG_SIGNER: SignRefused = SignRefused::Key(SignError::WrongSigner);

fn terminal_digest<S: Suite>(world: &World<S>) -> TerminalDigest {
    world.terminal.issued.credential.digest()
}

fn what_was_signed_verifies<S: TestSuite>() {
    let world = S::world();
    let authority = &world.authority;
    let samples = Samples::new(world);
    assert_eq!(samples.challenge.verify(authority), Ok(()));
    assert_eq!(samples.presentation.verify(authority, &terms(), &terminal_digest(world)), Ok(()));
    assert_eq!(Upload::parse(&samples.upload).unwrap().verify(authority), Ok(()));
    assert_eq!(Upload::parse(&samples.upload_with_hints).unwrap().verify(authority), Ok(()));
    assert_eq!(Bundle::parse(&samples.bundle).unwrap().verify(authority), Ok(()));
    assert_eq!(samples.successor.verify(authority), Ok(()));

    let terminal = &world.terminal.issued.credential;
    let receipt = samples.receipt.sign(&world.terminal.key, &RANDOM).unwrap();
    assert_eq!(samples.receipt.verify(authority, terminal, &receipt), Ok(()));
    assert!(samples.receipt.verify(authority, &world.other_terminal.issued.credential, &receipt).is_err());
    let acknowledgement = samples.acknowledgement.sign(&world.city(), &RANDOM).unwrap();
    assert_eq!(samples.acknowledgement.verify(authority, &acknowledgement), Ok(()));
    for holder in [&world.card, &world.terminal] {
        let request = RequestDigest::of("/a.B/C", time(5), &[6; 16], b"body").unwrap();
        let signature = request.sign(&holder.key, &RANDOM).unwrap();
        assert_eq!(request.verify(authority, &holder.issued.credential, &signature), Ok(()));
        let other = RequestDigest::of("/a.B/C", time(5), &[6; 16], b"BODY").unwrap();
        assert!(other.verify(authority, &holder.issued.credential, &signature).is_err());
    }
}

/// Each message written out by hand, verified below this crate.
fn the_messages_are_those_of_the_table<S: TestSuite>() {
    let world = S::world();
    let samples = Samples::new(world);
    let name = Name::parse("city").unwrap();
    let terminal = Signer::Credential(&world.terminal.issued.credential);
    let card = Signer::Credential(&world.card.issued.credential);
    let verify = |signer, purpose, message: &[u8], signature| {
        assert_eq!(world.authority.verify(signer, purpose, &[message], signature), Ok(()), "{purpose:?}");
    };
    verify(terminal, Purpose::Challenge, &samples.challenge.as_bytes()[..50], samples.challenge.signature());
    let digest = Sha256::digest(world.terminal.issued.credential.as_bytes());
    let transaction = [terms().as_bytes(), digest.as_slice(), &[0, 0, 0, 1]].concat();
    verify(card, Purpose::Transaction, &transaction, samples.presentation.signature());
    let upload = Upload::parse(&samples.upload).unwrap();
    verify(terminal, Purpose::Upload, &samples.upload[..129], upload.signature());
    let bundle = Bundle::parse(&samples.bundle).unwrap();
    verify(Signer::Institution(&name), Purpose::Bundle, &samples.bundle[..108], bundle.signature());
    let statement = &samples.successor.as_bytes()[..88];
    verify(Signer::Rotation, Purpose::Successor, statement, samples.successor.signature());
    let receipt = samples.receipt.sign(&world.terminal.key, &RANDOM).unwrap();
    verify(terminal, Purpose::Receipt, samples.receipt.as_bytes(), &receipt);
    let acknowledgement = samples.acknowledgement.sign(&world.city(), &RANDOM).unwrap();
    verify(Signer::Institution(&name), Purpose::Acknowledgement, samples.acknowledgement.as_bytes(), &acknowledgement);
    let request = RequestDigest::of("/a.B/C", time(5), &[6; 16], b"body").unwrap();
    let signature = request.sign(&world.card.key, &RANDOM).unwrap();
    verify(card, Purpose::Request, request.as_bytes(), &signature);
}

/// Changes each byte in turn, every bit of it over 8 bytes; what still parses must not verify.
fn never_accepted(bytes: &[u8], accepts: impl Fn(&[u8]) -> bool) {
    assert!(accepts(bytes));
    let mut changed = bytes.to_vec();
    for index in 0..bytes.len() {
        changed[index] ^= 1 << (index % 8);
        assert!(!accepts(&changed), "byte {index} of {}", bytes.len());
        changed[index] = bytes[index];
    }
}

fn no_byte_can_be_changed<S: TestSuite>() {
    let world = S::world();
    let authority = &world.authority;
    let samples = Samples::new(world);
    let terminal = terminal_digest(world);
    never_accepted(samples.challenge.as_bytes(), |bytes| {
        Challenge::parse(bytes).is_ok_and(|challenge| challenge.verify(authority).is_ok())
    });
    never_accepted(samples.presentation.as_bytes(), |bytes| {
        Presentation::parse(bytes).is_ok_and(|answer| answer.verify(authority, &terms(), &terminal).is_ok())
    });
    never_accepted(&samples.upload, |bytes| Upload::parse(bytes).is_ok_and(|upload| upload.verify(authority).is_ok()));
    never_accepted(&samples.bundle, |bytes| Bundle::parse(bytes).is_ok_and(|bundle| bundle.verify(authority).is_ok()));
    never_accepted(samples.successor.as_bytes(), |bytes| {
        Successor::parse(bytes).is_ok_and(|successor| successor.verify(authority).is_ok())
    });
}

fn another_authority_verifies_nothing<S: TestSuite>() {
    let world = S::world();
    let samples = Samples::new(world);
    let other: Authority<'_, S> = World::<S>::new(2).authority;
    assert!(samples.challenge.verify(&other).is_err());
    assert!(samples.presentation.verify(&other, &terms(), &terminal_digest(world)).is_err());
    assert!(Upload::parse(&samples.upload).unwrap().verify(&other).is_err());
    assert!(Bundle::parse(&samples.bundle).unwrap().verify(&other).is_err());
    assert!(samples.successor.verify(&other).is_err());
}

/// An authority that signs a bundle or a successor in the name of another, or of another suite, is not believed.
fn nothing_is_said_for_another_authority<S: TestSuite>() {
    let world = S::world();
    let samples = Samples::new(world);
    let rotation = world.secret.rotation_key(&world.authority);
    let signed = |bytes: &[u8], key: &SigningKey<S>, purpose, length: usize, change: &dyn Fn(&mut [u8])| {
        let mut bytes = bytes.to_vec();
        change(&mut bytes);
        let signature = key.sign(purpose, &[&bytes[..length]], &RANDOM).unwrap();
        bytes[length..][..65].copy_from_slice(signature.as_bytes());
        bytes
    };
    let bundle = |change: &dyn Fn(&mut [u8])| {
        let bytes = signed(&samples.bundle, &world.city(), Purpose::Bundle, 108, change);
        Bundle::parse(&bytes).unwrap().verify(&world.authority).is_ok()
    };
    assert!(bundle(&|_| {}));
    assert!(!bundle(&|bytes| bytes[4] ^= 1));
    assert!(!bundle(&|bytes| bytes[1] = 3 - bytes[1]));
    let successor = |change: &dyn Fn(&mut [u8])| {
        let bytes = signed(samples.successor.as_bytes(), &rotation, Purpose::Successor, 88, change);
        Successor::parse(&bytes).unwrap().verify(&world.authority).is_ok()
    };
    assert!(successor(&|_| {}));
    assert!(!successor(&|bytes| bytes[8] ^= 1));
}

fn only_the_right_signer_signs<S: TestSuite>() {
    let world = S::world();
    let operator = world.secret.institution_key(&world.authority, &Name::parse("operator").unwrap());
    let rotation = world.secret.rotation_key(&world.authority);
    let city = world.city();
    let keys: [(&str, &SigningKey<S>); 5] = [
        ("card", &world.card.key),
        ("terminal", &world.terminal.key),
        ("city", &city),
        ("operator", &operator),
        ("rotation", &rotation),
    ];
    let samples = Samples::new(world);
    let request = RequestDigest::of("/a.B/C", time(5), &[6; 16], b"body").unwrap();
    let records = records(world, 1);
    for (name, key) in keys {
        let signed: [(&[&str], Option<SignRefused>); 8] = [
            (&["terminal"], Challenge::sign(key, terms(), &RANDOM).err()),
            (&["card"], Presentation::sign(key, &terms(), &terminal_digest(world), 1, &RANDOM).err()),
            (&["terminal"], sign_upload_header(key, 1, &records, false, &RANDOM).err()),
            (&["city"], encode_bundle(key, &bundle_fields(), &BundleContent::default(), &RANDOM).err()),
            (&["terminal"], samples.receipt.sign(key, &RANDOM).err()),
            (&["rotation"], Successor::sign(key, successor_fields(), &RANDOM).err()),
            (&["card", "terminal"], request.sign(key, &RANDOM).err()),
            (&["city"], samples.acknowledgement.sign(key, &RANDOM).err()),
        ];
        for (index, (allowed, refused)) in signed.into_iter().enumerate() {
            let expected = (!allowed.contains(&name)).then_some(WRONG_SIGNER);
            assert_eq!(refused, expected, "message {index} by {name}");
        }
    }
    let own = SuccessorFields { next_authority: *world.authority.id(), ..successor_fields() };
    assert_eq!(Successor::sign(&rotation, own, &RANDOM), Err(SignRefused::Fields));
}

fn the_terms_and_the_terminal_are_bound<S: TestSuite>() {
    let world = S::world();
    let presentation = Samples::new(world).presentation;
    let verify = |terms, terminal: &TerminalDigest| {
        let terms = symbolon_tap::Terms::new(terms).unwrap();
        presentation.verify(&world.authority, &terms, terminal)
    };
    let terminal = terminal_digest(world);
    assert_eq!(verify(terms_fields(), &terminal), Ok(()));
    assert!(verify(TermsFields { amount: 1, ..terms_fields() }, &terminal).is_err());
    assert!(verify(TermsFields { nonce: [0; 16], ..terms_fields() }, &terminal).is_err());
    assert!(verify(terms_fields(), &world.other_terminal.issued.credential.digest()).is_err());
}

fn a_pseudonym_presents_too<S: TestSuite>() {
    let world = S::world();
    let fields = holder_fields(&world.authority, Class::Pseudonym, [0xd1; 16]);
    let pseudonym = issue_pseudonym(world, fields);
    let terminal = terminal_digest(world);
    let presentation = Presentation::sign(&pseudonym, &terms(), &terminal, 9, &RANDOM).unwrap();
    assert_eq!(presentation.verify(&world.authority, &terms(), &terminal), Ok(()));
    assert_eq!(Challenge::sign(&pseudonym, terms(), &RANDOM), Err(WRONG_SIGNER));
    // A card's key is not enough for what only a card may do.
    let card = issue(&world.secret, &world.authority, holder_fields(&world.authority, Class::Card, [0xd2; 16]));
    assert_eq!(Challenge::sign(&card.key, terms(), &RANDOM), Err(WRONG_SIGNER));
}

fn issue_pseudonym<S: Suite>(world: &World<S>, fields: symbolon_ccks::IdentityFields) -> SigningKey<S> {
    use rand_chacha::rand_core::SeedableRng;
    use symbolon_ccks::{EnrolmentKey, Identity, PossessionMessage};
    let identity = Identity::new(fields).unwrap();
    let enrolment = EnrolmentKey::<S>::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(11));
    let message = PossessionMessage::Pseudonym { period: 4, challenge: &[8; 32] };
    let possession = enrolment.prove_possession(world.authority.id(), message, &RANDOM).unwrap();
    let issued =
        world.secret.issue(&world.authority, &identity, message, enrolment.point(), &possession, &RANDOM).unwrap();
    enrolment.complete(&world.authority, &identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
}

fn a_screen_code_is_refused_in_a_tap<S: TestSuite>() {
    let world = S::world();
    let code = symbolon_tap::Terms::new(TermsFields { flags: Flags::ScreenCode, ..terms_fields() }).unwrap();
    let terminal = terminal_digest(world);
    let nobody = TerminalDigest::from_bytes(symbolon_tap::NO_TERMINAL);
    let sign = |terms, terminal| Presentation::sign(&world.card.key, terms, terminal, 1, &RANDOM);
    assert_eq!(Challenge::sign(&world.terminal.key, code, &RANDOM), Err(SignRefused::ScreenCode));
    assert_eq!(sign(&code, &terminal), Err(SignRefused::ScreenCode));
    assert_eq!(sign(&terms(), &nobody), Err(SignRefused::NoTerminal));

    // Signed all the same, below this crate: the signature holds, and yet no tap accepts it.
    for (terms, terminal) in [(code, terminal), (code, nobody), (terms(), nobody)] {
        let message: [&[u8]; 3] = [terms.as_bytes(), terminal.as_bytes(), &[0, 0, 0, 1]];
        let signature = world.card.key.sign(Purpose::Transaction, &message, &RANDOM).unwrap();
        let holder = world.card.issued.credential;
        let bytes = [&[1, 0, 0, 0, 1], holder.as_bytes().as_slice(), signature.as_bytes()].concat();
        let presentation = Presentation::parse(&bytes).unwrap();
        let signer = Signer::Credential(presentation.holder());
        assert_eq!(world.authority.verify(signer, Purpose::Transaction, &message, presentation.signature()), Ok(()));
        assert!(presentation.verify(&world.authority, &terms, &terminal).is_err());
    }
}

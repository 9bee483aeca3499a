//! Institutions' keys, and signatures of every signer and purpose.

use symbolon_ccks::{Name, PossessionMessage, Purpose, SigningKey, Suite};

use super::cast::Cast;
use super::city::{Holder, NOON, fixed_bytes, name};
use super::model::{Hex, InstitutionVector, SignatureVector, SignerVector};

/// The keys of the authority's own name, of the shortest name and of the longest.
pub(crate) fn institutions<S: Suite>(cast: &Cast<S>) -> Vec<InstitutionVector> {
    let longest: String = "clearing-house.0123456789.".chars().cycle().take(Name::MAXIMUM_LENGTH).collect();
    [cast.city.authority.name().as_str(), "a", &longest]
        .into_iter()
        .map(|text| {
            let institution = name(text);
            let key = cast.city.secret.institution_key(&cast.city.authority, &institution);
            let public_key = cast.city.authority.institution_key(&institution).expect("no key is the identity");
            InstitutionVector {
                name: text.to_owned(),
                d: Hex::of(key.secret_bytes().as_slice()),
                public_key: Hex::of(public_key.as_bytes()),
            }
        })
        .collect()
}

/// Signatures, each purpose by each kind of signer that it has.
pub(crate) fn signatures<S: Suite>(cast: &Cast<S>) -> Vec<SignatureVector> {
    let city = &cast.city;
    let own = city.secret.institution_key(&city.authority, city.authority.name());
    let rotation = city.secret.rotation_key(&city.authority);
    let digest = fixed_bytes("digest of a message");
    let request = &digest[..];
    let terms = [1; 50];
    let transaction = [terms.as_slice(), cast.gate.credential().digest().as_bytes(), &7_u32.to_be_bytes()].concat();
    let receipt = [digest.as_slice(), &[1], &NOON.to_be_bytes()].concat();
    let acknowledgement = [digest.as_slice(), &[0, 3, 0, 2, 0, 1], &NOON.to_be_bytes()].concat();
    let of_key = [
        (&cast.gate.key, Purpose::Challenge, terms.as_slice()),
        (&cast.eternal_terminal.key, Purpose::Challenge, &[]),
        (&cast.card.key, Purpose::Transaction, &transaction),
        (&cast.pseudonym.key, Purpose::Transaction, &transaction),
        (&cast.largest_card.key, Purpose::Transaction, &[]),
        (&cast.till.key, Purpose::Upload, &[3; 129]),
        (&own, Purpose::Bundle, &[4; 108]),
        (&cast.gate.key, Purpose::Receipt, &receipt),
        (&rotation, Purpose::Successor, &[7; 88]),
        (&rotation, Purpose::Successor, &[]),
        (&cast.card.key, Purpose::Request, request),
        (&cast.gate.key, Purpose::Request, request),
        (&own, Purpose::Acknowledgement, &acknowledgement),
        (&own, Purpose::Voucher, &[10; 44]),
        (&cast.card.key, Purpose::Transaction, &[0xff; 1_000]),
    ];
    let mut vectors: Vec<_> = of_key
        .into_iter()
        .enumerate()
        .map(|(index, (key, purpose, message))| signature(key, purpose, message, &random(index)))
        .collect();
    // Randomness at its worst still gives a signature, and one that differs with the message.
    for (random, message) in [([0; 32], b"one".as_slice()), ([0; 32], b"two"), ([0xff; 32], b"one")] {
        vectors.push(signature(&cast.card.key, Purpose::Transaction, message, &random));
    }
    vectors.extend([&cast.card, &cast.pseudonym].map(|holder| possession(cast, holder)));
    vectors
}

fn random(index: usize) -> [u8; 32] {
    fixed_bytes(&format!("signature {index}"))
}

fn signature<S: Suite>(key: &SigningKey<S>, purpose: Purpose, message: &[u8], random: &[u8; 32]) -> SignatureVector {
    let signature = key.sign(purpose, &[message], random).expect("the pairing is one of the table");
    SignatureVector {
        signer: signer_vector(&key.signer()),
        purpose: purpose as u8,
        message: Hex::of(message),
        random: Hex::of(random),
        signature: Hex::of(signature.as_bytes()),
    }
}

/// Names a signer the way the files do.
pub(crate) fn signer_vector(signer: &symbolon_ccks::Signer<'_>) -> SignerVector {
    use symbolon_ccks::Signer;
    let mut vector = SignerVector::default();
    match signer {
        Signer::Credential(credential) => vector.credential = Some(Hex::of(credential.as_bytes())),
        Signer::Institution(institution) => vector.institution = Some(institution.as_str().to_owned()),
        Signer::Point(point) => vector.point = Some(Hex::of(point.as_bytes())),
        Signer::Rotation => vector.rotation = Some(true),
    }
    vector
}

/// A proof of possession over a message of its own.
fn possession<S: Suite>(cast: &Cast<S>, holder: &Holder<S>) -> SignatureVector {
    let (challenge, random) = (fixed_bytes("item's challenge"), fixed_bytes("possession beside an issue"));
    let period = 20_833_u32;
    let message = PossessionMessage::Pseudonym { period, challenge: &challenge };
    let signature = holder
        .enrolment
        .prove_possession(cast.city.authority.id(), message, &random)
        .expect("a possession signature fails once in 2^256");
    SignatureVector {
        signer: signer_vector(&symbolon_ccks::Signer::Point(holder.enrolment.point())),
        purpose: Purpose::Possession as u8,
        message: Hex([&[3], period.to_be_bytes().as_slice(), &challenge].concat()),
        random: Hex::of(random),
        signature: Hex::of(signature.as_bytes()),
    }
}

//! Attack 19: a holder changes the fields of a pseudonym.
//!
//! It has the key, and would like a larger budget, a cheaper tariff, another day, another sector, or somebody else's
//! subject, so that somebody else pays. Where the fields only stand beside the key, they can be anything. Ours are in the
//! key: D is picked by them and e is a hash of them, so that for changed fields the holder has no key at all.

use crate::{
    city::TestSuite,
    forger::{self, holds_under},
    roles::{purchase, with_roles},
};
use symbolon_ccks::{Credential, Identity, Purpose, Signer};
use symbolon_service::exchange::{RecordOutcome, Refusal};
use symbolon_tap::{Presentation, Record};

for_each_suite!(changed_fields_have_no_key, a_changed_pseudonym_does_not_settle);

/// Every well-formed credential that differs from one in a single bit of its identity.
fn altered(credential: &Credential) -> Vec<Credential> {
    let bits = (0..Identity::SIZE).flat_map(|position| (0..8).map(move |bit| (position, 1 << bit)));
    let change = |(position, bit): (usize, u8)| {
        let mut bytes = *credential.as_bytes();
        bytes[position] ^= bit;
        Credential::parse(&bytes).ok().copied()
    };
    bits.filter_map(change).collect()
}

fn changed_fields_have_no_key<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let card = roles.card(city, 1).await;
        let pseudonym = roles.pseudonyms(city, &card, 1).await.remove(0);
        let credential = pseudonym.credential().unwrap();
        let secret = S::decode_scalar(&pseudonym.secret_bytes()).unwrap();
        assert!(forger::opens(&city.authority, credential, &secret));
        let altered = altered(credential);
        assert!(altered.len() > 300, "only {} bits can be changed", altered.len());
        // Where the key does not follow from the fields, each is as good as the true one.
        let public = city.authority.public_key(credential).unwrap();
        let message = b"a thousand litres of water";
        for changed in &altered {
            let signer = Signer::Credential(changed);
            let id = city.authority.id();
            let signature = forger::sign::<S>(id, signer, Purpose::Transaction, message, &secret);
            let key = forger::decode::<S>(&public);
            assert!(holds_under::<S>(&key, id, signer, Purpose::Transaction, message, &signature));
            assert!(city.authority.verify(signer, Purpose::Transaction, &[message], &signature).is_err());
        }
    });
}

fn a_changed_pseudonym_does_not_settle<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (card, gate) = (roles.card(city, 3).await, roles.terminal(city).await);
        let pseudonyms = roles.pseudonyms(city, &card, 2).await;
        let terminal = &gate.issued.credential;
        let record = purchase(roles.now(), &pseudonyms[0], terminal, 1, 200);
        let honest = record.presentation();
        // Into the honest record, and signed anew with the key that the holder has.
        let secret = S::decode_scalar(&pseudonyms[0].secret_bytes()).unwrap();
        let mut forged = Vec::new();
        for changed in altered(honest.holder()).into_iter().step_by(5) {
            let mut bytes = *honest.as_bytes();
            bytes[5..94].copy_from_slice(changed.as_bytes());
            forged.push(Record::new(*record.terms(), *Presentation::parse(&bytes).unwrap()));
            let message =
                [record.terms().as_bytes().as_slice(), terminal.digest().as_bytes(), &1_u32.to_be_bytes()].concat();
            let signer = Signer::Credential(&changed);
            let signature = forger::sign::<S>(city.authority.id(), signer, Purpose::Transaction, &message, &secret);
            bytes[94..].copy_from_slice(signature.as_bytes());
            forged.push(Record::new(*record.terms(), *Presentation::parse(&bytes).unwrap()));
        }
        // The second pseudonym's credential with the first one's key.
        let mut bytes = *honest.as_bytes();
        bytes[5..94].copy_from_slice(pseudonyms[1].credential().unwrap().as_bytes());
        forged.push(Record::new(*record.terms(), *Presentation::parse(&bytes).unwrap()));
        let outcomes = roles.upload(&gate, &forged).await;
        let bad = [Refusal::BadSignature, Refusal::WrongAuthority, Refusal::WrongClass].map(RecordOutcome::Refused);
        assert!(outcomes.iter().all(|outcome| bad.contains(outcome)), "{outcomes:?}");
        // The honest one still does, and is all that the card pays.
        let before = roles.balance(&card.account).await;
        assert_eq!(roles.upload(&gate, &[record]).await, [RecordOutcome::Settled { amount: 200 }]);
        assert_eq!(roles.balance(&card.account).await, before - 200);
    });
}

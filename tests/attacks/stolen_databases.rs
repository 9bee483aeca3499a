//! Attack 21: a thief takes the database of one role, and wants to know which card a pseudonym is of.
//!
//! In a service with one database that is a look-up. Ours has one for each role, and the thief of one finds in it nothing
//! that another role knows a card or a pseudonym by: the table of who knows what, held against every table of every
//! database and against the bytes of its files, after cards have asked, paid, been revoked and been forgotten about.

use crate::{
    city::TestSuite,
    roles::{Card, Roles, card_issuer, purchase, subject, with_roles},
};
use std::collections::{BTreeMap, HashSet};
use symbolon_ccks::{CompressedPoint, SigningKey};
use symbolon_pseudonym::{Commitment, ItemChallenge, SealedItem};

for_each_suite!(one_database_ties_no_pseudonym_to_a_card, no_database_has_tables_of_two_roles);

/// A thing, the roles that may know it, and its bytes.
type Known = (&'static str, &'static [&'static str], Vec<u8>);

const ROLES: [&str; 6] = ["attester", "issuer", "linkage-a", "linkage-b", "clearing", "exchange"];

/// The files of a database, with an index of their every 8 bytes.
struct Stolen {
    bytes: Vec<u8>,
    begins: HashSet<[u8; 8]>,
}

impl Stolen {
    fn new(bytes: Vec<u8>) -> Self {
        let begins = bytes.windows(8).filter_map(|window| window.try_into().ok()).collect();
        Self { bytes, begins }
    }

    /// Whether a thing is there, as bytes or written out.
    fn has(&self, wanted: &[u8]) -> bool {
        let hex = wanted.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let upper = hex.to_uppercase();
        let has = |wanted: &[u8]| {
            wanted.first_chunk().is_some_and(|begin| self.begins.contains(begin))
                && self.bytes.windows(wanted.len()).any(|window| window == wanted)
        };
        has(wanted) || has(hex.as_bytes()) || has(upper.as_bytes())
    }
}

/// What is known of one card.
async fn of_card<S: TestSuite>(roles: &Roles<S>, card: &Card<S>) -> Vec<Known> {
    let handle = roles.linkage_handle(card).await;
    vec![
        ("the card's number", &["attester"], card.number.as_bytes().to_vec()),
        ("the card's credential", &["attester"], card.holder.issued.credential.digest().as_bytes().to_vec()),
        ("the card's point", &["attester"], card.holder.enrolment.point().as_bytes().to_vec()),
        ("the account's handle", &["attester", "clearing"], card.account_handle().as_bytes().to_vec()),
        ("the linkage handle", &["attester", "linkage-a", "linkage-b"], handle.as_bytes().to_vec()),
    ]
}

/// What is known of one pseudonym.
fn of_pseudonym<S: TestSuite>(
    pseudonym: &SigningKey<S>,
    point: &CompressedPoint,
    commitment: &Commitment,
    challenge: &ItemChallenge,
    sealed: &SealedItem,
) -> Vec<Known> {
    let credential = pseudonym.credential().unwrap();
    let reconstruction = credential.reconstruction_point().as_bytes().to_vec();
    vec![
        ("the subject", &["issuer", "clearing", "exchange"], subject(pseudonym).as_bytes().to_vec()),
        ("P", &["issuer", "exchange"], reconstruction),
        ("the digest", &["issuer", "exchange"], credential.digest().as_bytes().to_vec()),
        ("U", &["issuer"], point.as_bytes().to_vec()),
        ("the commitment", &["attester", "issuer"], commitment.as_bytes().to_vec()),
        ("the item's challenge", &["attester"], challenge.as_bytes().to_vec()),
        ("the sealed item", &["attester"], sealed.as_bytes().to_vec()),
    ]
}

fn one_database_ties_no_pseudonym_to_a_card<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (gate, mut known) = (roles.terminal(city).await, Vec::new());
        for number in 1..=3_u8 {
            let card = roles.card(city, 4).await;
            let asked = roles.ask(&card, roles.period(), 4).await;
            let answers = crate::roles::ready(roles.attester.request(asked.request).await);
            for (j, (asking, answer)) in (0_u8..).zip(asked.asking.iter().zip(&answers)) {
                let pseudonym = asking.complete(&city.authority, &roles.issuance, answer).unwrap();
                let item = &asked.body.items()[usize::from(j)];
                let challenge = asked.body.item_challenge(j.into());
                known.extend(of_pseudonym(&pseudonym, asking.point(), &item.commitment, &challenge, &item.sealed));
                if j == 0 {
                    let record = purchase(roles.now(), &pseudonym, &gate.issued.credential, number, 200);
                    assert!(roles.upload(&gate, &[record]).await[0].is_settled());
                }
            }
            known.extend(of_card(roles, &card).await);
            if number == 3 {
                roles.cards.revoke(roles.office_request(), &card_issuer(), card.number).await.unwrap();
            }
        }
        roles.attester.tend().await.unwrap();
        roles.exchange.deliver_all(roles.now()).await.unwrap();
        roles.issuer.forget_old(roles.now()).await.unwrap();
        let databases = ROLES.map(|role| (role, Stolen::new(roles.database(role))));

        // One database for all: the thief has the card's number and the pseudonym's subject side by side.
        let one = Stolen::new(databases.iter().flat_map(|(_, stolen)| stolen.bytes.clone()).collect());
        let (mut found, mut hidden) = (BTreeMap::<_, usize>::new(), 0);
        for (what, knowing, bytes) in &known {
            let derived = matches!(*what, "the digest" | "the item's challenge" | "the card's point");
            assert!(derived || one.has(bytes), "{what} is nowhere");
            for (role, database) in &databases {
                if knowing.contains(role) {
                    *found.entry((*what, *role)).or_default() += usize::from(database.has(bytes));
                } else {
                    assert!(!database.has(bytes), "{role} has {what}");
                    hidden += 1;
                }
            }
        }
        // The search finds what it should where it may be.
        for (what, role) in [
            ("the card's number", "attester"),
            ("the account's handle", "clearing"),
            ("the linkage handle", "linkage-a"),
            ("the linkage handle", "linkage-b"),
            ("the subject", "issuer"),
            ("the subject", "clearing"),
            ("U", "issuer"),
            ("the commitment", "attester"),
            ("the digest", "exchange"),
        ] {
            assert!(found[&(what, role)] > 0, "{what} was not found at {role}");
        }
        assert!(hidden > 300);
    });
}

fn no_database_has_tables_of_two_roles<S: TestSuite>() {
    with_roles::<S>(async |city, roles| {
        let (card, gate) = (roles.card(city, 4).await, roles.terminal(city).await);
        let pseudonym = roles.pseudonyms(city, &card, 2).await.remove(0);
        let record = purchase(roles.now(), &pseudonym, &gate.issued.credential, 1, 200);
        assert!(roles.upload(&gate, &[record]).await[0].is_settled());
        roles.exchange.deliver_all(roles.now()).await.unwrap();
        // Which tables a role has rows in: each in one role's alone, but those that each has for itself.
        let own_for_each = ["refinery_schema_history", "requests", "revocation_revision"];
        let mut filled = BTreeMap::<String, Vec<&str>>::new();
        for role in ROLES {
            for table in roles.filled_tables(role) {
                filled.entry(table).or_default().push(role);
            }
        }
        filled.retain(|table, _| !own_for_each.contains(&table.as_str()));
        assert!(filled.len() >= 12, "{filled:?}");
        for (table, of) in filled {
            let both_authorities = table == "linkage_seeds" && of == ["linkage-a", "linkage-b"];
            assert!(of.len() == 1 || both_authorities, "{table} is filled by {of:?}");
        }
    });
}

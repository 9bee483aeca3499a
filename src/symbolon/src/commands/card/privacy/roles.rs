//! What each role knows, and what two could do together: `docs/privacy.md` in short.

use serde_json::{Value, json};

/// Role, what it knows, what it never learns.
const ROLES: [(&str, &str, &str); 5] = [
    (
        "attester",
        "the card, its state, how many pseudonyms it asked for and when",
        "any pseudonym, or where it was used",
    ),
    ("issuer", "every pseudonym's credential", "which card asked, or which pseudonyms are of one card"),
    ("linkage-a, linkage-b", "a seed for a handle that stands for the card", "the card, or any pseudonym"),
    (
        "clearing",
        "an account's pseudonyms, and what was charged over many taps",
        "the card, or place and minute of a tap",
    ),
    (
        "exchange, operators",
        "pseudonym, place, time and amount of a tap",
        "the card, its account, or its other pseudonyms",
    ),
];

/// Two or three roles, and what they could do together.
const TOGETHER: [(&[&str], &str); 6] = [
    (&["attester", "issuer"], "tell every pseudonym of the card"),
    (&["attester", "clearing"], "tell every pseudonym of the card"),
    (&["attester", "linkage-a", "linkage-b"], "tell every pseudonym of the card"),
    (&["clearing", "exchange"], "link all taps of one account, though not to a card"),
    (&["issuer", "linkage-a"], "link all pseudonyms of one handle, though not to a card"),
    (&["issuer", "linkage-b"], "link all pseudonyms of one handle, though not to a card"),
];

/// What follows for who has everything.
const EVERYTHING: &str = "link every tap to this card";

/// The table, for people.
pub(super) const TABLE: &str = "\
role                  knows                                            never learns
attester              the card, its state, how many pseudonyms         any pseudonym, or where it was used
issuer                every pseudonym's credential                     which card asked, or which are of one card
linkage-a, linkage-b  a seed for a handle                              the card, or any pseudonym
clearing              an account's pseudonyms and sums                 the card, place and minute of a tap
exchange, operators   pseudonym, place, time, amount                   the card, its account, its other pseudonyms

Together: attester and issuer, attester and clearing, or attester and both linkage authorities could tell every pseudonym of
the card; clearing and exchange could link the taps of an account, issuer and one linkage authority those of a handle, though
not to a card. Time and place can give a holder away without any of them: docs/privacy.md.";

/// What the roles of one process could do.
pub(super) fn together_could(roles: &[String]) -> String {
    let has = |role: &&str| roles.iter().any(|present| present == role);
    let tells_card = TOGETHER.iter().any(|(group, could)| could.contains("of the card") && group.iter().all(&has));
    if tells_card && has(&"exchange") {
        return EVERYTHING.to_owned();
    }
    let mut could: Vec<_> =
        TOGETHER.iter().filter(|(group, _)| group.iter().all(&has)).map(|(_, could)| *could).collect();
    could.dedup();
    match could.as_slice() {
        [] => "link nothing that each of them alone could not".to_owned(),
        could => could.join(", and "),
    }
}

pub(super) fn to_json() -> Value {
    let roles = ROLES.map(|(role, knows, never)| json!({ "role": role, "knows": knows, "never_learns": never }));
    let together = TOGETHER.map(|(roles, could)| json!({ "roles": roles, "could": could }));
    json!({ "alone": roles, "together": together })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn could(roles: &[&str]) -> String {
        together_could(&roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_process_could_do_follows_from_its_roles() {
        let all = ["attester", "issuer", "linkage-a", "linkage-b", "clearing", "exchange"];
        assert_eq!(could(&all), EVERYTHING);
        assert_eq!(could(&["attester", "issuer"]), "tell every pseudonym of the card");
        assert_eq!(could(&["attester", "issuer", "clearing"]), "tell every pseudonym of the card");
        assert_eq!(could(&["attester", "clearing", "exchange"]), EVERYTHING);
        assert!(could(&["clearing", "exchange"]).contains("one account"));
        assert!(could(&["issuer", "linkage-b"]).contains("one handle"));
        for harmless in [["attester", "linkage-a"], ["attester", "exchange"], ["issuer", "exchange"]] {
            assert!(could(&harmless).contains("nothing"), "{harmless:?}");
        }
    }
}

//! A card's state machine.
//!
//! | from \ event | enrol | renew | suspend | resume | revoke | replace | expire |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | pending | active | - | - | - | revoked | replaced | expired |
//! | active | - | active | suspended | - | revoked | replaced | expired |
//! | suspended | - | - | - | active | revoked | replaced | expired |
//! | revoked, replaced, expired | - | - | - | - | - | - | - |

use symbolon_store::records::CardState;

/// What can happen to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardEvent {
    /// Its holder traded the activation code for a credential.
    Enrol,
    /// Its holder was issued a further credential.
    Renew,
    /// Its issuer, or settlement on finding misuse, takes it out for now.
    Suspend,
    /// Its issuer takes a suspension back.
    Resume,
    /// Its issuer takes it out for good.
    Revoke,
    /// Its issuer gives another card in its place.
    Replace,
    /// Its time ran out.
    Expire,
}

impl CardEvent {
    /// Every event.
    pub const ALL: [Self; 7] =
        [Self::Enrol, Self::Renew, Self::Suspend, Self::Resume, Self::Revoke, Self::Replace, Self::Expire];

    /// As a verb: "cannot ..." goes before it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "be enrolled",
            Self::Renew => "be renewed",
            Self::Suspend => "be suspended",
            Self::Resume => "be resumed",
            Self::Revoke => "be revoked",
            Self::Replace => "be replaced",
            Self::Expire => "expire",
        }
    }
}

/// The state after `event`; `None` when it cannot happen in this state.
pub const fn transition(state: CardState, event: CardEvent) -> Option<CardState> {
    match (state, event) {
        (CardState::Pending, CardEvent::Enrol)
        | (CardState::Active, CardEvent::Renew)
        | (CardState::Suspended, CardEvent::Resume) => Some(CardState::Active),
        (CardState::Active, CardEvent::Suspend) => Some(CardState::Suspended),
        (CardState::Pending | CardState::Active | CardState::Suspended, CardEvent::Revoke) => Some(CardState::Revoked),
        (CardState::Pending | CardState::Active | CardState::Suspended, CardEvent::Replace) => {
            Some(CardState::Replaced)
        }
        (CardState::Pending | CardState::Active | CardState::Suspended, CardEvent::Expire) => Some(CardState::Expired),
        _ => None,
    }
}

/// Whether a card in this state is in the trust bundle's list of what is not accepted.
pub const fn is_revoked_for_terminals(state: CardState) -> bool {
    matches!(state, CardState::Suspended | CardState::Revoked | CardState::Replaced)
}

/// Whether its issuer took a card in this state out of use for good, so that its pseudonyms are to be recognised.
pub const fn is_ended_by_its_issuer(state: CardState) -> bool {
    matches!(state, CardState::Revoked | CardState::Replaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use CardEvent::{Enrol, Expire, Renew, Replace, Resume, Revoke, Suspend};
    use CardState::{Active, Expired, Pending, Replaced, Revoked, Suspended};

    /// Every transition there is; all other pairs are refused.
    const ALLOWED: [(CardState, CardEvent, CardState); 13] = [
        (Pending, Enrol, Active),
        (Pending, Revoke, Revoked),
        (Pending, Replace, Replaced),
        (Pending, Expire, Expired),
        (Active, Renew, Active),
        (Active, Suspend, Suspended),
        (Active, Revoke, Revoked),
        (Active, Replace, Replaced),
        (Active, Expire, Expired),
        (Suspended, Resume, Active),
        (Suspended, Revoke, Revoked),
        (Suspended, Replace, Replaced),
        (Suspended, Expire, Expired),
    ];

    #[test]
    fn every_pair_of_state_and_event_is_as_the_table_says() {
        for state in CardState::ALL {
            for event in CardEvent::ALL {
                let wanted = ALLOWED.iter().find(|row| (row.0, row.1) == (state, event)).map(|row| row.2);
                assert_eq!(transition(state, event), wanted, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn nothing_leaves_a_final_state_and_all_final_states_but_expired_are_told_to_terminals() {
        for state in [Revoked, Replaced, Expired] {
            assert!(CardEvent::ALL.iter().all(|event| transition(state, *event).is_none()));
        }
        let told = CardState::ALL.map(is_revoked_for_terminals);
        assert_eq!(told, [false, false, true, true, true, false]);
    }
}

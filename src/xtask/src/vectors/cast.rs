//! Who takes part in the vectors.

use symbolon_ccks::{Class, Credential, IdentityFields, Sector, Sectors, Subject, Suite, Time};

use super::city::{City, Holder, NOON, fixed_bytes, time};
use super::model::CredentialVector;

/// The latest time that can be written.
const LAST_TIME: u64 = Time::LIMIT_SECONDS - 1;

/// A city, its neighbour, and everybody who taps or signs.
pub(crate) struct Cast<S: Suite> {
    pub(crate) city: City<S>,
    /// Another authority of the same suite.
    pub(crate) neighbour: City<S>,
    /// An ordinary card for all sectors.
    pub(crate) card: Holder<S>,
    /// Another one, alike but for its subject.
    pub(crate) other_card: Holder<S>,
    /// For water alone, with a concession.
    pub(crate) water_card: Holder<S>,
    /// Of another currency, which may spend nothing at once.
    pub(crate) foreign_currency_card: Holder<S>,
    /// Every number at its largest.
    pub(crate) largest_card: Holder<S>,
    /// Valid for the one second before noon.
    pub(crate) expired_card: Holder<S>,
    /// Valid from a second after noon.
    pub(crate) future_card: Holder<S>,
    /// A gate of the metro.
    pub(crate) gate: Holder<S>,
    /// Another gate of the metro.
    pub(crate) other_gate: Holder<S>,
    /// The till of the waterworks, which also sells power.
    pub(crate) till: Holder<S>,
    /// A terminal valid for all time.
    pub(crate) eternal_terminal: Holder<S>,
    /// A pseudonym of an ordinary day.
    pub(crate) pseudonym: Holder<S>,
    /// A pseudonym of the last period that can be written.
    pub(crate) last_pseudonym: Holder<S>,
    /// A card of the neighbouring authority.
    pub(crate) neighbours_card: Holder<S>,
    /// A terminal of the neighbouring authority.
    pub(crate) neighbours_gate: Holder<S>,
}

impl<S: Suite> Cast<S> {
    pub(crate) fn new() -> Self {
        let city: City<S> = City::new("authority", "riverside");
        let neighbour: City<S> = City::new("neighbouring authority", "hillside.example");
        let gate = |number| IdentityFields {
            sectors: Sectors::from(Sector::Transport),
            ..city.terminal_fields("metro", number)
        };
        let water_and_power = Sectors::from(Sector::Water) | Sectors::from(Sector::Power);
        let card = |label: &str| city.card_fields(label);
        let largest = IdentityFields {
            not_before: time(0),
            not_after: time(LAST_TIME),
            spend_limit: u32::MAX,
            budget: u32::MAX,
            subject: Subject::from_bytes([0xff; 16]),
            currency: 156,
            tariff: 255,
            ..card("")
        };
        let issue = |label: &str, fields| city.issue(label, fields, 0);
        let day = u32::try_from(NOON / 86_400).expect("the day of noon is far below 2^32");
        Self {
            card: issue("card", card("card")),
            other_card: issue("other card", card("other card")),
            water_card: issue(
                "water card",
                IdentityFields { sectors: Sectors::from(Sector::Water), tariff: 3, ..card("water card") },
            ),
            foreign_currency_card: issue(
                "foreign currency card",
                IdentityFields { currency: 999, spend_limit: 0, ..card("foreign currency card") },
            ),
            largest_card: issue("largest card", largest),
            expired_card: issue(
                "expired card",
                IdentityFields { not_before: time(NOON - 1), not_after: time(NOON), ..card("expired card") },
            ),
            future_card: issue(
                "future card",
                IdentityFields { not_before: time(NOON + 1), not_after: time(LAST_TIME), ..card("future card") },
            ),
            gate: issue("gate", gate(1)),
            other_gate: issue("other gate", gate(2)),
            till: issue("till", IdentityFields { sectors: water_and_power, ..city.terminal_fields("waterworks", 1) }),
            eternal_terminal: issue(
                "eternal terminal",
                IdentityFields {
                    not_before: time(0),
                    not_after: time(LAST_TIME),
                    currency: 0,
                    subject: Subject::from_bytes([0; 16]),
                    ..gate(0)
                },
            ),
            pseudonym: city.issue("pseudonym", IdentityFields { class: Class::Pseudonym, ..card("pseudonym") }, day),
            last_pseudonym: city.issue(
                "last pseudonym",
                IdentityFields { class: Class::Pseudonym, budget: 500, ..card("last pseudonym") },
                u32::MAX,
            ),
            neighbours_card: neighbour.issue("neighbour's card", neighbour.card_fields("neighbour's card"), 0),
            neighbours_gate: neighbour.issue("neighbour's gate", neighbour.terminal_fields("tram", 1), 0),
            city,
            neighbour,
        }
    }

    /// The holders of the city itself.
    fn holders(&self) -> [&Holder<S>; 13] {
        [
            &self.card,
            &self.other_card,
            &self.water_card,
            &self.foreign_currency_card,
            &self.largest_card,
            &self.expired_card,
            &self.future_card,
            &self.gate,
            &self.other_gate,
            &self.till,
            &self.eternal_terminal,
            &self.pseudonym,
            &self.last_pseudonym,
        ]
    }

    /// How the city's holders came by their keys.
    pub(crate) fn credential_vectors(&self) -> Vec<CredentialVector> {
        self.holders().map(|holder| holder.vector.clone()).into()
    }

    /// The credential of `holder` with some bytes changed: well formed, and nobody's.
    pub(crate) fn changed(holder: &Holder<S>, offset: usize, bytes: &[u8]) -> Credential {
        let changed = super::invalid::patched(holder.credential().as_bytes(), offset, bytes);
        *Credential::parse(&changed).expect("the change keeps the rules")
    }
}

/// 16 bytes of an operator's own.
pub(crate) fn reference(label: &str) -> [u8; 16] {
    *fixed_bytes(label).first_chunk().expect("16 are fewer than 32")
}

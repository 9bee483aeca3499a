//! What people read for each reason, by language.

use super::Reason;

/// A language that the sentences are written in. Another one is another column of this table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 1] = [Self::English];
}

/// The sentence of a reason, in the order of [`Language`].
const fn sentences(reason: Reason) -> [&'static str; Language::ALL.len()] {
    match reason {
        Reason::Malformed => ["What the card sent cannot be read."],
        Reason::WrongSuite => ["The card uses another set of algorithms than this terminal."],
        Reason::WrongAuthority => ["The card belongs to another authority."],
        Reason::WrongClass => ["What was presented is a terminal's credential, not a card's."],
        Reason::WrongSector => ["The card is not valid for this service."],
        Reason::WrongCurrency => ["The card is kept in another currency."],
        Reason::WrongTariff => ["The card's concession is not the one that it declared."],
        Reason::Expired => ["The card has expired."],
        Reason::NotYetValid => ["The card is not valid yet."],
        Reason::OverLimit => ["The amount is above what one tap may take."],
        Reason::Revoked => ["The card has been revoked."],
        Reason::Replayed => ["This answer was accepted here before and counts only once."],
        Reason::NoChallenge => ["The terminal has not asked for anything that this would answer."],
        Reason::TimedOut => ["The answer did not come in time: tap again."],
        Reason::BadSignature => ["The signature does not verify: the card is counterfeit or the data were changed."],
        Reason::WrongKind => ["This terminal does not do transactions of this kind."],
        Reason::JournalFull => ["The terminal cannot record the tap: its journal has to be uploaded first."],
        Reason::StaleData => {
            ["The terminal's trust bundle is missing, too old for this amount, or no help with this pseudonym."]
        }
        Reason::AlreadySeen => ["The card used this counter here before: it may have been cloned."],
        Reason::NotServed => ["This terminal does not serve cards of this kind."],
        Reason::ClockWrong => ["The terminal's clock is wrong: nothing is the matter with the card."],
        Reason::NoRoom => ["The terminal cannot remember another code just now: tap, or show a new one in a minute."],
        Reason::RevocationUnclear => ["The terminal cannot tell whether the card has been revoked: ask at a counter."],
        Reason::VoucherOtherMeter => ["The voucher is for another meter."],
        Reason::VoucherUsed => ["The meter has taken this voucher already."],
        Reason::VoucherExpired => ["The voucher has expired."],
        Reason::VoucherRefused => ["The voucher is not the authority's, or was changed."],
        Reason::OverTier => ["The card's limit is higher than what this terminal serves."],
        Reason::OtherOperator => ["The code pays another operator."],
        Reason::NotInUse => ["The card's authority is not in use here yet, or no longer."],
        Reason::OutOfOrder => ["The terminal cannot read its own data: it needs service."],
    }
}

impl Reason {
    /// One sentence for people, in English.
    pub const fn sentence(self) -> &'static str {
        self.sentence_in(Language::English)
    }

    /// One sentence for people.
    pub const fn sentence_in(self, language: Language) -> &'static str {
        let [english] = sentences(self);
        match language {
            Language::English => english,
        }
    }
}

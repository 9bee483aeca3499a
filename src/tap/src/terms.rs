//! What is agreed in a tap: kind, place, time and money.

use core::fmt;

use symbolon_ccks::wire::{self, Discrete, U16, U32, U64, Version};
use symbolon_ccks::{Class, Identity, Malformed, Sector, Time};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// What a transaction does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
pub enum Kind {
    /// Pays exactly the amount, which is not 0.
    Purchase = 1,
    /// Opens a journey; the amount is the most that it may cost.
    Entry = 2,
    /// Closes the latest open journey; amount 0, settlement prices it.
    Exit = 3,
    /// Credit delivered to a meter; amount 0.
    Credit = 4,
    /// Gives the amount back, once the operator authorises it at settlement.
    Refund = 5,
}

impl Kind {
    /// Whether the amount is one the holder spends: it stays within `spend_limit` and counts against `budget`.
    pub const fn spends(self) -> bool {
        matches!(self, Self::Purchase | Self::Entry)
    }

    /// Stable lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Entry => "entry",
            Self::Exit => "exit",
            Self::Credit => "credit",
            Self::Refund => "refund",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How the terms came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
pub enum Flags {
    /// A terminal challenged the holder.
    Tap = 0,
    /// The holder filled them in for a code shown on a screen. Well formed on the wire, refused in every tap.
    ScreenCode = 1,
}

/// What [`Terms::new`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsFields {
    /// What the transaction does.
    pub kind: Kind,
    /// The one sector it belongs to; both credentials hold it.
    pub sector: Sector,
    /// How the terms came about.
    pub flags: Flags,
    /// The holder's 8 bytes, then the terminal's 8, which it never repeats.
    pub nonce: [u8; 16],
    /// When, by the terminal's clock. Validity is judged by this time, at the tap and at settlement.
    pub time: Time,
    /// Minor units of the currency.
    pub amount: u32,
    /// ISO 4217 numeric; both credentials' own.
    pub currency: u16,
    /// The operator's own: a bill, a station, a meter.
    pub reference: [u8; 16],
}

/// Terms of a transaction, 50 bytes. Both signatures of a tap cover them whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Terms {
    version: Version,
    kind: Kind,
    sector: Sector,
    flags: Flags,
    nonce: [u8; 16],
    time: U64,
    amount: U32,
    currency: U16,
    reference: [u8; 16],
}

const STRUCTURE: &str = "terms";

const DISCRETE: [Discrete; 4] = [
    Discrete { offset: 0, legal: &[1], problem: "the version is not 1" },
    Discrete { offset: 1, legal: &[1, 2, 3, 4, 5], problem: "an unknown kind" },
    Discrete { offset: 2, legal: &[1, 2, 4], problem: "not exactly one sector" },
    Discrete { offset: 3, legal: &[0, 1], problem: "an unknown flag" },
];

impl Terms {
    /// Length in bytes.
    pub const SIZE: usize = 50;

    /// Terms of these fields.
    ///
    /// # Errors
    /// [`Malformed`] when the amount does not go with the kind, or the kind not with a code shown on a screen.
    pub fn new(fields: TermsFields) -> Result<Self, Malformed> {
        let terms = Self {
            version: Version::One,
            kind: fields.kind,
            sector: fields.sector,
            flags: fields.flags,
            nonce: fields.nonce,
            time: fields.time.to_wire(),
            amount: fields.amount.into(),
            currency: fields.currency.into(),
            reference: fields.reference,
        };
        terms.check()?;
        Ok(terms)
    }

    /// Reads exactly [`Self::SIZE`] bytes in place. Terms of a screen code are well formed here; what belongs to a
    /// tap refuses them in its own parse.
    ///
    /// # Errors
    /// [`Malformed`] when a field is out of its range.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let terms = wire::read_explained::<Self>(STRUCTURE, bytes, &DISCRETE)?;
        terms.check()?;
        Ok(terms)
    }

    /// What the layout alone does not say.
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        Time::from_wire(STRUCTURE, self.time)?;
        let amount = self.amount.get();
        match self.kind {
            Kind::Purchase if amount == 0 => return Err(Malformed::new(STRUCTURE, "a purchase of nothing")),
            Kind::Exit | Kind::Credit if amount != 0 => {
                return Err(Malformed::new(STRUCTURE, "an exit or a credit with an amount"));
            }
            _ => {}
        }
        if self.flags == Flags::ScreenCode && !self.kind.spends() {
            return Err(Malformed::new(STRUCTURE, "a screen code of a kind other than purchase and entry"));
        }
        Ok(())
    }

    /// [`Self::check`], and refuses terms of a code shown on a screen.
    pub(crate) fn check_tap(&self) -> Result<(), Malformed> {
        self.check()?;
        match self.flags {
            Flags::Tap => Ok(()),
            Flags::ScreenCode => Err(Malformed::new(STRUCTURE, "the screen code flag in a tap")),
        }
    }

    /// What the transaction does.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The one sector it belongs to.
    pub const fn sector(&self) -> Sector {
        self.sector
    }

    /// How the terms came about.
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The whole nonce: the holder's 8 bytes, then the terminal's 8.
    pub const fn nonce(&self) -> &[u8; 16] {
        &self.nonce
    }

    /// The holder's half of the nonce.
    pub fn holder_nonce(&self) -> [u8; 8] {
        let [holder @ .., _, _, _, _, _, _, _, _] = self.nonce;
        holder
    }

    /// The terminal's half of the nonce.
    pub fn terminal_nonce(&self) -> [u8; 8] {
        let [_, _, _, _, _, _, _, _, terminal @ ..] = self.nonce;
        terminal
    }

    /// When, by the terminal's clock.
    pub fn time(&self) -> Time {
        Time::from_checked_wire(self.time)
    }

    /// Minor units of the currency.
    pub fn amount(&self) -> u32 {
        self.amount.get()
    }

    /// What the transaction takes from the holder's budget: the amount of a purchase or an entry, else 0.
    pub fn spent(&self) -> u32 {
        if self.kind.spends() { self.amount.get() } else { 0 }
    }

    /// ISO 4217 numeric currency code.
    pub fn currency(&self) -> u16 {
        self.currency.get()
    }

    /// The operator's own reference.
    pub const fn reference(&self) -> &[u8; 16] {
        &self.reference
    }

    /// The fields, as [`Self::new`] takes them.
    pub fn fields(&self) -> TermsFields {
        TermsFields {
            kind: self.kind,
            sector: self.sector,
            flags: self.flags,
            nonce: self.nonce,
            time: self.time(),
            amount: self.amount(),
            currency: self.currency(),
            reference: self.reference,
        }
    }

    /// The 50 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }

    /// Whether a party of this identity may take part in these terms: the one place where wallet, verifier and
    /// settlement learn it, so that all three refuse for the same reason. Judged by the terms' own time.
    ///
    /// # Errors
    /// The first [`Misfit`] in the order that enum has. A terminal is never over a limit: the limit is the spender's.
    pub fn fits(&self, identity: &Identity) -> Result<(), Misfit> {
        if !identity.sectors().contains(self.sector) {
            return Err(Misfit::WrongSector);
        }
        if identity.currency() != self.currency() {
            return Err(Misfit::WrongCurrency);
        }
        if self.time() < identity.not_before() {
            return Err(Misfit::NotYetValid);
        }
        if self.time() >= identity.not_after() {
            return Err(Misfit::Expired);
        }
        if identity.class() != Class::Terminal && self.spent() > identity.spend_limit() {
            return Err(Misfit::OverLimit);
        }
        Ok(())
    }
}

/// Why an identity may not take part in some terms, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misfit {
    /// The credential does not hold the terms' sector.
    WrongSector,
    /// The credential is of another currency.
    WrongCurrency,
    /// The terms' time is before the credential's validity.
    NotYetValid,
    /// The terms' time is at or after the credential's end.
    Expired,
    /// A purchase or an entry above the holder's `spend_limit`.
    OverLimit,
}

impl Misfit {
    /// Stable reason, as verdicts and outcomes report it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::WrongSector => "wrong_sector",
            Self::WrongCurrency => "wrong_currency",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::OverLimit => "over_limit",
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl core::error::Error for Misfit {}

const _: () = assert!(size_of::<Terms>() == Terms::SIZE);

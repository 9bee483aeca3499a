//! What an operator decides for a terminal beforehand: what the device alone knows, and what it goes by where its trust
//! bundle has no rules.

use symbolon_ccks::Sectors;
use symbolon_tap::Kind;

/// A set of transaction kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self(0b0011_1110);

    /// Just these.
    pub const fn of(kinds: &[Kind]) -> Self {
        let mut bits = 0;
        let mut rest = kinds;
        while let [first, others @ ..] = rest {
            bits |= 1_u8.wrapping_shl(*first as u32);
            rest = others;
        }
        Self(bits)
    }

    /// Whether `kind` is one of them.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & 1_u8.wrapping_shl(kind as u32) != 0
    }
}

/// What is accepted while revocation cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// No tap at all.
    Nothing,
    /// Taps that spend at most this, minor units. Exits, credits and refunds spend nothing.
    UpTo(u32),
}

impl Offline {
    /// Whether a tap that spends `amount` is accepted.
    pub const fn allows(self, amount: u32) -> bool {
        match self {
            Self::Nothing => false,
            Self::UpTo(most) => amount <= most,
        }
    }
}

/// What an operator decides for a terminal beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Where the terminal works; of these, only the sectors of its own credential count.
    pub sectors: Sectors,
    /// The kinds of transactions that it asks for.
    pub kinds: Kinds,
    /// What it accepts before it has a trust bundle.
    pub without_bundle: Offline,
    /// What it accepts after the `valid_until` of a trust bundle without rules, and of credentials that such a bundle
    /// says nothing of: that belong to a part which is not held, or are of a period that it has no list of.
    pub after_expiry: Offline,
    /// For how many seconds after `valid_until` that holds; then nothing is accepted.
    pub after_expiry_seconds: u64,
    /// How many seconds a new bundle may be ahead of the terminal's clock. Its `issued_at` becomes a floor for the
    /// clock, so this caps how far one bundle moves the clock.
    pub clock_jump_seconds: u64,
    /// How many seconds the clock may be ahead of the latest signed time before it counts as wrong: longer than a
    /// terminal is ever offline.
    pub clock_ahead_seconds: u64,
    /// The operator that codes shown on a screen have to pay, as their reference names it: the first 16 bytes of
    /// SHA-256 of the operator's name. `None` for a terminal that takes no codes.
    pub codes_pay: Option<[u8; 16]>,
}

impl Policy {
    /// A day, in seconds.
    const DAY: u64 = 86_400;

    /// Accepts on the word of a current trust bundle alone.
    pub const STRICT: Self = Self {
        sectors: Sectors::ALL,
        kinds: Kinds::ALL,
        without_bundle: Offline::Nothing,
        after_expiry: Offline::Nothing,
        after_expiry_seconds: 0,
        clock_jump_seconds: Self::DAY,
        clock_ahead_seconds: 400 * Self::DAY,
        codes_pay: None,
    };

    /// Accepts any amount while it has no bundle, so without any knowledge of revocations: for terminals that are
    /// online whenever they settle, and for tests.
    pub const WITHOUT_BUNDLE: Self = Self { without_bundle: Offline::UpTo(u32::MAX), ..Self::STRICT };
}

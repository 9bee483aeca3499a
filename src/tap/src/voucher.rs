//! Credit for a meter, sold by the authority and carried to it by a card.

use core::fmt;

use symbolon_ccks::wire::{self, Discrete, U32, U64, Version};
use symbolon_ccks::{
    Authority, BadSignature, Malformed, Purpose, Sector, Signature, Signer, SigningKey, Subject, Suite, Time,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::digest::sha256;
use crate::parts::Parts;
use crate::refusal::SignRefused;

/// What a quantity counts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
pub enum Unit {
    /// Of a power meter.
    WattHours = 1,
    /// Of a water meter.
    Litres = 2,
}

impl Unit {
    /// The sector whose meters count so.
    pub const fn sector(self) -> Sector {
        match self {
            Self::WattHours => Sector::Power,
            Self::Litres => Sector::Water,
        }
    }

    /// The unit of a sector's meters; none in transport.
    pub const fn of(sector: Sector) -> Option<Self> {
        match sector {
            Sector::Power => Some(Self::WattHours),
            Sector::Water => Some(Self::Litres),
            Sector::Transport => None,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::WattHours => "Wh",
            Self::Litres => "l",
        })
    }
}

/// The kind of tap by which a voucher is delivered: a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
enum VoucherKind {
    Credit = 4,
}

/// What [`Voucher::new`] takes; the sector is the unit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoucherFields {
    /// What the quantity counts.
    pub unit: Unit,
    /// The subject of the one meter that takes it.
    pub meter: Subject,
    /// The voucher's number at this meter, which takes each once.
    pub sequence: u32,
    /// How much, in units; not 0.
    pub quantity: u32,
    /// When it was sold, by the authority's clock.
    pub time: Time,
    /// From when on the meter no longer takes it; later than `time`.
    pub not_after: Time,
}

/// A voucher, 44 bytes: so much credit for one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Voucher {
    version: Version,
    kind: VoucherKind,
    sector: Sector,
    unit: Unit,
    meter: Subject,
    sequence: U32,
    quantity: U32,
    time: U64,
    not_after: U64,
}

const STRUCTURE: &str = "voucher";

const DISCRETE: [Discrete; 4] = [
    Discrete { offset: 0, legal: &[1], problem: "the version is not 1" },
    Discrete { offset: 1, legal: &[4], problem: "the kind is not that of credit" },
    Discrete { offset: 2, legal: &[1, 2, 4], problem: "not exactly one sector" },
    Discrete { offset: 3, legal: &[1, 2], problem: "an unknown unit" },
];

impl Voucher {
    /// Length in bytes.
    pub const SIZE: usize = 44;

    /// A voucher of these fields.
    ///
    /// # Errors
    /// [`Malformed`] for a quantity of 0, or when it expires before it is sold.
    pub fn new(fields: VoucherFields) -> Result<Self, Malformed> {
        let voucher = Self {
            version: Version::One,
            kind: VoucherKind::Credit,
            sector: fields.unit.sector(),
            unit: fields.unit,
            meter: fields.meter,
            sequence: fields.sequence.into(),
            quantity: fields.quantity.into(),
            time: fields.time.to_wire(),
            not_after: fields.not_after.to_wire(),
        };
        voucher.check()?;
        Ok(voucher)
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for every encoding that [`Voucher::new`] would not make.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let voucher = wire::read_explained::<Self>(STRUCTURE, bytes, &DISCRETE)?;
        voucher.check()?;
        Ok(voucher)
    }

    /// What the layout alone does not say.
    fn check(&self) -> Result<(), Malformed> {
        if self.sector != self.unit.sector() {
            return Err(Malformed::new(STRUCTURE, "the sector's meters do not count in this unit"));
        }
        if self.quantity.get() == 0 {
            return Err(Malformed::new(STRUCTURE, "a voucher for nothing"));
        }
        if Time::from_wire(STRUCTURE, self.not_after)? <= Time::from_wire(STRUCTURE, self.time)? {
            return Err(Malformed::new(STRUCTURE, "not_after is not later than the time"));
        }
        Ok(())
    }

    /// The sector whose meter it is for.
    pub const fn sector(&self) -> Sector {
        self.sector
    }

    /// What the quantity counts.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// The subject of the one meter that takes it.
    pub const fn meter(&self) -> &Subject {
        &self.meter
    }

    /// The voucher's number at this meter.
    pub fn sequence(&self) -> u32 {
        self.sequence.get()
    }

    /// How much, in units.
    pub fn quantity(&self) -> u32 {
        self.quantity.get()
    }

    /// When it was sold, by the authority's clock.
    pub fn time(&self) -> Time {
        Time::from_checked_wire(self.time)
    }

    /// From when on the meter no longer takes it.
    pub fn not_after(&self) -> Time {
        Time::from_checked_wire(self.not_after)
    }

    /// All fields.
    pub fn fields(&self) -> VoucherFields {
        VoucherFields {
            unit: self.unit,
            meter: self.meter,
            sequence: self.sequence(),
            quantity: self.quantity(),
            time: self.time(),
            not_after: self.not_after(),
        }
    }

    /// Signs with the key of the institution that bears the authority's name (purpose 10).
    ///
    /// # Errors
    /// [`SignRefused::Key`] for every other key.
    pub fn sign<S: Suite>(self, key: &SigningKey<S>, random: &[u8; 32]) -> Result<SignedVoucher, SignRefused> {
        let signature = key.sign(Purpose::Voucher, &[self.as_bytes()], random)?;
        Ok(SignedVoucher { voucher: self, signature })
    }

    /// The 44 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// A voucher and the authority's signature, 109 bytes: what a card carries to the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SignedVoucher {
    voucher: Voucher,
    signature: Signature,
}

impl SignedVoucher {
    /// Length in bytes; fits one short APDU.
    pub const SIZE: usize = 109;

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] when a field of the voucher or the signature is not canonical.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let signed = wire::read::<Self>("signed voucher", bytes).map_err(|unnamed| {
            Parts::of(bytes, Self::SIZE, unnamed)
                .part(Voucher::SIZE, Voucher::parse)
                .part(Signature::SIZE, Signature::parse)
                .problem()
        })?;
        signed.voucher.check()?;
        Ok(signed)
    }

    /// Verifies that the authority sold this. Says nothing about which meter it is for, or whether that took it before.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    pub fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        let signer = Signer::Institution(authority.name());
        authority.verify(signer, Purpose::Voucher, &[self.voucher.as_bytes()], &self.signature)
    }

    /// What was sold.
    pub const fn voucher(&self) -> &Voucher {
        &self.voucher
    }

    /// The authority's signature.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The reference in the terms of the tap that delivers it: the first 16 bytes of SHA-256 over the 109.
    pub fn reference(&self) -> [u8; 16] {
        let [reference @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(self.as_bytes());
        reference
    }

    /// The 109 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<Voucher>() == Voucher::SIZE);
const _: () = assert!(size_of::<SignedVoucher>() == SignedVoucher::SIZE);

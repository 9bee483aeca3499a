//! Sectors of city services, and sets of them.

use crate::Malformed;
use core::{fmt, ops::BitOr, str::FromStr};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// A sector of city services.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
pub enum Sector {
    /// Water.
    Water = 1,
    /// Power.
    Power = 2,
    /// Transport.
    Transport = 4,
}

impl Sector {
    /// Every sector, in the order of their bits.
    pub const ALL: [Self; 3] = [Self::Water, Self::Power, Self::Transport];
}

impl fmt::Display for Sector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Water => "water",
            Self::Power => "power",
            Self::Transport => "transport",
        })
    }
}

impl FromStr for Sector {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "water" => Ok(Self::Water),
            "power" => Ok(Self::Power),
            "transport" => Ok(Self::Transport),
            _ => Err(Malformed::new("sector", "not water, power or transport")),
        }
    }
}

/// A set of sectors with at least one in it; one byte, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sectors(u8);

impl Sectors {
    /// Water, power and transport.
    pub const ALL: Self = Self(7);

    /// Takes the bits: 1 water, 2 power, 4 transport.
    ///
    /// # Errors
    /// [`Malformed`] when no bit or an unknown bit is set.
    pub const fn new(bits: u8) -> Result<Self, Malformed> {
        match bits {
            1..=7 => Ok(Self(bits)),
            0 => Err(Malformed::new("sectors", "none is set")),
            _ => Err(Malformed::new("sectors", "an unknown bit is set")),
        }
    }

    /// A set whose bits the enclosing structure's `parse` has checked.
    pub(crate) const fn from_checked_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `sector` is in the set.
    pub const fn contains(self, sector: Sector) -> bool {
        self.0 & sector as u8 != 0
    }

    /// Whether all of `sectors` are in the set.
    pub const fn contains_all(self, sectors: Self) -> bool {
        self.0 & sectors.0 == sectors.0
    }

    /// The sectors in the set, in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Sector> {
        Sector::ALL.into_iter().filter(move |sector| self.contains(*sector))
    }
}

impl From<Sector> for Sectors {
    fn from(sector: Sector) -> Self {
        Self(sector as u8)
    }
}

impl BitOr for Sectors {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Sectors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, sector) in self.iter().enumerate() {
            write!(formatter, "{}{sector}", if index == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sectors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sectors({self})")
    }
}

//! What a journey costs.

use std::collections::HashMap;

use symbolon_ccks::{Name, Sector};
use symbolon_tap::Tariff;

/// A reference that names a station.
pub type Station = [u8; 16];

/// The published fares, minor units.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FareTable {
    default_fare: u32,
    fares: HashMap<(Name, Station, Station), u32>,
    tariffs: Vec<Tariff>,
}

impl FareTable {
    /// A table that asks `default_fare` for every journey that it does not name.
    pub fn new(default_fare: u32) -> Self {
        Self { default_fare, fares: HashMap::new(), tariffs: Vec::new() }
    }

    /// Sets the fare of an operator from one station to another; the way back has its own.
    pub fn set(&mut self, operator: Name, from: Station, to: Station, fare: u32) {
        self.fares.insert((operator, from, to), fare);
    }

    /// The same, with concessions: as trust bundles tell them to terminals.
    #[must_use]
    pub fn with_tariffs(mut self, tariffs: Vec<Tariff>) -> Self {
        self.tariffs = tariffs;
        self
    }

    /// What a group pays for a journey of this full fare.
    pub fn for_group(&self, group: u8, full_fare: u32) -> u32 {
        let is_it = |tariff: &&Tariff| tariff.sector() == Sector::Transport && tariff.tariff() == group;
        self.tariffs.iter().find(is_it).map_or(full_fare, |tariff| tariff.of(full_fare))
    }

    /// What a journey costs in full.
    pub fn fare(&self, operator: &Name, from: &Station, to: &Station) -> u32 {
        self.fares.get(&(*operator, *from, *to)).copied().unwrap_or(self.default_fare)
    }
}

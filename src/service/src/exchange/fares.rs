//! What a journey costs.

use std::collections::HashMap;

use symbolon_ccks::Name;

/// A reference that names a station.
pub type Station = [u8; 16];

/// The published fares, minor units.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FareTable {
    default_fare: u32,
    fares: HashMap<(Name, Station, Station), u32>,
}

impl FareTable {
    /// A table that asks `default_fare` for every journey that it does not name.
    pub fn new(default_fare: u32) -> Self {
        Self { default_fare, fares: HashMap::new() }
    }

    /// Sets the fare of an operator from one station to another; the way back has its own.
    pub fn set(&mut self, operator: Name, from: Station, to: Station, fare: u32) {
        self.fares.insert((operator, from, to), fare);
    }

    /// What a journey costs.
    pub fn fare(&self, operator: &Name, from: &Station, to: &Station) -> u32 {
        self.fares.get(&(*operator, *from, *to)).copied().unwrap_or(self.default_fare)
    }
}

//! Vouchers at a meter: each is taken once.

use symbolon_tap::voucher::Unit;

/// A voucher that a meter took: what it credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenVoucher {
    unit: Unit,
    sequence: u32,
    quantity: u32,
}

/// What an accepted voucher credits, for the meter's display and its valve or relay.
pub type Credited = TakenVoucher;

impl TakenVoucher {
    /// `quantity` watt-hours or litres, by the meter's voucher of this sequence.
    pub const fn new(unit: Unit, sequence: u32, quantity: u32) -> Self {
        Self { unit, sequence, quantity }
    }

    /// What is counted.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// The voucher's number among those of this meter.
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// How much, in units.
    pub const fn quantity(&self) -> u32 {
        self.quantity
    }
}

/// Which vouchers a meter has taken, and what they came to.
///
/// They may come in any order within [`VoucherWindow::WIDTH`] of the highest that was taken; one that is further behind
/// counts as taken. A meter has one window all its life: a successor of its authority goes on with the sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoucherWindow {
    highest: u32,
    /// Bit i: the voucher `highest - i` was taken.
    taken: u64,
    watt_hours: u64,
    litres: u64,
}

impl VoucherWindow {
    /// How many sequences are told apart, the highest taken included.
    pub const WIDTH: u32 = 64;
    /// Length in bytes when it is kept.
    pub const SIZE: usize = 28;

    /// Whether the voucher of this sequence can still be taken.
    pub fn takes(&self, sequence: u32) -> bool {
        match self.highest.checked_sub(sequence) {
            None => true,
            Some(behind) => 1_u64.checked_shl(behind).is_some_and(|bit| self.taken & bit == 0),
        }
    }

    /// Takes a voucher; `false`, and nothing changes, when it was taken before or is too far behind.
    pub fn take(&mut self, voucher: &TakenVoucher) -> bool {
        if !self.takes(voucher.sequence) {
            return false;
        }
        match voucher.sequence.checked_sub(self.highest) {
            Some(ahead) => {
                self.taken = self.taken.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = voucher.sequence;
            }
            None => self.taken |= 1_u64.checked_shl(self.highest.saturating_sub(voucher.sequence)).unwrap_or(0),
        }
        let total = match voucher.unit {
            Unit::WattHours => &mut self.watt_hours,
            Unit::Litres => &mut self.litres,
        };
        *total = total.saturating_add(voucher.quantity.into());
        true
    }

    /// What all vouchers that were taken came to, in units.
    pub const fn total(&self, unit: Unit) -> u64 {
        match unit {
            Unit::WattHours => self.watt_hours,
            Unit::Litres => self.litres,
        }
    }

    /// The highest sequence that was taken; 0 before the first.
    pub const fn highest(&self) -> u32 {
        self.highest
    }

    /// The bytes in which it is kept: highest u32 | taken u64 | watt-hours u64 | litres u64, big-endian.
    pub fn to_bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let fields = self.highest.to_be_bytes().into_iter().chain(self.taken.to_be_bytes());
        let fields = fields.chain(self.watt_hours.to_be_bytes()).chain(self.litres.to_be_bytes());
        bytes.iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let mut rest = bytes.iter();
        let mut number = |size: usize| rest.by_ref().take(size).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let highest = number(4) as u32;
        Self { highest, taken: number(8), watt_hours: number(8), litres: number(8) }
    }
}

#[cfg(test)]
mod tests {
    use super::{TakenVoucher, Unit, VoucherWindow};
    use std::collections::BTreeSet;

    fn voucher(sequence: u32) -> TakenVoucher {
        TakenVoucher::new(Unit::WattHours, sequence, 10)
    }

    #[test]
    fn each_is_taken_once_in_any_order_within_the_window() {
        // Against a set that forgets nothing, over sequences drawn near a moving point.
        let (mut window, mut known, mut state) = (VoucherWindow::default(), BTreeSet::new(), 1_u64);
        let mut taken = 0;
        for step in 0..20_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let sequence = (step / 40).saturating_add((state >> 57) as u32);
            let highest = known.last().copied().unwrap_or(0);
            let expected = !known.contains(&sequence) && (sequence > highest || highest - sequence < 64);
            assert_eq!(window.takes(sequence), expected, "{sequence} after {highest}");
            let before = window;
            assert_eq!(window.take(&voucher(sequence)), expected);
            assert_eq!(window == before, !expected, "refusing changes nothing");
            assert_eq!(VoucherWindow::from_bytes(&window.to_bytes()), window);
            known.extend(expected.then_some(sequence));
            taken += u64::from(expected);
        }
        assert!(taken > 300, "the walk takes some");
        assert_eq!((window.total(Unit::WattHours), window.total(Unit::Litres)), (taken * 10, 0));
    }

    #[test]
    fn the_ends_are_no_exceptions() {
        let mut window = VoucherWindow::default();
        for (sequence, taken) in [(0, true), (0, false), (u32::MAX, true), (u32::MAX, false), (0, false)] {
            assert_eq!(window.take(&voucher(sequence)), taken, "{sequence}");
        }
        assert!(window.take(&voucher(u32::MAX - 63)));
        assert!(!window.take(&voucher(u32::MAX - 64)));
    }
}

//! What a card signs to buy a voucher.

use symbolon_ccks::{Malformed, Sector, Subject};

/// The signed body that buys a voucher, 28 bytes: version 1 | sector | zero 2 | meter's subject 16 | quantity u32 | the
/// most that it may cost u32, minor units of the card's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoucherBody {
    /// Water or power.
    pub sector: Sector,
    /// The meter.
    pub meter: Subject,
    /// Litres or watt-hours; not 0.
    pub quantity: u32,
    /// The most that the holder agreed to pay, minor units.
    pub most: u32,
}

impl VoucherBody {
    /// Bytes of the body.
    pub const SIZE: usize = 28;

    /// Reads exactly 28 bytes.
    ///
    /// # Errors
    /// [`Malformed`] at another length or version, for transport, and for a quantity of 0.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |problem| Malformed::new("voucher request", problem);
        let bytes: &[u8; Self::SIZE] = bytes.try_into().map_err(|_| malformed("wrong length"))?;
        let word = |at: usize| u32::from_be_bytes(std::array::from_fn(|index| bytes[at + index]));
        if bytes[0] != 1 {
            return Err(malformed("unknown version"));
        }
        let sector = match bytes[1] {
            1 => Sector::Water,
            2 => Sector::Power,
            _ => return Err(malformed("a sector without meters")),
        };
        if bytes[2..4] != [0; 2] {
            return Err(malformed("not zero"));
        }
        let (meter, quantity, most) =
            (Subject::from_bytes(std::array::from_fn(|at| bytes[4 + at])), word(20), word(24));
        if quantity == 0 { Err(malformed("a quantity of 0")) } else { Ok(Self { sector, meter, quantity, most }) }
    }

    /// The 28 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = [1, self.sector as u8, 0, 0];
        let parts: [&[u8]; 4] = [&head, self.meter.as_bytes(), &self.quantity.to_be_bytes(), &self.most.to_be_bytes()];
        parts.concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(power: bool, meter: [u8; 16], quantity in 1_u32.., most: u32) {
            let sector = if power { Sector::Power } else { Sector::Water };
            let body = VoucherBody { sector, meter: Subject::from_bytes(meter), quantity, most };
            prop_assert_eq!(VoucherBody::parse(&body.to_bytes()), Ok(body));
        }

        #[test]
        fn what_is_read_is_what_was_written(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(body) = VoucherBody::parse(&bytes) {
                prop_assert_eq!(body.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn every_byte_that_must_be_something_is_checked() {
        let good = VoucherBody { sector: Sector::Water, meter: Subject::from_bytes([7; 16]), quantity: 1, most: 0 };
        for (at, value) in [(0, 2), (1, 0), (1, 3), (1, 4), (2, 1), (3, 1), (23, 0)] {
            let mut bytes = good.to_bytes();
            bytes[at] = value;
            assert!(VoucherBody::parse(&bytes).is_err(), "byte {at}");
        }
        assert!(VoucherBody::parse(&good.to_bytes()[1..]).is_err());
        assert!(VoucherBody::parse(&[good.to_bytes(), vec![0]].concat()).is_err());
    }
}

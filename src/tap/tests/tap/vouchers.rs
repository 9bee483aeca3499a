//! Vouchers: credit for one meter.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use symbolon_ccks::{P256, Sector, SignError, Subject, Time};
use symbolon_tap::SignRefused;
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};

use crate::world::{NOW_SECONDS, RANDOM, TestSuite, World, for_each_suite, time};

fn fields() -> VoucherFields {
    VoucherFields {
        unit: Unit::WattHours,
        meter: Subject::from_bytes([0xe1; 16]),
        sequence: 7,
        quantity: 0x0001_86a0,
        time: time(NOW_SECONDS),
        not_after: time(NOW_SECONDS + 1),
    }
}

#[test]
fn a_voucher_has_its_fields_in_order() {
    let expected = [
        &[1, 4, 2, 1][..],
        &[0xe1; 16],
        &[0, 0, 0, 7, 0, 1, 0x86, 0xa0],
        &NOW_SECONDS.to_be_bytes(),
        &(NOW_SECONDS + 1).to_be_bytes(),
    ];
    let voucher = Voucher::new(fields()).unwrap();
    assert_eq!(voucher.as_bytes().as_slice(), expected.concat());
    assert_eq!((voucher.sector(), voucher.fields()), (Sector::Power, fields()));
    let water = Voucher::new(VoucherFields { unit: Unit::Litres, ..fields() }).unwrap();
    assert_eq!(water.as_bytes()[2..4], [1, 2]);
    for sector in Sector::ALL {
        assert!(Unit::of(sector).is_none_or(|unit| unit.sector() == sector));
    }
}

#[test]
fn a_voucher_has_one_encoding() {
    let good = Voucher::new(fields()).unwrap();
    let with = |offset: usize, bytes: &[u8]| {
        let mut changed = *good.as_bytes();
        changed[offset..offset + bytes.len()].copy_from_slice(bytes);
        Voucher::parse(&changed).unwrap_err().problem
    };
    let limit = (1_u64 << 40).to_be_bytes();
    assert_eq!(with(0, &[2]), "the version is not 1");
    assert_eq!(with(1, &[1]), "the kind is not that of credit");
    assert_eq!(with(2, &[3]), "not exactly one sector");
    assert_eq!(with(3, &[0]), "an unknown unit");
    assert_eq!(with(3, &[3]), "an unknown unit");
    assert_eq!(with(3, &[2]), "the sector's meters do not count in this unit");
    assert_eq!(with(2, &[4]), "the sector's meters do not count in this unit");
    assert_eq!(with(24, &[0; 4]), "a voucher for nothing");
    assert_eq!(with(28, &limit), "a time is 2^40 seconds or more");
    assert_eq!(with(36, &limit), "a time is 2^40 seconds or more");
    assert_eq!(with(36, &NOW_SECONDS.to_be_bytes()), "not_after is not later than the time");
    assert!(Voucher::new(VoucherFields { quantity: 0, ..fields() }).is_err());
    assert!(Voucher::new(VoucherFields { not_after: time(NOW_SECONDS), ..fields() }).is_err());
}

for_each_suite!(the_authority_sells_vouchers, nobody_else_sells_vouchers);

fn the_authority_sells_vouchers<S: TestSuite>() {
    let world = S::world();
    let signed = Voucher::new(fields()).unwrap().sign(&world.city(), &RANDOM).unwrap();
    assert_eq!(signed.verify(&world.authority), Ok(()));
    assert_eq!(SignedVoucher::parse(signed.as_bytes()), Ok(&signed));
    assert_eq!(signed.as_bytes()[..44], *signed.voucher().as_bytes());
    assert_eq!(signed.as_bytes()[44..], *signed.signature().as_bytes());
    assert_eq!(signed.reference(), Sha256::digest(signed.as_bytes())[..16]);
    for length in (0..109).chain([110]) {
        let bytes = signed.as_bytes().iter().chain([&0]).take(length).copied().collect::<Vec<_>>();
        assert!(SignedVoucher::parse(&bytes).is_err(), "{length}");
    }
    // Whatever is changed, another meter or more credit: the signature is of something else.
    for bit in 0..8 * SignedVoucher::SIZE {
        let mut changed = *signed.as_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        let verified = SignedVoucher::parse(&changed).is_ok_and(|signed| signed.verify(&world.authority).is_ok());
        assert!(!verified, "bit {bit}");
    }
}

fn nobody_else_sells_vouchers<S: TestSuite>() {
    let world = S::world();
    let voucher = Voucher::new(fields()).unwrap();
    let waterworks = world.secret.institution_key(&world.authority, &symbolon_ccks::Name::parse("waterworks").unwrap());
    for key in [&world.card.key, &world.terminal.key, &waterworks, &world.secret.rotation_key(&world.authority)] {
        assert_eq!(voucher.sign(key, &RANDOM), Err(SignRefused::Key(SignError::WrongSigner)));
    }
    let other = World::<S>::new(2);
    let foreign = voucher.sign(&other.city(), &RANDOM).unwrap();
    assert!(foreign.verify(&other.authority).is_ok());
    assert!(foreign.verify(&world.authority).is_err());
}

proptest! {
    #[test]
    fn what_parses_is_the_one_encoding(
        unit in prop_oneof![Just(Unit::WattHours), Just(Unit::Litres)], sequence: u32, quantity: u32,
        seconds in 0_u64..Time::LIMIT_SECONDS, until in 0_u64..Time::LIMIT_SECONDS,
        change in prop::option::of((0_usize..44, any::<u8>())),
    ) {
        let meter = Subject::from_bytes(*P256::world().authority.id().as_bytes().first_chunk().unwrap());
        let fields = VoucherFields { unit, meter, sequence, quantity, time: time(seconds), not_after: time(until) };
        let voucher = Voucher::new(fields);
        prop_assert_eq!(voucher.is_ok(), quantity > 0 && seconds < until);
        if let Ok(voucher) = voucher {
            prop_assert_eq!(voucher.fields(), fields);
            let mut bytes = *voucher.as_bytes();
            if let Some((offset, byte)) = change {
                bytes[offset] = byte;
            }
            if let Ok(parsed) = Voucher::parse(&bytes) {
                prop_assert_eq!(Voucher::new(parsed.fields()), Ok(*parsed));
                prop_assert_eq!(parsed.as_bytes(), &bytes);
            }
        }
    }
}

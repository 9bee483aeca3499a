//! Sealing with HPKE: RFC 9180's own numbers, and what must not open.

use core::convert::Infallible;

use proptest::prelude::*;
use rand_core::{TryCryptoRng, TryRng};
use symbolon_pseudonym::{SealingKey, SealingSecret, Unopened};

use crate::world::random;

/// Gives the bytes it was told, each once.
struct Told(Vec<u8>);

impl TryRng for Told {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, place: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(place.len());
        place.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Told {}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

/// RFC 9180, appendix A.1.1, the first message of base mode.
#[test]
fn seals_as_rfc_9180() {
    let secret = bytes("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
    let secret = SealingSecret::from_bytes(&secret.try_into().unwrap());
    let public = bytes("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
    assert_eq!(secret.public().as_bytes().as_slice(), public);
    let ephemeral = bytes("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234");
    let info = bytes("4f6465206f6e2061204772656369616e2055726e");
    let associated = bytes("436f756e742d30");
    let plaintext = bytes("4265617574792069732074727574682c20747275746820626561757479");
    let expected = [
        bytes("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"),
        bytes("f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
    ]
    .concat();
    let mut told = Told(ephemeral);
    assert_eq!(secret.public().seal(&info, &associated, &plaintext, &mut told).unwrap(), expected);
    assert!(told.0.is_empty(), "the ephemeral key is all that is drawn");
    assert_eq!(secret.open(&info, &associated, &expected).unwrap().as_slice(), plaintext);
}

/// RFC 7748, 5.2 and 6.1: a secret is clamped when it is used, so what is stored is stored clamped.
#[test]
fn gives_the_public_key_of_rfc_7748() {
    let secret = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let secret = SealingSecret::from_bytes(&secret.try_into().unwrap());
    let public = bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    assert_eq!(secret.public().as_bytes().as_slice(), public);
    let again = SealingSecret::from_bytes(&secret.to_bytes());
    assert_eq!((again.public(), again.to_bytes()), (secret.public(), secret.to_bytes()));
}

/// Every point whose order divides 8, and their encodings above the modulus: the shared secret would be zero.
#[test]
fn seals_nothing_to_a_key_of_small_order() {
    let orders = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let secret = SealingSecret::generate(&mut random(1));
    for order in orders.map(|hex| <[u8; 32]>::try_from(bytes(hex)).unwrap()) {
        let sealed = SealingKey::from_bytes(order).seal(b"", b"", b"message", &mut random(2));
        assert_eq!(sealed, Err(Unopened), "{order:02x?}");
        // Nor does anything open that was encapsulated so.
        let sealed = [order.as_slice(), &[0; 32]].concat();
        assert_eq!(secret.open(b"", b"", &sealed), Err(Unopened), "{order:02x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn opens_what_was_sealed_and_nothing_else(
        seed: u64,
        message in prop::collection::vec(any::<u8>(), 0..200),
        info in prop::collection::vec(any::<u8>(), 0..80),
        associated in prop::collection::vec(any::<u8>(), 0..80),
        place: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let secret = SealingSecret::generate(&mut random(seed));
        let sealed = secret.public().seal(&info, &associated, &message, &mut random(!seed)).unwrap();
        prop_assert_eq!(sealed.len(), message.len() + 48);
        let opened = secret.open(&info, &associated, &sealed);
        prop_assert_eq!(opened.unwrap().to_vec(), message.clone());

        let mut changed = sealed.clone();
        changed[place.index(sealed.len())] ^= 1 << bit;
        prop_assert_eq!(secret.open(&info, &associated, &changed), Err(Unopened));
        let shorter = &sealed[..place.index(sealed.len())];
        prop_assert_eq!(secret.open(&info, &associated, shorter), Err(Unopened));
        let longer = [sealed.as_slice(), &[0]].concat();
        prop_assert_eq!(secret.open(&info, &associated, &longer), Err(Unopened));
        let other = [info.as_slice(), b"x"].concat();
        prop_assert_eq!(secret.open(&other, &associated, &sealed), Err(Unopened));
        let other = [associated.as_slice(), b"x"].concat();
        prop_assert_eq!(secret.open(&info, &other, &sealed), Err(Unopened));
        let stranger = SealingSecret::generate(&mut random(seed ^ 1));
        prop_assert_eq!(stranger.open(&info, &associated, &sealed), Err(Unopened));
    }
}

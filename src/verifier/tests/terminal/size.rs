//! How much memory a terminal takes: known beforehand, and small.

use core::convert::Infallible;

use symbolon_ccks::{P256, Secp256k1, Suite, Time};
use symbolon_verifier::*;

struct NoRandom;

impl rand_core::TryRng for NoRandom {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Infallible> {
        Ok(())
    }
}

impl rand_core::TryCryptoRng for NoRandom {}

/// Of a terminal without what is underneath, which is the device's.
fn sizes<S: Suite>() -> [usize; 4] {
    type Bare<'a, S> = Terminal<'a, S, fn() -> Time, NoRandom, &'a mut dyn Storage>;
    [size_of::<Bare<'_, S>>(), size_of::<Asked>(), size_of::<Verdict>(), size_of::<Accepted>()]
}

#[test]
fn a_terminal_is_small() {
    for sizes in [sizes::<P256>(), sizes::<Secp256k1>()] {
        let [terminal, asked, verdict, accepted] = sizes;
        println!("terminal {terminal}, asked {asked}, verdict {verdict}, accepted {accepted}");
        // On 64 bits; on the 32 of a microcontroller, where most of it are references, about half.
        assert!(terminal <= 3_200, "a terminal takes {terminal} bytes");
        assert!(asked <= 224 && accepted <= 320 && verdict <= 328, "{asked} {verdict} {accepted}");
    }
    assert_eq!(size_of::<Seen>(), 24);
}

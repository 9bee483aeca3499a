//! Random numbers, for the simulation only: a hash over the maker's seed, how often the device has started, and a
//! counter. The emulated board has no noise to draw from; a real one puts its hardware's generator here.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

use crate::steps;

/// The simulated source of randomness.
#[derive(Debug)]
pub struct Random {
    key: [u8; 32],
    counter: u64,
}

impl Random {
    /// Starts it; no two starts of a device share numbers.
    pub fn start(seed: [u8; 32], starts: u32) -> Self {
        let key =
            Sha256::new().chain_update(b"symbolon board random").chain_update(seed).chain_update(starts.to_be_bytes());
        Self { key: key.finalize().into(), counter: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        Sha256::new().chain_update(self.key).chain_update(self.counter.to_be_bytes()).finalize().into()
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let [a, b, c, d, ..] = self.block();
        Ok(u32::from_be_bytes([a, b, c, d]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let [a, b, c, d, e, f, g, h, ..] = self.block();
        Ok(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        steps::random_drawn();
        for piece in bytes.chunks_mut(32) {
            piece.iter_mut().zip(self.block()).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

impl TryCryptoRng for Random {}

//! A meter, for water or power as its settings say: it takes vouchers, and may be asked to sell as well.
#![no_std]
#![no_main]

use board::host;
use cortex_m_rt::entry;
use station::Memory;

#[cfg(feature = "p256")]
use symbolon_ccks::P256 as Curve;
#[cfg(feature = "secp256k1")]
use symbolon_ccks::Secp256k1 as Curve;

static MEMORY: Memory<Curve> = Memory::new();

#[entry]
fn main() -> ! {
    match cortex_m::Peripherals::take() {
        Some(mut core) => station::run(&MEMORY, &mut core.SYST),
        None => host::exit(1),
    }
}

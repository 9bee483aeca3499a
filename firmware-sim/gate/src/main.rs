//! A transport gate: it asks every card for what its provisioning says, an entry as a rule.
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
    #[cfg(feature = "with-a-panic")]
    assert!(board::ticks::milliseconds() < 1_000, "it takes a second to start");
    match cortex_m::Peripherals::take() {
        Some(mut core) => station::run(&MEMORY, &mut core.SYST),
        None => host::exit(1),
    }
}

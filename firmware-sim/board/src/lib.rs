//! The board that the terminals run on: mps2-an386 as QEMU makes it, and what is simulated beside it.
//!
//! Two serial lines ([`uart`]), a tick counter that counts instructions ([`ticks`]), a flash chip whose power can fail
//! ([`flash`]), a few bytes behind a battery and the maker's block ([`memory`]), and simulated randomness ([`random`]). A
//! maker's own board takes this crate's place; what a terminal does with it is in `station`.
#![no_std]

pub mod flash;
pub mod host;
pub mod memory;
mod panic;
pub mod place;
pub mod random;
pub mod sleep;
pub mod stack;
pub mod steps;
pub mod ticks;
pub mod uart;

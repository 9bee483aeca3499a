//! The terminal for programs in C, as a static library for the board. Its functions are those of `symbolon.h`; the program
//! is in `main.c`, and `cargo xtask firmware` links the two.
//!
//! With the library comes its panic handler, which calls a function that exists nowhere.
#![no_std]

pub use symbolon_terminal::*;

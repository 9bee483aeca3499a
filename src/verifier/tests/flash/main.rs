//! A terminal's store on simulated flash: what is freed and by whom, what is refused, what wears, what damage does.
//! Where the power fails is `symbolon-flash-sim`'s to try.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod acknowledging;
mod city;
mod damage;
#[path = "../support/issuing.rs"]
mod issuing;
mod keeping;
mod loading;

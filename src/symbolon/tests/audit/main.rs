//! The auditor: silent on what a service wrote, and on nothing that was changed in it afterwards.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../service/tests/use_cases/city.rs"]
mod city;
mod past;
mod tampering;
#[path = "../../../service/tests/scene/time_and_chance.rs"]
mod time_and_chance;

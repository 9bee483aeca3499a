//! What the development commands share with the tests: the generator of the test vectors, and building C.

pub mod native;
pub mod vectors;

//! What the development commands share with the tests: the generator of the test vectors.

pub mod vectors;

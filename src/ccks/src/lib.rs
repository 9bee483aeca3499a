//! Identity-based combined keys: suites, authority parameters, credentials, issuing and signatures.

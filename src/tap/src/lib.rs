//! The bytes of a tap: terms, challenge, presentation, upload, trust bundle, successor and misuse proof.

//! The holder'"s

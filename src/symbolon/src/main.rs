//! A key and credential service for a city's virtual card.
fn main() {}

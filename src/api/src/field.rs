//! What is wrong with a field of a request.

use std::fmt;

/// A field of a request that cannot be understood: which one, and what was wrong with it.
///
/// The texts go back to the caller, so neither ever repeats what the caller sent: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    field: String,
    problem: String,
}

impl InvalidField {
    /// Names the field by its path in the request, such as `card.sectors`, and the problem in words.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The field's path in the request.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What was wrong.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for InvalidField {}

//! `Debug` for the messages that carry a secret, so that no log line ever holds one.
//!
//! The build script leaves out the generated `Debug` of exactly these.

use crate::{roles, v1};
use std::fmt;

const REDACTED: &str = "[redacted]";

impl fmt::Debug for v1::CreateCardResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CreateCardResponse").field("activation_code", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::ReplaceCardResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReplaceCardResponse").field("activation_code", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CreateTerminalResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CreateTerminalResponse")
            .field("terminal", &self.terminal)
            .field("activation_code", &REDACTED)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::BeginEnrolmentRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BeginEnrolmentRequest").field("activation_code", &REDACTED).finish()
    }
}

impl fmt::Debug for v1::CompleteEnrolmentResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CompleteEnrolmentResponse").field("contribution", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::CompleteRenewalResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CompleteRenewalResponse").field("contribution", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::OpenTraceResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenTraceResponse").field("card", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::RoleHoldings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RoleHoldings")
            .field("role", &self.role)
            .field("json", &REDACTED)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for roles::ArchivedPseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ArchivedPseudonym").field("contribution", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for roles::GetArchivedPseudonymRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GetArchivedPseudonymRequest").field("token", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for roles::IssuedCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IssuedCredential").field("contribution", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for roles::OpenSubjectResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenSubjectResponse").field("token", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for roles::PublishedSeeds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PublishedSeeds").field("seeds", &REDACTED).finish_non_exhaustive()
    }
}

impl fmt::Debug for roles::RevealedSeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RevealedSeed").field("seed", &REDACTED).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let code = "the-activation-code".to_owned();
        let shown = [
            format!("{:?}", v1::CreateCardResponse { activation_code: code.clone(), ..Default::default() }),
            format!("{:?}", v1::ReplaceCardResponse { activation_code: code.clone(), ..Default::default() }),
            format!("{:?}", v1::CreateTerminalResponse { activation_code: code.clone(), ..Default::default() }),
            format!("{:?}", v1::BeginEnrolmentRequest { activation_code: code.clone() }),
            format!("{:?}", v1::CompleteEnrolmentResponse { contribution: vec![171; 32], ..Default::default() }),
            format!("{:?}", v1::CompleteRenewalResponse { contribution: vec![171; 32], ..Default::default() }),
            format!(
                "{:?}",
                v1::OpenTraceResponse { card: code.clone(), contribution: vec![171], ..Default::default() }
            ),
            format!("{:?}", v1::RoleHoldings { json: code.clone(), ..Default::default() }),
            format!("{:?}", roles::ArchivedPseudonym { contribution: vec![171; 32], ..Default::default() }),
            format!("{:?}", roles::GetArchivedPseudonymRequest { token: vec![171; 32], ..Default::default() }),
            format!("{:?}", roles::IssuedCredential { contribution: vec![171; 32], ..Default::default() }),
            format!("{:?}", roles::OpenSubjectResponse { token: vec![171; 32], ..Default::default() }),
            format!("{:?}", roles::PublishedSeeds { seed_a: vec![171; 32], ..Default::default() }),
            format!("{:?}", roles::RevealedSeed { seed: vec![171; 32], ..Default::default() }),
        ];
        for text in shown {
            assert!(!text.contains(&code) && !text.contains("171"), "{text}");
            assert!(text.contains(REDACTED), "{text}");
        }
    }
}

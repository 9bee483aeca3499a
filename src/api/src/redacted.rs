//! `Debug` for the messages that carry a secret, so that no log line ever holds one.
//!
//! The build script leaves out the generated `Debug` of exactly these.

use crate::v1;
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
        ];
        for text in shown {
            assert!(!text.contains(&code) && !text.contains("171"), "{text}");
            assert!(text.contains(REDACTED), "{text}");
        }
    }
}

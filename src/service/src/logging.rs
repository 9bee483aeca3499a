//! Structured logs.
//!
//! A line never holds a secret, an activation code or a card number: requests and answers are not logged, only the
//! method, the caller's role and name, the outcome and how long it took. The subscriber is only made here; installing it is
//! the binary's choice.

use crate::config::{Log, LogFormat};
use std::io;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

/// Makes a subscriber that writes lines of the configured format to `writer`.
///
/// # Errors
/// When `log.filter` cannot be understood.
pub fn subscriber<W>(log: &Log, writer: W) -> Result<impl Subscriber + Send + Sync + 'static, ParseError>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&log.filter)?;
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => Box::new(fmt::layer().with_ansi(false).with_writer(writer)),
        LogFormat::Json => Box::new(fmt::layer().json().flatten_event(true).with_writer(writer)),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter)))
}

/// As [`subscriber`], to standard error.
///
/// # Errors
/// As [`subscriber`].
pub fn standard_error_subscriber(log: &Log) -> Result<impl Subscriber + Send + Sync + 'static, ParseError> {
    subscriber(log, io::stderr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: &Log) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(log, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(method = "GetCard", "answered");
            tracing::debug!("unasked for");
        });
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_is_an_object_a_line() {
        let text = logged(&Log { format: LogFormat::Json, filter: "info".to_owned() });
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with('{') && text.contains(r#""method":"GetCard""#), "{text}");
    }

    #[test]
    fn text_is_for_people() {
        let text = logged(&Log::default());
        assert!(text.contains("answered method=\"GetCard\""), "{text}");
        assert!(!text.contains("unasked"), "{text}");
    }

    #[test]
    fn a_filter_that_cannot_be_understood_is_refused() {
        assert!(subscriber(&Log { filter: "=".to_owned(), ..Log::default() }, io::sink).is_err());
    }
}

//! The log of a whole exchange, everything that every crate has to say, holds no secret, activation code or card number.
//!
//! A test binary of its own: the subscriber is global.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "service/city.rs"]
mod city;

use city::City;
use std::{
    io,
    sync::{Arc, Mutex},
};
use symbolon_api::v1;
use symbolon_ccks::Offer;
use symbolon_service::{
    Role,
    config::{Log, LogFormat},
    logging,
};

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

/// What must not be in the log, under what it is called.
#[derive(Default)]
struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    fn text(&mut self, what: &'static str, text: &str) {
        self.0.push((what, text.as_bytes().to_vec()));
    }

    /// As bytes, as hex, and as Rust and some encoders show a list of bytes.
    fn bytes(&mut self, what: &'static str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{bytes:?}");
        self.0.push((what, bytes.to_vec()));
        self.text(what, &hex);
        self.text(what, &hex.to_ascii_uppercase());
        self.text(what, list.trim_matches(['[', ']']));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_holds_no_secret_no_activation_code_and_no_card_number() {
    let captured = Captured::default();
    let writer = captured.clone();
    let log = Log { format: LogFormat::Json, filter: "trace".to_owned() };
    tracing::subscriber::set_global_default(logging::subscriber(&log, move || writer.clone()).unwrap()).unwrap();

    let mut secrets = Secrets::default();
    let mut city = City::found().await;
    let created = city.create_card("bank").await;
    let card = created.card.unwrap();
    secrets.text("activation code", &created.activation_code);
    secrets.text("activation code", &created.activation_code.replace('-', ""));
    secrets.text("card number", card.name.strip_prefix("cards/").unwrap());

    let mut enrolment = city.enrolment().await;
    let begin = v1::BeginEnrolmentRequest { activation_code: created.activation_code.clone() };
    let offer = enrolment.begin_enrolment(begin.clone()).await.unwrap().into_inner().offer;
    let offer = *Offer::parse(&offer).unwrap();
    secrets.bytes("card number", offer.identity().subject().as_bytes());
    let (enrolment_key, complete) = city.completion(&offer);
    let completed = enrolment.complete_enrolment(complete).await.unwrap().into_inner();
    secrets.bytes("contribution", &completed.contribution);
    let holder = city.finish(&enrolment_key, &offer, &completed);
    enrolment.begin_enrolment(begin).await.unwrap_err();
    let wrong_code = "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ".to_owned();
    secrets.text("wrong activation code", &wrong_code);
    let wrong = v1::BeginEnrolmentRequest { activation_code: wrong_code };
    enrolment.begin_enrolment(wrong).await.unwrap_err();

    let terminal = city.create_terminal("metro").await;
    secrets.text("activation code", &terminal.activation_code);
    let terminal = city.enrol(&terminal.activation_code).await;
    let records = [city.pay(&holder, &terminal, 1, 10), city.pay(&holder, &terminal, 1, 20)];
    let upload = city.upload_of(&terminal, 1, &records);
    city.send(vec![upload]).await.unwrap();
    city.send(vec![b"no upload".to_vec()]).await.unwrap_err();

    let mut cards = city.cards("bank").await;
    let replace = v1::ReplaceCardRequest { name: card.name.clone(), request_id: city.request_id() };
    let replaced = cards.replace_card(replace).await.unwrap().into_inner();
    secrets.text("activation code", &replaced.activation_code);
    secrets.text("card number", replaced.card.unwrap().name.strip_prefix("cards/").unwrap());
    let mut other = city.cards("other-bank").await;
    other.get_card(v1::GetCardRequest { name: card.name }).await.unwrap_err();
    let mut auditor = city.exchange(Role::Auditor, "auditor").await;
    auditor.list_records(v1::ListRecordsRequest::default()).await.unwrap();
    city.stop().await;

    let captured = captured.0.lock().unwrap();
    let shown = String::from_utf8_lossy(&captured);
    assert!(shown.contains("/symbolon.v1.CardService/CreateCard"), "nothing was captured");
    for (what, secret) in &secrets.0 {
        let found = captured.windows(secret.len()).position(|window| window == secret);
        if let Some(position) = found {
            let line = captured[..position].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let end = captured.len().min(position + secret.len() + 80);
            panic!("a {what} is in the log: {}", String::from_utf8_lossy(&captured[line..end]));
        }
    }
}

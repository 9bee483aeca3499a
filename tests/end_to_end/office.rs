//! Offices on the private listener: issuers, operators and auditors.

use crate::{
    city::{City, ClientFile},
    holder,
    service::Service,
};
use rand_chacha::ChaCha20Rng;
use symbolon_api::v1::{
    Card, CheckLedgerRequest, CheckLedgerResponse, CreateCardRequest, CreateCardResponse, CreateTerminalRequest,
    CreateTerminalResponse, GetCardRequest, ListRecordsRequest, Record, Sector, Terminal,
    card_service_client::CardServiceClient, exchange_service_client::ExchangeServiceClient,
    ledger_service_client::LedgerServiceClient, terminal_service_client::TerminalServiceClient,
};
use symbolon_ccks::{Authority, P256};
use tonic::{Status, transport::Channel};
use tonic_types::StatusExt;

/// The currency of every test.
pub(crate) const CURRENCY: u32 = 156;

/// A UUID.
pub(crate) fn request_id(random: &mut ChaCha20Rng) -> String {
    let digits = hex::encode(holder::bytes::<16>(random));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// A card for all sectors with room to spend.
pub(crate) fn card_request(random: &mut ChaCha20Rng) -> CreateCardRequest {
    let card = Card {
        sectors: [Sector::Water, Sector::Power, Sector::Transport].map(i32::from).to_vec(),
        spend_limit: 10_000,
        budget: 1_000_000_000,
        currency: CURRENCY,
        ..Card::default()
    };
    CreateCardRequest { card: Some(card), request_id: request_id(random) }
}

/// Creates a card.
pub(crate) async fn create_card(issuer: &Channel, random: &mut ChaCha20Rng) -> CreateCardResponse {
    CardServiceClient::new(issuer.clone()).create_card(card_request(random)).await.unwrap().into_inner()
}

/// Looks at a card.
pub(crate) async fn get_card(issuer: &Channel, name: &str) -> Card {
    let request = GetCardRequest { name: name.to_owned() };
    CardServiceClient::new(issuer.clone()).get_card(request).await.unwrap().into_inner().card.unwrap()
}

/// Creates a terminal for transport.
pub(crate) async fn create_terminal(operator: &Channel, random: &mut ChaCha20Rng) -> CreateTerminalResponse {
    let terminal = Terminal { sectors: vec![Sector::Transport.into()], currency: CURRENCY, ..Terminal::default() };
    let request = CreateTerminalRequest { terminal: Some(terminal), request_id: request_id(random) };
    TerminalServiceClient::new(operator.clone()).create_terminal(request).await.unwrap().into_inner()
}

/// Every record that the caller may see.
pub(crate) async fn all_records(channel: &Channel) -> Vec<Record> {
    let mut exchange = ExchangeServiceClient::new(channel.clone());
    let mut records = Vec::new();
    let mut request = ListRecordsRequest { page_size: 1_000, ..ListRecordsRequest::default() };
    loop {
        let page = exchange.list_records(request.clone()).await.unwrap().into_inner();
        records.extend(page.records);
        if page.next_page_token.is_empty() {
            return records;
        }
        request.page_token = page.next_page_token;
    }
}

/// Has the service recount the ledger and holds that it is balanced.
pub(crate) async fn balanced_ledger(auditor: &Channel) -> CheckLedgerResponse {
    let mut ledger = LedgerServiceClient::new(auditor.clone());
    let found = ledger.check_ledger(CheckLedgerRequest {}).await.unwrap().into_inner();
    assert!(found.balanced && found.sum == 0 && found.problems.is_empty(), "{found:?}");
    found
}

/// The reason that a refusal gives, held to be of our domain.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_details_error_info().unwrap_or_else(|| panic!("no reason in {status:?}"));
    assert_eq!(details.domain, "symbolon");
    details.reason
}

/// A running city with a bank, a metro, a court, and a connection for each.
pub(crate) struct Town {
    pub(crate) city: City,
    pub(crate) service: Service,
    pub(crate) authority: Authority<'static, P256>,
    pub(crate) public: Channel,
    pub(crate) bank: Channel,
    pub(crate) metro: Channel,
    pub(crate) court: Channel,
}

impl Town {
    /// Founds a city, configures it and starts its service.
    pub(crate) async fn start(configure: impl FnOnce(&City)) -> Self {
        let city = City::found();
        configure(&city);
        let bank = city.add_client("issuer", "bank");
        let metro = city.add_client("operator", "metro");
        let court = city.add_client("auditor", "court");
        let service = Service::start(&city).await;
        Self {
            authority: service.authority().await,
            public: service.public().await,
            bank: service.private(&bank).await,
            metro: service.private(&metro).await,
            court: service.private(&court).await,
            city,
            service,
        }
    }

    /// Stops the service and starts it as it is configured now.
    pub(crate) async fn restart(self) -> Self {
        self.service.stop().await;
        let service = Service::start(&self.city).await;
        let client = |name: &str| {
            let path = self.city.clients_folder().join(format!("{name}.toml"));
            toml::from_str::<ClientFile>(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        Self {
            public: service.public().await,
            bank: service.private(&client("issuer-bank")).await,
            metro: service.private(&client("operator-metro")).await,
            court: service.private(&client("auditor-court")).await,
            service,
            ..self
        }
    }

    /// An enrolled card of the bank.
    pub(crate) async fn card(&self, random: &mut ChaCha20Rng) -> holder::Holder {
        let code = create_card(&self.bank, random).await.activation_code;
        holder::Holder::enrol(&self.public, &self.authority, &code, random).await
    }

    /// An enrolled terminal of the metro.
    pub(crate) async fn terminal(&self, random: &mut ChaCha20Rng) -> holder::Holder {
        let code = create_terminal(&self.metro, random).await.activation_code;
        holder::Holder::enrol(&self.public, &self.authority, &code, random).await
    }
}

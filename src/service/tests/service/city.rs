//! A running service, its clients, and holders of keys that it issued.

use http::Uri;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use symbolon_api::v1::{
    self, card_service_client::CardServiceClient, enrolment_service_client::EnrolmentServiceClient,
    exchange_service_client::ExchangeServiceClient, ledger_service_client::LedgerServiceClient,
    terminal_service_client::TerminalServiceClient,
};
use symbolon_ccks::{
    Authority, AuthorityId, EnrolmentKey, Name, Offer, P256, PossessionMessage, Sector, SigningKey, SuiteId, Time,
};
use symbolon_service::{
    Client, Clock, Entropy, Role,
    config::Config,
    custody::{Costs, Unlock},
    links::ServiceRole,
    pki::Pki,
    server::Running,
    setup::{self, Ceremony, Service, SetupError},
};
use symbolon_tap::{Flags, Kind, Presentation, Record, Terms, TermsFields, encode_upload};
use tempfile::TempDir;
use tonic::{
    Response, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_types::StatusExt;

pub(crate) const CURRENCY: u32 = 156;

/// A clock that the test moves.
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time::new(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub(crate) struct TestEntropy(Mutex<ChaCha20Rng>);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

/// A city with its own service in its own folder.
pub(crate) struct City {
    pub(crate) config: Config,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) authority: Authority<'static, P256>,
    /// The processes, and which roles run in each.
    running: Vec<(Config, Running)>,
    random: ChaCha20Rng,
    folder: TempDir,
}

fn unlock() -> Unlock {
    Unlock::KeyFile(zeroize::Zeroizing::new([9; 32]))
}

impl City {
    pub(crate) async fn found() -> Self {
        Self::found_with(|_| {}).await
    }

    /// With a configuration of its own.
    pub(crate) async fn found_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut city = Self::founded(configure);
        city.start().await;
        city
    }

    /// After its ceremony, before its service is started.
    pub(crate) fn founded(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::on_any_port(folder.path().join("data"));
        configure(&mut config);
        // Certificates are checked against the system's clock.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let clock = Arc::new(TestClock(AtomicU64::new(now)));
        let ceremony = Ceremony {
            suite: SuiteId::P256Sha256,
            name: Name::parse("city").unwrap(),
            server_names: &[],
            unlock: &unlock(),
            costs: Costs::default(),
        };
        setup::initialise(&config, &ceremony, &*clock, &entropy(1)).unwrap();
        let authority = Authority::parse(&setup::read_parameters(&config).unwrap()).unwrap();
        let random = ChaCha20Rng::seed_from_u64(2);
        Self { config, clock, authority, running: Vec::new(), random, folder }
    }

    pub(crate) async fn start(&mut self) {
        self.start_process(self.config.clone()).await;
    }

    /// Starts a process of its own for some of the roles.
    pub(crate) async fn start_process(&mut self, config: Config) {
        let entropy = Arc::new(entropy(self.random.next_u64()));
        let service = setup::open(&config, &unlock(), self.clock.clone(), entropy).await.unwrap();
        let running = service.start(&config).await.unwrap();
        self.running.push((config, running));
    }

    /// Kills the process of a role where it stands; its configuration, to start it again by.
    pub(crate) fn kill(&mut self, role: ServiceRole) -> Config {
        let process = self.running.iter().position(|(config, _)| config.roles.runs(role)).unwrap();
        self.running.remove(process).0
    }

    /// Stops the service, with everything under way finished.
    pub(crate) async fn stop(&mut self) {
        for (_, running) in self.running.drain(..) {
            running.shutdown().await.unwrap();
        }
    }

    /// Why another service of this city does not start.
    pub(crate) async fn try_start_beside(&mut self, config: &Config) -> String {
        let mut config = config.clone();
        config.data_directory = self.folder.path().join("beside");
        let ceremony = Ceremony {
            suite: SuiteId::P256Sha256,
            name: Name::parse("beside").unwrap(),
            server_names: &[],
            unlock: &unlock(),
            costs: Costs::default(),
        };
        self.initialise(&config, &ceremony).unwrap();
        let service = self.open_with(&config, &unlock()).await.unwrap();
        service.start(&config).await.unwrap_err().to_string()
    }

    pub(crate) fn initialise(&self, config: &Config, ceremony: &Ceremony<'_>) -> Result<AuthorityId, SetupError> {
        setup::initialise(config, ceremony, &*self.clock, &entropy(3))
    }

    pub(crate) fn initialise_again(&self, suite: SuiteId) -> Result<AuthorityId, SetupError> {
        let name = Name::parse("city").unwrap();
        let ceremony = Ceremony { suite, name, server_names: &[], unlock: &unlock(), costs: Costs::default() };
        self.initialise(&self.config, &ceremony)
    }

    pub(crate) async fn open_with(&self, config: &Config, unlock: &Unlock) -> Result<Service, SetupError> {
        setup::open(config, unlock, self.clock.clone(), Arc::new(entropy(4))).await
    }

    pub(crate) fn take_running(&mut self) -> Running {
        self.running.remove(0).1
    }

    pub(crate) fn running(&self) -> &Running {
        &self.running[0].1
    }

    /// The process that a role runs in.
    pub(crate) fn process_of(&self, role: ServiceRole) -> &Running {
        &self.running.iter().find(|(config, _)| config.roles.runs(role)).unwrap().1
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn pki(&self) -> Pki {
        Pki::at(self.config.pki_directory())
    }

    /// What the holders draw from.
    pub(crate) fn generator(&mut self) -> &mut ChaCha20Rng {
        &mut self.random
    }

    pub(crate) fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn request_id(&mut self) -> String {
        let hex: String = self.random()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// What a client trusts the service by.
    pub(crate) fn tls(&self) -> ClientTlsConfig {
        let authority = std::fs::read_to_string(self.pki().authority_certificate()).unwrap();
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost")
    }

    /// As [`Self::tls`], with a certificate of a role.
    pub(crate) fn tls_of(&self, role: Role, name: &str) -> ClientTlsConfig {
        let client = Client::new(role, Name::parse(name).unwrap());
        let stem = self.config.pki_directory().join("clients").join(format!("{role}-{name}"));
        let (certificate, key) = (stem.with_extension("crt"), stem.with_extension("key"));
        if !certificate.exists() {
            let files = self.pki().add_client(&client, self.clock.now()).unwrap();
            assert_eq!((&files.certificate, &files.key), (&certificate, &key));
        }
        let read = |path| std::fs::read_to_string(path).unwrap();
        self.tls().identity(Identity::from_pem(read(certificate), read(key)))
    }

    /// As [`Self::tls`], with the certificate of a role of the service.
    pub(crate) fn tls_of_service(&self, role: ServiceRole) -> ClientTlsConfig {
        let files = self.pki().role_files(role);
        let read = |path| std::fs::read_to_string(path).unwrap();
        self.tls().identity(Identity::from_pem(read(files.certificate), read(files.key)))
    }

    /// As another role connects.
    pub(crate) async fn as_service(&self, role: ServiceRole) -> Channel {
        connect(self.running().private_address(), self.tls_of_service(role)).await.unwrap()
    }

    /// As a client connects to the process of a role.
    pub(crate) async fn client_at(&self, at: ServiceRole, role: Role, name: &str) -> Channel {
        connect(self.process_of(at).private_address(), self.tls_of(role, name)).await.unwrap()
    }

    pub(crate) async fn public(&self) -> Channel {
        let address = self.process_of(ServiceRole::Attester).public_address().unwrap();
        connect(address, self.tls()).await.unwrap()
    }

    pub(crate) async fn private(&self, role: Role, name: &str) -> Channel {
        connect(self.running().private_address(), self.tls_of(role, name)).await.unwrap()
    }

    pub(crate) async fn cards(&self, issuer: &str) -> CardServiceClient<Channel> {
        CardServiceClient::new(self.client_at(ServiceRole::Attester, Role::Issuer, issuer).await)
    }

    pub(crate) async fn terminals(&self, operator: &str) -> TerminalServiceClient<Channel> {
        TerminalServiceClient::new(self.client_at(ServiceRole::Attester, Role::Operator, operator).await)
    }

    pub(crate) async fn ledger(&self, role: Role, name: &str) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.client_at(ServiceRole::Clearing, role, name).await)
    }

    pub(crate) async fn enrolment(&self) -> EnrolmentServiceClient<Channel> {
        EnrolmentServiceClient::new(self.public().await)
    }

    pub(crate) async fn upload_exchange(&self) -> ExchangeServiceClient<Channel> {
        let address = self.process_of(ServiceRole::Exchange).public_address().unwrap();
        ExchangeServiceClient::new(connect(address, self.tls()).await.unwrap())
    }

    pub(crate) async fn exchange(&self, role: Role, name: &str) -> ExchangeServiceClient<Channel> {
        ExchangeServiceClient::new(self.client_at(ServiceRole::Exchange, role, name).await)
    }

    /// A card that can pay for everything.
    pub(crate) async fn create_card(&mut self, issuer: &str) -> v1::CreateCardResponse {
        let request = v1::CreateCardRequest { card: Some(any_card()), request_id: self.request_id() };
        self.cards(issuer).await.create_card(request).await.unwrap().into_inner()
    }

    pub(crate) async fn create_terminal(&mut self, operator: &str) -> v1::CreateTerminalResponse {
        let terminal = v1::Terminal { sectors: vec![4], currency: CURRENCY, ..v1::Terminal::default() };
        let request = v1::CreateTerminalRequest { terminal: Some(terminal), request_id: self.request_id() };
        self.terminals(operator).await.create_terminal(request).await.unwrap().into_inner()
    }

    /// Trades an activation code for a key.
    pub(crate) async fn enrol(&mut self, code: &str) -> SigningKey<P256> {
        let mut enrolment = self.enrolment().await;
        let begun = enrolment.begin_enrolment(v1::BeginEnrolmentRequest { activation_code: code.to_owned() });
        let offer = *Offer::parse(&begun.await.unwrap().into_inner().offer).unwrap();
        let (key, request) = self.completion(&offer);
        let completed = enrolment.complete_enrolment(request).await.unwrap().into_inner();
        self.finish(&key, &offer, &completed)
    }

    /// Draws u and signs for U.
    pub(crate) fn completion(&mut self, offer: &Offer) -> (EnrolmentKey<P256>, v1::CompleteEnrolmentRequest) {
        let key = EnrolmentKey::generate(&mut self.random);
        let random = self.random();
        let possession = key.prove_possession(self.authority.id(), PossessionMessage::Offer(offer), &random).unwrap();
        let request = v1::CompleteEnrolmentRequest {
            offer_nonce: offer.nonce().to_vec(),
            enrolment_point: key.point().as_bytes().to_vec(),
            possession: possession.as_bytes().to_vec(),
            holder_signature: Vec::new(),
        };
        (key, request)
    }

    pub(crate) fn finish(
        &self,
        key: &EnrolmentKey<P256>,
        offer: &Offer,
        completed: &v1::CompleteEnrolmentResponse,
    ) -> SigningKey<P256> {
        let credential = symbolon_ccks::Credential::parse(&completed.credential).unwrap();
        let contribution = completed.contribution.as_slice().try_into().unwrap();
        key.complete(&self.authority, offer.identity(), credential, contribution).unwrap()
    }

    /// A tap that the terminal accepted.
    pub(crate) fn pay(
        &mut self,
        holder: &SigningKey<P256>,
        terminal: &SigningKey<P256>,
        counter: u32,
        amount: u32,
    ) -> Record {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&self.random()[..16]);
        let terms = Terms::new(TermsFields {
            kind: Kind::Purchase,
            sector: Sector::Transport,
            flags: Flags::Tap,
            nonce,
            time: self.clock.now(),
            amount,
            currency: CURRENCY as u16,
            reference: [0; 16],
        })
        .unwrap();
        let digest = terminal.credential().unwrap().digest();
        let presentation = Presentation::sign(holder, &terms, &digest, counter, &self.random()).unwrap();
        Record::new(terms, presentation)
    }

    pub(crate) fn upload_of(&mut self, terminal: &SigningKey<P256>, number: u32, records: &[Record]) -> Vec<u8> {
        encode_upload(terminal, number, records, None, &self.random()).unwrap()
    }

    /// Sends uploads in one stream and reads all answers.
    pub(crate) async fn send(&self, uploads: Vec<Vec<u8>>) -> Result<Vec<v1::UploadResponse>, Status> {
        let messages = uploads.into_iter().map(|upload| v1::UploadRequest { upload });
        let mut answers =
            self.upload_exchange().await.upload(tokio_stream::iter(messages.collect::<Vec<_>>())).await?.into_inner();
        let mut all = Vec::new();
        while let Some(answer) = answers.message().await? {
            all.push(answer);
        }
        Ok(all)
    }
}

pub(crate) fn any_card() -> v1::Card {
    v1::Card { sectors: vec![1, 2, 4], spend_limit: 1_000, budget: 5_000, currency: CURRENCY, ..v1::Card::default() }
}

fn entropy(seed: u64) -> TestEntropy {
    TestEntropy(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
}

pub(crate) async fn connect(
    address: std::net::SocketAddr,
    tls: ClientTlsConfig,
) -> Result<Channel, tonic::transport::Error> {
    let uri = Uri::try_from(format!("https://{address}")).unwrap();
    Endpoint::from(uri).tls_config(tls)?.connect().await
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<Response<T>, Status>) -> String {
    reason_of(&result.unwrap_err())
}

pub(crate) fn reason_of(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_else(|| format!("no reason in {status:?}"))
}

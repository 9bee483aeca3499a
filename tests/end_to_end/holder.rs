//! Cards and terminals from outside: how they come by their keys, tap, and upload.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use rand_core::Rng;
use std::time::{SystemTime, UNIX_EPOCH};
use symbolon_api::v1::{
    BeginEnrolmentRequest, CompleteEnrolmentRequest, CompleteEnrolmentResponse, UploadRequest, UploadResponse,
    enrolment_service_client::EnrolmentServiceClient, exchange_service_client::ExchangeServiceClient,
};
use symbolon_ccks::{Authority, Credential, EnrolmentKey, Offer, P256, PossessionMessage, Sector, SigningKey, Time};
use symbolon_tap::{Flags, Kind, Presentation, Record, Terms, TermsFields, encode_upload};
use tonic::{Status, transport::Channel};

/// Randomness that a test can repeat.
pub(crate) fn random(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Fresh bytes of it.
pub(crate) fn bytes<const N: usize>(random: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

/// The present second.
pub(crate) fn now() -> Time {
    Time::new(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// An enrolment with an offer and a U.
pub(crate) struct Enrolment {
    offer: Offer,
    key: EnrolmentKey<P256>,
}

impl Enrolment {
    /// Trades an activation code for an offer, and draws u.
    pub(crate) async fn begin(channel: &Channel, code: &str, random: &mut ChaCha20Rng) -> Result<Self, Status> {
        let request = BeginEnrolmentRequest { activation_code: code.to_owned() };
        let answer = EnrolmentServiceClient::new(channel.clone()).begin_enrolment(request).await?.into_inner();
        Ok(Self::new(*Offer::parse(&answer.offer).unwrap(), random))
    }

    /// An enrolment on an offer.
    pub(crate) fn new(offer: Offer, random: &mut ChaCha20Rng) -> Self {
        Self { offer, key: EnrolmentKey::generate(random) }
    }

    /// Another U on the same offer.
    pub(crate) fn with_another_point(&self, random: &mut ChaCha20Rng) -> Self {
        Self::new(self.offer, random)
    }

    /// The request for the credential.
    pub(crate) fn request(
        &self,
        authority: &Authority<'_, P256>,
        random: &mut ChaCha20Rng,
    ) -> CompleteEnrolmentRequest {
        CompleteEnrolmentRequest {
            offer_nonce: self.offer.nonce().to_vec(),
            enrolment_point: self.key.point().as_bytes().to_vec(),
            possession: self.possession(authority, random),
            holder_signature: Vec::new(),
        }
    }

    /// The offer's nonce, U and its possession: what a renewal signs.
    pub(crate) fn renewal_body(&self, authority: &Authority<'_, P256>, random: &mut ChaCha20Rng) -> Vec<u8> {
        [self.offer.nonce().as_slice(), self.key.point().as_bytes(), &self.possession(authority, random)].concat()
    }

    fn possession(&self, authority: &Authority<'_, P256>, random: &mut ChaCha20Rng) -> Vec<u8> {
        let message = PossessionMessage::Offer(&self.offer);
        let possession = self.key.prove_possession(authority.id(), message, &bytes(random)).unwrap();
        possession.as_bytes().to_vec()
    }

    /// Asks for the credential.
    pub(crate) async fn complete(
        &self,
        channel: &Channel,
        authority: &Authority<'_, P256>,
        random: &mut ChaCha20Rng,
    ) -> Result<CompleteEnrolmentResponse, Status> {
        let request = self.request(authority, random);
        Ok(EnrolmentServiceClient::new(channel.clone()).complete_enrolment(request).await?.into_inner())
    }

    /// Checks the answer and makes the holder's key from it.
    pub(crate) fn finish(&self, authority: &Authority<'_, P256>, credential: &[u8], contribution: &[u8]) -> Holder {
        let credential = Credential::parse(credential).unwrap();
        let contribution = contribution.try_into().unwrap();
        let key = self.key.complete(authority, self.offer.identity(), credential, contribution).unwrap();
        Holder::of_key(key)
    }
}

/// A card or terminal with its key.
pub(crate) struct Holder {
    key: SigningKey<P256>,
    counter: u32,
    uploads: u32,
}

impl Holder {
    /// Goes the whole way from an activation code to a key.
    pub(crate) async fn enrol(
        channel: &Channel,
        authority: &Authority<'_, P256>,
        code: &str,
        random: &mut ChaCha20Rng,
    ) -> Self {
        let enrolment = Enrolment::begin(channel, code, random).await.unwrap();
        let answer = enrolment.complete(channel, authority, random).await.unwrap();
        enrolment.finish(authority, &answer.credential, &answer.contribution)
    }

    /// Who has a key, and has not used it.
    pub(crate) fn of_key(key: SigningKey<P256>) -> Self {
        Self { key, counter: 0, uploads: 0 }
    }

    /// Its credential.
    pub(crate) fn credential(&self) -> &Credential {
        self.key.credential().unwrap()
    }

    /// Its key.
    pub(crate) fn key(&self) -> &SigningKey<P256> {
        &self.key
    }

    /// As a card: pays `amount` at a terminal, which keeps the record.
    pub(crate) fn pay(&mut self, terminal: &Self, sector: Sector, amount: u32, random: &mut ChaCha20Rng) -> Record {
        self.tap(terminal, Kind::Purchase, sector, amount, random)
    }

    /// As a card: taps at a terminal, which keeps the record.
    pub(crate) fn tap(
        &mut self,
        terminal: &Self,
        kind: Kind,
        sector: Sector,
        amount: u32,
        random: &mut ChaCha20Rng,
    ) -> Record {
        self.counter += 1;
        let identity = self.credential().identity();
        let terms = Terms::new(TermsFields {
            kind,
            sector,
            flags: Flags::Tap,
            nonce: bytes(random),
            // A credential renewed in the second of its issue is valid from the next one on.
            time: now().max(identity.not_before()),
            amount,
            currency: identity.currency(),
            reference: *b"station-1\0\0\0\0\0\0\0",
        });
        let terms = terms.unwrap();
        let digest = terminal.credential().digest();
        let presentation = Presentation::sign(&self.key, &terms, &digest, self.counter, &bytes(random)).unwrap();
        Record::new(terms, presentation)
    }

    /// As a terminal: signs the next upload.
    pub(crate) fn upload(&mut self, records: &[Record], random: &mut ChaCha20Rng) -> Vec<u8> {
        self.uploads += 1;
        encode_upload(&self.key, self.uploads, records, None, &bytes(random)).unwrap()
    }
}

/// Sends uploads in one stream and collects the answers, to the end or to the status that the stream ended with.
pub(crate) async fn send(channel: &Channel, uploads: Vec<Vec<u8>>) -> (Vec<UploadResponse>, Option<Status>) {
    let requests = uploads.into_iter().map(|upload| UploadRequest { upload });
    let mut exchange = exchange(channel);
    let mut answers = match exchange.upload(tokio_stream::iter(requests)).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (Vec::new(), Some(status)),
    };
    let mut received = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => received.push(answer),
            Ok(None) => return (received, None),
            Err(status) => return (received, Some(status)),
        }
    }
}

/// Sends one upload and gives its answer.
pub(crate) async fn settle(channel: &Channel, upload: Vec<u8>) -> UploadResponse {
    let (mut answers, status) = send(channel, vec![upload]).await;
    assert!(status.is_none() && answers.len() == 1, "{status:?}");
    answers.remove(0)
}

/// A client for uploads whose answers may be as large as they are.
pub(crate) fn exchange(channel: &Channel) -> ExchangeServiceClient<Channel> {
    ExchangeServiceClient::new(channel.clone()).max_decoding_message_size(16 << 20)
}

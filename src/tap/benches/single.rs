//! One signature at a time: verifying a presentation, issuing a credential and signing, each beside named peers
//! in the same run. `cargo bench -p symbolon-tap`.

#![allow(missing_docs, reason = "criterion's macros make functions without any")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

#[path = "../tests/support/city.rs"]
mod city;

use city::{City, terms};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::{hint::black_box, time::Duration};
use symbolon_ccks::*;
use symbolon_tap::Presentation;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// A certificate authority, a leaf under it, and a transaction signed by the leaf.
struct Peer {
    issuer: Issuer<'static, KeyPair>,
    leaf_key: KeyPair,
    anchor: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
    signing: EcdsaKeyPair,
    public_key: Vec<u8>,
    message: [u8; 86],
    signature: Vec<u8>,
}

impl Peer {
    fn new() -> Self {
        let random = ring::rand::SystemRandom::new();
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let anchor = parameters.self_signed(&authority_key).unwrap().der().clone();
        let issuer = Issuer::new(parameters, authority_key);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = Self::leaf_parameters().signed_by(&leaf_key, &issuer).unwrap().der().clone();
        let signing =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &leaf_key.serialize_der(), &random).unwrap();
        let public_key = ring::signature::KeyPair::public_key(&signing).as_ref().to_vec();
        let message = [7; 86];
        let signature = signing.sign(&random, &message).unwrap().as_ref().to_vec();
        Self { issuer, leaf_key, anchor, leaf, signing, public_key, message, signature }
    }

    fn leaf_parameters() -> CertificateParams {
        let mut parameters = CertificateParams::new(vec!["card.example".to_owned()]).unwrap();
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters
    }

    /// What a terminal does with an X.509 card: the certificate, then the transaction.
    fn verify_leaf_and_signature(&self) {
        let anchors = [anchor_from_trusted_cert(&self.anchor).unwrap()];
        let leaf = EndEntityCert::try_from(&self.leaf).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
        leaf.verify_for_usage(
            &[webpki::ring::ECDSA_P256_SHA256],
            &anchors,
            &[],
            now,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .unwrap();
        leaf.verify_signature(webpki::ring::ECDSA_P256_SHA256, &self.message, &self.signature).unwrap();
    }
}

fn verify(criterion: &mut Criterion) {
    let peer = Peer::new();
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(1));
    verify_presentation::<P256>(&mut group);
    verify_presentation::<Secp256k1>(&mut group);
    group.bench_function("peer: ring ECDSA P-256", |bencher| {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &peer.public_key);
        bencher.iter(|| key.verify(black_box(&peer.message), black_box(&peer.signature)));
    });
    group.bench_function("peer: webpki + ring, leaf and signature", |bencher| {
        bencher.iter(|| peer.verify_leaf_and_signature());
    });
    group.finish();
}

fn verify_presentation<S: Suite>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let (city, terms) = (City::<S>::new(), terms());
    let terminal = city.key(Class::Terminal).credential().unwrap().digest();
    let presentation = Presentation::sign(&city.key(Class::Card), &terms, &terminal, 1, &[6; 32]).unwrap();
    group.bench_function(format!("presentation {}", S::NAME), |bencher| {
        bencher.iter(|| {
            let presentation = Presentation::parse(black_box(presentation.as_bytes())).unwrap();
            presentation.verify(&city.authority, &terms, &terminal).unwrap();
        });
    });
}

fn issue(criterion: &mut Criterion) {
    let peer = Peer::new();
    let mut group = criterion.benchmark_group("issue");
    group.throughput(Throughput::Elements(1));
    issue_credential::<P256>(&mut group);
    issue_credential::<Secp256k1>(&mut group);
    issue_pseudonyms::<P256>(&mut group);
    issue_pseudonyms::<Secp256k1>(&mut group);
    group.throughput(Throughput::Elements(1));
    group.bench_function("peer: rcgen leaf", |bencher| {
        bencher.iter(|| Peer::leaf_parameters().signed_by(&peer.leaf_key, &peer.issuer).unwrap());
    });
    group.finish();
}

fn issue_credential<S: Suite>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let city = City::<S>::new();
    let identity = city.identity(Class::Card);
    let offer = Offer::new(identity, [1; 32]);
    let message = PossessionMessage::Offer(&offer);
    let holder = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(2));
    let possession = holder.prove_possession(city.authority.id(), message, &[2; 32]).unwrap();
    group.bench_function(format!("credential {}", S::NAME), |bencher| {
        bencher.iter(|| {
            let point = black_box(holder.point());
            city.secret.issue(&city.authority, &identity, message, point, &possession, &[3; 32]).unwrap()
        });
    });
}

/// Many at once, as the issuer does it: the time is that of the whole batch, the throughput that of its elements.
fn issue_pseudonyms<S: Suite>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let city = City::<S>::new();
    let mut random = ChaCha20Rng::seed_from_u64(3);
    let identity = city.identity(Class::Pseudonym);
    let table = GeneratorTable::<S>::new();
    for size in [64, 1_024] {
        let asked = (0..size).map(|index: u32| {
            let mut challenge = [0; 32];
            challenge[..4].copy_from_slice(&index.to_be_bytes());
            let holder = EnrolmentKey::<S>::generate(&mut random);
            let message = PossessionMessage::Pseudonym { period: 1, challenge: &challenge };
            let possession = holder.prove_possession(city.authority.id(), message, &[2; 32]).unwrap();
            (challenge, *holder.point(), possession)
        });
        let asked = asked.collect::<Vec<_>>();
        let requests = asked.iter().map(|(challenge, point, possession)| IssueRequest {
            identity: &identity,
            possession_of: PossessionMessage::Pseudonym { period: 1, challenge },
            holder_point: point,
            possession,
            random: *challenge,
        });
        let requests = requests.collect::<Vec<_>>();
        group.throughput(Throughput::Elements(u64::from(size)));
        group.bench_function(format!("{size} pseudonyms at once {}", S::NAME), |bencher| {
            bencher.iter(|| city.secret.issue_batch(&city.authority, &table, black_box(&requests), &[4; 32]));
        });
    }
}

fn sign(criterion: &mut Criterion) {
    let peer = Peer::new();
    let mut group = criterion.benchmark_group("sign");
    group.throughput(Throughput::Elements(1));
    sign_presentation::<P256>(&mut group);
    sign_presentation::<Secp256k1>(&mut group);
    group.bench_function("peer: ring ECDSA P-256", |bencher| {
        let random = ring::rand::SystemRandom::new();
        bencher.iter(|| peer.signing.sign(&random, black_box(&peer.message)).unwrap());
    });
    group.finish();
}

fn sign_presentation<S: Suite>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let (city, terms) = (City::<S>::new(), terms());
    let (card, terminal) = (city.key(Class::Card), city.key(Class::Terminal).credential().unwrap().digest());
    group.bench_function(format!("presentation {}", S::NAME), |bencher| {
        bencher.iter(|| Presentation::sign(&card, black_box(&terms), &terminal, 1, &[6; 32]).unwrap());
    });
}

criterion_group!(benches, verify, issue, sign);
criterion_main!(benches);

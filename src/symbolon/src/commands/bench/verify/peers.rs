//! What others take: ring's ECDSA on P-256, an X.509 leaf and a signature by webpki and ring, libsecp256k1's ECDSA.

use super::Measured;
use anyhow::{Context, Result, anyhow};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, UnparsedPublicKey};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::{hint::black_box, time::Duration};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// As long as what a card signs of a transaction.
const MESSAGE: [u8; 86] = [7; 86];

/// A certificate authority, a leaf under it, and a message signed by the leaf; and one signed on secp256k1.
pub(super) struct Peers {
    anchor: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
    public_key: Vec<u8>,
    signature: Vec<u8>,
    bitcoin_key: secp256k1::PublicKey,
    bitcoin_message: secp256k1::Message,
    bitcoin_signature: secp256k1::ecdsa::Signature,
}

impl Peers {
    pub(super) fn new() -> Result<Self> {
        let random = ring::rand::SystemRandom::new();
        let mut parameters = CertificateParams::new(Vec::<String>::new())?;
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let anchor = parameters.self_signed(&authority_key)?.der().clone();
        let issuer = Issuer::new(parameters, authority_key);
        let leaf_key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(vec!["card.example".to_owned()])?;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = parameters.signed_by(&leaf_key, &issuer)?.der().clone();
        let signing = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &leaf_key.serialize_der(), &random)
            .map_err(|error| anyhow!("ring does not take the leaf's key: {error}"))?;
        let public_key = ring::signature::KeyPair::public_key(&signing).as_ref().to_vec();
        let signature = signing.sign(&random, &MESSAGE).ok().context("ring does not sign")?.as_ref().to_vec();
        let bitcoin_secret = secp256k1::SecretKey::from_secret_bytes([5; 32])?;
        let bitcoin_message = secp256k1::Message::from_digest([7; 32]);
        Ok(Self {
            anchor,
            leaf,
            public_key,
            signature,
            bitcoin_key: secp256k1::PublicKey::from_secret_key(&bitcoin_secret),
            bitcoin_message,
            bitcoin_signature: secp256k1::ecdsa::sign(bitcoin_message, &bitcoin_secret),
        })
    }

    pub(super) fn measured(&self) -> Vec<Measured<'_>> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.public_key);
        let ring = move || key.verify(black_box(&MESSAGE), black_box(&self.signature)).expect("the signature is right");
        let bitcoin = || {
            let signature = black_box(&self.bitcoin_signature);
            secp256k1::ecdsa::verify(signature, self.bitcoin_message, &self.bitcoin_key)
                .expect("the signature is right");
        };
        vec![
            ("ring_verify".to_owned(), 1, Box::new(ring)),
            ("webpki_ring".to_owned(), 1, Box::new(|| self.verify_leaf_and_signature())),
            ("libsecp256k1_verify".to_owned(), 1, Box::new(bitcoin)),
        ]
    }

    /// What a terminal does with an X.509 card: the certificate, then the transaction.
    fn verify_leaf_and_signature(&self) {
        let verified = || {
            let anchors = [anchor_from_trusted_cert(&self.anchor)?];
            let leaf = EndEntityCert::try_from(&self.leaf)?;
            let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
            let usage = KeyUsage::client_auth();
            leaf.verify_for_usage(&[webpki::ring::ECDSA_P256_SHA256], &anchors, &[], now, usage, None, None)?;
            leaf.verify_signature(webpki::ring::ECDSA_P256_SHA256, &MESSAGE, &self.signature)
        };
        verified().expect("the leaf and its signature are right");
    }
}

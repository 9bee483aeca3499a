//! A city that is the same in every run: its authority, holders and institutions, all derived from a seed.

use elliptic_curve::Group;
use sha2::{Digest, Sha256};
use symbolon_ccks::{
    Authority, AuthoritySecret, Class, Credential, EnrolmentKey, Identity, IdentityFields, Name, Offer,
    PossessionMessage, Purpose, Sectors, Signature, SigningKey, Subject, Suite, Time, hash_to_scalar,
};

use super::model::{AuthorityVector, CredentialVector, Hex};

/// The time around which everything happens.
pub const NOON: u64 = 1_800_000_000;
/// The number of secret scalars of an authority.
const SCALARS: u32 = 1_089;

/// 32 bytes that are the same in every run and different for every label.
pub fn fixed_bytes(label: &str) -> [u8; 32] {
    Sha256::digest(format!("symbolon test vectors: {label}")).into()
}

/// A time known to be in range.
pub fn time(seconds: u64) -> Time {
    Time::new(seconds).expect("the generator writes times below 2^40")
}

/// A name known to be one.
pub fn name(text: &str) -> Name {
    Name::parse(text).expect("the generator writes names that are names")
}

/// An authority with its secrets.
pub struct City<S: Suite> {
    seed: [u8; 32],
    issuer_secret: [u8; 32],
    /// The secret side.
    pub secret: AuthoritySecret<S>,
    /// The public side, encoded.
    pub parameters: Vec<u8>,
    /// The public side.
    pub authority: Authority<'static, S>,
}

/// What a holder ends up with, and how.
pub struct Holder<S: Suite> {
    /// The key, with the credential.
    pub key: SigningKey<S>,
    /// The holder's secret for this issue.
    pub(crate) enrolment: EnrolmentKey<S>,
    /// How it came about.
    pub(crate) vector: CredentialVector,
}

impl<S: Suite> Holder<S> {
    /// The credential.
    pub fn credential(&self) -> &Credential {
        self.key.credential().expect("a holder's key is a credential's")
    }
}

impl<S: Suite> City<S> {
    /// Makes the authority of a seed.
    pub fn new(seed: &str, authority_name: &str) -> Self {
        let (seed, issuer_secret) = (fixed_bytes(seed), fixed_bytes("issuer secret"));
        let mut stored = Vec::with_capacity(AuthoritySecret::<S>::SIZE);
        for index in 0..SCALARS {
            let scalar = hash_to_scalar::<S>("TEST-AUTHORITY", &[&seed, &index.to_be_bytes()]);
            stored.extend_from_slice(&S::encode_scalar(&scalar));
        }
        stored.extend_from_slice(&issuer_secret);
        let secret = AuthoritySecret::from_bytes(&stored).expect("hashes are scalars other than zero");
        let parameters = secret.parameters(time(NOON - 86_400), &name(authority_name));
        let authority = Authority::parse(&parameters).expect("parameters just made are well formed");
        Self { seed, issuer_secret, secret, parameters, authority }
    }

    /// The vector of the authority.
    pub(crate) fn vector(&self) -> AuthorityVector {
        AuthorityVector {
            seed: Hex::of(self.seed),
            name: self.authority.name().as_str().to_owned(),
            created: self.authority.created().seconds(),
            parameters: Hex::of(&self.parameters),
            authority_id: Hex::of(self.authority.id().as_bytes()),
        }
    }

    /// The fields of an ordinary card, to change from.
    pub fn card_fields(&self, label: &str) -> IdentityFields {
        IdentityFields {
            suite: S::ID,
            class: Class::Card,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes(*fixed_bytes(label).first_chunk().expect("16 are fewer than 32")),
            not_before: time(NOON - 1_000),
            not_after: time(NOON + 1_000),
            spend_limit: 500,
            budget: 800,
            currency: 156,
            tariff: 0,
        }
    }

    /// The fields of an operator's terminal, to change from.
    pub fn terminal_fields(&self, operator: &str, number: u64) -> IdentityFields {
        IdentityFields {
            class: Class::Terminal,
            subject: Subject::terminal(&name(operator), number.to_be_bytes()),
            spend_limit: 0,
            budget: 0,
            ..self.card_fields("")
        }
    }

    /// Issues a credential the way the service and a wallet do together.
    pub fn issue(&self, label: &str, fields: IdentityFields, period: u32) -> Holder<S> {
        let identity = Identity::new(fields).expect("the generator issues identities that keep the rules");
        let u = hash_to_scalar::<S>("TEST-HOLDER", &[&self.seed, label.as_bytes()]);
        let enrolment =
            EnrolmentKey::<S>::from_bytes(&S::encode_scalar(&u)).expect("a hash is a scalar other than zero");
        let nonce = fixed_bytes(&format!("{label}: offer"));
        let offer = Offer::new(identity, nonce);
        let message = match fields.class {
            Class::Pseudonym => PossessionMessage::Pseudonym { period, challenge: &nonce },
            Class::Card | Class::Terminal => PossessionMessage::Offer(&offer),
        };
        let possession = enrolment
            .prove_possession(self.authority.id(), message, &fixed_bytes(&format!("{label}: possession")))
            .expect("a possession signature fails once in 2^256");
        let random = fixed_bytes(&format!("{label}: issue"));
        let issued = self
            .secret
            .issue(&self.authority, &identity, message, enrolment.point(), &possession, &random)
            .expect("the request was made for this identity");
        let key = enrolment
            .complete(&self.authority, &identity, &issued.credential, issued.contribution.as_bytes())
            .expect("the answer is to this request");
        let nonce_k = hash_to_scalar::<S>(
            "ISSUE-NONCE",
            &[
                &self.issuer_secret,
                &random,
                self.authority.id().as_bytes(),
                identity.as_bytes(),
                enrolment.point().as_bytes(),
            ],
        );
        let factor = hash_to_scalar::<S>("CREDENTIAL", &[self.authority.id().as_bytes(), issued.credential.as_bytes()]);
        let vector = CredentialVector {
            identity: Hex::of(identity.as_bytes()),
            offer_nonce: Hex::of(nonce),
            period: (fields.class == Class::Pseudonym).then_some(period),
            u: Hex::of(S::encode_scalar(&u)),
            holder_point: Hex::of(enrolment.point().as_bytes()),
            possession: Hex::of(possession.as_bytes()),
            k: Hex::of(S::encode_scalar(&nonce_k)),
            credential: Hex::of(issued.credential.as_bytes()),
            digits: Hex(packed(&self.authority.digits(&identity))),
            e: Hex::of(S::encode_scalar(&factor)),
            matrix_point: encoded::<S>(&self.authority.matrix_point(&identity).expect("read from memory")),
            s: Hex::of(issued.contribution.as_bytes()),
            d: Hex::of(key.secret_bytes().as_slice()),
            public_key: Hex::of(key.public_key().expect("a key in use is not the identity").as_bytes()),
        };
        Holder { key, enrolment, vector }
    }
}

/// Two digits a byte.
fn packed(digits: &[u8]) -> Vec<u8> {
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

fn encoded<S: Suite>(point: &S::Projective) -> Hex {
    Hex::of(S::encode_point(point).expect("a sum of matrix points is not the identity").as_bytes())
}

/// Signs whatever it is given, with no rule about who may sign what: for signatures that hold and must yet be refused.
pub(crate) fn sign_unchecked<S: Suite>(
    authority: &Authority<'_, S>,
    secret: &[u8; 32],
    signer: &[u8],
    purpose: Purpose,
    message: &[u8],
) -> Signature {
    let key = S::decode_scalar(secret).expect("a key in use is a scalar");
    let covered = [authority.id().as_bytes(), signer, &[purpose as u8], message].concat();
    let nonce = hash_to_scalar::<S>("TEST-NONCE", &[secret, &covered]);
    let commitment =
        S::encode_point(&S::Projective::mul_by_generator(&nonce)).expect("a hash is a scalar other than zero");
    let challenge = hash_to_scalar::<S>("SIGNATURE", &[commitment.as_bytes(), &covered]);
    let response = S::encode_scalar(&(nonce + challenge * key));
    let bytes = [commitment.as_bytes().as_slice(), &response].concat();
    *Signature::parse(&bytes).expect("a point and a scalar are a signature")
}

//! `linkage-and-pseudonyms.json`.

use serde::{Deserialize, Serialize};

use super::Hex;

/// `linkage-and-pseudonyms.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudonymFile {
    /// Values and subjects from seeds.
    pub linkage: Vec<LinkageVector>,
    /// Which period a time is in.
    pub periods: Vec<PeriodVector>,
    /// What is published of revoked cards.
    pub published: Vec<PublishedVector>,
    /// Linkage values on their way to the issuer.
    pub sealed_values: Vec<SealedValueVector>,
    /// Account handles on their way to clearing.
    pub clearing_tags: Vec<ClearingTagVector>,
    /// How pseudonyms are issued, as published.
    pub issuance: Vec<IssuanceVector>,
    /// Pseudonyms from the request to the key, of both suites.
    pub pseudonyms: Vec<PseudonymVector>,
    /// Bodies of requests.
    pub requests: Vec<RequestVector>,
    /// RFC 9180, appendix A.1.1.
    pub rfc_9180: HpkeVector,
}

/// One subject, from the seeds of its period.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkageVector {
    /// The seed of linkage authority 0x41 for this period.
    pub seed_41: Hex,
    /// The seed of linkage authority 0x42 for this period.
    pub seed_42: Hex,
    /// The number of the period.
    pub period: u32,
    /// The number of the value in its period.
    pub j: u32,
    /// The value of 0x41.
    pub value_41: Hex,
    /// The value of 0x42.
    pub value_42: Hex,
    /// Their exclusive or.
    pub subject: Hex,
    /// The seed of 0x41 ten periods on.
    pub seed_41_ten_on: Hex,
    /// The seed of 0x42 ten periods on.
    pub seed_42_ten_on: Hex,
}

/// A time and the period it is in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodVector {
    /// Where periods begin, seconds after midnight UTC.
    pub boundary: u32,
    /// Seconds since 1970 UTC.
    pub time: u64,
    /// The period; `null` before the first and after the last.
    pub period: Option<u32>,
    /// Of the period: its start, its end, and when its pseudonyms expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_end_expiry: Option<[u64; 3]>,
}

/// A section of revoked seeds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedVector {
    /// Where periods begin, seconds after midnight UTC.
    pub boundary: u32,
    /// How many pseudonyms a card gets in one period.
    pub per_period: u32,
    /// The entries, 68 bytes each.
    pub entries: Vec<Hex>,
    /// The section's bytes, its header aside.
    pub section: Hex,
    /// The first period to be recognised.
    pub first_period: u32,
    /// The last period to be recognised.
    pub last_period: u32,
    /// The subjects of those periods that the entries recognise, ascending.
    pub subjects: Vec<Hex>,
}

/// A linkage value, sealed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedValueVector {
    /// 65 or 66.
    pub authority: u8,
    /// The number of the period.
    pub period: u32,
    /// The commitment of the item that it is for.
    pub commitment: Hex,
    /// The value.
    pub value: Hex,
    /// The key of the authority and the issuer.
    pub key: Hex,
    /// What the message is bound to.
    pub associated: Hex,
    /// The AES-256 key that follows.
    pub cipher_key: Hex,
    /// 12 random bytes.
    pub nonce: Hex,
    /// The 44 bytes.
    pub sealed: Hex,
}

/// An account handle, sealed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearingTagVector {
    /// The number of the pseudonym's period; `null` for a card under its own number.
    pub period: Option<u32>,
    /// The account's handle.
    pub account: Hex,
    /// The key of attester and clearing.
    pub key: Hex,
    /// What the message is bound to.
    pub associated: Hex,
    /// The AES-256 key that follows.
    pub cipher_key: Hex,
    /// 12 random bytes.
    pub nonce: Hex,
    /// The 44 bytes.
    pub sealed: Hex,
}

/// One profile.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileVector {
    /// Its number.
    pub id: u8,
    /// The sum of its sectors.
    pub sectors: u8,
    /// Concession group.
    pub tariff: u8,
    /// The most for one transaction, minor units.
    pub spend_limit: u32,
    /// The most in all, minor units.
    pub budget: u32,
    /// ISO 4217 numeric.
    pub currency: u16,
}

/// Issuance parameters.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuanceVector {
    /// Where periods begin, seconds after midnight UTC.
    pub boundary: u32,
    /// How many pseudonyms a card gets in one period.
    pub per_period: u16,
    /// The issuer's X25519 key.
    pub issuer_key: Hex,
    /// The profiles.
    pub profiles: Vec<ProfileVector>,
    /// The structure.
    pub bytes: Hex,
}

/// One pseudonym, with everything secret in it disclosed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudonymVector {
    /// The suite's name; its authority is that of the scheme file.
    pub suite: String,
    /// The attester's challenge.
    pub request_challenge: Hex,
    /// The item's place in the request.
    pub j: u32,
    /// The item's own challenge.
    pub challenge: Hex,
    /// The number of the period.
    pub period: u32,
    /// The holder's secret u.
    pub u: Hex,
    /// U = uG.
    #[serde(rename = "U")]
    pub holder_point: Hex,
    /// The 32 bytes that hedge the possession's nonce.
    pub random: Hex,
    /// The proof that the holder knows u.
    pub possession: Hex,
    /// What hides U in the commitment.
    pub salt: Hex,
    /// The commitment to U.
    pub commitment: Hex,
    /// What the answer is sealed under.
    pub response_key: Hex,
    /// The 154 bytes that are sealed.
    pub content: Hex,
    /// The issuer's X25519 secret.
    pub issuer_secret: Hex,
    /// Its public key.
    pub issuer_key: Hex,
    /// What the ephemeral key pair is derived from.
    pub ikm_e: Hex,
    /// HPKE's info.
    pub info: Hex,
    /// The associated data.
    pub associated: Hex,
    /// The 202 bytes.
    pub sealed_item: Hex,
    /// The profile, 16 bytes.
    pub profile: Hex,
    /// Where periods begin, seconds after midnight UTC.
    pub boundary: u32,
    /// What 0x41 gives for it.
    pub value_41: Hex,
    /// What 0x42 gives for it.
    pub value_42: Hex,
    /// The credential issued, 89 bytes.
    pub credential: Hex,
    /// The authority's contribution.
    pub s: Hex,
    /// The nonce of the answer.
    pub answer_nonce: Hex,
    /// The associated data of the answer.
    pub answer_associated: Hex,
    /// The 137 bytes.
    pub sealed_answer: Hex,
    /// The holder's secret key.
    pub d: Hex,
    /// The holder's public key.
    #[serde(rename = "Q")]
    pub public_key: Hex,
}

/// The body of a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestVector {
    /// The suite's name of the items.
    pub suite: String,
    /// The number of the period.
    pub period: u32,
    /// The attester's challenge.
    pub challenge: Hex,
    /// The commitments, in order.
    pub commitments: Vec<Hex>,
    /// The sealed items, in order.
    pub sealed_items: Vec<Hex>,
    /// The body.
    pub body: Hex,
}

/// A message in HPKE's base mode, first of its context.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HpkeVector {
    /// What the ephemeral key pair is derived from.
    pub ikm_e: Hex,
    /// The ephemeral secret.
    pub sk_e: Hex,
    /// What the recipient's key pair is derived from.
    pub ikm_r: Hex,
    /// The recipient's secret.
    pub sk_r: Hex,
    /// The recipient's public key.
    pub pk_r: Hex,
    /// The encapsulated key.
    pub enc: Hex,
    /// What both sides derive from it.
    pub shared_secret: Hex,
    /// What the message is for.
    pub info: Hex,
    /// The AES-128 key.
    pub key: Hex,
    /// The nonce of the first message.
    pub base_nonce: Hex,
    /// The associated data.
    pub associated: Hex,
    /// What is sealed.
    pub plaintext: Hex,
    /// The ciphertext and its tag.
    pub ciphertext: Hex,
}

//! The vector files as types: what is written, and what a test reads back. `tests/vectors/README.md` describes them.

pub mod pseudonyms;
pub mod terminals;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Bytes, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Hex {
    /// Takes a copy of the bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl Serialize for Hex {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let text = String::deserialize(deserializer)?;
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(T::Error::custom("upper-case hex"));
        }
        hex::decode(text).map(Self).map_err(T::Error::custom)
    }
}

/// `scheme-<suite>.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeFile {
    /// The suite's name, as it goes into domain separation tags.
    pub suite: String,
    /// The authority under which everything else stands.
    pub authority: AuthorityVector,
    /// Issues, of every class.
    pub credentials: Vec<CredentialVector>,
    /// Keys that follow from a name.
    pub institutions: Vec<InstitutionVector>,
    /// Signatures, of every signer and purpose.
    pub signatures: Vec<SignatureVector>,
    /// Taps, and what a fresh terminal without a bundle says to them.
    pub taps: Vec<TapVector>,
    /// Uploads.
    pub uploads: Vec<UploadVector>,
    /// Pairs of items, and what they prove.
    pub misuse: Vec<MisuseVector>,
}

/// An authority made from a seed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityVector {
    /// Secret scalar number i is `H2S("TEST-AUTHORITY", seed || i as u32)`.
    pub seed: Hex,
    /// Its name.
    pub name: String,
    /// When it was created, seconds since 1970 UTC.
    pub created: u64,
    /// The authority parameters.
    pub parameters: Hex,
    /// Their SHA-256.
    pub authority_id: Hex,
}

/// One issue, with everything secret in it disclosed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialVector {
    /// The 56 bytes offered.
    pub identity: Hex,
    /// The offer's nonce; of a pseudonym the item's challenge.
    pub offer_nonce: Hex,
    /// Of a pseudonym, the number of its period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// The holder's secret u.
    pub u: Hex,
    /// U = uG.
    #[serde(rename = "U")]
    pub holder_point: Hex,
    /// The proof that the holder knows u.
    pub possession: Hex,
    /// The issuer's nonce.
    pub k: Hex,
    /// The 89 bytes issued.
    pub credential: Hex,
    /// The digits of the identity, 64 hexadecimal digits.
    pub digits: Hex,
    /// The factor that binds P.
    pub e: Hex,
    /// The sum of the matrix points that the digits pick.
    #[serde(rename = "D")]
    pub matrix_point: Hex,
    /// The authority's contribution.
    pub s: Hex,
    /// The holder's secret key.
    pub d: Hex,
    /// The holder's public key.
    #[serde(rename = "Q")]
    pub public_key: Hex,
}

/// An institution's key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstitutionVector {
    /// Its name.
    pub name: String,
    /// Its secret key.
    pub d: Hex,
    /// Its public key.
    #[serde(rename = "Q")]
    pub public_key: Hex,
}

/// Who signs: exactly one of the four.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SignerVector {
    /// The holder of this credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Hex>,
    /// The institution of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub institution: Option<String>,
    /// Whoever knows the logarithm of this point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<Hex>,
    /// `true` for the rotation key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<bool>,
}

/// One signature.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignatureVector {
    /// Who signs.
    #[serde(flatten)]
    pub signer: SignerVector,
    /// The number of the purpose.
    pub purpose: u8,
    /// What is signed.
    pub message: Hex,
    /// The 32 bytes that hedge the nonce.
    pub random: Hex,
    /// The 65 bytes.
    pub signature: Hex,
}

/// One tap at a fresh terminal without a bundle, for which just this challenge is outstanding.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapVector {
    /// The card's select response.
    pub select: Hex,
    /// What the terminal asked.
    pub challenge: Hex,
    /// What the card answered.
    pub presentation: Hex,
    /// When the answer arrived, seconds since 1970 UTC.
    pub now: u64,
    /// Whether the tap counts.
    pub accepted: bool,
    /// Why not; `null` when it does.
    pub reason: Option<String>,
}

/// One upload.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadVector {
    /// The whole upload, hints included.
    pub upload: Hex,
    /// 32 bytes that nobody who signs foresees.
    pub batch_secret: Hex,
    /// What the signatures of the records are multiplied by when they are verified in one equation, 16 bytes each.
    pub coefficients: Vec<Hex>,
}

/// Two items of a misuse proof.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MisuseVector {
    /// 241 bytes.
    pub first: Hex,
    /// 241 bytes.
    pub second: Hex,
    /// `double_use`, `overspend` or `nothing`.
    pub proves: String,
}

/// How far a byte string that must be refused comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The bytes encode nothing.
    Parse,
    /// A signature, or the key that it needs, does not hold.
    Verify,
    /// The rules say no.
    Policy,
}

/// `invalid/<name>.json`: something that must be refused. Which fields there are follows from `structure`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct InvalidVector {
    /// The name of the file, without `.json`.
    #[serde(skip)]
    pub file_name: String,
    /// The suite's name.
    pub suite: String,
    /// Which structure it would be.
    pub structure: String,
    /// Where it must be refused; `None` is never written.
    pub step: Option<Step>,
    /// Why, out of a closed list.
    pub reason: String,
    /// Why, in a sentence.
    pub why: String,
    /// The structure, where it is one byte string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Hex>,
    /// Of a signature: who is said to have signed.
    #[serde(flatten)]
    pub signer: SignerVector,
    /// Of a signature: for what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<u8>,
    /// Of a signature: what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Hex>,
    /// Of a possession: U.
    #[serde(default, rename = "U", skip_serializing_if = "Option::is_none")]
    pub holder_point: Option<Hex>,
    /// Of a possession: what is to be issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Hex>,
    /// Of a possession: the offer's nonce, or the item's challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_nonce: Option<Hex>,
    /// Of a pseudonym's possession: its period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// Of a tap: the card's select response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Hex>,
    /// Of a tap: what the terminal asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Hex>,
    /// Of a tap: what the card answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation: Option<Hex>,
    /// Of a tap: when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
    /// Of misuse: one item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Hex>,
    /// Of misuse: the other item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Hex>,
    /// Of what is sealed: the key that it is opened with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Hex>,
    /// Of what is sealed: the commitment that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Hex>,
    /// Of a sealed linkage value: whose it is, 65 or 66.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<u8>,
    /// Of a sealed answer: the holder's secret u.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub u: Option<Hex>,
    /// Of a sealed answer: the number of the profile that was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<u8>,
    /// Of a sealed answer: the issuance parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuance: Option<Hex>,
}

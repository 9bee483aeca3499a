//! Pseudonyms, from the request to the key, and what the roles tell each other about them.

use core::convert::Infallible;

use hmac::{Hmac, KeyInit, Mac};
use rand_core::{TryCryptoRng, TryRng};
use sha2::Sha256;
use symbolon_ccks::{
    EnrolmentKey, LinkageAuthority, LinkageValue, Period, PeriodBoundary, PossessionMessage, Sector, Sectors, Suite,
    hash_to_scalar,
};
use symbolon_pseudonym::{
    AccountHandle, Answer, ClearingTag, Commitment, Issuance, ItemChallenge, ItemContent, PairwiseKey, Profile,
    ProfileFields, ProfileId, RequestBody, RequestItem, ResponseKey, SealedAnswer, SealedItem, SealedValue,
    SealingSecret, TagUse,
};

use super::city::{City, fixed_bytes};
use super::linkage::{seeds, today};
use super::model::Hex;
use super::model::pseudonyms::{
    ClearingTagVector, HpkeVector, IssuanceVector, ProfileVector, PseudonymVector, RequestVector, SealedValueVector,
};

/// Randomness that is known: these 32 bytes and no more.
pub(crate) struct Known(pub(crate) [u8; 32]);

impl TryRng for Known {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("a key is drawn as bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("a key is drawn as bytes")
    }

    fn try_fill_bytes(&mut self, place: &mut [u8]) -> Result<(), Infallible> {
        place.copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Known {}

/// The issuer's key pair.
pub(crate) fn issuer() -> SealingSecret {
    SealingSecret::from_bytes(&fixed_bytes("issuer's sealing secret"))
}

/// 12 bytes that are the same in every run.
fn nonce(label: &str) -> [u8; 12] {
    *fixed_bytes(label).first_chunk().expect("12 are fewer than 32")
}

fn sixteen(label: &str) -> [u8; 16] {
    *fixed_bytes(label).first_chunk().expect("16 are fewer than 32")
}

/// The profiles that the pseudonyms are of.
pub(crate) fn profile_fields() -> [ProfileFields; 3] {
    let renminbi = |id, sectors, tariff| ProfileFields {
        id: ProfileId(id),
        sectors,
        tariff,
        spend_limit: 2_000,
        budget: 2_000,
        currency: 156,
    };
    [
        renminbi(1, Sectors::ALL, 0),
        renminbi(2, Sectors::from(Sector::Transport), 3),
        ProfileFields {
            spend_limit: 0,
            budget: u32::MAX,
            currency: 999,
            ..renminbi(255, Sectors::from(Sector::Water), 255)
        },
    ]
}

/// Parameters of these profiles.
pub(crate) fn parameters(boundary: PeriodBoundary, per_period: u16, profiles: &[ProfileFields]) -> Issuance {
    let profiles = profiles.iter().map(|fields| Profile::new(*fields).expect("no limit is above its budget"));
    Issuance::new(boundary, per_period, *issuer().public(), profiles.collect()).expect("their numbers ascend")
}

/// An ordinary one, and one of the least and the most.
pub(crate) fn issuance() -> Vec<IssuanceVector> {
    let latest = PeriodBoundary::new(86_399).expect("within a day");
    let [first, ..] = profile_fields();
    let most = (0..64).map(|id| ProfileFields { id: ProfileId(id), ..first }).collect::<Vec<_>>();
    [
        (PeriodBoundary::DEFAULT, 20, profile_fields().as_slice()),
        (PeriodBoundary::new(0).expect("within a day"), 1, &[first]),
        (latest, u16::MAX, &most),
    ]
    .map(|(boundary, per_period, profiles)| IssuanceVector {
        boundary: boundary.seconds(),
        per_period,
        issuer_key: Hex::of(issuer().public().as_bytes()),
        profiles: profiles.iter().map(profile_vector).collect(),
        bytes: Hex(parameters(boundary, per_period, profiles).encode()),
    })
    .into()
}

fn profile_vector(fields: &ProfileFields) -> ProfileVector {
    ProfileVector {
        id: fields.id.0,
        sectors: fields.sectors.bits(),
        tariff: fields.tariff,
        spend_limit: fields.spend_limit,
        budget: fields.budget,
        currency: fields.currency,
    }
}

/// One pseudonym, everything in it disclosed.
pub(crate) struct Pseudonym {
    pub(crate) challenge: ItemChallenge,
    pub(crate) content: ItemContent,
    pub(crate) sealed: SealedItem,
    pub(crate) answer: Answer,
    pub(crate) sealed_answer: SealedAnswer,
    pub(crate) vector: PseudonymVector,
}

/// The attester's challenge of the request.
fn request_challenge() -> [u8; 32] {
    fixed_bytes("challenge of a request for pseudonyms")
}

/// The pseudonyms of one request of the card.
pub(crate) fn pseudonyms<S: Suite>(city: &City<S>) -> Vec<Pseudonym> {
    profile_fields().into_iter().zip(0..).map(|(profile, j)| pseudonym(city, j, &profile)).collect()
}

fn pseudonym<S: Suite>(city: &City<S>, j: u32, fields: &ProfileFields) -> Pseudonym {
    let (authority, period, boundary) = (&city.authority, today(), PeriodBoundary::DEFAULT);
    let label = |what: &str| format!("pseudonym {j}: {what}");
    let challenge = ItemChallenge::of(&request_challenge(), j);
    let u = hash_to_scalar::<S>("TEST-PSEUDONYM", &[&j.to_be_bytes()]);
    let enrolment = EnrolmentKey::<S>::from_bytes(&S::encode_scalar(&u)).expect("a hash is a scalar other than zero");
    let message = PossessionMessage::Pseudonym { period: period.number(), challenge: challenge.as_bytes() };
    let random = fixed_bytes(&label("possession"));
    let possession =
        enrolment.prove_possession(authority.id(), message, &random).expect("a signature fails once in 2^256");
    let content = ItemContent {
        suite: S::ID,
        period,
        point: *enrolment.point(),
        possession,
        salt: fixed_bytes(&label("salt")),
        response_key: ResponseKey::from_bytes(sixteen(&label("response key"))),
    };
    let ikm_e = fixed_bytes(&label("ephemeral key"));
    let sealed = content
        .seal(authority.id(), &challenge, issuer().public(), &mut Known(ikm_e))
        .expect("the issuer's key is of full order");
    let commitment = content.commitment();
    let values = seeds("card").map(|seed| seed.value(j));
    let profile = Profile::new(*fields).expect("no limit is above its budget");
    let [a, b] = &values;
    let identity = profile
        .identity(S::ID, authority.id().prefix(), a.subject_with(b), period, boundary)
        .expect("a profile makes identities");
    let issued = city
        .secret
        .issue(authority, &identity, message, enrolment.point(), &possession, &fixed_bytes(&label("issue")))
        .expect("the item was made for this");
    let key = enrolment
        .complete(authority, &identity, &issued.credential, issued.contribution.as_bytes())
        .expect("the answer is to this item");
    let answer = Answer { credential: issued.credential, contribution: issued.contribution };
    let sealed_answer = SealedAnswer::seal(&answer, &content.response_key, &commitment);
    let plain = [
        &[1, S::ID.to_byte(), 0, 0],
        period.number().to_be_bytes().as_slice(),
        content.point.as_bytes(),
        possession.as_bytes(),
        &content.salt,
        content.response_key.as_bytes(),
    ]
    .concat();
    let vector = PseudonymVector {
        suite: S::NAME.to_owned(),
        request_challenge: Hex::of(request_challenge()),
        j,
        challenge: Hex::of(challenge.as_bytes()),
        period: period.number(),
        u: Hex::of(S::encode_scalar(&u)),
        holder_point: Hex::of(content.point.as_bytes()),
        random: Hex::of(random),
        possession: Hex::of(possession.as_bytes()),
        salt: Hex::of(content.salt),
        commitment: Hex::of(commitment.as_bytes()),
        response_key: Hex::of(content.response_key.as_bytes()),
        content: Hex(plain),
        issuer_secret: Hex::of(fixed_bytes("issuer's sealing secret")),
        issuer_key: Hex::of(issuer().public().as_bytes()),
        ikm_e: Hex::of(ikm_e),
        info: Hex(item_info(city)),
        associated: Hex(item_associated(&challenge, &commitment)),
        sealed_item: Hex::of(sealed.as_bytes()),
        profile: Hex::of(profile.as_bytes()),
        boundary: boundary.seconds(),
        value_41: Hex::of(a.as_bytes()),
        value_42: Hex::of(b.as_bytes()),
        credential: Hex::of(answer.credential.as_bytes()),
        s: Hex::of(answer.contribution.as_bytes()),
        answer_nonce: Hex::of(commitment.as_bytes().first_chunk::<12>().expect("12 are fewer than 32")),
        answer_associated: Hex([b"SYMBOLON-V1-PSEUDONYM-ANSWER".as_slice(), commitment.as_bytes()].concat()),
        sealed_answer: Hex::of(sealed_answer.as_bytes()),
        d: Hex::of(key.secret_bytes().as_slice()),
        public_key: Hex::of(key.public_key().expect("a key in use is not the identity").as_bytes()),
    };
    Pseudonym { challenge, content, sealed, answer, sealed_answer, vector }
}

/// HPKE's info of an item.
pub(crate) fn item_info<S: Suite>(city: &City<S>) -> Vec<u8> {
    [b"SYMBOLON-V1-PSEUDONYM-ITEM".as_slice(), city.authority.id().as_bytes()].concat()
}

/// The associated data of an item.
pub(crate) fn item_associated(challenge: &ItemChallenge, commitment: &Commitment) -> Vec<u8> {
    [challenge.as_bytes().as_slice(), commitment.as_bytes()].concat()
}

/// The request that asks for these pseudonyms.
pub(crate) fn request<S: Suite>(pseudonyms: &[Pseudonym]) -> RequestVector {
    let items = pseudonyms
        .iter()
        .map(|pseudonym| RequestItem { commitment: pseudonym.content.commitment(), sealed: pseudonym.sealed.clone() });
    let body = RequestBody::new(today(), request_challenge(), items.collect()).expect("no two are of one commitment");
    RequestVector {
        suite: S::NAME.to_owned(),
        period: today().number(),
        challenge: Hex::of(request_challenge()),
        commitments: body.items().iter().map(|item| Hex::of(item.commitment.as_bytes())).collect(),
        sealed_items: body.items().iter().map(|item| Hex::of(item.sealed.as_bytes())).collect(),
        body: Hex(body.encode()),
    }
}

/// Values of both authorities for the first pseudonym of the card, and one of the last period.
pub(crate) fn sealed_values() -> Vec<SealedValueVector> {
    let cases = [
        (LinkageAuthority::A, today(), 0),
        (LinkageAuthority::B, today(), 0),
        (LinkageAuthority::A, Period::LAST, 1),
        (LinkageAuthority::B, Period::new(0).expect("it is the first"), 19),
    ];
    cases.map(|(authority, period, j)| sealed_value(authority, period, j)).into()
}

/// The key of a linkage authority and the issuer.
pub(crate) fn linkage_key(authority: LinkageAuthority) -> PairwiseKey {
    PairwiseKey::from_bytes(fixed_bytes(&format!("key of issuer and {:x}", authority.byte())))
}

fn sealed_value(authority: LinkageAuthority, period: Period, j: u32) -> SealedValueVector {
    let [a, b] = seeds("card").map(|seed| seed.value(j));
    let value: LinkageValue = if authority == LinkageAuthority::A { a } else { b };
    let commitment = Commitment::from_bytes(fixed_bytes(&format!("commitment {j}")));
    let (key, nonce) = (linkage_key(authority), nonce(&format!("nonce of value {j}")));
    let associated = [
        b"SYMBOLON-V1-LINKAGE-SEALED".as_slice(),
        &[authority.byte()],
        &period.number().to_be_bytes(),
        commitment.as_bytes(),
    ]
    .concat();
    let sealed = SealedValue::seal(&value, authority, period, &commitment, &key, nonce);
    SealedValueVector {
        authority: authority.byte(),
        period: period.number(),
        commitment: Hex::of(commitment.as_bytes()),
        value: Hex::of(value.as_bytes()),
        key: Hex::of(key.as_bytes()),
        cipher_key: cipher_key(&key, &associated),
        associated: Hex(associated),
        nonce: Hex::of(nonce),
        sealed: Hex::of(sealed.as_bytes()),
    }
}

/// The key of attester and clearing.
pub(crate) fn clearing_key() -> PairwiseKey {
    PairwiseKey::from_bytes(fixed_bytes("key of attester and clearing"))
}

/// Tags of pseudonyms, two of them of one account, and of a card under its own number.
pub(crate) fn clearing_tags() -> Vec<ClearingTagVector> {
    let pseudonym = |number| TagUse::Pseudonym(Period::new(number).expect("it is no later than the last"));
    let today = today().number();
    [
        (pseudonym(today), "account", "first"),
        (pseudonym(today), "account", "second"),
        (pseudonym(Period::LAST.number()), "other account", "first"),
        (TagUse::Named, "account", "first"),
    ]
    .map(|(usage, account, label)| clearing_tag(usage, account, label))
    .into()
}

fn clearing_tag(usage: TagUse, account: &str, label: &str) -> ClearingTagVector {
    let (key, nonce) = (clearing_key(), nonce(&format!("nonce of a tag: {label}")));
    let account = AccountHandle::from_bytes(sixteen(account));
    let period = match usage {
        TagUse::Pseudonym(period) => Some(period.number()),
        TagUse::Named => None,
    };
    let associated = [b"SYMBOLON-V1-CLEARING-TAG".as_slice(), &period.unwrap_or(u32::MAX).to_be_bytes()].concat();
    ClearingTagVector {
        period,
        account: Hex::of(account.as_bytes()),
        key: Hex::of(key.as_bytes()),
        cipher_key: cipher_key(&key, &associated),
        associated: Hex(associated),
        nonce: Hex::of(nonce),
        sealed: Hex::of(ClearingTag::seal(&account, usage, &key, nonce).as_bytes()),
    }
}

fn cipher_key(key: &PairwiseKey, associated: &[u8]) -> Hex {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of every length");
    Hex::of(mac.chain_update(associated).finalize().into_bytes())
}

/// RFC 9180, appendix A.1.1, as it is printed there; nothing of it is computed here.
pub(crate) fn rfc_9180() -> HpkeVector {
    let hex = |text: &str| Hex(hex::decode(text).expect("the RFC prints hex"));
    HpkeVector {
        ikm_e: hex("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234"),
        sk_e: hex("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"),
        ikm_r: hex("6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037"),
        sk_r: hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
        pk_r: hex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"),
        enc: hex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"),
        shared_secret: hex("fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"),
        info: hex("4f6465206f6e2061204772656369616e2055726e"),
        key: hex("4531685d41d65f03dc48f6b8302c05b0"),
        base_nonce: hex("56d890e5accaaf011cff4b7d"),
        associated: hex("436f756e742d30"),
        plaintext: hex("4265617574792069732074727574682c20747275746820626561757479"),
        ciphertext: hex("f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
    }
}

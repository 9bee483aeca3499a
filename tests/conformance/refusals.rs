//! Every file of `tests/vectors/invalid/` is refused, at the step and for the reason that it names.

use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use symbolon_ccks::*;
use symbolon_pseudonym::{
    AnswerRefused, Asking, ClearingTag, Commitment, Issuance, ItemChallenge, PairwiseKey, RequestBody, ResponseKey,
    SealedAnswer, SealedItem, SealedValue, SealingSecret, TagUse, Unopened,
};
use symbolon_tap::apdu::port::{MeterCredit, TerminalStatus};
use symbolon_tap::apdu::{CardCommand, PortCommand, Response, Status};
use symbolon_tap::misuse::{self, Item};
use symbolon_tap::voucher::SignedVoucher;
use symbolon_tap::{
    Bundle, BundleUnreadable, BundleView, Challenge, Kind, Presentation, SelectResponse, Successor, Terms, Upload,
};
use symbolon_tests::fresh::Fresh;
use symbolon_verifier::{Devices, Domain, Policy, Request, Terminal};
use xtask::vectors::model::{Hex, InvalidVector, SchemeFile, Step, TapVector};

use crate::files::{authority, fixed, invalid, scheme};
use crate::for_each_suite;
use crate::scheme::{verdict, with_signer};

for_each_suite!(refuses_every_file);

/// The reasons that there are besides a terminal's.
const FURTHER_REASONS: [&str; 5] = ["nothing", "unopened", "unknown_profile", "other_identity", "wrong_contribution"];

/// Where and why something is refused.
type Refusal = (Step, &'static str);

fn refuses_every_file<S: Suite>() {
    let scheme = scheme::<S>();
    let city = City { authority: authority::<S>(&scheme), scheme };
    let mut structures = BTreeSet::new();
    for (name, vector) in invalid() {
        if vector.suite != S::NAME {
            continue;
        }
        assert!(vector.why.ends_with('.') && vector.why.contains(' '), "{name}: {}", vector.why);
        let is_known = symbolon_verifier::Reason::from_name(&vector.reason).is_some()
            || FURTHER_REASONS.contains(&&*vector.reason);
        assert!(is_known, "{name}: {}", vector.reason);
        let refusal = city.refuse(&vector).expect_err(&format!("{name} is accepted: {}", vector.why));
        assert_eq!(refusal, (vector.step.unwrap(), vector.reason.as_str()), "{name}: {}", vector.why);
        structures.insert(vector.structure);
    }
    assert_eq!(structures.len(), 29, "{structures:?}");
}

struct City<S: Suite> {
    scheme: SchemeFile,
    authority: Authority<'static, S>,
}

fn malformed(_: Malformed) -> Refusal {
    (Step::Parse, "malformed")
}

fn unverified(_: BadSignature) -> Refusal {
    (Step::Verify, "bad_signature")
}

fn answered(_: Status) -> Refusal {
    (Step::Parse, "malformed")
}

fn bytes(field: &Option<Hex>) -> &[u8] {
    &field.as_ref().unwrap().0
}

fn unopened(_: Unopened) -> Refusal {
    (Step::Verify, "unopened")
}

fn commitment(vector: &InvalidVector) -> Commitment {
    Commitment::from_bytes(fixed(vector.commitment.as_ref().unwrap()))
}

/// An issuer that is given a linkage value.
fn sealed_value(vector: &InvalidVector) -> Result<(), Refusal> {
    let sealed = SealedValue::parse(bytes(&vector.bytes)).map_err(malformed)?;
    let key = PairwiseKey::from_bytes(fixed(vector.key.as_ref().unwrap()));
    let authority = LinkageAuthority::ALL.into_iter().find(|known| Some(known.byte()) == vector.authority);
    let period = Period::new(vector.period.unwrap()).unwrap();
    let opened = sealed.open(authority.unwrap(), period, &commitment(vector), &key);
    opened.map(|_| ()).map_err(unopened)
}

/// Clearing that is given a tag.
fn clearing_tag(vector: &InvalidVector) -> Result<(), Refusal> {
    let tag = ClearingTag::parse(bytes(&vector.bytes)).map_err(malformed)?;
    let key = PairwiseKey::from_bytes(fixed(vector.key.as_ref().unwrap()));
    let usage = vector.period.map_or(TagUse::Named, |number| TagUse::Pseudonym(Period::new(number).unwrap()));
    tag.open(usage, &key).map(|_| ()).map_err(unopened)
}

impl<S: Suite> City<S> {
    /// Takes a vector as far as it goes.
    fn refuse(&self, vector: &InvalidVector) -> Result<(), Refusal> {
        let authority = &self.authority;
        match vector.structure.as_str() {
            "authority_parameters" => self.parameters(bytes(&vector.bytes)),
            "identity" => Identity::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "credential" => {
                let credential = Credential::parse(bytes(&vector.bytes)).map_err(malformed)?;
                authority.public_key(credential).map(|_| ()).map_err(unverified)
            }
            "point" => {
                let point = CompressedPoint::parse(bytes(&vector.bytes)).map_err(malformed)?;
                S::decode_point(point).map(|_| ()).ok_or((Step::Parse, "malformed"))
            }
            "scalar" => {
                let scalar = bytes(&vector.bytes).try_into().map_err(|_| (Step::Parse, "malformed"))?;
                EnrolmentKey::<S>::from_bytes(scalar).map(|_| ()).ok_or((Step::Parse, "malformed"))
            }
            "offer" => Offer::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "signature" => self.signature(vector),
            "possession" => self.possession(vector),
            "select" => self.select(bytes(&vector.bytes)),
            "terms" => Terms::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "challenge" => {
                let challenge = Challenge::parse(bytes(&vector.bytes)).map_err(malformed)?;
                challenge.verify(authority).map_err(unverified)?;
                let fit = challenge.terms().fits(challenge.terminal().identity());
                fit.map_err(|misfit| (Step::Policy, misfit.reason()))
            }
            "presentation" => Presentation::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "tap" => self.tap(vector),
            "upload" => {
                let upload = Upload::parse(bytes(&vector.bytes)).map_err(malformed)?;
                upload.verify(authority).map_err(unverified)
            }
            "bundle" => {
                self.kept_bundle(bytes(&vector.bytes))?;
                let bundle = Bundle::parse(bytes(&vector.bytes)).map_err(malformed)?;
                bundle.verify(authority).map_err(unverified)
            }
            "voucher" => {
                let voucher = SignedVoucher::parse(bytes(&vector.bytes)).map_err(malformed)?;
                voucher.verify(authority).map_err(unverified)
            }
            "card_command" => CardCommand::parse(bytes(&vector.bytes)).map(|_| ()).map_err(answered),
            "port_command" => PortCommand::parse(bytes(&vector.bytes)).map(|_| ()).map_err(answered),
            "response" => Response::parse(bytes(&vector.bytes)).map(|_| ()).map_err(|_| (Step::Parse, "malformed")),
            "terminal_status" => TerminalStatus::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "meter_credit" => MeterCredit::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "successor" => {
                let successor = Successor::parse(bytes(&vector.bytes)).map_err(malformed)?;
                successor.verify(authority).map_err(unverified)
            }
            "misuse" => {
                let first = Item::parse(bytes(&vector.first)).map_err(malformed)?;
                let second = Item::parse(bytes(&vector.second)).map_err(malformed)?;
                let finding = misuse::check(authority, &[*first, *second]);
                finding.credential().map(|_| ()).ok_or((Step::Verify, "nothing"))
            }
            "issuance" => Issuance::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "request_body" => RequestBody::parse(bytes(&vector.bytes)).map(|_| ()).map_err(malformed),
            "sealed_item" => self.sealed_item(vector),
            "sealed_answer" => self.sealed_answer(vector),
            "sealed_value" => sealed_value(vector),
            "clearing_tag" => clearing_tag(vector),
            other => panic!("there is no structure {other}"),
        }
    }

    /// A bundle read where it is kept; it is refused there when it is refused in memory, and the other way round.
    fn kept_bundle(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let kept = match BundleView::open(bytes.into()) {
            Ok(view) => view.verify(&self.authority).map_err(unverified),
            Err(BundleUnreadable::Malformed(problem)) => Err(malformed(problem)),
            Err(BundleUnreadable::Read(failed)) => panic!("memory can be read: {failed}"),
        };
        let held = Bundle::parse(bytes).map_err(malformed);
        assert_eq!(kept, held.and_then(|bundle| bundle.verify(&self.authority).map_err(unverified)));
        kept
    }

    fn parameters(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let other = Authority::<S>::parse(bytes).map_err(malformed)?;
        if other.id() == self.authority.id() { Ok(()) } else { Err((Step::Verify, "wrong_authority")) }
    }

    fn signature(&self, vector: &InvalidVector) -> Result<(), Refusal> {
        let purpose = Purpose::ALL.into_iter().find(|purpose| Some(*purpose as u8) == vector.purpose).unwrap();
        let signature = Signature::parse(bytes(&vector.bytes)).map_err(malformed)?;
        with_signer(&vector.signer, |signer| {
            self.authority.verify(signer, purpose, &[bytes(&vector.message)], signature).map_err(unverified)
        })
    }

    fn possession(&self, vector: &InvalidVector) -> Result<(), Refusal> {
        let possession = Signature::parse(bytes(&vector.bytes)).map_err(malformed)?;
        let point = CompressedPoint::parse(bytes(&vector.holder_point)).map_err(malformed)?;
        let identity = Identity::parse(bytes(&vector.identity)).map_err(malformed)?;
        let nonce = fixed(vector.offer_nonce.as_ref().unwrap());
        let offer = Offer::new(*identity, nonce);
        let message = match vector.period {
            Some(period) => PossessionMessage::Pseudonym { period, challenge: &nonce },
            None => PossessionMessage::Offer(&offer),
        };
        let holds = message.verify(&self.authority, point, possession);
        if holds { Ok(()) } else { Err(unverified(BadSignature)) }
    }

    /// An issuer that is given an item.
    fn sealed_item(&self, vector: &InvalidVector) -> Result<(), Refusal> {
        let sealed = SealedItem::parse(bytes(&vector.bytes)).map_err(malformed)?;
        let challenge = ItemChallenge::from_bytes(fixed(vector.offer_nonce.as_ref().unwrap()));
        let secret = SealingSecret::from_bytes(&fixed(vector.key.as_ref().unwrap()));
        let opened = sealed.open(self.authority.id(), &challenge, &commitment(vector), &secret);
        opened.map(|_| ()).map_err(unopened)
    }

    /// A wallet that is given an answer.
    fn sealed_answer(&self, vector: &InvalidVector) -> Result<(), Refusal> {
        let sealed = SealedAnswer::parse(bytes(&vector.bytes)).map_err(malformed)?;
        let key = ResponseKey::from_bytes(fixed(vector.key.as_ref().unwrap()));
        let answer = sealed.open(&key, &commitment(vector)).map_err(unopened)?;
        // The wallet's commitment follows from a salt that the vector does not have: its answer is sealed anew.
        let stored = [
            &[1, S::ID.to_byte(), vector.profile.unwrap(), 0],
            vector.period.unwrap().to_be_bytes().as_slice(),
            bytes(&vector.u),
            &[0; 32],
            key.as_bytes(),
        ]
        .concat();
        let asking = Asking::<S>::parse(&stored).unwrap();
        let issuance = Issuance::parse(bytes(&vector.issuance)).unwrap();
        let sealed = SealedAnswer::seal(&answer, &key, asking.commitment());
        let completed = asking.complete(&self.authority, &issuance, &sealed);
        completed.map(|_| ()).map_err(|refused| match refused {
            AnswerRefused::WrongContribution => (Step::Verify, refused.reason()),
            _ => (Step::Policy, refused.reason()),
        })
    }

    /// A terminal that is asked to challenge the card.
    fn select(&self, bytes: &[u8]) -> Result<(), Refusal> {
        SelectResponse::parse(bytes).map_err(malformed)?;
        let terminal = self.scheme.credentials.iter().find(|vector| vector.identity.0[2] == 2).unwrap();
        let credential = Credential::parse(&terminal.credential.0).unwrap();
        let key = SigningKey::from_credential(&self.authority, credential, &fixed(&terminal.d)).unwrap();
        let now = credential.identity().not_before();
        let devices = Devices { clock: || now, random: ChaCha20Rng::seed_from_u64(1), storage: Fresh };
        let domain = Domain::new(&self.authority, &key).unwrap();
        let mut terminal = Terminal::new(domain, Policy::WITHOUT_BUNDLE, devices, &mut []);
        let sector = credential.identity().sectors().iter().next().unwrap();
        let request = Request { kind: Kind::Purchase, sector, amount: 1, reference: [0; 16] };
        terminal.challenge(bytes, &request).map(|_| ()).map_err(|refused| (Step::Policy, refused.reason().name()))
    }

    fn tap(&self, vector: &InvalidVector) -> Result<(), Refusal> {
        let tap = TapVector {
            select: vector.select.clone().unwrap(),
            challenge: vector.challenge.clone().unwrap(),
            presentation: vector.presentation.clone().unwrap(),
            now: vector.now.unwrap(),
            accepted: false,
            reason: None,
        };
        verdict(&self.scheme, &self.authority, &tap).map_or(Ok(()), |reason| Err((Step::Policy, reason)))
    }
}

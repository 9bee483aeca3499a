//! Issuing many at once gives what issuing one by one gives, whatever is among them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use symbolon_ccks::*;

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The proof's response is another's.
    Response,
    /// The proof is over another challenge.
    Challenge,
    /// U is another's.
    OtherPoint,
    /// R is no point of the curve, as good as always.
    CommitmentOffCurve,
    /// z is not below the order.
    ResponseOutOfRange,
    /// The identity is a card's.
    Class,
    /// The identity is another authority's.
    Authority,
    /// The same request as the one before it.
    Repeated,
}

const FAULTS: [Fault; 9] = [
    Fault::None,
    Fault::Response,
    Fault::Challenge,
    Fault::OtherPoint,
    Fault::CommitmentOffCurve,
    Fault::ResponseOutOfRange,
    Fault::Class,
    Fault::Authority,
    Fault::Repeated,
];

struct Asked {
    identity: Identity,
    challenge: [u8; 32],
    point: CompressedPoint,
    possession: Signature,
}

struct World<S: Suite> {
    secret: AuthoritySecret<S>,
    authority: Authority<'static, S>,
    table: GeneratorTable<S>,
    random: ChaCha20Rng,
}

impl<S: Suite> World<S> {
    fn new() -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(7);
        let secret = AuthoritySecret::<S>::generate(&mut random);
        let parameters = secret.parameters(Time::new(1).unwrap(), &Name::parse("city").unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, authority, table: GeneratorTable::new(), random }
    }

    fn asked(&mut self, index: u8, fault: Fault) -> Asked {
        let mut authority_prefix = self.authority.id().prefix();
        authority_prefix[0] ^= u8::from(fault == Fault::Authority);
        let identity = Identity::new(IdentityFields {
            suite: S::ID,
            class: if fault == Fault::Class { Class::Card } else { Class::Pseudonym },
            sectors: Sectors::ALL,
            authority_prefix,
            subject: Subject::from_bytes([index; 16]),
            not_before: Time::new(1_000).unwrap(),
            not_after: Time::new(2_000).unwrap(),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 0,
        });
        let holder = EnrolmentKey::<S>::generate(&mut self.random);
        let challenge = [index; 32];
        let proved = if fault == Fault::Challenge { [!index; 32] } else { challenge };
        let message = PossessionMessage::Pseudonym { period: 3, challenge: &proved };
        let possession = holder.prove_possession(self.authority.id(), message, &[index; 32]).unwrap();
        let mut bytes = *possession.as_bytes();
        match fault {
            Fault::Response => bytes[64] ^= 1,
            Fault::CommitmentOffCurve => bytes[1..33].fill(0xff),
            Fault::ResponseOutOfRange => bytes[33..].fill(0xff),
            _ => {}
        }
        let point = match fault {
            Fault::OtherPoint => *EnrolmentKey::<S>::generate(&mut self.random).point(),
            _ => *holder.point(),
        };
        Asked { identity: identity.unwrap(), challenge, point, possession: *Signature::parse(&bytes).unwrap() }
    }

    fn check(&mut self, faults: &[Fault]) {
        let mut asked = Vec::<Asked>::new();
        for (index, fault) in (0u8..).zip(faults) {
            let next = match (fault, asked.last()) {
                (Fault::Repeated, Some(Asked { identity, challenge, point, possession })) => {
                    Asked { identity: *identity, challenge: *challenge, point: *point, possession: *possession }
                }
                _ => self.asked(index, *fault),
            };
            asked.push(next);
        }
        let request = |asked: &'_ Asked| (asked.identity, asked.challenge, asked.point, asked.possession);
        let kept = asked.iter().map(request).collect::<Vec<_>>();
        let requests = kept.iter().map(|(identity, challenge, point, possession)| IssueRequest {
            identity,
            possession_of: PossessionMessage::Pseudonym { period: 3, challenge },
            holder_point: point,
            possession,
            random: *challenge,
        });
        let requests = requests.collect::<Vec<_>>();
        let together = self.secret.issue_batch(&self.authority, &self.table, &requests, &[8; 32]);
        assert_eq!(together.len(), faults.len());
        for ((request, together), fault) in requests.iter().zip(together).zip(faults) {
            let alone = self.secret.issue(
                &self.authority,
                request.identity,
                request.possession_of,
                request.holder_point,
                request.possession,
                &request.random,
            );
            assert_eq!(together, alone, "{fault:?} among {faults:?}");
            assert!(!matches!(fault, Fault::None) || alone.is_ok());
        }
    }
}

fn a_batch_agrees<S: Suite>() {
    let mut world = World::<S>::new();
    world.check(&[]);
    world.check(&[Fault::None; 1]);
    world.check(&[Fault::None; 40]);
    for fault in FAULTS {
        world.check(&[fault; 9]);
        world.check(&[[Fault::None; 8].as_slice(), &[fault], &[Fault::None; 8]].concat());
    }
    world.check(&FAULTS.repeat(3));
}

#[test]
fn on_p256_a_batch_gives_what_each_request_gives_by_itself() {
    a_batch_agrees::<P256>();
}

#[test]
fn on_secp256k1_a_batch_gives_what_each_request_gives_by_itself() {
    a_batch_agrees::<Secp256k1>();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_gives_what_each_gives_by_itself(picks in prop::collection::vec(0usize..20, 0..40)) {
        // Most are good, as they are in life.
        let faults = picks.into_iter().map(|pick| FAULTS.get(pick).copied().unwrap_or(Fault::None)).collect::<Vec<_>>();
        World::<Secp256k1>::new().check(&faults);
    }
}

/// Two proofs that are each false, but whose errors would cancel if a batch simply summed.
#[test]
fn errors_that_cancel_are_found() {
    let mut world = World::<P256>::new();
    let mut asked = (0..8).map(|index| world.asked(index, Fault::None)).collect::<Vec<_>>();
    for (index, change) in [(2, 1u8), (5, 0xff)] {
        let mut bytes = *asked[index].possession.as_bytes();
        // z + 1 and z - 1, unless a carry is in the way.
        let last = bytes[64];
        if change == 1 && last == 0xff || change == 0xff && last == 0 {
            return;
        }
        bytes[64] = last.wrapping_add(change);
        asked[index].possession = *Signature::parse(&bytes).unwrap();
    }
    let requests = asked.iter().map(|asked| IssueRequest {
        identity: &asked.identity,
        possession_of: PossessionMessage::Pseudonym { period: 3, challenge: &asked.challenge },
        holder_point: &asked.point,
        possession: &asked.possession,
        random: asked.challenge,
    });
    let requests = requests.collect::<Vec<_>>();
    let results = world.secret.issue_batch(&world.authority, &world.table, &requests, &[9; 32]);
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), [2, 5].contains(&index), "{index}");
    }
}

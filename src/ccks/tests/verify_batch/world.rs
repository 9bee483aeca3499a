//! An authority, many holders, and claims that are good or bad in a known way.

use elliptic_curve::point::AffineCoordinates;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use symbolon_ccks::*;

/// A suite whose points show their y-coordinates.
pub(crate) trait Shown: Suite<Affine: AffineCoordinates<FieldRepr: AsRef<[u8]>>> {}

impl<S: Suite<Affine: AffineCoordinates<FieldRepr: AsRef<[u8]>>>> Shown for S {}

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    // Those that hold all the same.
    /// The y-coordinates of the opposite points.
    OppositeHints,
    /// Another's.
    OtherHints,
    /// Above the modulus.
    LargeHints,
    // Those that do not.
    Response,
    /// z = n, which stands for 0.
    ResponseIsOrder,
    ResponseOutOfRange,
    Message,
    /// R of another signature.
    Commitment,
    /// -R, with its hint.
    OppositeCommitment,
    CommitmentOffCurve,
    /// x of R not below the modulus.
    CommitmentOutOfRange,
    /// P of another credential.
    Point,
    OppositePoint,
    PointOffCurve,
    PointOutOfRange,
    /// A purpose for which this class does not sign.
    Purpose,
    /// A purpose that another class signs for.
    Class,
    /// The prefix of another authority.
    Prefix,
    /// Another suite's credential.
    OtherSuite,
    /// Issued and signed under another authority.
    OtherAuthority,
}

impl Fault {
    pub(crate) const ALL: [Self; 21] = [
        Self::None,
        Self::OppositeHints,
        Self::OtherHints,
        Self::LargeHints,
        Self::Response,
        Self::ResponseIsOrder,
        Self::ResponseOutOfRange,
        Self::Message,
        Self::Commitment,
        Self::OppositeCommitment,
        Self::CommitmentOffCurve,
        Self::CommitmentOutOfRange,
        Self::Point,
        Self::OppositePoint,
        Self::PointOffCurve,
        Self::PointOutOfRange,
        Self::Purpose,
        Self::Class,
        Self::Prefix,
        Self::OtherSuite,
        Self::OtherAuthority,
    ];

    pub(crate) fn holds(self) -> bool {
        matches!(self, Self::None | Self::OppositeHints | Self::OtherHints | Self::LargeHints)
    }
}

/// A claim with everything in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned {
    pub(crate) credential: Credential,
    pub(crate) purpose: Purpose,
    pub(crate) message: [u8; 40],
    pub(crate) signature: Signature,
    pub(crate) hints: Option<Hints>,
    pub(crate) source: u32,
}

impl Owned {
    pub(crate) fn claim(&self) -> Claim<'_> {
        let message: [&[u8]; 2] = [&self.message[..7], &self.message[7..]];
        Claim::new(&self.credential, self.purpose, message, &self.signature)
            .with_hints(self.hints.as_ref())
            .from_source(self.source)
    }

    pub(crate) fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        authority.verify(Signer::Credential(&self.credential), self.purpose, &[&self.message], &self.signature)
    }

    /// The same with some bytes of its signature and credential changed, if they can be at all.
    pub(crate) fn patched(&self, signature: &[(usize, &[u8])], credential: &[(usize, &[u8])]) -> Self {
        let (mut signature_bytes, mut credential_bytes) = (*self.signature.as_bytes(), *self.credential.as_bytes());
        signature.iter().for_each(|(at, bytes)| signature_bytes[*at..at + bytes.len()].copy_from_slice(bytes));
        credential.iter().for_each(|(at, bytes)| credential_bytes[*at..at + bytes.len()].copy_from_slice(bytes));
        let signature = *Signature::parse(&signature_bytes).unwrap();
        Self { signature, credential: *Credential::parse(&credential_bytes).unwrap(), ..*self }
    }
}

/// An authority and keys under it, of every class in turn.
pub(crate) struct World<S: Suite> {
    pub(crate) authority: Authority<'static, S>,
    keys: Vec<SigningKey<S>>,
    other_keys: Vec<SigningKey<S>>,
    random: ChaCha20Rng,
}

const CLASSES: [Class; 3] = [Class::Card, Class::Terminal, Class::Pseudonym];

impl<S: Shown> World<S> {
    pub(crate) fn new(holders: usize) -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(11);
        let (authority, keys) = keys_of_an_authority::<S>(holders, &mut random);
        let (_, other_keys) = keys_of_an_authority::<S>(3, &mut random);
        Self { authority, keys, other_keys, random }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// A claim of a holder that holds, for a purpose of its class, with hints for every other message.
    pub(crate) fn good(&mut self, holder: usize) -> Owned {
        let (message, hedge) = (self.bytes(), self.bytes());
        signed(&self.keys[holder % self.keys.len()], message, &hedge)
    }

    /// A claim of a holder that has this fault.
    pub(crate) fn claim(&mut self, holder: usize, fault: Fault) -> Owned {
        let good = self.good(holder);
        let other = self.good(holder + 1);
        let [hints, others] = [&good, &other].map(|claim| hints::<S>(&claim.credential, &claim.signature));
        let opposite = |hints: &Hints| {
            Hints::new(opposite_y::<S>(hints.reconstruction_y()), opposite_y::<S>(hints.commitment_y()))
        };
        let with = |hints| Owned { hints: Some(hints), ..good };
        let order = S::encode_scalar(&-<S::Scalar as elliptic_curve::Field>::ONE);
        let order = core::array::from_fn::<u8, 32, _>(|index| order[index] + u8::from(index == 31));
        let flipped = |bytes: &[u8; 65], at: usize| [bytes[at] ^ 1];
        let (signature, credential) = (good.signature.as_bytes(), good.credential.as_bytes());
        let off_curve = off_curve::<S>();
        match fault {
            Fault::None => good,
            Fault::OppositeHints => with(opposite(&hints)),
            Fault::OtherHints => with(others),
            Fault::LargeHints => with(Hints::new([0xff; 32], [0xff; 32])),
            Fault::Response => good.patched(&[(64, &flipped(signature, 64))], &[]),
            Fault::ResponseIsOrder => good.patched(&[(33, &order)], &[]),
            Fault::ResponseOutOfRange => good.patched(&[(33, &[0xff; 32])], &[]),
            Fault::Message => Owned { message: other.message, ..good },
            Fault::Commitment => good.patched(&[(0, &other.signature.as_bytes()[..33])], &[]),
            Fault::OppositeCommitment => {
                let hint = Hints::new(*hints.reconstruction_y(), *opposite(&hints).commitment_y());
                with(hint).patched(&[(0, &flipped(signature, 0))], &[])
            }
            Fault::CommitmentOffCurve => good.patched(&[(1, &off_curve)], &[]),
            Fault::CommitmentOutOfRange => good.patched(&[(1, &[0xff; 32])], &[]),
            Fault::Point => good.patched(&[], &[(56, other.credential.reconstruction_point().as_bytes().as_slice())]),
            Fault::OppositePoint => good.patched(&[], &[(56, &[credential[56] ^ 1])]),
            Fault::PointOffCurve => good.patched(&[], &[(57, &off_curve)]),
            Fault::PointOutOfRange => good.patched(&[], &[(57, &[0xff; 32])]),
            Fault::Purpose => Owned { purpose: Purpose::Voucher, ..good },
            Fault::Class => {
                let is_terminal = good.credential.identity().class() == Class::Terminal;
                Owned { purpose: if is_terminal { Purpose::Transaction } else { Purpose::Receipt }, ..good }
            }
            Fault::Prefix => good.patched(&[], &[(4, &[credential[4] ^ 1])]),
            Fault::OtherSuite => good.patched(&[], &[(1, &[3 - credential[1]])]),
            Fault::OtherAuthority => {
                let (message, hedge) = (self.bytes(), self.bytes());
                signed(&self.other_keys[holder % self.other_keys.len()], message, &hedge)
            }
        }
    }

    /// Verifies as a batch and one by one; the verdicts must be the same. Gives them with the work that they took.
    pub(crate) fn verify_both_ways(&mut self, claims: &[Owned], bound: Bound) -> (Vec<bool>, Work) {
        let random = self.bytes();
        let given = claims.iter().map(Owned::claim).collect::<Vec<_>>();
        let (verdicts, work) = self.authority.verify_batch_with(Backend::best(), &given, &random, bound);
        let (portable, portable_work) = self.authority.verify_batch_with(Backend::Portable, &given, &random, bound);
        assert_eq!((&verdicts, work), (&portable, portable_work));
        let alone = claims.iter().map(|claim| claim.verify(&self.authority)).collect::<Vec<_>>();
        assert_eq!(verdicts, alone);
        (verdicts.iter().map(Result::is_ok).collect(), work)
    }

    /// The same for claims with these faults, by these holders; each claim must hold or not as its fault says.
    pub(crate) fn check(&mut self, faults: &[(usize, Fault)], bound: Bound) -> Work {
        let claims = faults.iter().map(|(holder, fault)| self.claim(*holder, *fault)).collect::<Vec<_>>();
        let (verdicts, work) = self.verify_both_ways(&claims, bound);
        for (index, (verdict, (_, fault))) in verdicts.iter().zip(faults).enumerate() {
            assert_eq!(*verdict, fault.holds(), "{index}: {fault:?}");
        }
        work
    }
}

fn keys_of_an_authority<S: Suite>(
    holders: usize,
    random: &mut ChaCha20Rng,
) -> (Authority<'static, S>, Vec<SigningKey<S>>) {
    let secret = AuthoritySecret::<S>::generate(random);
    let parameters = secret.parameters(Time::new(1).unwrap(), &Name::parse("city").unwrap());
    let authority = Authority::parse(&parameters).unwrap();
    let key = |index: usize| {
        let mut subject = [0; 16];
        subject[..8].copy_from_slice(&index.to_be_bytes());
        let identity = Identity::new(IdentityFields {
            suite: S::ID,
            class: CLASSES[index % 3],
            sectors: Sectors::ALL,
            authority_prefix: authority.id().prefix(),
            subject: Subject::from_bytes(subject),
            not_before: Time::new(1_000).unwrap(),
            not_after: Time::new(2_000).unwrap(),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 0,
        });
        let identity = identity.unwrap();
        let offer = Offer::new(identity, [1; 32]);
        let challenge = [2; 32];
        let message = match identity.class() {
            Class::Pseudonym => PossessionMessage::Pseudonym { period: 1, challenge: &challenge },
            _ => PossessionMessage::Offer(&offer),
        };
        let holder = EnrolmentKey::<S>::generate(random);
        let possession = holder.prove_possession(authority.id(), message, &[2; 32]).unwrap();
        let issued = secret.issue(&authority, &identity, message, holder.point(), &possession, &[3; 32]).unwrap();
        holder.complete(&authority, &identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
    };
    let keys = (0..holders).map(key).collect();
    (authority, keys)
}

fn signed<S: Shown>(key: &SigningKey<S>, message: [u8; 40], hedge: &[u8; 32]) -> Owned {
    let credential = *key.credential().unwrap();
    let purpose = match credential.identity().class() {
        Class::Terminal => [Purpose::Challenge, Purpose::Upload, Purpose::Receipt, Purpose::Request],
        Class::Card => [Purpose::Transaction, Purpose::Request, Purpose::Transaction, Purpose::Request],
        Class::Pseudonym => [Purpose::Transaction; 4],
    }[usize::from(message[0] % 4)];
    let signature = key.sign(purpose, &[&message], hedge).unwrap();
    let hints = (message[1] & 1 == 0).then(|| hints::<S>(&credential, &signature));
    Owned { credential, purpose, message, signature, hints, source: 0 }
}

/// The right hints.
fn hints<S: Shown>(credential: &Credential, signature: &Signature) -> Hints {
    Hints::new(y_of::<S>(credential.reconstruction_point()), y_of::<S>(signature.commitment()))
}

fn y_of<S: Shown>(point: &CompressedPoint) -> [u8; 32] {
    S::decode_point(point).unwrap().y().as_ref().try_into().unwrap()
}

/// p - y.
fn opposite_y<S: Shown>(y: &[u8; 32]) -> [u8; 32] {
    let y: Option<S::Field> = elliptic_curve::PrimeField::from_repr((*y).into()).into();
    elliptic_curve::PrimeField::to_repr(&S::settle(-y.unwrap())).into()
}

/// An x below the modulus that belongs to no point.
fn off_curve<S: Suite>() -> [u8; 32] {
    let candidates = (1..=255u8).map(|last| core::array::from_fn(|index| if index == 31 { last } else { 0 }));
    let is_off = |x: &[u8; 32]| {
        let bytes = [[2].as_slice(), x].concat();
        S::decode_point(CompressedPoint::parse(&bytes).unwrap()).is_none()
    };
    candidates.into_iter().find(is_off).unwrap()
}

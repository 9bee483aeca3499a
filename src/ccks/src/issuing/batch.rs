//! Issuing many at once: the same credentials and contributions as one by one, at a fraction of the cost.
//!
//! Proofs of possession are checked together, as the scheme's section 6 checks batches; multiples of the generator by the
//! issuer's nonces are made side by side from a table, in constant time; all of it shares inversions.

use super::{IssueError, Issued, PossessionMessage, issue::check_identity};
use crate::{
    Authority, AuthoritySecret, CompressedPoint, Identity, Purpose, Signature, Signer, Suite,
    batch::{
        affine::{Inverter, add_each_secret},
        comb::GeneratorTable,
        decode::decode_all_vartime,
        sum::{Term, sum_of_products_vartime},
    },
    curve::affine::Point,
    hash::sha256,
    signature::Statement,
};
use alloc::vec::Vec;
use elliptic_curve::{CurveGroup as _, Field as _, Group as _};
use sha2::{Digest as _, Sha256};
use subtle::Choice;
use zeroize::Zeroizing;

/// So few are checked one by one: a batch would not be faster.
const SINGLE: usize = 4;

/// One of many that are issued at once.
#[derive(Clone, Copy, Debug)]
pub struct IssueRequest<'a> {
    /// Who the credential will name.
    pub identity: &'a Identity,
    /// What possession is proved over.
    pub possession_of: PossessionMessage<'a>,
    /// U.
    pub holder_point: &'a CompressedPoint,
    /// The proof.
    pub possession: &'a Signature,
    /// 32 fresh random bytes, for this request alone.
    pub random: [u8; 32],
}

/// A proof of possession on its way into a batch.
struct Possession<S: Suite> {
    index: usize,
    holder: Point<S>,
    commitment: Point<S>,
    challenge: S::Scalar,
    response: S::Scalar,
    /// SHA-256 of R, z, c and U.
    digest: [u8; 32],
}

impl<S: Suite> AuthoritySecret<S> {
    /// Issues what [`Self::issue`] would issue for each request by itself; results in the order of the requests.
    ///
    /// `batch_random` is 32 fresh random bytes: whoever asks must not know the coefficients of the batch beforehand.
    /// A request that is refused does not hurt the others; a false proof costs a bisection.
    pub fn issue_batch(
        &self,
        authority: &Authority<'_, S>,
        table: &GeneratorTable<S>,
        requests: &[IssueRequest<'_>],
        batch_random: &[u8; 32],
    ) -> Vec<Result<Issued, IssueError>> {
        let refused = |request| Err(acceptable(authority, request).err().unwrap_or(IssueError::BadPossession));
        let mut results = requests.iter().map(refused).collect::<Vec<_>>();
        let readable = requests.iter().enumerate().filter(|(_, request)| acceptable(authority, request).is_ok());
        let proofs = read_all(authority, &readable.collect::<Vec<_>>());
        let mut proved = Vec::with_capacity(proofs.len());
        find_proved(authority, requests, &proofs, batch_random, &mut proved);
        let nonces = proved.iter().map(|proof| self.nonce(authority, &requests[proof.index])).collect::<Vec<_>>();
        let nonces = Zeroizing::new(nonces);
        for ((proof, nonce), point) in proved.iter().zip(&*nonces).zip(reconstruct(table, &proved, &nonces)) {
            let combine = |point| self.combine(authority, requests[proof.index].identity, nonce, point);
            results[proof.index] = point.and_then(combine).ok_or(IssueError::Degenerate);
        }
        results
    }

    fn nonce(&self, authority: &Authority<'_, S>, request: &IssueRequest<'_>) -> S::Scalar {
        self.issue_nonce(authority.id(), request.identity, request.holder_point, &request.random)
    }
}

fn acceptable<S: Suite>(authority: &Authority<'_, S>, request: &IssueRequest<'_>) -> Result<(), IssueError> {
    check_identity(authority, request.identity, &request.possession_of)
}

/// The proofs of requests with their indices, without those that have a point off the curve or z out of range.
fn read_all<S: Suite>(authority: &Authority<'_, S>, requests: &[(usize, &IssueRequest<'_>)]) -> Vec<Possession<S>> {
    let points = requests.iter().flat_map(|(_, request)| [request.holder_point, request.possession.commitment()]);
    let points = decode_all_vartime::<S>(&points.collect::<Vec<_>>());
    let (pairs, _) = points.as_chunks::<2>();
    let read = |((index, request), [holder, commitment]): (&(usize, &IssueRequest<'_>), &[Option<_>; 2])| {
        Possession::read(authority, *index, request, (*holder)?, (*commitment)?)
    };
    requests.iter().zip(pairs).filter_map(read).collect()
}

impl<S: Suite> Possession<S> {
    /// `None` when z is out of range.
    fn read(
        authority: &Authority<'_, S>,
        index: usize,
        request: &IssueRequest<'_>,
        holder: Point<S>,
        commitment: Point<S>,
    ) -> Option<Self> {
        let response = S::decode_scalar(request.possession.response())?;
        let signer = Signer::Point(request.holder_point);
        let challenge = request.possession_of.with_parts(|parts| {
            let statement = Statement::new(authority.id().as_bytes(), &signer, Purpose::Possession, parts)?;
            Some(statement.challenge::<S>(request.possession.commitment()))
        })?;
        let bytes: [&[u8]; 3] =
            [request.possession.as_bytes(), &S::encode_scalar(&challenge), request.holder_point.as_bytes()];
        Some(Self { index, holder, commitment, challenge, response, digest: sha256(&bytes) })
    }
}

/// Finds the proofs that hold: all at once, or each half by itself when they do not, down to few that are checked one by
/// one.
fn find_proved<'p, S: Suite>(
    authority: &Authority<'_, S>,
    requests: &[IssueRequest<'_>],
    proofs: &'p [Possession<S>],
    random: &[u8; 32],
    proved: &mut Vec<&'p Possession<S>>,
) {
    if proofs.len() <= SINGLE {
        let holds = |proof: &&Possession<S>| {
            let request = &requests[proof.index];
            request.possession_of.verify(authority, request.holder_point, request.possession)
        };
        proved.extend(proofs.iter().filter(holds));
    } else if all_hold(proofs, random) {
        proved.extend(proofs);
    } else {
        let (first, second) = proofs.split_at(proofs.len() / 2);
        for (half, name) in [(first, [0]), (second, [1])] {
            find_proved(authority, requests, half, &sha256(&[random, &name]), proved);
        }
    }
}

/// Whether sum(w z) G = sum(w R) + sum(w c U), with coefficients w that follow from `random` and everything checked.
fn all_hold<S: Suite>(proofs: &[Possession<S>], random: &[u8; 32]) -> bool {
    let mut all = Sha256::new_with_prefix((proofs.len() as u32).to_be_bytes());
    proofs.iter().for_each(|proof| all.update(proof.digest));
    let all: [u8; 32] = all.finalize().into();
    let mut terms = Vec::with_capacity(2 * proofs.len() + 1);
    let mut responses = S::Scalar::ZERO;
    for (proof, index) in proofs.iter().zip(0u32..) {
        let coefficient = coefficient(random, index, &all);
        let Some(weight) = S::decode_scalar(&coefficient) else { return false };
        responses += weight * proof.response;
        terms.push(Term { point: proof.commitment, scalar: coefficient });
        terms.push(Term { point: proof.holder, scalar: S::encode_scalar(&(weight * proof.challenge)) });
    }
    let generator = Point::of(&S::Projective::generator().to_affine());
    terms.push(Term { point: generator, scalar: S::encode_scalar(&-responses) });
    sum_of_products_vartime(&terms).is_some_and(|sum| bool::from(sum.is_identity()))
}

/// 128 bits that nobody can foresee, not zero, as a scalar's 32 bytes.
fn coefficient(random: &[u8; 32], index: u32, all: &[u8; 32]) -> [u8; 32] {
    let mut coefficient = sha256(&[b"SYMBOLON-V1-BATCH", random, &index.to_be_bytes(), all]);
    coefficient.copy_within(..16, 16);
    coefficient[..16].fill(0);
    if coefficient == [0; 32] {
        coefficient[31] = 1;
    }
    coefficient
}

/// P = U + kG for each, in constant time; `None` for a P that must not be.
fn reconstruct<S: Suite>(
    table: &GeneratorTable<S>,
    proved: &[&Possession<S>],
    nonces: &[S::Scalar],
) -> Vec<Option<CompressedPoint>> {
    let multiples = table.multiply_all(nonces);
    let mut degenerate =
        multiples.iter().map(|multiple| Choice::from(u8::from(multiple.is_none()))).collect::<Vec<_>>();
    let stand_in = |(multiple, proof): (Option<Point<S>>, &&Possession<S>)| multiple.unwrap_or(proof.holder);
    let mut sums = multiples.into_iter().zip(proved).map(stand_in).collect::<Vec<_>>();
    let holders = proved.iter().map(|proof| proof.holder).collect::<Vec<_>>();
    let added = add_each_secret(&mut sums, &holders, &mut degenerate, &mut Inverter::default(), &mut Vec::new());
    let good = |degenerate: Choice| added.is_some() && !bool::from(degenerate);
    sums.iter().zip(degenerate).map(|(sum, degenerate)| good(degenerate).then(|| sum.compressed()).flatten()).collect()
}

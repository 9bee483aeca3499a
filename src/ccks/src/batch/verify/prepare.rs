//! Everything about claims that does not change from equation to equation: hashes, decoded points, who signs more than once.

use super::{
    Claim,
    hashing::{Expander, Indexer, SIDE_BY_SIDE},
    order::{Words, bytes, words},
};
use crate::{Authority, Credential, Suite};
use alloc::vec::Vec;
use symbolon_multiscalar::{Affine, Backend, Encoded, decode_with};

/// Somebody who signs, once however often.
pub(super) struct Holder<S: Suite> {
    /// P.
    pub(super) point: Affine<S::PublicCurve>,
    /// e, in Montgomery's form.
    pub(super) factor: Words,
    /// The 64 digits that pick the matrix points, four bits each.
    pub(super) digits: [u8; 32],
    /// D, once it was asked for; the inner `None` is the identity.
    pub(super) matrix_point: Option<Option<Affine<S::PublicCurve>>>,
}

/// A claim in which every part is well formed.
pub(super) struct Record<S: Suite> {
    /// Which claim it is.
    pub(super) claim: usize,
    pub(super) holder: usize,
    /// R.
    pub(super) commitment: Affine<S::PublicCurve>,
    /// c.
    pub(super) challenge: Words,
    /// z.
    pub(super) response: Words,
}

/// A claim that a signer of its class may make, with z in range, of a credential of this authority.
struct Candidate {
    claim: usize,
    holder: usize,
    challenge: Words,
    response: Words,
}

/// Reads claims: the holders, and the records of those claims that may hold at all. The others do not, as
/// [`Authority::verify`] would say.
pub(super) fn prepare<S: Suite>(
    backend: Backend,
    authority: &Authority<'_, S>,
    claims: &[Claim<'_>],
) -> (Vec<Holder<S>>, Vec<Record<S>>) {
    let mut signature = Expander::new::<S>("SIGNATURE");
    let mut signers = Signers::new(claims.len());
    let mut candidates = Vec::with_capacity(claims.len());
    for (index, claim) in claims.iter().enumerate() {
        let identity = claim.credential.identity();
        let is_of_authority = identity.suite() == S::ID && identity.authority_prefix() == authority.id().prefix();
        if !is_of_authority || !claim.signer().may_sign(claim.purpose, authority.name()) {
            continue;
        }
        let Some(response) = S::ORDER.parse(claim.signature.response()) else { continue };
        let holder = signers.find_or_add(claim);
        candidates.push(Candidate { claim: index, holder, challenge: [0; 4], response });
    }
    for candidates in candidates.chunks_mut(SIDE_BY_SIDE) {
        for (place, candidate) in candidates.iter().enumerate() {
            claims[candidate.claim].with_statement(authority.id(), |parts| signature.lay_out(place, parts));
        }
        for (candidate, expanded) in candidates.iter_mut().zip(signature.expand()) {
            candidate.challenge = expanded.residue(&S::ORDER);
        }
    }
    read_points(backend, authority, claims, &signers.firsts, candidates)
}

/// Decodes P of every signer, whose first claims these are, and R of every candidate.
fn read_points<S: Suite>(
    backend: Backend,
    authority: &Authority<'_, S>,
    claims: &[Claim<'_>],
    firsts: &[&Claim<'_>],
    candidates: Vec<Candidate>,
) -> (Vec<Holder<S>>, Vec<Record<S>>) {
    let mut encoded = Vec::with_capacity(firsts.len() + candidates.len());
    encoded.extend(firsts.iter().map(|claim| {
        let point = claim.credential.reconstruction_point();
        Encoded { x: *point.x(), is_odd: point.y_is_odd(), hint: claim.hints.map(|hints| *hints.reconstruction_y()) }
    }));
    encoded.extend(candidates.iter().map(|candidate| {
        let Claim { signature, hints, .. } = &claims[candidate.claim];
        let point = signature.commitment();
        Encoded { x: *point.x(), is_odd: point.y_is_odd(), hint: hints.map(|hints| *hints.commitment_y()) }
    }));
    let decoded = decode_with::<S::PublicCurve>(backend, &encoded);
    let (points, commitments) = decoded.split_at(firsts.len());

    let (mut credential, mut indexer) = (Expander::new::<S>("CREDENTIAL"), Indexer::new(authority.id()));
    // Where each signer is among the holders, if it is one.
    let mut places = Vec::with_capacity(firsts.len());
    let mut holders = Vec::with_capacity(firsts.len());
    for (firsts, points) in firsts.chunks(SIDE_BY_SIDE).zip(points.chunks(SIDE_BY_SIDE)) {
        for (place, claim) in firsts.iter().enumerate() {
            credential.lay_out(place, &[authority.id().as_bytes(), claim.credential.as_bytes()]);
        }
        for ((claim, point), expanded) in firsts.iter().zip(points).zip(credential.expand()) {
            let factor = expanded.residue_in_form(&S::ORDER);
            let place = point.filter(|_| factor != [0; 4]).map(|point| {
                let digits = indexer.digits(claim.credential.identity());
                holders.push(Holder { point, factor, digits, matrix_point: None });
                holders.len() - 1
            });
            places.push(place);
        }
    }
    let records = candidates.into_iter().zip(commitments).filter_map(|(candidate, commitment)| {
        let Candidate { claim, holder, challenge, response } = candidate;
        Some(Record { claim, holder: places[holder]?, commitment: (*commitment)?, challenge, response })
    });
    let records = records.collect();
    (holders, records)
}

/// The signers that were met so far.
///
/// A table of few probes finds those that sign more than once. Whoever makes up credentials so that they meet in it gains
/// nothing: a signer that is not found is one more signer, which costs time that the batch would have saved.
struct Signers<'c, 'a> {
    /// The first claim of each.
    firsts: Vec<&'c Claim<'a>>,
    /// Indices of signers, one more than they are.
    table: Vec<u32>,
}

impl<'c, 'a> Signers<'c, 'a> {
    const PROBES: usize = 4;

    fn new(claims: usize) -> Self {
        let table = alloc::vec![0; (2 * claims).next_power_of_two()];
        Self { firsts: Vec::with_capacity(claims), table }
    }

    fn find_or_add(&mut self, claim: &'c Claim<'a>) -> usize {
        // P's last bytes: as good as random, since P is.
        let start = words(claim.credential.reconstruction_point().x())[0] as usize;
        for probe in 0..Self::PROBES {
            let mask = self.table.len() - 1;
            let place = &mut self.table[start.wrapping_add(probe) & mask];
            match place.checked_sub(1).map(|index| index as usize) {
                None => {
                    self.firsts.push(claim);
                    *place = self.firsts.len() as u32;
                    return self.firsts.len() - 1;
                }
                Some(index) if self.firsts[index].credential == claim.credential => return index,
                Some(_) => {}
            }
        }
        self.firsts.push(claim);
        self.firsts.len() - 1
    }
}

/// What an equation's transcript has of a record: R, z, c, the credential.
pub(super) fn transcript_parts<'a, S: Suite>(
    claim: &Claim<'a>,
    record: &Record<S>,
) -> (&'a [u8; 65], [u8; 32], &'a [u8; Credential::SIZE]) {
    (claim.signature.as_bytes(), bytes(&record.challenge), claim.credential.as_bytes())
}

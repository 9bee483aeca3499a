//! The points and factors of a sum, as the arithmetic wants them.

use super::{
    Term,
    number::{Factor, bits},
    plan::Plan,
    split::split,
};
use crate::{Curve, field::VectorField};
use alloc::vec::Vec;

/// The points of a sum and what each is multiplied by. Terms without effect are left out; a long factor of secp256k1 is two short
/// ones, of the point and of its image.
pub(super) struct Table<'t, C: Curve> {
    terms: &'t [Term<C>],
    /// Of each point, its term, and whether it is the image.
    sources: Vec<(u32, bool)>,
    /// Of each point, the factor.
    pub(super) factors: Vec<Factor>,
}

impl<'t, C: Curve> Table<'t, C> {
    /// Of these terms, and how to sum them.
    pub(super) fn of(terms: &'t [Term<C>]) -> (Self, Plan) {
        let mut table =
            Self { terms, sources: Vec::with_capacity(terms.len()), factors: Vec::with_capacity(terms.len()) };
        for (index, term) in (0..).zip(terms) {
            let factor = Factor::nearest::<C>(&term.scalar);
            if C::BETA.is_some() && bits(&factor.magnitude) > 128 {
                let [own, image] = split(&factor);
                table.push(index, false, own);
                table.push(index, true, image);
            } else {
                table.push(index, false, factor);
            }
        }
        let plan = Plan::of(&table.factors);
        (table, plan)
    }

    fn push(&mut self, term: u32, is_image: bool, factor: Factor) {
        if factor.magnitude != [0; 4] {
            self.sources.push((term, is_image));
            self.factors.push(factor);
        }
    }

    /// The points' coordinates, after so many places that are left free and with room for so many more.
    pub(super) fn points<F: VectorField>(&self, _field: F, free: usize, room: usize) -> Vec<[F::Packed; 2]> {
        let beta = C::BETA.and_then(|beta| F::from_bytes(&beta)).unwrap_or_default();
        let mut points = Vec::with_capacity(free + self.sources.len() + room);
        points.resize(free, [F::Packed::default(); 2]);
        for (term, is_image) in &self.sources {
            let point = &self.terms[*term as usize].point;
            let [x, y] = [point.x(), point.y()].map(|coordinate| F::from_bytes(coordinate).unwrap_or_default());
            points.push([if *is_image { F::mul_packed(&x, &beta) } else { x }, y]);
        }
        points
    }
}

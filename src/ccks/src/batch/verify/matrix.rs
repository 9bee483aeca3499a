//! The points D of several signers at once.

use crate::{Authority, COLUMNS, ROWS, Suite};
use alloc::vec::Vec;
use symbolon_multiscalar::{Affine, Backend, sums_of_groups_vartime};

/// From so many on, sums that share their inversions are quicker than one at a time.
const TOGETHER_FROM: usize = 3;

/// D of each of these digits (two a byte, the first in the high half), where the inner `None` is the identity; `None` where
/// matrix points cannot be read where they are kept.
pub(super) fn matrix_points<S: Suite>(
    backend: Backend,
    authority: &Authority<'_, S>,
    digits: &[&[u8; COLUMNS / 2]],
) -> Option<Vec<Option<Affine<S::PublicCurve>>>> {
    if digits.len() < TOGETHER_FROM {
        return digits.iter().map(|digits| authority.public_matrix_point(digits)).collect();
    }
    // Of the cells those that somebody uses, once each, and one more than where each is among them.
    let (mut cells, mut places) = (Vec::with_capacity(COLUMNS * ROWS), [0u16; COLUMNS * ROWS]);
    let mut groups = Vec::with_capacity(digits.len());
    for digits in digits {
        let mut group = [0; COLUMNS];
        for (column, place) in group.iter_mut().enumerate() {
            let pair = digits[column / 2];
            let row = if column % 2 == 0 { pair >> 4 } else { pair & 0x0f };
            let cell = column * ROWS + usize::from(row);
            if places[cell] == 0 {
                cells.push(authority.public_matrix_cell(cell)?);
                places[cell] = cells.len() as u16;
            }
            *place = places[cell] - 1;
        }
        groups.push(group);
    }
    Some(sums_of_groups_vartime(backend, &cells, &groups))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuthoritySecret, Name, P256, Secp256k1, Time};
    use rand_chacha::{
        ChaCha20Rng,
        rand_core::{Rng as _, SeedableRng as _},
    };

    fn agrees_with_one_at_a_time<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(11);
        let secret = AuthoritySecret::<S>::generate(&mut random);
        let parameters = secret.parameters(Time::new(1).unwrap(), &Name::parse("city").unwrap());
        let authority = Authority::<S>::parse(&parameters).unwrap();
        let mut digits = [[0; COLUMNS / 2]; 20];
        // Two that are the same, and two that differ in their last cell.
        digits[3..].iter_mut().for_each(|digits| random.fill_bytes(digits));
        digits[2][31] = 1;
        for count in [0, 1, TOGETHER_FROM - 1, TOGETHER_FROM, digits.len()] {
            let digits = digits[..count].iter().collect::<Vec<_>>();
            let expected =
                digits.iter().map(|digits| authority.public_matrix_point(digits)).collect::<Option<Vec<_>>>();
            for backend in [Backend::Portable, Backend::Ifma] {
                assert_eq!(matrix_points(backend, &authority, &digits), expected, "{count}");
            }
        }
    }

    #[test]
    fn p256_agrees_with_one_at_a_time() {
        agrees_with_one_at_a_time::<P256>();
    }

    #[test]
    fn secp256k1_agrees_with_one_at_a_time() {
        agrees_with_one_at_a_time::<Secp256k1>();
    }
}

//! Each backend's field arithmetic is that of the curves' own crates, after every step of any program.
//!
//! The input is three numbers and steps of two bytes: the operation and the register that takes what comes of it, and three
//! registers that it works on, with two bits more. A register is a vector of elements; the lanes begin with different numbers.
#![no_main]

use elliptic_curve::{PrimeField, array::Array, consts::U32, hazmat::FieldArithmetic};
use libfuzzer_sys::fuzz_target;
use symbolon_multiscalar::{
    P256, Secp256k1,
    field::{Modulus, Portable, VectorField, Work},
};

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    if selector & 1 == 0 {
        on_every_backend::<P256>(bytes);
    } else {
        on_every_backend::<Secp256k1>(bytes);
    }
});

/// The field in its curve's own crate.
trait Stock: Modulus {
    type Element: PrimeField<Repr = Array<u8, U32>>;
}

impl Stock for P256 {
    type Element = <p256::NistP256 as FieldArithmetic>::FieldElement;
}

impl Stock for Secp256k1 {
    type Element = <k256::Secp256k1 as FieldArithmetic>::FieldElement;
}

fn on_every_backend<M: Stock>(bytes: &[u8]) {
    let mut numbers = [[0; 32]; 3];
    let (own, steps) = bytes.split_at(bytes.len().min(96));
    numbers.as_flattened_mut()[..own.len()].copy_from_slice(own);
    let numbers = numbers.map(element::<M::Element>);
    let program = Program { numbers, steps };
    Portable::<M>::default().run(program);
    #[cfg(target_arch = "x86_64")]
    if let Some(ifma) = symbolon_multiscalar::field::Ifma::<M>::detect() {
        ifma.run(program);
    }
}

/// The number, or where it is not below the modulus, minus what it lacks to 2^256.
fn element<E: PrimeField<Repr = Array<u8, U32>>>(bytes: [u8; 32]) -> E {
    Option::from(E::from_repr(Array(bytes))).unwrap_or_else(|| {
        let lacks = E::from_repr(Array(bytes.map(|byte| !byte)));
        settled(-settled(Option::<E>::from(lacks).expect("below 2^255") + E::ONE))
    })
}

/// The same element, as some field wants it before it is negated or compared.
fn settled<E: PrimeField>(element: E) -> E {
    Option::from(E::from_repr(element.to_repr())).expect("its own bytes")
}

#[derive(Clone, Copy)]
struct Program<'a, E> {
    numbers: [E; 3],
    steps: &'a [u8],
}

impl<E: PrimeField<Repr = Array<u8, U32>>, F: VectorField> Work<F> for Program<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self, field: F) {
        let mut machine = Machine::new(field, &self.numbers);
        for step in self.steps.chunks_exact(2).take(48) {
            machine.step(step[0], step[1]);
        }
    }
}

/// Four registers in the field and beside it.
struct Machine<F: VectorField, E> {
    field: F,
    vectors: [F::Vector; 4],
    expected: [Vec<E>; 4],
}

impl<F: VectorField, E: PrimeField<Repr = Array<u8, U32>>> Machine<F, E> {
    fn new(field: F, numbers: &[E; 3]) -> Self {
        let expected = [0, 1, 2, 3].map(|register| {
            (0..F::WIDTH).map(|lane| settled(numbers[(register + lane) % 3] + E::from((lane / 3) as u64))).collect()
        });
        let vectors = expected.each_ref().map(|lanes: &Vec<E>| {
            let packed: Vec<_> = lanes.iter().map(|lane| F::from_bytes(&lane.to_repr().0).expect("below")).collect();
            field.load(&packed)
        });
        Self { field, vectors, expected }
    }

    #[inline(always)]
    fn step(&mut self, operation: u8, registers: u8) {
        let field = self.field;
        let which = [registers & 3, registers >> 2 & 3, registers >> 4 & 3].map(usize::from);
        let [a, b, c] = which.map(|register| self.vectors[register]);
        let mask = registers.rotate_left(3) ^ operation;
        let negative = |mask: u8, lane: usize, a: E| if mask >> lane & 1 == 1 { -a } else { a };
        let to = usize::from(operation >> 4 & 3);
        let (vector, expected) = match operation & 15 {
            0 | 1 => (field.mul(a, b), self.each(which, |_, [a, b, _]| a * b)),
            2 => (field.square(a), self.each(which, |_, [a, _, _]| a.square())),
            3 => (field.reduce(field.add(a, b)), self.each(which, |_, [a, b, _]| a + b)),
            4 => (field.reduce(field.sub(a, b)), self.each(which, |_, [a, b, _]| a - b)),
            5 => (field.mul(field.add(a, b), c), self.each(which, |_, [a, b, c]| (a + b) * c)),
            6 => {
                let product = field.mul(field.sub(a, b), field.add(b, c));
                (product, self.each(which, |_, [a, b, c]| (a - b) * settled(b + c)))
            }
            7 => (field.mul_sub(a, b, c), self.each(which, |_, [a, b, c]| a * b - c)),
            8 => (field.mul_sub(field.sub(a, b), field.sub(c, b), a), {
                self.each(which, |_, [a, b, c]| settled(a - b) * settled(c - b) - a)
            }),
            9 => (field.square_sub(a, [b, c]), self.each(which, |_, [a, b, c]| settled(a.square() - b) - c)),
            10 => (field.square_sub(field.sub(a, c), [b, b]), {
                self.each(which, |_, [a, b, c]| settled(settled(a - c).square() - b) - b)
            }),
            11 => (field.negate_if(mask, a), self.each(which, |lane, [a, _, _]| negative(mask, lane, a))),
            12 => (field.select(mask, a, b), {
                self.each(which, |lane, [a, b, _]| if mask >> lane & 1 == 1 { b } else { a })
            }),
            13 => self.inverted(a, which[0]),
            14 => (a, self.each(which, |_, [a, _, _]| a)),
            _ => (field.mul(field.sub(a, a), c), self.each(which, |_, _| E::ZERO)),
        };
        self.compare_masks(which);
        self.vectors[to] = vector;
        self.expected[to] = expected;
        self.compare(to);
        if mask & 0x40 != 0 {
            // As it is in memory, below the modulus, where otherwise it need not be.
            let mut packed = vec![F::Packed::default(); F::WIDTH];
            field.store(vector, &mut packed);
            self.vectors[to] = field.load(&packed);
        }
    }

    /// What comes of each lane.
    #[inline(always)]
    fn each(&self, which: [usize; 3], operation: impl Fn(usize, [E; 3]) -> E) -> Vec<E> {
        let lanes = 0..F::WIDTH;
        lanes.map(|lane| settled(operation(lane, which.map(|register| self.expected[register][lane])))).collect()
    }

    /// The inverse of the first lane everywhere, zero where it has none.
    fn inverted(&self, vector: F::Vector, register: usize) -> (F::Vector, Vec<E>) {
        let mut packed = vec![F::Packed::default(); F::WIDTH];
        self.field.store(vector, &mut packed);
        let inverse = F::invert(&packed[0]).unwrap_or_default();
        let expected = Option::from(self.expected[register][0].invert()).unwrap_or(E::ZERO);
        (self.field.splat(&inverse), vec![settled(expected); F::WIDTH])
    }

    fn compare_masks(&self, [a, b, _]: [usize; 3]) {
        let (field, left, right) = (self.field, &self.expected[a], &self.expected[b]);
        let mask = |holds: &dyn Fn(usize) -> bool| (0..F::WIDTH).map(|lane| u8::from(holds(lane)) << lane).sum::<u8>();
        let equal = mask(&|lane| left[lane] == right[lane]);
        assert_eq!(field.equals(self.vectors[a], self.vectors[b]), equal);
        assert_eq!(field.zeros(field.sub(self.vectors[a], self.vectors[b])), equal);
        assert_eq!(field.zeros(self.vectors[a]), mask(&|lane| left[lane].is_zero().into()));
        assert_eq!(field.odds(self.vectors[a]), mask(&|lane| left[lane].is_odd().into()));
    }

    fn compare(&self, register: usize) {
        let mut packed = vec![F::Packed::default(); F::WIDTH];
        self.field.store(self.vectors[register], &mut packed);
        for (lane, expected) in packed.iter().zip(&self.expected[register]) {
            assert_eq!(F::to_bytes(lane), expected.to_repr().0);
        }
    }
}

//! Where everything that happens comes from: streams of one seed.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::sync::{Mutex, PoisonError};
use symbolon_service::Entropy;

/// What a stream is for. Each has its own, so that none depends on how much another has drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Who does what, when and where.
    City,
    /// What is lost, doubled or late between terminals and the service.
    Network,
    /// What is lost between the roles of a service, by the number of its authority.
    Lines(u8),
    /// Keys and nonces of cards and terminals.
    Devices,
    /// A role's own randomness, by the role's number: the roles work side by side, and which of them draws first is not
    /// the seed's to say.
    Role(u64),
}

impl Stream {
    const fn number(self) -> u64 {
        match self {
            Self::City => 1,
            Self::Network => 2,
            Self::Lines(generation) => 3 + 1_000 * generation as u64,
            Self::Devices => 4,
            Self::Role(role) => 5 + role,
        }
    }
}

/// A stream of the city's seed.
#[derive(Debug)]
pub(super) struct Draws(ChaCha20Rng);

impl Draws {
    /// The stream for this use.
    pub(super) fn new(seed: u64, stream: Stream) -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        random.set_stream(stream.number());
        Self(random)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The bias of the remainder is of no account against 2^64.
        self.0.next_u64() % bound.max(1)
    }

    /// A place in something of this length.
    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// Whether something happens that does so in so many cases of a hundred.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Fresh bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A generator of its own, as devices and the curves' crates take one.
    pub(super) fn generator(&mut self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.bytes())
    }
}

/// The randomness of a role of the service.
pub(super) struct Seeded(Mutex<Draws>);

impl Seeded {
    pub(super) fn new(seed: u64, role: u64) -> Self {
        Self(Mutex::new(Draws::new(seed, Stream::Role(role))))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.fill_bytes(bytes);
    }
}

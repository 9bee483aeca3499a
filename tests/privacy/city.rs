//! The month's taps made for real: each pseudonym asked for, sealed, issued, answered, completed and presented.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use symbolon::linking::ObservedTap;
use symbolon_ccks::*;
use symbolon_pseudonym::*;
use symbolon_service::PseudonymPolicy;
use symbolon_tap::{Flags, Kind, Presentation, SelectResponse, Terms, TermsFields};

use crate::month::{self, Planned};

/// Beijing is so far ahead of UTC.
const AHEAD_SECONDS: u64 = 8 * 3_600;
/// So many taps of each card are made for real, drawn from all of its month.
const REAL_PER_CARD: usize = 10;
/// Where the credential's subject stands in what a tap shows.
pub(crate) const SUBJECT: usize = SHOWN_BEFORE + 5 + 12;
/// Select response and the holder's half of the nonce come before the presentation.
pub(crate) const SHOWN_BEFORE: usize = SelectResponse::SIZE + 8;

/// A tap that was made, and what the roles hold of its pseudonym.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) planned: Planned,
    pub(crate) period: Period,
    /// Select response 20 | holder's nonce 8, as the terms repeat it | presentation 159.
    pub(crate) shown: Vec<u8>,
    /// What the issuer holds: the sealed item as it came and what was in it, both values, the tag, the answer.
    pub(crate) issued: Vec<u8>,
    /// What the two linkage authorities gave.
    pub(crate) values: [LinkageValue; 2],
}

/// The one month that all tests look at, as planned.
pub(crate) static PLANNED: LazyLock<Vec<Planned>> = LazyLock::new(|| month::plan(1));

/// Its taps that were made for real.
pub(crate) static MADE: LazyLock<Vec<Made>> = LazyLock::new(|| {
    let chosen = choose(&PLANNED);
    let city = City::new();
    // Two threads, each with a randomness of its own, so that what is made does not depend on which is faster.
    let (first, second) = chosen.split_at(chosen.len() / 2);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| city.make(first, 1));
        let second = city.make(second, 2);
        [first.join().unwrap(), second].concat()
    })
});

/// The period that is at this time of Beijing's clocks.
pub(crate) fn period_at(local_seconds: u64) -> Period {
    Period::at(Time::new(local_seconds - AHEAD_SECONDS).unwrap(), PeriodBoundary::DEFAULT).unwrap()
}

/// A planned tap and which of its card's pseudonyms of the period it is under: a fresh one for each.
type Chosen = (Planned, Period, u32);

/// Draws taps from each card's month.
fn choose(planned: &[Planned]) -> Vec<Chosen> {
    let mut random = ChaCha20Rng::seed_from_u64(2);
    let mut used: BTreeMap<(u32, Period), u32> = BTreeMap::new();
    let mut by_card: BTreeMap<u32, Vec<Chosen>> = BTreeMap::new();
    for tap in planned {
        let period = period_at(tap.habit.time_seconds);
        let j = used.entry((tap.card, period)).or_default();
        by_card.entry(tap.card).or_default().push((*tap, period, *j));
        *j += 1;
    }
    for taps in by_card.values_mut() {
        while taps.len() > REAL_PER_CARD {
            let index = (random.next_u64() % taps.len() as u64) as usize;
            taps.swap_remove(index);
        }
    }
    by_card.into_values().flatten().collect()
}

struct City {
    secret: AuthoritySecret<P256>,
    authority: Authority<'static, P256>,
    table: GeneratorTable<P256>,
    issuer: SealingSecret,
    issuance: Issuance,
    pairwise: PairwiseKey,
}

/// A pseudonym that was asked for: the wallet's half, and what the issuer is passed.
struct Asked {
    asking: Asking<P256>,
    item: RequestItem,
    challenge: ItemChallenge,
    content: ItemContent,
    identity: Identity,
    values: [LinkageValue; 2],
    tag: ClearingTag,
}

fn bytes<const N: usize>(random: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

impl City {
    fn new() -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(3);
        let secret = AuthoritySecret::generate(&mut random);
        let created = Time::new(1_790_000_000).unwrap();
        let parameters = secret.parameters(created, &Name::parse("city.example").unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        let issuer = SealingSecret::generate(&mut random);
        let policy = PseudonymPolicy::default();
        let key = SealingKey::from_bytes(*issuer.public().as_bytes());
        let issuance = Issuance::new(policy.boundary, policy.per_period, key, policy.profiles).unwrap();
        let pairwise = PairwiseKey::from_bytes(bytes(&mut random));
        Self { secret, authority, table: GeneratorTable::new(), issuer, issuance, pairwise }
    }

    fn make(&self, chosen: &[Chosen], stream: u64) -> Vec<Made> {
        let mut random = ChaCha20Rng::seed_from_u64(4);
        random.set_stream(stream);
        chosen.chunks(512).flat_map(|chosen| self.make_batch(chosen, &mut random)).collect()
    }

    fn make_batch(&self, chosen: &[Chosen], random: &mut ChaCha20Rng) -> Vec<Made> {
        let asked: Vec<Asked> = chosen.iter().map(|chosen| self.ask(chosen, random)).collect();
        let requests: Vec<_> = asked.iter().map(|asked| asked.to_issue(bytes(random))).collect();
        let issued = self.secret.issue_batch(&self.authority, &self.table, &requests, &bytes(random));
        let answers = issued.into_iter().map(Result::unwrap);
        chosen
            .iter()
            .zip(asked)
            .zip(answers)
            .map(|((chosen, asked), issued)| self.present(chosen, &asked, issued, random))
            .collect()
    }

    /// The wallet asks, the linkage authorities give, the attester tags, the issuer opens.
    fn ask(&self, (tap, period, j): &Chosen, random: &mut ChaCha20Rng) -> Asked {
        let challenge = ItemChallenge::of(&seed_of(5, tap.card, period.number()), *j);
        let profile = ProfileId(tap.profile);
        let id = self.authority.id();
        let (asking, item) = Asking::begin(id, &self.issuance, *period, profile, &challenge, random).unwrap();
        let values = LinkageAuthority::ALL.map(|authority| {
            let seed = LinkageSeed::from_bytes(seed_of(authority.byte(), tap.card, 0));
            seed.after(authority, period.number() - period_at(FIRST).number()).value(*j)
        });
        let account = AccountHandle::from_bytes(seed_of(7, tap.card, 0)[..16].try_into().unwrap());
        let tag = ClearingTag::seal(&account, TagUse::Pseudonym(*period), &self.pairwise, bytes(random));
        let content = item.sealed.open(id, &challenge, &item.commitment, &self.issuer).unwrap();
        let subject = values[0].subject_with(&values[1]);
        let profile = self.issuance.profile(profile).unwrap();
        let boundary = self.issuance.boundary();
        let identity = profile.identity(SuiteId::P256Sha256, id.prefix(), subject, *period, boundary).unwrap();
        Asked { asking, item, challenge, content, identity, values, tag }
    }

    /// The wallet completes the pseudonym and pays with it.
    fn present(&self, (tap, period, _): &Chosen, asked: &Asked, issued: Issued, random: &mut ChaCha20Rng) -> Made {
        let archived = [
            asked.item.sealed.as_bytes().as_slice(),
            asked.item.commitment.as_bytes(),
            asked.challenge.as_bytes(),
            asked.content.point.as_bytes(),
            asked.content.possession.as_bytes(),
            &asked.content.salt,
            asked.content.response_key.as_bytes(),
            asked.values[0].as_bytes(),
            asked.values[1].as_bytes(),
            asked.tag.as_bytes(),
            issued.credential.as_bytes(),
            issued.contribution.as_bytes(),
        ]
        .concat();
        let answer = Answer { credential: issued.credential, contribution: issued.contribution };
        let sealed = SealedAnswer::seal(&answer, &asked.content.response_key, &asked.item.commitment);
        let key = asked.asking.complete(&self.authority, &self.issuance, &sealed).unwrap();
        let nonce: [u8; 8] = bytes(random);
        let select =
            SelectResponse::new(SuiteId::P256Sha256, asked.identity.tariff(), self.authority.id().prefix(), nonce);
        let terms = self.terms(tap, nonce, random);
        let terminal = CredentialDigest::from_bytes(seed_of(6, tap.habit.place, tap.habit.sector.into()));
        // The wallet's counter begins with 1 under every pseudonym.
        let presentation = Presentation::sign(&key, &terms, &terminal, 1, &bytes(random)).unwrap();
        let shown = [select.as_bytes().as_slice(), &terms.holder_nonce(), presentation.as_bytes()].concat();
        Made { planned: *tap, period: *period, shown, issued: archived, values: asked.values }
    }

    fn terms(&self, tap: &Planned, nonce: [u8; 8], random: &mut ChaCha20Rng) -> Terms {
        let sector = Sector::ALL.into_iter().find(|sector| Sectors::from(*sector).bits() == tap.habit.sector).unwrap();
        let terminal_half: [u8; 8] = bytes(random);
        let fields = TermsFields {
            kind: if sector == Sector::Transport { Kind::Entry } else { Kind::Purchase },
            sector,
            flags: Flags::Tap,
            nonce: [nonce, terminal_half].concat().try_into().unwrap(),
            time: Time::new(tap.habit.time_seconds - AHEAD_SECONDS).unwrap(),
            amount: tap.habit.amount,
            currency: 156,
            reference: [0; 16],
        };
        Terms::new(fields).unwrap()
    }
}

/// The first second of the month by Beijing's clocks.
const FIRST: u64 = 1_799_020_800;

impl Asked {
    fn to_issue(&self, random: [u8; 32]) -> IssueRequest<'_> {
        IssueRequest {
            identity: &self.identity,
            possession_of: PossessionMessage::Pseudonym {
                period: self.content.period.number(),
                challenge: self.challenge.as_bytes(),
            },
            holder_point: &self.content.point,
            possession: &self.content.possession,
            random,
        }
    }
}

/// 32 random bytes that are always the same for these numbers.
fn seed_of(what: u8, card: u32, number: u32) -> [u8; 32] {
    let mut random = ChaCha20Rng::seed_from_u64(u64::from(what) << 32 | u64::from(card));
    random.set_stream(number.into());
    bytes(&mut random)
}

impl Made {
    /// What is seen of the tap when these bytes are.
    pub(crate) fn seen_as(&self, number: usize, bytes: Vec<u8>) -> ObservedTap {
        let crowd = u64::from(self.period.number()) << 8 | u64::from(self.planned.profile);
        let habit = self.planned.habit;
        ObservedTap { card: self.planned.card, pseudonym: number as u64, crowd, bytes, habit }
    }
}

//! An issuer of pseudonyms, all roles in one, and purses that it filled.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use symbolon_ccks::{
    Class, Identity, Period, PeriodBoundary, PossessionMessage, Sector, Sectors, Subject, Suite, Time,
};
use symbolon_pseudonym::{
    Answer, Issuance, Profile, ProfileFields, ProfileId, RequestBody, RequestItem, SealedAnswer, SealingSecret,
};
use symbolon_tap::{Challenge, Kind, Presentation, Terms, TermsFields};
use symbolon_wallet::{
    CounterStore, ItemAnswer, MemoryCounterStore, MemoryPurseStore, PendingRequest, Purse, PurseChecked, PursePolicy,
    PurseSettings, PurseStore, Refused,
};

use crate::world::{RANDOM, World, now, terms_fields, time};

pub(crate) const BUDGET: u32 = 2_000;
pub(crate) const PER_PERIOD: u16 = 12;

pub(crate) type MemoryPurse<'a, S> = Purse<'a, S, MemoryCounterStore, MemoryPurseStore>;

pub(crate) fn random(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn boundary() -> PeriodBoundary {
    PeriodBoundary::DEFAULT
}

pub(crate) fn present() -> Period {
    Period::at(now(), boundary()).unwrap()
}

fn sealing(seed: u64) -> SealingSecret {
    SealingSecret::generate(&mut random(seed))
}

/// The parameters of the issuer with this key.
pub(crate) fn issuance(key: u64) -> Issuance {
    let profile = |id, sectors, tariff| {
        let fields =
            ProfileFields { id: ProfileId(id), sectors, tariff, spend_limit: BUDGET, budget: BUDGET, currency: 156 };
        Profile::new(fields).unwrap()
    };
    let of_the_card = Sectors::from(Sector::Water) | Sector::Transport.into();
    let profiles = vec![profile(1, Sectors::ALL, 0), profile(2, of_the_card, 0), profile(3, of_the_card, 3)];
    Issuance::new(boundary(), PER_PERIOD, *sealing(key).public(), profiles).unwrap()
}

/// The identity that a pseudonym of the world's card is to have.
pub(crate) fn identity<S: Suite>(world: &World<S>, period: Period, subject: Subject) -> Identity {
    let issuance = issuance(1);
    let profile = issuance.profile(ProfileId(3)).unwrap();
    profile.identity(S::ID, world.authority.id().prefix(), subject, period, boundary()).unwrap()
}

/// Issues over the U in an item, an identity of the caller's choice.
pub(crate) fn issue<S: Suite>(
    world: &World<S>,
    body: &RequestBody,
    j: u32,
    choose: impl FnOnce(Period, Subject) -> Identity,
) -> SealedAnswer {
    let item: &RequestItem = &body.items()[usize::try_from(j).unwrap()];
    let challenge = body.item_challenge(j);
    let content = item.sealed.open(world.authority.id(), &challenge, &item.commitment, &sealing(1)).unwrap();
    let message = PossessionMessage::Pseudonym { period: content.period.number(), challenge: challenge.as_bytes() };
    let mut subject = [0; 16];
    subject.copy_from_slice(&item.commitment.as_bytes()[..16]);
    let identity = choose(content.period, Subject::from_bytes(subject));
    let issued =
        world.secret.issue(&world.authority, &identity, message, &content.point, &content.possession, &RANDOM).unwrap();
    let answer = Answer { credential: issued.credential, contribution: issued.contribution };
    SealedAnswer::seal(&answer, &content.response_key, &item.commitment)
}

/// What an honest service answers.
pub(crate) fn honest_answers<S: Suite>(world: &World<S>, pending: &PendingRequest) -> Vec<ItemAnswer> {
    let body = RequestBody::parse(pending.body()).unwrap();
    (0..u32::try_from(body.items().len()).unwrap())
        .map(|j| ItemAnswer::Sealed(issue(world, &body, j, |period, subject| identity(world, period, subject))))
        .collect()
}

pub(crate) fn fill<S: Suite, C: CounterStore, P: PurseStore>(
    world: &World<S>,
    purse: &mut Purse<'_, S, C, P>,
    period: Period,
    count: u16,
) {
    let mut random = random(u64::from(period.number()) + purse.pseudonyms().count() as u64);
    let mut challenge = [0; 32];
    random.fill_bytes(&mut challenge);
    let pending = purse.prepare_request(period, count, challenge, now(), &mut random).unwrap();
    let (id, answers) = (*pending.id(), honest_answers(world, pending));
    let taken = purse.take_answers(&id, &answers, &mut random).unwrap();
    assert_eq!((taken.good, taken.bad), (usize::from(count), vec![]));
}

/// A purse with so many pseudonyms of the present period.
pub(crate) fn purse<S: Suite>(world: &World<S>, policy: PursePolicy, count: u16) -> MemoryPurse<'_, S> {
    let settings = PurseSettings { policy, ..PurseSettings::default() };
    let wallet = world.wallet(MemoryCounterStore::new());
    let mut purse = Purse::create(wallet, MemoryPurseStore::new(), settings).unwrap();
    purse.take_issuance(&issuance(1)).unwrap().unwrap();
    if count > 0 {
        fill(world, &mut purse, present(), count);
    }
    purse
}

/// What a terminal asks, when, and for the card's nonce of which number.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) selection: u8,
    pub(crate) kind: Kind,
    pub(crate) amount: u32,
    pub(crate) sector: Sector,
    pub(crate) at: Time,
    pub(crate) operator: u8,
}

pub(crate) fn ask(selection: u8, kind: Kind, amount: u32) -> Ask {
    Ask { selection, kind, amount, sector: Sector::Transport, at: now(), operator: 2 }
}

impl Ask {
    pub(crate) fn at(self, seconds: u64) -> Self {
        Self { at: time(seconds), ..self }
    }

    pub(crate) fn of(self, operator: u8) -> Self {
        Self { operator, ..self }
    }

    pub(crate) fn water(self) -> Self {
        Self { sector: Sector::Water, ..self }
    }

    pub(crate) fn challenge<S: Suite>(&self, world: &World<S>) -> Challenge {
        let mut fields =
            TermsFields { kind: self.kind, amount: self.amount, sector: self.sector, time: self.at, ..terms_fields() };
        fields.nonce[..8].copy_from_slice(&[self.selection; 8]);
        let terms = Terms::new(fields).unwrap();
        if self.operator == 2 {
            return Challenge::sign(&world.terminal, terms, &RANDOM).unwrap();
        }
        let mut identity = world.fields(Class::Terminal);
        identity.subject = Subject::from_bytes([self.operator; 16]);
        Challenge::sign(&world.issue(identity), terms, &RANDOM).unwrap()
    }

    /// The whole tap, the holder agreeing to whatever is asked.
    pub(crate) fn tap<S: Suite, C: CounterStore, P: PurseStore>(
        &self,
        world: &World<S>,
        purse: &mut Purse<'_, S, C, P>,
    ) -> Result<Presentation, Refused> {
        let challenge = self.challenge(world);
        match purse.select([self.selection; 8]).check(challenge.as_bytes(), self.at)? {
            PurseChecked::Answered(presentation) => Ok(presentation),
            PurseChecked::Question(question) => {
                let presentation = question.confirm(self.amount)?.sign(&RANDOM)?;
                let terminal = challenge.terminal().digest();
                presentation.verify(&world.authority, challenge.terms(), &terminal).unwrap();
                Ok(presentation)
            }
        }
    }

    /// Whom the tap showed.
    pub(crate) fn shows<S: Suite, C: CounterStore, P: PurseStore>(
        &self,
        world: &World<S>,
        purse: &mut Purse<'_, S, C, P>,
    ) -> Subject {
        self.tap(world, purse).unwrap().holder().identity().subject()
    }
}

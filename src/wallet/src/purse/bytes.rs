//! The bytes in which a purse is kept; big-endian, of fixed layout, one encoding a state.

use symbolon_ccks::wire::{U16, U32, U64, Zero};
use symbolon_ccks::{Credential, CredentialDigest, Malformed, Period, Sector, Signature, Subject, Time};
use symbolon_pseudonym::{Issuance, RequestBody};
use symbolon_tap::misuse::Item;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};
use zeroize::{Zeroize, Zeroizing};

use super::settings::{Fallback, PursePolicy, PurseSettings};
use super::state::{ASKING, Held, Journey, PastTap, PendingRequest, State, Usage};

const STRUCTURE: &str = "purse";
const CUT_SHORT: Malformed = Malformed::new(STRUCTURE, "cut short");

#[derive(Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
enum Flag {
    No = 0,
    Yes = 1,
}

impl From<bool> for Flag {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    authority_id: [u8; 32],
    card: Subject,
    policy: PursePolicy,
    fallback: Fallback,
    per_refill: U16,
    low_water: U16,
    is_pinned: Flag,
    zero: Zero,
    next_period_lead_seconds: U32,
    floor: U64,
    pinned: [u8; 32],
    /// Bytes of the issuance parameters, which follow; 0 without any.
    issuance: U32,
    pseudonyms: U32,
    journeys: U32,
    pending: U32,
    taps: U32,
}

/// Uses: 0 none, 1 once, 2 its period, 0x10 and the sector's bit for one sector.
#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct HeldLayout {
    credential: Credential,
    has_secret: Flag,
    usage: u8,
    zero: [Zero; 2],
    period: U32,
    period_end: U64,
    counter: U32,
    spent: U64,
    secret: [u8; 32],
}

impl Drop for HeldLayout {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct JourneyLayout {
    operator: [u8; 8],
    credential: CredentialDigest,
    expiry: U64,
    has_ended: Flag,
    zero: [Zero; 7],
    ended: U64,
}

/// The body, the issuance parameters and what the wallet keeps of each item follow.
#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct PendingLayout {
    id: [u8; 16],
    time: U64,
    credential: Credential,
    signature: Signature,
    body: U32,
    issuance: U32,
}

#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct TapLayout {
    item: Item,
    terminal: Subject,
}

impl State {
    /// The state's bytes.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let issuance = self.issuance.as_ref().map(Issuance::encode).unwrap_or_default();
        // All at once: a vector that grows leaves secrets where it was.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.size(issuance.len())));
        let head = Head {
            authority_id: self.authority_id,
            card: self.card,
            policy: self.settings.policy,
            fallback: self.settings.fallback,
            per_refill: self.settings.per_refill.into(),
            low_water: self.settings.low_water.into(),
            is_pinned: self.pinned.is_some().into(),
            zero: Zero::Zero,
            next_period_lead_seconds: self.settings.next_period_lead_seconds.into(),
            floor: self.floor.to_wire(),
            pinned: self.pinned.unwrap_or_default(),
            issuance: length(issuance.len()),
            pseudonyms: length(self.pseudonyms.len()),
            journeys: length(self.journeys.len()),
            pending: length(self.pending.len()),
            taps: length(self.taps.len()),
        };
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&issuance);
        self.pseudonyms.iter().for_each(|held| bytes.extend_from_slice(HeldLayout::from(held).as_bytes()));
        self.journeys.iter().for_each(|journey| bytes.extend_from_slice(JourneyLayout::from(journey).as_bytes()));
        self.pending.iter().for_each(|pending| write_pending(pending, &mut bytes));
        for tap in &self.taps {
            bytes.extend_from_slice(TapLayout { item: tap.item, terminal: tap.terminal }.as_bytes());
        }
        bytes
    }

    fn size(&self, issuance: usize) -> usize {
        let pending = |pending: &PendingRequest| {
            let issuance = pending.issuance.encode().len();
            size_of::<PendingLayout>() + pending.body.len() + issuance + pending.items.len() * ASKING
        };
        size_of::<Head>()
            + issuance
            + self.pseudonyms.len() * size_of::<HeldLayout>()
            + self.journeys.len() * size_of::<JourneyLayout>()
            + self.pending.iter().map(pending).sum::<usize>()
            + self.taps.len() * size_of::<TapLayout>()
    }

    /// Reads a state.
    ///
    /// # Errors
    /// [`Malformed`] for anything that [`Self::encode`] does not write.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        let head: &Head = take(&mut rest)?;
        let issuance = take_bytes(&mut rest, head.issuance)?;
        let state = Self {
            authority_id: head.authority_id,
            card: head.card,
            settings: PurseSettings {
                policy: head.policy,
                fallback: head.fallback,
                per_refill: head.per_refill.get(),
                low_water: head.low_water.get(),
                next_period_lead_seconds: head.next_period_lead_seconds.get(),
            },
            floor: Time::from_wire(STRUCTURE, head.floor)?,
            pinned: (head.is_pinned == Flag::Yes).then_some(head.pinned),
            issuance: if issuance.is_empty() { None } else { Some(Issuance::parse(issuance)?) },
            pseudonyms: many(head.pseudonyms, || Held::try_from(take::<HeldLayout>(&mut rest)?))?,
            journeys: many(head.journeys, || Journey::try_from(take::<JourneyLayout>(&mut rest)?))?,
            pending: many(head.pending, || read_pending(&mut rest))?,
            taps: many(head.taps, || {
                let tap: &TapLayout = take(&mut rest)?;
                Ok(PastTap { item: *Item::parse(tap.item.as_bytes())?, terminal: tap.terminal })
            })?,
        };
        if rest.is_empty() { Ok(state) } else { Err(Malformed::new(STRUCTURE, "too long")) }
    }
}

impl From<&Held> for HeldLayout {
    fn from(held: &Held) -> Self {
        let usage = match held.usage {
            Usage::Unused => 0,
            Usage::Once => 1,
            Usage::Day => 2,
            Usage::Sector(sector) => 0x10 | sector as u8,
        };
        Self {
            credential: held.credential,
            has_secret: held.secret.is_some().into(),
            usage,
            zero: [Zero::Zero; 2],
            period: held.period.number().into(),
            period_end: held.period_end.to_wire(),
            counter: held.counter.into(),
            spent: held.spent.into(),
            secret: held.secret.as_deref().copied().unwrap_or_default(),
        }
    }
}

impl TryFrom<&HeldLayout> for Held {
    type Error = Malformed;

    fn try_from(layout: &HeldLayout) -> Result<Self, Malformed> {
        layout.credential.check(STRUCTURE)?;
        let usage = match layout.usage {
            0 => Usage::Unused,
            1 => Usage::Once,
            2 => Usage::Day,
            bits => Sector::ALL
                .into_iter()
                .find(|sector| 0x10 | *sector as u8 == bits)
                .map(Usage::Sector)
                .ok_or(Malformed::new(STRUCTURE, "an unknown use"))?,
        };
        Ok(Self {
            credential: layout.credential,
            secret: (layout.has_secret == Flag::Yes).then(|| Zeroizing::new(layout.secret)),
            period: Period::new(layout.period.get())?,
            period_end: Time::from_wire(STRUCTURE, layout.period_end)?,
            counter: layout.counter.get(),
            spent: layout.spent.get(),
            usage,
        })
    }
}

impl From<&Journey> for JourneyLayout {
    fn from(journey: &Journey) -> Self {
        Self {
            operator: journey.operator,
            credential: journey.credential,
            expiry: journey.expiry.to_wire(),
            has_ended: journey.ended.is_some().into(),
            zero: [Zero::Zero; 7],
            ended: journey.ended.map(Time::to_wire).unwrap_or_default(),
        }
    }
}

impl TryFrom<&JourneyLayout> for Journey {
    type Error = Malformed;

    fn try_from(layout: &JourneyLayout) -> Result<Self, Malformed> {
        let ended = Time::from_wire(STRUCTURE, layout.ended)?;
        Ok(Self {
            operator: layout.operator,
            credential: layout.credential,
            expiry: Time::from_wire(STRUCTURE, layout.expiry)?,
            ended: (layout.has_ended == Flag::Yes).then_some(ended),
        })
    }
}

fn write_pending(pending: &PendingRequest, bytes: &mut Vec<u8>) {
    let issuance = pending.issuance.encode();
    let layout = PendingLayout {
        id: pending.id,
        time: pending.time.to_wire(),
        credential: pending.credential,
        signature: pending.signature,
        body: length(pending.body.len()),
        issuance: length(issuance.len()),
    };
    bytes.extend_from_slice(layout.as_bytes());
    bytes.extend_from_slice(&pending.body);
    bytes.extend_from_slice(&issuance);
    pending.items.iter().for_each(|item| bytes.extend_from_slice(item.as_slice()));
}

fn read_pending(rest: &mut &[u8]) -> Result<PendingRequest, Malformed> {
    let layout: &PendingLayout = take(rest)?;
    let body = take_bytes(rest, layout.body)?;
    let issuance = Issuance::parse(take_bytes(rest, layout.issuance)?)?;
    let request = RequestBody::parse(body)?;
    let items = request.items().iter().map(|_| Ok(Zeroizing::new(*take::<[u8; ASKING]>(rest)?)));
    Ok(PendingRequest {
        id: layout.id,
        time: Time::from_wire(STRUCTURE, layout.time)?,
        credential: *Credential::parse(layout.credential.as_bytes())?,
        body: body.to_vec(),
        signature: *Signature::parse(layout.signature.as_bytes())?,
        period: request.period(),
        issuance,
        items: items.collect::<Result<_, _>>()?,
        commitments: request.items().iter().map(|item| item.commitment).collect(),
    })
}

fn length(length: usize) -> U32 {
    u32::try_from(length).expect("a purse is far below 4 GiB").into()
}

fn take<'a, T: TryFromBytes + KnownLayout + Immutable + Unaligned>(rest: &mut &'a [u8]) -> Result<&'a T, Malformed> {
    let bytes = rest.split_off(..size_of::<T>()).ok_or(CUT_SHORT)?;
    symbolon_ccks::wire::read(STRUCTURE, bytes)
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: U32) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(length.get()).map_err(|_| CUT_SHORT)?;
    rest.split_off(..length).ok_or(CUT_SHORT)
}

fn many<T>(count: U32, read: impl FnMut() -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
    core::iter::repeat_with(read).take(usize::try_from(count.get()).map_err(|_| CUT_SHORT)?).collect()
}

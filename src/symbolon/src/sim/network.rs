//! The network between terminals and the service, and the agenda of all that is to come.

use super::draws::{Draws, Stream};
use std::{collections::BTreeMap, sync::Arc};

/// Of a hundred messages so many are lost, so many come twice, and so many come late.
const LOST: u64 = 10;
const DOUBLED: u64 = 12;
const LATE: u64 = 15;
/// How late at most, and how long a message takes otherwise; seconds.
const LATEST_SECONDS: u64 = 8 * 3_600;
const USUAL_SECONDS: u64 = 20;

/// What passes between a terminal and the service.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// An upload of a terminal to the service of an authority.
    Upload(usize, usize, Arc<[u8]>),
    /// The acknowledgement to a terminal.
    Acknowledgement(usize, usize, Arc<[u8]>),
    /// A terminal asks for the newest trust bundle of an authority.
    AskBundle(usize, usize),
    /// It comes.
    Bundle(usize, usize, Arc<[u8]>),
    /// A terminal is told of the authority that follows, with its parameters and a key under it.
    Successor(usize),
}

impl Message {
    /// Which terminal it comes from or goes to.
    pub(super) const fn terminal(&self) -> usize {
        match self {
            Self::Upload(terminal, ..)
            | Self::Acknowledgement(terminal, ..)
            | Self::AskBundle(terminal, _)
            | Self::Bundle(terminal, ..)
            | Self::Successor(terminal) => *terminal,
        }
    }

    /// In a word.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Upload(..) => "upload",
            Self::Acknowledgement(..) => "acknowledgement",
            Self::AskBundle(..) => "question for a bundle",
            Self::Bundle(..) => "bundle",
            Self::Successor(_) => "successor",
        }
    }
}

/// What happens at a moment.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A day begins: what people will do in it is decided.
    Day,
    /// Someone taps.
    Tap { holder: usize, terminal: usize, ask: super::holder::Ask },
    /// Someone buys a voucher for a meter.
    Buy { holder: usize, terminal: usize },
    /// A wallet asks for pseudonyms.
    Refill { holder: usize },
    /// A terminal uploads and asks for the newest bundle; and whether it does so again some hours later.
    Sync { terminal: usize, goes_on: bool },
    /// A message arrives.
    Arrive(Message),
    /// The service does its chores.
    Chores,
    /// A card is copied.
    Copy { holder: usize },
    /// A card is lost, and its issuer revokes it.
    Revoke { card: usize },
    /// The authority names its successor, whose service begins.
    Succeed,
    /// The holder of a card gets one of the next authority.
    Follow { holder: usize },
    /// An operator takes a terminal out of use.
    Retire { terminal: usize },
    /// Operators authorise refunds, and void journeys.
    Office,
    /// The service is killed and started.
    Crash,
    /// The books are compared.
    Reckon,
}

/// What is to come, in the order of its time; at one time, in the order in which it was put down.
#[derive(Default)]
pub(super) struct Agenda {
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, seconds: u64, event: Event) {
        self.count += 1;
        self.events.insert((seconds, self.count), event);
    }

    /// What comes next, and when.
    pub(super) fn next(&mut self) -> Option<(u64, Event)> {
        self.events.pop_first().map(|((seconds, _), event)| (seconds, event))
    }

    /// When the next event is.
    pub(super) fn next_seconds(&self) -> Option<u64> {
        self.events.first_key_value().map(|((seconds, _), _)| *seconds)
    }

    /// Has nothing come any more but what is on its way.
    pub(super) fn keep_messages(&mut self) {
        self.events.retain(|_, event| matches!(event, Event::Arrive(_)));
    }
}

/// What becomes of messages.
pub(super) struct Network(Draws);

impl Network {
    pub(super) fn new(seed: u64) -> Self {
        Self(Draws::new(seed, Stream::Network))
    }

    /// Sends a message; after how many seconds each copy of it arrives.
    pub(super) fn send(&mut self) -> Vec<u64> {
        if self.0.chance(LOST) {
            return Vec::new();
        }
        let copies = if self.0.chance(DOUBLED) { 2 } else { 1 };
        let mut delay = || {
            let most = if self.0.chance(LATE) { LATEST_SECONDS } else { USUAL_SECONDS };
            1 + self.0.below(most)
        };
        (0..copies).map(|_| delay()).collect()
    }
}

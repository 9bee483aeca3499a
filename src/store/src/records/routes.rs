//! What operators are told of their records.

use symbolon_ccks::Time;

use super::RecordPosition;

/// What an operator is told of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RouteEvent {
    /// It was settled: once for each record.
    Settled = 1,
    /// Another record arrived, and by it the journey that this one is an end of came to another price.
    Priced = 2,
    /// The entry's journey was held for too long without an exit.
    Closed = 3,
    /// The entry's journey was voided.
    Voided = 4,
}

impl RouteEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [Self::Settled, Self::Priced, Self::Closed, Self::Voided];
}

/// One thing that an operator is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteItem {
    /// What happened.
    pub event: RouteEvent,
    /// The record.
    pub record: RecordPosition,
    /// What the operator gained by it, minor units of the record's currency; below zero what it gave back.
    pub gain: i64,
}

impl RouteItem {
    /// Bytes of an encoded item: the event, the record's position, the gain, big-endian.
    pub const SIZE: usize = 1 + 8 + 8;

    /// As it is kept.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [self.event as u8; Self::SIZE];
        bytes[1..9].copy_from_slice(&self.record.0.to_be_bytes());
        bytes[9..].copy_from_slice(&self.gain.to_be_bytes());
        bytes
    }

    /// Reads [`Self::encode`] back; `None` for anything else.
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let (event, record, gain) = (bytes[0], *bytes[1..].first_chunk()?, *bytes[9..].first_chunk()?);
        Some(Self {
            event: RouteEvent::ALL.into_iter().find(|known| *known as u8 == event)?,
            record: RecordPosition(u64::from_be_bytes(record)),
            gain: i64::from_be_bytes(gain),
        })
    }
}

/// Things that an operator is told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRecord {
    /// Its place among all that the operator is told, from 1, without gaps.
    pub number: u64,
    /// When it happened.
    pub time: Time,
    /// In order; at least one and at most [`RouteRecord::MOST_ITEMS`].
    pub items: Vec<RouteItem>,
}

impl RouteRecord {
    /// The most items that are told at once.
    pub const MOST_ITEMS: usize = 1 << 16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_reads_back() {
        for event in RouteEvent::ALL {
            let item = RouteItem { event, record: RecordPosition(u64::MAX - 7), gain: -350 };
            assert_eq!(RouteItem::decode(&item.encode()), Some(item));
        }
        assert_eq!(RouteItem::decode(&[0; 17]), None);
        assert_eq!(RouteItem::decode(&[5; 17]), None);
    }
}

//! The serial line between a reader and a card: what is lost, changed or doubled on it ends a tap, and no more.

use symbolon_ccks::Suite;
use symbolon_tap::apdu::{FrameReader, MAX_FRAME, MAX_FRAMED, write_frame};
use symbolon_verifier::reader::{Outcome, Step};

use super::for_each_suite;
use crate::city::{Card, City, PATIENCE, Station, entry, is_accepted};

for_each_suite!(
    a_byte_changed_lost_or_doubled_anywhere_ends_the_tap_at_most,
    frames_that_come_twice_confuse_nobody_for_longer_than_a_tap,
);

/// What becomes of the bytes of one frame on their way.
type Fate<'f> = dyn FnMut(usize, Vec<u8>) -> Vec<u8> + 'f;

fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut framed = [0; MAX_FRAMED];
    let length = write_frame(bytes, &mut framed).unwrap();
    framed[..length].to_vec()
}

/// The frames in these bytes.
fn frames(reader: &mut FrameReader, bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut carried) = (Vec::new(), [0; MAX_FRAME]);
    for byte in bytes {
        reader.push(*byte);
        while let Some(length) = reader.take(&mut carried) {
            found.push(carried[..length].to_vec());
        }
    }
    found
}

/// The two ends of a line.
struct Ends {
    at_card: FrameReader,
    at_reader: FrameReader,
    /// What has come and was not looked at.
    waiting: Vec<Vec<u8>>,
    sent: usize,
}

impl Ends {
    fn new() -> Self {
        Self { at_card: FrameReader::new(), at_reader: FrameReader::new(), waiting: Vec::new(), sent: 0 }
    }

    /// Carries a command to the card and what it answers back.
    fn carry<S: Suite>(&mut self, card: &mut Card<S>, command: &[u8], fate: &mut Fate<'_>) {
        let bytes = fate(self.sent, frame(command));
        self.sent += 1;
        for command in frames(&mut self.at_card, &bytes) {
            let response = card.answer(&command).response;
            let bytes = fate(self.sent, frame(&response));
            self.sent += 1;
            self.waiting.extend(frames(&mut self.at_reader, &bytes));
        }
    }

    /// A whole tap. Before it begins both ends forget what the line still held, as a device does that begins anew.
    fn tap<S: Suite>(&mut self, station: &mut Station<S>, card: &mut Card<S>, fate: &mut Fate<'_>) -> Outcome {
        *self = Self { sent: self.sent, ..Self::new() };
        let mut command = station.reader.start(entry(), station.milliseconds);
        loop {
            self.carry(card, command.as_slice(), fate);
            if self.waiting.is_empty() {
                station.milliseconds += u64::from(PATIENCE) + 1;
                return station.reader.poll(station.milliseconds).unwrap();
            }
            let response = self.waiting.remove(0);
            match station.reader.respond(&mut station.terminal, &response, station.milliseconds) {
                Step::Send(next) => command = next,
                Step::Done(outcome) => return outcome,
            }
        }
    }
}

/// Taps until one has its receipt; at most this many.
fn recovers<S: Suite>(station: &mut Station<S>, card: &mut Card<S>, ends: &mut Ends, most: usize) -> bool {
    (0..most).any(|_| {
        let outcome = ends.tap(station, card, &mut |_, bytes| bytes);
        is_accepted(&outcome) || outcome == Outcome::Repeated { receipt: Ok(()) }
    })
}

fn a_byte_changed_lost_or_doubled_anywhere_ends_the_tap_at_most<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card, mut ends) = (city.station(), city.card(), Ends::new());
    // Select and its answer, challenge and presentation, receipt and its answer.
    let mut lengths = Vec::new();
    let outcome = ends.tap(&mut station, &mut card, &mut |_, bytes| {
        lengths.push(bytes.len());
        bytes
    });
    assert!(is_accepted(&outcome));
    assert_eq!(lengths, [19, 26, 214, 165, 115, 6]);
    let everywhere = lengths.iter().enumerate().flat_map(|(frame, length)| (0..*length).map(move |at| (frame, at)));
    // Each kind of damage at every third byte, so that all are tried within the test's patience.
    for (case, (frame, at)) in everywhere.enumerate().step_by(3) {
        if case % 24 == 0 {
            (station, card) = (city.station(), city.card());
        }
        for damage in 0..3 {
            let first = ends.sent;
            let outcome = ends.tap(&mut station, &mut card, &mut move |number, mut bytes| {
                if number - first == frame {
                    match damage {
                        0 => bytes[at] ^= 0x10,
                        1 => drop(bytes.remove(at)),
                        _ => bytes.insert(at, bytes[at]),
                    }
                }
                bytes
            });
            // What is inserted beside its twin, or doubles a byte at the end of a frame, may be harmless.
            let counts = matches!(outcome, Outcome::Accepted { .. } | Outcome::Repeated { .. });
            assert!(!counts || frame >= 4 || damage == 2, "{frame} {at} {damage}: {outcome:?}");
            assert!(recovers(&mut station, &mut card, &mut ends, 1), "{frame} {at} {damage}");
            assert_eq!(station.waiting() as usize, card.receipts(), "{frame} {at} {damage}");
            if station.waiting() > 20 {
                (station, card) = (city.station(), city.card());
            }
        }
    }
}

fn frames_that_come_twice_confuse_nobody_for_longer_than_a_tap<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card, mut ends) = (city.station(), city.card(), Ends::new());
    for frame in 0..6 {
        let first = ends.sent;
        ends.tap(&mut station, &mut card, &mut move |number, bytes| {
            if number - first == frame { bytes.repeat(2) } else { bytes }
        });
        assert!(recovers(&mut station, &mut card, &mut ends, 1), "frame {frame} twice");
        assert_eq!(station.waiting() as usize, card.receipts(), "each tap that counts has its receipt");
    }
}

//! Where the instructions of a tap go, as seen from the devices that the verifier uses on its way: it draws
//! randomness right before it signs, and writes to the flash when it has decided. The verifier itself is not changed
//! to be measured.

use core::cell::Cell;

use critical_section::Mutex;

use crate::ticks;

#[derive(Clone, Copy)]
struct Marks {
    begun: u64,
    random_drawn: Option<u64>,
    flash_first: Option<u64>,
    flash_last: Option<u64>,
}

const NONE: Marks = Marks { begun: 0, random_drawn: None, flash_first: None, flash_last: None };

static MARKS: Mutex<Cell<Marks>> = Mutex::new(Cell::new(NONE));

/// The instructions of one step of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From the card's answer to the first write to the flash, or the first signing, or the end.
    pub deciding: u64,
    /// From the first write to the flash to the last.
    pub storing: u64,
    /// From the last write, or else the end of deciding, to where signing begins, or the end.
    pub concluding: u64,
    /// Signing, and what follows it.
    pub signing: u64,
}

fn change(with: impl FnOnce(&mut Marks)) {
    critical_section::with(|section| {
        let cell = MARKS.borrow(section);
        let mut marks = cell.get();
        with(&mut marks);
        cell.set(marks);
    });
}

/// A step begins.
pub fn begin() {
    change(|marks| *marks = Marks { begun: ticks::now(), ..NONE });
}

/// Randomness is drawn.
pub fn random_drawn() {
    change(|marks| {
        marks.random_drawn.get_or_insert_with(ticks::now);
    });
}

/// The flash is about to be written to.
pub fn flash_changing() {
    change(|marks| {
        marks.flash_first.get_or_insert_with(ticks::now);
    });
}

/// The flash was written to.
pub fn flash_changed() {
    change(|marks| {
        if marks.random_drawn.is_none() {
            marks.flash_last = Some(ticks::now());
        }
    });
}

/// The step ends.
pub fn end() -> Step {
    let end = ticks::now();
    let marks = critical_section::with(|section| MARKS.borrow(section).get());
    let signing_begins = marks.random_drawn.unwrap_or(end);
    let first = marks.flash_first.unwrap_or(signing_begins).min(signing_begins);
    let last = marks.flash_last.unwrap_or(first).max(first);
    let between = |from: u64, to: u64| ticks::instructions(to.saturating_sub(from));
    Step {
        deciding: between(marks.begun, first),
        storing: between(first, last),
        concluding: between(last, signing_begins),
        signing: between(signing_begins, end),
    }
}

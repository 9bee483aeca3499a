//! What a terminal does all day: it calls for a card, taps it, and answers whoever asks at the service port.

use board::uart::Uart;
use board::{host, memory, sleep, stack, steps, ticks};
use cortex_m::peripheral::SYST;
use symbolon_ccks::Suite;
use symbolon_emulator::Block;
use symbolon_tap::apdu::MAX_FRAME;
use symbolon_verifier::port::Port;
use symbolon_verifier::reader::{Outcome, Reader, Step, Wanted};

use crate::lines::Line;
use crate::starting::{BoardTerminal, Memory, StartFailed, start, take_successor};
use crate::{asking, display};

/// Runs a terminal on the board, for good.
pub fn run<S: Suite>(memory: &'static Memory<S>, systick: &mut SYST) -> ! {
    ticks::start(systick);
    match take_up(memory) {
        Ok(station) => {
            host::write("Ready.\n");
            station.run()
        }
        Err(failed) => {
            host::write(failed.sentence());
            host::write("\n");
            host::exit(1)
        }
    }
}

fn take_up<S: Suite>(memory: &'static Memory<S>) -> Result<&'static mut Station<S>, StartFailed> {
    let block = memory::block().ok_or(StartFailed::NoBlock)?;
    let terminal = start(memory, &block)?;
    put_to_work(memory, block, terminal)
}

/// What is made on the way is gone from the stack before the day begins.
#[inline(never)]
fn put_to_work<S: Suite>(
    memory: &'static Memory<S>,
    block: Block<'static>,
    terminal: &'static mut BoardTerminal<S>,
) -> Result<&'static mut Station<S>, StartFailed> {
    memory.station.put(Station::new(memory, block, terminal)).ok_or(StartFailed::Twice)
}

/// A terminal at work.
pub(crate) struct Station<S: Suite> {
    memory: &'static Memory<S>,
    block: Block<'static>,
    terminal: &'static mut BoardTerminal<S>,
    reader: Reader,
    port: Port,
    card: Line,
    service: Line,
    /// What came in the last frame.
    frame: [u8; MAX_FRAME],
    /// What the service port said the next tap is to ask for, until a card has answered to it.
    wanted: Option<Wanted>,
    /// When a card is called for next.
    next_call: u64,
    /// Something has happened since it was tidied up last.
    is_untidy: bool,
}

impl<S: Suite> Station<S> {
    fn new(memory: &'static Memory<S>, block: Block<'static>, terminal: &'static mut BoardTerminal<S>) -> Self {
        let reader = Reader::new(block.patience_milliseconds());
        let (card, service) = (Line::start(Uart::Card), Line::start(Uart::Service));
        Self {
            memory,
            block,
            terminal,
            reader,
            port: Port::new(),
            card,
            service,
            frame: [0; MAX_FRAME],
            wanted: None,
            next_call: 0,
            is_untidy: true,
        }
    }

    fn run(&mut self) -> ! {
        loop {
            self.serve_port();
            self.serve_reader();
            self.tidy_up();
            self.call_for_a_card();
            self.terminal.devices().clock.keep();
            let deadline = self.deadline_milliseconds();
            sleep::for_milliseconds(deadline.saturating_sub(ticks::milliseconds()));
        }
    }

    #[inline(never)]
    fn serve_port(&mut self) {
        while let Some(length) = self.service.receive(&mut self.frame, ticks::milliseconds()) {
            let mut response = [0; Port::MOST];
            let command = self.frame.get(..length).unwrap_or_default();
            let length = self.port.handle(self.terminal, command, &mut response);
            // Before the answer: whoever loaded a successor brings its trust bundle next.
            take_successor(self.memory, &self.block, self.terminal);
            self.service.send(response.get(..length).unwrap_or_default());
            self.is_untidy = true;
            if let Some(wanted) = self.port.take_wanted() {
                self.wanted = Some(wanted);
                self.next_call = 0;
            }
        }
    }

    #[inline(never)]
    fn serve_reader(&mut self) {
        while let Some(length) = self.card.receive(&mut self.frame, ticks::milliseconds()) {
            let response = self.frame.get(..length).unwrap_or_default();
            steps::begin();
            let step = self.reader.respond(self.terminal, response, ticks::milliseconds());
            self.tell_step(steps::end());
            match step {
                Step::Send(command) => self.card.send(command.as_slice()),
                Step::Done(outcome) => self.conclude(&outcome),
            }
        }
        if let Some(outcome) = self.reader.poll(ticks::milliseconds()) {
            self.conclude(&outcome);
        }
    }

    /// Does beforehand, while nobody taps, what the next tap would wait for.
    #[inline(never)]
    fn tidy_up(&mut self) {
        if self.is_untidy && self.reader.deadline_milliseconds().is_none() {
            self.is_untidy = false;
            self.terminal.prepare();
            // A flash that fails says so at the next tap.
            let _ = self.terminal.devices().storage.tidy();
        }
    }

    #[inline(never)]
    fn call_for_a_card(&mut self) {
        let is_tapping = self.reader.deadline_milliseconds().is_some();
        let now = ticks::milliseconds();
        if !is_tapping
            && now >= self.next_call
            && let Some(wanted) = self.wanted.or_else(|| asking::by_default(self.block.asks()))
        {
            let select = self.reader.start(wanted, now);
            self.card.send(select.as_slice());
        }
    }

    #[inline(never)]
    fn conclude(&mut self, outcome: &Outcome) {
        if !matches!(outcome, Outcome::Failed { .. }) {
            self.wanted = None;
        }
        self.next_call = ticks::milliseconds().saturating_add(self.block.poll_milliseconds().into());
        self.is_untidy = true;
        display::show(outcome);
    }

    /// When something is to be done next if nothing comes.
    fn deadline_milliseconds(&self) -> u64 {
        let reader = self.reader.deadline_milliseconds();
        let asks = self.wanted.is_some() || self.block.asks() != symbolon_emulator::block::Asks::Nothing;
        let call = (reader.is_none() && asks).then_some(self.next_call);
        let lines = [self.card.deadline_milliseconds(), self.service.deadline_milliseconds()];
        lines.into_iter().chain([reader, call]).flatten().min().unwrap_or(u64::MAX)
    }

    /// Says where a step's instructions went, for `cargo xtask firmware report`.
    fn tell_step(&self, step: steps::Step) {
        if self.block.says_steps() {
            let numbers =
                [step.deciding, step.storing, step.concluding, step.signing, stack::high_water_bytes() as u64];
            host::write("step");
            for number in numbers {
                host::write(" ");
                host::write_number(number);
            }
            host::write("\n");
        }
    }
}

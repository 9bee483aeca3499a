//! What people will do: decided as each day begins.

use super::{City, DAY_SECONDS, HOUR};
use crate::sim::{device::Device, holder::Ask, network::Event};
use symbolon_ccks::{Sector, Suite};
use symbolon_tap::Kind;
use symbolon_verifier::Request;

/// What is held at the gate.
const MOST_FOR_A_JOURNEY: u32 = 800;
/// Of a hundred purchases, so many are regretted.
const REFUNDS: u64 = 25;

impl<S: Suite> City<S> {
    /// Decides what people will do today.
    pub(super) fn plan_a_day(&mut self) {
        self.note("a day begins");
        let from = self.now;
        for holder in 0..self.holders.len() {
            self.agenda.put(from + 60 + self.draws.below(HOUR), Event::Refill { holder });
            self.agenda.put(from + 9 * HOUR + self.draws.below(6 * HOUR), Event::Refill { holder });
            let is_at_home =
                self.holders.get(holder).is_some_and(|holder| holder.followed_by.is_some()) && self.draws.chance(70);
            let outings = if is_at_home { 0 } else { 1 + self.draws.below(4) };
            for _ in 0..outings {
                let start = from + 5 * HOUR + self.draws.below(17 * HOUR);
                self.plan_an_outing(holder, start);
            }
        }
        if self.draws.chance(60) {
            let (at, holder) = (from + self.draws.below(12 * HOUR), self.draws.place(self.cards.len()));
            self.agenda.put(at, Event::Copy { holder });
        }
        if self.draws.chance(30) {
            let (at, card) = (from + self.draws.below(DAY_SECONDS), self.draws.place(self.cards.len()));
            self.agenda.put(at, Event::Revoke { card });
        }
        if self.draws.chance(50) {
            self.agenda.put(from + self.draws.below(DAY_SECONDS), Event::Crash);
        }
        if self.draws.chance(25) {
            let (at, terminal) = (from + self.draws.below(DAY_SECONDS), self.draws.place(self.devices.len()));
            self.agenda.put(at, Event::Retire { terminal });
        }
        for _ in 0..3 {
            self.agenda.put(from + self.draws.below(DAY_SECONDS), Event::Office);
        }
        self.agenda.put(from + self.draws.below(DAY_SECONDS), Event::Reckon);
        self.agenda.put(from + DAY_SECONDS - 1, Event::Reckon);
        self.agenda.put(from + DAY_SECONDS, Event::Day);
    }

    pub(super) fn plan_an_outing(&mut self, holder: usize, start: u64) {
        let request = |kind, sector, amount, reference| Ask::Terms(Request { kind, sector, amount, reference });
        match self.draws.below(10) {
            0..5 => {
                let (from, to) = (self.at(Sector::Transport), self.at(Sector::Transport));
                let station =
                    |city: &Self, terminal: usize| city.devices.get(terminal).map_or([0; 16], |at| at.station);
                let (entry, exit) = (station(self, from), station(self, to));
                let ask = request(Kind::Entry, Sector::Transport, MOST_FOR_A_JOURNEY, entry);
                self.agenda.put(start, Event::Tap { holder, terminal: from, ask });
                let takes = if self.draws.chance(6) { 22 * HOUR } else { 300 + self.draws.below(HOUR) };
                if !self.draws.chance(8) {
                    let ask = request(Kind::Exit, Sector::Transport, 0, exit);
                    self.agenda.put(start + takes, Event::Tap { holder, terminal: to, ask });
                }
            }
            5..8 => {
                let sector = if self.draws.chance(70) { Sector::Water } else { Sector::Power };
                let (terminal, amount) = (self.at(sector), 1 + self.draws.below(1_900) as u32);
                let ask = request(Kind::Purchase, sector, amount, self.draws.bytes());
                self.agenda.put(start, Event::Tap { holder, terminal, ask });
                if self.draws.chance(REFUNDS) {
                    let ask = request(Kind::Refund, sector, 1 + self.draws.below(1_200) as u32, self.draws.bytes());
                    self.agenda.put(start + 600 + self.draws.below(HOUR), Event::Tap { holder, terminal, ask });
                }
            }
            _ => {
                let terminal = self.at(Sector::Power);
                self.agenda.put(start, Event::Buy { holder, terminal });
            }
        }
    }

    /// A terminal of a sector.
    fn at(&mut self, sector: Sector) -> usize {
        let of_sector =
            |(number, device): (usize, &Device<S>)| (device.sector == sector && !device.is_retired).then_some(number);
        let all: Vec<_> = self.devices.iter().enumerate().filter_map(of_sector).collect();
        all.get(self.draws.place(all.len())).copied().unwrap_or_default()
    }
}

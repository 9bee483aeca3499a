//! The power, cut at every operation of a day.

use std::{format, string::String, vec, vec::Vec};
use symbolon_ccks::Suite;
use symbolon_verifier::flash::SharedFlash;

use crate::city::City;
use crate::day::{Day, GATE, METER, Moment, Powered, Step, Stopped, World, layout};
use crate::flash::SimulatedFlash;
use crate::recording::{Done, HostFlash, Recording};
use crate::tear::{Operation, Tear};

/// Which image's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// A transport gate.
    Gate,
    /// A water or power meter.
    Meter,
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Every operation, torn in every way. After most cuts it is seen that nothing is gone, that taps are taken and that
    /// nothing is gone then; after some the day goes on to its end, and after some the power fails again. Of large
    /// loads, which are not in use while they are written, every sixteenth operation.
    Quick,
    /// The day goes on to its end after every cut, and is cut once more at each of the operations that follow.
    Thorough,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PowerCuts {
    /// How often the power was cut.
    pub cuts: u64,
    /// At how many different operations.
    pub operations: u64,
    /// Taps and vouchers that were gone after their receipt was given.
    pub lost: u64,
    /// Taps and vouchers that counted twice.
    pub doubled: u64,
    /// Terminals that did not go on.
    pub stuck: u64,
    /// What was seen of these, the first few.
    pub problems: Vec<String>,
}

impl PowerCuts {
    const PROBLEMS: usize = 10;

    fn count(&mut self, end: &End, place: impl FnOnce() -> String) {
        let stuck = end.stuck.as_ref();
        self.cuts += 1;
        self.lost += end.lost;
        self.doubled += end.doubled;
        self.stuck += u64::from(stuck.is_some());
        let is_well = end.lost == 0 && end.doubled == 0 && stuck.is_none();
        if !is_well && self.problems.len() < Self::PROBLEMS {
            let stuck = stuck.map_or("", String::as_str);
            self.problems.push(format!("{}: lost {}, doubled {}, {stuck}", place(), end.lost, end.doubled));
        }
    }

    /// Nothing was lost, nothing counted twice, and everything went on.
    pub fn is_well(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.stuck == 0
    }
}

/// How far a day goes on after a cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Two taps and another restart.
    Probe,
    /// The step that was interrupted, and those after it, so many.
    Steps(usize),
    /// To its end.
    Whole,
}

/// How a day ended.
struct End {
    lost: u64,
    doubled: u64,
    stuck: Option<String>,
    /// The power failed once more, in this world and step.
    cut: Option<(World, usize)>,
}

/// Cuts the power of a terminal at every operation of its day, and has it go on.
///
/// # Panics
/// When the day does not even go well without a cut.
pub fn power_cuts<S: Suite>(image: Image, effort: Effort) -> PowerCuts {
    let script = match image {
        Image::Gate => GATE,
        Image::Meter => METER,
    };
    let city = City::<S>::new();
    let (done, moments) = record(&city, script);
    let mut flash = vec![0xff; layout().end() as usize];
    let mut cuts = PowerCuts::default();
    let mut moment = moments.first().expect("a day has moments");
    let mut later = moments.iter().peekable();
    for (index, operation) in done.iter().enumerate() {
        while let Some(next) = later.next_if(|next| next.operations <= index as u64) {
            moment = next;
        }
        let trial = Trial { city: &city, script, moment, before: &flash, operation, index, effort };
        if effort == Effort::Thorough || !trial.is_in_large_load() || index % 16 == 0 {
            cuts.operations += 1;
            trial.cut(&mut cuts);
        }
        operation.repeat(&mut flash, None);
    }
    cuts
}

/// The day without a cut.
fn record<S: Suite>(city: &City<S>, script: &[Step]) -> (Vec<Done>, Vec<Moment>) {
    let flash = SimulatedFlash::erased(vec![0; layout().end() as usize]);
    let shared = SharedFlash::new(Recording { flash, done: Vec::new() });
    let mut day = Day::start(city, &shared, World::default()).expect("a new terminal starts");
    day.moments = Some(Vec::new());
    day.run(script, 0, usize::MAX).expect("without a cut the day goes well");
    day.finish();
    assert_eq!((day.world.lost, day.world.doubled), (0, 0), "without a cut nothing is lost or doubled");
    let moments = day.moments.take().unwrap_or_default();
    let recording = shared.into_inner();
    assert_eq!(recording.flash.violation(), None, "the flash is used as it may be");
    (recording.done, moments)
}

/// One operation of the day, to be cut in the middle.
struct Trial<'t, S: Suite> {
    city: &'t City<S>,
    script: &'t [Step],
    /// What the world knows while the operation goes on.
    moment: &'t Moment,
    /// The flash before it.
    before: &'t [u8],
    operation: &'t Done,
    index: usize,
    effort: Effort,
}

impl<S: Suite> Trial<'_, S> {
    /// Parameters are loaded with some 300 operations, alike and into a region that nobody reads meanwhile.
    fn is_in_large_load(&self) -> bool {
        let (Operation::Program { offset, .. } | Operation::Erase { offset }) = self.operation.operation();
        layout()
            .regions()
            .authorities
            .iter()
            .any(|region| (region.offset()..region.offset() + region.length()).contains(&offset))
    }

    fn cut(&self, cuts: &mut PowerCuts) {
        let mut torn = self.operation.tears();
        if self.is_in_large_load() && self.effort == Effort::Quick {
            torn = torn.into_iter().step_by(64).collect();
        }
        let is_thorough = self.effort == Effort::Thorough;
        let sampled = [0, torn.len() / 2, torn.len().saturating_sub(1)];
        for (number, tear) in torn.into_iter().enumerate() {
            let mut flash = self.before.to_vec();
            self.operation.repeat(&mut flash, Some(tear));
            let is_sample = sampled.contains(&number);
            if is_thorough || is_sample {
                self.cut_again(&flash, tear, cuts);
            }
            let rest = if is_thorough || is_sample { Rest::Whole } else { Rest::Probe };
            let end = self.go_on(flash, &self.moment.world, self.moment.step, rest, None).0;
            cuts.count(&end, || self.place(tear));
        }
    }

    /// Cuts the power again, at the operations that follow the restart.
    fn cut_again(&self, flash: &[u8], tear: Tear, cuts: &mut PowerCuts) {
        for (later, second) in
            [(0, Tear::Prefix(0)), (0, Tear::Subset(3)), (1, Tear::Prefix(17)), (2, Tear::Subset(12))]
        {
            let cut = Some((later, second));
            let world = &self.moment.world;
            let (end, flash) = self.go_on(flash.to_vec(), world, self.moment.step, Rest::Steps(3), cut);
            let place = || format!("{} and the {later}th after it, {second:?}", self.place(tear));
            cuts.count(&end, place);
            if let Some((world, step)) = end.cut {
                let end = self.go_on(flash, &world, step, Rest::Steps(2), None).0;
                cuts.count(&end, place);
            }
        }
    }

    fn place(&self, tear: Tear) -> String {
        let step = self.script.get(self.moment.step);
        format!("operation {} in step {step:?}, {:?} left as {tear:?}", self.index, self.operation.operation())
    }

    /// Starts the terminal with what the cut left in its flash, and goes on with the step that was interrupted.
    fn go_on(
        &self,
        flash: Vec<u8>,
        world: &World,
        step: usize,
        rest: Rest,
        cut: Option<(u64, Tear)>,
    ) -> (End, Vec<u8>) {
        let mut flash = HostFlash::new(flash);
        if let Some((operations, tear)) = cut {
            flash.cut_after(operations, tear);
        }
        let shared = SharedFlash::new(flash);
        let mut end = match Day::start(self.city, &shared, world.clone()) {
            Err(stopped) => End::of(world, step, stopped),
            Ok(mut day) => {
                let ran = match rest {
                    Rest::Probe => day.probe(),
                    Rest::Steps(steps) => day.run(self.script, step, steps),
                    Rest::Whole => day.run(self.script, step, usize::MAX).map(|()| day.finish()),
                };
                match ran {
                    Ok(()) => End { lost: day.world.lost, doubled: day.world.doubled, stuck: None, cut: None },
                    Err(stopped) => End::of(&day.world, day.step(), stopped),
                }
            }
        };
        let flash = shared.into_inner();
        if let Some(violation) = flash.violation() {
            end.stuck = Some(format!("the flash is misused: {violation}"));
        }
        (end, flash.into_memory())
    }
}

impl End {
    fn of(world: &World, step: usize, stopped: Stopped) -> Self {
        let (stuck, cut) = match stopped {
            Stopped::Cut => (None, Some((world.clone(), step))),
            Stopped::Stuck(what) => (Some(what), None),
        };
        Self { lost: world.lost, doubled: world.doubled, stuck, cut }
    }
}

impl Powered for HostFlash {
    fn has_power(&self) -> bool {
        Self::has_power(self)
    }

    fn operations(&self) -> u64 {
        self.counts().operations()
    }
}

impl Powered for Recording {
    fn has_power(&self) -> bool {
        self.flash.has_power()
    }

    fn operations(&self) -> u64 {
        self.done.len() as u64
    }
}

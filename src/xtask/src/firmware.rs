//! `cargo xtask firmware`: the terminals' images for Cortex-M, built and run in an emulator.

pub mod day;
pub mod images;
mod images_c;
pub mod panics;
pub mod powercuts;
pub mod report;
pub mod rig;
pub mod run;
pub mod service;
pub mod trial;

use anyhow::Result;
use clap::Subcommand;
pub use images::{Device, SuiteName};

/// What can be done with the images.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a terminal until it is stopped, for cards to tap and for whoever looks after it.
    Run(run::Run),
    /// Cut the power of the terminal that runs, and switch it on again.
    Cut(run::Cut),
    /// Build every image, run it, and say what it occupies and how many instructions a tap takes; fail above a budget.
    Report {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// This image alone.
        #[arg(long, value_enum)]
        image: Option<Device>,
    },
    /// Say from where in an image a panic can be reached: why it does not link.
    Panics {
        /// The image.
        #[arg(value_enum)]
        image: Device,
        /// Its curve.
        #[arg(long, value_enum, default_value_t = SuiteName::P256)]
        suite: SuiteName,
    },
    /// Cut the power at every flash operation of a terminal's day on this machine, and at a sample of them in the emulator;
    /// fail when a tap was lost after its receipt, or accepted twice, or a terminal got stuck.
    Powercuts {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Does it.
pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Cut(arguments) => run::cut(&arguments),
        Command::Report { json, image } => {
            let figures = report::measure(image)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&figures)?);
            } else {
                println!("{figures:#?}");
            }
            report::check(&figures)
        }
        Command::Panics { image, suite } => panics::list(image, suite),
        Command::Powercuts { json } => {
            let outcome = powercuts::cut()?;
            if json {
                println!("{}", serde_json::to_string_pretty(&outcome)?);
            } else {
                println!("{outcome:#?}");
            }
            outcome.check()
        }
    }
}

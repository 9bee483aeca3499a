//! What the terminal shows: a line of text for whoever stands before it, on the emulator's console.

use board::host;
use symbolon_tap::voucher::Unit;
use symbolon_verifier::Accepted;
use symbolon_verifier::reader::{Outcome, Phase};

/// Shows what became of a tap.
pub(crate) fn show(outcome: &Outcome) {
    match outcome {
        Outcome::Accepted { accepted, receipt } => {
            show_accepted(accepted);
            host::write(if receipt.is_ok() { "\n" } else { " (the card left without its receipt)\n" });
        }
        Outcome::Repeated { .. } => host::write("This tap was accepted before; here is its receipt again.\n"),
        Outcome::Referred(reason) => say("Please see our staff. ", reason.sentence()),
        Outcome::Declined(reason) => say("Declined. ", reason.sentence()),
        Outcome::NotAsked(refused) => say("Declined. ", refused.reason().sentence()),
        // A gate calls for cards all day; that none is there is no news.
        Outcome::Failed { phase: Phase::Select, .. } => {}
        Outcome::Failed { .. } => host::write("Please hold your card again.\n"),
    }
}

fn show_accepted(accepted: &Accepted) {
    match accepted.credited() {
        Some(credited) => {
            host::write("Credited ");
            host::write_number(credited.quantity().into());
            host::write(match credited.unit() {
                Unit::WattHours => " Wh",
                Unit::Litres => " l",
            });
        }
        None => {
            host::write("Accepted ");
            host::write_number(accepted.record().terms().amount().into());
        }
    }
}

fn say(first: &str, then: &str) {
    host::write(first);
    host::write(then);
    host::write("\n");
}

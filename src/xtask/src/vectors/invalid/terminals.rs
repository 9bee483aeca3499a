//! Vouchers, commands, responses, and what a port answers.

use symbolon_ccks::{Purpose, Suite};
use symbolon_tap::apdu::port::{MeterCredit, TerminalStatus};
use symbolon_tap::apdu::{CardCommand, PortCommand};
use symbolon_tap::voucher::Unit;

use super::{Collected, patched};
use crate::vectors::cast::Cast;
use crate::vectors::city::{fixed_bytes, name, sign_unchecked};
use crate::vectors::commands::statuses;
use crate::vectors::model::Step;
use crate::vectors::terminals::{sign_voucher, voucher_fields};

const FIRST_IMPOSSIBLE_TIME: [u8; 8] = [0, 0, 1, 0, 0, 0, 0, 0];
const UNVERIFIED: (Step, &str) = (Step::Verify, "bad_signature");

pub(super) fn collect<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    vouchers(cast, collected);
    commands(collected);
    answers(collected);
}

fn vouchers<S: Suite>(cast: &Cast<S>, collected: &mut Collected) {
    let signed = sign_voucher(cast, voucher_fields(cast), &fixed_bytes("voucher 0"));
    let bytes = signed.as_bytes();
    let sold = signed.voucher().time().seconds().to_be_bytes();
    collected.lengths("voucher", bytes);
    collected.wrong_fields(
        "voucher",
        bytes,
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("kind-1", 1, &[1], "The kind is that of a purchase."),
            ("sector-3", 2, &[3], "Two sectors are given."),
            ("unit-0", 3, &[0], "There is no unit 0."),
            ("unit-of-water", 3, &[2], "A power meter does not count litres."),
            ("sector-transport", 2, &[4], "A gate takes no credit."),
            ("quantity-0", 24, &[0; 4], "It is a voucher for nothing."),
            ("time-too-late", 28, &FIRST_IMPOSSIBLE_TIME, "The time is 2^40."),
            ("not-after-too-late", 36, &FIRST_IMPOSSIBLE_TIME, "Not_after is 2^40."),
            ("not-after-is-time", 36, &sold, "It expires when it is sold."),
            ("signature-prefix", 44, &[4], "The prefix of R is that of an uncompressed point."),
        ],
    );
    let more = patched(bytes, 24, &[0xff]);
    collected.bytes("voucher", "quantity", UNVERIFIED, "The quantity was changed after signing.", more);
    let meter = patched(bytes, 4, &[bytes[4] ^ 1]);
    collected.bytes("voucher", "meter", UNVERIFIED, "It was signed for another meter.", meter);
    let flipped = patched(bytes, 108, &[bytes[108] ^ 1]);
    collected.bytes("voucher", "flipped", UNVERIFIED, "The last bit of the signature is flipped.", flipped);
    let authority = &cast.city.authority;
    let stranger = cast.city.secret.institution_key(authority, &name("waterworks"));
    let key = cast.city.secret.institution_key(authority, authority.name());
    let by = |secret: &[u8; 32], signer: symbolon_ccks::Name, purpose| {
        let signer = [&[2], signer.encoded()].concat();
        let signature = sign_unchecked(authority, secret, &signer, purpose, signed.voucher().as_bytes());
        patched(bytes, 44, signature.as_bytes())
    };
    let by_stranger = by(&stranger.secret_bytes(), name("waterworks"), Purpose::Voucher);
    let why = "An institution signed it that does not bear the authority's name.";
    collected.bytes("voucher", "wrong-institution", UNVERIFIED, why, by_stranger);
    let acknowledged = by(&key.secret_bytes(), *authority.name(), Purpose::Acknowledgement);
    collected.bytes("voucher", "wrong-purpose", UNVERIFIED, "It was signed as an acknowledgement.", acknowledged);
}

fn commands(collected: &mut Collected) {
    let select = CardCommand::Select.encode();
    let select = select.as_slice();
    collected.malformed("card_command", "empty", "There are no bytes at all.", []);
    collected.malformed("card_command", "trailing", "A byte follows the last one.", [select, &[0]].concat());
    collected.malformed("card_command", "chained", "A command follows that continues it.", patched(select, 0, &[0x10]));
    collected.malformed("card_command", "class", "There is no such class.", patched(select, 0, &[0x04]));
    collected.malformed("card_command", "instruction", "There is no such command.", patched(select, 1, &[0xa5]));
    collected.malformed("card_command", "parameters", "P1 is not 4.", patched(select, 2, &[0]));
    collected.malformed("card_command", "application", "Another application is named.", patched(select, 5, &[0xa0]));
    let status = PortCommand::Status.encode();
    let status = status.as_slice();
    collected.malformed("port_command", "empty", "There are no bytes at all.", []);
    collected.malformed("port_command", "trailing", "A byte follows the last one.", [status, &[0]].concat());
    collected.malformed("port_command", "class", "The class is that of a card.", patched(status, 0, &[0x80]));
    collected.malformed("port_command", "instruction", "There is no such command.", patched(status, 1, &[0x21]));
    collected.malformed("port_command", "parameters", "P2 is not 0.", patched(status, 3, &[1]));
    let parts = PortCommand::BeginBundle { parts: 16 }.encode();
    let parts = patched(parts.as_slice(), 5, &[17]);
    collected.malformed("port_command", "parts", "A terminal holds at most 16 parts.", parts);
}

fn answers(collected: &mut Collected) {
    collected.malformed("response", "empty", "There are no bytes at all.", []);
    collected.malformed("response", "truncated", "Half of the status word is missing.", [0x90]);
    collected.malformed("response", "unknown-status", "The status word is not used here.", [0x61, 0x10]);
    collected.malformed("response", "data-beside-refusal", "A refusal comes with data.", [1, 0x6a, 0x88]);
    let long = [[1; 257].as_slice(), &[0x90, 0]].concat();
    collected.malformed("response", "too-long", "There are 257 bytes of data.", long);
    let status = statuses().swap_remove(0).bytes.0;
    assert!(TerminalStatus::parse(&status).is_ok(), "what is broken here was whole");
    collected.lengths("terminal_status", &status);
    collected.wrong_fields(
        "terminal_status",
        &status,
        &[
            ("version-2", 0, &[2], "The version is 2."),
            ("authorities-0", 1, &[0], "A terminal has an authority."),
            ("authorities-3", 1, &[3], "Two authorities live at most."),
            ("flags", 2, &[16], "The flag is not known."),
            ("zero-byte", 3, &[1], "The fourth byte is not zero."),
            ("time-too-late", 20, &FIRST_IMPOSSIBLE_TIME, "The time is 2^40."),
            ("issued-at-too-late", 44, &FIRST_IMPOSSIBLE_TIME, "Issued_at is 2^40."),
        ],
    );
    let credit = MeterCredit::new(Unit::WattHours, 1, 2);
    collected.lengths("meter_credit", credit.as_bytes());
    collected.wrong_fields(
        "meter_credit",
        credit.as_bytes(),
        &[
            ("version-0", 0, &[0], "The version is 0."),
            ("unit-3", 1, &[3], "There is no unit 3."),
            ("zero-byte", 3, &[1], "The fourth byte is not zero."),
        ],
    );
}

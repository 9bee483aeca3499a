//! What a terminal is told, sold and asked: the sections of bundles that are for terminals, vouchers, commands.

use super::{Structure, fixed, signature};
use crate::{
    calendar::money,
    explain::{
        meaning::{class, count, integer, sector, tariff, time, version, words, zero},
        walk::{Meaning, Walk},
    },
};
use symbolon_tap::apdu::port::TerminalStatus;
use symbolon_tap::apdu::{CardCommand, PortCommand};
use symbolon_tap::voucher::{SignedVoucher, Voucher};
use symbolon_tap::{Fare, Rule, section_type};

pub(super) const VOUCHER: Structure = fixed!(
    "voucher",
    "credit for one meter; worth nothing without the authority's signature",
    Voucher::SIZE,
    "44",
    voucher,
    Voucher::parse
);

pub(super) const SIGNED_VOUCHER: Structure = fixed!(
    "signed voucher",
    "credit for one meter, as a card carries it there",
    SignedVoucher::SIZE,
    "109",
    |walk| {
        walk.part("voucher", voucher);
        signature(walk, "signature", "the authority's", None);
    },
    SignedVoucher::parse
);

pub(super) const TERMINAL_STATUS: Structure = fixed!(
    "terminal status",
    "how a terminal is, as its service port tells",
    TerminalStatus::SIZE,
    "64",
    terminal_status,
    TerminalStatus::parse
);

pub(super) const CARD_COMMAND: Structure = Structure {
    name: "command to a card",
    about: "what a terminal sends a card in a tap",
    length: "22 to 210",
    claims: |bytes| matches!(bytes, [0x00, 0xa4, 0x04, ..] | [0x80, 0x10 | 0x12 | 0x14, 0, 0, ..]),
    walk: |walk| command(walk, card_command),
    check: Some(card_command),
};

pub(super) const PORT_COMMAND: Structure = Structure {
    name: "command to a service port",
    about: "what is sent to a terminal by whoever looks after it",
    length: "4 to 249",
    claims: |bytes| matches!(bytes, [0x90, 0x20..=0x2e, _, _, ..]),
    walk: |walk| command(walk, port_command),
    check: Some(port_command),
};

fn card_command(bytes: &[u8]) -> Result<(), String> {
    CardCommand::parse(bytes).map(|_| ()).map_err(|status| format!("it is answered: {status}"))
}

fn port_command(bytes: &[u8]) -> Result<(), String> {
    PortCommand::parse(bytes).map(|_| ()).map_err(|status| format!("it is answered: {status}"))
}

fn unit(bytes: &[u8]) -> Meaning {
    match integer(bytes) {
        1 => Ok("watt-hours".to_owned()),
        2 => Ok("litres".to_owned()),
        other => Err(format!("unit {other}; known are 1 (watt-hours) and 2 (litres)")),
    }
}

fn voucher(walk: &mut Walk<'_>) {
    walk.field("version", 1, version);
    walk.field("kind", 1, |bytes| match integer(bytes) {
        4 => Ok("credit for a meter".to_owned()),
        other => Err(format!("kind {other}; a voucher is of kind 4")),
    });
    let of = integer(walk.field("sector", 1, sector));
    walk.field("unit", 1, |bytes| match (of, integer(bytes)) {
        (1, 1) | (2, 2) | (4, _) => Err("the sector's meters do not count so".to_owned()),
        _ => unit(bytes),
    });
    walk.field("meter", 16, words("the subject of the one meter that takes it"));
    walk.field("sequence", 4, count("is its number at this meter"));
    walk.field("quantity", 4, |bytes| match integer(bytes) {
        0 => Err("a voucher for nothing".to_owned()),
        _ => count("units")(bytes),
    });
    let sold = integer(walk.field("time", 8, time));
    walk.field("not_after", 8, |bytes| {
        if integer(bytes) <= sold {
            return Err("not later than the time".to_owned());
        }
        time(bytes)
    });
}

fn terminal_status(walk: &mut Walk<'_>) {
    walk.field("version", 1, version);
    walk.field("authorities", 1, |bytes| match integer(bytes) {
        1 | 2 => count("live")(bytes),
        other => Err(format!("{other}; must be 1 or 2")),
    });
    walk.field("flags", 1, |bytes| {
        let bits = integer(bytes);
        let words = [
            (1, "an upload is pending"),
            (2, "the clock is wrong"),
            (4, "there is no room"),
            (8, "a second successor was named"),
        ];
        let set = words.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, words)| *words).collect::<Vec<_>>();
        match (bits, set.as_slice()) {
            (16.., _) => Err("an unknown flag".to_owned()),
            (_, []) => Ok("none".to_owned()),
            (_, set) => Ok(set.join(", ")),
        }
    });
    walk.field("zero", 1, zero);
    walk.field("terminal", 16, words("its subject"));
    walk.field("time", 8, time);
    walk.field("authority_prefix", 8, words("the beginning of the authority's id"));
    walk.field("bundle_sequence", 8, count("is the number of its bundle"));
    walk.field("bundle_issued_at", 8, time);
    walk.field("parts_held", 2, count("parts held"));
    walk.field("parts", 2, count("parts in all"));
    walk.field("records", 4, count("records that are not acknowledged"));
    walk.field("room", 4, count("more that there is room for"));
}

/// A command; the header is where it is told that the whole is refused, and how.
fn command(walk: &mut Walk<'_>, check: fn(&[u8]) -> Result<(), String>) {
    let refused = check(walk.peek(0, walk.left()).unwrap_or_default());
    walk.field("header", 4, |bytes| {
        refused?;
        Ok(match bytes {
            [0x00, 0xa4, ..] => "SELECT: begins a tap",
            [0x80, 0x10, ..] => "PRESENT: asks for a presentation",
            [0x80, 0x12, ..] => "RECEIPT: gives the receipt of the tap",
            [0x80, 0x14, ..] => "VOUCHER: asks for credit that the card carries",
            [_, 0x20, ..] => "STATUS: asks how the terminal is",
            [_, 0x22, ..] => "TIME: sets its clock",
            [_, 0x24, 0xff, 0xff] => "UPLOAD: asks which upload is pending",
            [_, 0x24, ..] => "UPLOAD: asks for a block of the pending upload",
            [_, 0x26, ..] => "ACKNOWLEDGE: gives the acknowledgement of an upload",
            [_, 0x28, ..] => "BUNDLE: sends a trust bundle",
            [_, 0x2a, ..] => "AUTHORITY: sends the next authority's parameters",
            [_, 0x2c, ..] => "ASK: says what the next tap asks for",
            [_, 0x2e, ..] => "METER: asks for a meter's credit",
            _ => return Err("there is no such command".to_owned()),
        }
        .to_owned())
    });
    if walk.left() > 1 {
        let length = integer(walk.field("Lc", 1, count("bytes of data")));
        let length = usize::try_from(length).unwrap_or_default();
        if length > 0 {
            walk.field("data", length, words("what is sent; explain takes it apart by itself"));
        }
    }
    if walk.left() > 0 {
        walk.field("Le", 1, |bytes| match integer(bytes) {
            0 => Ok("data are expected in return".to_owned()),
            other => Err(format!("{other}; must be 0")),
        });
    }
}

/// What a section's type is for, of those that terminals read.
pub(super) fn about(section: u8) -> Option<&'static str> {
    Some(match section {
        section_type::RULES => "whom terminals serve, and how while their data are old",
        section_type::TARIFFS => "who pays less than the full fare",
        section_type::FARES => "what journeys cost",
        section_type::FILTER => "a filter of revoked subjects",
        _ => return None,
    })
}

pub(super) fn rule(bytes: &[u8]) -> Meaning {
    let rule = Rule::parse(bytes).map_err(|error| error.problem.to_owned())?;
    let most = |amount: u32| money(i64::from(amount), rule.currency());
    Ok(format!(
        "{}, {}: at most {} of limits up to {}; when older than {} s: {} {}",
        rule.sector(),
        class(&[rule.class() as u8])?,
        most(rule.tap_cap()),
        most(rule.tier()),
        rule.fresh_seconds(),
        match rule.stale() {
            symbolon_tap::StaleAction::Decline => "declined".to_owned(),
            symbolon_tap::StaleAction::Refer => "referred".to_owned(),
            symbolon_tap::StaleAction::Accept => format!("at most {}", most(rule.stale_cap())),
        },
        match rule.stale_seconds() {
            0 => String::new(),
            seconds => format!("for {seconds} s"),
        },
    )
    .trim_end()
    .to_owned())
}

pub(super) fn concession(bytes: &[u8]) -> Meaning {
    match bytes {
        [of_sector, group @ 1..=255, high, low, 0, 0, 0, 0] if integer(&[*high, *low]) <= 1_000 => {
            let permille = integer(&[*high, *low]);
            Ok(format!("{}, {}: {permille} thousandths of the fare", sector(&[*of_sector])?, tariff(&[*group])?))
        }
        _ => Err("not a group above 0, at most 1,000 thousandths, and zeros".to_owned()),
    }
}

pub(super) fn fare(bytes: &[u8]) -> Meaning {
    let fare = Fare::parse(bytes).map_err(|error| error.problem.to_owned())?;
    let cost = money(i64::from(fare.fare()), fare.currency());
    Ok(match fare.is_otherwise() {
        true => format!("a journey that is not listed costs {cost}"),
        false => format!("from {} to {}: {cost}", hex::encode(fare.from()), hex::encode(fare.to())),
    })
}

/// The filter's head and sets; its fingerprints mean nothing by themselves.
pub(super) fn filter(walk: &mut Walk<'_>, length: usize) {
    let end = walk.left().saturating_sub(length);
    walk.field("kind", 1, |bytes| match integer(bytes) {
        1 => Ok("binary fuse, fingerprints of 16 bits".to_owned()),
        other => Err(format!("kind {other}; only 1 is known")),
    });
    walk.field("zero", 1, zero);
    let sets = integer(walk.field("sets", 2, count("sets")));
    walk.field("boundary", 4, |bytes| match integer(bytes) {
        seconds @ ..86_400 => Ok(format!("periods begin {seconds} seconds after midnight UTC")),
        _ => Err("not within a day".to_owned()),
    });
    for index in 0..sets {
        if walk.left() <= end {
            break;
        }
        walk.part(&format!("sets[{index}]"), filter_set);
    }
}

fn filter_set(walk: &mut Walk<'_>) {
    walk.field("scope", 4, |bytes| {
        Ok(match integer(bytes) {
            0xffff_ffff => "cards under their own numbers".to_owned(),
            period => format!("pseudonyms of period {period}"),
        })
    });
    walk.field("seed", 8, words("of its hash"));
    walk.field("segment_length", 4, count("places in a segment"));
    walk.field("first_places", 4, count("first places"));
    walk.field("keys", 4, count("subjects"));
    let fingerprints = integer(walk.field("fingerprints", 4, count("fingerprints")));
    walk.field("zero", 4, zero);
    let bytes = usize::try_from(fingerprints).unwrap_or(usize::MAX).saturating_mul(2);
    if bytes > 0 {
        walk.field("F", bytes, words("the fingerprints"));
    }
}

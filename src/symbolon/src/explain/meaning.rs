//! What the bytes of single fields mean.

use super::walk::Meaning;
use crate::{
    calendar::{money, utc},
    with_suite,
};
use symbolon_ccks::{CompressedPoint, Name, Sectors, Suite, SuiteId, Time};

/// Reads up to eight bytes as a big-endian integer.
pub(super) fn integer(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn byte(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or_default()
}

pub(super) fn version(bytes: &[u8]) -> Meaning {
    match byte(bytes) {
        1 => Ok("version 1".to_owned()),
        other => Err(format!("version {other}; only 1 is known")),
    }
}

pub(super) fn suite(bytes: &[u8]) -> Meaning {
    match SuiteId::from_byte(byte(bytes)) {
        Ok(suite) => Ok(suite.to_string()),
        Err(_) => Err(format!("suite {}; known are 1 (P-256) and 2 (secp256k1)", byte(bytes))),
    }
}

pub(super) fn class(bytes: &[u8]) -> Meaning {
    match byte(bytes) {
        1 => Ok("a card".to_owned()),
        2 => Ok("a terminal".to_owned()),
        3 => Ok("a pseudonym".to_owned()),
        other => Err(format!("class {other}; known are 1 card, 2 terminal, 3 pseudonym")),
    }
}

pub(super) fn sectors(bytes: &[u8]) -> Meaning {
    match Sectors::new(byte(bytes)) {
        Ok(sectors) => Ok(format!("good for {sectors}")),
        Err(error) => Err(format!("{}; bits are 1 water, 2 power, 4 transport", error.problem)),
    }
}

pub(super) fn sector(bytes: &[u8]) -> Meaning {
    match byte(bytes) {
        1 => Ok("water".to_owned()),
        2 => Ok("power".to_owned()),
        4 => Ok("transport".to_owned()),
        other => Err(format!("{other} is not exactly one sector: 1 water, 2 power, 4 transport")),
    }
}

pub(super) fn kind(bytes: &[u8]) -> Meaning {
    Ok(match byte(bytes) {
        1 => "purchase: pays exactly the amount",
        2 => "entry: the amount is the most that the journey may cost",
        3 => "exit: settlement prices the journey",
        4 => "credit delivered to a meter",
        5 => "refund: gives the amount back",
        other => return Err(format!("kind {other}; known are 1 to 5")),
    }
    .to_owned())
}

pub(super) fn flags(bytes: &[u8]) -> Meaning {
    match byte(bytes) {
        0 => Ok("a tap at a terminal".to_owned()),
        1 => Ok("a code shown on a screen".to_owned()),
        other => Err(format!("flags {other}; known are 0 (tap) and 1 (screen code)")),
    }
}

pub(super) fn zero(bytes: &[u8]) -> Meaning {
    if bytes.iter().all(|byte| *byte == 0) {
        Ok("must be zero, and is".to_owned())
    } else {
        Err("must be zero".to_owned())
    }
}

pub(super) fn time(bytes: &[u8]) -> Meaning {
    let seconds = integer(bytes);
    match Time::new(seconds) {
        Ok(_) => Ok(utc(seconds)),
        Err(_) => Err("a time of 2^40 seconds or more".to_owned()),
    }
}

pub(super) fn count(what: &'static str) -> impl Fn(&[u8]) -> Meaning {
    move |bytes| Ok(format!("{} {what}", integer(bytes)))
}

/// An amount whose currency stands elsewhere in the structure.
pub(super) fn amount(what: &'static str, currency: Option<u16>) -> impl Fn(&[u8]) -> Meaning {
    move |bytes| {
        let minor_units = integer(bytes);
        Ok(match currency {
            Some(currency) => format!("{what} {}", money(minor_units.cast_signed(), currency)),
            None => format!("{what} {minor_units} minor units"),
        })
    }
}

pub(super) fn currency(bytes: &[u8]) -> Meaning {
    Ok(format!("ISO 4217 numeric {:03}", integer(bytes)))
}

pub(super) fn tariff(bytes: &[u8]) -> Meaning {
    Ok(match byte(bytes) {
        0 => "full fare".to_owned(),
        group => format!("concession group {group}"),
    })
}

pub(super) fn words(text: &'static str) -> impl Fn(&[u8]) -> Meaning {
    move |_| Ok(text.to_owned())
}

pub(super) fn name(bytes: &[u8]) -> Meaning {
    match Name::parse(bytes) {
        Ok(name) => Ok(format!("\"{name}\"")),
        Err(error) => Err(error.problem.to_owned()),
    }
}

/// On which curves a compressed point lies; judged for one suite when that is known.
pub(super) fn point(what: &'static str, suite: Option<SuiteId>) -> impl Fn(&[u8]) -> Meaning {
    move |bytes| {
        let point = CompressedPoint::parse(bytes).map_err(|error| error.problem.to_owned())?;
        let on = |suite| with_suite!(suite, S => S::decode_point(point).is_some());
        let suites = [SuiteId::P256Sha256, SuiteId::Secp256k1Sha256];
        match suite {
            Some(suite) if on(suite) => Ok(format!("{what}, a point of the curve")),
            Some(_) => Ok(format!("{what}; well formed, but NOT on the curve: no signature verifies with it")),
            None => {
                let curves: Vec<_> = suites.into_iter().filter(|suite| on(*suite)).map(SuiteId::name).collect();
                Ok(match curves.as_slice() {
                    [] => format!("{what}; well formed, but on neither suite's curve"),
                    curves => format!("{what}, a point of {}", curves.join(" and of ")),
                })
            }
        }
    }
}

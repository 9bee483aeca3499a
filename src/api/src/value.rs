//! Single values of requests and answers.

use crate::{InvalidField, v1};
use prost_types::Timestamp;
use symbolon_ccks::{Name, Period, Sector, Sectors, SuiteId, Time};

/// A message field that must be there.
///
/// # Errors
/// [`InvalidField`] when it is not.
pub fn required<'a, T>(field: &'static str, value: Option<&'a T>) -> Result<&'a T, InvalidField> {
    value.ok_or_else(|| InvalidField::new(field, "required"))
}

/// A bytes field of a fixed length.
///
/// # Errors
/// [`InvalidField`] saying the length it has and the one it should have.
pub fn bytes<'a, const N: usize>(field: &'static str, value: &'a [u8]) -> Result<&'a [u8; N], InvalidField> {
    value.try_into().map_err(|_| InvalidField::new(field, format!("{} bytes, must be {N}", value.len())))
}

/// A list that has a most.
///
/// # Errors
/// [`InvalidField`] when there are more.
pub fn at_most<'a, T>(field: &'static str, values: &'a [T], most: usize) -> Result<&'a [T], InvalidField> {
    match values.get(..values.len().min(most)) {
        Some(all) if all.len() == values.len() => Ok(all),
        _ => Err(InvalidField::new(field, format!("more than {most}"))),
    }
}

/// A number of one byte.
///
/// # Errors
/// [`InvalidField`] above 255.
pub fn byte(field: &'static str, value: u32) -> Result<u8, InvalidField> {
    u8::try_from(value).map_err(|_| InvalidField::new(field, "above 255"))
}

/// How many of something there are, at least one.
///
/// # Errors
/// [`InvalidField`] outside 1 to 65,535.
pub fn count(field: &'static str, value: u32) -> Result<u16, InvalidField> {
    match u16::try_from(value) {
        Ok(count @ 1..) => Ok(count),
        _ => Err(InvalidField::new(field, "not 1 to 65,535")),
    }
}

/// The number of a period.
///
/// # Errors
/// [`InvalidField`] beyond the times that can be written.
pub fn period(field: &'static str, value: u32) -> Result<Period, InvalidField> {
    Period::new(value).map_err(|malformed| InvalidField::new(field, malformed.problem))
}

/// The bare name of an issuer or operator.
///
/// # Errors
/// [`InvalidField`] when it cannot be one.
pub fn institution_name(field: &'static str, value: &str) -> Result<Name, InvalidField> {
    Name::parse(value).map_err(|malformed| InvalidField::new(field, malformed.problem))
}

/// A concession group.
///
/// # Errors
/// [`InvalidField`] above 255.
pub fn tariff(field: &'static str, value: u32) -> Result<u8, InvalidField> {
    byte(field, value)
}

/// An ISO 4217 numeric code.
///
/// # Errors
/// [`InvalidField`] outside 1 to 999.
pub fn currency(field: &'static str, value: u32) -> Result<u16, InvalidField> {
    match u16::try_from(value) {
        Ok(code @ 1..=999) => Ok(code),
        _ => Err(InvalidField::new(field, "not an ISO 4217 numeric code, 1 to 999")),
    }
}

/// A request identifier: a UUID other than the nil one, hyphenated, in either letter case (RFC 9562).
///
/// # Errors
/// [`InvalidField`] when it is anything else.
pub fn request_id(field: &'static str, text: &str) -> Result<[u8; 16], InvalidField> {
    parse_uuid(text).filter(|bytes| *bytes != [0; 16]).ok_or_else(|| {
        let problem = if text.is_empty() { "required: a UUID chosen by the caller" } else { "not a UUID" };
        InvalidField::new(field, problem)
    })
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (position, character) in text.bytes().enumerate() {
        if HYPHENS.contains(&position) {
            if character != b'-' {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(char::from(character).to_digit(16)?).ok()?;
        let byte: &mut u8 = &mut bytes[digits / 2];
        *byte = *byte << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

/// A time in whole seconds.
///
/// # Errors
/// [`InvalidField`] before 1970, from 2^40 seconds on, or with a fraction of a second.
pub fn time_from_wire(field: &'static str, timestamp: &Timestamp) -> Result<Time, InvalidField> {
    if timestamp.nanos != 0 {
        return Err(InvalidField::new(field, "must be in whole seconds"));
    }
    u64::try_from(timestamp.seconds)
        .ok()
        .and_then(|seconds| Time::new(seconds).ok())
        .ok_or_else(|| InvalidField::new(field, "before 1970 or 2^40 seconds after it and later"))
}

/// A time that may be left out.
///
/// # Errors
/// As [`time_from_wire`].
pub fn optional_time(field: &'static str, timestamp: Option<&Timestamp>) -> Result<Option<Time>, InvalidField> {
    timestamp.map(|timestamp| time_from_wire(field, timestamp)).transpose()
}

/// A time as the wire has it.
pub fn time_to_wire(time: Time) -> Timestamp {
    // A `Time` is below 2^40.
    Timestamp { seconds: time.seconds().cast_signed(), nanos: 0 }
}

/// A sector.
///
/// # Errors
/// [`InvalidField`] when it is not said or not known.
pub fn sector_from_wire(field: &'static str, value: i32) -> Result<Sector, InvalidField> {
    match v1::Sector::try_from(value) {
        Ok(v1::Sector::Water) => Ok(Sector::Water),
        Ok(v1::Sector::Power) => Ok(Sector::Power),
        Ok(v1::Sector::Transport) => Ok(Sector::Transport),
        Ok(v1::Sector::Unspecified) | Err(_) => {
            Err(InvalidField::new(field, "not one of SECTOR_WATER, SECTOR_POWER, SECTOR_TRANSPORT"))
        }
    }
}

/// A sector as the wire has it.
pub fn sector_to_wire(sector: Sector) -> v1::Sector {
    match sector {
        Sector::Water => v1::Sector::Water,
        Sector::Power => v1::Sector::Power,
        Sector::Transport => v1::Sector::Transport,
    }
}

/// A set of sectors.
///
/// # Errors
/// [`InvalidField`] when there is none, or one is not known or named twice.
pub fn sectors_from_wire(field: &'static str, values: &[i32]) -> Result<Sectors, InvalidField> {
    let mut all: Option<Sectors> = None;
    for value in values {
        let sector = sector_from_wire(field, *value)?;
        all = Some(match all {
            Some(sectors) if sectors.contains(sector) => {
                return Err(InvalidField::new(field, "names a sector twice"));
            }
            Some(sectors) => sectors | sector.into(),
            None => sector.into(),
        });
    }
    all.ok_or_else(|| InvalidField::new(field, "must name at least one sector"))
}

/// A set of sectors as the wire has it.
pub fn sectors_to_wire(sectors: Sectors) -> Vec<i32> {
    sectors.iter().map(|sector| sector_to_wire(sector).into()).collect()
}

/// A suite.
///
/// # Errors
/// [`InvalidField`] when it is not said or not known.
pub fn suite_from_wire(field: &'static str, value: i32) -> Result<SuiteId, InvalidField> {
    match v1::Suite::try_from(value) {
        Ok(v1::Suite::P256Sha256) => Ok(SuiteId::P256Sha256),
        Ok(v1::Suite::Secp256k1Sha256) => Ok(SuiteId::Secp256k1Sha256),
        Ok(v1::Suite::Unspecified) | Err(_) => Err(InvalidField::new(field, "not a known suite")),
    }
}

/// A suite as the wire has it.
pub fn suite_to_wire(suite: SuiteId) -> v1::Suite {
    match suite {
        SuiteId::P256Sha256 => v1::Suite::P256Sha256,
        SuiteId::Secp256k1Sha256 => v1::Suite::Secp256k1Sha256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_uuid() {
        let parsed = request_id("request_id", "01234567-89ab-CDEF-0123-456789abcdef").unwrap();
        assert_eq!(parsed, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes());
        for wrong in [
            "",
            "00000000-0000-0000-0000-000000000000",
            "0123456789abcdef0123456789abcdef",
            "01234567-89ab-cdef-0123-456789abcde",
            "01234567-89ab-cdef-0123-456789abcdeg",
            "01234567-89ab-cdef-01234-56789abcdef",
            "01234567089ab-cdef-0123-456789abcdef",
            "{1234567-89ab-cdef-0123-456789abcde}",
        ] {
            assert_eq!(request_id("request_id", wrong).unwrap_err().field(), "request_id", "{wrong}");
        }
    }

    #[test]
    fn times_are_whole_seconds_since_1970() {
        let time = Time::new(1_700_000_000).unwrap();
        assert_eq!(time_from_wire("t", &time_to_wire(time)), Ok(time));
        let refused = |seconds, nanos| time_from_wire("t", &Timestamp { seconds, nanos }).is_err();
        assert!(refused(-1, 0) && refused(1 << 40, 0) && refused(1, 1) && refused(i64::MAX, 0));
        assert!(!refused((1 << 40) - 1, 0) && !refused(0, 0));
        assert_eq!(optional_time("t", None), Ok(None));
    }

    #[test]
    fn sectors_are_a_set_with_something_in_it() {
        let wire = |sectors: &[v1::Sector]| sectors.iter().map(|sector| *sector as i32).collect::<Vec<_>>();
        let both = wire(&[v1::Sector::Transport, v1::Sector::Water]);
        let parsed = sectors_from_wire("card.sectors", &both).unwrap();
        assert_eq!(parsed.bits(), 5);
        assert_eq!(sectors_to_wire(parsed), wire(&[v1::Sector::Water, v1::Sector::Transport]));
        for wrong in [vec![], vec![0], vec![3], vec![1, 1], vec![-1]] {
            assert_eq!(sectors_from_wire("card.sectors", &wrong).unwrap_err().field(), "card.sectors", "{wrong:?}");
        }
    }

    #[test]
    fn the_wire_numbers_of_sectors_are_their_bits() {
        for sector in Sector::ALL {
            assert_eq!(sector_to_wire(sector) as i32, i32::from(sector as u8));
            assert_eq!(sector_from_wire("s", i32::from(sector as u8)), Ok(sector));
        }
    }

    #[test]
    fn what_roles_tell_each_other_has_bounds() {
        assert_eq!(at_most("items", &[1, 2], 2), Ok([1, 2].as_slice()));
        assert_eq!(at_most("items", &[1, 2, 3], 2).unwrap_err().to_string(), "items: more than 2");
        assert_eq!((count("count", 1), count("count", 65_535)), (Ok(1), Ok(65_535)));
        assert!(count("count", 0).is_err() && count("count", 65_536).is_err());
        assert!(byte("profile", 255).is_ok() && byte("profile", 256).is_err());
        assert_eq!(period("period", 20_000).unwrap().number(), 20_000);
        assert!(period("period", u32::MAX).is_err());
        assert!(institution_name("issuer", "bank.example").is_ok() && institution_name("issuer", "Bank").is_err());
    }

    #[test]
    fn ranges_and_lengths_are_checked() {
        assert_eq!(tariff("tariff", 255), Ok(255));
        assert!(tariff("tariff", 256).is_err());
        assert_eq!(currency("currency", 156), Ok(156));
        assert!(currency("currency", 0).is_err() && currency("currency", 1000).is_err());
        assert_eq!(bytes::<2>("nonce", &[1, 2]), Ok(&[1, 2]));
        assert_eq!(bytes::<2>("nonce", &[1]).unwrap_err().to_string(), "nonce: 1 bytes, must be 2");
        assert!(required::<u8>("card", None).is_err());
        for suite in [SuiteId::P256Sha256, SuiteId::Secp256k1Sha256] {
            assert_eq!(suite_from_wire("suite", suite_to_wire(suite) as i32), Ok(suite));
        }
        assert!(suite_from_wire("suite", 0).is_err());
    }
}

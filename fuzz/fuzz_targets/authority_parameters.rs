//! Authority parameters, most bytes fixed by a valid set: what parses is the one encoding of what it says, and prepared
//! parameters open as they were prepared alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_ccks::{Authority, CompressedPoint, Source, Suite, prepare_parameters};
use symbolon_fuzz::{assert_same_bytes, city::City, program::Program, with_city};

fuzz_target!(|input: &[u8]| {
    let Some((selector, program)) = input.split_first() else {
        return;
    };
    with_city!(selector, city => if selector & 2 == 0 { change(city, program) } else { prepared(city, selector / 4, program) });
});

/// A program reaches 64 KiB: of the prepared parameters, the first or the last.
fn prepared<S: Suite>(city: &City<S>, whence: u8, program: &[u8]) {
    let whole = prepare_parameters(&city.parameters).expect("valid parameters");
    let (before, bytes) = whole.split_at(usize::from(whence & 1) * (whole.len() - 0x1_0000));
    let mut bytes = bytes.to_vec();
    Program::new(program).apply(&mut bytes, &[&whole]);
    let bytes = [before, &bytes].concat();
    let opened = Authority::<S>::open(Source::from(&*bytes), city.authority.id());
    assert_eq!(opened.is_ok(), bytes == whole, "prepared parameters that were changed");
}

fn change<S: Suite>(city: &City<S>, program: &[u8]) {
    let mut parameters = city.parameters.clone();
    Program::new(program).apply(&mut parameters, &[]);
    let Ok(authority) = Authority::<S>::parse(&parameters) else {
        assert!(parameters != city.parameters, "valid parameters were refused");
        return;
    };
    let changed = parameters != city.parameters;
    assert_eq!(authority.id() != city.authority.id(), changed, "every byte counts for the id");
    assert_same_bytes("authority parameters", &parameters, &write(&authority, &parameters));
}

/// Writes what was understood: the header from the accessors, and every point decoded and encoded again.
fn write<S: Suite>(authority: &Authority<'_, S>, parameters: &[u8]) -> Vec<u8> {
    let rotation_key = authority.rotation_key().expect("no legal point is the identity");
    let mut written = [b"SYMB".as_slice(), &[1, S::ID.to_byte(), 16, 64, 64]].concat();
    written.extend_from_slice(&authority.created().seconds().to_be_bytes());
    written.extend_from_slice(rotation_key.as_bytes());
    written.extend_from_slice(authority.name().encoded());
    let points = parameters.get(written.len()..).unwrap_or_default();
    for point in points.chunks_exact(CompressedPoint::SIZE) {
        let point = CompressedPoint::parse(point).ok().and_then(S::decode_point).expect("parsing decoded it");
        let point = S::encode_point(&S::Projective::from(point)).expect("no legal point is the identity");
        written.extend_from_slice(point.as_bytes());
    }
    written
}

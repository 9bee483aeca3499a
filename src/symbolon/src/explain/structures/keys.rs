//! Keys: points, identities, credentials, offers, signatures, authority parameters.

use super::{Structure, checked, fixed, signature, suite_ahead};
use crate::{
    explain::{
        meaning::{
            amount, class, count, currency, integer, name, point, sectors, suite, tariff, time, version, words, zero,
        },
        walk::Walk,
    },
    with_suite,
};
use symbolon_ccks::{
    Authority, COLUMNS, CompressedPoint, Credential, INSTITUTIONS, Identity, Offer, ROWS, Signature, SuiteId,
};

pub(super) const POINT: Structure = fixed!(
    "compressed point",
    "a point such as a public key or the U of an enrolment, SEC 1 compressed",
    CompressedPoint::SIZE,
    "33",
    |walk| {
        walk.field("point", CompressedPoint::SIZE, point("a point", None));
    },
    CompressedPoint::parse
);

pub(super) const IDENTITY: Structure = fixed!(
    "identity",
    "what a holder claims to be; its public key follows from it",
    Identity::SIZE,
    "56",
    identity,
    Identity::parse
);

pub(super) const CREDENTIAL: Structure = fixed!(
    "credential",
    "an identity and the reconstruction point of its key; it proves nothing without a signature",
    Credential::SIZE,
    "89",
    credential,
    Credential::parse
);

pub(super) const OFFER: Structure = fixed!(
    "offer",
    "what the authority offers to issue to whoever has an activation code",
    Offer::SIZE,
    "88",
    |walk| {
        walk.part("identity", identity);
        walk.field("nonce", 32, words("single use, expires"));
    },
    Offer::parse
);

pub(super) const SIGNATURE: Structure = fixed!(
    "signature",
    "a full Schnorr signature; who signed what for which purpose is not in it",
    Signature::SIZE,
    "65",
    |walk| signature(walk, "signature", "the commitment", None),
    Signature::parse
);

pub(super) const RENEWAL: Structure = Structure {
    name: "renewal request",
    about: "the body of CompleteRenewal, which the present key signs",
    length: "130",
    claims: |bytes| bytes.len() == 130,
    walk: |walk| {
        walk.field("offer_nonce", 32, words("of the offer that is taken"));
        let about = point("the holder's point", None);
        walk.field("U", CompressedPoint::SIZE, about);
        signature(walk, "possession", "proves that the holder knows u", None);
    },
    check: None,
};

pub(super) const PARAMETERS: Structure = Structure {
    name: "authority parameters",
    about: "the public side of an authority; their SHA-256 is its id, the one thing to trust",
    length: "35,956 to 36,018",
    claims: |bytes| bytes.starts_with(b"SYMB") && !bytes.starts_with(b"SYMBSEAL"),
    walk: parameters,
    check: Some(|bytes| {
        let suite = bytes.get(5).copied().unwrap_or_default();
        let suite = SuiteId::from_byte(suite).map_err(|error| error.to_string())?;
        with_suite!(suite, S => checked(Authority::<S>::parse(bytes)))
    }),
};

/// The file with an authority's secrets. What is inside shows to nobody without passphrase or key file.
pub(super) const SEALED: Structure = Structure {
    name: "sealed file",
    about: "an authority's secrets, encrypted with AES-256-GCM; the whole is authenticated",
    length: "82 and the secret",
    claims: |bytes| bytes.starts_with(b"SYMBSEAL"),
    walk: sealed,
    check: None,
};

fn sealed(walk: &mut Walk<'_>) {
    const TAG_SIZE: usize = 16;
    walk.field("magic", 8, words("\"SYMBSEAL\""));
    walk.field("version", 1, version);
    let source = walk.field("key_source", 1, |bytes| match bytes {
        [1] => Ok("a passphrase, by argon2id".to_owned()),
        [2] => Ok("a key file".to_owned()),
        _ => Err("known are 1 (passphrase) and 2 (key file)".to_owned()),
    });
    for (name, what) in [("memory", "KiB of memory"), ("passes", "passes over it"), ("lanes", "lanes")] {
        walk.field(name, 4, |bytes| match (source, integer(bytes)) {
            ([2], 0) => Ok("none for a key file".to_owned()),
            ([2], _) => Err("a key file has no costs".to_owned()),
            _ => count(what)(bytes),
        });
    }
    walk.field("salt", 16, words("mixed into the key"));
    walk.field("key_check", 16, words("tells a wrong key from a damaged file"));
    walk.field("nonce", 12, words("of AES-256-GCM"));
    walk.field("encrypted", walk.left().saturating_sub(TAG_SIZE), words("the secret"));
    walk.field("tag", TAG_SIZE, words("authenticates all before it"));
}

pub(super) fn identity(walk: &mut Walk<'_>) {
    let money = walk.peek(52, 2).and_then(|bytes| u16::try_from(integer(bytes)).ok());
    let subject = match walk.peek(2, 1).unwrap_or_default() {
        [1] => "the card number",
        [2] => "the operator's tag (8 bytes), then the terminal's number",
        [3] => "a pseudonym's linkage value",
        _ => "whom it is about",
    };
    walk.field("version", 1, version);
    walk.field("suite", 1, suite);
    walk.field("class", 1, class);
    walk.field("sectors", 1, sectors);
    let prefix = words("the beginning of the authority's id; it only routes");
    walk.field("authority_prefix", 8, prefix);
    walk.field("subject", 16, words(subject));
    let not_before = integer(walk.field("not_before", 8, time));
    walk.field("not_after", 8, |bytes| {
        if integer(bytes) <= not_before {
            return Err("not later than not_before".to_owned());
        }
        time(bytes)
    });
    let about = amount("one transaction: at most", money);
    let spend_limit = integer(walk.field("spend_limit", 4, about));
    walk.field("budget", 4, |bytes| {
        if integer(bytes) < spend_limit {
            return Err("below the spend_limit".to_owned());
        }
        amount("in all, over its whole life: at most", money)(bytes)
    });
    walk.field("currency", 2, currency);
    walk.field("tariff", 1, tariff);
    walk.field("zero", 1, zero);
}

pub(super) fn credential(walk: &mut Walk<'_>) {
    let about = point("the reconstruction point", suite_ahead(walk, 1));
    walk.part("identity", identity);
    walk.field("P", CompressedPoint::SIZE, about);
}

fn parameters(walk: &mut Walk<'_>) {
    let rotation_key = point("the rotation key", suite_ahead(walk, 5));
    let exactly = |expected: u64, what: &'static str| {
        move |bytes: &[u8]| match integer(bytes) {
            value if value == expected => Ok(format!("{value} {what}")),
            value => Err(format!("{value}; must be {expected} {what}")),
        }
    };
    walk.field("magic", 4, words("\"SYMB\""));
    walk.field("version", 1, version);
    walk.field("suite", 1, suite);
    walk.field("rows", 1, exactly(ROWS as u64, "points a column"));
    walk.field("columns", 1, exactly(COLUMNS as u64, "columns"));
    let institutions = exactly(INSTITUTIONS as u64, "institution points");
    walk.field("institutions", 1, institutions);
    walk.field("created", 8, time);
    walk.field("T", CompressedPoint::SIZE, rotation_key);
    let length = walk.field("name_length", 1, |bytes| match integer(bytes) {
        length @ 1..=63 => Ok(format!("a name of {length} characters")),
        length => Err(format!("{length}; a name has 1 to 63 characters")),
    });
    let length = usize::try_from(integer(length)).unwrap_or_default();
    walk.field("name", length, name);
    walk.field(
        "M",
        ROWS * COLUMNS * CompressedPoint::SIZE,
        words("the matrix, 64 columns of 16 points, a column at a time"),
    );
    walk.field("V", INSTITUTIONS * CompressedPoint::SIZE, words("the institution vector, 64 points"));
}

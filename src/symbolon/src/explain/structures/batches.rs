//! What travels between terminals and the service: uploads, acknowledgements, trust bundles, successors.

use super::{Structure, checked, fixed, keys::credential, signature, suite_ahead, terminals};
use crate::{
    calendar::{money, utc},
    explain::{
        meaning::{count, integer, sector, sectors, suite, time, version, words, zero},
        walk::{Meaning, Walk},
    },
};
use sha2::{Digest, Sha256};
use symbolon_ccks::{PeriodBoundary, Signature, Subject};
use symbolon_tap::{
    Acknowledgement, Bundle, BundleHeader, Fare, Limit, Record, RecordHint, RevokedSeed, Rule, Successor,
    SuccessorStatement, Tariff, Upload, UploadHead, UploadHeader, section_type,
};

/// Records, subjects and the like that are told one by one; the rest is counted.
const TOLD: usize = 16;

pub(super) const ACKNOWLEDGEMENT: Structure = fixed!(
    "acknowledgement",
    "what the authority answers to an upload; its signature travels beside",
    Acknowledgement::SIZE,
    "46",
    acknowledgement,
    Acknowledgement::parse
);

pub(super) const SIGNED_ACKNOWLEDGEMENT: Structure = Structure {
    name: "signed acknowledgement",
    about: "with it a terminal may forget the records that it uploaded",
    length: "111",
    claims: |bytes| bytes.len() == Acknowledgement::SIZE + Signature::SIZE,
    walk: |walk| {
        walk.part("acknowledgement", acknowledgement);
        signature(walk, "signature", "the authority's", None);
    },
    check: None,
};

pub(super) const SUCCESSOR_STATEMENT: Structure = Structure {
    name: "successor statement",
    about: "names the next authority; worth nothing without the rotation key's signature",
    length: "88",
    claims: |bytes| bytes.len() == SuccessorStatement::SIZE,
    walk: successor_statement,
    check: None,
};

pub(super) const SUCCESSOR: Structure = fixed!(
    "successor",
    "an authority names the next one, signed by its rotation key",
    Successor::SIZE,
    "153",
    |walk| {
        walk.part("statement", successor_statement);
        signature(walk, "signature", "the rotation key's", None);
    },
    Successor::parse
);

pub(super) const UPLOAD_HEADER: Structure = Structure {
    name: "upload header",
    about: "what a terminal signs of an upload; the records follow the signature",
    length: "129",
    claims: |bytes| bytes.len() == UploadHeader::SIZE,
    walk: |walk| upload_header(walk, None),
    check: None,
};

pub(super) const UPLOAD_HEAD: Structure = Structure {
    name: "upload head",
    about: "an upload's header and signature, before its records",
    length: "194",
    claims: |bytes| bytes.len() == UploadHead::SIZE,
    walk: |walk| upload_head(walk, None),
    check: None,
};

pub(super) const UPLOAD: Structure = Structure {
    name: "upload",
    about: "records that a terminal accepted, signed by it for settlement",
    length: "194 and 209 (or 273) a record",
    claims: |bytes| {
        let records = bytes.len().checked_sub(UploadHead::SIZE);
        records.is_some_and(|length| {
            length > 0
                && (length.is_multiple_of(Record::SIZE) || length.is_multiple_of(Record::SIZE + RecordHint::SIZE))
        })
    },
    walk: upload,
    check: Some(|bytes| checked(Upload::parse(bytes))),
};

pub(super) const BUNDLE_HEADER: Structure = Structure {
    name: "trust bundle header",
    about: "what the authority signs of a trust bundle; signature and body follow",
    length: "108",
    claims: |bytes| bytes.len() == BundleHeader::SIZE,
    walk: |walk| bundle_header(walk, None),
    check: None,
};

pub(super) const BUNDLE: Structure = Structure {
    name: "trust bundle",
    about: "what terminals and wallets decide by, signed by the authority",
    length: "173 and a body",
    claims: |bytes| {
        let body_length = bytes.get(68..72).map(integer);
        let rest = bytes.len().checked_sub(Bundle::HEAD_SIZE);
        body_length.zip(rest).is_some_and(|(said, rest)| said == rest as u64)
    },
    walk: bundle,
    check: Some(|bytes| checked(Bundle::parse(bytes))),
};

fn acknowledgement(walk: &mut Walk<'_>) {
    walk.field("upload_digest", 32, words("SHA-256 of the whole upload"));
    walk.field("settled", 2, count("records settled"));
    walk.field("duplicate", 2, count("records that had settled before"));
    walk.field("refused", 2, count("records refused, misuse included"));
    walk.field("time", 8, time);
}

fn successor_statement(walk: &mut Walk<'_>) {
    walk.field("version", 1, version);
    walk.field("next_suite", 1, suite);
    walk.field("zero", 6, zero);
    walk.field("authority", 32, words("the id of the authority that signs"));
    let next = words("SHA-256 of the next authority's parameters");
    walk.field("next_authority", 32, next);
    walk.field("next_from", 8, time);
    walk.field("this_until", 8, time);
}

fn upload_header(walk: &mut Walk<'_>, records: Option<&[u8]>) {
    walk.field("version", 1, version);
    walk.field("hints", 1, |bytes| match bytes {
        [0] => Ok("no hints".to_owned()),
        [1] => Ok("the y of every P and R follows the records".to_owned()),
        _ => Err("known are 0 and 1".to_owned()),
    });
    walk.field("count", 2, |bytes| match integer(bytes) {
        count @ 1..=8_192 => Ok(format!("{count} records")),
        count => Err(format!("{count} records; must be 1 to 8,192")),
    });
    walk.field("number", 4, count("is the terminal's number of this upload"));
    walk.part("terminal", credential);
    let records = records.map(Sha256::digest);
    walk.field("records_digest", 32, |bytes| match &records {
        Some(digest) if digest.as_slice() != bytes => Err("not the SHA-256 of the records".to_owned()),
        _ => Ok("SHA-256 of the records".to_owned()),
    });
}

fn upload_head(walk: &mut Walk<'_>, records: Option<&[u8]>) {
    let suite = suite_ahead(walk, 9);
    upload_header(walk, records);
    signature(walk, "signature", "the terminal's, over the header", suite);
}

fn upload(walk: &mut Walk<'_>) {
    let hints = walk.peek(1, 1) == Some(&[1]);
    let said = walk.peek(2, 2).map(integer).unwrap_or_default();
    let records = usize::try_from(said).unwrap_or_default();
    upload_head(walk, walk.peek(UploadHead::SIZE, records * Record::SIZE));
    for index in 0..records.min(TOLD) {
        walk.field(&format!("records[{index}]"), Record::SIZE, record);
    }
    let rest = records.saturating_sub(TOLD);
    if rest > 0 {
        walk.field("records[16..]", rest * Record::SIZE, move |_| Ok(format!("{rest} more records")));
    }
    if hints {
        walk.field("hints", records * RecordHint::SIZE, words("y of P, y of R, for every record"));
    }
}

/// A record in one line; give it alone to have it taken apart.
fn record(bytes: &[u8]) -> Meaning {
    let record = Record::parse(bytes).map_err(|error| error.to_string())?;
    let (terms, presentation) = (record.terms(), record.presentation());
    Ok(format!(
        "{} at {}, {}, {}, counter {}",
        terms.kind(),
        utc(terms.time().seconds()),
        terms.sector(),
        money(terms.amount().into(), terms.currency()),
        presentation.counter()
    ))
}

fn bundle_header(walk: &mut Walk<'_>, body: Option<&[u8]>) {
    walk.field("version", 1, version);
    walk.field("suite", 1, suite);
    walk.field("zero", 1, zero);
    walk.field("sectors", 1, sectors);
    walk.field("authority_id", 32, words("the authority that signs"));
    walk.field("sequence", 8, count("is its number; numbers rise"));
    let issued_at = integer(walk.field("issued_at", 8, time));
    walk.field("valid_until", 8, |bytes| {
        if integer(bytes) < issued_at {
            return Err("before issued_at".to_owned());
        }
        time(bytes)
    });
    walk.field("oldest_not_before", 8, time);
    walk.field("body_length", 4, count("bytes of body"));
    let part = integer(walk.field("part", 2, count("is this part's number, from 0")));
    walk.field("parts", 2, |bytes| {
        if integer(bytes) <= part {
            return Err("not above the part's number".to_owned());
        }
        count("parts in all")(bytes)
    });
    walk.field("body_digest", 32, |bytes| match body {
        Some(body) if Sha256::digest(body).as_slice() != bytes => Err("not the SHA-256 of the body".to_owned()),
        _ => Ok("SHA-256 of the body".to_owned()),
    });
}

fn bundle(walk: &mut Walk<'_>) {
    let suite = suite_ahead(walk, 1);
    let before_body = Bundle::HEAD_SIZE;
    let body_length = walk.left().saturating_sub(before_body);
    bundle_header(walk, walk.peek(before_body, body_length));
    signature(walk, "signature", "the authority's, over the header", suite);
    let mut index = 0;
    while walk.left() > 0 {
        walk.part(&format!("sections[{index}]"), section);
        index += 1;
    }
}

fn section(walk: &mut Walk<'_>) {
    let kind = walk.field("type", 1, |bytes| {
        Ok(match bytes {
            [section_type::REVOKED_SUBJECTS] => "revoked subjects".to_owned(),
            [section_type::LIMITS] => "the most for one tap, by sector and currency".to_owned(),
            [section_type::REVOKED_SEEDS] => "what the pseudonyms of revoked cards are recognised by".to_owned(),
            [section_type::ISSUANCE] => "how pseudonyms are issued, for wallets".to_owned(),
            [other] if terminals::about(*other).is_some() => terminals::about(*other).unwrap_or_default().to_owned(),
            other => format!("type {}, which this version does not know", integer(other)),
        })
    });
    walk.field("critical", 1, |bytes| match bytes {
        [0] => Ok("may be passed over by who does not know it".to_owned()),
        [1] => Ok("refuses the bundle to who does not know it".to_owned()),
        _ => Err("known are 0 and 1".to_owned()),
    });
    walk.field("zero", 2, zero);
    let length = integer(walk.field("length", 4, count("bytes")));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    match kind {
        [section_type::REVOKED_SUBJECTS] => {
            let revoked = |_: &[u8]| Ok("is not to be accepted".to_owned());
            entries(walk, "subjects", length, size_of::<Subject>(), revoked);
        }
        [section_type::LIMITS] => entries(walk, "limits", length, Limit::SIZE, limit),
        [section_type::REVOKED_SEEDS] => seeds(walk, length),
        [section_type::ISSUANCE] => {
            walk.field("issuance", length, words("the issuance parameters"));
        }
        [section_type::RULES] => entries(walk, "rules", length, Rule::SIZE, terminals::rule),
        [section_type::TARIFFS] => entries(walk, "tariffs", length, Tariff::SIZE, terminals::concession),
        [section_type::FARES] => entries(walk, "fares", length, Fare::SIZE, terminals::fare),
        [section_type::FILTER] => terminals::filter(walk, length),
        _ if length > 0 => {
            walk.field("bytes", length, words("as this type has them"));
        }
        _ => {}
    }
}

fn seeds(walk: &mut Walk<'_>, length: usize) {
    walk.field("boundary", 4, |bytes| {
        PeriodBoundary::new(u32::try_from(integer(bytes)).unwrap_or(u32::MAX))
            .map(|boundary| format!("periods begin {} seconds after midnight UTC", boundary.seconds()))
            .map_err(|error| error.to_string())
    });
    walk.field("per_period", 4, |bytes| match integer(bytes) {
        count @ 1..=65_535 => Ok(format!("a card has at most {count} pseudonyms in a period")),
        count => Err(format!("{count}; must be 1 to 65,535")),
    });
    entries(walk, "seeds", length.saturating_sub(8), RevokedSeed::SIZE, |bytes| {
        let period = bytes.get(..4).map(integer).unwrap_or_default();
        Ok(format!("from period {period} on, the pseudonyms of one card are not to be accepted"))
    });
}

/// Entries of a section, the first of them one by one.
fn entries(walk: &mut Walk<'_>, name: &str, length: usize, size: usize, meaning: fn(&[u8]) -> Meaning) {
    let told = (length / size).min(TOLD);
    for index in 0..told {
        walk.field(&format!("{name}[{index}]"), size, meaning);
    }
    let rest = length - told * size;
    if rest > 0 {
        walk.field(&format!("{name}[{told}..]"), rest, |bytes| match bytes.len() % size {
            0 => Ok(format!("{} more", rest / size)),
            _ => Err(format!("not a multiple of {size} bytes")),
        });
    }
}

fn limit(bytes: &[u8]) -> Meaning {
    match bytes {
        [of_sector, 0, currency @ .., a, b, c, d] => {
            let most = integer(&[*a, *b, *c, *d]).cast_signed();
            let currency = u16::try_from(integer(currency)).unwrap_or_default();
            Ok(format!("{}: at most {}", sector(&[*of_sector])?, money(most, currency)))
        }
        _ => Err("the second byte must be zero".to_owned()),
    }
}

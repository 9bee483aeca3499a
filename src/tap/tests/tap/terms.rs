//! Whether an identity goes with terms, and requests' digests.

use sha2::{Digest, Sha256};
use symbolon_ccks::{Class, Identity, IdentityFields, P256, Sector, Sectors};
use symbolon_tap::{Flags, Kind, Misfit, RequestDigest, Terms, TermsFields};

use crate::world::{NOW_SECONDS, TestSuite, holder_fields, terms_fields, time};

fn fields(class: Class) -> IdentityFields {
    holder_fields(&P256::world().authority, class, [1; 16])
}

fn fits(terms: TermsFields, identity: IdentityFields) -> Result<(), Misfit> {
    Terms::new(terms).unwrap().fits(&Identity::new(identity).unwrap())
}

#[test]
fn each_misfit_is_found() {
    let card = fields(Class::Card);
    let terms = terms_fields();
    assert_eq!(fits(terms, card), Ok(()));
    assert_eq!(fits(TermsFields { sector: Sector::Power, ..terms }, card), Err(Misfit::WrongSector));
    assert_eq!(fits(TermsFields { currency: 978, ..terms }, card), Err(Misfit::WrongCurrency));
    let at = |seconds| TermsFields { time: time(seconds), ..terms };
    assert_eq!(fits(at(NOW_SECONDS - 1001), card), Err(Misfit::NotYetValid));
    assert_eq!(fits(at(NOW_SECONDS - 1000), card), Ok(()));
    assert_eq!(fits(at(NOW_SECONDS + 999), card), Ok(()));
    assert_eq!(fits(at(NOW_SECONDS + 1000), card), Err(Misfit::Expired));
}

#[test]
fn only_what_a_holder_spends_is_limited() {
    let of = |kind, amount| TermsFields { kind, amount, ..terms_fields() };
    for kind in [Kind::Purchase, Kind::Entry] {
        assert_eq!(fits(of(kind, 6000), fields(Class::Card)), Ok(()));
        assert_eq!(fits(of(kind, 6001), fields(Class::Card)), Err(Misfit::OverLimit));
        assert_eq!(fits(of(kind, 6001), fields(Class::Pseudonym)), Err(Misfit::OverLimit));
        assert_eq!(fits(of(kind, 6001), fields(Class::Terminal)), Ok(()));
    }
    assert_eq!(fits(of(Kind::Refund, 6001), fields(Class::Card)), Ok(()));
}

#[test]
fn the_first_misfit_in_order_is_the_one_told() {
    let identity = IdentityFields { sectors: Sectors::from(Sector::Power), currency: 978, ..fields(Class::Card) };
    let mut terms = TermsFields { time: time(NOW_SECONDS + 5000), amount: 9999, ..terms_fields() };
    assert_eq!(fits(terms, identity), Err(Misfit::WrongSector));
    terms.sector = Sector::Power;
    assert_eq!(fits(terms, identity), Err(Misfit::WrongCurrency));
    terms.currency = 978;
    assert_eq!(fits(terms, identity), Err(Misfit::Expired));
    terms.time = time(NOW_SECONDS - 5000);
    assert_eq!(fits(terms, identity), Err(Misfit::NotYetValid));
    terms.time = time(NOW_SECONDS);
    assert_eq!(fits(terms, identity), Err(Misfit::OverLimit));
}

#[test]
fn terms_are_not_made_of_what_does_not_go_together() {
    let of = |kind, amount, flags| Terms::new(TermsFields { kind, amount, flags, ..terms_fields() });
    assert!(of(Kind::Purchase, 0, Flags::Tap).is_err());
    assert!(of(Kind::Entry, 0, Flags::Tap).is_ok());
    assert!(of(Kind::Exit, 1, Flags::Tap).is_err());
    assert!(of(Kind::Credit, 1, Flags::Tap).is_err());
    assert!(of(Kind::Entry, 1, Flags::ScreenCode).is_ok());
    assert!(of(Kind::Exit, 0, Flags::ScreenCode).is_err());
}

#[test]
fn a_request_digest_is_over_every_part() {
    let digest = RequestDigest::of("/a.B/C", time(5), &[6; 16], b"body").unwrap();
    let expected = Sha256::digest([b"\x06/a.B/C\0\0\0\0\0\0\0\x05", [6; 16].as_slice(), b"body"].concat());
    assert_eq!(digest.as_bytes().as_slice(), expected.as_slice());
}

#[test]
fn a_method_has_1_to_255_visible_characters() {
    let of = |method: &str| RequestDigest::of(method, time(5), &[6; 16], b"");
    assert!(of("").is_err());
    assert!(of(&"m".repeat(255)).is_ok());
    assert!(of(&"m".repeat(256)).is_err());
    assert!(of("a method").is_err());
    assert!(of("méthode").is_err());
}

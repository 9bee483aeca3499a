//! What a bundle tells terminals: whom they serve, who pays less, and what journeys cost.

use proptest::prelude::*;
use symbolon_ccks::{Class, P256, Sector};
use symbolon_tap::{
    Bundle, BundleContent, Fare, FareFields, Rule, RuleFields, SignRefused, StaleAction, Tariff, encode_bundle,
};

use crate::bundles::{refused, section, with_body};
use crate::world::{OPERATOR, RANDOM, Samples, TestSuite, bundle_fields, fares, rules, tariffs};

#[test]
fn a_bundle_says_whom_to_serve() {
    let bytes = Samples::new(P256::world()).bundle;
    let table = Bundle::parse(&bytes).unwrap().rules();
    let rule = |sector, class, currency| table.rule(sector, class, currency).unwrap();
    let [pseudonyms, water, cards] = rules();
    assert_eq!(rule(Sector::Transport, Class::Pseudonym, 156), Some(pseudonyms));
    assert_eq!(rule(Sector::Transport, Class::Card, 156), Some(cards));
    assert_eq!(rule(Sector::Water, Class::Card, 156), Some(water));
    assert_eq!(rule(Sector::Water, Class::Pseudonym, 156), None);
    assert_eq!(rule(Sector::Power, Class::Card, 156), None);
    assert_eq!(rule(Sector::Transport, Class::Card, 157), None);
    assert_eq!(table.iter().collect::<Result<Vec<_>, _>>(), Ok(vec![water, cards, pseudonyms]));
    for rule in rules() {
        assert_eq!(Rule::new(rule.fields()), Ok(rule));
        assert_eq!(Rule::parse(rule.as_bytes()), Ok(&rule));
    }
}

#[test]
fn a_bundle_says_what_journeys_cost() {
    let bytes = Samples::new(P256::world()).bundle;
    let bundle = Bundle::parse(&bytes).unwrap();
    let fare = |operator, currency, from, to| bundle.fares().fare(operator, currency, &[from; 16], &[to; 16]).unwrap();
    assert_eq!(fare(OPERATOR, 156, 1, 2), Some(300));
    assert_eq!(fare(OPERATOR, 156, 2, 1), Some(400));
    assert_eq!(fare(OPERATOR, 156, 1, 1), Some(900));
    assert_eq!(fare(OPERATOR, 156, 1, 0), Some(900));
    assert_eq!(fare(OPERATOR, 157, 1, 2), None);
    assert_eq!(fare(*b"another.", 156, 1, 2), Some(50));
    assert_eq!(fare(*b"another.", 156, 1, 3), None);
    assert_eq!(bundle.fares().otherwise(OPERATOR, 156), Ok(Some(900)));
    assert_eq!(bundle.fares().otherwise(*b"another.", 156), Ok(None));
    let tariff = |sector, tariff| bundle.tariffs().tariff(sector, tariff).unwrap().map(|tariff| tariff.permille());
    assert_eq!(tariff(Sector::Transport, 3), Some(500));
    assert_eq!(tariff(Sector::Transport, 2), Some(0));
    assert_eq!(tariff(Sector::Transport, 1), None);
    assert_eq!(tariff(Sector::Power, 3), None);
    assert!(fares().iter().map(|fare| Fare::parse(fare.as_bytes())).eq(fares().iter().map(Ok)));
}

proptest! {
    #[test]
    fn a_concession_is_a_part_of_the_fare(permille in 0_u16..=1000, full: u32) {
        let part = Tariff::new(Sector::Transport, 1, permille).unwrap().of(full);
        prop_assert!(part <= full);
        prop_assert_eq!(part == 0, permille == 0 || full == 0);
        let exact = u64::from(full) * u64::from(permille);
        prop_assert!(part == 1 || u64::from(part) * 1000 <= exact);
        prop_assert!((u64::from(part) + 1) * 1000 > exact);
    }
}

#[test]
fn concessions_round_down_but_not_to_nothing() {
    let of = |permille, full| Tariff::new(Sector::Transport, 1, permille).unwrap().of(full);
    assert_eq!((of(500, 301), of(1, 999), of(1, 2000), of(1000, u32::MAX)), (150, 1, 2, u32::MAX));
    assert_eq!((of(0, 301), of(999, 0), of(1000, 0)), (0, 0, 0));
}

#[test]
fn fields_that_do_not_go_together_are_not_written() {
    let good = rules()[0].fields();
    let refused = |fields: RuleFields| Rule::new(fields).is_err();
    assert!(refused(RuleFields { class: Class::Terminal, ..good }));
    assert!(refused(RuleFields { stale_cap: 801, ..good }));
    assert!(!refused(RuleFields { stale_cap: 800, ..good }));
    assert!(refused(RuleFields { stale: StaleAction::Refer, ..good }));
    assert!(!refused(RuleFields { stale: StaleAction::Refer, stale_cap: 0, ..good }));
    assert!(refused(RuleFields { stale: StaleAction::Decline, stale_cap: 0, ..good }));
    assert!(!refused(RuleFields { stale: StaleAction::Decline, stale_cap: 0, stale_seconds: 0, ..good }));
    assert!(Tariff::new(Sector::Water, 0, 1000).is_err());
    assert!(Tariff::new(Sector::Water, 1, 1001).is_err());
    let fare = |from, to| Fare::new(FareFields { operator: OPERATOR, currency: 156, from, to, fare: 1 });
    assert!(fare([0; 16], [1; 16]).is_err() && fare([1; 16], [0; 16]).is_err());
    assert!(fare([0; 16], [0; 16]).is_ok_and(|fare| fare.is_otherwise()));
    assert!(fare([1; 16], [1; 16]).is_ok_and(|fare| !fare.is_otherwise()));
}

#[test]
fn two_entries_of_one_key_are_not_written() {
    let encode = |content: BundleContent<'_>| {
        encode_bundle(&P256::world().city(), &bundle_fields(), &content, &RANDOM).map(|_| ())
    };
    let [first, ..] = rules();
    let second = Rule::new(RuleFields { tier: 1, ..first.fields() }).unwrap();
    let rules = [first, second];
    assert_eq!(encode(BundleContent { rules: &rules, ..BundleContent::default() }), Err(SignRefused::Fields));
    assert_eq!(encode(BundleContent { rules: &rules[1..], ..BundleContent::default() }), Ok(()));
    let tariffs = [Tariff::new(Sector::Water, 1, 1).unwrap(), Tariff::new(Sector::Water, 1, 2).unwrap()];
    assert_eq!(encode(BundleContent { tariffs: &tariffs, ..BundleContent::default() }), Err(SignRefused::Fields));
    let fares = [fares()[0], fares()[0]];
    assert_eq!(encode(BundleContent { fares: &fares, ..BundleContent::default() }), Err(SignRefused::Fields));
}

/// A section of these entries, with the byte at `offset` of the first set to `value`.
fn changed<E: AsRef<[u8]>>(section_type: u8, entries: &[E], offset: usize, value: u8) -> Vec<u8> {
    let mut bytes = entries.iter().flat_map(|entry| entry.as_ref().to_vec()).collect::<Vec<_>>();
    bytes[offset] = value;
    section(section_type, 1, &bytes)
}

#[test]
fn sections_for_terminals_have_one_encoding() {
    let [pseudonyms, water, cards] = rules().map(|rule| *rule.as_bytes());
    let not_whole = "the rules are not 28 bytes each of legal fields";
    assert!(Bundle::parse(&with_body(&section(5, 1, &[water, cards, pseudonyms].concat()))).is_ok());
    assert_eq!(refused(&section(5, 1, &[cards, water].concat())), "the rules do not ascend");
    assert_eq!(refused(&section(5, 1, &[cards, cards].concat())), "the rules do not ascend");
    assert_eq!(refused(&section(5, 1, &cards[..27])), not_whole);
    for (offset, value) in [(0, 3), (1, 0), (1, 4), (16, 3), (17, 1), (18, 1), (19, 1)] {
        assert_eq!(refused(&changed(5, &[pseudonyms], offset, value)), not_whole, "{offset}");
        let mut bytes = pseudonyms;
        bytes[offset] = value;
        assert!(Rule::parse(&bytes).is_err());
    }
    assert_eq!(refused(&changed(5, &[pseudonyms], 1, 2)), "a rule for terminals, which are nobody's customers");
    assert_eq!(refused(&changed(5, &[pseudonyms], 16, 1)), "a cap for taps that are not accepted");
    let higher = "a higher cap while data are old than while they are fresh";
    assert_eq!(refused(&changed(5, &[pseudonyms], 22, 4)), higher);
    assert_eq!(refused(&changed(5, &[cards], 16, 0)), "a time in which taps are declined as they are after it");

    let [half, free, whole] = tariffs().map(|tariff| *tariff.as_bytes());
    let not_whole = "the tariffs are not 8 bytes each of legal fields";
    assert!(Bundle::parse(&with_body(&section(6, 1, &[whole, free, half].concat()))).is_ok());
    assert_eq!(refused(&section(6, 1, &[half, free].concat())), "the tariffs do not ascend");
    assert_eq!(refused(&section(6, 1, &half[..7])), not_whole);
    assert_eq!(refused(&changed(6, &[half], 0, 8)), not_whole);
    assert_eq!(refused(&changed(6, &[half], 7, 1)), not_whole);
    assert_eq!(refused(&changed(6, &[half], 1, 0)), "a concession for the group that pays the full fare");
    assert_eq!(refused(&changed(6, &[half], 2, 4)), "a tariff above the full fare");

    let [one, otherwise, two, another] = fares().map(|fare| *fare.as_bytes());
    let not_whole = "the fares are not 48 bytes each with zeros in their place";
    assert!(Bundle::parse(&with_body(&section(7, 1, &[another, otherwise, one, two].concat()))).is_ok());
    assert_eq!(refused(&section(7, 1, &[one, otherwise].concat())), "the fares do not ascend");
    assert_eq!(refused(&section(7, 1, &two[..47])), not_whole);
    assert_eq!(refused(&changed(7, &[two], 10, 1)), not_whole);
    assert_eq!(refused(&changed(7, &[otherwise], 12, 1)), "a fare between a place and none");

    for section_type in 5..=8 {
        let empty = "rules, tariffs, fares or a filter without an entry";
        assert_eq!(refused(&section(section_type, 1, &[])), empty);
        let not_critical = "rules, tariffs, fares or a filter that are not critical";
        assert_eq!(refused(&section(section_type, 0, &[0; 48])), not_critical);
    }
}

//! What proves misuse, and whom it convicts.

use symbolon_ccks::{CredentialDigest, Purpose, Suite};
use symbolon_tap::misuse::{Archive, Convicts, HolderRequest, Item, Proves, Why, check, convicts};
use symbolon_tap::{Flags, Kind, Presentation, Record, Terms, TermsFields};

use crate::world::{
    Holder, TestSuite, World, for_each_suite, holder_fields, issue_seeded, spending, terms, terms_fields,
};

for_each_suite!(
    two_messages_under_one_counter_are_misuse,
    two_signatures_over_one_message_are_not,
    more_than_the_budget_is_misuse,
    what_is_not_spent_does_not_count,
    nothing_is_proved_by_a_bad_signature,
    a_proof_is_about_one_credential,
    a_screen_code_convicts_too,
    only_the_archive_convicts_a_person,
    items_are_read_in_place,
);

fn item_of<S: Suite>(holder: &Holder<S>, terms: Terms, terminal: CredentialDigest, counter: u32, random: u8) -> Item {
    let presentation = Presentation::sign(&holder.key, &terms, &terminal, counter, &[random; 32]).unwrap();
    Item::new(&Record::new(terms, presentation), terminal)
}

fn item<S: Suite>(world: &World<S>, terms: Terms, counter: u32) -> Item {
    item_of(&world.card, terms, world.terminal.issued.credential.digest(), counter, 1)
}

fn proves<S: Suite>(world: &World<S>, items: &[Item]) -> Proves {
    check(&world.authority, items).proves()
}

fn two_messages_under_one_counter_are_misuse<S: TestSuite>() {
    let world = S::world();
    let first = item(world, terms(), 5);
    let other_terms = item(world, spending(Kind::Purchase, 9), 5);
    let other_terminal = item_of(&world.card, terms(), world.other_terminal.issued.credential.digest(), 5, 1);
    let other_kind = item(world, spending(Kind::Exit, 0), 5);
    for second in [other_terms, other_terminal, other_kind] {
        let finding = check(&world.authority, &[first, second]);
        assert_eq!(finding.proves(), Proves::DoubleUse);
        assert_eq!(finding.credential(), Some(&world.card.issued.credential));
        assert_eq!(finding.credential_digest(), Some(world.card.issued.credential.digest()));
    }
    let among_others = [item(world, terms(), 4), first, item(world, terms(), 6), other_terms];
    assert_eq!(proves(world, &among_others), Proves::DoubleUse);
    assert_eq!(proves(world, &[first, item(world, spending(Kind::Purchase, 9), 6)]), Proves::Nothing(Why::Honest));
}

fn two_signatures_over_one_message_are_not<S: TestSuite>() {
    let world = S::world();
    let terminal = world.terminal.issued.credential.digest();
    let [first, second] =
        [1, 2].map(|random| item_of(&world.card, spending(Kind::Purchase, 6000), terminal, 5, random));
    assert_ne!(first.presentation().signature(), second.presentation().signature());
    // Nor does their amount count twice: 12,000 would be above the budget.
    assert_eq!(proves(world, &[first, second]), Proves::Nothing(Why::Honest));
    assert_eq!(proves(world, &[first, first]), Proves::Nothing(Why::Honest));
}

fn more_than_the_budget_is_misuse<S: TestSuite>() {
    let world = S::world();
    let purchase = item(world, spending(Kind::Purchase, 6000), 1);
    let entry = |amount| item(world, spending(Kind::Entry, amount), 2);
    assert_eq!(proves(world, &[purchase, entry(4000)]), Proves::Nothing(Why::Honest));
    assert_eq!(proves(world, &[purchase, entry(4001)]), Proves::Overspend);
    assert_eq!(proves(world, &[entry(4001), purchase, item(world, terms(), 3)]), Proves::Overspend);
    // Sums are wider than amounts: these two would wrap to 1 in 32 bits.
    let largest = [item(world, spending(Kind::Entry, u32::MAX), 1), item(world, spending(Kind::Entry, 2), 2)];
    assert_eq!(proves(world, &largest), Proves::Overspend);
}

fn what_is_not_spent_does_not_count<S: TestSuite>() {
    let world = S::world();
    let refund = item(world, spending(Kind::Refund, 50_000), 1);
    let items = [refund, item(world, spending(Kind::Purchase, 6000), 2), item(world, spending(Kind::Credit, 0), 3)];
    assert_eq!(proves(world, &items), Proves::Nothing(Why::Honest));
}

fn nothing_is_proved_by_a_bad_signature<S: TestSuite>() {
    let world = S::world();
    let first = item(world, terms(), 5);
    let mut forged = *item(world, terms(), 5).as_bytes();
    forged[31] ^= 1;
    let finding = check(&world.authority, &[first, *Item::parse(&forged).unwrap()]);
    assert_eq!(finding.proves(), Proves::Nothing(Why::BadSignature));
    assert_eq!(finding.credential_digest(), None);
    let other = World::<S>::new(2).authority;
    let pair = [first, item(world, spending(Kind::Purchase, 9), 5)];
    assert_eq!(check(&other, &pair).proves(), Proves::Nothing(Why::BadSignature));
}

fn a_proof_is_about_one_credential<S: TestSuite>() {
    let world = S::world();
    let terminal = world.terminal.issued.credential.digest();
    let other = item_of(&world.other_card, spending(Kind::Purchase, 9), terminal, 5, 1);
    assert_eq!(proves(world, &[item(world, terms(), 5), other]), Proves::Nothing(Why::SeveralCredentials));
    assert_eq!(proves(world, &[]), Proves::Nothing(Why::NoItem));
    assert_eq!(proves(world, &[item(world, terms(), 5)]), Proves::Nothing(Why::Honest));
}

/// What a holder signs twice convicts it, however the terms came about.
fn a_screen_code_convicts_too<S: TestSuite>() {
    let world = S::world();
    let code = Terms::new(TermsFields { flags: Flags::ScreenCode, ..terms_fields() }).unwrap();
    let message: [&[u8]; 3] = [code.as_bytes(), &symbolon_tap::NO_TERMINAL, &[0, 0, 0, 5]];
    let signature = world.card.key.sign(Purpose::Transaction, &message, &[1; 32]).unwrap();
    let holder = world.card.issued.credential;
    let bytes = [
        code.as_bytes().as_slice(),
        &symbolon_tap::NO_TERMINAL,
        &[1, 0, 0, 0, 5],
        holder.as_bytes(),
        signature.as_bytes(),
    ]
    .concat();
    let pair = [item(world, terms(), 5), *Item::parse(&bytes).unwrap()];
    assert_eq!(proves(world, &pair), Proves::DoubleUse);
}

fn only_the_archive_convicts_a_person<S: TestSuite>() {
    let world = S::world();
    let double_use = [item(world, terms(), 5), item(world, spending(Kind::Purchase, 9), 5)];
    let finding = check(&world.authority, &double_use);
    let archived = |holder: &Holder<S>, request| {
        let archive = Archive {
            holder_point: holder.enrolment.point(),
            contribution: holder.issued.contribution.as_bytes(),
            request,
        };
        convicts(&world.authority, &finding, Some(&archive))
    };
    assert_eq!(archived(&world.card, HolderRequest::Verified), Convicts::Person);
    assert_eq!(archived(&world.card, HolderRequest::Missing), Convicts::Credential);
    assert_eq!(archived(&world.other_card, HolderRequest::Verified), Convicts::Credential);
    assert_eq!(convicts(&world.authority, &finding, None), Convicts::Credential);
    let honest = check(&world.authority, &double_use[..1]);
    assert_eq!(convicts(&world.authority, &honest, None), Convicts::Nobody);

    // The issuer makes itself a second key for the same identity and uses that twice: the archive clears the holder.
    let fields = holder_fields(&world.authority, symbolon_ccks::Class::Card, [0xc1; 16]);
    let framed = issue_seeded(&world.secret, &world.authority, fields, [0x77; 32]);
    assert_eq!(framed.issued.credential.identity(), world.card.issued.credential.identity());
    let terminal = world.terminal.issued.credential.digest();
    let items = [terms(), spending(Kind::Purchase, 9)].map(|terms| item_of(&framed, terms, terminal, 5, 1));
    let finding = check(&world.authority, &items);
    assert_eq!(finding.proves(), Proves::DoubleUse);
    let held = Archive {
        holder_point: world.card.enrolment.point(),
        contribution: world.card.issued.contribution.as_bytes(),
        request: HolderRequest::Verified,
    };
    assert_eq!(convicts(&world.authority, &finding, Some(&held)), Convicts::Credential);
}

fn items_are_read_in_place<S: TestSuite>() {
    let world = S::world();
    let items = [item(world, terms(), 5), item(world, spending(Kind::Purchase, 9), 5)];
    let bytes = items.map(|item| *item.as_bytes()).concat();
    assert_eq!(Item::parse_all(&bytes), Ok(items.as_slice()));
    assert!(Item::parse_all(&[]).is_err());
    assert!(Item::parse_all(&bytes[1..]).is_err());
    let mut bad = bytes.clone();
    bad[241] = 2;
    assert!(Item::parse_all(&bad).is_err());
}

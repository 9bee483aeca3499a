//! A voucher delivered to a meter with something changed on the way credits nothing.
//!
//! The input chooses which of the voucher, the card's answer and the meter's receipt are changed, and how. The meter asks
//! for the delivery of its own vouchers alone, credits for exactly the card's own answer, once, and exactly its receipt
//! verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_ccks::{Signature, Suite};
use symbolon_fuzz::{
    city::City,
    device::{self, TestClock},
    program::Program,
    with_city,
};
use symbolon_tap::{Presentation, Receipt, voucher::SignedVoucher};
use symbolon_verifier::{ChallengeRefused, Reason, Seen, Storage};

fuzz_target!(|input: &[u8]| {
    let [selector, rest @ ..] = input else {
        return;
    };
    with_city!(selector, city => deliver(city, selector / 2, Program::new(rest)));
});

fn deliver<S: Suite>(city: &City<S>, which: u8, program: Program<'_>) {
    let flash = device::flash(city.image.get_or_init(|| device::image_with_bundle(city)).clone());
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = device::start(city, &flash, &TestClock::default(), 1, &mut memory);
    let select = city.selects[0].as_bytes();
    let mut bytes = city.vouchers[0].as_bytes().to_vec();
    if which & 1 != 0 {
        program.apply(&mut bytes, &[city.vouchers[1].as_bytes(), city.vouchers[2].as_bytes()]);
    }
    let found = city.vouchers.iter().position(|voucher| voucher.as_bytes().as_slice() == bytes);
    let verified = SignedVoucher::parse(&bytes).is_ok_and(|voucher| voucher.verify(&city.authority).is_ok());
    assert_eq!(verified, found.is_some(), "a voucher that nobody sold");
    let asked = terminal.challenge_voucher(select, &bytes);
    // The third is another meter's.
    assert_eq!(asked.is_ok(), matches!(found, Some(0 | 1)), "{asked:?}");
    let Ok(asked) = asked else { return };
    let voucher = city.vouchers[found.unwrap_or_default()];

    let meter = city.terminals[0].credential().expect("a terminal's key");
    let answer = Presentation::sign(&city.cards[0], asked.challenge().terms(), &meter.digest(), 7, &[5; 32]);
    let answer = answer.expect("a card's key");
    let mut shown = answer.as_bytes().to_vec();
    if which & 2 != 0 {
        program.apply(&mut shown, &[city.answers[0].as_bytes(), city.answers[1].as_bytes()]);
    }
    let is_own = shown == answer.as_bytes();
    let verdict = terminal.decide(asked, &shown);
    assert_eq!(verdict.is_accepted(), is_own, "accepted is not what was answered");
    let storage = &terminal.devices().storage;
    assert_eq!(storage.vouchers().takes(voucher.voucher().sequence()), !is_own);
    assert_eq!(storage.unacknowledged(), Ok(u32::from(is_own)));
    let Some(accepted) = verdict.accepted().copied() else { return };
    let credited = accepted.credited().expect("a voucher credits");
    let sold = voucher.voucher();
    assert_eq!(
        (credited.unit(), credited.quantity(), credited.sequence()),
        (sold.unit(), sold.quantity(), sold.sequence())
    );
    let again = terminal.challenge_voucher(select, &bytes).map(drop);
    assert_eq!(again, Err(ChallengeRefused::Voucher(Reason::VoucherUsed)));

    let signed = terminal.receipt(&accepted).expect("the meter's key").to_bytes();
    let mut told = signed.to_vec();
    if which & 4 != 0 {
        program.apply(&mut told, &[]);
    }
    let verified = told.split_at_checked(Receipt::SIZE).is_some_and(|(receipt, signature)| {
        let (Ok(receipt), Ok(signature)) = (Receipt::parse(receipt), Signature::parse(signature)) else {
            return false;
        };
        receipt.verify(&city.authority, meter, signature).is_ok() && receipt.is_of(accepted.record())
    });
    assert_eq!(verified, told == signed, "a receipt that the meter did not give");
}

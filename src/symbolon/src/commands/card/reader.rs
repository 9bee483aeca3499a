//! A tap at a reader: the card answers its commands over a serial line until one tap is done.

use super::tap::{Tap, refused};
use crate::{
    cli::Pay,
    line::{Line, LineAddress},
    output::Output,
    source,
    state::card::{CardFolder, FileKeepsakes},
};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;
use std::{process::ExitCode, time::Duration};
use symbolon::calendar::{money, utc};
use symbolon_ccks::Suite;
use symbolon_tap::voucher::SignedVoucher;
use symbolon_tap::{Outcome, Terms};
use symbolon_wallet::{CardApplication, Event, Holder, KeptReceipt, Refused};

/// `symbolon card pay --apdu`.
pub(super) fn pay<S: Suite>(
    folder: &CardFolder,
    address: &LineAddress,
    arguments: &Pay,
    output: &Output,
) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let mut line = Line::open(address)?;
    let mut tap = Tap::begin(folder, &authority, &key)?;
    let keepsakes = folder.keepsakes()?;
    let done =
        tap.with_holder(arguments, |holder| answer_reader(holder, keepsakes, &mut line, arguments, output))??;
    done.say(output)?;
    tap.refill(arguments)?;
    Ok(if done.receipt.receipt().outcome() == Outcome::Declined { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A tap that ended with its receipt.
struct Done {
    receipt: KeptReceipt,
    voucher: Option<SignedVoucher>,
}

/// What the holder agreed to beforehand, and what was asked then.
struct Agreed<'a> {
    arguments: &'a Pay,
    asked: Option<Terms>,
}

impl Agreed<'_> {
    fn to(&mut self, terms: &Terms) -> Option<u32> {
        self.asked = Some(*terms);
        match (self.arguments.confirm, self.arguments.most) {
            (Some(amount), _) => Some(amount),
            (None, Some(most)) => (terms.amount() <= most).then_some(terms.amount()),
            // What costs nothing needs no word.
            (None, None) => (terms.amount() == 0).then_some(0),
        }
    }

    /// Why nothing was signed, and what to do about it.
    fn explain(&self, why: Refused) -> anyhow::Error {
        match (why, self.asked) {
            (Refused::NotConfirmed, Some(terms)) => anyhow!(
                "the terminal asks for {}; --confirm {} agrees to it, --most to whatever is below",
                money(terms.amount().into(), terms.currency()),
                terms.amount()
            ),
            (why, _) => refused(why),
        }
    }
}

/// Answers commands until a receipt came, or the reader gave the tap up.
fn answer_reader(
    holder: &mut dyn Holder,
    keepsakes: FileKeepsakes,
    line: &mut Line,
    arguments: &Pay,
    output: &Output,
) -> Result<Done> {
    let mut application = CardApplication::new(holder, keepsakes);
    let mut random = source::random()?;
    let (mut is_presented, mut given) = (false, None);
    loop {
        let patience = Duration::from_secs(arguments.wait.into());
        let Some(command) = line.receive(patience)? else {
            bail!("the reader has been silent for {} seconds{}", arguments.wait, without_receipt(is_presented));
        };
        let mut agreed = Agreed { arguments, asked: None };
        let answer =
            application.handle(&command, source::now()?, &mut random, &mut |asked: &symbolon_wallet::Asked<'_>| {
                agreed.to(asked.terms)
            });
        line.send(&answer.response)?;
        match answer.event {
            Event::Selected if is_presented => bail!("the reader began another tap{}", without_receipt(true)),
            Event::Selected | Event::Rejected(_) => {}
            Event::VoucherGiven(voucher) => given = Some(*voucher),
            Event::Presented(_) => is_presented = true,
            Event::PresentedAgain(_) => {
                is_presented = true;
                output.remark("The receipt of the last tap here never came: the same answer is given again.");
            }
            Event::Refused(why) => return Err(agreed.explain(why)),
            Event::ReceiptKept(receipt) => {
                let voucher = given.filter(|given| receipt.credits(given));
                return Ok(Done { receipt: *receipt, voucher });
            }
        }
    }
}

fn without_receipt(is_presented: bool) -> &'static str {
    if is_presented {
        ": it gave no receipt for the answer that it got, so it may have declined it; its display says why. \
         A tap there within ten minutes asks for the receipt first"
    } else {
        ""
    }
}

impl Done {
    fn say(&self, output: &Output) -> Result<()> {
        let (given, receipt) = (self.receipt.given(), self.receipt.receipt());
        let terms = given.record().terms();
        let terminal = given.terminal().identity().subject();
        let result = result_name(receipt.outcome());
        let credited = self.voucher.as_ref().map(|voucher| voucher.voucher());
        let what = match credited {
            Some(voucher) => format!("{} {} on the meter", voucher.quantity(), voucher.unit()),
            None => {
                format!("{} of {} in {}", terms.kind(), money(terms.amount().into(), terms.currency()), terms.sector())
            }
        };
        let text = format!(
            "{}: {what}.\nterminal  {terminal}\nreceipt   signed by it at {}, and kept",
            result.to_uppercase(),
            utc(receipt.time().seconds()),
        );
        let bytes = [receipt.as_bytes().as_slice(), self.receipt.signature().as_bytes()].concat();
        output.answer(
            &text,
            &json!({
                "result": result,
                "kind": terms.kind().name(),
                "sector": terms.sector().to_string(),
                "amount": terms.amount(),
                "currency": terms.currency(),
                "counter": given.record().presentation().counter(),
                "terminal": terminal.to_string(),
                "receipt": hex::encode(bytes),
                "credited": credited.map(|voucher| json!({
                    "unit": voucher.unit().to_string(),
                    "quantity": voucher.quantity(),
                    "sequence": voucher.sequence(),
                })),
            }),
        )?;
        Ok(())
    }
}

/// `symbolon card receipts`.
pub(super) fn receipts<S: Suite>(folder: &CardFolder, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let keepsakes = folder.keepsakes()?;
    let (mut lines, mut all) = (Vec::new(), Vec::new());
    for kept in keepsakes.receipts().iter().rev() {
        let (terms, receipt) = (kept.given().record().terms(), kept.receipt());
        let terminal = kept.given().terminal();
        let verified = receipt.verify(&authority, terminal, kept.signature()).is_ok();
        let result = result_name(receipt.outcome());
        let signed = if verified { "" } else { ", NOT SIGNED by it" };
        lines.push(format!(
            "{}  {result}: {} of {} in {} at {}{signed}",
            utc(receipt.time().seconds()),
            terms.kind(),
            money(terms.amount().into(), terms.currency()),
            terms.sector(),
            terminal.identity().subject(),
        ));
        all.push(json!({
            "time": receipt.time().seconds(),
            "result": result,
            "kind": terms.kind().name(),
            "sector": terms.sector().to_string(),
            "amount": terms.amount(),
            "currency": terms.currency(),
            "terminal": terminal.identity().subject().to_string(),
            "verified": verified,
        }));
    }
    let awaiting = keepsakes.awaiting_receipt().is_some();
    if awaiting {
        lines.push("One tap has no receipt: its terminal may have declined it, or lost power.".to_owned());
    }
    if lines.is_empty() {
        lines.push("No terminal gave this card a receipt.".to_owned());
    }
    output.answer(&lines.join("\n"), &json!({ "receipts": all, "awaiting_receipt": awaiting }))?;
    Ok(ExitCode::SUCCESS)
}

fn result_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Declined => "declined",
        Outcome::Credited => "credited",
    }
}

/// `symbolon card carry`.
pub(super) fn carry<S: Suite>(folder: &CardFolder, voucher: &[u8], output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let mut keepsakes = folder.keepsakes()?;
    keepsakes.carry(&authority, voucher).map_err(|why| anyhow!("the voucher is not taken: {why}"))?;
    let signed = SignedVoucher::parse(voucher).context("it was read a moment ago")?;
    let voucher = signed.voucher();
    let carried = keepsakes.vouchers().count();
    let text = format!(
        "The card carries {} {} for the meter {}, to be credited until {}; `symbolon card pay --apdu` hands it over there.",
        voucher.quantity(),
        voucher.unit(),
        voucher.meter(),
        utc(voucher.not_after().seconds()),
    );
    output.answer(
        &text,
        &json!({
            "meter": voucher.meter().to_string(),
            "unit": voucher.unit().to_string(),
            "quantity": voucher.quantity(),
            "sequence": voucher.sequence(),
            "not_after": voucher.not_after().seconds(),
            "carried": carried,
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

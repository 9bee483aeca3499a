//! `symbolon card voucher buy` and `symbolon card vouchers`.
//!
//! What is asked for is on disk before it is sent, and sent again, the same bytes, until it is answered for good: what was
//! paid for comes to the card, and once.

use crate::{
    cli::VoucherBuy,
    connect::refused,
    files::{self, Readers},
    output::Output,
    refilling::signed_request,
    source,
    state::card::CardFolder,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use prost::Message as _;
use serde_json::{Value, json};
use std::{collections::HashSet, fs, path::PathBuf, process::ExitCode};
use symbolon::calendar::{money, utc};
use symbolon_api::v1::{
    self, BuyVoucherRequest, ListVoucherPricesRequest, ListVouchersRequest, SignedRequest, Voucher, VoucherPrice,
    VoucherState, voucher_service_client::VoucherServiceClient,
};
use symbolon_ccks::{Authority, Name, Sector, SigningKey, Suite, operator_tag};
use symbolon_service::vouchers::{BUY_METHOD, LIST_METHOD, VoucherBody};
use symbolon_tap::voucher::{SignedVoucher, Unit};
use symbolon_wallet::VoucherNotKept;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

/// A request that has no answer yet.
const BEGUN: &str = "voucher.request";

pub(super) async fn buy<S: Suite>(folder: &CardFolder, arguments: &VoucherBuy, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let desk = Desk { folder, authority: &authority, key: &key, channel: folder.holder().trust()?.connect()? };
    let finished = desk.finish_begun().await?;
    let body = desk.agreed(arguments).await?;
    let request = signed_request(&key, BUY_METHOD, body.to_bytes(), source::now()?, &mut source::random()?)?;
    desk.begin(&request)?;
    let bought = desk.finish(request).await?;
    let mut text = finished
        .iter()
        .map(|earlier| format!("Finished first what was begun: {}\n", line(earlier)))
        .collect::<String>();
    text += &format!(
        "Bought for {}: {}\nThe card carries it; at the meter: symbolon card pay {} --apdu LINE",
        money(bought.amount.into(), currency(&bought)?),
        line(&bought),
        arguments.card.display()
    );
    let finished = finished.iter().map(to_json).collect::<Vec<_>>();
    output.answer(&text, &json!({ "bought": to_json(&bought), "finished": finished }))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn list<S: Suite>(folder: &CardFolder, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let desk = Desk { folder, authority: &authority, key: &key, channel: folder.holder().trust()?.connect()? };
    desk.finish_begun().await?;
    let request = signed_request(&key, LIST_METHOD, Vec::new(), source::now()?, &mut source::random()?)?;
    let answer = VoucherServiceClient::new(desk.channel.clone())
        .list_vouchers(ListVouchersRequest { signed_request: Some(request) })
        .await
        .map_err(refused("asking for the card's vouchers"))?;
    let vouchers = answer.into_inner().vouchers;
    let found = desk.carry_lost(&vouchers)?;
    let carried = folder.keepsakes()?.vouchers().map(|signed| *signed.as_bytes()).collect::<HashSet<_>>();
    let is_carried = |voucher: &Voucher| carried.iter().any(|signed| signed.as_slice() == voucher.signed_voucher);
    let mut text = match vouchers.len() {
        0 => "No voucher was bought with this card.\n".to_owned(),
        _ => {
            vouchers.iter().map(|voucher| format!("{}{}\n", line(voucher), carried_text(is_carried(voucher)))).collect()
        }
    };
    if found > 0 {
        text += &format!("{found} of them were not with the card, and are now.\n");
    }
    let described = |voucher: &Voucher| {
        let mut described = to_json(voucher);
        described["carried"] = json!(is_carried(voucher));
        described
    };
    output.answer(text.trim_end(), &json!({ "vouchers": vouchers.iter().map(described).collect::<Vec<_>>() }))?;
    Ok(ExitCode::SUCCESS)
}

/// Where a card buys.
struct Desk<'d, S: Suite> {
    folder: &'d CardFolder,
    authority: &'d Authority<'d, S>,
    key: &'d SigningKey<S>,
    channel: Channel,
}

impl<S: Suite> Desk<'_, S> {
    fn begun_path(&self) -> PathBuf {
        self.folder.holder().file(BEGUN)
    }

    /// Keeps a request before it is sent.
    fn begin(&self, request: &SignedRequest) -> Result<()> {
        files::create(&self.begun_path(), &request.encode_to_vec(), Readers::Owner)
    }

    /// Sends again what was asked for and not answered.
    async fn finish_begun(&self) -> Result<Option<Voucher>> {
        let path = self.begun_path();
        if !path.exists() {
            return Ok(None);
        }
        let request = SignedRequest::decode(files::read(&path)?.as_slice());
        let request = request.with_context(|| format!("{} is not a request for a voucher", path.display()))?;
        match self.finish(request).await {
            Ok(voucher) => Ok(Some(voucher)),
            // Refused for good, and forgotten: nothing was paid.
            Err(_) if !path.exists() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a request that is kept, carries what comes of it, and forgets it once it is answered for good.
    async fn finish(&self, request: SignedRequest) -> Result<Voucher> {
        let message = BuyVoucherRequest { signed_request: Some(request) };
        let answer = VoucherServiceClient::new(self.channel.clone()).buy_voucher(message).await;
        let voucher = match answer {
            Ok(answer) => answer.into_inner().voucher.context("the service answered without a voucher")?,
            Err(refusal) => {
                if is_final(&refusal) {
                    fs::remove_file(self.begun_path()).context("the request cannot be forgotten")?;
                }
                return Err(refused("buying the voucher")(refusal));
            }
        };
        self.carry(&voucher)?;
        fs::remove_file(self.begun_path()).context("the request cannot be forgotten")?;
        Ok(voucher)
    }

    /// Carries a voucher that is still to be delivered.
    fn carry(&self, voucher: &Voucher) -> Result<bool> {
        if voucher.state() != VoucherState::Issued {
            return Ok(false);
        }
        match self.folder.keepsakes()?.carry(self.authority, &voucher.signed_voucher) {
            Ok(()) => Ok(true),
            Err(VoucherNotKept::Known) => Ok(false),
            Err(why) => Err(anyhow!("the service's voucher: {why}")),
        }
    }

    /// Carries what the card should and does not, unless it was credited and its receipt is here; how many.
    fn carry_lost(&self, vouchers: &[Voucher]) -> Result<usize> {
        let now = source::now()?;
        let mut found = 0;
        for voucher in vouchers {
            let Ok(signed) = SignedVoucher::parse(&voucher.signed_voucher) else { continue };
            let keepsakes = self.folder.keepsakes()?;
            let credited = keepsakes.receipts().iter().any(|receipt| receipt.credits(signed));
            drop(keepsakes);
            if !credited && now < signed.voucher().not_after() {
                found += usize::from(self.carry(voucher)?);
            }
        }
        Ok(found)
    }

    /// What is asked for, at the price that the holder agreed to.
    async fn agreed(&self, arguments: &VoucherBuy) -> Result<VoucherBody> {
        let answer = VoucherServiceClient::new(self.channel.clone())
            .list_voucher_prices(ListVoucherPricesRequest {})
            .await
            .map_err(refused("asking for prices"))?;
        let credential = self.key.credential().context("a card's key has a credential")?;
        let currency = credential.identity().currency();
        let prices = answer.into_inner().prices;
        let sector = sector_of(&prices, arguments, currency)?;
        let price = price_of(&prices, arguments, sector, currency);
        let price = price.context("the meter's operator sells nothing of that in the card's currency")?;
        let amount = (u64::from(arguments.quantity) * u64::from(price.amount_per_thousand)).div_ceil(1_000);
        let said = format!("{} {} cost {}", arguments.quantity, unit(sector), money(amount as i64, currency));
        match arguments.most {
            None => bail!("{said}: --most {amount} agrees to it. Nothing was bought"),
            Some(most) => {
                ensure!(amount <= u64::from(most), "{said}, more than --most {most}. Nothing was bought");
                Ok(VoucherBody { sector, meter: arguments.meter, quantity: arguments.quantity, most })
            }
        }
    }
}

/// Whether the same request will never be answered otherwise, and nothing was paid.
fn is_final(refusal: &Status) -> bool {
    let reason = refusal.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    match refusal.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Internal | Code::Unknown | Code::Cancelled => false,
        // Else it is the service that has too much to do.
        Code::ResourceExhausted => matches!(reason.as_str(), "METER_FULL" | "VOUCHERS_OUTSTANDING"),
        _ => true,
    }
}

fn is_of(price: &VoucherPrice, arguments: &VoucherBuy, currency: u16) -> bool {
    let name = price.operator.strip_prefix("operators/").and_then(|name| Name::parse(name).ok());
    price.currency == u32::from(currency)
        && name.is_some_and(|name| operator_tag(&name) == arguments.meter.operator_tag())
}

fn price_of<'p>(
    prices: &'p [VoucherPrice],
    arguments: &VoucherBuy,
    sector: Sector,
    currency: u16,
) -> Option<&'p VoucherPrice> {
    prices.iter().find(|price| is_of(price, arguments, currency) && price.sector == sector as i32)
}

/// The sector that was said, or the only one that the meter's operator sells.
fn sector_of(prices: &[VoucherPrice], arguments: &VoucherBuy, currency: u16) -> Result<Sector> {
    if let Some(sector) = arguments.sector {
        return Ok(sector);
    }
    let sold = |sector: &Sector| price_of(prices, arguments, *sector, currency).is_some();
    match [Sector::Water, Sector::Power].into_iter().filter(sold).collect::<Vec<_>>()[..] {
        [sector] => Ok(sector),
        [] => bail!("nobody sells vouchers for this meter in the card's currency"),
        _ => bail!("the meter's operator sells water and power: say --sector"),
    }
}

fn unit(sector: Sector) -> String {
    Unit::of(sector).map(|unit| unit.to_string()).unwrap_or_default()
}

fn sector(voucher: &Voucher) -> Sector {
    if voucher.sector() == v1::Sector::Water { Sector::Water } else { Sector::Power }
}

fn currency(voucher: &Voucher) -> Result<u16> {
    u16::try_from(voucher.currency).context("the service's voucher is in no currency")
}

fn state(voucher: &Voucher) -> String {
    voucher.state().as_str_name().trim_start_matches("VOUCHER_STATE_").to_ascii_lowercase()
}

fn line(voucher: &Voucher) -> String {
    let until = voucher.expire_time.as_ref().and_then(|time| u64::try_from(time.seconds).ok());
    let until = until.map(|seconds| format!(", good until {}", utc(seconds))).unwrap_or_default();
    format!(
        "{} {} for meter {}, number {}, {}{until}",
        voucher.quantity,
        unit(sector(voucher)),
        hex::encode(&voucher.meter),
        voucher.sequence,
        state(voucher)
    )
}

const fn carried_text(is_carried: bool) -> &'static str {
    if is_carried { ", with the card" } else { "" }
}

fn to_json(voucher: &Voucher) -> Value {
    json!({
        "voucher": hex::encode(&voucher.signed_voucher),
        "state": state(voucher),
        "meter": hex::encode(&voucher.meter),
        "sector": sector(voucher).to_string(),
        "unit": unit(sector(voucher)),
        "quantity": voucher.quantity,
        "sequence": voucher.sequence,
        "amount": voucher.amount,
        "currency": voucher.currency,
        "expires": voucher.expire_time.as_ref().map(|time| time.seconds),
    })
}

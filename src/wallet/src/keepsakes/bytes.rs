//! The bytes in which receipts and vouchers are kept; big-endian, of fixed layout, one encoding a state.

use symbolon_ccks::wire::{self, U32, Version, Zero};
use symbolon_ccks::{Credential, Malformed, Signature};
use symbolon_tap::voucher::SignedVoucher;
use symbolon_tap::{Receipt, Record};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::{CarriedVoucher, Given, KeptReceipt, State};

const STRUCTURE: &str = "receipts and vouchers";
const CUT_SHORT: Malformed = Malformed::new(STRUCTURE, "cut short");

/// What comes first; the tap that waits for its receipt, if any, the vouchers and the receipts follow.
#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    /// Not those of a purse.
    magic: [u8; 4],
    version: Version,
    zero: [Zero; 3],
    /// 0 or 1.
    given: U32,
    vouchers: U32,
    receipts: U32,
}

const MAGIC: [u8; 4] = *b"KEEP";

impl State {
    /// The state's bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let head = Head {
            magic: MAGIC,
            version: Version::One,
            zero: [Zero::Zero; 3],
            given: count(self.given.iter().len()),
            vouchers: count(self.vouchers.len()),
            receipts: count(self.receipts.len()),
        };
        let mut bytes = head.as_bytes().to_vec();
        self.given.iter().for_each(|given| put_given(&mut bytes, given));
        for carried in &self.vouchers {
            bytes.extend_from_slice(carried.signed.as_bytes());
            bytes.extend_from_slice(&carried.times.to_be_bytes());
        }
        for kept in &self.receipts {
            put_given(&mut bytes, &kept.given);
            bytes.extend_from_slice(kept.receipt.as_bytes());
            bytes.extend_from_slice(kept.signature.as_bytes());
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut bytes = bytes;
        let head = wire::read::<Head>(STRUCTURE, take(&mut bytes, size_of::<Head>())?)?;
        if head.magic != MAGIC || head.given.get() > 1 {
            return Err(Malformed::new(STRUCTURE, "another structure"));
        }
        let given = (0..head.given.get()).map(|_| take_given(&mut bytes)).collect::<Result<Vec<_>, _>>()?;
        let vouchers = (0..head.vouchers.get()).map(|_| take_voucher(&mut bytes)).collect::<Result<_, _>>()?;
        let receipts = (0..head.receipts.get()).map(|_| take_receipt(&mut bytes)).collect::<Result<_, _>>()?;
        if !bytes.is_empty() {
            return Err(Malformed::new(STRUCTURE, "bytes follow"));
        }
        Ok(Self { given: given.first().copied(), vouchers, receipts })
    }
}

fn count(length: usize) -> U32 {
    u32::try_from(length).expect("far fewer than 2^32 are kept").into()
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Result<&'b [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(CUT_SHORT)?;
    *bytes = rest;
    Ok(taken)
}

fn put_given(bytes: &mut Vec<u8>, given: &Given) {
    bytes.extend_from_slice(given.terminal.as_bytes());
    bytes.extend_from_slice(given.record.as_bytes());
}

fn take_given(bytes: &mut &[u8]) -> Result<Given, Malformed> {
    let terminal = *Credential::parse(take(bytes, Credential::SIZE)?)?;
    let record = *Record::parse(take(bytes, Record::SIZE)?)?;
    Ok(Given { terminal, record })
}

fn take_voucher(bytes: &mut &[u8]) -> Result<CarriedVoucher, Malformed> {
    let signed = *SignedVoucher::parse(take(bytes, SignedVoucher::SIZE)?)?;
    let (times, rest) = bytes.split_first_chunk().ok_or(CUT_SHORT)?;
    *bytes = rest;
    Ok(CarriedVoucher { signed, times: u32::from_be_bytes(*times) })
}

fn take_receipt(bytes: &mut &[u8]) -> Result<KeptReceipt, Malformed> {
    let given = take_given(bytes)?;
    let receipt = *Receipt::parse(take(bytes, Receipt::SIZE)?)?;
    let signature = *Signature::parse(take(bytes, Signature::SIZE)?)?;
    Ok(KeptReceipt { given, receipt, signature })
}

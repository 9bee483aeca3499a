//! Vouchers.

use symbolon_ccks::{Name, Sector, Subject, Time};
use symbolon_pseudonym::AccountHandle;

use super::{
    Unit,
    rows::{
        Columns as _, Result, Row, counted, credential, name, named_params, numbered, seconds, signature, subject, time,
    },
};
use crate::{
    StoreError,
    records::{
        DeliveryRecord, EntryId, IssuedVoucher, MeterStanding, RequestId, SettlementId, VoucherCounts, VoucherId,
        VoucherMovement, VoucherPostingRecord, VoucherRecord, VoucherReference, VoucherState,
    },
    verbs::{Deliveries, VoucherPostings, Vouchers},
};

fn sector(bit: u8) -> Option<Sector> {
    [Sector::Water, Sector::Power].into_iter().find(|sector| *sector as u8 == bit)
}

fn voucher(row: &Row<'_>) -> Result<VoucherRecord> {
    let issued = match row.column::<Option<u32>>("sequence")? {
        Some(sequence) => Some(IssuedVoucher {
            sequence,
            not_after: row.parsed("not_after", time)?,
            reference: row.column("reference")?,
            bytes: row.column("bytes")?,
        }),
        None => None,
    };
    Ok(VoucherRecord {
        id: row.column("id")?,
        card: row.parsed("card", subject)?,
        request: row.column("request_id")?,
        credential: row.parsed("credential", credential::<89>)?,
        signed: row.parsed("signed", time)?,
        body: row.column("body")?,
        signature: row.parsed("signature", signature::<65>)?,
        account: AccountHandle::from_bytes(row.column("account")?),
        line: row.column("line")?,
        operator: row.parsed("operator", name)?,
        currency: row.column("currency")?,
        amount: row.column("amount")?,
        meter: row.parsed("meter", subject)?,
        sector: row.parsed("sector", sector)?,
        quantity: row.column("quantity")?,
        asked: row.parsed("asked", time)?,
        state: row.parsed("state", |state| numbered(VoucherState::ALL, |state| state as u8, state))?,
        issued,
    })
}

impl Vouchers for Unit<'_> {
    fn voucher(&self, id: &VoucherId) -> Result<Option<VoucherRecord>> {
        self.one("SELECT * FROM vouchers WHERE id = ?1", [id], voucher)
    }

    fn voucher_asked(&self, card: &Subject, request: &RequestId) -> Result<Option<VoucherRecord>> {
        self.one("SELECT * FROM vouchers WHERE card = ?1 AND request_id = ?2", (card.as_bytes(), request), voucher)
    }

    fn voucher_of_reference(&self, reference: &VoucherReference) -> Result<Option<VoucherRecord>> {
        self.one("SELECT * FROM vouchers WHERE reference = ?1", [reference], voucher)
    }

    fn vouchers_of_card(&self, card: &Subject, limit: u32) -> Result<Vec<VoucherRecord>> {
        self.all(
            "SELECT * FROM vouchers WHERE card = ?1 ORDER BY position DESC LIMIT ?2",
            (card.as_bytes(), limit),
            voucher,
        )
    }

    fn vouchers_in(&self, state: VoucherState, limit: u16) -> Result<Vec<VoucherRecord>> {
        self.all(
            "SELECT * FROM vouchers WHERE state = ?1 AND state IN (1, 5, 7) ORDER BY position LIMIT ?2",
            (state as u8, limit),
            voucher,
        )
    }

    fn vouchers_ended(&self, time: Time, limit: u16) -> Result<Vec<VoucherRecord>> {
        self.all(
            "SELECT * FROM vouchers WHERE state = 2 AND not_after <= ?1 ORDER BY not_after, position LIMIT ?2",
            (seconds(time), limit),
            voucher,
        )
    }

    fn meter_standing(&self, meter: &Subject, card: &Subject, now: Time) -> Result<MeterStanding> {
        let standing = self.one(
            "SELECT coalesce((SELECT sequence FROM meter_sequences WHERE meter = ?1), 0) AS newest,
                    min(sequence) AS oldest,
                    count(*) FILTER (WHERE state = 1) AS asked,
                    count(*) FILTER (WHERE card = ?2) AS of_card
             FROM vouchers WHERE meter = ?1 AND (state = 1 OR state = 2 AND not_after > ?3)",
            (meter.as_bytes(), card.as_bytes(), seconds(now)),
            |row| {
                Ok(MeterStanding {
                    newest: row.column("newest")?,
                    oldest_outstanding: row.column("oldest")?,
                    asked: row.column("asked")?,
                    of_card: row.column("of_card")?,
                })
            },
        )?;
        Ok(standing.unwrap_or_default())
    }

    fn voucher_counts(&self) -> Result<VoucherCounts> {
        let counts = self.one(
            "SELECT count(*) FILTER (WHERE state = 1) AS asked, count(*) FILTER (WHERE state = 5) AS lapsed,
                    count(*) FILTER (WHERE state = 7) AS owed
             FROM vouchers WHERE state IN (1, 5, 7)",
            [],
            |row| {
                Ok(VoucherCounts {
                    asked: row.column("asked")?,
                    lapsed: row.column("lapsed")?,
                    owed: row.column("owed")?,
                })
            },
        )?;
        Ok(counts.unwrap_or_default())
    }

    fn add_voucher(&mut self, voucher: &VoucherRecord) -> Result<()> {
        self.execute(
            "INSERT INTO vouchers (id, card, request_id, credential, signed, body, signature, account, line, operator,
                 currency, amount, meter, sector, quantity, asked, state)
             VALUES (:id, :card, :request_id, :credential, :signed, :body, :signature, :account, :line, :operator,
                 :currency, :amount, :meter, :sector, :quantity, :asked, 1)",
            named_params! {
                ":id": voucher.id,
                ":card": voucher.card.as_bytes(),
                ":request_id": voucher.request,
                ":credential": voucher.credential.as_bytes(),
                ":signed": seconds(voucher.signed),
                ":body": voucher.body,
                ":signature": voucher.signature.as_bytes(),
                ":account": voucher.account.as_bytes(),
                ":line": voucher.line,
                ":operator": voucher.operator.as_str(),
                ":currency": voucher.currency,
                ":amount": voucher.amount,
                ":meter": voucher.meter.as_bytes(),
                ":sector": voucher.sector as u8,
                ":quantity": voucher.quantity,
                ":asked": seconds(voucher.asked),
            },
        )?;
        Ok(())
    }

    fn issue_voucher(&mut self, id: &VoucherId, issued: &IssuedVoucher) -> Result<()> {
        let IssuedVoucher { sequence, not_after, reference, bytes } = issued;
        self.execute(
            "INSERT INTO meter_sequences (meter, sequence) SELECT meter, ?2 FROM vouchers WHERE id = ?1
             ON CONFLICT (meter) DO UPDATE SET sequence = excluded.sequence",
            (id, sequence),
        )?;
        let changed = self.execute(
            "UPDATE vouchers SET state = 2, sequence = ?2, not_after = ?3, reference = ?4, bytes = ?5
             WHERE id = ?1 AND state IN (1, 4)",
            (id, sequence, seconds(*not_after), reference, bytes),
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(StoreError::Conflict("there is no such voucher, or it was issued before".to_owned()))
        }
    }

    fn move_voucher(&mut self, id: &VoucherId, from: VoucherState, to: VoucherState) -> Result<bool> {
        let changed =
            self.execute("UPDATE vouchers SET state = ?3 WHERE id = ?1 AND state = ?2", (id, from as u8, to as u8))?;
        Ok(changed == 1)
    }
}

fn posting(row: &Row<'_>) -> Result<VoucherPostingRecord> {
    Ok(VoucherPostingRecord {
        sale: row.column("sale")?,
        movement: row.parsed("movement", |kind| numbered(VoucherMovement::ALL, |movement| movement as u8, kind))?,
        account: AccountHandle::from_bytes(row.column("account")?),
        operator: row.parsed("operator", name)?,
        currency: row.column("currency")?,
        amount: row.column("amount")?,
        entry: EntryId(row.column("entry")?),
    })
}

impl VoucherPostings for Unit<'_> {
    fn voucher_posting(&self, sale: &VoucherId, movement: VoucherMovement) -> Result<Option<VoucherPostingRecord>> {
        self.one("SELECT * FROM voucher_postings WHERE sale = ?1 AND movement = ?2", (sale, movement as u8), posting)
    }

    fn voucher_postings_of(&self, account: &AccountHandle) -> Result<Vec<VoucherPostingRecord>> {
        self.all("SELECT * FROM voucher_postings WHERE account = ?1 ORDER BY entry", [account.as_bytes()], posting)
    }

    fn add_voucher_posting(&mut self, posting: &VoucherPostingRecord) -> Result<()> {
        self.execute(
            "INSERT INTO voucher_postings (sale, movement, account, operator, currency, amount, entry)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                posting.sale,
                posting.movement as u8,
                posting.account.as_bytes(),
                Name::as_str(&posting.operator),
                posting.currency,
                posting.amount,
                counted(posting.entry.0)?,
            ),
        )?;
        Ok(())
    }
}

impl Deliveries for Unit<'_> {
    fn waiting_deliveries(&self, limit: u16) -> Result<Vec<DeliveryRecord>> {
        self.all(
            "SELECT settlement, reference, meter FROM deliveries WHERE passed_on IS NULL ORDER BY settlement LIMIT ?1",
            [limit],
            |row| {
                Ok(DeliveryRecord {
                    settlement: SettlementId(row.column("settlement")?),
                    reference: row.column("reference")?,
                    meter: row.parsed("meter", subject)?,
                })
            },
        )
    }

    fn count_waiting_deliveries(&self) -> Result<u64> {
        let counted = self
            .one("SELECT count(*) AS counted FROM deliveries WHERE passed_on IS NULL", [], |row| row.column("counted"));
        Ok(counted?.unwrap_or_default())
    }

    fn add_delivery(&mut self, delivery: &DeliveryRecord) -> Result<()> {
        self.execute(
            "INSERT INTO deliveries (settlement, reference, meter) VALUES (?1, ?2, ?3)",
            (counted(delivery.settlement.0)?, delivery.reference, delivery.meter.as_bytes()),
        )?;
        Ok(())
    }

    fn mark_delivery_told(&mut self, settlement: SettlementId, now: Time) -> Result<()> {
        self.execute(
            "UPDATE deliveries SET passed_on = ?2 WHERE settlement = ?1 AND passed_on IS NULL",
            (counted(settlement.0)?, seconds(now)),
        )?;
        Ok(())
    }
}

//! Uploads, settlements and misuse proofs.

use symbolon_ccks::{Credential, CredentialDigest, Name};
use symbolon_tap::{Kind, RecordBytes};
use zerocopy::FromBytes as _;

use super::{
    LISTED, Unit,
    rows::{Columns as _, Result, Row, counted, credential, digest, name, numbered, seconds, subject, time},
};
use crate::{
    StoreError,
    records::{
        AgreementKey, MisuseId, MisuseKind, MisuseRecord, NewMisuse, NewSettlement, NewUpload, SettlementId,
        SettlementOutcome, SettlementRecord, SpentItem, UploadDigest, UploadId, UploadRecord,
    },
    verbs::{Concerning, Listed, Misuses, Page, Settlements, Settling as _},
};

/// What stands for the answer until there is one.
const NO_ANSWER: &[u8] = &[];

const KINDS: [Kind; 5] = [Kind::Purchase, Kind::Entry, Kind::Exit, Kind::Credit, Kind::Refund];

fn upload(row: &Row<'_>) -> Result<UploadRecord> {
    Ok(UploadRecord {
        id: UploadId(row.column("sequence")?),
        upload: NewUpload {
            digest: row.column("digest")?,
            operator: row.parsed("operator", name)?,
            terminal: row.parsed("terminal", subject)?,
            terminal_digest: row.parsed("terminal_digest", digest)?,
            number: row.column("number")?,
            records: row.column("records")?,
            received: row.parsed("received", time)?,
        },
        answer: row.column("answer")?,
    })
}

fn listed_upload(row: &Row<'_>) -> Result<Listed<UploadRecord>> {
    let record = upload(row)?;
    Ok(Listed { position: record.id.0, record })
}

pub(super) fn settlement(row: &Row<'_>) -> Result<SettlementRecord> {
    Ok(SettlementRecord {
        id: SettlementId(row.column("id")?),
        settlement: NewSettlement {
            credential_digest: row.parsed("credential_digest", digest)?,
            counter: row.column("counter")?,
            agreement: row.column("agreement")?,
            outcome: row.parsed("outcome", |outcome| numbered(SettlementOutcome::ALL, |o| o as u8, outcome))?,
            repeats: row.column::<Option<u64>>("repeats")?.map(SettlementId),
            misuse: row.column::<Option<u64>>("misuse")?.map(MisuseId),
            upload: UploadId(row.column("upload")?),
            position: row.column("position")?,
            terminal_digest: row.parsed("terminal_digest", digest)?,
            kind: row.parsed("kind", |kind| numbered(KINDS, |kind| kind as u8, kind))?,
            amount: row.column("amount")?,
            after_revocation: row.column("after_revocation")?,
            time: row.parsed("time", time)?,
        },
    })
}

fn item(row: &Row<'_>) -> Result<SpentItem> {
    Ok(SpentItem {
        counter: row.column("counter")?,
        amount: row.column("amount")?,
        terminal_digest: row.parsed("terminal_digest", digest)?,
        record: row.parsed("record", |bytes: Vec<u8>| RecordBytes::read_from_bytes(&bytes).ok())?,
        operator: row.parsed("operator", name)?,
    })
}

impl Settlements for Unit<'_> {
    fn upload(&self, digest: &UploadDigest) -> Result<Option<UploadRecord>> {
        self.one("SELECT * FROM uploads WHERE digest = ?1", [digest], upload)
    }

    fn upload_by_id(&self, id: UploadId) -> Result<Option<UploadRecord>> {
        self.one("SELECT * FROM uploads WHERE sequence = ?1", [counted(id.0)?], upload)
    }

    fn uploads(&self, operator: Option<&Name>, page: Page) -> Result<Vec<Listed<UploadRecord>>> {
        let after = counted(page.after)?;
        match operator {
            Some(operator) => self.all(
                &format!(
                    "SELECT * FROM uploads WHERE operator = ?1 AND sequence > ?2 AND {LISTED} ORDER BY sequence LIMIT ?3"
                ),
                (operator.as_str(), after, page.limit),
                listed_upload,
            ),
            None => self.all(
                &format!("SELECT * FROM uploads WHERE sequence > ?1 AND {LISTED} ORDER BY sequence LIMIT ?2"),
                (after, page.limit),
                listed_upload,
            ),
        }
    }

    fn add_upload(&mut self, upload: &NewUpload) -> Result<UploadId> {
        let sequence = self.add(
            "INSERT INTO uploads (digest, operator, terminal, terminal_digest, number, records, answer, received)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?8, ?7)",
            (
                upload.digest,
                upload.operator.as_str(),
                upload.terminal.as_bytes(),
                upload.terminal_digest.as_bytes(),
                upload.number,
                &upload.records,
                seconds(upload.received),
                NO_ANSWER,
            ),
            "sequence",
        )?;
        Ok(UploadId(sequence))
    }

    fn answer_upload(&mut self, upload: UploadId, answer: &[u8]) -> Result<()> {
        let changed = self.execute(
            "UPDATE uploads SET answer = ?2 WHERE sequence = ?1 AND answer = ?3",
            (counted(upload.0)?, answer, NO_ANSWER),
        )?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Conflict("the upload was answered before".to_owned())) }
    }

    fn settlement(&self, credential: &CredentialDigest, counter: u32) -> Result<Option<SettlementRecord>> {
        Ok(self.settlements_of(&[(*credential, counter)])?.pop().flatten())
    }

    fn settlement_by_id(&self, id: SettlementId) -> Result<Option<SettlementRecord>> {
        self.one("SELECT * FROM settlements WHERE id = ?1", [counted(id.0)?], settlement)
    }

    fn settled_agreement(&self, agreement: &AgreementKey) -> Result<Option<SettlementRecord>> {
        Ok(self.settled_agreements(&[*agreement])?.pop().flatten())
    }

    fn settlement_item(&self, id: SettlementId) -> Result<Option<SpentItem>> {
        self.one(
            "SELECT counter, amount, s.terminal_digest, operator, substr(records, CAST(position * 209 + 1 AS INTEGER), 209) AS record
             FROM settlements AS s JOIN uploads AS u ON u.sequence = s.upload WHERE id = ?1",
            [counted(id.0)?],
            item,
        )
    }

    fn add_settlement(&mut self, settlement: &NewSettlement) -> Result<SettlementId> {
        self.add_settlements(std::slice::from_ref(settlement))?;
        Ok(settlement.id())
    }

    fn spent(&self, credential: &CredentialDigest) -> Result<u64> {
        Ok(self.spent_by(&[*credential])?.pop().unwrap_or_default())
    }

    fn spent_items(&self, credential: &CredentialDigest) -> Result<Vec<SpentItem>> {
        self.all(
            "SELECT counter, amount, s.terminal_digest, operator, substr(records, CAST(position * 209 + 1 AS INTEGER), 209) AS record
             FROM settlements AS s JOIN uploads AS u ON u.sequence = s.upload
             WHERE credential_digest = ?1 AND outcome = 1 AND kind IN (1, 2)
             ORDER BY amount DESC, counter",
            [credential.as_bytes()],
            item,
        )
    }
}

const MISUSE: &str = "SELECT *, (SELECT string_agg(operator, ' ') FROM misuse_operators WHERE misuse = id) AS operators
     FROM misuse";

fn misuse(row: &Row<'_>) -> Result<MisuseRecord> {
    Ok(MisuseRecord {
        id: MisuseId(row.column("id")?),
        misuse: NewMisuse {
            kind: row.parsed("kind", |kind| numbered(MisuseKind::ALL, |kind| kind as u8, kind))?,
            credential: row.parsed("credential", credential::<89>)?,
            offence: row.column("offence")?,
            issuer: row.parsed_option("issuer", name)?,
            operators: row
                .parsed_option("operators", |names: String| {
                    // A name has no space in it.
                    names.split(' ').map(|name| Name::parse(name).ok()).collect()
                })?
                .unwrap_or_default(),
            items: row.column("items")?,
            found: row.parsed("found", time)?,
        },
    })
}

impl Misuses for Unit<'_> {
    fn misuse(&self, id: MisuseId) -> Result<Option<MisuseRecord>> {
        self.one(&format!("{MISUSE} WHERE id = ?1"), [counted(id.0)?], misuse)
    }

    fn misuse_of(&self, credential: &Credential, offence: &[u8; 32]) -> Result<Option<MisuseRecord>> {
        self.one(
            &format!("{MISUSE} WHERE credential_digest = ?1 AND offence = ?2"),
            (credential.digest().as_bytes(), offence),
            misuse,
        )
    }

    fn misuses(&self, concerning: Concerning<'_>, page: Page) -> Result<Vec<MisuseRecord>> {
        let (condition, name) = match concerning {
            Concerning::All => ("CAST(?1 AS TEXT) IS NULL", None),
            Concerning::Issuer(issuer) => ("issuer = ?1", Some(issuer.as_str())),
            Concerning::Operator(operator) => {
                ("id IN (SELECT misuse FROM misuse_operators WHERE operator = ?1)", Some(operator.as_str()))
            }
        };
        self.all(
            &format!("{MISUSE} WHERE {condition} AND id > ?2 ORDER BY id LIMIT ?3"),
            (name, counted(page.after)?, page.limit),
            misuse,
        )
    }

    fn add_misuse(&mut self, misuse: &NewMisuse) -> Result<MisuseId> {
        let id = self.add(
            "INSERT INTO misuse (kind, credential, credential_digest, offence, issuer, items, found)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                misuse.kind as u8,
                misuse.credential.as_bytes(),
                misuse.credential.digest().as_bytes(),
                misuse.offence,
                misuse.issuer.as_ref().map(Name::as_str),
                &misuse.items,
                seconds(misuse.found),
            ),
            "id",
        )?;
        for operator in &misuse.operators {
            self.execute(
                "INSERT INTO misuse_operators (misuse, operator) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                (counted(id)?, operator.as_str()),
            )?;
        }
        Ok(MisuseId(id))
    }
}

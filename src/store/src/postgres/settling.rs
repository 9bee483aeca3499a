//! Settlements and charges of a whole upload: one statement for all of them, with an array for each column, and none for
//! nothing: each is a way to the database and back.

use symbolon_ccks::{CredentialDigest, Period};

use super::{
    exchange::settlement,
    rows::{Columns as _, Result, Unit, counted, period, seconds},
    values::{Parameter as _, Value},
};
use crate::{
    StoreError,
    records::{AgreementKey, ChargeBatchId, NewCharge, NewSettlement, Payer, SettlementOutcome, SettlementRecord},
    verbs::Settling,
};

/// One column of what is asked for or added.
struct Bytes<'a>(Vec<&'a [u8]>);

impl<'a> Bytes<'a> {
    fn of<T: 'a>(records: &'a [T], column: impl Fn(&'a T) -> &'a [u8]) -> Self {
        Self(records.iter().map(column).collect())
    }

    fn value(&self) -> Value<'_> {
        Value::ByteStrings(&self.0)
    }
}

fn numbers<T>(records: &[T], column: impl Fn(&T) -> i64) -> Vec<i64> {
    records.iter().map(column).collect()
}

impl Settling for Unit<'_> {
    fn settlements_of(&self, identities: &[(CredentialDigest, u32)]) -> Result<Vec<Option<SettlementRecord>>> {
        let credentials = Bytes::of(identities, |(credential, _)| credential.as_bytes());
        let counters = numbers(identities, |(_, counter)| i64::from(*counter));
        self.answers(
            identities.len(),
            "SELECT asked.place, s.*
             FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS BIGINT[])) WITH ORDINALITY AS asked (credential, counter, place)
             JOIN settlements AS s ON s.credential_digest = asked.credential AND s.counter = asked.counter",
            (credentials.value(), Value::Numbers(&counters)),
            settlement,
        )
    }

    fn settled_agreements(&self, agreements: &[AgreementKey]) -> Result<Vec<Option<SettlementRecord>>> {
        let terminals = Bytes::of(agreements, |key| key.terminal_digest.as_bytes());
        let times = numbers(agreements, |key| seconds(key.time));
        let agreed = Bytes::of(agreements, |key| &key.agreement);
        let credentials = Bytes::of(agreements, |key| key.credential_digest.as_bytes());
        self.answers(
            agreements.len(),
            "SELECT asked.place, s.*
             FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BYTEA[]), CAST(?4 AS BYTEA[]))
                 WITH ORDINALITY AS asked (terminal, time, agreement, credential, place)
             JOIN settlements AS s ON s.terminal_digest = asked.terminal AND s.time = asked.time
                 AND s.agreement = asked.agreement AND s.credential_digest = asked.credential AND s.outcome = 1",
            (terminals.value(), Value::Numbers(&times), agreed.value(), credentials.value()),
            settlement,
        )
    }

    fn spent_by(&self, credentials: &[CredentialDigest]) -> Result<Vec<u64>> {
        let digests = Bytes::of(credentials, |credential| credential.as_bytes());
        let spent = self.answers(
            credentials.len(),
            "SELECT asked.place, s.spent
             FROM unnest(CAST(?1 AS BYTEA[])) WITH ORDINALITY AS asked (credential, place)
             JOIN spending AS s ON s.credential_digest = asked.credential",
            [digests.value()],
            |row| row.column("spent"),
        )?;
        Ok(spent.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn pseudonym_periods(&self, digests: &[CredentialDigest]) -> Result<Vec<Option<Period>>> {
        let asked = Bytes::of(digests, |digest| digest.as_bytes());
        self.answers(
            digests.len(),
            "SELECT asked.place, p.period
             FROM unnest(CAST(?1 AS BYTEA[])) WITH ORDINALITY AS asked (digest, place)
             JOIN pseudonyms AS p ON p.digest = asked.digest",
            [asked.value()],
            |row| row.parsed("period", period),
        )
    }

    fn add_settlements(&mut self, settlements: &[NewSettlement]) -> Result<()> {
        if settlements.is_empty() {
            return Ok(());
        }
        let ids = settlements.iter().map(|one| counted(one.id().0)).collect::<Result<Vec<_>>>()?;
        let uploads = settlements.iter().map(|one| counted(one.upload.0)).collect::<Result<Vec<_>>>()?;
        let maybe = |id: Option<u64>| id.map(counted).transpose();
        let repeats = settlements.iter().map(|one| maybe(one.repeats.map(|id| id.0))).collect::<Result<Vec<_>>>()?;
        let misuse = settlements.iter().map(|one| maybe(one.misuse.map(|id| id.0))).collect::<Result<Vec<_>>>()?;
        let credentials = Bytes::of(settlements, |one| one.credential_digest.as_bytes());
        let agreements = Bytes::of(settlements, |one| &one.agreement);
        let terminals = Bytes::of(settlements, |one| one.terminal_digest.as_bytes());
        let counters = numbers(settlements, |one| one.counter.into());
        let outcomes = numbers(settlements, |one| one.outcome as i64);
        let kinds = numbers(settlements, |one| one.kind as i64);
        let late = numbers(settlements, |one| one.after_revocation.into());
        let positions = numbers(settlements, |one| one.position.into());
        let amounts = numbers(settlements, |one| one.amount.into());
        let times = numbers(settlements, |one| seconds(one.time));
        self.execute(
            "INSERT INTO settlements (id, upload, repeats, misuse, credential_digest, agreement, terminal_digest,
                 counter, outcome, kind, after_revocation, position, amount, time)
             SELECT * FROM unnest(CAST(:id AS BIGINT[]), CAST(:upload AS BIGINT[]), CAST(:repeats AS BIGINT[]),
                 CAST(:misuse AS BIGINT[]), CAST(:credential AS BYTEA[]), CAST(:agreement AS BYTEA[]),
                 CAST(:terminal AS BYTEA[]), CAST(:counter AS BIGINT[]), CAST(:outcome AS BIGINT[]),
                 CAST(:kind AS BIGINT[]), CAST(:late AS BIGINT[]), CAST(:position AS BIGINT[]),
                 CAST(:amount AS BIGINT[]), CAST(:time AS BIGINT[]))",
            super::rows::named_params! {
                ":id": Value::Numbers(&ids),
                ":upload": Value::Numbers(&uploads),
                ":repeats": Value::MaybeNumbers(&repeats),
                ":misuse": Value::MaybeNumbers(&misuse),
                ":credential": credentials.value(),
                ":agreement": agreements.value(),
                ":terminal": terminals.value(),
                ":counter": Value::Numbers(&counters),
                ":outcome": Value::Numbers(&outcomes),
                ":kind": Value::Numbers(&kinds),
                ":late": Value::Numbers(&late),
                ":position": Value::Numbers(&positions),
                ":amount": Value::Numbers(&amounts),
                ":time": Value::Numbers(&times),
            },
        )?;
        self.spend(settlements)
    }

    fn add_charges(&mut self, charges: &[NewCharge]) -> Result<()> {
        if charges.is_empty() {
            return Ok(());
        }
        let mut batches = Vec::with_capacity(charges.len());
        // The charges of an upload are in one batch, if in any.
        let mut last = None::<(ChargeBatchId, i64)>;
        for charge in charges {
            if let Some(batch) = charge.batch.filter(|batch| last.is_none_or(|(known, _)| known != *batch)) {
                last = Some((batch, self.open_batch(&batch)?));
            }
            batches.push(charge.batch.and(last).map(|(_, sequence)| sequence));
        }
        let tags = charges.iter().map(|charge| match &charge.payer {
            Payer::Named(tag) => Some(tag.as_bytes().as_slice()),
            Payer::Pseudonym(_) => None,
        });
        let subjects = charges.iter().map(|charge| match &charge.payer {
            Payer::Named(_) => None,
            Payer::Pseudonym(subject) => Some(subject.as_bytes().as_slice()),
        });
        let (tags, subjects) = (tags.collect::<Vec<_>>(), subjects.collect::<Vec<_>>());
        let settled = charges.iter().map(|charge| counted(charge.settlement.0)).collect::<Result<Vec<_>>>()?;
        let kinds = numbers(charges, |charge| charge.kind as i64);
        let currencies = numbers(charges, |charge| charge.currency.into());
        let moves = charges.iter().map(|charge| charge.moves.as_str()).collect::<Vec<_>>();
        let times = numbers(charges, |charge| seconds(charge.settled));
        self.execute(
            "INSERT INTO charges (settlement, kind, currency, tag, subject, moves, settled, batch)
             SELECT settlement, kind, currency, tag, subject, moves, settled, batch
             FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BYTEA[]),
                 CAST(?5 AS BYTEA[]), CAST(?6 AS TEXT[]), CAST(?7 AS BIGINT[]), CAST(?8 AS BIGINT[]))
                 WITH ORDINALITY AS added (settlement, kind, currency, tag, subject, moves, settled, batch, place)
             ORDER BY place",
            (
                Value::Numbers(&settled),
                Value::Numbers(&kinds),
                Value::Numbers(&currencies),
                Value::MaybeByteStrings(&tags),
                Value::MaybeByteStrings(&subjects),
                Value::Texts(&moves),
                Value::Numbers(&times),
                Value::MaybeNumbers(&batches),
            ),
        )?;
        Ok(())
    }
}

impl Unit<'_> {
    /// Counts what settled and spends, in rows that this unit has its turn with.
    fn spend(&self, settlements: &[NewSettlement]) -> Result<()> {
        let spends = |one: &&NewSettlement| one.outcome == SettlementOutcome::Settled && one.kind.spends();
        let spending = settlements.iter().filter(spends).collect::<Vec<_>>();
        if spending.is_empty() {
            return Ok(());
        }
        let credentials = Bytes(spending.iter().map(|one| one.credential_digest.as_bytes().as_slice()).collect());
        let amounts = spending.iter().map(|one| i64::from(one.amount)).collect::<Vec<_>>();
        self.execute(
            "INSERT INTO spending (credential_digest, spent)
             SELECT credential, CAST(sum(amount) AS BIGINT)
             FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS BIGINT[])) AS added (credential, amount)
             GROUP BY credential ORDER BY credential
             ON CONFLICT (credential_digest) DO UPDATE SET spent = spending.spent + excluded.spent",
            (credentials.value(), Value::Numbers(&amounts)),
        )?;
        Ok(())
    }

    /// The row number of a batch that is not posted.
    fn open_batch(&self, batch: &ChargeBatchId) -> Result<i64> {
        let sequence = self.one(
            "SELECT sequence FROM charge_batches WHERE id = ?1 AND delivered IS NULL",
            [batch.value()],
            |row| row.column("sequence"),
        )?;
        sequence.ok_or_else(|| StoreError::Conflict("there is no such batch, or it is posted".to_owned()))
    }
}

//! The double-entry ledger.

use symbolon_ccks::{Name, Time};

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, name, numbered, seconds, time},
};
use crate::{
    records::{
        AccountKind, AccountName, AccountRecord, EntryId, EntryKind, LedgerAudit, NetPosition, NewEntry, PostingRecord,
        RecordPosition, StatementLine, StatementRecord, UploadId,
    },
    verbs::{Ledger, Listed, Page},
};

/// Findings that an audit tells at most.
const MOST_PROBLEMS: u32 = 100;

pub(super) fn account(row: &Row<'_>) -> Result<AccountRecord> {
    Ok(AccountRecord {
        name: AccountName::from_caller(&row.column::<String>("name")?),
        kind: row.parsed("kind", |kind| numbered(AccountKind::ALL, |kind| kind as u8, kind))?,
        owner: row.parsed_option("owner", name)?,
        currency: row.column("currency")?,
        balance: row.column("balance")?,
        created: row.parsed("created", time)?,
    })
}

fn listed_account(row: &Row<'_>) -> Result<Listed<AccountRecord>> {
    Ok(Listed { position: row.column("sequence")?, record: account(row)? })
}

impl Ledger for Unit<'_> {
    fn account(&self, name: &AccountName) -> Result<Option<AccountRecord>> {
        self.one("SELECT * FROM accounts WHERE name = ?1", [name.as_str()], account)
    }

    fn accounts(&self, owner: Option<&Name>, page: Page) -> Result<Vec<Listed<AccountRecord>>> {
        let after = counted(page.after)?;
        match owner {
            Some(owner) => self.all(
                "SELECT * FROM accounts WHERE owner = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
                (owner.as_str(), after, page.limit),
                listed_account,
            ),
            None => self.all(
                "SELECT * FROM accounts WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                (after, page.limit),
                listed_account,
            ),
        }
    }

    fn suspense_accounts(&self) -> Result<Vec<AccountRecord>> {
        self.all("SELECT * FROM accounts WHERE kind = 5 ORDER BY sequence", [], account)
    }

    fn operator_accounts(&self, operator: Option<&Name>) -> Result<Vec<AccountRecord>> {
        self.all(
            "SELECT * FROM accounts WHERE kind = 2 AND (CAST(?1 AS TEXT) IS NULL OR owner = ?1) ORDER BY sequence",
            [operator.map(Name::as_str)],
            account,
        )
    }

    fn statement(&self, name: &AccountName, from: Time, until: Time) -> Result<Option<StatementRecord>> {
        let Some(account) = self.account(name)? else { return Ok(None) };
        // The last day is asked for most: what was posted since is less than what was posted before.
        let since = |time: Time| {
            self.one(
                "SELECT coalesce(sum(p.amount), 0) AS posted FROM postings AS p JOIN entries AS e ON e.id = p.entry
                 WHERE p.account = (SELECT sequence FROM accounts WHERE name = ?1) AND e.time >= ?2",
                (name.as_str(), seconds(time)),
                |row| row.column::<i64>("posted"),
            )
        };
        let opening = account.balance - since(from)?.unwrap_or_default();
        let lines = self.all(
            "SELECT e.kind, count(*) AS counted, coalesce(sum(p.amount) FILTER (WHERE p.amount > 0), 0) AS credited,
                    coalesce(-sum(p.amount) FILTER (WHERE p.amount < 0), 0) AS debited
             FROM postings AS p JOIN entries AS e ON e.id = p.entry
             WHERE p.account = (SELECT sequence FROM accounts WHERE name = ?1) AND e.time >= ?2 AND e.time < ?3
             GROUP BY e.kind ORDER BY e.kind",
            (name.as_str(), seconds(from), seconds(until)),
            |row| {
                Ok(StatementLine {
                    kind: row.parsed("kind", |kind| numbered(EntryKind::ALL, |kind| kind as u8, kind))?,
                    postings: row.column("counted")?,
                    credited: row.column("credited")?,
                    debited: row.column("debited")?,
                })
            },
        )?;
        Ok(Some(StatementRecord { account, opening, lines }))
    }

    fn net_positions(&self, from: Time, until: Time) -> Result<Vec<NetPosition>> {
        // A holder counts with its issuer (1 with 3), and what that issuer credits it with (1) is theirs alone.
        let mut positions = self.all(
            "SELECT CASE WHEN a.kind = 1 THEN 3 ELSE a.kind END AS party, a.owner, p.currency,
                    coalesce(sum(p.amount) FILTER (WHERE p.amount > 0), 0) AS credited,
                    coalesce(-sum(p.amount) FILTER (WHERE p.amount < 0), 0) AS debited
             FROM entries AS e JOIN postings AS p ON p.entry = e.id JOIN accounts AS a ON a.sequence = p.account
             WHERE e.time >= ?1 AND e.time < ?2 AND e.kind <> 1
             GROUP BY CASE WHEN a.kind = 1 THEN 3 ELSE a.kind END, a.owner, p.currency",
            (seconds(from), seconds(until)),
            |row| {
                Ok(NetPosition {
                    kind: row.parsed("party", |kind| numbered(AccountKind::ALL, |kind| kind as u8, kind))?,
                    owner: row.parsed_option("owner", name)?,
                    currency: row.column("currency")?,
                    credited: row.column("credited")?,
                    debited: row.column("debited")?,
                })
            },
        )?;
        // Databases do not agree on the order of text.
        positions.sort_by_key(|position| (position.currency, position.kind as u8, position.owner));
        Ok(positions)
    }

    fn open_account(&mut self, account: &AccountRecord) -> Result<()> {
        self.execute(
            "INSERT INTO accounts (name, kind, owner, currency, created) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (name) DO NOTHING",
            (
                account.name.as_str(),
                account.kind as u8,
                account.owner.as_ref().map(Name::as_str),
                account.currency,
                seconds(account.created),
            ),
        )?;
        Ok(())
    }

    fn post(&mut self, entry: &NewEntry) -> Result<EntryId> {
        let upload = entry.record().map(|record| counted(record.upload().0)).transpose()?;
        let position = entry.record().map(RecordPosition::position);
        let id = self.add(
            "INSERT INTO entries (kind, upload, position, time) VALUES (?1, ?2, ?3, ?4)",
            (entry.kind() as u8, upload, position, seconds(entry.time())),
            "id",
        )?;
        let id = EntryId(id);
        self.add_postings(id, entry)?;
        self.execute("UPDATE entries SET sealed = 1 WHERE id = ?1", [counted(id.0)?])?;
        Ok(id)
    }

    fn postings(&self, account: &AccountName, page: Page) -> Result<Vec<Listed<PostingRecord>>> {
        self.all(
            "SELECT p.sequence, p.entry, p.amount, e.kind, e.time, e.upload, e.position
             FROM postings AS p JOIN entries AS e ON e.id = p.entry
             WHERE p.account = (SELECT sequence FROM accounts WHERE name = ?1) AND p.sequence > ?2
             ORDER BY p.sequence LIMIT ?3",
            (account.as_str(), counted(page.after)?, page.limit),
            |row| {
                Ok(Listed {
                    position: row.column("sequence")?,
                    record: PostingRecord {
                        entry: EntryId(row.column("entry")?),
                        kind: row.parsed("kind", |kind| numbered(EntryKind::ALL, |kind| kind as u8, kind))?,
                        account: account.clone(),
                        amount: row.column("amount")?,
                        record: row
                            .column::<Option<u64>>("upload")?
                            .zip(row.column("position")?)
                            .map(|(upload, position)| RecordPosition::new(UploadId(upload), position)),
                        time: row.parsed("time", time)?,
                    },
                })
            },
        )
    }

    fn audit(&self) -> Result<LedgerAudit> {
        let count = |sql: &str| self.one(sql, [], |row| row.column::<i64>("counted")).map(Option::unwrap_or_default);
        let mut audit = LedgerAudit {
            entries: count("SELECT count(*) AS counted FROM entries")?.unsigned_abs(),
            postings: count("SELECT count(*) AS counted FROM postings")?.unsigned_abs(),
            accounts: count("SELECT count(*) AS counted FROM accounts")?.unsigned_abs(),
            sum: count("SELECT coalesce(sum(amount), 0) AS counted FROM postings")?,
            problems: Vec::new(),
        };
        for sql in PROBLEMS {
            audit.problems.extend(self.all(sql, [MOST_PROBLEMS], |row| row.column("problem"))?);
        }
        audit.problems.truncate(MOST_PROBLEMS as usize);
        Ok(audit)
    }
}

/// What must not be; each query tells its findings in words, at most `?1`.
pub(super) const PROBLEMS: [&str; 6] = [
    "SELECT 'currency ' || currency || ' sums to ' || sum(amount) || ' instead of 0' AS problem
     FROM postings GROUP BY currency HAVING sum(amount) <> 0 LIMIT ?1",
    "SELECT 'entry ' || entry || ' sums to ' || sum(amount) || ' instead of 0' AS problem
     FROM postings GROUP BY entry, currency HAVING sum(amount) <> 0 LIMIT ?1",
    "SELECT 'account ' || name || ' says ' || balance || ', its postings ' || coalesce(sum(amount), 0) AS problem
     FROM accounts AS a LEFT JOIN postings AS p ON p.account = a.sequence
     GROUP BY a.sequence HAVING balance <> coalesce(sum(amount), 0) LIMIT ?1",
    "SELECT 'entry ' || id || ' is not sealed' AS problem FROM entries WHERE sealed = 0 LIMIT ?1",
    "SELECT 'entry ' || id || ' has no posting' AS problem
     FROM entries WHERE NOT EXISTS (SELECT 1 FROM postings WHERE entry = id) LIMIT ?1",
    "SELECT 'posting ' || p.sequence || ' is in another currency than its account' AS problem
     FROM postings AS p JOIN accounts AS a ON a.sequence = p.account WHERE p.currency <> a.currency LIMIT ?1",
];

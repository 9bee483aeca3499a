//! A town in a temporary folder: its authority, terminals and pseudonyms, and what they signed before anything is
//! measured.

use super::Day;
use crate::source::{self, SystemClock, SystemEntropy};
use anyhow::{Context, Result};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use rusqlite::Connection;
use std::{
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};
use symbolon_ccks::{
    Authority, AuthoritySecret, Class, EnrolmentKey, Identity, IdentityFields, Name, Offer, P256, Period,
    PeriodBoundary, PossessionMessage, Sector, Sectors, SigningKey, Subject, Suite as _, SuiteId, Time,
};
use symbolon_service::{
    config::Config,
    custody::{self, Costs, Unlock},
    links::ServiceRole,
    setup::{self, Ceremony},
};
use symbolon_store::SqliteStore;
use symbolon_tap::{Flags, Kind, Presentation, Record, Terms, TermsFields, encode_upload};
use tempfile::TempDir;
use zeroize::Zeroizing;

const CURRENCY: u16 = 156;
const OPERATOR: &str = "metro";
const BUDGET: u32 = 100_000;
const SEALING_KEY: [u8; 32] = [7; 32];
const HOUR_SECONDS: u64 = 3_600;

pub(super) struct Town {
    folder: TempDir,
    pub(super) now: Time,
    pub(super) period: Period,
    config: Config,
    secret: AuthoritySecret<P256>,
    authority: Authority<'static, P256>,
}

impl Town {
    /// Holds the ceremony and makes empty databases in files; for a service that keeps its own in PostgreSQL, if an address is
    /// given.
    pub(super) fn found(database: Option<&str>) -> Result<Self> {
        let folder = tempfile::tempdir().context("there is no room for temporary files")?;
        let now = source::now()?;
        let config = Config::on_any_port(folder.path().join("data"));
        let unlock = Unlock::KeyFile(Zeroizing::new(SEALING_KEY));
        let ceremony = Ceremony {
            suite: SuiteId::P256Sha256,
            name: Name::parse("bench")?,
            server_names: &[],
            unlock: &unlock,
            costs: Costs::default(),
        };
        setup::initialise(&config, &ceremony, &SystemClock, &SystemEntropy)?;
        let secret = custody::open(&config.data_directory.join("authority.sealed"), &unlock)?;
        let secret = AuthoritySecret::<P256>::from_bytes(&secret)?;
        let authority = Authority::parse(&setup::read_parameters(&config)?)?;
        std::fs::write(folder.path().join("key"), SEALING_KEY)?;
        let data = toml::Value::String(config.data_directory.to_str().context("the folder's name is no text")?.into());
        let text = format!(
            "data_directory = {data}\n[public]\naddress = \"127.0.0.1:0\"\n[private]\naddress = \"127.0.0.1:0\"\n\
             [metrics]\naddress = \"127.0.0.1:0\"\n\
             [pseudonyms]\ncharging = {{ items = 1024, delay_seconds = 0 }}\n"
        );
        let address =
            database.map(|address| format!("[database]\naddress = {}\n", toml::Value::String(address.into())));
        let path = folder.path().join("symbolon.toml");
        std::fs::write(&path, text + &address.unwrap_or_default())?;
        let config = Config::read(&path)?;
        for role in [ServiceRole::Attester, ServiceRole::Clearing, ServiceRole::Exchange] {
            SqliteStore::open(config.data_directory.join(format!("{role}.db")))?;
        }
        let period = Period::at(now, PeriodBoundary::DEFAULT).context("it is no day that could have a period")?;
        Ok(Self { folder, now, period, config, secret, authority })
    }

    /// As the service has it; the last charges do not wait for others.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn authority(&self) -> &Authority<'static, P256> {
        &self.authority
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(super) fn exchange(&self) -> PathBuf {
        self.data().join("exchange.db")
    }

    pub(super) fn clearing(&self) -> PathBuf {
        self.data().join("clearing.db")
    }

    /// Signs uploads, by terminal; what the databases have to know of who signed is put into them.
    pub(super) fn sign(&self, day: &Day) -> Result<Vec<Vec<Vec<u8>>>> {
        let mut random = source::random()?;
        let pseudonyms = in_parallel(day.pseudonyms, |_| self.pseudonym())?;
        let mut gates = Vec::new();
        for number in 0..day.terminals {
            let subject = Subject::terminal(&Name::parse(OPERATOR)?, (number as u64).to_be_bytes());
            gates.push(self.issue(Class::Terminal, subject, &mut random)?);
        }
        self.introduce(&gates, &pseudonyms)?;
        let sign = |number: usize| self.upload(day, &gates[number % day.terminals], number, &pseudonyms);
        let mut work = vec![Vec::new(); day.terminals];
        for (number, upload) in in_parallel(day.uploads * day.terminals, sign)?.into_iter().enumerate() {
            work[number % day.terminals].push(upload);
        }
        Ok(work)
    }

    fn upload(
        &self,
        day: &Day,
        gate: &SigningKey<P256>,
        number: usize,
        pseudonyms: &[SigningKey<P256>],
    ) -> Result<Vec<u8>> {
        let terminal = gate.credential().context("a terminal has a credential")?.digest();
        let mut random = source::random()?;
        let mut signed = Vec::with_capacity(day.records);
        for place in 0..day.records {
            let tap = number * day.records + place;
            let (holder, counter) = (&pseudonyms[tap % pseudonyms.len()], tap / pseudonyms.len() + 1);
            let terms = self.terms(&mut random)?;
            let random = bytes(&mut random);
            let presentation = Presentation::sign(holder, &terms, &terminal, u32::try_from(counter)?, &random)?;
            signed.push(Record::new(terms, presentation));
        }
        let hints = || signed.iter().map(Record::hint::<P256>).collect::<Result<Vec<_>, _>>();
        let hints = day.has_hints.then(hints).transpose()?;
        Ok(encode_upload(gate, u32::try_from(number)?, &signed, hints.as_deref(), &bytes(&mut random))?)
    }

    fn terms(&self, random: &mut ChaCha20Rng) -> Result<Terms> {
        let mut nonce = [0; 16];
        random.fill_bytes(&mut nonce);
        Ok(Terms::new(TermsFields {
            kind: Kind::Purchase,
            sector: Sector::Transport,
            flags: Flags::Tap,
            nonce,
            time: self.now.saturating_sub(u64::from(nonce[0])),
            amount: 1,
            currency: CURRENCY,
            reference: [0; 16],
        })?)
    }

    fn pseudonym(&self) -> Result<SigningKey<P256>> {
        let mut random = source::random()?;
        let mut subject = [0; 16];
        random.fill_bytes(&mut subject);
        self.issue(Class::Pseudonym, Subject::from_bytes(subject), &mut random)
    }

    fn issue(&self, class: Class, subject: Subject, random: &mut ChaCha20Rng) -> Result<SigningKey<P256>> {
        let start = self.period.start(PeriodBoundary::DEFAULT);
        let identity = Identity::new(IdentityFields {
            suite: P256::ID,
            class,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject,
            not_before: start.saturating_sub(HOUR_SECONDS),
            not_after: start.saturating_add(36 * HOUR_SECONDS),
            spend_limit: BUDGET,
            budget: BUDGET,
            currency: CURRENCY,
            tariff: 0,
        })?;
        let holder = EnrolmentKey::<P256>::generate(random);
        let (challenge, nonce) = (bytes(random), bytes(random));
        let offer = Offer::new(identity, nonce);
        let message = match class {
            Class::Pseudonym => PossessionMessage::Pseudonym { period: self.period.number(), challenge: &challenge },
            Class::Card | Class::Terminal => PossessionMessage::Offer(&offer),
        };
        let possession = holder.prove_possession(self.authority.id(), message, &bytes(random))?;
        let issued =
            self.secret.issue(&self.authority, &identity, message, holder.point(), &possession, &bytes(random))?;
        Ok(holder.complete(&self.authority, &identity, &issued.credential, issued.contribution.as_bytes())?)
    }

    /// Has the attester know the terminals, the exchange the pseudonyms, and clearing who pays for them.
    fn introduce(&self, gates: &[SigningKey<P256>], pseudonyms: &[SigningKey<P256>]) -> Result<()> {
        let now = self.now.seconds() as i64;
        let mut attester = open(&self.data().join("attester.db"))?;
        let rows = attester.transaction()?;
        for gate in gates {
            let credential = gate.credential().context("a terminal has a credential")?;
            let (identity, subject) = (credential.identity(), credential.identity().subject());
            let (from, until) = (identity.not_before().seconds() as i64, identity.not_after().seconds() as i64);
            rows.execute(
                "INSERT INTO terminals (subject, operator, state, sectors, currency, not_before, not_after, credential,
                     created, updated) VALUES (?1, ?2, 2, 7, ?3, ?4, ?5, ?6, ?7, ?7)",
                (subject.as_bytes(), OPERATOR, CURRENCY, from, until, credential.as_bytes(), now),
            )?;
            rows.execute(
                "INSERT INTO issued (digest, identity, subject, not_before, not_after, credential, enrolment_point,
                     contribution, offer_nonce, possession, request_kind, request_signed, request_signature,
                     request_key, issued)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, zeroblob(32), randomblob(32), ?8, 3, x'', x'', x'', ?9)",
                (
                    credential.digest().as_bytes(),
                    identity.as_bytes(),
                    subject.as_bytes(),
                    from,
                    until,
                    credential.as_bytes(),
                    [2_u8; 33],
                    [2_u8; 65],
                    now,
                ),
            )?;
        }
        rows.commit()?;
        let (mut exchange, mut clearing) = (open(&self.exchange())?, open(&self.clearing())?);
        let (exchange_rows, clearing_rows) = (exchange.transaction()?, clearing.transaction()?);
        for pseudonym in pseudonyms {
            let credential = pseudonym.credential().context("a pseudonym has a credential")?;
            let subject = credential.identity().subject();
            exchange_rows.execute(
                "INSERT INTO pseudonyms (digest, period) VALUES (?1, ?2)",
                (credential.digest().as_bytes(), self.period.number()),
            )?;
            // Every pseudonym is another holder's.
            let account = format!("holder-{}", hex::encode(subject.as_bytes()));
            clearing_rows.execute(
                "INSERT INTO accounts (name, kind, owner, currency, created) VALUES (?1, 1, 'bank', ?2, ?3)",
                (account, CURRENCY, now),
            )?;
            clearing_rows.execute(
                "INSERT INTO bindings (subject, account, period, nonce, until) VALUES (?1, ?1, ?2, randomblob(12), ?3)",
                (subject.as_bytes(), self.period.number(), now + 30 * 86_400),
            )?;
        }
        exchange_rows.commit()?;
        clearing_rows.commit()?;
        Ok(())
    }
}

/// Opens a database that nobody else uses, to be filled quickly.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -262_144)?;
    Ok(connection)
}

fn bytes(random: &mut ChaCha20Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Does it for every number below `count`, on all threads; the results in order.
fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = count.div_ceil(threads).max(1);
    thread::scope(|scope| {
        let share_of = |start: usize| start..(start + share).min(count);
        let workers = (0..count).step_by(share).map(|start| {
            let work = &work;
            scope.spawn(move || share_of(start).map(work).collect::<Result<Vec<_>>>())
        });
        let workers = workers.collect::<Vec<_>>();
        let mut results = Vec::with_capacity(count);
        for worker in workers {
            results.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(results)
    })
}

//! A card's folder: the counter that must never go back, the purse of pseudonyms, and the nonce of the tap that goes on.

use super::HolderFolder;
use crate::files::{self, Readers};
use anyhow::{Context, Result, anyhow, bail};
use std::{path::PathBuf, thread, time::Duration};
use symbolon_ccks::{Authority, CredentialDigest, SigningKey, Suite};
use symbolon_wallet::{
    CounterError, FileCounterStore, FilePurseStore, Keepsakes, Purse, PurseError, PurseSettings, Wallet,
};

const COUNTER: &str = "counter";
const PURSE: &str = "purse";
/// Receipts, and vouchers on their way to a meter.
const KEEPSAKES: &str = "keepsakes";
const SELECT_NONCE: &str = "select.nonce";
const BUNDLE: &str = "bundle";

/// How often and how long a command waits for another that uses the card: a refill in the background holds it for
/// moments only.
const PATIENCE: (u32, Duration) = (100, Duration::from_millis(20));

/// A card's pseudonyms, in its folder.
pub(crate) type FilePurse<'a, S> = Purse<'a, S, FileCounterStore, FilePurseStore>;

/// A card's receipts and vouchers, in its folder.
pub(crate) type FileKeepsakes = Keepsakes<FilePurseStore>;

/// What a card pays with.
pub(crate) enum Paying<'a, S: Suite> {
    /// Its own number: it never had pseudonyms.
    Card(Box<Wallet<'a, S, FileCounterStore>>),
    /// Its pseudonyms.
    Purse(Box<FilePurse<'a, S>>),
}

/// A card's folder.
pub(crate) struct CardFolder {
    folder: HolderFolder,
}

impl CardFolder {
    /// What an enrolled card keeps.
    pub(crate) fn new(folder: HolderFolder) -> Self {
        Self { folder }
    }

    /// What it shares with terminals.
    pub(crate) fn holder(&self) -> &HolderFolder {
        &self.folder
    }

    /// Begins the card's account. Running an interrupted enrolment again finds it begun.
    pub(crate) fn begin_counter(folder: &HolderFolder, credential: &CredentialDigest) -> Result<()> {
        let path = folder.file(COUNTER);
        let begun = match path.exists() {
            true => FileCounterStore::open(&path, credential),
            false => FileCounterStore::create(&path, credential),
        };
        begun.map(|_| ()).map_err(|error| anyhow!("the card's counter cannot be begun: {error}"))
    }

    /// Opens the card's wallet; nobody else can while it is open.
    pub(crate) fn wallet<'a, S: Suite>(
        &self,
        authority: &'a Authority<'a, S>,
        key: &'a SigningKey<S>,
    ) -> Result<Wallet<'a, S, FileCounterStore>> {
        let path = self.folder.file(COUNTER);
        let credential = self.folder.credential()?.digest();
        let open = || FileCounterStore::open(&path, &credential);
        let counters = patiently(open, |error| *error == CounterError::InUse);
        let counters = counters.map_err(|error| anyhow!("{}: {error}", path.display()))?;
        let mut wallet = Wallet::new(authority, key, counters)?;
        if let Some(bundle) = self.bundle()? {
            wallet.take_bundle(&bundle).map_err(|refused| anyhow!("the card's trust bundle: {refused}"))?;
        }
        Ok(wallet)
    }

    /// Opens what the card pays with: the purse, once there is one.
    pub(crate) fn paying<'a, S: Suite>(
        &self,
        authority: &'a Authority<'a, S>,
        key: &'a SigningKey<S>,
    ) -> Result<Paying<'a, S>> {
        Ok(match self.has_purse() {
            true => Paying::Purse(Box::new(self.purse(authority, key)?)),
            false => Paying::Card(Box::new(self.wallet(authority, key)?)),
        })
    }

    /// Whether the card has a purse.
    pub(crate) fn has_purse(&self) -> bool {
        self.folder.file(PURSE).exists()
    }

    /// Opens the card's purse.
    pub(crate) fn purse<'a, S: Suite>(
        &self,
        authority: &'a Authority<'a, S>,
        key: &'a SigningKey<S>,
    ) -> Result<FilePurse<'a, S>> {
        if !self.has_purse() {
            bail!("the card has no pseudonyms; `symbolon card refill` gets some");
        }
        let path = self.folder.file(PURSE);
        let explain = |error: PurseError| anyhow!("{}: {error}", path.display());
        let store = patiently(|| FilePurseStore::open(&path), |error| *error == PurseError::InUse).map_err(explain)?;
        Purse::open(self.wallet(authority, key)?, store).map_err(explain)
    }

    /// Opens the card's receipts and vouchers; begins to keep some where there are none.
    pub(crate) fn keepsakes(&self) -> Result<FileKeepsakes> {
        let path = self.folder.file(KEEPSAKES);
        let open = || match path.exists() {
            true => FilePurseStore::open(&path),
            false => FilePurseStore::create(&path),
        };
        let opened = patiently(open, |error| *error == PurseError::InUse).and_then(Keepsakes::open);
        opened.map_err(|error| anyhow!("{}: {error}", path.display()))
    }

    /// Begins the card's purse.
    pub(crate) fn begin_purse<'a, S: Suite>(
        &self,
        authority: &'a Authority<'a, S>,
        key: &'a SigningKey<S>,
    ) -> Result<()> {
        let path = self.folder.file(PURSE);
        let begin = || -> Result<()> {
            let store = FilePurseStore::create(&path)?;
            Purse::create(self.wallet(authority, key)?, store, PurseSettings::default())?;
            Ok(())
        };
        begin().with_context(|| format!("the purse cannot be begun in {}", path.display()))
    }

    /// The trust bundle that was loaded last.
    pub(crate) fn bundle(&self) -> Result<Option<Vec<u8>>> {
        let path = self.folder.file(BUNDLE);
        path.exists().then(|| files::read(&path)).transpose()
    }

    /// Keeps a trust bundle that was checked.
    pub(crate) fn keep_bundle(&self, bundle: &[u8]) -> Result<()> {
        files::replace(&self.folder.file(BUNDLE), bundle, Readers::All)
    }

    /// Keeps what shows that the service answered wrongly; says where.
    pub(crate) fn keep_evidence(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.folder.file(&format!("evidence-{name}.json"));
        files::replace(&path, bytes, Readers::Owner)?;
        Ok(path)
    }

    /// Keeps the nonce of a tap for the command that goes on with it.
    pub(crate) fn keep_select_nonce(&self, nonce: &[u8; 8]) -> Result<()> {
        files::replace(&self.folder.file(SELECT_NONCE), nonce, Readers::Owner)
    }

    /// The nonce of the tap that goes on.
    pub(crate) fn select_nonce(&self) -> Result<[u8; 8]> {
        files::read_array(&self.folder.file(SELECT_NONCE))
            .context("no tap was begun with this card; `symbolon card select` begins one")
    }
}

/// Opens what another command may use for a moment.
fn patiently<T, E>(open: impl Fn() -> Result<T, E>, in_use: impl Fn(&E) -> bool) -> Result<T, E> {
    let (tries, pause) = PATIENCE;
    for _ in 0..tries {
        match open() {
            Err(error) if in_use(&error) => thread::sleep(pause),
            opened => return opened,
        }
    }
    open()
}

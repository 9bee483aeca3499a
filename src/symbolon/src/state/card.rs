//! A card's folder: the counter that must never go back, and the nonce of the tap that goes on.

use super::HolderFolder;
use crate::files::{self, Readers};
use anyhow::{Context, Result, anyhow};
use symbolon_ccks::{Authority, CredentialDigest, SigningKey, Suite};
use symbolon_wallet::{FileCounterStore, Wallet};

const COUNTER: &str = "counter";
const SELECT_NONCE: &str = "select.nonce";

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
        let counters =
            FileCounterStore::open(&path, &credential).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        Ok(Wallet::new(authority, key, counters)?)
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

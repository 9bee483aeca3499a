//! What a card or terminal keeps in its folder, so that a tap can be done by hand.
//!
//! Both keep the same things of their key: whom they trust, the authority's parameters, the credential and the secret that
//! nobody else may read. What differs is in `card` and `terminal`.

pub(crate) mod card;
pub(crate) mod terminal;

use crate::{
    connect::Trust,
    enrolment::Started,
    files::{self, Readers},
};
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};
use symbolon_ccks::{Authority, Class, Credential, EnrolmentKey, Offer, SigningKey, Suite, SuiteId};
use zeroize::Zeroizing;

const TRUST: &str = "trust.toml";
const PARAMETERS: &str = "authority.params";
const CREDENTIAL: &str = "credential";
const SECRET: &str = "secret";
/// u and the offer, from before the credential is asked for until it is there.
const ENROLMENT: &str = "enrolment";

/// The folder of a card or a terminal.
#[derive(Clone, Debug)]
pub(crate) struct HolderFolder {
    path: PathBuf,
}

impl HolderFolder {
    /// A folder for a new enrolment, or one in which an enrolment was begun and not finished.
    pub(crate) fn begin(path: &Path, trust: &Trust, parameters: &[u8]) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        if folder.file(CREDENTIAL).exists() {
            bail!("{} holds a credential already and is never overwritten; choose another folder", path.display());
        }
        if folder.file(TRUST).exists() {
            let begun = folder.trust()?.authority_id()?;
            ensure!(
                begun == trust.authority_id()?,
                "an enrolment with another authority was begun in {}; choose another folder",
                path.display()
            );
            return Ok(folder);
        }
        if path.exists() && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty; choose a new folder", path.display());
        }
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        files::create(&folder.file(PARAMETERS), parameters, Readers::All)?;
        trust.write(&folder.file(TRUST))?;
        Ok(folder)
    }

    /// The folder of a card or terminal that has been enrolled.
    pub(crate) fn open(path: &Path, class: Class) -> Result<Self> {
        let folder = Self { path: path.to_owned() };
        if folder.file(ENROLMENT).exists() && !folder.file(CREDENTIAL).exists() {
            bail!("the enrolment in {} was not finished; run the same enrol command again", path.display());
        }
        let found = folder
            .credential()
            .with_context(|| format!("{} is not the folder of a {class}", path.display()))?
            .identity()
            .class();
        ensure!(found == class, "{} is the folder of a {found}, not of a {class}", path.display());
        Ok(folder)
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whom the holder trusts.
    pub(crate) fn trust(&self) -> Result<Trust> {
        Trust::read(&self.file(TRUST))
    }

    /// The suite of the authority.
    pub(crate) fn suite(&self) -> Result<SuiteId> {
        suite_of_parameters(&files::read(&self.file(PARAMETERS))?)
    }

    /// The authority's parameters, as they were fetched and checked.
    pub(crate) fn parameters(&self) -> Result<Vec<u8>> {
        files::read(&self.file(PARAMETERS))
    }

    /// The authority, its parameters checked against the trust anchor.
    pub(crate) fn authority<S: Suite>(&self) -> Result<Authority<'static, S>> {
        let parameters = files::read(&self.file(PARAMETERS))?;
        check_parameters(&parameters, &self.trust()?)?;
        Ok(Authority::parse(&parameters)?)
    }

    /// The credential.
    pub(crate) fn credential(&self) -> Result<Credential> {
        let bytes: [u8; Credential::SIZE] = files::read_array(&self.file(CREDENTIAL))?;
        Ok(*Credential::parse(&bytes)?)
    }

    /// The key, checked to belong to the credential.
    pub(crate) fn key<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<SigningKey<S>> {
        let secret = Zeroizing::new(files::read_array(&self.file(SECRET))?);
        SigningKey::from_credential(authority, &self.credential()?, &secret).ok().with_context(|| {
            format!("the secret in {} does not belong to its credential; enrol anew", self.path.display())
        })
    }

    /// The enrolment that was begun here, if any.
    pub(crate) fn begun<S: Suite>(&self) -> Result<Option<Started<S>>> {
        let path = self.file(ENROLMENT);
        if !path.exists() {
            return Ok(None);
        }
        let bytes: Zeroizing<[u8; 32 + Offer::SIZE]> = Zeroizing::new(files::read_array(&path)?);
        let (secret, offer) = bytes.split_first_chunk().context("a fixed length")?;
        let key = EnrolmentKey::from_bytes(secret)
            .with_context(|| format!("{} is damaged; enrol into another folder", path.display()))?;
        Ok(Some(Started::new(*Offer::parse(offer)?, key)))
    }

    /// Keeps an enrolment before the credential is asked for: without u the answer would be worth nothing.
    pub(crate) fn keep_begun<S: Suite>(&self, started: &Started<S>) -> Result<()> {
        let mut bytes = Zeroizing::new(started.key().secret_bytes().to_vec());
        bytes.extend_from_slice(started.offer().as_bytes());
        files::replace(&self.file(ENROLMENT), &bytes, Readers::Owner)
    }

    /// Keeps what the enrolment ended with. The credential comes last: with it the folder counts as enrolled.
    pub(crate) fn keep_key<S: Suite>(&self, key: &SigningKey<S>) -> Result<()> {
        let credential = key.credential().context("an enrolled key has a credential")?;
        files::replace(&self.file(SECRET), key.secret_bytes().as_slice(), Readers::Owner)?;
        files::replace(&self.file(CREDENTIAL), credential.as_bytes(), Readers::All)?;
        let path = self.file(ENROLMENT);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }
}

/// The suite that authority parameters are of.
pub(crate) fn suite_of_parameters(parameters: &[u8]) -> Result<SuiteId> {
    let suite = parameters
        .strip_prefix(b"SYMB")
        .and_then(|rest| rest.get(1))
        .context("these are not authority parameters: they do not begin with SYMB")?;
    Ok(SuiteId::from_byte(*suite)?)
}

/// Checks parameters against the trust anchor.
pub(crate) fn check_parameters(parameters: &[u8], trust: &Trust) -> Result<()> {
    let id = trust.authority_id()?;
    ensure!(
        Sha256::digest(parameters).as_slice() == id.as_bytes(),
        "the authority parameters are not those of authority {id}: do not use this service"
    );
    Ok(())
}

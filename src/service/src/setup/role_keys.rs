//! What each role alone holds, in a sealed file of its own: `roles/<role>.sealed`.
//!
//! Sealed are `SYMBROLE` | version 1 | the role's name (length, ASCII) | authority id 32 | its keys, 32 bytes each. So a file
//! of another role or authority is never taken for it.

use super::{SetupError, at, write_new};
use crate::{
    Entropy,
    attester::AttesterKeys,
    clearing::ClearingKeys,
    custody::{self, Costs, CustodyError, Unlock},
    issuer::IssuerKeys,
    links::ServiceRole,
};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use symbolon_ccks::{AuthorityId, LinkageAuthority};
use symbolon_pseudonym::{PairwiseKey, SealingKey, SealingSecret};
use zeroize::Zeroizing;

/// The folder of the sealed files.
pub(super) const FOLDER: &str = "roles";
/// The issuer's public key in hex: the attester publishes it without having its secret.
pub(super) const ISSUER_KEY: &str = "issuer.pub";
const MAGIC: &[u8] = b"SYMBROLE\x01";

type Key = Zeroizing<[u8; 32]>;

/// The keys of all roles, as the ceremony draws them.
struct Drawn {
    sealing: Key,
    linkage_a: Key,
    linkage_b: Key,
    clearing: Key,
    trace: Key,
}

/// Draws the keys of all roles and gives each role its own, and whom it shares them with theirs.
pub(super) fn establish(
    folder: &Path,
    authority: &AuthorityId,
    unlock: &Unlock,
    costs: Costs,
    entropy: &dyn Entropy,
) -> Result<(), SetupError> {
    let draw = || {
        let mut key = Key::default();
        entropy.fill(key.as_mut_slice());
        key
    };
    let drawn = Drawn { sealing: draw(), linkage_a: draw(), linkage_b: draw(), clearing: draw(), trace: draw() };
    let sealed = folder.join(FOLDER);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&sealed).map_err(at(&sealed))?;
    for role in ServiceRole::ALL {
        let keys = drawn.of(role);
        if !keys.is_empty() {
            custody::seal(&file(folder, role), &content(role, authority, &keys), unlock, costs, entropy)?;
        }
    }
    let public = hex::encode(SealingSecret::from_bytes(&drawn.sealing).public().as_bytes()) + "\n";
    write_new(&folder.join(ISSUER_KEY), public.as_bytes())
}

impl Drawn {
    /// What a role holds, in the order in which it is read. The exchange has the authority's secret alone.
    fn of(&self, role: ServiceRole) -> Vec<&Key> {
        match role {
            ServiceRole::Attester => vec![&self.clearing],
            ServiceRole::Issuer => vec![&self.sealing, &self.linkage_a, &self.linkage_b, &self.trace],
            ServiceRole::LinkageA => vec![&self.linkage_a],
            ServiceRole::LinkageB => vec![&self.linkage_b],
            ServiceRole::Clearing => vec![&self.clearing, &self.trace],
            ServiceRole::Exchange => vec![],
        }
    }
}

/// Opens the sealed files of one data folder.
pub(super) struct RoleFiles<'a> {
    pub(super) folder: &'a Path,
    pub(super) authority: &'a AuthorityId,
    pub(super) unlock: &'a Unlock,
}

impl RoleFiles<'_> {
    pub(super) fn attester(&self) -> Result<AttesterKeys, SetupError> {
        let [clearing] = self.open(ServiceRole::Attester)?;
        Ok(AttesterKeys { clearing: PairwiseKey::from_bytes(*clearing) })
    }

    pub(super) fn issuer(&self) -> Result<IssuerKeys, SetupError> {
        let [sealing, linkage_a, linkage_b, trace] = self.open(ServiceRole::Issuer)?;
        let sealing = SealingSecret::from_bytes(&sealing);
        if *sealing.public() != self.issuer_key()? {
            return Err(self.foreign(&self.folder.join(ISSUER_KEY)));
        }
        let linkage = [linkage_a, linkage_b].map(|key| PairwiseKey::from_bytes(*key));
        Ok(IssuerKeys { sealing, linkage, trace })
    }

    pub(super) fn linkage(&self, authority: LinkageAuthority) -> Result<PairwiseKey, SetupError> {
        let [key] = self.open(ServiceRole::of_linkage(authority))?;
        Ok(PairwiseKey::from_bytes(*key))
    }

    pub(super) fn clearing(&self) -> Result<ClearingKeys, SetupError> {
        let [attester, trace] = self.open(ServiceRole::Clearing)?;
        Ok(ClearingKeys { attester: PairwiseKey::from_bytes(*attester), trace })
    }

    /// What wallets seal to.
    pub(super) fn issuer_key(&self) -> Result<SealingKey, SetupError> {
        let path = self.folder.join(ISSUER_KEY);
        let text = fs::read_to_string(&path).map_err(missing(&path))?;
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim_end(), &mut key).map_err(|_| self.foreign(&path))?;
        Ok(SealingKey::from_bytes(key))
    }

    fn open<const N: usize>(&self, role: ServiceRole) -> Result<[Key; N], SetupError> {
        let path = file(self.folder, role);
        let opened = custody::open(&path, self.unlock).map_err(|error| match error {
            CustodyError::File { path, source } => missing(&path)(source),
            other => SetupError::RoleKeys { path: path.clone(), problem: other },
        })?;
        let keys = opened.strip_prefix(content(role, self.authority, &[]).as_slice());
        let keys = keys.filter(|keys| keys.len() == N * 32).ok_or_else(|| self.foreign(&path))?;
        let mut read = std::array::from_fn(|_| Key::default());
        for (key, bytes) in read.iter_mut().zip(keys.chunks_exact(32)) {
            key.copy_from_slice(bytes);
        }
        Ok(read)
    }

    fn foreign(&self, path: &Path) -> SetupError {
        SetupError::Foreign(path.to_owned())
    }
}

fn file(folder: &Path, role: ServiceRole) -> PathBuf {
    folder.join(FOLDER).join(format!("{role}.sealed"))
}

fn content(role: ServiceRole, authority: &AuthorityId, keys: &[&Key]) -> Zeroizing<Vec<u8>> {
    let name = role.as_str();
    let mut content = Zeroizing::new(Vec::with_capacity(MAGIC.len() + 1 + name.len() + 32 + keys.len() * 32));
    content.extend_from_slice(MAGIC);
    // No role has a name of more than 9 letters.
    content.push(name.len() as u8);
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(authority.as_bytes());
    keys.iter().for_each(|key| content.extend_from_slice(key.as_slice()));
    content
}

fn missing(path: &Path) -> impl FnOnce(io::Error) -> SetupError {
    let path = path.to_owned();
    move |problem| match problem.kind() {
        io::ErrorKind::NotFound => SetupError::RoleMissing(path),
        _ => SetupError::File { path, problem },
    }
}

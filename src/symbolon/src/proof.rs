//! Misuse proofs as files: what `ledger misuse` writes and `verify-proof` reads.

use crate::files;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use symbolon::with_suite;
use symbolon_api::v1::MisuseProof;
use symbolon_ccks::{Authority, AuthorityId, CompressedPoint, Credential, Suite};
use symbolon_tap::misuse::{self, Archive, Convicts, HolderRequest, Item, Proves};

/// A proof and what the authority archived of the credential's issue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofFile {
    /// Its name at the service.
    #[serde(default)]
    pub(crate) name: String,
    /// The items, in hex.
    pub(crate) proof: String,
    /// The archive, where there is one.
    #[serde(default)]
    pub(crate) archive: Option<ArchiveFile>,
}

/// What ties a credential to whoever asked for it; all in hex.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveFile {
    pub(crate) enrolment_point: String,
    pub(crate) contribution: String,
    pub(crate) holder_request: String,
    pub(crate) holder_signature: String,
    pub(crate) holder_key: String,
}

impl From<&MisuseProof> for ProofFile {
    fn from(proof: &MisuseProof) -> Self {
        Self {
            name: proof.name.clone(),
            proof: hex::encode(&proof.proof),
            archive: proof.archive.as_ref().map(|archive| ArchiveFile {
                enrolment_point: hex::encode(&archive.enrolment_point),
                contribution: hex::encode(&archive.contribution),
                holder_request: hex::encode(&archive.holder_request),
                holder_signature: hex::encode(&archive.holder_signature),
                holder_key: hex::encode(&archive.holder_key),
            }),
        }
    }
}

impl ProofFile {
    /// Reads a proof: JSON as written here, or the items alone, raw or in hex.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path)?;
        if bytes.trim_ascii_start().starts_with(b"{") {
            return serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not a proof that `ledger misuse` wrote", path.display()));
        }
        Ok(Self { proof: hex::encode(files::text_or_raw(bytes)), ..Self::default() })
    }
}

/// What checking a proof found.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) authority_id: AuthorityId,
    pub(crate) proves: Proves,
    pub(crate) convicts: Convicts,
    pub(crate) credential: Option<Credential>,
    pub(crate) items: Vec<Item>,
    /// Whether the archive's record is the issue of this credential; `None` without a record.
    pub(crate) archive_binds: Option<bool>,
    /// What the archive lacks to convict a person, in words.
    pub(crate) missing: &'static str,
}

/// Checks a proof with the authority parameters alone.
pub(crate) fn check(proof: &ProofFile, parameters: &[u8]) -> Result<Checked> {
    let items = hex::decode(&proof.proof).ok().context("the proof is not hex")?;
    let items =
        Item::parse_all(&items).context("these bytes are no misuse proof; `symbolon explain` says what they are")?;
    let suite = crate::state::suite_of_parameters(parameters)?;
    with_suite!(suite, S => check_items(&Authority::<S>::parse(parameters)?, parameters, items, proof.archive.as_ref()))
}

fn check_items<S: Suite>(
    authority: &Authority<'_, S>,
    parameters: &[u8],
    items: &[Item],
    archive: Option<&ArchiveFile>,
) -> Result<Checked> {
    let finding = misuse::check(authority, items);
    let credential = finding.credential().copied();
    let archive = archive.map(Archived::read).transpose()?;
    let request = match (&archive, &credential) {
        (Some(archive), Some(credential)) => archive.request(authority, credential),
        _ => HolderRequest::Missing,
    };
    let archived = archive.as_ref().map(|archive| Archive {
        holder_point: &archive.point,
        contribution: &archive.contribution,
        request,
    });
    let binds = archived
        .as_ref()
        .zip(credential.as_ref())
        .map(|(archive, credential)| authority.archive_binds(credential, archive.holder_point, archive.contribution));
    Ok(Checked {
        authority_id: AuthorityId::from_bytes(Sha256::digest(parameters).into()),
        proves: finding.proves(),
        convicts: misuse::convicts(authority, &finding, archived.as_ref()),
        credential,
        items: items.to_vec(),
        archive_binds: binds,
        missing: missing(binds, request),
    })
}

fn missing(archive_binds: Option<bool>, request: HolderRequest) -> &'static str {
    match (archive_binds, request) {
        (None, _) => "there is no archived record of the issue",
        (Some(false), _) => "the archived record is of another issue",
        (Some(true), HolderRequest::Missing) => {
            "nothing shows that the holder's registered key asked for the credential"
        }
        (Some(true), HolderRequest::Verified) => "nothing",
    }
}

/// An archive's bytes.
struct Archived {
    point: CompressedPoint,
    contribution: [u8; 32],
}

impl Archived {
    fn read(file: &ArchiveFile) -> Result<Self> {
        let point = hex::decode(&file.enrolment_point).ok().context("the archive's enrolment_point is not hex")?;
        let contribution = hex::decode(&file.contribution).ok();
        Ok(Self {
            point: *CompressedPoint::parse(&point)?,
            contribution: contribution
                .and_then(|bytes| bytes.try_into().ok())
                .context("the archive's contribution has not 32 bytes")?,
        })
    }

    /// Whether the holder asked for this issue.
    fn request<S: Suite>(&self, _authority: &Authority<'_, S>, _credential: &Credential) -> HolderRequest {
        HolderRequest::Missing
    }
}

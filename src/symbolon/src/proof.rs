//! Misuse proofs as files: what `ledger misuse` writes and `verify-proof` reads.

use crate::files;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use symbolon::with_suite;
use symbolon_api::v1::MisuseProof;
use symbolon_ccks::{Authority, AuthorityId, CompressedPoint, Credential, Offer, Suite};
use symbolon_service::holder_key::{self, holder_request};
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
    request: Vec<u8>,
    signature: Vec<u8>,
    key: Vec<u8>,
}

impl Archived {
    fn read(file: &ArchiveFile) -> Result<Self> {
        let bytes = |name: &str, digits: &str| {
            hex::decode(digits).ok().with_context(|| format!("the archive's {name} is not hex"))
        };
        let contribution = bytes("contribution", &file.contribution)?;
        Ok(Self {
            point: *CompressedPoint::parse(&bytes("enrolment_point", &file.enrolment_point)?)?,
            contribution: contribution.try_into().ok().context("the archive's contribution has not 32 bytes")?,
            request: bytes("holder_request", &file.holder_request)?,
            signature: bytes("holder_signature", &file.holder_signature)?,
            key: bytes("holder_key", &file.holder_key)?,
        })
    }

    /// Whether the holder's registered key asked for the issue of this credential over this U.
    ///
    /// A renewal is signed by the former credential instead; whose that was is not in this file, so it counts as
    /// missing.
    fn request<S: Suite>(&self, authority: &Authority<'_, S>, credential: &Credential) -> HolderRequest {
        match self.signed_request(authority, credential) {
            Some(()) => HolderRequest::Verified,
            None => HolderRequest::Missing,
        }
    }

    fn signed_request<S: Suite>(&self, authority: &Authority<'_, S>, credential: &Credential) -> Option<()> {
        let key = self.key.as_slice().try_into().ok()?;
        let signature = self.signature.as_slice().try_into().ok()?;
        let (rest, _) = self.request.split_last_chunk::<{ CompressedPoint::SIZE }>()?;
        let (_, offer) = rest.split_last_chunk::<{ Offer::SIZE }>()?;
        let offer = Offer::parse(offer).ok()?;
        let expected = holder_request(authority.id(), offer, &self.point);
        let is_this_issue = offer.identity() == credential.identity() && expected == self.request;
        is_this_issue.then_some(())?;
        holder_key::verify(key, &self.request, signature).ok()
    }
}

#[cfg(test)]
mod tests;

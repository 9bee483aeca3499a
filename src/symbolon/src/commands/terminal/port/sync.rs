//! Brings a terminal and the service together: uploads one way; acknowledgements, trust bundles and time the other.
//!
//! Nothing is believed in between: the terminal verifies what it is brought, and the service what it is sent. So
//! breaking off anywhere is safe, and running it again goes on.

use super::{ServicePort, check_authority};
use crate::{
    connect::{Trust, refused},
    enrolment,
    output::Output,
    settlement::{self, Outcomes},
    source,
    state::suite_of_parameters,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::Path;
use symbolon::with_suite;
use symbolon_api::v1::{
    GetTrustBundleRequest, GetTrustBundleResponse, TrustBundleForm, authority_service_client::AuthorityServiceClient,
};
use symbolon_ccks::{Authority, Signature, Suite};
use symbolon_tap::Acknowledgement;
use symbolon_tap::apdu::port::{MAX_PARTS, PendingUpload, Piece, UPLOAD_BLOCK};
use symbolon_tap::apdu::{PortCommand, Status};
use tonic::transport::Channel;

/// In which form the terminal gets its trust bundle.
#[derive(Clone, Copy)]
pub(crate) enum Form<'p> {
    /// In one piece.
    Full,
    /// In these parts, all that a terminal may hold if none is named.
    Compact(&'p [u16]),
}

pub(super) async fn run(port: &mut ServicePort, trust: &Path, form: Form<'_>, output: &Output) -> Result<()> {
    let trust = Trust::read(trust)?;
    let id = trust.authority_id()?;
    let before = port.status()?;
    check_authority(&before, &id)?;
    let channel = trust.connect()?;
    let parameters = enrolment::fetch_parameters(channel.clone(), &trust).await?;
    if let Err(why) = port.set_time(source::now()?) {
        output.remark(&format!("{why:#}"));
    }
    let (uploads, outcomes) = with_suite!(suite_of_parameters(&parameters)?, S => {
        settle(port, &Authority::<S>::parse(&parameters)?, channel.clone()).await?
    });
    // Of two authorities the status shows the older one's bundle; the terminal knows what it has.
    let held = if before.authority_prefix == id.prefix() { before.bundle_sequence } else { 0 };
    let sequence = bring_bundle(port, channel, form, held).await?;
    let bundle = match sequence {
        Some(sequence) => format!("brought, its sequence {sequence}"),
        None => "the one it has is the newest".to_owned(),
    };
    let text = format!(
        "uploads    {uploads}\nsettled    {}\nduplicate  {}\nmisuse     {}\nrefused    {}\nbundle     {bundle}",
        outcomes.settled,
        outcomes.duplicates,
        outcomes.misuse,
        outcomes.refused_count(),
    );
    output.answer(
        &text,
        &json!({
            "uploads": uploads,
            "settled": outcomes.settled,
            "duplicates": outcomes.duplicates,
            "misuse": outcomes.misuse,
            "refused": outcomes.refused,
            "bundle": sequence,
        }),
    )?;
    Ok(())
}

/// Uploads everything that the terminal has, and brings it the acknowledgements: how many uploads, and what came of them.
pub(crate) async fn settle<S: Suite>(
    port: &mut ServicePort,
    authority: &Authority<'_, S>,
    channel: Channel,
) -> Result<(u32, Outcomes)> {
    let mut outcomes = Outcomes::default();
    let mut uploads = 0_u32;
    while let Some(upload) = fetch_upload(port)? {
        for answer in settlement::send(channel.clone(), vec![upload.clone()]).await? {
            settlement::acknowledgement(authority, &upload, &answer)?;
            acknowledge(port, &answer.acknowledgement)?;
            outcomes.add(&answer);
            uploads += 1;
        }
    }
    Ok((uploads, outcomes))
}

/// The upload that waits for its acknowledgement, or else the next one; `None` when nothing is left to upload.
fn fetch_upload(port: &mut ServicePort) -> Result<Option<Vec<u8>>> {
    let pending = match port.command(&PortCommand::WhichUpload)? {
        Ok(pending) => pending,
        Err(Status::NotFound) => return Ok(None),
        Err(status) => return Err(anyhow!("asking for an upload: the terminal answers: {status}")),
    };
    let pending = PendingUpload::parse(&pending)?;
    let length = usize::try_from(pending.length())?;
    let mut upload = Vec::new();
    for number in 0_u16.. {
        if upload.len() >= length {
            break;
        }
        let block = port.demand("reading the upload", &PortCommand::ReadUpload(number))?;
        let expected = UPLOAD_BLOCK.min(length - upload.len());
        ensure!(block.len() == expected, "a block of the upload has {} bytes instead of {expected}", block.len());
        upload.extend_from_slice(&block);
    }
    ensure!(
        upload.len() == length && Sha256::digest(&upload).as_slice() == pending.digest(),
        "the upload did not arrive as the terminal has it; run the command again"
    );
    Ok(Some(upload))
}

fn acknowledge(port: &mut ServicePort, bytes: &[u8]) -> Result<()> {
    let (acknowledgement, signature) =
        bytes.split_first_chunk::<{ Acknowledgement::SIZE }>().context("the acknowledgement is too short")?;
    let signature: &[u8; Signature::SIZE] = signature.try_into().context("the acknowledgement's signature")?;
    let command = PortCommand::Acknowledge { acknowledgement, signature };
    port.demand("bringing the acknowledgement", &command).map(drop)
}

/// Brings the newest trust bundle, if the terminal has an older one; its sequence.
pub(crate) async fn bring_bundle(
    port: &mut ServicePort,
    channel: Channel,
    form: Form<'_>,
    held: u64,
) -> Result<Option<u64>> {
    let mut service = AuthorityServiceClient::new(channel);
    let (wire_form, mut named) = match form {
        Form::Full => (TrustBundleForm::Full, Vec::new()),
        Form::Compact(parts) => (TrustBundleForm::Compact, parts.to_vec()),
    };
    // In their order, as a terminal takes them.
    named.sort_unstable();
    named.dedup();
    let first = named.first().copied().unwrap_or_default();
    let newest = fetch_part(&mut service, wire_form, first, 0).await?;
    if held >= newest.sequence {
        return Ok(None);
    }
    let all: Vec<u16> = (0..u16::try_from(newest.part_count)?.min(MAX_PARTS.into())).collect();
    let parts = if named.is_empty() { all } else { named };
    let mut bundle = newest.bundle;
    for part in parts.iter().skip(1) {
        bundle.extend(fetch_part(&mut service, wire_form, *part, newest.sequence).await?.bundle);
    }
    let what = "bringing the trust bundle";
    let parts = u8::try_from(parts.len()).ok().filter(|parts| *parts <= MAX_PARTS);
    let parts = parts.with_context(|| format!("a terminal holds at most {MAX_PARTS} parts"))?;
    port.demand(what, &PortCommand::BeginBundle { parts })?;
    for (number, bytes) in bundle.chunks(Piece::MAX).enumerate() {
        let piece = Piece::new(u32::try_from(number * Piece::MAX)?, bytes).context("as long as a piece may be")?;
        match port.command(&PortCommand::WriteBundle(piece))? {
            Ok(_) => {}
            Err(Status::NoRoom) => bail!(
                "the terminal has no room for {} bytes of a trust bundle; --parts names fewer parts of it",
                bundle.len()
            ),
            Err(status) => bail!("{what}: the terminal answers: {status}"),
        }
    }
    port.demand(what, &PortCommand::FinishBundle)?;
    Ok(Some(newest.sequence))
}

async fn fetch_part(
    service: &mut AuthorityServiceClient<Channel>,
    form: TrustBundleForm,
    part: u16,
    sequence: u64,
) -> Result<GetTrustBundleResponse> {
    let request = GetTrustBundleRequest { form: form.into(), part: part.into(), sequence };
    Ok(service.get_trust_bundle(request).await.map_err(refused("fetching the trust bundle"))?.into_inner())
}

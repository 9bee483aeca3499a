//! Whoever maintains a terminal, at its service port.

use super::rig::{PATIENCE, Rig};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::time::Duration;
use symbolon_ccks::Suite;
use symbolon_emulator::line::Line;
use symbolon_tap::apdu::port::{PendingUpload, Piece, TerminalStatus, TerminalStatusFields};
use symbolon_tap::apdu::{PortCommand, Response, Status};
use symbolon_tap::{Acknowledgement, AcknowledgementFields, Record, Successor, Upload};

use crate::vectors::city::{fixed_bytes, time};

/// A line to a service port.
#[derive(Debug)]
pub struct Service {
    line: Line,
}

impl Service {
    /// Speaks on this line.
    pub fn new(line: Line) -> Self {
        Self { line }
    }

    /// The line.
    pub fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    /// Passes over what has been answered and nobody waits for.
    pub fn settle(&mut self) -> Result<()> {
        while self.line.receive(Duration::from_millis(500))?.is_some() {}
        Ok(())
    }

    /// Sends a command and gives the data of the answer; `None` when nothing came.
    pub fn ask(&mut self, command: &PortCommand<'_>, patience: Duration) -> Result<Option<(Status, Vec<u8>)>> {
        self.line.send(command.encode().as_slice())?;
        let Some(answer) = self.line.receive(patience)? else { return Ok(None) };
        let answer = Response::parse(&answer).map_err(|_| anyhow!("the port's answer is no response"))?;
        Ok(Some((answer.status(), answer.data().to_vec())))
    }

    /// Sends a command that must succeed.
    pub fn order(&mut self, command: &PortCommand<'_>) -> Result<Vec<u8>> {
        match self.ask(command, PATIENCE)? {
            Some((Status::Success, data)) => Ok(data),
            Some((status, _)) => bail!("the port answers {command:?} with {status:?}"),
            None => bail!("the port does not answer {command:?}"),
        }
    }

    /// The terminal's status.
    pub fn status(&mut self) -> Result<TerminalStatusFields> {
        Ok(TerminalStatus::parse(&self.order(&PortCommand::Status)?)?.fields())
    }

    /// Brings a bundle of one part.
    pub fn bring_bundle(&mut self, bundle: &[u8]) -> Result<()> {
        self.order(&PortCommand::BeginBundle { parts: 1 })?;
        for (piece, offset) in bundle.chunks(Piece::MAX).zip((0..).step_by(Piece::MAX)) {
            let piece = Piece::new(offset, piece).context("a piece is too long")?;
            self.order(&PortCommand::WriteBundle(piece))?;
        }
        self.order(&PortCommand::FinishBundle)?;
        Ok(())
    }

    /// Loads the authority that follows, with the statement that names it.
    pub fn bring_successor(&mut self, successor: &Successor, prepared: &[u8]) -> Result<()> {
        self.order(&PortCommand::BeginAuthority { successor: successor.as_bytes() })?;
        for (piece, offset) in prepared.chunks(Piece::MAX).zip((0..).step_by(Piece::MAX)) {
            let piece = Piece::new(offset, piece).context("a piece is too long")?;
            self.order(&PortCommand::WriteAuthority(piece))?;
        }
        self.order(&PortCommand::FinishAuthority)?;
        Ok(())
    }

    /// The upload that the terminal cuts from its journal, checked; `None` when there is nothing to upload.
    pub fn fetch_upload<S: Suite>(&mut self, rig: &Rig<S>) -> Result<Option<Vec<u8>>> {
        let pending = match self.ask(&PortCommand::WhichUpload, PATIENCE)? {
            Some((Status::Success, data)) => *PendingUpload::parse(&data)?,
            Some((Status::NotFound, _)) => return Ok(None),
            other => bail!("the port answers the question for an upload with {other:?}"),
        };
        let mut bytes = Vec::new();
        for block in 0.. {
            if bytes.len() >= pending.length() as usize {
                break;
            }
            bytes.extend(self.order(&PortCommand::ReadUpload(block))?);
        }
        let upload = Upload::parse(&bytes)?;
        ensure!(upload.digest() == *pending.digest(), "the upload is not the one that was announced");
        upload.verify(&rig.city.authority).map_err(|_| anyhow!("the upload's signature does not verify"))?;
        Ok(Some(bytes))
    }

    /// Acknowledges an upload whole.
    pub fn acknowledge<S: Suite>(&mut self, rig: &Rig<S>, upload: &[u8]) -> Result<()> {
        let (acknowledgement, signature) = acknowledgement(rig, upload)?;
        self.order(&PortCommand::Acknowledge {
            acknowledgement: acknowledgement.as_bytes(),
            signature: signature.as_bytes(),
        })?;
        Ok(())
    }
}

/// The authority's word that every record of an upload is settled.
pub fn acknowledgement<S: Suite>(rig: &Rig<S>, upload: &[u8]) -> Result<(Acknowledgement, symbolon_ccks::Signature)> {
    let upload = Upload::parse(upload)?;
    let acknowledgement = Acknowledgement::new(AcknowledgementFields {
        upload_digest: upload.digest(),
        settled: u16::try_from(upload.records().len())?,
        duplicate: 0,
        refused: 0,
        time: time(super::rig::START),
    });
    let signature = acknowledgement
        .sign(&rig.authority_key(), &fixed_bytes("acknowledgement"))
        .map_err(|refused| anyhow!("the acknowledgement cannot be signed: {refused}"))?;
    Ok((acknowledgement, signature))
}

/// The records of an upload.
pub fn records(upload: &[u8]) -> Result<Vec<Record>> {
    let upload = Upload::parse(upload)?;
    upload.records().iter().map(|bytes| Ok(*Record::parse(bytes.as_bytes())?)).collect()
}

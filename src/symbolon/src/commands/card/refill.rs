//! `symbolon card refill`.

use crate::{
    cli::Refill,
    connect::refused,
    output::Output,
    refilling::{self, Progress},
    source,
    state::card::{CardFolder, FilePurse},
};
use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use serde_json::json;
use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};
use symbolon_api::v1::{GetTrustBundleRequest, SignedRequest, authority_service_client::AuthorityServiceClient};
use symbolon_ccks::{Authority, Period, SigningKey, Suite};
use symbolon_pseudonym::Issuance;
use symbolon_tap::Bundle;
use symbolon_wallet::{BadAnswer, ItemAnswer, PendingRequest, PurseSettings, RefillRefused, Wallet};
use tonic::transport::Channel;

pub(super) async fn run<S: Suite>(folder: &CardFolder, arguments: &Refill, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let session = Session {
        folder,
        arguments,
        authority: &authority,
        key: &key,
        channel: folder.holder().trust()?.connect()?,
        deadline: Instant::now() + Duration::from_secs(arguments.wait),
    };
    session.learn().await?;
    session.tidy()?;
    let mut came = Came::default();
    session.finish_begun(&mut came).await?;
    session.ask(&mut came).await?;
    session.answer(&came, output)
}

/// Runs `card refill` in a process of its own, for whose end nobody waits. What it does not manage, the next tap's does.
pub(super) fn in_background(card: &Path) {
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Command::new(program);
    command.args(["card", "refill"]).arg(card).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C is meant for the tap.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let _ = command.spawn();
}

/// What came of this refill.
#[derive(Default)]
struct Came {
    good: usize,
    bad: Vec<BadAnswer>,
    /// Where what is wrong with bad answers is written.
    evidence: Vec<std::path::PathBuf>,
}

/// What became of one request.
enum End {
    Answered,
    /// The account does not reach for so many.
    LacksFunds(Error),
}

/// A conversation with the service. The purse is open for moments only, so that no tap has to wait for the network.
struct Session<'s, S: Suite> {
    folder: &'s CardFolder,
    arguments: &'s Refill,
    authority: &'s Authority<'s, S>,
    key: &'s SigningKey<S>,
    channel: Channel,
    deadline: Instant,
}

impl<S: Suite> Session<'_, S> {
    fn purse(&self) -> Result<FilePurse<'_, S>> {
        self.folder.purse(self.authority, self.key)
    }

    /// Learns from the trust bundle how pseudonyms are issued, and begins the purse when there is none.
    async fn learn(&self) -> Result<()> {
        let answer = AuthorityServiceClient::new(self.channel.clone())
            .get_trust_bundle(GetTrustBundleRequest::default())
            .await
            .map_err(refused("fetching the trust bundle"))?
            .into_inner();
        let mut wallet: Wallet<'_, S, _> = self.folder.wallet(self.authority, self.key)?;
        wallet.take_bundle(&answer.bundle).map_err(|refused| anyhow!("the service's trust bundle: {refused}"))?;
        drop(wallet);
        let issuance = Bundle::parse(&answer.bundle)?.issuance();
        let issuance =
            issuance.context("this authority issues no pseudonyms: its trust bundle says nothing of them")?;
        let issuance = Issuance::parse(issuance)?;
        let credential = self.folder.holder().credential()?;
        ensure!(issuance.profile_for(credential.identity()).is_some(), RefillRefused::NoProfile);
        if !self.folder.has_purse() {
            self.folder.begin_purse(self.authority, self.key)?;
        }
        self.folder.keep_bundle(&answer.bundle)?;
        self.purse()?.take_issuance(&issuance)?.map_err(|changed| {
            anyhow!(
                "{changed}. Nothing was asked for. Compare the digest with what the city publishes elsewhere; if it is the \
                 same: symbolon card accept-issuer-key {} {}",
                self.arguments.card.display(),
                hex::encode(changed.offered)
            )
        })
    }

    /// Takes the settings, erases what is used up, and forgets requests for periods that are over.
    fn tidy(&self) -> Result<()> {
        let now = source::now()?;
        let mut purse = self.purse()?;
        let known = purse.settings();
        let policy = self.arguments.policy.unwrap_or(known.policy);
        let fallback = self.arguments.when_empty.map_or(known.fallback, Into::into);
        purse.set(PurseSettings { policy, fallback, ..known })?;
        purse.erase_used(now)?;
        let boundary = purse.issuance().map(Issuance::boundary).unwrap_or_default();
        let over = |pending: &&PendingRequest| pending.period().end(boundary) <= now;
        let over: Vec<_> = purse.pending().iter().filter(over).map(|pending| *pending.id()).collect();
        over.iter().try_for_each(|id| purse.forget_request(id))?;
        Ok(())
    }

    /// Sends again what was asked for and not answered, the same bytes.
    async fn finish_begun(&self, came: &mut Came) -> Result<()> {
        let begun: Vec<_> = {
            let purse = self.purse()?;
            let to_wire = |pending: &PendingRequest| (*pending.id(), refilling::to_wire(pending));
            purse.pending().iter().map(to_wire).collect()
        };
        for (id, request) in begun {
            if let End::LacksFunds(error) = self.complete(&id, request, came).await? {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Asks for as many as the holder said, or as are wanted.
    async fn ask(&self, came: &mut Came) -> Result<()> {
        let Some((period, mut count)) = self.wanted()? else { return Ok(()) };
        loop {
            let mut random = source::random()?;
            let challenge = refilling::challenge(self.channel.clone(), self.key, source::now()?, &mut random).await?;
            let (id, request) = {
                let mut purse = self.purse()?;
                let begun = purse.prepare_request(period, count, challenge, source::now()?, &mut random)?;
                (*begun.id(), refilling::to_wire(begun))
            };
            match self.complete(&id, request, came).await? {
                End::Answered => return Ok(()),
                // Fewer are better than none, where the holder did not say how many.
                End::LacksFunds(_) if self.arguments.count.is_none() && count > 1 => count = (count * 2 / 3).max(1),
                // What was asked for before has come, and that is what the account reaches for.
                End::LacksFunds(_) if self.arguments.count.is_none() && came.good > 0 => return Ok(()),
                End::LacksFunds(error) => return Err(error),
            }
        }
    }

    fn wanted(&self) -> Result<Option<(Period, u16)>> {
        let now = source::now()?;
        let purse = self.purse()?;
        let boundary = purse.issuance().map(Issuance::boundary).unwrap_or_default();
        let present = Period::at(now, boundary).context("the system's clock is set before the first period")?;
        let period = if self.arguments.next_period { present.next() } else { present };
        Ok(match (self.arguments.count, self.arguments.next_period) {
            (Some(count), _) => Some((period, count)),
            (None, true) => Some((period, purse.settings().per_refill)),
            (None, false) => purse.wants_refill(now),
        })
    }

    /// Sends a request until it is answered, and takes the answers.
    async fn complete(&self, id: &[u8; 16], request: SignedRequest, came: &mut Came) -> Result<End> {
        loop {
            match refilling::send(self.channel.clone(), request.clone()).await {
                Ok(Progress::Ready(answers)) => {
                    self.take(id, &request, &answers, came)?;
                    return Ok(End::Answered);
                }
                Ok(Progress::Waiting(pause)) => {
                    let left = self.deadline.saturating_duration_since(Instant::now());
                    if pause > left {
                        bail!(
                            "the service is still mixing this request with those of other cards; run the same command again \
                             in {} seconds: nothing is lost, and nothing is asked for twice",
                            pause.as_secs()
                        );
                    }
                    tokio::time::sleep(pause).await;
                }
                Err(unanswered) => {
                    if unanswered.is_final {
                        self.purse()?.forget_request(id)?;
                    }
                    if unanswered.lacks_funds {
                        return Ok(End::LacksFunds(unanswered.error));
                    }
                    return Err(unanswered.error);
                }
            }
        }
    }

    fn take(&self, id: &[u8; 16], request: &SignedRequest, answers: &[ItemAnswer], came: &mut Came) -> Result<()> {
        let taken = match self.purse()?.take_answers(id, answers, &mut source::random()?) {
            // Another command was faster.
            Err(RefillRefused::UnknownRequest) => return Ok(()),
            taken => taken?,
        };
        came.good += taken.good;
        if !taken.bad.is_empty() {
            let evidence = evidence(request, answers, &taken.bad).to_string();
            came.evidence.push(self.folder.keep_evidence(&hex::encode(id), evidence.as_bytes())?);
            came.bad.extend(taken.bad);
        }
        Ok(())
    }

    fn answer(&self, came: &Came, output: &Output) -> Result<ExitCode> {
        let now = source::now()?;
        let purse = self.purse()?;
        let (left, policy) = (purse.left(now), purse.settings().policy);
        let mut text = match (came.good, came.bad.len()) {
            (0, 0) => format!("Nothing to do: {left} unused pseudonyms are left for now."),
            (good, _) => format!("{good} pseudonyms came; {left} are left for now, used by the policy {policy}."),
        };
        for bad in &came.bad {
            text.push_str(&format!("\nNo pseudonym {} ({}): {}", bad.place, bad.reason.as_str(), bad.reason));
        }
        for path in &came.evidence {
            text.push_str(&format!("\nWhat was asked and answered is in {}: show it to an auditor.", path.display()));
        }
        let bad = came.bad.iter().map(|bad| json!({ "place": bad.place, "reason": bad.reason.as_str() }));
        output.answer(
            &text,
            &json!({
                "came": came.good,
                "left": left,
                "policy": policy.as_str(),
                "bad": bad.collect::<Vec<_>>(),
                "evidence": came.evidence,
            }),
        )?;
        Ok(if came.bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What the card signed, what the service answered, and what is wrong with it.
fn evidence(request: &SignedRequest, answers: &[ItemAnswer], bad: &[BadAnswer]) -> serde_json::Value {
    let answer = |bad: &BadAnswer| match answers.get(bad.place) {
        Some(ItemAnswer::Sealed(sealed)) => Some(hex::encode(sealed.as_bytes())),
        _ => None,
    };
    let bad = bad.iter().map(|bad| {
        json!({
            "place": bad.place,
            "commitment": hex::encode(bad.commitment.as_bytes()),
            "reason": bad.reason.as_str(),
            "explained": bad.reason.to_string(),
            "credential": bad.credential.map(|credential| hex::encode(credential.as_bytes())),
            "answer": answer(bad),
        })
    });
    json!({
        "request": {
            "method": symbolon_pseudonym::RequestBody::METHOD,
            "credential": hex::encode(&request.credential),
            "time": request.time_seconds,
            "request_id": hex::encode(&request.request_id),
            "body": hex::encode(&request.body),
            "signature": hex::encode(&request.signature),
        },
        "bad": bad.collect::<Vec<_>>(),
    })
}

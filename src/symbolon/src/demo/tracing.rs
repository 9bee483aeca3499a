//! A case: two officers of two roles open one pseudonym to its card, and its owner can see that they did.

use super::{
    city::{CLEARING_OFFICER, REGISTRAR_OFFICER, RunningCity, stream},
    enrolment::EnrolledCard,
    story::Story,
};
use crate::{connect::refused, refilling::signed_request};
use anyhow::{Context, Result, bail, ensure};
use symbolon_api::v1::{
    ApproveTraceRequest, GetPrivacyRequest, OpenTraceRequest, OpenTraceResponse,
    pseudonym_service_client::PseudonymServiceClient, trace_service_client::TraceServiceClient,
};
use symbolon_ccks::{Subject, Suite, Time};
use symbolon_service::links::ServiceRole;
use tonic::{Status, transport::Channel};

const CASE: &str = "2027-0042";
const PRIVACY_METHOD: &str = "/symbolon.v1.PseudonymService/GetPrivacy";
/// The random stream of the owner's wallet.
const OWNER_STREAM: u64 = (1 << 44) + 2;

/// Plays the scene: the pseudonym `subject` has to turn out to be of `card`.
pub(super) async fn play<S: Suite>(
    city: &RunningCity<'_>,
    subject: Subject,
    card: &EnrolledCard<S>,
    now: Time,
    seed: u64,
    story: &Story<'_>,
) -> Result<()> {
    let (registrar, clearing) = (city.officer_of_the_attester()?, city.officer_of_clearing()?);
    story.say(&format!(
        "A purse was lost at a gate, and a court orders (case {CASE}) that the pseudonym {:.16}.. be opened. No role of \
         the service can do that alone, and no officer:",
        subject.to_string()
    ));
    approve(registrar.clone(), subject).await?;
    match open(registrar.clone(), subject).await {
        Ok(_) => bail!("one officer alone opened a pseudonym"),
        Err(status) => {
            story.shown(
                "The attester's officer approves the case, and tries to open it.",
                &format!("refused. {}", status.message()),
            );
        }
    }
    approve(clearing, subject).await?;
    let opened = open(registrar, subject).await.map_err(refused("opening the case"))?;
    ensure!(opened.card == card.name, "the case opened another card than the one that tapped");
    story.shown(
        "Clearing's officer approves the same case too, and the attester's opens it.",
        &format!("opened: {:.22}.. With it comes the request that the card itself signed.", opened.card),
    );
    let seen_by_owner = cases_seen_by_owner(city, card, now, seed).await?;
    ensure!(seen_by_owner == [CASE], "the owner of the card is not shown the case");
    story.shown(
        "The card's owner asks what was done with the card.",
        &format!("case {CASE}: approved by {REGISTRAR_OFFICER} and {CLEARING_OFFICER}, one pseudonym opened."),
    );
    Ok(())
}

async fn approve(officer: Channel, subject: Subject) -> Result<()> {
    let request = ApproveTraceRequest { case_number: CASE.to_owned(), subject: subject.as_bytes().to_vec() };
    let answer = TraceServiceClient::new(officer).approve_trace(request).await;
    answer.map(drop).map_err(refused("approving the case"))
}

async fn open(officer: Channel, subject: Subject) -> Result<OpenTraceResponse, Status> {
    let request = OpenTraceRequest { case_number: CASE.to_owned(), subject: subject.as_bytes().to_vec() };
    Ok(TraceServiceClient::new(officer).open_trace(request).await?.into_inner())
}

async fn cases_seen_by_owner<S: Suite>(
    city: &RunningCity<'_>,
    card: &EnrolledCard<S>,
    now: Time,
    seed: u64,
) -> Result<Vec<String>> {
    let mut random = stream(seed, OWNER_STREAM);
    let signed = signed_request(&card.key, PRIVACY_METHOD, Vec::new(), now, &mut random)
        .context("the owner's wallet cannot ask")?;
    let request = GetPrivacyRequest { signed_request: Some(signed) };
    let answer = PseudonymServiceClient::new(city.public(ServiceRole::Attester)?).get_privacy(request).await;
    let privacy = answer.map_err(refused("asking what was done with the card"))?.into_inner();
    Ok(privacy.opened.into_iter().map(|opened| opened.case_number).collect())
}

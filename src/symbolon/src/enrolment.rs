//! Coming by a key: an activation code is traded for a credential.

use crate::connect::{Trust, refused};
use anyhow::{Context, Result, bail, ensure};
use rand_core::CryptoRng;
use symbolon_api::v1::{
    BeginEnrolmentRequest, CompleteEnrolmentRequest, GetParametersRequest,
    authority_service_client::AuthorityServiceClient, enrolment_service_client::EnrolmentServiceClient,
};
use symbolon_ccks::{Authority, AuthorityId, Credential, EnrolmentKey, Offer, PossessionMessage, SigningKey, Suite};
use tonic::transport::Channel;

/// An enrolment that has an offer and a U, but no credential yet. Whoever loses u has to be given another code.
pub(crate) struct Started<S: Suite> {
    offer: Offer,
    key: EnrolmentKey<S>,
}

impl<S: Suite> Started<S> {
    /// Takes an enrolment up again.
    pub(crate) fn new(offer: Offer, key: EnrolmentKey<S>) -> Self {
        Self { offer, key }
    }

    pub(crate) fn offer(&self) -> &Offer {
        &self.offer
    }

    pub(crate) fn key(&self) -> &EnrolmentKey<S> {
        &self.key
    }
}

/// Fetches the authority's parameters and checks them against the trust anchor.
pub(crate) async fn fetch_parameters(channel: Channel, trust: &Trust) -> Result<Vec<u8>> {
    let answer = AuthorityServiceClient::new(channel)
        .get_parameters(GetParametersRequest {})
        .await
        .map_err(refused("fetching the authority's parameters"))?;
    let parameters = answer.into_inner().parameters;
    crate::state::check_parameters(&parameters, trust)?;
    Ok(parameters)
}

/// Trades an activation code for an offer, and draws u.
pub(crate) async fn begin<S: Suite>(
    channel: Channel,
    authority_id: &AuthorityId,
    code: &str,
    random: &mut impl CryptoRng,
) -> Result<Started<S>> {
    let request = BeginEnrolmentRequest { activation_code: code.to_owned() };
    let answer = EnrolmentServiceClient::new(channel)
        .begin_enrolment(request)
        .await
        .map_err(refused("trading the activation code"))?
        .into_inner();
    ensure!(
        answer.authority_id == authority_id.as_bytes(),
        "the service speaks for another authority than {authority_id}: do not use it"
    );
    if answer.holder_signature_required {
        bail!(
            "the issuer registered a holder's key for this card, which has to sign its enrolment; \
             use the wallet that holds that key"
        );
    }
    let offer = *Offer::parse(&answer.offer).context("the service's offer cannot be read")?;
    Ok(Started::new(offer, EnrolmentKey::generate(random)))
}

/// Trades U for the credential. Asking again with the same U gets the same answer.
pub(crate) async fn complete<S: Suite>(
    channel: Channel,
    authority: &Authority<'_, S>,
    started: &Started<S>,
    random: &mut impl CryptoRng,
) -> Result<SigningKey<S>> {
    let mut hedge = [0; 32];
    random.fill_bytes(&mut hedge);
    let message = PossessionMessage::Offer(&started.offer);
    let possession = started.key.prove_possession(authority.id(), message, &hedge)?;
    let request = CompleteEnrolmentRequest {
        offer_nonce: started.offer.nonce().to_vec(),
        enrolment_point: started.key.point().as_bytes().to_vec(),
        possession: possession.as_bytes().to_vec(),
        holder_signature: Vec::new(),
    };
    let answer = EnrolmentServiceClient::new(channel)
        .complete_enrolment(request)
        .await
        .map_err(refused("asking for the credential"))?
        .into_inner();
    let credential = Credential::parse(&answer.credential).context("the service's credential cannot be read")?;
    let contribution = answer.contribution.try_into().ok().context("the service's contribution has not 32 bytes")?;
    let contribution = zeroize::Zeroizing::new(contribution);
    let offered = started.offer.identity();
    Ok(started.key.complete(authority, offered, credential, &contribution)?)
}

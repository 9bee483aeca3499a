//! What the other roles know of who takes part in an upload, asked once before it is settled.

use std::collections::HashMap;

use symbolon_ccks::{Class, CredentialDigest, Name, Suite, Time};
use symbolon_pseudonym::ClearingTag;
use symbolon_store::Store;

use super::{Exchange, Prepared};
use crate::{ServiceError, links::KnownCredential};

/// A card that took part under its own number.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownCard {
    /// Who issued it.
    pub(super) issuer: Name,
    /// Who pays.
    pub(super) tag: ClearingTag,
    /// Since when it is revoked.
    pub(super) revoked_since: Option<Time>,
}

/// The terminal and the holders of an upload.
pub(super) struct Known {
    /// Whose terminal it is.
    pub(super) operator: Name,
    /// Since when it is retired.
    pub(super) retired: Option<Time>,
    /// Cards under their own numbers; one that is not here was never issued.
    pub(super) cards: HashMap<CredentialDigest, KnownCard>,
    /// Pseudonyms of cards that are revoked, and since when everyone can tell.
    pub(super) recognised: HashMap<CredentialDigest, Time>,
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Asks the attester for the terminal and the cards; of pseudonyms it is told nothing, only asked for what it has
    /// published.
    ///
    /// # Errors
    /// [`ServiceError::NeverIssued`] for a terminal that was never enrolled; [`ServiceError::RoleUnavailable`] when the
    /// attester does not answer.
    pub(super) async fn ask_who(&self, prepared: &Prepared) -> Result<Known, ServiceError> {
        let mut digests = vec![prepared.upload.terminal_digest];
        digests.extend(holders(prepared, Class::Card).map(|(digest, _)| digest));
        digests[1..].sort_unstable_by_key(|digest| *digest.as_bytes());
        digests.dedup();
        let answers = self.registry.credentials(digests.clone()).await?;
        if answers.len() != digests.len() {
            return Err(ServiceError::Internal("the attester did not answer for every credential"));
        }
        let mut answers = digests.into_iter().zip(answers);
        let Some((_, Some(KnownCredential::Terminal { operator, retired }))) = answers.next() else {
            return Err(ServiceError::NeverIssued);
        };
        let card = |(digest, known)| match known {
            Some(KnownCredential::Card { issuer, tag, revoked_since }) => {
                Some((digest, KnownCard { issuer, tag, revoked_since }))
            }
            // A terminal pays nothing, and what was never issued is found out when it is settled.
            Some(KnownCredential::Terminal { .. }) | None => None,
        };
        let cards = answers.filter_map(card).collect();
        Ok(Known { operator, retired, cards, recognised: self.recognise(prepared).await? })
    }

    /// The pseudonyms of revoked cards in an upload.
    async fn recognise(&self, prepared: &Prepared) -> Result<HashMap<CredentialDigest, Time>, ServiceError> {
        let pseudonyms = holders(prepared, Class::Pseudonym).collect::<HashMap<_, _>>();
        if pseudonyms.is_empty() {
            return Ok(HashMap::new());
        }
        let published = self.registry.published_seeds().await?;
        let revoked = self.revoked.clone();
        let recognise = move || {
            let recognised = pseudonyms
                .into_iter()
                .filter_map(|(digest, identity)| Some((digest, revoked.since(&published, &identity)?)));
            recognised.collect()
        };
        // Deriving what thousands of revoked cards may show would hold up every other task of this thread.
        tokio::task::spawn_blocking(recognise)
            .await
            .map_err(|_| ServiceError::Internal("recognising pseudonyms was given up"))
    }
}

/// The holders of a class who did sign, with what they claim to be.
fn holders(
    prepared: &Prepared,
    class: Class,
) -> impl Iterator<Item = (CredentialDigest, symbolon_ccks::Identity)> + '_ {
    prepared.signed().filter_map(move |signed| {
        let identity = signed.holder().identity();
        (identity.class() == class).then_some((signed.digest, *identity))
    })
}

//! Two authorities side by side: the present one and the successor that it named.

use rand_core::CryptoRng;
use symbolon_ccks::{AuthorityId, Suite};
use symbolon_tap::Successor;

use super::Terminal;
use crate::domain::Live;
use crate::{Clock, Domain, DomainRefused, DropRefused, Storage};

impl<'a, S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'a, S, C, R, T> {
    /// Takes the successor of the present authority beside it, as its statement says; after a restart too. It is held
    /// unused until a bundle of its own is installed ([`Self::install`]) and the statement's `next_from` has come; the
    /// present one is used until the statement's `this_until`.
    ///
    /// # Errors
    /// [`DomainRefused`]; nothing has changed.
    pub fn add_domain(&mut self, domain: Domain<'a, S>, successor: &Successor) -> Result<(), DomainRefused> {
        let id = domain.authority.id();
        if self.authorities().any(|live| live == id) {
            return Err(DomainRefused::AlreadyLive);
        }
        if self.second.is_some() {
            return Err(DomainRefused::OtherSuccessor);
        }
        if successor.authority() != self.first.id()
            || successor.next_authority() != id
            || successor.next_suite() != S::ID
        {
            return Err(DomainRefused::NotNamed);
        }
        if id.prefix() == self.first.id().prefix() {
            return Err(DomainRefused::SamePrefix);
        }
        if domain.credential.identity().subject() != self.first.credential.identity().subject() {
            return Err(DomainRefused::OtherTerminal);
        }
        successor.verify(self.first.authority).map_err(|_| DomainRefused::BadSignature)?;
        self.first.until = Some(successor.this_until());
        self.second = Some(Live::new(domain, Some(successor.next_from())));
        Ok(())
    }

    /// Drops an authority: the present one, once its successor is in use and nothing in the journal waits that was taken
    /// under it; or a successor. What was asked is void.
    ///
    /// # Errors
    /// [`DropRefused`]; nothing has changed.
    pub fn drop_domain(&mut self, authority: &AuthorityId) -> Result<(), DropRefused> {
        let now = self.latest_time();
        if self.second.as_ref().is_some_and(|second| second.id() == authority) {
            self.second = None;
            self.first.until = None;
        } else if self.first.id() == authority {
            let successor = self.second.take_if(|second| second.is_in_use(now));
            let successor = successor.ok_or(DropRefused::NothingInItsPlace)?;
            self.first = Live { from: None, ..successor };
        } else {
            return Err(DropRefused::NotLive);
        }
        self.open = None;
        Ok(())
    }
}

//! Trust bundles: taking them, and what they say of prices.

use rand_core::CryptoRng;
use symbolon_ccks::{AuthorityId, Sector, Source, Suite};
use symbolon_tap::{BundleHeader, BundleView, SeedTable};

use super::{PREPARED_AHEAD_SECONDS, Terminal};
use crate::domain::Live;
use crate::recognition::slots_for;
use crate::trust::Trust;
use crate::{BundleRefused, Clock, Reason, Storage};

impl<'a, S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'a, S, C, R, T> {
    /// Takes a trust bundle, whole or the parts of one that this terminal holds: from now on its revocations and rules
    /// count, for the authority that it is of.
    ///
    /// A bundle with more seeds of revoked cards than there are slots for ([`Self::with_subject_slots`]) is taken
    /// too, since refusing it would hold back every other revocation; until slots suffice, pseudonyms are judged as not
    /// known, and [`Self::recognises_pseudonyms`] says so.
    ///
    /// # Errors
    /// [`BundleRefused`]; what was installed before stays.
    pub fn install(&mut self, parts: &[Source<'a>]) -> Result<(), BundleRefused> {
        let latest = self.latest_time().saturating_add(self.policy.clock_jump_seconds);
        let (first, others) = parts.split_first().ok_or(BundleRefused::Parts)?;
        let first = BundleView::open(*first)?;
        let id = *first.header().authority();
        let domain = self.domains().find(|domain| *domain.id() == id).ok_or(BundleRefused::OtherAuthority)?;
        let mut trust = Trust::of(*first.header());
        trust.take(domain.authority, &first, others, self.sectors(domain))?;
        trust.check_progress(self.devices.storage.bundle_mark(&id), latest)?;
        // The floor first: should the power fail in between, the bundle is taken again.
        let storage = &mut self.devices.storage;
        storage.raise_clock_floor(trust.issued_at()).map_err(BundleRefused::Storage)?;
        storage.keep_bundle_mark(&id, trust.mark()).map_err(BundleRefused::Storage)?;
        if let Some(domain) = self.domains_mut().find(|domain| *domain.id() == id) {
            domain.take(trust);
        }
        self.prepare();
        Ok(())
    }

    /// Derives what the present period needs to recognise the pseudonyms of revoked cards, and the next one's when it
    /// begins within [`PREPARED_AHEAD_SECONDS`], unless that was done before. Called now and then while nobody taps,
    /// it spares the first tap of a period the work; a tap does what is left to do itself.
    pub fn prepare(&mut self) {
        let now = self.latest_time();
        for domain in self.domains_mut() {
            if let Some(Ok(Some(seeds))) = domain.trust.as_ref().map(Trust::seeds) {
                // What cannot be read now is tried again at a tap, which says so.
                let _ = domain.recognition.prepare(&seeds, now, now.saturating_add(PREPARED_AHEAD_SECONDS));
            }
        }
    }

    /// How many slots the installed bundle needs to recognise the pseudonyms of revoked cards; 0 without a bundle, or
    /// when it has no seeds. Of two authorities the larger number.
    pub fn subject_slots_needed(&self) -> usize {
        self.seed_tables().map(|(_, seeds)| slots_for(&seeds)).max().unwrap_or_default()
    }

    /// Whether the slots suffice for that. When they do not, every pseudonym is judged as not known.
    pub fn recognises_pseudonyms(&self) -> bool {
        self.seed_tables().all(|(domain, seeds)| domain.recognition.reaches(&seeds))
    }

    fn seed_tables(&self) -> impl Iterator<Item = (&Live<'a, S>, SeedTable<'a>)> {
        self.domains().filter_map(|domain| Some((domain, domain.trust.as_ref()?.seeds().ok().flatten()?)))
    }

    /// The header of the bundle that is installed for an authority: of its first part that is held.
    pub fn bundle(&self, authority: &AuthorityId) -> Option<&BundleHeader> {
        let domain = self.domains().find(|domain| domain.id() == authority)?;
        domain.trust.as_ref().map(Trust::header)
    }

    /// How many parts of that bundle are held, at most [`MAX_PARTS`](crate::MAX_PARTS).
    pub fn parts_held(&self, authority: &AuthorityId) -> usize {
        let domain = self.domains().find(|domain| domain.id() == authority);
        domain.and_then(|domain| domain.trust.as_ref()).map_or(0, Trust::parts_held)
    }

    /// What the card that answered with `select` pays where the full fare is `full` minor units: by the tariff table of
    /// its authority's bundle for the concession group that it declared; the full fare where that says nothing.
    ///
    /// # Errors
    /// A [`Reason`] when the select response is none that this terminal would ask, or the table cannot be read.
    pub fn price(&self, select: &[u8], sector: Sector, full: u32) -> Result<u32, Reason> {
        let (tariff, domain) = self.selected(select)?;
        let Some(trust) = &domain.trust else { return Ok(full) };
        trust.price(tariff, sector, full).map_err(|_| Reason::OutOfOrder)
    }

    /// What a journey of this terminal's operator costs in full, minor units of the terminal's currency, by the fare
    /// table of the card's authority; `None` when the operator publishes no such fare.
    ///
    /// # Errors
    /// As [`Self::price`].
    pub fn fare(&self, select: &[u8], from: &[u8; 16], to: &[u8; 16]) -> Result<Option<u32>, Reason> {
        let (_, domain) = self.selected(select)?;
        let Some(trust) = &domain.trust else { return Ok(None) };
        let own = domain.credential.identity();
        let fare = trust.fare(own.subject().operator_tag(), own.currency(), from, to);
        fare.map_err(|_| Reason::OutOfOrder)
    }

    /// The most that a journey of this terminal's operator costs in full, which is what an entry names; `None` when the
    /// operator publishes none.
    ///
    /// # Errors
    /// As [`Self::price`].
    pub fn entry_hold(&self, select: &[u8]) -> Result<Option<u32>, Reason> {
        let (_, domain) = self.selected(select)?;
        let Some(trust) = &domain.trust else { return Ok(None) };
        let own = domain.credential.identity();
        trust.entry_hold(own.subject().operator_tag(), own.currency()).map_err(|_| Reason::OutOfOrder)
    }

    /// The tariff declared and the authority of a card that answered so.
    fn selected(&self, select: &[u8]) -> Result<(u8, &Live<'a, S>), Reason> {
        let select = self.check_select(select, self.latest_time())?;
        let domain = self.domain(select.authority_prefix()).ok_or(Reason::WrongAuthority)?;
        Ok((select.tariff(), domain))
    }
}

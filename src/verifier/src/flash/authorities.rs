//! Authorities: a successor's parameters are loaded into the other slot, held, used from its first valid bundle on, and
//! then the old ones are dropped.

use core::ops::ControlFlow;

use symbolon_ccks::{Authority, AuthorityId, AuthorityRefused, Source, Suite, SuiteId};
use symbolon_tap::{Successor, SuccessorStatement};
use zerocopy::FromZeros;

use super::loading::{Loading, Target};
use super::shared::Area;
use super::state::{EMPTY, HELD, IN_USE, KeptAuthority, KeptBundle, Succession};
use super::{DeviceFlash, FlashError, FlashStore};

/// An authority whose prepared parameters are in flash.
#[derive(Clone, Copy, Debug)]
pub struct StoredAuthority<'a> {
    id: AuthorityId,
    parameters: Source<'a>,
    is_in_use: bool,
}

impl<'a> StoredAuthority<'a> {
    /// Its id, with which its parameters are opened.
    pub const fn id(&self) -> &AuthorityId {
        &self.id
    }

    /// Its parameters, for [`Authority::open`].
    pub const fn parameters(&self) -> Source<'a> {
        self.parameters
    }

    /// Whether its taps are accepted: it has had a valid bundle.
    pub const fn is_in_use(&self) -> bool {
        self.is_in_use
    }
}

impl<'a, F: DeviceFlash> FlashStore<'a, F> {
    /// The authorities whose parameters are in flash.
    pub fn authorities(&self) -> [Option<StoredAuthority<'a>>; 2] {
        let mut stored = [None, None];
        for ((place, kept), slot) in stored.iter_mut().zip(&self.state.authorities).zip(0_u8..) {
            let parameters = self.authority_area(slot).and_then(|area| area.source(0, kept.length.get()));
            let id = AuthorityId::from_bytes(kept.id);
            *place = parameters.ok().filter(|_| kept.status != EMPTY).map(|parameters| StoredAuthority {
                id,
                parameters,
                is_in_use: kept.status == IN_USE,
            });
        }
        stored
    }

    /// Whether this authority was dropped for its successor, so that one linked into the image is not used again.
    pub fn is_dropped(&self, authority: &AuthorityId) -> bool {
        self.is_dropped_id(authority)
    }

    /// The successor that was named first.
    pub fn successor(&self) -> Option<&Successor> {
        self.state.successor()
    }

    /// Whether another successor was named after it and refused: to be reported to the operator.
    pub fn has_second_successor(&self) -> bool {
        self.state.succession.has_conflict == 1
    }

    /// Begins to load the parameters of a terminal's first authority, whose id its maker gives it. They are in use once
    /// they are verified.
    ///
    /// # Errors
    /// [`FlashError::AlreadyThere`] once the terminal has or had an authority in flash, [`FlashError::Device`].
    pub fn begin_first_authority(&mut self, id: &AuthorityId, suite: SuiteId) -> Result<(), FlashError> {
        self.settle()?;
        let is_new = self.state.authorities.iter().all(|kept| kept.status == EMPTY)
            && self.state.dropped == [0; 32]
            && self.state.successor().is_none();
        if !is_new {
            return Err(FlashError::AlreadyThere);
        }
        self.loading = Some(Loading::new(Target::Authority { slot: 0, id: *id, suite, status: IN_USE }));
        Ok(())
    }

    /// Takes the statement by which `present`, an authority in use, names its successor, and begins to load the
    /// successor's parameters.
    ///
    /// The first statement stays: a second, different one is refused, and remembered to be reported.
    ///
    /// # Errors
    /// [`FlashError::BadSignature`] for what the rotation key of `present` did not sign, [`FlashError::OtherAuthority`] when
    /// `present` is not in use or shares its first 8 bytes with the successor, [`FlashError::OtherSuccessor`],
    /// [`FlashError::TwoLive`], [`FlashError::AlreadyThere`] when the parameters are loaded, [`FlashError::Device`].
    pub fn begin_authority<S: Suite>(
        &mut self,
        present: &Authority<'_, S>,
        successor: &Successor,
    ) -> Result<(), FlashError> {
        self.settle()?;
        let next_id = *successor.next_authority();
        let is_held = |kept: &KeptAuthority| kept.status == HELD && kept.id == *present.id().as_bytes();
        if self.is_dropped_id(present.id()) || self.state.authorities.iter().any(is_held) {
            return Err(FlashError::OtherAuthority);
        }
        successor.verify(present).map_err(|_| FlashError::BadSignature)?;
        if next_id.prefix() == present.id().prefix() || self.is_dropped_id(&next_id) {
            return Err(FlashError::OtherAuthority);
        }
        self.name_successor(successor)?;
        let slot = self.slot_beside(present.id(), &next_id)?;
        let target = Target::Authority { slot, id: next_id, suite: successor.next_suite(), status: HELD };
        self.loading = Some(Loading::new(target));
        Ok(())
    }

    fn name_successor(&mut self, successor: &Successor) -> Result<(), FlashError> {
        let mut next = self.state;
        match self.state.successor() {
            Some(named) if statement(named) == statement(successor) => return Ok(()),
            Some(named) if named.authority() != successor.authority() => return Err(FlashError::TwoLive),
            Some(_) => {
                if next.succession.has_conflict == 0 {
                    next.succession.has_conflict = 1;
                    self.commit(&mut next)?;
                }
                return Err(FlashError::OtherSuccessor);
            }
            None => {}
        }
        next.succession = Succession { is_named: 1, has_conflict: 0, successor: [0; Successor::SIZE] };
        next.succession.successor.iter_mut().zip(successor.as_bytes()).for_each(|(to, from)| *to = *from);
        self.commit(&mut next)
    }

    /// The slot that the present authority does not have.
    fn slot_beside(&self, present: &AuthorityId, next: &AuthorityId) -> Result<u8, FlashError> {
        let [first, second] = &self.state.authorities;
        let has = |kept: &KeptAuthority, id: &AuthorityId| kept.status != EMPTY && kept.id == *id.as_bytes();
        if has(first, next) || has(second, next) {
            return Err(FlashError::AlreadyThere);
        }
        match (first.status, second.status) {
            (EMPTY, _) => Ok(0),
            (_, EMPTY) if has(first, present) => Ok(1),
            _ => Err(FlashError::TwoLive),
        }
    }

    /// Takes the next piece of the prepared parameters; one that was taken may come again.
    ///
    /// # Errors
    /// [`FlashError::NotBegun`], [`FlashError::OutOfOrder`], [`FlashError::TooLarge`]; [`FlashError::Device`], after which
    /// one begins again.
    pub fn write_authority(&mut self, offset: u32, piece: &[u8]) -> Result<(), FlashError> {
        match self.loading.as_ref().map(Loading::target) {
            Some(target @ Target::Authority { .. }) => self.write_piece(target, offset, piece),
            _ => Err(FlashError::NotBegun),
        }
    }

    /// The suite of the authority whose parameters are being loaded.
    pub fn loading_suite(&self) -> Option<SuiteId> {
        match self.loading.as_ref().map(Loading::target) {
            Some(Target::Authority { suite, .. }) => Some(suite),
            _ => None,
        }
    }

    /// Verifies the loaded parameters whole: every point of them, and their digest. From now on they are held, unused
    /// until a bundle of the new authority is.
    ///
    /// # Errors
    /// [`FlashError::NotBegun`], [`FlashError::WrongSuite`], [`FlashError::Parameters`], [`FlashError::Device`].
    pub fn finish_authority<S: Suite>(&mut self) -> Result<AuthorityId, FlashError> {
        let Some(Target::Authority { slot, id, suite, status }) = self.loading.as_ref().map(Loading::target) else {
            return Err(FlashError::NotBegun);
        };
        if suite != S::ID {
            return Err(FlashError::WrongSuite);
        }
        let area = self.authority_area(slot)?;
        let length = self.loading.take().ok_or(FlashError::NotBegun)?.finish(&area)?;
        Authority::<S>::open(area.source(0, length)?, &id).map_err(|refused| match refused {
            AuthorityRefused::Unreadable => FlashError::Device,
            _ => FlashError::Parameters,
        })?;
        let mut next = self.state;
        let place = next.authorities.get_mut(usize::from(slot)).ok_or(FlashError::Device)?;
        *place = KeptAuthority { id: *id.as_bytes(), length: length.into(), status };
        self.commit(&mut next)?;
        Ok(id)
    }

    /// Drops an authority whose successor is in use: its parameters and its bundle. It is not taken up again.
    ///
    /// # Errors
    /// [`FlashError::OtherAuthority`] when it has named no successor, [`FlashError::NotInUse`] before its successor has a
    /// bundle, [`FlashError::Unacknowledged`] while taps of it wait, [`FlashError::Device`].
    pub fn drop_authority(&mut self, authority: &AuthorityId) -> Result<(), FlashError> {
        self.settle()?;
        let named = self.state.successor().filter(|successor| successor.authority() == authority);
        let next_id = *named.ok_or(FlashError::OtherAuthority)?.next_authority();
        let in_use = |kept: &KeptAuthority| kept.status == IN_USE && kept.id == *next_id.as_bytes();
        if !self.state.authorities.iter().any(in_use) {
            return Err(FlashError::NotInUse);
        }
        let prefix = authority.prefix();
        let waiting = self.journal.visit_from(self.journal.oldest(), |_, entry| {
            let is_waiting = entry.prefix() == prefix && Self::is_waiting(&self.state, entry);
            Ok(if is_waiting { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if waiting.is_some() {
            return Err(FlashError::Unacknowledged);
        }
        let mut next = self.state;
        let id = authority.as_bytes();
        next.authorities.iter_mut().filter(|kept| kept.id == *id).for_each(|kept| kept.zero());
        next.bundles.iter_mut().filter(|kept| kept.authority == *id).for_each(|kept: &mut KeptBundle| kept.zero());
        next.succession.zero();
        next.dropped = *id;
        self.commit(&mut next)
    }

    pub(super) fn authority_area(&self, slot: u8) -> Result<Area<'a, F>, FlashError> {
        let region = self.layout.regions().authorities.get(usize::from(slot));
        region.map(|region| Area::new(self.flash, *region)).ok_or(FlashError::Device)
    }
}

/// What the rotation key signed, without the signature: signing once more names nobody else.
fn statement(successor: &Successor) -> &[u8] {
    successor.as_bytes().get(..SuccessorStatement::SIZE).unwrap_or_default()
}

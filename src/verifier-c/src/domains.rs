//! The terminal's authorities, with its keys under them.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

use symbolon_ccks::{Authority, AuthorityId, Credential, SigningKey, Source};
use symbolon_verifier::Domain;

use crate::TerminalSuite;
use crate::checking::array;
use crate::status::*;
use crate::structures::Key;

/// An authority and the terminal's key under it, in place: the terminal borrows both.
pub(crate) struct Slot {
    id: Cell<Option<AuthorityId>>,
    authority: UnsafeCell<MaybeUninit<Authority<'static, TerminalSuite>>>,
    key: UnsafeCell<MaybeUninit<SigningKey<TerminalSuite>>>,
}

/// An authority's prepared parameters, where they are.
pub(crate) struct Parameters<'a> {
    pub(crate) id: AuthorityId,
    pub(crate) source: Source<'static>,
    /// The authority's own institution key, if the caller has it.
    pub(crate) own_key: Option<&'a [u8; 64]>,
}

/// A key of the caller's, read.
pub(crate) struct GivenKey<'a> {
    credential: &'a Credential,
    secret: &'a [u8; 32],
}

impl<'a> GivenKey<'a> {
    /// # Safety
    /// The pointers are NULL, or point at what the fields say.
    pub(crate) unsafe fn read(key: &Key) -> Result<Self, Status> {
        // SAFETY: as this function's own contract says.
        let (credential, secret) = unsafe { (array::<{ Credential::SIZE }>(key.credential)?, array(key.secret)?) };
        let credential = Credential::parse(credential).map_err(|_| SYMBOLON_STATUS_KEY)?;
        Ok(Self { credential, secret })
    }

    /// Whether it is a key under this authority.
    pub(crate) fn is_under(&self, id: &AuthorityId) -> bool {
        self.credential.identity().authority_prefix() == id.prefix()
    }
}

impl Slot {
    pub(crate) const fn new() -> Self {
        Self {
            id: Cell::new(None),
            authority: UnsafeCell::new(MaybeUninit::uninit()),
            key: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Whose it is.
    pub(crate) fn id(&self) -> Option<AuthorityId> {
        self.id.get()
    }

    /// Puts an authority and a key into the slot, and gives them as a domain. What was in it is erased.
    ///
    /// # Safety
    /// The slot stays where it is while the domain is used, and nothing uses what was in it.
    pub(crate) unsafe fn fill(
        &'static self,
        parameters: &Parameters<'_>,
        key: &GivenKey<'_>,
    ) -> Result<Domain<'static, TerminalSuite>, Status> {
        let Parameters { id, source, own_key } = parameters;
        let authority = match own_key {
            Some(own_key) => Authority::open_with_key(*source, id, own_key),
            None => Authority::open(*source, id),
        };
        let authority = authority.map_err(|_| SYMBOLON_STATUS_AUTHORITY)?;
        // SAFETY: nothing uses what was in it.
        unsafe { self.clear() };
        // SAFETY: nobody has a reference into the slot; from here on, there are shared ones alone until it is cleared.
        let authority = unsafe { &*(*self.authority.get()).write(authority) };
        let signing = SigningKey::from_credential(authority, key.credential, key.secret);
        let signing = signing.map_err(|_| SYMBOLON_STATUS_KEY)?;
        // SAFETY: as above.
        let signing = unsafe { &*(*self.key.get()).write(signing) };
        self.id.set(Some(*id));
        Domain::new(authority, signing).map_err(|_| SYMBOLON_STATUS_KEY)
    }

    /// Erases the key.
    ///
    /// # Safety
    /// Nothing uses what is in the slot.
    pub(crate) unsafe fn clear(&self) {
        if self.id.take().is_some() {
            // SAFETY: a slot of somebody has a key, and nothing uses it. Dropping erases it.
            unsafe { (*self.key.get()).assume_init_drop() };
        }
    }
}

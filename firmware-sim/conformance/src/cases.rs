//! The cases, read where they lie.

/// Where the emulator loads them, and the rest of the board's memory behind: as `memory.rs` of the board has the block.
const CASES: *const u8 = 0x21c0_0000 as *const u8;
const MOST_BYTES: usize = 4 << 20;
const MAGIC: &[u8; 8] = b"SYMBCASE";

/// What is left of the cases.
pub(crate) struct Cases {
    rest: &'static [u8],
    count: u32,
    /// The digest of the authority that all cases are under.
    pub(crate) authority_id: [u8; 32],
    /// Its prepared parameters.
    pub(crate) prepared: &'static [u8],
}

/// One case; what its structure does not need is empty.
pub(crate) struct Case {
    pub(crate) structure: u8,
    pub(crate) now: u64,
    pub(crate) credential: &'static [u8],
    pub(crate) secret: &'static [u8],
    pub(crate) select: &'static [u8],
    pub(crate) challenge: &'static [u8],
    pub(crate) presentation: &'static [u8],
    pub(crate) bundle: &'static [u8],
    pub(crate) voucher: &'static [u8],
}

impl Cases {
    pub(crate) fn open() -> Option<Self> {
        // SAFETY: the range is PSRAM that nothing writes to after the start.
        let bytes: &'static [u8] = unsafe { core::slice::from_raw_parts(CASES, MOST_BYTES) };
        let mut cases = Self { rest: bytes.strip_prefix(MAGIC)?, count: 0, authority_id: [0; 32], prepared: &[] };
        cases.authority_id = cases.array()?;
        cases.prepared = cases.field()?;
        cases.count = u32::from_be_bytes(cases.array()?);
        Some(cases)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn next_case(&mut self) -> Option<Case> {
        self.count = self.count.checked_sub(1)?;
        let [structure] = self.array()?;
        Some(Case {
            structure,
            now: u64::from_be_bytes(self.array()?),
            credential: self.field()?,
            secret: self.field()?,
            select: self.field()?,
            challenge: self.field()?,
            presentation: self.field()?,
            bundle: self.field()?,
            voucher: self.field()?,
        })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn field(&mut self) -> Option<&'static [u8]> {
        let length = usize::try_from(u32::from_be_bytes(self.array()?)).ok()?;
        let (field, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(field)
    }
}

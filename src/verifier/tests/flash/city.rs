//! Two authorities, a gate and a card under each, and flash to keep things in.

use std::sync::LazyLock;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use symbolon_ccks::*;
use symbolon_flash_sim::{ERASE_SIZE, SimulatedFlash};
use symbolon_tap::*;
use symbolon_verifier::Entry;
use symbolon_verifier::flash::{FlashStore, Layout, Pages, SharedFlash};

use crate::issuing::issue;

pub(crate) const NOON: u64 = 1_800_000_000;
pub(crate) const WORD: usize = 4;
pub(crate) type Flash = SimulatedFlash<Vec<u8>, WORD>;

pub(crate) fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

pub(crate) struct Town {
    pub(crate) secret: AuthoritySecret<P256>,
    pub(crate) authority: Authority<'static, P256>,
    pub(crate) prepared: Vec<u8>,
    pub(crate) gate: SigningKey<P256>,
    card: SigningKey<P256>,
}

pub(crate) static TOWNS: LazyLock<[Town; 3]> = LazyLock::new(|| [Town::new(1), Town::new(2), Town::new(3)]);

impl Town {
    fn new(number: u8) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(u64::from(number)));
        let parameters = secret.parameters(time(NOON), &Name::parse(format!("town-{number}")).unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        let prepared = prepare_parameters(&parameters).unwrap();
        let key = |class, limit| {
            let fields = IdentityFields {
                suite: P256::ID,
                class,
                sectors: Sectors::ALL,
                authority_prefix: authority.id().prefix(),
                subject: Subject::from_bytes([7; 16]),
                not_before: time(NOON - 1_000),
                not_after: time(NOON + 1_000_000),
                spend_limit: limit,
                budget: limit,
                currency: 156,
                tariff: 0,
            };
            issue(&secret, &authority, fields)
        };
        let (gate, card) = (key(Class::Terminal, 0), key(Class::Card, 500));
        Self { gate, card, secret, authority, prepared }
    }

    pub(crate) fn id(&self) -> &AuthorityId {
        self.authority.id()
    }

    pub(crate) fn own_key(&self) -> SigningKey<P256> {
        self.secret.institution_key(&self.authority, self.authority.name())
    }

    pub(crate) fn tap(&self, counter: u32) -> Entry {
        Entry::new(self.record(counter, Flags::Tap, NOON), None)
    }

    /// A tap, or a code; the signature is made over neither: the store does not verify it again.
    pub(crate) fn record(&self, counter: u32, flags: Flags, seconds: u64) -> Record {
        let fields = TermsFields {
            kind: Kind::Entry,
            sector: Sector::Transport,
            flags,
            nonce: [5; 16],
            time: time(seconds),
            amount: 200,
            currency: 156,
            reference: [6; 16],
        };
        let mut bytes = [0; 159];
        let signature = self.gate.sign(Purpose::Receipt, &[], &[1; 32]).unwrap();
        let credential = self.card.credential().unwrap().as_bytes();
        bytes[0] = 1;
        bytes[1..5].copy_from_slice(&counter.to_be_bytes());
        bytes[5..94].copy_from_slice(credential);
        bytes[94..].copy_from_slice(signature.as_bytes());
        Record::new(Terms::new(fields).unwrap(), *Presentation::parse(&bytes).unwrap())
    }

    pub(crate) fn card(&self) -> CredentialDigest {
        self.card.credential().unwrap().digest()
    }

    pub(crate) fn bundle(&self, sequence: u64, part: u16, parts: u16) -> Vec<u8> {
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence,
            issued_at: time(NOON),
            valid_until: time(NOON + 86_400),
            oldest_not_before: time(0),
            part,
            parts,
        };
        let revoked = [Subject::from_bytes([part as u8; 16])];
        let content = BundleContent { revoked: &revoked, ..BundleContent::default() };
        encode_bundle(&self.own_key(), &fields, &content, &[3; 32]).unwrap()
    }

    pub(crate) fn acknowledgement(&self, upload_digest: [u8; 32], key: &SigningKey<P256>) -> Option<Vec<u8>> {
        let fields = AcknowledgementFields { upload_digest, settled: 1, duplicate: 0, refused: 0, time: time(NOON) };
        let acknowledgement = Acknowledgement::new(fields);
        let signature = acknowledgement.sign(key, &[4; 32]).ok()?;
        Some([acknowledgement.as_bytes().as_slice(), signature.as_bytes()].concat())
    }

    pub(crate) fn names(&self, next: &Self, from: u64) -> Successor {
        let fields = SuccessorFields {
            next_suite: P256::ID,
            next_authority: *next.id(),
            next_from: time(from),
            this_until: time(NOON + 9),
        };
        Successor::sign(&self.secret.rotation_key(&self.authority), fields, &[5; 32]).unwrap()
    }
}

pub(crate) fn layout() -> Layout {
    let pages = Pages { state: 2, journal: 3, bundle: 2, authority: 18 };
    Layout::consecutive(0, ERASE_SIZE as u32, &pages).unwrap()
}

pub(crate) fn flash() -> SharedFlash<Flash> {
    SharedFlash::new(Flash::erased(vec![0; layout().end() as usize]))
}

pub(crate) fn store(flash: &SharedFlash<Flash>) -> FlashStore<'_, Flash> {
    FlashStore::open(flash, layout()).unwrap()
}

/// Nothing was done to the flash that flash does not take.
pub(crate) fn assert_unmisused(flash: &SharedFlash<Flash>) {
    assert_eq!(flash.with(|flash| flash.violation()).unwrap(), None);
}

//! Those who tap, and where they do.

use symbolon_ccks::{CompressedPoint, Credential, P256, Sector, SigningKey};
use symbolon_pseudonym::Commitment;
use symbolon_service::{exchange::RecordOutcome, links::ServiceRole};
use symbolon_store::records::CardRecord;
use symbolon_tap::{Flags, Kind, Presentation, Record, Terms, TermsFields, encode_upload};

use crate::{
    city::{CURRENCY, City, time},
    overheard::as_role,
};

/// A key that answers taps, and how often it has.
pub(crate) struct Tapper {
    pub(crate) key: SigningKey<P256>,
    pub(crate) counter: u32,
}

impl Tapper {
    pub(crate) fn new(key: SigningKey<P256>) -> Self {
        Self { key, counter: 0 }
    }

    pub(crate) fn credential(&self) -> &Credential {
        self.key.credential().unwrap()
    }
}

pub(crate) struct Pseudonym {
    pub(crate) tapper: Tapper,
    pub(crate) commitment: Commitment,
    /// U.
    pub(crate) point: CompressedPoint,
}

impl Pseudonym {
    pub(crate) fn credential(&self) -> &Credential {
        self.tapper.credential()
    }
}

/// A holder with a card and its pseudonyms.
pub(crate) struct Holder {
    pub(crate) tapper: Tapper,
    pub(crate) card: CardRecord,
    /// What the items of a request have in common: its id, the attester's challenge.
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) pseudonyms: Vec<Pseudonym>,
}

impl Holder {
    pub(crate) fn credential(&self) -> &Credential {
        self.tapper.credential()
    }

    pub(crate) fn card(&mut self) -> &mut Tapper {
        &mut self.tapper
    }

    pub(crate) fn pseudonym(&mut self, number: usize) -> &mut Tapper {
        &mut self.pseudonyms[number].tapper
    }
}

/// A terminal, with what it has accepted and not uploaded.
pub(crate) struct Gate {
    pub(crate) tapper: Tapper,
    accepted: Vec<Record>,
    uploads: u32,
}

impl Gate {
    pub(crate) fn new(tapper: Tapper) -> Self {
        Self { tapper, accepted: Vec::new(), uploads: 0 }
    }

    pub(crate) fn credential(&self) -> &Credential {
        self.tapper.credential()
    }

    /// A tap so many seconds after the start.
    pub(crate) fn tap(
        &mut self,
        tapper: &mut Tapper,
        kind: Kind,
        amount: u32,
        after_start: u64,
        place: [u8; 16],
    ) -> Record {
        self.tapper.counter += 1;
        let terms = Terms::new(TermsFields {
            kind,
            sector: if kind == Kind::Credit { Sector::Power } else { Sector::Transport },
            flags: Flags::Tap,
            nonce: u128::from(self.tapper.counter).to_be_bytes(),
            time: time(after_start),
            amount,
            currency: CURRENCY,
            reference: place,
        });
        let terms = terms.unwrap();
        tapper.counter += 1;
        let terminal = self.credential().digest();
        let presentation = Presentation::sign(&tapper.key, &terms, &terminal, tapper.counter, &[3; 32]).unwrap();
        let record = Record::new(terms, presentation);
        self.accepted.push(record);
        record
    }

    /// Uploads what it has accepted.
    pub(crate) async fn upload_all(&mut self, city: &City) -> Vec<RecordOutcome> {
        self.uploads += 1;
        let records = std::mem::take(&mut self.accepted);
        let upload = encode_upload(&self.tapper.key, self.uploads, &records, None, &[4; 32]).unwrap();
        let uploaded = city.roles.exchange.upload(upload.clone());
        let answered = as_role(ServiceRole::Exchange, uploaded).await.unwrap();
        city.traffic.note(&[ServiceRole::Exchange], upload);
        city.traffic.note(&[ServiceRole::Exchange], answered.answer.encode());
        answered.answer.outcomes().to_vec()
    }
}

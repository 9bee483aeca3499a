//! Charges as messages.

use super::super::parsed;
use crate::links::{Move, NamedCharge, NettedCharge, Party, PostingBatch};
use symbolon_api::{
    InvalidField,
    roles::{self as wire, party::Party as WireParty},
};
use symbolon_ccks::Subject;
use symbolon_pseudonym::ClearingTag;
use symbolon_store::records::{EntryKind, RecordPosition};

pub(super) fn batch_to_wire(batch: &PostingBatch) -> wire::PostRequest {
    wire::PostRequest {
        id: batch.id.to_vec(),
        named: batch.named.iter().map(named_to_wire).collect(),
        netted: batch.netted.iter().map(netted_to_wire).collect(),
    }
}

pub(super) fn batch(message: &wire::PostRequest) -> Result<PostingBatch, InvalidField> {
    Ok(PostingBatch {
        id: *symbolon_api::bytes("id", &message.id)?,
        named: message.named.iter().map(named).collect::<Result<_, _>>()?,
        netted: message.netted.iter().map(netted).collect::<Result<_, _>>()?,
    })
}

fn named_to_wire(charge: &NamedCharge) -> wire::NamedCharge {
    let to_wire = |moved: &Move| wire::Move {
        from: Some(party_to_wire(&moved.from)),
        to: Some(party_to_wire(&moved.to)),
        amount: moved.amount,
    };
    wire::NamedCharge {
        kind: kind_to_wire(charge.kind).into(),
        tag: charge.tag.as_bytes().to_vec(),
        currency: charge.currency.into(),
        record: charge.record.map(|record| record.0),
        moves: charge.moves.iter().map(to_wire).collect(),
    }
}

fn named(message: &wire::NamedCharge) -> Result<NamedCharge, InvalidField> {
    let moved = |moved: &wire::Move| {
        Ok(Move {
            from: party("named.moves.from", moved.from.as_ref())?,
            to: party("named.moves.to", moved.to.as_ref())?,
            amount: moved.amount,
        })
    };
    Ok(NamedCharge {
        kind: kind("named.kind", message.kind)?,
        tag: parsed("named.tag", ClearingTag::parse(&message.tag))?,
        currency: symbolon_api::currency("named.currency", message.currency)?,
        record: message.record.map(RecordPosition),
        moves: message.moves.iter().map(moved).collect::<Result<_, _>>()?,
    })
}

/// The exchange charges; it neither tops up nor names a sum of charges, so these have no word.
const fn kind_to_wire(kind: EntryKind) -> wire::ChargeKind {
    match kind {
        EntryKind::Purchase => wire::ChargeKind::Purchase,
        EntryKind::Entry => wire::ChargeKind::Entry,
        EntryKind::Exit => wire::ChargeKind::Exit,
        EntryKind::Refund => wire::ChargeKind::Refund,
        EntryKind::Correction => wire::ChargeKind::Correction,
        EntryKind::TopUp | EntryKind::Charges => wire::ChargeKind::Unspecified,
    }
}

fn kind(field: &'static str, kind: i32) -> Result<EntryKind, InvalidField> {
    let said = wire::ChargeKind::try_from(kind).ok().filter(|kind| *kind != wire::ChargeKind::Unspecified);
    let found = EntryKind::ALL.into_iter().find(|known| Some(kind_to_wire(*known)) == said);
    found.ok_or_else(|| InvalidField::new(field, "not what an exchange charges for"))
}

fn netted_to_wire(charge: &NettedCharge) -> wire::NettedCharge {
    let subject = |(subject, amount): &(Subject, i64)| wire::SubjectGain {
        subject: subject.as_bytes().to_vec(),
        amount: *amount,
    };
    let party = |(party, amount): &(Party, i64)| wire::PartyGain { party: Some(party_to_wire(party)), amount: *amount };
    wire::NettedCharge {
        currency: charge.currency.into(),
        subjects: charge.subjects.iter().map(subject).collect(),
        parties: charge.parties.iter().map(party).collect(),
    }
}

fn netted(message: &wire::NettedCharge) -> Result<NettedCharge, InvalidField> {
    let subject = |gain: &wire::SubjectGain| {
        Ok((Subject::from_bytes(*symbolon_api::bytes("netted.subjects.subject", &gain.subject)?), gain.amount))
    };
    let gaining = |gain: &wire::PartyGain| match party("netted.parties.party", gain.party.as_ref())? {
        Party::Holder => Err(InvalidField::new("netted.parties.party", "the holder gains as a subject")),
        party => Ok((party, gain.amount)),
    };
    Ok(NettedCharge {
        currency: symbolon_api::currency("netted.currency", message.currency)?,
        subjects: message.subjects.iter().map(subject).collect::<Result<_, _>>()?,
        parties: message.parties.iter().map(gaining).collect::<Result<_, _>>()?,
    })
}

fn party_to_wire(party: &Party) -> wire::Party {
    let party = match party {
        Party::Holder => WireParty::Holder(true),
        Party::Operator(name) => WireParty::Operator(name.to_string()),
        Party::Journeys => WireParty::Journeys(true),
    };
    wire::Party { party: Some(party) }
}

fn party(field: &'static str, party: Option<&wire::Party>) -> Result<Party, InvalidField> {
    match party.and_then(|party| party.party.as_ref()) {
        Some(WireParty::Holder(true)) => Ok(Party::Holder),
        Some(WireParty::Operator(name)) => symbolon_api::institution_name(field, name).map(Party::Operator),
        Some(WireParty::Journeys(true)) => Ok(Party::Journeys),
        Some(WireParty::Holder(false) | WireParty::Journeys(false)) | None => {
            Err(InvalidField::new(field, "names no party"))
        }
    }
}

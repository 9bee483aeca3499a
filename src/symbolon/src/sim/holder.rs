//! Who holds a card, or a copy of it: the wallet with its purse, opened anew for whatever is done with it.

use super::{device::Running, draws::Draws, town};
use anyhow::{Result, anyhow};
use std::sync::Arc;
use symbolon_ccks::{SigningKey, Suite, Time};
use symbolon_pseudonym::Issuance;
use symbolon_service::{authority::AuthorityKeys, enrolment::SignedRequest};
use symbolon_store::records::CardRecord;
use symbolon_tap::{Kind, Record, RequestDigest};
use symbolon_verifier::{Request, Verdict};
use symbolon_wallet::{
    Fallback, MemoryCounterStore, MemoryPurseStore, PendingRequest, Purse, PurseChecked, PursePolicy, PurseSettings,
    Wallet,
};

type OpenPurse<'a, S> = Purse<'a, S, &'a mut MemoryCounterStore, &'a mut MemoryPurseStore>;

/// A card.
pub(super) struct Card<S: Suite> {
    /// Of which authority, by its place among them.
    pub(super) town: usize,
    pub(super) record: CardRecord,
    pub(super) key: SigningKey<S>,
    pub(super) is_revoked: bool,
}

/// Who uses a card.
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) card: usize,
    /// Whether it is a copy of another's wallet.
    pub(super) is_copy: bool,
    /// Who has the card of the next authority that came in this one's place.
    pub(super) followed_by: Option<usize>,
    counters: MemoryCounterStore,
    purse: MemoryPurseStore,
    /// How far the wallet's clock is ahead, seconds.
    ahead_seconds: i64,
}

/// What a card is asked for.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// To pay, to enter, to leave.
    Terms(Request),
    /// To carry a voucher to its meter: its bytes, and how much it is for.
    Voucher(Vec<u8>, u32),
}

/// What a card has shown at a terminal: kept, since it comes back with it when the power fails.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) select: Vec<u8>,
    pub(super) challenge: Vec<u8>,
    pub(super) record: Record,
}

/// What a tap is made of beside the request: the card's nonce, randomness for its signature, its clock.
pub(super) struct Making {
    pub(super) nonce: [u8; 8],
    pub(super) hedge: [u8; 32],
    pub(super) now: Time,
}

impl Holder {
    /// The holder of a new card.
    pub(super) fn new<S: Suite>(
        name: &str,
        (number, card): (usize, &Card<S>),
        keys: &AuthorityKeys<S>,
        issuance: &Issuance,
        draws: &mut Draws,
    ) -> Result<Self> {
        let policy = PursePolicy::ALL.get(draws.place(PursePolicy::ALL.len())).copied().unwrap_or_default();
        let settings =
            PurseSettings { policy, fallback: Fallback::CardNumber, per_refill: 3, ..PurseSettings::default() };
        let (mut counters, mut purse) = (MemoryCounterStore::new(), MemoryPurseStore::new());
        let wallet = Wallet::new(keys.authority(), &card.key, &mut counters)?;
        Purse::create(wallet, &mut purse, settings)?.take_issuance(issuance)??;
        let ahead_seconds = draws.below(121) as i64 - 60;
        Ok(Self {
            name: name.to_owned(),
            card: number,
            is_copy: false,
            followed_by: None,
            counters,
            purse,
            ahead_seconds,
        })
    }

    /// Who has copied the card as it is, with all that its wallet keeps.
    pub(super) fn copied(&self) -> Self {
        Self {
            name: format!("{} (copy)", self.name),
            card: self.card,
            is_copy: true,
            followed_by: None,
            counters: self.counters.clone(),
            purse: self.purse.clone(),
            ahead_seconds: self.ahead_seconds,
        }
    }

    /// What the wallet's clock says.
    pub(super) fn clock(&self, seconds: u64) -> Time {
        town::time(seconds.saturating_add_signed(self.ahead_seconds))
    }

    /// Opens the purse and does something with it.
    pub(super) fn open<S: Suite, T>(
        &mut self,
        keys: &AuthorityKeys<S>,
        key: &SigningKey<S>,
        work: impl FnOnce(&mut OpenPurse<'_, S>) -> T,
    ) -> Result<T> {
        let wallet = Wallet::new(keys.authority(), key, &mut self.counters)?;
        Ok(work(&mut Purse::open(wallet, &mut self.purse)?))
    }
}

/// A tap: the card says hello, the terminal asks, the card checks and signs, the terminal decides. What the card showed is
/// in `shown` whatever the end; an error is the reason of whoever refused.
pub(super) fn tap<S: Suite>(
    purse: &mut OpenPurse<'_, S>,
    terminal: &mut Running<'_, S>,
    ask: &Ask,
    making: &Making,
    shown: &mut Option<Shown>,
) -> Result<(), &'static str> {
    let selected = purse.select(making.nonce);
    let select = selected.response().as_bytes().to_vec();
    let asked = match ask {
        Ask::Terms(request) => terminal.challenge(&select, request),
        Ask::Voucher(voucher, _) => terminal.challenge_voucher(&select, voucher),
    };
    let asked = asked.map_err(|refused| refused.reason().name())?;
    let challenge = *asked.challenge();
    let presentation = match selected.check(challenge.as_bytes(), making.now).map_err(|refused| refused.reason())? {
        PurseChecked::Answered(presentation) => presentation,
        PurseChecked::Question(question) => {
            let amount = question.amount();
            let signed = question.confirm(amount).and_then(|confirmed| confirmed.sign(&making.hedge));
            signed.map_err(|refused| refused.reason())?
        }
    };
    let record = Record::new(*challenge.terms(), presentation);
    *shown = Some(Shown { select, challenge: challenge.as_bytes().to_vec(), record });
    match terminal.decide(asked, presentation.as_bytes()) {
        Verdict::Accepted(accepted) => {
            // Signing a receipt changes nothing that is kept.
            terminal.receipt(&accepted).map(drop).map_err(|_| "no_receipt")
        }
        Verdict::Referred(refusal) | Verdict::Declined(refusal) => Err(refusal.reason().name()),
    }
}

/// The power is back and the card, which has no receipt, shows what it showed: whether the terminal has it, or takes it now.
/// A challenge for a voucher is not taken up again, since it would be without the voucher.
pub(super) fn tap_again<S: Suite>(terminal: &mut Running<'_, S>, shown: &Shown) -> Result<(), &'static str> {
    let presentation = shown.record.presentation().as_bytes();
    if terminal.again(presentation).is_ok() {
        return Ok(());
    }
    if shown.record.terms().kind() == Kind::Credit {
        return Err("voucher_not_taken");
    }
    let asked = terminal.resume(&shown.select, &shown.challenge).map_err(|reason| reason.name())?;
    match terminal.decide(asked, presentation) {
        Verdict::Accepted(_) => Ok(()),
        Verdict::Referred(refusal) | Verdict::Declined(refusal) => Err(refusal.reason().name()),
    }
}

/// What a card asks of the service, signed.
pub(super) fn signed<S: Suite>(
    key: &SigningKey<S>,
    method: &str,
    body: Vec<u8>,
    now: Time,
    draws: &mut Draws,
) -> Result<SignedRequest> {
    let request_id = draws.bytes();
    let digest = RequestDigest::of(method, now, &request_id, &body)?;
    let signature = digest.sign(key, &draws.bytes()).map_err(|error| anyhow!("a card does not sign: {error}"))?;
    let credential = *key.credential().ok_or_else(|| anyhow!("a card has no credential"))?;
    Ok(SignedRequest { credential, time: now, request_id, body, signature })
}

/// A request for pseudonyms as it was kept.
pub(super) fn kept(pending: &PendingRequest) -> SignedRequest {
    SignedRequest {
        credential: *pending.credential(),
        time: pending.time(),
        request_id: *pending.id(),
        body: pending.body().to_vec(),
        signature: *pending.signature(),
    }
}

/// Keys that all share.
pub(super) type Keys<S> = Arc<AuthorityKeys<S>>;

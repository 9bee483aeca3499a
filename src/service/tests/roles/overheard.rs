//! Everything that goes between roles, and everything that they log.

use std::{
    fmt::{Debug, Write as _},
    io,
    sync::{Arc, Mutex},
};

use symbolon_ccks::{CredentialDigest, LinkageSeed, Name, Period, Subject};
use symbolon_pseudonym::{AccountHandle, LinkageHandle, SealedValue, SealingKey};
use symbolon_service::{
    ServiceError,
    links::{
        ArchivedPseudonym, Binding, ClearingLink, DeliveredVoucher, ExchangeLink, IssueItem, IssuerLink, ItemOutcome,
        KnownCredential, LinkageHolding, LinkageLink, OpenedSubject, PostingBatch, PublishedSeeds, RegistryLink,
        Reservation, ServiceRole, TraceToken, ValuesRequest, VoucherPayment,
    },
};
use symbolon_store::records::IssuedRecord;
use tonic::async_trait;
use tracing_subscriber::fmt::MakeWriter;

tokio::task_local! {
    /// Whose work is being done: what is logged meanwhile is in that role's log.
    static AT_WORK: ServiceRole;
}

/// Does something as a role.
pub(crate) async fn as_role<T>(role: ServiceRole, work: impl Future<Output = T>) -> T {
    AT_WORK.scope(role, work).await
}

/// Who was there, and what was said; nobody means that it cannot be told who.
type Said = (Vec<ServiceRole>, Vec<u8>);

/// Everything that was overheard.
#[derive(Clone, Default)]
pub(crate) struct Overheard(Arc<Mutex<Vec<Said>>>);

impl Overheard {
    pub(crate) fn note(&self, there: &[ServiceRole], said: Vec<u8>) {
        self.0.lock().unwrap().push((there.to_vec(), said));
    }

    /// What this role has heard or said.
    pub(crate) fn of(&self, role: ServiceRole) -> Vec<Vec<u8>> {
        let all = self.0.lock().unwrap();
        let was_there = |there: &[ServiceRole]| there.is_empty() || there.contains(&role);
        all.iter().filter(|(there, _)| was_there(there)).map(|(_, said)| said.clone()).collect()
    }
}

/// A line of a log, on its way into [`Overheard`].
pub(crate) struct Line {
    log: Overheard,
    of: Vec<ServiceRole>,
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log.note(&self.of, bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Overheard {
    type Writer = Line;

    fn make_writer(&'w self) -> Line {
        let of = AT_WORK.try_with(|role| vec![*role]).unwrap_or_default();
        Line { log: self.clone(), of }
    }
}

/// A message: every part of it as its Debug says it, and what Debug does not say, as bytes.
struct Message(Vec<u8>);

impl Message {
    fn new(what: &impl Debug) -> Self {
        let mut text = String::new();
        write!(text, "{what:?}").unwrap();
        Self(text.into_bytes())
    }

    fn and(mut self, part: &[u8]) -> Self {
        // Something between, so that no two parts together say what neither does.
        self.0.extend_from_slice(b"\n\n");
        self.0.extend_from_slice(part);
        self
    }

    fn and_all<'p>(self, parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        parts.into_iter().fold(self, Self::and)
    }
}

/// A link between two roles that is listened to.
pub(crate) struct Heard<L: ?Sized> {
    pub(crate) from: ServiceRole,
    pub(crate) to: ServiceRole,
    pub(crate) link: Arc<L>,
    pub(crate) traffic: Overheard,
}

impl<L: ?Sized> Heard<L> {
    async fn pass<T: Debug>(
        &self,
        asked: Message,
        answering: impl Future<Output = Result<T, ServiceError>>,
        parts: impl FnOnce(&T, Message) -> Message,
    ) -> Result<T, ServiceError> {
        let there = [self.from, self.to];
        self.traffic.note(&there, asked.0);
        let answer = as_role(self.to, answering).await;
        let message = Message::new(&answer);
        let message = match &answer {
            Ok(answer) => parts(answer, message),
            Err(_) => message,
        };
        self.traffic.note(&there, message.0);
        answer
    }
}

#[async_trait]
impl LinkageLink for Heard<dyn LinkageLink> {
    async fn values(&self, request: ValuesRequest) -> Result<Vec<SealedValue>, ServiceError> {
        let asked = Message::new(&request)
            .and(request.handle.as_bytes())
            .and_all(request.commitments.iter().map(|commitment| commitment.as_bytes().as_slice()));
        let sealed = |values: &Vec<SealedValue>, message: Message| {
            message.and_all(values.iter().map(|value| value.as_bytes().as_slice()))
        };
        self.pass(asked, self.link.values(request), sealed).await
    }

    async fn reveal(&self, handle: LinkageHandle, from: Period) -> Result<Option<(Period, LinkageSeed)>, ServiceError> {
        let asked = Message::new(&(handle, from)).and(handle.as_bytes());
        let seed = |answer: &Option<(Period, LinkageSeed)>, message: Message| match answer {
            Some((_, seed)) => message.and(seed.as_bytes()),
            None => message,
        };
        self.pass(asked, self.link.reveal(handle, from), seed).await
    }

    async fn holding(&self, handle: LinkageHandle) -> Result<Option<LinkageHolding>, ServiceError> {
        let asked = Message::new(&handle).and(handle.as_bytes());
        self.pass(asked, self.link.holding(handle), |_, message| message).await
    }
}

#[async_trait]
impl IssuerLink for Heard<dyn IssuerLink> {
    async fn issue(&self, items: Vec<IssueItem>) -> Result<Vec<ItemOutcome>, ServiceError> {
        let mut asked = Message::new(&items);
        for item in &items {
            asked = asked
                .and(item.challenge.as_bytes())
                .and(item.commitment.as_bytes())
                .and(item.sealed.as_bytes())
                .and_all(item.values.iter().map(|value| value.as_bytes().as_slice()))
                .and(item.tag.as_bytes());
        }
        let answers = |outcomes: &Vec<ItemOutcome>, message: Message| {
            let issued = outcomes.iter().filter_map(|outcome| match outcome {
                ItemOutcome::Issued(answer) => Some(answer.as_bytes().as_slice()),
                ItemOutcome::Refused(_) | ItemOutcome::Pending => None,
            });
            message.and_all(issued)
        };
        self.pass(asked, self.link.issue(items), answers).await
    }

    async fn archived(
        &self,
        subject: Subject,
        case: &str,
        token: TraceToken,
    ) -> Result<Option<ArchivedPseudonym>, ServiceError> {
        let asked = Message::new(&(subject, case, token)).and(subject.as_bytes()).and(&token.0);
        let found = |found: &Option<ArchivedPseudonym>, message: Message| match found {
            Some(found) => message.and(found.credential.as_bytes()).and(found.point.as_bytes()).and(&found.salt),
            None => message,
        };
        self.pass(asked, self.link.archived(subject, case, token), found).await
    }
}

#[async_trait]
impl ClearingLink for Heard<dyn ClearingLink> {
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError> {
        let asked = Message::new(&(account, issuer, currency)).and(account.as_bytes());
        self.pass(asked, self.link.open_account(account, issuer, currency), |(), message| message).await
    }

    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError> {
        let asked = Message::new(&(account, issuer, currency)).and(account.as_bytes());
        self.pass(asked, self.link.account_fits(account, issuer, currency), |_, message| message).await
    }

    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError> {
        let asked = Message::new(&reservation).and(reservation.account.as_bytes());
        self.pass(asked, self.link.reserve(reservation), |(), message| message).await
    }

    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError> {
        let asked = Message::new(&(reservation, count));
        self.pass(asked, self.link.release(reservation, count), |(), message| message).await
    }

    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        let asked = Message::new(&bindings)
            .and_all(bindings.iter().map(|binding| binding.subject.as_bytes().as_slice()))
            .and_all(bindings.iter().map(|binding| binding.tag.as_bytes().as_slice()));
        self.pass(asked, self.link.bind(bindings), |_, message| message).await
    }

    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        let subjects = batch.netted.iter().flat_map(|charge| &charge.subjects);
        let asked = Message::new(&batch)
            .and_all(batch.named.iter().map(|charge| charge.tag.as_bytes().as_slice()))
            .and_all(subjects.map(|(subject, _)| subject.as_bytes().as_slice()));
        self.pass(asked, self.link.post(batch), |(), message| message).await
    }

    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError> {
        let asked = Message::new(&payment).and(payment.account.as_bytes()).and(&payment.sale);
        self.pass(asked, self.link.pay_voucher(payment), |(), message| message).await
    }

    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError> {
        let asked = Message::new(&(case, subject)).and(subject.as_bytes());
        let opened = |opened: &OpenedSubject, message: Message| message.and(opened.account.as_bytes());
        self.pass(asked, self.link.open_subject(case, subject), opened).await
    }

    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError> {
        let asked = Message::new(&(account, holder)).and(account.as_bytes());
        let sealed = |sealed: &Vec<u8>, message: Message| message.and(sealed);
        self.pass(asked, self.link.export(account, holder), sealed).await
    }
}

#[async_trait]
impl RegistryLink for Heard<dyn RegistryLink> {
    async fn credentials(&self, digests: Vec<CredentialDigest>) -> Result<Vec<Option<KnownCredential>>, ServiceError> {
        let asked = Message::new(&digests).and_all(digests.iter().map(|digest| digest.as_bytes().as_slice()));
        self.pass(asked, self.link.credentials(digests), |_, message| message).await
    }

    async fn suspend(&self, misused: CredentialDigest) -> Result<(), ServiceError> {
        let asked = Message::new(&misused).and(misused.as_bytes());
        self.pass(asked, self.link.suspend(misused), |(), message| message).await
    }

    async fn issued_line(&self, digest: CredentialDigest) -> Result<Vec<IssuedRecord>, ServiceError> {
        let asked = Message::new(&digest).and(digest.as_bytes());
        self.pass(asked, self.link.issued_line(digest), |_, message| message).await
    }

    async fn published_seeds(&self) -> Result<Vec<PublishedSeeds>, ServiceError> {
        let seeds = |published: &Vec<PublishedSeeds>, message: Message| {
            let seeds = published.iter().flat_map(|published| &published.seeds);
            message.and_all(seeds.map(|seed| seed.as_bytes().as_slice()))
        };
        self.pass(Message::new(&"published seeds"), self.link.published_seeds(), seeds).await
    }

    async fn delivered(&self, vouchers: Vec<DeliveredVoucher>) -> Result<(), ServiceError> {
        let asked = Message::new(&vouchers)
            .and_all(vouchers.iter().map(|voucher| voucher.reference.as_slice()))
            .and_all(vouchers.iter().map(|voucher| voucher.meter.as_bytes().as_slice()));
        self.pass(asked, self.link.delivered(vouchers), |(), message| message).await
    }
}

#[async_trait]
impl ExchangeLink for Heard<dyn ExchangeLink> {
    async fn register(&self, pseudonyms: Vec<(CredentialDigest, Period)>) -> Result<(), ServiceError> {
        let asked =
            Message::new(&pseudonyms).and_all(pseudonyms.iter().map(|(digest, _)| digest.as_bytes().as_slice()));
        self.pass(asked, self.link.register(pseudonyms), |(), message| message).await
    }
}

//! Terminals: what an operator does with them.

use symbolon_ccks::{Class, Name, Sectors, Subject, Time};
use symbolon_store::{
    Listed, Page, Store, Transaction,
    records::{TerminalRecord, TerminalState},
};

use crate::{
    Context, Request, ServiceError,
    activation::ActivationKey,
    cards::{Created, CreatedAnswer},
    requests,
    validity::{check_currency, validity},
};

/// What an operator says of a terminal to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTerminal {
    /// Its number within the operator; a random one, if not said.
    pub number: Option<u64>,
    /// What is paid for at it.
    pub sectors: Sectors,
    /// ISO 4217 numeric, 1 to 999.
    pub currency: u16,
    /// Valid from then on; from now on, if not said.
    pub not_before: Option<Time>,
    /// No longer valid from then on; as long as the policy says, if not said.
    pub not_after: Option<Time>,
}

/// What operators do with terminals. Each sees and touches only its own.
#[derive(Clone)]
pub struct Terminals<D> {
    context: Context<D>,
    activation_key: ActivationKey,
}

impl<D: Store> Terminals<D> {
    /// The use cases on a store.
    pub fn new(context: Context<D>, activation_key: ActivationKey) -> Self {
        Self { context, activation_key }
    }

    /// Creates a terminal and its activation code.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] when what is said does not go together; [`ServiceError::AlreadyExists`] when the
    /// operator has a terminal of this number; [`ServiceError::RequestIdReused`].
    pub async fn create(
        &self,
        request: Request,
        operator: &Name,
        new: NewTerminal,
    ) -> Result<Created<TerminalRecord>, ServiceError> {
        check_currency(new.currency)?;
        let now = self.context.now();
        let policy = self.context.policy();
        let (not_before, not_after) = validity(new.not_before, new.not_after, now, policy.terminal_validity_seconds)?;
        let number = new.number.map_or_else(|| self.context.random(), u64::to_be_bytes);
        let terminal = TerminalRecord {
            subject: Subject::terminal(operator, number),
            operator: *operator,
            state: TerminalState::Pending,
            sectors: new.sectors,
            currency: new.currency,
            not_before,
            not_after,
            credential: None,
            retired: None,
            created: now,
            updated: now,
        };
        let expires = now.saturating_add(policy.activation_code_lifetime_seconds);
        let (salt, key) = (self.context.random(), self.activation_key.clone());
        let create = move |unit: &mut dyn Transaction| {
            requests::once(unit, &request, now, |unit| {
                if unit.terminal(&terminal.subject)?.is_some() {
                    return Err(ServiceError::AlreadyExists("terminal"));
                }
                unit.add_terminal(&terminal)?;
                let code = key.code(&terminal.subject, &salt);
                unit.add_activation_code(&key.record(&code, terminal.subject, Class::Terminal, expires))?;
                Ok(CreatedAnswer { record: terminal.clone(), salt, expires_seconds: expires.seconds() })
            })
        };
        let answer = self.context.store().write(create).await?;
        let subject = answer.record.subject;
        answer.reveal(&self.activation_key, subject)
    }

    /// Gives a terminal.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is none or it is another operator's.
    pub async fn get(&self, operator: &Name, subject: Subject) -> Result<TerminalRecord, ServiceError> {
        let operator = *operator;
        self.context.store().read(move |unit| owned(unit, &operator, &subject)).await
    }

    /// Lists the operator's terminals, oldest first.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn list(&self, operator: &Name, page: Page) -> Result<Vec<Listed<TerminalRecord>>, ServiceError> {
        let operator = *operator;
        self.context.store().read(move |unit| Ok(unit.terminals(Some(&operator), page)?)).await
    }

    /// Takes a terminal out of use for good: wallets and terminals learn of it with the next bundle. What it took
    /// before can still be uploaded; what claims to have been taken later is refused.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::TerminalRetired`], [`ServiceError::RequestIdReused`].
    pub async fn retire(
        &self,
        request: Request,
        operator: &Name,
        subject: Subject,
    ) -> Result<TerminalRecord, ServiceError> {
        let (operator, now) = (*operator, self.context.now());
        let retire = move |unit: &mut dyn Transaction| {
            requests::once(unit, &request, now, |unit| {
                let terminal = owned(unit, &operator, &subject)?;
                if terminal.state == TerminalState::Retired {
                    return Err(ServiceError::TerminalRetired);
                }
                let terminal =
                    TerminalRecord { state: TerminalState::Retired, retired: Some(now), updated: now, ..terminal };
                unit.update_terminal(&terminal)?;
                unit.revoke(&subject, now)?;
                Ok(terminal)
            })
        };
        self.context.store().write(retire).await
    }
}

/// The terminal of this subject if it is the operator's.
fn owned(unit: &dyn Transaction, operator: &Name, subject: &Subject) -> Result<TerminalRecord, ServiceError> {
    let terminal = unit.terminal(subject)?.filter(|terminal| terminal.operator == *operator);
    terminal.ok_or(ServiceError::NotFound("terminal"))
}

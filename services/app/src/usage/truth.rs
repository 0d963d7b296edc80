//! What a connection or flow says itself is the truth; credentials are made to say the same.

use std::collections::BTreeMap;

use keytrail_domain::{
    CredentialId, StreamId,
    connection::{Connection, ConnectionState},
    credential::CredentialCommand as C,
    flow::Flow,
};

use super::Consumer;
use crate::{App, AppError, Call, claims::Claim};

/// What a consumer says of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The component that it needs.
    pub(crate) component: String,
    /// It runs with it.
    pub(crate) active: bool,
}

impl App {
    /// One change of a consumer at a time on this node: two at once would undo each other's reservations.
    pub(crate) async fn alone_with(&self, consumer: Consumer) -> Result<Claim, AppError> {
        self.0.claims.take(format!("use\0{}", consumer.id())).await
    }

    /// What a consumer uses, and whether it runs; nothing when it is not there.
    pub(crate) async fn said_by(
        &self,
        call: &Call,
        consumer: Consumer,
    ) -> Result<BTreeMap<CredentialId, Said>, AppError> {
        let tenant = call.principal.tenant;
        Ok(match consumer {
            Consumer::Connection(id) => {
                let connection: Connection = self.load(&StreamId::connection(tenant, id)).await?;
                let Some(state) = connection.live() else { return Ok(BTreeMap::new()) };
                let active = state.state == ConnectionState::Connected;
                let said = || Said { component: state.component.clone(), active };
                state.credentials.iter().map(|id| (*id, said())).collect()
            }
            Consumer::Flow(id) => {
                let flow: Flow = self.load(&StreamId::flow(tenant, id)).await?;
                let Some(state) = flow.live() else { return Ok(BTreeMap::new()) };
                let said = |component: &str| Said { component: component.to_owned(), active: state.active };
                let used =
                    state.steps.iter().filter_map(|step| Some((step.credential?, said(&step.component))));
                used.collect()
            }
        })
    }

    /// Lets these credentials say of a consumer what it says itself: also after a change that was refused, when
    /// another one may have gone through meanwhile. What cannot be put right now is by the repair.
    pub(crate) async fn put_right(&self, call: &Call, consumer: Consumer, credentials: &[CredentialId]) {
        let said = match self.said_by(call, consumer).await {
            Ok(said) => said,
            Err(error) => return super::left_over(None, consumer, Err(error)),
        };
        for id in credentials {
            let put = self.put_one_right(call, consumer, *id, said.get(id)).await;
            super::left_over(Some(*id), consumer, put);
        }
    }

    async fn put_one_right(
        &self,
        call: &Call,
        consumer: Consumer,
        id: CredentialId,
        said: Option<&Said>,
    ) -> Result<(), AppError> {
        let usage = consumer.id();
        let Some(Said { component, active }) = said else {
            return self.use_credential(call, id, |_| Ok(C::Detach { usage: usage.clone() })).await;
        };
        let attach = C::Attach { usage: usage.clone(), kind: consumer.kind(), component: component.clone() };
        self.use_credential(call, id, |_| Ok(attach.clone())).await?;
        let active = match active {
            true => C::ActivateUse { usage },
            false => C::DeactivateUse { usage },
        };
        self.use_credential(call, id, |_| Ok(active.clone())).await
    }
}

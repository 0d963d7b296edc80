//! Connections and flows that change hands. What runs goes on: its credentials are reserved for it, whoever owns it.

use keytrail_domain::{
    Owner, RecordedEvent, StreamId, TenantId,
    connection::{Connection, ConnectionCommand},
    flow::{Flow, FlowCommand},
};
use keytrail_ports::views::{
    ConnectionFilter, ConsumerOrder, ConsumerQuery, FlowFilter, InSight, PageRequest,
};

use super::{PAGE, handed, named};
use crate::{
    App, AppError, Call,
    claims::Claim,
    commands::{NAMES, numbered},
    execute::Execution,
    usage::Consumer,
};

impl App {
    pub(super) async fn hand_over_consumer(
        &self,
        call: &Call,
        event: &RecordedEvent,
        (consumer, name): &(Consumer, String),
        (from, to): (Owner, Owner),
    ) -> Result<(), AppError> {
        let tenant = event.stream.tenant_id();
        let _alone = self.alone_with(*consumer).await?;
        let name = self.consumer_name_for((tenant, to), name, *consumer).await;
        let Some((name, _claim)) = named(&consumer.id(), name)? else { return Ok(()) };
        let what = format!("handed-over/{}", consumer.id());
        let execution = |stream| Execution {
            call,
            stream,
            expected_revision: None,
            idempotency: None,
            cause: Some((event.id, &what)),
            fresh: false,
            from: 0,
        };
        let done = match consumer {
            Consumer::Connection(id) => {
                let command = ConnectionCommand::HandOver { from, to, name };
                let execution = execution(StreamId::connection(tenant, *id));
                self.execute::<Connection>(execution, |_| Ok(command.clone())).await.map(drop)
            }
            Consumer::Flow(id) => {
                let command = FlowCommand::HandOver { from, to, name };
                let execution = execution(StreamId::flow(tenant, *id));
                self.execute::<Flow>(execution, |_| Ok(command.clone())).await.map(drop)
            }
        };
        handed(&consumer.id(), done)
    }

    /// A name that the new owner has not yet, and the right to it; none: the old one.
    async fn consumer_name_for(
        &self,
        (tenant, to): (TenantId, Owner),
        name: &str,
        consumer: Consumer,
    ) -> Result<(Option<String>, Claim), AppError> {
        for number in 1..=NAMES {
            let other = (number > 1).then(|| numbered(name, number));
            let wanted = other.as_deref().unwrap_or(name);
            match self.hold_consumer_name(tenant, to, wanted, consumer).await {
                Ok(claim) => return Ok((other, claim)),
                Err(AppError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::conflict("the new owner has too many of this name"))
    }

    /// Connections, also deleted ones, and flows, with their names.
    pub(super) async fn consumers_of(
        &self,
        tenant: TenantId,
        owner: Owner,
    ) -> Result<Vec<(Consumer, String)>, AppError> {
        let mut owned = Vec::new();
        for deleted in [false, true] {
            let mut page = PageRequest::first(PAGE);
            loop {
                let filter = ConnectionFilter { owner: Some(owner), deleted, ..ConnectionFilter::default() };
                let listed = self.ports().views.connections(everything(tenant, filter, page)).await?;
                owned.extend(
                    listed.rows.iter().map(|(_, row)| (Consumer::Connection(row.id), row.name.clone())),
                );
                match listed.rows.last() {
                    Some((key, _)) if listed.has_next => page = PageRequest::first(PAGE).after(key.clone()),
                    _ => break,
                }
            }
        }
        let mut page = PageRequest::first(PAGE);
        loop {
            let filter = FlowFilter { owner: Some(owner), ..FlowFilter::default() };
            let listed = self.ports().views.flows(everything(tenant, filter, page)).await?;
            owned.extend(listed.rows.iter().map(|(_, row)| (Consumer::Flow(row.id), row.name.clone())));
            match listed.rows.last() {
                Some((key, _)) if listed.has_next => page = PageRequest::first(PAGE).after(key.clone()),
                _ => return Ok(owned),
            }
        }
    }
}

fn everything<F>(tenant: TenantId, filter: F, page: PageRequest) -> ConsumerQuery<F> {
    ConsumerQuery { tenant, in_sight: InSight::All, filter, order: ConsumerOrder::default(), page }
}

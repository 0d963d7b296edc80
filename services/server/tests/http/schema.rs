//! A schema with one of each kind of field that the transport has to treat in its own way.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_graphql::{
    Context, Enum, Error, ErrorExtensions, Object, Result, Schema, SimpleObject, Subscription,
};
use futures_util::{Stream, StreamExt, stream};
use keytrail_domain::Principal;
use keytrail_graphql::request::{AfterPosition, Peer, RequestId};
use tokio::sync::Notify;

/// What tests see of, and do to, running resolvers.
#[derive(Default)]
pub(crate) struct Levers {
    pub(crate) bumps: AtomicU64,
    pub(crate) begun: Notify,
    pub(crate) go_on: Notify,
    /// Subscriptions that live.
    pub(crate) alive: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum Level {
    View,
    Use,
}

#[derive(SimpleObject)]
struct Seen {
    tenant: String,
    request_id: String,
    peer: String,
    after: Option<String>,
}

pub(crate) struct Query;

fn principal<'a>(ctx: &Context<'a>) -> Result<&'a Principal> {
    ctx.data::<Principal>()
        .map_err(|_| Error::new("a token is required").extend_with(|_, it| it.set("code", "UNAUTHENTICATED")))
}

#[Object]
impl Query {
    async fn seen(&self, ctx: &Context<'_>) -> Result<Seen> {
        Ok(Seen {
            tenant: principal(ctx)?.tenant.to_string(),
            request_id: ctx.data::<RequestId>()?.to_string(),
            peer: ctx.data::<Peer>()?.0.to_string(),
            after: ctx.data_opt::<AfterPosition>().map(|it| it.position().to_owned()),
        })
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    async fn level(&self, level: Level) -> Level {
        level
    }

    async fn me(&self) -> Query {
        Query
    }

    async fn uncoded(&self) -> Result<Option<i32>> {
        Err(Error::new("password hunter2 refused by 10.0.0.1"))
    }

    async fn refused(&self) -> Result<Option<i32>> {
        Err(Error::new("no").extend_with(|_, it| {
            it.set("code", "REFUSED");
            it.set("reason", "CREDENTIAL_IN_USE");
        }))
    }

    async fn must_be(&self) -> Result<i32> {
        Err(Error::new("no").extend_with(|_, it| it.set("code", "NOT_FOUND")))
    }

    async fn panics(&self) -> i32 {
        "hunter2".parse().expect("hunter2")
    }

    async fn waits(&self, ctx: &Context<'_>) -> Result<bool> {
        let levers = ctx.data::<Arc<Levers>>()?;
        levers.begun.notify_one();
        levers.go_on.notified().await;
        Ok(true)
    }

    async fn never(&self) -> bool {
        std::future::pending().await
    }
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    async fn bump(&self, ctx: &Context<'_>) -> Result<u64> {
        Ok(ctx.data::<Arc<Levers>>()?.bumps.fetch_add(1, Ordering::SeqCst) + 1)
    }

    async fn slow_bump(&self, ctx: &Context<'_>) -> Result<u64> {
        let levers = ctx.data::<Arc<Levers>>()?;
        levers.begun.notify_one();
        levers.go_on.notified().await;
        Ok(levers.bumps.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

struct Alive(Arc<Levers>);

impl Alive {
    fn new(levers: &Arc<Levers>) -> Self {
        levers.alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(levers))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) struct Subscriptions;

#[Subscription]
impl Subscriptions {
    async fn count(&self, to: u32) -> impl Stream<Item = u32> {
        stream::iter(1..=to)
    }

    /// Says 0 and then nothing more.
    async fn forever(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = u32> + use<>> {
        principal(ctx)?;
        let alive = Alive::new(ctx.data::<Arc<Levers>>()?);
        Ok(stream::once(async { 0 }).chain(stream::pending()).map(move |it| {
            let _ = &alive;
            it
        }))
    }

    /// Says 100 kB as often as anyone listens.
    async fn flood(&self) -> impl Stream<Item = String> {
        stream::repeat_with(|| "x".repeat(100_000))
    }

    async fn denied(&self) -> Result<impl Stream<Item = u32> + use<>> {
        Err::<stream::Empty<u32>, _>(Error::new("no").extend_with(|_, it| it.set("code", "FORBIDDEN")))
    }

    async fn stumbles(&self) -> impl Stream<Item = Result<u32>> + use<> {
        stream::iter([Ok(1), Err(Error::new("hunter2")), Ok(3)])
    }
}

pub(crate) type TestSchema = Schema<Query, Mutation, Subscriptions>;

pub(crate) fn schema(levers: &Arc<Levers>) -> TestSchema {
    Schema::build(Query, Mutation, Subscriptions).data(Arc::clone(levers)).finish()
}

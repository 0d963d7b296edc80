//! The schema as the transport sees it.

use async_graphql::{Executor, Request, Response};
use futures_util::{future::BoxFuture, stream::BoxStream};

/// Any `async_graphql::Executor`, without its type.
pub trait GraphqlExecutor: Send + Sync + 'static {
    /// Runs a query or mutation.
    fn run(&self, request: Request) -> BoxFuture<'static, Response>;

    /// Runs a subscription.
    fn subscribe(&self, request: Request) -> BoxStream<'static, Response>;
}

impl<E: Executor> GraphqlExecutor for E {
    fn run(&self, request: Request) -> BoxFuture<'static, Response> {
        let executor = self.clone();
        Box::pin(async move { executor.execute(request).await })
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        self.execute_stream(request, None)
    }
}

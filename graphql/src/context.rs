//! What a resolver has at hand: the application and the caller.

use async_graphql::{Context, Result, parser::types::OperationType};
use keytrail_app::{App, Call};
use keytrail_domain::{Principal, Scope};
use uuid::Uuid;

use crate::{
    error::{Code, failure, from_app},
    request::{AfterPosition, RequestId},
};

/// The application.
pub(crate) fn app<'a>(ctx: &Context<'a>) -> Result<&'a App> {
    ctx.data::<App>()
}

/// The request's id; nil only when a test runs the schema without the transport.
pub(crate) fn request_id(ctx: &Context<'_>) -> Uuid {
    ctx.data_opt::<RequestId>().map_or(Uuid::nil(), |id| id.0)
}

/// The caller, once the views show what he has seen elsewhere (`Keytrail-After`).
///
/// # Errors
/// `UNAUTHENTICATED` for a caller without a valid token; `FORBIDDEN` for a token that is not for reading, but
/// for what a mutation does; `UNAVAILABLE` when the views do not come so far in time.
pub(crate) async fn caller(ctx: &Context<'_>) -> Result<Call> {
    let Some(principal) = ctx.data_opt::<Principal>() else {
        return Err(failure(Code::Unauthenticated, "sign in as a member of the tenant"));
    };
    let call = Call { principal: principal.clone(), correlation: request_id(ctx) };
    must_read(ctx, &call)?;
    if let Some(after) = ctx.data_opt::<AfterPosition>() {
        let app = app(ctx)?;
        let wait = async {
            // The place is in a header, not in the field's arguments.
            let waited = app.wait_for(&call, after.position()).await;
            waited.map_err(|error| from_app(&error, call.correlation))
        };
        after.once(wait).await?;
    }
    Ok(call)
}

/// A mutation says itself what it needs, and shows what it changed; what is found from there is read.
///
/// # Errors
/// `FORBIDDEN` for a token that is not for reading.
pub(crate) fn must_read(ctx: &Context<'_>, call: &Call) -> Result<()> {
    let is_below = ctx.path_node.is_some_and(|node| node.parent.is_some());
    if !is_below && ctx.query_env.operation.node.ty == OperationType::Mutation {
        return Ok(());
    }
    call.must_have(Scope::Read).map_err(|error| from_app(&error, call.correlation))
}

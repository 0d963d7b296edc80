//! From parameters to results: who asks, whether he may, and the run itself.

use std::{panic::AssertUnwindSafe, sync::Arc};

use actix_web::{HttpRequest, http::header};
use async_graphql::{Request, Response, parser::types::OperationType};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use keytrail_graphql::{
    AnswerOrder,
    limits::{Admitted, Caller as Known},
    request::AfterPosition,
};
use tracing::Instrument;

use super::{Finished, Params};
use crate::{
    auth::{Caller, bearer_token},
    http::{HttpState, Introspection, error::RequestError, observe::Arrival},
};

/// A sealed position is far shorter.
const LONGEST_POSITION: usize = 512;

const AFTER: &str = "Keytrail-After";
const NO_POSITION: &str = "must be the position of an answer";

/// Who asks, and how.
#[derive(Clone, Debug)]
pub(in crate::http) struct Session {
    pub(in crate::http) arrival: Arrival,
    pub(in crate::http) caller: Option<Caller>,
    /// The position that this node must show before it answers.
    after: Option<String>,
}

/// How a request came, which decides what it may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Via {
    /// Only queries: a link must not change anything.
    Get,
    /// Queries and mutations.
    Post,
    /// Queries and subscriptions, in an event stream that a link opens.
    GetStream,
    /// Everything, over a websocket or in an event stream by POST.
    Stream,
}

impl Session {
    /// Reads the headers. An absent token makes an anonymous session, a wrong one an error.
    pub(in crate::http) async fn begin(
        request: &HttpRequest,
        state: &HttpState,
    ) -> Result<Self, RequestError> {
        let arrival = Arrival::of(request)?;
        let caller = match authorization(request)? {
            Some(token) => Some(Self::admit(state, arrival, token).await?),
            None => None,
        };
        Ok(Self { arrival, caller, after: after(request)? })
    }

    /// The caller who holds this token.
    pub(in crate::http) async fn admit(
        state: &HttpState,
        arrival: Arrival,
        token: &str,
    ) -> Result<Caller, RequestError> {
        let caller = state.authenticator.admit(token, arrival.peer.0).await?;
        tracing::Span::current().record("tenant.id", tracing::field::display(caller.principal.tenant));
        Ok(caller)
    }

    /// The position of a socket's first message counts instead of the header's. False when it is none.
    pub(in crate::http) fn wait_for(&mut self, position: &str) -> bool {
        let may_be_one = position.len() <= LONGEST_POSITION;
        if may_be_one {
            self.after = Some(position.to_owned());
        }
        may_be_one
    }

    /// The same, asked by this caller.
    #[must_use]
    pub(in crate::http) fn with(self, caller: Caller) -> Self {
        Self { caller: Some(caller), ..self }
    }

    fn known(&self) -> Known {
        if self.caller.is_some() { Known::Authenticated } else { Known::Anonymous }
    }
}

fn authorization(request: &HttpRequest) -> Result<Option<&str>, RequestError> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(first) = headers.next() else { return Ok(None) };
    let malformed = || RequestError::unauthenticated("the authorization header is not one bearer token");
    if headers.next().is_some() {
        return Err(malformed());
    }
    first.to_str().ok().and_then(|text| bearer_token(text).ok()).map(Some).ok_or_else(malformed)
}

/// Said twice it must be the same: nobody would know which one counts.
fn after(request: &HttpRequest) -> Result<Option<String>, RequestError> {
    let mut values = request.headers().get_all("keytrail-after");
    let Some(first) = values.next() else { return Ok(None) };
    if values.any(|value| value != first) {
        return Err(RequestError::malformed(AFTER, "is there more than once, with different values"));
    }
    let text = first.to_str().ok().filter(|text| text.len() <= LONGEST_POSITION);
    text.map(|text| Some(text.to_owned())).ok_or_else(|| RequestError::malformed(AFTER, NO_POSITION))
}

/// A request that may run.
pub(in crate::http) struct Ready {
    request: Request,
    kind: OperationType,
    order: Arc<AnswerOrder>,
    arrival: Arrival,
}

/// What a client on a stream hears of one operation.
#[derive(Debug)]
pub(in crate::http) enum Event {
    /// A result.
    Next(Finished),
    /// It could not be executed, and is over.
    Error(Finished),
    /// It is over.
    Complete,
}

impl Ready {
    /// Charges the caller, finds and admits the text, and puts beside it what resolvers read.
    pub(in crate::http) async fn prepare(
        state: &HttpState,
        session: &Session,
        params: &Params,
        via: Via,
    ) -> Result<Self, RequestError> {
        if let Some(caller) = &session.caller {
            state.authenticator.charge(&caller.principal)?;
        } else if state.options.introspection == Introspection::Off {
            return Err(anonymous(state, session));
        }
        let tenant = session.caller.as_ref().map(|caller| caller.principal.tenant);
        let text = state.persisted.resolve(tenant, &params.query, &params.extensions)?;
        let admitted = state.gate.admit(&text, params.operation_name.as_deref(), session.known())?;
        if session.caller.is_none() && !admitted.asks_only_about_the_schema() {
            return Err(anonymous(state, session));
        }
        if state.options.introspection == Introspection::Off && admitted.asks_about_types() {
            return Err(RequestError::input("query", "introspection is switched off"));
        }
        check_kind(admitted.kind(), via)?;
        let missing = admitted.missing_variables(&params.variables);
        if !missing.is_empty() {
            return Err(RequestError::missing_variables(&missing));
        }
        let request = build(state, session, params, &text, &admitted);
        Ok(Self { request, kind: admitted.kind(), order: admitted.order(), arrival: session.arrival })
    }

    pub(super) fn is_mutation(&self) -> bool {
        self.kind == OperationType::Mutation
    }

    /// Runs a query or mutation. A mutation is not cut in half when its caller hangs up.
    pub(super) async fn run(self, state: &HttpState) -> Finished {
        let (id, is_mutation) = (self.arrival.id, self.is_mutation());
        let running = AssertUnwindSafe(state.executor.run(self.request)).catch_unwind();
        let limit = state.options.execution_time;
        let answered = if is_mutation {
            let task = state.tasks.spawn(running.in_current_span());
            tokio::time::timeout(limit, task).await.map(|joined| joined.ok().and_then(Result::ok))
        } else {
            tokio::time::timeout(limit, running).await.map(Result::ok)
        };
        match answered {
            Ok(Some(response)) => Finished::of(response, &self.order, id),
            Ok(None) => Finished::panicked(id),
            Err(_) => Finished::refused(&RequestError::unavailable("an answer in time")),
        }
    }

    /// Runs anything, and says what a client on a stream hears.
    pub(in crate::http) fn events(self, state: &HttpState) -> impl Stream<Item = Event> + use<> {
        let (id, span) = (self.arrival.id, tracing::Span::current());
        let open = state.metrics.subscription();
        let mut may_fail_to_start = self.kind == OperationType::Subscription;
        let order = Arc::clone(&self.order);
        let results = AssertUnwindSafe(self.results(state)).catch_unwind();
        let events = results.map(move |result| {
            let _entered = span.enter();
            let finished =
                result.map_or_else(|_| Finished::panicked(id), |response| Finished::of(response, &order, id));
            let failed_to_start = std::mem::take(&mut may_fail_to_start) && finished.has_no_data();
            if finished.was_refused() || failed_to_start {
                Event::Error(finished)
            } else {
                Event::Next(finished)
            }
        });
        events.chain(stream::once(async { Event::Complete })).map(move |event| {
            let _counted = &open;
            event
        })
    }

    fn results(self, state: &HttpState) -> stream::BoxStream<'static, Response> {
        if self.kind == OperationType::Subscription {
            return state.executor.subscribe(self.request);
        }
        let running = state.executor.run(self.request);
        if self.kind != OperationType::Mutation {
            return stream::once(running).boxed();
        }
        let task = state.tasks.spawn(running.in_current_span());
        stream::once(task).map(|joined| joined.unwrap_or_else(|_| Finished::lost())).boxed()
    }
}

/// Nobody that we know may ask only about the schema, and only where that is open.
fn anonymous(state: &HttpState, session: &Session) -> RequestError {
    match state.authenticator.failed(session.arrival.peer.0) {
        Ok(()) => RequestError::unauthenticated("a bearer token is required"),
        Err(limited) => limited.into(),
    }
}

fn check_kind(kind: OperationType, via: Via) -> Result<(), RequestError> {
    match (kind, via) {
        (OperationType::Mutation, Via::Get | Via::GetStream) => {
            Err(RequestError::method_not_allowed("POST", "a GET runs queries only"))
        }
        (OperationType::Subscription, Via::Get | Via::Post) => {
            Err(RequestError::input("query", "subscriptions need a websocket or an event stream"))
        }
        _ => Ok(()),
    }
}

fn build(state: &HttpState, session: &Session, params: &Params, text: &str, admitted: &Admitted) -> Request {
    let mut request = Request::new(text).variables(params.variables.clone());
    request.operation_name.clone_from(&params.operation_name);
    request.set_parsed_query(admitted.document());
    if state.options.introspection == Introspection::Off {
        request = request.disable_introspection();
    }
    request = request.data(session.arrival.id).data(session.arrival.peer);
    if let Some(caller) = &session.caller {
        request = request.data(caller.principal.clone());
    }
    match &session.after {
        Some(position) => request.data(AfterPosition::new(position.clone())),
        None => request,
    }
}

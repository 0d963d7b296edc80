//! One socket's life.

use std::{pin::Pin, sync::Arc};

use actix_ws::{AggregatedMessage, AggregatedMessageStream, ProtocolError};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Duration, Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep, timeout},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::{
    end::End,
    hello,
    operations::Operations,
    protocol::{self, FromClient},
};
use crate::{
    auth::{AuthError, Caller},
    http::{
        HttpState, SocketLimits,
        error::RequestError,
        graphql::{Event, Finished, Params, Ready, Session, Via},
        metrics::Open,
    },
};

/// After our close frame the client has this long to answer with its own.
const CLOSING_TIME: Duration = Duration::from_secs(1);
/// Pings that a client may leave without any answer.
const MISSED_PINGS: u8 = 2;

pub(super) struct Socket {
    state: Arc<HttpState>,
    session: Session,
    outgoing: actix_ws::Session,
    operations: Operations,
    phase: Phase,
    unanswered: u8,
    /// When the phase has to be over: no hello, or an expired token.
    deadline: Pin<Box<Sleep>>,
    /// Kept over the turns, as the deadline is: to begin to wait anew costs more than the turn.
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: OwnedSemaphorePermit,
    _counted: Open,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opened,
    Ready,
}

impl Socket {
    pub(super) fn new(
        state: Arc<HttpState>,
        session: Session,
        outgoing: actix_ws::Session,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            deadline: Box::pin(sleep(state.options.sockets.init_time)),
            shutdown: Box::pin(state.shutdown.clone().cancelled_owned()),
            operations: Operations::default(),
            phase: Phase::Opened,
            unanswered: 0,
            _counted: state.metrics.socket(),
            _place: place,
            state,
            session,
            outgoing,
        }
    }

    pub(super) async fn serve(mut self, mut incoming: AggregatedMessageStream) {
        let mut pings = pings(&self.state.options.sockets);
        let end = loop {
            if let Err(end) = self.turn(&mut incoming, &mut pings).await {
                break end;
            }
        };
        tracing::debug!(?end, "socket ends");
        self.operations = Operations::default();
        let Some(reason) = end.reason() else { return };
        let closing = async {
            let _ = self.outgoing.close(reason).await;
            while let Some(Ok(_)) = incoming.recv().await {}
        };
        let _ = timeout(CLOSING_TIME, closing).await;
    }

    /// Whatever comes first.
    async fn turn(
        &mut self,
        incoming: &mut AggregatedMessageStream,
        pings: &mut Interval,
    ) -> Result<(), End> {
        tokio::select! {
            () = &mut self.shutdown => Err(End::AWAY),
            () = &mut self.deadline => Err(self.overdue()),
            message = incoming.recv() => self.hear(message).await,
            _ = pings.tick() => self.ping().await,
            (id, event) = self.operations.next() => self.tell(&id, &event).await,
        }
    }

    fn overdue(&self) -> End {
        match self.phase {
            Phase::Opened => End::NO_INIT,
            Phase::Ready => End::EXPIRED,
        }
    }

    async fn hear(&mut self, message: Option<Result<AggregatedMessage, ProtocolError>>) -> Result<(), End> {
        self.unanswered = 0;
        match message {
            None => Err(End::Gone),
            Some(Err(error)) => Err(end_of(&error)),
            Some(Ok(AggregatedMessage::Text(text))) => self.obey(FromClient::read(&text)?).await,
            Some(Ok(AggregatedMessage::Binary(_))) => Err(End::TEXT_ONLY),
            Some(Ok(AggregatedMessage::Close(reason))) => Err(End::Answer(reason)),
            Some(Ok(AggregatedMessage::Pong(_))) => Ok(()),
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                let sending = self.outgoing.pong(&bytes);
                sent(&self.state, sending).await
            }
        }
    }

    async fn obey(&mut self, message: FromClient) -> Result<(), End> {
        match message {
            FromClient::Ping { payload } => self.say(protocol::pong(payload)).await,
            FromClient::Pong {} => Ok(()),
            FromClient::ConnectionInit { payload } => self.init(payload.as_ref()).await,
            FromClient::Subscribe { id, payload } => self.subscribe(id, payload).await,
            FromClient::Complete { id } => {
                self.operations.stop(&id);
                Ok(())
            }
        }
    }

    async fn init(&mut self, payload: Option<&serde_json::Value>) -> Result<(), End> {
        if self.phase == Phase::Ready {
            return Err(End::SECOND_INIT);
        }
        let caller = hello::caller(&self.state, &self.session, payload).await?;
        hello::position(&mut self.session, payload)?;
        self.deadline.as_mut().reset(self.state.deadline(Some(&caller)));
        self.session.caller = Some(caller);
        self.phase = Phase::Ready;
        self.say(protocol::connection_ack()).await
    }

    async fn subscribe(&mut self, id: String, payload: serde_json::Value) -> Result<(), End> {
        let caller = match (self.phase, &self.session.caller) {
            (Phase::Ready, Some(caller)) => caller.clone(),
            _ => return Err(End::NOT_READY),
        };
        if self.operations.has(&id) {
            return Err(End::Duplicate(id));
        }
        let params = Params::from_json(payload).map_err(|_| End::BAD_MESSAGE)?;
        match self.prepare(&caller, &params).await {
            Ok(ready) => self.operations.start(id, ready.events(&self.state)),
            Err(refused) => {
                self.say(protocol::error(&id, Finished::refused(&refused).errors())).await?;
            }
        }
        Ok(())
    }

    /// Membership is looked up anew for each operation: a socket lives long.
    async fn prepare(&mut self, caller: &Caller, params: &Params) -> Result<Ready, RequestError> {
        if self.operations.count() >= self.state.options.sockets.subscriptions {
            return Err(RequestError::rate_limited("too many operations on this socket", 1));
        }
        let caller = self.state.authenticator.again(caller).await?;
        let session = self.session.clone().with(caller);
        Ready::prepare(&self.state, &session, params, Via::Stream).await
    }

    async fn tell(&mut self, id: &str, event: &Event) -> Result<(), End> {
        match event {
            Event::Next(result) => self.say(protocol::next(id, &result.to_json())).await,
            Event::Error(result) => {
                self.operations.stop(id);
                self.say(protocol::error(id, result.errors())).await
            }
            Event::Complete => {
                self.operations.stop(id);
                self.say(protocol::complete(id)).await
            }
        }
    }

    /// The clock is asked here too, since it may have been set forward, and whether the caller is still in.
    async fn ping(&mut self) -> Result<(), End> {
        if let (Phase::Ready, Some(caller)) = (self.phase, &self.session.caller) {
            if caller.expires_at().is_some_and(|end| end <= self.state.clock.now()) {
                return Err(End::EXPIRED);
            }
            // Who is out hears nothing any more; the socket need not stay.
            if let Err(AuthError::Invalid(_)) = self.state.authenticator.again(caller).await {
                return Err(End::FORBIDDEN);
            }
        }
        if self.unanswered >= MISSED_PINGS {
            return Err(End::Gone);
        }
        self.unanswered += 1;
        sent(&self.state, self.outgoing.ping(b"")).await
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        sent(&self.state, self.outgoing.text(text)).await
    }
}

/// Waits until the client made room, but not for long. Mostly there is room, and nothing is waited for.
async fn sent(
    state: &HttpState,
    sending: impl Future<Output = Result<(), actix_ws::Closed>>,
) -> Result<(), End> {
    tokio::select! {
        biased;
        sent = timeout(state.options.sockets.send_time, sending) => match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Stalled),
        },
        () = state.shutdown.cancelled() => Err(End::AWAY),
    }
}

fn pings(limits: &SocketLimits) -> Interval {
    let mut ticks = interval_at(Instant::now() + limits.ping_every, limits.ping_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The aggregating stream reports a message that is too long in pieces as an input error.
fn end_of(error: &ProtocolError) -> End {
    match error {
        ProtocolError::Overflow => End::TOO_LARGE,
        ProtocolError::Io(error) if error.to_string().contains("continuation size") => End::TOO_LARGE,
        ProtocolError::Io(_) => End::Gone,
        _ => End::Close(1002, "protocol error"),
    }
}

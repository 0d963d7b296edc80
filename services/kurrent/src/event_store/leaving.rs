//! A way out of the client's loop. When a server ends a subscription with `OK`, the client asks the ended
//! answer again and again, without a pause and without ever coming back: all that it does on each turn is to
//! say a warning. Here that warning is heard, and after many in one go the call is unwound: it is an
//! error like any other end.

use std::{
    any::Any,
    cell::Cell,
    future::poll_fn,
    panic::{AssertUnwindSafe, resume_unwind},
    pin::pin,
    sync::LazyLock,
};

use eventstore::{Error, Subscription, SubscriptionEvent};
use futures_util::FutureExt;
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    instrument::WithSubscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

/// A message that the client does not know is a warning too, and then it goes on.
const MOST_WARNINGS: u32 = 1_000;

static LISTENER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Listener));

thread_local! {
    /// How many since the client was polled.
    static WARNINGS: Cell<u32> = const { Cell::new(0) };
}

/// The next thing that a subscription says, or that it has ended.
pub(super) async fn next(told: &mut Subscription) -> Result<SubscriptionEvent, Error> {
    let mut call = pin!(told.next_subscription_event().with_subscriber(LISTENER.clone()));
    let counted = poll_fn(|context| {
        WARNINGS.set(0);
        call.as_mut().poll(context)
    });
    AssertUnwindSafe(counted).catch_unwind().await.unwrap_or_else(ended)
}

fn ended(panic: Box<dyn Any + Send>) -> Result<SubscriptionEvent, Error> {
    match panic.downcast::<Ended>() {
        Ok(_) => Err(Error::ConnectionClosed),
        Err(panic) => resume_unwind(panic),
    }
}

/// What is unwound with.
struct Ended;

/// Hears the client's warnings, in place of the log: whoever subscribes says himself what broke off.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, _event: &Event<'_>) {
        WARNINGS.set(WARNINGS.get() + 1);
        if WARNINGS.get() >= MOST_WARNINGS {
            resume_unwind(Box::new(Ended));
        }
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

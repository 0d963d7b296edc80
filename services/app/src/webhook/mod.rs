//! Delivers events to webhook endpoints, at least once and in order per credential.
//!
//! One courier per endpoint reads its tenant's events and keeps a [`place::Place`] in the journal:
//! how far it has read, and which credentials have something that did not arrive yet. What a
//! receiver acknowledged is written down afterwards, so a process that dies in between sends it
//! again and loses nothing; `webhook-id` lets receivers tell. Nothing of it is in the views, which
//! can be deleted. Who may hear of an event is decided when it is sent, not when it happened.

mod attempt;
mod body;
mod courier;
mod deliverer;
pub(crate) mod log;
mod numbers;
mod place;
mod reading;
mod schedule;
mod secret;
mod settle;

pub(crate) use attempt::fits;
pub use log::{WebhookAttempt, WebhookDelivery};
pub(crate) use numbers::Numbers;
pub use numbers::{WebhookNumbers, WebhookOutcome};
pub use place::Purpose;
pub(crate) use secret::{fresh, whole_url};

//! Webhook endpoints.

pub mod inputs;
pub mod mutation;
pub mod query;
pub mod types;

pub use mutation::WebhookMutation;
pub use query::WebhookQuery;
pub use types::WebhookEndpoint;

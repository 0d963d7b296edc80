//! What a delivery says. No format holds anything that `history` does not show.

use keytrail_domain::webhook::{TEST_KIND, WebhookFormat};
use keytrail_ports::views::{CredentialRow, EventRow};
use serde_json::{Value, json};

/// Places in the vault, and sealed profiles: no secrets, but nobody's business.
const HIDDEN: [&str; 5] = ["secret", "keys", "profile", "key", "accessor"];
/// Longest text of a chat message, in characters.
const TEXT_LEN: usize = 1_000;

/// An event with what its body needs.
pub(super) struct Told<'a> {
    /// The type as receivers see it.
    pub(super) kind: &'a str,
    pub(super) event: &'a EventRow,
    /// The credential that it is about, if it is about one.
    pub(super) credential: Option<&'a CredentialRow>,
}

impl Told<'_> {
    /// The body in a format.
    pub(super) fn body(&self, format: WebhookFormat) -> Value {
        match format {
            WebhookFormat::CloudEvents => self.cloud_event(),
            WebhookFormat::Slack => json!({ "text": escaped(&self.text()) }),
            WebhookFormat::Teams => self.card(),
        }
    }

    /// CloudEvents 1.0. `sequence` counts the events of `source` without gaps.
    fn cloud_event(&self) -> Value {
        let event = self.event;
        let stream = &event.stream;
        json!({
            "specversion": "1.0",
            "id": event.id.to_string(),
            "source": format!("/tenants/{}/{}/{}", event.tenant, stream.kind().as_str(), stream.id()),
            "type": self.kind,
            "subject": self.subject(),
            "time": event.recorded_at,
            "datacontenttype": "application/json",
            "sequence": self.sequence(),
            "data": shown(&event.data),
        })
    }

    /// An adaptive card, as Teams takes it.
    fn card(&self) -> Value {
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [{ "type": "TextBlock", "text": self.text(), "wrap": true }],
                },
            }],
        })
    }

    /// One line for people.
    fn text(&self) -> String {
        let what = if self.kind == TEST_KIND { "this is a test".to_owned() } else { words(self.kind) };
        let whose = self.credential.map(|row| format!("{} ({}): ", row.name, row.component.slug));
        let why = self.event.data.pointer("/report/message").or_else(|| self.event.data.get("message"));
        let why = why.and_then(Value::as_str).map(|why| format!(": {why}"));
        let text = format!("Keytrail: {}{what}{}", whose.unwrap_or_default(), why.unwrap_or_default());
        let text: String = text.chars().take(TEXT_LEN).collect();
        format!("{text} [{} no. {}]", self.subject(), self.sequence())
    }

    fn subject(&self) -> String {
        let stream = &self.event.stream;
        let endpoint = || stream.webhook_endpoint_id().map(|id| id.to_string());
        let credential = self.event.credential.map(|id| id.to_string());
        credential.or_else(endpoint).unwrap_or_else(|| stream.id().to_owned())
    }

    /// Sorts as a text, as the extension of CloudEvents wants it.
    fn sequence(&self) -> String {
        format!("{:010}", self.event.revision)
    }
}

fn shown(data: &Value) -> Value {
    let mut data = data.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.retain(|name, _| !HIDDEN.contains(&name.as_str()));
    }
    data
}

/// `keytrail.credential.secret_rotated` as `credential secret rotated`.
fn words(kind: &str) -> String {
    kind.trim_start_matches("keytrail.").replace(['.', '_'], " ")
}

/// The three characters that mean something to Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use keytrail_domain::{
        Actor, CredentialId, EventId, Position, StreamId, TenantId, Timestamp, webhook::kind_of,
    };
    use uuid::Uuid;

    use super::*;

    fn event(event_type: &str, data: Value) -> EventRow {
        let tenant = TenantId::of_slug("acme");
        let credential = CredentialId::from_uuid(Uuid::from_u128(1));
        EventRow {
            tenant,
            id: EventId::from_uuid(Uuid::from_u128(2)),
            position: Position::nth(7),
            stream: StreamId::credential(tenant, credential),
            revision: 3,
            event_type: event_type.into(),
            schema_version: 1,
            recorded_at: Timestamp::EPOCH,
            actor: Actor::operator(),
            correlation: Uuid::nil(),
            causation: None,
            credential: Some(credential),
            data,
        }
    }

    fn told(event: &EventRow, format: WebhookFormat) -> Value {
        let kind = kind_of(&event.event_type).expect("delivered");
        Told { kind: &kind, event, credential: None }.body(format)
    }

    fn golden(text: &str) -> Value {
        serde_json::from_str(text).expect("json")
    }

    fn invalidated() -> EventRow {
        let report = json!({ "verdict": "INVALID", "message": "401 <b>&" });
        event("CredentialInvalidated", json!({ "version": 1, "report": report }))
    }

    #[test]
    fn every_format_is_as_it_was_shipped() {
        let event = invalidated();
        for (format, shipped) in [
            (WebhookFormat::CloudEvents, include_str!("../../../../tests/golden/webhooks/cloudevents.json")),
            (WebhookFormat::Slack, include_str!("../../../../tests/golden/webhooks/slack.json")),
            (WebhookFormat::Teams, include_str!("../../../../tests/golden/webhooks/teams.json")),
        ] {
            let body = told(&event, format);
            assert_eq!(body, golden(shipped), "{format:?}: {body:#}");
        }
    }

    #[test]
    fn places_in_the_vault_stay_here() {
        let rotated = event("CredentialSecretRotated", json!({ "version": 2, "secret": { "owner": "x" } }));
        let body = told(&rotated, WebhookFormat::CloudEvents);
        assert_eq!(body["data"], json!({ "version": 2 }));
    }
}

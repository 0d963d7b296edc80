//! Systems that watch others, and brokers: what they must see, and what they may answer.

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use serde_json::json;

use super::{Request, Row, Vendor, nothing, row};

pub(super) fn vendors() -> Vec<Vendor> {
    vec![
        prometheus_password(),
        prometheus_token(),
        grafana_token(),
        grafana_password(),
        datadog_both_keys(),
        datadog_api_key(),
        rabbitmq(),
    ]
}

/// `403` comes from a proxy that may mean the caller's address as well as the credential.
fn prometheus_answers() -> Vec<Row> {
    vec![
        row(200, json!({"status": "success", "data": {"version": "3.7.0"}}), Verdict::Valid),
        row(401, json!({}), Verdict::Invalid),
        nothing(200, json!({"status": "error", "errorType": "internal"}), Reason::Unexpected),
        nothing(403, json!({}), Reason::Unexpected),
        nothing(404, json!({}), Reason::Unexpected),
        nothing(429, json!({}), Reason::RateLimited),
        nothing(500, json!({}), Reason::Unexpected),
    ]
}

fn prometheus_password() -> Vendor {
    Vendor {
        component: "prometheus",
        address: "base_url",
        fields: json!({"username": "Aladdin", "password": "open sesame"}),
        request: Request {
            line: "GET /api/v1/status/buildinfo",
            headers: &[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
            ..Request::default()
        },
        answers: prometheus_answers(),
    }
}

fn prometheus_token() -> Vendor {
    Vendor {
        fields: json!({"token": "t-123456"}),
        request: Request {
            line: "GET /api/v1/status/buildinfo",
            headers: &[("authorization", "Bearer t-123456")],
            ..Request::default()
        },
        ..prometheus_password()
    }
}

fn grafana_token() -> Vendor {
    let refused = |id: &str| json!({"message": "Unauthorized", "messageId": id, "statusCode": 401});
    Vendor {
        component: "grafana",
        address: "base_url",
        fields: json!({"token": "glsa_abcdefgh"}),
        request: Request {
            line: "GET /api/access-control/user/permissions",
            headers: &[("authorization", "Bearer glsa_abcdefgh")],
            ..Request::default()
        },
        answers: vec![
            row(200, json!({"dashboards:read": ["dashboards:*"]}), Verdict::Valid),
            row(401, refused("api-key.invalid"), Verdict::Invalid),
            row(401, refused("api-key.expired"), Verdict::Expired),
            row(401, refused("api-key.revoked"), Verdict::Revoked),
            row(403, json!({"message": "Access denied"}), Verdict::Limited),
            nothing(404, json!({}), Reason::Unexpected),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

fn grafana_password() -> Vendor {
    Vendor {
        component: "grafana",
        address: "base_url",
        fields: json!({"username": "Aladdin", "password": "open sesame"}),
        request: Request {
            line: "GET /api/user",
            headers: &[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
            ..Request::default()
        },
        answers: vec![
            Row {
                identity: Some("Aladdin"),
                ..row(200, json!({"id": 1, "login": "Aladdin"}), Verdict::Valid)
            },
            row(401, json!({"messageId": "password-auth.failed"}), Verdict::Invalid),
            row(403, json!({}), Verdict::Limited),
            nothing(200, json!({"message": "welcome"}), Reason::Unexpected),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(502, json!({}), Reason::Unexpected),
        ],
    }
}

fn datadog_both_keys() -> Vendor {
    Vendor {
        component: "datadog",
        address: "base_url",
        fields: json!({"api_key": "a-123456", "application_key": "b-123456"}),
        request: Request {
            line: "GET /api/v2/users?page%5Bsize%5D=1",
            headers: &[("dd-api-key", "a-123456"), ("dd-application-key", "b-123456")],
            absent: &["authorization"],
            ..Request::default()
        },
        answers: vec![
            row(200, json!({"data": []}), Verdict::Valid),
            row(401, json!({"errors": ["Unauthorized"]}), Verdict::Invalid),
            row(403, json!({"errors": ["Forbidden"]}), Verdict::Invalid),
            row(403, json!({"errors": ["Failed permission authorization checks"]}), Verdict::Limited),
            nothing(403, json!("blocked"), Reason::Unexpected),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

fn datadog_api_key() -> Vendor {
    Vendor {
        component: "datadog",
        address: "base_url",
        fields: json!({"api_key": "a-123456"}),
        request: Request {
            line: "GET /api/v1/validate",
            headers: &[("dd-api-key", "a-123456")],
            absent: &["dd-application-key"],
            ..Request::default()
        },
        answers: vec![
            row(200, json!({"valid": true}), Verdict::Valid),
            row(200, json!({"valid": false}), Verdict::Invalid),
            row(403, json!({"errors": ["Forbidden"]}), Verdict::Invalid),
            nothing(200, json!({"valid": "true"}), Reason::Unexpected),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

fn rabbitmq() -> Vendor {
    let refused = |reason: &str| json!({"error": "not_authorized", "reason": reason});
    Vendor {
        component: "rabbitmq",
        address: "base_url",
        fields: json!({"username": "Aladdin", "password": "open sesame"}),
        request: Request {
            line: "GET /api/whoami",
            headers: &[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
            ..Request::default()
        },
        answers: vec![
            Row {
                identity: Some("Aladdin"),
                scopes: &["monitoring", "policymaker"],
                ..row(200, json!({"name": "Aladdin", "tags": ["policymaker", "monitoring"]}), Verdict::Valid)
            },
            Row {
                identity: Some("Aladdin"),
                scopes: &["monitoring", "policymaker"],
                ..row(200, json!({"name": "Aladdin", "tags": "policymaker,monitoring"}), Verdict::Valid)
            },
            row(401, refused("Login failed"), Verdict::Invalid),
            row(401, refused("Not management user"), Verdict::Limited),
            row(401, refused("User can only log in via localhost"), Verdict::Limited),
            nothing(200, json!({"status": "ok"}), Reason::Unexpected),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

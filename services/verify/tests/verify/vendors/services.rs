//! Services that people rent: what they must see, and what they may answer.

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use serde_json::{Value, json};

use super::{Request, Row, Vendor, nothing, row};

pub(super) fn vendors() -> Vec<Vendor> {
    vec![openai(), anthropic(), cloudflare_user(), cloudflare_account(), sendgrid(), twilio(), jira()]
}

fn openai() -> Vendor {
    let refused =
        |code: &str| json!({"error": {"message": "no", "type": "invalid_request_error", "code": code}});
    Vendor {
        component: "openai",
        address: "base_url",
        fields: json!({"api_key": "sk-abcdefgh", "organization": "org-1"}),
        request: Request {
            line: "GET /v1/models",
            headers: &[("authorization", "Bearer sk-abcdefgh"), ("openai-organization", "org-1")],
            absent: &["openai-project"],
            ..Request::default()
        },
        answers: vec![
            row(200, json!({"object": "list", "data": []}), Verdict::Valid),
            row(401, refused("invalid_api_key"), Verdict::Invalid),
            nothing(401, refused("mismatched_organization"), Reason::Unexpected),
            row(
                403,
                json!({"error": {"message": "You have insufficient permissions for this operation. Missing scopes: api.model.read."}}),
                Verdict::Limited,
            ),
            nothing(403, refused("unsupported_country_region_territory"), Reason::Unexpected),
            nothing(429, refused("insufficient_quota"), Reason::RateLimited),
            nothing(200, json!({"object": "list"}), Reason::Unexpected),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

fn anthropic() -> Vendor {
    let refused = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "no"}});
    Vendor {
        component: "anthropic",
        address: "base_url",
        fields: json!({"api_key": "sk-ant-abcdefgh"}),
        request: Request {
            line: "GET /v1/models?limit=1",
            headers: &[("x-api-key", "sk-ant-abcdefgh"), ("anthropic-version", "2023-06-01")],
            absent: &["authorization"],
            ..Request::default()
        },
        answers: vec![
            row(200, json!({"data": [], "has_more": false}), Verdict::Valid),
            row(401, refused("authentication_error"), Verdict::Invalid),
            row(403, refused("permission_error"), Verdict::Limited),
            nothing(403, json!({}), Reason::Unexpected),
            nothing(404, refused("not_found_error"), Reason::Unexpected),
            nothing(429, refused("rate_limit_error"), Reason::RateLimited),
            nothing(500, refused("api_error"), Reason::Unexpected),
            nothing(529, refused("overloaded_error"), Reason::Unreachable),
        ],
    }
}

fn cloudflare_answers() -> Vec<Row> {
    let active = |status: &str| json!({"success": true, "result": {"id": "ed17574386", "status": status}});
    let refused =
        |code: u32, message: &str| json!({"success": false, "errors": [{"code": code, "message": message}]});
    let malformed = json!({"code": 6111, "message": "Invalid format for Authorization header"});
    vec![
        Row {
            identity: Some("ed17574386"),
            ends: Some("2026-11-22T05:00:00.000000Z"),
            ..row(
                200,
                json!({"result": {"id": "ed17574386", "status": "active", "expires_on": "2026-11-22T05:00:00Z"}}),
                Verdict::Valid,
            )
        },
        row(200, active("expired"), Verdict::Expired),
        row(200, active("disabled"), Verdict::Revoked),
        nothing(200, active("sleeping"), Reason::Unexpected),
        row(400, json!({"errors": [{"code": 6003, "error_chain": [malformed]}]}), Verdict::Invalid),
        nothing(400, refused(7003, "Could not route"), Reason::Unexpected),
        row(401, refused(1000, "Invalid API Token"), Verdict::Invalid),
        row(403, refused(9109, "Invalid access token"), Verdict::Invalid),
        nothing(
            403,
            refused(9109, "Cannot use the access token from location: 192.0.2.1"),
            Reason::Unexpected,
        ),
        nothing(403, json!("blocked"), Reason::Unexpected),
        nothing(429, refused(971, "Please wait"), Reason::RateLimited),
        nothing(500, json!({}), Reason::Unexpected),
    ]
}

fn cloudflare_user() -> Vendor {
    Vendor {
        component: "cloudflare",
        address: "base_url",
        fields: json!({"api_token": "v1.abcdefgh"}),
        request: Request {
            line: "GET /client/v4/user/tokens/verify",
            headers: &[("authorization", "Bearer v1.abcdefgh")],
            ..Request::default()
        },
        answers: cloudflare_answers(),
    }
}

fn cloudflare_account() -> Vendor {
    Vendor {
        fields: json!({"api_token": "v1.abcdefgh", "account_id": "023e105f"}),
        request: Request {
            line: "GET /client/v4/accounts/023e105f/tokens/verify",
            headers: &[("authorization", "Bearer v1.abcdefgh")],
            ..Request::default()
        },
        ..cloudflare_user()
    }
}

fn sendgrid() -> Vendor {
    let refused = |message: &str| json!({"errors": [{"field": null, "message": message}]});
    Vendor {
        component: "sendgrid",
        address: "base_url",
        fields: json!({"api_key": "SG.abcdefgh"}),
        request: Request {
            line: "GET /v3/scopes",
            headers: &[("authorization", "Bearer SG.abcdefgh")],
            ..Request::default()
        },
        answers: vec![
            Row {
                scopes: &["alerts.read", "mail.send"],
                ..row(200, json!({"scopes": ["mail.send", "alerts.read"]}), Verdict::Valid)
            },
            row(
                401,
                refused("The provided authorization grant is invalid, expired, or revoked"),
                Verdict::Invalid,
            ),
            row(403, refused("access forbidden"), Verdict::Limited),
            nothing(403, json!("blocked"), Reason::Unexpected),
            nothing(429, refused("too many requests"), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

fn twilio() -> Vendor {
    let account = |status: &str| json!({"friendly_name": "Acme", "status": status});
    let known = |status: &str, verdict| Row { identity: Some("Acme"), ..row(200, account(status), verdict) };
    let refused = |code: u32| json!({"code": code, "message": "Authenticate", "status": 401});
    Vendor {
        component: "twilio",
        address: "base_url",
        fields: json!({"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "open sesame".replace(' ', "-")}),
        request: Request {
            line: "GET /2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef.json",
            headers: &[(
                "authorization",
                "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpvcGVuLXNlc2FtZQ==",
            )],
            ..Request::default()
        },
        answers: vec![
            known("active", Verdict::Valid),
            known("suspended", Verdict::Limited),
            row(200, account("closed"), Verdict::Revoked),
            nothing(200, account("sleeping"), Reason::Unexpected),
            row(401, refused(20003), Verdict::Invalid),
            nothing(401, json!({}), Reason::Unexpected),
            nothing(429, refused(20429), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

fn jira() -> Vendor {
    let scope: Value = json!({"code": 401, "message": "Unauthorized; scope does not match"});
    Vendor {
        component: "jira",
        address: "base_url",
        fields: json!({"email": "Aladdin", "api_token": "open-sesame"}),
        request: Request {
            line: "GET /rest/api/3/myself",
            headers: &[
                ("authorization", "Basic QWxhZGRpbjpvcGVuLXNlc2FtZQ=="),
                ("accept", "application/json"),
            ],
            ..Request::default()
        },
        answers: vec![
            Row {
                identity: Some("5b10a2844c"),
                ..row(200, json!({"accountId": "5b10a2844c", "active": true}), Verdict::Valid)
            },
            row(401, json!("Client must be authenticated to access this resource."), Verdict::Invalid),
            row(401, scope, Verdict::Limited),
            row(403, json!({"message": "The user does not have access to this site"}), Verdict::Limited),
            Row {
                headers: &[("X-Authentication-Denied-Reason", "CAPTCHA_CHALLENGE")],
                ..nothing(403, json!({}), Reason::RateLimited)
            },
            nothing(404, json!({"errorMessage": "Site temporarily unavailable"}), Reason::Unexpected),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

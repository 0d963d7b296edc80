//! The table: what each component's system must see, and what it may answer.

use keytrail_domain::verification::{InconclusiveReason as Reason, Verdict};
use serde_json::json;

use super::{Request, Row, Vendor, nothing, row};

pub(super) fn vendors() -> Vec<Vendor> {
    vec![
        github(),
        github_installation(),
        gitlab(),
        slack(),
        stripe(),
        vault_token(),
        vault_role(),
        http_api_key_header(),
        http_api_key_query(),
        http_basic(),
        http_bearer(),
    ]
}

fn github() -> Vendor {
    Vendor {
        component: "github",
        address: "base_url",
        fields: json!({"token": "ghp_abcdefgh"}),
        request: Request {
            line: "GET /user",
            headers: &[
                ("authorization", "Bearer ghp_abcdefgh"),
                ("accept", "application/vnd.github+json"),
                ("x-github-api-version", "2022-11-28"),
                ("user-agent", concat!("keytrail/", env!("CARGO_PKG_VERSION"))),
            ],
            ..Request::default()
        },
        answers: vec![
            Row {
                headers: &[
                    ("X-OAuth-Scopes", "repo, admin:org"),
                    ("GitHub-Authentication-Token-Expiration", "2026-11-22 05:00:00 UTC"),
                ],
                identity: Some("octocat"),
                scopes: &["admin:org", "repo"],
                ends: Some("2026-11-22T05:00:00.000000Z"),
                ..row(200, json!({"login": "octocat", "id": 1}), Verdict::Valid)
            },
            Row {
                headers: &[("GitHub-Authentication-Token-Expiration", "2026-11-22 05:00:00 -0700")],
                identity: Some("octocat"),
                ends: Some("2026-11-22T12:00:00.000000Z"),
                ..row(200, json!({"login": "octocat"}), Verdict::Valid)
            },
            row(401, json!({"message": "Bad credentials"}), Verdict::Invalid),
            row(
                403,
                json!({"message": "Resource not accessible by personal access token"}),
                Verdict::Limited,
            ),
            Row {
                headers: &[("x-ratelimit-remaining", "0")],
                ..nothing(403, json!({"message": "API rate limit exceeded"}), Reason::RateLimited)
            },
            Row {
                headers: &[("retry-after", "60"), ("x-ratelimit-remaining", "10")],
                ..nothing(403, json!({}), Reason::RateLimited)
            },
            nothing(
                403,
                json!({"message": "Maximum number of login attempts exceeded. Please try again later."}),
                Reason::RateLimited,
            ),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(500, json!({}), Reason::Unexpected),
        ],
    }
}

fn github_installation() -> Vendor {
    Vendor {
        component: "github",
        address: "base_url",
        fields: json!({"token": "ghs_abcdefgh"}),
        request: Request {
            line: "GET /installation/repositories?per_page=1",
            headers: &[("authorization", "Bearer ghs_abcdefgh")],
            ..Request::default()
        },
        answers: vec![
            row(200, json!({"total_count": 1}), Verdict::Valid),
            row(401, json!({"message": "Bad credentials"}), Verdict::Invalid),
            row(403, json!({"message": "Resource not accessible by integration"}), Verdict::Limited),
        ],
    }
}

fn gitlab() -> Vendor {
    let refused = |why: &str| json!({"error": "invalid_token", "error_description": why});
    Vendor {
        component: "gitlab",
        address: "base_url",
        fields: json!({"token": "glpat-abcdefgh"}),
        request: Request {
            line: "GET /api/v4/user",
            headers: &[("authorization", "Bearer glpat-abcdefgh")],
            ..Request::default()
        },
        answers: vec![
            Row { identity: Some("root"), ..row(200, json!({"username": "root"}), Verdict::Valid) },
            row(401, json!({"message": "401 Unauthorized"}), Verdict::Invalid),
            row(401, refused("Token was revoked. You have to re-authorize from the user."), Verdict::Revoked),
            row(
                401,
                refused("Token is expired. You can either do re-authorization or token refresh."),
                Verdict::Expired,
            ),
            row(403, json!({"error": "insufficient_scope"}), Verdict::Limited),
            nothing(404, json!({}), Reason::Unexpected),
            nothing(429, json!({}), Reason::RateLimited),
        ],
    }
}

fn slack() -> Vendor {
    let refused = |error: &str, verdict| row(200, json!({"ok": false, "error": error}), verdict);
    Vendor {
        component: "slack",
        address: "base_url",
        fields: json!({"bot_token": "xoxb-abcdefgh"}),
        request: Request {
            line: "POST /api/auth.test",
            headers: &[("authorization", "Bearer xoxb-abcdefgh"), ("content-length", "0")],
            ..Request::default()
        },
        answers: vec![
            Row {
                headers: &[("x-oauth-scopes", "chat:write,channels:read")],
                identity: Some("deploybot"),
                scopes: &["channels:read", "chat:write"],
                ..row(200, json!({"ok": true, "user": "deploybot", "team": "Acme"}), Verdict::Valid)
            },
            refused("invalid_auth", Verdict::Invalid),
            refused("token_revoked", Verdict::Revoked),
            refused("account_inactive", Verdict::Revoked),
            refused("token_expired", Verdict::Expired),
            nothing(200, json!({"ok": false, "error": "ratelimited"}), Reason::RateLimited),
            nothing(200, json!({"ok": false, "error": "internal_error"}), Reason::Unexpected),
            nothing(200, json!({"ok": "true"}), Reason::Unexpected),
            nothing(401, json!({}), Reason::Unexpected),
            nothing(429, json!({"ok": false, "error": "ratelimited"}), Reason::RateLimited),
        ],
    }
}

fn stripe() -> Vendor {
    Vendor {
        component: "stripe",
        address: "base_url",
        fields: json!({"secret_key": "sk_test_abcdefgh"}),
        request: Request {
            line: "GET /v1/balance",
            headers: &[("authorization", "Bearer sk_test_abcdefgh")],
            ..Request::default()
        },
        answers: vec![
            row(200, json!({"object": "balance", "livemode": false}), Verdict::Valid),
            row(401, json!({"error": {"type": "invalid_request_error"}}), Verdict::Invalid),
            row(401, json!({"error": {"code": "api_key_expired"}}), Verdict::Expired),
            row(403, json!({"error": {"type": "invalid_request_error"}}), Verdict::Limited),
            nothing(429, json!({}), Reason::RateLimited),
            nothing(503, json!({}), Reason::Unexpected),
        ],
    }
}

fn vault_token() -> Vendor {
    Vendor {
        component: "vault",
        address: "address",
        fields: json!({"namespace": "team-a", "token": "hvs.abcdefgh"}),
        request: Request {
            line: "GET /v1/auth/token/lookup-self",
            headers: &[
                ("x-vault-token", "hvs.abcdefgh"),
                ("x-vault-namespace", "team-a"),
                ("x-vault-request", "true"),
            ],
            absent: &["authorization"],
            ..Request::default()
        },
        answers: vec![
            Row {
                identity: Some("approle-ci"),
                scopes: &["ci", "default"],
                ends: Some("2026-01-02T00:00:00.123456Z"),
                ..row(
                    200,
                    json!({"data": {"id": "hvs.abcdefgh", "display_name": "approle-ci", "policies": ["default", "ci"],
                        "ttl": 86399, "expire_time": "2026-01-02T00:00:00.123456789Z"}}),
                    Verdict::Valid,
                )
            },
            Row {
                identity: Some("root"),
                scopes: &["root"],
                ..row(
                    200,
                    json!({"data": {"display_name": "root", "policies": ["root"], "ttl": 0, "expire_time": null}}),
                    Verdict::Valid,
                )
            },
            Row {
                identity: Some("ci"),
                ends: Some("2026-01-01T01:00:00.000000Z"),
                ..row(200, json!({"data": {"display_name": "ci", "ttl": 3600}}), Verdict::Valid)
            },
            row(403, json!({"errors": ["permission denied"]}), Verdict::Invalid),
            nothing(503, json!({"errors": ["Vault is sealed"]}), Reason::Unreachable),
            nothing(400, json!({"errors": ["missing client token"]}), Reason::Unexpected),
            nothing(200, json!({"login": "page"}), Reason::Unexpected),
        ],
    }
}

fn vault_role() -> Vendor {
    Vendor {
        component: "vault",
        address: "address",
        fields: json!({"role_id": "r-1", "secret_id": "s-\"2\""}),
        request: Request {
            line: "POST /v1/auth/approle/login",
            headers: &[("content-type", "application/json")],
            absent: &["x-vault-token", "x-vault-namespace"],
            body: Some(json!({"role_id": "r-1", "secret_id": "s-\"2\""})),
        },
        answers: vec![
            Row {
                identity: Some("ci"),
                scopes: &["ci", "default"],
                ..row(
                    200,
                    json!({"auth": {"client_token": "hvs.x", "policies": ["ci", "default"], "metadata": {"role_name": "ci"}}}),
                    Verdict::Valid,
                )
            },
            row(400, json!({"errors": ["invalid role or secret ID"]}), Verdict::Invalid),
            nothing(400, json!({"errors": ["missing role_id"]}), Reason::Unexpected),
            nothing(403, json!({"errors": ["permission denied"]}), Reason::Unexpected),
            nothing(503, json!({"errors": ["Vault is sealed"]}), Reason::Unreachable),
        ],
    }
}

/// What all APIs of the generic components may answer.
fn generic_answers() -> Vec<Row> {
    vec![
        row(200, json!({}), Verdict::Valid),
        row(204, json!(null), Verdict::Valid),
        row(401, json!({}), Verdict::Invalid),
        nothing(403, json!({}), Reason::Unexpected),
        nothing(404, json!({}), Reason::Unexpected),
        nothing(429, json!({}), Reason::RateLimited),
        nothing(500, json!({}), Reason::Unexpected),
    ]
}

fn http_api_key_header() -> Vendor {
    Vendor {
        component: "http-api-key",
        address: "base_url",
        fields: json!({"header_name": "api-key", "check_path": "/v1/pets", "value": "k-123456"}),
        request: Request { line: "GET /v1/pets", headers: &[("api-key", "k-123456")], ..Request::default() },
        answers: generic_answers(),
    }
}

fn http_api_key_query() -> Vendor {
    Vendor {
        component: "http-api-key",
        address: "base_url",
        fields: json!({"query_name": "key", "value": "k-123456", "valid_statuses": [202], "invalid_statuses": [400, 403]}),
        request: Request { line: "GET /?key=k-123456", absent: &["authorization"], ..Request::default() },
        answers: vec![
            row(202, json!({}), Verdict::Valid),
            row(403, json!({}), Verdict::Invalid),
            row(400, json!({}), Verdict::Invalid),
            nothing(200, json!({}), Reason::Unexpected),
            nothing(401, json!({}), Reason::Unexpected),
        ],
    }
}

fn http_basic() -> Vendor {
    Vendor {
        component: "http-basic",
        address: "base_url",
        fields: json!({"username": "Aladdin", "password": "open sesame"}),
        request: Request {
            line: "GET /",
            headers: &[("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
            ..Request::default()
        },
        answers: generic_answers(),
    }
}

fn http_bearer() -> Vendor {
    Vendor {
        component: "http-bearer",
        address: "base_url",
        fields: json!({"token": "t-123456"}),
        request: Request {
            line: "GET /",
            headers: &[("authorization", "Bearer t-123456")],
            ..Request::default()
        },
        answers: generic_answers(),
    }
}

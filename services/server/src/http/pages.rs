//! The query page for development: no script from elsewhere, nothing kept.

use actix_web::{HttpResponse, http::header};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn file(content_type: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(text)
}

/// `GET /graphiql`.
pub(super) async fn page() -> HttpResponse {
    file("text/html; charset=utf-8", include_str!("pages/graphiql.html"))
}

/// `GET /graphiql.js`.
pub(super) async fn script() -> HttpResponse {
    file("text/javascript; charset=utf-8", include_str!("pages/graphiql.js"))
}

/// `GET /graphiql.css`.
pub(super) async fn style() -> HttpResponse {
    file("text/css; charset=utf-8", include_str!("pages/graphiql.css"))
}

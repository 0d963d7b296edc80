//! Which address leads where.

use actix_web::{HttpResponse, ResponseError, web};

use super::{
    GraphiqlPage, HttpOptions, HttpState, MetricsRoute, error::RequestError, graphql, health,
    metrics::metrics, pages,
};

/// Adds our routes.
pub fn configure(config: &mut web::ServiceConfig, options: &HttpOptions) {
    config
        .service(
            web::resource("/graphql")
                .route(web::post().to(graphql::post))
                .route(web::get().to(graphql::get))
                .default_service(web::to(async || refuse_method("GET, POST"))),
        )
        .service(get_only("/healthz", web::get().to(health::healthz)))
        .service(get_only("/readyz", web::get().to(health::readyz)))
        .service(get_only("/.well-known/jwks.json", web::get().to(jwks)));
    if options.metrics == MetricsRoute::Here {
        configure_metrics(config);
    }
    if options.graphiql == GraphiqlPage::Served {
        config
            .service(get_only("/graphiql", web::get().to(pages::page)))
            .service(get_only("/graphiql.js", web::get().to(pages::script)))
            .service(get_only("/graphiql.css", web::get().to(pages::style)));
    }
}

/// Adds `/metrics` alone.
pub fn configure_metrics(config: &mut web::ServiceConfig) {
    config.service(get_only("/metrics", web::get().to(metrics)));
}

/// Everything else: 404 as JSON.
pub(super) async fn not_found() -> HttpResponse {
    RequestError::not_found().error_response()
}

fn get_only(path: &str, route: actix_web::Route) -> actix_web::Resource {
    web::resource(path).route(route).default_service(web::to(async || refuse_method("GET")))
}

fn refuse_method(allow: &'static str) -> HttpResponse {
    RequestError::method_not_allowed(allow, "this method is not allowed here").error_response()
}

/// `GET /.well-known/jwks.json`: how others check tokens of the built-in issuer.
async fn jwks(state: web::Data<HttpState>) -> Result<HttpResponse, RequestError> {
    let keys = state.jwks.as_ref().ok_or_else(RequestError::not_found)?;
    Ok(HttpResponse::Ok().json(keys))
}

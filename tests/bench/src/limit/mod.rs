//! The limits: the same HTTP server and GraphQL library as Keytrail, and nothing else.

mod fanout;
mod schema;
mod seal;
mod store;

use std::{net::SocketAddr, path::Path};

use actix_web::{App, HttpResponse, HttpServer, dev::Server, web};
use fanout::Fanout;
use schema::Limit;

use crate::{BenchError, run::say_result};

/// Longest request body that is read, in bytes.
const BODY_LEN: usize = 64 * 1024;

/// Serves on a free loopback port; prints `listening on http://ADDRESS` when ready.
///
/// # Errors
/// [`BenchError`] when it cannot start.
pub fn serve_until_killed(data: &Path) -> Result<(), BenchError> {
    actix_web::rt::System::new().block_on(async {
        let (server, address) = serve(data)?;
        say_result(&format!("listening on http://{address}"));
        server.await.map_err(BenchError::io("serving"))
    })
}

fn serve(data: &Path) -> Result<(Server, SocketAddr), BenchError> {
    let schema = schema::schema(store::Store::open(data)?)?;
    let fanout = web::Data::new(Fanout::default());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(schema.clone()))
            .app_data(fanout.clone())
            .app_data(web::PayloadConfig::new(BODY_LEN))
            .route("/graphql", web::post().to(answer))
            .route("/graphql", web::get().to(fanout::open))
            .route("/tell", web::post().to(fanout::tell))
    })
    .disable_signals()
    .bind(("127.0.0.1", 0))
    .map_err(BenchError::io("binding a loopback port"))?;
    let address = server.addrs()[0];
    Ok((server.run(), address))
}

async fn answer(schema: web::Data<Limit>, body: web::Bytes) -> HttpResponse {
    let Ok(request) = serde_json::from_slice::<async_graphql::Request>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    match serde_json::to_vec(&schema.execute(request).await) {
        Ok(json) => HttpResponse::Ok().content_type("application/json").body(json),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

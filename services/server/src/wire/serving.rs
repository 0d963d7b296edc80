//! Binds and serves HTTP.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use keytrail_graphql::{
    Introspection as SchemaIntrospection,
    limits::{QueryGate, QueryLimits},
    schema,
};
use keytrail_ports::SystemIds;
use prometheus_client::registry::Registry;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{
    Built, failed, identity::Members, lease_metrics::LeaseMetrics, schedule_metrics::ScheduleMetrics,
    webhook_metrics::WebhookMetrics,
};
use crate::{
    auth::{Authenticator, Rate, RateLimits},
    config::{Config, Mode, Switch, TlsFiles},
    http::{
        ExtraRoutes, GraphiqlPage, HttpMetrics, HttpOptions, HttpParts, HttpState, Introspection,
        MetricsRoute, RunningServer, ServerOptions, callback_route, start, start_metrics, unwrap_route,
    },
    launch::StartError,
    lifecycle::{Lifecycle, Stage, Weight},
    process_metrics::ProcessMetrics,
};

pub(super) async fn listen(built: &Built, life: &Lifecycle) -> Result<SocketAddr, StartError> {
    let config = &built.config;
    let state = Arc::new(HttpState::new(parts(built, life)?));
    let tls = config.tls.as_ref().map(tls).transpose()?;
    let options = ServerOptions { tls, extra: Some(routes(built)), ..ServerOptions::default() };
    let listener = bind(config.listen, "KEYTRAIL_LISTEN")?;
    let bound = listener.local_addr().map_err(|error| failed(&error, "try again"))?;
    built.app.is_reached_at(config.public_url_at(bound));
    let server = start(listener, state.clone(), options).map_err(|error| failed(&error, "try again"))?;
    let address = server.address();
    serve(life, "http", server);
    if let Some(metrics) = config.metrics_listen {
        let listener = bind(metrics, "KEYTRAIL_METRICS_LISTEN")?;
        let server = start_metrics(listener, state).map_err(|error| failed(&error, "try again"))?;
        serve(life, "metrics", server);
    }
    Ok(address)
}

fn routes(built: &Built) -> ExtraRoutes {
    let unwrap = unwrap_route(built.app.clone(), built.ports.clock.clone());
    let callback = callback_route(built.app.clone(), built.ports.clock.clone());
    Arc::new(move |config| {
        unwrap(config);
        callback(config);
    })
}

fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, StartError> {
    let hint = format!("choose another address in {setting}, or port 0 for a free one");
    let bound = TcpListener::bind(address);
    bound.map_err(|error| StartError::new(format!("cannot listen on {address}: {error}"), hint))
}

/// Serves until the intake stops, then stops in order.
fn serve(life: &Lifecycle, name: &'static str, mut server: RunningServer) {
    let stop = life.stopping(Stage::Intake);
    life.spawn(Stage::Intake, Weight::Vital, name, async move {
        let ended = tokio::select! {
            () = stop.cancelled() => server.stop().await,
            ended = server.ended() => ended,
        };
        if let Err(error) = ended {
            tracing::error!(error = &error as &dyn std::error::Error, "serving ended");
        }
    });
}

fn parts(built: &Built, life: &Lifecycle) -> Result<HttpParts, StartError> {
    let clock = built.ports.clock.clone();
    let introspection = match built.config.introspection {
        Switch::On => (SchemaIntrospection::On, Introspection::On),
        Switch::Off => (SchemaIntrospection::Off, Introspection::Off),
    };
    let mut registry = Registry::default();
    let metrics = HttpMetrics::register(&mut registry);
    registry.register_collector(Box::new(ProcessMetrics::starting_now()));
    registry.register_collector(Box::new(ScheduleMetrics(built.app.clone())));
    registry.register_collector(Box::new(WebhookMetrics(built.app.clone())));
    registry.register_collector(Box::new(LeaseMetrics(built.app.clone())));
    let members = Arc::new(Members(built.app.clone()));
    let verifier = built.identities.verifier(clock.clone())?;
    let dyn_clock: Arc<dyn keytrail_ports::Clock> = clock;
    Ok(HttpParts {
        executor: Arc::new(schema(built.app.clone(), introspection.0)),
        gate: QueryGate::new(QueryLimits::default()),
        authenticator: Authenticator::new(verifier, members, rates(&built.config), &dyn_clock),
        readiness: built.readings.clone(),
        metrics,
        registry,
        jwks: built.identities.builtin().map(|issuer| issuer.jwks().clone()),
        clock: dyn_clock,
        ids: Arc::new(SystemIds),
        options: options(built, introspection.1),
        shutdown: life.stopping(Stage::Intake),
    })
}

fn options(built: &Built, introspection: Introspection) -> HttpOptions {
    let config = &built.config;
    HttpOptions {
        introspection,
        graphiql: if built.mode == Mode::Dev { GraphiqlPage::Served } else { GraphiqlPage::Absent },
        metrics: match config.metrics_listen {
            Some(_) => MetricsRoute::Elsewhere,
            None => MetricsRoute::Here,
        },
        trusted_proxies: config.trusted_proxies.clone(),
        ..HttpOptions::default()
    }
}

fn rates(config: &Config) -> RateLimits {
    let rate = |per_minute: u32| match per_minute {
        // More than anybody can send.
        0 => Rate { per_minute: 60_000_000, burst: 60_000_000 },
        _ => Rate { per_minute, burst: (per_minute / 10).max(1) },
    };
    RateLimits {
        principal: rate(config.requests_per_minute),
        tenant: rate(config.tenant_requests_per_minute),
        ..RateLimits::default()
    }
}

fn tls(files: &TlsFiles) -> Result<rustls::ServerConfig, StartError> {
    let read = |path, setting: &str| {
        let hint = format!("check {setting}: PEM, readable by this process");
        std::fs::read(path).map_err(|error: std::io::Error| {
            StartError::new(format!("cannot read a TLS file: {error}"), hint)
        })
    };
    let chain = read(&files.cert_file, "KEYTRAIL_TLS_CERT_FILE")?;
    let key = read(&files.key_file, "KEYTRAIL_TLS_KEY_FILE")?;
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(&error, "KEYTRAIL_TLS_CERT_FILE must hold a certificate chain as PEM"))?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| failed(&error, "KEYTRAIL_TLS_KEY_FILE must hold one private key as PEM"))?;
    rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| failed(&error, "the key must belong to the certificate"))
}

//! A server on a free port with members, a built-in issuer, and everything adjustable.

use std::{
    collections::HashSet,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use keytrail_domain::{Actor, Authentication, MemberId, Principal, Scopes, TenantId, TokenId, Who};
use keytrail_graphql::limits::{QueryGate, QueryLimits};
use keytrail_ports::{Clock, SystemClock, SystemIds};
use keytrail_server::{
    auth::{
        AuthError, Authenticator, BuiltinIssuer, Claims, InvalidToken, MintRequest, PrincipalResolver,
        RateLimits, TokenVerifier,
    },
    http::{
        HttpMetrics, HttpOptions, HttpParts, HttpState, Part, Readiness, RunningServer, ServerOptions, start,
    },
};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::schema::{Levers, schema};

/// Members by `tenant/subject`; `vault` and so on for what is broken.
#[derive(Default)]
pub(crate) struct Directory {
    gone: Mutex<HashSet<String>>,
    troubles: Mutex<Vec<&'static str>>,
}

impl Directory {
    pub(crate) fn remove(&self, subject: &str) {
        self.gone.lock().unwrap().insert(subject.to_owned());
    }

    pub(crate) fn break_part(&self, name: &'static str) {
        self.troubles.lock().unwrap().push(name);
    }
}

#[async_trait]
impl PrincipalResolver for Directory {
    async fn resolve_api_token(&self, _: &str) -> Result<Principal, AuthError> {
        Err(InvalidToken::NotAMember.into())
    }

    async fn still_in(&self, _: &Principal) -> Result<(), AuthError> {
        Ok(())
    }

    async fn resolve(&self, claims: &Claims) -> Result<Principal, AuthError> {
        if claims.subject == "views down" {
            return Err(AuthError::Unavailable { dependency: "views" });
        }
        if self.gone.lock().unwrap().contains(&claims.subject) {
            return Err(InvalidToken::NotAMember.into());
        }
        let member = MemberId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, claims.subject.as_bytes()));
        let via = Authentication::Token { issuer: claims.issuer.clone(), id: claims.token_id };
        Ok(Principal {
            tenant: TenantId::of_slug(&claims.tenant_slug),
            actor: Actor { who: Who::Member(member), via },
            expires_at: Some(claims.expires_at),
            scopes: Scopes::ALL,
        })
    }
}

#[async_trait]
impl Readiness for Directory {
    async fn parts(&self) -> Vec<Part> {
        let troubles = self.troubles.lock().unwrap().clone();
        let state = |name| troubles.contains(&name).then(|| "sealed".to_owned());
        ["log", "vault", "views"].into_iter().map(|name| Part { name, trouble: state(name) }).collect()
    }
}

/// What a test changes before the server starts.
pub(crate) struct Plan {
    pub(crate) options: HttpOptions,
    pub(crate) rates: RateLimits,
    pub(crate) query: QueryLimits,
    pub(crate) server: ServerOptions,
    pub(crate) verifier: Option<TokenVerifier>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            options: HttpOptions::default(),
            rates: RateLimits::default(),
            query: QueryLimits::default(),
            server: ServerOptions { workers: 1, ..ServerOptions::default() },
            verifier: None,
        }
    }
}

impl Plan {
    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut plan = Self::default();
        change(&mut plan);
        plan
    }

    pub(crate) fn start(self) -> World {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (directory, levers) = (Arc::new(Directory::default()), Arc::new(Levers::default()));
        let folder = tempfile::tempdir().unwrap();
        let issuer = BuiltinIssuer::open(folder.path()).unwrap();
        let verifier = self.verifier.unwrap_or_else(|| TokenVerifier::builtin(&issuer, Arc::clone(&clock)));
        let mut registry = Registry::default();
        let state = Arc::new(HttpState::new(HttpParts {
            executor: Arc::new(schema(&levers)),
            gate: QueryGate::new(self.query),
            authenticator: Authenticator::new(verifier, directory.clone(), self.rates, &clock),
            readiness: directory.clone(),
            metrics: HttpMetrics::register(&mut registry),
            registry,
            jwks: Some(issuer.jwks().clone()),
            clock,
            ids: Arc::new(SystemIds),
            options: self.options,
            shutdown: CancellationToken::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if self.server.tls.is_some() { "https" } else { "http" };
        let server = start(listener, Arc::clone(&state), self.server).unwrap();
        World {
            address: server.address(),
            scheme,
            server: Some(server),
            state,
            directory,
            levers,
            issuer,
            _folder: folder,
        }
    }
}

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    pub(crate) server: Option<RunningServer>,
    pub(crate) state: Arc<HttpState>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) levers: Arc<Levers>,
    issuer: BuiltinIssuer,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        Plan::default().start()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A token of the tenant `acme` that ends in so many seconds.
    pub(crate) fn token_for(&self, subject: &str, seconds: i64) -> String {
        let now = SystemClock.now();
        let request = MintRequest {
            token: TokenId::from_uuid(Uuid::from_u128(1)),
            tenant_slug: "acme".into(),
            subject: subject.into(),
            issued_at: now,
            expires_at: now.plus_seconds(seconds),
        };
        self.issuer.mint(&request).unwrap().expose().to_owned()
    }

    pub(crate) fn token(&self) -> String {
        self.token_for("alice", 600)
    }

    pub(crate) async fn metrics(&self) -> String {
        crate::client::http().get(self.url("/metrics")).send().await.unwrap().text().await.unwrap()
    }

    /// Waits until `/metrics` has this line.
    pub(crate) async fn metric_becomes(&self, line: &str) {
        eventually(async || self.metrics().await.lines().any(|it| it == line), line).await;
    }
}

/// Waits for a fact, looking again and again.
pub(crate) async fn eventually(mut fact: impl AsyncFnMut() -> bool, what: &str) {
    let looked = tokio::time::timeout(Duration::from_secs(60), async {
        while !fact().await {
            tokio::task::yield_now().await;
        }
    });
    assert!(looked.await.is_ok(), "never: {what}");
}

//! The [`Verifier`] port over recipes and drivers.

use std::{borrow::Cow, collections::BTreeMap, net::Ipv6Addr, sync::Arc, time::Instant};

use async_trait::async_trait;
use ipnet::IpNet;
use keytrail_domain::{
    component::Component,
    verification::{InconclusiveReason, Report, Verdict},
};
use keytrail_ports::{CheckRequest, Clock, Verifier};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    driver::{Outside, Question},
    guard::{
        AllowedHosts, Answer, Destinations, Dialer, GuardError, GuardedHttp, HttpConfig, StartError,
        SystemLookup, entry_for,
    },
    method::Method,
    recipe::{
        self, CannotBuild, Check, Evidence, Fields, Judgement, Reading, Recipe, Template, parse_base_url,
    },
};

/// What the operator decides about checks.
#[derive(Clone, Debug, Default)]
pub struct VerifyConfig {
    /// Networks that may be reached besides the public ones, and in the clear.
    pub allowed_networks: Vec<IpNet>,
    /// Certificate authorities to trust besides the system's, as PEM.
    pub extra_roots: Vec<u8>,
}

/// Checks credentials the way that their component says: by its recipe, or by a driver.
pub struct ComponentVerifier {
    outside: Outside,
}

impl ComponentVerifier {
    /// A verifier with a client of its own. A crypto provider of rustls must be installed.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(config: VerifyConfig, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let VerifyConfig { allowed_networks, extra_roots } = config;
        let config = HttpConfig { allowed_networks, extra_roots, ..HttpConfig::default() };
        let http = GuardedHttp::new(config, &SystemLookup::shared())?;
        Ok(Self::with_client(Arc::new(http), clock))
    }

    /// A verifier that shares a client. The client's time limit is that of a whole check, also when it
    /// takes several requests or none, and must be below that of the `Verifier` port.
    pub fn with_client(http: Arc<GuardedHttp>, clock: Arc<dyn Clock>) -> Self {
        let dialer = Dialer::beside(&http);
        Self { outside: Outside { http, dialer, clock } }
    }

    async fn find(&self, request: &CheckRequest<'_>) -> (Judgement, Evidence) {
        let found = timeout(self.outside.http.time_limit(), self.proceed(request)).await;
        let found = found.unwrap_or_else(|_| Err(GuardError::Timeout.into()));
        found.unwrap_or_else(|judgement| (judgement, Evidence::default()))
    }

    /// The error is the judgement when it comes to no answer.
    async fn proceed(&self, request: &CheckRequest<'_>) -> Result<(Judgement, Evidence), Judgement> {
        let CheckRequest { component, fields: plain, secrets, allowed_hosts } = *request;
        let fields = Fields { component, plain, secrets };
        let hosts = AllowedHosts::new(allowed_hosts);
        let method =
            Method::of(component).map_err(|_| unexpected("the component's check is not well formed"))?;
        match method.ok_or_else(unsupported)? {
            Method::Recipe(recipe) => self.follow(&recipe, fields, &hosts).await,
            Method::Driver(driver) => {
                let question = Question { fields, hosts: &hosts };
                let (judgement, evidence) = driver.check(question, &self.outside).await?;
                let evidence = if judgement.verdict.is_definite_no() {
                    // What a system says about a credential that it rejects is no evidence, but an
                    // end that is over is why it was rejected.
                    Evidence { expires_at: evidence.expires_at, ..Evidence::default() }
                } else {
                    evidence.cleaned(secrets)
                };
                Ok((judgement, evidence))
            }
        }
    }

    async fn follow(
        &self,
        recipe: &Recipe,
        fields: Fields<'_>,
        hosts: &AllowedHosts,
    ) -> Result<(Judgement, Evidence), Judgement> {
        let check =
            recipe.check_for(&fields).ok_or_else(|| unexpected("no check fits the fields that are set"))?;
        let outgoing =
            recipe::build(check, &fields).map_err(|error: CannotBuild| unexpected(error.to_string()))?;
        let answer = self.outside.http.send(outgoing, Destinations::Only(hosts)).await?;
        Ok(self.read(check, &answer, &fields))
    }

    fn read(&self, check: &Check, answer: &Answer, fields: &Fields<'_>) -> (Judgement, Evidence) {
        let body: Option<Value> = if answer.cut { None } else { serde_json::from_slice(&answer.body).ok() };
        let judgement = recipe::judge(check, answer, body.as_ref(), fields);
        let reading =
            Reading { answer, body: body.as_ref(), secrets: fields.secrets, now: self.outside.clock.now() };
        // What a system says about a credential that it rejects is no evidence.
        let evidence =
            if judgement.verdict.is_yes() { recipe::evidence(check, reading) } else { Evidence::default() };
        (judgement, evidence)
    }
}

#[async_trait]
impl Verifier for ComponentVerifier {
    async fn check(&self, request: CheckRequest<'_>) -> Report {
        let start = Instant::now();
        let (judgement, evidence) = self.find(&request).await;
        let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(
            component = request.component.slug,
            verdict = judgement.verdict.as_str(),
            duration_ms,
            "checked"
        );
        Report {
            verdict: judgement.verdict,
            reason: judgement.reason,
            message: judgement.message,
            identity: evidence.identity,
            scopes: evidence.scopes,
            expires_at: evidence.expires_at,
            duration_ms,
        }
    }

    fn default_hosts(&self, component: &Component, fields: &BTreeMap<String, Value>) -> Vec<String> {
        let secrets = keytrail_domain::SecretPayload::default();
        let fields = Fields { component, plain: fields, secrets: &secrets };
        let filled = component.allowed_hosts.iter().filter_map(|text| {
            Template::try_from(text.clone()).ok()?.fill(|name| fields.text(name).map(bracketed))
        });
        filled.filter_map(|text| host(&text)).collect()
    }
}

/// The host of an address, or the host that the text is.
fn host(text: &str) -> Option<String> {
    match parse_base_url(text) {
        Some(url) => entry_for(&url),
        None => AllowedHosts::is_entry(text).then(|| text.to_lowercase()),
    }
}

/// An IPv6 address as it stands before a port.
fn bracketed(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.parse::<Ipv6Addr>().is_ok() { Cow::Owned(format!("[{text}]")) } else { text }
}

fn unexpected(message: impl Into<String>) -> Judgement {
    Judgement::inconclusive(InconclusiveReason::Unexpected, message)
}

fn unsupported() -> Judgement {
    let message = "there is no check for this component".to_owned();
    Judgement { verdict: Verdict::Unsupported, reason: None, message }
}

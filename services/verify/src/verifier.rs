//! The [`Verifier`] port over recipes and the guarded client.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use async_trait::async_trait;
use ipnet::IpNet;
use keytrail_domain::{
    component::Component,
    verification::{InconclusiveReason, Report, Verdict},
};
use keytrail_ports::{CheckRequest, Clock, Verifier};
use serde_json::Value;

use crate::{
    guard::{
        AllowedHosts, Answer, Destinations, GuardError, GuardedHttp, HttpConfig, StartError, SystemLookup,
        entry_for,
    },
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

/// Checks credentials by their component's recipe.
pub struct HttpVerifier {
    http: Arc<GuardedHttp>,
    clock: Arc<dyn Clock>,
}

impl HttpVerifier {
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

    /// A verifier that shares a client. Its time limit must be below that of the `Verifier` port.
    pub fn with_client(http: Arc<GuardedHttp>, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock }
    }

    async fn find(&self, request: &CheckRequest<'_>) -> (Judgement, Evidence) {
        self.proceed(request).await.unwrap_or_else(|judgement| (judgement, Evidence::default()))
    }

    /// From the recipe to the verdict. The error is the judgement when it comes to no answer.
    async fn proceed(&self, request: &CheckRequest<'_>) -> Result<(Judgement, Evidence), Judgement> {
        let CheckRequest { component, fields: plain, secrets, allowed_hosts } = *request;
        let fields = Fields { component, plain, secrets };
        let recipe =
            Recipe::of(component).map_err(|_| unexpected("the component's check is not well formed"))?;
        let recipe = recipe.ok_or_else(unsupported)?;
        let check =
            recipe.check_for(&fields).ok_or_else(|| unexpected("no check fits the fields that are set"))?;
        let outgoing =
            recipe::build(check, &fields).map_err(|error: CannotBuild| unexpected(error.to_string()))?;
        let hosts = AllowedHosts::new(allowed_hosts);
        let answer = self.http.send(outgoing, Destinations::Only(&hosts)).await.map_err(no_answer)?;
        Ok(self.read(check, &answer, &fields))
    }

    fn read(&self, check: &Check, answer: &Answer, fields: &Fields<'_>) -> (Judgement, Evidence) {
        let body: Option<Value> = if answer.cut { None } else { serde_json::from_slice(&answer.body).ok() };
        let judgement = recipe::judge(check, answer, body.as_ref(), fields);
        let reading = Reading { answer, body: body.as_ref(), secrets: fields.secrets, now: self.clock.now() };
        // What a system says about a credential that it rejects is no evidence.
        let evidence =
            if judgement.verdict.is_yes() { recipe::evidence(check, reading) } else { Evidence::default() };
        (judgement, evidence)
    }
}

#[async_trait]
impl Verifier for HttpVerifier {
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
        let filled = component
            .allowed_hosts
            .iter()
            .filter_map(|text| Template::try_from(text.clone()).ok()?.fill(|name| fields.text(name)));
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

fn unexpected(message: impl Into<String>) -> Judgement {
    Judgement::inconclusive(InconclusiveReason::Unexpected, message)
}

fn unsupported() -> Judgement {
    let message = "there is no check for this component".to_owned();
    Judgement { verdict: Verdict::Unsupported, reason: None, message }
}

fn no_answer(error: GuardError) -> Judgement {
    let reason = match error {
        GuardError::Timeout => InconclusiveReason::Timeout,
        _ => InconclusiveReason::Unreachable,
    };
    Judgement::inconclusive(reason, error.to_string())
}

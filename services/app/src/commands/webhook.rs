//! Webhook endpoints.

use keytrail_domain::{
    EventId, SecretId, SecretRef, SecretValue, StreamId, TenantId, WebhookEndpointId,
    webhook::{EndpointTarget, NewTarget, WebhookEndpoint, WebhookEndpointCommand as C},
};
use keytrail_ports::{Action, Object};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, Mutation, NewWebhookEndpoint, WebhookEndpointUpdate,
    cursor::Cursor,
    execute::Execution,
    idempotency::{About, Admission, Ticket},
    webhook,
};

/// Most endpoints of one tenant.
const MOST_ENDPOINTS: usize = 100;
/// Components that are looked up; of more the endpoint refuses.
const MOST_COMPONENTS: usize = 50;
/// Longest time that two secrets count, in seconds.
const LONGEST_GRACE: u32 = 7 * 86_400;

type Answer = Result<Done<WebhookEndpointId>, AppError>;
/// With the secret when it was made just now: it is shown this once.
type WithSecret = Result<Done<(WebhookEndpointId, Option<SecretValue>)>, AppError>;

impl App {
    /// Makes an endpoint of the tenant, or of a team.
    ///
    /// # Errors
    /// Bad input for a URL that the operator does not allow; `TOO_MANY_WEBHOOK_ENDPOINTS`.
    pub async fn create_webhook_endpoint(
        &self,
        call: &Call,
        mutation: Mutation,
        new: NewWebhookEndpoint,
    ) -> WithSecret {
        self.authorize(call, Action::Create, Object::WebhookEndpoint(new.team)).await?;
        let ticket = match self.admit(call, &mutation, About::New(stream_of)).await? {
            Admission::Done(done) => return without_secret(replayed(done)?),
            Admission::Do(ticket) => ticket,
        };
        if let Some(team) = new.team {
            self.present_team(call, team).await?;
        }
        self.judge_url(&new.url)?;
        let tenant = call.principal.tenant;
        self.components_exist(tenant, &new.settings.components).await?;
        if self.ports().views.webhook_endpoints(tenant).await?.len() >= MOST_ENDPOINTS {
            let message = format!("a tenant has at most {MOST_ENDPOINTS} webhook endpoints");
            return Err(keytrail_domain::Refusal::rule("TOO_MANY_WEBHOOK_ENDPOINTS", message).into());
        }
        let endpoint = WebhookEndpointId::from_uuid(ticket.id(self));
        let secret = self.place_of_secret(tenant, endpoint);
        let target = NewTarget { at: self.place_of_secret(tenant, endpoint), url: new.url };
        let (shown, payload) = webhook::fresh()?;
        let execution = Execution::of(call, StreamId::webhook(tenant, endpoint), &ticket).fresh();
        let done = self
            .execute::<WebhookEndpoint>(execution, |_| {
                let (team, settings, target) = (new.team, new.settings.clone(), target.clone());
                Ok(C::Create { endpoint, team, target, settings, secret, payload: payload.clone() })
            })
            .await?;
        Ok(shown_once(done.map(|()| endpoint), shown))
    }

    /// Changes settings, or switches deliveries on or off.
    ///
    /// # Errors
    /// Bad input for a URL that the operator does not allow.
    pub async fn update_webhook_endpoint(
        &self,
        call: &Call,
        mutation: Mutation,
        update: WebhookEndpointUpdate,
    ) -> Answer {
        let id = update.id;
        let ticket = match self.admit_endpoint(call, &mutation, Action::Update, id).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        self.components_exist(call.principal.tenant, update.components.as_deref().unwrap_or_default())
            .await?;
        let moved = match &update.url {
            Some(url) => Some(self.new_target(call.principal.tenant, id, url).await?),
            None => None,
        };
        self.change_endpoint(call, &ticket, (id, update.expected_revision), |endpoint| {
            let WebhookEndpoint::Live(state) = endpoint else { return Err(AppError::NotFound) };
            let target = moved.as_ref().and_then(|moved| moved.from(&state.target));
            Ok(C::Change { target, settings: update.over(&state.settings), enabled: update.enabled })
        })
        .await
    }

    /// Where an endpoint is to go, and whether it goes there already: only the vault can say.
    async fn new_target(
        &self,
        tenant: TenantId,
        id: WebhookEndpointId,
        url: &SecretValue,
    ) -> Result<Moved, AppError> {
        self.judge_url(url)?;
        let row = self.ports().views.webhook_endpoint(tenant, id).await?.ok_or(AppError::NotFound)?;
        let there_already = match webhook::whole_url(&*self.ports().secrets, &row.target).await {
            // One that was never in the vault goes there now.
            Ok(whole) => (whole == *url && row.target.at.is_some()).then_some(row.target),
            Err(error @ AppError::Unavailable { .. }) => return Err(error),
            // What cannot be read any more is put right by giving it again.
            Err(_) => None,
        };
        let to = NewTarget { at: self.place_of_secret(tenant, id), url: url.clone() };
        Ok(Moved { to, there_already })
    }

    /// A new signing secret; the old one counts for a while.
    ///
    /// # Errors
    /// Bad input for a grace that is too long.
    pub async fn rotate_webhook_secret(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (WebhookEndpointId, Option<u64>),
        grace_seconds: u32,
    ) -> WithSecret {
        let ticket = match self.admit_endpoint(call, &mutation, Action::Rotate, id).await? {
            Admission::Done(done) => return without_secret(replayed(done)?),
            Admission::Do(ticket) => ticket,
        };
        if grace_seconds > LONGEST_GRACE {
            return Err(AppError::bad_input("graceSeconds", format!("must be 0 to {LONGEST_GRACE}")));
        }
        let secret = self.place_of_secret(call.principal.tenant, id);
        let (shown, payload) = webhook::fresh()?;
        let previous_until = self.now().plus_seconds(i64::from(grace_seconds));
        let done = self
            .change_endpoint(call, &ticket, (id, expected), |_| {
                Ok(C::RotateSecret { secret, payload: payload.clone(), previous_until })
            })
            .await?;
        Ok(shown_once(done, shown))
    }

    /// Ends an endpoint: nothing more is delivered.
    ///
    /// # Errors
    /// As every change.
    pub async fn delete_webhook_endpoint(
        &self,
        call: &Call,
        mutation: Mutation,
        (id, expected): (WebhookEndpointId, Option<u64>),
    ) -> Answer {
        let ticket = match self.admit_endpoint(call, &mutation, Action::Delete, id).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        self.change_endpoint(call, &ticket, (id, expected), |_| Ok(C::Delete)).await
    }

    /// Sends something that says that it is a test.
    ///
    /// # Errors
    /// `WEBHOOK_DISABLED`.
    pub async fn send_test_webhook(&self, call: &Call, mutation: Mutation, id: WebhookEndpointId) -> Answer {
        self.ask_endpoint(call, mutation, id, C::Test).await
    }

    /// Sends one event once more.
    ///
    /// # Errors
    /// `NOT_FOUND` for an event that is no event of a credential or alert; `WEBHOOK_DISABLED`.
    pub async fn redeliver_webhook(
        &self,
        call: &Call,
        mutation: Mutation,
        id: WebhookEndpointId,
        event: EventId,
    ) -> Answer {
        let row = self.ports().views.event(call.principal.tenant, event).await?;
        let kind = row.and_then(|row| keytrail_domain::webhook::kind_of(&row.event_type));
        // Whether the endpoint may hear of it is decided when it is sent.
        let missing = kind.is_none();
        let ticket = match self.admit_endpoint(call, &mutation, Action::Update, id).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(_) if missing => return Err(AppError::NotFound),
            Admission::Do(ticket) => ticket,
        };
        self.change_endpoint(call, &ticket, (id, None), |_| Ok(C::Redeliver { event })).await
    }

    /// Sends everything after a cursor (again).
    ///
    /// # Errors
    /// Bad input for a cursor that is none of an event.
    pub async fn replay_webhooks(
        &self,
        call: &Call,
        mutation: Mutation,
        id: WebhookEndpointId,
        from: String,
    ) -> Answer {
        let ticket = match self.admit_endpoint(call, &mutation, Action::Update, id).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        let tenant = call.principal.tenant;
        let Cursor::Log(_, _, after) = Cursor::open(&from, "from", tenant, &*self.cursor_key(tenant).await?)?
        else {
            return Err(AppError::bad_input("from", "must be a cursor of an event"));
        };
        if self.ports().views.event(tenant, after).await?.is_none() {
            return Err(AppError::bad_input(
                "from",
                "the cursor is of another log that does not hold this event",
            ));
        }
        self.change_endpoint(call, &ticket, (id, None), |_| Ok(C::Replay { after })).await
    }

    async fn ask_endpoint(&self, call: &Call, mutation: Mutation, id: WebhookEndpointId, wish: C) -> Answer {
        let ticket = match self.admit_endpoint(call, &mutation, Action::Update, id).await? {
            Admission::Done(done) => return replayed(done),
            Admission::Do(ticket) => ticket,
        };
        self.change_endpoint(call, &ticket, (id, None), |_| Ok(wish.clone())).await
    }

    /// Authorises by the endpoint's team, and answers a repeated mutation at once.
    async fn admit_endpoint(
        &self,
        call: &Call,
        mutation: &Mutation,
        action: Action,
        id: WebhookEndpointId,
    ) -> Result<Admission, AppError> {
        self.ports().authorizer.role(&call.principal).await?;
        let tenant = call.principal.tenant;
        let team = self.team_of_endpoint(tenant, id).await?.ok_or(AppError::NotFound)?;
        self.authorize(call, action, Object::WebhookEndpoint(team)).await?;
        self.admit(call, mutation, About::Stream(StreamId::webhook(tenant, id))).await
    }

    async fn change_endpoint(
        &self,
        call: &Call,
        ticket: &Ticket,
        (id, expected): (WebhookEndpointId, Option<u64>),
        make: impl Fn(&WebhookEndpoint) -> Result<C, AppError> + Send + Sync,
    ) -> Answer {
        let stream = StreamId::webhook(call.principal.tenant, id);
        let execution = Execution::of(call, stream, ticket).at(expected);
        let done = self.execute::<WebhookEndpoint>(execution, make).await?;
        Ok(done.map(|()| id))
    }

    /// A filter on a misspelt component would never let anything through, and nobody would hear of it.
    async fn components_exist(&self, tenant: TenantId, slugs: &[String]) -> Result<(), AppError> {
        for (place, slug) in slugs.iter().enumerate().take(MOST_COMPONENTS) {
            if self.newest_component(tenant, slug).await?.is_none() {
                let rule = "no component has this slug: `components` lists them";
                return Err(AppError::bad_input(&format!("components.{place}"), rule));
            }
        }
        Ok(())
    }

    fn judge_url(&self, url: &SecretValue) -> Result<(), AppError> {
        let judged = self.ports().webhooks.judge(url.expose());
        judged.map_err(|failure| AppError::bad_input("url", failure.to_string()))
    }

    fn place_of_secret(&self, tenant: TenantId, endpoint: WebhookEndpointId) -> SecretRef {
        SecretRef { tenant, owner: endpoint.as_uuid(), secret: SecretId::from_uuid(self.fresh_id()) }
    }
}

/// A URL that somebody gave for an endpoint that is there.
struct Moved {
    to: NewTarget,
    /// The target that has this very URL, if it is the endpoint's.
    there_already: Option<EndpointTarget>,
}

impl Moved {
    /// None when that is where it goes.
    fn from(&self, target: &EndpointTarget) -> Option<NewTarget> {
        (self.there_already.as_ref() != Some(target)).then(|| self.to.clone())
    }
}

fn stream_of(tenant: TenantId, id: Uuid) -> StreamId {
    StreamId::webhook(tenant, WebhookEndpointId::from_uuid(id))
}

fn replayed(done: Done<StreamId>) -> Answer {
    let missing = || AppError::internal("the key is of another kind");
    let id = done.value.webhook_endpoint_id().ok_or_else(missing)?;
    Ok(done.map(|_| id))
}

fn without_secret(done: Done<WebhookEndpointId>) -> WithSecret {
    Ok(done.map(|id| (id, None)))
}

/// A try that found an earlier one in the log made no secret of its own.
fn shown_once(
    done: Done<WebhookEndpointId>,
    secret: SecretValue,
) -> Done<(WebhookEndpointId, Option<SecretValue>)> {
    let secret = (!done.replayed).then_some(secret);
    done.map(|id| (id, secret))
}

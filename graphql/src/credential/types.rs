//! The credential as callers see it: everything but its secret.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{
    Context, ContextSelectionSet, ID, Json, Object, OutputType, Result, SimpleObject, Value,
    resolver_utils::enum_value,
};
use keytrail_app::{App, AsOf, Counted, SeenUsage};
use keytrail_domain::{ConnectionId, CredentialId, FlowId, Labels};
use keytrail_ports::views::{CredentialRow, VersionRow};

use super::{Compromise, CredentialVersion, Grant, Lease, LeaseConsumer, Owner, TransferOffer, Verification};
use crate::{
    alert::Alert,
    component::Component,
    connection::Connection,
    context::{app, caller},
    enums::{CredentialKind, CredentialStatus, Permission, UsageKind},
    error::OrFail,
    event::Event,
    flow::Flow,
    loader::load,
    member::Actor,
    oauth2::CredentialAuthorization,
    page::{Paged, Window, connection, cost},
    quick::InMemory,
    scalar::{DateTime, moment},
};

/// A named object that holds what is needed to authenticate with one component. Its secret is in
/// the vault and in no answer.
#[derive(Clone, Debug)]
pub struct Credential {
    row: Arc<CredentialRow>,
    /// Everything that is asked of it is told as of then.
    as_of: AsOf,
}

/// A free label.
#[derive(SimpleObject)]
pub struct Label {
    /// Its key.
    key: String,
    /// Its value.
    value: String,
}

impl Label {
    /// All labels of a thing, sorted by key.
    pub(crate) fn all(labels: &Labels) -> Vec<Self> {
        labels.iter().map(|(key, value)| Self { key: key.to_owned(), value: value.to_owned() }).collect()
    }
}

/// One field of a credential.
#[derive(SimpleObject)]
pub struct CredentialField {
    /// Its name.
    name: String,
    /// Its value; always null for a secret field.
    value: Option<Json<serde_json::Value>>,
    /// Its value is in the vault only.
    is_secret: bool,
    /// It has a value.
    is_set: bool,
}

/// Something that uses the credential.
pub struct Usage(SeenUsage);

#[Object]
impl Credential {
    /// Global id, `cred_…`.
    pub async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// Its name, unique for its owner.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Your own id for it, unique in the tenant.
    async fn external_id(&self) -> Option<&str> {
        self.row.external_id.as_deref()
    }

    /// What it is for.
    async fn component(&self, ctx: &Context<'_>) -> Result<Option<Component>> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.component_of(&call, &self.row.component).await.or_fail(ctx)?.map(Component::from))
    }

    /// Its broad kind.
    async fn kind(&self) -> CredentialKind {
        self.row.kind.into()
    }

    /// Its status: at the moment that it is seen at, else now.
    async fn status(&self, ctx: &Context<'_>) -> Result<CredentialStatus> {
        Ok(self.status_by(app(ctx)?))
    }

    /// Who owns it.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Owner>> {
        Owner::load(ctx, self.row.owner, self.as_of).await
    }

    /// Free labels.
    async fn labels(&self) -> Vec<Label> {
        Label::all(&self.row.labels)
    }

    /// Hosts that its secret may be sent to.
    async fn allowed_hosts(&self) -> &[String] {
        &self.row.allowed_hosts
    }

    /// To whom it is offered, if it is.
    async fn transfer_offer(&self) -> Option<TransferOffer> {
        self.row.offer.is_some().then(|| TransferOffer(Arc::clone(&self.row)))
    }

    /// Number of the current secret version, from 1.
    async fn secret_version(&self) -> u32 {
        self.current_version()
    }

    /// Secret versions, oldest first.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn versions(&self, ctx: &Context<'_>) -> Result<Vec<CredentialVersion>> {
        let at = self.as_of.moment(app(ctx)?.now());
        let version = |row: &VersionRow| CredentialVersion { row: row.clone(), at };
        Ok(self.row.versions.iter().map(version).collect())
    }

    /// Its fields, as the component has them; secret ones without a value.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn fields(&self, ctx: &Context<'_>) -> Result<Vec<CredentialField>> {
        let call = caller(ctx).await?;
        let known = app(ctx)?.component_of(&call, &self.row.component).await.or_fail(ctx)?;
        let component = known.map(|known| known.definition);
        let secret = component.as_ref().map(|it| it.secret_fields()).unwrap_or_default();
        let names = component.iter().flat_map(|it| it.properties()).map(|(name, _)| name.to_owned());
        Ok(names.map(|name| self.field(name, &secret)).collect())
    }

    /// When it ends: by evidence where there is any, else as somebody said.
    async fn expires_at(&self) -> Option<DateTime> {
        self.row.expires_at.map(DateTime)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// By whom.
    async fn created_by(&self) -> Actor {
        Actor(self.row.created_by.clone())
    }

    /// When people last changed it.
    async fn updated_at(&self) -> DateTime {
        self.row.updated_at.into()
    }

    /// The last check.
    async fn last_verification(&self, ctx: &Context<'_>) -> Result<Option<Verification>> {
        let last = app(ctx)?.last_verification_seen(&self.row, self.as_of).await.or_fail(ctx)?;
        Ok(last.map(Arc::unwrap_or_clone).map(Verification))
    }

    /// Checks, newest first.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn verifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Verification>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.verifications(&call, self.row.id, self.as_of, page).await.or_fail(ctx)?;
        Ok(connection(listed, Verification, Counted::Verifications(self.row.id, self.as_of)))
    }

    /// When its secret was last fetched.
    async fn last_leased_at(&self) -> Option<DateTime> {
        self.row.last_leased_at.map(DateTime)
    }

    /// Leases, oldest first.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn leases(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Lease>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.credential_leases(&call, self.row.id, self.as_of, page).await.or_fail(ctx)?;
        Ok(connection(listed, Lease, Counted::Leases(self.row.id, self.as_of)))
    }

    /// Everybody who ever leased it, as of now, the last one first: who is still on an old version?
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn consumers(&self, ctx: &Context<'_>) -> Result<Vec<LeaseConsumer>> {
        let call = caller(ctx).await?;
        let rows = app(ctx)?.lease_consumers(&call, self.row.id).await.or_fail(ctx)?;
        let current = self.current_version();
        Ok(rows.into_iter().map(|row| LeaseConsumer { row, current }).collect())
    }

    /// Who was given what; the owner is not among them.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn grants(&self, ctx: &Context<'_>) -> Result<Vec<Grant>> {
        let call = caller(ctx).await?;
        let app = app(ctx)?;
        let rows = app.grants(&call, self.row.id, self.as_of).await.or_fail(ctx)?;
        let at = self.as_of.moment(app.now());
        Ok(rows.into_iter().map(|row| Grant { row, at, as_of: self.as_of }).collect())
    }

    /// What the viewer may do with it now, also when it is seen as it stood.
    async fn viewer_permissions(&self, ctx: &Context<'_>) -> Result<Vec<Permission>> {
        let call = caller(ctx).await?;
        let actions = app(ctx)?.permissions(&call, self.row.id).await.or_fail(ctx)?;
        Ok(actions.into_iter().map(Into::into).collect())
    }

    /// What uses it, as far as the viewer may see that now.
    #[graphql(complexity = "3 * child_complexity + 1")]
    async fn usages(&self, ctx: &Context<'_>) -> Result<Vec<Usage>> {
        let call = caller(ctx).await?;
        let usages = app(ctx)?.usages(&call, &self.row.usages).await.or_fail(ctx)?;
        Ok(usages.seen.into_iter().map(Usage).collect())
    }

    /// How many more connections and flows use it that the viewer may not see.
    #[graphql(complexity = 10)]
    async fn hidden_usage_count(&self, ctx: &Context<'_>) -> Result<u32> {
        let call = caller(ctx).await?;
        Ok(app(ctx)?.usages(&call, &self.row.usages).await.or_fail(ctx)?.hidden)
    }

    /// Everything that happened to it, oldest first.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Event>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.history(&call, self.row.id, self.as_of, page).await.or_fail(ctx)?;
        Ok(connection(listed, |row| Event::seen(row, self.past()), Counted::History(self.row.id, self.as_of)))
    }

    /// What is known of its secret in the wrong hands, if anything is.
    async fn compromise(&self) -> Option<Compromise> {
        self.row.compromise.clone().map(Compromise::from)
    }

    /// Where its access tokens come from, when an OAuth client gets them.
    async fn authorization(&self) -> Option<CredentialAuthorization> {
        self.row.authorization.clone().map(CredentialAuthorization::from)
    }

    /// Its alerts, newest first.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<Alert>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.alerts_of(&call, self.row.id, self.as_of, page).await.or_fail(ctx)?;
        let list = Counted::AlertsOf(self.row.id, self.as_of);
        Ok(connection(listed, |row| Alert { row, of: self.past() }, list))
    }

    /// When it was deleted, if it is.
    async fn deleted_at(&self) -> Option<DateTime> {
        self.row.deleted_at.map(DateTime)
    }

    /// Until when it can be restored, if it is deleted.
    async fn restorable_until(&self) -> Option<DateTime> {
        self.row.restorable_until.map(DateTime)
    }

    /// How often people changed it: for `expectedRevision`. Checks do not count.
    async fn revision(&self) -> u64 {
        self.row.revision
    }
}

/// What a list mostly asks for. Each value is the one that the resolver of the same name gives.
impl InMemory for Credential {
    fn own_type(&self) -> Cow<'static, str> {
        <Self as OutputType>::type_name()
    }

    fn in_memory(&self, field: &str, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
        let row = &self.row;
        Some(match field {
            "id" => Value::String(row.id.to_string()),
            "name" => Value::String(row.name.clone()),
            "externalId" => row.external_id.clone().map_or(Value::Null, Value::String),
            "kind" => enum_value(CredentialKind::from(row.kind)),
            "status" => enum_value(self.status_by(ctx.data_opt::<App>()?)),
            "secretVersion" => Value::from(self.current_version()),
            "revision" => Value::from(row.revision),
            "createdAt" => moment(Some(row.created_at)),
            "updatedAt" => moment(Some(row.updated_at)),
            "expiresAt" => moment(row.expires_at),
            "lastLeasedAt" => moment(row.last_leased_at),
            "deletedAt" => moment(row.deleted_at),
            "restorableUntil" => moment(row.restorable_until),
            _ => return None,
        })
    }
}

impl Credential {
    fn status_by(&self, app: &App) -> CredentialStatus {
        self.row.status(self.as_of.moment(app.now())).into()
    }

    /// Itself, for what is listed under it, when it is seen as it stood.
    fn past(&self) -> Option<Self> {
        matches!(self.as_of, AsOf::Past { .. }).then(|| self.clone())
    }

    fn current_version(&self) -> u32 {
        self.row.current_version()
    }

    /// A credential as it stands.
    pub(crate) fn now(row: Arc<CredentialRow>) -> Self {
        Self { row, as_of: AsOf::Now }
    }

    /// A credential as it stood.
    pub(crate) fn seen((row, as_of): (Arc<CredentialRow>, AsOf)) -> Self {
        Self { row, as_of }
    }

    /// The credential that something else is about, seen from the same moment; none when the viewer
    /// may not see it.
    pub(crate) async fn load(ctx: &Context<'_>, id: CredentialId, as_of: AsOf) -> Result<Option<Self>> {
        let row = match as_of {
            AsOf::Now => load(ctx, id).await?,
            AsOf::Past { .. } => {
                let call = caller(ctx).await?;
                app(ctx)?.credential_seen(&call, id, as_of).await.or_fail(ctx)?
            }
        };
        Ok(row.map(|row| Self { row, as_of }))
    }

    fn field(&self, name: String, secret: &std::collections::BTreeSet<String>) -> CredentialField {
        if secret.contains(&name) {
            let is_set = self.row.secret_fields.contains(&name);
            return CredentialField { name, value: None, is_secret: true, is_set };
        }
        let value = self.row.fields.get(&name).cloned();
        CredentialField { is_set: value.is_some(), value: value.map(Json), is_secret: false, name }
    }
}

#[Object]
impl Usage {
    /// Its global id.
    async fn id(&self) -> ID {
        self.0.usage.id.clone().into()
    }

    /// What it is.
    async fn kind(&self) -> UsageKind {
        self.0.usage.kind.into()
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The connection, if it is one.
    async fn connection(&self, ctx: &Context<'_>) -> Result<Option<Connection>> {
        match ConnectionId::parse(&self.0.usage.id) {
            Ok(id) => Connection::load(ctx, id).await,
            Err(_) => Ok(None),
        }
    }

    /// The flow, if it is one.
    async fn flow(&self, ctx: &Context<'_>) -> Result<Option<Flow>> {
        match FlowId::parse(&self.0.usage.id) {
            Ok(id) => Flow::load(ctx, id).await,
            Err(_) => Ok(None),
        }
    }

    /// It runs right now.
    async fn active(&self) -> bool {
        self.0.usage.active
    }

    /// Since when.
    async fn attached_at(&self) -> DateTime {
        self.0.usage.attached_at.into()
    }
}

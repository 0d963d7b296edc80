//! What a change of a credential would touch.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use keytrail_app::{AccessChange as Change, AsOf, Planned, Preview, SeenUsage};
use keytrail_domain::{CredentialId, Grantee as DomainGrantee};
use keytrail_ports::views::WebhookEndpointRow;

use super::{access::Grantee, lease::LeaseConsumer, query::an_owner};
use crate::{
    context::{app, caller},
    enums::{Level, UsageKind},
    error::{OrFail, bad_id, bad_input},
};

/// A change that is thought of.
#[derive(Enum, Copy, Clone, Debug, PartialEq, Eq)]
pub enum CredentialChangeKind {
    /// `deleteCredential`, without `detach`.
    Delete,
    /// `rotateCredential`.
    Rotate,
    /// `revokeShare`: goes with `granteeId`.
    Unshare,
    /// `offerTransfer`, and that it is accepted: goes with `toOwnerId`.
    Transfer,
}

/// Previews.
#[derive(Default)]
pub struct PreviewQuery;

#[Object]
impl PreviewQuery {
    /// What a change would touch, for who may make it; nothing is changed.
    #[graphql(complexity = "child_complexity + 10")]
    async fn preview_credential_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credential's id")] id: ID,
        #[graphql(desc = "Which change")] change: CredentialChangeKind,
        #[graphql(desc = "Whose grant would be taken back, with UNSHARE")] grantee_id: Option<ID>,
        #[graphql(desc = "Who would own it, with TRANSFER")] to_owner_id: Option<ID>,
    ) -> Result<CredentialChangePreview> {
        let call = caller(ctx).await?;
        let id = CredentialId::parse(&id).map_err(|error| bad_id("id", &error))?;
        let planned = planned(change, grantee_id.as_ref(), to_owner_id.as_ref())?;
        let app = app(ctx)?;
        let preview = app.preview(&call, id, planned).await.or_fail(ctx)?;
        let current = app.credential(&call, id).await.or_fail(ctx)?.map_or(0, |row| row.current_version());
        Ok(CredentialChangePreview { preview, current })
    }
}

fn planned(change: CredentialChangeKind, grantee: Option<&ID>, owner: Option<&ID>) -> Result<Planned> {
    match (change, grantee, owner) {
        (CredentialChangeKind::Delete, None, None) => Ok(Planned::Delete),
        (CredentialChangeKind::Rotate, None, None) => Ok(Planned::Rotate),
        (CredentialChangeKind::Unshare, Some(id), None) => {
            Ok(Planned::Unshare(DomainGrantee::parse(id).map_err(|error| bad_id("granteeId", &error))?))
        }
        (CredentialChangeKind::Transfer, None, Some(id)) => Ok(Planned::Transfer(an_owner("toOwnerId", id)?)),
        (CredentialChangeKind::Unshare, ..) => {
            Err(bad_input("granteeId", "goes with UNSHARE, and nothing else does"))
        }
        (CredentialChangeKind::Transfer, ..) => {
            Err(bad_input("toOwnerId", "goes with TRANSFER, and nothing else does"))
        }
        _ => Err(bad_input("change", "DELETE and ROTATE need neither granteeId nor toOwnerId")),
    }
}

/// What a change would touch.
pub struct CredentialChangePreview {
    preview: Preview,
    current: u32,
}

#[Object]
impl CredentialChangePreview {
    /// Why it would be refused as it is, such as `CREDENTIAL_IN_USE`; null when nothing known speaks against it.
    async fn refusal_reason(&self) -> Option<&str> {
        self.preview.refusal.as_ref().map(|(reason, _)| *reason)
    }

    /// The same for a person, with what to do.
    async fn refusal_message(&self) -> Option<&str> {
        self.preview.refusal.as_ref().map(|(_, message)| message.as_str())
    }

    /// Connections and flows that use it and would be touched, as far as the viewer may see them.
    #[graphql(complexity = "3 * child_complexity + 1")]
    async fn usages(&self) -> Vec<TouchedUsage> {
        let touched = |seen: &SeenUsage| TouchedUsage {
            id: seen.usage.id.clone().into(),
            kind: seen.usage.kind.into(),
            name: seen.name.clone(),
            active: seen.usage.active,
        };
        self.preview.usages.seen.iter().map(touched).collect()
    }

    /// The number of connections and flows that use it and that the viewer may not see.
    async fn hidden_usage_count(&self) -> u32 {
        self.preview.usages.hidden
    }

    /// Whose access would change, each with the highest level that he has and would have.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn access_changes(&self) -> Vec<AccessChange> {
        self.preview.access.iter().copied().map(AccessChange).collect()
    }

    /// Who leases it and would get another version, or nothing.
    #[graphql(complexity = "3 * child_complexity + 1")]
    async fn consumers(&self) -> Vec<LeaseConsumer> {
        let consumer = |row| LeaseConsumer { row, current: self.current };
        self.preview.consumers.iter().cloned().map(consumer).collect()
    }

    /// Webhook endpoints that would be told, as far as the viewer may see them.
    #[graphql(complexity = "3 * child_complexity + 1")]
    async fn webhook_endpoints(&self) -> Vec<ToldEndpoint> {
        let told = |row: &WebhookEndpointRow| ToldEndpoint {
            id: row.id.to_string().into(),
            description: row.settings.description.clone(),
            url: row.target.visible(),
        };
        self.preview.endpoints.iter().map(told).collect()
    }

    /// The number of the endpoints that would be told and that the viewer may not see.
    async fn hidden_webhook_endpoint_count(&self) -> u32 {
        self.preview.hidden_endpoints
    }
}

/// A connection or flow, in short: `node` has all of it.
#[derive(SimpleObject)]
pub struct TouchedUsage {
    /// Its id.
    pub id: ID,
    /// What it is.
    pub kind: UsageKind,
    /// Its name.
    pub name: String,
    /// It runs right now.
    pub active: bool,
}

/// A webhook endpoint, in short: `webhookEndpoints` has all of it.
#[derive(SimpleObject)]
pub struct ToldEndpoint {
    /// Its id.
    pub id: ID,
    /// What it is for.
    pub description: Option<String>,
    /// Its address without what may be secret in it.
    pub url: String,
}

/// What somebody could do before, and could do after.
pub struct AccessChange(Change);

#[Object]
impl AccessChange {
    /// Who.
    async fn grantee(&self, ctx: &Context<'_>) -> Result<Option<Grantee>> {
        Grantee::load(ctx, self.0.who, AsOf::Now).await
    }

    /// The highest level that he has now; null: none.
    async fn before(&self) -> Option<Level> {
        self.0.before.map(Into::into)
    }

    /// The highest level that he would have; null: none.
    async fn after(&self) -> Option<Level> {
        self.0.after.map(Into::into)
    }
}

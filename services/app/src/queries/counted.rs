//! How long a list is over all its pages: counted only when asked for, over what the caller may
//! see.

use keytrail_domain::{CredentialId, Timestamp, WebhookEndpointId};
use keytrail_ports::{
    Action, Object,
    views::{AlertFilter, ConnectionFilter, CredentialFilter, EventFilter, FlowFilter},
};

use super::events::{exposing, of_credential};
use crate::{App, AppError, AsOf, Call};

/// A list, with everything that it was asked with but its page.
#[derive(Clone, Debug)]
pub enum Counted {
    /// Credentials.
    Credentials(CredentialFilter),
    /// Who can use a credential, or could at a moment.
    Access(CredentialId, Option<Timestamp>),
    /// What happened to a credential.
    History(CredentialId, AsOf),
    /// What happened with a credential since a moment.
    Exposure(CredentialId, Timestamp),
    /// Checks of a credential.
    Verifications(CredentialId, AsOf),
    /// Leases of a credential.
    Leases(CredentialId, AsOf),
    /// Alerts of a credential.
    AlertsOf(CredentialId, AsOf),
    /// Alerts.
    Alerts(AlertFilter),
    /// What happened in the tenant.
    AuditLog(EventFilter),
    /// Present members.
    Members,
    /// Present teams.
    Teams,
    /// Environments.
    Environments,
    /// Service accounts.
    ServiceAccounts,
    /// OAuth clients.
    OAuthClients,
    /// Components.
    Components,
    /// Credentials that are offered.
    TransferOffers,
    /// Webhook endpoints.
    WebhookEndpoints,
    /// What was to arrive at one.
    WebhookDeliveries(WebhookEndpointId),
    /// Connections.
    Connections(ConnectionFilter),
    /// Flows.
    Flows(FlowFilter),
}

impl App {
    /// How many things a list has.
    ///
    /// # Errors
    /// As the list.
    pub async fn count(&self, call: &Call, list: Counted) -> Result<u64, AppError> {
        let (tenant, views) = (call.principal.tenant, &self.ports().views);
        match list {
            Counted::Credentials(filter) => self.count_credentials(call, filter).await,
            Counted::Access(id, moment) => Ok(self.access_at(call, id, moment).await?.1.len() as u64),
            Counted::History(id, as_of) => {
                self.authorize(call, Action::View, Object::Credential(id)).await?;
                Ok(views.count_events(tenant, of_credential(tenant, id, as_of)).await?)
            }
            Counted::Exposure(id, since) => {
                self.authorize(call, Action::ReviewAccess, Object::Credential(id)).await?;
                Ok(views.count_events(tenant, exposing(id, since)).await?)
            }
            Counted::Verifications(id, as_of) => {
                self.authorize(call, Action::View, Object::Credential(id)).await?;
                self.count_verifications(tenant, id, as_of.until()).await
            }
            Counted::Leases(id, as_of) => self.count_leases(call, id, as_of).await,
            Counted::AlertsOf(id, as_of) => self.count_alerts_of(call, id, as_of).await,
            Counted::Alerts(filter) => self.count_alerts(call, filter).await,
            Counted::AuditLog(filter) => {
                self.authorize(call, Action::View, Object::AuditLog).await?;
                Ok(views.count_events(tenant, filter).await?)
            }
            Counted::Members => {
                self.authorize(call, Action::View, Object::Member(None)).await?;
                Ok(views.count_members(tenant).await?)
            }
            Counted::Teams => {
                self.authorize(call, Action::View, Object::Team(None)).await?;
                Ok(views.count_teams(tenant).await?)
            }
            Counted::ServiceAccounts => Ok(self.all_service_accounts(call).await?.len() as u64),
            Counted::OAuthClients => Ok(self.all_oauth_clients(call).await?.len() as u64),
            Counted::Environments => Ok(self.environments_in_sight(call).await?.len() as u64),
            Counted::TransferOffers => Ok(self.offers_in_sight(call).await?.len() as u64),
            Counted::WebhookEndpoints => Ok(self.endpoints_in_sight(call).await?.len() as u64),
            Counted::WebhookDeliveries(id) => self.count_deliveries(call, id).await,
            Counted::Connections(filter) => {
                let states = self.connection_states(call, filter).await?;
                Ok(states.into_iter().map(|(_, count)| count).sum())
            }
            Counted::Flows(filter) => self.count_flows(call, filter).await,
            Counted::Components => Ok(self.all_components(call).await?.len() as u64),
        }
    }

    async fn count_alerts_of(&self, call: &Call, id: CredentialId, as_of: AsOf) -> Result<u64, AppError> {
        match as_of.position() {
            Some(upto) => Ok(self.alerts_at(call, id, upto).await?.len() as u64),
            None => {
                let filter = AlertFilter { credential: Some(id), ..AlertFilter::default() };
                self.count_alerts(call, filter).await
            }
        }
    }

    /// How many alerts the caller may see.
    pub(super) async fn count_alerts(&self, call: &Call, filter: AlertFilter) -> Result<u64, AppError> {
        let filter = self.in_sight(call, filter).await?;
        Ok(self.ports().views.count_alerts(call.principal.tenant, filter).await?)
    }
}

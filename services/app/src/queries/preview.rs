//! What a change of a credential would touch. Nothing is changed: the rules are asked as they would be, and what
//! people, programs and endpoints have now is held against what they would have.

use std::collections::BTreeMap;

use keytrail_domain::{
    Aggregate, CredentialId, Grantee, Level, Owner, Refusal, StreamId, Who,
    credential::{Credential, CredentialCommand as C, Offer, State},
    webhook::kind_of,
};
use keytrail_ports::{
    Action, Object,
    views::{ConsumerRow, CredentialRow, UsageRow, WebhookEndpointRow},
};

use super::{Access, Usages, Way};
use crate::{App, AppError, Call, commands::present, webhook::fits};

/// A change that is thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Delete it, without `detach`.
    Delete,
    /// Give it a new secret version.
    Rotate,
    /// Take a grant back.
    Unshare(Grantee),
    /// Let somebody else own it.
    Transfer(Owner),
}

/// What somebody could do before, and could do after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessChange {
    /// A member, a team, an environment or a service account.
    pub who: Grantee,
    /// The highest level that he has now; none: no access.
    pub before: Option<Level>,
    /// The highest level that he would have.
    pub after: Option<Level>,
}

/// What it would touch.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Why it would be refused now: stable name, and for a person.
    pub refusal: Option<(&'static str, String)>,
    /// Connections and flows that use it: as far as the caller may see them.
    pub usages: Usages,
    /// Whose access would change; for who may review access.
    pub access: Vec<AccessChange>,
    /// Who leases it and would have to do something: get the new version, or lose it.
    pub consumers: Vec<ConsumerRow>,
    /// Webhook endpoints that would be told, as far as the caller may see them.
    pub endpoints: Vec<WebhookEndpointRow>,
    /// The number of the others.
    pub hidden_endpoints: u32,
}

impl Planned {
    fn action(self) -> Action {
        match self {
            Self::Delete => Action::Delete,
            Self::Rotate => Action::Rotate,
            Self::Unshare(_) => Action::Share,
            Self::Transfer(_) => Action::Transfer,
        }
    }

    /// The event that tells of it.
    fn event(self) -> &'static str {
        match self {
            Self::Delete => "CredentialDeleted",
            Self::Rotate => "CredentialSecretRotated",
            Self::Unshare(_) => "CredentialShareRevoked",
            Self::Transfer(_) => "CredentialTransferred",
        }
    }

    fn refusal(self, state: &State, now: keytrail_domain::Timestamp) -> Option<Refusal> {
        let command = match self {
            // A rotation is refused for what is given, which is not known yet.
            Self::Rotate => return None,
            Self::Delete => C::Delete { now, restore_days: 0, detach: false },
            Self::Unshare(grantee) => C::RevokeShare { grantee },
            Self::Transfer(to) => C::OfferTransfer { offer: Offer { to, by_role_of: None }, note: None },
        };
        Credential::Live(Box::new(state.clone())).decide(&command).err()
    }
}

impl App {
    /// What a change would touch.
    ///
    /// # Errors
    /// `FORBIDDEN` for who may not make that change; `CREDENTIAL_DELETED`; bad input for what the rules do not know.
    pub async fn preview(
        &self,
        call: &Call,
        id: CredentialId,
        planned: Planned,
    ) -> Result<Preview, AppError> {
        self.authorize(call, planned.action(), Object::Credential(id)).await?;
        if let Planned::Transfer(to) = planned {
            self.known_grantee(call, to.into()).await?;
        }
        let tenant = call.principal.tenant;
        let credential: Credential = self.load(&StreamId::credential(tenant, id)).await?;
        let state = present(&credential)?;
        let refusal = match planned.refusal(state, self.now()) {
            Some(Refusal::Rule { reason, message, .. }) => Some((reason, message)),
            Some(other) => return Err(other.into()),
            None => None,
        };
        let rows = self.ports().views.credentials_by_id(tenant, &[id]).await?;
        let row = rows.first().ok_or(AppError::NotFound)?;
        let access = self.access_changes(call, id, planned).await?;
        let (endpoints, hidden_endpoints) = self.told_of(call, row, planned.event()).await?;
        Ok(Preview {
            refusal,
            usages: self.usages_touched(call, row, planned, &access).await?,
            consumers: self.consumers_touched(row, planned, &access).await?,
            access,
            endpoints,
            hidden_endpoints,
        })
    }

    async fn access_changes(
        &self,
        call: &Call,
        id: CredentialId,
        planned: Planned,
    ) -> Result<Vec<AccessChange>, AppError> {
        if planned == Planned::Rotate {
            return Ok(Vec::new());
        }
        let (_, ways) = self.access_at(call, id, None).await?;
        let gained = match planned {
            Planned::Transfer(to) => self.by_owning(call, to).await?,
            Planned::Delete | Planned::Rotate | Planned::Unshare(_) => Vec::new(),
        };
        let mut all: BTreeMap<Grantee, (Option<Level>, Option<Level>)> = BTreeMap::new();
        for way in &ways {
            let entry = all.entry(way.who).or_default();
            entry.0 = entry.0.max(Some(way.level));
            if !ends(way, planned) {
                entry.1 = entry.1.max(Some(way.level));
            }
        }
        for (who, level) in gained {
            let entry = all.entry(who).or_default();
            entry.1 = entry.1.max(Some(level));
        }
        let changed = all.into_iter().filter(|(_, (before, after))| before != after);
        Ok(changed.map(|(who, (before, after))| AccessChange { who, before, after }).collect())
    }

    /// The new owner, and the members of a team.
    async fn by_owning(&self, call: &Call, owner: Owner) -> Result<Vec<(Grantee, Level)>, AppError> {
        Ok(match owner {
            Owner::Member(_) => vec![(owner.into(), Level::OF_OWNER)],
            Owner::Team(team) => {
                let members = self.ports().views.team_members(call.principal.tenant, team, None).await?;
                let of = |known: &keytrail_ports::views::TeamMemberRow| {
                    (Grantee::Member(known.member), Level::of_owning_team(known.lead))
                };
                let team = (Grantee::Team(team), Level::of_owning_team(false));
                std::iter::once(team).chain(members.iter().map(of)).collect()
            }
        })
    }

    /// All of them for a deletion or a rotation; else those that belong to who loses the use.
    async fn usages_touched(
        &self,
        call: &Call,
        row: &CredentialRow,
        planned: Planned,
        access: &[AccessChange],
    ) -> Result<Usages, AppError> {
        let all = self.usages(call, &row.usages).await?;
        if matches!(planned, Planned::Delete | Planned::Rotate) {
            return Ok(all);
        }
        let mut touched = Usages::default();
        for seen in all.seen {
            if self.usage_owner(call, &seen.usage).await?.is_some_and(|owner| loses_use(access, owner.into()))
            {
                touched.seen.push(seen);
            }
        }
        // Whose the others are, the caller may not know.
        touched.hidden = all.hidden;
        Ok(touched)
    }

    async fn usage_owner(&self, call: &Call, usage: &UsageRow) -> Result<Option<Owner>, AppError> {
        use keytrail_domain::{ConnectionId, FlowId, credential::UsageKind};
        Ok(match (usage.kind, ConnectionId::parse(&usage.id), FlowId::parse(&usage.id)) {
            (UsageKind::Connection, Ok(id), _) => self.connection(call, id).await?.map(|row| row.owner),
            (UsageKind::Flow, _, Ok(id)) => self.flow(call, id).await?.map(|row| row.owner),
            _ => None,
        })
    }

    async fn consumers_touched(
        &self,
        row: &CredentialRow,
        planned: Planned,
        access: &[AccessChange],
    ) -> Result<Vec<ConsumerRow>, AppError> {
        let most = crate::credential_lease::MOST_CONSUMERS;
        let mut touched = Vec::new();
        for consumer in self.ports().views.consumers(row.tenant, row.id, most).await? {
            let whole = matches!(planned, Planned::Delete | Planned::Rotate);
            let is_touched = match &consumer.consumer.who {
                Who::Member(member) => whole || loses_use(access, Grantee::Member(*member)),
                Who::ServiceAccount(account) => whole || loses_use(access, Grantee::ServiceAccount(*account)),
                Who::System(_) => false,
            };
            if is_touched && self.may_lease_still(row.tenant, row.id, &consumer.consumer).await? {
                touched.push(consumer);
            }
        }
        Ok(touched)
    }

    /// Endpoints whose filters let the event through.
    async fn told_of(
        &self,
        call: &Call,
        row: &CredentialRow,
        event: &str,
    ) -> Result<(Vec<WebhookEndpointRow>, u32), AppError> {
        let kind = kind_of(event).unwrap_or_default();
        let (mut seen, mut hidden) = (Vec::new(), 0);
        for endpoint in self.ports().views.webhook_endpoints(row.tenant).await? {
            let components = &endpoint.settings.components;
            let of_component = components.is_empty() || components.contains(&row.component.slug);
            let in_sight = match endpoint.team {
                Some(team) => self.team_may_view(row, team).await?,
                None => true,
            };
            if !(of_component && in_sight && fits(&endpoint, &kind)) {
                continue;
            }
            match self.may_view_endpoint(call, &endpoint).await? {
                true => seen.push(endpoint),
                false => hidden += 1,
            }
        }
        Ok((seen, hidden))
    }
}

/// True for a way to the credential that would be no more.
fn ends(way: &Access, planned: Planned) -> bool {
    match planned {
        Planned::Delete => true,
        Planned::Rotate => false,
        Planned::Transfer(_) => matches!(way.way, Way::Owner | Way::OwningTeam(_)),
        Planned::Unshare(grantee) => match way.way {
            Way::Grant => way.who == grantee,
            Way::GrantedTeam(team) => Grantee::Team(team) == grantee,
            Way::Environment(environment) => Grantee::Environment(environment) == grantee,
            Way::Owner | Way::OwningTeam(_) | Way::Role(_) => false,
        },
    }
}

fn loses_use(access: &[AccessChange], who: Grantee) -> bool {
    let lost = |change: &&AccessChange| {
        change.who == who && change.before >= Some(Level::Use) && change.after < Some(Level::Use)
    };
    access.iter().any(|change| lost(&change))
}

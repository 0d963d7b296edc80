//! Tenants.

use keytrail_domain::{
    MemberId, Principal, Role, Scopes, SecretId, SecretRef, StreamId, TenantId,
    tenant::{AddMember, CreateTenant, Tenant, TenantCommand},
};
use keytrail_ports::{Action, Object};
use uuid::Uuid;

use crate::{
    App, AppError, Call, Done, Mutation, Profile, TenantUpdate,
    execute::Execution,
    idempotency::{About, Admission},
    keys,
};

/// A tenant that an operator makes.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// Short name: 1 to 63 of a-z, 0-9 and dash, beginning with a letter.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// Who the first owner is at his issuer.
    pub owner_subject: String,
    /// His issuer; none: this server's own.
    pub owner_issuer: Option<String>,
    /// His name and e-mail.
    pub owner_profile: Option<Profile>,
}

impl App {
    /// Makes a tenant with its first owner and its keys. For operators only: no caller from outside
    /// reaches this.
    ///
    /// # Errors
    /// `CONFLICT` when it exists; bad input for a slug that is none.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<(TenantId, MemberId), AppError> {
        let tenant = TenantId::of_slug(&new.slug);
        let member = MemberId::from_uuid(self.fresh_id());
        let call = operator(tenant, self.fresh_id());
        let profile = self.sealed_profile(tenant, member, new.owner_profile)?;
        let command = TenantCommand::Create(CreateTenant {
            tenant,
            slug: new.slug,
            name: new.name,
            keys: SecretRef { tenant, owner: tenant.as_uuid(), secret: SecretId::from_uuid(self.fresh_id()) },
            key_payload: keys::new_root()?,
            owner: AddMember {
                by: None,
                member,
                issuer: new.owner_issuer.unwrap_or_else(|| self.0.options.default_issuer.clone()),
                subject: new.owner_subject,
                role: Role::Owner,
                profile,
            },
        });
        let execution = Execution {
            call: &call,
            stream: StreamId::tenant(tenant),
            expected_revision: None,
            idempotency: None,
            cause: None,
            fresh: true,
            from: 0,
        };
        match self.execute::<Tenant>(execution, |_| Ok(command.clone())).await {
            Ok(_) => {}
            Err(AppError::Conflict { .. }) => {
                return Err(AppError::conflict("a tenant of this name exists already"));
            }
            Err(error) => return Err(error),
        }
        if let Err(error) = self.record_policy_of(tenant).await {
            // The tenant is there; the next start records what is missing.
            tracing::warn!(tenant.id = %tenant, error = &error as &dyn std::error::Error, "policy not recorded");
        }
        Ok((tenant, member))
    }

    /// Changes the tenant's settings.
    ///
    /// # Errors
    /// Bad input with paths.
    pub async fn update_tenant(
        &self,
        call: &Call,
        mutation: Mutation,
        update: TenantUpdate,
    ) -> Result<Done<TenantId>, AppError> {
        self.authorize(call, Action::Update, Object::Tenant).await?;
        let tenant = call.principal.tenant;
        let stream = StreamId::tenant(tenant);
        let ticket = match self.admit(call, &mutation, About::Stream(stream.clone())).await? {
            Admission::Done(done) => return Ok(done.map(|_| tenant)),
            Admission::Do(ticket) => ticket,
        };
        let TenantUpdate { name, restore_days, expiry_days, reconnect, expected_revision: expected } = update;
        let command = TenantCommand::ChangeSettings { name, restore_days, expiry_days, reconnect };
        let execution = Execution::of(call, stream, &ticket).at(expected);
        let done = self.execute::<Tenant>(execution, |_| Ok(command.clone())).await?;
        Ok(done.map(|()| tenant))
    }
}

/// An operator's call.
pub(super) fn operator(tenant: TenantId, correlation: Uuid) -> Call {
    let actor = keytrail_domain::Actor::operator();
    Call { principal: Principal { tenant, actor, expires_at: None, scopes: Scopes::ALL }, correlation }
}

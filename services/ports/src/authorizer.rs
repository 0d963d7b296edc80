//! Who may do what.

use async_trait::async_trait;
use keytrail_domain::{
    CredentialId, EnvironmentId, Grantee, Level, MemberId, Owner, Position, Principal, Role,
    ServiceAccountId, TeamId, TenantId, Timestamp, TokenId,
};

/// What is to be done. The names are those of the policy files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it; the policy files explain each")]
pub enum Action {
    Create,
    View,
    Verify,
    Lease,
    Attach,
    Update,
    Rotate,
    Share,
    Suspend,
    Delete,
    Restore,
    Transfer,
    /// See who had access, and when.
    ReviewAccess,
    /// Change a team's members, or its leads.
    ChangeMembers,
    /// Change a member's role or remove him.
    ChangeRole,
    /// See and acknowledge alerts of a credential.
    Acknowledge,
}

/// What it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// The tenant's settings.
    Tenant,
    /// The audit log.
    AuditLog,
    /// Members; one of them, or (for `Create`) a new one.
    Member(Option<MemberId>),
    /// One team, or a new one.
    Team(Option<TeamId>),
    /// One credential.
    Credential(CredentialId),
    /// A credential that is to be made, for this owner.
    NewCredential(Owner),
    /// A component: built in, or the tenant's own.
    Component,
    /// One connection, by its owner (team or member).
    Connection(Owner),
    /// One flow, by its owner.
    Flow(Owner),
    /// One environment, by its team.
    Environment(Option<TeamId>),
    /// OAuth clients.
    OAuthClient,
    /// Service accounts and their tokens.
    ServiceAccount,
    /// A webhook endpoint of the tenant (none) or of a team.
    WebhookEndpoint(Option<TeamId>),
}

/// One thing of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub object: Object,
}

/// The answer no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The caller may not even know that it exists: answer `NOT_FOUND`.
    #[error("not found")]
    Hidden,
    /// The caller may see it but not do this: answer `FORBIDDEN`.
    #[error("not allowed")]
    Forbidden,
    /// The caller is no member or service account (any more), or his token was revoked: answer
    /// `UNAUTHENTICATED`.
    #[error("not a member of this tenant")]
    NotAMember,
    /// It cannot be decided now; never an allow.
    #[error("authorisation is not available")]
    Unavailable,
}

/// What lets somebody do something with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// This tenant role, or one that includes it.
    Role(Role),
    /// At least this level, from wherever.
    Level(Level),
    /// At least this level by a grant or an owner's right: what the role gives does not count.
    Granted(Level),
}

/// Which credentials a caller may list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the tenant.
    All,
    /// Those that one of these owns or has a grant for that is in force now.
    GrantedTo(Vec<Grantee>),
}

/// A change of who may do what, as events say it. The views keep it with from and until
/// positions; the authoriser folds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityChange {
    /// A member has a role now, or (none) is none any more.
    Role {
        /// The member.
        member: MemberId,
        /// His role.
        role: Option<Role>,
    },
    /// A member is in a team now (true: as lead), or (none) left it.
    Membership {
        /// The team.
        team: TeamId,
        /// The member.
        member: MemberId,
        /// Lead or not.
        lead: Option<bool>,
    },
    /// A team is gone with all its memberships.
    TeamGone {
        /// The team.
        team: TeamId,
    },
    /// A service account is there now, or (false) not any more, and with it its tokens.
    Account {
        /// The account.
        account: ServiceAccountId,
        /// There or not.
        present: bool,
    },
    /// A token of a service account is good now, until when; or (none) is not any more.
    ApiToken {
        /// The token.
        token: TokenId,
        /// Whose.
        account: ServiceAccountId,
        /// Until when, if it is good.
        until: Option<Option<Timestamp>>,
    },
    /// Somebody holds an environment now, until when; or (none) does not any more.
    Holding {
        /// The environment.
        environment: EnvironmentId,
        /// A member, a team or a service account.
        grantee: Grantee,
        /// Until when, if he holds it.
        until: Option<Option<Timestamp>>,
    },
    /// An environment is gone: nobody holds it.
    EnvironmentGone {
        /// The environment.
        environment: EnvironmentId,
    },
    /// A credential belongs to this owner now.
    Owned {
        /// The credential.
        credential: CredentialId,
        /// Its owner.
        owner: Owner,
    },
    /// A grant on a credential, or (none) its end.
    Granted {
        /// The credential.
        credential: CredentialId,
        /// Who holds it.
        grantee: Grantee,
        /// What it allows, and until when.
        level: Option<(Level, Option<Timestamp>)>,
    },
    /// A credential is gone for good with all its grants.
    CredentialGone {
        /// The credential.
        credential: CredentialId,
    },
}

/// What is in force for one tenant at one position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthoritySnapshot {
    /// Everything up to here is in it.
    pub position: Option<Position>,
    /// The changes that lead to it from nothing.
    pub changes: Vec<AuthorityChange>,
}

/// Where the authoriser loads a tenant from when it is first needed.
#[async_trait]
pub trait AuthoritySource: Send + Sync + 'static {
    /// What is in force now.
    ///
    /// # Errors
    /// The views cannot be read.
    async fn authority(&self, tenant: TenantId) -> Result<AuthoritySnapshot, super::views::ViewError>;
}

/// Decides, as of now, for (tenant, principal, resource, action).
///
/// Promises: another tenant's resource is always [`Denied::Hidden`]; a thing that the caller may
/// not view is [`Denied::Hidden`], whatever the action; a grant past its end does not count; a
/// change handed to `apply` counts from then on; an error inside is [`Denied::Unavailable`].
#[async_trait]
pub trait Authorizer: Send + Sync + 'static {
    /// Yes, or why not.
    ///
    /// # Errors
    /// [`Denied`].
    async fn authorize(&self, who: &Principal, action: Action, resource: Resource) -> Result<(), Denied>;

    /// Everything that the caller may do to a resource, for `viewerPermissions`.
    ///
    /// # Errors
    /// [`Denied::Unavailable`].
    async fn permissions(&self, who: &Principal, resource: Resource) -> Result<Vec<Action>, Denied>;

    /// The list filter. It agrees with `authorize(View)` on every credential.
    ///
    /// # Errors
    /// [`Denied`].
    async fn scope(&self, who: &Principal) -> Result<Scope, Denied>;

    /// The caller's role; none for a service account or Keytrail itself.
    ///
    /// # Errors
    /// [`Denied::NotAMember`].
    async fn role(&self, who: &Principal) -> Result<Option<Role>, Denied>;

    /// The teams that the caller is in, and whether he leads them.
    ///
    /// # Errors
    /// [`Denied`].
    async fn teams(&self, who: &Principal) -> Result<Vec<(TeamId, bool)>, Denied>;

    /// The environments that the caller holds now, by himself or through a team. `scope` has them among
    /// its grantees.
    ///
    /// # Errors
    /// [`Denied`].
    async fn environments(&self, who: &Principal) -> Result<Vec<EnvironmentId>, Denied>;

    /// What lets somebody do this with a credential: any of it is enough, nothing else is. It agrees
    /// with `authorize`, for callers who must hold what was decided against newer facts.
    fn enough(&self, action: Action) -> Vec<Enough>;

    /// Changes of a tenant up to a position, in log order.
    fn apply(&self, tenant: TenantId, position: Position, changes: &[AuthorityChange]);

    /// Forgets everything that is loaded: the views were rebuilt.
    fn reset(&self);
}

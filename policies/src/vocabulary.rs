//! The words of the policy files: kinds of object, roles, actions.

use keytrail_domain::{Level, Role};
use keytrail_ports::{Action, Enough};

macro_rules! words {
    ($(#[$doc:meta])* pub(crate) enum $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum $name {
            $($(#[$case_doc])* $case,)*
        }

        impl $name {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The word in the policy files.
            pub(crate) const fn word(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)*
                }
            }

            /// What a word means, if it is one.
            pub(crate) fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$case),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// A kind of object.
    pub(crate) enum Kind {
        /// The tenant's settings.
        Tenant = "tenant",
        /// The audit log.
        AuditLog = "audit-log",
        /// Members.
        Member = "member",
        /// Teams.
        Team = "team",
        /// Credentials that exist.
        Credential = "credential",
        /// Credentials that are to be made.
        NewCredential = "new-credential",
        /// Components.
        Component = "component",
        /// Connections.
        Connection = "connection",
        /// Flows.
        Flow = "flow",
        /// Environments.
        Environment = "environment",
        /// OAuth clients.
        OAuthClient = "oauth-client",
        /// Service accounts and their tokens.
        ServiceAccount = "service-account",
        /// Webhook endpoints.
        WebhookEndpoint = "webhook-endpoint",
    }
}

words! {
    /// What a caller can be to an object. `roles.csv` explains each.
    pub(crate) enum Standing {
        Owner = "OWNER",
        Admin = "ADMIN",
        Member = "MEMBER",
        Auditor = "AUDITOR",
        Lead = "LEAD",
        Team = "TEAM",
        Maker = "MAKER",
        View = "VIEW",
        Use = "USE",
        Edit = "EDIT",
        Manage = "MANAGE",
        Holder = "HOLDER",
    }
}

/// What a [`Standing`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// This tenant role, or one that includes it.
    Role(Role),
    /// Leading the object's team.
    Lead,
    /// Being in the object's team, or its owner.
    Team,
    /// Being one who makes things for the object's owner.
    Maker,
    /// At least this level on the credential, from wherever.
    Level(Level),
    /// At least this level on the credential, the tenant role not counted.
    Granted(Level),
}

impl Needs {
    /// The same in the port's words; none for what nobody can be to a credential.
    pub(crate) const fn enough(self) -> Option<Enough> {
        match self {
            Self::Role(role) => Some(Enough::Role(role)),
            Self::Level(level) => Some(Enough::Level(level)),
            Self::Granted(level) => Some(Enough::Granted(level)),
            Self::Lead | Self::Team | Self::Maker => None,
        }
    }
}

impl Standing {
    pub(crate) const fn needs(self) -> Needs {
        match self {
            Self::Owner => Needs::Role(Role::Owner),
            Self::Admin => Needs::Role(Role::Admin),
            Self::Member => Needs::Role(Role::Member),
            Self::Auditor => Needs::Role(Role::Auditor),
            Self::Lead => Needs::Lead,
            Self::Team => Needs::Team,
            Self::Maker => Needs::Maker,
            Self::View => Needs::Level(Level::View),
            Self::Use => Needs::Level(Level::Use),
            Self::Edit => Needs::Level(Level::Edit),
            Self::Manage => Needs::Level(Level::Manage),
            Self::Holder => Needs::Granted(Level::Use),
        }
    }

    /// Whether somebody can have it on an object of this kind. On a credential only what implies
    /// the level `VIEW` is possible: what a caller may not view, he may not touch.
    pub(crate) fn fits(self, kind: Kind) -> bool {
        let of_a_team = matches!(
            kind,
            Kind::Team
                | Kind::NewCredential
                | Kind::Connection
                | Kind::Flow
                | Kind::Environment
                | Kind::WebhookEndpoint
        );
        match self.needs() {
            Needs::Role(role) => kind != Kind::Credential || role != Role::Member,
            Needs::Lead | Needs::Team | Needs::Maker => of_a_team,
            Needs::Level(_) | Needs::Granted(_) => kind == Kind::Credential,
        }
    }
}

/// Every action, in the order of the port.
pub(crate) const ACTIONS: [Action; 16] = [
    Action::Create,
    Action::View,
    Action::Verify,
    Action::Lease,
    Action::Attach,
    Action::Update,
    Action::Rotate,
    Action::Share,
    Action::Suspend,
    Action::Delete,
    Action::Restore,
    Action::Transfer,
    Action::ReviewAccess,
    Action::ChangeMembers,
    Action::ChangeRole,
    Action::Acknowledge,
];

/// What a word means, if it is an action.
pub(crate) fn action_of_word(word: &str) -> Option<Action> {
    ACTIONS.into_iter().find(|action| word_of_action(*action) == word)
}

/// The action's word in the policy files.
pub(crate) const fn word_of_action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::View => "view",
        Action::Verify => "verify",
        Action::Lease => "lease",
        Action::Attach => "attach",
        Action::Update => "update",
        Action::Rotate => "rotate",
        Action::Share => "share",
        Action::Suspend => "suspend",
        Action::Delete => "delete",
        Action::Restore => "restore",
        Action::Transfer => "transfer",
        Action::ReviewAccess => "review-access",
        Action::ChangeMembers => "change-members",
        Action::ChangeRole => "change-role",
        Action::Acknowledge => "acknowledge",
    }
}

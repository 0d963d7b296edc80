//! Leases: a token for a credential's secret, and who got one.

use std::collections::BTreeMap;

use async_graphql::{Context, ID, InputObject, Json, Object, Result, SimpleObject};
use keytrail_app::{IssuedLease as Issued, LeaseRow, NewLease};
use keytrail_domain::CredentialId;
use keytrail_ports::views::ConsumerRow;

use super::{Credential, inputs::credential_id, versions::number};
use crate::{
    context::{app, caller},
    error::{OrFail, bad_input},
    input::mutation,
    member::Actor,
    scalar::DateTime,
};

/// A wish for a credential's secret.
#[derive(InputObject, Clone)]
pub struct LeaseCredentialInput {
    /// The credential; the caller needs `USE` by a grant or because it is his, not by a tenant role alone.
    pub credential_id: ID,
    /// What for, in 1 to 200 characters: it is written down.
    pub purpose: String,
    /// How long the token may wait to be used: 1 to 300 seconds, 60 when not given.
    pub ttl_seconds: Option<i32>,
    /// Which secret version: the current one when not given, or an earlier one while its overlap lasts.
    pub version: Option<i32>,
    /// The same key and input lease once. The token is shown by the first answer alone.
    pub idempotency_key: Option<String>,
}

/// A lease with its token.
#[derive(SimpleObject)]
pub struct IssuedLease {
    /// Its id, `lea_…`.
    pub id: ID,
    /// A wrapping token, good once: exchange it at `unwrapUrl`.
    pub token: String,
    /// `POST` the token there, as `{"token": "…"}` or in the header `X-Vault-Token`; the secret fields are in the
    /// answer's `data.data`. It is the protocol of HashiCorp Vault and OpenBao.
    pub unwrap_url: String,
    /// Until when the token is good.
    pub expires_at: DateTime,
    /// Which secret version it is.
    pub version: u32,
    /// The only hosts that the secret may be sent to.
    pub allowed_hosts: Vec<String>,
    /// The fields of that version that are no secret, such as a user name or an address, by name.
    pub fields: Json<BTreeMap<String, serde_json::Value>>,
}

impl From<Issued> for IssuedLease {
    fn from(issued: Issued) -> Self {
        Self {
            id: issued.id.to_string().into(),
            token: issued.token.expose().to_owned(),
            unwrap_url: issued.unwrap_url,
            expires_at: issued.expires_at.into(),
            version: issued.version,
            allowed_hosts: issued.allowed_hosts,
            fields: Json(issued.fields),
        }
    }
}

/// The lease.
#[derive(SimpleObject)]
pub struct LeaseCredentialPayload {
    /// The lease with its token: shown this once. Null when it was shown already.
    pub lease: Option<IssuedLease>,
    /// The token was shown by an earlier answer to the same `idempotencyKey`.
    pub already_shown: bool,
    /// The credential.
    pub credential: Option<Credential>,
    /// Place in the log that shows the change: send it as `Keytrail-After` to read your write on any node.
    pub position: String,
    /// This node's answers show the change already.
    pub visible: bool,
    /// This is the answer of an earlier mutation with the same `idempotencyKey`.
    pub replayed: bool,
}

/// Leases of credentials.
#[derive(Default)]
pub struct LeaseMutation;

#[Object]
impl LeaseMutation {
    /// Get a single-use token for a credential's secret. Every lease is written down: who, which version, what
    /// for, until when. The token is dead when the right to the credential is lost before it is used.
    async fn lease_credential(
        &self,
        ctx: &Context<'_>,
        input: LeaseCredentialInput,
    ) -> Result<LeaseCredentialPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("leaseCredential", input.idempotency_key.clone(), &input);
        let id = credential_id(&input.credential_id)?;
        let seconds = input.ttl_seconds.map(u32::try_from).transpose();
        let wish = NewLease {
            id,
            purpose: input.purpose,
            version: input.version.map(|version| number("input.version", version)).transpose()?,
            ttl_seconds: seconds.map_err(|_| bad_input("input.ttlSeconds", "must lie between 1 and 300"))?,
        };
        let done = app(ctx)?.lease_credential(&call, mutation, wish).await.or_fail(ctx)?;
        Ok(LeaseCredentialPayload {
            already_shown: done.value.is_none(),
            lease: done.value.map(Into::into),
            credential: credential(ctx, id).await?,
            position: done.position,
            visible: done.visible,
            replayed: done.replayed,
        })
    }
}

/// As it stands after the lease: not what the request's loader may have seen before.
async fn credential(ctx: &Context<'_>, id: CredentialId) -> Result<Option<Credential>> {
    let call = caller(ctx).await?;
    Ok(app(ctx)?.credential(&call, id).await.or_fail(ctx)?.map(Credential::now))
}

/// A lease as it was written down.
pub struct Lease(pub LeaseRow);

#[Object]
impl Lease {
    /// Its id, `lea_…`.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Who leased.
    async fn consumer(&self) -> Actor {
        Actor(self.0.consumer.clone())
    }

    /// Which secret version.
    async fn version(&self) -> u32 {
        self.0.version
    }

    /// What for.
    async fn purpose(&self) -> &str {
        &self.0.purpose
    }

    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Until when its token could be used.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }
}

/// Somebody who leases a credential.
pub struct LeaseConsumer {
    pub(super) row: ConsumerRow,
    pub(super) current: u32,
}

#[Object]
impl LeaseConsumer {
    /// Who.
    async fn consumer(&self) -> Actor {
        Actor(self.row.consumer.clone())
    }

    /// When he leased last.
    async fn last_leased_at(&self) -> DateTime {
        self.row.last_leased_at.into()
    }

    /// The secret version that he got then.
    async fn version(&self) -> u32 {
        self.row.version
    }

    /// That is the version that counts now; else he is still on an old one.
    async fn is_current(&self) -> bool {
        self.row.version == self.current
    }

    /// What he wanted it for then.
    async fn purpose(&self) -> &str {
        &self.row.purpose
    }

    /// How often he leased it in all.
    async fn count(&self) -> u64 {
        self.row.leases
    }
}

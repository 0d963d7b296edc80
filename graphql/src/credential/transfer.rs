//! Credentials on their way to another owner.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use keytrail_app::{AsOf, Counted, NewOffer};
use keytrail_ports::views::{CredentialRow, OfferRow};

use super::{Credential, Owner, inputs::credential_id, mutation::read, query::an_owner};
use crate::{
    context::{app, caller},
    error::OrFail,
    input::{mutation, revision},
    member::Actor,
    page::{Paged, Window, connection, cost},
    payload::payload,
    scalar::DateTime,
};

/// A wish to give a credential away.
#[derive(InputObject, Clone)]
pub struct OfferTransferInput {
    /// The credential; the caller needs `MANAGE`.
    pub credential_id: ID,
    /// The member or team that is to own it.
    pub to_owner_id: ID,
    /// What the receiving side is told, in one line of at most 1000 bytes.
    pub note: Option<String>,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// An offer that is taken.
#[derive(InputObject, Clone)]
pub struct AcceptTransferInput {
    /// The credential that is offered to the caller, or to a team that he may make credentials for.
    pub credential_id: ID,
    /// Another name for it, when the new owner has one of its name already.
    pub name: Option<String>,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// An offer that is not taken.
#[derive(InputObject, Clone)]
pub struct DeclineTransferInput {
    /// The credential that is offered to the caller, or to a team that he may make credentials for.
    pub credential_id: ID,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

/// An offer that is taken back.
#[derive(InputObject, Clone)]
pub struct CancelTransferInput {
    /// The credential; the caller needs `MANAGE`.
    pub credential_id: ID,
    /// Only when the credential is at this revision.
    pub expected_revision: Option<i64>,
    /// The same key and input answer the same again, for a day.
    pub idempotency_key: Option<String>,
}

payload! {
    /// The credential with its offer.
    OfferTransferPayload {
        /// The credential as it is now.
        credential: Credential
    }
}
payload! {
    /// The credential with its new owner.
    AcceptTransferPayload {
        /// The credential as it is now.
        credential: Credential
    }
}
payload! {
    /// The credential that was declined.
    DeclineTransferPayload {
        /// Its id: the caller may not be allowed to see it.
        credential_id: ID
    }
}
payload! {
    /// The credential without the offer.
    CancelTransferPayload {
        /// The credential as it is now.
        credential: Credential
    }
}

/// Changes of owners.
#[derive(Default)]
pub struct TransferMutation;

#[Object]
impl TransferMutation {
    /// Offer a credential to a member or a team. It stays where it is until somebody of the receiving side accepts.
    async fn offer_transfer(
        &self,
        ctx: &Context<'_>,
        input: OfferTransferInput,
    ) -> Result<OfferTransferPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("offerTransfer", input.idempotency_key.clone(), &input);
        let wish = NewOffer {
            id: credential_id(&input.credential_id)?,
            to: an_owner("input.toOwnerId", &input.to_owner_id)?,
            note: input.note,
            expected_revision: revision(input.expected_revision)?,
        };
        let done = app(ctx)?.offer_transfer(&call, mutation, wish).await.or_fail(ctx)?;
        Ok(OfferTransferPayload::new(&done, read(ctx, done.value).await?))
    }

    /// Take a credential that is offered: it is the receiver's from then on. Its grants stay; its owner before has
    /// what he was granted.
    async fn accept_transfer(
        &self,
        ctx: &Context<'_>,
        input: AcceptTransferInput,
    ) -> Result<AcceptTransferPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("acceptTransfer", input.idempotency_key.clone(), &input);
        let which = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.accept_transfer(&call, mutation, which, input.name).await.or_fail(ctx)?;
        Ok(AcceptTransferPayload::new(&done, read(ctx, done.value).await?))
    }

    /// Do not take a credential that is offered.
    async fn decline_transfer(
        &self,
        ctx: &Context<'_>,
        input: DeclineTransferInput,
    ) -> Result<DeclineTransferPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("declineTransfer", input.idempotency_key.clone(), &input);
        let which = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.decline_transfer(&call, mutation, which).await.or_fail(ctx)?;
        Ok(DeclineTransferPayload::new(&done, Some(done.value.to_string().into())))
    }

    /// Take an offer back.
    async fn cancel_transfer(
        &self,
        ctx: &Context<'_>,
        input: CancelTransferInput,
    ) -> Result<CancelTransferPayload> {
        let call = caller(ctx).await?;
        let mutation = mutation("cancelTransfer", input.idempotency_key.clone(), &input);
        let (id, expected) = (credential_id(&input.credential_id)?, revision(input.expected_revision)?);
        let done = app(ctx)?.cancel_transfer(&call, mutation, id, expected).await.or_fail(ctx)?;
        Ok(CancelTransferPayload::new(&done, read(ctx, id).await?))
    }
}

/// Questions about offers.
#[derive(Default)]
pub struct TransferQuery;

#[Object]
impl TransferQuery {
    /// Credentials that are offered to the viewer, to a team that he may make credentials for, or by who may
    /// transfer them as he may.
    #[graphql(complexity = "cost(first, last) * child_complexity + 1")]
    async fn transfer_offers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 1000; 50 when not given")] first: Option<i32>,
        #[graphql(desc = "After this cursor")] after: Option<String>,
        #[graphql(desc = "The last so many")] last: Option<i32>,
        #[graphql(desc = "Before this cursor")] before: Option<String>,
    ) -> Result<Paged<TransferOffer>> {
        let call = caller(ctx).await?;
        let page = Window { first, after, last, before }.args()?;
        let listed = app(ctx)?.transfer_offers(&call, page).await.or_fail(ctx)?;
        Ok(connection(listed, TransferOffer, Counted::TransferOffers))
    }
}

/// A credential on its way to another owner.
pub struct TransferOffer(pub(super) Arc<CredentialRow>);

impl TransferOffer {
    fn offer(&self) -> Option<&OfferRow> {
        self.0.offer.as_ref()
    }
}

#[Object]
impl TransferOffer {
    /// The credential's id.
    async fn credential_id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The credential's name.
    async fn credential_name(&self) -> &str {
        &self.0.name
    }

    /// Slug of the component that it is for.
    async fn component(&self) -> &str {
        &self.0.component.slug
    }

    /// The credential; null while the viewer may not see it.
    async fn credential(&self, ctx: &Context<'_>) -> Result<Option<Credential>> {
        Credential::load(ctx, self.0.id, AsOf::Now).await
    }

    /// Who owns it now.
    async fn from(&self, ctx: &Context<'_>) -> Result<Option<Owner>> {
        Owner::load(ctx, self.0.owner, AsOf::Now).await
    }

    /// Who is to own it.
    async fn to(&self, ctx: &Context<'_>) -> Result<Option<Owner>> {
        match self.offer() {
            Some(offer) => Owner::load(ctx, offer.to, AsOf::Now).await,
            None => Ok(None),
        }
    }

    /// What the receiving side is told.
    async fn note(&self) -> Option<&str> {
        self.offer().and_then(|offer| offer.note.as_deref())
    }

    /// Who offered it.
    async fn offered_by(&self) -> Option<Actor> {
        self.offer().map(|offer| Actor(offer.by.clone()))
    }

    /// When.
    async fn offered_at(&self) -> Option<DateTime> {
        self.offer().map(|offer| offer.at.into())
    }
}

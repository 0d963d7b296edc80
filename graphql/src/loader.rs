//! Loaders: one read per kind for all of a list's members, teams and credentials. Made for each
//! request, because what may be seen depends on the caller.

use std::{any::TypeId, collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::{
    Request,
    dataloader::{DataLoader, Loader},
};
use keytrail_app::{App, AppError, Call};
use keytrail_domain::{CredentialId, MemberId, Principal, TeamId};
use keytrail_ports::views::{CredentialRow, MemberRow, TeamRow};

use crate::{context::must_read, request::RequestId};

/// Reads for one caller.
pub(crate) struct Reads {
    app: App,
    call: Call,
}

/// The loader of one request.
pub(crate) type Loading = DataLoader<Reads>;

/// Puts the loaders beside the request of a known caller.
pub(crate) fn with_loaders(request: Request, app: &App) -> Request {
    let Some(principal) = of_request::<Principal>(&request) else { return request };
    let correlation = of_request::<RequestId>(&request).map_or(uuid::Uuid::nil(), |id| id.0);
    let call = Call { principal: principal.clone(), correlation };
    request.data(DataLoader::new(Reads { app: app.clone(), call }, tokio::spawn))
}

fn of_request<T: 'static>(request: &Request) -> Option<&T> {
    request.data.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref())
}

fn found<K: Copy + Eq + Hash, V>(keys: &[K], values: Vec<Option<V>>) -> HashMap<K, V> {
    keys.iter().copied().zip(values).filter_map(|(key, value)| Some((key, value?))).collect()
}

impl Loader<MemberId> for Reads {
    type Value = MemberRow;
    type Error = Arc<AppError>;

    async fn load(&self, keys: &[MemberId]) -> Result<HashMap<MemberId, MemberRow>, Arc<AppError>> {
        Ok(found(keys, self.app.members_by_id(&self.call, keys).await?))
    }
}

impl Loader<TeamId> for Reads {
    type Value = TeamRow;
    type Error = Arc<AppError>;

    async fn load(&self, keys: &[TeamId]) -> Result<HashMap<TeamId, TeamRow>, Arc<AppError>> {
        Ok(found(keys, self.app.teams_by_id(&self.call, keys).await?))
    }
}

impl Loader<CredentialId> for Reads {
    type Value = Arc<CredentialRow>;
    type Error = Arc<AppError>;

    async fn load(
        &self,
        keys: &[CredentialId],
    ) -> Result<HashMap<CredentialId, Arc<CredentialRow>>, Arc<AppError>> {
        Ok(found(keys, self.app.credentials_by_id(&self.call, keys).await?))
    }
}

/// Loads one thing through the request's loader.
pub(crate) async fn load<K>(
    ctx: &async_graphql::Context<'_>,
    key: K,
) -> async_graphql::Result<Option<<Reads as Loader<K>>::Value>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Reads: Loader<K, Error = Arc<AppError>>,
{
    let Some(loading) = ctx.data_opt::<Loading>() else {
        return Err(crate::error::from_app(&AppError::Unauthenticated, uuid::Uuid::nil()));
    };
    must_read(ctx, &loading.loader().call)?;
    let request = crate::context::request_id(ctx);
    loading.load_one(key).await.map_err(|error| crate::error::from_app(&error, request))
}

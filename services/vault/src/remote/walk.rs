//! Finding all secrets: KV lists one folder at a time and tells times one path at a time.

use futures_util::{StreamExt, TryStreamExt, stream};
use keytrail_domain::{SecretId, SecretRef, TenantId, Timestamp};
use keytrail_ports::StoredSecret;
use tokio::time::timeout;
use uuid::Uuid;
use vaultrs::{api::kv2::responses::ReadSecretMetadataResponse, kv2};

use super::{ONLY_VERSION, fault::Fault, link::Link};
use crate::CALL_LIMIT;

/// Requests of a walk at once, so that others get their turn.
const AT_ONCE: usize = 8;

/// The tenants that have paths.
pub(super) async fn tenants(link: &Link, mount: &str) -> Result<Vec<TenantId>, Fault> {
    Ok(folders(link, mount, "").await?.into_iter().map(TenantId::from_uuid).collect())
}

/// The live secrets of a tenant.
pub(super) async fn secrets(link: &Link, mount: &str, tenant: TenantId) -> Result<Vec<StoredSecret>, Fault> {
    let owners = folders(link, mount, &tenant.as_uuid().to_string()).await?;
    stream::iter(owners)
        .map(|owner| places(link, mount, tenant, owner))
        .buffer_unordered(AT_ONCE)
        .map_ok(|places| stream::iter(places.into_iter().map(Ok)))
        .try_flatten()
        .map_ok(|at| stored(link, mount, at))
        .try_buffer_unordered(AT_ONCE)
        .try_filter_map(async |found| Ok(found))
        .try_collect()
        .await
}

/// Names that end in a slash and are UUIDs; whatever else lies there is not ours.
async fn folders(link: &Link, mount: &str, path: &str) -> Result<Vec<Uuid>, Fault> {
    let names = names(link, mount, path).await?;
    Ok(names.iter().filter_map(|name| Uuid::try_parse(name.strip_suffix('/')?).ok()).collect())
}

/// The paths of one owner, also those whose only version is gone.
pub(super) async fn places(
    link: &Link,
    mount: &str,
    tenant: TenantId,
    owner: Uuid,
) -> Result<Vec<SecretRef>, Fault> {
    let names = names(link, mount, &format!("{}/{owner}", tenant.as_uuid())).await?;
    let ids = names.iter().filter_map(|name| Uuid::try_parse(name).ok());
    Ok(ids.map(|id| SecretRef { tenant, owner, secret: SecretId::from_uuid(id) }).collect())
}

async fn names(link: &Link, mount: &str, path: &str) -> Result<Vec<String>, Fault> {
    let work = link.call(|session| async move { kv2::list(&session.client, mount, path).await });
    match bounded(work).await {
        Err(Fault::Missing) => Ok(Vec::new()),
        found => found,
    }
}

/// None when it is deleted or destroyed, or went away since it was listed.
async fn stored(link: &Link, mount: &str, at: SecretRef) -> Result<Option<StoredSecret>, Fault> {
    let path = &at.path();
    let work = link.call(|session| async move { kv2::read_metadata(&session.client, mount, path).await });
    match bounded(work).await {
        Ok(metadata) => Ok(written(&metadata)?.map(|written| StoredSecret { at, written })),
        Err(Fault::Missing) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn written(metadata: &ReadSecretMetadataResponse) -> Result<Option<Timestamp>, Fault> {
    let Some(version) = metadata.versions.get(&ONLY_VERSION.to_string()) else { return Ok(None) };
    if version.destroyed || !version.deletion_time.is_empty() {
        return Ok(None);
    }
    Timestamp::parse(&version.created_time).map(Some).map_err(|_| Fault::Unreadable)
}

async fn bounded<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(CALL_LIMIT, work).await.unwrap_or(Err(Fault::Silent))
}

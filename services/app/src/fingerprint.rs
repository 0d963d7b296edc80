//! Whether a secret is used elsewhere already, seen without reading any: each version leaves a note in the vault, at a
//! place that is its fingerprint, the HMAC of its values under a key of the tenant. Who stores the same secret finds the
//! notes of the others there. Notes are in no event and no answer, and are destroyed with their secrets.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use keytrail_domain::{
    CredentialId, Scope, SecretId, SecretPayload, SecretRef, SecretValue, SecretWrite, TenantId,
};
use keytrail_ports::{
    Action, Denied, Object, Resource, SecretError,
    views::{CredentialRow, VersionRow},
};

use crate::{App, AppError, Call};

/// The field of a note that names its credential. *Format*.
const CREDENTIAL: &str = "credential";
/// Notes of one secret that are looked at: the newest.
const MOST: usize = 100;
/// Notes that are read at once.
const AT_ONCE: usize = 8;

/// What whoever stored a secret should know. It speaks only of credentials that he may lease: of any other it would tell
/// him what their secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretWarning {
    /// The version before has the same secret: whoever knew that one knows this one.
    SameSecret,
    /// An earlier version of the credential had it.
    UsedBefore(u32),
    /// Other credentials have it: what happens to one happens to all.
    Duplicate(Vec<CredentialId>),
}

/// A note, and what others say.
pub(crate) struct Noted {
    pub(crate) note: Option<SecretWrite>,
    pub(crate) warnings: Vec<SecretWarning>,
    /// The credential itself had it, whether or not the caller may know.
    pub(crate) had_before: bool,
}

impl App {
    /// The note that a secret is to leave, and what is known of it already.
    pub(crate) async fn note_secret(
        &self,
        call: &Call,
        id: CredentialId,
        (at, payload): (SecretRef, &SecretPayload),
    ) -> Result<Noted, AppError> {
        if payload.is_empty() {
            return Ok(Noted { note: None, warnings: Vec::new(), had_before: false });
        }
        let owner = self.fingerprint_key(at.tenant).await?.of(payload);
        let credential = (CREDENTIAL.to_owned(), SecretValue::new(id.as_uuid().to_string()));
        let note = SecretWrite { at: SecretRef { owner, ..at }, payload: SecretPayload::new([credential]) };
        let holders = self.holders(note.at).await?;
        let had_before = holders.iter().any(|(row, _)| row.id == id);
        let warnings = self.known_of(call, id, holders).await?;
        Ok(Noted { note: Some(note), warnings, had_before })
    }

    /// Ends the note of a secret that is to be destroyed. Of what cannot be read there is none to be found.
    pub(crate) async fn forget_fingerprint(&self, secret: SecretRef) -> Result<(), AppError> {
        let payload = match self.ports().secrets.get(secret).await {
            Ok(payload) => payload,
            Err(SecretError::Missing | SecretError::Corrupt(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let owner = self.fingerprint_key(secret.tenant).await?.of(&payload);
        match self.ports().secrets.destroy(SecretRef { owner, ..secret }).await {
            // It tells nothing that can be read.
            Ok(()) | Err(SecretError::Missing | SecretError::Corrupt(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn known_of(
        &self,
        call: &Call,
        id: CredentialId,
        holders: Vec<(Arc<CredentialRow>, VersionRow)>,
    ) -> Result<Vec<SecretWarning>, AppError> {
        if call.must_have(Scope::of_mutation("leaseCredential")).is_err() {
            return Ok(Vec::new());
        }
        let (mut own, mut others) = (None, Vec::new());
        for (row, version) in holders {
            if !self.may_lease(call, row.id).await? {
                continue;
            }
            if row.id == id {
                own = own.max(Some((version.number == row.current_version(), version.number)));
            } else if version.is_leasable(self.now()) {
                others.push(row.id);
            }
        }
        others.sort_unstable();
        others.dedup();
        let own = own.map(|(is_current, number)| match is_current {
            true => SecretWarning::SameSecret,
            false => SecretWarning::UsedBefore(number),
        });
        let others = (!others.is_empty()).then_some(SecretWarning::Duplicate(others));
        Ok(own.into_iter().chain(others).collect())
    }

    /// The credentials that have a secret with this fingerprint, and in which version.
    async fn holders(&self, place: SecretRef) -> Result<Vec<(Arc<CredentialRow>, VersionRow)>, AppError> {
        let secrets = &self.ports().secrets;
        let mut places = secrets.places(place.tenant, place.owner).await?;
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.truncate(MOST);
        let noted: Vec<_> = stream::iter(places)
            .map(|at| async move {
                match secrets.get(at).await {
                    Ok(note) => Ok(named_in(&note).map(|id| (id, at.secret))),
                    Err(SecretError::Missing) => Ok(None),
                    Err(error) => Err(AppError::from(error)),
                }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        self.versions_of(place.tenant, noted.into_iter().flatten().collect()).await
    }

    async fn versions_of(
        &self,
        tenant: TenantId,
        noted: Vec<(CredentialId, SecretId)>,
    ) -> Result<Vec<(Arc<CredentialRow>, VersionRow)>, AppError> {
        let mut ids: Vec<_> = noted.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = self.ports().views.credentials_by_id(tenant, &ids).await?;
        let mut found = Vec::new();
        for row in rows.into_iter().filter(|row| row.deleted_at.is_none()) {
            let is_noted = |version: &&VersionRow| noted.contains(&(row.id, version.secret.secret));
            let versions: Vec<_> = row.versions.iter().filter(is_noted).cloned().collect();
            found.extend(versions.into_iter().map(|version| (Arc::clone(&row), version)));
        }
        Ok(found)
    }

    async fn may_lease(&self, call: &Call, id: CredentialId) -> Result<bool, AppError> {
        let resource = Resource { tenant: call.principal.tenant, object: Object::Credential(id) };
        match self.ports().authorizer.authorize(&call.principal, Action::Lease, resource).await {
            Ok(()) => Ok(true),
            Err(Denied::Hidden | Denied::Forbidden) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn named_in(note: &SecretPayload) -> Option<CredentialId> {
    let id = uuid::Uuid::try_parse(note.get(CREDENTIAL)?.expose()).ok()?;
    Some(CredentialId::from_uuid(id))
}

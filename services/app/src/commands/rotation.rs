//! What a rotation makes of a credential: its new fields, its new secret, and perhaps a newer
//! definition of its component.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use keytrail_domain::{
    Aggregate, SecretId, SecretPayload, SecretRef, Timestamp,
    component::Component,
    credential::{Change, Credential, CredentialCommand, MOST_OVERLAP_SECONDS, Rotate, State},
};
use keytrail_ports::{CheckedFields, Completeness};
use serde_json::{Map, Value};

use super::{compromise::must_be_another_secret, credential::merged};
use crate::{App, AppError, Call, CredentialRotation, SecretWarning, fingerprint::Noted};

/// What a credential is to follow, and its fields by that.
struct Basis {
    component: Arc<Component>,
    /// The hosts to go to, where the definition changes them.
    hosts: Option<Vec<String>>,
    fields: BTreeMap<String, Value>,
    secrets: SecretPayload,
}

impl App {
    pub(crate) async fn rotation(
        &self,
        call: &Call,
        state: &State,
        input: CredentialRotation,
    ) -> Result<(Rotate, Vec<SecretWarning>), AppError> {
        let names: Vec<String> = input.fields.keys().cloned().collect();
        let Basis { component, hosts, fields, secrets } = self.basis(state, input.fields).await?;
        let given: BTreeSet<String> = secrets
            .names()
            .filter(|name| names.iter().any(|given| given == name))
            .map(str::to_owned)
            .collect();
        let followed = component.reference();
        let mut rotate = Rotate {
            destinations: component.destination_fields(),
            allowed_hosts: input.allowed_hosts.or(hosts),
            secrets: SecretPayload::default(),
            given,
            secret: SecretRef::of_credential(state.tenant, state.id, SecretId::from_uuid(self.fresh_id())),
            beside: None,
            authorization: None,
            fields,
            component: (followed.slug.contains('/') && followed != state.component).then_some(followed),
            expires_at: input.expires_at,
            check: Change::Unchecked,
            accept_inconclusive: input.accept_inconclusive,
            overlap_until: self.overlap_until(input.overlap_seconds)?,
        };
        // The domain's rules first: stored secret fields must not leave for a refused rotation.
        Credential::Live(Box::new(state.clone()))
            .decide(&CredentialCommand::Rotate(Box::new(rotate.clone())))?;
        rotate.secrets = self.all_secrets(state, secrets, &rotate.given).await?;
        if input.verify {
            state.new_secret_may_be_checked()?;
        }
        let hosts = rotate.allowed_hosts.as_deref().unwrap_or(&state.allowed_hosts);
        let checking = async {
            match input.verify {
                true => Change::Checked(self.check(&component, &rotate.fields, &rotate.secrets, hosts).await),
                false => Change::Unchecked,
            }
        };
        let noting = self.note_secret(call, state.id, (rotate.secret, &rotate.secrets));
        let (check, noted) = tokio::join!(checking, noting);
        let Noted { note, warnings, had_before } = noted?;
        must_be_another_secret(state, had_before)?;
        Ok((Rotate { check, beside: note, ..rotate }, warnings))
    }

    /// Until when the version before can still be leased; none without an overlap.
    fn overlap_until(&self, seconds: u32) -> Result<Option<Timestamp>, AppError> {
        match seconds {
            0 => Ok(None),
            1..=MOST_OVERLAP_SECONDS => Ok(Some(self.now().plus_seconds(i64::from(seconds)))),
            _ => Err(AppError::bad_input(
                "overlapSeconds",
                format!("must lie between 0 and {MOST_OVERLAP_SECONDS}, which is thirty days"),
            )),
        }
    }

    /// By the newest definition when every secret is given again, for then nothing that is stored goes
    /// anywhere new; else by the credential's own.
    async fn basis(&self, state: &State, fields: Map<String, Value>) -> Result<Basis, AppError> {
        let own = self.component_made_with(state).await?;
        if state.secret_fields.iter().all(|name| fields.contains_key(name))
            && let Some(newest) = self.newer_than(state).await?
        {
            return self.moved(state, (&own, newest), fields);
        }
        let CheckedFields { plain, secrets } = self.partial(&own, fields)?;
        Ok(Basis { component: own, hosts: None, fields: merged(&state.fields, plain), secrets })
    }

    async fn newer_than(&self, state: &State) -> Result<Option<Arc<Component>>, AppError> {
        if !state.component.slug.contains('/') {
            return Ok(None);
        }
        let newest = self.newest_component(state.tenant, &state.component.slug).await?;
        let newest = newest.map(|known| known.definition);
        Ok(newest.filter(|newest| newest.version > state.component.version))
    }

    /// The stored fields that the newer definition still has, with the given ones over them, must be
    /// complete for it. The hosts follow it unless somebody had chosen others.
    fn moved(
        &self,
        state: &State,
        (own, newest): (&Component, Arc<Component>),
        given: Map<String, Value>,
    ) -> Result<Basis, AppError> {
        let known = |name: &String| newest.properties().any(|(known, _)| known == name);
        let mut fields: Map<_, _> =
            state.fields.clone().into_iter().filter(|(name, _)| known(name)).collect();
        fields.extend(given);
        let checked = self.ports().components.check_fields(&newest, fields, Completeness::Complete);
        let CheckedFields { plain, secrets } = checked.map_err(AppError::BadInput)?;
        let verifier = &self.ports().verifier;
        let chosen = state.allowed_hosts != verifier.default_hosts(own, &state.fields);
        let hosts = (!chosen).then(|| verifier.default_hosts(&newest, &plain));
        Ok(Basis { component: newest, hosts, fields: plain, secrets })
    }

    /// The stored fields are read only when some of them stay.
    async fn all_secrets(
        &self,
        state: &State,
        given: SecretPayload,
        names: &BTreeSet<String>,
    ) -> Result<SecretPayload, AppError> {
        if state.secret_fields.is_subset(names) {
            return Ok(given);
        }
        Ok(self.ports().secrets.get(state.secret).await?.overlaid(given))
    }
}

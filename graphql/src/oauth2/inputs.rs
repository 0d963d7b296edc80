//! What is asked.

use async_graphql::{ID, InputObject, Json, Result};
use keytrail_app::{AnewOAuth2, NewOAuth2, OAuth2Wish};

use super::types::OAuth2Grant;
use crate::{
    credential::inputs::{CreateCredentialInput, LabelInput, credential_id},
    error::{bad_id, bad_input},
};

/// A credential whose access tokens an OAuth client is to get: a new one (`component` and what goes with it), or one
/// that is there (`credentialId`).
#[derive(InputObject, Clone)]
#[graphql(name = "BeginOAuth2Input")]
pub struct BeginOAuth2Input {
    /// The OAuth client, for credentials of this component.
    #[graphql(name = "oauthClientId")]
    pub oauth_client_id: ID,
    /// By what right.
    #[graphql(default_with = "OAuth2Grant::AuthorizationCode")]
    pub grant: OAuth2Grant,
    /// What for; what the client asks by default when not given.
    pub scopes: Option<Vec<String>>,
    /// The credential that is to get new tokens.
    pub credential_id: Option<ID>,
    /// Slug of the component of a new credential; its fields have a secret `access_token`.
    pub component: Option<String>,
    /// The name of a new credential, unique for its owner; made from the component when not given.
    pub name: Option<String>,
    /// Your own id for a new credential, unique in the tenant.
    pub external_id: Option<String>,
    /// The plain fields: of a new credential all, of one that is there those that change. Must come as a variable.
    pub fields: Option<Json<serde_json::Value>>,
    /// The team that owns a new credential; you, when not given.
    pub owner_team_id: Option<ID>,
    /// Free labels of a new credential.
    pub labels: Option<Vec<LabelInput>>,
    /// Hosts that the token may be sent to; when not given, those of a new credential's fields, or as they are.
    pub allowed_hosts: Option<Vec<String>>,
    /// Check a new credential against the real system first; a definite "no" saves nothing.
    #[graphql(default = true)]
    pub verify: bool,
    /// For `CLIENT_CREDENTIALS`: the same key and input answer the same credential again, for a day.
    pub idempotency_key: Option<String>,
}

impl BeginOAuth2Input {
    pub(super) fn into_app(self) -> Result<NewOAuth2> {
        let client = self.oauth_client_id.parse().map_err(|error| bad_id("input.oauthClientId", &error))?;
        let (grant, scopes) = (self.grant.into(), self.scopes.clone());
        let wish = match (&self.credential_id, &self.component) {
            (Some(id), None) => {
                self.nothing_of_a_new_one()?;
                let Json(fields) = self.fields.clone().unwrap_or_else(|| Json(serde_json::json!({})));
                let serde_json::Value::Object(fields) = fields else {
                    return Err(bad_input("input.fields", "must be an object"));
                };
                let id = credential_id(id)?;
                OAuth2Wish::Anew(AnewOAuth2 { id, fields, allowed_hosts: self.allowed_hosts })
            }
            (None, Some(component)) => {
                let component = component.clone();
                OAuth2Wish::New(Box::new(self.into_new(component).into_app()?))
            }
            _ => return Err(bad_input("input.component", "give `component` or `credentialId`, one of them")),
        };
        Ok(NewOAuth2 { client, grant, scopes, wish })
    }

    /// Of a credential that is there only fields and hosts change with its tokens.
    fn nothing_of_a_new_one(&self) -> Result<()> {
        let given = [
            ("input.name", self.name.is_some()),
            ("input.externalId", self.external_id.is_some()),
            ("input.ownerTeamId", self.owner_team_id.is_some()),
            ("input.labels", self.labels.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((path, _)) => Err(bad_input(path, "is for a new credential: updateCredential changes it")),
            None => Ok(()),
        }
    }

    fn into_new(self, component: String) -> CreateCredentialInput {
        CreateCredentialInput {
            component,
            name: self.name,
            external_id: self.external_id,
            fields: self.fields.unwrap_or_else(|| Json(serde_json::json!({}))),
            owner_team_id: self.owner_team_id,
            labels: self.labels,
            expires_at: None,
            allowed_hosts: self.allowed_hosts,
            verify: self.verify,
            idempotency_key: None,
        }
    }
}

/// What the page shows, from the person who began.
#[derive(InputObject, Clone)]
#[graphql(name = "CompleteOAuth2Input")]
pub struct CompleteOAuth2Input {
    /// What `beginOAuth2` answered.
    pub flow_id: ID,
    /// The code that the page showed.
    pub code: String,
    /// Another name for a new credential, when the one that it was begun with is taken by now.
    pub name: Option<String>,
    /// The same key and input answer the same credential again, for a day.
    pub idempotency_key: Option<String>,
}

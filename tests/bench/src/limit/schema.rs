//! Keytrail's questions in Keytrail's shape, answered from memory.

use std::sync::Arc;

use async_graphql::{EmptySubscription, Enum, ID, InputObject, Json, Object, Result, Schema, SimpleObject};

use super::{
    seal::Sealer,
    store::{NewRow, Store},
};
use crate::BenchError;

/// The limit's schema.
pub(super) type Limit = Schema<Query, Mutation, EmptySubscription>;

/// How many credentials there are to list.
const CREDENTIALS: usize = 1_000;
const SOME_DAY: &str = "2026-01-02T03:04:05.678901Z";

pub(super) fn schema(store: Store) -> Result<Limit, BenchError> {
    let rows = (0..CREDENTIALS).map(Credential::nth).map(Arc::new).collect();
    let mutation = Mutation { sealer: Sealer::new()?, store };
    Ok(Schema::build(Query { rows }, mutation, EmptySubscription).finish())
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum Kind {
    ApiKey,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum Status {
    Unverified,
}

/// One credential. Nothing is copied for an answer.
pub(super) struct Credential {
    id: String,
    name: String,
}

impl Credential {
    fn nth(number: usize) -> Self {
        Self { id: format!("cred_{number:026}"), name: format!("credential number {number}") }
    }
}

#[Object]
impl Credential {
    async fn id(&self) -> ID {
        ID(self.id.clone())
    }
    async fn name(&self) -> &str {
        &self.name
    }
    async fn kind(&self) -> Kind {
        Kind::ApiKey
    }
    async fn status(&self) -> Status {
        Status::Unverified
    }
    async fn secret_version(&self) -> u32 {
        1
    }
    async fn revision(&self) -> u32 {
        1
    }
    async fn created_at(&self) -> &str {
        SOME_DAY
    }
    async fn updated_at(&self) -> &str {
        SOME_DAY
    }
}

pub(super) struct Query {
    rows: Vec<Arc<Credential>>,
}

#[Object]
impl Query {
    /// One item, always the same.
    async fn credential(&self, #[graphql(name = "id")] _id: ID) -> Option<Arc<Credential>> {
        self.rows.first().cloned()
    }

    /// The first so many.
    async fn credentials(&self, first: usize) -> Page {
        let rows = &self.rows[..first.min(self.rows.len())];
        Page {
            edges: rows.iter().map(|row| Edge { cursor: row.id.clone(), node: row.clone() }).collect(),
            page_info: PageInfo {
                has_next_page: rows.len() < self.rows.len(),
                end_cursor: rows.last().map(|row| row.id.clone()),
            },
        }
    }
}

#[derive(SimpleObject)]
pub(super) struct Page {
    edges: Vec<Edge>,
    page_info: PageInfo,
}

#[derive(SimpleObject)]
pub(super) struct Edge {
    cursor: String,
    node: Arc<Credential>,
}

#[derive(SimpleObject)]
pub(super) struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

pub(super) struct Mutation {
    sealer: Sealer,
    store: Store,
}

#[derive(InputObject)]
pub(super) struct CreateCredentialInput {
    component: String,
    name: String,
    fields: Json<serde_json::Value>,
    verify: bool,
}

#[derive(SimpleObject)]
pub(super) struct CreateCredentialPayload {
    credential: Credential,
    position: String,
}

#[Object]
impl Mutation {
    /// Seals the fields, and answers when the row is durable.
    async fn create_credential(&self, input: CreateCredentialInput) -> Result<CreateCredentialPayload> {
        let id = format!("cred_{}", self.sealer.fresh_id()?);
        let sealed = self.sealer.seal(&id, input.fields.0.to_string().into_bytes())?;
        let row = NewRow {
            id: id.clone(),
            name: input.name.clone(),
            component: input.component,
            verify: input.verify,
            sealed,
        };
        let position = self.store.put(row).await?.to_string();
        Ok(CreateCredentialPayload { credential: Credential { id, name: input.name }, position })
    }
}

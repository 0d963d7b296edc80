//! One write transaction, as the projector sees it.

use std::sync::Arc;

use keytrail_domain::{
    AlertId, CredentialId, EnvironmentId, MemberId, Position, RecordedEvent, SecretRef, TeamId, TenantId,
    WebhookEndpointId,
};
use keytrail_ports::{
    AuthorityChange,
    views::{
        AlertRow, ComponentRow, CredentialRow, EnvironmentRow, EventRow, IdempotencyRow, MemberRow,
        Projected, TeamRow, TenantRow, VerificationRow, ViewError, ViewTx, WebhookEndpointRow,
    },
};
use rusqlite::{Connection, params};

use super::{
    authority, code, components,
    credential_rows::CredentialRows,
    doc, environments, events,
    hot::Changed,
    text,
    thing::{Tenant, Thing},
    webhooks,
    writer::{Mode, Writer},
};
use crate::{column::run, fault::Fault};

/// How long an idempotency key counts.
const KEY_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// What is written and not committed yet.
pub(super) struct Tx<'a> {
    pub(super) inside: &'a Connection,
    writer: &'a mut Writer,
    credentials: CredentialRows,
    alerts: Vec<AlertRow>,
    projected: Projected,
}

impl<'a> Tx<'a> {
    pub(super) fn new(inside: &'a Connection, writer: &'a mut Writer) -> Self {
        Self {
            inside,
            writer,
            credentials: CredentialRows::default(),
            alerts: Vec::new(),
            projected: Projected::default(),
        }
    }

    /// Writes what is still held back; answers what changed.
    pub(super) fn finish(self, upto: Position) -> Result<(Projected, Changed), Fault> {
        let credentials = self.credentials.write(self.inside, self.writer.mode)?;
        let checkpoint = crate::column::position(upto);
        run(self.inside, "REPLACE INTO meta VALUES ('checkpoint', ?)", [checkpoint])?;
        Ok((self.projected, Changed { credentials, alerts: self.alerts }))
    }

    pub(super) fn number(&mut self, tenant: TenantId) -> Result<Tenant, ViewError> {
        let found = self.writer.numbers.of_tenant(self.inside, tenant);
        found.map_err(|fault| fault.into_view(&self.writer.place))
    }

    fn thing(&mut self, tenant: Tenant, id: uuid::Uuid) -> Result<Thing, ViewError> {
        let found = self.writer.numbers.of_thing(self.inside, tenant, id);
        found.map_err(|fault| fault.into_view(&self.writer.place))
    }

    /// Runs one statement that writes.
    fn put(&self, statement: &str, values: impl rusqlite::Params) -> Result<(), ViewError> {
        self.told(run(self.inside, statement, values).map(|_| ()))
    }

    pub(super) fn told<T>(&self, outcome: Result<T, Fault>) -> Result<T, ViewError> {
        outcome.map_err(|fault| fault.into_view(&self.writer.place))
    }
}

impl ViewTx for Tx<'_> {
    fn put_tenant(&mut self, row: &TenantRow) -> Result<(), ViewError> {
        let Tenant(number) = self.number(row.id)?;
        let doc = self.told(doc::write(row))?;
        self.put("UPDATE tenants SET doc = ? WHERE number = ?", params![doc, number])
    }

    fn tenant(&mut self, id: TenantId) -> Result<Option<TenantRow>, ViewError> {
        let find = "SELECT doc FROM tenants WHERE id = ? AND doc IS NOT NULL";
        self.told(doc::find(self.inside, find, [id.as_uuid().into_bytes()]))
    }

    fn put_member(&mut self, row: &MemberRow) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(row.tenant)?;
        let (id, doc) = (row.id.as_uuid().into_bytes(), self.told(doc::write(row))?);
        let present = row.removed_at.is_none();
        self.put(
            "REPLACE INTO members (tenant, id, issuer, subject, present, doc) VALUES (?, ?, ?, ?, ?, ?)",
            params![tenant, id, row.issuer, row.subject, present, doc],
        )
    }

    fn member(&mut self, tenant: TenantId, id: MemberId) -> Result<Option<MemberRow>, ViewError> {
        let Tenant(tenant) = self.number(tenant)?;
        let find = "SELECT doc FROM members WHERE tenant = ? AND id = ?";
        self.told(doc::find(self.inside, find, params![tenant, id.as_uuid().into_bytes()]))
    }

    fn put_team(&mut self, row: &TeamRow) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(row.tenant)?;
        let (id, doc) = (row.id.as_uuid().into_bytes(), self.told(doc::write(row))?);
        self.put(
            "REPLACE INTO teams (tenant, id, name, present, doc) VALUES (?, ?, ?, ?, ?)",
            params![tenant, id, text::folded(&row.name), row.deleted_at.is_none(), doc],
        )
    }

    fn team(&mut self, tenant: TenantId, id: TeamId) -> Result<Option<TeamRow>, ViewError> {
        let Tenant(tenant) = self.number(tenant)?;
        let find = "SELECT doc FROM teams WHERE tenant = ? AND id = ?";
        self.told(doc::find(self.inside, find, params![tenant, id.as_uuid().into_bytes()]))
    }

    fn put_environment(&mut self, row: &EnvironmentRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(environments::put(self.inside, tenant, row))
    }

    fn environment(
        &mut self,
        tenant: TenantId,
        id: EnvironmentId,
    ) -> Result<Option<EnvironmentRow>, ViewError> {
        let tenant = self.number(tenant)?;
        self.told(environments::one(self.inside, tenant, id))
    }

    fn put_component(&mut self, row: &ComponentRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(components::put(self.inside, tenant, row))
    }

    fn component(&mut self, tenant: TenantId, slug: &str) -> Result<Option<ComponentRow>, ViewError> {
        let tenant = self.number(tenant)?;
        self.told(components::newest(self.inside, tenant, slug))
    }

    fn put_credential(&mut self, row: &CredentialRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        let thing = self.thing(tenant, row.id.as_uuid())?;
        let put = self.credentials.put(self.inside, &self.writer.hot, (tenant, thing), row);
        self.told(put)
    }

    fn credential(&mut self, tenant: TenantId, id: CredentialId) -> Result<Option<CredentialRow>, ViewError> {
        let tenant = self.number(tenant)?;
        let found = self.credentials.get(self.inside, &self.writer.hot, tenant, id);
        Ok(self.told(found)?.map(|row| CredentialRow::clone(&row)))
    }

    fn put_alert(&mut self, row: &AlertRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        let Thing(about) = self.thing(tenant, row.about.as_uuid())?;
        let doc = self.told(doc::write(row))?;
        self.put(
            "INSERT INTO alerts (tenant, id, credential, endpoint, state, severity, cause, opened, doc) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, id) DO UPDATE SET \
             state = excluded.state, severity = excluded.severity, opened = excluded.opened, \
             doc = excluded.doc",
            params![
                tenant.0,
                row.id.as_uuid().into_bytes(),
                about,
                row.about.webhook_endpoint().is_some(),
                code::alert_state(row.state),
                code::severity(row.severity),
                code::cause(row.cause),
                crate::column::position(row.opened),
                doc
            ],
        )?;
        self.alerts.push(row.clone());
        Ok(())
    }

    fn alert(&mut self, tenant: TenantId, id: AlertId) -> Result<Option<AlertRow>, ViewError> {
        let Tenant(tenant) = self.number(tenant)?;
        let find = "SELECT doc FROM alerts WHERE tenant = ? AND id = ?";
        self.told(doc::find(self.inside, find, params![tenant, id.as_uuid().into_bytes()]))
    }

    fn put_webhook_endpoint(&mut self, row: &WebhookEndpointRow) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(row.tenant)?;
        let (id, doc) = (row.id.as_uuid().into_bytes(), self.told(doc::write(row))?);
        self.put(
            "REPLACE INTO webhook_endpoints (tenant, id, present, doc) VALUES (?, ?, ?, ?)",
            params![tenant, id, row.deleted_at.is_none(), doc],
        )
    }

    fn webhook_endpoint(
        &mut self,
        tenant: TenantId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpointRow>, ViewError> {
        let tenant = self.number(tenant)?;
        self.told(webhooks::one(self.inside, tenant, id))
    }

    fn add_verification(&mut self, row: &VerificationRow) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(row.tenant)?;
        let (credential, id) = (row.credential.as_uuid().into_bytes(), row.id.as_uuid().into_bytes());
        let doc = self.told(doc::write(row))?;
        self.put(
            "REPLACE INTO verifications (tenant, credential, at, id, doc) VALUES (?, ?, ?, ?, ?)",
            params![tenant, credential, row.at.as_micros(), id, doc],
        )?;
        self.put(
            "INSERT INTO daily (tenant, day, verifications, failures) VALUES (?, ?, 1, ?) \
             ON CONFLICT (tenant, day) DO UPDATE SET verifications = verifications + 1, \
             failures = failures + excluded.failures",
            params![tenant, row.at.day(), row.report.verdict.is_definite_no()],
        )
    }

    /// A key counts for a day: older ones go, so that they can be used again and do not pile up.
    fn put_idempotency(&mut self, row: &IdempotencyRow) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(row.tenant)?;
        let (at, doc) = (row.at.as_micros(), self.told(doc::write(row))?);
        self.put("DELETE FROM idempotency WHERE tenant = ? AND at < ?", params![tenant, at - KEY_MICROS])?;
        self.put(
            "INSERT OR REPLACE INTO idempotency (tenant, principal, mutation, key, at, doc) \
             VALUES (?, ?, ?, ?, ?, ?)",
            params![tenant, row.principal, row.mutation, row.key, at, doc],
        )
    }

    fn change_authority(&mut self, event: &RecordedEvent, change: AuthorityChange) -> Result<(), ViewError> {
        let id = event.stream.tenant_id();
        let tenant = self.number(id)?;
        let since = event.meta().map_err(|error| ViewError::Projection(error.to_string()))?.recorded_at;
        let at = authority::Moment { position: event.position, since };
        let object = authority::object(&change).map(|id| self.thing(tenant, id)).transpose()?;
        self.told(authority::change(self.inside, (tenant, object), at, &change))?;
        if self.writer.mode == Mode::Live {
            self.projected.authority.push((id, event.position, change));
        }
        Ok(())
    }

    fn add_secret(&mut self, tenant: TenantId, secret: SecretRef) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(tenant)?;
        let place = params![tenant, secret.owner.into_bytes(), secret.secret.as_uuid().into_bytes()];
        self.put("INSERT OR IGNORE INTO secrets (tenant, owner, secret) VALUES (?, ?, ?)", place)
    }

    fn drop_secret(&mut self, tenant: TenantId, secret: SecretRef) -> Result<(), ViewError> {
        let Tenant(tenant) = self.number(tenant)?;
        let place = params![tenant, secret.owner.into_bytes(), secret.secret.as_uuid().into_bytes()];
        self.put("DELETE FROM secrets WHERE tenant = ? AND owner = ? AND secret = ?", place)
    }

    fn add_event(&mut self, row: &EventRow) -> Result<(), ViewError> {
        let tenant = self.number(row.tenant)?;
        self.told(events::insert(self.inside, tenant, row))?;
        if self.writer.mode == Mode::Live {
            self.projected.events.push(Arc::new(row.clone()));
        }
        Ok(())
    }
}

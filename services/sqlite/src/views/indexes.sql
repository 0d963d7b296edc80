-- What lists and lookups need; made when a rebuild is over.

CREATE INDEX members_by_subject ON members (tenant, issuer, subject) WHERE present = 1;
CREATE INDEX teams_by_name ON teams (tenant, name) WHERE present = 1;

CREATE INDEX credentials_by_name ON credentials (tenant, life, name, id);
CREATE INDEX credentials_by_created ON credentials (tenant, life, created_at, id);
CREATE INDEX credentials_by_updated ON credentials (tenant, life, updated_at, id);
CREATE INDEX credentials_by_expiry ON credentials (tenant, life, expires_at, id);
CREATE INDEX credentials_by_status ON credentials (tenant, life, suspended, health, expires_at);
CREATE INDEX credentials_by_component ON credentials (tenant, life, component);
CREATE INDEX credentials_by_kind ON credentials (tenant, life, kind);
CREATE INDEX credentials_by_owner ON credentials (tenant, owner);
CREATE INDEX credentials_alerting ON credentials (tenant) WHERE open_alerts > 0;
CREATE INDEX credentials_by_external_id ON credentials (tenant, external_id)
    WHERE external_id IS NOT NULL;
CREATE INDEX labels_by_value ON labels (tenant, key, value);
CREATE INDEX usages_by_user ON usages (tenant, usage);

CREATE INDEX consumers_by_name ON consumers (tenant, kind, present, name, id);
CREATE INDEX consumers_by_created ON consumers (tenant, kind, present, created_at, id);
CREATE INDEX consumers_by_updated ON consumers (tenant, kind, present, updated_at, id);
CREATE INDEX consumer_tags_by_tag ON consumer_tags (tenant, tag, id);

CREATE INDEX authority_of_principal ON authority (tenant, principal, kind, object, expires_at, until_pos)
    WHERE until_pos IS NULL;

CREATE INDEX alerts_by_opened ON alerts (tenant, opened);
CREATE INDEX alerts_by_state ON alerts (tenant, state, severity);
CREATE INDEX alerts_of_credential ON alerts (tenant, credential, opened);

CREATE INDEX events_by_position ON events (tenant, position);
CREATE INDEX events_of_credential ON events (tenant, credential, position) WHERE credential IS NOT NULL;
CREATE INDEX events_of_stream ON events (stream, revision);
CREATE INDEX events_by_id ON events (id);
CREATE INDEX events_by_time ON events (tenant, latest, position);
CREATE INDEX events_by_type ON events (tenant, type, position);

-- The read models: rows made from events. What is needed while events are projected stands here;
-- what only lists need is in indexes.sql and made last.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY, -- projector, log, checkpoint, complete
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Every other table names a tenant by its number here: it stands first in each index.
CREATE TABLE tenants (
    number INTEGER PRIMARY KEY,
    id     BLOB NOT NULL UNIQUE,
    doc    BLOB,                       -- none until the tenant's own row was put
    latest INTEGER NOT NULL DEFAULT 0  -- the largest time of its events so far
);

-- What has a UUID and is pointed at: teams, environments, credentials and (by alerts) webhook endpoints.
CREATE TABLE things (
    number INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    id     BLOB NOT NULL
);
CREATE UNIQUE INDEX things_by_id ON things (tenant, id);

CREATE TABLE members (
    tenant  INTEGER NOT NULL,
    id      BLOB NOT NULL,
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    present INTEGER NOT NULL,
    doc     BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE teams (
    tenant  INTEGER NOT NULL,
    id      BLOB NOT NULL,
    name    TEXT NOT NULL, -- without regard to case
    present INTEGER NOT NULL,
    doc     BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE environments (
    tenant  INTEGER NOT NULL,
    id      BLOB NOT NULL,
    present INTEGER NOT NULL,
    doc     BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE service_accounts (
    tenant  INTEGER NOT NULL,
    id      BLOB NOT NULL,
    present INTEGER NOT NULL,
    doc     BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

-- Tokens of service accounts, of every tenant: who comes with one does not say whose he is.
CREATE TABLE api_tokens (
    id  BLOB PRIMARY KEY,
    doc BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE oauth_clients (
    tenant  INTEGER NOT NULL,
    id      BLOB NOT NULL,
    present INTEGER NOT NULL,
    doc     BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

CREATE TABLE environment_connections (
    tenant      INTEGER NOT NULL,
    connection  BLOB NOT NULL,
    environment BLOB NOT NULL,
    PRIMARY KEY (tenant, connection, environment)
) WITHOUT ROWID;

-- Every version of the tenants' own components; at most one of each slug is present.
CREATE TABLE components (
    tenant  INTEGER NOT NULL,
    slug    TEXT NOT NULL,
    version INTEGER NOT NULL,
    present INTEGER NOT NULL,
    doc     BLOB NOT NULL,
    PRIMARY KEY (tenant, slug, version)
) WITHOUT ROWID;

-- What lists go by. The rest of a row is in credential_docs, so that a walk over many rows stays
-- on few pages.
CREATE TABLE credentials (
    number      INTEGER PRIMARY KEY, -- its number among the things
    tenant      INTEGER NOT NULL,
    id          BLOB NOT NULL,
    version     INTEGER NOT NULL, -- of this row: tells whether a remembered copy is this one
    life        INTEGER NOT NULL, -- 0 present, 1 deleted, 2 purged
    name        TEXT NOT NULL,    -- without regard to case
    external_id TEXT,
    component   TEXT NOT NULL,
    kind        INTEGER NOT NULL,
    owner       BLOB NOT NULL,
    health      INTEGER NOT NULL,
    suspended   INTEGER NOT NULL,
    open_alerts INTEGER NOT NULL,
    offered     INTEGER NOT NULL, -- 1 when somebody may become its owner
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL, -- never: the largest number
    leased_at   INTEGER NOT NULL, -- never: the smallest number
    search      TEXT NOT NULL     -- what the text filter looks into
);

CREATE INDEX credentials_offered ON credentials (tenant, id) WHERE offered = 1 AND life = 0;

-- Credentials whose next access token an OAuth client gets.
CREATE TABLE refreshes (
    tenant     INTEGER NOT NULL,
    credential BLOB NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (tenant, credential)
) WITHOUT ROWID;
CREATE INDEX refreshes_due ON refreshes (at);

CREATE TABLE credential_docs (
    number INTEGER PRIMARY KEY,
    doc    BLOB NOT NULL
);

CREATE TABLE labels (
    credential INTEGER NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    tenant     INTEGER NOT NULL,
    PRIMARY KEY (credential, key)
) WITHOUT ROWID;

CREATE TABLE usages (
    credential INTEGER NOT NULL,
    usage      TEXT NOT NULL,
    tenant     INTEGER NOT NULL,
    PRIMARY KEY (credential, usage)
) WITHOUT ROWID;

-- Candidates for the text filter: trigrams of the text and one token for the tenant.
CREATE VIRTUAL TABLE credential_text USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);

CREATE TABLE verifications (
    tenant     INTEGER NOT NULL,
    credential BLOB NOT NULL,
    at         INTEGER NOT NULL,
    id         BLOB NOT NULL,
    doc        BLOB NOT NULL,
    PRIMARY KEY (tenant, credential, at, id)
) WITHOUT ROWID;

CREATE TABLE daily (
    tenant        INTEGER NOT NULL,
    day           TEXT NOT NULL,
    verifications INTEGER NOT NULL,
    failures      INTEGER NOT NULL,
    PRIMARY KEY (tenant, day)
) WITHOUT ROWID;

CREATE TABLE alerts (
    number     INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    id         BLOB NOT NULL,
    credential INTEGER NOT NULL, -- number of the thing that it is about
    endpoint   INTEGER NOT NULL, -- 1 when that is a webhook endpoint
    state      INTEGER NOT NULL,
    severity   INTEGER NOT NULL,
    cause      INTEGER NOT NULL,
    opened     BLOB NOT NULL,
    doc        BLOB NOT NULL
);
CREATE UNIQUE INDEX alerts_by_id ON alerts (tenant, id);

CREATE TABLE webhook_endpoints (
    tenant  INTEGER NOT NULL,
    id      BLOB NOT NULL,
    present INTEGER NOT NULL,
    doc     BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

-- Connections and flows: what uses credentials.
CREATE TABLE consumers (
    tenant     INTEGER NOT NULL,
    id         BLOB NOT NULL,
    kind       INTEGER NOT NULL, -- 0 connection, 1 flow
    present    INTEGER NOT NULL,
    state      INTEGER NOT NULL, -- a connection's state; of a flow whether it runs
    owner      BLOB NOT NULL,
    name       TEXT NOT NULL,    -- without regard to case
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    search     TEXT NOT NULL,    -- what the text filter looks into
    doc        BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

-- Labels, credentials and components of consumers, each as one text.
CREATE TABLE consumer_tags (
    tenant INTEGER NOT NULL,
    id     BLOB NOT NULL,
    tag    TEXT NOT NULL,
    PRIMARY KEY (tenant, id, tag)
) WITHOUT ROWID;

-- Who leases credentials.
CREATE TABLE lease_consumers (
    tenant     INTEGER NOT NULL,
    credential BLOB NOT NULL,
    consumer   TEXT NOT NULL,    -- an id, or the name of a part of Keytrail
    at         INTEGER NOT NULL, -- when he leased last
    until      INTEGER NOT NULL, -- when the last of his open leases ends
    doc        BLOB NOT NULL,
    PRIMARY KEY (tenant, credential, consumer)
) WITHOUT ROWID;
CREATE INDEX lease_consumers_open ON lease_consumers (until);

CREATE TABLE idempotency (
    tenant    INTEGER NOT NULL,
    principal TEXT NOT NULL,
    mutation  TEXT NOT NULL,
    key       TEXT NOT NULL,
    at        INTEGER NOT NULL,
    doc       BLOB NOT NULL,
    PRIMARY KEY (tenant, principal, mutation, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (tenant, at);

CREATE TABLE secrets (
    tenant INTEGER NOT NULL,
    owner  BLOB NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (tenant, owner, secret)
) WITHOUT ROWID;

-- Who may do what, since when and until when.
CREATE TABLE authority (
    number     INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL,
    kind       INTEGER NOT NULL, -- 0 role, 1 team, 2 grant, 3 owner, 4 holder of an environment,
                                 -- 5 service account, 6 token of one
    object     INTEGER NOT NULL, -- team, credential, environment or token; 0 for a role or an account
    principal  BLOB NOT NULL,    -- who
    level      INTEGER NOT NULL, -- role, lead or not, level
    expires_at INTEGER NOT NULL, -- never: the largest number
    since      INTEGER NOT NULL,
    from_pos   BLOB NOT NULL,
    until_pos  BLOB              -- none: in force
);
-- Holds all that a list needs: a look into the table would cost a page for each row.
CREATE INDEX authority_of_object ON authority (tenant, object, kind, principal, expires_at, until_pos)
    WHERE until_pos IS NULL;
-- For answers as of then: what had not ended at a position.
CREATE INDEX authority_ended ON authority (tenant, object, kind, until_pos) WHERE until_pos IS NOT NULL;

CREATE TABLE events (
    number      INTEGER PRIMARY KEY,
    tenant      INTEGER NOT NULL,
    position    BLOB NOT NULL,
    id          BLOB NOT NULL,
    stream      TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    type        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    latest      INTEGER NOT NULL, -- the largest time up to here: never goes back, as appends at once can
    who         TEXT NOT NULL,
    actor       BLOB NOT NULL,
    correlation BLOB NOT NULL,
    causation   BLOB,
    credential  BLOB,
    data        BLOB NOT NULL
);

-- The event log. Format: what is written here is for ever.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE streams (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    tenant BLOB NOT NULL
);

CREATE TABLE events (
    position INTEGER PRIMARY KEY, -- from 1, without a gap
    stream   INTEGER NOT NULL REFERENCES streams (number),
    revision INTEGER NOT NULL,    -- from 0, without a gap
    tenant   BLOB NOT NULL,
    id       BLOB NOT NULL,
    type     TEXT NOT NULL,
    data     BLOB NOT NULL,
    metadata BLOB NOT NULL
);

CREATE UNIQUE INDEX events_of_stream ON events (stream, revision);
CREATE INDEX events_of_tenant ON events (tenant, position);

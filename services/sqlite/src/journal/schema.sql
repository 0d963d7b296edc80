-- The journal: facts with retention, and marks.

CREATE TABLE entries (
    number  INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, not even after forgetting
    tenant  BLOB NOT NULL,
    topic   TEXT NOT NULL,
    subject TEXT NOT NULL,
    at      INTEGER NOT NULL,                  -- microseconds since 1970, UTC
    data    BLOB NOT NULL
);

CREATE INDEX entries_by_age ON entries (topic, at);
CREATE INDEX entries_about ON entries (tenant, topic, subject);

CREATE TABLE marks (
    name    TEXT PRIMARY KEY,
    value   BLOB NOT NULL,
    version INTEGER NOT NULL DEFAULT 1         -- grows with each change
) WITHOUT ROWID;

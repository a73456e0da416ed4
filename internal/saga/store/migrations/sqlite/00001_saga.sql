-- +goose Up
-- Times are microseconds since 1970, 0 for none. Each sum is a CRC-32C of the
-- row's other columns but n of saga: SQLite has no page checksums.
CREATE TABLE lease (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    fence INTEGER NOT NULL
) STRICT;
INSERT INTO lease VALUES (1, 0);

CREATE TABLE definition (
    digest TEXT NOT NULL PRIMARY KEY,
    name   TEXT NOT NULL,
    text   BLOB NOT NULL,
    sum    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE saga (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    status     TEXT NOT NULL,
    version    INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    key        TEXT NOT NULL,
    asked      TEXT NOT NULL,
    parent     TEXT NOT NULL,
    origin     BLOB NOT NULL,
    sum        INTEGER NOT NULL,
    doc        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX saga_key ON saga (started_by, key) WHERE key <> '';
CREATE INDEX saga_status ON saga (status, n);
CREATE INDEX saga_name ON saga (name, n);
CREATE INDEX saga_due ON saga (due) WHERE due > 0;
CREATE INDEX saga_expires ON saga (expires) WHERE expires > 0;
CREATE INDEX saga_parent ON saga (parent, n) WHERE parent <> '';

CREATE TABLE saga_log (
    saga    INTEGER NOT NULL,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    text    BLOB NOT NULL,
    sum     INTEGER NOT NULL,
    PRIMARY KEY (saga, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE waiting (
    topic TEXT NOT NULL,
    value TEXT NOT NULL,
    saga  INTEGER NOT NULL,
    id    TEXT NOT NULL,
    step  TEXT NOT NULL,
    sum   INTEGER NOT NULL,
    PRIMARY KEY (topic, value, saga, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_saga ON waiting (saga);

-- +goose Down
DROP TABLE waiting;
DROP TABLE saga_log;
DROP TABLE saga;
DROP TABLE definition;
DROP TABLE lease;

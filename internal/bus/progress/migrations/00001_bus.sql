-- +goose Up
-- Times are microseconds since 1970, 0 for none. Each sum is a CRC-32C of the
-- row's other columns: SQLite has no page checksums.
CREATE TABLE subscription (
    topic    TEXT NOT NULL,
    service  TEXT NOT NULL,
    state    TEXT NOT NULL,
    why      TEXT NOT NULL,
    revision TEXT NOT NULL,
    progress BLOB NOT NULL,
    orphaned INTEGER NOT NULL,
    sum      INTEGER NOT NULL,
    PRIMARY KEY (topic, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE trouble (
    topic      TEXT NOT NULL,
    service    TEXT NOT NULL,
    part       INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    first      INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    status     INTEGER NOT NULL,
    error      TEXT NOT NULL,
    sum        INTEGER NOT NULL,
    PRIMARY KEY (topic, service, part, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead (
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    topic    TEXT NOT NULL,
    service  TEXT NOT NULL,
    part     INTEGER NOT NULL,
    place    INTEGER NOT NULL,
    head     TEXT NOT NULL, -- the event but for its data, as JSON
    data     BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    status   INTEGER NOT NULL,
    error    TEXT NOT NULL,
    response BLOB NOT NULL,
    sum      INTEGER NOT NULL, -- without n
    UNIQUE (topic, service, part, place)
) STRICT;

CREATE TABLE delayed (
    n     INTEGER PRIMARY KEY AUTOINCREMENT,
    due   INTEGER NOT NULL,
    topic TEXT NOT NULL,
    id    BLOB NOT NULL,
    head  TEXT NOT NULL,
    data  BLOB NOT NULL,
    sum   INTEGER NOT NULL, -- without n
    UNIQUE (topic, id)
) STRICT;
CREATE INDEX delayed_due ON delayed (due);

CREATE TABLE schema (
    topic   TEXT NOT NULL,
    version INTEGER NOT NULL,
    text    BLOB NOT NULL,
    sum     INTEGER NOT NULL,
    PRIMARY KEY (topic, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE mark (
    topic TEXT NOT NULL,
    part  INTEGER NOT NULL,
    place INTEGER NOT NULL,
    sum   INTEGER NOT NULL,
    PRIMARY KEY (topic, part)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE mark;
DROP TABLE schema;
DROP TABLE delayed;
DROP TABLE dead;
DROP TABLE trouble;
DROP TABLE subscription;

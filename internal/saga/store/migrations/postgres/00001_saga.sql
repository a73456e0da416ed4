-- +goose Up
-- Times are microseconds since 1970, 0 for none. Each sum is a CRC-32C of the
-- row's other columns but n of saga, as in SQLite.
CREATE TABLE lease (
    one     BIGINT PRIMARY KEY CHECK (one = 1),
    fence   BIGINT NOT NULL,
    expires TIMESTAMPTZ NOT NULL
);
INSERT INTO lease VALUES (1, 0, '-infinity');

CREATE TABLE definition (
    digest TEXT NOT NULL PRIMARY KEY,
    name   TEXT NOT NULL,
    text   BYTEA NOT NULL,
    sum    BIGINT NOT NULL
);

CREATE TABLE saga (
    n          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    status     TEXT NOT NULL,
    version    BIGINT NOT NULL,
    due        BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    started_by TEXT NOT NULL,
    key        TEXT NOT NULL,
    asked      TEXT NOT NULL,
    parent     TEXT NOT NULL,
    origin     BYTEA NOT NULL,
    sum        BIGINT NOT NULL,
    doc        BYTEA NOT NULL
);
CREATE UNIQUE INDEX saga_key ON saga (started_by, key) WHERE key <> '';
CREATE INDEX saga_status ON saga (status, n);
CREATE INDEX saga_name ON saga (name, n);
CREATE INDEX saga_due ON saga (due) WHERE due > 0;
CREATE INDEX saga_expires ON saga (expires) WHERE expires > 0;
CREATE INDEX saga_parent ON saga (parent, n) WHERE parent <> '';

CREATE TABLE saga_log (
    saga    BIGINT NOT NULL,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    text    BYTEA NOT NULL,
    sum     BIGINT NOT NULL,
    PRIMARY KEY (saga, version)
);

CREATE TABLE waiting (
    topic TEXT NOT NULL,
    value TEXT NOT NULL,
    saga  BIGINT NOT NULL,
    id    TEXT NOT NULL,
    step  TEXT NOT NULL,
    sum   BIGINT NOT NULL,
    PRIMARY KEY (topic, value, saga, step)
);
CREATE INDEX waiting_saga ON waiting (saga);

-- +goose Down
DROP TABLE waiting;
DROP TABLE saga_log;
DROP TABLE saga;
DROP TABLE definition;
DROP TABLE lease;

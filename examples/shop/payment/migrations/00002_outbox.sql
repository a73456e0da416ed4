-- +goose Up
-- What this service publishes. A row is written in the transaction of what it tells of, and goes when it is published.
CREATE TABLE outbox (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
    topic      TEXT NOT NULL,
    type       TEXT,
    subject    TEXT,
    data       TEXT,
    attributes TEXT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;
CREATE INDEX outbox_topic ON outbox (topic, n);

-- +goose Down
DROP TABLE outbox;
